"""Reading a tree of metrics: satella's own account of the tree is the oracle."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any
from unittest import mock

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from property.examples import half
from property.trees import (
    NOW,
    Asked,
    Constant,
    Recording,
    Spec,
    Tree,
    build,
    containers,
    frozen,
    leaves,
    name_from,
    oracle,
    series_of,
    snapshot,
    trees,
    values,
)
from satella.instrumentation.metrics import (
    LabeledMetric,
    Metric,
    MetricData,
    MetricDataCollection,
    MetricLevel,
    getMetric,
)
from satella.instrumentation.metrics.metric_types import (
    METRIC_NAMES_TO_CLASSES,
    CallableMetric,
    CounterMetric,
    LeafMetric,
    UptimeMetric,
)

from aws_satella.pure import (
    CounterReading,
    DataPoint,
    Delta,
    Discarded,
    HistogramReading,
    Kind,
    Reason,
    Tolerance,
    build_payloads,
    collect,
    read,
)
from aws_satella.pure.points import Section
from aws_satella.pure.readers import READERS
from aws_satella.pure.reading import MAX_REREADS, Walk
from aws_satella.pure.tree import leaves as shown_leaves

TOLERANT = Tolerance(BaseException)


def points(root: Metric) -> list[DataPoint]:
    """The points of a tree in which nothing is discarded."""
    return [point for point in collect(root) if isinstance(point, DataPoint)]


@half
@given(trees())
def test_series_are_those_of_satella(tree: Tree) -> None:
    """Every series has satella's own name, labels and value; internal leaves are left out."""
    root = build(tree)
    with frozen():
        assert values(collect(root)) == oracle(root)


@half
@given(trees(), st.data())
def test_part_of_the_tree_is_read_like_the_whole(tree: Tree, data: st.DataObject) -> None:
    """Reading may start at any container or leaf; names start with its own."""
    root = build(tree)
    start = data.draw(st.sampled_from([*containers(root), *leaves(root)]))
    with frozen():
        assert values(collect(start)) == oracle(start)


@half
@given(trees(), st.booleans())
def test_collecting_gives_data_points_alone(tree: Tree, broken: bool) -> None:
    """A program that collects meets data points and discards, and none of the forms that readings have on their way."""
    root = build(tree)
    if broken:
        getMetric('broken', 'callable', value_getter=_Broken(ValueError()))
    with frozen():
        assert {type(each) for each in collect(root)} <= {DataPoint, Discarded}


@half
@given(trees())
def test_reading_leaves_the_tree_alone(tree: Tree) -> None:
    """Reading twice gives the same in the same order, and changes nothing in the tree."""
    root = build(tree)
    before = snapshot(root)
    with frozen():
        first, second = list(collect(root)), list(collect(root))
    assert first == second
    assert snapshot(root) == before


def test_reading_a_link_does_not_make_up_addresses() -> None:
    """A link's maps create what they are asked for; reading does not ask."""
    link = getMetric('link', 'linkfail')
    link.consecutive_successes['peer'] = 3  # as left by a thread that was interrupted in the middle of a recording
    before = snapshot(link)
    assert [(point.name, point.value) for point in points(link)] == [
        ('link.consecutive_failures', 0),
        ('link.consecutive_successes', 3),
        ('link.status', 1),
    ]
    assert snapshot(link) == before


class _Broken:
    """A callable that raises, whatever it is."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self) -> float:
        raise self.error


@given(trees(), st.integers(1, 3), st.sampled_from((ValueError, MemoryError, RuntimeError, SystemExit)))
def test_metric_that_raises_costs_itself_alone(tree: Tree, broken: int, error: type[BaseException]) -> None:
    """Each metric that raises is reported once with what it raised; all others are read as if it were not there."""
    root = build(tree)
    with frozen():
        healthy = list(collect(root))
    errors = []
    for index in range(broken):
        errors.append(error(index))
        getMetric(f'broken.m{index}', 'callable', value_getter=_Broken(errors[-1]))
    with frozen():
        found = list(collect(root, TOLERANT))
    assert [point for point in found if not isinstance(point, Discarded)] == healthy
    discarded = [point for point in found if isinstance(point, Discarded)]
    assert [(each.data.name, each.data.value, each.reason, each.error) for each in discarded] == [
        (f'broken.m{index}', None, Reason.RAISED, raised) for index, raised in enumerate(errors)
    ]


def test_callable_that_raises_costs_itself_alone_in_its_metric() -> None:
    """The labelled callables of one metric fail one by one."""
    metric = getMetric('temperature', 'callable', value_getter=Constant(1))
    LabeledMetric(metric, callable=_Broken(ValueError('no sensor')), room='attic')
    LabeledMetric(metric, callable=Constant(2), room='cellar')
    found = list(collect(getMetric()))
    assert [point.value for point in found if not isinstance(point, Discarded)] == [2, 1]
    (lost,) = (point for point in found if isinstance(point, Discarded))
    assert (lost.data.name, dict(lost.data.labels), lost.reason) == ('temperature', {'room': 'attic'}, Reason.RAISED)


def test_error_that_is_not_tolerated_is_raised() -> None:
    """Outside the exporter's own thread, a metric that ends the program does end it."""
    getMetric('end', 'callable', value_getter=_Broken(SystemExit(3)))
    with pytest.raises(SystemExit):
        list(collect(getMetric()))


class _Doubled(CounterMetric):
    """A class of a user's, close to one of satella's."""

    def to_metric_data(self) -> MetricDataCollection:
        return MetricDataCollection(MetricData(self.name, 2 * self.value, {'unit': 'double'}))


class _Pair(LeafMetric):
    """A leaf of a user's, with two series, and one that is not for export."""

    def to_metric_data(self) -> MetricDataCollection:
        return MetricDataCollection(
            MetricData(f'{self.name}.left', 1),
            MetricData(f'{self.name}.right', 2),
            MetricData(f'{self.name}.hidden', 3, internal=True),
        )


class _Folder(Metric):
    """A container of a user's, which adds a series of its own."""

    def to_metric_data(self) -> MetricDataCollection:
        data = super().to_metric_data()
        data += MetricData(f'{self.name}.children', len(self.children))
        return data


class _Failing(LeafMetric):
    """A leaf of a user's that cannot be read."""

    def to_metric_data(self) -> MetricDataCollection:
        raise RuntimeError('not now')


class _Moody(LeafMetric):
    """A leaf of a user's that does not even say what it is."""

    @property
    def level(self) -> Any:
        raise RuntimeError('not now')

    def __init__(self, name: str, root: Metric) -> None:
        self.name, self.root_metric, self.internal, self._level = name, root, False, None
        self.children: list[Metric] = []


class _Odd(LeafMetric):
    """A leaf of a user that raises where an attribute in ``RAISING`` is asked for."""

    RAISING: frozenset[str] = frozenset()

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.made = True

    def __getattribute__(self, name: str) -> Any:
        if name in type(self).RAISING and 'made' in super().__getattribute__('__dict__'):
            raise RuntimeError(f'no {name}')
        return super().__getattribute__(name)

    def to_metric_data(self) -> MetricDataCollection:
        raise RuntimeError('not now')


class _Nameless(_Odd):
    """A leaf of a user whose name raises."""

    RAISING = frozenset({'name'})


class _Unlabelled(_Odd):
    """A leaf of a user that cannot be read, and whose labels raise too."""

    RAISING = frozenset({'labels'})


class _Undecided(_Odd):
    """A leaf of a user that does not say whether it is internal."""

    RAISING = frozenset({'internal'})


class _Unhashable(_Nameless):
    """A leaf of a user that is no key of a mapping."""

    __hash__ = None  # type: ignore[assignment]  # that is what is wrong with it


def _append_users(parent: Metric) -> None:
    doubled = _Doubled('doubled', parent)
    doubled.runtime(21)
    folder = _Folder('folder', parent)
    folder.append_child(CounterMetric('inside', folder))
    for metric in (doubled, _Pair('pair', parent), folder, _Pair('secret', parent, internal=True)):
        parent.append_child(metric)


@half
@given(trees(), st.sampled_from(('', 'a', 'a.b')))
def test_class_of_a_users_is_read_as_satella_reads_it(tree: Tree, where: str) -> None:
    """A class that satella does not ship, a subclass of one that it does included, gives its own account."""
    build(tree)
    _append_users(getMetric(where))
    root = getMetric()
    with frozen():
        assert values(collect(root)) == oracle(root)


def test_class_of_a_users_speaks_for_itself() -> None:
    """What comes of such classes, spelled out."""
    _append_users(getMetric())
    assert values(collect(getMetric())) == {
        ('doubled', frozenset({('unit', 'double')})): '42',
        ('pair.left', frozenset()): '1',
        ('pair.right', frozenset()): '2',
        ('folder.children', frozenset()): '1',
        ('folder.inside', frozenset()): '0',
    }


class _Stranger:
    """No metric of satella's, but enough of one for satella to show it."""

    level = MetricLevel.RUNTIME

    def to_metric_data(self) -> MetricDataCollection:
        return MetricDataCollection(MetricData('stranger', 5))


def test_object_is_read_as_satella_shows_it() -> None:
    """An object that has no more of a metric than satella asks for is read as satella reads it."""
    getMetric('a', 'int').runtime(1)
    getMetric().append_child(_Stranger())
    assert [(point.name, point.value) for point in points(getMetric())] == [('a', 1), ('stranger', 5)]


@pytest.mark.parametrize(
    'odd', [_Failing, _Moody, lambda *_: object(), _Nameless, _Unlabelled, _Undecided, _Unhashable]
)
@pytest.mark.parametrize('read_all', [collect, lambda root: Delta(read(root), {})], ids=['cumulative', 'delta'])
def test_odd_child_costs_itself_alone(odd: Any, read_all: Any) -> None:
    """Whatever stands in a tree, its neighbours are read."""
    getMetric('before', 'int').runtime(1)
    getMetric().children.append(odd('odd', getMetric()))
    getMetric('after', 'int').runtime(2)
    found = list(read_all(getMetric()))
    assert [point.value for point in found if not isinstance(point, Discarded)] == [1, 2]
    assert [point.reason for point in found if isinstance(point, Discarded)] == [Reason.RAISED]


@half
@given(trees(), st.data())
def test_metric_whose_mark_raises_costs_itself_alone(tree: Tree, data: st.DataObject) -> None:
    """A metric that does not say whether it is internal is discarded by its full name, and all others are read."""
    root = build(tree)
    everything = list(leaves(root))
    assume(everything)
    broken = data.draw(st.sampled_from(everything))
    name = name_from(root, broken)
    shown = any(leaf is broken for leaf, _ in shown_leaves(root))
    with frozen():
        others = [reading for reading in read(root) if not _is_of(name, reading)]
        del broken.internal
        found = list(read(root))
    assert [reading for reading in found if not isinstance(reading, Discarded)] == others
    discarded = [reading for reading in found if isinstance(reading, Discarded)]
    assert [(each.data.name, each.reason) for each in discarded] == [(name, Reason.RAISED)] * shown


def _is_of(name: str, reading: Any) -> bool:
    """Whether the reading is one of the metric with that full name. A leaf of a generated tree has none below it."""
    found = reading.data.name if isinstance(reading, Discarded) else reading.name
    return f'{found}.'.startswith(f'{name}.')


def test_callable_metric_whose_labels_are_lost_costs_itself_alone() -> None:
    """A metric that raises before its callables are known is discarded whole, and what comes after it is read."""
    broken = getMetric('broken', 'callable', value_getter=Constant(1))
    LabeledMetric(broken, callable=Constant(2), n=1)
    broken.labels = None
    getMetric('other', 'int').runtime(2)
    discarded, other = read(getMetric())
    assert isinstance(discarded, Discarded)
    assert (discarded.data.name, discarded.reason, discarded.source) == ('broken', Reason.RAISED, None)
    assert isinstance(other, DataPoint)
    assert (other.name, other.value) == ('other', 2)


def _series_of_all_types(number: int) -> Metric:
    specs = [
        Spec('counter', 'counter', {'count_calls': True}, _labelled(number, 1)),
        Spec('int', 'int', {}, _labelled(number, 1)),
        Spec('web.float', 'float', {}, _labelled(number, 1)),
        Spec('web.histogram', 'histogram', {'buckets': (1, 2)}, _labelled(number, 1)),
        Spec('web.summary', 'summary', {}, _labelled(number, 1)),
        Spec('cps', 'cps', {}, _labelled(number)),
        Spec('link', 'linkfail', {}, tuple(Recording((True, address)) for address in range(number))),
        Spec('callable', 'callable', {}, (), tuple(({'n': n}, Constant(n)) for n in range(number))),
        *(Spec(f'many.int{n}', 'int') for n in range(number)),
    ]
    return build(Tree(tuple(specs)))


def _labelled(number: int, *args: object) -> tuple[Recording, ...]:
    return tuple(Recording(args, {'n': n}) for n in range(number))


def _calls_made(root: Metric) -> int:
    """How many functions of Python's and of C's are called in reading the tree."""
    calls = 0

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ('call', 'c_call')

    sys.setprofile(count)
    try:
        for _ in collect(root):
            pass
    finally:
        sys.setprofile(None)
    return calls


def test_reading_is_linear() -> None:
    """Twice the series take twice the work, and satella's own collections, which copy themselves, are not used."""
    few = _calls_made(_series_of_all_types(50))
    root = _series_of_all_types(100)
    many = _calls_made(root)
    assert many < 2.1 * few
    with (
        mock.patch.object(MetricDataCollection, '__init__', side_effect=AssertionError),
        mock.patch.multiple(
            MetricDataCollection, __add__=_Broken(AssertionError()), __iadd__=_Broken(AssertionError())
        ),
    ):
        assert not any(isinstance(point, Discarded) for point in collect(root))


def test_readers_are_there_for_all_classes_of_satella() -> None:
    """No shipped class of metric is read through its own to_metric_data."""
    shipped = {cls for cls in METRIC_NAMES_TO_CLASSES.values() if cls.__module__.startswith('satella.')}
    assert shipped - set(READERS) == {Metric}


@pytest.mark.parametrize('chunk', [1, 20, 100])
def test_reading_is_lazy(chunk: int) -> None:
    """When the first payload is there, little more than what is in it has been read."""
    calls = []
    for index in range(2_000):
        getMetric(f'm{index}', 'callable', value_getter=lambda index=index: calls.append(index) or index)
    payloads = build_payloads(getMetric(), 'Lazy', max_send_at_once=chunk)
    assert not calls
    for number in range(1, 4):
        next(payloads)
        assert len(calls) <= number * chunk + 1


def test_reading_is_lazy_within_one_labelled_metric() -> None:
    """The children of one metric are read one by one, as they are asked for."""
    metric = getMetric('m', 'callable')
    calls = []
    for index in range(2_000):
        LabeledMetric(metric, callable=lambda index=index: calls.append(index) or index, n=index)
    points = collect(getMetric())
    for _ in range(5):
        next(points)
    assert len(calls) == 5


@half
@given(trees())
def test_reading_only_some_classes_reads_no_other(tree: Tree) -> None:
    """With a choice of classes, the points are those of all classes, less the others'."""
    root = build(tree)
    with frozen():
        chosen = list(read(root, only={CounterMetric}))
        assert chosen == [reading for reading in read(root) if isinstance(reading, CounterReading)]


def test_summary_that_outgrew_its_window_in_a_race_is_read_as_far_as_the_window() -> None:
    """Two threads that record at once can leave a summary's queue longer than it should be, and growing for ever."""
    summary = getMetric('s', 'summary', last_calls=3, quantiles=(0.0, 1.0))
    for value in (4, 3, 2, 1):
        summary.calls_queue.append(value)
    lowest, highest, *_ = points(getMetric())
    assert (lowest.value, highest.value) == (2, 4)


@pytest.mark.parametrize('period', [1, 60])
def test_clicks_are_counted_to_the_very_edge_of_the_period(period: int) -> None:
    """A click that is exactly as old as the period counts, as satella counts it."""
    specs = Spec('c', 'cps', {'time_unit_vectors': [period]}, (Recording(ago=period + 0.5), Recording(ago=period)))
    root = build(Tree((specs,)))
    with frozen(NOW):
        (point,) = points(root)
        assert repr(point.value) == oracle(root)[series_of(point)]


@pytest.mark.parametrize('aggregate', [True, False])
def test_clicks_with_labels_have_a_total(aggregate: bool) -> None:
    """The clicks of all labels together are series of their own, unless the metric is not to add them up."""
    metric = getMetric('c', 'cps', time_unit_vectors=[3600], aggregate_children=aggregate)
    for label in ('x', 'y', 'y'):
        metric.runtime(label=label)
    found = {(point.name, point.labels.get('label')): point.value for point in points(getMetric())}
    total = found.pop(('c.total', None), None)
    assert (found, total) == ({('c', 'x'): 1, ('c', 'y'): 2}, 3 if aggregate else None)


# --- a walk: first what satella keeps, then user code


@half
@given(trees(), st.booleans())
def test_walk_reads_what_runs_no_user_code_first(tree: Tree, users: bool) -> None:
    """The first part has the metrics whose numbers satella keeps, the second part the callables, the uptimes and the
    classes of users. Each part is in tree order, and together they are everything that reading the tree gives."""
    root = build(tree)
    if users:
        _append_users(root)
    slow = [
        name_from(root, leaf)
        for leaf in (*leaves(root), *root.children)
        if type(leaf) is not Metric
        and (type(leaf) in (CallableMetric, UptimeMetric) or not type(leaf).__module__.startswith('satella.'))
    ]
    with frozen():
        everything = list(read(root))
        walk = Walk(root)
        kept, computed = list(walk.kept()), list(walk.computed())
        in_sections = list(Walk(root, sections=True).kept())
    assert [reading for reading in in_sections if not isinstance(reading, Section)] == kept
    assert len(in_sections) > len(kept) or not kept
    assert computed == [reading for reading in everything if any(_is_of(name, reading) for name in slow)]
    assert kept == [reading for reading in everything if not any(_is_of(name, reading) for name in slow)]
    assert sorted(map(repr, (*kept, *computed))) == sorted(map(repr, everything))


def test_walk_calls_user_code_only_when_it_gets_there() -> None:
    """Neither the first part of a walk nor making the second calls anything. Each step of the second part calls what
    it gives."""
    asked: list[str] = []
    getMetric('a', 'callable', value_getter=lambda: asked.append('a') or 1)
    LabeledMetric(getMetric('a', 'callable'), callable=lambda: asked.append('labelled') or 2, n=1)
    getMetric('b', 'uptime', time_getter=Constant(1)).time_getter = lambda: asked.append('b') or 3
    getMetric().append_child(Asked('c', getMetric(), asked))
    getMetric('d', 'counter').runtime(4)
    walk = Walk(getMetric())
    assert [reading.name for reading in walk.kept() if not isinstance(reading, Discarded)] == ['d']
    computed = walk.computed()
    assert asked == []
    for number, name in enumerate(('labelled', 'a', 'b', 'c'), start=1):
        next(computed)
        assert len(asked) == number
        assert asked[-1] == name
    assert not list(computed)


@half
@given(trees(), st.integers(1, 3))
def test_both_parts_of_a_walk_tolerate_the_same(tree: Tree, broken: int) -> None:
    """A metric that raises costs itself alone in either part; without leave to go on, it ends the walk."""
    build(tree)
    for index in range(broken):
        getMetric(f'broken.m{index}', 'callable', value_getter=_Broken(SystemExit(index)))
        del getMetric(f'broken.n{index}', 'counter').value
    walk = Walk(getMetric(), TOLERANT)
    for part, letter in ((walk.kept(), 'n'), (walk.computed(), 'm')):
        discarded = [each.data.name for each in part if isinstance(each, Discarded)]
        assert discarded == [f'broken.{letter}{index}' for index in range(broken)]
    walk = Walk(getMetric())
    list(walk.kept())
    with pytest.raises(SystemExit):
        list(walk.computed())


def test_walk_passes_over_what_hangs() -> None:
    """The second part of a walk leaves out metrics whose user code hangs, and tells which one it asked last."""
    hangs, answers = (getMetric(f'web.{name}', 'callable', value_getter=Constant(1)) for name in ('hangs', 'answers'))
    walk = Walk(getMetric(), sections=True)
    assert not walk.computes
    assert not list(walk.kept())
    assert walk.computes is True
    section, reading = walk.computed(but=[hangs])
    assert section == Section('web.answers', answers)
    assert reading == DataPoint('web.answers', 1, {})
    assert walk.asked == (answers, 'web')


def test_metric_with_more_than_a_thousand_series_is_crowded() -> None:
    """Each part of a walk tells which of the metrics that it has read have very many series."""
    for name, number in (('web.few', 1_000), ('web.many', 1_001)):
        for index in range(number):
            getMetric(name, 'counter').runtime(1, index=index)
    walk = Walk(getMetric(), levels_apart=True)
    for _ in range(2):
        assert len(list(walk.kept())) == 2_003
        assert walk.crowded == [(getMetric('web.many', 'counter'), 'web.many')]
    assert not list(walk.levels())
    assert not walk.crowded


def test_walk_lets_a_recording_finish() -> None:
    """A walk waits for an observation that is counted and not in its bucket yet, as reading does."""
    histogram = getMetric('h', 'histogram', buckets=(1.0,))
    histogram.count = 1

    def finish() -> None:
        histogram.buckets[0] = 1

    (reading,) = Walk(getMetric(), Tolerance(wait=finish)).kept()
    assert isinstance(reading, HistogramReading)
    assert (reading.observations, list(reading.counts)) == (1, [1, 0])


def test_reading_without_a_tree_gives_nothing() -> None:
    """A program that has made no metric yet has no root, which is no error of it."""
    walk = Walk(None)
    assert not [*walk.kept(), *walk.computed(), *read(None)]


# --- recordings that are under way


@given(st.lists(st.sampled_from((0.3, 3.0, 30.0)), max_size=5), st.integers(0, MAX_REREADS), st.booleans())
def test_recording_that_is_under_way_is_waited_for(values: list[float], waits: int, labelled: bool) -> None:
    """Where another thread has counted an observation, but not put it into its bucket yet, it is let finish; each of a
    labelled histogram and its total."""
    getMetric().reset()
    histogram = getMetric('h', 'histogram', buckets=(1.0, 10.0), aggregate_children=True)
    for value in values:
        histogram.runtime(value)
    recorded = [histogram]
    if labelled:
        histogram.runtime(0.3, label='a')
        recorded.append(histogram.children[0])
    waited = 0

    def wait() -> None:
        nonlocal waited
        waited += 1
        if waited % max(waits, 1) == 0:
            unfinished.pop().buckets[0] += 1

    unfinished = list(recorded) if waits else []
    for each in unfinished:
        each.count += 1
        each.sum += 0.5
    points = list(read(getMetric(), Tolerance(wait=wait)))
    assert len(points) == len(recorded)
    for point in points:
        assert isinstance(point, HistogramReading)
        assert point.observations == sum(point.counts)
    assert waited == waits * len(recorded)


def test_observations_in_no_bucket_are_not_waited_for_long() -> None:
    """A negative observation never gets into a bucket, and other metrics are not waited for at all."""
    histogram, counter = getMetric('h', 'histogram', buckets=(1.0,)), getMetric('c', 'counter')
    histogram.runtime(-1.0)
    counter.runtime(1)
    wait = mock.Mock(spec=[])
    point, other = read(getMetric(), Tolerance(wait=wait))
    assert isinstance(point, HistogramReading)
    assert (point.observations, list(point.counts)) == (1, [0, 0])
    assert isinstance(other, CounterReading)
    assert wait.call_count == MAX_REREADS


def test_reading_waits_for_nothing_unasked() -> None:
    """Without something that waits, a histogram is taken as it is."""
    histogram = getMetric('h', 'histogram', buckets=(1.0,))
    histogram.count += 1
    (point,) = read(getMetric())
    assert isinstance(point, HistogramReading)
    assert (point.observations, list(point.counts)) == (1, [0, 0])


# --- metrics that cannot be read


class _Unreadable:
    """Something among the children that is no metric at all."""

    level: object = MetricLevel.RUNTIME

    def to_metric_data(self) -> MetricDataCollection:
        raise RuntimeError('not now')


def test_metric_that_cannot_be_read_is_named() -> None:
    """A metric of an unknown class that raises is discarded by its full name; what has none, by that of its class."""
    parent = getMetric('web.requests')
    parent.append_child(_Failing('broken', parent))
    parent.children.append(_Unreadable())
    discarded = [each for each in read(getMetric()) if isinstance(each, Discarded)]
    assert [each.data.name for each in discarded] == ['web.requests.broken', 'web.requests._Unreadable']
    assert all(each.reason is Reason.RAISED and str(each.error) == 'not now' for each in discarded)


def test_tree_that_grows_while_it_is_read_comes_to_an_end() -> None:
    """Metrics that come while the tree is read are the next cycle's, even if reading it is what makes them."""
    made = 0

    def another() -> int:
        nonlocal made
        made += 1
        if made < 100:
            getMetric(f'web.made{made}', 'callable').callable = another
        return made

    getMetric('web.first', 'callable').callable = another
    assert len(list(read(getMetric()))) == 1
    assert len(list(read(getMetric()))) == 2


def test_total_that_cannot_be_read_costs_itself() -> None:
    """Of a labelled metric whose total raises the children are read, and so is what comes after."""
    orders, after = getMetric('orders', 'counter'), getMetric('z', 'int')
    orders.runtime(1, url='/')
    after.runtime(1)
    del orders.value
    child, total, last = read(getMetric())
    assert isinstance(child, CounterReading)
    assert isinstance(last, DataPoint)
    assert (child.name, last.name) == ('orders', 'z')
    assert isinstance(total, Discarded)
    assert (total.data.name, total.reason, total.source) == ('orders', Reason.RAISED, orders)


def test_totals_of_counters_are_counters() -> None:
    """The sum over all labels grows, as each of the counters does."""
    orders = getMetric('orders', 'counter', count_calls=True)
    orders.runtime(1, url='/')
    assert {point.name: point.kind for point in collect(getMetric()) if isinstance(point, DataPoint)} == dict.fromkeys(
        ('orders', 'orders.sum', 'orders.count'), Kind.COUNTER
    )

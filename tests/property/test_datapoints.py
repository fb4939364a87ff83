"""Reading a tree of metrics: satella's own account of the tree is the oracle."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import FrameType
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.trees import (
    NOW,
    Constant,
    Recording,
    Spec,
    Tree,
    build,
    containers,
    frozen,
    leaves,
    snapshot,
    trees,
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
    CounterMetric,
    LeafMetric,
    LinkfailMetric,
)

from aws_satella.pure import DataPoint, Discarded, Kind, Reason, build_payloads, collect, read
from aws_satella.pure.datapoints import PATIENCE, SHAPES, HistogramPoint

Series = tuple[str, frozenset[tuple[str, object]]]


def oracle(root: Metric) -> dict[Series, str]:
    """What satella says of a tree, less what is under an internal leaf, and with the address of a link's status."""
    said = {_series(data): repr(data.value) for data in root.to_metric_data().values if not data.internal}
    for leaf in leaves(root):
        name = _name_from(root, leaf)
        if leaf.internal:
            said = {each: value for each, value in said.items() if not f'{each[0]}.'.startswith(f'{name}.')}
        elif isinstance(leaf, LinkfailMetric):
            said = _with_addresses(said, name, leaf)
    return said


def _with_addresses(said: dict[Series, str], name: str, link: Any) -> dict[Series, str]:
    """satella gives the status of the last address only, and does not say whose it is."""
    addresses = set(link.consecutive_successes)
    if addresses == {0}:
        return said
    shown = any(each[0] == f'{name}.consecutive_failures' for each in said)
    rest = {each: value for each, value in said.items() if each[0] != f'{name}.status'}
    for address in addresses if shown else ():
        labels = frozenset({**link.labels, 'address': address}.items())
        rest[f'{name}.status', labels] = repr(int(link.working[address]))
    return rest


def _name_from(root: Metric, metric: Metric) -> str:
    parts = []
    while metric is not root:
        parts.append(metric.name)
        assert metric.root_metric is not None
        metric = metric.root_metric
    return '.'.join(filter(None, (root.name, *reversed(parts))))


def _series(data: Any) -> Series:
    return data.name, frozenset(data.labels.items())


def values(points: Iterable[Any]) -> dict[Series, str]:
    """Series → value, for points of which each is another series."""
    listed = list(points)
    found = {_series(point): repr(point.value) for point in listed}
    assert len(found) == len(listed)
    return found


@given(trees())
def test_the_series_are_those_of_satella(tree: Tree) -> None:
    """Every series has satella's own name, labels and value; internal leaves are left out."""
    root = build(tree)
    with frozen():
        assert values(collect(root)) == oracle(root)


@given(trees(), st.data())
def test_a_part_of_the_tree_is_read_like_the_whole(tree: Tree, data: st.DataObject) -> None:
    """Reading may start at any container or leaf; names start with its own."""
    root = build(tree)
    start = data.draw(st.sampled_from([*containers(root), *leaves(root)]))
    with frozen():
        assert values(collect(start)) == oracle(start)


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
    assert [(point.name, point.value) for point in collect(link)] == [
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
def test_a_metric_that_raises_costs_itself_alone(tree: Tree, broken: int, error: type[BaseException]) -> None:
    """Each metric that raises is reported once with what it raised; all others are read as if it were not there."""
    root = build(tree)
    with frozen():
        healthy = list(collect(root))
    errors = []
    for index in range(broken):
        errors.append(error(index))
        getMetric(f'broken.m{index}', 'callable', value_getter=_Broken(errors[-1]))
    with frozen():
        found = list(collect(root, BaseException))
    assert [point for point in found if not isinstance(point, Discarded)] == healthy
    discarded = [point for point in found if isinstance(point, Discarded)]
    assert [(each.data.name, each.data.value, each.reason, each.error) for each in discarded] == [
        (f'broken.m{index}', None, Reason.RAISED, raised) for index, raised in enumerate(errors)
    ]


def test_of_a_callable_metric_only_the_callable_that_raises_is_lost() -> None:
    """The labelled callables of one metric fail one by one."""
    metric = getMetric('temperature', 'callable', value_getter=Constant(1))
    LabeledMetric(metric, callable=_Broken(ValueError('no sensor')), room='attic')
    LabeledMetric(metric, callable=Constant(2), room='cellar')
    found = list(collect(getMetric()))
    assert [point.value for point in found if not isinstance(point, Discarded)] == [2, 1]
    (lost,) = (point for point in found if isinstance(point, Discarded))
    assert (lost.data.name, dict(lost.data.labels), lost.reason) == ('temperature', {'room': 'attic'}, Reason.RAISED)


def test_what_is_not_tolerated_is_raised() -> None:
    """Outside the exporter's own thread, a metric that ends the program does end it."""
    getMetric('end', 'callable', value_getter=_Broken(SystemExit(3)))
    with pytest.raises(SystemExit):
        list(collect(getMetric()))


class _Doubled(CounterMetric):  # type: ignore[misc]
    """A class of a user's, close to one of satella's."""

    def to_metric_data(self) -> MetricDataCollection:
        return MetricDataCollection(MetricData(self.name, 2 * self.value, {'unit': 'double'}))


class _Pair(LeafMetric):  # type: ignore[misc]
    """A leaf of a user's, with two series, and one that is not for export."""

    def to_metric_data(self) -> MetricDataCollection:
        return MetricDataCollection(
            MetricData(f'{self.name}.left', 1),
            MetricData(f'{self.name}.right', 2),
            MetricData(f'{self.name}.hidden', 3, internal=True),
        )


class _Folder(Metric):  # type: ignore[misc]
    """A container of a user's, which adds a series of its own."""

    def to_metric_data(self) -> MetricDataCollection:
        data = super().to_metric_data()
        data += MetricData(f'{self.name}.children', len(self.children))
        return data


class _Failing(LeafMetric):  # type: ignore[misc]
    """A leaf of a user's that cannot be read."""

    def to_metric_data(self) -> MetricDataCollection:
        raise RuntimeError('not now')


class _Moody(LeafMetric):  # type: ignore[misc]
    """A leaf of a user's that does not even say what it is."""

    @property
    def level(self) -> Any:
        raise RuntimeError('not now')

    def __init__(self, name: str, root: Metric) -> None:
        self.name, self.root_metric, self.internal, self._level, self.children = name, root, False, None, []


def _append_users(parent: Metric) -> None:
    doubled = _Doubled('doubled', parent)
    doubled.runtime(21)
    folder = _Folder('folder', parent)
    folder.append_child(CounterMetric('inside', folder))
    for metric in (doubled, _Pair('pair', parent), folder, _Pair('secret', parent, internal=True)):
        parent.append_child(metric)


@given(trees(), st.sampled_from(('', 'a', 'a.b')))
def test_a_class_of_a_users_is_read_as_satella_reads_it(tree: Tree, where: str) -> None:
    """A class that satella does not ship, a subclass of one that it does included, gives its own account."""
    build(tree)
    _append_users(getMetric(where))
    root = getMetric()
    with frozen():
        assert values(collect(root)) == oracle(root)


def test_a_class_of_a_users_speaks_for_itself() -> None:
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


def test_what_satella_shows_is_shown() -> None:
    """An object that has no more of a metric than satella asks for is read as satella reads it."""
    getMetric('a', 'int').runtime(1)
    getMetric().append_child(_Stranger())
    assert [(point.name, point.value) for point in collect(getMetric())] == [('a', 1), ('stranger', 5)]


@pytest.mark.parametrize('odd', [_Failing, _Moody, lambda *_: object()], ids=['raises', 'moody', 'no metric'])
def test_an_odd_child_costs_itself_alone(odd: Any) -> None:
    """Whatever stands in a tree, its neighbours are read."""
    getMetric('before', 'int').runtime(1)
    getMetric().append_child(odd('odd', getMetric()))
    getMetric('after', 'int').runtime(2)
    found = list(collect(getMetric()))
    assert [point.value for point in found if not isinstance(point, Discarded)] == [1, 2]
    assert [point.reason for point in found if isinstance(point, Discarded)] == [Reason.RAISED]


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


def test_every_class_that_satella_ships_has_a_shape() -> None:
    """No shipped class of metric is read through its own to_metric_data."""
    shipped = {cls for cls in METRIC_NAMES_TO_CLASSES.values() if cls.__module__.startswith('satella.')}
    assert shipped - set(SHAPES) == {Metric}


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


def test_one_labelled_metric_is_read_lazily_too() -> None:
    """The children of one metric are read one by one, as they are asked for."""
    metric = getMetric('m', 'callable')
    calls = []
    for index in range(2_000):
        LabeledMetric(metric, callable=lambda index=index: calls.append(index) or index, n=index)
    points = collect(getMetric())
    for _ in range(5):
        next(points)
    assert len(calls) == 5


@given(trees())
def test_reading_only_some_classes_reads_no_other(tree: Tree) -> None:
    """With a choice of classes, the points are those of all classes, less the others'."""
    root = build(tree)
    with frozen():
        chosen = list(read(root, only={CounterMetric}))
        names = {point.name for point in chosen}
        counters = [point for point in read(root) if point.name in names]
    assert chosen == counters
    assert {type(getattr(point, 'source', None)) for point in chosen} <= {CounterMetric, tuple}


def test_a_summary_that_outgrew_its_window_in_a_race_is_read_as_far_as_the_window() -> None:
    """Two threads that record at once can leave a summary's queue longer than it should be, and growing for ever."""
    summary = getMetric('s', 'summary', last_calls=3, quantiles=(0.0, 1.0))
    for value in (4, 3, 2, 1):
        summary.calls_queue.append(value)
    lowest, highest, *_ = collect(getMetric())
    assert (lowest.value, highest.value) == (2, 4)


@pytest.mark.parametrize('period', [1, 60])
def test_clicks_are_counted_to_the_very_edge_of_the_period(period: int) -> None:
    """A click that is exactly as old as the period counts, as satella counts it."""
    specs = Spec('c', 'cps', {'time_unit_vectors': [period]}, (Recording(ago=period + 0.5), Recording(ago=period)))
    root = build(Tree((specs,)))
    with frozen(NOW):
        (point,) = collect(root)
        assert repr(point.value) == oracle(root)[_series(point)]


# --- recordings that are under way


@given(st.lists(st.sampled_from((0.3, 3.0, 30.0)), max_size=5), st.integers(0, PATIENCE), st.booleans())
def test_a_recording_that_is_under_way_is_waited_for(values: list[float], waits: int, labelled: bool) -> None:
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
    points = list(read(getMetric(), wait=wait))
    assert len(points) == len(recorded)
    for point in points:
        assert isinstance(point, HistogramPoint)
        assert point.observations == sum(point.counts)
    assert waited == waits * len(recorded)


def test_observations_in_no_bucket_are_not_waited_for_long() -> None:
    """A negative observation never gets into a bucket, and other metrics are not waited for at all."""
    histogram, counter = getMetric('h', 'histogram', buckets=(1.0,)), getMetric('c', 'counter')
    histogram.runtime(-1.0)
    counter.runtime(1)
    wait = mock.Mock(spec=[])
    point, _ = read(getMetric(), wait=wait)
    assert isinstance(point, HistogramPoint)
    assert (point.observations, list(point.counts)) == (1, [0, 0])
    assert wait.call_count == PATIENCE


def test_nothing_is_waited_for_unasked() -> None:
    """Without something that waits, a histogram is taken as it is."""
    histogram = getMetric('h', 'histogram', buckets=(1.0,))
    histogram.count += 1
    (point,) = read(getMetric())
    assert isinstance(point, HistogramPoint)
    assert (point.observations, list(point.counts)) == (1, [0, 0])


# --- metrics that cannot be read


class _Unreadable:
    """Something among the children that is no metric at all."""

    level: object = MetricLevel.RUNTIME

    def to_metric_data(self) -> MetricDataCollection:
        raise RuntimeError('not now')


def test_what_cannot_be_read_is_named() -> None:
    """A metric of an unknown class that raises is discarded by its full name; what has none, by that of its class."""
    parent = getMetric('web.requests')
    parent.append_child(_Failing('broken', parent))
    parent.children.append(_Unreadable())
    discarded = [each for each in read(getMetric()) if isinstance(each, Discarded)]
    assert [each.data.name for each in discarded] == ['web.requests.broken', 'web.requests._Unreadable']
    assert all(each.reason is Reason.RAISED and str(each.error) == 'not now' for each in discarded)


def test_a_stranger_is_as_visible_as_its_level() -> None:
    """What is no metric of satella's is left out where its level is beyond that which is shown."""
    parent = getMetric('web')
    stranger = _Unreadable()
    parent.children.append(stranger)
    assert len(list(read(parent))) == 1
    stranger.level = MetricLevel.DEBUG
    assert not list(read(parent))
    stranger.level = None
    assert len(list(read(parent))) == 1


def test_a_tree_that_grows_while_it_is_read_comes_to_an_end() -> None:
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


def test_a_total_that_cannot_be_read_costs_itself() -> None:
    """Of a labelled metric whose total raises the children are read, and so is what comes after."""
    orders, after = getMetric('orders', 'counter'), getMetric('z', 'int')
    orders.runtime(1, url='/')
    after.runtime(1)
    del orders.value
    child, total, last = read(getMetric())
    assert isinstance(child, DataPoint)
    assert isinstance(last, DataPoint)
    assert (child.name, last.name) == ('orders', 'z')
    assert isinstance(total, Discarded)
    assert (total.data.name, total.reason, total.source) == ('orders', Reason.RAISED, orders)


def test_a_metric_below_two_parents_has_the_level_of_its_own() -> None:
    """A child that was made below another metric inherits that one's level, wherever else it is shown."""
    other = getMetric('other')
    child = getMetric('other.c', 'int')
    child.runtime(1)
    parent = getMetric('web')
    parent.append_child(child)
    assert len(list(read(parent))) == 1
    other.level = MetricLevel.DEBUG
    assert not list(read(parent))


def test_totals_of_counters_are_counters() -> None:
    """The sum over all labels grows, as each of the counters does."""
    orders = getMetric('orders', 'counter', count_calls=True)
    orders.runtime(1, url='/')
    assert {point.name: point.kind for point in collect(getMetric()) if isinstance(point, DataPoint)} == dict.fromkeys(
        ('orders', 'orders.sum', 'orders.count'), Kind.COUNTER
    )

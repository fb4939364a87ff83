"""Delta: whatever was recorded, and however it is cut into cycles, the increases add up to it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from decimal import Decimal
from itertools import islice, zip_longest
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from property.examples import half
from property.histories import (
    NO_LABELS,
    History,
    Labels,
    Observer,
    Series,
    by_series,
    histories,
    multiset,
    real,
    record,
    whole,
    without_discards,
)
from property.trees import Asked, Constant, Recording, Spec, Tree, build, frozen, leaves, snapshot, trees
from property.trees import record as record_again
from satella.instrumentation.metrics import LabeledMetric, Metric, MetricData, getMetric
from satella.instrumentation.metrics.metric_types import CounterMetric

from aws_satella.pure import (
    Arguments,
    Baseline,
    CounterReading,
    DataPoint,
    Delta,
    Discarded,
    Distribution,
    HistogramReading,
    Kind,
    NewSamples,
    Reason,
    Tolerance,
    collect,
    distributions,
    note,
    read,
)
from aws_satella.pure.histograms import HistogramState
from aws_satella.pure.points import Point, keeper
from aws_satella.pure.readers import GROWING
from aws_satella.pure.summaries import SummaryState

TOLERANT = Tolerance(BaseException)

# --- increases

quarters = st.integers(-40, 400).map(lambda number: number / 4)
"""Values that add up without rounding."""

OPTIONS: Mapping[str, Mapping[str, st.SearchStrategy[Any]]] = {
    'counter': {'count_calls': st.booleans(), 'sum_children': st.booleans()},
    'histogram': {'buckets': st.sampled_from(((), (1,), (0.5, 2.25, 20.0))), 'aggregate_children': st.booleans()},
    'summary': {'last_calls': st.integers(1, 6), 'aggregate_children': st.booleans()},
    'quantile': {'last_calls': st.integers(1, 6), 'aggregate_children': st.booleans()},
}


@given(st.sampled_from(sorted(OPTIONS)).flatmap(lambda kind: histories(kind, OPTIONS[kind], quarters)), st.booleans())
def test_increases_of_any_cycles_add_up_to_the_state(history: History, from_note: bool) -> None:
    """What came since one state after the other, from the start or from a note, adds up to the last state, exactly:
    of a counter the number, of a histogram buckets, observations and sum, of a summary observations and sum."""
    metrics = history.build()
    states: dict[Hashable, Any] = {}
    totals: dict[Hashable, tuple[float, ...]] = {}
    cycles = history.cycles
    if from_note:
        record(metrics, cycles[0])
        cycles = cycles[1:]
        states.update(note(getMetric()))
        totals.update({source: _amounts(state) for source, state in states.items()})
    for cycle in cycles:
        record(metrics, cycle)
        parts: list[NewSamples] = []
        for reading in read(getMetric()):
            assert not isinstance(reading, (DataPoint, Discarded, NewSamples))
            source = reading.source
            mine = [part for part in parts if getattr(part.source, 'root_metric', None) is source]
            increase, states[source] = reading.since(states.get(source), mine)
            if isinstance(increase, NewSamples):
                parts.append(increase)
                assert sum(increase.samples.values()) == increase.observations
            if increase is not None:  # None: the total of a summary that is not to add up its children
                totals[source] = _added(totals.get(source, ()), _amounts(increase))
                assert totals[source] == _amounts(states[source]) == _amounts(reading.state)


def _amounts(reading: Any) -> tuple[float, ...]:
    """The numbers of an increase or a state that grow. Before its first observation, a histogram has no counts."""
    if isinstance(reading, (HistogramReading, HistogramState)):
        counts = reading.counts if any(reading.counts) else ()
        return (reading.sum or 0.0, reading.observations, *counts)
    if isinstance(reading, (NewSamples, SummaryState)):
        return (reading.sum, reading.observations)
    return (reading.value,) if isinstance(reading, CounterReading) else (reading,)


def _added(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(map(sum, zip_longest(one, other, fillvalue=0)))


# --- counters

counter_options = {'count_calls': st.booleans(), 'sum_children': st.booleans()}


def totals_of(history: History, observer: Observer) -> dict[Series, Any]:
    """All increases of all cycles, added up."""
    metrics = history.build()
    totals: dict[Series, Any] = defaultdict(int)
    for cycle in history.cycles:
        record(metrics, cycle)
        for series, value in observer.cycle().items():
            totals[series] += value
    return totals


@given(histories('counter', counter_options, whole))
def test_increases_of_a_counter_add_up(history: History) -> None:
    """Labelled, ``.sum`` and ``.count`` increases add up to the true totals, exactly; a counter may go down."""
    totals = totals_of(history, Observer())
    recorded = by_series(each for cycle in history.cycles for each in cycle)
    for (metric, labels), values in recorded.items():
        if labels:
            assert totals[f'm{metric}', labels] == sum(values)
            if history.options[metric].get('count_calls'):
                assert totals[f'm{metric}.count', labels] == len(values)
    for metric, options in enumerate(history.options):
        values = [value for (index, _), each in recorded.items() if index == metric for value in each]
        if options.get('sum_children', True):
            assert totals[f'm{metric}', NO_LABELS] + totals[f'm{metric}.sum', NO_LABELS] == sum(values)
        if options.get('count_calls'):
            assert totals[f'm{metric}.count', NO_LABELS] == len(values)


@half
@given(histories('counter', {}, real))
def test_increases_of_fractions_add_up(history: History) -> None:
    """Fractions add up to the true totals but for rounding."""
    totals = totals_of(history, Observer())
    for (metric, labels), values in by_series(each for cycle in history.cycles for each in cycle).items():
        if labels:
            size = math.fsum(map(abs, values))
            assert totals[f'm{metric}', labels] == pytest.approx(math.fsum(values), abs=1e-9 * size + 1e-12)


def test_idle_counter_says_zero() -> None:
    """A counter that exists is seen, whatever it does; a new one gives all it has."""
    observer = Observer()
    getMetric('c', 'counter', count_calls=True).runtime(5, a=1)
    labels: Labels = frozenset({('a', 1)})
    assert observer.cycle() == {
        ('c', labels): 5,
        ('c.count', labels): 1,
        ('c.sum', NO_LABELS): 5,
        ('c.count', NO_LABELS): 1,
    }
    assert set(observer.cycle().values()) == {0}
    getMetric('c', 'counter', count_calls=True).runtime(-7, a=1)
    assert observer.cycle()['c.sum', NO_LABELS] == -7


@pytest.mark.parametrize('value', [None, 'text', [1], object()])
def test_counter_that_holds_no_number_says_so(value: Any) -> None:
    """What cannot be subtracted passes through, for the shaping to discard; it does not stop the others. A number that
    comes after it is an increase from zero."""
    odd, other = getMetric('odd', 'counter'), getMetric('other', 'counter')
    observer = Observer()
    for each, increase in ((value, value), (value, value), (5, 5), (7, 2)):
        odd.value = each
        other.runtime(1)
        assert observer.cycle() == {('odd', NO_LABELS): increase, ('other', NO_LABELS): 1}


class _Stubborn:
    """A number that does not let itself be subtracted from."""

    def __sub__(self, other: object) -> object:
        raise ArithmeticError('no')


def test_counter_whose_arithmetic_fails_costs_itself_alone() -> None:
    """Whatever subtraction raises (infinite decimals do) concerns one counter."""
    getMetric('odd', 'counter').value = _Stubborn()
    getMetric('other', 'counter').runtime(1)
    found = Observer().cycle()
    assert found['other', NO_LABELS] == 1
    points = (DataPoint(name, value, dict(labels)) for (name, labels), value in found.items())
    items = list(Arguments('N').plan.encoding().encode(points))
    assert [isinstance(item, Discarded) for item in items] == [True, False]


# --- all together

STATEFUL = ('counter', 'histogram', 'summary', 'quantile')


@half
@given(trees())
def test_gauges_pass_through(tree: Tree) -> None:
    """What has no baseline is the same in both temporalities."""
    root = build(tree)
    with frozen():
        expected = _gauges(collect(root))
        for _ in range(2):
            assert _gauges(distributions(Delta(read(root), {}))) == expected


def _gauges(points: Iterable[Point | Discarded]) -> list[str]:
    return sorted(repr(point) for point in without_discards(points) if point.kind is Kind.GAUGE)


@half
@given(trees(internal=False))
def test_delta_has_no_buckets_and_quantiles(tree: Tree) -> None:
    """A histogram or a summary is one series, without the dimensions that tell buckets and quantiles apart."""
    root = build(tree)
    with frozen():
        points = without_discards(distributions(Delta(read(root), {})))
    guessing = {leaf.get_fully_qualified_name() for leaf in leaves(root) if not getattr(leaf, 'count_calls', True)}
    for point in points:
        assert not {'le', 'ge'} & set(point.labels)
        if 'quantile' in point.labels:
            assert point.name.removesuffix('.total') in guessing
        assert point.kind is not Kind.BUCKET


@half
@given(trees())
def test_delta_gives_nothing_for_what_does_not_happen(tree: Tree) -> None:
    """In an idle cycle counters give 0, and histograms and summaries no datum at all."""
    root = build(tree)
    with frozen():
        first = Delta(read(root), {})
        names = [point.name for point in without_discards(distributions(first))]
        points = without_discards(distributions(Delta(read(root), first.baseline)))
    assert [point.name for point in points] == names
    for point in points:
        if point.kind is Kind.COUNTER:
            assert point.value == 0
        elif point.kind is Kind.DISTRIBUTION:
            assert point.value == Distribution((), ())
    encoding = Arguments('N').plan.encoding()
    sent = [item for item in encoding.encode(points) if not isinstance(item, Discarded)]
    assert len(sent) == sum(point.kind is not Kind.DISTRIBUTION for point in points)


@half
@given(trees())
def test_baseline_is_that_of_the_live_series(tree: Tree) -> None:
    """It holds the series that there are, and none that went away."""
    root = build(tree)
    with frozen():
        first = Delta(read(root), {})
        points = without_discards(distributions(first))
    stateful = [point for point in points if point.kind in (Kind.COUNTER, Kind.DISTRIBUTION)]
    assert len(first.baseline) <= len(stateful) + len(list(leaves(root)))
    live = {id(each) for leaf in leaves(root) for each in (leaf, *leaf.children)}
    assert {id(keeper(key)) for key in first.baseline} <= live
    getMetric().reset()
    getMetric('only', 'counter').runtime(3)
    second = Delta(read(getMetric()), first.baseline)
    assert [point.value for point in without_discards(distributions(second))] == [3]
    assert list(second.baseline.values()) == [3]


@half
@given(histories('counter', {}, whole), st.integers(0, 4))
def test_series_that_comes_back_starts_at_its_own_value(history: History, reset: int) -> None:
    """Metrics that were removed and made again are others: what they count is not held against the old ones."""
    assume(reset < len(history.cycles))
    observer = Observer()
    metrics = history.build()
    for cycle in history.cycles[:reset]:
        record(metrics, cycle)
        observer.cycle()
    metrics = history.build()
    totals: dict[Series, int] = defaultdict(int)
    for cycle in history.cycles[reset:]:
        record(metrics, cycle)
        for series, value in observer.cycle().items():
            totals[series] += value
    for (metric, labels), values in by_series(e for cycle in history.cycles[reset:] for e in cycle).items():
        if labels:
            assert totals[f'm{metric}', labels] == sum(values)


@half
@given(trees(STATEFUL, internal=False), st.integers(0, 30))
def test_reading_that_breaks_off_loses_nothing_and_repeats_nothing(tree: Tree, taken: int) -> None:
    """What was given out before a cycle broke off is passed on; what was not is the next cycle's."""
    root = build(tree)
    baseline = baseline_of(root)
    for spec in tree.specs:
        record_again(getMetric(spec.name, spec.kind), spec.recordings)
    whole_reading = without_discards(distributions(Delta(read(root), baseline)))
    broken = Delta(read(root), baseline)
    given_out = list(islice(distributions(broken), taken))
    rest = without_discards(distributions(Delta(read(root), broken.baseline)))
    amounts: Counter[str] = Counter()
    for point in (*given_out, *rest):
        assert not isinstance(point, Discarded)
        amounts[repr((point.name, sorted(map(repr, point.labels.items()))))] += _amount(point)
    for point in whole_reading:
        expected = _amount(point)
        found = amounts[repr((point.name, sorted(map(repr, point.labels.items()))))]
        if point.kind is not Kind.QUANTILE and not point.name.endswith('.total'):
            assert found == pytest.approx(expected)


def _amount(point: Point) -> Any:
    return sum(point.value.counts) if isinstance(point.value, Distribution) else point.value


def test_level_gives_nothing_back() -> None:
    """Where a level cannot be sent, the counter that was read before it is still exported."""
    delta = Delta([CounterReading('c', 1, {}, 'source'), DataPoint('level', 1, {})], {})
    for _ in delta:
        pass
    delta.give_back()
    assert 'source' in delta.baseline


@half
@given(trees(STATEFUL, internal=False), st.lists(st.integers(1, 5), max_size=4))
def test_delta_does_not_give_out_what_was_noted(tree: Tree, later: list[int]) -> None:
    """After noting a tree only what comes later is an increase."""
    root = build(tree)
    baseline = note(root)
    assert baseline.keys() >= baseline_of(root).keys()
    points: list[Point] = []
    for point in distributions(Delta(read(root), baseline)):
        assert not isinstance(point, Discarded)
        points.append(point)
    assert all(_amount(point) == 0 for point in points if point.kind in (Kind.COUNTER, Kind.DISTRIBUTION))
    counter = getMetric('noted.after', 'counter')
    for value in later:
        counter.runtime(value)
    increases = without_discards(distributions(Delta(read(getMetric()), baseline)))
    assert [point.value for point in increases if point.name == 'noted.after'] == [sum(later)]


def test_increases_after_the_note_have_their_own_values() -> None:
    """Numbers, buckets and sums of what was noted are told from what came later."""
    plain = (getMetric('h', 'histogram', buckets=(1.0,)), getMetric('s', 'summary'))
    labelled = (getMetric('labelled.h', 'histogram', buckets=(1.0,)), getMetric('labelled.s', 'summary'))
    without_labels = labelled[1].runtime  # of such observations the total knows the mean only

    def record_everywhere(value: float) -> None:
        for metric in plain:
            metric.runtime(value)
        for metric in labelled:
            metric.runtime(value, n=1)

    record_everywhere(0.25)
    without_labels(0.5)
    observer = Observer(note(getMetric()))
    for _ in range(2):
        record_everywhere(5.0)
    without_labels(7.0)
    found = {series: multiset(observed) for series, observed in observer.cycle().items()}
    assert found == {
        ('h', NO_LABELS): {5.0: 2},
        ('s', NO_LABELS): {5.0: 2},
        ('labelled.h', frozenset({('n', 1)})): {5.0: 2},
        ('labelled.h.total', NO_LABELS): {5.0: 2},
        ('labelled.s', frozenset({('n', 1)})): {5.0: 2},
        ('labelled.s.total', NO_LABELS): {5.0: 2, 7.0: 1},
    }
    assert not observer.discarded


def baseline_of(root: Any) -> Baseline:
    """The baseline after reading all."""
    delta = Delta(read(root), {})
    list(delta)
    return delta.baseline


def test_noting_runs_no_code_of_the_programs() -> None:
    """At a fork nothing of the program's is called: no callable, no clock of an uptime, no class of its own."""
    asked: list[str] = []
    getMetric('callable', 'callable', value_getter=lambda: asked.append('callable'))
    LabeledMetric(getMetric('callable', 'callable'), callable=lambda: asked.append('labelled'), a=1)
    getMetric('uptime', 'uptime', time_getter=Constant(1)).time_getter = lambda: asked.append('uptime') or 1
    getMetric().append_child(Asked('own', getMetric(), asked))
    counter = getMetric('c', 'counter')
    counter.runtime(2)
    assert note(getMetric()) == {counter: 2}
    assert asked == []
    list(collect(getMetric()))
    assert asked == ['labelled', 'callable', 'uptime', 'own']


def test_noting_leaves_the_tree_alone() -> None:
    """The child's tree is its own to count with."""
    build(
        Tree(
            (
                Spec('h', 'histogram', {}, (Recording((1.0,), {'a': 1}), Recording((-1.0,)))),
                Spec('s', 'summary', {}, (Recording((1.0,), {'a': 1}), Recording((2.0,)))),
                Spec('c', 'counter', {'count_calls': True}, (Recording((1.0,), {'a': 1}),)),
            )
        )
    )
    before = snapshot(getMetric())
    assert note(getMetric())
    assert snapshot(getMetric()) == before


def test_point_says_what_it_is() -> None:
    """A kind by what its number means over time; a counter also says who keeps the number."""
    counter = getMetric('c', 'counter', count_calls=True)
    counter.runtime(1)
    getMetric('g', 'int').runtime(1)
    getMetric('h', 'histogram', buckets=(1.0,)).runtime(1.0)
    summary = getMetric('s', 'summary', quantiles=(0.5,))
    summary.runtime(1.0, n=1)
    points = [point for point in collect(getMetric()) if isinstance(point, DataPoint)]
    assert [(point.name, point.kind) for point in points] == [
        ('c', Kind.COUNTER),
        ('c.count', Kind.COUNTER),
        ('g', Kind.GAUGE),
        *[('h', Kind.BUCKET)] * 2,
        ('h.sum', Kind.COUNTER),
        ('h.count', Kind.COUNTER),
        ('s', Kind.QUANTILE),
        ('s.count', Kind.COUNTER),
        ('s.sum', Kind.COUNTER),
        ('s.total', Kind.QUANTILE),
        ('s.count', Kind.COUNTER),
        ('s.sum', Kind.COUNTER),
    ]
    rebased = without_discards(distributions(Delta(read(getMetric()), {})))
    assert [(point.name, point.kind, getattr(point, 'source', None)) for point in rebased] == [
        ('c', Kind.COUNTER, counter),
        ('c.count', Kind.COUNTER, (counter, 'calls')),
        ('g', Kind.GAUGE, None),
        ('h', Kind.DISTRIBUTION, None),
        ('s', Kind.DISTRIBUTION, None),
        ('s.total', Kind.DISTRIBUTION, None),
    ]


class _Hostile:
    """An observation that can be neither compared nor counted."""

    def __lt__(self, other: object) -> bool:
        raise SystemExit(1)

    __gt__ = __lt__

    def __hash__(self) -> int:
        raise SystemExit(1)


def test_odd_observation_costs_its_metric_alone() -> None:
    """Whatever is tolerated is, in both temporalities; and in the next cycle nothing is lost of what was before."""
    summary, counter = getMetric('s', 'summary'), getMetric('c', 'counter')
    observer = Observer()
    summary.runtime(1.0)
    counter.runtime(1)
    observer.cycle()
    summary.tot_calls += 1
    summary.calls_queue.appendleft(_Hostile())
    counter.runtime(2)

    delta = Delta(read(getMetric()), observer.baseline, TOLERANT)
    for found, value in ((list(distributions(delta)), 2), (list(collect(getMetric(), TOLERANT)), 3)):
        (lost,) = (each for each in found if isinstance(each, Discarded))
        assert (lost.data.name, lost.reason, type(lost.error)) == ('s', Reason.RAISED, SystemExit)
        assert [each.value for each in without_discards(found)] == [value]
    for intolerant in (Delta(read(getMetric()), {}), collect(getMetric())):
        with pytest.raises(SystemExit):
            list(intolerant)

    observer.baseline = delta.baseline
    summary.calls_queue.popleft()
    summary.calls_queue.appendleft(5.0)
    assert observer.cycle()['s', NO_LABELS] == Distribution((5.0,), (1,))


def test_counter_that_raises_once_counts_its_calls_on() -> None:
    """All that is kept of a counter is kept where it cannot be read: its value, and how often it was recorded."""
    counter = getMetric('c', 'counter', count_calls=True)
    observer = Observer()
    counter.runtime(5)
    observer.cycle()
    calls = counter.calls
    del counter.calls
    (raised,) = delta = Delta(read(getMetric()), observer.baseline)
    assert isinstance(raised, Discarded)
    observer.baseline = delta.baseline
    counter.calls = calls
    counter.runtime(2)
    assert observer.cycle() == {('c', NO_LABELS): 2, ('c.count', NO_LABELS): 1}


def test_metric_that_raises_once_goes_on_from_where_it_was() -> None:
    """A metric that could not be read in one cycle has lost nothing in the next."""
    summary = getMetric('s', 'summary')
    counter: CounterMetric = getMetric('c', 'counter')
    observer = Observer()
    summary.runtime(1.0)
    counter.runtime(1)
    observer.cycle()
    queue, summary.calls_queue = summary.calls_queue, None
    counter.runtime(2)
    delta = Delta(read(getMetric()), observer.baseline)
    raised, increase = list(delta)
    assert isinstance(raised, Discarded)
    assert isinstance(increase, CounterReading)
    assert (raised.reason, increase.value) == (Reason.RAISED, 2)
    observer.baseline = delta.baseline
    summary.calls_queue = queue
    summary.runtime(5.0)
    assert observer.cycle()['s', NO_LABELS] == Distribution((5.0,), (1,))


def test_metric_that_cannot_be_expanded_once_goes_on_from_where_it_was() -> None:
    """An increase that could be read, and of which no point could be made, is part of the next one."""
    histogram = getMetric('h', 'histogram', buckets=(1.0,))
    observer = Observer()
    for bounds in ([Decimal(1)], [1.0]):
        histogram.runtime(0.5)
        histogram.bucket_limits = bounds
        found = observer.cycle()
    (lost,) = observer.discarded
    assert (lost.data.name, lost.reason) == ('h', Reason.RAISED)
    assert sum(found['h', NO_LABELS].counts) == 2


def test_total_whose_children_raise_has_nothing_made_up() -> None:
    """A labelled summary's total has none of the observations of a summary that came before it in the tree."""
    before, labelled = getMetric('a', 'summary'), getMetric('b', 'summary')
    labelled.runtime(1.0, n=1)
    observer = Observer()
    observer.cycle()
    before.runtime(7.0)
    labelled.runtime(2.0, n=1)
    labelled.children[0].calls_queue = None
    found = without_discards(distributions(Delta(read(getMetric()), observer.baseline)))
    assert [(point.name, point.value) for point in found] == [
        ('a', Distribution((7.0,), (1,))),
        ('b.total', Distribution((2.0,), (1,))),
    ]


def test_value_of_a_discard_is_satellas() -> None:
    """What cannot be read is reported as satella's own data, without a value."""
    getMetric('s', 'summary').calls_queue = None
    (discarded,) = Delta(read(getMetric()), {})
    assert isinstance(discarded, Discarded)
    assert isinstance(discarded.data, MetricData)
    assert (discarded.data.name, discarded.data.value) == ('s', None)


def test_collecting_tolerates_what_it_is_told_to() -> None:
    """What a metric may raise at its own cost is the caller's choice, for reading as for what comes after."""

    def leave() -> float:
        raise SystemExit(1)

    getMetric('c', 'callable').callable = leave
    (discarded,) = collect(getMetric(), TOLERANT)
    assert isinstance(discarded, Discarded)
    assert isinstance(discarded.error, SystemExit)
    with pytest.raises(SystemExit):
        list(collect(getMetric()))


@half
@given(trees(STATEFUL, internal=False))
def test_metric_that_raises_keeps_all_its_numbers(tree: Tree) -> None:
    """Of a metric that could not be read all numbers that it had passed on are kept, whichever they are."""
    build(tree)
    before = note(getMetric())
    missed = [Discarded(MetricData('m', None), Reason.RAISED, None, each) for each in set(map(keeper, before))]
    delta = Delta(missed, before)
    assert list(delta) == missed
    assert delta.baseline == before


def test_number_of_any_name_goes_on_from_where_it_was() -> None:
    """A metric may keep more than one number that grows, by whatever name it has."""
    one, gone = getMetric('a', 'counter'), getMetric('b', 'counter')
    getMetric().children.remove(gone)
    before = {one: 1, (one, 'failed'): 2, gone: 3, (gone, 'failed'): 4}
    delta = Delta([Discarded(MetricData('a', None), Reason.RAISED, None, one)], before)
    list(delta)
    assert delta.baseline == {one: 1, (one, 'failed'): 2}


def test_numbers_of_several_trees_go_on_from_where_they_were() -> None:
    """Without a root, a metric that was not met is looked for in the tree that it was made in."""
    root = Metric('other', None)
    one, other, gone = getMetric('a', 'counter'), CounterMetric('b', root), CounterMetric('c', root)
    root.append_child(other)
    delta = Delta([], {one: 1, other: 2, gone: 3})
    list(delta)
    assert delta.baseline == {one: 1, other: 2}


def test_noting_passes_over_what_cannot_be_read() -> None:
    """A series that cannot be read costs itself alone in the baseline of a tree."""
    counter = getMetric('c', 'counter')
    for label in 'abc':
        counter.runtime(1, label=label)
    first, broken, last = counter.children
    del broken.value
    assert note(getMetric()) == {counter: 3, first: 1, last: 1}


@half
@given(trees(internal=False))
def test_whoever_keeps_numbers_is_known_to(tree: Tree) -> None:
    """Every class that gives a source is one of those that are read at a fork."""
    for point in read(build(tree)):
        source = getattr(point, 'source', None)
        assert source is None or type(keeper(source)) in GROWING

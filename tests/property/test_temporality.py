"""Delta: whatever was recorded, and however it is cut into cycles, the increases add up to it.

A history is a list of cycles, each a list of recordings with a few metrics. The model beside it is the plain list of
values that were recorded, by metric and labels.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from property.test_buckets import counted
from property.trees import Constant, Recording, Spec, Tree, build, frozen, leaves, snapshot, trees
from property.trees import record as record_again
from satella.instrumentation.metrics import LabeledMetric, MetricData, MetricDataCollection, getMetric
from satella.instrumentation.metrics.metric_types import CounterMetric, LeafMetric

from aws_satella.pure import (
    Baseline,
    DataPoint,
    Delta,
    Discarded,
    Distribution,
    Kind,
    Plan,
    Reason,
    collect,
    note,
    read,
)
from aws_satella.pure.datapoints import STATEFUL as STATEFUL_CLASSES
from aws_satella.pure.datapoints import keeper
from aws_satella.pure.temporality import scale

Labels = frozenset[tuple[str, object]]
NO_LABELS: Labels = frozenset()
Series = tuple[str, Labels]


@dataclass(frozen=True)
class Recorded:
    """One recording with the metric of that number."""

    metric: int
    value: Any
    labels: Mapping[str, object]


@dataclass(frozen=True)
class History:
    """Metrics of one type, and what was recorded with them in each cycle."""

    kind: str
    options: tuple[Mapping[str, Any], ...]
    cycles: tuple[tuple[Recorded, ...], ...]

    def build(self) -> list[Any]:
        """Its metrics, in a new tree."""
        build(Tree(()))
        return [getMetric(f'm{index}', self.kind, **options) for index, options in enumerate(self.options)]


whole = st.one_of(st.integers(-5, 20), st.integers(-(10**30), 10**30))
real = st.one_of(
    st.floats(-1e3, 1e3, allow_subnormal=False), st.sampled_from((0.1, 0.3, 1.0, 5.0, 0.0, -0.5, 2, 7, 0.5))
)
few_labels = st.sampled_from(({}, {}, {'a': 1}, {'a': 2}, {'b': 'x', 'a': 1}))


@st.composite
def histories(
    draw: st.DrawFn, kind: str, options: Mapping[str, st.SearchStrategy[Any]], values: st.SearchStrategy[Any]
) -> History:
    """A few metrics, a few cycles; many recordings in a cycle are as likely as none."""
    metrics = draw(st.lists(st.fixed_dictionaries({}, optional=dict(options)), min_size=1, max_size=3))
    labels = few_labels if draw(st.booleans()) else st.just({})
    one = st.builds(Recorded, st.integers(0, len(metrics) - 1), values, labels)
    cycles = draw(st.lists(st.lists(one, max_size=9).map(tuple), min_size=1, max_size=5))
    return History(kind, tuple(metrics), tuple(cycles))


class Observer:
    """Cycle after cycle, what delta gives for the tree."""

    def __init__(self, baseline: Baseline | None = None) -> None:
        self.baseline: Baseline = baseline or {}
        self.discarded: list[Discarded] = []

    def cycle(self) -> dict[Series, Any]:
        """Series → value of one cycle; each series once."""
        root = getMetric()
        before = snapshot(root)
        delta = Delta(read(root), self.baseline)
        listed = list(delta)
        old, self.baseline = self.baseline, delta.baseline
        assert delta.baseline == Delta.baseline.fget(delta)  # type: ignore[attr-defined]
        assert snapshot(root) == before
        again = list(Delta(read(root), old))
        assert [each for each in listed if isinstance(each, DataPoint)] == [
            each for each in again if isinstance(each, DataPoint)
        ]
        self.discarded += [each for each in listed if isinstance(each, Discarded)]
        points = [each for each in listed if isinstance(each, DataPoint)]
        found = {(point.name, frozenset(point.labels.items())): point.value for point in points}
        assert len(found) == len(points)
        return found


def record(metrics: list[Any], cycle: Iterable[Recorded]) -> None:
    for each in cycle:
        metrics[each.metric].runtime(each.value, **each.labels)


def by_series(cycle: Iterable[Recorded]) -> dict[tuple[int, Labels], list[Any]]:
    """What was recorded, by metric and labels."""
    values: dict[tuple[int, Labels], list[Any]] = defaultdict(list)
    for each in cycle:
        values[each.metric, frozenset(each.labels.items())].append(each.value)
    return values


def labelled_by(history: History, cycle: int) -> set[int]:
    """The metrics that were recorded with labels up to the end of this cycle."""
    return {each.metric for part in history.cycles[: cycle + 1] for each in part if each.labels}


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
def test_the_increases_of_a_counter_add_up(history: History) -> None:
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


@given(histories('counter', {}, real))
def test_the_increases_of_fractions_add_up(history: History) -> None:
    """Fractions add up to the true totals but for rounding."""
    totals = totals_of(history, Observer())
    for (metric, labels), values in by_series(each for cycle in history.cycles for each in cycle).items():
        if labels:
            size = math.fsum(map(abs, values))
            assert totals[f'm{metric}', labels] == pytest.approx(math.fsum(values), abs=1e-9 * size + 1e-12)


def test_an_idle_counter_says_zero() -> None:
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
def test_a_counter_that_holds_no_number_says_so(value: Any) -> None:
    """What cannot be subtracted passes through, for the shaping to discard; it does not stop the others."""
    odd, other = getMetric('odd', 'counter'), getMetric('other', 'counter')
    observer = Observer()
    odd.value = value
    for _ in range(3):
        other.runtime(1)
        found = observer.cycle()
        assert found['odd', NO_LABELS] is value
        assert found['other', NO_LABELS] == 1
        odd.value = value


class _Stubborn:
    """A number that does not let itself be subtracted from."""

    def __sub__(self, other: object) -> object:
        raise ArithmeticError('no')


def test_a_counter_whose_arithmetic_fails_costs_itself_alone() -> None:
    """Whatever subtraction raises (infinite decimals do) concerns one counter."""
    getMetric('odd', 'counter').value = _Stubborn()
    getMetric('other', 'counter').runtime(1)
    found = Observer().cycle()
    assert found['other', NO_LABELS] == 1
    items = list(Plan('N').sized(DataPoint(name, value, dict(labels)) for (name, labels), value in found.items()))
    assert [isinstance(item, Discarded) for item in items] == [True, False]


# --- histograms

histogram_options = {
    'buckets': st.sampled_from(((), (1,), (0.1, 0.5, 1.0, 5.0), (0, 2.5), (1.0, math.inf))),
    'aggregate_children': st.booleans(),
}
DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


def check_histogram(observed: Distribution, values: list[Any], limits: tuple[float, ...], size: float) -> None:
    """Number, buckets and sum of what is given out are those of what was recorded."""
    weights = dict(zip(observed.values, observed.counts, strict=True))
    assert len(weights) == len(observed.values)
    assert sum(observed.counts) == len(values)
    assert counted(limits, weights) == counted(limits, values)
    given_out = math.fsum(value * count for value, count in weights.items())
    assert given_out == pytest.approx(math.fsum(values), abs=1e-9 * size)


@given(histories('histogram', histogram_options, real))
@example(History('histogram', ({'buckets': ()},), ((Recorded(0, -0.5, {}), Recorded(0, 2, {})),)))
@example(History('histogram', ({'buckets': (1.0, math.inf)},), ((Recorded(0, 7, {}), Recorded(0, 0.5, {})),)))
def test_a_histogram_gives_what_was_observed(history: History) -> None:
    """In each cycle: the number of observations exactly, every value in its bucket, the sum but for rounding."""
    observer = Observer()
    metrics = history.build()
    recorded: dict[int, float] = defaultdict(float)
    for number, cycle in enumerate(history.cycles):
        record(metrics, cycle)
        found = observer.cycle()
        values = by_series(cycle)
        labelled = labelled_by(history, number)
        expected: dict[Series, list[Any]] = {
            (f'm{metric}', labels): each for (metric, labels), each in values.items() if labels
        }
        for metric, options in enumerate(history.options):
            recorded[metric] += math.fsum(abs(each.value) for each in cycle if each.metric == metric)
            all_values = [each.value for each in cycle if each.metric == metric]
            if metric not in labelled:
                expected[f'm{metric}', NO_LABELS] = all_values
            elif options.get('aggregate_children', True):
                expected[f'm{metric}.total', NO_LABELS] = all_values
        for series, observed in found.items():
            metric = int(series[0].removesuffix('.total')[1:])
            limits = history.options[metric].get('buckets', DEFAULT_BUCKETS)
            check_histogram(observed, expected.pop(series, []), tuple(limits), recorded[metric] + 1e-6)
        assert not expected
    assert not observer.discarded


@pytest.mark.parametrize('odd', [math.nan, math.inf, -math.inf])
def test_a_sum_that_is_lost_is_reported_once(odd: float) -> None:
    """Once a histogram's sum is not finite it says nothing any more; the numbers go on, and it is reported once."""
    histogram = getMetric('h', 'histogram', buckets=(1.0, 10.0), labels={'host': 'a'})
    labels: Labels = frozenset({('host', 'a')})
    observer = Observer()
    histogram.runtime(0.3)
    observer.cycle()
    histogram.runtime(odd)
    histogram.runtime(4)
    observed = observer.cycle()['h', labels]
    assert dict(zip(observed.values, observed.counts, strict=True))[5.5] == 1
    assert sum(observed.counts) == 2
    assert all(map(math.isfinite, observed.values))
    for _ in range(3):
        histogram.runtime(0.9)
        assert observer.cycle()['h', labels] == Distribution((0.5,), (1,))
    (lost,) = observer.discarded
    assert (lost.reason, lost.data.name, dict(lost.data.labels)) == (Reason.NOT_FINITE, 'h.sum', {'host': 'a'})
    assert not math.isfinite(lost.data.value)


def test_what_is_left_of_a_sum_is_passed_on_later() -> None:
    """What no value inside the buckets could make up in one cycle, those of the next one do."""
    histogram = getMetric('h', 'histogram', buckets=(1.0,))
    observer = Observer()
    histogram.runtime(0.5)
    histogram.sum += 5.0  # of an observation that is under way in another thread
    first = observer.cycle()['h', NO_LABELS]
    assert (first.values, first.counts) == ((math.nextafter(1.0, 0.0),), (1,))
    histogram.count += 1
    histogram.buckets[1] += 1
    second = observer.cycle()['h', NO_LABELS]
    assert second.counts == (1,)
    assert second.values == pytest.approx((4.5,))


def test_a_histogram_that_was_emptied_starts_again() -> None:
    """A program that sets its histogram back gets what it recorded since."""
    histogram = getMetric('h', 'histogram', buckets=(1.0,))
    observer = Observer()
    for _ in range(5):
        histogram.runtime(0.5)
    observer.cycle()
    histogram.buckets, histogram.count, histogram.sum = [0, 0], 0, 0.0
    histogram.runtime(3.0)
    assert observer.cycle()['h', NO_LABELS] == Distribution((3.0,), (1,))


@given(st.lists(real, min_size=1, max_size=20))
def test_an_observation_that_reaches_its_bucket_late_is_counted_once(values: list[float]) -> None:
    """A recording that is interrupted between the count and the bucket is given out in one cycle only."""
    histogram = getMetric('late', 'histogram', buckets=(0.5, 5.0))
    histogram.buckets, histogram.count, histogram.sum = [0, 0, 0], 0, 0.0
    observer = Observer()
    given_out = 0
    for value in values:
        histogram.runtime(value)
        *places, _ = counted((0.5, 5.0), [value])
        histogram.buckets = [now - then for now, then in zip(histogram.buckets, places, strict=True)]
        given_out += sum(observer.cycle()['late', NO_LABELS].counts)
        histogram.buckets = [now + then for now, then in zip(histogram.buckets, places, strict=True)]
        given_out += sum(observer.cycle()['late', NO_LABELS].counts)
    assert given_out == len(values)


# --- summaries

summary_options = {'last_calls': st.integers(1, 6), 'aggregate_children': st.booleans()}


def multiset(observed: Distribution) -> Counter[float]:
    return Counter(dict(zip(observed.values, observed.counts, strict=True)))


def check_summary(observed: Distribution, values: list[Any], window: int) -> None:
    """The observations themselves; where there were more than the window holds, its own in their proportion."""
    found = multiset(observed)
    assert all(isinstance(count, int) and count > 0 for count in observed.counts)
    assert sum(observed.counts) == len(values)
    if len(values) <= window:
        assert found == Counter(values)
        return
    kept = Counter(values[-window:])
    assert set(found) <= set(kept)
    for value, count in kept.items():
        assert abs(found[value] - count * len(values) / window) < 1


def test_a_call_that_is_not_in_the_window_yet_is_the_next_cycles() -> None:
    """A recording that is interrupted between the count and the window is given out with its value, and once."""
    summary = getMetric('s', 'summary', labels={'host': 'a'})
    series: Series = ('s', frozenset({('host', 'a')}))
    observer = Observer()
    summary.tot_calls, summary.tot_time = 1, 3.0
    for _ in range(2):
        (point,) = Delta(read(getMetric()), observer.baseline)
        assert isinstance(point, DataPoint)
        assert point.kind is Kind.DISTRIBUTION
        assert observer.cycle() == {series: Distribution((), ())}
    summary.calls_queue.appendleft(3.0)
    assert observer.cycle() == {series: Distribution((3.0,), (1,))}
    assert observer.cycle() == {series: Distribution((), ())}


def test_a_total_is_that_of_its_children() -> None:
    """Observations that had labels keep their values in the total, whatever came before and after in the tree."""
    for name in ('a', 'b'):
        getMetric(name, 'summary').runtime(1.0, n=1)
        getMetric(name, 'summary').runtime(2.0, n=2)
        getMetric(name, 'summary').runtime(2.0)
        getMetric(f'{name}_plain', 'summary').runtime(7.0)
    found = Observer().cycle()
    for name in ('a', 'b'):
        assert multiset(found[f'{name}.total', NO_LABELS]) == {1.0: 1, 2.0: 2}


@given(st.sampled_from(('summary', 'quantile')).flatmap(lambda kind: histories(kind, summary_options, real)))
@example(History('summary', ({}, {}), ((Recorded(0, 1.0, {}), Recorded(1, 2.0, {'a': 1})), (Recorded(0, 3.0, {}),))))
def test_a_summary_gives_what_was_observed(history: History) -> None:
    """In each cycle: the raw observations that came; where the window lost some, as many, in proportion."""
    observer = Observer()
    metrics = history.build()
    for number, cycle in enumerate(history.cycles):
        record(metrics, cycle)
        found = observer.cycle()
        values = by_series(cycle)
        labelled = labelled_by(history, number)
        for metric, options in enumerate(history.options):
            window = options.get('last_calls', 100)
            mine = {labels: each for (index, labels), each in values.items() if index == metric}
            all_values = [each.value for each in cycle if each.metric == metric]
            for labels, each in mine.items():
                if labels:
                    check_summary(found.pop((f'm{metric}', labels)), each, window)
            if metric not in labelled:
                check_summary(found.pop((f'm{metric}', NO_LABELS)), all_values, window)
            elif options.get('aggregate_children', True):
                total = found.pop((f'm{metric}.total', NO_LABELS))
                assert sum(total.counts) == len(all_values)
                if all(len(each) <= window for labels, each in mine.items() if labels):
                    check_total(total, mine)
        assert all(observed == Distribution((), ()) for observed in found.values())
    assert not observer.discarded


def check_total(total: Distribution, values: Mapping[Labels, list[Any]]) -> None:
    """All that had labels as it is, and the rest by its mean."""
    expected = Counter(value for labels, each in values.items() if labels for value in each)
    without = values.get(NO_LABELS, [])
    if not without:
        assert multiset(total) == expected
    size = math.fsum(abs(value) for each in values.values() for value in each)
    given_out = math.fsum(value * count for value, count in zip(total.values, total.counts, strict=True))
    assert given_out == pytest.approx(math.fsum(v for each in values.values() for v in each), abs=1e-9 * size + 1e-9)


def _points(found: Iterable[DataPoint | Discarded]) -> list[str]:
    return sorted(repr(point) for point in found if isinstance(point, DataPoint))


@given(histories('summary', {'last_calls': st.integers(1, 6), 'aggregate_children': st.booleans()}, real))
def test_a_summary_that_does_not_count_passes_through(history: History) -> None:
    """With ``count_calls=False`` nobody knows what is new: its quantiles are given as they are."""
    history = History('summary', tuple({**each, 'count_calls': False} for each in history.options), history.cycles)
    metrics = history.build()
    baseline: Baseline = {}
    for cycle in history.cycles:
        record(metrics, cycle)
        delta = Delta(read(getMetric()), baseline)
        assert _points(delta) == _points(collect(getMetric()))
        baseline = delta.baseline
        assert not baseline


def test_a_summary_that_was_emptied_starts_again() -> None:
    """A program that sets its summary back gets what it recorded since."""
    summary = getMetric('s', 'summary')
    observer = Observer()
    for _ in range(5):
        summary.runtime(0.5)
    observer.cycle()
    summary.calls_queue.clear()
    summary.tot_calls = summary.tot_time = 0
    summary.runtime(3.0)
    assert observer.cycle()['s', NO_LABELS] == Distribution((3.0,), (1,))


@given(
    st.dictionaries(st.floats(-100, 100), st.integers(1, 1000), max_size=8),
    st.integers(0, 10**6),
)
def test_scaling_is_by_largest_remainder(counts: dict[float, int], total: int) -> None:
    """Scaled counts are whole, add up exactly, and are each within one of their share."""
    have = sum(counts.values())
    scaled = multiset(scale(counts, total))
    if not have or not total:
        assert not scaled
        return
    assert sum(scaled.values()) == total
    assert set(scaled) <= set(counts)
    for value, count in counts.items():
        assert abs(scaled[value] * have - count * total) < have


@pytest.mark.parametrize(
    ('counts', 'total', 'expected'),
    [
        ({1.0: 1, 2.0: 5}, 4, {1.0: 1, 2.0: 3}),
        ({1.0: 5, 2.0: 1}, 4, {1.0: 3, 2.0: 1}),
        ({1.0: 2, 2.0: 1}, 1, {1.0: 1}),
    ],
)
def test_the_largest_remainders_are_rounded_up(
    counts: dict[float, int], total: int, expected: dict[float, int]
) -> None:
    """Whatever the values are; a single observation is one too."""
    assert multiset(scale(counts, total)) == expected


# --- all together

STATEFUL = ('counter', 'histogram', 'summary', 'quantile')


@given(trees())
def test_gauges_pass_through(tree: Tree) -> None:
    """What has no baseline is the same in both temporalities."""
    root = build(tree)
    with frozen():
        expected = _points(point for point in collect(root) if point.kind is Kind.GAUGE)  # type: ignore[union-attr]
        for _ in range(2):
            found = list(Delta(read(root), {}))
            assert _points(p for p in found if isinstance(p, DataPoint) and p.kind is Kind.GAUGE) == expected


@given(trees(internal=False))
def test_there_are_no_buckets_and_quantiles(tree: Tree) -> None:
    """A histogram or a summary is one series, without the dimensions that tell buckets and quantiles apart."""
    root = build(tree)
    with frozen():
        points = [point for point in Delta(read(root), {}) if isinstance(point, DataPoint)]
    guessing = {leaf.get_fully_qualified_name() for leaf in leaves(root) if not getattr(leaf, 'count_calls', True)}
    for point in points:
        assert not {'le', 'ge'} & set(point.labels)
        if 'quantile' in point.labels:
            assert point.name.removesuffix('.total') in guessing
        assert point.kind is not Kind.BUCKET


@given(trees())
def test_what_does_not_happen_gives_nothing(tree: Tree) -> None:
    """In an idle cycle counters give 0, and histograms and summaries no datum at all."""
    root = build(tree)
    with frozen():
        first = Delta(read(root), {})
        names = [point.name for point in first if isinstance(point, DataPoint)]
        second = Delta(read(root), first.baseline)
        points = [point for point in second if isinstance(point, DataPoint)]
    assert [point.name for point in points] == names
    for point in points:
        if point.kind is Kind.COUNTER:
            assert point.value == 0
        elif point.kind is Kind.DISTRIBUTION:
            assert point.value == Distribution((), ())
    sent = [item for item in Plan('N').sized(points) if not isinstance(item, Discarded)]
    assert len(sent) == sum(point.kind is not Kind.DISTRIBUTION for point in points)


@given(trees())
def test_the_baseline_is_that_of_the_live_series(tree: Tree) -> None:
    """It holds the series that there are, and none that went away."""
    root = build(tree)
    with frozen():
        first = Delta(read(root), {})
        points = list(first)
    stateful = [p for p in points if isinstance(p, DataPoint) and p.kind in (Kind.COUNTER, Kind.DISTRIBUTION)]
    assert len(first.baseline) <= len(stateful) + len(list(leaves(root)))
    live = {id(each) for leaf in leaves(root) for each in (leaf, *leaf.children)}
    assert {id(keeper(key)) for key in first.baseline} <= live
    getMetric().reset()
    getMetric('only', 'counter').runtime(3)
    second = Delta(read(getMetric()), first.baseline)
    assert [point.value for point in second if isinstance(point, DataPoint)] == [3]
    assert list(second.baseline.values()) == [3]


@given(histories('counter', {}, whole), st.integers(0, 4))
def test_a_series_that_comes_back_starts_at_its_own_value(history: History, reset: int) -> None:
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


@given(trees(STATEFUL, internal=False), st.integers(0, 30))
def test_a_reading_that_breaks_off_loses_nothing_and_repeats_nothing(tree: Tree, taken: int) -> None:
    """What was given out before a cycle broke off is passed on; what was not is the next cycle's."""
    root = build(tree)
    baseline = Delta_of(root)
    for spec in tree.specs:
        record_again(getMetric(spec.name, spec.kind), spec.recordings)
    whole_reading = [point for point in Delta(read(root), baseline) if isinstance(point, DataPoint)]
    broken = Delta(read(root), baseline)
    given_out = list(islice(broken, taken))
    rest = [point for point in Delta(read(root), broken.baseline) if isinstance(point, DataPoint)]
    amounts: Counter[str] = Counter()
    for point in (*given_out, *rest):
        assert isinstance(point, DataPoint)
        amounts[repr((point.name, sorted(map(repr, point.labels.items()))))] += _amount(point)
    for point in whole_reading:
        expected = _amount(point)
        found = amounts[repr((point.name, sorted(map(repr, point.labels.items()))))]
        if point.kind is not Kind.QUANTILE and not point.name.endswith('.total'):
            assert found == pytest.approx(expected)


def _amount(point: DataPoint) -> Any:
    return sum(point.value.counts) if isinstance(point.value, Distribution) else point.value


class _Asked(LeafMetric):  # type: ignore[misc]
    """A metric of a program's that says when it is asked."""

    def __init__(self, name: str, root: Any, asked: list[str]) -> None:
        super().__init__(name, root)
        self.asked = asked

    def to_metric_data(self) -> Any:
        self.asked.append(self.name)
        return MetricDataCollection()


@given(trees(STATEFUL, internal=False), st.lists(st.integers(1, 5), max_size=4))
def test_what_was_noted_is_not_given_out(tree: Tree, later: list[int]) -> None:
    """After noting a tree only what comes later is an increase."""
    root = build(tree)
    baseline = note(root)
    assert baseline.keys() == Delta_of(root).keys()
    points = []
    for point in Delta(read(root), baseline):
        assert isinstance(point, DataPoint)
        points.append(point)
    assert all(_amount(point) == 0 for point in points if point.kind in (Kind.COUNTER, Kind.DISTRIBUTION))
    counter = getMetric('noted.after', 'counter')
    for value in later:
        counter.runtime(value)
    increases = [p for p in Delta(read(getMetric()), baseline) if isinstance(p, DataPoint) and p.name == 'noted.after']
    assert [point.value for point in increases] == [sum(later)]


def test_what_comes_after_the_note_has_its_own_values() -> None:
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


def Delta_of(root: Any) -> Baseline:  # noqa: N802  # it stands beside the class
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
    getMetric().append_child(_Asked('own', getMetric(), asked))
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


def test_many_values_take_several_data() -> None:
    """More than 150 distinct values in a cycle go into more than one datum, none of them lost."""
    summary = getMetric('s', 'summary', last_calls=400)
    for value in range(400):
        summary.runtime(value)
    data = [item[0] for item in Plan('N').sized(Delta(read(getMetric()), {})) if not isinstance(item, Discarded)]
    assert [len(datum['Values']) for datum in data] == [150, 150, 100]
    assert sorted(value for datum in data for value in datum['Values']) == list(range(400))


def test_each_point_says_what_it_is() -> None:
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
    points = [point for point in Delta(read(getMetric()), {}) if isinstance(point, DataPoint)]
    assert [(point.name, point.kind, point.source) for point in points] == [
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


def test_an_odd_observation_costs_its_metric_alone() -> None:
    """Whatever is tolerated is, in both temporalities; and in the next cycle nothing is lost of what was before."""
    summary, counter = getMetric('s', 'summary'), getMetric('c', 'counter')
    observer = Observer()
    summary.runtime(1.0)
    counter.runtime(1)
    observer.cycle()
    summary.tot_calls += 1
    summary.calls_queue.appendleft(_Hostile())
    counter.runtime(2)

    delta = Delta(read(getMetric()), observer.baseline, BaseException)
    for found, value in ((list(delta), 2), (list(collect(getMetric(), BaseException)), 3)):
        (lost,) = (each for each in found if isinstance(each, Discarded))
        assert (lost.data.name, lost.reason, type(lost.error)) == ('s', Reason.RAISED, SystemExit)
        assert [each.value for each in found if isinstance(each, DataPoint)] == [value]
    for intolerant in (Delta(read(getMetric()), {}), collect(getMetric())):
        with pytest.raises(SystemExit):
            list(intolerant)

    observer.baseline = delta.baseline
    summary.calls_queue.popleft()
    summary.calls_queue.appendleft(5.0)
    assert observer.cycle()['s', NO_LABELS] == Distribution((5.0,), (1,))


def test_a_counter_that_raises_once_counts_its_calls_on() -> None:
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


def test_one_that_raises_once_goes_on_from_where_it_was() -> None:
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
    assert (raised.reason, increase.value) == (Reason.RAISED, 2)  # type: ignore[union-attr]
    observer.baseline = delta.baseline
    summary.calls_queue = queue
    summary.runtime(5.0)
    assert observer.cycle()['s', NO_LABELS] == Distribution((5.0,), (1,))


def test_of_a_total_whose_children_raise_nothing_is_made_up() -> None:
    """A labelled summary's total has none of the observations of a summary that came before it in the tree."""
    before, labelled = getMetric('a', 'summary'), getMetric('b', 'summary')
    labelled.runtime(1.0, n=1)
    observer = Observer()
    observer.cycle()
    before.runtime(7.0)
    labelled.runtime(2.0, n=1)
    labelled.children[0].calls_queue = None
    found = [point for point in Delta(read(getMetric()), observer.baseline) if isinstance(point, DataPoint)]
    assert [(point.name, point.value) for point in found] == [
        ('a', Distribution((7.0,), (1,))),
        ('b.total', Distribution((2.0,), (1,))),
    ]


def test_the_value_of_a_discard_is_satellas() -> None:
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
    (discarded,) = collect(getMetric(), BaseException)
    assert isinstance(discarded, Discarded)
    assert isinstance(discarded.error, SystemExit)
    with pytest.raises(SystemExit):
        list(collect(getMetric()))


@given(trees(STATEFUL, internal=False))
def test_whatever_raises_goes_on_from_where_it_was(tree: Tree) -> None:
    """Of a metric that could not be read all numbers that it had passed on are kept, whichever they are."""
    build(tree)
    before = note(getMetric())
    missed = [Discarded(MetricData('m', None), Reason.RAISED, None, each) for each in set(map(keeper, before))]
    delta = Delta(missed, before)
    assert list(delta) == missed
    assert delta.baseline == before


def test_a_number_of_any_name_goes_on_from_where_it_was() -> None:
    """A metric may keep more than one number that grows, by whatever name it has."""
    one, other = getMetric('a', 'counter'), getMetric('b', 'counter')
    before = {one: 1, (one, 'failed'): 2, (other, 'failed'): 3}
    delta = Delta([Discarded(MetricData('a', None), Reason.RAISED, None, one)], before)
    list(delta)
    assert delta.baseline == {one: 1, (one, 'failed'): 2}


@given(trees(internal=False))
def test_whoever_keeps_numbers_is_known_to(tree: Tree) -> None:
    """Every class that gives a source is one of those that are read at a fork."""
    for point in read(build(tree)):
        source = getattr(point, 'source', None)
        assert source is None or type(keeper(source)) in STATEFUL_CLASSES

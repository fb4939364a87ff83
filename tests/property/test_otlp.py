"""Encoding points for OTLP: a request says exactly what went in. The official classes are the oracle."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.examples import half
from property.histories import History, by_series, histories, real, record
from property.otlp import Seen, parse, points, texts_of, violations
from property.texts import blank, odd, plain, texts
from property.trees import build, frozen, trees
from property.values import BAD, GOOD, type_of
from satella.instrumentation.metrics import MetricData, getMetric

from aws_satella.pure import (
    CounterReading,
    DataPoint,
    Delta,
    Discarded,
    Distribution,
    Kind,
    Reason,
    Tolerance,
    limits,
    read,
)
from aws_satella.pure.chunks import chunk
from aws_satella.pure.formats import encoding, otlp
from aws_satella.pure.formats.attributes import Attributes
from aws_satella.pure.formats.otlp import Encoder, Item, body, envelope, envelope_bytes, item_bytes, metric_data, size
from aws_satella.pure.formats.otlp_items import added, head_of
from aws_satella.pure.formats.ucum import UCUM
from aws_satella.pure.points import Histogram, Point, Samples, new_counter
from aws_satella.pure.temporality import Baseline, whole

START, TIME = 1_700_000_000, 1_700_000_060
RESOURCE = {'service.name': 'shop', 'process.pid': '7'}
ENVELOPE = envelope('N', RESOURCE, '3.1.0')
TEMPORALITIES = ('cumulative', 'delta')


def encoder(temporality: str = 'cumulative', resource: Mapping[str, object] = RESOURCE, **options: Any) -> Encoder:
    """An encoder for one minute."""
    return Encoder(Attributes(resource), **{'start': START, 'time': TIME, 'temporality': temporality, **options})


def encode(*given: Point | Discarded, **options: Any) -> list[Item | Discarded]:
    """What an encoder makes of these points."""
    return list(encoder(**options).encode(given))


def sent(items: list[Item | Discarded]) -> list[Item]:
    """The items without the discards."""
    return [item for item in items if isinstance(item, Item)]


def seen(items: list[Item | Discarded]) -> list[Seen]:
    """What a receiver sees of one request, which breaks no rule."""
    request = body(ENVELOPE, sent(items))
    assert not violations(request)
    return points(request)


def counter(name: str, value: Any, labels: Mapping[str, object], source: Hashable = None) -> CounterReading:
    """A counter."""
    return new_counter((name, value, labels, source))


def text(value: object) -> str:
    """As it arrives: what has no UTF-8 is escaped."""
    return str(value).encode('utf-8', 'backslashreplace').decode()


# --- names, labels, values, units, times

labels = st.dictionaries(texts(300), st.one_of(texts(1024), st.integers(), st.floats(), st.none()), max_size=5)
numbers = st.one_of(st.integers(-(2**70), 2**70), st.floats(-(2.0**360), 2.0**360))
number_points = st.one_of(
    st.builds(counter, texts(255), numbers, labels),
    st.builds(DataPoint, texts(255), numbers, labels, st.sampled_from((Kind.GAUGE, Kind.QUANTILE, Kind.COUNTER))),
)
units = st.sampled_from(limits.UNITS)


def model(point: Any, temporality: str, unit: str) -> tuple[Any, ...] | Reason:
    """What arrives of a point that is one number."""
    name = text(point.name)
    if blank(name) or len(name) > 255:
        return Reason.BAD_NAME
    attributes = {}
    for label, value in point.labels.items():
        if blank(str(value)):
            continue
        if blank(label):
            return Reason.BAD_DIMENSION_NAME
        if len(text(value)) > 1_024:
            return Reason.BAD_DIMENSION_VALUE
        attributes[text(label)] = text(value)
    sort, start = 'gauge', 0
    if point.kind is Kind.COUNTER:
        sort, start = f'sum {temporality} {"rising" if point.value >= 0 else "any"}', START * 10**9
    return name, unit, sort, attributes, repr(float(point.value)), start, TIME * 10**9


def _arrived(each: Seen) -> tuple[Any, ...]:
    assert each.point.WhichOneof('value') == 'as_double'
    times = each.point.start_time_unix_nano, each.point.time_unix_nano
    return each.name, each.unit, each.sort, each.attributes, repr(each.point.as_double), *times


@half
@given(st.lists(number_points, max_size=6), st.sampled_from(TEMPORALITIES), units)
@example([DataPoint('m', 1, {'a': '\ud800'}), counter('\ud800', -1, {'ą': 'b'})], 'delta', 'Percent')
@example([DataPoint(' ', 1, {}), DataPoint('m', 1, {' ': 'b'}), DataPoint('m', 1, {' ': ' '})], 'delta', 'None')
@example([counter('n' * 255, -0.0, {'a': '\ud800' * 171}), counter('n', 1, {'a': '\ud800' * 170})], 'delta', 'None')
def test_number_arrives_as_it_was_read(given: list[Point], temporality: str, unit: str) -> None:
    """A counter is a Sum, and is not monotonic where it has decreased; all else is a gauge. Names and labels are UTF-8,
    and a blank label is absent."""
    items = encode(*given, temporality=temporality, units={'*': unit})
    expected = [model(point, temporality, UCUM[unit]) for point in given]
    assert [item.reason for item in items if isinstance(item, Discarded)] == [
        each for each in expected if isinstance(each, Reason)
    ]
    if sent(items):
        assert list(map(_arrived, seen(items))) == [each for each in expected if not isinstance(each, Reason)]


@pytest.mark.parametrize('kind', [Kind.GAUGE, Kind.COUNTER])
@pytest.mark.parametrize(('value', 'expected'), GOOD, ids=map(type_of, (value for value, _ in GOOD)))
def test_value_that_is_a_number_is_sent_as_a_float(value: Any, expected: float, kind: Kind) -> None:
    """A number of any type is a float, as Prometheus and CloudWatch have it."""
    (found,) = seen(encode(DataPoint('m', value, {}, kind)))
    assert repr(found.point.as_double) == repr(expected)


@pytest.mark.parametrize(('value', 'reason'), BAD, ids=map(type_of, (value for value, _ in BAD)))
def test_bad_value_costs_itself_alone(value: Any, reason: Reason) -> None:
    """A value that is no number, not finite or out of range is discarded as it was recorded."""
    good = counter('good', 1, {'a': 'b'})
    for bad_point in (counter('bad', value, {'x': 'y'}), DataPoint('bad', value, {'x': 'y'})):
        before, bad, after = encode(good, bad_point, good)
        assert isinstance(bad, Discarded)
        assert (bad.reason, bad.data.name, dict(bad.data.labels)) == (reason, 'bad', {'x': 'y'})
        assert bad.data.value is value
        assert before == after


@given(st.floats(1, 4e9), st.floats(1, 4e9))
@example(START, TIME)
@example(TIME, START)
def test_start_is_never_after_the_time(start: float, time: float) -> None:
    """Start and time are those that were given; where the clock went back, the start is the time."""
    (found,) = points(body(ENVELOPE, sent(encode(counter('m', 1, {}), start=start, time=time))))
    assert abs(found.point.time_unix_nano - time * 1e9) < 1_000
    assert abs(found.point.start_time_unix_nano - min(start, time) * 1e9) < 1_000
    assert found.point.start_time_unix_nano <= found.point.time_unix_nano


def test_whole_seconds_are_exact() -> None:
    """The end of one window is the start of the next, to the nanosecond."""
    for time in (START, float(START), START + 0.5):
        (one,) = seen(encode(counter('m', 1, {}), time=time))
        (other,) = seen(encode(counter('m', 1, {}), start=time))
        assert one.point.time_unix_nano == other.point.start_time_unix_nano == int(time * 2) * 500_000_000


class _Label:
    """A label whose ``str()`` raises."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error


@pytest.mark.parametrize('error', [ValueError('no'), KeyError('no'), SystemExit(1)])
def test_label_that_raises_costs_its_series_alone(error: BaseException) -> None:
    """What a label raises is in a discard, and its metric is told; where it is not tolerated it is passed on."""
    good, told = counter('good', 1, {'a': 'b'}), []
    given = [good, counter('bad', 1, {'a': _Label(error)}), good]
    tolerant = encoder(tolerance=Tolerance(BaseException))
    first, bad, last = tolerant.encode(given, lambda: told.append('bad'))
    assert first == last
    assert isinstance(bad, Discarded)
    assert (bad.reason, bad.error, told) == (Reason.RAISED, error, ['bad'])
    if not isinstance(error, Exception):
        with pytest.raises(type(error)):
            encode(*given)


@pytest.mark.parametrize(
    ('unit', 'reason'), [('Bytes', None), (None, None), ('bytes', Reason.BAD_UNIT), (7, Reason.BAD_UNIT)]
)
def test_callable_gives_units(unit: Any, reason: Reason | None) -> None:
    """What a units callable returns is checked when it comes."""
    (item,) = encode(counter('m', 1, {}), units=lambda _name: unit)
    if reason is None:
        assert seen([item])[0].unit == ('By' if unit else '')
    else:
        assert isinstance(item, Discarded)
        assert item.reason is reason


def test_discard_passes() -> None:
    """What was discarded before comes through as it is."""
    lost = Discarded(MetricData('lost', None), Reason.RAISED)
    assert encode(lost, counter('m', 1, {}))[0] is lost


def test_memory_of_names_and_labels_changes_nothing() -> None:
    """An encoder that has met more names and labels than it remembers gives the same as a new one."""
    given = [
        counter(f'm{n}' if n % 5 else ' ' * n, n, {f'l{n}': str(n), 'same': str(n), 'q': n / 7}) for n in range(2_500)
    ]
    assert len(given) > 2 * encoding.MAX_NAMES
    assert encode(*given, *given) == 2 * [item for point in given for item in encode(point)]


# --- limits


@pytest.mark.parametrize(
    ('number', 'length', 'value', 'reason'),
    [
        (146, 3, 'v', None),
        (147, 3, 'v', Reason.TOO_MANY_LABELS),
        (1, 3, 'v' * 1_024, None),
        (1, 3, 'ą' * 1_024, None),
        (1, 3, 'v' * 1_025, Reason.BAD_DIMENSION_VALUE),
        (38, 27, 'v' * 1_010, None),
        (38, 28, 'v' * 1_010, Reason.LABELS_TOO_LARGE),
        (20, 3, 'ą' * 1_000, Reason.LABELS_TOO_LARGE),
    ],
)
@pytest.mark.parametrize('value_of', [1, Histogram((1.0,), (1, 0), 1, 0.5)], ids=type_of)
def test_labels_that_a_point_may_have(
    number: int, length: int, value: str, reason: Reason | None, value_of: object
) -> None:
    """150 labels, with those of the resource and the scope, of 1,024 characters each and 40,000 bytes in all."""
    resource = {'r' * 6: 'v' * 522, 's': 't'}
    given = {f'{index:0{length}}': value for index in range(number)}
    for one in (given, {**given, next(iter(given)): text(value)}):
        (item,) = encode(DataPoint('m', value_of, one), resource=resource)
        assert (item.reason if isinstance(item, Discarded) else None) is reason
        if isinstance(item, Item):
            assert not violations(body(envelope('N', resource, '3.1.0'), [item]))


@pytest.mark.parametrize(
    ('number', 'value', 'reason'),
    [
        (148, 'v', None),
        (149, 'v', Reason.TOO_MANY_LABELS),
        (36, 'v' * 1_000, None),
        (40, 'v' * 1_000, Reason.LABELS_TOO_LARGE),
    ],
)
@pytest.mark.parametrize('labels', [{}, {'a': ''}], ids=['none', 'blank'])
def test_labels_of_the_resource_alone_may_be_too_many(
    number: int, value: str, reason: Reason | None, labels: Mapping[str, str]
) -> None:
    """A point has them even where it has none of its own."""
    resource = {f'r{index:03}': value for index in range(number)}
    (item,) = encode(counter('m', 1, labels), resource=resource)
    assert (item.reason if isinstance(item, Discarded) else None) is reason
    if isinstance(item, Item):
        assert not violations(body(envelope('N', resource, '3.1.0'), [item]))


def test_point_for_which_no_request_has_room_is_discarded() -> None:
    """A histogram of 70,000 buckets is larger than a request."""
    bounds = tuple(map(float, range(70_000)))
    point = DataPoint('m', Histogram(bounds, (1,) * 70_001, 70_001, 1.0), {}, Kind.HISTOGRAM)
    (item,) = encode(point, max_item_bytes=item_bytes(ENVELOPE, 1))
    assert isinstance(item, Discarded)
    assert item.reason is Reason.TOO_LARGE


# --- histograms

bounds = st.lists(st.floats(-50, 50), max_size=6, unique=True).map(sorted).map(tuple)


@st.composite
def _histograms(draw: st.DrawFn) -> tuple[Histogram, list[float]]:
    """A histogram, and the observations in it; those below 0 or below all bounds are in no bucket of satella."""
    upper = draw(st.one_of(bounds, st.sampled_from(((), (0.0,), (1, 5, 20), (1.0, math.inf), (2.0, 2.0)))))
    observed = draw(st.lists(st.one_of(st.floats(-60, 60), st.sampled_from((*upper, 0.0, 1.0))), max_size=12))
    observed = [value for value in observed if value < math.inf]
    counts = [0] * (len(upper) + 1)
    for value in observed:
        lower = 0.0
        for index, bound in enumerate((*upper, math.inf)):
            counts[index] += lower <= value < bound
            lower = bound
    return Histogram(upper, counts, len(observed), math.fsum(observed)), observed


@given(_histograms(), st.sampled_from(TEMPORALITIES))
def test_histogram_arrives_whole(made: tuple[Histogram, list[float]], temporality: str) -> None:
    """Count and sum are exact. An observation that equals a bound is above it. What was in no bucket is in the
    first."""
    histogram, observed = made
    items = encode(DataPoint('m', histogram, {'a': 'b'}, Kind.HISTOGRAM), temporality=temporality)
    if not observed and temporality == 'delta':
        assert items == []
        return
    (found,) = seen(items)
    point = found.point
    assert (found.sort, found.attributes) == (f'histogram {temporality}', {'a': 'b'})
    assert (point.count, point.sum) == (len(observed), histogram.sum)
    assert not point.HasField('min')
    assert not point.HasField('max')
    upper = list(point.explicit_bounds)
    finite = sorted({float(bound) for bound in histogram.explicit_bounds if bound < math.inf})
    assert upper == [math.nextafter(bound, -math.inf) for bound in finite]
    inside = [value for value in observed if value >= 0 or any(value < bound for bound in finite)]
    if len(inside) == len(observed) and (not finite or finite[0] >= 0):
        places = Counter(sum(bound < value for bound in upper) for value in observed)
        assert list(point.bucket_counts) == [places[index] for index in range(len(upper) + 1)]


def test_histogram_with_more_in_its_buckets_than_were_counted_counts_once() -> None:
    """An observation that an earlier cycle has counted, and that is in its bucket only now, is not counted again."""
    (found,) = seen(encode(DataPoint('m', Histogram((1.0, 2.0), (1, 5, 2), 6, 3.0), {}, Kind.HISTOGRAM)))
    assert list(found.point.bucket_counts) == [1, 3, 2]


@pytest.mark.parametrize('total', [math.nan, math.inf, 2.0**361, None])
def test_histogram_with_a_sum_that_cannot_be_sent(total: float | None) -> None:
    """The buckets are sent without it, and it is discarded. Where an earlier cycle has done so, it is just absent."""
    items = encode(DataPoint('m', Histogram((1.0,), (1, 2), 3, total), {'a': 'b'}, Kind.HISTOGRAM))
    (found,) = seen(items)
    assert (found.point.count, found.point.HasField('sum')) == (3, False)
    discards = [item for item in items if isinstance(item, Discarded)]
    assert [item.data.name for item in discards] == ([] if total is None else ['m.sum'])


# --- samples


@given(
    st.dictionaries(st.one_of(st.floats(-1e9, 1e9), st.integers(-9, 9)), st.integers(1, 9), max_size=9),
    st.floats(-1e9, 1e9),
    st.booleans(),
    st.sampled_from((None, math.nan, 'text')),
)
def test_samples_are_an_exponential_histogram(
    observed: dict[Any, int], total: float, complete: bool, bad: object
) -> None:
    """Count and sum are those of the summary. The least and greatest are known where the window held all. An
    observation that is no number costs itself alone, and the sum is then that of the others, if all are known."""
    given = {**observed, bad: 2} if bad is not None else observed
    if bad is not None:
        total = math.nan
    samples = Samples(tuple(given), tuple(given.values()), total, complete)
    items = encode(DataPoint('m', samples, {'a': 'b'}, Kind.SAMPLES), temporality='delta')
    discards = [item.data.name for item in items if isinstance(item, Discarded)]
    if not observed:
        assert sent(items) == []
        assert discards == (['m'] if bad is not None else [])
        return
    (found,) = seen(items)
    point = found.point
    assert found.sort == 'exponential_histogram delta'
    assert (point.count, point.zero_count) == (sum(observed.values()), observed.get(0, 0))
    assert sum(point.negative.bucket_counts) == sum(count for value, count in observed.items() if value < 0)
    assert (point.HasField('min'), point.HasField('max')) == (complete, complete)
    if complete:
        assert (point.min, point.max) == (min(observed), max(observed))
    if bad is None:
        assert (point.sum, discards) == (total, [])
    elif complete:
        assert point.sum == math.fsum(value * count for value, count in observed.items())
        assert discards == ['m']
    else:
        assert not point.HasField('sum')
        assert discards == ['m', 'm.sum']


@pytest.mark.parametrize(('value', 'reason'), BAD, ids=map(type_of, (value for value, _ in BAD)))
def test_bad_observation_is_discarded_with_its_reason(value: Any, reason: Reason) -> None:
    """An observation is discarded as it was recorded."""
    samples = Samples((1.0, value), (2, 1), 2.0, True)
    bad, *rest = encode(DataPoint('m', samples, {}, Kind.SAMPLES), temporality='delta')[::-1]
    assert isinstance(bad, Discarded)
    assert bad.reason is reason
    assert bad.data.value is value
    assert seen(rest)[0].point.count == 2


# --- cycles


class Receiver:
    """Cycle after cycle, what a receiver sees of the tree in delta."""

    def __init__(self) -> None:
        self.baseline: Baseline = {}
        self.cycles = 0

    def cycle(self) -> list[Seen]:
        """The points of one cycle; each series once, and monotonic sums never decrease."""
        delta = Delta(read(getMetric()), self.baseline)
        times: dict[str, Any] = {'start': START + 60 * self.cycles, 'time': START + 60 * (self.cycles + 1)}
        made = encoder('delta', **times)
        items = made.together([item for item in made.encode(whole(delta)) if isinstance(item, Item)])
        self.baseline = delta.baseline
        self.cycles += 1
        return seen([*items])


def _series(each: Seen) -> tuple[str, frozenset[tuple[str, str]]]:
    return each.series


def _as_text(labels: frozenset[tuple[str, object]]) -> frozenset[tuple[str, str]]:
    return frozenset((name, str(value)) for name, value in labels)


eighths = st.integers(-400, 400).map(lambda number: number / 8)
"""Values that add up without rounding."""


@given(histories('counter', {'count_calls': st.booleans(), 'sum_children': st.booleans()}, eighths))
def test_sums_of_all_cycles_add_up(history: History) -> None:
    """What was recorded with each series is what arrives in all cycles, in monotonic sums and the others together."""
    metrics, receiver = history.build(), Receiver()
    totals: Counter[Any] = Counter()
    for cycle in history.cycles:
        record(metrics, cycle)
        found = receiver.cycle()
        assert len(set(map(_series, found))) == len(found)
        for each in found:
            assert each.sort.startswith('sum delta')
            totals[each.series] += each.point.as_double
    for (metric, labels), values in by_series(each for cycle in history.cycles for each in cycle).items():
        if labels:
            assert totals[f'm{metric}', _as_text(labels)] == sum(values)


bucket_bounds = st.sampled_from(((), (1,), (0.5, 2.25, 20.0), (0, 1.0)))


@given(histories('histogram', {'buckets': bucket_bounds}, eighths.filter(lambda value: value >= -3)))
def test_histograms_of_all_cycles_add_up(history: History) -> None:
    """Each observation is in its bucket, once; count and sum are exact, and nothing is sent beside the histograms."""
    metrics, receiver = history.build(), Receiver()
    observed: dict[Any, list[Any]] = {}
    totals: dict[Any, Counter[float]] = {}
    for cycle in history.cycles:
        record(metrics, cycle)
        for each in receiver.cycle():
            assert each.sort == 'histogram delta'
            upper = (*each.point.explicit_bounds, math.inf)
            total = totals.setdefault(each.series, Counter())
            total.update(dict(zip(upper, each.point.bucket_counts, strict=True)))
            observed.setdefault(each.series, []).append((each.point.count, each.point.sum))
    for (metric, labels), values in by_series(each for cycle in history.cycles for each in cycle).items():
        if labels:
            series = f'm{metric}', _as_text(labels)
            assert sum(count for count, _ in observed[series]) == len(values)
            assert sum(total for _, total in observed[series]) == sum(values)
            # Where the first bound is 0, a bucket has room for 0 and what is below, as satella's first has for nothing.
            places = Counter(min(bound for bound in totals[series] if value <= bound) for value in values)
            assert +totals[series] == places


@half
@given(histories('summary', {'last_calls': st.integers(1, 6)}, real))
def test_summaries_of_all_cycles_add_up(history: History) -> None:
    """Counts and sums are exact, also where observations have left the window. Where all are in it, the least and the
    greatest are there."""
    metrics, receiver = history.build(), Receiver()
    for number, cycle in enumerate(history.cycles):
        record(metrics, cycle)
        found = {each.series: each for each in receiver.cycle()}
        for (metric, labels), values in by_series(cycle).items():
            if labels or not any(each.labels for part in history.cycles[: number + 1] for each in part):
                point = found[f'm{metric}', _as_text(labels)].point
                assert point.count == len(values)
                assert math.isclose(point.sum, sum(values), rel_tol=1e-9, abs_tol=1e-9)
                all_known = len(values) <= history.options[metric].get('last_calls', 100)
                assert point.HasField('min') == all_known
                if all_known:
                    assert (point.min, point.max) == (min(values), max(values))


@pytest.mark.parametrize(
    ('values', 'unlabelled', 'known'),
    [([4.0], (), True), ([4.0, 7.0], (), True), ([4.0, 7.0, 5.0], (), False), ([4.0], (9.0,), False)],
)
def test_total_of_a_summary_knows_what_its_labels_know(
    values: list[float], unlabelled: tuple[float, ...], known: bool
) -> None:
    """The least and the greatest observation of all labels together are there where every window held all that was new,
    and nothing was recorded without labels, which is in no window."""
    getMetric().reset()
    summary = getMetric('s', 'summary', last_calls=2)
    summary.runtime(3.0, a='x')
    for value in values:
        summary.runtime(value, a='y')
    for value in unlabelled:
        summary.runtime(value)
    (total,) = (each.point for each in Receiver().cycle() if each.name == 's.total')
    assert (total.count, total.sum) == (1 + len(values) + len(unlabelled), 3.0 + sum(values) + sum(unlabelled))
    assert (total.HasField('min'), total.HasField('max')) == (known, known)
    if known:
        assert (total.min, total.max) == (3.0, max(values))


@half
@given(trees(), st.sampled_from(TEMPORALITIES))
def test_tree_of_any_kind_arrives(tree: Any, temporality: str) -> None:
    """Every tree of metrics is a request that breaks no rule, with every point that is not discarded, each series once.
    Buckets, sums and counts of histograms are not sent apart."""
    with frozen():
        root = build(tree)
        readings = Delta(read(root), {}) if temporality == 'delta' else read(root)
        given = list(whole(readings))
    made = encoder(temporality)
    items = list(made.encode(given))
    kept = made.together(sent(items))
    found = seen([*kept]) if kept else []
    assert len({(*each.series, each.sort) for each in found}) == len(found)
    assert not any('ge' in each.attributes and 'le' in each.attributes for each in found)
    kinds = {each.sort.split()[0] for each in found}
    assert temporality == 'delta' or 'exponential_histogram' not in kinds
    for each in found:
        data = [point for point in given if not isinstance(point, Discarded) and text(point.name) == each.name]
        assert data


def test_summary_is_gauges_or_a_histogram_by_temporality() -> None:
    """Cumulative: a gauge for each quantile, with ``.count`` and ``.sum``. Delta: one exponential histogram."""
    getMetric().reset()
    getMetric('s', 'summary', quantiles=(0.5,)).runtime(3.0)
    found = seen(encode(*whole(read(getMetric()))))
    assert [(each.name, each.sort, dict(each.attributes)) for each in found] == [
        ('s', 'gauge', {'quantile': '0.5'}),
        ('s.count', 'sum cumulative rising', {}),
        ('s.sum', 'sum cumulative rising', {}),
    ]
    (one,) = Receiver().cycle()
    assert (one.name, one.sort) == ('s', 'exponential_histogram delta')


# --- series that become equal


def _together(*given: Point, temporality: str = 'delta') -> list[Seen]:
    made = encoder(temporality)
    return seen([*made.together(sent(list(made.encode(given))))])


EQUAL = [
    ({'code': '200'}, {'code': 200}),
    ({'code': 200}, {'code': '200'}),
    ({'a': ''}, {}),
    ({}, {'a': ' '}),
    ({'a': 1, 'b': 'x'}, {'b': 'x', 'a': '1'}),
    ({'a': '\ud800'}, {'a': '\\ud800'}),
    ({'a': '\\ud800'}, {'a': '\ud800'}),
    ({1: 'x'}, {'1': 'x'}),
    ({'a': True}, {'a': 'True'}),
]


@pytest.mark.parametrize(('one', 'other'), EQUAL)
def test_series_that_become_equal_are_one(one: Any, other: Any) -> None:
    """Counters, histograms and samples are added up, and of a level the last one is sent, in the place of the first."""
    between = counter('m', 5, {'other': 'x'})
    added, rest = _together(counter('m', 3, one), between, counter('m', 4, other))
    assert (added.point.as_double, added.sort, rest.point.as_double) == (7, 'sum delta rising', 5)
    added, _ = _together(counter('m', 3, one), between, counter('m', -4, other))
    assert (added.point.as_double, added.sort) == (-1, 'sum delta any')
    (added,) = _together(counter('m', -3, one), counter('m', 4, other))
    assert (added.point.as_double, added.sort) == (1, 'sum delta rising')
    (last,) = _together(DataPoint('m', 3, one), DataPoint('m', 4, other))
    assert (last.point.as_double, last.sort) == (4, 'gauge')
    histograms = Histogram((1.0,), (1, 2), 4, 2.5), Histogram((1.0,), (10, 20), 30, 25.0)
    (added,) = _together(
        *(DataPoint('m', *each, Kind.HISTOGRAM) for each in zip(histograms, (one, other), strict=True))
    )
    assert (added.point.count, added.point.sum, list(added.point.bucket_counts)) == (34, 27.5, [12, 22])
    samples = Samples((1.0, -2.0), (1, 2), -3.0, True), Samples((1e9,), (1,), 1e9, True)
    (added,) = _together(*(DataPoint('m', *each, Kind.SAMPLES) for each in zip(samples, (one, other), strict=True)))
    both = Samples((1.0, -2.0, 1e9), (1, 2, 1), 1e9 - 3, True)
    assert added.point == _together(DataPoint('m', both, one, Kind.SAMPLES))[0].point


@pytest.mark.parametrize(('one', 'other'), [('\ud800', '\\ud800'), ('\\ud800', '\ud800'), (7, '7'), ('7', 7)])
def test_names_that_become_equal_are_one(one: Any, other: Any) -> None:
    """Metrics whose names arrive as the same text are one metric, so their equal series are added up."""
    (added,) = _together(counter(one, 3, {'a': 'x'}), counter(other, 4, {'a': 'x'}))
    assert (added.name, added.point.as_double) == (text(one), 7)


written = st.one_of(st.integers(0, 2), st.sampled_from(('0', '1', '', ' ')))
recordings = st.tuples(st.sampled_from(('m', 'n')), eighths, st.dictionaries(st.sampled_from('ab'), written))


@given(st.lists(recordings, max_size=9, unique_by=lambda each: (each[0], repr(sorted(each[2].items())))))
def test_request_has_each_series_once(recorded: list[tuple[str, float, dict[str, Any]]]) -> None:
    """However labels are written, each series is there once, with the sum of its points."""
    found = _together(*(counter(*each) for each in recorded))
    expected: defaultdict[Any, float] = defaultdict(float)
    for name, value, labels in recorded:
        expected[name, frozenset((label, str(each)) for label, each in labels.items() if not blank(str(each)))] += value
    assert {each.series: each.point.as_double for each in found} == expected
    assert len(found) == len(expected)


def test_histograms_with_other_bounds_are_not_added_up() -> None:
    """They stay apart, since no histogram has room for both."""
    one, other = (DataPoint('m', Histogram((bound,), (1, 2), 3, 1.0), {'a': bound}) for bound in (1.0, 2.0))
    assert len(_together(one, other._replace(labels={'a': '1.0'}))) == 2
    with pytest.raises(ValueError, match=r'^histograms with different bounds cannot be added up$'):
        added(*sent(encode(one, other)))


@pytest.mark.parametrize('known', [(False, True), (True, False), (False, False)])
def test_sum_is_known_where_all_parts_of_it_are(known: tuple[bool, bool]) -> None:
    """Histograms and samples of one series, of which one has no sum, have none together. Samples of which some have
    left the window leave the least and the greatest unknown."""
    histograms, samples = [], []
    for label, has_sum in zip((1, '1'), known, strict=True):
        histograms.append(DataPoint('m', Histogram((1.0,), (1, 2), 3, 2.0 if has_sum else None), {'a': label}))
        samples.append(DataPoint('m', Samples((3.0,), (3,), 9.0 if has_sum else math.nan, has_sum), {'a': label}))
    for parts in (histograms, samples):
        (found,) = _together(*parts)
        assert (found.point.count, found.point.HasField('sum'), found.point.HasField('min')) == (6, False, False)


# --- requests

any_points = st.one_of(
    number_points,
    st.builds(
        lambda name, made, labels: DataPoint(name, made[0], labels, Kind.HISTOGRAM), plain, _histograms(), labels
    ),
    st.builds(
        lambda name, value, labels: DataPoint(name, Samples((value, 1.0), (3, 2), 1.0, True), labels, Kind.SAMPLES),
        plain,
        st.floats(-1e9, 1e9),
        labels,
    ),
)
resources = st.dictionaries(plain, st.one_of(odd, st.integers()), max_size=4)


@half
@given(st.lists(any_points, max_size=5), st.sampled_from(TEMPORALITIES), units, resources, st.integers(1, 5))
def test_request_has_no_more_bytes_than_were_counted(
    given: list[Point], temporality: str, unit: str, resource: dict[str, object], times: int
) -> None:
    """The sizes of the items and the envelope bound the body, whatever items are in it, and in whatever order. A body
    without items is the envelope."""
    items = sent(encode(*given, temporality=temporality, units={'*': unit}, resource=resource)) * times
    start = envelope('N', resource, '3.1.0')
    for some in (items, items[::2], sorted(items), []):
        request = body(start, some)
        assert len(request) <= envelope_bytes(start) + sum(map(size, some))
        bodies: list[int] = [len(item) - len(head_of(item)) for item in some]
        assert len(request) >= len(start) + sum(bodies)
        assert item_bytes(start, len(some)) - sum(map(len, some)) <= otlp.MAX_BYTES - len(request)
        assert len(points(request)) == len(some)
        said = parse(request).resource_metrics[0]
        assert texts_of(said.resource.attributes) == {
            name: text(value) for name, value in resource.items() if not blank(str(value))
        }
        scope = said.scope_metrics[0].scope
        assert (scope.name, scope.version) == ('aws-satella', '3.1.0')


def test_largest_points_of_a_counter_have_as_many_bytes_as_were_counted() -> None:
    """Where every point is a metric of its own, and all lengths take three bytes, the bound is exact."""
    items = sent(encode(*(counter(f'm{n}', 1, {f'l{m}': 'v' * 1_000 for m in range(20)}) for n in range(3))))
    assert len(body(ENVELOPE, items)) == envelope_bytes(ENVELOPE) + sum(map(size, items))


def test_requests_are_as_long_as_the_endpoint_takes() -> None:
    """1,000 points, or nearly 1 MB."""
    made = sent(
        encode(*(counter(f'm{index % 2}', index, {'l': 'v' * 1_000, 'n': str(index)}) for index in range(3_000)))
    )
    requests = [body(ENVELOPE, each) for each in chunk(made, 1_000, item_bytes(ENVELOPE, 1_000), len)]
    assert len(requests) == 4
    assert all(not violations(request) for request in requests)
    assert min(map(len, requests[:-1])) > 950_000
    small = sent(encode(*(counter('m', index, {'n': str(index)}) for index in range(3_000))))
    assert [len(each) for each in chunk(small, 1_000, item_bytes(ENVELOPE, 1_000), len)] == [1_000] * 3


def test_points_of_one_metric_that_follow_each_other_share_it() -> None:
    """Name and unit are sent once for each run of points."""
    a, b, c = counter('a', 1, {}), counter('a', 2, {}), counter('b', 1, {})
    request = parse(body(ENVELOPE, sent(encode(a, b, c, a, DataPoint('a', 1, {})))))
    metrics = request.resource_metrics[0].scope_metrics[0].metrics
    assert [(each.name, len((each.sum if each.HasField('sum') else each.gauge).data_points)) for each in metrics] == [
        ('a', 2),
        ('b', 1),
        ('a', 1),
        ('a', 1),
    ]


@pytest.mark.parametrize('number', [1, 500])
def test_request_has_no_more_bytes_than_that_of_the_sdk(number: int) -> None:
    """As many counters, in one request, are no more bytes than in one of the OpenTelemetry SDK."""
    encoding = pytest.importorskip('opentelemetry.exporter.otlp.proto.common.metrics_encoder')
    from opentelemetry.sdk.metrics import MeterProvider  # not installed in every cell of the matrix
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.resources import Resource

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=Resource(RESOURCE))
    instruments = [provider.get_meter('aws-satella', '3.1.0').create_counter(f'shop.m{index}') for index in range(2)]
    mine = []
    for index, instrument in enumerate(instruments):
        for series in range(number):
            labels = {'url': f'/{series}', 'host': 'north'}
            instrument.add(series, labels)
            mine.append(counter(f'shop.m{index}', series, labels))
    theirs = encoding.encode_metrics(reader.get_metrics_data()).SerializeToString()
    provider.shutdown()
    request = body(ENVELOPE, sent(encode(*mine)))
    assert len(points(request)) == 2 * number
    assert len(request) <= len(theirs)


@given(any_points, st.sampled_from(TEMPORALITIES))
def test_item_says_what_its_point_said(point: Any, temporality: str) -> None:
    """satella's form of an item has the name, the labels, the time and the value of the point."""
    for item in sent(encode(point, temporality=temporality)):
        data = metric_data(item)
        (found,) = seen([item])
        assert (data.name, data.timestamp, dict(data.labels)) == (found.name, TIME, found.attributes)
        if isinstance(data.value, float):
            assert repr(data.value) == repr(found.point.as_double)
            continue
        assert (data.value.observations, data.value.sum) == (found.point.count, found.point.sum)
        if isinstance(data.value, Histogram):
            assert data.value.explicit_bounds == tuple(found.point.explicit_bounds)
            assert data.value.bucket_counts == tuple(found.point.bucket_counts)
        else:
            scale, zero_count, *sides = data.value.buckets
            assert (scale, zero_count) == (found.point.scale, found.point.zero_count)
            for side, buckets in zip(sides, (found.point.positive, found.point.negative), strict=True):
                assert side == (buckets.offset, tuple(buckets.bucket_counts))
            assert data.value.extremes == (found.point.min, found.point.max)


def test_items_are_told_apart_by_series_and_metric() -> None:
    """Items of one series are of one identity, in any order of labels. Those of one metric have one name and unit."""
    one, same, other, fallen, named = sent(
        encode(
            counter('m', 1, {'a': 'x', 'b': 'y'}),
            counter('m', 2, {'b': 'y', 'a': 'x'}),
            counter('m', 1, {'a': 'x'}),
            counter('m', -1, {'a': 'x'}),
            counter('n', 1, {'a': 'x'}),
        )
    )
    assert otlp.identity(one) == otlp.identity(same) != otlp.identity(other) == otlp.identity(fallen)
    assert otlp.metric(one) == otlp.metric(other) == otlp.metric(fallen) != otlp.metric(named)


@given(st.lists(any_points, max_size=3))
def test_encoding_is_repeatable(given: list[Point]) -> None:
    """The same points give the same items, and stay as they are."""
    before, once = repr(given), encoder()
    first, second = list(once.encode(given)), list(once.encode(given))
    assert sent(first) == sent(second) == sent(encode(*given))
    assert repr(given) == before


def test_distribution_is_no_point_of_otlp() -> None:
    """The classic form of observations is discarded, not sent as something else."""
    (item,) = encode(DataPoint('m', Distribution((1.0,), (1.0,)), {}, Kind.DISTRIBUTION))
    assert isinstance(item, Discarded)

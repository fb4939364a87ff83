"""Shaping data points: what becomes a datum, what does not, and how large it is when botocore sends it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.cloudwatch import UNITS, body, datum_violations, violations
from property.texts import blank, escaped, odd, plain, texts
from satella.instrumentation.metrics import MetricData

from aws_satella.pure import DataPoint, Discarded, Distribution, Kind, Merger, Reason, Shaper
from aws_satella.pure.datum import Sized, number, unit_of, utc

LIMIT = 2**360


class _Number:
    """Whatever has a ``__float__``."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def __float__(self) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


class _Text(str):
    __slots__ = ()


GOOD: list[tuple[Any, float]] = [
    (0, 0.0),
    (True, 1.0),
    (-0.0, -0.0),
    (2**53 + 1, 2.0**53),
    (LIMIT, 2.0**360),
    (-LIMIT, -(2.0**360)),
    (5e-324, 5e-324),
    (Decimal('1.5'), 1.5),
    (Fraction(1, 4), 0.25),
    (_Number(2.5), 2.5),
]
BAD: list[tuple[Any, Reason]] = [
    (math.nan, Reason.NOT_FINITE),
    (math.inf, Reason.NOT_FINITE),
    (-math.inf, Reason.NOT_FINITE),
    (Decimal('NaN'), Reason.NOT_FINITE),
    (Decimal('Infinity'), Reason.NOT_FINITE),
    (_Number(math.nan), Reason.NOT_FINITE),
    (2**361, Reason.OUT_OF_RANGE),
    (-(2**361), Reason.OUT_OF_RANGE),
    (math.nextafter(2.0**360, math.inf), Reason.OUT_OF_RANGE),
    (10**400, Reason.OUT_OF_RANGE),
    (-(10**5000), Reason.OUT_OF_RANGE),
    (Fraction(10**400), Reason.OUT_OF_RANGE),
    (None, Reason.NOT_A_NUMBER),
    ('1.5', Reason.NOT_A_NUMBER),
    (_Text('1.5'), Reason.NOT_A_NUMBER),
    ('', Reason.NOT_A_NUMBER),
    ('text', Reason.NOT_A_NUMBER),
    (b'1.5', Reason.NOT_A_NUMBER),
    (bytearray(b'1.5'), Reason.NOT_A_NUMBER),
    (1 + 2j, Reason.NOT_A_NUMBER),
    ([1], Reason.NOT_A_NUMBER),
    ({}, Reason.NOT_A_NUMBER),
    (object(), Reason.NOT_A_NUMBER),
    (Decimal('sNaN'), Reason.NOT_A_NUMBER),
    (_Number('1.5'), Reason.NOT_A_NUMBER),
    (_Number(ValueError('no')), Reason.NOT_A_NUMBER),
    (_Number(RuntimeError('no')), Reason.RAISED),
    (_Number(MemoryError('no')), Reason.RAISED),
]


def shape(*points: DataPoint | Discarded, **options: Any) -> list[Sized | Discarded]:
    """What a shaper without extra dimensions makes of these."""
    return list(Shaper(Merger({}, 30), **options).shape(points))


def _type_of(value: object) -> str:
    return type(value).__name__  # what it says of itself may be thousands of digits


@pytest.mark.parametrize(('value', 'sent'), GOOD, ids=map(_type_of, (value for value, _ in GOOD)))
def test_a_value_that_is_a_number_is_sent_as_a_float(value: Any, sent: float) -> None:
    """``Value`` is ``float(x)``, whatever the type of x."""
    (item,) = shape(DataPoint('m', value, {}))
    assert not isinstance(item, Discarded)
    assert type(item[0]['Value']) is float
    assert repr(item[0]['Value']) == repr(sent)


@pytest.mark.parametrize(('value', 'reason'), BAD, ids=map(_type_of, (value for value, _ in BAD)))
def test_a_bad_value_is_discarded_with_its_reason(value: Any, reason: Reason) -> None:
    """A value that is no number, not finite or out of range is discarded as it was recorded; its neighbours are not."""
    good = DataPoint('good', 1, {'a': 'b'})
    before, bad, after = shape(good, DataPoint('bad', value, {'x': 'y'}), good)
    assert isinstance(bad, Discarded)
    assert (bad.reason, bad.data.name, dict(bad.data.labels)) == (reason, 'bad', {'x': 'y'})
    assert bad.data.value is value
    assert (bad.error is not None) == (reason is Reason.RAISED)
    assert before == after
    assert not isinstance(before, Discarded)


@pytest.mark.parametrize(('value', 'reason'), BAD, ids=map(_type_of, (value for value, _ in BAD)))
def test_a_bad_observation_costs_itself_alone(value: Any, reason: Reason) -> None:
    """Of a distribution, an observation that is no number is discarded; the others are sent."""
    given = Distribution((1.0, value, 3), (1, 2, 3))
    items = shape(DataPoint('m', given, {}, Kind.DISTRIBUTION))
    (bad,) = (item for item in items if isinstance(item, Discarded))
    assert bad.reason is reason
    assert bad.data.value is value
    assert (bad.error is not None) == (reason is Reason.RAISED)
    (datum,) = (item[0] for item in items if not isinstance(item, Discarded))
    assert (datum['Values'], datum['Counts']) == ([1.0, 3.0], [1.0, 3.0])


@given(st.one_of(st.floats(), st.integers(), st.integers(-(2**362), 2**362), st.decimals(), st.fractions()))
def test_numbers(value: Any) -> None:
    """A number is taken if it is finite and within the range, and stays what it is."""
    try:
        expected = float(value)
    except (OverflowError, ValueError):
        assert isinstance(number(value), Reason)
        return
    result = number(value)
    if math.isfinite(expected) and abs(expected) <= LIMIT:
        assert result == expected
    else:
        assert isinstance(result, Reason)


# --- names and units


@given(texts(255), st.lists(plain, max_size=2))
@example('n' * 255, [])
@example('n' * 256, [])
def test_names(name: str, others: list[str]) -> None:
    """A name is escaped like a label; one that is then empty or too long is discarded."""
    for other in (*others, name):
        (item,) = shape(DataPoint(other, 1, {}))
        text = escaped(other)
        if blank(text) or len(text) > 255:
            assert isinstance(item, Discarded)
            assert (item.reason, item.data.name) == (Reason.BAD_NAME, other)
        else:
            assert not isinstance(item, Discarded)
            assert item[0]['MetricName'] == text


units = st.sampled_from(sorted(UNITS))
patterns = st.dictionaries(st.sampled_from(('a', 'b', 'a.b', 'a.*', '*.b', '*', 'A', 'a.[bc]', 'a?b')), units)


@given(patterns, st.sampled_from(('a', 'b', 'c', 'a.b', 'a.c', 'b.b', 'A', 'a-b')))
def test_the_unit_of_a_name(units: Mapping[str, str], name: str) -> None:
    """The name itself comes before the first pattern that fits; where there is none, the unit is 'None'."""
    fitting = {
        'a': ['*'],
        'b': ['*'],
        'c': ['*'],
        'A': ['*'],
        'a.b': ['a.*', '*.b', '*', 'a.[bc]', 'a?b'],
        'a.c': ['a.*', '*', 'a.[bc]'],
        'b.b': ['*.b', '*'],
        'a-b': ['*', 'a?b'],
    }[name]
    expected = units.get(name) or next((unit for pattern, unit in units.items() if pattern in fitting), 'None')
    assert unit_of(units, name) == expected
    (item,) = shape(DataPoint(name, 1, {}), units=units)
    assert not isinstance(item, Discarded)
    assert item[0]['Unit'] == expected


@pytest.mark.parametrize(
    ('unit', 'reason'),
    [('Bytes', None), (None, None), ('', None), ('bytes', Reason.BAD_UNIT), (7, Reason.BAD_UNIT), ([], None)],
)
def test_a_callable_gives_units(unit: Any, reason: Reason | None) -> None:
    """What a units callable gives is checked when it comes; nothing means no unit."""
    (item,) = shape(DataPoint('m', 1, {}), units=lambda _name: unit)
    if reason is None:
        assert not isinstance(item, Discarded)
        assert item[0]['Unit'] == (unit or 'None')
    else:
        assert isinstance(item, Discarded)
        assert item.reason is reason


def test_a_callable_that_raises_costs_the_names_it_raised_for() -> None:
    """A units callable is asked once a name, and what it raises is in the discard."""
    asked = []

    def of(name: str) -> str:
        asked.append(name)
        if name == 'bad':
            raise LookupError(name)
        return 'Count'

    points = [DataPoint(name, 1, {'n': n}) for n in range(3) for name in ('good', 'bad')]
    items = shape(*points, units=of)
    assert asked == ['good', 'bad']
    discarded = [item for item in items if isinstance(item, Discarded)]
    assert [(item.reason, type(item.error)) for item in discarded] == [(Reason.BAD_UNIT, LookupError)] * 3
    assert len(items) == 6


class _Label:
    """A label whose text cannot be had."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error


@pytest.mark.parametrize('error', [ValueError('no'), MemoryError(), SystemExit(1)])
def test_a_label_that_raises_costs_its_series_alone(error: BaseException) -> None:
    """A label's ``__str__`` may raise whatever is tolerated."""
    good = DataPoint('good', 1, {'a': 'b'})
    bad = DataPoint('bad', 1, {'a': _Label(error)})
    first, discarded, last = shape(good, bad, good, tolerate=BaseException)
    assert first == last
    assert isinstance(discarded, Discarded)
    assert (discarded.reason, discarded.error) == (Reason.RAISED, error)
    if not isinstance(error, Exception):
        with pytest.raises(type(error)):
            shape(good, bad, good)


def test_a_discard_passes_and_the_rest_goes_on() -> None:
    """What was discarded before comes through as it is; a fault of the dimensions is told by its own reason."""
    lost = Discarded(MetricData('lost', None), Reason.RAISED)
    good = DataPoint('good', 1, {})
    bad = DataPoint('bad', 1, {':a': 'b'})
    passed, first, discarded, second = shape(lost, good, bad, good)
    assert passed is lost
    assert isinstance(discarded, Discarded)
    assert (discarded.reason, discarded.data.name) == (Reason.BAD_DIMENSION_NAME, 'bad')
    assert first == second
    assert not isinstance(first, Discarded)


# --- distributions


@given(
    st.builds(lambda number, step: {step * n: n + 1 for n in range(number)}, st.integers(0, 460), st.floats(0.1, 9)),
    st.integers(0, 3),
)
@example({float(value): value + 1 for value in range(150)}, 0)
@example({float(value): value + 1 for value in range(151)}, 0)
def test_a_distribution_is_cut_at_150_values(observed: dict[float, int], labels: int) -> None:
    """All values with their counts, in order, in as few data as it takes; of nothing, nothing."""
    point = DataPoint('m', Distribution(tuple(observed), tuple(observed.values())), {f'l{n}': n for n in range(labels)})
    data = [item[0] for item in shape(point) if not isinstance(item, Discarded)]
    pairs = [pair for datum in data for pair in zip(datum['Values'], datum['Counts'], strict=True)]
    assert pairs == list(observed.items())
    assert len(data) == math.ceil(len(observed) / 150)
    assert not [fault for datum in data for fault in datum_violations(datum)]


def test_what_becomes_one_float_is_one_value() -> None:
    """Values of other types that are one float are listed once, with all of their counts."""
    given = Distribution((2**53, 2**53 + 1, Fraction(1, 2), 0.5), (1, 2, 3, 4))
    ((datum, _),) = shape(DataPoint('m', given, {}, Kind.DISTRIBUTION))
    assert (datum['Values'], datum['Counts']) == ([2.0**53, 0.5], [3.0, 7.0])


# --- sizes

labels = st.dictionaries(texts(255), texts(1024), max_size=5)
finite = st.one_of(st.floats(-(2.0**360), 2.0**360), st.just(-1.2345678901234567e-308))
distributions = st.builds(
    lambda value, count, number: Distribution(
        tuple(value * (1 + index / 997) for index in range(number)), tuple(count + index for index in range(number))
    ),
    finite.filter(bool),
    st.integers(1, 10**15),
    st.integers(1, 200),
)
points = st.builds(DataPoint, texts(255), st.one_of(finite, finite, distributions), labels)
LAST = datetime.max.replace(tzinfo=timezone.utc)
FIRST = datetime.min.replace(tzinfo=timezone.utc, microsecond=1)
timestamps = st.one_of(
    st.sampled_from((LAST, FIRST, None)),
    st.datetimes(timezones=st.just(timezone.utc)),
)
SLACK = 120
"""Bytes that the estimate of one datum may be too large, beside its numbers."""


@given(
    st.lists(points, max_size=4),
    timestamps,
    st.sampled_from((1, 60)),
    units,
    st.dictionaries(plain, odd, max_size=2),
)
@example([DataPoint('m', -1.2345678901234567e-308, {})], FIRST, 1, 'None', {})
@example([DataPoint('m', -1.2345678901234567e-308, {'a': '1'})], LAST, 1, 'None', {})
@example([DataPoint('m', -1.2345678901234567e-308, {})], LAST, 1, 'Kilobytes/Second', {})
@example([DataPoint('m', Distribution((-1.2345678901234567e-308,), (123456789012345,)), {})], FIRST, 1, 'None', {})
@example([DataPoint('m', Distribution(tuple(range(150)), (1,) * 150), {})], None, 60, 'None', {})
def test_the_size_is_never_below_what_botocore_sends(
    points: list[DataPoint], timestamp: datetime | None, resolution: int, unit: str, extra: dict[str, str]
) -> None:
    """The sum of the sizes, with the envelope, covers the body of the request; and not by much."""
    extra = {name: value for name, value in extra.items() if not blank(value)}
    shaper = Shaper(Merger(extra, 30), utc(timestamp), {'*': unit}, resolution)
    sized = [item for item in shaper.shape(points) if not isinstance(item, Discarded)]
    sent = len(body({'Namespace': 'n', 'MetricData': [datum for datum, _ in sized]}))
    estimated = sum(size for _, size in sized) + len('{"Namespace": "n", "MetricData": []}')
    numbers = sum(1 + 2 * len(datum.get('Values', ())) for datum, _ in sized)
    lost = sum(len(set(map(escaped, point.labels))) < len(point.labels) for point in points)  # overridden, yet counted
    assert sent <= estimated
    assert lost or estimated <= sent + SLACK * len(sized) + 24 * numbers
    for index in range(0, len(sized), 20):
        request = {'Namespace': 'n', 'MetricData': [datum for datum, _ in sized[index : index + 20]]}
        assert not violations(request)


# --- time and resolution


@given(timestamps, st.sampled_from((1, 60)))
def test_time_and_resolution_are_those_that_were_given(timestamp: datetime | None, resolution: int) -> None:
    """Every datum of a cycle has them; CloudWatch's defaults, the time of arrival and 60 seconds, are not said."""
    given = [DataPoint('m', 1, {}), DataPoint('m', Distribution(tuple(range(151)), (1,) * 151), {}, Kind.DISTRIBUTION)]
    items = shape(*given, timestamp=timestamp, storage_resolution=resolution)
    data = [item[0] for item in items if not isinstance(item, Discarded)]
    assert len(data) == 3
    for datum in data:
        assert datum.get('Timestamp') == timestamp
        assert datum.get('StorageResolution') == (1 if resolution == 1 else None)


EARLIEST = datetime(1970, 1, 3)  # noqa: DTZ001  # hypothesis adds the zones
LATEST = datetime(9999, 12, 30)  # noqa: DTZ001


@given(st.datetimes(EARLIEST, LATEST, timezones=st.timezones()))
def test_a_timestamp_is_the_same_in_any_form(timestamp: datetime) -> None:
    """UNIX seconds and an aware datetime give the same moment, in UTC."""
    result = utc(timestamp)
    assert result is not None
    # Not compared as datetimes: in an hour that a zone has twice, those equal nothing in another zone.
    assert result.timestamp() == timestamp.timestamp()
    assert result.tzinfo is timezone.utc
    again = utc(result.timestamp())
    assert again is not None
    assert abs(again - result) < timedelta(milliseconds=1)


def test_a_timestamp_without_a_zone_is_refused() -> None:
    """A datetime without a time zone may mean any of 24 hours."""
    with pytest.raises(ValueError, match=r'timestamp: .*time zone'):
        utc(datetime(2026, 1, 1))  # noqa: DTZ001  # that is the point


@given(st.lists(points, max_size=3), st.sampled_from((1, 60)))
def test_shaping_is_repeatable(points: list[DataPoint], resolution: int) -> None:
    """The same points give the same data, and stay as they are."""
    before = repr(points)
    shaper = Shaper(Merger({}, 30), storage_resolution=resolution)
    first, second = list(shaper.shape(points)), list(shaper.shape(points))
    assert first == second == list(Shaper(Merger({}, 30), storage_resolution=resolution).shape(points))
    assert repr(points) == before

"""Single values: numbers, units and moments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.cloudwatch import UNITS
from property.refusals import NAIVE
from property.values import BAD, GOOD, LIMIT, type_of

from aws_satella.pure import Reason
from aws_satella.pure.values import number, unit_of, utc


@pytest.mark.parametrize(('value', 'sent'), GOOD, ids=map(type_of, (value for value, _ in GOOD)))
def test_number_becomes_a_float(value: Any, sent: float) -> None:
    """A number of any type becomes ``float(x)``."""
    result = number(value)
    assert type(result) is float
    assert repr(result) == repr(sent)


@pytest.mark.parametrize(('value', 'reason'), BAD, ids=map(type_of, (value for value, _ in BAD)))
def test_bad_value_has_its_reason(value: Any, reason: Reason) -> None:
    """A value that is no number, not finite or out of range has a reason. What ``__float__`` raises is passed on."""
    if reason is Reason.RAISED:
        with pytest.raises((RuntimeError, MemoryError)):
            number(value)
    else:
        assert number(value) is reason


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


units = st.sampled_from(sorted(UNITS))
patterns = st.dictionaries(st.sampled_from(('a', 'b', 'a.b', 'a.*', '*.b', '*', 'A', 'a.[bc]', 'a?b')), units)


@given(patterns, st.sampled_from(('a', 'b', 'c', 'a.b', 'a.c', 'b.b', 'A', 'a-b')))
def test_unit_of_a_name(units: Mapping[str, str], name: str) -> None:
    """The name itself comes before the first pattern that fits. Where there is neither, the unit is 'None'."""
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


@pytest.mark.parametrize(('unit', 'expected'), [('Bytes', 'Bytes'), (None, 'None'), ('', 'None'), ('bytes', 'bytes')])
def test_callable_gives_the_unit_of_a_name(unit: str | None, expected: str) -> None:
    """A units callable is given the name. If it returns nothing, the unit is 'None'."""
    names = []

    def of(name: str) -> str | None:
        names.append(name)
        return unit

    assert unit_of(of, 'm') == expected
    assert names == ['m']
    assert unit_of(None, 'm') == 'None'


EARLIEST = datetime(1970, 1, 3)  # noqa: DTZ001  # hypothesis adds the zones
LATEST = datetime(9999, 12, 30)  # noqa: DTZ001  # hypothesis adds the zones


@given(st.datetimes(EARLIEST, LATEST, timezones=st.timezones()))
def test_timestamp_is_the_same_in_any_form(timestamp: datetime) -> None:
    """UNIX seconds and an aware datetime give the same moment, in UTC."""
    result = utc(timestamp)
    assert result is not None
    # Not compared as datetimes: in an hour that a zone has twice, those equal nothing in another zone.
    assert result.timestamp() == timestamp.timestamp()
    assert result.tzinfo is timezone.utc
    again = utc(result.timestamp())
    assert again is not None
    assert abs(again - result) < timedelta(milliseconds=1)


def test_timestamp_of_none_stays_none() -> None:
    """None leaves the time to CloudWatch."""
    assert utc(None) is None


def test_timestamp_without_a_zone_is_refused() -> None:
    """A datetime without a time zone may mean any of 24 hours."""
    with pytest.raises(ValueError, match='timestamp') as raised:
        utc(NAIVE)
    assert str(raised.value) == (
        'timestamp: datetime.datetime(2026, 1, 1, 0, 0) has no time zone; allowed: UNIX seconds, or an aware datetime'
    )

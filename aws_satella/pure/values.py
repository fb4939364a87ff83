"""What a recorded value is: a number, its unit, a moment.

What may live here: the rules for single values. What may not: dimensions, and the forms in which values are sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from typing import Any, Final

from aws_satella.pure import limits
from aws_satella.pure.points import Reason

TEXTS: Final = (str, bytes, bytearray)
PLAIN_NUMBERS: Final = (int, float)
"""The types whose conversion calls no user code."""

Units = Mapping[str, str] | Callable[[str], str | None] | None
"""Metric names or shell patterns to units, or a callable from a name to its unit."""


def number(value: Any) -> float | Reason:
    """The value as CloudWatch takes it, or why it does not."""
    # float('1.5') is a number, but a text was recorded.
    if type(value) not in PLAIN_NUMBERS and isinstance(value, TEXTS):
        return Reason.NOT_A_NUMBER
    try:
        result = float(value)
    except OverflowError:
        return Reason.OUT_OF_RANGE
    except (TypeError, ValueError):
        return Reason.NOT_A_NUMBER
    if -limits.MAX_ABSOLUTE_VALUE <= result <= limits.MAX_ABSOLUTE_VALUE:
        return result
    return Reason.OUT_OF_RANGE if math.isfinite(result) else Reason.NOT_FINITE


def unit_of(units: Units, name: str) -> str:
    """The unit of the metric with this name: that of the name itself, else of the first pattern that fits, else
    'None'."""
    if units is None:
        return limits.NO_UNIT
    if callable(units):
        return units(name) or limits.NO_UNIT
    if name in units:
        return units[name]
    return next((unit for pattern, unit in units.items() if fnmatchcase(name, pattern)), limits.NO_UNIT)


def utc(timestamp: float | datetime | None) -> datetime | None:
    """The moment as a datetime in UTC.

    :param timestamp: UNIX seconds, or a datetime that knows its time zone
    :raises ValueError: for a datetime without a time zone
    """
    if timestamp is None:
        return None
    if isinstance(timestamp, datetime):
        if timestamp.tzinfo is None:
            raise ValueError(f'timestamp: {timestamp!r} has no time zone; allowed: UNIX seconds, or an aware datetime')
        return timestamp.astimezone(timezone.utc)
    return datetime.fromtimestamp(timestamp, timezone.utc)

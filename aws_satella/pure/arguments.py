"""What each argument may be: checked early, with an error that names the argument, the value and what is allowed.

What may live here: one function an argument, which returns the value in the form the pipeline wants, or raises
``ValueError`` (a wrong value) or ``TypeError`` (a wrong kind of value). What may not: defaults, which stand in the
signatures, and the limits themselves.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from types import NoneType
from typing import Any

from satella.time import parse_time_string

from aws_satella.pure import limits
from aws_satella.pure.datum import Units, utc
from aws_satella.pure.dimensions import name_fault, printable
from aws_satella.pure.temporality import TEMPORALITIES


def _wrong(argument: str, value: object, allowed: str) -> ValueError:
    return ValueError(f'{argument}: {value!r} is not allowed; allowed: {allowed}')


def _wrong_type(argument: str, value: object, allowed: str) -> TypeError:
    return TypeError(f'{argument}: {value!r} is of type {type(value).__name__}; allowed: {allowed}')


def namespace(value: str) -> str:
    """A namespace of CloudWatch."""
    allowed = (
        f'1 to {limits.MAX_NAMESPACE_LENGTH} printable ASCII characters, not all blank, '
        f"that start neither with '{limits.FORBIDDEN_FIRST_CHARACTER}' nor with '{limits.RESERVED_NAMESPACE_PREFIX}'"
    )
    if not isinstance(value, str):
        raise _wrong_type('namespace', value, allowed)
    start = (limits.FORBIDDEN_FIRST_CHARACTER, limits.RESERVED_NAMESPACE_PREFIX)
    too_long = len(value) > limits.MAX_NAMESPACE_LENGTH
    if not value.strip() or too_long or printable(value) != value or value.startswith(start):
        raise _wrong('namespace', value, allowed)
    return value


def extra_dimensions(value: Mapping[str, object] | None) -> dict[str, str]:
    """Dimensions for every series: names to anything that has a ``str()``."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _wrong_type('extra_dimensions', value, 'a mapping from names to values, or None')
    return {_dimension_name('extra_dimensions', name): _dimension_value(name, each) for name, each in value.items()}


def _dimension_name(argument: str, name: str) -> str:
    allowed = (
        f'names of 1 to {limits.MAX_DIMENSION_NAME_LENGTH} characters, not all blank, '
        f"that do not start with '{limits.FORBIDDEN_FIRST_CHARACTER}'"
    )
    if not isinstance(name, str):
        raise _wrong_type(argument, name, allowed)
    if name_fault(printable(name)):
        raise _wrong(argument, name, allowed)
    return name


def _dimension_value(name: str, value: object) -> str:
    text = str(value)
    if not text.strip() or len(printable(text)) > limits.MAX_DIMENSION_VALUE_LENGTH:
        allowed = f'1 to {limits.MAX_DIMENSION_VALUE_LENGTH} characters, not all blank'
        raise _wrong(f'extra_dimensions[{name!r}]', text, allowed)
    return text


def add_pid(value: str | None) -> str | None:
    """The name of the dimension for the process's id; None, or an empty one, for no such dimension."""
    if value is None:
        return None
    return _dimension_name('add_pid', value) if value != '' else None


def room_for_dimensions(common: Iterable[str], max_dimensions: int) -> None:
    """The dimensions that every series has must not use up all that a series may have."""
    names = sorted(common)
    if len(names) > max_dimensions:
        raise _wrong('extra_dimensions', names, f'at most max_dimensions={max_dimensions} with the pid')


def whole_number(argument: str, value: int, least: int, most: int | None = None) -> int:
    """A whole number within its bounds."""
    allowed = f'a whole number from {least} to {most}' if most is not None else f'a whole number, at least {least}'
    try:
        number = operator.index(value)
    except TypeError:
        raise _wrong_type(argument, value, allowed) from None
    if isinstance(value, bool):
        raise _wrong_type(argument, value, allowed)
    if number < least or (most is not None and number > most):
        raise _wrong(argument, value, allowed)
    return number


def one_of(argument: str, value: Any, allowed: tuple[Any, ...]) -> Any:
    """One of a few values."""
    for each in allowed:
        if isinstance(value, type(each)) and value == each and not isinstance(value, bool):
            return each  # and not an equal of another type, such as 1.0 for 1, which botocore does not take
    raise _wrong(argument, value, ' or '.join(map(repr, allowed)) + _nearest(value, allowed))


def temporality(value: str) -> str:
    """'cumulative' or 'delta'."""
    return str(one_of('temporality', value, TEMPORALITIES))


def _nearest(value: object, allowed: Iterable[object]) -> str:
    """A question that helps with a misspelling, or nothing."""
    names = {name.lower(): name for name in allowed if isinstance(name, str)}
    found = get_close_matches(value.lower(), names, n=1) if isinstance(value, str) else []
    return f'. Did you mean {names[found[0]]!r}?' if found else ''


def units(value: Units) -> Units:
    """Metric names or shell patterns to CloudWatch's units, or a callable from a name to a unit."""
    if value is None or callable(value):
        return value
    allowed = 'a mapping from metric names or shell patterns to units, a callable from a name to a unit, or None'
    if not isinstance(value, Mapping):
        raise _wrong_type('units', value, allowed)
    for name, unit in value.items():
        if not isinstance(name, str):
            raise _wrong_type('units', name, 'metric names or shell patterns as keys')
        if unit not in limits.UNITS:
            raise _wrong(f'units[{name!r}]', unit, f'{", ".join(limits.UNITS)}{_nearest(unit, limits.UNITS)}')
    return dict(value)


def exclude(value: Iterable[str]) -> tuple[str, ...]:
    """Shell patterns of metric names."""
    allowed = "a sequence of shell patterns of metric names, such as ('django.*',)"
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise _wrong_type('exclude', value, allowed)
    patterns = tuple(value)
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise _wrong_type('exclude', pattern, allowed)
    return patterns


def interval(value: float | str) -> float:
    """Seconds between two exports, as a number or in satella's notation ('30m')."""
    allowed = "a number of seconds above 0, or a text such as '30s', '5m', '1h'"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _wrong_type('interval', value, allowed)
    try:
        seconds = float(parse_time_string(value))
    except (ValueError, OverflowError):
        raise _wrong('interval', value, allowed) from None
    if not 0 < seconds < math.inf:
        raise _wrong('interval', value, allowed)
    return seconds


def seconds(argument: str, value: float) -> float:
    """A span of time, zero included."""
    allowed = 'a number of seconds, at least 0'
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong_type(argument, value, allowed)
    if not 0 <= value <= sys.float_info.max:
        raise _wrong(argument, value, allowed)
    return float(value)


def timestamp(value: float | datetime | None) -> datetime | None:
    """UNIX seconds, or a datetime that knows its time zone."""
    allowed = 'UNIX seconds, an aware datetime, or None'
    if isinstance(value, bool) or not isinstance(value, (int, float, datetime, NoneType)):
        raise _wrong_type('timestamp', value, allowed)
    try:
        return utc(value)
    except (ValueError, OverflowError, OSError):
        raise _wrong('timestamp', value, allowed) from None


def function(argument: str, value: Callable[..., Any]) -> Callable[..., Any]:
    """Something that can be called."""
    if not callable(value):
        raise _wrong_type(argument, value, 'a callable')
    return value


def root(value: Any) -> Any:
    """A satella metric, or None for the root of all."""
    if value is not None and not hasattr(value, 'to_metric_data'):
        raise _wrong_type('root', value, "a satella metric, such as getMetric('web'), or None")
    return value

"""What an argument may be: checked early, with an error that names the argument, the value and what is allowed.

What may live here: one function for each kind of value. Each returns the value in the form that the pipeline uses, or
raises :class:`ArgumentError` (a wrong value) or :class:`ArgumentTypeError` (a wrong type). What may not: the names of
the arguments and their defaults, which are in :mod:`aws_satella.pure.arguments`, and the limits themselves.
"""

from __future__ import annotations

import math
import operator
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from numbers import Real
from types import NoneType
from typing import Any, Final, TypeVar

from satella.time import parse_time_string

from aws_satella.pure import limits
from aws_satella.pure.dimensions import name_fault, printable
from aws_satella.pure.errors import ArgumentError, ArgumentTypeError, suggestion
from aws_satella.pure.points import TEMPORALITIES
from aws_satella.pure.values import Units, utc

T = TypeVar('T')

MIN_INTERVAL_SECONDS: Final = 0.001
"""A shorter interval would keep a processor busy, and the shortest ones are lost in the rounding of a clock."""


def _or_suggestion(value: object, allowed: Iterable[object]) -> str:
    question = suggestion(value, allowed)
    return f'. {question}' if question else ''


def namespace(argument: str, value: Any) -> str:
    """A CloudWatch namespace."""
    allowed = (
        f'1 to {limits.MAX_NAMESPACE_LENGTH} printable ASCII characters, not all blank, '
        f"that start neither with '{limits.FORBIDDEN_FIRST_CHARACTER}' nor with '{limits.RESERVED_NAMESPACE_PREFIX}'"
    )
    if not isinstance(value, str):
        raise ArgumentTypeError(argument, value, allowed)
    start = (limits.FORBIDDEN_FIRST_CHARACTER, limits.RESERVED_NAMESPACE_PREFIX)
    too_long = len(value) > limits.MAX_NAMESPACE_LENGTH
    if not value.strip() or too_long or printable(value) != value or value.startswith(start):
        raise ArgumentError(argument, value, allowed)
    return value


def dimensions(argument: str, value: Any) -> dict[str, str]:
    """Dimensions for every series: names to anything that has a ``str()``."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ArgumentTypeError(argument, value, 'a mapping from names to values, or None')
    return {_dimension_name(argument, name): _dimension_value(argument, name, each) for name, each in value.items()}


def _dimension_name(argument: str, name: Any) -> str:
    allowed = (
        f'names of 1 to {limits.MAX_DIMENSION_NAME_LENGTH} characters, not all blank, '
        f"that do not start with '{limits.FORBIDDEN_FIRST_CHARACTER}'"
    )
    if not isinstance(name, str):
        raise ArgumentTypeError(argument, name, allowed)
    if name_fault(printable(name)):
        raise ArgumentError(argument, name, allowed)
    return name


def _dimension_value(argument: str, name: str, value: object) -> str:
    text = str(value)
    if not text.strip() or len(printable(text)) > limits.MAX_DIMENSION_VALUE_LENGTH:
        allowed = f'1 to {limits.MAX_DIMENSION_VALUE_LENGTH} characters, not all blank'
        raise ArgumentError(f'{argument}[{name!r}]', text, allowed)
    return text


def dimension_name(argument: str, value: Any) -> str | None:
    """The name of a dimension; None, or an empty text, for no such dimension."""
    if value is None or value == '':
        return None
    return _dimension_name(argument, value)


def room_for_dimensions(common: Iterable[str], max_dimensions: int) -> None:
    """The dimensions that every series has must not exceed what a series may have."""
    names = sorted(common)
    if len(names) > max_dimensions:
        raise ArgumentError('extra_dimensions', names, f'at most max_dimensions={max_dimensions} with the pid')


def whole_number(least: int, most: int | None = None) -> Callable[[str, Any], int]:
    """A whole number within its bounds."""
    allowed = f'a whole number from {least} to {most}' if most is not None else f'a whole number, at least {least}'

    def check(argument: str, value: Any) -> int:
        try:
            number = operator.index(value)
        except TypeError:
            raise ArgumentTypeError(argument, value, allowed) from None
        if isinstance(value, bool):
            raise ArgumentTypeError(argument, value, allowed)
        if number < least or (most is not None and number > most):
            raise ArgumentError(argument, value, allowed)
        return number

    return check


def optional(check: Callable[[str, Any], T]) -> Callable[[str, Any], T | None]:
    """None, or what the check takes."""
    return lambda argument, value: None if value is None else check(argument, value)


def one_of(*allowed: Any) -> Callable[[str, Any], Any]:
    """One of a few values."""

    def check(argument: str, value: Any) -> Any:
        for each in allowed:
            if isinstance(value, type(each)) and value == each and not isinstance(value, bool):
                return each  # not an equal value of another type, such as 1.0 for 1
        raise ArgumentError(argument, value, ' or '.join(map(repr, allowed)) + _or_suggestion(value, allowed))

    return check


temporality = one_of(*TEMPORALITIES)


def units(argument: str, value: Any) -> Units:
    """Metric names or shell patterns to CloudWatch units, or a callable from a name to a unit."""
    if value is None or callable(value):
        given: Units = value
        return given
    allowed = 'a mapping from metric names or shell patterns to units, a callable from a name to a unit, or None'
    if not isinstance(value, Mapping):
        raise ArgumentTypeError(argument, value, allowed)
    for name, unit in value.items():
        if not isinstance(name, str):
            raise ArgumentTypeError(argument, name, 'metric names or shell patterns as keys')
        if unit not in limits.UNITS:
            known = ', '.join(limits.UNITS) + _or_suggestion(unit, limits.UNITS)
            raise ArgumentError(f'{argument}[{name!r}]', unit, known)
    return dict(value)


def label(argument: str, value: Any) -> str:
    """The value of a label, such as the name of a service."""
    allowed = f'a text of 1 to {limits.MAX_DIMENSION_VALUE_LENGTH} printable ASCII characters, not all blank'
    if not isinstance(value, str):
        raise ArgumentTypeError(argument, value, allowed)
    if not value.strip() or len(value) > limits.MAX_DIMENSION_VALUE_LENGTH or printable(value) != value:
        raise ArgumentError(argument, value, allowed)
    return value


def path(argument: str, value: Any) -> str:
    """The path of a directory."""
    allowed = 'the path of a directory, as a text or a path-like object'
    try:
        given = os.fspath(value)
    except TypeError:
        raise ArgumentTypeError(argument, value, allowed) from None
    if not isinstance(given, str):
        raise ArgumentTypeError(argument, value, allowed)
    try:
        given.encode('utf-8', 'surrogateescape')  # as the operating system gets it
    except UnicodeEncodeError:
        raise ArgumentError(argument, value, allowed) from None
    if not given or '\0' in given:
        raise ArgumentError(argument, value, allowed)
    return given


def patterns(argument: str, value: Any) -> tuple[str, ...]:
    """Shell patterns of metric names."""
    allowed = "a sequence of shell patterns of metric names, such as ('django.*',)"
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ArgumentTypeError(argument, value, allowed)
    given = tuple(value)
    for pattern in given:
        if not isinstance(pattern, str):
            raise ArgumentTypeError(argument, pattern, allowed)
    return given


def interval(argument: str, value: Any) -> float:
    """Seconds between two exports, as a number or in satella's notation ('30m')."""
    allowed = f"a number of seconds, at least {MIN_INTERVAL_SECONDS:g}, or a text such as '30s', '5m', '1h'"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ArgumentTypeError(argument, value, allowed)
    try:
        seconds = float(parse_time_string(value))
    except (ValueError, OverflowError):
        raise ArgumentError(argument, value, allowed) from None
    if not MIN_INTERVAL_SECONDS <= seconds < math.inf:
        raise ArgumentError(argument, value, allowed)
    return seconds


def seconds(argument: str, value: Any) -> float:
    """A span of time, zero included."""
    allowed = 'a number of seconds, at least 0'
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ArgumentTypeError(argument, value, allowed)
    if not 0 <= value <= sys.float_info.max:
        raise ArgumentError(argument, value, allowed)
    return float(value)


def yes_or_no(argument: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ArgumentTypeError(argument, value, 'True or False')
    return value


def timeout(argument: str, value: Any) -> float:
    """Seconds to wait: None and infinity for as long as it takes, a negative number for not at all."""
    allowed = 'a number of seconds, or None'
    if value is None:
        return math.inf
    number: Any = value
    if not isinstance(value, Real):
        raise ArgumentTypeError(argument, value, allowed)
    try:
        seconds = float(number)
    except OverflowError:  # a whole number that is too large for a float
        seconds = math.inf if number > 0 else 0.0
    if math.isnan(seconds):
        raise ArgumentError(argument, value, allowed)
    return max(0.0, seconds)


def timestamp(argument: str, value: Any) -> datetime | None:
    """UNIX seconds, or a datetime that knows its time zone."""
    allowed = 'UNIX seconds, an aware datetime, or None'
    if isinstance(value, bool) or not isinstance(value, (int, float, datetime, NoneType)):
        raise ArgumentTypeError(argument, value, allowed)
    try:
        return utc(value)
    except (ValueError, OverflowError, OSError):
        raise ArgumentError(argument, value, allowed) from None


def function(argument: str, value: Any) -> Any:
    """Something that can be called."""
    if not callable(value):
        raise ArgumentTypeError(argument, value, 'a callable')
    return value


def metric(argument: str, value: Any) -> Any:
    """A satella metric, or None for the root of all metrics."""
    if value is not None and not hasattr(value, 'to_metric_data'):
        raise ArgumentTypeError(argument, value, "a satella metric, such as getMetric('web'), or None")
    return value

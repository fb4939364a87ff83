"""How a value is read from text, such as that of a variable of the environment.

What may live here: one function for each kind of value. Each takes the name of the variable and its text, without the
blanks around it, and returns the value, or raises :class:`~aws_satella.pure.ArgumentError` with the name of the
variable and the part that is wrong. What may not: which values are allowed (:mod:`aws_satella.pure.checks`).

Pairs are read by the rule of OpenTelemetry: commas separate, the first '=' splits, blanks around names and values do
not count, and values are percent-decoded.
https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import unquote

from aws_satella.pure.errors import ArgumentError

Read = Callable[[str, str], Any]
"""From the name of a variable and its text to a value."""

YES: Final = ('1', 'true', 'yes', 'on')
NO: Final = ('0', 'false', 'no', 'off')

_BROKEN_ESCAPE: Final = re.compile('%(?![0-9A-Fa-f]{2})')


def as_it_is(_variable: str, text: str) -> str:
    """The text itself."""
    return text


def whole_number(variable: str, text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise ArgumentError(variable, text, 'a whole number') from None


def number(variable: str, text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(variable, text, 'a number') from None


def yes_or_no(variable: str, text: str) -> bool:
    """True or False, in capitals or not."""
    if text.lower() in YES:
        return True
    if text.lower() in NO:
        return False
    raise ArgumentError(variable, text, f'{", ".join(YES)}; or {", ".join(NO)}')


def several(variable: str, text: str) -> tuple[str, ...]:
    """Texts, separated by commas and percent-decoded."""
    return tuple(_decoded(variable, part, part) for part in _parts(text))


def pairs(variable: str, text: str) -> dict[str, str]:
    """Names and values. If a name comes twice, its last value counts."""
    found: dict[str, str] = {}
    for part in _parts(text):
        name, equals, value = part.partition('=')
        if not equals or not name.strip():
            raise ArgumentError(variable, part, "pairs such as 'name=value', separated by commas")
        found[name.strip()] = _decoded(variable, part, value.strip())
    return found


def _parts(text: str) -> Iterator[str]:
    """What commas separate. A comma too many separates nothing."""
    return (part.strip() for part in text.split(',') if part.strip())


def _decoded(variable: str, part: str, escaped: str) -> str:
    try:
        if not _BROKEN_ESCAPE.search(escaped):
            return unquote(escaped, errors='strict')
    except UnicodeDecodeError:
        pass
    allowed = "'%' before the two hexadecimal digits of a byte of UTF-8 only; the character itself is %25"
    raise ArgumentError(variable, part, allowed)

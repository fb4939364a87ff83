"""The arguments that the environment has: variables → keywords.

What may live here: which variable belongs to which keyword, and what the variables say. What may not: the environment
itself, which comes in as a mapping, and how a value is written (:mod:`aws_satella.pure.texts`).

The list of arguments decides: each keyword whose field has a way to be read from text has a variable.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from aws_satella.pure import texts
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.errors import ArgumentError, ArgumentTypeError

PREFIX: Final = 'AWS_SATELLA_'

DISABLED: Final = PREFIX + 'DISABLED'
"""The variable that turns the export off."""

SHORT_NAMES: Final[Mapping[str, str]] = {'extra_dimensions': 'dimensions'}
"""Keyword → what its variable is named after, where that is not the keyword itself."""

VARIABLES: Final[Mapping[str, str]] = {
    each.name: PREFIX + SHORT_NAMES.get(each.name, each.name).upper()
    for each in fields(Arguments)
    if each.metadata['read'] is not None
}
"""Keyword → variable, for every keyword that can be written as text."""

NO_ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType({})


class Reading(NamedTuple):
    """What one variable says."""

    keyword: str
    value: Any = None
    error: ArgumentError | ArgumentTypeError | None = None
    """What is wrong with it, which names the variable."""


def read(environ: Mapping[str, str], given: Container[str] = ()) -> Iterator[Reading]:
    """Read the variables that are set. One that is empty, or blank, is not.

    :param environ: the environment of a process
    :param given: keywords whose variables are passed over
    """
    for each in fields(Arguments):
        variable = VARIABLES.get(each.name)
        text = environ.get(variable, '').strip() if variable is not None and each.name not in given else ''
        if variable is not None and text:
            try:
                value = each.metadata['check'](variable, each.metadata['read'](variable, text))
            except (ArgumentError, ArgumentTypeError) as error:
                yield Reading(each.name, error=error)
            else:
                yield Reading(each.name, value)


def keywords(environ: Mapping[str, str], given: Container[str] = ()) -> dict[str, Any]:
    """The arguments that the environment has beside those that are given.

    :raises ArgumentError: a variable has a value that is not allowed
    """
    found: dict[str, Any] = {}
    for reading in read(environ, given):
        if reading.error is not None:
            raise reading.error
        found[reading.keyword] = reading.value
    return found


def faults(environ: Mapping[str, str], given: Container[str] = ()) -> Iterator[ArgumentError | ArgumentTypeError]:
    """What is wrong with the variables that are used, for a caller that tells all of it at once."""
    try:
        is_disabled(environ)
    except ArgumentError as error:
        yield error
    yield from (reading.error for reading in read(environ, given) if reading.error is not None)


def is_disabled(environ: Mapping[str, str]) -> bool:
    """Whether the environment turns the export off.

    :raises ArgumentError: the variable is neither yes nor no
    """
    text = environ.get(DISABLED, '').strip()
    return bool(text) and texts.yes_or_no(DISABLED, text)

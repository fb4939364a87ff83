"""The one list of arguments: every keyword once, with its check, its default and its text."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest
from hypothesis import given
from property.arguments import BY_POSITION, EXPECTED, VALUES, calls
from property.refusals import TOGETHER

from aws_satella.pure import ArgumentError, Arguments, ArgumentTypeError, arguments
from aws_satella.pure.arguments import DEFAULTS
from aws_satella.pure.binding import bind, check
from aws_satella.pure.plan import Plan


def test_arguments_are_those_that_are_documented() -> None:
    """The keywords, their order and their defaults are those that are documented."""
    assert dict(DEFAULTS) == EXPECTED
    assert list(DEFAULTS) == list(EXPECTED) == list(VALUES)
    assert list(arguments.POSITIONAL) == BY_POSITION


@pytest.mark.parametrize('field', fields(Arguments), ids=lambda field: field.name)
def test_argument_has_a_check_and_a_text(field: Any) -> None:
    """A field has a check, and a text that fits behind the name in a docstring."""
    assert callable(field.metadata['check'])
    text = field.metadata['text']
    assert len(text) > 10
    assert not text.endswith('.')
    assert '\n' not in text


@pytest.mark.parametrize('argument', EXPECTED)
def test_default_passes_its_own_check(argument: str) -> None:
    """Every argument but the namespace has a default, which is allowed."""
    if argument == 'namespace':
        with pytest.raises(ArgumentTypeError):
            check(argument, DEFAULTS[argument])
    else:
        check(argument, DEFAULTS[argument])


@given(calls)
def test_checked_arguments_are_taken_again(given: dict[str, Any]) -> None:
    """A checked value passes its check and stays as it is, so that one argument may be replaced."""
    bound = bind(**given)
    assert replace(bound) == bound
    assert replace(bound, max_buffered=7).max_buffered == 7
    assert bound.plan == replace(bound).plan
    assert {field.name: getattr(bound.plan, field.name) for field in fields(Plan)} == {
        field.name: getattr(bound, field.name) for field in fields(Plan)
    }
    assert type(bound.interval) is float
    assert isinstance(bound.extra_dimensions, dict)
    assert isinstance(bound.exclude, tuple)


def test_arguments_are_a_frozen_value() -> None:
    """A checked argument cannot be changed past its check."""
    bound = bind('N')
    with pytest.raises(FrozenInstanceError):
        bound.namespace = 'M'  # type: ignore[misc]  # it is frozen
    with pytest.raises(ArgumentError, match=r'^max_buffered'):
        replace(bound, max_buffered=-1)


@pytest.mark.parametrize(('given', 'said'), TOGETHER)
def test_arguments_are_checked_together(given: dict[str, Any], said: str) -> None:
    """What is allowed by itself may not be allowed beside others."""
    with pytest.raises(ArgumentError) as raised:
        bind('N', **given)
    assert str(raised.value) == said

"""The errors of wrong arguments: what they carry, and how they say it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from property.cloudwatch import UNITS

import aws_satella
from aws_satella.pure import ArgumentError, ArgumentTypeError
from aws_satella.pure.binding import bind, check
from aws_satella.pure.errors import suggestion

ERRORS = [
    (lambda: bind('AWS/x'), 'namespace', 'AWS/x', ArgumentError),
    (lambda: bind(7), 'namespace', 7, ArgumentTypeError),
    (lambda: bind('N', {'a': ' '}), "extra_dimensions['a']", ' ', ArgumentError),
    (lambda: bind('N', units={'a': 'bytes'}), "units['a']", 'bytes', ArgumentError),
    (lambda: bind('N', {'a': 'b'}, add_pid='p', max_dimensions=1), 'extra_dimensions', ['a', 'p'], ArgumentError),
    (lambda: bind('N', max_buffer=5), 'max_buffer', 5, ArgumentTypeError),
    (bind, 'namespace', None, ArgumentTypeError),
]


@pytest.mark.parametrize(('call', 'argument', 'value', 'kind'), ERRORS)
def test_error_can_be_copied_and_pickled(
    call: Callable[[], object], argument: str, value: Any, kind: type[Exception]
) -> None:
    """An error has the argument, the value and what is allowed, also in another process."""
    with pytest.raises((ArgumentError, ArgumentTypeError)) as raised:
        call()
    error = raised.value
    assert type(error) is kind
    assert (error.argument, error.value) == (argument, value)
    assert error.allowed
    for other in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is type(error)
        assert (other.argument, other.value, other.allowed) == (error.argument, error.value, error.allowed)
        assert (str(other), other.problem) == (str(error), error.problem)


def test_error_shows_what_it_says() -> None:
    """The ``repr()`` of an error has its text."""
    assert repr(ArgumentError('a', 1, 'two')) == "ArgumentError('a: 1 is not allowed; allowed: two')"
    assert repr(ArgumentTypeError('a', 1, 'a text')) == "ArgumentTypeError('a: 1 is of type int; allowed: a text')"


def test_errors_have_their_public_names() -> None:
    """The errors are those of ``aws_satella``, and are shown with this path."""
    assert (aws_satella.ArgumentError, aws_satella.ArgumentTypeError) == (ArgumentError, ArgumentTypeError)
    assert ArgumentError.__module__ == ArgumentTypeError.__module__ == 'aws_satella'


class _Secretive:
    """A value whose ``repr()`` raises."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ('value', 'shown'), [(_Secretive(), '<_Secretive>'), (10**5_000, '<int>')], ids=['raises', 'long']
)
def test_error_names_a_value_without_a_text_by_its_type(value: Any, shown: str) -> None:
    """A value whose ``repr()`` raises is still refused by the name of the argument."""
    with pytest.raises((ArgumentError, ArgumentTypeError), match=f'^max_send_at_once: {shown} is '):
        check('max_send_at_once', value)


@pytest.mark.parametrize(
    ('value', 'allowed', 'said'),
    [
        ('Delta', ('cumulative', 'delta'), "Did you mean 'delta'?"),
        ('delta', ('cumulative', 'Delta'), "Did you mean 'Delta'?"),
        ('xyz', ('cumulative', 'delta'), ''),
        (7, ('cumulative', 'delta'), ''),
        ('seven', (7, 8), ''),
        ('Milisecond', UNITS, "Did you mean 'Milliseconds'?"),
        ('bytes/sec', UNITS, "Did you mean 'Bytes/Second'?"),
        ('Gigabit', UNITS, "Did you mean 'Gigabits'?"),
        ('Percentage', UNITS, "Did you mean 'Percent'?"),
    ],
)
def test_suggestion_is_the_nearest_that_is_allowed(value: object, allowed: Iterable[object], said: str) -> None:
    """A misspelt text is answered with the nearest one that is allowed, whatever its case."""
    assert suggestion(value, allowed) == said

"""How a function is called with the arguments of an exporter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.arguments import BY_POSITION, EXPECTED, calls
from property.texts import plain

from aws_satella import AWSSatellaExporterThread, export_once, start_if_not_started
from aws_satella.pure import ArgumentTypeError
from aws_satella.pure.arguments import ignore
from aws_satella.pure.binding import bind, check


@given(calls, st.integers(0, 7))
def test_bind_gives_the_same_by_position_and_by_name(given: dict[str, Any], number: int) -> None:
    """The first seven may be given by position, as in 2.4. What is left out has its default."""
    complete = {name: given.get(name, EXPECTED[name]) for name in BY_POSITION}
    by_position = list(complete.values())[:number]
    by_name = {name: value for name, value in given.items() if name not in BY_POSITION[:number]}
    bound = bind(*by_position, **by_name)
    assert bound == bind(**given)
    for name in EXPECTED:
        if name not in given and name not in ('extra_dimensions', 'interval', 'views'):
            assert getattr(bound, name) == EXPECTED[name]


MISTAKES: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    (
        (),
        {},
        'namespace: None is missing; allowed: a CloudWatch namespace',
    ),
    (
        (),
        {'max_buffered': 1},
        'namespace: None is missing; allowed: a CloudWatch namespace',
    ),
    (
        ('N',),
        {'namespace': 'M'},
        "namespace: 'M' is given by name and by position; allowed: to give it once",
    ),
    (
        ('N', None, 60),
        {'interval': 30},
        'interval: 30 is given by name and by position; allowed: to give it once',
    ),
    (
        ('N', None, 60, 20, None, ignore, ignore, 10),
        {},
        'args: 10 is one argument by position too many; allowed: at most 7 arguments by position; name the others',
    ),
    (
        ('N',),
        {'max_buffer': 5},
        f"max_buffer: 5 is given for an unknown argument; allowed: {', '.join(EXPECTED)}. Did you mean 'max_buffered'?",
    ),
    (
        ('N',),
        {'x': 5},
        f'x: 5 is given for an unknown argument; allowed: {", ".join(EXPECTED)}.',
    ),
]


@pytest.mark.parametrize(
    'function',
    [bind, AWSSatellaExporterThread, start_if_not_started, export_once],
    ids=lambda each: each.__name__,
)
@pytest.mark.parametrize(('args', 'kwargs', 'said'), MISTAKES)
def test_bind_says_what_is_wrong_with_a_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], said: str
) -> None:
    """A missing, doubled, unknown or surplus argument is a ``TypeError`` that names it, as of any function."""
    with pytest.raises(ArgumentTypeError) as raised:
        function(*args, **kwargs)
    written = str(raised.value).replace(', timeout.' if function is export_once else '.', '.')
    assert written.removesuffix(', or the variable AWS_SATELLA_NAMESPACE') == said
    assert (written == said) == (function in (bind, AWSSatellaExporterThread) or 'is missing' not in said)
    assert raised.value.argument == said.split(':')[0]
    assert isinstance(raised.value, TypeError)


@given(plain, st.integers())
def test_check_and_bind_refuse_an_unknown_argument_by_name(name: str, value: int) -> None:
    """``check`` and ``bind`` refuse any name that is not in the list."""
    if name in EXPECTED:
        return
    with pytest.raises(ArgumentTypeError) as alone:
        check(name, value)
    with pytest.raises(ArgumentTypeError) as bound:
        bind('N', **{name: value})
    assert str(alone.value) == str(bound.value)
    assert (alone.value.argument, alone.value.value) == (name, value)

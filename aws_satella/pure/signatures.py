"""How a function takes its signature and its documentation from the list of arguments.

What may live here: decorators. What may not: what an argument is (:mod:`aws_satella.pure.arguments`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from aws_satella.pure.arguments import Arguments
from aws_satella.pure.binding import Settings

P = ParamSpec('P')
R = TypeVar('R')

PLACEHOLDER: Final = ':arguments:'
"""The line of a docstring that :func:`takes` replaces by one line for each argument."""


def _lines(indentation: str, left_out: Iterable[str], kind: Any) -> Iterator[str]:
    for each in fields(kind):
        if each.name not in left_out:
            yield f'{indentation}:param {each.name}: {each.metadata["text"]}'


def document(function: Any, left_out: Iterable[str] = (), kind: Callable[..., Arguments] = Arguments) -> None:
    """Replace the :data:`PLACEHOLDER` in a docstring by one line for each argument."""
    written = function.__doc__ or ''  # python -OO leaves no docstrings
    result: list[str] = []
    for line in written.splitlines():
        if line.strip() == PLACEHOLDER:
            result += _lines(line[: len(line) - len(line.lstrip())], left_out, kind)
        else:
            result.append(line)
    function.__doc__ = '\n'.join(result)


def _parameters(function: Callable[..., object], kind: Callable[..., object] = Arguments) -> inspect.Signature:
    return inspect.signature(kind).replace(return_annotation=inspect.signature(function).return_annotation)


def function_like(constructor: Callable[P, Arguments]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a function the parameters of :class:`Arguments`, for type checkers, ``inspect`` and ``help()``."""

    def decorate(function: Callable[..., R]) -> Callable[P, R]:
        function.__signature__ = _parameters(function, constructor)  # type: ignore[attr-defined]  # inspect looks for it
        document(function, kind=constructor)
        return function

    return decorate


def _method_like(
    constructor: Callable[P, object],
) -> Callable[[Callable[..., R]], Callable[Concatenate[Any, P], R]]:
    """Give a method the parameters of :class:`Arguments`."""
    return _with_first(constructor, 'self')


def _wrapper_like(
    constructor: Callable[P, object],
) -> Callable[[Callable[..., R]], Callable[Concatenate[Any, Any, P], R]]:
    """Give the constructor of what wraps an application the parameters of :class:`Arguments` after that."""
    return _with_first(constructor, 'self', 'app')


def _with_first(constructor: Callable[..., object], *names: str) -> Callable[[Callable[..., R]], Any]:
    def decorate(function: Callable[..., R]) -> Any:
        first = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
        signature = _parameters(function, constructor)
        function.__signature__ = signature.replace(  # type: ignore[attr-defined]  # inspect looks for it
            parameters=[*first, *signature.parameters.values()]
        )
        return function

    return decorate


takes_arguments = function_like(Arguments)
"""Decorator: the function takes the arguments of an exporter."""

takes_settings = function_like(Settings)
"""Decorator: the function takes the arguments of an exporter, and from the environment what it is not given."""

method_takes_arguments = _method_like(Arguments)
"""Decorator: the method takes the arguments of an exporter."""

wrapper_takes_settings = _wrapper_like(Settings)
"""Decorator: the method takes an application, and the arguments of an exporter, as :data:`takes_settings` does."""

"""How a function is called with the arguments of an exporter: what was given, and what the environment adds to it.

What may live here: checks of a call as a whole. What may not: the list of arguments
(:mod:`aws_satella.pure.arguments`), and the environment itself, which comes in as a mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeVar

from aws_satella.pure.arguments import POSITIONAL, Arguments
from aws_satella.pure.environment import NO_ENVIRONMENT, VARIABLES, keywords
from aws_satella.pure.errors import ArgumentError, ArgumentTypeError, suggestion

A = TypeVar('A', bound=Arguments)

_CHECKS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    each.name: each.metadata['check'] for each in fields(Arguments)
}


@dataclass(frozen=True, repr=False, eq=False)  # those of the base do, and each costs time at the start
class Settings(Arguments):
    """The arguments of a function for which the environment may have the namespace: it need not be given."""

    namespace: str | None = field(  # type: ignore[assignment]  # what a caller may give; the value is never None
        default=None, metadata=Arguments.__dataclass_fields__['namespace'].metadata
    )


def check(name: str, value: object) -> None:
    """Check one argument by itself.

    :raises ArgumentError: the value is not allowed
    :raises ArgumentTypeError: the value is of the wrong type, or there is no argument of this name
    """
    _known(name, value, _CHECKS)
    _CHECKS[name](name, value)


def _known(name: str, value: object, known: Iterable[str]) -> None:
    if name not in known:
        allowed = f'{", ".join(known)}. {suggestion(name, known)}'.rstrip()
        raise ArgumentTypeError(name, value, allowed, 'is given for an unknown argument')


def bind(*args: Any, **kwargs: Any) -> Arguments:
    """Check what a function was called with. The environment has no say.

    :raises ArgumentError: an argument has a value that is not allowed
    :raises ArgumentTypeError: an argument is missing, unknown, given twice, or of the wrong type
    """
    return bind_as(Arguments, args, kwargs)


def bind_settings(args: tuple[Any, ...], kwargs: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """The same for a function that takes from the environment what it is not given."""
    return bind_as(Settings, args, kwargs, environ)


def bind_as(
    kind: type[A], args: tuple[Any, ...], kwargs: Mapping[str, Any], environ: Mapping[str, str] = NO_ENVIRONMENT
) -> A:
    """The same for the arguments of any kind.

    :param kind: the value that has the arguments
    :param args: what was given by position
    :param kwargs: what was given by name; an explicit default counts as given
    :param environ: the environment of the process, for what was not given
    :raises ArgumentError: an argument, or a variable that is used, has a value that is not allowed
    :raises ArgumentTypeError: as for :func:`bind`
    """
    if len(args) > len(POSITIONAL):
        allowed = f'at most {len(POSITIONAL)} arguments by position; name the others'
        raise ArgumentTypeError('args', args[len(POSITIONAL)], allowed, 'is one argument by position too many')
    given = dict(zip(POSITIONAL, args, strict=False))
    for name, value in kwargs.items():
        if name in given:
            raise ArgumentTypeError(name, value, 'to give it once', 'is given by name and by position')
        _known(name, value, [each.name for each in fields(kind)])
    given.update(kwargs)
    if issubclass(kind, Settings) and given.get('namespace', '') is None:
        del given['namespace']
    of_environment = keywords(environ, given)
    if 'namespace' not in given and 'namespace' not in of_environment:
        by_variable = f', or the variable {VARIABLES["namespace"]}' if issubclass(kind, Settings) else ''
        raise ArgumentTypeError('namespace', None, f'a CloudWatch namespace{by_variable}', 'is missing')
    try:
        return kind(**given, **of_environment)
    except ArgumentError as error:  # a variable that is allowed by itself, but not beside the other arguments
        if error.argument not in of_environment:
            raise
        raise ArgumentError(VARIABLES[error.argument], error.value, error.allowed) from None

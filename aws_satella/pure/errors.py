"""The errors of wrong arguments.

What may live here: the exceptions, and the words in which they say what is allowed. What may not: what is allowed
(:mod:`aws_satella.pure.checks`).
"""

from __future__ import annotations

from collections.abc import Iterable


class _BaseArgumentError(Exception):
    """What :class:`ArgumentError` and :class:`ArgumentTypeError` share."""

    _verdict = 'is not allowed'

    def __init__(self, argument: str, value: object, allowed: str, verdict: str | None = None) -> None:
        super().__init__(argument, value, allowed, verdict)
        self.argument = argument
        """The name of the argument."""
        self.value = value
        """What was given."""
        self.allowed = allowed
        """What is allowed, in words."""
        self.problem = f'{argument}: {_shown(value)} {verdict or self._verdict.format(type=type(value).__name__)}'
        """The argument, the value and what is wrong with it, in words."""

    def __str__(self) -> str:
        return f'{self.problem}; allowed: {self.allowed}'

    def __repr__(self) -> str:
        return f'{type(self).__name__}({str(self)!r})'


class ArgumentError(_BaseArgumentError, ValueError):
    """An argument has a value that is not allowed."""


class ArgumentTypeError(_BaseArgumentError, TypeError):
    """An argument is missing, unknown, or of the wrong type."""

    _verdict = 'is of type {type}'


for _error in (ArgumentError, ArgumentTypeError):
    _error.__module__ = 'aws_satella'  # their public path, which tracebacks show


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # the repr() of user code may raise, and the error must still say which argument is wrong
        return f'<{type(value).__name__}>'


def suggestion(value: object, allowed: Iterable[object]) -> str:
    """The question "Did you mean ...?" for a misspelling; an empty text where nothing is similar."""
    from difflib import get_close_matches  # a program without a mistake starts faster without it

    names = {name.lower(): name for name in allowed if isinstance(name, str)}
    found = get_close_matches(value.lower(), names, n=1) if isinstance(value, str) else []
    return f'Did you mean {names[found[0]]!r}?' if found else ''

"""The environment of this process, for those who take arguments from it.

What may live here: the reading of ``os.environ``. What may not: what a variable says
(:mod:`aws_satella.pure.environment`).

The class :class:`~aws_satella.AWSSatellaExporterThread` does not take arguments from it, so that a program may run two
exporters that differ.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from aws_satella.effects.complaints import say
from aws_satella.effects.identity import Identity, identity
from aws_satella.pure import environment
from aws_satella.pure.binding import Settings, bind_settings
from aws_satella.pure.errors import ArgumentError


def bind_here(*args: Any, **kwargs: Any) -> Settings:
    """Check what a function was called with, and take from the environment what it was not given.

    :raises ArgumentError: an argument, or a variable that is used, has a value that is not allowed
    :raises ArgumentTypeError: an argument is missing, unknown, given twice, or of the wrong type
    """
    return bind_settings(args, kwargs, os.environ)


def is_disabled() -> bool:
    """Whether the environment turns the export off. It is said once a process.

    :raises ArgumentError: the variable is neither yes nor no
    """
    if not environment.is_disabled(os.environ):
        return False
    _tell(identity())
    return True


def is_silenced() -> bool:
    """Whether the environment turns the export off, for callers that must not raise: what is neither is no."""
    try:
        return environment.is_disabled(os.environ)
    except ArgumentError:
        return False


@cache
def _tell(_process: Identity) -> None:
    say('INFO', '%s is set: this process exports no metrics', environment.DISABLED)

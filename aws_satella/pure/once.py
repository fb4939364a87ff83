"""The arguments of ``export_once``: those of an exporter, and a timeout.

What may live here: what :mod:`aws_satella.pure.arguments` and :mod:`aws_satella.pure.binding` have, for this one
function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_satella.pure import checks
from aws_satella.pure.binding import Settings, bind_as
from aws_satella.pure.signatures import function_like


@dataclass(frozen=True)
class OnceArguments(Settings):
    """The checked arguments of ``export_once``."""

    timeout: float | None = field(
        default=None,
        kw_only=True,
        metadata={
            'check': checks.optional(checks.seconds),
            'text': 'seconds to wait for replies; None waits as long as the client does',
        },
    )


def bind_once(args: tuple[Any, ...], kwargs: Mapping[str, Any], environ: Mapping[str, str]) -> OnceArguments:
    """Check what ``export_once`` was called with.

    :param environ: the environment of the process, for what was not given
    :raises ArgumentError: an argument has a value that is not allowed
    :raises ArgumentTypeError: an argument is missing, unknown, given twice, or of the wrong type
    """
    return bind_as(OnceArguments, args, kwargs, environ)


takes_arguments_once = function_like(OnceArguments)
"""Decorator: the function takes the arguments of ``export_once``."""

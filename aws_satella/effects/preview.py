"""What would be sent, without sending: for the prompt, and for tests that guard the bill."""

from __future__ import annotations

import inspect
import os
from itertools import chain
from typing import Any, Final

from aws_satella.effects.environment import bind_here
from aws_satella.effects.resource import RECORDING_BEGAN, resource_of
from aws_satella.effects.snapshot import tree
from aws_satella.effects.world import REAL
from aws_satella.pure import checks
from aws_satella.pure.arguments import SIGNATURE
from aws_satella.pure.bill import Preview, Prices, compared
from aws_satella.pure.binding import Settings
from aws_satella.pure.environment import VARIABLES
from aws_satella.pure.ledger import Ledger
from aws_satella.pure.reading import Readings, read
from aws_satella.pure.self_metrics import NO_SELF_READINGS, self_readings
from aws_satella.pure.signatures import document

NAMESPACE: Final = str(b'Preview', 'ascii')
"""The namespace by default. It is known by its identity: the same text counts as given if the caller gives it."""


def preview(
    root: Any = None,
    namespace: str = NAMESPACE,
    *,
    processes: int = 1,
    prices: Prices | None = None,
    **exporter_arguments: Any,
) -> Preview:
    """Tell what a cycle of this process would send, what it would discard and why, and the bill of a month.

    With ``views``, ``max_series`` or ``idle_after`` it also tells what the same would cost without them. It ends in a
    comparison of two bills: the same in the classic form, and over OTLP.

    Nothing is sent, and no exporter is affected: with ``temporality='delta'`` it is as if none had run before.

    Arguments that are not given are taken from environment variables.

    >>> print(preview(temporality='delta', add_pid='pid', processes=8))  # doctest: +SKIP

    :param root: the metric to export with all below it, all metrics by default
    :param namespace: the CloudWatch namespace
    :param processes: how many processes export the same; a pid dimension makes the series of each its own
    :param prices: what CloudWatch charges; those of us-east-1 by default
    :arguments:
    :raises ArgumentError: an argument has a value that is not allowed
    :raises ArgumentTypeError: an argument is unknown, or of the wrong type
    """
    checks.whole_number(1)('processes', processes)
    arguments = _bound(namespace, root=root, **exporter_arguments)
    return compared(
        arguments.plan,
        _readings(arguments),
        pid=os.getpid(),
        now=int(REAL.wall()),
        interval=float(arguments.interval),
        processes=processes,
        prices=prices,
        since=RECORDING_BEGAN,
        resource=resource_of(arguments.plan),
    )


def _bound(namespace: str, **given: Any) -> Settings:
    """The arguments, with what the environment adds. Its namespace goes before the default."""
    if namespace is not NAMESPACE or not os.environ.get(VARIABLES['namespace'], '').strip():
        given['namespace'] = namespace
    return bind_here(**given)


def _readings(arguments: Settings) -> Readings:
    """What an exporter reads in its first cycle."""
    metric, sections = tree(arguments.root), arguments.plan.is_viewed
    own = self_readings(Ledger(export_seconds=0.0)) if arguments.self_metrics else NO_SELF_READINGS
    return chain(own.read_all(sections=sections), read(metric, sections=sections) if metric is not None else ())


def _describe_itself() -> None:
    """Name each argument in the signature and the documentation, instead of ``**exporter_arguments``."""
    own = {
        name: parameter
        for name, parameter in inspect.signature(preview).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    }
    others = [
        parameter.replace(kind=parameter.KEYWORD_ONLY)
        for name, parameter in SIGNATURE.parameters.items()
        if name not in own
    ]
    preview.__signature__ = inspect.signature(preview).replace(  # type: ignore[attr-defined]  # inspect looks for it
        parameters=[*own.values(), *others]
    )
    document(preview, left_out=own)


_describe_itself()

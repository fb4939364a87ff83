"""What would be sent, without sending: for the prompt, and for tests that guard the bill."""

from __future__ import annotations

import os
from typing import Any

from aws_satella.effects.delivery import tree
from aws_satella.effects.exporter import AWSSatellaExporterThread
from aws_satella.pure import arguments
from aws_satella.pure.bill import Preview, Prices, preview_of


def preview(
    root: Any = None,
    namespace: str = 'Preview',
    *,
    processes: int = 1,
    prices: Prices | None = None,
    **exporter_arguments: Any,
) -> Preview:
    """What a cycle of this process would send, what it would discard and why, and the bill of a month.

    Nothing is sent, and no exporter takes notice: with ``temporality='delta'`` it is as if none had run before.

    >>> print(preview(temporality='delta', add_pid='pid', processes=8))  # doctest: +SKIP

    :param root: the metric to export with all below it, all metrics by default
    :param namespace: the namespace of CloudWatch
    :param processes: how many processes export the same; a pid dimension makes the series of each its own
    :param prices: what CloudWatch charges; those of us-east-1 by default
    :param exporter_arguments: those of :class:`~aws_satella.AWSSatellaExporterThread`
    :raises ValueError: an argument has a value that is not allowed
    :raises TypeError: an argument is unknown, or of the wrong kind
    """
    arguments.whole_number('processes', processes, 1)
    # With a client that is none, to make an exporter is to check its arguments, and nothing else.
    exporter = AWSSatellaExporterThread(namespace, root=root, **{**exporter_arguments, 'client_factory': object})
    plan, metric = exporter.delivery.plan, tree(root)
    return preview_of(
        plan,
        plan.data_points(metric, {}) if metric is not None else (),
        pid=os.getpid(),
        interval=exporter.seconds,
        processes=processes,
        prices=prices,
    )

"""The tree that satella keeps its metrics in: its leaves, and what its levels show.

What may live here: knowledge of how satella links and names metrics. What may not: what a metric says.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from satella.instrumentation.metrics import Metric, MetricLevel

Leaf = tuple[Any, str]
"""A metric that is no container, and the names above it, joined."""


def leaves(root: Any) -> Iterator[Leaf]:
    """Every metric of the tree that is not a plain container, with the names above it. No tree has no leaves."""
    stack = [] if root is None else [(root, '')]
    while stack:
        metric, prefix = stack.pop()
        if type(metric) is Metric:
            inner = join(prefix, metric.name) if metric.name else prefix
            stack.extend((child, inner) for child in reversed(list(visible_children(metric))))
        else:
            yield metric, prefix


def join(prefix: str, name: str) -> str:
    return f'{prefix}.{name}' if prefix else name


def visible_children(metric: Any) -> Iterator[Any]:
    """The children that the level of the metric shows, as many as there are now. More may come while they are read.

    satella only adds to the list, so it can be read in place. A copy would touch every child twice, which is what takes
    the time in a large tree.
    """
    level, inherit = metric.level, MetricLevel.INHERIT
    for child in islice(metric.children, len(metric.children)):
        # Nearly all children inherit their level. To ask each of them would walk up the tree once a child.
        # noinspection PyProtectedMember
        try:
            visible = (child._level is inherit and child.root_metric is metric) or child.level <= level
        except Exception:
            visible = _is_visible(child, level)
        if visible:
            yield child


def _is_visible(child: Any, level: MetricLevel) -> bool:
    """Whether to show a child of an unknown class. One that does not know its level is shown."""
    try:
        return bool(child.level <= level)
    except Exception:
        return True

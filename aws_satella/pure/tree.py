"""The tree that satella keeps its metrics in: its leaves, what its levels show of them, and what is hidden.

What may live here: knowledge of how satella links and names metrics. What may not: what a metric says.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
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


def names_of_leaves(root: Any) -> Iterator[str]:
    """The name of every leaf, whatever the levels show. A leaf whose name is no text has none."""
    stack = [(root, '')]
    while stack:
        metric, prefix = stack.pop()
        name = getattr(metric, 'name', None)
        if not isinstance(name, str):
            continue
        full = join(prefix, name) if name else prefix
        if type(metric) is Metric:
            stack.extend((child, full) for child in list(metric.children))
        else:
            yield full


def all_leaves(root: Any, only: Container[type]) -> Iterator[Any]:
    """Every leaf of these classes, whatever the levels show, in no order."""
    stack = [] if root is None else [root]
    while stack:
        metric = stack.pop()
        if type(metric) is Metric:
            stack.extend(list(metric.children))
        elif type(metric) in only:
            yield metric


def children_of(leaf: Any) -> list[Any] | None:
    """The labelled children of a leaf as they are now, hidden ones included; None where it cannot list them.

    They are copied in one step of the interpreter, so that none is missed while another thread removes some.
    """
    try:
        return list(leaf.children)
    except Exception:
        return None


def membership(root: Any, only: Container[type]) -> Callable[[Any], bool]:
    """Tell of any metric whether it is in the tree now, hidden or not: a leaf of these classes, or a child of one.

    A leaf that does not even list its children is taken to have all that ever were below it.
    """
    known: set[int] = set()
    unlisted: set[int] = set()
    for leaf in all_leaves(root, only):
        known.add(id(leaf))
        if (children := children_of(leaf)) is None:
            unlisted.add(id(leaf))
        else:
            known.update(map(id, children))
    return lambda metric: id(metric) in known or id(getattr(metric, 'root_metric', None)) in unlisted


def top(metric: Any) -> Any:
    """The root of the tree that a metric was made in."""
    while (above := getattr(metric, 'root_metric', None)) is not None:
        metric = above
    return metric


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

"""What a forked process has recorded itself, as opposed to what it found.

What may live here: the marks of metrics at the fork, and their comparison. What may not: forks.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Final

from satella.instrumentation.metrics.metric_types import (
    CounterMetric,
    FloatMetric,
    HistogramMetric,
    IntegerMetric,
    QuantileMetric,
    SummaryMetric,
)

from aws_satella.pure.readers import FOLLOWED, READERS
from aws_satella.pure.tree import all_leaves, children_of

Marks = Mapping[Hashable, Any]
"""Metric object → what every recording changes, at the fork."""

_UNRECORDED: Final = {
    CounterMetric: (0, 0),
    FloatMetric: FloatMetric.DEFAULT_VALUE,
    HistogramMetric: 0,
    IntegerMetric: IntegerMetric.DEFAULT_VALUE,
    QuantileMetric: (0, 0, 0, None),
    SummaryMetric: (0, 0, 0, None),
}
"""The marks of metrics that were never recorded."""


def marks(root: Any) -> Marks:
    """Note what the metrics of a tree say, those too that a level hides.

    A fork waits for this, so it computes nothing, and calls no user code.

    :param root: a satella metric; None for a tree that does not exist yet
    """
    noted: dict[Hashable, Any] = {}
    for metric in _followed(root):
        try:
            noted[metric] = _mark(metric)
        except Exception:  # noqa: S112  # a metric that cannot be read costs itself alone
            continue
    return noted


def _mark(metric: Any) -> Any:
    """What every recording changes. Raises for a class that is not followed."""
    return READERS[type(metric)].mark(metric)  # type: ignore[misc]  # None is what raises


def _followed(root: Any) -> Iterator[Any]:
    for leaf in all_leaves(root, FOLLOWED):
        yield leaf
        yield from children_of(leaf) or ()


class Recorded:
    """Whether a metric has been recorded since the fork.

    Once it was, it stays so: a level may come back to its value at the fork.

    :param noted: the marks at the fork
    """

    def __init__(self, noted: Marks) -> None:
        self._noted = noted
        self._known: set[Hashable] = set()

    def __call__(self, metric: Any) -> bool:
        """Whether the metric was recorded. A class that is not followed never is, nor is what cannot be read."""
        try:
            if metric in self._known:
                return True
            if _mark(metric) == self._noted.get(metric, _UNRECORDED[type(metric)]):
                return False
        except Exception:
            return False
        self._known.add(metric)
        return True

    def any(self, root: Any) -> bool:
        """Whether any metric of a tree was recorded, whether a level shows it or not."""
        return any(map(self, _followed(root)))

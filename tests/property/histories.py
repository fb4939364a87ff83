"""Histories: what is recorded with a few metrics, cycle after cycle, and what delta gives for it.

A history is a list of cycles, each a list of recordings. The model beside it is the plain list of values that were
recorded, by metric and labels.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from property.trees import Tree, build, snapshot
from satella.instrumentation.metrics import getMetric

from aws_satella.pure import Baseline, Delta, Discarded, Distribution, distributions, read
from aws_satella.pure.points import Point

Labels = frozenset[tuple[str, object]]
NO_LABELS: Labels = frozenset()
Series = tuple[str, Labels]


@dataclass(frozen=True)
class Recorded:
    """One recording with the metric of that number."""

    metric: int
    value: Any
    labels: Mapping[str, object]


@dataclass(frozen=True)
class History:
    """Metrics of one type, and what was recorded with them in each cycle."""

    kind: str
    options: tuple[Mapping[str, Any], ...]
    cycles: tuple[tuple[Recorded, ...], ...]

    def build(self) -> list[Any]:
        """Its metrics, in a new tree."""
        build(Tree(()))
        return [getMetric(f'm{index}', self.kind, **options) for index, options in enumerate(self.options)]


whole = st.one_of(st.integers(-5, 20), st.integers(-(10**30), 10**30))
real = st.one_of(
    st.floats(-1e3, 1e3, allow_subnormal=False), st.sampled_from((0.1, 0.3, 1.0, 5.0, 0.0, -0.5, 2, 7, 0.5))
)
few_labels = st.sampled_from(({}, {}, {'a': 1}, {'a': 2}, {'b': 'x', 'a': 1}))


@st.composite
def histories(
    draw: st.DrawFn, kind: str, options: Mapping[str, st.SearchStrategy[Any]], values: st.SearchStrategy[Any]
) -> History:
    """A few metrics, a few cycles; many recordings in a cycle are as likely as none."""
    metrics = draw(st.lists(st.fixed_dictionaries({}, optional=dict(options)), min_size=1, max_size=3))
    labels = few_labels if draw(st.booleans()) else st.just({})
    one = st.builds(Recorded, st.integers(0, len(metrics) - 1), values, labels)
    cycles = draw(st.lists(st.lists(one, max_size=9).map(tuple), min_size=1, max_size=5))
    return History(kind, tuple(metrics), tuple(cycles))


def without_discards(points: Iterable[Point | Discarded]) -> list[Point]:
    """The points alone."""
    return [each for each in points if not isinstance(each, Discarded)]


class Observer:
    """Cycle after cycle, what delta gives for the tree."""

    def __init__(self, baseline: Baseline | None = None) -> None:
        self.baseline: Baseline = baseline or {}
        self.discarded: list[Discarded] = []

    def cycle(self) -> dict[Series, Any]:
        """Series → value of one cycle; each series once."""
        root = getMetric()
        before = snapshot(root)
        delta = Delta(read(root), self.baseline)
        assert delta.baseline == self.baseline
        listed = list(distributions(delta))
        old, self.baseline = self.baseline, delta.baseline
        assert delta.baseline == self.baseline
        assert snapshot(root) == before
        points = without_discards(listed)
        assert points == without_discards(distributions(Delta(read(root), old)))
        self.discarded += [each for each in listed if isinstance(each, Discarded)]
        found = {(point.name, frozenset(point.labels.items())): point.value for point in points}
        assert len(found) == len(points)
        return found


def record(metrics: list[Any], cycle: Iterable[Recorded]) -> None:
    """Record what one cycle has."""
    for each in cycle:
        metrics[each.metric].runtime(each.value, **each.labels)


def by_series(cycle: Iterable[Recorded]) -> dict[tuple[int, Labels], list[Any]]:
    """What was recorded, by metric and labels."""
    values: dict[tuple[int, Labels], list[Any]] = defaultdict(list)
    for each in cycle:
        values[each.metric, frozenset(each.labels.items())].append(each.value)
    return values


def labelled_by(history: History, cycle: int) -> set[int]:
    """The metrics that were recorded with labels up to the end of this cycle."""
    return {each.metric for part in history.cycles[: cycle + 1] for each in part if each.labels}


def multiset(observed: Distribution) -> Counter[float]:
    """Value → number of observations."""
    return Counter(dict(zip(observed.values, observed.counts, strict=True)))

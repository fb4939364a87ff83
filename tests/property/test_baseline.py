"""The baseline of delta: whatever is hidden, missed, removed, made again or forked, each increase is given once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from property.histories import NO_LABELS, Series, multiset
from satella.instrumentation import metrics as satella_metrics
from satella.instrumentation.metrics import MetricLevel, getMetric
from satella.instrumentation.metrics.metric_types import CounterMetric

from aws_satella.pure import Baseline, Delta, Discarded, Distribution, distributions, note, read
from aws_satella.pure.points import Point, keeper

KINDS = {'a.counter': 'counter', 'a.histogram': 'histogram', 'a.b.summary': 'summary', 'counter': 'counter'}
names = st.sampled_from(sorted(KINDS))
labels = st.sampled_from(({}, {'n': 1}, {'n': 2}, {'n': 3}))
levels = st.sampled_from((MetricLevel.RUNTIME, MetricLevel.DEBUG, MetricLevel.INHERIT))
quarters = st.integers(0, 60).map(lambda number: number / 4)


class DeltaHistory(RuleBasedStateMachine):
    """A tree that is recorded with, hidden, shown, pruned, read and forked, beside the plain list of what each of its
    metrics was not asked for yet."""

    def __init__(self) -> None:
        super().__init__()
        getMetric().reset()
        getMetric().level = MetricLevel.RUNTIME
        self.baseline: Baseline = {}
        self.pending: dict[Any, list[float]] = {}
        """Metric object → what was recorded with it and has not been given."""

    def metric(self, name: str) -> Any:
        metric = getMetric(name, KINDS[name])
        self.pending.setdefault(metric, [])
        return metric

    def existing(self) -> list[Any]:
        return [satella_metrics.metrics[name] for name in sorted(KINDS) if name in satella_metrics.metrics]

    @rule(name=names, value=quarters, labels=labels)
    def record(self, name: str, value: float, labels: dict[str, int]) -> None:
        metric = self.metric(name)
        metric.runtime(value, **labels)
        if metric.level >= MetricLevel.RUNTIME:
            self.pending[metric].append(value)
            child = metric.children_mapping.get(tuple(labels.items()))
            if child is not None:
                self.pending.setdefault(child, []).append(value)

    @rule(name=st.sampled_from(('', 'a', 'a.b')), level=levels)
    def set_the_level_of_a_container(self, name: str, level: MetricLevel) -> None:
        if name or level is not MetricLevel.INHERIT:
            getMetric(name).level = level

    @rule(name=names, level=levels, child=st.none() | st.integers(0, 2))
    def set_the_level_of_a_metric(self, name: str, level: MetricLevel, child: int | None) -> None:
        metric = self.metric(name)
        children = metric.children[child : child + 1] if child is not None else [metric]
        for each in children:
            each.level = level

    @rule(name=names)
    def remove_a_metric(self, name: str) -> None:
        metric = satella_metrics.metrics.pop(name, None)
        if metric is not None:
            metric.root_metric.children.remove(metric)
            for each in (metric, *metric.children):
                self.pending.pop(each, None)

    @rule(name=names, number=st.integers(0, 2))
    def remove_a_label_set(self, name: str, number: int) -> None:
        if name in satella_metrics.metrics:
            self._forget(satella_metrics.metrics[name], number)

    def _forget(self, metric: Any, number: int) -> None:
        for child in metric.children[number : number + 1]:
            metric.children.remove(child)
            metric.children_mapping = {key: each for key, each in metric.children_mapping.items() if each is not child}
            self.pending.pop(child, None)

    @rule()
    def fork(self) -> None:
        """From here on it is the child of a process that sends what there is so far."""
        self.baseline = note(getMetric())
        for values in self.pending.values():
            values.clear()

    @rule(name=names)
    def the_metric_raises_in_a_cycle(self, name: str) -> None:
        if name not in satella_metrics.metrics:
            return
        metric = satella_metrics.metrics[name]
        series = dict(self._all_series())
        labelled = metric.embedded_submetrics_enabled
        del metric.embedded_submetrics_enabled
        self._cycle(series)
        metric.embedded_submetrics_enabled = labelled

    @rule(taken=st.integers(0, 10), name=names, number=st.integers(0, 2))
    def a_label_set_is_removed_in_a_cycle(self, taken: int, name: str, number: int) -> None:
        """Of the others some may be missed."""
        self._cycle(dict(self._all_series()), taken, lambda: self.remove_a_label_set(name, number))

    @rule()
    def a_cycle(self) -> None:
        series = dict(self._all_series())
        assert self._cycle(series) == series.keys()

    def _all_series(self) -> Iterator[tuple[Series, Any]]:
        """The series that are shown, each with the object that counts for it."""
        for metric in self.existing():
            if _is_shown(metric):
                yield from _series(metric)

    def _cycle(
        self, series: dict[Series, Any], taken: int = -1, act: Callable[[], object] = lambda: None
    ) -> set[Series]:
        """Read all, and compare with what is due. What was given."""
        pending = {each: tuple(values) for each, values in self.pending.items()}
        delta = Delta(read(getMetric()), self.baseline)
        given: set[Series] = set()
        for number, point in enumerate(distributions(delta)):
            if not isinstance(point, Discarded):
                found = (point.name, frozenset(point.labels.items()))
                assert found not in given
                given.add(found)
                source = series[found]
                _check(point, list(pending[source]))
                if source in self.pending:
                    self.pending[source].clear()
            if number == taken:
                act()
        self.baseline = delta.baseline
        return given

    @invariant()
    def nothing_is_remembered_that_is_gone(self) -> None:
        """After a complete reading; what is removed later leaves with the next one."""
        delta = Delta(read(getMetric()), self.baseline)
        list(delta)
        assert {keeper(key) for key in delta.baseline} <= set(self.pending)


def _is_shown(metric: Any) -> bool:
    while metric.root_metric is not None:
        if metric.level > metric.root_metric.level:
            return False
        metric = metric.root_metric
    return True


def _series(metric: Any) -> Iterator[tuple[Series, Any]]:
    name = metric.get_fully_qualified_name()
    if not metric.embedded_submetrics_enabled:
        yield (name, NO_LABELS), metric
        return
    for child in metric.children:
        if child.level <= metric.level:
            yield (name, frozenset(child.labels.items())), child
    yield (name + ('.sum' if isinstance(metric, CounterMetric) else '.total'), NO_LABELS), metric


def _check(point: Point, values: list[float]) -> None:
    """The point gives just these values."""
    if not isinstance(point.value, Distribution):
        assert point.value == sum(values)
    elif point.name.endswith('.total') or 'histogram' in point.name:
        assert sum(point.value.counts) == len(values)
        if 'histogram' in point.name:
            observed = multiset(point.value)
            assert sum(value * number for value, number in observed.items()) == pytest.approx(sum(values))
    else:
        assert sorted(multiset(point.value).elements()) == sorted(values)


TestDeltaHistory = DeltaHistory.TestCase

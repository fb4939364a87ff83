"""Points → data points: cumulative, as satella keeps them, or delta, as CloudWatch can use them.

What may live here: arithmetic on points, and the baseline, which is a value: the old one in, the new one out. What may
not: names of CloudWatch's fields, limits, time.

*Cumulative*: counters are running totals, a histogram is a series a bucket and ``.sum`` and ``.count``, a summary is a
series a quantile. The set of series is satella's own ``to_metric_data()``.

*Delta*: counters are increases since the last reading. A histogram or a summary is *one* series, the
:class:`~aws_satella.pure.datapoints.Distribution` of what was observed since; CloudWatch computes percentiles from it,
and adds up workers. A distribution of nothing is given too (its series exists, though there is nothing to send).

The baseline maps a metric object to what was last passed on of it. An object, not a name and labels: a series that was
removed and made again is another object, and starts at its own value; and no key has to be computed for each series.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

from satella.coding.transforms.percentile import percentile
from satella.instrumentation.metrics import MetricData

from aws_satella.pure.buckets import buckets_of, distribute
from aws_satella.pure.datapoints import (
    STATEFUL,
    DataPoint,
    Discarded,
    Distribution,
    HistogramPoint,
    Kind,
    Point,
    Reader,
    Reason,
    SummaryPoint,
    SummaryTotal,
    attempt,
    keeper,
    newest,
    read,
)

TEMPORALITIES: Final = ('cumulative', 'delta')

NOTHING: Final = Distribution((), ())
"""The distribution of no observations."""


class HistogramState(NamedTuple):
    """What was passed on of a histogram."""

    counts: Sequence[int]
    observations: int
    sum: float


class SummaryState(NamedTuple):
    """What was passed on of a summary."""

    calls: int
    time: float


State = float | HistogramState | SummaryState
"""What was passed on of one metric object (a number: of a counter)."""

Baseline = Mapping[Hashable, object]
"""Metric object (or that and a field) → :data:`State`. Its size is that of the live tree."""


def collect(metric: Any, tolerate: type[BaseException] = Exception) -> Iterator[DataPoint | Discarded]:
    """Every series of a tree of satella metrics, with its present value.

    The same names, labels and values as satella's own ``metric.to_metric_data()``, less internal metrics, in time
    linear in their number; lazily, in tree order.

    :param metric: a satella metric: a container such as the root, or a single leaf
    :param tolerate: what a metric may raise at the cost of itself alone
    :return: data points, and a :class:`~aws_satella.pure.datapoints.Discarded` for a metric that raised
    """
    return cumulative(read(metric, tolerate), tolerate)


# --- cumulative


def cumulative(
    points: Iterable[Point | Discarded], tolerate: type[BaseException] = Exception
) -> Iterator[DataPoint | Discarded]:
    """Everything as satella has it: running totals, buckets, quantiles.

    :param points: what :func:`~aws_satella.pure.read` gave
    :param tolerate: what odd values may raise (a summary of texts has no quantile) at the cost of their metric alone
    """
    for point in points:
        if isinstance(point, (DataPoint, Discarded)):
            yield point
        else:
            yield from attempt(_EXPANSIONS[type(point)], point, point.name, tolerate)


def _expand_histogram(point: HistogramPoint, name: str) -> list[DataPoint]:
    # satella's names: 'ge' is the upper bound, 'le' the lower.
    buckets = [
        DataPoint(name, count, {**point.labels, 'ge': upper, 'le': lower}, Kind.BUCKET)
        for lower, upper, count in buckets_of(point.limits, point.counts)
    ]
    return [
        *buckets,
        DataPoint(name + '.sum', point.sum, point.sum_labels, Kind.COUNTER),
        DataPoint(name + '.count', point.observations, point.sum_labels, Kind.COUNTER),
    ]


def _expand_summary(point: SummaryPoint, name: str) -> list[DataPoint]:
    return [*_quantiles(name, point, sorted(point.samples)), *_totals(name, point)]


def _expand_summary_total(point: SummaryTotal, name: str) -> list[DataPoint]:
    if not point.aggregate:
        return _totals(name, point)
    samples = sorted(chain.from_iterable(map(newest, point.children)))
    return [*_quantiles(name + '.total', point, samples), *_totals(name, point)]


def _totals(name: str, point: SummaryPoint | SummaryTotal) -> list[DataPoint]:
    if point.calls is None:
        return []
    return [
        DataPoint(name + '.count', point.calls, point.labels, Kind.COUNTER),
        DataPoint(name + '.sum', point.time, point.labels, Kind.COUNTER),
    ]


def _quantiles(name: str, point: SummaryPoint | SummaryTotal, ascending: Sequence[float]) -> list[DataPoint]:
    return [
        DataPoint(
            name,
            percentile(ascending, quantile) if ascending else 0.0,
            {'quantile': quantile, **point.labels},
            Kind.QUANTILE,
        )
        for quantile in point.quantiles
    ]


_EXPANSIONS: Mapping[type, Reader] = {
    HistogramPoint: _expand_histogram,
    SummaryPoint: _expand_summary,
    SummaryTotal: _expand_summary_total,
}


# --- delta


class Delta:
    """What happened since the baseline: iterate once, then take the new :attr:`baseline`.

    :param points: what :func:`~aws_satella.pure.read` gave
    :param baseline: that of the previous cycle; empty to begin with
    :param tolerate: what odd values may raise at the cost of their metric alone
    """

    def __init__(
        self, points: Iterable[Point | Discarded], baseline: Baseline, tolerate: type[BaseException] = Exception
    ) -> None:
        self._points = points
        self._old: Mapping[Hashable, Any] = baseline
        self._new: dict[Hashable, Any] = {}
        self._missed: set[Hashable] = set()
        self._complete = False
        self._tolerate = tolerate
        self._children = _Children(None)
        self._readers: Mapping[type, Reader] = {
            HistogramPoint: self._histogram,
            SummaryPoint: self._summary,
            SummaryTotal: self._summary_total,
        }

    @property
    def baseline(self) -> Baseline:
        """What has been passed on so far. Series that went away have dropped out once the iteration is complete."""
        return self._new if self._complete else {**self._old, **self._new}

    def __iter__(self) -> Iterator[DataPoint | Discarded]:
        old, new = self._old, self._new
        for point in self._points:
            if isinstance(point, DataPoint):
                name, value, labels, kind, source = point
                if source is None:
                    yield point
                    continue
                new[source] = value
                try:
                    increase: object = value - old.get(source, 0)
                except Exception:  # no number: passed through as it is, for the shaping to say so
                    increase = value
                yield DataPoint(name, increase, labels, kind, source)
            elif isinstance(point, Discarded):
                self._missed.add(point.source)
                yield point
            else:
                for each in attempt(self._readers[type(point)], point, point.name, self._tolerate):
                    if isinstance(each, Discarded):
                        self._missed.add(each.source)
                    yield each
        self._keep_missed()
        self._complete = True

    def _keep_missed(self) -> None:
        """A metric that raised once is no series that went away: its next increase is from where it was."""
        if self._missed - {None}:
            for key, state in self._old.items():
                if keeper(key) in self._missed:
                    self._new.setdefault(key, state)

    def _histogram(self, point: HistogramPoint, name: str) -> Iterable[DataPoint | Discarded]:
        state = self._old.get(point.source, _NEW_HISTOGRAM)
        if point.observations < state.observations:  # the program emptied it: it starts again
            state = _NEW_HISTOGRAM
        observed, self._new[point.source] = _observed(point, state)
        result: list[DataPoint | Discarded] = [DataPoint(name, observed, point.labels, Kind.DISTRIBUTION)]
        if math.isfinite(state.sum) and not math.isfinite(point.sum):
            result.append(Discarded(MetricData(name + '.sum', point.sum, dict(point.labels)), Reason.NOT_FINITE))
        return result

    def _summary(self, point: SummaryPoint, name: str) -> Iterable[DataPoint]:
        if point.calls is None:
            return _expand_summary(point, name)
        state = _since_reset(self._old.get(point.source, _NEW_SUMMARY), point.calls)
        calls = point.calls - state.calls
        samples = Counter(point.samples[:calls])
        if calls and not samples:  # counted in another thread, and not yet in the window: the next cycle's
            self._new[point.source] = state
            return [DataPoint(name, NOTHING, point.labels, Kind.DISTRIBUTION)]
        self._new[point.source] = SummaryState(point.calls, point.time)
        observed = scale(samples, calls)
        parent = getattr(point.source, 'root_metric', None)
        if self._children.parent is not parent:  # a summary that has no total came before
            self._children = _Children(parent)
        self._children.add(observed, calls, point.time - state.time)
        return [DataPoint(name, observed, point.labels, Kind.DISTRIBUTION)]

    def _summary_total(self, point: SummaryTotal, name: str) -> Iterable[DataPoint]:
        children = self._children if self._children.parent is point.source else _Children(point.source)
        if point.calls is None:
            return _expand_summary_total(point, name)
        state = _since_reset(self._old.get(point.source, _NEW_SUMMARY), point.calls)
        self._new[point.source] = SummaryState(point.calls, point.time)
        if not point.aggregate:
            return []
        observed = children.total(point.calls - state.calls, point.time - state.time)
        return [DataPoint(name + '.total', observed, point.labels, Kind.DISTRIBUTION)]


def note(root: Any) -> Baseline:
    """The baseline of a tree as it stands: what comes later is an increase, what is in it is not.

    For the moment of a fork, which waits for it: it works out nothing of what was observed, and runs no code of the
    program's (a callable metric is not called).
    """
    noted: dict[Hashable, object] = {}
    for point in read(root, only=STATEFUL):
        if isinstance(point, DataPoint):
            if point.source is not None:
                noted[point.source] = point.value
        elif isinstance(point, HistogramPoint):
            noted[point.source] = HistogramState(point.counts, point.observations, point.sum)
        elif not isinstance(point, Discarded) and point.calls is not None:
            noted[point.source] = SummaryState(point.calls, point.time)
    return noted


_NEW_HISTOGRAM: Final = HistogramState((), 0, 0.0)
_NEW_SUMMARY: Final = SummaryState(0, 0.0)


def _since_reset(state: SummaryState, calls: int) -> SummaryState:
    """A summary that counts fewer calls than before was emptied by the program, and starts again."""
    return state if calls >= state.calls else _NEW_SUMMARY


class _Children:
    """What the children of one labelled summary gave in this cycle, added up as they pass."""

    def __init__(self, parent: object) -> None:
        self.parent = parent
        self._samples: Counter[float] = Counter()
        self._calls = 0
        self._time = 0.0

    def add(self, observed: Distribution, calls: int, time: float) -> None:
        self._samples.update(dict(zip(observed.values, observed.counts, strict=True)))
        self._calls += calls
        self._time += time

    def total(self, calls: int, time: float) -> Distribution:
        """The children's samples; for observations that had no labels, of which there are no samples, their mean."""
        without_labels = calls - self._calls
        if without_labels > 0:
            self._samples[(time - self._time) / without_labels] += without_labels
        return scale(self._samples, calls)


def scale(counts: Mapping[float, int], total: int) -> Distribution:
    """Counts that add up to ``total`` exactly, in the proportion of the given ones (largest remainder method)."""
    have = sum(counts.values())
    if have == total:
        return Distribution(tuple(counts), tuple(counts.values()))
    if not have or total <= 0:
        return NOTHING
    parts = {value: divmod(count * total, have) for value, count in counts.items()}
    missing = total - sum(whole for whole, _ in parts.values())
    rounded_up = set(sorted(parts, key=lambda value: parts[value][1], reverse=True)[:missing])
    scaled = {value: whole + (value in rounded_up) for value, (whole, _) in parts.items()}
    kept = {value: count for value, count in scaled.items() if count}
    return Distribution(tuple(kept), tuple(kept.values()))


def _observed(point: HistogramPoint, state: HistogramState) -> tuple[Distribution, HistogramState]:
    """What a histogram observed since, and the state after passing it on."""
    count = point.observations - state.observations
    if not count:
        return NOTHING, state
    before = state.counts or (0,) * len(point.counts)
    counts = [max(0, now - then) for now, then in zip(point.counts, before, strict=True)]
    values = distribute(point.limits, counts, count, point.sum - state.sum)
    # The next sum starts from what was passed on, so that a rounding error is made up for then.
    passed_on = state.sum + math.fsum(value * number for value, number in values.items())
    after = HistogramState(point.counts, point.observations, passed_on if math.isfinite(point.sum) else point.sum)
    return Distribution(tuple(values), tuple(values.values())), after

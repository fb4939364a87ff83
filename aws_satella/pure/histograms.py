"""The reading of a histogram: whole, at one moment, or its increase.

What may live here: what a histogram says, and how it is expanded. What may not: metric objects, and the arithmetic on
buckets, which is in :mod:`aws_satella.pure.buckets`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from satella.instrumentation.metrics import MetricData

from aws_satella.pure.buckets import buckets_of, distribute, nearest_sum
from aws_satella.pure.points import DataPoint, Discarded, Histogram, Kind, Labels, Reason, distribution


class HistogramState(NamedTuple):
    """How far a histogram has been exported."""

    counts: Sequence[int] = ()
    observations: int = 0
    sum: float = 0.0


class HistogramReading(NamedTuple):
    """A histogram whole, at one moment, or its increase."""

    name: str
    labels: Labels
    bounds: Sequence[float]
    """Upper bounds of all buckets but the last, which is open."""
    counts: Sequence[int]
    """Observations in each bucket; one more than there are bounds."""
    sum: float | None
    """None in an increase where an earlier observation was not finite, so that the sum says nothing any more."""
    observations: int
    total_labels: Labels
    """Labels of the ``.sum`` and ``.count`` series, which satella leaves off the total of a labelled histogram."""
    source: Hashable

    @property
    def state(self) -> HistogramState:
        """What a baseline keeps."""
        return HistogramState(self.counts, self.observations, self.sum or 0.0)

    def since(self, state: HistogramState | None, _parts: object = ()) -> tuple[HistogramReading, HistogramState]:
        """The increase since an earlier state, and the state now. User code that empties a histogram starts it anew."""
        if state is None or self.observations < state.observations:
            state = HistogramState()
        now = self.state
        if now.observations == state.observations:  # an observation that is not counted yet is not in its bucket either
            now = state
        before = state.counts or (0,) * len(self.counts)
        counts = [max(0, after - then) for after, then in zip(now.counts or self.counts, before, strict=True)]
        observations = now.observations - state.observations
        if not math.isfinite(state.sum):
            return self._replace(counts=counts, sum=None, observations=observations), now
        increase = now.sum - state.sum
        total = nearest_sum(self.bounds, counts, observations, increase)
        if total != increase:  # what these buckets cannot have is left to the next cycle
            now = now._replace(sum=state.sum + total)
        return self._replace(counts=counts, sum=total, observations=observations), now

    def series(self) -> list[DataPoint]:
        """A series for each bucket, ``.sum`` and ``.count``.

        In satella's labels 'ge' is the upper bound, 'le' the lower.
        """
        return [
            *(
                DataPoint(self.name, observed, {**self.labels, 'ge': upper, 'le': lower}, Kind.BUCKET)
                for lower, upper, observed in buckets_of(self.bounds, self.counts)
            ),
            DataPoint(self.name + '.sum', self.sum, self.total_labels, Kind.COUNTER),
            DataPoint(self.name + '.count', self.observations, self.total_labels, Kind.COUNTER),
        ]

    def whole(self) -> list[DataPoint]:
        """One series with all buckets, the number of observations and their sum."""
        value = Histogram(self.bounds, self.counts, self.observations, self.sum)
        return [DataPoint(self.name, value, self.labels, Kind.HISTOGRAM)]

    def distribution(self) -> list[DataPoint | Discarded]:
        """One series with values that agree with the buckets, the count and the sum."""
        total = math.nan if self.sum is None else self.sum
        observed = distribute(self.bounds, self.counts, self.observations, total) if self.observations else {}
        points: list[DataPoint | Discarded] = [distribution(self.name, observed, self.labels)]
        if self.sum is not None and not math.isfinite(self.sum):
            points.append(Discarded(MetricData(self.name + '.sum', self.sum, dict(self.labels)), Reason.NOT_FINITE))
        return points

"""The readings of a summary: whole, at one moment, or the new samples in its window.

What may live here: what a summary and the total of a labelled summary say, how they are expanded, and the arithmetic on
the observations in a window. What may not: buckets, baselines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from satella.coding.transforms.percentile import percentile

from aws_satella.pure.points import DataPoint, Discarded, Kind, Labels, Samples, distribution

Multiset = Mapping[float, int]
"""Value → number of observations."""


class SummaryState(NamedTuple):
    """How far a summary has been exported."""

    observations: int = 0
    sum: float = 0  # whole, since what it is taken from may be a Decimal


class NewSamples(NamedTuple):
    """What a summary observed since an earlier state."""

    name: str
    labels: Labels
    samples: Multiset
    """Value → number of observations; the numbers add up to ``observations``."""
    observations: int
    sum: float
    source: Hashable
    complete: bool = False
    """Whether every sample was in the window, so that none of the numbers is an estimate."""

    def distribution(self) -> list[DataPoint | Discarded]:
        """One series with the samples."""
        return [distribution(self.name, self.samples, self.labels)]

    def series(self) -> list[DataPoint]:
        """The same: satella shows no increases."""
        return [distribution(self.name, self.samples, self.labels)]

    def whole(self) -> list[DataPoint]:
        """One series with the samples, and their sum."""
        value = Samples(tuple(self.samples), tuple(self.samples.values()), self.sum, self.complete)
        return [DataPoint(self.name, value, self.labels, Kind.SAMPLES)]


class SummaryReading(NamedTuple):
    """A summary whole, at one moment."""

    name: str
    labels: Labels
    quantiles: Sequence[float]
    window: Sequence[float]
    """The latest observations, newest first, at most ``last_calls`` of them."""
    observations: int | None
    """Observations since the start; None where the summary does not count them (``count_calls=False``)."""
    sum: float
    source: Hashable

    @property
    def state(self) -> SummaryState | None:
        """What a baseline keeps; None where nothing grows."""
        return None if self.observations is None else SummaryState(self.observations, self.sum)

    def since(
        self, state: SummaryState | None, _parts: object = ()
    ) -> tuple[SummaryReading | NewSamples, SummaryState | None]:
        """The new samples since an earlier state, and the state now. A summary that counts nothing stays whole."""
        if self.observations is None:
            return self, None
        state = _unless_reset(state, self.observations)
        count = self.observations - state.observations
        latest = self.window[:count]
        samples = count_samples(latest, count)
        if count and not samples:  # another thread has counted it, and not yet put it into the window
            return NewSamples(self.name, self.labels, {}, 0, 0.0, self.source), state
        complete = len(latest) == count
        new = NewSamples(self.name, self.labels, samples, count, self.sum - state.sum, self.source, complete)
        return new, SummaryState(self.observations, self.sum)

    def series(self) -> list[DataPoint]:
        """A series for each quantile, ``.count`` and ``.sum``."""
        return [*_quantiles(self, self.name, self.window), *_totals(self)]

    def distribution(self) -> list[DataPoint]:
        """The series, since the new observations of a summary that counts nothing are not known."""
        return self.series()

    def whole(self) -> list[DataPoint]:
        """The series, since a summary knows only its latest observations."""
        return self.series()


class SummaryTotalReading(NamedTuple):
    """What a labelled summary says of all its children together. It follows their readings."""

    name: str
    labels: Labels
    quantiles: Sequence[float]
    aggregate: bool
    """Whether the children are to be added up."""
    children: Sequence[Any]
    """The metric objects of the children; their windows together are too large to copy before they are needed."""
    observations: int | None
    sum: float
    source: Hashable

    @property
    def state(self) -> SummaryState | None:
        """What a baseline keeps; None where nothing grows."""
        return None if self.observations is None else SummaryState(self.observations, self.sum)

    def since(
        self, state: SummaryState | None, parts: Sequence[NewSamples]
    ) -> tuple[SummaryTotalReading | NewSamples | None, SummaryState | None]:
        """The new samples of the children, which came just before (``parts``), and the state now."""
        if self.observations is None:
            return self, None
        state = _unless_reset(state, self.observations)
        now = SummaryState(self.observations, self.sum)
        if not self.aggregate:
            return None, now
        count, total = now.observations - state.observations, now.sum - state.sum
        known = sum(part.observations for part in parts)
        samples = merge_samples([part.samples for part in parts])
        if count > known:  # observations without labels are in no window: their mean stands for them
            mean = (total - sum(part.sum for part in parts)) / (count - known)
            samples[mean] = samples.get(mean, 0) + count - known
        scaled = count_samples(samples, count)
        complete = count == known and all(part.complete for part in parts)
        return NewSamples(self.name + '.total', self.labels, scaled, count, total, self.source, complete), now

    def series(self) -> list[DataPoint]:
        """A series for each quantile over the windows of all children, ``.count`` and ``.sum``."""
        if not self.aggregate:
            return _totals(self)
        window = [sample for child in self.children for sample in in_window(child)]
        return [*_quantiles(self, self.name + '.total', window), *_totals(self)]

    def distribution(self) -> list[DataPoint]:
        """The series, since the new observations of a summary that counts nothing are not known."""
        return self.series()

    def whole(self) -> list[DataPoint]:
        """The series, since a summary knows only its latest observations."""
        return self.series()


def _unless_reset(state: SummaryState | None, count: int) -> SummaryState:
    """The state; an empty one where user code has emptied the summary, which then counts fewer calls than before."""
    return state if state is not None and count >= state.observations else SummaryState()


def _quantiles(
    reading: SummaryReading | SummaryTotalReading, name: str, window: Sequence[float]
) -> Iterator[DataPoint]:
    for quantile, value in percentiles(window, reading.quantiles):
        yield DataPoint(name, value, {'quantile': quantile, **reading.labels}, Kind.QUANTILE)


def _totals(reading: SummaryReading | SummaryTotalReading) -> list[DataPoint]:
    if reading.observations is None:
        return []
    return [
        DataPoint(reading.name + '.count', reading.observations, reading.labels, Kind.COUNTER),
        DataPoint(reading.name + '.sum', reading.sum, reading.labels, Kind.COUNTER),
    ]


def in_window(summary: Any) -> list[float]:
    """The observations in the window of a summary metric, newest first.

    The queue is copied in one step of the interpreter, since it changes while other threads record. A queue that
    outgrew its bound in a race is read only up to the bound.
    """
    return list(islice(summary.calls_queue.copy(), summary.last_calls))


def percentiles(window: Iterable[float], quantiles: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Each quantile with its value, as satella computes it: 0.0 for an empty window."""
    ascending = sorted(window)
    return ((each, percentile(ascending, each) if ascending else 0.0) for each in quantiles)


def merge_samples(parts: Iterable[Multiset]) -> dict[float, int]:
    """The sum of several multisets."""
    merged: Counter[float] = Counter()
    for part in parts:
        merged.update(part)
    return merged


def count_samples(samples: Multiset | Iterable[float], count: int) -> dict[float, int]:
    """The samples with numbers that add up to ``count``: observations that left the window are spread over the others.

    :param samples: observations, or a multiset of them
    :param count: how many observations there were
    """
    return scale(Counter(samples), count)


def scale(samples: Multiset, count: int) -> dict[float, int]:
    """Numbers that add up to ``count`` exactly, in the proportion of the given ones (largest remainder method)."""
    have = sum(samples.values())
    if have == count:
        return dict(samples)
    parts = {value: divmod(number * count, have) for value, number in samples.items()}
    missing = count - sum(whole for whole, _ in parts.values())
    rounded_up = set(sorted(parts, key=lambda value: parts[value][1], reverse=True)[:missing])
    scaled = {value: whole + (value in rounded_up) for value, (whole, _) in parts.items()}
    return {value: number for value, number in scaled.items() if number}

"""Readings → rebased readings → points: cumulative, as satella keeps them, or delta, as CloudWatch can add them up.

What may live here: the baseline, which is a value (the old one in, the new one out), and the two stages that depend on
the temporality. What may not: metric classes, names of CloudWatch fields, limits, time.

*Cumulative*: counters are running totals, a histogram is a series for each bucket and ``.sum`` and ``.count``, a
summary is a series for each quantile. The set of series is that of satella's own ``to_metric_data()``.

*Delta*: counters are increases since the last cycle. A histogram or a summary is *one* series, the
:class:`~aws_satella.pure.Distribution` of what was observed since; CloudWatch computes percentiles from it, and adds up
processes. A distribution without observations is given too: its series exists, though there is nothing to send.

Where a destination has a form for them, a histogram or the new samples of a summary come *whole* instead, in one point.

The baseline maps a metric object to its state when it was last exported. The key is an object instead of a name and
labels: a series that was removed and made again is another object and starts at its own value, and no key has to be
computed for each series. A metric that a reading did not meet keeps its state as long as it is in the tree: a level may
hide it, or another thread may have moved its neighbors meanwhile. Only what is gone from the tree is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, Final

from aws_satella.pure.points import (
    STRICT,
    CounterReading,
    DataPoint,
    Discarded,
    Kind,
    Point,
    Section,
    Tolerance,
    keeper,
    raised,
)
from aws_satella.pure.readers import GROWING, READERS, Reading
from aws_satella.pure.reading import Readings, read
from aws_satella.pure.summaries import NewSamples, SummaryTotalReading
from aws_satella.pure.tree import all_leaves, children_of, membership, top

Baseline = Mapping[Hashable, Any]
"""Metric object, or ``(metric, field)`` → the state up to which it was exported. As large as the live tree."""


def collect(metric: Any, tolerance: Tolerance = STRICT) -> Iterator[DataPoint | Discarded]:
    """Give every series of a tree of satella metrics with its present value.

    The names, labels and values are those of satella's own ``metric.to_metric_data()``, less internal metrics. The time
    is linear in their number. The iterator is lazy, and in tree order.

    :param metric: a satella metric: a container such as the root, or a single leaf
    :param tolerance: what user code may raise at the cost of one metric alone
    :return: data points, and a :class:`~aws_satella.pure.Discarded` for a metric that raised
    """
    for point in cumulative(read(metric, tolerance), tolerance):
        if isinstance(point, CounterReading):
            yield DataPoint(point.name, point.value, point.labels, Kind.COUNTER)
        else:
            yield point


def cumulative(readings: Readings, tolerance: Tolerance = STRICT) -> Iterator[Point | Discarded]:
    """Expand readings as satella does: running totals, buckets, quantiles.

    :param readings: what :func:`~aws_satella.pure.read` gave
    :param tolerance: what odd values may raise (a summary of texts has no quantile) at the cost of one metric alone
    """
    return _expanded(readings, tolerance, lambda reading: reading.series())


def distributions(readings: Readings, tolerance: Tolerance = STRICT) -> Iterator[Point | Discarded]:
    """Expand readings so that a histogram or a summary is one distribution.

    :param readings: what :class:`Delta` gave
    :param tolerance: what odd values may raise at the cost of one metric alone
    """
    return _expanded(readings, tolerance, lambda reading: reading.distribution())


def whole(readings: Readings, tolerance: Tolerance = STRICT) -> Iterator[Point | Discarded]:
    """Expand readings so that a histogram is one point with all its buckets, and the new samples of a summary are one.

    A summary that is not rebased is a series for each quantile, ``.count`` and ``.sum``.

    :param readings: what :func:`~aws_satella.pure.read` or :class:`Delta` gave
    :param tolerance: what odd values may raise at the cost of one metric alone
    """
    return _expanded(readings, tolerance, lambda reading: reading.whole())


FORMS: Final[Mapping[str, Callable[[Readings, Tolerance], Iterator[Point | Discarded]]]] = {
    'cumulative': cumulative,
    'delta': distributions,
}
"""Temporality → what makes of readings the points that PutMetricData takes."""


_POINTS: Final = (CounterReading, DataPoint, Discarded)
"""What is expanded already."""


def _expanded(
    readings: Readings, tolerance: Tolerance, form: Callable[[Any], Iterable[Point | Discarded]]
) -> Iterator[Point | Discarded]:
    give_back: Callable[[], object] | None = getattr(readings, 'give_back', None)
    for reading in readings:
        if isinstance(reading, _POINTS):
            yield reading
            continue
        try:
            points = form(reading)
        except tolerance.errors as error:
            points = (raised(reading.name, reading.labels, error, reading.source),)
            if give_back is not None:
                give_back()
        yield from points


class Delta:
    """What came since a baseline. Iterate once, then take the new :attr:`baseline`.

    :param readings: what :func:`~aws_satella.pure.read` gave
    :param baseline: that of the previous cycle; empty to begin with
    :param tolerance: what odd values may raise at the cost of one metric alone
    :param root: the tree that was read, in which to look for what was not met in it; by default the trees that those
        metrics were made in
    """

    def __init__(self, readings: Readings, baseline: Baseline, tolerance: Tolerance = STRICT, root: Any = None) -> None:
        self._readings = readings
        self._old = baseline
        self._new: dict[Hashable, Any] = {}
        self._root = root
        self._last: Hashable = None
        self._complete = False
        self._tolerance = tolerance
        self._parts: list[NewSamples] = []
        """The new samples of summaries since the last total of a summary."""

    @property
    def baseline(self) -> Baseline:
        """How far everything has been exported.

        Series that are gone from the tree have dropped out once the iteration is complete.
        """
        return self._new if self._complete else {**self._old, **self._new}

    def __iter__(self) -> Iterator[Reading | Discarded]:
        old, new = self._old, self._new
        for reading in self._readings:
            if isinstance(reading, CounterReading):  # nearly all readings, so without the detour of the others
                self._last = source = reading.source
                increase, new[source] = reading.since(old.get(source))
                yield increase
            elif isinstance(reading, DataPoint):
                self._last = None
                yield reading
            elif isinstance(reading, (Discarded, Section)):
                yield reading
            elif (each := self._increase(reading)) is not None:
                yield each
        self._keep_unread()
        self._complete = True

    def _increase(self, reading: Any) -> Reading | Discarded | None:
        """The increase of a reading; None for the total of a summary that does not add up its children."""
        self._last = source = reading.source
        try:
            increase, state = reading.since(self._old.get(source), self._parts_of(reading))
        except self._tolerance.errors as error:
            return raised(reading.name, reading.labels, error, source)
        if state is not None:
            self._new[source] = state
        if isinstance(increase, NewSamples):
            self._parts.append(increase)
        return increase  # type: ignore[no-any-return]  # the union of what the readings' since() gives

    def give_back(self, sources: Iterable[Hashable] | None = None) -> None:
        """Leave increases to a later cycle, since they could not be viewed, expanded or encoded.

        :param sources: who keeps their numbers; by default the one whose increase was given last
        """
        for source in (self._last,) if sources is None else sources:
            if source is None:
                continue
            self._new.pop(source, None)
            if source in self._old:
                self._new[source] = self._old[source]

    def _parts_of(self, reading: Any) -> list[NewSamples]:
        """The new samples of the children of a summary; nothing for other readings."""
        if not isinstance(reading, SummaryTotalReading):
            return []
        parts, self._parts = self._parts, []
        return [part for part in parts if getattr(part.source, 'root_metric', None) is reading.source]

    def _keep_unread(self) -> None:
        """Keep the states of metrics that were hidden, missed or raised: the next increase counts from them."""
        unread = [key for key in self._old if key not in self._new]
        if not unread:
            return
        metrics = [keeper(key) for key in unread]
        roots = {id(root): root for root in ([self._root] if self._root is not None else map(top, metrics))}
        in_any = [membership(root, GROWING) for root in roots.values()]
        for key, metric in zip(unread, metrics, strict=True):
            if any(is_in(metric) for is_in in in_any):
                self._new[key] = self._old[key]


def note(root: Any) -> Baseline:
    """Take the baseline of a tree as it stands: what comes later is an increase, what is in it is not.

    It has what levels hide, too, since they may show it later. A fork waits for this, so it computes nothing of what
    was observed, and calls no user code.
    """
    states: dict[Hashable, Any] = {}
    for leaf in all_leaves(root, GROWING):
        for metric in (leaf, *(children_of(leaf) or ())):
            try:
                readings = READERS[type(metric)].own(metric, '')
                states.update((each.source, each.state) for each in readings if each.state is not None)
            except Exception:  # noqa: S112  # a metric that cannot be read costs itself alone
                continue
    return states

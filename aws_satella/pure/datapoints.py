"""Metric tree → points: what a tree of satella metrics says at this moment, in linear time.

What may live here: knowledge of satella's metric classes. What may not: CloudWatch, dimensions, baselines.

satella's own ``to_metric_data()`` copies everything it has so far for each metric that it adds, so it is quadratic in
the number of series. Here each metric class whose shape is known has a row in a table (:data:`SHAPES`) that says how
one metric of that class reads; the tree is walked once, lazily. Any other class, a user's subclass included, is asked
for its own ``to_metric_data()``.

Reading gives *points*. A :class:`DataPoint` is one number of one series. A histogram and a summary come whole
(:class:`HistogramPoint`, :class:`SummaryPoint`, :class:`SummaryTotal`), because what becomes of them (seventeen series,
or one distribution) is decided in :mod:`aws_satella.pure.temporality`.

To add a metric type: write a function from the metric and its full name to a list of points, give it a row in
:data:`SHAPES`, and add the type to the trees of ``tests/property/trees.py``.
"""

from __future__ import annotations

import enum
import time
from bisect import bisect_left
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple

from satella.instrumentation.metrics import Metric, MetricData, MetricLevel
from satella.instrumentation.metrics.metric_types import (
    CallableMetric,
    ClicksPerTimeUnitMetric,
    CounterMetric,
    EmptyMetric,
    FloatMetric,
    HistogramMetric,
    IntegerMetric,
    LeafMetric,
    LinkfailMetric,
    QuantileMetric,
    SummaryMetric,
    UptimeMetric,
)

Labels = Mapping[str, object]
"""The labels of one series, as the recording program gave them: names to anything that has a ``str()``."""


class Kind(enum.Enum):
    """What a data point's number means over time."""

    GAUGE = 'gauge'
    """A level: the last one counts."""
    COUNTER = 'counter'
    """A running total: its increase counts."""
    BUCKET = 'bucket'
    """How many observations fell into one bucket of a histogram, since the start."""
    QUANTILE = 'quantile'
    """A quantile over a summary's window."""
    DISTRIBUTION = 'distribution'
    """The observations themselves (:class:`Distribution`)."""


class Reason(enum.Enum):
    """Why data was thrown away."""

    RAISED = 'the metric, or a label of it, raised while it was read'
    BAD_NAME = 'the name of the metric is empty or longer than CloudWatch takes'
    BAD_DIMENSION_NAME = "the name of a dimension is empty, starts with ':' or is longer than CloudWatch takes"
    BAD_DIMENSION_VALUE = 'the value of a dimension is longer than CloudWatch takes'
    TOO_MANY_DIMENSIONS = 'more dimensions than max_dimensions, after all were merged'
    NOT_A_NUMBER = 'the value is not a number'
    NOT_FINITE = 'the value is NaN or infinite'
    OUT_OF_RANGE = 'the value lies beyond ±2^360'
    BAD_UNIT = 'the units callable gave no unit of CloudWatch, or raised'
    TOO_MANY_SERIES = 'more series than max_series'
    REJECTED = 'CloudWatch refused it'


class Discarded(NamedTuple):
    """Data that will not be sent, and why."""

    data: MetricData
    reason: Reason
    error: BaseException | None = None
    """What was raised, where something was."""
    source: Hashable = None
    """The metric that raised, if it keeps numbers that grow: they are not passed on this time, but the next."""


class Distribution(NamedTuple):
    """Observations as CloudWatch takes them: each distinct value, and how often it occurred."""

    values: tuple[float, ...]
    counts: tuple[float, ...]


class DataPoint(NamedTuple):
    """One number of one series."""

    name: str
    value: object
    """A number where all is well; whatever the program recorded otherwise. A :class:`Distribution` for that kind."""
    labels: Labels
    kind: Kind = Kind.GAUGE
    source: Hashable = None
    """Who keeps the number, for the kinds that have a baseline: the metric object itself, or that and a field."""


class HistogramPoint(NamedTuple):
    """A histogram whole, at one moment."""

    name: str
    labels: Labels
    limits: Sequence[float]
    """Upper bounds of all buckets but the last, which is open."""
    counts: Sequence[int]
    """Observations in each bucket since the start; one more than there are limits."""
    sum: float
    observations: int
    sum_labels: Labels
    """Labels of the ``.sum`` and ``.count`` series, which satella leaves off the total of a labelled histogram."""
    source: Hashable


class SummaryPoint(NamedTuple):
    """A summary whole, at one moment."""

    name: str
    labels: Labels
    quantiles: Sequence[float]
    samples: Sequence[float]
    """The latest observations, newest first, at most ``last_calls`` of them."""
    calls: int | None
    """Observations since the start; None where the summary does not count them (``count_calls=False``)."""
    time: float
    source: Hashable


class SummaryTotal(NamedTuple):
    """What a labelled summary says of all its children together. It follows their points."""

    name: str
    labels: Labels
    quantiles: Sequence[float]
    aggregate: bool
    """Whether the children are to be added up."""
    children: Sequence[Any]
    """The children's metric objects; their windows together are too large to copy before they are asked for."""
    calls: int | None
    time: float
    source: Hashable


Point = DataPoint | HistogramPoint | SummaryPoint | SummaryTotal
"""What reading a tree gives."""

Reader = Callable[[Any, str], Iterable[Any]]
"""From one metric (or a part of one) and the full name to points."""

PATIENCE: Final = 20
"""How often a metric is read again into which another thread records: a busy one is met so again and again."""


def read(
    root: Any,
    tolerate: type[BaseException] = Exception,
    only: Container[type] | None = None,
    wait: Callable[[], object] | None = None,
) -> Iterator[Point | Discarded]:
    """Read a tree of satella metrics, in tree order, lazily.

    Internal metrics are left out: a leaf that is internal, with all its children and totals. (A container's mark says
    nothing: satella marks every parent that an internal metric's creation brought along, the root included.)

    :param root: a satella metric: a container, or a single leaf; names start with its own
    :param tolerate: what a metric may raise at the cost of itself alone. An exporter's own thread passes
        ``BaseException``; on the main thread ``SystemExit`` and ``KeyboardInterrupt`` belong to the program.
    :param only: read the metrics of these classes, and pass over the others
    :param wait: called where another thread is found in the middle of a recording, to let it finish. None takes things
        as they are.
    :return: points, and a :class:`Discarded` in place of what could not be read
    """
    for leaf, prefix in _leaves(root):
        if only is not None and type(leaf) not in only:
            continue
        shape = SHAPES.get(type(leaf))
        if shape is None:
            name = _join(prefix, getattr(leaf, 'name', type(leaf).__name__))
            yield from attempt(partial(_foreign, prefix), leaf, name, tolerate)
            continue
        if leaf.internal:
            continue
        name = _join(prefix, leaf.name)
        total = shape.total if shape.total and leaf.embedded_submetrics_enabled else None
        own = shape.own
        if wait is not None and shape.settled is not None:
            settle = partial(_settled, wait, shape.settled)
            own, total = partial(settle, own), total and partial(settle, total)
        for part in shape.parts(leaf):
            yield from attempt(own, part, name, tolerate)
        if total is not None:
            yield from attempt(total, leaf, name, tolerate)


def _settled(
    wait: Callable[[], object], settled: Callable[[Any], bool], reader: Reader, metric: Any, name: str
) -> Iterable[Any]:
    """What the reader makes of the metric, once no other thread is in the middle of a recording."""
    points = reader(metric, name)
    for _ in range(PATIENCE):
        if all(map(settled, points)):
            break
        wait()
        points = reader(metric, name)
    return points


def keeper(source: Hashable) -> Hashable:
    """The metric object of a :attr:`DataPoint.source`."""
    return source[0] if isinstance(source, tuple) else source


def attempt(reader: Reader, subject: Any, name: str, tolerate: type[BaseException]) -> Iterable[Any]:
    """What the reader makes of the subject; where that raises, a discard in its place."""
    try:
        return reader(subject, name)
    except tolerate as error:
        source = subject if type(subject) in STATEFUL else getattr(subject, 'source', None)
        return (Discarded(MetricData(name, None, getattr(subject, 'labels', None)), Reason.RAISED, error, source),)


def newest(summary: Any) -> list[float]:
    """The observations in a summary's window, newest first.

    The queue is copied in one step of the interpreter, since it changes while other threads record; and a queue that
    outgrew its bound in a race is read only as far as the bound.
    """
    return list(islice(summary.calls_queue.copy(), summary.last_calls))


def _leaves(root: Any) -> Iterator[tuple[Any, str]]:
    """Every metric of the tree that is not a plain container, with the names above it."""
    stack = [(root, '')]
    while stack:
        metric, prefix = stack.pop()
        if type(metric) is Metric:
            inner = _join(prefix, metric.name) if metric.name else prefix
            stack.extend((child, inner) for child in reversed(list(_visible_children(metric))))
        else:
            yield metric, prefix


def _join(prefix: str, name: str) -> str:
    return f'{prefix}.{name}' if prefix else name


def _visible_children(metric: Any) -> Iterator[Any]:
    """The children that the metric's level shows, as many as there are now: more may come while they are read.

    satella only ever adds to the list, so that it can be read as it is. A copy would touch every child twice, which
    is what takes the time in a large tree.
    """
    level, inherit = metric.level, MetricLevel.INHERIT
    for child in islice(metric.children, len(metric.children)):
        # Nearly all children inherit their level; to ask each would walk up the tree once a child.
        # noinspection PyProtectedMember
        try:
            visible = (child._level is inherit and child.root_metric is metric) or child.level <= level
        except Exception:
            visible = _is_visible(child, level)
        if visible:
            yield child


def _is_visible(child: Any, level: MetricLevel) -> bool:
    """Of a child that is no metric of satella's. One that does not know its level is left to what reading it gives."""
    try:
        return bool(child.level <= level)
    except Exception:
        return True


def _foreign(prefix: str, metric: Any, _name: str) -> list[Point]:
    """A metric of an unknown class gives its own account of itself; all of it is taken for gauges."""
    if isinstance(metric, LeafMetric) and metric.internal:
        return []
    return [
        DataPoint(_join(prefix, str(data.name)), data.value, data.labels)
        for data in metric.to_metric_data().values
        if not data.internal
    ]


def _itself(metric: Any) -> Iterable[Any]:
    return (metric,)


def _children_or_itself(metric: Any) -> Iterable[Any]:
    """A metric that was ever recorded with labels shows a child for each set of them, and no value of its own."""
    return _visible_children(metric) if metric.embedded_submetrics_enabled else (metric,)


def _simple(metric: Any, name: str) -> list[Point]:
    return [DataPoint(name, metric.data, metric.labels)]


def _counter(metric: Any, name: str) -> list[Point]:
    point = DataPoint(name, metric.value, metric.labels, Kind.COUNTER, metric)
    return [point, _calls(metric, name)] if metric.count_calls else [point]


def _counter_total(metric: Any, name: str) -> list[Point]:
    points: list[Point] = []
    if metric.sum_children:
        points.append(DataPoint(name + '.sum', metric.value, metric.labels, Kind.COUNTER, metric))
    if metric.count_calls:
        points.append(_calls(metric, name))
    return points


def _calls(counter: Any, name: str) -> DataPoint:
    return DataPoint(name + '.count', counter.calls, counter.labels, Kind.COUNTER, (counter, 'calls'))


def _histogram(metric: Any, name: str) -> list[Point]:
    return [_buckets(metric, name, metric.labels)]


def _histogram_total(metric: Any, name: str) -> list[Point]:
    return [_buckets(metric, name + '.total', {})] if metric.aggregate_children else []


def _buckets(metric: Any, name: str, sum_labels: Labels) -> HistogramPoint:
    # The buckets are read first: recording counts an observation before it puts it into its bucket, so that one that is
    # under way in another thread can be missing from the buckets, never from the count.
    counts = metric.buckets.copy()
    return HistogramPoint(
        name, metric.labels, metric.bucket_limits, counts, metric.sum, metric.count, sum_labels, metric
    )


def _adds_up(point: HistogramPoint) -> bool:
    """Whether every observation that was counted is in a bucket. A negative one never is."""
    return point.observations == sum(point.counts)


def _summary(metric: Any, name: str) -> list[Point]:
    # The window is read first, so that the count covers at least what is in it.
    samples = newest(metric)
    calls = metric.tot_calls if metric.count_calls else None
    return [SummaryPoint(name, metric.labels, metric.quantiles, samples, calls, metric.tot_time, metric)]


def _summary_total(metric: Any, name: str) -> list[Point]:
    children = list(metric.children)
    # Nothing is called between reading the calls and their time, so that no other thread records in between.
    calls = metric.tot_calls if metric.count_calls else None
    return [
        SummaryTotal(
            name,
            metric.labels,
            metric.quantiles,
            metric.aggregate_children,
            children,
            calls,
            metric.tot_time,
            metric,
        )
    ]


def _clicks(metric: Any, name: str) -> list[Point]:
    return _clicks_within(metric, name, [metric])


def _clicks_total(metric: Any, name: str) -> list[Point]:
    return _clicks_within(metric, name + '.total', list(metric.children)) if metric.aggregate_children else []


def _clicks_within(metric: Any, name: str, clicked: list[Any]) -> list[Point]:
    now = time.monotonic()
    # Copied in one step of the interpreter: a click from another thread meanwhile would end an iteration.
    clicks = [each.last_clicks.copy() for each in clicked]
    return [
        DataPoint(
            name,
            sum(len(of_one) - bisect_left(of_one, now - period) for of_one in clicks),
            {'period': period, **metric.labels},
        )
        for period in metric.time_unit_vectors
    ]


class _Call(NamedTuple):
    """One callable of a callable metric, with all its labels."""

    labels: Labels
    callable: Callable[[], Any]


def _calls_to_make(metric: Any) -> list[_Call]:
    calls = [_Call({**metric.labels, **each.labels}, each.callable) for each in list(metric.labeled_metrics)]
    return [*calls, _Call(metric.labels, metric.callable)] if metric.callable else calls


def _called(call: _Call, name: str) -> list[Point]:
    return [DataPoint(name, call.callable(), call.labels)]


def _uptime(metric: Any, name: str) -> list[Point]:
    return [DataPoint(name, metric.time_getter() - metric.basic_time, metric.labels)]


def _link(metric: Any, name: str) -> list[Point]:
    """Read with ``get``: the metric's maps are defaultdicts, which reading must not fill."""
    addresses = {*list(metric.consecutive_successes), *list(metric.consecutive_failures)}
    points: list[Point] = []
    for address in addresses:
        labels = metric.labels if addresses == {0} else {**metric.labels, 'address': address}
        points += (
            DataPoint(name + '.consecutive_failures', metric.consecutive_failures.get(address, 0), labels),
            DataPoint(name + '.consecutive_successes', metric.consecutive_successes.get(address, 0), labels),
            DataPoint(name + '.status', int(metric.working.get(address, True)), labels),
        )
    return points


def _nothing(_metric: Any, _name: str) -> list[Point]:
    return []


class Shape(NamedTuple):
    """How the metrics of one class are read."""

    own: Reader
    """What one part of it says, given the full name of the metric."""
    parts: Callable[[Any], Iterable[Any]] = _itself
    """What it consists of; each part is read by itself, and fails by itself."""
    total: Reader | None = None
    """What it says of all its labelled children together."""
    settled: Callable[[Any], bool] | None = None
    """Whether a point agrees with itself: it does not where another thread is in the middle of a recording."""


SHAPES: Mapping[type, Shape] = {
    CallableMetric: Shape(_called, _calls_to_make),
    ClicksPerTimeUnitMetric: Shape(_clicks, _children_or_itself, _clicks_total),
    CounterMetric: Shape(_counter, _children_or_itself, _counter_total),
    EmptyMetric: Shape(_nothing),
    FloatMetric: Shape(_simple, _children_or_itself),
    HistogramMetric: Shape(_histogram, _children_or_itself, _histogram_total, settled=_adds_up),
    IntegerMetric: Shape(_simple, _children_or_itself),
    LinkfailMetric: Shape(_link),
    QuantileMetric: Shape(_summary, _children_or_itself, _summary_total),
    SummaryMetric: Shape(_summary, _children_or_itself, _summary_total),
    UptimeMetric: Shape(_uptime),
}
"""The classes that satella ships. Only the exact class counts: a subclass may do anything."""

STATEFUL: Container[type] = frozenset({CounterMetric, HistogramMetric, QuantileMetric, SummaryMetric})
"""The classes whose numbers grow, and so have a baseline."""

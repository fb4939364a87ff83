"""How the metrics of each class are read: one row in a table (:data:`READERS`) for each class that satella ships.

What may live here: knowledge of the metric classes of satella. What may not: CloudWatch, dimensions, baselines.

A class without a row, a user's subclass included, is asked for its own ``to_metric_data()``.

To add a metric class: write a function from the metric and its full name to a list of readings, give it a row in
:data:`READERS`, and add the class to the trees of ``tests/property/trees.py``.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, Final, NamedTuple

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

from aws_satella.pure.histograms import HistogramReading
from aws_satella.pure.points import CounterReading, DataPoint, Labels, new_counter
from aws_satella.pure.summaries import NewSamples, SummaryReading, SummaryTotalReading, in_window
from aws_satella.pure.tree import join

Reading = DataPoint | CounterReading | HistogramReading | SummaryReading | SummaryTotalReading | NewSamples
"""What reading a tree gives, and what rebasing makes of it."""

ReadOne = Callable[[Any, str], Iterable[Any]]
"""From one metric, or a part of one, and its full name to readings."""


def foreign(prefix: str, metric: Any, _name: str) -> list[Reading]:
    """Take a metric of an unknown class by its own account of itself. All of it is taken for levels."""
    if isinstance(metric, LeafMetric) and metric.internal:
        return []
    return [
        DataPoint(join(prefix, str(data.name)), data.value, data.labels)
        for data in metric.to_metric_data().values
        if not data.internal
    ]


def _itself(metric: Any) -> Iterable[Any]:
    return (metric,)


def _level(metric: Any, name: str) -> list[Reading]:
    return [DataPoint(name, metric.data, metric.labels)]


def _mark_of_level(metric: Any) -> Any:
    return metric.data


def _counter(metric: Any, name: str) -> list[Reading]:
    reading = new_counter((name, metric.value, metric.labels, metric))
    return [reading, _calls(metric, name)] if metric.count_calls else [reading]


def _mark_of_counter(metric: Any) -> Any:
    return metric.value, metric.calls


def _counter_total(metric: Any, name: str) -> list[Reading]:
    readings: list[Reading] = []
    if metric.sum_children:
        readings.append(CounterReading(name + '.sum', metric.value, metric.labels, metric))
    if metric.count_calls:
        readings.append(_calls(metric, name))
    return readings


def _calls(counter: Any, name: str) -> CounterReading:
    return CounterReading(name + '.count', counter.calls, counter.labels, (counter, 'calls'))


def _histogram(metric: Any, name: str) -> list[Reading]:
    return [_buckets(metric, name, metric.labels)]


def _mark_of_histogram(metric: Any) -> Any:
    return metric.count


def _histogram_total(metric: Any, name: str) -> list[Reading]:
    return [_buckets(metric, name + '.total', {})] if metric.aggregate_children else []


def _buckets(metric: Any, name: str, total_labels: Labels) -> HistogramReading:
    # The buckets are read first. satella counts an observation before it puts it into its bucket, so an observation
    # that another thread is recording can be missing from the buckets, but never from the count.
    counts = metric.buckets.copy()
    return HistogramReading(
        name, metric.labels, metric.bucket_limits, counts, metric.sum, metric.count, total_labels, metric
    )


def _adds_up(reading: HistogramReading) -> bool:
    """Whether every observation that was counted is in a bucket. A negative one never is."""
    return reading.observations == sum(reading.counts)


def _summary(metric: Any, name: str) -> list[Reading]:
    # The window is read first, so that the count includes everything in it.
    window = in_window(metric)
    calls = metric.tot_calls if metric.count_calls else None
    return [SummaryReading(name, metric.labels, metric.quantiles, window, calls, metric.tot_time, metric)]


def _mark_of_summary(metric: Any) -> Any:
    # satella does not count the calls of all summaries. The newest observation is the first of the queue.
    return metric.tot_calls, metric.tot_time, len(metric.calls_queue), next(iter(metric.calls_queue.copy()), None)


def _summary_total(metric: Any, name: str) -> list[Reading]:
    children = list(metric.children)
    # No function is called between reading the calls and their time, so that no other thread records in between.
    calls = metric.tot_calls if metric.count_calls else None
    return [
        SummaryTotalReading(
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


def _clicks(metric: Any, name: str) -> list[Reading]:
    return _clicks_within(metric, name, [metric])


def _clicks_total(metric: Any, name: str) -> list[Reading]:
    return _clicks_within(metric, name + '.total', list(metric.children)) if metric.aggregate_children else []


def _clicks_within(metric: Any, name: str, clicked: list[Any]) -> list[Reading]:
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


class _Callable(NamedTuple):
    """One callable of a callable metric, with all its labels."""

    labels: Labels
    callable: Callable[[], Any]


def _callables(metric: Any) -> list[_Callable]:
    calls = [_Callable({**metric.labels, **each.labels}, each.callable) for each in list(metric.labeled_metrics)]
    return [*calls, _Callable(metric.labels, metric.callable)] if metric.callable else calls


def _called(call: _Callable, name: str) -> list[Reading]:
    return [DataPoint(name, call.callable(), call.labels)]


def _uptime(metric: Any, name: str) -> list[Reading]:
    return [DataPoint(name, metric.time_getter() - metric.basic_time, metric.labels)]


def _link(metric: Any, name: str) -> list[Reading]:
    """Read a linkfail metric. Its maps are defaultdicts, which ``get`` does not fill."""
    addresses = {*list(metric.consecutive_successes), *list(metric.consecutive_failures)}
    readings: list[Reading] = []
    for address in addresses:
        labels = metric.labels if addresses == {0} else {**metric.labels, 'address': address}
        readings += (
            DataPoint(name + '.consecutive_failures', metric.consecutive_failures.get(address, 0), labels),
            DataPoint(name + '.consecutive_successes', metric.consecutive_successes.get(address, 0), labels),
            DataPoint(name + '.status', int(metric.working.get(address, True)), labels),
        )
    return readings


def _nothing(_metric: Any, _name: str) -> list[Reading]:
    return []


class Reader(NamedTuple):
    """How the metrics of one class are read."""

    own: ReadOne
    """What one part of the metric says, given its full name."""
    parts: Callable[[Any], Iterable[Any]] = _itself
    """What the metric consists of. Each part is read by itself, and fails by itself."""
    takes_labels: bool = False
    """Whether it exports its children instead of its own value, once it was recorded with labels."""
    total: ReadOne | None = None
    """What the metric says of all its labelled children together."""
    settled: Callable[[Any], bool] | None = None
    """Whether a reading agrees with itself. It does not where another thread is in the middle of a recording."""
    grows: bool = False
    """Whether its numbers grow, so that it has a place in a baseline."""
    runs_user_code: bool = False
    """Whether reading it calls user code, which may take its time."""
    inherent: tuple[str, ...] = ()
    """Labels that its readings have beside those that were given."""
    mark: Callable[[Any], Any] | None = None
    """What every recording changes. None where it cannot be told, or where the metric records nothing itself."""


READERS: Final[Mapping[type, Reader]] = {
    CallableMetric: Reader(_called, _callables, runs_user_code=True),
    ClicksPerTimeUnitMetric: Reader(_clicks, takes_labels=True, total=_clicks_total, inherent=('period',)),
    CounterMetric: Reader(_counter, takes_labels=True, total=_counter_total, grows=True, mark=_mark_of_counter),
    EmptyMetric: Reader(_nothing),
    FloatMetric: Reader(_level, takes_labels=True, mark=_mark_of_level),
    HistogramMetric: Reader(
        _histogram, takes_labels=True, total=_histogram_total, settled=_adds_up, grows=True, mark=_mark_of_histogram
    ),
    IntegerMetric: Reader(_level, takes_labels=True, mark=_mark_of_level),
    LinkfailMetric: Reader(_link),
    QuantileMetric: Reader(_summary, takes_labels=True, total=_summary_total, grows=True, mark=_mark_of_summary),
    SummaryMetric: Reader(_summary, takes_labels=True, total=_summary_total, grows=True, mark=_mark_of_summary),
    UptimeMetric: Reader(_uptime, runs_user_code=True),
}
"""The classes that satella ships. Only the exact class counts: a subclass may do anything."""

GROWING: Final[Container[type]] = frozenset(each for each, reader in READERS.items() if reader.grows)
"""The classes whose numbers grow, so that they have a baseline."""

FOLLOWED: Final[Container[type]] = frozenset(each for each, reader in READERS.items() if reader.mark is not None)
"""The classes of which it can be told what a forked process has recorded itself."""

QUIET: Final[Container[type]] = frozenset(each for each, reader in READERS.items() if not reader.runs_user_code)
"""The classes that are read without calling user code."""

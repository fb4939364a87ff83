"""The numbers in the drawings. The package itself gives them, so that a drawing is as true as the package.

What may live here: examples. What may not: how they look.
"""

from __future__ import annotations

import logging
import os
import random
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any, Final, NamedTuple
from unittest import mock

from satella.instrumentation.metrics import Metric
from satella.instrumentation.metrics.metric_types import CounterMetric, HistogramMetric, SummaryMetric

from aws_satella import AWSSatellaExporterThread, Preview, preview
from aws_satella.pure import CounterReading, DataPoint, Delta, distributions, read
from aws_satella.pure.buckets import distribute


def tree(*metrics: Metric) -> Metric:
    """A tree of its own for the metrics, so that the pictures have nothing in common."""
    root = Metric('')
    for metric in metrics:
        metric.root_metric = root
        root.append_child(metric)
    return root


def value_of(readings: Any) -> int:
    """The value of the only counter that there is."""
    (point,) = distributions(readings)
    assert isinstance(point, (DataPoint, CounterReading))
    return int(point.value)  # type: ignore[arg-type]  # of a counter it is a number


# --- forks


def sent_after_a_fork(before: int, after: int, *, child: bool) -> int:
    """What a process sends that recorded some orders before a fork, and some after it."""
    counter = CounterMetric('orders')
    root = tree(counter)
    counter.runtime(before)
    at_fork = Delta(read(root), {})
    value_of(at_fork)
    counter.runtime(after)
    return value_of(Delta(read(root), at_fork.baseline if child else {}))


# --- an outage


class Export(NamedTuple):
    """What became of an export."""

    sent: int
    """Metric data that it has sent."""
    buffered: int
    """Metric data that wait in the outbox when it has ended."""


class _Destination:
    """Takes what it gets, or fails."""

    down = False

    def put_metric_data(self, **_: object) -> None:
        if self.down:
            raise ConnectionError('no answer')


@contextmanager
def _silence() -> Iterator[None]:
    """Log nothing in a block: its outage is no news. A test runs this in a process with other tests."""

    def nothing(_: logging.LogRecord) -> bool:
        return False

    logger = logging.getLogger('aws_satella')
    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


def exports(number: int, down: Collection[int]) -> list[Export]:
    """So many exports of a program with five counters, the first of them being 1, and some without an answer."""
    counters = [CounterMetric(f'counter{each}') for each in range(5)]
    destination = _Destination()
    exporter = AWSSatellaExporterThread(
        'Drawing', temporality='delta', client_factory=lambda: destination, root=tree(*counters)
    )
    history, before = [], 0
    for export in range(1, number + 1):
        destination.down = export in down
        with _silence():
            exporter.loop()
        stats = exporter.stats
        history.append(Export(stats.sent - before, stats.buffered))
        before = stats.sent
    return history


# --- cumulative and delta


class Counted(NamedTuple):
    """What a destination gets of one counter."""

    cumulative: list[int]
    delta: list[int]


def counted(*lives: Sequence[int]) -> Counted:
    """What each export brings of a counter in a process that starts anew after each of its lives."""
    found = Counted([], [])
    for life in lives:
        counter = CounterMetric('orders')
        root = tree(counter)
        baseline: Any = {}
        for more in life:
            counter.runtime(more)
            rebased = Delta(read(root), baseline)
            found.delta.append(value_of(rebased))
            found.cumulative.append(value_of(read(root)))
            baseline = rebased.baseline
    return found


# --- buckets

BOUNDS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Bucketed(NamedTuple):
    """Observations, and what is left of them."""

    observed: list[float]
    counts: list[int]
    """How many are in each bucket: what a histogram keeps."""
    spread: Mapping[float, int]
    """What is sent: values, and how many observations each stands for."""

    def percentiles(self, percent: float) -> tuple[float, float]:
        """That of the observations, and that of what is sent."""
        sent = sorted(value for value, number in self.spread.items() for _ in range(number))
        return percentile(self.observed, percent), percentile(sent, percent)


def bucketed() -> Bucketed:
    """The durations of 500 checkouts in a histogram, always the same."""
    chance = random.Random(18)
    observed = sorted(chance.lognormvariate(-2.6, 0.8) for _ in range(500))
    histogram = HistogramMetric('checkout', buckets=BOUNDS)
    tree(histogram)
    for value in observed:
        histogram.runtime(value)
    spread = distribute(BOUNDS, histogram.buckets, histogram.count, histogram.sum)
    return Bucketed(observed, histogram.buckets, spread)


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The lowest value that at least so many percent of all values do not exceed."""
    return ascending[ceil(len(ascending) * percent / 100) - 1]


# --- the bill


def bills() -> dict[str, Preview]:
    """What the site on the page about cost would cost a month, in three ways."""
    site = Metric('django')
    root = tree(site)
    metrics = SummaryMetric('summary', site), HistogramMetric('histogram', site), CounterMetric('status_codes', site)
    for metric in metrics:
        site.append_child(metric)
    for number in range(50):
        url = f'/page/{number}'
        for metric in metrics[:2]:
            metric.runtime(0.1, url=url)
        for status_code in (200, 404):
            metrics[2].runtime(1, url=url, status_code=status_code)
    # The name of the host and the process id are part of the data over OTLP.
    with (
        mock.patch.object(socket, 'gethostname', return_value='web-1'),
        mock.patch.object(os, 'getpid', return_value=12345),
    ):
        return {
            'classic, cumulative, with a pid': preview(root, processes=8, add_pid='pid'),
            'classic, delta': preview(root, processes=8, temporality='delta'),
            'OTLP, delta': preview(root, processes=8, temporality='delta', destination='otlp'),
        }

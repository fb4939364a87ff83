"""Exporters of real endpoints for the time of a block, and what must be true of each at its end."""

from __future__ import annotations

import gc
import itertools
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from satella.instrumentation.metrics import getMetric

from aws_satella import AWSSatellaExporterThread
from support.endpoint import Endpoint

DEADLINE = 20.0
"""Seconds that anything may take on a machine that does much else."""


@contextmanager
def exporting(endpoint: Endpoint, interval: float = 0.1, **more: Any) -> Iterator[AWSSatellaExporterThread]:
    """A thread that exports to the endpoint, and has ended after the block."""
    exporter = AWSSatellaExporterThread('Test', interval=interval, **{'client_factory': endpoint.client, **more})
    exporter.start()
    try:
        yield exporter
    finally:
        end(exporter)


def end(exporter: AWSSatellaExporterThread) -> None:
    """Have the thread export once more, and end."""
    if exporter.is_alive():
        exporter.terminate()
    exporter.join(DEADLINE)
    assert not exporter.is_alive()


@contextmanager
def killing(exporter: AWSSatellaExporterThread) -> Iterator[None]:
    """End the thread by force, and wait until it has ended after the block.

    It may be torn from the midst of a request, whose connection nobody closes then: that warning is none.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ResourceWarning)
        exporter.terminate(force=True)
        yield
        exporter.join(DEADLINE)
        assert not exporter.is_alive()
        gc.collect()


def kill(exporter: AWSSatellaExporterThread) -> None:
    """End the thread by force."""
    with killing(exporter):
        pass


def assert_conserved(exporter: AWSSatellaExporterThread, endpoint: Endpoint, recorded: int) -> None:
    """Everything recorded was sent, discarded, dropped or waits; and the endpoint has just what was sent."""
    stats = exporter.stats
    assert stats.buffered == len(list(exporter.delivery.outbox.waiting()))
    assert recorded == stats.sent + stats.discarded + stats.dropped + stats.buffered
    assert stats.sent == len(endpoint.data)


class Raiser:
    """Raises whenever it is called, and counts.

    :param error: what it raises
    :param limit: how many times; later calls return None
    """

    def __init__(self, error: type[BaseException], limit: float = float('inf')) -> None:
        self.error = error
        self.limit = limit
        self.times = 0

    def __call__(self, *_: object, **__: object) -> None:
        if self.times < self.limit:
            self.times += 1
            raise self.error('injected')


class Ticks:
    """A metric, ``tick``, whose value is the number of the cycle that reads it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.read_at: list[float] = []
        self._clock = clock
        self._numbers = itertools.count()
        getMetric('tick', 'callable', value_getter=self._next)

    def _next(self) -> int:
        self.read_at.append(self._clock())
        return next(self._numbers)

    def __len__(self) -> int:
        return len(self.read_at)

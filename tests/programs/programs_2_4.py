"""A program that was written for 2.4, with children."""

from __future__ import annotations

from satella.instrumentation.metrics import getMetric
from support.forking import fork, wait
from support.program import main

import aws_satella
from aws_satella import exporter


def abandon() -> None:
    """Abandon an exporter, fork two children that export each for themselves, and start another one in the parent."""
    orders = getMetric('orders', 'counter')

    def start() -> None:
        exporter.start_if_not_started('Test', interval=3600, temporality='delta')

    def child(_how: str) -> None:
        orders.runtime(100)
        start()
        assert aws_satella.flush()

    start()
    assert aws_satella.flush()
    orders.runtime(10)
    worker = exporter.worker_thread
    assert worker is not None
    exporter.worker_thread = None
    worker.join()
    for _ in range(2):
        wait(fork(child))
    start()
    orders.runtime(1)


if __name__ == '__main__':
    main(globals())

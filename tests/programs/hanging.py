"""Processes that export at their end, to a destination that hangs or not."""

from __future__ import annotations

import atexit
import logging
import sys

from satella.instrumentation.metrics import getMetric
from support.program import main
from support.worlds import MockWorld

import aws_satella


def end_with_a_watch() -> None:
    """End while a request hangs that a thread watches."""
    logging.basicConfig(stream=sys.stdout)
    world = MockWorld()
    world.run(100)
    aws_satella.AWSSatellaExporterThread._world = world.seen
    getMetric('orders', 'counter').runtime(1)
    aws_satella.start_if_not_started('Shop', exit_timeout=0.3)
    print(aws_satella.flush(100))


def export_at_exit() -> None:
    """Export by one call when the interpreter exits, and say what came of it."""
    getMetric('orders', 'counter').runtime(1)
    atexit.register(lambda: print(aws_satella.export_once('Jobs', timeout=30)))


if __name__ == '__main__':
    main(globals())

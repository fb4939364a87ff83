"""A process that exports, unless the environment turns that off."""

from __future__ import annotations

from satella.instrumentation.metrics import getMetric
from support.program import main

import aws_satella


def export() -> None:
    """Export in each way, and say what came of it."""
    getMetric('orders', 'counter').runtime(1)
    aws_satella.start_if_not_started()
    thread = aws_satella.AWSSatellaExporterThread('Shop').start()
    print(aws_satella.export_once().sent, aws_satella.flush(), thread.is_alive(), aws_satella.stats())


if __name__ == '__main__':
    main(globals())

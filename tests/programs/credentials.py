"""A process that has no credentials when it starts to export."""

from __future__ import annotations

import os
import time

from satella.instrumentation.metrics import getMetric
from support.program import main

import aws_satella


def wait_for_credentials() -> None:
    """Export until something was sent, and say how each attempt ended."""
    for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'):
        del os.environ[name]
    getMetric('orders', 'counter').runtime(1)

    def tell(error: Exception) -> None:
        print(type(error).__name__, flush=True)

    exporter = aws_satella.AWSSatellaExporterThread('Test', interval=3600, call_on_metric_upload_fails=tell).start()
    while not exporter.stats.sent:
        time.sleep(0.01)
    print('sent', flush=True)


if __name__ == '__main__':
    main(globals())

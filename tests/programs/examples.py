"""A process that exports over OTLP what the documentation shows."""

from __future__ import annotations

from satella.instrumentation.metrics import getMetric
from support.program import main

import aws_satella


def record() -> None:
    """Record something of each type that the page shows, and export it."""
    getMetric('shop.orders', 'counter').runtime(3, country='pl')
    getMetric('shop.checkout', 'histogram').runtime(0.4, country='pl')
    getMetric('shop.sizes', 'summary').runtime(7)
    getMetric('shop.queue', 'int').runtime(7)
    aws_satella.export_once('Shop', {'stage': 'test'}, temporality='delta', destination='otlp', exclude=('*.total',))


if __name__ == '__main__':
    main(globals())

"""A process that shows its log."""

from __future__ import annotations

import logging

from satella.instrumentation.metrics import getMetric
from support.program import main

import aws_satella


def export_at_debug() -> None:
    """Export once, with the log at DEBUG, and say how many requests failed."""
    logging.basicConfig(level='DEBUG', format='%(name)s %(message)s')
    for name in ('botocore', 'urllib3', 'boto3'):
        logging.getLogger(name).setLevel('WARNING')
    getMetric('orders', 'counter').runtime(1)
    print(aws_satella.export_once('Test').failed_requests)


if __name__ == '__main__':
    main(globals())

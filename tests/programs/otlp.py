"""A process that exports over OTLP, and forks."""

from __future__ import annotations

import os
import sys
import time

from satella.instrumentation.metrics import getMetric
from support.program import main

import aws_satella


def fork(temporality: str, starts: str, starts_in_child: str, endpoint: str = '') -> None:
    """Record 1 twice, fork, and record 10 in the child.

    :param starts: how often an exporter is started between the two
    :param endpoint: what the environment says is the receiver, from the first export on
    """

    def start(times: str) -> None:
        for _ in range(int(times)):
            aws_satella.start_if_not_started('Shop', interval=3600, destination='otlp', temporality=temporality)

    work = getMetric('work', 'counter')
    work.runtime(1)
    start(starts)
    if endpoint:
        aws_satella.flush()
        os.environ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'] = endpoint
    work.runtime(1)
    if not os.fork():
        time.sleep(0.05)  # the window of the child has a length
        work.runtime(10)
        start(starts_in_child)
        sys.exit()
    os.wait()


if __name__ == '__main__':
    main(globals())

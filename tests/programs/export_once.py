"""A process in which both an exporter and calls export, and its child."""

from __future__ import annotations

from satella.instrumentation.metrics import getMetric
from support.forking import fork, wait
from support.program import main

import aws_satella


def both(*acts: str) -> None:
    """Record something before each act, in the process and in a fork of it, and once more at the end.

    :param acts: each is start or once
    """
    rows, latency = getMetric('rows', 'counter'), getMetric('latency', 'histogram')

    def record() -> None:
        rows.runtime(1)
        latency.runtime(0.3)

    def run(job: str) -> None:
        for act in acts:
            record()
            if act == 'start':
                aws_satella.start_if_not_started('Jobs', {'job': job}, 3600, exit_timeout=20, temporality='delta')
                assert aws_satella.flush(20)
            else:
                assert not aws_satella.export_once('Jobs', {'job': job}, temporality='delta').buffered

    run('nightly')
    wait(fork(lambda _how: run('child')))
    record()


if __name__ == '__main__':
    main(globals())

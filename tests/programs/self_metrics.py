"""A process that exports its own metrics, and forks."""

from __future__ import annotations

import os

from satella.instrumentation.metrics import getMetric
from support.forking import wait
from support.program import main

import aws_satella


def fork(last: str) -> None:
    """Fork a child that records nothing, and one that records 1. Say who the parent is.

    :param last: how the children end: end or flush
    """
    work = getMetric('work', 'counter')
    work.runtime(5)
    aws_satella.start_if_not_started(
        'Test', interval=3600, temporality='delta', self_metrics=True, exit_timeout=20, add_pid='pid'
    )
    assert aws_satella.flush(20)
    for number in (0, 1):
        pid = os.fork()
        if not pid:
            if number:
                work.runtime(number)
            if last == 'flush':
                aws_satella.flush(20)
            return
        wait(pid)
    print(os.getpid())


if __name__ == '__main__':
    main(globals())

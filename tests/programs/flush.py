"""Programs that flush where a child was forked, and where the clock stands still."""

from __future__ import annotations

import os
import signal
import sys
import time
from unittest import mock

from satella.instrumentation.metrics import getMetric
from support.program import main
from support.waiting import wait_for

import aws_satella
from aws_satella.effects import process


def fork() -> None:
    """Fork an exporting process, whose child flushes without an exporter of its own, and then with one."""
    orders = getMetric('orders', 'counter')
    aws_satella.start_if_not_started('Shop', interval=3600, temporality='delta', in_forks=False)
    assert aws_satella.flush(20)
    parents = process.exporter_of_process()
    assert parents is not None
    child = os.fork()
    signal.alarm(60)  # where flush waits for ever, neither process outlives the test
    orders.runtime(1)
    if not child:
        orders.runtime(1)
        before = aws_satella.flush(), aws_satella.flush(1), parents.flush()
        aws_satella.start_if_not_started('Shop', interval=3600, temporality='delta')
        after = aws_satella.flush(20)
        os._exit(0 if (before, after) == ((False,) * 3, True) else 1)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status) or not aws_satella.flush(20))


def freeze(ahead: str) -> None:
    """Freeze the clock of a process that exports five times a second, and let it go again.

    :param ahead: how many seconds later than now it is meanwhile
    """
    orders = getMetric('orders', 'counter')
    aws_satella.start_if_not_started('Shop', interval=0.2, temporality='delta')
    assert aws_satella.flush(20)
    exporter = process.exporter_of_process()
    assert exporter is not None
    real, shown = time.monotonic, time.monotonic() + float(ahead)

    def frozen() -> float:
        return shown

    with mock.patch('time.monotonic', frozen):
        orders.runtime(1)
        began, cycles = real(), exporter.stats.cycles
        while exporter.stats.cycles < cycles + 10 and real() - began < 30:
            time.sleep(0.05)
        assert exporter.stats.cycles >= cycles + 10, exporter.stats
        assert real() - began > 1, 'it spins'
    cycles = exporter.stats.cycles
    wait_for(lambda: exporter.stats.cycles >= cycles + 5, 'five cycles', 60)
    assert aws_satella.flush(20)


if __name__ == '__main__':
    main(globals())

"""A spool: cycles with it and without, and what it takes to deliver from it. Run as a script it is a worker (see
`worker.py`).

It takes the orders of `ours.py`, too.
"""

from __future__ import annotations

import logging
import tempfile
import time
from typing import Any

import ours
from worker import order, work

_fails = False


@order
def export_spooling(name: str, *, spools: bool, **arguments: Any) -> None:
    """Make an exporter, with a spool of its own or without, whose requests fail on demand."""
    logging.disable()  # that all fails is no news
    spool = tempfile.mkdtemp(prefix='spool-') if spools else None
    ours.export(name, spool=spool, **arguments)
    ours.exporter_of(name).cloudwatch.meta.events.register_first('before-send.cloudwatch', _fail, unique_id='fail')


def _fail(**_: Any) -> None:
    if _fails:
        raise ConnectionError('an outage')


@order
def failing_cycles(name: str, cycles: int) -> float:
    """CPU seconds of a cycle that fails, the mean of so many in a row. All that was unsent is sent before."""
    global _fails
    loop = ours.exporter_of(name).loop
    loop()
    _fails = True
    try:
        before = time.process_time()
        for _ in range(cycles):
            loop()
        return (time.process_time() - before) / cycles
    finally:
        _fails = False


@order
def time_delivery(name: str, cycles: int) -> float:
    """Seconds that it takes to send what so many failing cycles have left."""
    failing_cycles(name, cycles)
    delivery = ours.exporter_of(name).delivery
    assert delivery.outbox.buffered or delivery.has_spooled()
    start = time.perf_counter()
    delivery.attempt()
    seconds = time.perf_counter() - start
    assert delivery.is_all_sent
    return seconds


if __name__ == '__main__':
    work()

"""A spool: cycles with it and without, and what it takes to deliver from it. Run as a script it is a worker (see
`worker.py`).

Requests go to ``AWS_ENDPOINT_URL`` through a real socket, and are refused there in an outage. It takes the orders of
`ours.py`, too.
"""

from __future__ import annotations

import logging
import re
import tempfile
import time
from typing import Any

import boto3
import ours
import workload
from botocore.config import Config
from worker import order, work

CLOSED_PORT = '1'
"""Nobody listens there, so that a connection is refused."""

_is_outage = False


@order
def export_spooling(name: str, *, spools: bool, **arguments: Any) -> None:
    """Make an exporter, with a spool of its own or without."""
    logging.disable()  # that all fails is no news
    client = boto3.client('cloudwatch', config=Config(retries={'total_max_attempts': 1}))
    client.meta.events.register_first('before-send.cloudwatch', _redirect)
    workload.warm_up(client)
    spool = tempfile.mkdtemp(prefix='spool-') if spools else None
    ours.keep(name, workload.exporter(client_factory=lambda: client, spool=spool, **arguments))


def _redirect(request: Any, **_: Any) -> None:
    if _is_outage:
        request.url = re.sub(r':\d+/', f':{CLOSED_PORT}/', request.url)


@order
def failing_cycles(name: str, cycles: int) -> float:
    """CPU seconds of a cycle that fails, the mean of so many in a row. All that was unsent is sent before."""
    global _is_outage
    exporter = ours.exporter_of(name)
    exporter.loop()
    assert exporter.delivery.is_all_sent
    _is_outage = True
    try:
        before = time.process_time()
        for _ in range(cycles):
            exporter.loop()
        return (time.process_time() - before) / cycles
    finally:
        _is_outage = False


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

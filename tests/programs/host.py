"""A program whose greenlets take turns, and that notes them while its metrics are read."""

from __future__ import annotations

import json
import time

import gevent
from satella.instrumentation.metrics import getMetric
from support.program import main
from support.waiting import wait_for

from aws_satella import AWSSatellaExporterThread, export_once

turn = 0
read: list[int] = []
sent: list[object] = []


class _Client:
    def put_metric_data(self, **request: object) -> None:
        sent.append(request)


def _host() -> None:
    """Count turns."""
    global turn
    while True:
        turn += 1
        gevent.sleep(0)


def _work() -> float:
    """Take a while, and note the turn in which that was."""
    end = time.monotonic() + 0.0001
    while time.monotonic() < end:
        pass
    read.append(turn)
    return 1.0


def _taken() -> list[int]:
    """What was noted since the last call."""
    taken = read[:]
    read.clear()
    return taken


def turns() -> None:
    """Export by the thread, in a flush, at the end, and once more by ``export_once``."""
    for number in range(300):
        getMetric(f'levels.n{number}', 'callable', value_getter=_work)
    gevent.spawn(_host)
    exporter = AWSSatellaExporterThread('Test', interval=3600, max_send_at_once=1000, client_factory=_Client)
    exporter.start()
    wait_for(lambda: sent)
    noted = [_taken()]
    assert exporter.flush()
    noted.append(_taken())
    exporter.terminate()
    exporter.join()
    noted.append(_taken())
    export_once('Test', max_send_at_once=1000, client_factory=_Client)
    print(json.dumps([*noted, _taken()]))


if __name__ == '__main__':
    main(globals())

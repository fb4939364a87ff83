"""A program that ends an exporter by force where that is a greenlet."""

from __future__ import annotations

import time

from satella.instrumentation.metrics import getMetric
from support.program import main
from support.waiting import wait_for

from aws_satella import AWSSatellaExporterThread

sent: list[object] = []


class _Client:
    def put_metric_data(self, **request: object) -> None:
        sent.append(request)
        time.sleep(0.1)


def force() -> None:
    """End it during the first of its requests."""
    for number in range(50):
        getMetric(f'levels.n{number}', 'int').runtime(1)
    exporter = AWSSatellaExporterThread('Test', interval=3600, max_send_at_once=1, client_factory=_Client)
    exporter.start()
    wait_for(lambda: sent)
    exporter.terminate(force=True).join(20)
    assert not exporter.is_alive()
    assert len(sent) == 1, sent
    assert exporter.stats.buffered == 49, exporter.stats


if __name__ == '__main__':
    main(globals())

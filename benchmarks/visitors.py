"""Visitors of a site, who come at random times and do not wait for each other. Run as a script it is a worker."""

from __future__ import annotations

import http.client
import itertools
import random
import threading
import time

from worker import order, work

CONNECTIONS = 16


@order
def visit(port: int, rate: float, seconds: float) -> list[float]:
    """Seconds from when each visitor came until the page was there, as many visitors a second as the rate says."""
    chance = random.Random(1)
    start = time.perf_counter() + 0.05
    comings = itertools.takewhile(
        lambda coming: coming < start + seconds,
        itertools.accumulate(iter(lambda: chance.expovariate(rate), None), initial=start),
    )
    lock = threading.Lock()
    latencies: list[float] = []
    threads = [threading.Thread(target=_visit, args=(port, comings, lock, latencies)) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


def _visit(port: int, comings: itertools.takewhile[float], lock: threading.Lock, latencies: list[float]) -> None:
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
    while True:
        with lock:
            coming = next(comings, None)
        if coming is None:
            return connection.close()
        time.sleep(max(0.0, coming - time.perf_counter()))
        connection.request('GET', '/')
        reply = connection.getresponse()
        reply.read()
        assert reply.status == 200
        latencies.append(time.perf_counter() - coming)


if __name__ == '__main__':
    work()

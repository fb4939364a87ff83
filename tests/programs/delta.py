"""Programs that fork, and whose processes export what they count since."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys

from satella.instrumentation.metrics import getMetric
from support.program import main
from support.site import WORKERS, Site, traffic

import aws_satella


def _record(number: int) -> None:
    getMetric('orders', 'counter').runtime(number)
    for _ in range(number):
        getMetric('latency', 'histogram').runtime(0.3)


def fork() -> None:
    """Record 10, fork; the parent records 1 more and the child 2, and both export once."""
    _record(10)
    child = os.fork()
    signal.alarm(60)  # whatever happens, neither process outlives the test
    _record(1 if child else 2)
    aws_satella.export_once('Shop', {'process': 'parent' if child else 'child'}, temporality='delta')
    if child:
        os.waitpid(child, 0)
    else:
        os._exit(0)


def site() -> None:
    """Serve a site by forked workers, in three cycles each; the last one ends with the process."""
    served = Site()

    def work(number: int) -> None:
        aws_satella.start_if_not_started(
            'Shop', interval=3600, max_send_at_once=1000, temporality='delta', exit_timeout=60
        )
        assert aws_satella.flush(60)  # the first cycle is over, so none reads what is just being recorded
        requests = traffic(number)
        for cycle in range(2):
            served.serve(requests[cycle::3])
            assert aws_satella.flush(60)
        served.serve(requests[2::3])  # arrives when the process ends

    context = multiprocessing.get_context('fork')
    workers = [context.Process(target=work, args=(number,)) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.exit(any(worker.exitcode for worker in workers))


if __name__ == '__main__':
    main(globals())

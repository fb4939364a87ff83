"""A process whose exporter has views, and its child."""

from __future__ import annotations

import os

from satella.instrumentation.metrics import getMetric
from support.forking import wait
from support.program import main

import aws_satella
from aws_satella import View


def fork(automatic: str) -> None:
    """Record and export three series of a metric that may have two, fork, and record four in the child.

    :param automatic: whether the exporter goes on in the child, which starts one otherwise: yes or no
    """

    def start() -> None:
        views = {'noisy': View(max_series=2)}
        aws_satella.start_if_not_started('Shop', interval=3600, temporality='delta', exit_timeout=20, views=views)

    noisy = getMetric('noisy', 'counter', sum_children=False)
    for user in 'abc':
        noisy.runtime(1, user=user)
    start()
    assert aws_satella.flush()
    pid = os.fork()
    if pid:
        wait(pid)
        return
    for user in 'dcba':
        noisy.runtime(10, user=user)
    noisy.children.reverse()
    if automatic == 'no':
        start()


if __name__ == '__main__':
    main(globals())

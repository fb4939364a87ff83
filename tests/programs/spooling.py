"""Jobs and services with a spool, whose path is the first argument of each."""

from __future__ import annotations

import atexit
import itertools
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from unittest import mock

import boto3
from satella.instrumentation.metrics import getMetric
from support.program import main
from support.waiting import wait_for

import aws_satella

signal.alarm(60)
logging.basicConfig(format='%(levelname)s %(message)s')
logging.getLogger('aws_satella').setLevel('INFO')
work = getMetric('work', 'counter')


def record(spool: str, namespace: str, number: str) -> None:
    """Record a number, export it by one call, and say between which times that was, and what became of it."""
    work.runtime(int(number))
    print(time.time())
    stats = aws_satella.export_once(namespace, spool=spool)
    print(time.time())
    print(stats.sent, stats.spooled, stats.delivered, stats.buffered, stats.dropped)


def deliver(spool: str, namespace: str) -> None:
    """Export nothing of its own, and say how much came out of the spool."""
    getMetric().reset()
    print(aws_satella.export_once(namespace, spool=spool).delivered)


def serve(spool: str) -> None:
    """Export by an exporter, to the last."""
    aws_satella.start_if_not_started('Service', spool=spool)
    assert aws_satella.flush()


def serve_in_an_outage(spool: str, end: str) -> None:
    """Record 1 and 2 while nothing can be sent.

    :param end: return, exit or kill
    """
    work.runtime(1)
    aws_satella.start_if_not_started('Service', spool=spool, temporality='delta', interval=3600)
    assert not aws_satella.flush()
    work.runtime(2)
    if end == 'kill':
        assert not aws_satella.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    elif end == 'exit':
        sys.exit(3)


def give_up_waiting(spool: str) -> None:
    """Record 1, and export it by a call that does not wait for the reply."""
    client = boto3.client('cloudwatch')  # making it takes part of a timeout
    work.runtime(1)
    stats = aws_satella.export_once('Job', spool=spool, timeout=2, client_factory=lambda: client)
    print(stats.buffered, Path(spool).exists())


def exit_by_signal(spool: str) -> None:
    """Record 1, and exit with 3 at a signal that comes while a call exports it."""
    signal.signal(signal.SIGUSR1, lambda *_: sys.exit(3))
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGUSR1))
    client = boto3.client('cloudwatch')
    client.meta.events.register('before-send', lambda **_: signal.setitimer(signal.ITIMER_REAL, 0.5) and None)
    work.runtime(1)
    aws_satella.export_once('Job', spool=spool, client_factory=lambda: client)


def outwait(spool: str) -> None:
    """Deliver by a call that does not wait for the reply, and end when it has come."""
    client = boto3.client('cloudwatch')  # as above
    getMetric().reset()
    print(aws_satella.export_once('Job', spool=spool, timeout=2, client_factory=lambda: client).delivered)
    for each in threading.enumerate():
        if each.name == 'aws-satella-request':
            each.join()


def hang_on_the_disk(spool: str) -> None:
    """Export two batches to a disk that takes the first, and hangs with the second."""
    real, calls, hangs = os.fsync, itertools.count(1), threading.Event()

    def fsync(descriptor: int) -> None:
        if next(calls) > 2:  # the first call is for the directory that the spool is in
            hangs.set()
            threading.Event().wait()
        real(descriptor)

    mock.patch('os.fsync', fsync).start()
    for number in range(3):
        getMetric(f'm{number}', 'int').runtime(1)
    aws_satella.start_if_not_started('Service', spool=spool, exit_timeout=0.1, max_send_at_once=2)
    assert hangs.wait(30)


def outlive_the_exporter(spool: str, ends: str) -> None:
    """Wait at the end, after the last export, for the thread of the exporter.

    :param ends: a file that is there when the program is to end
    """

    def last() -> None:
        print('over', flush=True)
        exporter.join(30)

    atexit.register(last)  # first, so that it runs after the hook of the exporter
    getMetric().reset()
    aws_satella.start_if_not_started('Service', spool=spool, exit_timeout=0, interval=3600)
    exporter = next(each for each in threading.enumerate() if each.name == 'aws-satella-metrics')
    wait_for(Path(ends).exists, 'the end', 60)


if __name__ == '__main__':
    main(globals())

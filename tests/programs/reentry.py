"""A program whose signal handler exports, in the middle of what the program exports itself."""

from __future__ import annotations

import os
import signal
import threading

from satella.instrumentation.metrics import getMetric
from support.program import main
from support.waiting import wait_for

import aws_satella

answers: list[object] = []
handling = False


def _start() -> None:
    aws_satella.start_if_not_started('Signal', interval=3600, temporality='delta')


def _export_once() -> int:
    return aws_satella.export_once('Once', temporality='delta').cycles


def _handle(*_: object) -> None:
    global handling
    if not handling:  # signals that come faster than they are handled would nest without an end
        handling = True
        _start()
        answers.append(aws_satella.flush())
        answers.append(_export_once())
        handling = False


def signals(pause: str) -> None:
    """Start an exporter, and export once, under signals.

    :param pause: seconds between two of them
    """
    done = threading.Event()

    def bombard() -> None:
        while not done.is_set():
            os.kill(os.getpid(), signal.SIGUSR1)
            done.wait(float(pause))

    signal.alarm(60)
    getMetric('rows', 'counter').runtime(100)
    signal.signal(signal.SIGUSR1, _handle)
    bomber = threading.Thread(target=bombard)
    bomber.start()
    wait_for(lambda: len(answers) >= 2, timeout=60)
    _start()
    _export_once()
    done.set()
    bomber.join()
    assert aws_satella.flush(20)
    assert len([thread for thread in threading.enumerate() if thread.name == 'aws-satella-metrics']) == 1


if __name__ == '__main__':
    main(globals())

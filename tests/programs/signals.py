"""Programs that get signals."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from support.forking import exit_code
from support.program import main
from support.recording import go, work
from support.waiting import wait_for

import aws_satella
from aws_satella.effects import process, signals
from aws_satella.effects.state import carry_on


def _start(**more: Any) -> None:
    aws_satella.start_if_not_started('Test', interval=3600, exit_timeout=20, **more)
    assert aws_satella.flush(20)
    work.runtime(7)


def collecting() -> None:
    """Collect SIGTERM by ``sigwait`` once the exporter waits."""
    _start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    (thread,) = [each for each in threading.enumerate() if each.name == 'aws-satella-metrics']
    status = Path(f'/proc/self/task/{thread.native_id}/status')

    def waits() -> int:
        return int(status.read_text().split('SigBlk:')[1].split()[0], 16) & 1 << signal.SIGTERM - 1

    wait_for(waits)
    print('ready', flush=True)
    wait_for(lambda: signal.SIGTERM in signal.sigpending())
    print(signal.Signals(signal.sigwait({signal.SIGTERM})).name)


def left(block: str) -> None:
    """Collect SIGTERM late, while another thread is about to hear signals again."""
    deaf, leave, looked, look = threading.Event(), threading.Event(), threading.Event(), signal.sigpending

    def note() -> set[Any]:
        looked.set()
        return look()

    def act() -> None:
        with getattr(signals, block)():
            deaf.set()
            leave.wait()

    mock.patch.object(signals, 'MAX_LOOKS', 4_000).start()  # the main thread may be late
    mock.patch.object(signal, 'sigpending', note).start()
    thread = go(act, daemon=False)
    deaf.wait()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    print('ready', flush=True)
    wait_for(lambda: signal.SIGTERM in look())
    leave.set()
    looked.wait()
    print(signal.Signals(signal.sigwait({signal.SIGTERM})).name)
    thread.join()


def _own() -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(9))


STARTS: dict[str, Callable[[], object]] = {
    'handled': lambda: _start(handle_sigterm=True),
    'with a process id': lambda: _start(handle_sigterm=True, add_pid='pid'),
    'the handler of the program': lambda: (_own(), _start(handle_sigterm=True)),
    'a later handler of the program': lambda: (_start(handle_sigterm=True), _own()),
    'not asked for': _start,
    'in another thread': lambda: go(_start, handle_sigterm=True).join(),
}


def waiting(how: str) -> None:
    """Wait for SIGTERM."""
    STARTS[how]()
    print('ready', flush=True)
    time.sleep(60)


def in_a_hook() -> None:
    """Send SIGTERM to a child in the hook of its fork, and say how it has ended."""
    _start(handle_sigterm=True, temporality='delta')

    def carry_on_slowly(*arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        carry_on(*arguments)

    mock.patch.object(process, 'carry_on', carry_on_slowly).start()
    pid = os.fork()
    if not pid:
        signal.alarm(30)
        while True:
            time.sleep(1)
    print(exit_code(pid))


if __name__ == '__main__':
    main(globals())

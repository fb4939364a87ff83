"""Forks, for programs that tests run: what a child does must not outlive the test, and its failure must be seen."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from support.waiting import wait_for


def _fork_untold() -> int:
    """As a server in C does it: the interpreter does not know.

    Where another thread waits for the lock of the interpreter at that moment, the child may never get that lock again.
    """
    wait_for(_other_threads_rest)
    pid: int = ctypes.PyDLL(None).fork()
    return pid


def _other_threads_rest() -> bool:
    """Whether no other thread has run for a moment."""
    try:
        before = _switches()
        time.sleep(0.02)
        return _switches() == before
    except FileNotFoundError:  # a thread has ended meanwhile
        return False


def _switches() -> dict[str, list[str]]:
    """How often the system has let each other thread of this process go on."""
    others = [path for path in Path('/proc/self/task').iterdir() if path.name != str(threading.get_native_id())]
    return {path.name: re.findall(r'ctxt_switches:\s(\d+)', (path / 'status').read_text()) for path in others}


FORKS: dict[str, Callable[[], int]] = {'os.fork': os.fork, 'no hooks': _fork_untold}

ALARM_SECONDS = 100
"""A child does not inherit the alarm of its parent, and gets one of its own."""


def fork(child: Callable[[str], object], how: str = 'os.fork') -> int:
    """Run a function in a forked child, and end that with it.

    :param child: gets the way of the fork
    :param how: one of :data:`FORKS`
    :return: the process id of the child
    """
    pid = FORKS[how]()
    if pid:
        return pid
    signal.alarm(ALARM_SECONDS)
    code = 1
    try:
        child(how)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def exit_code(pid: int) -> int:
    """Wait for a child; how it has ended."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def wait(pid: int) -> None:
    """Wait for a child that must succeed."""
    code = exit_code(pid)
    assert code == 0, code


def insist(children: Iterable[Any]) -> None:
    """Send SIGTERM again: the interpreter runs no handler if a signal arrives right before it waits for a semaphore."""

    def terminate() -> None:
        while True:
            time.sleep(2)
            for each in children:
                try:
                    os.kill(each.pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass

    threading.Thread(target=terminate, daemon=True).start()

"""What tests need that kill processes at random moments: notes that outlive them, and the kill."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable

DEADLINE = 60.0
"""Seconds that anything may take on a machine that does much else."""


class Notes:
    """A file that all workers append lines to."""

    def __init__(self, path: str) -> None:
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(self, worker: int, what: str, items: Iterable[str]) -> None:
        """Append a line, which is whole however the process ends."""
        os.write(self.file, f'{worker} {what} {" ".join(items)}\n'.encode())

    def grown(self, by: int) -> None:
        """Wait until the workers have appended so many bytes."""
        size, deadline = os.fstat(self.file).st_size + by, time.monotonic() + DEADLINE
        while os.fstat(self.file).st_size < size:
            assert time.monotonic() < deadline, 'no worker goes on'
            time.sleep(0.0005)


def killed(pid: int) -> None:
    """Kill a process, which must not have ended by itself."""
    os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL

"""gunicorn as a child process, on a port of the system's choice; it ends with the demo, whatever ends the demo."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

ROOT = Path(__file__).parent.parent
WORKERS = 2
GUNICORN = (sys.executable, '-m', 'gunicorn', '--config', 'python:demo.gunicorn_settings')
STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SiteError(RuntimeError):
    """gunicorn ended by itself; the message is what it said."""


@dataclass(frozen=True)
class Server:
    """A gunicorn that runs, as far as is known."""

    port: int
    process: subprocess.Popen[bytes]
    output: IO[bytes]

    def check(self) -> None:
        """Raises `SiteError` where gunicorn has ended."""
        status = self.process.poll()
        if status is not None:
            self.output.seek(0)
            raise SiteError(f'gunicorn ended with status {status}:\n{self.output.read().decode(errors="replace")}')


@contextmanager
def serving(**environment: str) -> Iterator[Server]:
    """Runs the site. The socket is opened here, so the port is known and requests may queue before gunicorn is up.

    gunicorn has a session of its own: Ctrl-C in a terminal reaches the demo alone, which then ends it gracefully.
    """
    with ExitStack() as cleanup:
        output = cleanup.enter_context(tempfile.TemporaryFile())
        listener = cleanup.enter_context(socket.create_server(('127.0.0.1', 0)))
        port: int = listener.getsockname()[1]
        with signals_held_back():
            process = subprocess.Popen(
                [*GUNICORN, '--workers', str(WORKERS), '--bind', f'fd://{listener.fileno()}'],
                cwd=ROOT,
                env={**os.environ, 'DJANGO_SETTINGS_MODULE': 'demo.site', **environment},
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            cleanup.callback(stop, process)
        listener.close()  # with gunicorn alone holding it, a request to a dead gunicorn is refused at once
        yield Server(port, process, output)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends gunicorn gracefully, for its workers to export their last interval; by force where it, or a person, insists.

    A person insists by a second Ctrl-C. gunicorn leads its session, so its workers are in its process group.
    """
    try:
        process.terminate()
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        pass
    finally:
        if process.poll() != 0:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Delays signals while a process is started, so that none is started and then, by an exception, forgotten."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    handlers = {number: signal.signal(number, note) for number in STOPPED_BY}
    try:
        yield
    finally:
        for held_back, handler in handlers.items():
            signal.signal(held_back, handler)
        for number in came:
            signal.raise_signal(number)

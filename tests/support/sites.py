"""The site of the tests, served by real servers in processes of their own, and asked over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from support.scripts import TESTS, environment
from support.waiting import wait_for

SITES = Path(__file__).parents[1] / 'integration' / 'sites'
BIN = Path(sys.executable).parent
ADDRESS = re.compile(r'(?<!endpoint http://)127\.0\.0\.1:([1-9]\d*)')
"""Every server says where it listens, when it was told to take any port. An exporter says where it sends to."""

OF_HEALTH = ('Exporting metrics: ', 'The first export was taken: ')
"""Lines of an exporter that works."""


def site_environment(url: str, path: str = '', **more: str) -> dict[str, str]:
    """The environment of a program that serves, or tests, the site; modules come from this path first."""
    path = os.pathsep.join(filter(None, [path, str(SITES), str(TESTS), os.environ.get('PYTHONPATH')]))
    return environment(url, PYTHONPATH=path, DJANGO_SETTINGS_MODULE='shop.settings', **more)


def run_python(url: str, *command: str, path: str = '', **more: str) -> subprocess.CompletedProcess[str]:
    """A Python program of the site's, to its end; with all it says in ``stdout``."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=SITES,
        env=site_environment(url, path, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


class Server:
    """A server that runs.

    :param process: its first process
    :param log: the file that has all it says
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text(errors='replace')

    @property
    def complaints(self) -> str:
        """The same, but for the lines of exporters that work."""
        return '\n'.join(line for line in self.log.splitlines() if not any(said in line for said in OF_HEALTH))

    @cached_property
    def port(self) -> int:
        """Where it listens, as soon as it does."""

        def port() -> int:
            assert self.process.poll() is None, f'The server has ended:\n{self.log}'
            found = ADDRESS.search(self.log)
            return int(found[1]) if found and _listens(int(found[1])) else 0

        return wait_for(port, f'the address of the server in its log {self._log}')

    def get(self, path: str) -> dict[str, Any]:
        """One page, over a connection of its own."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)
        try:
            connection.request('GET', path, headers={'Connection': 'close'})
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, f'{response.status} for {path}:\n{body.decode()[:2000]}\n{self.log}'
            return dict(json.loads(body))
        finally:
            connection.close()

    def visit(self, path: str, times: int, at_once: int = 4) -> list[dict[str, Any]]:
        """The answers to many requests; ``{}`` in the path stands for the number of each."""
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(lambda number: self.get(path.format(number)), range(times)))

    def visit_all_workers(self, path: str, workers: int, times: int) -> Counter[str]:
        """So many requests, and more until so many workers have answered: how often each has."""
        answers = Counter(str(answer['pid']) for answer in self.visit(path, times))

        def everybody_answered() -> bool:
            answers.update(str(answer['pid']) for answer in self.visit(path, 4))
            return len(answers) >= workers

        if len(answers) < workers:
            wait_for(everybody_answered, f'an answer of each of {workers} workers')
        return answers

    def stop(self, pid: int | None = None, number: int = signal.SIGTERM, timeout: float = 30) -> None:
        """Ask it, or one of its processes, to stop gracefully, and wait until it has."""
        os.kill(pid or self.process.pid, number)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'The server did not stop:\n{self.log}') from None

    def stop_during(self, path: str) -> str:
        """Ask it to stop gracefully while it serves this page, which says so in the log; and who has answered."""
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(self.get, path)
            wait_for(lambda: 'A slow page begins' in self.log or answer.done(), 'the beginning of the slow page')
            self.stop()
            return str(answer.result()['pid'])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(('127.0.0.1', port), timeout=20).close()
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def serve(command: list[str], url: str, log: Path, path: str = '', **more: str) -> Iterator[Server]:
    """A server of the site, one of this interpreter's programs, in its own process group, while the block lasts."""
    with log.open('wb') as output:
        process = subprocess.Popen(
            [str(BIN / command[0]), *command[1:]],
            cwd=SITES,
            env=site_environment(url, path, **more),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Server(process, log)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)  # whatever a failed test has left
        except ProcessLookupError:
            pass
        process.wait()

"""What the row of the host needs around it: an endpoint, a site, visitors."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from math import ceil
from pathlib import Path

from benchmarks.worker import HERE, Worker, environment

RATE = 200
"""Visitors a second: they keep the site's one process busy for about a third of the time."""

EXPORTERS: dict[int | None, dict[str, object] | None] = {
    None: None,
    20: {'interval': 10},
    1_000: {'interval': 10, 'max_send_at_once': 1_000},
}
"""Data a request → arguments of the site's exporter; None for the site that has none."""


@contextmanager
def sink(delay: float = 0.0) -> Iterator[str]:
    """The URL of an endpoint that takes everything, in a process of its own, and answers after so many seconds."""
    command = [sys.executable, str(HERE / 'sink.py'), str(delay)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f'http://127.0.0.1:{int(process.stdout.readline())}'
    finally:
        process.kill()
        process.communicate()


def latencies(python: Path, series: int, slices: int, seconds: float) -> dict[int | None, list[list[float]]]:
    """Seconds that requests to a gunicorn gthread site took, by exporter, in slices of time that alternate.

    The sites live side by side, but only the one that is being visited runs; the others are stopped by a signal.
    """
    found: dict[int | None, list[list[float]]] = {which: [] for which in EXPORTERS}
    with ExitStack() as cleanup:
        url = cleanup.enter_context(sink())
        visitors = cleanup.enter_context(closing(Worker(sys.executable, 'visitors.py')))
        sites = {
            which: cleanup.enter_context(_site(python, url, series, arguments))
            for which, arguments in EXPORTERS.items()
        }
        for site, port in sites.values():
            visitors('visit', port=port, rate=10, seconds=1)
            os.killpg(site.pid, signal.SIGSTOP)
        for _ in range(slices):
            for which, (site, port) in sites.items():
                os.killpg(site.pid, signal.SIGCONT)
                found[which].append(visitors('visit', port=port, rate=RATE, seconds=seconds))
                os.killpg(site.pid, signal.SIGSTOP)
    return found


def percentile(sample: list[float], percent: float) -> float:
    """The least number that so many percent of the sample do not exceed."""
    return sorted(sample)[ceil(len(sample) * percent / 100) - 1]


@contextmanager
def _site(
    python: Path, url: str, series: int, exporter: dict[str, object] | None
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """gunicorn with one gthread worker, and its port."""
    listener = socket.create_server(('127.0.0.1', 0))
    port = int(listener.getsockname()[1])
    settings = {'SHOP_SERIES': str(series), 'SHOP_EXPORT': json.dumps(exporter) if exporter else ''}
    options = ['--worker-class=gthread', '--threads=4', '--keep-alive=60', '--timeout=0', '--log-level=warning']
    process = subprocess.Popen(
        [python, '-m', 'gunicorn', *options, '--bind', f'fd://{listener.fileno()}', 'shop:app'],
        cwd=HERE,
        env={**environment(), **settings, 'AWS_ENDPOINT_URL': url},
        pass_fds=[listener.fileno()],
        start_new_session=True,
    )
    listener.close()
    try:
        yield process, port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

"""Processes that are killed in an outage: what was collected arrives, and arrives once."""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import scripts
from support.endpoint import HANG, OK, RESET, Endpoint, Reply, Request, dimensions, error
from support.spools import DIRECTORIES, folder

import aws_satella

KILLS = int(os.environ.get('AWS_SATELLA_KILLS', '12'))
"""How many processes are killed for each destination and kind of file system."""

SEED = int(os.environ.get('AWS_SATELLA_SEED', '7'))

CASES = [
    *(('cloudwatch', directory) for directory in DIRECTORIES),
    ('otlp', DIRECTORIES[-1]),
    ('url', 'disk'),
]
"""Where data go, and where the spool is."""

OUTAGES: tuple[Reply | str, ...] = (RESET, RESET, HANG, error('InternalServiceFault', 500), error('Throttling', 400))


class Weather:
    """An endpoint that is out of order half of the time, each time in another way."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._until = 0.0
        self._reply: Reply | str = OK
        self.is_over = False

    def __call__(self, _request: Request) -> Reply | str:
        with self._lock:
            if self.is_over:
                return OK
            now = time.monotonic()
            if now >= self._until:
                is_out = self._reply == OK
                self._reply = self._chance.choice(OUTAGES) if is_out else OK
                self._until = now + self._chance.uniform(0.01, 0.3 if is_out else 0.1)
            return self._reply


def sender_of(request: Request) -> str:
    """Which worker has sent a request, by its URL or by a header."""
    return re.findall(r'\A/(\d*)', request.path)[0] or request.headers.get('x-worker', '')


@pytest.fixture
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Where a spool may be, on a disk and in memory."""
    with folder(request.param, tmp_path) as found:
        yield found


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(('to', 'spool'), CASES, indirect=['spool'])
def test_kills_in_an_outage_lose_and_double_nothing(to: str, spool: Path, tmp_path: Path, endpoint: Endpoint) -> None:
    """Eight processes with one spool export to an endpoint that fails half of the time, and are killed at random
    moments. What an export that has ended had collected arrives, be it from the process that collected it or from
    another. What arrives twice was sent by a process that was killed between the reply and the removal."""
    weather = endpoint.behave = Weather(SEED)
    destination = f'{endpoint.url}/v1/metrics' if to == 'url' else to
    notes = tmp_path / 'notes'
    arguments = [str(spool), str(notes), endpoint.url, destination, str(KILLS), str(SEED)]
    ended = scripts.run(scripts.program('spool_kills.kill_at_random'), endpoint.url, *arguments, timeout=1100)
    assert (ended.returncode, ended.stdout) == (0, ''), ended.stderr

    weather.is_over = True
    more: dict[str, Any] = {} if to == 'url' else {'client_factory': endpoint.client}
    result = aws_satella.export_once('Spooling', destination=destination, spool=spool, **more)
    assert (result.buffered, result.spooled, result.dropped, result.discarded) == (0, 0, 0, 0)
    assert not list(spool.glob('[0-9]*.batch'))

    noted: dict[str, set[str]] = defaultdict(set)
    for line in notes.read_text().splitlines():
        _, what, *items = line.split()
        noted[what].update(items)
    last_of = {sender_of(request): request for request in list(endpoint.received)}
    arrived: dict[str, list[Request]] = defaultdict(list)
    for request in list(endpoint.accepted):
        for datum in request.data:
            if datum['MetricName'] == 'item':
                arrived[dimensions(datum)['item']].append(request)
    assert noted['ended']
    assert noted['ended'] - arrived.keys() == set()
    assert arrived.keys() <= noted['recorded']
    for item, requests in arrived.items():
        for request in requests[:-1]:
            assert request is last_of[sender_of(request)], f'{item} came twice from a process that went on'
    twice = Counter(len(requests) for requests in arrived.values())
    print(f'{len(noted["ended"])} data, delivered at the end: {result.delivered}, arrivals: {dict(twice)}')

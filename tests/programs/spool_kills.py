"""Processes that export through one spool, and are killed at random moments.

Each worker says in the path of its URL, or in a header, who it is. It notes what it has recorded, and once more when
the export of that has ended.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any, NoReturn

import boto3
from botocore.config import Config
from satella.instrumentation.metrics import getMetric
from support.forking import fork
from support.killing import Notes, killed
from support.program import main

import aws_satella

WORKERS = 8
ITEMS = 3
"""Data of one export."""


def _exports(worker: int, url: str, destination: str, spool: str) -> Callable[[], object]:
    """One export: by a call, or by an exporter."""
    config = Config(connect_timeout=5, read_timeout=2, retries={'total_max_attempts': 1})

    def client() -> Any:
        return boto3.client('cloudwatch', endpoint_url=f'{url}/{worker}', config=config)

    made = None if destination.startswith('http') else client()
    arguments: dict[str, Any] = {'destination': destination, 'spool': spool}
    if made is not None:
        arguments['client_factory'] = lambda: made
    if worker % 2:
        return aws_satella.AWSSatellaExporterThread('Spooling', **arguments).loop
    return lambda: aws_satella.export_once('Spooling', **arguments)


def _work(worker: int, notes: Notes, url: str, destination: str, spool: str) -> NoReturn:
    """Record and export until killed."""
    os.environ['OTEL_EXPORTER_OTLP_HEADERS'] = f'x-worker={worker}'
    export, number = _exports(worker, url, destination, spool), 0
    while True:
        number += 1
        items = [f'{worker}.{number}.{index}' for index in range(ITEMS)]
        getMetric().reset()
        for item in items:
            getMetric('item', 'int').runtime(number, item=item)
        notes.note(worker, 'recorded', items)
        export()
        notes.note(worker, 'ended', items)


def kill_at_random(spool: str, notes_path: str, url: str, destination: str, kills: str, seed: str) -> None:
    """Start the workers, and kill and replace them, one after the other."""
    notes, chance = Notes(notes_path), random.Random(int(seed))

    def start(worker: int) -> int:
        return fork(lambda _how: _work(worker, notes, url, destination, spool))

    workers = {number: start(number) for number in range(WORKERS)}
    for kill in range(int(kills)):
        notes.grown(chance.randrange(900))
        killed(workers.pop(chance.choice(list(workers))))
        workers[WORKERS + kill] = start(WORKERS + kill)
    for pid in workers.values():
        killed(pid)


if __name__ == '__main__':
    main(globals())

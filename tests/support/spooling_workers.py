"""A program: processes that export through one spool, and are killed at random moments.

Its arguments are the spool, the file that takes its notes, the URL of the endpoint, the destination, the number of
kills, and the seed. Each worker says in the path of its URL who it is. It notes what it has recorded, and once more
when the export of that has ended.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import boto3
from botocore.config import Config
from satella.instrumentation.metrics import getMetric

import aws_satella

sys.path.append(str(Path(__file__).parents[1]))  # for what supports the tests
from support.killing import DEADLINE, Notes, killed  # the path comes first

WORKERS = 8
ITEMS = 3
"""Data of one export."""


def exports(worker: int, url: str, destination: str, spool: str) -> Callable[[], object]:
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


def work(worker: int, notes: Notes, url: str, destination: str, spool: str) -> NoReturn:
    """Record and export until killed."""
    os.environ['OTEL_EXPORTER_OTLP_HEADERS'] = f'x-worker={worker}'
    export, number = exports(worker, url, destination, spool), 0
    while True:
        number += 1
        items = [f'{worker}.{number}.{index}' for index in range(ITEMS)]
        getMetric().reset()
        for item in items:
            getMetric('item', 'int').runtime(number, item=item)
        notes.note(worker, 'recorded', items)
        export()
        notes.note(worker, 'ended', items)


def forked(worker: int, *args: Any) -> int:
    """The process id of a worker."""
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(int(DEADLINE))
    try:
        work(worker, *args)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def main(spool: str, notes_path: str, url: str, destination: str, kills: str, seed: str) -> None:
    """Start the workers, and kill and replace them, one after the other."""
    notes, chance = Notes(notes_path), random.Random(int(seed))
    workers = {number: forked(number, notes, url, destination, spool) for number in range(WORKERS)}
    for kill in range(int(kills)):
        notes.grown(chance.randrange(900))
        killed(workers.pop(chance.choice(list(workers))))
        workers[WORKERS + kill] = forked(WORKERS + kill, notes, url, destination, spool)
    for pid in workers.values():
        killed(pid)


if __name__ == '__main__':
    main(*sys.argv[1:])

"""Programs that fork, and start exporters in the children."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from satella.instrumentation import metrics as satella_metrics
from support.forking import FORKS, fork, wait
from support.program import main
from support.recording import go, record, work
from support.running import running_exporter
from support.waiting import wait_for

import aws_satella
from aws_satella.effects.process import is_running

signal.alarm(60)
record('nobody', 0)  # its very first labels take satella two steps, between which it looks unlabelled


def _client() -> Any:
    return boto3.client('cloudwatch', config=Config(read_timeout=1, retries={'total_max_attempts': 1}))


SETTINGS: dict[str, Any] = {'interval': 3600, 'temporality': 'delta', 'exit_timeout': 20, 'add_pid': 'pid'}
SETTINGS['client_factory'] = _client


def _start(**more: Any) -> None:
    aws_satella.start_if_not_started('Forks', **{**SETTINGS, **more})


def _flush() -> None:
    wait_for(aws_satella.flush, 'a flush', 60)  # a request that hangs fails first


def _export(**more: Any) -> None:
    """What a parent does that exports, and records something afterwards."""
    _start(**more)
    _flush()
    record('parent', 2)


def _count_and_flush(who: str) -> None:
    record(who)
    _start()
    _flush()


# --- states of a parent

released = threading.Event()


def _wait_until_it_hangs() -> None:
    wait_for(Path(sys.argv[-1]).exists)


def _export_once() -> None:
    go(aws_satella.export_once, 'Once', client_factory=_client)
    _wait_until_it_hangs()


def _begin_to_start() -> None:
    making = threading.Event()
    go(_start, client_factory=lambda: (making.set(), released.wait(), _client())[-1])
    making.wait()


def _create_a_metric() -> None:
    locked = threading.Event()

    def create() -> None:
        with satella_metrics.metrics_lock:
            locked.set()
            released.wait()

    go(create)
    locked.wait()


STATES: dict[str, Callable[[], object]] = {
    'before any start': lambda: None,
    'running': lambda: (_start(), _flush()),
    'sending': lambda: (_start(), _wait_until_it_hangs()),
    'flushing': lambda: (_start(), go(aws_satella.flush), _wait_until_it_hangs()),
    'exporting once': _export_once,
    'starting': _begin_to_start,
    'creating a metric': _create_a_metric,
    'terminated': lambda: (_start(), running_exporter().terminate().join()),
}


def states(state: str, hanging: str) -> None:
    """Fork in a state, in all ways, and export in the children and in the parent; a file says that a request hangs."""

    def child(how: str) -> None:
        began = time.monotonic()
        _start()
        assert time.monotonic() - began < 10
        _count_and_flush(how)
        assert aws_satella.export_once('Once', client_factory=_client).sent

    STATES[state]()
    for how in FORKS:
        wait(fork(child, how))
    released.set()
    _count_and_flush('parent')


# --- who exports what


def own_exporters(dimension: str) -> None:
    def begin(**more: Any) -> aws_satella.AWSSatellaExporterThread:
        exporter = aws_satella.AWSSatellaExporterThread('Forks', **SETTINGS, **more).start()
        assert exporter.flush()
        return exporter

    def child(how: str) -> None:
        record(how)
        begin(**({'extra_dimensions': {'child': dimension}} if dimension else {}))

    exporter = begin()
    record('parent', 2)
    wait(fork(child))
    assert exporter.flush()


def hidden() -> None:
    def child(how: str) -> None:
        work.level = satella_metrics.INHERIT
        _count_and_flush(how)

    _export()
    work.level = satella_metrics.DEBUG
    wait(fork(child))
    work.level = satella_metrics.INHERIT
    _flush()


def grandchild() -> None:
    """Fork a child that does not export, and forks one that does."""

    def child(how: str) -> None:
        record('child', 4)
        wait(fork(_count_and_flush))

    _export(in_forks=False)
    wait(fork(child))
    _flush()


def stopped() -> None:
    _export()
    running_exporter().terminate().join()
    record('child', 4)
    wait(fork(_count_and_flush))


def export_once() -> None:
    def child(how: str) -> None:
        record(how)
        stats = aws_satella.export_once('Forks', temporality='delta', add_pid='pid', client_factory=_client)
        assert not stats.buffered

    _export()
    wait(fork(child))
    _flush()


def outage(recovered: str) -> None:
    """Fork when a file has ended an outage, and before the parent has exported what waits."""
    _start()
    assert not aws_satella.flush()
    record('parent', 2)
    assert not aws_satella.flush()
    Path(recovered).touch()
    wait(fork(_count_and_flush))
    _flush()


def generations() -> None:
    """Export in two children in a row, and in five children of each."""

    def child(how: str) -> None:
        _count_and_flush('child')
        for _ in range(5):
            wait(fork(lambda how: _count_and_flush('grandchild')))
        record('child')
        _flush()

    _export()
    for _ in range(2):
        wait(fork(child))
    _flush()


def clients() -> None:
    """Start exporters in a child that its parent has made; two of them with a client that was put in its place."""

    def exporter(**settings: Any) -> aws_satella.AWSSatellaExporterThread:
        return aws_satella.AWSSatellaExporterThread('Forks', interval=3600, add_pid='pid', **settings)

    class Foreign:
        def put_metric_data(self, **kwargs: object) -> None:
            record('foreign')

    inherited = [exporter(), exporter(client_factory=_client), exporter(), exporter(client_factory=_client)]
    made = [each.cloudwatch for each in inherited]
    inherited[2].cloudwatch = inherited[3].cloudwatch = Foreign()

    def child(how: str) -> None:
        record('child')
        for each in inherited:
            each.start()
            assert each.flush()
        assert inherited[0].cloudwatch is not made[0]
        assert inherited[1].cloudwatch is not made[1]
        assert isinstance(inherited[2].cloudwatch, Foreign)
        assert isinstance(inherited[3].cloudwatch, Foreign)

    wait(fork(child))
    inherited[0].start()
    assert inherited[0].flush()
    assert inherited[0].cloudwatch is made[0]


def exit_of_a_child() -> None:
    """Have children exit as programs do while a request of their parent hangs."""
    _start(exit_timeout=30)
    wait_for(lambda: running_exporter().stats.buffered)
    for how in FORKS.values():
        began = time.monotonic()
        pid = how()
        if not pid:
            signal.alarm(60)
            sys.exit()
        wait(pid)
        assert time.monotonic() - began < 15
    assert is_running()
    os._exit(0)


def unreadable() -> None:
    def child(how: str) -> None:
        satella_metrics.metrics = metrics
        _count_and_flush(how)

    _export()
    _flush()
    metrics, satella_metrics.metrics = satella_metrics.metrics, None
    wait(fork(child))


if __name__ == '__main__':
    main(globals())

"""A destination that takes connections and never answers: it is said, and callers with a timeout wait once."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.endpoint import HANG, OK, RESET, Endpoint, Gate, Reply
from support.exporters import DEADLINE, exporting
from support.moto import session
from support.waiting import wait_for
from support.worlds import MockWorld

from aws_satella import ExportStats, export_once
from aws_satella.effects import patience
from aws_satella.pure import breaker

LONG = 120.0
"""A timeout that no test waits for."""


@pytest.fixture
def black_hole() -> Iterator[int]:
    """The port of a socket to which one can connect, and that never answers."""
    with socket.create_server(('127.0.0.1', 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def once(endpoint: Endpoint) -> Any:
    """``export_once`` to the endpoint."""
    client = endpoint.client(read_timeout=60)

    def export(timeout: float | None, **kwargs: Any) -> ExportStats:
        arguments = {'temporality': 'delta', 'client_factory': lambda: client, **kwargs}
        return export_once('Jobs', timeout=timeout, **arguments)

    return export


def _lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if 'has not answered' in record.getMessage()]


def _threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


# --- it is said


def test_request_that_hangs_is_said(
    black_hole: int, endpoint: Endpoint, world: MockWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """While the exporter waits for the reply, and once an outage: what waits for whom, without the password."""
    world.chance = lambda: 0.0  # the exporter tries again at once
    getMetric('orders', 'counter').runtime(1)
    url = f'http://user:secret@127.0.0.1:{black_hole}/path?token=secret'
    config = Config(read_timeout=1, retries={'total_max_attempts': 1})
    client = session().client('cloudwatch', endpoint_url=url, config=config)
    with exporting(endpoint, 3600, client_factory=lambda: client) as exporter:
        wait_for(lambda: exporter.delivery.ledger.in_flight, 'the request', DEADLINE)
        assert not _lines(caplog)
        world.jump(patience.HANG_SECONDS)
        wait_for(lambda: _lines(caplog), 'the line', DEADLINE)
        assert not exporter.stats.failed_requests
        wait_for(lambda: exporter.stats.failed_requests >= 3, 'three timeouts', DEADLINE)
    (line,) = _lines(caplog)
    assert line.levelname == 'WARNING'
    where = f'namespace Test, region us-east-1, endpoint http://127.0.0.1:{black_hole}/path'
    assert re.search(rf' for \d+ s, .*: {re.escape(where)}$', line.getMessage())
    wait_for(lambda: not _threads('aws-satella-watch'), 'the end of the watch', DEADLINE)
    client.close()


def test_request_that_hangs_in_the_next_outage_is_said_again(
    endpoint: Endpoint, world: MockWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """After a success it is news."""
    getMetric('orders', 'counter').runtime(1)
    with exporting(endpoint, 0.05, client_factory=lambda: endpoint.client(read_timeout=20)):
        for number in (1, 2):
            gate = endpoint.behave = Gate()
            wait_for(lambda opened=gate: opened.reached.is_set(), 'the request', DEADLINE)
            world.jump(patience.HANG_SECONDS)
            wait_for(lambda each=number: len(_lines(caplog)) == each, 'the line', DEADLINE)
            gate.opened.set()
            endpoint.behave = lambda _request: OK
            arrived = len(endpoint.data)
            wait_for(lambda before=arrived: len(endpoint.data) > before + 2, 'health', DEADLINE)


def test_end_of_a_process_waits_for_no_watch(black_hole: int) -> None:
    """A program whose requests hang ends within ``exit_timeout``, and has said why."""
    program = scripts.program('hanging.end_with_a_watch')
    done = scripts.run(program, f'http://127.0.0.1:{black_hole}', timeout=50)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'has not answered a request' in done.stdout
    assert 'False\n' in done.stdout
    assert '1 are dropped' in done.stdout


# --- export_once


def test_timeout_bounds_the_call(endpoint: Endpoint, once: Any) -> None:
    """What has no reply stays buffered, and is counted."""
    getMetric('orders', 'counter').runtime(1)
    endpoint.behave = lambda _request: HANG
    began = time.monotonic()
    stats = once(0.3)
    assert time.monotonic() - began < 30
    assert (stats.sent, stats.buffered, stats.dropped, stats.failed_requests, stats.cycles) == (0, 1, 0, 0, 1)


@pytest.mark.parametrize('answer', [OK, RESET])
def test_request_in_flight_is_neither_lost_nor_sent_twice(
    answer: Reply | str, endpoint: Endpoint, once: Any, world: MockWorld
) -> None:
    """The next call waits for its reply before it sends anything. Only if it has failed, it is sent again."""
    rows = getMetric('rows', 'counter')
    rows.runtime(1)
    gate = endpoint.behave = Gate(answer)
    stats = [once(0.3)]
    wait_for(lambda: endpoint.received, 'the request', DEADLINE)
    rows.runtime(10)
    world.jump(breaker.MAX_PAUSE_SECONDS)
    stats.append(once(0.3))
    assert len(endpoint.received) == 1, 'one request in flight'
    assert [each.buffered for each in stats] == [1, 2]

    threading.Timer(0.2, gate.opened.set).start()
    endpoint.behave = lambda _request: OK
    rows.runtime(100)
    world.jump(breaker.MAX_PAUSE_SECONDS)
    stats.append(once(DEADLINE))
    assert endpoint.values('rows') == [1, 10, 100]
    assert stats[-1].buffered == 0
    assert sum(each.sent for each in stats) == 3
    assert sum(each.failed_requests for each in stats) == (answer == RESET)
    assert sum(each.cycles for each in stats) == 3
    assert sum(each.dropped for each in stats) == 0


def test_reply_after_the_timeout_counts_in_the_next_call(endpoint: Endpoint, once: Any) -> None:
    """A call without a timeout settles it too."""
    rows = getMetric('rows', 'counter')
    rows.runtime(1)
    gate = endpoint.behave = Gate()
    assert once(0.2).sent == 0
    gate.opened.set()
    wait_for(lambda: endpoint.accepted and not _threads('aws-satella-request'), 'the reply', DEADLINE)
    rows.runtime(10)
    stats = once(None)
    assert (stats.sent, stats.buffered) == (2, 0)
    assert endpoint.values('rows') == [1, 10]


def test_buffer_is_bounded_while_a_request_hangs(endpoint: Endpoint, once: Any, world: MockWorld) -> None:
    """The request in flight goes as a whole, or stays as a whole: a late reply does not let a part go twice."""
    gate = endpoint.behave = Gate()
    for index in range(3):
        getMetric('rows', 'counter').runtime(1, table=str(index))
    first = once(0.2, max_buffered=5, temporality='cumulative')
    assert (first.buffered, first.dropped) == (4, 0)
    wait_for(lambda: endpoint.received, 'the request', DEADLINE)
    second = once(0.0, max_buffered=5, temporality='cumulative')
    assert (second.buffered, second.dropped) == (5, 3)  # the request in flight, and the newest
    gate.opened.set()
    wait_for(lambda: endpoint.accepted and not _threads('aws-satella-request'), 'the reply', DEADLINE)
    world.jump(breaker.MAX_PAUSE_SECONDS)
    third = once(DEADLINE, temporality='cumulative')
    assert third.buffered == third.dropped == 0
    assert len(endpoint.data) == third.sent == 9


def test_calls_after_a_timeout_return_at_once(endpoint: Endpoint, once: Any, world: MockWorld) -> None:
    """They take their snapshots all the same. After a pause one call waits again, and a success ends the matter."""
    rows = getMetric('rows', 'counter')
    gate = endpoint.behave = Gate()
    rows.runtime(1)
    once(0.2)
    world.stop()  # so that whatever waits would wait for ever
    for buffered in (2, 3):
        rows.runtime(1)
        assert once(LONG).buffered == buffered
    world.jump(breaker.HANGING_SECONDS)
    assert once(None).buffered == 4, 'without a timeout it waits for no request that hangs'
    gate.opened.set()
    endpoint.behave = lambda _request: OK
    wait_for(lambda: endpoint.accepted and not _threads('aws-satella-request'), 'the reply', DEADLINE)
    last = once(DEADLINE)
    assert (last.sent, last.buffered) == (5, 0)


def test_timeout_of_the_client_opens_the_breaker_too(endpoint: Endpoint, world: MockWorld) -> None:
    """A call with a timeout then sends nothing in the pause. One without a timeout tries, as nothing hangs now."""
    getMetric('rows', 'counter').runtime(1)
    endpoint.behave = lambda _request: HANG
    client = endpoint.client(read_timeout=0.3)
    world.stop()
    export_once('Jobs', client_factory=lambda: client)
    requests = len(endpoint.received)
    endpoint.behave = lambda _request: OK
    assert export_once('Jobs', timeout=DEADLINE, client_factory=lambda: client).sent == 0
    assert len(endpoint.received) == requests
    assert export_once('Jobs', client_factory=lambda: client).buffered == 0


def test_healthy_call_with_a_timeout_sends_all(endpoint: Endpoint, once: Any) -> None:
    """As without one, in many requests, some of which fail; no thread is left behind."""
    calls = 0

    def every_third(_request: object) -> Reply | str:
        nonlocal calls
        calls += 1
        return OK if calls % 3 else RESET

    endpoint.behave = every_third
    for index in range(30):
        getMetric('rows', 'counter').runtime(1, table=str(index))
    stats = once(DEADLINE, max_send_at_once=2)
    assert (stats.sent, stats.buffered, stats.dropped) == (31, 0, 0)
    assert len(endpoint.data) == 31
    wait_for(lambda: not _threads('aws-satella-request'), 'the end of its threads', DEADLINE)


def test_call_at_the_end_of_the_interpreter_sends(endpoint: Endpoint) -> None:
    """No thread starts any more then, from Python 3.12 on."""
    done = scripts.run(scripts.program('hanging.export_at_exit'), endpoint.url)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'sent=1' in done.stdout
    assert len(endpoint.named('orders')) == 1


# --- flush


def test_flush_after_a_timeout_answers_at_once(endpoint: Endpoint, world: MockWorld) -> None:
    """Until something has been sent. Without a timeout it waits only where no request hangs."""
    getMetric('orders', 'counter').runtime(1)
    with exporting(endpoint, 3600, client_factory=lambda: endpoint.client(read_timeout=60)) as exporter:
        assert exporter.flush(DEADLINE)
        gate = endpoint.behave = Gate()
        assert not exporter.flush(1.2)
        world.stop()  # so that whatever waits would wait for ever
        for timeout in (LONG, None):
            assert not exporter.flush(timeout)
        gate.opened.set()
        endpoint.behave = lambda _request: OK
        wait_for(lambda: exporter.flush(DEADLINE), 'a flush that is let through')


def test_flush_waits_again_after_a_pause(endpoint: Endpoint, world: MockWorld) -> None:
    """The breaker is half-open: one waits for its timeout, the next ones answer at once again."""
    getMetric('orders', 'counter').runtime(1)
    with exporting(endpoint, 3600, client_factory=lambda: endpoint.client(read_timeout=60)) as exporter:
        assert exporter.flush(DEADLINE)
        gate = endpoint.behave = Gate()
        assert not exporter.flush(0.4)
        world.jump(breaker.FIRST_PAUSE_SECONDS)
        began = world.monotonic()
        assert not exporter.flush(0.4)
        assert world.monotonic() - began >= 0.4
        world.stop()  # so that whatever waits would wait for ever
        assert not exporter.flush(LONG)
        assert exporter.delivery.patience.breaker.timeouts == 2
        gate.opened.set()


def test_flush_at_a_healthy_destination_is_never_refused(endpoint: Endpoint) -> None:
    """However short the timeouts of others were."""
    with exporting(endpoint, 3600) as exporter:
        for number in range(20):
            getMetric('orders', 'counter').runtime(1)
            exporter.flush(number / 2_000)
            assert exporter.flush()


def test_timeout_of_export_once_ends_where_the_clock_stands_still(
    endpoint: Endpoint, once: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a test that freezes ``time.monotonic``: the waits for a reply, an earlier reply, another call."""
    getMetric('rows', 'counter').runtime(1)
    gate = endpoint.behave = Gate()
    frozen = time.monotonic()
    buffered: list[int] = []

    def ask() -> None:
        buffered.extend(once(0.2).buffered for _ in range(2))

    with monkeypatch.context() as patched:
        patched.setattr(time, 'monotonic', lambda: frozen)
        asking = [threading.Thread(target=ask, daemon=True) for _ in range(2)]
        for each in asking:
            each.start()
        for each in asking:
            each.join(20)
    assert len(buffered) == 4
    gate.opened.set()
    assert once(DEADLINE).buffered == 0
    assert sum(endpoint.values('rows')) == 1

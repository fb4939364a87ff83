"""start_if_not_started starts one exporter a process, and another where that one has died."""

from __future__ import annotations

import gc
import linecache
import sys
import threading
import warnings
from typing import Any
from unittest import mock

import pytest
from satella.instrumentation.metrics import getMetric
from support.endpoint import OK, RESET, Endpoint, Gate
from support.exporters import DEADLINE, Ticks, end, kill
from support.waiting import wait_for
from support.worlds import MockWorld

import aws_satella
from aws_satella import AWSSatellaExporterThread, InitializationError
from aws_satella.effects import process

NAME = 'aws-satella-metrics'


def _running() -> list[AWSSatellaExporterThread]:
    return [thread for thread in threading.enumerate() if isinstance(thread, AWSSatellaExporterThread)]


def _current() -> AWSSatellaExporterThread:
    (exporter,) = _running()
    assert isinstance(exporter, AWSSatellaExporterThread)
    return exporter


def _start(endpoint: Endpoint, **more: Any) -> None:
    aws_satella.start_if_not_started('Test', **{'interval': 3600, 'client_factory': endpoint.client, **more})


def test_start_by_fifty_threads_makes_one_exporter(endpoint: Endpoint) -> None:
    """All at once, each of them returns only when it runs, and there is one thread and one client."""
    Ticks()
    clients: list[Any] = []
    barrier = threading.Barrier(50)
    saw: list[int] = []

    def make() -> Any:
        clients.append(endpoint.client())
        return clients[-1]

    def start() -> None:
        barrier.wait(DEADLINE)
        _start(endpoint, client_factory=make)
        saw.append(len(_running()))

    threads = [threading.Thread(target=start) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert saw == [1] * 50
    assert len(clients) == 1
    assert _current().daemon
    wait_for(lambda: endpoint.data, 'the first export', DEADLINE)
    end(_current())
    assert [datum['Value'] for datum in endpoint.data] == [0, 1]


def test_start_replaces_a_dead_exporter(endpoint: Endpoint, world: MockWorld) -> None:
    """By the next call, whose exporter sends what the dead one left, and counts on from where that stopped."""
    world.stop()  # so that no back-off ends

    def record(value: int) -> None:
        getMetric('counter', 'counter').runtime(value)
        getMetric('summary', 'summary').runtime(value)

    def arrived() -> tuple[list[float], list[float]]:
        return (
            endpoint.values('counter'),
            [value for datum in endpoint.named('summary') for value in datum['Values']],
        )

    record(1)
    _start(endpoint, temporality='delta')
    first = _current()
    wait_for(lambda: first.stats.cycles, 'the first cycle', DEADLINE)
    endpoint.behave = lambda _request: RESET
    record(10)
    assert not first.flush(DEADLINE)

    kill(first)
    assert not process.is_running()
    assert first.stats.buffered == 2
    endpoint.behave = lambda _request: OK
    record(100)
    _start(endpoint, temporality='delta')
    second = _current()
    assert second is not first
    assert process.is_running()
    wait_for(lambda: len(endpoint.data) == 6, 'what both have recorded', DEADLINE)
    assert arrived() == ([1, 10, 100],) * 2
    record(1000)
    assert aws_satella.flush(DEADLINE)
    assert arrived() == ([1, 10, 100, 1000],) * 2
    stats = second.stats
    assert (stats.sent, stats.buffered, stats.dropped) == (8, 0, 0)
    assert stats.failed_requests == 2  # the first failure was tried again at once


def test_start_with_another_plan_leaves_what_a_dead_exporter_could_not_send(
    endpoint: Endpoint, world: MockWorld
) -> None:
    """Its outbox goes where it belongs, by the next exporter; that one counts for itself, and so does the next of the
    old plan."""
    world.stop()  # so that no back-off ends
    counter = getMetric('counter', 'counter')
    counter.runtime(1)
    _start(endpoint, temporality='delta')
    first = _current()
    wait_for(lambda: first.stats.cycles, 'the first cycle', DEADLINE)
    endpoint.behave = lambda _request: RESET
    counter.runtime(10)
    assert not first.flush(DEADLINE)
    kill(first)
    endpoint.behave = lambda _request: OK
    counter.runtime(100)
    aws_satella.start_if_not_started('Another', None, 3600, temporality='delta', client_factory=endpoint.client)
    second = _current()
    assert second.flush(DEADLINE)
    second.terminate().join(DEADLINE)
    assert (second.stats.sent, second.stats.buffered, first.stats.buffered) == (len(endpoint.data) - 1, 0, 0)
    counter.runtime(1000)
    _start(endpoint, temporality='delta')
    assert aws_satella.flush(DEADLINE)
    sums = {'Test': 0.0, 'Another': 0.0}
    for request in endpoint.accepted:
        sums[request.namespace] += sum(datum['Value'] for datum in request.data)
    assert sums == {'Test': 1111, 'Another': 111}


def test_start_with_another_client_leaves_what_needs_the_old_one(endpoint: Endpoint, world: MockWorld) -> None:
    """The outbox of one account is no matter of the exporter of another, whose plan differs."""
    world.stop()  # so that no back-off ends
    counter = getMetric('counter', 'counter')
    counter.runtime(1)
    endpoint.behave = lambda request: RESET if request.namespace == 'Test' else OK
    _start(endpoint, temporality='delta')
    first = _current()
    wait_for(lambda: first.stats.cycles, 'the first cycle', DEADLINE)
    kill(first)
    client = endpoint.client()
    aws_satella.start_if_not_started('Another', None, 3600, temporality='delta', client_factory=lambda: client)
    assert aws_satella.flush(DEADLINE)
    end(_current())
    assert {request.namespace for request in endpoint.received} == {'Test', 'Another'}
    endpoint.behave = lambda _request: OK
    received = len(endpoint.received)
    _start(endpoint, temporality='delta')
    assert aws_satella.flush(DEADLINE)
    assert {request.namespace for request in endpoint.received[received:]} == {'Test'}
    assert (first.stats.sent, first.stats.buffered) == (0, 1)
    sent = [datum['Value'] for request in endpoint.accepted if request.namespace == 'Test' for datum in request.data]
    assert sum(sent) == 1


def test_start_leaves_a_running_exporter_alone(endpoint: Endpoint) -> None:
    """A second call does nothing, whatever its arguments."""
    _start(endpoint)
    first = _current()
    _start(endpoint)
    aws_satella.start_if_not_started('Another', client_factory=mock.Mock(side_effect=ZeroDivisionError))
    assert _current() is first


def test_start_asks_again_for_a_thread_that_could_not_be_had(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call says so, chained; the next one tries again, and the exporter runs."""
    Ticks()
    start = threading.Thread.start
    refusals = [RuntimeError("can't start new thread")]

    def reluctant(thread: threading.Thread) -> None:
        if thread.name == NAME and refusals:
            raise refusals.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, 'start', reluctant)
    with pytest.raises(InitializationError, match="can't start new thread") as caught:
        _start(endpoint)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert not process.is_running()
    assert not aws_satella.flush()
    _start(endpoint)
    assert process.is_running()
    assert aws_satella.flush(DEADLINE)


def test_start_asks_again_for_a_client_that_could_not_be_had(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """InitializationError leaves nothing behind that would keep the next call from starting."""
    monkeypatch.delenv('AWS_DEFAULT_REGION')
    with pytest.raises(InitializationError):
        aws_satella.start_if_not_started('Test')
    assert _running() == []
    _start(endpoint, client_factory=lambda: endpoint.client(region_name='eu-west-1'))
    assert process.is_running()


def test_exporter_is_started_only_once(endpoint: Endpoint) -> None:
    """It raises as a thread's does; the exporter runs on, and is known to."""
    _start(endpoint)
    exporter = _current()
    with pytest.raises(RuntimeError, match='once'):
        exporter.start()
    assert exporter.exporting
    assert process.is_running()


@pytest.mark.parametrize('waits', [False, True])
def test_start_after_terminate_makes_a_successor(waits: bool, endpoint: Endpoint) -> None:
    """An exporter that ends, or has ended, does not count: the next one takes over its baseline, and exports after its
    last export."""
    counter = getMetric('counter', 'counter')
    counter.runtime(1)
    _start(endpoint, temporality='delta')
    first = _current()
    wait_for(lambda: first.stats.cycles, 'the first cycle', DEADLINE)
    counter.runtime(10)
    first.terminate()
    if waits:
        first.join(DEADLINE)
    _start(endpoint, temporality='delta')
    second = process.exporter_of_process()
    assert second is not None
    assert second is not first
    counter.runtime(100)
    assert aws_satella.flush(DEADLINE)
    assert not first.is_alive()
    assert _running() == [second]
    assert sum(endpoint.values('counter')) == 111
    assert second.stats.sent == len(endpoint.data)


@pytest.mark.parametrize('force', [False, True])
def test_successor_gets_what_the_last_export_could_not_send(force: bool, endpoint: Endpoint) -> None:
    """Without a successor it would be dropped at the end."""
    counter = getMetric('counter', 'counter')
    counter.runtime(1)
    gate = endpoint.behave = Gate(RESET)
    _start(endpoint, temporality='delta', client_factory=lambda: endpoint.client(read_timeout=DEADLINE))
    first = _current()
    assert gate.reached.wait(DEADLINE)
    counter.runtime(10)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ResourceWarning)  # of a connection that the end by force has torn
        first.terminate(force=force)
        assert not process.is_running()
        _start(endpoint, temporality='delta')
        assert process.is_running()
        gate.opened.set()
        first.join(DEADLINE)
        gc.collect()
    endpoint.behave = lambda _request: OK
    assert aws_satella.flush(DEADLINE)
    assert sum(endpoint.values('counter')) == 11
    second = _current()
    assert (second.stats.dropped, second.stats.buffered) == (0, 0)


def test_start_that_failed_gives_its_error_to_all_who_waited(endpoint: Endpoint) -> None:
    """A factory that takes its time and fails does so once for all that wait. The next call tries again."""
    attempts: list[float] = []
    waiting = threading.Barrier(6)
    errors: list[InitializationError] = []

    def make() -> Any:
        attempts.append(1)
        wait_for(blocked, 'the others to wait', DEADLINE)
        raise LookupError('no client')

    def blocked() -> bool:
        frames = sys._current_frames()
        return sum(_waits(frames[thread.ident]) for thread in threads if thread.ident in frames) == 5

    def start() -> None:
        waiting.wait(DEADLINE)
        with pytest.raises(InitializationError, match='no client') as caught:
            _start(endpoint, client_factory=make)
        errors.append(caught.value)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * DEADLINE)
    assert len(attempts) == 1
    assert len({id(error) for error in errors}) == 6
    assert len([error for error in errors if isinstance(error.__cause__, InitializationError)]) == 5
    _start(endpoint)
    assert aws_satella.flush(DEADLINE)


def _waits(frame: Any) -> bool:
    """Whether a thread is at the lock of the start, where its next step is to wait."""
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip() == 'with process.starting:'


def test_start_with_wrong_arguments_has_an_error_of_its_own(endpoint: Endpoint) -> None:
    """A call with wrong arguments that meets a start that fails says what is wrong with its arguments."""
    making, going_on = threading.Event(), threading.Event()

    def make() -> Any:
        making.set()
        going_on.wait(DEADLINE)
        raise LookupError('no client')

    def start() -> None:
        with pytest.raises(InitializationError):
            _start(endpoint, client_factory=make)

    starting = threading.Thread(target=start)
    starting.start()
    assert making.wait(DEADLINE)
    with pytest.raises(aws_satella.ArgumentError, match='interval'):
        _start(endpoint, interval=1e-310)
    going_on.set()
    starting.join(DEADLINE)


def test_successor_of_another_plan_drops_what_it_has_no_client_for(endpoint: Endpoint) -> None:
    """An exporter of another plan sends with a client of another factory, so what the one before cannot send is
    dropped, and said to be.
    """
    getMetric('counter', 'counter').runtime(1)
    gate = endpoint.behave = Gate(RESET)
    _start(endpoint, client_factory=lambda: endpoint.client(read_timeout=DEADLINE))
    first = _current()
    assert gate.reached.wait(DEADLINE)
    first.terminate()
    other = endpoint.client()
    _start(endpoint, extra_dimensions={'other': 'plan'}, client_factory=lambda: other)
    gate.opened.set()
    first.join(DEADLINE)
    assert (first.stats.buffered, first.stats.sent) == (0, 0)
    assert first.stats.dropped > 0
    endpoint.behave = lambda _request: OK
    assert aws_satella.flush(DEADLINE)
    assert {len(datum['Dimensions']) for datum in endpoint.named('counter')} == {1}

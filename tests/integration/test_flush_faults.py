"""flush() says True only where all that was recorded before the call has been sent, whatever goes wrong meanwhile."""

from __future__ import annotations

import threading
import time

import pytest
from satella.instrumentation.metrics import MetricData, getMetric
from support.endpoint import HANG, OK, RESET, Endpoint, Reply, Request
from support.exporters import DEADLINE, assert_conserved, exporting, killing
from support.waiting import wait_for
from support.worlds import MockWorld

import aws_satella
from aws_satella import AWSSatellaExporterThread
from aws_satella.effects import loop as loop_module


def test_what_was_recorded_before_is_sent(endpoint: Endpoint) -> None:
    """It exports now, whatever the interval."""
    counter = getMetric('counter', 'counter')
    with exporting(endpoint, 3600) as exporter:
        for value in (1, 2, 3):
            counter.runtime(1)
            assert exporter.flush()
            assert endpoint.data[-1]['Value'] == value
    assert_conserved(exporter, endpoint, exporter.stats.cycles)


def test_all_who_wait_are_answered(endpoint: Endpoint) -> None:
    """Many threads may wait at once, during a cycle too, and each finds its own recording sent."""
    answers: list[bool] = []

    def flush(number: int) -> None:
        getMetric(f'of.thread{number}', 'counter').runtime(1)
        flushed = exporter.flush(DEADLINE)
        answers.append(flushed and len(endpoint.named(f'of.thread{number}')) > 0)

    getMetric('of.none', 'counter')
    with exporting(endpoint, 0.05) as exporter:
        threads = [threading.Thread(target=flush, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [True] * 20


def test_in_an_outage_it_makes_one_attempt(endpoint: Endpoint, world: MockWorld) -> None:
    """False after that, with the data kept; True again when they have arrived. The first failure after a success is
    tried again at once."""
    world.stop()  # so that no back-off ends
    getMetric('counter', 'counter').runtime(1)
    with exporting(endpoint, 3600) as exporter:
        assert exporter.flush()
        endpoint.behave = lambda _request: RESET
        for failed in (2, 3, 4):
            assert not exporter.flush()
            assert exporter.stats.failed_requests == failed
        endpoint.behave = lambda _request: OK
        assert exporter.flush()
        assert exporter.stats.buffered == 0
    assert_conserved(exporter, endpoint, exporter.stats.cycles)


def test_what_was_dropped_was_not_sent(endpoint: Endpoint) -> None:
    """An empty outbox is not enough: data that had no room in it have not been sent either."""
    getMetric('counter', 'counter').runtime(1)
    endpoint.behave = lambda _request: RESET
    with exporting(endpoint, 3600, max_buffered=0) as exporter:
        assert not exporter.flush()
        assert exporter.stats.buffered == 0


def test_timeout_bounds_the_wait(endpoint: Endpoint) -> None:
    """False when the attempt takes longer; it goes on all the same."""
    getMetric('counter', 'counter').runtime(1)
    endpoint.behave = lambda _request: HANG
    with exporting(endpoint, 3600, client_factory=lambda: endpoint.client(read_timeout=3)) as exporter:
        begun = time.monotonic()
        assert not exporter.flush(0.1)
        assert not exporter.flush(0)
        assert time.monotonic() - begun < 2.5
        assert not exporter.stats.failed_requests
        endpoint.behave = lambda _request: OK
    assert not exporter.stats.buffered


def test_without_a_thread_there_is_nothing_to_wait_for(endpoint: Endpoint) -> None:
    """False before the start and after the end, however long it may take."""
    exporter = AWSSatellaExporterThread('Test', client_factory=endpoint.client)
    assert not exporter.flush()
    exporter.start().terminate().join(DEADLINE)
    assert not exporter.flush()
    assert not aws_satella.flush()


@pytest.mark.parametrize('which', ['call_on_discarded_metric', 'call_on_metric_upload_fails'])
def test_from_within_a_callback_it_is_false(which: str, endpoint: Endpoint) -> None:
    """The thread cannot wait for itself; the cycle that called goes on."""
    answers: list[bool] = []

    def callback(_: MetricData | Exception) -> None:
        exporter = threading.current_thread()
        assert isinstance(exporter, AWSSatellaExporterThread)
        answers.append(exporter.flush())

    getMetric('a.sick', 'float').runtime(float('nan'))
    getMetric('b.healthy', 'counter').runtime(1)
    endpoint.behave = lambda _request: RESET if len(endpoint.received) == 1 else OK
    with exporting(endpoint, 0.1, **{which: callback}):
        wait_for(lambda: answers and endpoint.data, 'the callback and the data', DEADLINE)
    assert not any(answers)


def test_flush_that_meets_terminate_is_answered(endpoint: Endpoint) -> None:
    """By the last export, where it came before that; with False, where it came too late. Never with silence."""
    getMetric('counter', 'counter').runtime(1)
    client = endpoint.client()
    answers: list[bool] = []

    def flush(exporter: AWSSatellaExporterThread) -> None:
        answers.append(exporter.flush())

    for _ in range(10):
        answers.clear()
        with exporting(endpoint, 3600, client_factory=lambda: client) as exporter:
            waiting = [threading.Thread(target=flush, args=(exporter,)) for _ in range(4)]
            for thread in waiting[:2]:
                thread.start()
            exporter.terminate()
            for thread in waiting[2:]:
                thread.start()
            for thread in waiting:
                thread.join(DEADLINE)
            assert len(answers) == 4


def test_flush_whose_thread_dies_is_answered(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller looks from time to time whether the thread is alive. Here it dies when it is asked for something."""
    receive = loop_module.ExportLoop._receive

    def die(loop: loop_module.ExportLoop, timeout: float) -> None:
        if receive(loop, timeout) is not None:
            raise SystemExit

    monkeypatch.setattr(loop_module.ExportLoop, '_receive', die)
    exporter = AWSSatellaExporterThread('Test', interval=3600, client_factory=endpoint.client).start()
    assert not exporter.flush()
    assert not exporter.is_alive()


def test_flush_that_meets_a_forced_end_is_answered(endpoint: Endpoint) -> None:
    """The thread is killed in the middle of the cycle that was asked for."""
    getMetric('counter', 'counter').runtime(1)
    answers: list[bool] = []
    let_go = threading.Event()

    def behave(_request: Request) -> Reply:
        let_go.wait(DEADLINE)
        return Reply(500)

    with exporting(endpoint, 3600, client_factory=lambda: endpoint.client(read_timeout=DEADLINE)) as exporter:
        assert exporter.flush()
        endpoint.behave = behave
        received = len(endpoint.received)
        waiting = threading.Thread(target=lambda: answers.append(exporter.flush()))
        waiting.start()
        wait_for(lambda: len(endpoint.received) > received, 'the request', DEADLINE)
        with killing(exporter):
            let_go.set()
        waiting.join(DEADLINE)
    assert answers == [False]

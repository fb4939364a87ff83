"""terminate() wakes the thread at once, whatever it waits for; and force ends it without a last export."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.destinations import each_destination
from support.endpoint import HANG, OK, RESET, Endpoint
from support.exporters import DEADLINE, Ticks, assert_conserved, exporting, kill, killing
from support.waiting import wait_for
from support.worlds import MockWorld

from aws_satella import AWSSatellaExporterThread

AT_ONCE = 0.5
"""Seconds. Of a few tries the quickest counts, since the machine may have other things to do."""


def _idle(exporter: AWSSatellaExporterThread, _endpoint: Endpoint) -> None:
    wait_for(lambda: exporter.stats.sent, 'the first cycle', DEADLINE)


def _backing_off(exporter: AWSSatellaExporterThread, endpoint: Endpoint) -> None:
    wait_for(lambda: exporter.stats.failed_requests, 'the failure', DEADLINE)
    endpoint.behave = lambda _request: OK


def _just_started(_exporter: AWSSatellaExporterThread, _endpoint: Endpoint) -> None:
    pass


@pytest.mark.parametrize('until', [_idle, _backing_off, _just_started], ids=lambda until: until.__name__[1:])
def test_thread_wakes_at_once(
    until: Callable[[AWSSatellaExporterThread, Endpoint], None], endpoint: Endpoint, world: MockWorld
) -> None:
    """It exports what was recorded last, and ends, out of an hour's sleep and out of a long back-off."""
    world.stop()  # so that no back-off ends
    client = endpoint.client()
    took: list[float] = []
    while not took or (min(took) >= AT_ONCE and len(took) < 10):
        endpoint.behave = lambda _request: RESET if until is _backing_off else OK
        ticks = Ticks()
        with exporting(endpoint, 3600, client_factory=lambda: client) as exporter:
            until(exporter, endpoint)
            begun = time.monotonic()
            exporter.terminate().join(DEADLINE)
            took.append(time.monotonic() - begun)
            assert not exporter.is_alive()
        assert exporter.terminating
        assert endpoint.data[-1]['Value'] == len(ticks) - 1
        assert exporter.stats.sent == exporter.stats.cycles
        getMetric().reset()
    assert min(took) < AT_ONCE


@each_destination
def test_last_values_arrive(endpoint: Endpoint) -> None:
    """What was recorded just before terminate() is in the last export, as with the thread as a context manager."""
    counter = getMetric('counter', 'counter')
    with AWSSatellaExporterThread('Test', interval='1h', client_factory=endpoint.client) as exporter:
        wait_for(lambda: exporter.stats.cycles, 'the first cycle', DEADLINE)
        counter.runtime(41)
    assert [datum['Value'] for datum in endpoint.data] == [0, 41]
    assert exporter.stats.cycles == 2


@each_destination
def test_last_export_that_fails_counts_what_it_drops(endpoint: Endpoint) -> None:
    """One last attempt is made, and its failure accounted for."""
    Ticks()
    endpoint.behave = lambda _request: RESET
    with exporting(endpoint, 3600) as exporter:
        wait_for(lambda: exporter.stats.cycles, 'the first cycle', DEADLINE)
    assert (exporter.stats.dropped, exporter.stats.buffered) == (2, 0)
    assert_conserved(exporter, endpoint, 2)


def _sleeping(_endpoint: Endpoint) -> None:
    """Nothing is done about it."""


def _failing(endpoint: Endpoint) -> None:
    endpoint.behave = lambda _request: RESET


def _hanging(endpoint: Endpoint) -> None:
    endpoint.behave = lambda _request: HANG


@each_destination
@pytest.mark.parametrize('state', [_sleeping, _failing, _hanging], ids=lambda state: state.__name__[1:])
def test_force_ends_it_without_an_export(
    state: Callable[[Endpoint], None], endpoint: Endpoint, world: MockWorld
) -> None:
    """What is unsent stays where the next exporter finds it, also when the hook at exit follows."""
    world.stop()  # so that no back-off ends
    Ticks()
    state(endpoint)
    with exporting(endpoint, 3600, client_factory=lambda: endpoint.client(read_timeout=1)) as exporter:
        wait_for(lambda: len(endpoint.received) == 1, 'the first request', DEADLINE)
        wait_for(lambda: exporter.stats.cycles or state is _hanging, 'the end of the cycle', DEADLINE)
        with killing(exporter):
            exporter.terminate()
        assert not exporter.exporting
    assert exporter.stats.cycles == 1
    assert exporter.stats.buffered == (0 if state is _sleeping else 1)
    assert exporter.stats.dropped == 0
    assert_conserved(exporter, endpoint, 1)


def test_force_stops_a_long_cycle(endpoint: Endpoint) -> None:
    """It ends at once, however long a metric of the program takes, and sends nothing of what it has read."""
    reading, go_on = threading.Event(), threading.Event()
    getMetric('a.slow', 'callable', value_getter=lambda: reading.set() or go_on.wait(DEADLINE))
    for index in range(20):
        getMetric(f'b.m{index}', 'int').runtime(1)
    with exporting(endpoint, 3600, max_send_at_once=1) as exporter:
        assert reading.wait(DEADLINE)
        kill(exporter)
        exporter.join(DEADLINE)
        go_on.set()
    assert endpoint.data == []
    assert exporter.stats.buffered == 20
    assert_conserved(exporter, endpoint, 20)


def test_force_is_harmless_where_no_thread_runs(endpoint: Endpoint) -> None:
    """Before the start, and after the end, there is nothing to end; it raises nothing."""
    exporter = AWSSatellaExporterThread('Test', client_factory=endpoint.client)
    assert exporter.terminate(force=True) is exporter
    with exporting(endpoint) as ended:
        pass
    assert ended.terminate(force=True) is ended


def test_force_ends_a_greenlet_after_its_request(endpoint: Endpoint) -> None:
    """Under gevent nothing can be raised in the exporter from outside; it sends nothing more, and ends."""
    ended = scripts.run(scripts.program('terminate.force', greenlets=True), endpoint.url)
    assert ended.returncode == 0, ended.stderr


def test_exporter_of_ones_own_goes_on_where_the_one_before_has_ended(endpoint: Endpoint) -> None:
    """Of the same plan, whether the program has waited for its end or not: each increase is sent once."""
    orders = getMetric('orders', 'counter')
    for waits in (True, False, True):
        orders.runtime(1)
        exporter = AWSSatellaExporterThread(
            'Test', interval=3_600, temporality='delta', client_factory=endpoint.client
        ).start()
        assert exporter.flush(DEADLINE)
        orders.runtime(1)
        exporter.terminate()
        if waits:
            exporter.join(DEADLINE)
    assert sum(endpoint.values('orders')) == 6

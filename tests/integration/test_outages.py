"""An outage loses nothing that fits the outbox: whatever goes wrong on the way, and for as long as it does."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from satella.instrumentation.metrics import getMetric
from support.destinations import each_destination
from support.endpoint import EMPTY, GARBAGE, HANG, NO_CONTENT, OK, PORTAL, RESET, Endpoint, Reply, error
from support.exporters import DEADLINE, Ticks, assert_conserved, exporting, kill
from support.waiting import wait_for
from support.worlds import MockWorld

from aws_satella import AWSSatellaExporterThread

SECONDS_APART = 600.0
"""A rate at which cycles have timestamps that differ: the wire knows whole seconds only."""

THROTTLING = error('ThrottlingException', 400, 'Rate exceeded')
DENIED = error('AccessDenied', 403, 'User is not authorized to perform: cloudwatch:PutMetricData')


def _behaving(reply: Reply | str) -> Callable[[Endpoint], None]:
    def begin(endpoint: Endpoint) -> None:
        endpoint.behave = lambda _request: reply

    return begin


def _heal(endpoint: Endpoint) -> None:
    endpoint.behave = lambda _request: OK


Outage = tuple[Callable[[Endpoint], None], Callable[[Endpoint], None]]

OUTAGES: dict[str, Outage] = {
    'reset': (_behaving(RESET), _heal),
    'hang': (_behaving(HANG), _heal),
    '500': (_behaving(error('InternalServiceFault', 500)), _heal),
    '503': (_behaving(Reply(503, b'<html>Service Unavailable</html>')), _heal),
    'throttling': (_behaving(THROTTLING), _heal),
    'denied': (_behaving(DENIED), _heal),
    'expired': (_behaving(error('ExpiredToken', 400, 'The security token is expired')), _heal),
    'portal': (_behaving(PORTAL), _heal),
    'garbage': (_behaving(GARBAGE), _heal),
    'empty': (_behaving(EMPTY), _heal),
    'no content': (_behaving(NO_CONTENT), _heal),
    'absent': (Endpoint.go_away, Endpoint.come_back),
}
each_outage = pytest.mark.parametrize('outage', OUTAGES.values(), ids=OUTAGES)


def _client_of(endpoint: Endpoint, outage: Outage) -> Callable[[], Any]:
    """Only where it must wait for an answer that never comes is the client impatient."""
    return lambda: endpoint.client(read_timeout=1 if outage is OUTAGES['hang'] else 5)


class _Counted:
    """A client that counts its calls, and how many there are at once."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._calling = threading.Lock()
        self.calls = 0
        self.at_once = 0

    def put_metric_data(self, **payload: Any) -> object:
        self.calls += 1
        self.at_once += not self._calling.acquire(blocking=False)
        try:
            return self._client.put_metric_data(**payload)
        finally:
            self._calling.release()


@each_outage
def test_outage_loses_nothing(outage: Outage, endpoint: Endpoint, world: MockWorld) -> None:
    """What was collected meanwhile arrives afterwards: once, in order, each with the timestamp of its own cycle."""
    begin, heal = outage
    world.wall.rate = SECONDS_APART
    ticks = Ticks(world.wall)
    failures: list[Exception] = []
    client = _Counted(_client_of(endpoint, outage)())

    with exporting(endpoint, call_on_metric_upload_fails=failures.append, client_factory=lambda: client) as exporter:
        wait_for(lambda: len(endpoint.data) >= 2, 'two healthy cycles', DEADLINE)
        begin(endpoint)
        cycles = exporter.stats.cycles
        wait_for(lambda: exporter.stats.failed_requests >= 2, 'the second failure', DEADLINE)
        wait_for(lambda: exporter.stats.cycles >= cycles + 3, 'the third cycle of the outage', DEADLINE)
        heal(endpoint)
        wait_for(lambda: not exporter.stats.buffered, 'the recovery', DEADLINE)
        cycles = exporter.stats.cycles
        wait_for(lambda: exporter.stats.cycles > cycles, 'a cycle after it', DEADLINE)

    assert [datum['Value'] for datum in endpoint.data] == list(range(len(ticks)))
    timestamps = [datum['Timestamp'] for datum in endpoint.data]
    for before, stamp, read_at in zip([0.0, *ticks.read_at], timestamps, ticks.read_at, strict=False):
        assert before < stamp <= read_at + 0.001
    stats = exporter.stats
    assert len(failures) == stats.failed_requests == client.calls - len(endpoint.accepted)
    assert all(isinstance(failure, Exception) for failure in failures)
    assert client.at_once == 0
    assert (stats.sent, stats.discarded, stats.dropped, stats.buffered) == (len(ticks), 0, 0, 0)
    assert_conserved(exporter, endpoint, stats.cycles)


@each_destination
@each_outage
def test_increases_are_neither_lost_nor_sent_twice(outage: Outage, destination: str, endpoint: Endpoint) -> None:
    """In delta mode, all increases and observations together are what was recorded, whatever went wrong meanwhile. They
    arrive in order."""
    begin, heal = outage
    if destination == 'otlp' and outage in (OUTAGES['empty'], OUTAGES['no content']):
        pytest.skip('by an empty reply, a receiver of OTLP says that it took everything')
    counter, histogram = getMetric('counter', 'counter'), getMetric('histogram', 'histogram')
    recorded = 0

    def record_during(condition: Callable[[], object], what: str) -> None:
        nonlocal recorded

        def condition_at_last() -> object:
            nonlocal recorded
            recorded += 1
            counter.runtime(1)
            histogram.runtime(0.25)
            return condition()

        wait_for(condition_at_last, what, DEADLINE)

    with exporting(endpoint, temporality='delta', client_factory=_client_of(endpoint, outage)) as exporter:
        record_during(lambda: exporter.stats.sent >= 2, 'a healthy cycle')
        begin(endpoint)
        record_during(lambda: exporter.stats.failed_requests >= 2, 'the second failure')
        heal(endpoint)
        record_during(lambda: not exporter.stats.buffered, 'the recovery')
    increases = endpoint.named('counter')
    assert sum(datum['Value'] for datum in increases) == recorded
    assert increases == sorted(increases, key=lambda datum: datum['Timestamp'])
    distributions = endpoint.named('histogram')
    assert sum(sum(datum['Counts']) for datum in distributions) == recorded
    assert sum(
        value * count for datum in distributions for value, count in zip(datum['Values'], datum['Counts'], strict=True)
    ) == pytest.approx(recorded / 4)
    assert exporter.stats.sent == len(endpoint.data)
    assert exporter.stats.buffered == exporter.stats.dropped == exporter.stats.discarded == 0


def test_while_an_attempt_hangs_its_slots_are_skipped(endpoint: Endpoint) -> None:
    """Cycles that are due meanwhile are not made up for: the next one carries what they would have."""
    ticks = Ticks()
    with exporting(endpoint, 0.05, client_factory=lambda: endpoint.client(read_timeout=1.5)) as exporter:
        wait_for(lambda: len(endpoint.data) >= 2, 'two healthy cycles', DEADLINE)
        endpoint.behave = lambda _request: HANG
        received = len(endpoint.received)
        wait_for(lambda: len(endpoint.received) > received, 'the attempt that hangs', DEADLINE)
        cycles, begun = exporter.stats.cycles, time.monotonic()
        wait_for(lambda: exporter.stats.failed_requests, 'its end', DEADLINE)
        assert time.monotonic() - begun >= 1  # it hung for more than twenty slots
        assert exporter.stats.cycles <= cycles + 1
        _heal(endpoint)
        wait_for(lambda: not exporter.stats.buffered, 'the recovery', DEADLINE)
    assert [datum['Value'] for datum in endpoint.data] == list(range(len(ticks)))


def _lines(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if text in record.getMessage()]


@each_destination
def test_beyond_the_bound_the_oldest_go(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """They are counted, and logged once an outage, with their number at its end; what is newest arrives."""
    caplog.set_level(logging.INFO, 'aws_satella')
    ticks = Ticks()
    dropped = 0
    with exporting(endpoint, 0.05, max_buffered=3) as exporter:
        for outage in (1, 2):
            wait_for(lambda: not exporter.stats.buffered, 'health', DEADLINE)
            endpoint.behave = lambda _request: RESET
            wait_for(lambda before=dropped: exporter.stats.dropped >= before + 4, 'that data are dropped', DEADLINE)
            assert exporter.stats.buffered <= 4  # the bound, and the request that it makes room for
            _heal(endpoint)
            wait_for(lambda number=outage: len(_lines(caplog, 'work again')) == number, 'the recovery', DEADLINE)
            newly, dropped = exporter.stats.dropped - dropped, exporter.stats.dropped
            assert len(_lines(caplog, 'are dropped, the oldest first')) == outage
            last_line = _lines(caplog, 'work again')[outage - 1]
            assert re.search(rf'; [34] metric data were kept, {newly} were dropped$', last_line)
    arrived = [datum['Value'] for datum in endpoint.data]
    assert arrived == sorted(set(arrived))
    assert len(arrived) == len(ticks) - dropped
    assert_conserved(exporter, endpoint, exporter.stats.cycles)


def test_newest_part_of_a_request_that_overflows_is_kept(endpoint: Endpoint) -> None:
    """The bound counts data, not requests."""
    for index in range(10):
        getMetric(f'm{index}', 'int').runtime(index)
    endpoint.behave = lambda _request: RESET
    with exporting(endpoint, 3600, max_buffered=7) as exporter:
        wait_for(lambda: exporter.stats.dropped, 'the failure', DEADLINE)
        assert (exporter.stats.buffered, exporter.stats.dropped) == (7, 3)
        _heal(endpoint)
        wait_for(lambda: not exporter.stats.buffered, 'the recovery', DEADLINE)
        assert [datum['MetricName'] for datum in endpoint.data] == [f'm{index}' for index in range(3, 10)]
    assert_conserved(exporter, endpoint, 20)


@pytest.mark.parametrize('max_buffered', [0, 1, 10])
def test_tree_that_is_larger_than_the_outbox_recovers(max_buffered: int, endpoint: Endpoint, world: MockWorld) -> None:
    """The first cycle after an outage tries before it drops anything, so all of it arrives: ``max_buffered`` bounds
    what is unsent after a failed attempt, not what a healthy cycle sends."""
    world.stop()  # it tries in the cycles only
    names = [f'm{index}' for index in range(50)]
    for name in names:
        getMetric(name, 'int').runtime(1)
    endpoint.behave = lambda _request: RESET
    with exporting(endpoint, 3600, max_buffered=max_buffered, max_send_at_once=5) as exporter:
        wait_for(lambda: exporter.stats.cycles, 'the failed cycle', DEADLINE)
        assert (exporter.stats.buffered, exporter.stats.dropped) == (max_buffered, 50 - max_buffered)
        _heal(endpoint)
        assert exporter.flush(DEADLINE)
        assert [datum['MetricName'] for datum in endpoint.data][-50:] == names
    assert exporter.stats.sent == len(endpoint.data)
    assert exporter.stats.sent + exporter.stats.dropped == 50 * exporter.stats.cycles


# --- when it tries again


def _waits(world: MockWorld, seconds: float) -> None:
    """Return when the exporter waits for just so long."""
    wait_for(lambda: any(math.isclose(each, seconds, rel_tol=1e-6) for each in world.waits), f'{seconds} s', DEADLINE)
    world.waits.clear()


def test_between_attempts_it_backs_off_more_and_more(endpoint: Endpoint, world: MockWorld) -> None:
    """Each failure in a row counts, each wait is drawn anew, and a success starts from the beginning."""
    fractions = [0.9, 0.1, 0.5, 0.3, 0.7, 0.2]
    world.stop()
    Ticks()
    for max_dimensions in (10, 11):  # of two plans: an exporter goes on with the counts of its own
        world.chance = iter([0.5, *fractions, 0.99, 0.99]).__next__  # the first one is for the schedule
        endpoint.behave = lambda _request: RESET
        with exporting(endpoint, 3600, max_dimensions=max_dimensions) as exporter:
            for failures, fraction in enumerate(fractions, 1):
                _waits(world, fraction * 2 ** (failures - 1))
                if failures == len(fractions):
                    _heal(endpoint)
                world.jump(fraction * 2 ** (failures - 1))
            wait_for(lambda each=exporter: not each.stats.buffered, 'the recovery', DEADLINE)
            assert exporter.stats.cycles == 1
            assert exporter.stats.failed_requests == len(fractions)


def test_exporter_tries_again_by_itself(endpoint: Endpoint) -> None:
    """A failure in a long interval is made up for within seconds, long before the next cycle."""
    Ticks()
    answers: list[Reply | str] = [RESET]
    endpoint.behave = lambda _request: answers.pop() if answers else OK
    with exporting(endpoint, 3600) as exporter:
        wait_for(lambda: exporter.stats.sent == 1, 'the second attempt', DEADLINE)
        assert (exporter.stats.cycles, exporter.stats.failed_requests) == (1, 1)


def test_next_cycle_waits_for_no_backoff(endpoint: Endpoint, world: MockWorld) -> None:
    """However long the back-off, each cycle makes one attempt, and no more."""
    world.chance = lambda: 0.99  # a second after the first failure, and more after each other
    Ticks()
    endpoint.behave = lambda _request: RESET
    with exporting(endpoint, 0.1, max_send_at_once=1) as exporter:
        wait_for(lambda: exporter.stats.failed_requests >= 4, 'four attempts', DEADLINE)
        stats = exporter.stats
        assert stats.cycles - 1 <= stats.failed_requests <= stats.cycles + 1
        _heal(endpoint)
        wait_for(lambda: not exporter.stats.buffered, 'the recovery', DEADLINE)
    assert [datum['Value'] for datum in endpoint.data] == list(range(exporter.stats.cycles))


@each_destination
@pytest.mark.parametrize('days', [13.9, 14.1])
def test_data_older_than_two_weeks_are_dropped(days: float, endpoint: Endpoint, world: MockWorld) -> None:
    """CloudWatch would refuse them, and with them all that goes in the same request."""
    Ticks()
    endpoint.behave = lambda _request: RESET
    with exporting(endpoint, 0.1) as exporter:
        wait_for(lambda: exporter.stats.failed_requests >= 2 and exporter.stats.cycles >= 3, 'old data', DEADLINE)
        world.wall.jump(days * 24 * 60 * 60)
        cycles = exporter.stats.cycles
        wait_for(lambda: exporter.stats.cycles >= cycles + 2, 'new data', DEADLINE)
        _heal(endpoint)
        wait_for(lambda: not exporter.stats.buffered, 'the recovery', DEADLINE)
    first = endpoint.data[0]['Value']
    assert first >= 3 if days > 14 else first == 0
    assert exporter.stats.dropped == first
    assert all(datum['Timestamp'] > world.wall() - 14 * 24 * 60 * 60 for datum in endpoint.data)
    assert_conserved(exporter, endpoint, exporter.stats.cycles)


@pytest.mark.parametrize(
    'code',
    [
        'SlowDown',
        'ThrottledException',
        'RequestThrottled',
        'RequestAbortedException',
        'MissingAuthenticationTokenException',
    ],
)
def test_throttling_in_other_words_costs_no_data(code: str, endpoint: Endpoint) -> None:
    """Whatever the code says that may pass, with the status 400 as well, one request is made, and the data are kept."""
    for index in range(40):
        getMetric(f'kept.m{index}', 'int').runtime(index)
    endpoint.behave = lambda _request: error(code, 400, 'Come back later')
    exporter = AWSSatellaExporterThread('Test', client_factory=endpoint.client)
    exporter.loop()
    assert (exporter.stats.buffered, len(endpoint.received)) == (40, 1)
    _heal(endpoint)
    exporter.delivery.attempt()
    assert [datum['Value'] for datum in endpoint.data] == list(range(40))
    assert_conserved(exporter, endpoint, 40)


# --- partial outages


class _EveryThird:
    """Fails every third request."""

    def __init__(self) -> None:
        self.requests = 0

    def __call__(self, _request: object) -> Reply:
        self.requests += 1
        return OK if self.requests % 3 else error('ServiceUnavailable', 503)


def test_exporter_drops_nothing_while_every_third_request_fails(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """The first failure after a success is tried again at once, so each cycle sends all that there is: at 2,000 series
    a second nothing waits for long or is dropped, with one request in flight, and nothing is said of it."""
    caplog.set_level(logging.INFO, 'aws_satella')
    for index in range(200):
        getMetric('orders', 'counter').runtime(1, shop=str(index))
    endpoint.behave = _EveryThird()
    client = _Counted(endpoint.client())
    with exporting(endpoint, 0.1, max_buffered=500, client_factory=lambda: client) as exporter:
        wait_for(lambda: exporter.stats.cycles >= 10, 'ten cycles', DEADLINE)
        stats = exporter.stats
        assert stats.dropped == 0
        assert stats.buffered <= 201  # no more than the cycle that is being sent
        assert stats.failed_requests >= 3
    assert client.at_once == 0
    assert exporter.stats.dropped == exporter.stats.buffered == 0
    assert_conserved(exporter, endpoint, exporter.stats.cycles * 201)
    assert not [record for record in caplog.records if 'Exports to CloudWatch' in record.getMessage()]


def test_second_failure_in_a_row_ends_the_attempt(endpoint: Endpoint, world: MockWorld) -> None:
    """However much waits: two requests, and then the back-off for two failures."""
    world.stop()
    world.chance = lambda: 0.75
    with exporting(endpoint, 3600, max_send_at_once=1) as exporter:
        for index in range(50):
            getMetric(f'm{index}', 'int').runtime(1)
        assert exporter.flush(DEADLINE)
        endpoint.behave = lambda _request: RESET
        received = len(endpoint.received)
        assert not exporter.flush(DEADLINE)
        assert len(endpoint.received) == received + 2
        _heal(endpoint)
        _waits(world, 0.75 * 2)
        world.jump(0.75 * 2)
        wait_for(lambda: not exporter.stats.buffered, 'the recovery', DEADLINE)


# --- when the destination asks for a pause


def _asking(value: str) -> Reply:
    return Reply(503, b'{}', (('Retry-After', value),))


@each_destination
@pytest.mark.parametrize('as_date', [False, True])
def test_wish_for_a_pause_is_honoured(as_date: bool, endpoint: Endpoint, world: MockWorld) -> None:
    """Between two requests lies what ``Retry-After`` says, whether a back-off or a cycle would come before it. Cycles
    take their snapshots meanwhile, and what they took arrives with the timestamps of their own."""
    world.chance = lambda: 0.0
    ticks = Ticks()

    def busy(_request: object) -> Reply:
        asked_at.append(time.monotonic())
        return _asking(formatdate(time.time() + 3, usegmt=True) if as_date else '2')

    asked_at: list[float] = []
    with exporting(endpoint, 0.1) as exporter:
        wait_for(lambda: exporter.stats.sent, 'health', DEADLINE)
        endpoint.behave = busy
        wait_for(lambda: asked_at, 'the wish', DEADLINE)
        _heal(endpoint)
        cycles, arrived = exporter.stats.cycles, len(endpoint.data)
        wait_for(lambda: exporter.stats.cycles >= cycles + 3, 'cycles meanwhile', DEADLINE)
        wait_for(lambda: len(endpoint.data) > arrived, 'the end of the pause', DEADLINE)
        # The date of a reply is cut to whole seconds.
        assert next(each for each in endpoint.received if each.at > asked_at[0]).at - asked_at[0] >= 1.9
        assert len(asked_at) == 1
        assert exporter.stats.failed_requests == 1
    assert [datum['Value'] for datum in endpoint.data] == list(range(len(ticks)))


def test_pause_that_was_asked_for_holds_for_all_but_callers_and_the_end(endpoint: Endpoint, world: MockWorld) -> None:
    """Each flush, and the last export, tries once, whatever was asked for; cycles do not."""
    world.chance = lambda: 0.0
    Ticks()
    endpoint.behave = lambda _request: _asking('86400')
    with exporting(endpoint, 0.05) as exporter:
        wait_for(lambda: exporter.stats.cycles >= 5, 'cycles', DEADLINE)
        assert len(endpoint.received) == 1
        for requests in (2, 3):
            assert not exporter.flush(DEADLINE)
            assert len(endpoint.received) == requests
        cycles = exporter.stats.cycles
        wait_for(lambda: exporter.stats.cycles >= cycles + 3, 'cycles after it', DEADLINE)
        assert len(endpoint.received) == 3
    assert len(endpoint.received) == 4
    stats = exporter.stats
    assert (stats.sent, stats.buffered, stats.dropped) == (0, 0, stats.cycles)


def test_successor_honours_the_same_wish(endpoint: Endpoint) -> None:
    """It takes over the pause with the data."""
    Ticks()
    endpoint.behave = lambda _request: _asking('300')
    with exporting(endpoint, 3600) as first:
        wait_for(lambda: first.stats.failed_requests, 'the wish', DEADLINE)
        kill(first)
    _heal(endpoint)
    second = AWSSatellaExporterThread('Test', interval=0.05, client_factory=endpoint.client)
    second.succeed(first)
    second.start()
    try:
        wait_for(lambda: second.stats.cycles >= 4, 'cycles', DEADLINE)
        assert len(endpoint.received) == 1
        assert second.flush(DEADLINE)
    finally:
        second.terminate().join(DEADLINE)
    assert [datum['Value'] for datum in endpoint.data] == list(range(second.stats.cycles))


def test_long_outage_is_said_again_once_an_hour(
    endpoint: Endpoint, world: MockWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """How long it has lasted, what is kept, and what was dropped since it began."""
    Ticks()
    endpoint.behave = lambda _request: RESET
    with exporting(endpoint, 0.05, max_buffered=2) as exporter:
        wait_for(lambda: exporter.stats.dropped >= 2, 'an outage', DEADLINE)
        assert len(_lines(caplog, 'Exports to CloudWatch')) == 1
        for hours, more in ((2, 2 * 3600.0 + 60), (5, 3 * 3600.0)):
            world.jump(more)
            wait_for(lambda each=hours: _lines(caplog, f'failed for {each} h 1 min'), 'the reminder', DEADLINE)
            failed = exporter.stats.failed_requests
            wait_for(lambda before=failed: exporter.stats.failed_requests > before + 2, 'more failures', DEADLINE)
        reminders = _lines(caplog, 'Exports to CloudWatch have failed')
        assert len(reminders) == 2
        for line in reminders:
            assert re.search(r'; [23] metric data are kept, [1-9]\d* were dropped: \w+Error\(', line)
        _heal(endpoint)
        wait_for(lambda: not exporter.stats.buffered, 'the recovery', DEADLINE)

"""A cycle reads and encodes the whole tree, then sends; no error between two steps loses or doubles anything."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from satella.instrumentation.metrics import getMetric
from support.endpoint import OK, RESET, Endpoint
from support.exporters import DEADLINE, Ticks, assert_conserved, exporting
from support.waiting import wait_for
from support.worlds import MockWorld

import aws_satella
from aws_satella import AWSSatellaExporterThread
from aws_satella.effects.delivery import Delivery
from aws_satella.effects.loop import MIN_OVERRUN_SECONDS
from aws_satella.pure.arguments import Arguments

PACKAGE = str(Path(aws_satella.__file__).parent)


class _Client:
    """Takes everything, unless it is told to fail."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.fails = False

    def put_metric_data(self, Namespace: str, MetricData: list[dict[str, Any]]) -> dict[str, str]:  # noqa: N803  # names of AWS
        if self.fails:
            raise ConnectionError('injected')
        self.taken += MetricData
        return {'Namespace': Namespace}

    def totals(self) -> Counter[str]:
        """The sum of what was taken of each metric that adds up."""
        totals: Counter[str] = Counter()
        for datum in self.taken:
            if 'Values' in datum:
                totals[datum['MetricName']] += sum(datum['Counts'])
            elif datum['MetricName'] != 'level':
                totals[datum['MetricName']] += datum['Value']
        return totals


class _InjectedError(BaseException):
    pass


class _Injector:
    """Raises when the program comes to the n-th line of the package. The first two times count that a line runs.

    :param countdown: n
    :param error: what is raised
    """

    def __init__(self, countdown: int, error: type[BaseException]) -> None:
        self.countdown = countdown
        self.error = error
        self.place = ''
        self._times: Counter[tuple[str, int]] = Counter()

    def __call__(self, frame: FrameType, event: str, _arg: object) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == 'line':
            line = (frame.f_code.co_filename, frame.f_lineno)
            self._times[line] += 1
            if self._times[line] > 2:
                return self
            self.countdown -= 1
            if self.countdown == 0:
                self.place = f'{frame.f_code.co_filename}:{frame.f_lineno}'
                raise self.error('injected')
        return self


def _record(number: int) -> None:
    getMetric('orders', 'counter').runtime(number, country='pl')
    getMetric('orders', 'counter').runtime(number, country='de')
    getMetric('latency', 'histogram').runtime(0.3)
    getMetric('size', 'summary').runtime(number)
    getMetric('level', 'int').runtime(number)


def _cycle_with(delivery: Delivery, injector: _Injector) -> None:
    sys.settrace(injector)
    try:
        delivery.cycle()
    except injector.error:
        pass
    finally:
        sys.settrace(None)


@pytest.mark.parametrize(('fails', 'error'), [(False, MemoryError), (True, _InjectedError)], ids=['healthy', 'outage'])
def test_error_at_any_line_of_a_cycle_neither_loses_nor_doubles(fails: bool, error: type[BaseException]) -> None:
    """An exception is raised at each line of a cycle in turn, and where it runs again; after the next cycle every
    increase has arrived once."""
    number = 0
    injected = True
    while injected:
        number += 1
        getMetric().reset()
        client: Any = _Client()
        delivery = Delivery(Arguments('Test', temporality='delta', max_send_at_once=2), client)
        _record(1)
        delivery.cycle()
        _record(10)
        client.fails = fails
        injector = _Injector(number, error)
        _cycle_with(delivery, injector)
        injected = injector.countdown <= 0
        client.fails = False
        _record(100)
        delivery.cycle()
        expected = Counter({'orders': 222, 'orders.sum': 222, 'latency': 3, 'size': 3})
        assert client.totals() == expected, f'{injector.place}: {client.totals()}'
        stats = delivery.stats
        assert stats.sent == len(client.taken), injector.place
        outbox = delivery.outbox
        assert outbox.recorded == stats.sent + stats.discarded + stats.dropped + stats.buffered
        assert stats.buffered == len(list(outbox.waiting())) == 0
    assert number > 500


def test_values_are_of_one_moment_however_slow_the_destination(endpoint: Endpoint) -> None:
    """All metrics are read before the first request, so what is recorded meanwhile is of the next cycle."""
    counters = [getMetric(f'orders.n{number}', 'counter') for number in range(10)]

    def record_more(_request: object) -> object:
        for counter in counters:
            counter.runtime(1)
        return OK

    endpoint.behave = record_more  # type: ignore[assignment]  # a Reply
    exporter = AWSSatellaExporterThread('Test', max_send_at_once=1, client_factory=endpoint.client)
    exporter.loop()
    assert [datum['Value'] for datum in endpoint.data] == [0] * 10
    assert len({datum['Timestamp'] for datum in endpoint.data}) == 1


def test_timestamp_is_a_whole_second(endpoint: Endpoint) -> None:
    """It is cut before anything is made of it, since versions of botocore differ in what they make of fractions."""
    getMetric('orders', 'counter').runtime(1)
    before = int(time.time())
    AWSSatellaExporterThread('Test', client_factory=endpoint.client).loop()
    (datum,) = endpoint.data
    assert isinstance(datum['Timestamp'], int)
    assert before <= datum['Timestamp'] <= time.time()


def test_user_code_is_read_last(endpoint: Endpoint) -> None:
    """When a callable is called, everything else is in the outbox already, and counted."""
    seen: list[int] = []
    exporter: AWSSatellaExporterThread
    getMetric('a.callable', 'callable', value_getter=lambda: seen.append(exporter.stats.buffered) or 1)
    for number in range(5):
        getMetric(f'b.n{number}', 'int').runtime(number)
    exporter = AWSSatellaExporterThread('Test', client_factory=endpoint.client)
    exporter.loop()
    assert seen == [5]
    assert len(endpoint.accepted) == 1


@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
def test_metric_that_hangs_costs_itself_alone(
    temporality: str, endpoint: Endpoint, world: MockWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """All others go on being exported, callables included. It is said once, and exported again once it has answered."""
    world.run(100)
    hangs, go_on = threading.Event(), threading.Event()
    getMetric('c.hanging', 'callable', value_getter=lambda: not hangs.is_set() or go_on.wait(DEADLINE))
    getMetric('d.other', 'callable', value_getter=lambda: 2)
    getMetric('level', 'int').runtime(3)
    orders = getMetric('orders', 'counter')
    orders.runtime(4)

    def arrived() -> list[int]:
        return [len(endpoint.named(name)) for name in ('c.hanging', 'd.other', 'level', 'orders')]

    with exporting(endpoint, 10, temporality=temporality) as exporter:
        wait_for(lambda: all(arrived()), 'all of them', DEADLINE)
        hangs.set()
        wait_for(lambda: 'has not answered' in caplog.text, 'the warning in the time of this world', DEADLINE / 2)
        before = arrived()
        wait_for(lambda: arrived()[1] >= before[1] + 3, 'the other callable', DEADLINE)
        assert all(now >= then + 3 for now, then in zip(arrived()[1:], before[1:], strict=True))
        assert arrived()[0] == before[0]
        assert not exporter.flush(), 'not everything was read'
        hangs.clear()
        go_on.set()
        wait_for(lambda: arrived()[0] > before[0], 'the one that has hung', DEADLINE)
        assert exporter.flush()
    # In this world the machine is slow, so that an export may outlast its interval.
    (said,) = (message for message in caplog.messages if 'longer than interval' not in message)
    assert said.startswith('Metric c.hanging has not answered for 15 s')
    wait_for(lambda: not _computing(), 'the end of its threads', DEADLINE)
    assert_conserved(exporter, endpoint, len(endpoint.data))


def _computing() -> list[threading.Thread]:
    """The threads that run user code of metrics."""
    return [thread for thread in threading.enumerate() if thread.name == 'aws-satella-callables']


def test_callables_have_one_thread_for_all_cycles(endpoint: Endpoint) -> None:
    """What a program keeps by thread, such as a connection to a database, is kept. Programs without any have none."""
    seen: list[int] = []
    with exporting(endpoint) as exporter:
        wait_for(lambda: exporter.stats.cycles >= 2, 'two cycles', DEADLINE)
        assert not _computing()
        getMetric('callable', 'callable', value_getter=lambda: seen.append(threading.get_ident()) or 1)
        wait_for(lambda: len(seen) >= 3, 'three calls', DEADLINE)
        assert {thread.ident for thread in _computing()} == set(seen)
    assert len(set(seen)) == 1
    wait_for(lambda: not _computing(), 'its end', DEADLINE)


def test_metric_that_hangs_in_the_last_export_costs_itself_alone(endpoint: Endpoint) -> None:
    """The others have been sent when it is read."""
    hang, asked = threading.Event(), threading.Event()

    def value() -> int:
        if asked.is_set():
            hang.wait(DEADLINE)
        return 1

    getMetric('a.hanging', 'callable', value_getter=value)
    orders = getMetric('orders', 'counter')
    with exporting(endpoint, 3_600) as exporter:
        wait_for(lambda: exporter.stats.cycles, 'the first cycle', DEADLINE)
        orders.runtime(7)
        asked.set()
        exporter.terminate()
        wait_for(lambda: endpoint.values('orders') == [0, 7], 'the others', DEADLINE)
        hang.set()
    assert_conserved(exporter, endpoint, 4)


# --- room


@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
def test_outbox_without_room_leaves_increases_in_the_tree(temporality: str, endpoint: Endpoint) -> None:
    """In delta the increases stay in the tree, and arrive with the first cycle that has room; levels are dropped.

    In cumulative the oldest data are dropped.
    """
    orders, latency = getMetric('orders', 'counter'), getMetric('latency', 'histogram')
    getMetric('level', 'int').runtime(7)
    exporter = AWSSatellaExporterThread(
        'Test', max_buffered=40, temporality=temporality, client_factory=endpoint.client
    )
    endpoint.behave = lambda _request: RESET
    for _ in range(50):
        orders.runtime(1)
        latency.runtime(0.3)
        exporter.loop()
    assert exporter.stats.buffered <= 40
    endpoint.behave = lambda _request: OK
    exporter.loop()
    exporter.loop()
    if temporality == 'delta':
        assert exporter.stats.dropped == 52 - len(endpoint.named('level'))
        assert sum(endpoint.values('orders')) == 50
        assert sum(sum(datum['Counts']) for datum in endpoint.named('latency')) == 50
    else:
        assert exporter.stats.dropped > 0
    assert_conserved(exporter, endpoint, exporter.delivery.outbox.recorded)


def test_increases_that_wait_in_the_tree_count_as_dropped_at_the_end(endpoint: Endpoint) -> None:
    """The last export takes them out of the tree, so that none of them is lost without a count."""
    counters = [getMetric(f'orders.n{number}', 'counter') for number in range(10)]
    endpoint.behave = lambda _request: RESET
    with exporting(endpoint, 3_600, max_buffered=15, temporality='delta') as exporter:
        for _ in range(3):
            for counter in counters:
                counter.runtime(1)
            assert not exporter.flush(DEADLINE)
    assert (exporter.stats.buffered, exporter.stats.sent) == (0, 0)
    assert exporter.stats.dropped == 20  # ten of the first cycle, and of each counter the increase since


# --- when time is short


def _grow(number: int) -> None:
    orders = getMetric('orders', 'counter', sum_children=False)
    for index in range(number):
        orders.runtime(1, customer=str(index))


def test_last_export_fills_its_requests(endpoint: Endpoint) -> None:
    """With time a request has 20 data; flush(), export_once() and the last export fill it up to 1,000."""
    _grow(1_001)
    with exporting(endpoint, 3_600) as exporter:
        wait_for(lambda: exporter.stats.cycles, 'the first cycle', DEADLINE)
        assert {len(request) for request in endpoint.accepted} == {20, 1}
        endpoint.accepted.clear()
        assert exporter.flush(DEADLINE)
        assert [len(request) for request in endpoint.accepted] == [1_000, 1]
        endpoint.accepted.clear()
    assert [len(request) for request in endpoint.accepted] == [1_000, 1]
    endpoint.accepted.clear()
    aws_satella.export_once('Test', client_factory=endpoint.client)
    assert [len(request) for request in endpoint.accepted] == [1_000, 1]


def test_export_under_way_fills_its_requests_once_a_caller_waits(endpoint: Endpoint) -> None:
    """A flush, or the end of the process, that meets a cycle in small requests need not wait for all of them."""
    _grow(2_000)
    waiting: list[threading.Thread] = []
    answers: list[bool] = []

    def behave(_request: object) -> object:
        if not waiting:
            caller = threading.Thread(target=lambda: answers.append(exporter.flush(DEADLINE)))
            caller.start()
            waiting.append(caller)
            wait_for(lambda: exporter.delivery.pace.hurried, 'the flush', DEADLINE)
        return OK

    endpoint.behave = behave  # type: ignore[assignment]  # a Reply
    with exporting(endpoint, 3_600) as exporter:
        wait_for(lambda: waiting, 'the first request', DEADLINE)
        waiting[0].join(DEADLINE)
    assert answers == [True]
    assert [len(request) for request in endpoint.accepted][:3] == [20, 1_000, 980]


def test_bound_that_was_given_is_always_kept(endpoint: Endpoint) -> None:
    """Any ``max_send_at_once`` but the default is a hard bound."""
    _grow(50)
    with exporting(endpoint, 3_600, max_send_at_once=19) as exporter:
        wait_for(lambda: exporter.stats.cycles, 'the first cycle', DEADLINE)
        assert exporter.flush(DEADLINE)
    assert max(len(request) for request in endpoint.accepted) == 19


def test_catching_up_fills_requests(endpoint: Endpoint) -> None:
    """After an outage what was kept goes out in few requests, over the bounds of its cycles."""
    _grow(30)
    exporter = AWSSatellaExporterThread('Test', client_factory=endpoint.client)
    endpoint.behave = lambda _request: RESET
    for _ in range(5):
        exporter.loop()
    endpoint.behave = lambda _request: OK
    exporter.loop()
    assert [len(request) for request in endpoint.accepted] == [180]
    endpoint.accepted.clear()
    exporter.loop()
    assert [len(request) for request in endpoint.accepted] == [20, 10]


def test_slow_destination_gets_filled_requests(endpoint: Endpoint) -> None:
    """Where an export in small requests would outlast half the interval, the rest of it goes in large ones."""
    _grow(2_000)

    def slow(_request: object) -> object:
        endpoint.closing.wait(0.05)
        return OK

    endpoint.behave = slow  # type: ignore[assignment]  # a Reply
    exporter = AWSSatellaExporterThread('Test', interval=4, client_factory=endpoint.client)
    exporter.loop()
    sizes = [len(request) for request in endpoint.accepted]
    assert sizes[0] == 20
    assert max(sizes) > 900
    assert exporter.stats.sent == 2_000


def test_export_that_outlasts_its_interval_is_said_once(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture, world: MockWorld
) -> None:
    """At WARNING, with the remedy."""
    Ticks()

    def slow(_request: object) -> object:
        world.jump(2 * MIN_OVERRUN_SECONDS)
        return OK

    endpoint.behave = slow  # type: ignore[assignment]  # a Reply
    with exporting(endpoint, 0.02) as exporter:
        wait_for(lambda: exporter.stats.cycles >= 3, 'three cycles', DEADLINE)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == 'WARNING']
    assert 'longer than interval=0.02 s' in line
    assert 'max_send_at_once' in line

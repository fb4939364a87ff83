"""``flush``: have the running exporter export now, and know whether everything arrived."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.destinations import each_destination
from support.endpoint import HANG, OK, RESET, Endpoint, Reply, Request, error
from support.waiting import wait_for
from support.worlds import MockWorld

import aws_satella
from aws_satella import AWSSatellaExporterThread, flush
from aws_satella.effects import process
from aws_satella.effects.identity import identity


def start(endpoint: Endpoint, **arguments: Any) -> AWSSatellaExporterThread:
    """The exporter of this process, which exports once an hour, after its first cycle."""
    defaults = {'interval': 3_600, 'temporality': 'delta', 'client_factory': endpoint.client}
    aws_satella.start_if_not_started('Shop', **{**defaults, **arguments})
    started = process._this_process().exporter
    assert started is not None
    wait_for(lambda: started.stats.cycles, 'the first cycle')
    return started


def total(endpoint: Endpoint, name: str = 'orders') -> float:
    """The increases that arrived, together."""
    return sum(datum['Value'] for datum in endpoint.named(name))


class Gate:
    """A behaviour that holds requests up until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, request: Request) -> Reply:
        self.reached.set()
        assert self.opened.wait(20)
        return OK


# --- True


@each_destination
def test_true_means_that_everything_recorded_before_has_arrived(endpoint: Endpoint) -> None:
    """When flush returns True, however often, all that was recorded up to the call is at CloudWatch."""
    start(endpoint)
    orders = getMetric('orders', 'counter')
    for number in range(1, 11):
        orders.runtime(1)
        assert flush(20)
        assert total(endpoint) == number


def test_export_under_way_does_not_count(endpoint: Endpoint) -> None:
    """What is recorded while a request is in flight is not in it: flush waits for an export that begins later."""
    orders = getMetric('orders', 'counter')
    orders.runtime(1)
    gate = Gate()
    endpoint.behave = gate
    aws_satella.start_if_not_started(
        'Shop', interval=3_600, temporality='delta', client_factory=lambda: endpoint.client(read_timeout=20)
    )
    assert gate.reached.wait(20)
    orders.runtime(10)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(flush, 20)
        wait_for(lambda: not _mailbox().empty(), 'the request to flush')
        assert not answer.done()
        gate.opened.set()
        assert answer.result(20)
    assert [datum['Value'] for datum in endpoint.named('orders')] == [1, 10]


def _mailbox() -> Any:
    exporter = process._this_process().exporter
    assert exporter is not None
    return exporter._loop._mailbox


def test_many_may_flush_at_once(endpoint: Endpoint) -> None:
    """Each of many threads finds what it recorded itself arrived."""
    start(endpoint)
    orders = getMetric('orders', 'counter')

    def work(number: int) -> bool:
        orders.runtime(1, thread=number)
        flushed = flush(20)
        arrived = [datum for datum in endpoint.named('orders') if str(number) in str(datum['Dimensions'])]
        return flushed and sum(datum['Value'] for datum in arrived) == 1

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_what_cannot_be_sent_at_all_is_not_waited_for(endpoint: Endpoint) -> None:
    """What is discarded, by us or by CloudWatch, was reported; flush tells of the rest."""
    exporter = start(endpoint)
    getMetric('orders', 'counter').runtime(1)
    getMetric('refused', 'counter').runtime(1)
    getMetric('nothing', 'float').runtime(float('nan'))
    endpoint.behave = lambda request: error('InvalidParameterValue') if 'refused' in str(request.data) else OK
    assert flush(20)
    assert total(endpoint) == 1
    assert exporter.stats.discarded == 2


def test_no_metrics_are_soon_sent(endpoint: Endpoint) -> None:
    """Where nothing was recorded, everything recorded has been sent."""
    start(endpoint)
    assert flush(20)
    assert endpoint.received == []


@each_destination
def test_flush_sends_what_an_outage_has_held_up(endpoint: Endpoint) -> None:
    """After False the data are kept; the flush that returns True has sent each once, and waits for no back-off."""
    orders = getMetric('orders', 'counter')
    endpoint.behave = lambda _: error('ServiceUnavailable', 503)
    exporter = start(endpoint)
    for _ in range(6):  # by now the exporter itself would wait for up to a minute
        orders.runtime(1)
        assert not flush(20)
    endpoint.behave = lambda _: OK
    assert flush(20)
    assert total(endpoint) == 6
    assert exporter.stats.buffered == 0


# --- False


def test_false_without_an_exporter(endpoint: Endpoint) -> None:
    """Where none was started there is nobody to ask, and nothing is sent."""
    getMetric('orders', 'counter').runtime(1)
    assert flush() is False
    assert flush(0.1) is False


def test_false_after_the_exporter_has_ended(endpoint: Endpoint) -> None:
    """An exporter that was terminated exports no more."""
    start(endpoint).terminate().join(20)
    getMetric('orders', 'counter').runtime(1)
    assert flush() is False
    assert total(endpoint) == 0


@each_destination
@pytest.mark.parametrize(
    'outage', [error('InternalFailure', 500), error('AccessDenied', 403), RESET], ids=['500', 'denied', 'reset']
)
def test_false_while_cloudwatch_does_not_take_it(outage: Any, endpoint: Endpoint, world: MockWorld) -> None:
    """One attempt, in which the first failure is tried again at once, and then False, without a timeout too; nothing is
    lost by it."""
    world.stop()  # attempts of its own are not to be counted
    getMetric('orders', 'counter').runtime(1)
    exporter = start(endpoint)
    getMetric('orders', 'counter').runtime(1)
    endpoint.behave = lambda _: outage
    before = exporter.stats.failed_requests
    assert flush() is False
    assert exporter.stats.failed_requests in (before + 1, before + 2)  # nothing was sent before, or something was
    assert exporter.stats.buffered == 1
    assert flush() is False
    assert exporter.stats.failed_requests in (before + 2, before + 3)


def test_false_when_something_was_dropped(endpoint: Endpoint) -> None:
    """Without room for an increase it stays in the tree. It has not been sent, and a later export sends it."""
    getMetric('orders', 'counter').runtime(1)
    exporter = start(endpoint, max_buffered=0)
    getMetric('orders', 'counter').runtime(1)
    endpoint.behave = lambda _: RESET
    assert flush(20) is False
    assert (exporter.stats.buffered, exporter.stats.dropped) == (0, 0)
    endpoint.behave = lambda _: OK
    assert flush(20) is True
    assert sum(datum['Value'] for datum in endpoint.named('orders')) == 2


def test_false_after_the_timeout(endpoint: Endpoint) -> None:
    """An endpoint that hangs holds up nobody for longer than the timeout."""
    start(endpoint, client_factory=lambda: endpoint.client(read_timeout=60))
    getMetric('orders', 'counter').runtime(1)
    endpoint.behave = lambda _: HANG
    started = time.monotonic()
    assert flush(0.2) is False
    assert 0.2 <= time.monotonic() - started < 20  # the request itself would take 60 s
    assert flush(0) is False


class Stuck:
    """A client that is busy for ever, though not in a system call, where nothing could interrupt it."""

    def __init__(self) -> None:
        self.reached = threading.Event()

    def put_metric_data(self, **_: Any) -> None:
        self.reached.set()
        while True:
            time.sleep(0.01)


def test_false_when_the_exporter_is_killed_meanwhile(endpoint: Endpoint) -> None:
    """Nobody waits for ever for an exporter that was killed."""
    client = Stuck()
    exporter = start(endpoint, client_factory=lambda: client)
    getMetric('orders', 'counter').runtime(1)
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(flush) for _ in range(3)]
        assert client.reached.wait(20)
        wait_for(lambda: sum(answer.running() for answer in answers) == 3, 'all to ask')
        exporter.terminate(force=True)
        assert [answer.result(30) for answer in answers] == [False] * 3


def flush_by_method() -> bool:
    """The same, asked of the exporter itself."""
    exporter = process._this_process().exporter
    assert exporter is not None
    return exporter.flush()


@pytest.mark.parametrize('asker', [flush, flush_by_method])
def test_false_from_the_exporter_itself(asker: Callable[[], bool], endpoint: Endpoint) -> None:
    """A callback that flushes would wait for itself: it gets False at once, and the export goes on."""
    answers: list[bool] = []
    start(endpoint, call_on_discarded_metric=lambda _: answers.append(asker()))
    getMetric('nothing', 'float').runtime(float('nan'))
    getMetric('orders', 'counter').runtime(1)
    assert flush(20)
    assert answers == [False]
    assert total(endpoint) == 1


def test_false_in_a_forked_child_until_it_has_an_exporter(endpoint: Endpoint) -> None:
    """Where the parent's exporter does not go on in the child, it is none of the child's; with one of its own the child
    flushes what it recorded."""
    result = scripts.run(scripts.program('flush.fork'), endpoint.url)
    assert result.returncode == 0, result.stderr
    assert sorted(datum['Value'] for datum in endpoint.named('orders') if datum['Value']) == [1, 2]


def test_thread_stays(endpoint: Endpoint) -> None:
    """To flush starts no thread, and ends none."""
    exporter = start(endpoint)
    getMetric('orders', 'counter').runtime(1)
    assert flush(20)
    ours = [thread for thread in threading.enumerate() if thread.name == exporter.name]
    assert ours == [exporter]
    assert identity() in process._processes


@each_destination
def test_every_exporter_of_the_process_is_flushed(endpoint: Endpoint) -> None:
    """Those too that the program has started itself. One whose destination hangs keeps none of the others waiting."""
    start(endpoint)
    gate = Gate()

    def behave(request: Request) -> Reply:
        return gate(request) if request.namespace == 'Hangs' else OK

    mine = [
        AWSSatellaExporterThread(name, interval=3_600, temporality='delta', client_factory=endpoint.client).start()
        for name in ('Hangs', 'Other')
    ]
    try:
        assert flush(20)
        endpoint.behave = behave
        getMetric('orders', 'counter').runtime(1)
        assert not flush(0.5)
        wait_for(lambda: total(endpoint) == 2, 'what the others send')
        gate.opened.set()
        wait_for(lambda: total(endpoint) == 3, 'what the one sends that has hung')
    finally:
        gate.opened.set()
        for each in mine:
            each.terminate().join(20)


# --- Numbers and clocks


@pytest.mark.parametrize('timeout', [float('inf'), 1e10, 1e300, 10**400])
def test_timeout_may_be_longer_than_the_platform_waits(timeout: float, endpoint: Endpoint) -> None:
    """It is waited for in parts, for as long as it takes."""
    exporter = start(endpoint)
    getMetric('orders', 'counter').runtime(1)
    assert flush(timeout)
    assert exporter.flush(timeout)
    assert total(endpoint) == 1


@pytest.mark.parametrize('timeout', [0, -1, -0.5, float('-inf'), -(10**400)])
def test_timeout_of_nothing_does_not_wait(timeout: float, endpoint: Endpoint) -> None:
    """It asks for an export, which comes later, and is False."""
    start(endpoint, client_factory=lambda: endpoint.client(read_timeout=60))
    getMetric('orders', 'counter').runtime(1)
    gate = Gate()
    endpoint.behave = gate
    assert flush(timeout) is False
    assert flush_by_method_for(timeout) is False
    gate.opened.set()
    wait_for(lambda: total(endpoint) == 1, 'the export')


def flush_by_method_for(timeout: float) -> bool:
    """The same, asked of the exporter itself."""
    exporter = process._this_process().exporter
    assert exporter is not None
    return exporter.flush(timeout)


@pytest.mark.parametrize(('timeout', 'kind'), [(float('nan'), ValueError), ('5', TypeError), ([1], TypeError)])
@pytest.mark.parametrize('running', [True, False])
def test_timeout_that_is_none(timeout: Any, kind: type[Exception], running: bool, endpoint: Endpoint) -> None:
    """The error names the argument, the value and what is allowed, whether or not there is an exporter."""
    if running:
        start(endpoint)
    with pytest.raises(kind, match=r'^timeout: .* allowed: a number of seconds, or None') as caught:
        flush(timeout)
    assert caught.value.argument == 'timeout'  # type: ignore[attr-defined]  # of either error


def test_timeout_ends_where_the_clock_stands_still(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a test that freezes ``time.monotonic``: what waits, waits for real, and not for ever."""
    exporter = start(endpoint, client_factory=lambda: endpoint.client(read_timeout=60))
    getMetric('orders', 'counter').runtime(1)
    endpoint.behave = lambda _: HANG
    now = time.monotonic()
    answers: list[bool] = []
    with monkeypatch.context() as patched:
        patched.setattr(time, 'monotonic', lambda: now)
        for ask in (flush, exporter.flush):
            asking = threading.Thread(target=lambda ask=ask: answers.append(ask(0.2)), daemon=True)
            asking.start()
            asking.join(20)
    assert answers == [False, False]


def test_timeout_holds_during_a_start_where_the_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread starts the exporter, and its client is long in coming."""
    going_on = threading.Event()
    now = time.monotonic()

    def make() -> Any:
        making.set()
        assert going_on.wait(20)
        raise LookupError('no client')

    def begin() -> None:
        with pytest.raises(aws_satella.InitializationError):
            aws_satella.start_if_not_started('Shop', client_factory=make)

    making, answers = threading.Event(), []
    starting = threading.Thread(target=begin)
    starting.start()
    assert making.wait(20)
    with monkeypatch.context() as patched:
        patched.setattr(time, 'monotonic', lambda: now)
        asking = threading.Thread(target=lambda: answers.append(flush(0.2)), daemon=True)
        asking.start()
        asking.join(20)
    going_on.set()
    starting.join(20)
    assert answers == [False]


@pytest.mark.parametrize('ahead', ['0', '1.7e9', '-1000'], ids=['now', 'another date', 'the past'])
def test_schedule_goes_on_where_the_clock_stands_still(ahead: str, endpoint: Endpoint) -> None:
    """Frozen, now or at another date, and let go again: an export comes each interval, and no more often."""
    result = scripts.run(scripts.program('flush.freeze'), endpoint.url, ahead)
    assert result.returncode == 0, result.stderr
    assert total(endpoint) == 1

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
from support.endpoint import HANG, OK, RESET, Endpoint, Gate, Reply, Request, error
from support.exporters import exporting
from support.running import running_exporter
from support.waiting import wait_for
from support.worlds import MockWorld

import aws_satella
from aws_satella import AWSSatellaExporterThread, flush
from aws_satella.effects import loop as loop_module
from aws_satella.effects import process
from aws_satella.effects.identity import identity


def start(endpoint: Endpoint, **arguments: Any) -> AWSSatellaExporterThread:
    """The exporter of this process, which exports once an hour, after its first cycle."""
    defaults = {'interval': 3_600, 'temporality': 'delta', 'client_factory': endpoint.client}
    aws_satella.start_if_not_started('Shop', **{**defaults, **arguments})
    started = running_exporter()
    wait_for(lambda: started.stats.cycles, 'the first cycle')
    return started


def total(endpoint: Endpoint, name: str = 'orders') -> float:
    """The increases that arrived, together."""
    return sum(endpoint.values(name))


# --- True


@each_destination
def test_flush_is_true_when_everything_recorded_before_has_arrived(endpoint: Endpoint) -> None:
    """When flush returns True, however often, all that was recorded up to the call is at CloudWatch."""
    start(endpoint)
    orders = getMetric('orders', 'counter')
    for number in range(1, 11):
        orders.runtime(1)
        assert flush(20)
        assert total(endpoint) == number


def test_flush_waits_for_an_export_that_begins_after_the_call(endpoint: Endpoint) -> None:
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
    assert endpoint.values('orders') == [1, 10]


def _mailbox() -> Any:
    return running_exporter()._loop._mailbox


@pytest.mark.parametrize('interval', [3_600, 0.05])
def test_flush_answers_many_threads_at_once(interval: float, endpoint: Endpoint) -> None:
    """Each of many threads finds what it recorded itself arrived, during a cycle too."""
    start(endpoint, interval=interval)
    orders = getMetric('orders', 'counter')

    def work(number: int) -> bool:
        orders.runtime(1, thread=number)
        flushed = flush(20)
        arrived = [datum for datum in endpoint.named('orders') if str(number) in str(datum['Dimensions'])]
        return flushed and sum(datum['Value'] for datum in arrived) == 1

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(work, range(10, 30)))


def test_flush_is_true_though_something_was_discarded(endpoint: Endpoint) -> None:
    """What is discarded, by us or by CloudWatch, was reported; flush tells of the rest."""
    exporter = start(endpoint)
    getMetric('orders', 'counter').runtime(1)
    getMetric('refused', 'counter').runtime(1)
    getMetric('nothing', 'float').runtime(float('nan'))
    endpoint.behave = lambda request: error('InvalidParameterValue') if 'refused' in str(request.data) else OK
    assert flush(20)
    assert total(endpoint) == 1
    assert exporter.stats.discarded == 2


def test_flush_is_true_where_nothing_was_recorded(endpoint: Endpoint) -> None:
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


def test_flush_is_false_without_an_exporter(endpoint: Endpoint) -> None:
    """Where none was started there is nobody to ask, and nothing is sent."""
    getMetric('orders', 'counter').runtime(1)
    assert AWSSatellaExporterThread('Shop', client_factory=endpoint.client).flush() is False
    assert flush() is False
    assert flush(0.1) is False


def test_flush_is_false_after_the_exporter_has_ended(endpoint: Endpoint) -> None:
    """An exporter that was terminated exports no more."""
    exporter = start(endpoint)
    exporter.terminate().join(20)
    getMetric('orders', 'counter').runtime(1)
    assert flush() is exporter.flush() is False
    assert total(endpoint) == 0


@each_destination
@pytest.mark.parametrize(
    'outage', [error('InternalFailure', 500), error('AccessDenied', 403), RESET], ids=['500', 'denied', 'reset']
)
def test_flush_is_false_while_cloudwatch_does_not_take_it(outage: Any, endpoint: Endpoint, world: MockWorld) -> None:
    """One attempt, in which the first failure after a success is tried again at once, and then False, without a timeout
    too; nothing is lost by it."""
    world.stop()  # attempts of its own are not to be counted
    getMetric('orders', 'counter').runtime(1)
    exporter = start(endpoint)
    assert flush(20)
    getMetric('orders', 'counter').runtime(1)
    endpoint.behave = lambda _: outage
    assert flush() is False
    assert (exporter.stats.failed_requests, exporter.stats.buffered) == (2, 1)
    assert flush() is False
    assert exporter.stats.failed_requests == 3


@pytest.mark.parametrize(('temporality', 'dropped', 'arrived'), [('delta', 0, [1, 1]), ('cumulative', 1, [1, 2])])
def test_flush_is_false_where_there_was_no_room(
    temporality: str, dropped: int, arrived: list[float], endpoint: Endpoint
) -> None:
    """An increase stays in the tree, and a total is dropped. Neither has been sent, and a later export sends it."""
    getMetric('orders', 'counter').runtime(1)
    exporter = start(endpoint, max_buffered=0, temporality=temporality)
    getMetric('orders', 'counter').runtime(1)
    endpoint.behave = lambda _: RESET
    assert flush(20) is False
    assert (exporter.stats.buffered, exporter.stats.dropped) == (0, dropped)
    endpoint.behave = lambda _: OK
    assert flush(20) is True
    assert endpoint.values('orders') == arrived


def test_flush_is_false_after_the_timeout(endpoint: Endpoint) -> None:
    """An endpoint that hangs holds up nobody for longer than the timeout. The export goes on all the same."""
    exporter = start(endpoint, client_factory=lambda: endpoint.client(read_timeout=60))
    getMetric('orders', 'counter').runtime(1)
    gate = Gate()
    endpoint.behave = gate
    started = time.monotonic()
    assert flush(0.2) is False
    assert time.monotonic() - started >= 0.2
    assert total(endpoint) == exporter.stats.failed_requests == 0  # the request has not ended
    gate.opened.set()
    wait_for(lambda: total(endpoint) == 1, 'the export')


class Stuck:
    """A client that is busy for ever, though not in a system call, where nothing could interrupt it."""

    def __init__(self) -> None:
        self.reached = threading.Event()

    def put_metric_data(self, **_: Any) -> None:
        self.reached.set()
        while True:
            time.sleep(0.01)


def test_flush_is_false_when_the_exporter_is_killed(endpoint: Endpoint) -> None:
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
                thread.join(20)
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


def flush_by_method(timeout: float | None = None) -> bool:
    """The same, asked of the exporter itself."""
    return running_exporter().flush(timeout)


@pytest.mark.parametrize('asker', [flush, flush_by_method])
@pytest.mark.parametrize('callback', ['call_on_discarded_metric', 'call_on_metric_upload_fails'])
def test_flush_is_false_in_the_thread_of_the_exporter(
    callback: str, asker: Callable[[], bool], endpoint: Endpoint
) -> None:
    """A callback that flushes would wait for itself: it gets False at once, and the export goes on."""
    answers: list[bool] = []
    orders = getMetric('orders', 'counter')
    start(endpoint, **{callback: lambda _: answers.append(asker())})
    assert flush(20)
    orders.runtime(1)
    getMetric('nothing', 'float').runtime(float('nan'))
    replies = iter([RESET])
    endpoint.behave = lambda _: next(replies, OK)
    assert flush(20)
    assert answers == [False]
    assert total(endpoint) == 1


def test_flush_is_false_in_a_forked_child_until_it_has_an_exporter(endpoint: Endpoint) -> None:
    """Where the parent's exporter does not go on in the child, it is none of the child's; with one of its own the child
    flushes what it recorded."""
    result = scripts.run(scripts.program('flush.fork'), endpoint.url)
    assert result.returncode == 0, result.stderr
    assert sorted(datum['Value'] for datum in endpoint.named('orders') if datum['Value']) == [1, 2]


def test_flush_starts_and_ends_no_thread(endpoint: Endpoint) -> None:
    """To flush starts no thread, and ends none."""
    exporter = start(endpoint)
    getMetric('orders', 'counter').runtime(1)
    assert flush(20)
    ours = [thread for thread in threading.enumerate() if thread.name == exporter.name]
    assert ours == [exporter]
    assert identity() in process._processes


@each_destination
def test_flush_asks_all_exporters_of_the_process(endpoint: Endpoint) -> None:
    """Those too that the program has started itself. One whose destination hangs keeps none of the others waiting."""
    start(endpoint)
    gate = Gate()

    def behave(request: Request) -> Reply | str:
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
def test_flush_timeout_may_be_longer_than_the_platform_waits(timeout: float, endpoint: Endpoint) -> None:
    """It is waited for in parts, for as long as it takes."""
    exporter = start(endpoint)
    getMetric('orders', 'counter').runtime(1)
    assert flush(timeout)
    assert exporter.flush(timeout)
    assert total(endpoint) == 1


@pytest.mark.parametrize('timeout', [0, -1, -0.5, float('-inf'), -(10**400)])
def test_flush_with_a_timeout_of_nothing_does_not_wait(timeout: float, endpoint: Endpoint) -> None:
    """It asks for an export, which comes later, and is False."""
    start(endpoint, client_factory=lambda: endpoint.client(read_timeout=60))
    getMetric('orders', 'counter').runtime(1)
    gate = Gate()
    endpoint.behave = gate
    assert flush(timeout) is False
    assert flush_by_method(timeout) is False
    gate.opened.set()
    wait_for(lambda: total(endpoint) == 1, 'the export')


@pytest.mark.parametrize(('timeout', 'kind'), [(float('nan'), ValueError), ('5', TypeError), ([1], TypeError)])
@pytest.mark.parametrize('running', [True, False])
def test_flush_refuses_a_timeout_that_is_none(
    timeout: Any, kind: type[Exception], running: bool, endpoint: Endpoint
) -> None:
    """The error names the argument, the value and what is allowed, whether or not there is an exporter."""
    if running:
        start(endpoint)
    with pytest.raises(kind, match=r'^timeout: .* allowed: a number of seconds, or None') as caught:
        flush(timeout)
    assert caught.value.argument == 'timeout'  # type: ignore[attr-defined]  # of either error


def test_flush_timeout_ends_where_the_clock_stands_still(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_flush_timeout_holds_during_a_start_where_the_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
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

"""``export_once``: one synchronous cycle, for jobs that end."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from satella.instrumentation.metrics import MetricData, getMetric
from support import scripts
from support.destinations import each_destination
from support.endpoint import OK, RESET, Endpoint, Gate, dimensions, error
from support.exporters import DEADLINE, end
from support.running import running_exporter
from support.waiting import wait_for
from support.worlds import MockWorld

import aws_satella
from aws_satella import AWSSatellaExporterThread, ExportStats, InitializationError, export_once
from aws_satella.effects import process, succession


@pytest.fixture
def once(endpoint: Endpoint) -> Any:
    """``export_once`` to the endpoint."""

    def export(namespace: str = 'Jobs', *args: Any, **kwargs: Any) -> ExportStats:
        return export_once(namespace, *args, **{'client_factory': endpoint.client, **kwargs})

    return export


def test_call_has_sent_everything_when_it_returns(endpoint: Endpoint, once: Any) -> None:
    """One call sends all metrics and says what became of them; it leaves no thread behind."""
    getMetric('rows', 'counter').runtime(5, table='users')
    threads = threading.enumerate()
    stats = once('Jobs', {'job': 'nightly'})
    assert [(request.namespace, len(request)) for request in endpoint.accepted] == [('Jobs', 2)]
    assert [dimensions(datum) for datum in endpoint.data] == [{'table': 'users', 'job': 'nightly'}, {'job': 'nightly'}]
    assert (stats.sent, stats.discarded, stats.dropped, stats.buffered) == (2, 0, 0, 0)
    assert (stats.failed_requests, stats.cycles) == (0, 1)
    assert stats.last_success is not None
    # The endpoint serves each connection in a thread of its own; there is none of ours.
    assert not [thread for thread in threading.enumerate() if 'satella' in thread.name and thread not in threads]


def test_totals_are_sent_by_default(endpoint: Endpoint, once: Any) -> None:
    """With ``temporality='cumulative'`` each call sends the values as satella has them."""
    rows = getMetric('rows', 'counter')
    for _ in range(3):
        rows.runtime(5)
        once()
    assert endpoint.values('rows') == [5, 10, 15]


@each_destination
def test_delta_is_what_came_since_the_last_call(endpoint: Endpoint, once: Any) -> None:
    """Counters are increases, and histograms distributions, from call to call of one process."""
    rows, latency = getMetric('rows', 'counter'), getMetric('latency', 'histogram')
    for number in (1, 2, 3):
        rows.runtime(number)
        latency.runtime(0.3)
        once(temporality='delta')
    assert endpoint.values('rows') == [1, 2, 3]
    assert [datum['Counts'] for datum in endpoint.named('latency')] == [[1], [1], [1]]


def test_namespace_has_a_baseline_of_its_own(endpoint: Endpoint, once: Any) -> None:
    """What one namespace has been sent is news to another."""
    rows = getMetric('rows', 'counter')
    for namespace in ('Jobs', 'Jobs', 'Audit', 'Jobs', 'Audit'):
        rows.runtime(1)
        once(namespace, temporality='delta')
    sent = [(request.namespace, datum['Value']) for request in endpoint.accepted for datum in request.data]
    assert sent == [('Jobs', 1), ('Jobs', 1), ('Audit', 3), ('Jobs', 2), ('Audit', 2)]


def test_subtree_has_a_baseline_of_its_own(endpoint: Endpoint, once: Any) -> None:
    """Exports of two subtrees to one namespace do not forget each other's counts."""
    roots = getMetric('a'), getMetric('b')
    counters = getMetric('a.rows', 'counter'), getMetric('b.rows', 'counter')
    for _ in range(2):
        for root, counter in zip(roots, counters, strict=True):
            counter.runtime(1)
            once(root=root, temporality='delta')
    assert endpoint.values('a.rows') == endpoint.values('b.rows') == [1, 1]


@each_destination
def test_data_that_could_not_be_sent_are_sent_by_the_next_call(endpoint: Endpoint, once: Any, world: MockWorld) -> None:
    """A call during an outage raises nothing, counts what waits, and keeps it; the next call sends it first, once."""
    rows = getMetric('rows', 'counter')
    endpoint.behave = lambda _: RESET
    failures: list[Exception] = []
    rows.runtime(5)
    first = once(temporality='delta', call_on_metric_upload_fails=failures.append)
    assert (first.sent, first.buffered, first.failed_requests, first.cycles) == (0, 1, 1, 1)
    assert first.last_success is None
    assert len(failures) == 1

    endpoint.behave = lambda _: OK
    world.jump(60)
    rows.runtime(2)
    second = once(temporality='delta')
    assert endpoint.values('rows') == [5, 2]
    first_timestamp, second_timestamp = [datum['Timestamp'] for datum in endpoint.named('rows')]
    assert first_timestamp < second_timestamp
    assert (second.sent, second.buffered, second.failed_requests, second.cycles) == (2, 0, 0, 1)


def test_call_in_an_outage_tries_once(endpoint: Endpoint, once: Any) -> None:
    """However much waits, a call makes one attempt while CloudWatch does not answer, so that the job can end."""
    rows = getMetric('rows', 'counter')
    endpoint.behave = lambda _: error('ServiceUnavailable', 503)
    for number in range(100):
        rows.runtime(1, table=str(number))
    for calls in (1, 2, 3):
        assert once().failed_requests == 1
        assert len(endpoint.received) == calls


def test_stats_are_of_this_call(endpoint: Endpoint, once: Any) -> None:
    """Each call counts its own data, what it discarded included."""
    getMetric('rows', 'counter').runtime(1)
    getMetric('nothing', 'float').runtime(float('nan'))
    reported: list[MetricData] = []
    for _ in range(3):
        stats = once(call_on_discarded_metric=reported.append)
        assert (stats.sent, stats.discarded, stats.cycles) == (1, 1, 1)
    assert [data.name for data in reported] == ['nothing'] * 3


def test_buffer_is_bounded(endpoint: Endpoint, once: Any) -> None:
    """Beyond ``max_buffered`` an increase stays in the tree, and the first call that has room for it sends it."""
    rows = getMetric('rows', 'counter')
    endpoint.behave = lambda _: error('InternalFailure', 500)
    stats = []
    for _ in range(3):
        rows.runtime(1)
        stats.append(once(temporality='delta', max_buffered=2))
    assert [(each.buffered, each.dropped) for each in stats] == [(1, 0), (2, 0), (2, 0)]
    endpoint.behave = lambda _: OK
    last = once(temporality='delta', max_buffered=3)
    assert endpoint.values('rows') == [1, 1, 1]
    assert (last.sent, last.buffered, last.dropped) == (3, 0, 0)


def test_bad_datum_does_not_cost_the_others(endpoint: Endpoint, once: Any) -> None:
    """A metric that raises, and one that CloudWatch refuses, are discarded; the others arrive in the same call."""

    def broken() -> float:
        raise RuntimeError('out of order')

    getMetric('broken', 'callable', value_getter=broken)
    for name in ('a', 'refused', 'b'):
        getMetric(name, 'counter').runtime(1)
    endpoint.behave = lambda request: (
        error('InvalidParameterValue') if any(datum['MetricName'] == 'refused' for datum in request.data) else OK
    )
    stats = once()
    assert {datum['MetricName'] for datum in endpoint.data} == {'a', 'b'}
    assert (stats.sent, stats.discarded) == (2, 2)


def test_interruption_loses_nothing(endpoint: Endpoint, once: Any) -> None:
    """Ctrl-C while metrics are read is the program's; what had been read arrives, and the next call sends the rest."""
    interrupted = [True]

    def slow() -> float:
        if interrupted:
            interrupted.pop()
            raise KeyboardInterrupt
        return 1.0

    first, last = getMetric('a', 'counter'), None
    first.runtime(1)
    getMetric('b', 'callable', value_getter=slow)
    last = getMetric('c', 'counter')
    last.runtime(2)
    with pytest.raises(KeyboardInterrupt):
        once(temporality='delta')
    first.runtime(10)
    once(temporality='delta')
    assert (endpoint.values('a'), endpoint.values('c')) == ([1, 10], [2, 0])


def test_calls_from_many_threads_send_each_increase_once(endpoint: Endpoint, once: Any) -> None:
    """Two jobs of one process may export at the same time."""
    rows = getMetric('rows', 'counter')
    client = endpoint.client()

    def job() -> None:
        rows.runtime(1)
        once(temporality='delta', client_factory=lambda: client)

    threads = [threading.Thread(target=job) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sum(endpoint.values('rows')) == 8


def test_call_without_metrics_sends_no_request(endpoint: Endpoint, once: Any) -> None:
    """A job that recorded nothing costs nothing."""
    assert once().sent == 0
    assert endpoint.received == []


def test_client_that_cannot_be_made_is_an_error(once: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a region there is nobody to ask later: ``InitializationError``, with what boto3 said."""
    monkeypatch.delenv('AWS_DEFAULT_REGION')
    monkeypatch.setenv('AWS_CONFIG_FILE', '/nonexistent')
    with pytest.raises(InitializationError, match='region'):
        once(client_factory=None)


def test_running_exporter_takes_no_notice(endpoint: Endpoint, once: Any) -> None:
    """The process's exporter, and a call for another namespace, each send every increase once."""
    rows = getMetric('rows', 'counter')
    rows.runtime(1)
    aws_satella.start_if_not_started('Shop', interval=3_600, temporality='delta', client_factory=endpoint.client)
    try:
        assert aws_satella.flush(20)
        once(temporality='delta')
        rows.runtime(1)
        once(temporality='delta')
        assert aws_satella.flush(20)
    finally:
        exporter = running_exporter()
        exporter.terminate().join(20)
    by_namespace: dict[str, list[float]] = {'Shop': [], 'Jobs': []}
    for request in endpoint.accepted:
        by_namespace[request.namespace] += [datum['Value'] for datum in request.data]
    assert {namespace: sum(sent) for namespace, sent in by_namespace.items()} == {'Shop': 2, 'Jobs': 2}


# --- in a process that has an exporter


@pytest.fixture
def start(endpoint: Endpoint) -> Callable[..., AWSSatellaExporterThread]:
    """``start_if_not_started`` with the namespace of ``once``."""

    def begin(namespace: str = 'Jobs', **kwargs: Any) -> AWSSatellaExporterThread:
        arguments = {'interval': 3_600, 'client_factory': endpoint.client, 'temporality': 'delta', **kwargs}
        aws_satella.start_if_not_started(namespace, **arguments)
        return running_exporter()

    return begin


def test_call_asks_the_exporter_that_sends_the_same(
    endpoint: Endpoint, once: Any, start: Any, world: MockWorld
) -> None:
    """Nothing is sent twice where an exporter of the same plan runs: it exports, and the result says what."""
    world.stop()  # so that no back-off ends
    rows, latency = getMetric('rows', 'counter'), getMetric('latency', 'summary')
    rows.runtime(5)
    latency.runtime(0.5)
    exporter = start(units={'rows': 'Count'})
    assert aws_satella.flush(DEADLINE)
    rows.runtime(2)
    stats = once(temporality='delta', units={'rows': 'Count'}, client_factory=None, max_send_at_once=7)
    assert (stats.sent, stats.buffered, stats.failed_requests, stats.cycles) == (1, 0, 0, 1)
    assert sum(endpoint.values('rows')) == 7
    assert len(endpoint.named('latency')) == 1

    endpoint.behave = lambda _: RESET
    rows.runtime(1)
    stats = once(temporality='delta', units={'rows': 'Count'})
    assert (stats.sent, stats.buffered, stats.failed_requests) == (0, 1, 2)  # the first is tried again at once
    assert exporter.stats.buffered == 1
    endpoint.behave = lambda _: OK
    end(exporter)
    rows.runtime(3)
    stats = once(temporality='delta', units={'rows': 'Count'})
    assert (stats.sent, stats.buffered, stats.cycles) == (1, 0, 1)
    assert sum(endpoint.values('rows')) == 11


@each_destination
def test_exporter_goes_on_where_a_call_has_come_to(endpoint: Endpoint, once: Any, start: Any) -> None:
    """Started after a call of the same plan, an exporter takes over its baseline and what it could not send."""
    rows = getMetric('rows', 'counter')
    rows.runtime(5)
    once(temporality='delta')
    endpoint.behave = lambda _: RESET
    rows.runtime(2)
    assert once(temporality='delta').buffered == 1
    endpoint.behave = lambda _: OK
    rows.runtime(1)
    exporter = start()
    assert aws_satella.flush(DEADLINE)
    assert endpoint.values('rows')[:3] == [5, 2, 1]
    assert (exporter.stats.sent, exporter.stats.buffered) == (len(endpoint.values('rows')), 0)
    end(exporter)
    assert once(temporality='delta').sent == 1
    start()
    assert aws_satella.flush(DEADLINE)
    assert sum(endpoint.values('rows')) == 8


def test_exporter_of_the_programs_own_is_asked_as_well(endpoint: Endpoint, once: Any) -> None:
    """Whoever started the exporter, and whichever comes first, each increase of a plan is sent once."""
    rows = getMetric('rows', 'counter')
    rows.runtime(5)
    once(temporality='delta')
    own = AWSSatellaExporterThread('Jobs', interval=3_600, temporality='delta', client_factory=endpoint.client)
    rows.runtime(2)
    own.start()
    rows.runtime(1)
    try:
        once(temporality='delta')
    finally:
        end(own)
    rows.runtime(1)
    once(temporality='delta')
    assert sum(endpoint.values('rows')) == 9


@pytest.mark.parametrize(
    'other',
    [
        {'namespace': 'Other'},
        {'extra_dimensions': {'job': 'nightly'}},
        {'temporality': 'cumulative'},
        {'add_pid': 'pid'},
        {'exclude': ['x*']},
        {'units': {'rows': 'Count'}},
        {'units': {'*': 'Count'}},
        {'storage_resolution': 1},
        {'max_series': 100},
        {'max_dimensions': 30},
    ],
    ids=str,
)
def test_exporter_and_call_of_different_plans_send_everything_each(
    other: dict[str, Any], endpoint: Endpoint, once: Any, start: Any
) -> None:
    """An exporter and a call whose plans differ each send everything, in either order."""
    rows = getMetric('rows', 'counter')
    rows.runtime(5)
    start()
    assert aws_satella.flush(DEADLINE)
    arguments = {'temporality': 'delta', **other}
    once(**arguments)
    rows.runtime(2)
    assert aws_satella.flush(DEADLINE)
    once(**arguments)
    sent = endpoint.values('rows')
    assert sum(sent) == (5 + 7 if other.get('temporality') else 7) + 7


def test_functions_that_are_made_anew_are_the_same_plan(endpoint: Endpoint, once: Any) -> None:
    """A lambda is another object each time that its line runs. What it refers to tells whether it means the same."""
    rows = getMetric('rows', 'counter')

    def call(unit: str) -> None:
        rows.runtime(1)
        once(temporality='delta', units=lambda _name: unit)
        once(temporality='delta', exclude=['x*'], units=lambda _name, unit=unit: unit)

    for unit in ('Count', 'Count', 'Seconds'):
        call(unit)
    sent = [(datum['Unit'], datum['Value']) for datum in endpoint.named('rows')]
    assert sent == [('Count', 1)] * 4 + [('Seconds', 3)] * 2


def test_call_from_a_callback_of_the_exporter_waits_for_nobody(endpoint: Endpoint, once: Any, start: Any) -> None:
    """In the thread of the exporter, or in the midst of a call that an exporter waits for, it returns at once."""
    rows = getMetric('rows', 'counter')
    rows.runtime(5)
    endpoint.behave = lambda _: RESET
    seen: list[ExportStats] = []

    def call(_error: Exception) -> None:
        seen.append(once(temporality='delta'))

    def start_and_call(_error: Exception) -> None:
        start(call_on_metric_upload_fails=call)
        seen.append(once(temporality='delta'))
        assert not aws_satella.flush()

    once(temporality='delta', call_on_metric_upload_fails=start_and_call)
    wait_for(lambda: len(seen) >= 2, 'the callback of the exporter', DEADLINE)
    endpoint.behave = lambda _: OK
    while not aws_satella.flush(DEADLINE):
        pass
    assert [(each.sent, each.cycles) for each in seen[:2]] == [(0, 0)] * 2
    assert sum(endpoint.values('rows')) == 5


def test_exporter_waits_for_a_call_that_is_under_way(endpoint: Endpoint, once: Any, start: Any) -> None:
    """Started while a call sends, an exporter sends nothing before the call has ended, and nothing again."""
    rows = getMetric('rows', 'counter')
    rows.runtime(5)
    sending, go_on = threading.Event(), threading.Event()

    class Slow:
        def put_metric_data(self, **payload: Any) -> object:
            sending.set()
            assert go_on.wait(DEADLINE)
            return endpoint.client().put_metric_data(**payload)

    caller = threading.Thread(target=once, kwargs={'temporality': 'delta', 'client_factory': Slow})
    caller.start()
    assert sending.wait(DEADLINE)
    rows.runtime(2)
    start()
    go_on.set()
    assert aws_satella.flush(DEADLINE)
    caller.join(DEADLINE)
    assert sum(endpoint.values('rows')) == 7


def test_plans_that_are_never_used_again_are_forgotten(endpoint: Endpoint, once: Any) -> None:
    """A process that exports ever other plans remembers a bounded number of them, and what is unsent."""
    getMetric('rows', 'counter').runtime(5)
    client = endpoint.client()
    endpoint.behave = lambda request: RESET if request.namespace == 'Failing' else OK
    once('Failing', temporality='delta')
    for number in range(succession.MAX_IDLE_HOLDERS + 20):
        once(extra_dimensions={'number': number}, temporality='delta', client_factory=lambda: client)
    held = list(process._this_process().holders)
    assert len(held) <= succession.MAX_IDLE_HOLDERS + 2
    endpoint.behave = lambda _: OK
    assert once('Failing', temporality='delta').sent == 2


@pytest.mark.parametrize('acts', ['start once start once', 'once start once once'])
def test_increase_is_sent_once_in_a_real_process(acts: str, endpoint: Endpoint) -> None:
    """Whichever comes first, a call or the exporter, in the process and in a fork of it, and when the process ends."""
    ended = scripts.run(scripts.program('export_once.both'), endpoint.url, *acts.split())
    assert ended.returncode == 0, ended.stderr
    sums: Counter[tuple[str, str]] = Counter()
    for datum in endpoint.data:
        sums[datum['MetricName'], dimensions(datum)['job']] += datum.get('Value', sum(datum.get('Counts', ())))
    assert sums == {
        ('rows', 'nightly'): 5,
        ('latency', 'nightly'): 5,
        ('rows', 'child'): 4,
        ('latency', 'child'): 4,
    }


def test_call_asks_the_last_one_of_a_line_of_exporters(endpoint: Endpoint, once: Any, start: Any) -> None:
    """One that is in its last export has read the metrics already; the one that waits for it reads them again."""
    rows = getMetric('rows', 'counter')
    start()
    assert aws_satella.flush(DEADLINE)
    first = process.exporter_of_process()
    assert first is not None
    before = len(endpoint.data)
    gate = endpoint.behave = Gate()
    rows.runtime(1)
    first.terminate()
    assert gate.reached.wait(DEADLINE)
    start()
    rows.runtime(10)
    threading.Timer(0.2, gate.opened.set).start()
    stats = once(temporality='delta')
    assert stats.buffered == 0
    assert 1 <= stats.sent <= len(endpoint.data) - before
    assert sum(endpoint.values('rows')) == 11

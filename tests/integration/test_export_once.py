"""``export_once``: one synchronous cycle, for jobs that end."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from satella.instrumentation.metrics import MetricData, getMetric
from support.endpoint import OK, RESET, Endpoint, dimensions, error
from support.exporters import fast_clock

import aws_satella
from aws_satella import ExportStats, InitializationError, export_once
from aws_satella.effects import process

pytestmark = pytest.mark.usefixtures('_as_in_a_new_process')


@pytest.fixture
def _as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was exported here before."""
    monkeypatch.setattr(process, '_processes', {})


@pytest.fixture
def once(endpoint: Endpoint) -> Any:
    """``export_once`` to the endpoint."""

    def export(namespace: str = 'Jobs', *args: Any, **kwargs: Any) -> ExportStats:
        return export_once(namespace, *args, **{'client_factory': endpoint.client, **kwargs})

    return export


def values(endpoint: Endpoint, name: str) -> list[float]:
    """What arrived of one metric."""
    return [datum['Value'] for datum in endpoint.named(name)]


def test_everything_is_sent_when_it_returns(endpoint: Endpoint, once: Any) -> None:
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


def test_by_default_totals_are_sent(endpoint: Endpoint, once: Any) -> None:
    """With ``temporality='cumulative'`` each call sends the values as satella has them."""
    rows = getMetric('rows', 'counter')
    for _ in range(3):
        rows.runtime(5)
        once()
    assert values(endpoint, 'rows') == [5, 10, 15]


def test_with_delta_each_call_sends_what_came_since_the_last(endpoint: Endpoint, once: Any) -> None:
    """Counters are increases, and histograms distributions, from call to call of one process."""
    rows, latency = getMetric('rows', 'counter'), getMetric('latency', 'histogram')
    for number in (1, 2, 3):
        rows.runtime(number)
        latency.runtime(0.3)
        once(temporality='delta')
    assert values(endpoint, 'rows') == [1, 2, 3]
    assert [datum['Counts'] for datum in endpoint.named('latency')] == [[1], [1], [1]]


def test_each_namespace_has_a_baseline_of_its_own(endpoint: Endpoint, once: Any) -> None:
    """What one namespace has been sent is news to another."""
    rows = getMetric('rows', 'counter')
    for namespace in ('Jobs', 'Jobs', 'Audit', 'Jobs', 'Audit'):
        rows.runtime(1)
        once(namespace, temporality='delta')
    sent = [(request.namespace, datum['Value']) for request in endpoint.accepted for datum in request.data]
    assert sent == [('Jobs', 1), ('Jobs', 1), ('Audit', 3), ('Jobs', 2), ('Audit', 2)]


def test_a_subtree_has_a_baseline_of_its_own(endpoint: Endpoint, once: Any) -> None:
    """Exports of two subtrees to one namespace do not forget each other's counts."""
    roots = getMetric('a'), getMetric('b')
    counters = getMetric('a.rows', 'counter'), getMetric('b.rows', 'counter')
    for _ in range(2):
        for root, counter in zip(roots, counters, strict=True):
            counter.runtime(1)
            once(root=root, temporality='delta')
    assert values(endpoint, 'a.rows') == values(endpoint, 'b.rows') == [1, 1]


def test_what_could_not_be_sent_is_sent_by_the_next_call(
    endpoint: Endpoint, once: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call during an outage raises nothing, counts what waits, and keeps it; the next call sends it first, once."""
    fast_clock(monkeypatch)
    rows = getMetric('rows', 'counter')
    endpoint.behave = lambda _: RESET
    failures: list[Exception] = []
    rows.runtime(5)
    first = once(temporality='delta', call_on_metric_upload_fails=failures.append)
    assert (first.sent, first.buffered, first.failed_requests, first.cycles) == (0, 1, 1, 1)
    assert first.last_success is None
    assert len(failures) == 1

    endpoint.behave = lambda _: OK
    rows.runtime(2)
    second = once(temporality='delta')
    assert values(endpoint, 'rows') == [5, 2]
    first_timestamp, second_timestamp = [datum['Timestamp'] for datum in endpoint.named('rows')]
    assert first_timestamp < second_timestamp
    assert (second.sent, second.buffered, second.failed_requests, second.cycles) == (2, 0, 0, 1)


def test_a_call_in_an_outage_tries_once(endpoint: Endpoint, once: Any) -> None:
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


def test_what_waits_is_bounded(endpoint: Endpoint, once: Any) -> None:
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
    assert values(endpoint, 'rows') == [1, 1, 1]
    assert (last.sent, last.buffered, last.dropped) == (3, 0, 0)


def test_one_bad_datum_does_not_cost_the_others(endpoint: Endpoint, once: Any) -> None:
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


def test_an_interruption_loses_nothing(endpoint: Endpoint, once: Any) -> None:
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
    assert (values(endpoint, 'a'), values(endpoint, 'c')) == ([1, 10], [2, 0])


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
    assert sum(values(endpoint, 'rows')) == 8


def test_no_metrics_send_no_request(endpoint: Endpoint, once: Any) -> None:
    """A job that recorded nothing costs nothing."""
    assert once().sent == 0
    assert endpoint.received == []


def test_a_client_that_cannot_be_made_is_an_error(once: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a region there is nobody to ask later: ``InitializationError``, with what boto3 said."""
    monkeypatch.delenv('AWS_DEFAULT_REGION')
    monkeypatch.setenv('AWS_CONFIG_FILE', '/nonexistent')
    with pytest.raises(InitializationError, match='region'):
        once(client_factory=None)


@pytest.mark.parametrize(
    ('arguments', 'wrong'),
    [
        ({'namespace': ''}, ValueError),
        ({'namespace': 'Jobs', 'max_send_at_once': 1001}, ValueError),
        ({'namespace': 'Jobs', 'temporality': 'deltas'}, ValueError),
        ({'namespace': 'Jobs', 'unknown': 1}, TypeError),
        ({}, TypeError),
    ],
)
def test_bad_arguments_are_errors(arguments: dict[str, Any], wrong: type[Exception]) -> None:
    """The arguments are those of the exporter, and are checked in the same way."""
    with pytest.raises(wrong):
        export_once(**arguments)


def test_a_running_exporter_takes_no_notice(endpoint: Endpoint, once: Any) -> None:
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
        exporter = process._this_process().exporter
        assert exporter is not None
        exporter.terminate().join(20)
    by_namespace: dict[str, list[float]] = {'Shop': [], 'Jobs': []}
    for request in endpoint.accepted:
        by_namespace[request.namespace] += [datum['Value'] for datum in request.data]
    assert {namespace: sum(sent) for namespace, sent in by_namespace.items()} == {'Shop': 2, 'Jobs': 2}

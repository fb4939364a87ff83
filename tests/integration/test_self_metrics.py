"""The exporter watches itself: the statistics of the process, its own metrics, and the lines that it says."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.destinations import each_destination
from support.endpoint import OK, RESET, Endpoint, dimensions
from support.exporters import DEADLINE, assert_conserved, end, exporting
from support.otlp import OtlpEndpoint, otlp_endpoint
from support.running import running_exporter
from support.waiting import wait_for

import aws_satella
from aws_satella import AWSSatellaExporterThread, export_once

UP = 'aws_satella.up'
COUNTERS = ('aws_satella.sent', 'aws_satella.discarded', 'aws_satella.dropped')
OWN = {UP, *COUNTERS, 'aws_satella.buffered', 'aws_satella.export_seconds'}


def exporter_to(endpoint: Endpoint, **more: Any) -> AWSSatellaExporterThread:
    """One that is not started, and sends its own metrics."""
    arguments = {'interval': 3600, 'client_factory': endpoint.client, 'self_metrics': True, **more}
    return AWSSatellaExporterThread('Test', **arguments)


# --- the statistics of the process


def test_process_has_statistics(endpoint: Endpoint) -> None:
    """They are those of the exporter that ``start_if_not_started`` has started, or else of the one that the program has
    started last. None where none runs, before a start and after the end."""
    assert aws_satella.stats() is None
    getMetric('orders', 'counter').runtime(1)
    export_once('Once', client_factory=endpoint.client)
    assert aws_satella.stats() is None
    own = AWSSatellaExporterThread('Own', interval=3600, client_factory=endpoint.client).start()
    wait_for(lambda: own.stats.cycles, 'the first cycle')
    assert aws_satella.stats() == own.stats
    aws_satella.start_if_not_started('Test', interval=3600, client_factory=endpoint.client)
    getMetric('more', 'counter').runtime(1)
    assert aws_satella.flush(DEADLINE)
    exporter = running_exporter()
    assert aws_satella.stats() == exporter.stats != own.stats
    end(exporter)
    assert aws_satella.stats() == own.stats
    end(own)
    assert aws_satella.stats() is None


# --- the metrics


@each_destination
@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
def test_heartbeat_is_there_from_the_first_cycle(temporality: str, endpoint: Endpoint) -> None:
    """Also when nothing was recorded. It has no label but those of every metric, and its value is 1."""
    exporter = exporter_to(
        endpoint, temporality=temporality, extra_dimensions={'stage': 'test'}, add_pid='pid', max_series=6
    )
    for cycle in range(1, 4):
        exporter.loop()
        assert endpoint.values(UP) == [1.0] * cycle
    assert {datum['MetricName'] for datum in endpoint.data} == OWN
    for datum in endpoint.data:
        assert dimensions(datum) == {'stage': 'test', 'pid': str(os.getpid())}
    assert_conserved(exporter, endpoint, 5 + 6 + 6)


def test_heartbeat_always_has_room(endpoint: Endpoint) -> None:
    """However many series there are, ``max_series`` leaves it out as little as other series without labels."""
    for number in range(5):
        getMetric('a', 'counter').runtime(1, number=number)
    for temporality in ('cumulative', 'delta'):
        exporter_to(endpoint, temporality=temporality, max_series=0).loop()
    assert len(endpoint.named(UP)) == 2


def test_self_metrics_are_not_sent_unasked(endpoint: Endpoint) -> None:
    """By default an exporter that has nothing to send sends nothing."""
    exporter = exporter_to(endpoint, self_metrics=False)
    exporter.loop()
    assert not endpoint.received


@each_destination
@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
def test_self_metrics_tell_what_became_of_everything(temporality: str, endpoint: Endpoint) -> None:
    """Through health, an outage that is longer than the outbox, and health again: what they tell is what the statistics
    said before the cycle. They are data as all others are, and counted themselves."""
    getMetric('orders', 'counter').runtime(1)
    getMetric('bad', 'float').runtime(float('nan'))
    exporter = exporter_to(endpoint, temporality=temporality, max_buffered=20)
    before: list[Any] = []
    seconds: list[Any] = []
    for cycle in range(12):
        reply = RESET if 3 <= cycle < 8 else OK
        endpoint.behave = mock.Mock(return_value=reply)
        getMetric('orders', 'counter').runtime(1)
        before.append(exporter.stats)
        seconds.append(exporter.delivery.ledger.export_seconds)
        exporter.loop()
    last = before[-1]
    assert last.dropped > 0
    assert last.discarded > 0
    for name in COUNTERS:
        arrived, told = endpoint.values(name), [getattr(each, name.split('.')[1]) for each in before]
        if temporality == 'delta':
            assert sum(arrived) == told[-1]
            assert min(arrived) >= 0
        else:
            assert arrived == sorted(arrived)
            assert set(arrived) <= set(told)
        assert arrived[-1] == told[-1] - (told[-2] if temporality == 'delta' else 0)
    assert endpoint.values('aws_satella.buffered')[-4:] == [each.buffered for each in before[-4:]]
    assert endpoint.values('aws_satella.export_seconds')[-4:] == seconds[-4:]
    assert all(0 < each < DEADLINE for each in seconds[1:])
    stats = exporter.stats
    assert stats.sent == len(endpoint.data)
    assert stats.buffered == 0


@each_destination
def test_successor_goes_on_with_the_counts(endpoint: Endpoint) -> None:
    """An exporter that takes over the statistics of a dead one tells each increase once; so do calls of
    ``export_once``. One with another plan begins at zero."""
    getMetric('orders', 'counter').runtime(1)
    more: dict[str, Any] = {'temporality': 'delta', 'client_factory': endpoint.client, 'self_metrics': True}
    for _ in range(2):
        export_once('Test', **more)
    assert endpoint.values('aws_satella.sent') == [0, 6]
    aws_satella.start_if_not_started('Test', interval=3600, **more)
    assert aws_satella.flush(DEADLINE)
    exporter = running_exporter()
    end(exporter)
    sent = endpoint.values('aws_satella.sent')
    assert sum(sent) == exporter.stats.sent - 7  # all but those of the last cycle
    export_once('Test', {'other': 'plan'}, **more)
    assert endpoint.values('aws_satella.sent') == [*sent, 0]


def test_self_metrics_are_left_out_where_a_pattern_excludes_them(endpoint: Endpoint) -> None:
    """They are selected as all metrics are, and have units as all have. The rest of the tree may be left out."""
    getMetric('orders', 'counter').runtime(1)
    exclude = ['orders', 'aws_satella.[!u]*']
    exporter_to(endpoint, exclude=exclude, units={'aws_satella.*': 'Count'}).loop()
    assert [(datum['MetricName'], datum['Unit']) for datum in endpoint.data] == [(UP, 'Count')]


def test_preview_counts_self_metrics() -> None:
    """The bill has all of them, the one that the first cycle does not have too."""
    assert dict(aws_satella.preview(self_metrics=True).top) == dict.fromkeys(OWN, 1)


@each_destination
@pytest.mark.parametrize('last', ['end', 'flush'])
def test_forked_child_tells_of_itself_alone(last: str, endpoint: Endpoint) -> None:
    """A child that has nothing to send makes no request for the sake of its own metrics. One that has sent something
    tells that from zero on: what its parent has sent is not its own."""
    ended = scripts.run(scripts.program('self_metrics.fork'), endpoint.url, last)
    assert ended.returncode == 0, ended.stderr
    by_process: dict[str, dict[str, list[Any]]] = {}
    for datum in endpoint.data:
        found = by_process.setdefault(dimensions(datum)['pid'], {})
        found.setdefault(datum['MetricName'], []).append(datum.get('Value'))
    parent = by_process.pop(ended.stdout.strip())
    assert len(parent[UP]) >= 2
    (child,) = by_process.values()
    assert sum(child['work']) == 1
    assert child.get('aws_satella.sent', []) == ([1] if last == 'flush' else [])
    assert len(child.get(UP, [])) == (1 if last == 'flush' else 0)


# --- the log


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == 'INFO']


@pytest.fixture
def otlp() -> Iterator[OtlpEndpoint]:
    """Any receiver of OTLP."""
    with otlp_endpoint(unsigned=True) as opened:
        yield opened


@each_destination
def test_start_and_the_first_success_are_said(
    destination: str, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """A line says where everything goes, and how often; another one what the first export was, and that its price is an
    estimate: that of the preview."""
    caplog.set_level(logging.INFO, 'aws_satella')
    for number in range(30):
        getMetric('orders', 'counter', sum_children=False).runtime(1, country=str(number))
    with exporting(endpoint, 3600, temporality='delta', self_metrics=True) as exporter:
        for _ in range(3):
            assert exporter.flush(DEADLINE)
        start, success = _lines(caplog)
    assert start == (
        f'Exporting metrics: namespace Test, destination {destination}, region us-east-1, endpoint {endpoint.url}, '
        'every 3600 s, temporality delta'
    )
    plan: dict[str, Any] = {'destination': destination, 'temporality': 'delta', 'interval': 3600, 'namespace': 'Test'}
    expected = aws_satella.preview(**plan, self_metrics=True, exclude=['aws_satella.export_seconds'])
    assert success == (
        f'The first export was taken: {expected.series} series in {expected.requests} requests; a month of it costs '
        f'about {expected.cost:.2f} USD, an estimate by list prices, for this process alone'
    )
    assert expected.series == 35


def test_line_of_another_receiver_has_no_price(otlp: OtlpEndpoint, caplog: pytest.LogCaptureFixture) -> None:
    """What is sent elsewhere than to CloudWatch is not billed by it. A query of the URL is not shown."""
    caplog.set_level(logging.INFO, 'aws_satella')
    getMetric('orders', 'counter').runtime(1)
    exporter = AWSSatellaExporterThread('Test', interval=60, destination=f'{otlp.metrics_url}?key=secret').start()
    assert exporter.flush(DEADLINE)
    end(exporter)
    url = otlp.metrics_url
    where = f'namespace Test, destination {url}, region none, endpoint {url}'
    assert _lines(caplog) == [
        f'Exporting metrics: {where}, every 60 s, temporality cumulative',
        'The first export was taken: 1 series in 1 requests',
    ]


def test_first_success_may_come_late(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """It is said when a cycle was taken as a whole: not for an empty tree, and not before an outage is over."""
    caplog.set_level(logging.INFO, 'aws_satella')
    exporter = AWSSatellaExporterThread('Test', client_factory=endpoint.client)
    exporter.loop()
    endpoint.behave = lambda _request: RESET
    getMetric('orders', 'counter').runtime(1)
    exporter.loop()
    endpoint.behave = lambda _request: OK if len(endpoint.received) == 2 else RESET  # takes one of two requests
    exporter.max_send_at_once = 1
    exporter.loop()
    assert exporter.stats.sent == 1
    assert not [line for line in _lines(caplog) if line.startswith('The first export was taken')]
    endpoint.behave = lambda _request: OK
    exporter.loop()
    exporter.loop()
    taken = [line for line in _lines(caplog) if line.startswith('The first export was taken: 1 series')]
    assert len(taken) == 1


class _Meta:
    """What a client of user code tells of itself: nothing. It counts how often it is asked."""

    region_name = 'here'
    asked = 0

    @property
    def endpoint_url(self) -> str:
        self.asked += 1
        raise SystemExit


class _Client:
    """A client of user code."""

    def __init__(self) -> None:
        self.meta = _Meta()

    def put_metric_data(self, **_payload: object) -> None:
        """Take one request."""


def test_client_that_tells_nothing_is_none_the_worse(caplog: pytest.LogCaptureFixture) -> None:
    """A client of user code may raise whatever it is asked. It is not asked where nobody would read the line."""
    getMetric('orders', 'counter').runtime(1)
    for level in (logging.WARNING, logging.INFO):
        caplog.set_level(level, 'aws_satella')
        client = _Client()
        exporter = AWSSatellaExporterThread(
            f'Test{level}', interval=3600, client_factory=mock.Mock(return_value=client)
        ).start()
        assert exporter.flush(DEADLINE)
        end(exporter)
        assert exporter.stats.sent == exporter.stats.cycles > 0
        assert (client.meta.asked > 0) == (level == logging.INFO)
    start, success = _lines(caplog)
    assert 'region unknown, endpoint unknown' in start
    assert success.startswith('The first export was taken: 1 series')

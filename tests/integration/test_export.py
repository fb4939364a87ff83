"""From a metric to CloudWatch and back, over real HTTP."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from unittest import mock

import boto3
import botocore.exceptions
import pytest
from satella.instrumentation.metrics import LabeledMetric, MetricData, getMetric
from support.endpoint import RESET, Endpoint, dimensions
from support.exporters import DEADLINE, assert_conserved, exporting
from support.moto import Moto
from support.waiting import wait_for

from aws_satella import AWSSatellaExporterThread, InitializationError

Series = tuple[str, frozenset[tuple[str, str]]]


def _listed(client: Any, namespace: str) -> set[Series]:
    """All series that list_metrics knows. moto lists a series once for each time that it was sent."""
    pages = client.get_paginator('list_metrics').paginate(Namespace=namespace)
    metrics = [metric for page in pages for metric in page['Metrics']]
    return {(metric['MetricName'], frozenset(dimensions(metric).items())) for metric in metrics}


def _record_everything() -> None:
    """At least one metric of every type, with and without labels, at several levels of names."""
    getMetric('shop.orders', 'counter').runtime(3, country='pl')
    getMetric('shop.orders', 'counter').runtime(4, country='de', city='Köln')
    getMetric('shop.visits', 'counter', count_calls=True).runtime(5)
    getMetric('int', 'int').runtime(-7)
    getMetric('labelled.int', 'int').runtime(8, shard=1)
    getMetric('float', 'float').runtime(0.125)
    getMetric('labelled.float', 'float').runtime(-2.5, shard=2)
    for value in (0.003, 0.02, 0.7, 12):
        getMetric('histogram', 'histogram').runtime(value)
        getMetric('labelled.histogram', 'histogram', buckets=[1, 2]).runtime(value, path='/')
        getMetric('summary', 'summary').runtime(value)
        getMetric('quantile', 'quantile').runtime(value)
        getMetric('labelled.summary', 'summary').runtime(value, path='/')
        getMetric('clicks', 'cps', time_unit_vectors=[600, 3600]).runtime()
        getMetric('labelled.clicks', 'cps', time_unit_vectors=[3600]).runtime(button='ok')
    getMetric('called', 'callable', value_getter=lambda: 17)
    LabeledMetric(getMetric('labelled.called', 'callable'), callable=lambda: 18, of='it')
    getMetric('uptime', 'uptime', time_getter=iter([100.0, 160.0, 160.0]).__next__)
    getMetric('link', 'linkfail').runtime(True)
    getMetric('empty', 'empty').runtime(1)
    getMetric('hidden', 'counter', internal=True).runtime(1)


def _expected(extra: Mapping[str, str]) -> dict[Series, float]:
    """satella's own account of the tree, less what is internal; CloudWatch takes ASCII only."""
    expected = {}
    for data in getMetric().to_metric_data().values:
        labels = {name: str(value).encode('unicode_escape').decode() for name, value in data.labels.items()}
        if not data.internal:
            expected[data.name, frozenset({**labels, **extra}.items())] = data.value
    return expected


def _taken_together(values: list[float]) -> dict[str, float]:
    return {'Minimum': min(values), 'Maximum': max(values), 'SampleCount': len(values), 'Sum': sum(values)}


def test_export_gets_to_cloudwatch_what_was_recorded(moto: Moto) -> None:
    """Every series of every metric type is in list_metrics with its dimensions and its value; no other is."""
    _record_everything()
    exporter = AWSSatellaExporterThread('Shop', {'stage': 'test'}, client_factory=moto.client)
    exporter.loop()

    expected = _expected({'stage': 'test'})
    assert _listed(moto.client(), 'Shop') == set(expected)
    for name, labels in expected:
        # moto takes a series with more dimensions than were asked for to be meant as well.
        meant = [value for (other, more), value in expected.items() if other == name and labels <= more]
        assert moto.statistics('Shop', name, **dict(labels)) == pytest.approx(_taken_together(meant))
    assert exporter.stats.sent == len(expected)
    assert exporter.stats.discarded == 0


def test_export_in_delta_gets_to_cloudwatch_what_happened(moto: Moto) -> None:
    """A counter's increases add up; a histogram and a summary have their sample count, sum and range."""
    exporter = AWSSatellaExporterThread('Shop', temporality='delta', client_factory=moto.client)
    counter, histogram, summary = (getMetric(name, name) for name in ('counter', 'histogram', 'summary'))
    exporter.loop()
    for value in (0.25, 0.5, 4.0):
        counter.runtime(2, shop='n')
        histogram.runtime(value)
        summary.runtime(value)
        exporter.loop()
    assert moto.statistics('Shop', 'counter', shop='n')['Sum'] == 6
    assert moto.statistics('Shop', 'counter.sum')['Sum'] == 6
    expected = {'Minimum': 0.25, 'Maximum': 4.0, 'SampleCount': 3, 'Sum': 4.75}
    assert moto.statistics('Shop', 'summary') == expected
    of_histogram = moto.statistics('Shop', 'histogram')
    assert of_histogram['SampleCount'] == 3
    assert of_histogram['Sum'] == pytest.approx(4.75)
    assert {name for name, _ in _listed(moto.client(), 'Shop')} == {'counter', 'counter.sum', 'histogram', 'summary'}


def test_exporter_sends_to_cloudwatch_at_its_start_and_at_its_end(moto: Moto) -> None:
    """Start, record, terminate: CloudWatch has the first export and the last."""
    counter = getMetric('counter', 'counter')
    counter.runtime(1)
    exporter = AWSSatellaExporterThread('Shop', interval=3600, client_factory=moto.client).start()
    wait_for(lambda: exporter.stats.sent, 'the first export', DEADLINE)
    counter.runtime(2)
    exporter.terminate().join(DEADLINE)
    statistics = moto.statistics('Shop', 'counter')
    assert statistics == {'Minimum': 1, 'Maximum': 3, 'SampleCount': 2, 'Sum': 4}


def test_loop_is_one_export_without_a_thread(endpoint: Endpoint) -> None:
    """It may be called as often as one likes, and needs no start."""
    counter = getMetric('counter', 'counter')
    exporter = AWSSatellaExporterThread('Test', client_factory=endpoint.client)
    for value in (1, 2, 3):
        counter.runtime(1)
        exporter.loop()
        assert [datum['Value'] for datum in endpoint.data] == list(range(1, value + 1))
    assert not exporter.is_alive()
    assert_conserved(exporter, endpoint, 3)


def test_cycles_are_right_after_the_start_and_an_interval_apart(endpoint: Endpoint) -> None:
    """The first at once; the second within an interval, which shifts the phase; all others an interval apart."""
    getMetric('counter', 'counter').runtime(1)
    with exporting(endpoint, 0.4) as exporter:
        wait_for(lambda: len(endpoint.received) >= 6, 'the sixth cycle', DEADLINE)
        at = [request.at for request in endpoint.received]
    # A cycle is late on a busy machine, and never early; a slot that was missed is skipped.
    assert at[5] - at[1] >= 4 * 0.4 - 0.3
    assert exporter.stats.cycles == len(endpoint.received)


def test_internal_metrics_are_not_exported(endpoint: Endpoint) -> None:
    """Nor what belongs to them, such as a histogram's sum and count, of which satella itself forgets it."""
    for name in ('counter', 'int', 'float', 'histogram', 'summary', 'cps', 'uptime'):
        getMetric(f'hidden.{name}', name, internal=True)
    getMetric('hidden.histogram', 'histogram').runtime(1, label='x')
    getMetric('hidden.called', 'callable', value_getter=lambda: 1, internal=True)
    getMetric('seen', 'counter').runtime(1)
    exporter = AWSSatellaExporterThread('Test', client_factory=endpoint.client)
    exporter.loop()
    assert [datum['MetricName'] for datum in endpoint.data] == ['seen']
    assert_conserved(exporter, endpoint, 1)


def test_pid_counts_toward_the_limit_of_dimensions(endpoint: Endpoint) -> None:
    """A series with ten labels plus the pid is discarded and reported; one with nine is sent with ten dimensions."""
    ten = {f'label{number}': str(number) for number in range(10)}
    nine = {name: ten[name] for name in sorted(ten)[:9]}
    getMetric('ten', 'int').runtime(1, **ten)
    getMetric('nine', 'int').runtime(1, **nine)
    discarded: list[MetricData] = []
    with exporting(endpoint, 3600, add_pid='pid', call_on_discarded_metric=discarded.append) as exporter:
        wait_for(lambda: exporter.stats.cycles, 'the cycle', DEADLINE)
        assert [(data.name, dict(data.labels)) for data in discarded] == [('ten', ten)]
    assert all(isinstance(data, MetricData) for data in discarded)
    assert [(datum['MetricName'], dimensions(datum)) for datum in endpoint.data] == [
        ('nine', {**nine, 'pid': str(os.getpid())})
    ] * exporter.stats.cycles


def test_failure_callback_gets_the_exception(endpoint: Endpoint) -> None:
    """The one that the client raised, once a failed request, whatever the client is."""
    getMetric('counter', 'counter').runtime(1)
    endpoint.behave = lambda _request: RESET
    failures: list[Exception] = []
    exporter = AWSSatellaExporterThread(
        'Test', call_on_metric_upload_fails=failures.append, client_factory=endpoint.client
    )
    exporter.loop()
    (failure,) = failures
    assert isinstance(failure, botocore.exceptions.ConnectionClosedError)
    injected = RuntimeError('injected')
    exporter.cloudwatch = mock.Mock(**{'put_metric_data.side_effect': injected})
    exporter.loop()
    assert failures[1:] == [injected]


def test_requests_have_at_most_max_send_at_once_data(endpoint: Endpoint) -> None:
    """20 by default, in the order of the tree."""
    for index in range(50):
        getMetric(f'm{index}', 'int').runtime(1)
    AWSSatellaExporterThread('Test', client_factory=endpoint.client).loop()
    AWSSatellaExporterThread('Test', max_send_at_once=50, client_factory=endpoint.client).loop()
    assert [len(request) for request in endpoint.received] == [20, 20, 10, 50]
    assert [datum['MetricName'] for datum in endpoint.data] == [f'm{index}' for index in range(50)] * 2


# --- construction


def test_exporter_has_its_interval_in_seconds() -> None:
    """``seconds`` is what the check makes of the text, whatever that is."""
    assert AWSSatellaExporterThread('Test', interval='5m').seconds == 300


def test_client_without_a_region_is_an_initialization_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What boto3 raised is chained."""
    monkeypatch.delenv('AWS_DEFAULT_REGION')
    with pytest.raises(InitializationError, match='region') as caught:
        AWSSatellaExporterThread('Test')
    assert isinstance(caught.value, RuntimeError)
    assert isinstance(caught.value.__cause__, botocore.exceptions.NoRegionError)


def test_unknown_profile_is_an_initialization_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As is whatever else is wrong with boto3's configuration."""
    monkeypatch.setenv('AWS_PROFILE', 'nobody')
    with pytest.raises(InitializationError, match='nobody') as caught:
        AWSSatellaExporterThread('Test')
    assert isinstance(caught.value.__cause__, botocore.exceptions.ProfileNotFound)


def test_factory_that_raises_is_an_initialization_error() -> None:
    """Whatever it raised, chained."""
    with pytest.raises(InitializationError, match='zero') as caught:
        AWSSatellaExporterThread('Test', client_factory=lambda: 1 / 0)  # type: ignore[arg-type,return-value]  # no client
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


# --- the client


def test_patching_boto3_works(endpoint: Endpoint) -> None:
    """Tests of existing programs replace ``boto3.client``; the exporter asks for just the client of CloudWatch."""
    getMetric('counter', 'counter').runtime(1)
    with mock.patch('boto3.client') as client:
        exporter = AWSSatellaExporterThread('Test', interval=3600).start()
        exporter.terminate().join(DEADLINE)
    client.assert_called_once_with('cloudwatch')
    calls = client.return_value.put_metric_data.call_args_list
    assert len(calls) == 2
    assert all(call.kwargs['Namespace'] == 'Test' for call in calls)
    assert [datum['MetricName'] for call in calls for datum in call.kwargs['MetricData']] == ['counter', 'counter']
    assert endpoint.received == []


def test_client_may_be_replaced_before_the_start(endpoint: Endpoint) -> None:
    """The one that was made is not used then."""
    getMetric('counter', 'counter').runtime(1)
    made = mock.Mock()
    exporter = AWSSatellaExporterThread('Test', interval=3600, client_factory=lambda: made)
    assert exporter.cloudwatch is made
    exporter.cloudwatch = endpoint.client()
    exporter.start().terminate().join(DEADLINE)
    assert len(endpoint.data) == 2
    made.put_metric_data.assert_not_called()


def test_configuration_of_boto3_rules(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a factory, region, credentials and endpoint are those that boto3 finds."""
    monkeypatch.setenv('AWS_ENDPOINT_URL_CLOUDWATCH', endpoint.url)
    monkeypatch.setenv('AWS_DEFAULT_REGION', 'eu-central-1')
    getMetric('counter', 'counter').runtime(1)
    exporter = AWSSatellaExporterThread('Test')
    assert isinstance(exporter.cloudwatch, type(boto3.client('cloudwatch')).__mro__[1])
    exporter.loop()
    (request,) = endpoint.received
    assert request.namespace == 'Test'
    assert 'Credential=testing/' in request.headers['Authorization']
    assert '/eu-central-1/monitoring/' in request.headers['Authorization']


def test_exporter_is_a_daemon_of_a_known_name(endpoint: Endpoint) -> None:
    """So that nothing waits for them, and a person sees in a list of threads what they are."""
    with exporting(endpoint) as exporter:
        assert exporter.daemon
        assert exporter.name == 'aws-satella-metrics'

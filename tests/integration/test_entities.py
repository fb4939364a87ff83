"""``service`` and ``environment``: what the data of PutMetricData belong to."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from satella.instrumentation.metrics import MetricData, getMetric
from support.endpoint import OK, Endpoint, Reply, Request, error
from support.moto import Moto

from aws_satella import AWSSatellaExporterThread, export_once

ENTITY = {'Type': 'Service', 'Name': 'checkout', 'Environment': 'eks:shop/prod'}


class Foreign:
    """A client that is no boto3 client, though it uses one."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def put_metric_data(self, **params: Any) -> Any:
        """Pass it on."""
        return self._client.put_metric_data(**params)


class Own(AWSSatellaExporterThread):
    """Has a hand in what is sent."""

    def send_metrics(self, data: list[Any]) -> None:
        """Pass it on."""
        super().send_metrics(data)


def _exporter(endpoint: Endpoint, way: str, **more: Any) -> AWSSatellaExporterThread:
    kind = Own if way == 'of a subclass' else AWSSatellaExporterThread
    client = endpoint.client()
    made = Foreign(client) if way == 'as dictionaries' else client
    return kind('Shop', service='checkout', environment='eks:shop/prod', client_factory=lambda: made, **more)


@pytest.mark.parametrize('size', [10, 1_000])
@pytest.mark.parametrize('way', ['ready', 'as dictionaries', 'of a subclass'])
def test_entity_is_that_of_all_data_of_a_request(endpoint: Endpoint, way: str, size: int) -> None:
    """They are in one entity, and CloudWatch takes them even where it does not take the entity."""
    for index in range(25):
        getMetric(f'm{index}', 'int').runtime(index)
        getMetric(f'long{index}', 'counter').runtime(1, text='x' * size)
    exporter = _exporter(endpoint, way)
    exporter.loop()
    assert all(request.entity == ENTITY for request in endpoint.received)
    assert exporter.stats.sent == len(endpoint.data) == 75
    assert {datum['MetricName'] for datum in endpoint.data} >= {f'm{index}' for index in range(25)}
    assert all(b'"StrictEntityValidation":false' in _text(request) for request in endpoint.received)


def _text(request: Request) -> bytes:
    body = gzip.decompress(request.wire) if request.headers.get('Content-Encoding') == 'gzip' else request.wire
    return body.replace(b': ', b':')


def test_service_without_an_environment_runs_in_the_default_one(endpoint: Endpoint) -> None:
    """CloudWatch asks for one, and has a name for none."""
    getMetric('a', 'int').runtime(1)
    export_once('Shop', service='checkout', client_factory=endpoint.client)
    assert endpoint.received[0].entity == {**ENTITY, 'Environment': 'generic:default'}


def test_entity_is_absent_without_a_service(endpoint: Endpoint) -> None:
    """It is off by default."""
    getMetric('a', 'int').runtime(1)
    export_once('Shop', client_factory=endpoint.client)
    assert endpoint.received[0].entity is None


@pytest.mark.parametrize('way', ['ready', 'as dictionaries', 'of a subclass'])
def test_refusal_names_positions_in_the_entity(endpoint: Endpoint, way: str) -> None:
    """The datum that CloudWatch names is the culprit, and costs itself alone."""
    discarded: list[MetricData] = []

    def judge(request: Request) -> Reply:
        names = [datum['MetricName'] for datum in request.data]
        if 'bad' not in names:
            return OK
        place = f'EntityMetricData.member.1.MetricData.member.{names.index("bad") + 1}.Value'
        return error('InvalidParameterValue', 400, f'The value for {place} is not allowed')

    endpoint.behave = judge
    for name in ('a', 'bad', 'c', 'd', 'e', 'f', 'g', 'h'):
        getMetric(name, 'int').runtime(1)
    exporter = _exporter(endpoint, way, call_on_discarded_metric=discarded.append)
    exporter.loop()
    assert [data.name for data in discarded] == ['bad']
    assert (exporter.stats.sent, exporter.stats.discarded) == (7, 1)
    if way != 'of a subclass':  # which may have changed the order, so that positions say nothing
        assert len(endpoint.received) == 3


def test_services_never_share_a_request(endpoint: Endpoint) -> None:
    """What an exporter takes over from one of another service stays with that service."""
    getMetric('a', 'int').runtime(1)
    endpoint.behave = lambda _request: error('Throttling')
    factory = endpoint.client
    before = AWSSatellaExporterThread('Shop', service='before', client_factory=factory)
    before.loop()
    after = AWSSatellaExporterThread('Shop', service='after', client_factory=factory)
    after.delivery.ledger = after.delivery.ledger.joined(before.delivery.ledger)
    endpoint.behave = lambda _request: OK
    after.loop()
    assert [request.entity['Name'] for request in endpoint.accepted if request.entity] == ['before', 'after']


def test_moto_takes_it(moto: Moto) -> None:
    """The parameters are those of the service model, whatever speaks it."""
    getMetric('a', 'int').runtime(1)
    assert export_once('Shop', service='checkout', client_factory=moto.client).sent == 1

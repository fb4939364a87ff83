"""Fixtures of all tests: every test starts with no metrics, and reaches no AWS but the one on loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator

import boto3
import pytest
from satella.instrumentation.metrics import getMetric
from support.destinations import make_default
from support.endpoint import Endpoint
from support.endpoint import endpoint as open_endpoint
from support.exporters import DEADLINE
from support.moto import REGION, Moto, moto_server
from support.otlp import OtlpEndpoint, otlp_endpoint
from support.worlds import MockWorld

from aws_satella import AWSSatellaExporterThread
from aws_satella.effects import process


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region and credentials, and no way to find others."""
    for name in ('AWS_PROFILE', 'AWS_ENDPOINT_URL', 'AWS_SESSION_TOKEN'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('AWS_DEFAULT_REGION', REGION)
    monkeypatch.setenv('AWS_ACCESS_KEY_ID', 'testing')
    monkeypatch.setenv('AWS_SECRET_ACCESS_KEY', 'testing')
    monkeypatch.setenv('AWS_EC2_METADATA_DISABLED', 'true')
    monkeypatch.setattr(boto3, 'DEFAULT_SESSION', None)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable that says how to export."""
    for name in list(os.environ):
        if name.startswith(('AWS_SATELLA_', 'OTEL_')):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def destination(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What exporters send to unless they are told otherwise."""
    name: str = getattr(request, 'param', 'cloudwatch')
    make_default(name, monkeypatch)
    return name


@pytest.fixture(autouse=True)
def _no_metrics() -> Iterator[None]:
    """An empty tree of metrics, before and after."""
    getMetric().reset()
    yield
    getMetric().reset()


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has not exported anything yet; the exporters that the test starts in it end with the test."""
    monkeypatch.setattr(process, '_processes', {})
    yield
    for exporter in process._this_process().exporters():
        exporter.abandon()
        exporter.join(DEADLINE)
        assert not exporter.is_alive()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockWorld]:
    """The world of all exporters that the test makes: their clocks, their waits, and chance."""
    mocked = MockWorld()
    monkeypatch.setattr(AWSSatellaExporterThread, '_world', mocked.seen)
    yield mocked
    mocked.run()  # what still waits comes to an end


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """An endpoint that fails on demand."""
    with open_endpoint() as opened:
        yield opened


@pytest.fixture
def otlp() -> Iterator[OtlpEndpoint]:
    """The stand-in of CloudWatch's OTLP endpoint, which has nothing to object to."""
    with otlp_endpoint() as opened:
        yield opened
        assert opened.violations == []


@pytest.fixture(scope='session')
def _moto() -> Iterator[Moto]:
    with moto_server() as moto:
        yield moto


@pytest.fixture
def moto(_moto: Moto) -> Iterator[Moto]:
    """An embedded CloudWatch that works, and has forgotten what was before."""
    _moto.reset()
    yield _moto
    _moto.reset()

"""Settings from the environment: who takes them from there, who does not, and how they turn the export off."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.destinations import each_destination
from support.endpoint import Endpoint, dimensions
from support.exporters import DEADLINE
from support.waiting import wait_for

import aws_satella
from aws_satella import ArgumentError, ArgumentTypeError, AWSSatellaExporterThread, ExportStats, InitializationError
from aws_satella.contrib import asgi, wsgi
from aws_satella.contrib.django import AWSSatellaMiddleware
from aws_satella.effects import environment
from aws_satella.effects.django import checks as django_checks
from aws_satella.effects.process import exporter_of_process
from aws_satella.pure import build_payloads

SETTING = 'AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR'
THREAD = 'aws-satella-metrics'


@pytest.fixture(autouse=True)
def _nothing_was_said() -> None:
    environment._tell.cache_clear()  # it is said once a process


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint) -> Endpoint:
    """An endpoint, and an environment that has all that is needed to export to it."""
    for name, value in {
        'AWS_ENDPOINT_URL': endpoint.url,
        'AWS_SATELLA_NAMESPACE': 'FromEnvironment',
        'AWS_SATELLA_DIMENSIONS': 'stage=blue%20green, host = h1',
        'AWS_SATELLA_INTERVAL': '1h',
        'AWS_SATELLA_TEMPORALITY': 'delta',
    }.items():
        monkeypatch.setenv(name, value)
    getMetric('orders', 'counter').runtime(1)
    return endpoint


def application(_environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """A WSGI application."""
    start_response('200 OK', [])
    return [b'']


def visit(site: Callable[..., Any]) -> None:
    """One request of a WSGI application, or of a middleware."""
    if isinstance(site, wsgi.Exporter):
        assert list(site({}, mock.Mock())) == [b'']
    else:
        assert site(HttpRequest()).status_code == 200


def site() -> AWSSatellaMiddleware:
    """A Django site with the middleware."""
    if not settings.configured:
        settings.configure()
    return AWSSatellaMiddleware(lambda _request: HttpResponse())


@pytest.fixture
def _without_setting() -> Iterator[None]:
    """A Django site that has no setting of ours."""
    if not settings.configured:
        settings.configure()
    with override_settings(**{SETTING: {}, 'MIDDLEWARE': [django_checks.MIDDLEWARE]}):
        del settings.AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR
        yield


STARTS: dict[str, Callable[[], object]] = {
    'start_if_not_started': aws_satella.start_if_not_started,
    'export_once': aws_satella.export_once,
    'wsgi': lambda: visit(wsgi.Exporter(application)),
    'django': lambda: visit(site()),
}


@pytest.mark.usefixtures('_without_setting')
@pytest.mark.parametrize('start', STARTS)
@each_destination
def test_environment_may_have_all_arguments(start: str, shop: Endpoint) -> None:
    """Everything may be in the environment, the namespace as well; Django then needs no setting."""
    STARTS[start]()
    wait_for(lambda: shop.received, 'a request')
    (datum,) = shop.named('orders')
    assert shop.received[0].namespace == 'FromEnvironment'
    assert dimensions(datum) == {'stage': 'blue green', 'host': 'h1'}
    if start != 'export_once':
        exporter = wait_for(exporter_of_process, 'the exporter')
        assert exporter is not None
        assert (exporter.delivery.arguments.interval, exporter.delivery.arguments.temporality) == (3600.0, 'delta')
        assert aws_satella.stats() == exporter.stats


@pytest.mark.usefixtures('shop')
def test_asgi_application_is_served_by_the_environment() -> None:
    """A wrapper takes what it is not given from there when it is made."""
    wrapper = asgi.Exporter(mock.Mock(), interval=60)
    assert wrapper._background._arguments['namespace'] == 'FromEnvironment'
    assert wrapper._background._arguments['interval'] == 60.0


def test_arguments_go_before_the_environment(shop: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument counts, one with its default value as well, even where its variable is wrong."""
    for name in ('NAMESPACE', 'DIMENSIONS', 'TEMPORALITY'):
        monkeypatch.setenv(f'AWS_SATELLA_{name}', ':')
    given: dict[str, Any] = {'extra_dimensions': None, 'temporality': 'cumulative'}
    assert aws_satella.export_once('Given', **given).sent == 1
    (request,) = shop.received
    assert request.namespace == 'Given'
    assert dimensions(request.data[0]) == {}
    assert aws_satella.preview(namespace='Preview', **given).data == 1


def test_preview_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is that of ``start_if_not_started``. The namespace has a default of its own."""
    for number in range(5):
        getMetric('orders', 'counter', sum_children=False).runtime(1, country=str(number))
    monkeypatch.setenv('AWS_SATELLA_MAX_SERIES', '2')
    assert aws_satella.preview().data == 2 + 1
    assert aws_satella.preview(max_series=None).data == 5
    monkeypatch.setenv('AWS_SATELLA_NAMESPACE', 'Shop' * 20)
    longer = aws_satella.preview().bytes
    monkeypatch.setenv('AWS_SATELLA_NAMESPACE', ' ')
    assert aws_satella.preview().bytes < longer


def test_class_and_the_pure_core_do_not_read_it(shop: Endpoint) -> None:
    """Two exporters of a migration stay two, and payloads are what the program says."""
    exporter = AWSSatellaExporterThread('Class')
    exporter.loop()
    (request,) = shop.received
    assert (request.namespace, dimensions(request.data[0])) == ('Class', {})
    assert (exporter.delivery.arguments.interval, exporter.delivery.arguments.temporality) == (300.0, 'cumulative')
    with pytest.raises(ArgumentTypeError, match=r'missing; allowed: a CloudWatch namespace$'):
        AWSSatellaExporterThread()  # type: ignore[call-arg]  # no namespace
    (payload,) = build_payloads(getMetric(), 'Payloads')
    assert payload['MetricData'][0].get('Dimensions', []) == []


@pytest.mark.usefixtures('_without_setting')
def test_django_says_what_is_wrong_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks and the start of a site name the variable. One whose argument is in the setting is not looked at."""
    assert [fault.id for fault in django_checks.check_setting()] == ['aws_satella.E001']
    monkeypatch.setenv('AWS_SATELLA_NAMESPACE', 'Shop')
    assert django_checks.check_setting() == []
    monkeypatch.setenv('AWS_SATELLA_INTERVAL', 'soon')
    monkeypatch.setenv('AWS_SATELLA_DIMENSIONS', 'stage')
    found = django_checks.check_setting()
    assert [fault.id for fault in found] == ['aws_satella.E007'] * 2
    assert "AWS_SATELLA_DIMENSIONS: 'stage' is not allowed" in found[0].msg
    assert "AWS_SATELLA_INTERVAL: 'soon' is not allowed" in found[1].msg
    with pytest.raises(ImproperlyConfigured, match=r'AWS_SATELLA_DIMENSIONS.*AWS_SATELLA_INTERVAL'):
        site()
    with override_settings(**{SETTING: {'interval': '5m', 'extra_dimensions': None}}):
        assert django_checks.check_setting() == []
        monkeypatch.setenv('AWS_SATELLA_ENVIRONMENT', 'live')  # without a service
        (unfit,) = django_checks.check_setting()
        assert unfit.id == 'aws_satella.E007'
        assert "AWS_SATELLA_ENVIRONMENT: 'live' is not allowed" in unfit.msg
        monkeypatch.delenv('AWS_SATELLA_ENVIRONMENT')
        monkeypatch.setenv('AWS_SATELLA_NAMESPACE', '')
        (missing,) = django_checks.check_setting()
        assert missing.id == 'aws_satella.E004'
        assert 'AWS_SATELLA_NAMESPACE' in str(missing.hint)
        monkeypatch.setenv('AWS_SATELLA_NAMESPACE', 'Shop')
        monkeypatch.setenv('AWS_SATELLA_DISABLED', 'maybe')
        with pytest.raises(ImproperlyConfigured, match="AWS_SATELLA_DISABLED: 'maybe'"):
            site()


# --- turned off


def _said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records if record.name == 'aws_satella']


@pytest.mark.parametrize('given', [{}, {'namespace': 'AWS/wrong', 'interval': -1}, {'namespace': 'N'}])
def test_turned_off_nothing_starts_and_nothing_raises(
    given: dict[str, Any], shop: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the arguments are, no exporter starts, no client is made, no request leaves, and the log says so once,
    at INFO. ``flush`` finds nothing that is left to send, and ``export_once`` has sent nothing."""
    caplog.set_level(logging.DEBUG, 'aws_satella')
    monkeypatch.setenv('AWS_SATELLA_DISABLED', 'yes')
    monkeypatch.setenv('AWS_SATELLA_NAMESPACE', 'AWS/wrong')
    factory = mock.Mock()
    monkeypatch.setattr('boto3.client', factory)
    aws_satella.start_if_not_started(**given)
    assert aws_satella.export_once(**given) == ExportStats()
    visit(wsgi.Exporter(application, **given))
    asgi.Exporter(mock.Mock(), **given)
    if not settings.configured:
        settings.configure()
    with override_settings(**{SETTING: given, 'MIDDLEWARE': [django_checks.MIDDLEWARE]}):
        with pytest.raises(MiddlewareNotUsed):
            site()
        assert django_checks.check_setting() == []
    assert aws_satella.flush(0) is True
    assert aws_satella.stats() is None
    assert not [thread for thread in threading.enumerate() if thread.name == THREAD]
    assert not factory.called
    assert not shop.received
    assert _said(caplog) == [('INFO', 'AWS_SATELLA_DISABLED is set: this process exports no metrics')]


def test_turned_off_an_exporter_of_the_program_does_not_start(
    shop: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its methods do what they do elsewhere, and none of them waits or raises. It needs no region."""
    caplog.set_level(logging.INFO, 'aws_satella')
    monkeypatch.setenv('AWS_SATELLA_DISABLED', '1')
    monkeypatch.delenv('AWS_DEFAULT_REGION')
    monkeypatch.setenv('AWS_CONFIG_FILE', '/dev/null')
    exporter = AWSSatellaExporterThread('Shop')
    for _ in range(2):
        assert exporter.start() is exporter
        assert not exporter.is_alive()
        assert exporter.flush() is True
    exporter.terminate().join()
    assert exporter.stats == ExportStats()
    assert aws_satella.flush(0) is True
    assert not shop.received
    assert [level for level, _ in _said(caplog)] == ['INFO']
    monkeypatch.setenv('AWS_SATELLA_DISABLED', '0')
    with pytest.raises(InitializationError):
        AWSSatellaExporterThread('Shop')


def test_turned_off_a_program_ends_by_itself(shop: Endpoint) -> None:
    """A program that starts an exporter and exports by itself runs as ever, and says nothing."""
    ended = scripts.run(scripts.program('environment.export'), shop.url, AWS_SATELLA_DISABLED='on')
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, '0 True False None\n', '')
    assert not shop.received


def test_disabled_variable_is_yes_or_no(shop: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start says what is allowed. ``flush``, which must not raise, takes it for no."""
    exporter = AWSSatellaExporterThread('Shop')
    monkeypatch.setenv('AWS_SATELLA_DISABLED', 'maybe')
    for start in (exporter.start, *STARTS.values()):
        if start is not STARTS['django']:
            with pytest.raises(ArgumentError, match=r"^AWS_SATELLA_DISABLED: 'maybe' is not allowed; allowed: 1, true"):
                start()
    assert aws_satella.flush(0) is False
    assert not shop.received


def test_exporter_that_runs_is_not_turned_off(shop: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable counts at the start: what runs goes on, and is flushed and counted."""
    aws_satella.start_if_not_started()
    wait_for(lambda: shop.received, 'the first export')
    monkeypatch.setenv('AWS_SATELLA_DISABLED', '1')
    getMetric('orders', 'counter').runtime(2)
    assert aws_satella.flush(DEADLINE)
    assert shop.values('orders') == [1, 2]
    stats = aws_satella.stats()
    assert stats is not None
    assert stats.sent == 2

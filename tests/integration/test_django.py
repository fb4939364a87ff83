"""The middleware, in this process: what it costs a request, what it says, and what it never does to a page."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from unittest import mock
from wsgiref.util import setup_testing_defaults

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.endpoint import HANG, Endpoint
from support.running import running_exporter
from support.waiting import wait_for
from support.worlds import MockWorld

import aws_satella
from aws_satella.contrib.django import AWSSatellaMiddleware
from aws_satella.effects import background, process
from aws_satella.effects.django import checks as django_checks
from aws_satella.effects.process import exporter_of_process

SETTING = 'AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR'
MIDDLEWARE = 'aws_satella.contrib.django.AWSSatellaMiddleware'
REQUESTS = 5


def page(_request: HttpRequest) -> HttpResponse:
    """Say which thread serves the page."""
    getMetric('site.hits', 'counter').runtime(1)
    return HttpResponse(str(threading.get_ident()))


async def async_page(request: HttpRequest) -> HttpResponse:
    """The same, asynchronously."""
    return page(request)


urlpatterns = [path('', page), path('async/', async_page)]


class Site:
    """A site with the middleware and this setting."""

    def __init__(self, setting: dict[str, Any] | None) -> None:
        if not settings.configured:
            settings.configure()
        self._settings = override_settings(
            **{SETTING: setting, 'MIDDLEWARE': [MIDDLEWARE], 'ROOT_URLCONF': __name__, 'ALLOWED_HOSTS': ['*']}
        )
        self._settings.enable()

    def close(self) -> None:
        """Have Django forget it."""
        self._settings.disable()

    @cached_property
    def _wsgi(self) -> WSGIHandler:
        return WSGIHandler()

    def get(self) -> tuple[str, str]:
        """One request, as a WSGI server makes it: the status and the body."""
        environ: dict[str, Any] = {}
        setup_testing_defaults(environ)
        start_response = mock.Mock()
        body = b''.join(self._wsgi(environ, start_response))
        return start_response.call_args.args[0], body.decode()


@contextmanager
def site_with(**arguments: Any) -> Iterator[Site]:
    """A site that exports; some arguments are given, so that the last cycle is that of the end."""
    site = Site({'namespace': 'Site', 'interval': 3600, 'temporality': 'delta', **arguments})
    try:
        yield site
    finally:
        site.close()


def ask(application: ASGIHandler, url: str) -> str:
    """One request, as an ASGI server makes it: the body of the page."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not received:
            received.append(True)
            return {'type': 'http.request', 'body': b'', 'more_body': False}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    received: list[bool] = []
    scope = {'type': 'http', 'method': 'GET', 'path': url, 'headers': [(b'host', b'localhost')], 'query_string': b''}
    asyncio.run(application(scope, receive, send))
    assert sent[0]['status'] == 200
    return str(sent[1]['body'].decode())


def exporter_runs() -> bool:
    """Whether it does, and is past its beginning."""
    exporter = exporter_of_process()
    return exporter is not None and exporter.is_alive() and process.is_running()


def complaints(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What an operator gets to see."""
    return [record for record in caplog.records if record.name == 'aws_satella' and record.levelno >= logging.WARNING]


def test_first_request_starts_the_exporter(endpoint: Endpoint) -> None:
    """The first request of a process starts the exporter, with the arguments of the setting."""
    with site_with(namespace='Mine', client_factory=endpoint.client) as site:
        assert not process.is_running()
        assert site.get()[0] == '200 OK'
        wait_for(exporter_runs, 'the exporter')
        assert aws_satella.flush(20)
    assert {request.namespace for request in endpoint.received} == {'Mine'}
    assert sum(endpoint.values('site.hits')) == 1


def test_first_request_does_not_wait_for_the_client(endpoint: Endpoint) -> None:
    """Pages are served while the client is being made, which takes a while; its thread is another one."""
    making, go_on = threading.Event(), threading.Event()
    maker = []

    def factory() -> Any:
        maker.append(threading.get_ident())
        making.set()
        assert go_on.wait(20)
        return endpoint.client()

    with site_with(client_factory=factory) as site:
        try:
            assert site.get()[0] == '200 OK'
            assert making.wait(20)
            assert [site.get()[0] for _ in range(REQUESTS)] == ['200 OK'] * REQUESTS
            assert not process.is_running()
        finally:
            go_on.set()
        wait_for(exporter_runs, 'the exporter')
        assert len(maker) == 1
        assert maker[0] != threading.get_ident()


def test_first_request_does_not_wait_for_another_start(endpoint: Endpoint) -> None:
    """Pages are served while the program itself is starting the exporter, and holds the lock of that."""
    making, go_on = threading.Event(), threading.Event()

    def factory() -> Any:
        making.set()
        assert go_on.wait(20)
        return endpoint.client()

    own = threading.Thread(target=aws_satella.start_if_not_started, args=['Own'], kwargs={'client_factory': factory})
    own.start()
    try:
        assert making.wait(20)
        with site_with() as site:
            assert [site.get()[0] for _ in range(REQUESTS)] == ['200 OK'] * REQUESTS
    finally:
        go_on.set()
        own.join(20)


@contextmanager
def as_debugged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Django says what it adapts only where DEBUG is set."""
    with caplog.at_level('DEBUG', 'django.request'), override_settings(DEBUG=True):
        yield


def test_asynchronous_site_is_not_adapted(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """Under ASGI nothing is adapted, and the page is served by the thread of the event loop; the exporter starts."""
    with site_with(client_factory=endpoint.client), as_debugged(caplog):
        assert ask(ASGIHandler(), '/async/') == str(threading.get_ident())
        wait_for(exporter_runs, 'the exporter')
    assert [record for record in caplog.records if record.name == 'django.request'] == []


def test_synchronous_site_is_not_adapted(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """Under WSGI nothing is adapted either, and the page is served by the thread that called."""
    with site_with(client_factory=endpoint.client) as site, as_debugged(caplog):
        assert site.get() == ('200 OK', str(threading.get_ident()))
        wait_for(exporter_runs, 'the exporter')
    assert [record for record in caplog.records if record.name == 'django.request'] == []


def _serves_a_minute_later(site: Site, world: MockWorld) -> bool:
    """Whether it does. Only then is another start tried."""
    world.jump(background.RETRY_SECONDS)
    return site.get()[0] == '200 OK'


class Broken:
    """A factory that makes no client, until it is mended."""

    def __init__(self, endpoint: Endpoint, error: BaseException) -> None:
        self.endpoint, self.error, self.calls, self.mended = endpoint, error, 0, False

    def __call__(self) -> Any:
        self.calls += 1
        if not self.mended:
            raise self.error
        return self.endpoint.client()


@pytest.mark.parametrize('error', [RuntimeError('no region'), MemoryError(), SystemExit(1)])
def test_site_serves_where_the_exporter_cannot_start(
    error: BaseException, endpoint: Endpoint, caplog: pytest.LogCaptureFixture, world: MockWorld
) -> None:
    """What shows only at run time is logged once and tried again after a minute, while the site serves."""
    factory = Broken(endpoint, error)
    with site_with(client_factory=factory) as site:
        assert [site.get()[0] for _ in range(REQUESTS)] == ['200 OK'] * REQUESTS
        wait_for(lambda: complaints(caplog), 'a complaint')
        assert [site.get()[0] for _ in range(REQUESTS)] == ['200 OK'] * REQUESTS
        assert factory.calls == 1
        wait_for(lambda: _serves_a_minute_later(site, world) and factory.calls >= 3, 'further attempts')
        assert len(complaints(caplog)) == 1
        factory.mended = True
        wait_for(lambda: _serves_a_minute_later(site, world) and exporter_runs(), 'the exporter')


@pytest.mark.parametrize('where', ['_thread.start_new_thread', 'threading.Thread.start'])
def test_site_serves_where_there_is_no_thread(
    where: str, endpoint: Endpoint, caplog: pytest.LogCaptureFixture, world: MockWorld
) -> None:
    """Where no thread is to be had, for the start or for the exporter, this is logged once, and the site serves."""
    caplog.set_level('DEBUG', 'aws_satella')
    with site_with(client_factory=endpoint.client) as site:
        with mock.patch(where, side_effect=RuntimeError("can't start new thread")):
            assert [site.get()[0] for _ in range(REQUESTS)] == ['200 OK'] * REQUESTS
            wait_for(lambda: complaints(caplog), 'a complaint')
            assert [site.get()[0] for _ in range(REQUESTS)] == ['200 OK'] * REQUESTS
            attempts = [record for record in caplog.records if 'Metrics are not exported' in record.getMessage()]
            assert len(attempts) == 1
            assert len(complaints(caplog)) == 1
            assert "can't start new thread" in complaints(caplog)[0].getMessage()
        wait_for(lambda: _serves_a_minute_later(site, world) and exporter_runs(), 'the exporter')


@pytest.mark.parametrize(
    ('wrong', 'says'), [({'AWS_DEFAULT_REGION': None}, 'region'), ({'AWS_PROFILE': 'misspelt'}, 'misspelt')]
)
def test_site_serves_where_boto3_is_not_configured(
    wrong: dict[str, str | None], says: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No region, or a profile that there is not, is logged once, and the site serves."""
    for name, value in wrong.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    monkeypatch.setenv('AWS_CONFIG_FILE', os.devnull)
    with site_with() as site:
        assert [site.get()[0] for _ in range(REQUESTS)] == ['200 OK'] * REQUESTS
        wait_for(lambda: complaints(caplog), 'a complaint')
        assert [site.get()[0] for _ in range(REQUESTS)] == ['200 OK'] * REQUESTS
        assert len(complaints(caplog)) == 1
        assert says in complaints(caplog)[0].getMessage()


def test_logging_that_fails_costs_no_page(endpoint: Endpoint) -> None:
    """Not even where the complaint itself cannot be logged, a request fails."""
    raising = mock.Mock(spec=[], side_effect=ValueError('a filter with a mistake'))
    logger = logging.getLogger('aws_satella')
    logger.addFilter(raising)
    try:
        with mock.patch('_thread.start_new_thread', side_effect=RuntimeError), site_with() as site:
            assert site.get()[0] == '200 OK'
            assert raising.called
    finally:
        logger.removeFilter(raising)


END_EARLY = scripts.program('django_.end_early')


def test_process_that_ends_before_its_exporter_runs_exports(endpoint: Endpoint) -> None:
    """The first requests of a process arrive though it ends while the client is being made, and nothing is said."""
    ended = scripts.run(END_EARLY, endpoint.url, '0.5', '20')
    assert ended.returncode == 0
    assert ended.stderr == ''
    assert sum(endpoint.values('site.hits')) == 1


@pytest.mark.parametrize('seconds', ['60', '0'], ids=['client', 'endpoint'])
def test_process_that_ends_too_early_says_so(seconds: str, endpoint: Endpoint) -> None:
    """Where the client takes longer than exit_timeout, or the endpoint does, the process ends, and one line says so."""
    endpoint.behave = lambda _request: HANG
    ended = scripts.run(END_EARLY, endpoint.url, seconds, '1.5', timeout=30)
    assert ended.returncode == 0
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert 'exit_timeout=1.5' in ended.stderr or 'could not be sent before the end' in ended.stderr


def test_dead_exporter_is_replaced(endpoint: Endpoint, world: MockWorld) -> None:
    """Where the exporter has ended, a later request starts another."""
    with site_with(client_factory=endpoint.client) as site:
        site.get()
        wait_for(exporter_runs, 'the exporter')
        first = running_exporter()
        assert first.flush(20)  # nothing is in flight that would be left open
        first.terminate(force=True)
        first.join(20)
        assert not process.is_running()
        wait_for(lambda: _serves_a_minute_later(site, world) and exporter_runs(), 'the exporter')


def test_setting_none_turns_the_export_off() -> None:
    """With None for the setting the middleware takes itself out of the chain."""
    site = Site(None)
    try:
        assert [site.get()[0] for _ in range(REQUESTS)] == ['200 OK'] * REQUESTS
        with pytest.raises(MiddlewareNotUsed):
            AWSSatellaMiddleware(page)
    finally:
        site.close()


FAULTS = [
    ([('namespace', 'X')], 'E002', ['of type list', 'a mapping']),
    ({'namespace': 'X', 'intervall': 5}, 'E003', ["unknown argument 'intervall'", "Did you mean 'interval'?"]),
    ({'namespace': 'X', 'Add_PID': 'pid'}, 'E003', ["'Add_PID'", "Did you mean 'add_pid'?"]),
    ({'namespace': 'X', 'zzz': 1, 7: 1}, 'E003', ["'zzz'", 'unknown argument 7', 'Allowed: namespace, ']),
    ({}, 'E004', ["no 'namespace'"]),
    ({'interval': '5m'}, 'E004', ["no 'namespace'"]),
    ({'namespace': 'X', 'temporality': 'Delta'}, 'E005', ["temporality: 'Delta'", "Did you mean 'delta'?"]),
    ({'namespace': 5, 'max_dimensions': 31}, 'E006', ['namespace: 5', 'max_dimensions: 31', 'from 1 to 30']),
]


@pytest.mark.parametrize(('constructor', 'code', 'says'), FAULTS)
def test_mistake_in_the_setting_is_found_at_the_start(constructor: Any, code: str, says: list[str]) -> None:
    """The start of a site and Django's checks name the setting, the argument and what is allowed, and guess typos."""
    with site_with(), override_settings(**{SETTING: constructor}):
        with pytest.raises(ImproperlyConfigured) as raised:
            WSGIHandler().load_middleware()
        with pytest.raises(ImproperlyConfigured):
            ASGIHandler()
        found = django_checks.check_setting()
    assert f'aws_satella.{code}' in {message.id for message in found}
    assert all(message.is_serious() and SETTING in message.msg and message.hint for message in found)
    for text in (str(raised.value), ' '.join(f'{message.msg} {message.hint}' for message in found)):
        assert SETTING in text
        assert [each for each in says if each not in text] == []


def test_missing_setting_is_found_at_the_start() -> None:
    """A site with the middleware and without its setting does not start; a misspelt one is guessed."""
    with site_with(), override_settings(AWS_SATELLA_MIDDLEWARE_CONSTUCTOR={}):
        del settings.AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR
        with pytest.raises(ImproperlyConfigured, match=f"{SETTING} is missing.*'AWS_SATELLA_MIDDLEWARE_CONSTUCTOR'"):
            WSGIHandler().load_middleware()
        assert [message.id for message in django_checks.check_setting()] == ['aws_satella.E001']


def test_checks_never_make_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """To check the setting no client is made, neither boto3's nor that of a factory."""
    factory = mock.Mock()
    monkeypatch.setattr('boto3.client', factory)
    for constructor in ({'namespace': 'X'}, {'namespace': 'X', 'client_factory': factory, 'interval': 0}):
        list(django_checks.faults(constructor))
    assert factory.call_count == 0


def test_checks_warn_of_a_setting_that_nobody_reads() -> None:
    """A setting without the middleware is a warning; neither of both, or the middleware turned off, is fine."""
    with site_with(), override_settings(MIDDLEWARE=[]):
        assert [message.id for message in django_checks.check_setting()] == ['aws_satella.W001']
        with override_settings(**{SETTING: None}):
            assert django_checks.check_setting() == []
        del settings.AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR
        assert django_checks.check_setting() == []
    with site_with():
        assert django_checks.check_setting() == []

"""What the page for Django says is so: its programs are taken from it, and its numbers are reckoned again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock
from wsgiref.util import setup_testing_defaults

import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.endpoint import Endpoint
from support.programs import DOCS, program
from support.sites import run_python

import aws_satella

METRICS = 'django_satella_metrics.DjangoSatellaMetricsMiddleware'
PRODUCTS = 1_000
ROBOTS = 100


def defined(contains: str, name: str) -> Any:
    """What a program of the page defines."""
    namespace: dict[str, Any] = {'__name__': __name__}
    exec(program('django.md', contains), namespace)
    return namespace[name]


def page(_request: HttpRequest, number: int = 0) -> HttpResponse:
    """A page of the shop."""
    return HttpResponse('')


async def async_page(request: HttpRequest) -> HttpResponse:
    """The same, asynchronously."""
    return page(request)


def count_requests(get_response: Any) -> Any:
    """The middleware of the page."""
    return defined('def count_requests', 'count_requests')(get_response)


count_requests.async_capable = True  # type: ignore[attr-defined]  # as the decorator of the page marks its own
urlpatterns = [path('', page), path('cart/', page), path('products/<int:number>/', page), path('async/', async_page)]


@contextmanager
def shop(middleware: str, **more: Any) -> Iterator[None]:
    """The settings of a shop."""
    if not settings.configured:
        settings.configure()
    with override_settings(MIDDLEWARE=[middleware], ROOT_URLCONF=__name__, ALLOWED_HOSTS=['*'], **more):
        yield


def visit(application: WSGIHandler, url: str) -> None:
    """One request, as a WSGI server makes it."""
    environ: dict[str, Any] = {'PATH_INFO': url}
    setup_testing_defaults(environ)
    list(application(environ, mock.Mock()))


@pytest.mark.parametrize('label', ['path', 'route'])
@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
def test_bills_are_those_of_preview(label: str, temporality: str) -> None:
    """The bills of a shop whose requests are counted by path, and by route with the url_getter of the page."""
    getter = {'url_getter': defined('def route', 'route')} if label == 'route' else {}
    with shop(METRICS, DJANGO_SATELLA_METRICS=getter):
        application = WSGIHandler()
        for url in ['/', '/cart/', *(f'/products/{number}/' for number in range(PRODUCTS))]:
            visit(application, url)
        for number in range(ROBOTS):
            visit(application, f'/wp-login-{number}.php')
    bill = aws_satella.preview(temporality=temporality)
    numbers = f'{bill.billed_metrics:,} | {bill.requests_a_month:,} | {bill.cost:,.2f} USD'
    assert f"| the {label} | `'{temporality}'` | {numbers} |" in (DOCS / 'django.md').read_text()


def test_middleware_of_the_page_counts_requests(caplog: pytest.LogCaptureFixture) -> None:
    """The middleware that the page shows counts by route and status, under WSGI and ASGI, where nothing is adapted."""
    with shop(f'{__name__}.count_requests', DEBUG=True), caplog.at_level('DEBUG', 'django.request'):
        application = WSGIHandler()
        visit(application, '/products/1/')
        visit(application, '/products/2/')
        assert [record.message for record in caplog.records if 'adapted' in record.message] == []
        asyncio.run(asynchronously(ASGIHandler(), '/async/'))
        assert [record.message for record in caplog.records if 'adapted' in record.message] == []
    counts = {
        data.labels['route']: data.value
        for data in getMetric().to_metric_data().values
        if data.name == 'site.seconds.count' and data.labels.get('status_code') == 200
    }
    assert counts == {'/products/<int:number>/': 2, '/async/': 1}


async def asynchronously(application: ASGIHandler, url: str) -> None:
    """One request, as an ASGI server makes it."""
    scope = {'type': 'http', 'method': 'GET', 'path': url, 'headers': [], 'query_string': b''}
    messages = iter([{'type': 'http.request', 'body': b'', 'more_body': False}])

    async def receive() -> dict[str, Any]:
        for message in messages:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        assert message.get('status', 200) == 200

    await application(scope, receive, send)


def test_command_of_the_page_exports(endpoint: Endpoint, tmp_path: Path) -> None:
    """The management command that the page shows exports what it counts before it ends; nothing with None."""
    commands = tmp_path / 'pages' / 'management' / 'commands'
    commands.mkdir(parents=True)
    (commands / 'restock.py').write_text(program('django.md', 'class Command'))
    for constructor, exported in (('null', 0), ('{"namespace": "Shop", "temporality": "delta"}', 3)):
        more = {'SHOP_APPS': 'pages', 'SHOP_CONSTRUCTOR': constructor}
        ran = run_python(endpoint.url, 'manage.py', 'restock', path=str(tmp_path), **more)
        assert ran.returncode == 0, ran.stdout
        assert 'restocked' in ran.stdout
        assert sum(endpoint.values('shop.restocked')) == exported


def test_celery_signals_of_the_page_export(endpoint: Endpoint) -> None:
    """The handlers that the page shows start the exporter, and export what is left before the process is gone."""
    _, *command = scripts.program('django_docs.work')
    page = program('django.md', 'worker_process_shutdown')
    ran = run_python(endpoint.url, *command, page, path=str(scripts.TESTS))
    assert ran.returncode == 0, ran.stdout
    assert sum(endpoint.values('shop.tasks')) == 2

"""Programs of the site of the tests."""

from __future__ import annotations

import asyncio
import os
import sys
import unittest
from typing import Any
from wsgiref.util import setup_testing_defaults

import django
from support.forking import FORKS
from support.program import main

import aws_satella


def _get(path: str) -> None:
    """Serve a page."""
    from shop.wsgi import application  # here, since a program of tests loads no application

    environ: dict[str, Any] = {'PATH_INFO': path}
    setup_testing_defaults(environ)
    status: list[str] = []
    body = b''.join(application(environ, lambda line, _headers: status.append(line)))
    assert status == ['200 OK'], (status, body)


def serve() -> None:
    """Serve a page."""
    _get('/page/1/')


def serve_and_fork() -> None:
    """Serve a page and export, and serve another page in a child."""
    _get('/page/1/')
    assert aws_satella.flush()
    if FORKS['no hooks']() == 0:
        _get('/page/0/')
        sys.exit()
    assert os.wait()[1] == 0


def check() -> None:
    """Run tests with the clients of Django, in no environment for tests."""
    from django.test import AsyncClient, Client  # here, since no other program is one of tests

    class PageTest(unittest.TestCase):
        def test_page(self) -> None:
            assert Client().get('/page/1/').json()['loop'] is False

        def test_async_page(self) -> None:
            async def get() -> Any:
                return await AsyncClient().get('/async/1/')

            assert asyncio.run(get()).json()['loop'] is True

        def test_checking_client(self) -> None:
            assert Client(enforce_csrf_checks=True).get('/page/1/').status_code == 200

    django.setup()
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(PageTest)
    sys.exit(not unittest.TextTestRunner().run(tests).wasSuccessful())


if __name__ == '__main__':
    main(globals())

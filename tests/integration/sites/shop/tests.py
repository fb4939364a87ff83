"""The tests of the site, for the ways there are to run tests: nothing of them may be exported."""

from __future__ import annotations

import urllib.request

from django.test import AsyncClient, Client, LiveServerTestCase, SimpleTestCase

from aws_satella.effects.process import is_running


class PageTest(SimpleTestCase):
    """The test clients."""

    def test_page(self) -> None:
        """A page is served, and counted."""
        assert Client().get('/page/1/').json()['loop'] is False
        assert not is_running()

    async def test_async_page(self) -> None:
        """An asynchronous page is."""
        response = await AsyncClient().get('/async/1/')
        assert response.json()['loop'] is True
        assert not is_running()


class LiveTest(LiveServerTestCase):
    """A server that is tested over HTTP."""

    databases = set()  # noqa: RUF012  # Django's own notation

    def test_page(self) -> None:
        """A page is served, and counted."""
        with urllib.request.urlopen(f'{self.live_server_url}/page/1/') as response:
            assert response.status == 200
        assert not is_running()

"""The middleware that starts the exporter of each process, synchronous and asynchronous."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase

from aws_satella.effects.background import BackgroundStart
from aws_satella.effects.complaints import say
from aws_satella.effects.django.checks import SETTING, faults, given, is_test_request, is_test_run
from aws_satella.effects.environment import is_disabled, is_silenced
from aws_satella.effects.process import exports_at_stop, is_running
from aws_satella.pure.environment import DISABLED

Response = HttpResponseBase | Awaitable[HttpResponseBase]


class AWSSatellaMiddleware:
    """Starts the exporter of each process with its first request, and beside it; sync and async.

    The setting ``AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR`` has the arguments of
    :class:`~aws_satella.AWSSatellaExporterThread`; None turns the export off. What it does not have is taken from
    environment variables. With the namespace there, no setting is needed. Test runs do not export.

    :raises ImproperlyConfigured: the setting is missing or wrong; the message says what is allowed
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Response]) -> None:
        if is_test_run():
            raise MiddlewareNotUsed('Test runs do not export.')
        arguments: Any = getattr(settings, SETTING, ...)
        if arguments is None:
            raise MiddlewareNotUsed(f'{SETTING} is None.')
        if is_silenced() and is_disabled():
            raise MiddlewareNotUsed(f'{DISABLED} is set.')
        if found := list(faults(arguments)):
            raise ImproperlyConfigured(' '.join(f'{fault.what} {fault.hint}' for fault in found))
        self._get_response = get_response
        self._background = BackgroundStart.of(**given(arguments))
        self._is_asynchronous = iscoroutinefunction(get_response)
        if self._is_asynchronous:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Response:
        """Serve the request."""
        if not is_running() and not is_test_request(request):
            self._background.start()
            if self._is_asynchronous and 'uvicorn.protocols' in sys.modules and not exports_at_stop():
                _warn_of_uvicorn(os.getpid())
        # An asynchronous get_response gives an awaitable, which is what Django expects of this method then.
        return self._get_response(request)


@cache
def _warn_of_uvicorn(_pid: int) -> None:
    """Say once a process that its last interval is lost."""
    say(
        'WARNING',
        'uvicorn ends processes without exit handlers, so what is recorded last is lost; in asgi.py, wrap the '
        'application: aws_satella.contrib.asgi.Exporter(get_asgi_application(), **settings.%s)',
        SETTING,
    )

"""The Django side: a middleware that starts the exporter, and checks of its setting. The only importer of Django."""

from __future__ import annotations

import inspect
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase

from aws_satella.effects.exporter import AWSSatellaExporterThread
from aws_satella.effects.process import is_running, start_if_not_started

logger = logging.getLogger('aws_satella')

SETTING = 'AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR'
MIDDLEWARE = 'aws_satella.contrib.django.AWSSatellaMiddleware'
RETRY_SECONDS = 60.0
"""How long to leave alone an exporter that could not be started."""

Response = HttpResponseBase | Awaitable[HttpResponseBase]


class AWSSatellaMiddleware:
    """Starts the exporter of each process with its first request; sync and async.

    The setting ``AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR`` has the arguments of
    :class:`~aws_satella.AWSSatellaExporterThread`; None turns the exporter off. Test runs never export.

    :raises ImproperlyConfigured: the setting is missing or wrong; the message says what is allowed
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        if _is_test_run() or getattr(settings, SETTING, ...) is None:
            raise MiddlewareNotUsed
        for fault, hint in faults():
            raise ImproperlyConfigured(f'{fault} {hint}')
        self._get_response = get_response
        self._starter = _Starter(dict(getattr(settings, SETTING)))
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Response:
        """Serve the request; the exporter starts beside it."""
        # An asynchronous get_response gives an awaitable, which is just what Django wants of this.
        if not is_running():
            self._starter.start(request)
        response: Response = self._get_response(request)
        return response


class _Starter:
    """Starts the exporter beside the requests, and never raises.

    :param constructor: the arguments of the exporter
    """

    def __init__(self, constructor: Mapping[str, Any]) -> None:
        self._constructor = constructor
        self._last: tuple[int, float] = (0, 0.0)
        self._complained = False

    def start(self, request: HttpRequest) -> None:
        """Start the exporter in a thread of its own, unless that was tried in this process a short while ago.

        The client takes a while to make: no request waits for it.
        """
        pid, tried = self._last
        if _is_test_request(request) or (pid == os.getpid() and time.monotonic() - tried < RETRY_SECONDS):
            return
        self._last = (os.getpid(), time.monotonic())
        try:
            threading.Thread(target=self._run, name='aws-satella-start', daemon=True).start()
        except RuntimeError:  # no thread to be had
            self._complain()

    def _run(self) -> None:
        try:
            start_if_not_started(**self._constructor)
        except Exception:
            self._complain()

    def _complain(self) -> None:
        log = logger.debug if self._complained else logger.exception
        log('The exporter of metrics could not be started; this is tried again at most once a minute')
        self._complained = True


def faults() -> list[tuple[str, str]]:
    """What is wrong with the setting, and what is allowed."""
    constructor = getattr(settings, SETTING, ...)
    if constructor is ...:
        return [(f'The setting {SETTING} is missing.', "Give it a mapping with at least a 'namespace', or None.")]
    if constructor is None:
        return []
    if not isinstance(constructor, Mapping):
        return [(f'The setting {SETTING} is {constructor!r}.', "It must be a mapping with a 'namespace', or None.")]
    parameters = inspect.signature(AWSSatellaExporterThread).parameters
    return _name_faults(constructor, parameters) or _value_faults(constructor)


def _name_faults(constructor: Mapping[Any, Any], parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for name in constructor:
        if name not in parameters:
            near = get_close_matches(str(name), parameters, n=1)
            hint = f'Did you mean {near[0]!r}?' if near else f'Allowed: {", ".join(parameters)}.'
            found.append((f'The setting {SETTING} has an unknown argument {name!r}.', hint))
    if 'namespace' not in constructor:
        found.append((f"The setting {SETTING} has no 'namespace'.", "Add 'namespace': the namespace of CloudWatch."))
    return found


def _value_faults(constructor: Mapping[str, Any]) -> list[tuple[str, str]]:
    factory = constructor.get('client_factory')
    if factory is not None and not callable(factory):
        return [(f'The setting {SETTING} is wrong: client_factory: {factory!r}.', 'Allowed: a callable.')]
    try:
        # Without a real client, to make an exporter is to check its arguments, and nothing else.
        AWSSatellaExporterThread(**{**constructor, 'client_factory': object})
    except (TypeError, ValueError) as error:
        what, _, allowed = str(error).partition('; allowed: ')
        return [(f'The setting {SETTING} is wrong: {what}.', f'Allowed: {allowed}.')]
    return []


def _is_test_run() -> bool:
    """Whether Django's test environment is set up, as ``manage.py test`` and pytest-django do."""
    utils = sys.modules.get('django.test.utils')
    return utils is not None and hasattr(utils._TestState, 'saved_data')


def _is_test_request(request: HttpRequest) -> bool:
    """Whether the request comes from a test run, or from Django's test client in any program."""
    return hasattr(request, '_dont_enforce_csrf_checks') or _is_test_run()


@checks.register(checks.Tags.compatibility)
def check_setting(**_kwargs: Any) -> Sequence[checks.CheckMessage]:
    """``manage.py check`` reports what is wrong with the setting, where the middleware is in use."""
    if MIDDLEWARE not in (settings.MIDDLEWARE or ()) or _is_test_run():
        return []
    return [checks.Error(fault, hint, id='aws_satella.E001') for fault, hint in faults()]


class AWSSatellaConfig(AppConfig):
    """For ``INSTALLED_APPS``: has ``manage.py check`` check the setting."""

    name = 'aws_satella'
    verbose_name = 'aws-satella'

"""The Django side: a middleware that starts the exporter, and checks of its setting. The only importer of Django."""

from __future__ import annotations

import _thread
import inspect
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, NamedTuple

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase

from aws_satella.effects.exporter import AWSSatellaExporterThread, at_exit
from aws_satella.effects.process import export_once, flush, is_running, note_fork, start_if_not_started

logger = logging.getLogger('aws_satella')

SETTING = 'AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR'
MIDDLEWARE = 'aws_satella.contrib.django.AWSSatellaMiddleware'
ALLOWED = "a mapping with the arguments of start_if_not_started, at least 'namespace'; or None, which exports nothing"
PARAMETERS = inspect.signature(AWSSatellaExporterThread).parameters

RETRY_SECONDS = 60.0
"""How long to leave alone an exporter that could not be started."""

Response = HttpResponseBase | Awaitable[HttpResponseBase]


class AWSSatellaMiddleware:
    """Starts the exporter of each process with its first request, and beside it; sync and async.

    The setting ``AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR`` has the arguments of
    :class:`~aws_satella.AWSSatellaExporterThread`; None turns the export off. Test runs never export.

    :raises ImproperlyConfigured: the setting is missing or wrong; the message says what is allowed
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Response]) -> None:
        if _is_test_run():
            raise MiddlewareNotUsed('Test runs do not export.')
        constructor: Any = getattr(settings, SETTING, ...)
        if constructor is None:
            raise MiddlewareNotUsed(f'{SETTING} is None.')
        if found := list(faults(constructor)):
            raise ImproperlyConfigured(' '.join(f'{fault.what} {fault.hint}' for fault in found))
        self._get_response = get_response
        self._starter = _Starter(constructor)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Response:
        """Serve the request."""
        if not is_running() and not _is_test_request(request):
            self._starter.start()
        # An asynchronous get_response gives an awaitable, which is just what Django wants of this.
        return self._get_response(request)


class _Attempt:
    """One attempt to start the exporter of this process, in a thread of its own.

    :param constructor: the arguments of the exporter
    """

    def __init__(self, constructor: Mapping[str, Any]) -> None:
        self._constructor = constructor
        self._began = time.monotonic()
        self._done = threading.Event()
        self._failure: BaseException | None = None
        self._exported = False
        self.pid = os.getpid()

    @property
    def stands(self) -> bool:
        """Whether another is out of place: in a forked child at once, else not before this has ended, nor too soon."""
        if self.pid != os.getpid():
            return False
        return not self._done.is_set() or time.monotonic() - self._began < RETRY_SECONDS

    def begin(self, then: Callable[[BaseException | None], object]) -> None:
        """Begin, and do not wait for it: not even, as Thread.start does, for the thread to have begun.

        :param then: called with what it has failed of, from its thread if there is one
        """
        try:
            _thread.start_new_thread(self._run, (then,))
        except Exception as error:
            self._done.set()
            then(error)

    def finish(self) -> None:
        """The process ends: where the exporter has not started yet, it must not take the first requests with it."""
        if self.pid != os.getpid() or self._done.is_set():
            return
        limit = self._constructor.get('exit_timeout', PARAMETERS['exit_timeout'].default)
        deadline = time.monotonic() + limit
        ended = self._done.wait(limit)
        if ended and (self._failure or self._exported or flush(max(0.0, deadline - time.monotonic()))):
            return
        with suppress(Exception):  # of a handler or a filter of the program's own
            logger.warning('The last export did not end within exit_timeout=%g s', limit)

    def _run(self, then: Callable[[BaseException | None], object]) -> None:
        try:
            self._start()
        except BaseException as error:
            self._failure = error
        self._done.set()
        then(self._failure)

    def _start(self) -> None:
        try:
            start_if_not_started(**self._constructor)
        except RuntimeError as error:
            # From Python 3.12 on no thread starts once the interpreter exits; but this one has, and the exit waits.
            if 'interpreter shutdown' not in str(error):
                raise
            export_once(**self._constructor)
            self._exported = True


class _Starter:
    """Starts the exporter beside the requests, and never raises.

    :param constructor: the arguments of the exporter
    """

    def __init__(self, constructor: Mapping[str, Any]) -> None:
        self._constructor = dict(constructor)
        self._attempt: _Attempt | None = None
        self._complained = False

    def start(self) -> None:
        """Start the exporter, unless that is under way, or has failed a short while ago."""
        note_fork()  # here, and not in the thread, which comes too late for what this request counts
        last = self._attempt
        if last is not None and last.stands:
            return
        self._attempt = _Attempt(self._constructor)
        if last is None or last.pid != self._attempt.pid:
            at_exit(self._finish)
        self._attempt.begin(self._ended)

    def _finish(self) -> None:
        if self._attempt is not None:
            self._attempt.finish()

    def _ended(self, error: BaseException | None) -> None:
        log = logger.debug if self._complained else logger.error
        self._complained = error is not None
        if error is not None:
            with suppress(Exception):  # of a handler or a filter of the program's own
                log('Metrics are not exported; this is tried again at most once a minute: %r', error, exc_info=error)


class Fault(NamedTuple):
    """Something wrong with the setting."""

    id: str
    what: str
    hint: str


def faults(constructor: object) -> Iterator[Fault]:
    """What is wrong with the setting, and what is allowed.

    :param constructor: its value, ... where it is missing
    """
    if constructor is ...:
        near = get_close_matches(SETTING, dir(settings), n=1, cutoff=0.8)
        yield Fault('E001', f'The setting {SETTING} is missing.', _suggestion(near) or f'Allowed: {ALLOWED}.')
    elif constructor is not None and not isinstance(constructor, Mapping):
        yield Fault('E002', f'The setting {SETTING} is of type {type(constructor).__name__}.', f'Allowed: {ALLOWED}.')
    elif constructor is not None:
        found = [*_name_faults(constructor), *_value_faults(constructor)]
        yield from found or _fault_of(constructor)  # the last for what no argument is wrong about by itself


def _suggestion(near: list[str]) -> str:
    return f'Did you mean {near[0]!r}?' if near else ''


def _name_faults(constructor: Mapping[Any, Any]) -> Iterator[Fault]:
    for name in constructor:
        if name not in PARAMETERS:
            near = get_close_matches(str(name).lower(), PARAMETERS, n=1)
            hint = _suggestion(near) or f'Allowed: {", ".join(PARAMETERS)}.'
            yield Fault('E003', f'The setting {SETTING} has an unknown argument {name!r}.', hint)
    if 'namespace' not in constructor:
        yield Fault('E004', f"The setting {SETTING} has no 'namespace'.", "Add 'namespace': that of CloudWatch.")


def _value_faults(constructor: Mapping[Any, Any]) -> Iterator[Fault]:
    for name, value in constructor.items():
        if name in PARAMETERS:
            yield from _fault_of({'namespace': 'Check', name: value}, name)


def _fault_of(constructor: Mapping[str, Any], name: str = '') -> Iterator[Fault]:
    factory = constructor.get('client_factory')
    try:
        # With a client that is none, to make an exporter is to check its arguments, and nothing else.
        AWSSatellaExporterThread(
            **{**constructor, 'client_factory': object if factory is None or callable(factory) else factory}
        )
    except Exception as error:
        what, _, allowed = str(error).partition('; allowed: ')
        what = what if what.startswith(name) else f'{name}: {error!r}'
        hint = f'Allowed: {allowed}{"" if allowed.endswith("?") else "."}' if allowed else ''
        yield Fault('E006' if isinstance(error, TypeError) else 'E005', f'The setting {SETTING}: {what}.', hint)


def _is_test_run() -> bool:
    """Whether Django's test environment is set up, as ``manage.py test`` and pytest-django do."""
    utils = sys.modules.get('django.test.utils')
    return hasattr(getattr(utils, '_TestState', None), 'saved_data')


def _is_test_request(request: HttpRequest) -> bool:
    """Whether the request comes from Django's test client, in any program, or from anywhere in a test run."""
    return hasattr(request, '_dont_enforce_csrf_checks') or _is_test_run()


@checks.register('aws_satella')
def check_setting(**_kwargs: Any) -> list[checks.CheckMessage]:
    """What ``manage.py check`` reports, where ``'aws_satella'`` is in ``INSTALLED_APPS``; nothing in test runs."""
    if _is_test_run():
        return []
    constructor, used = getattr(settings, SETTING, ...), MIDDLEWARE in (settings.MIDDLEWARE or ())
    if constructor is ... and not used:
        return []  # start_if_not_started may be called elsewhere
    found = [checks.Error(fault.what, fault.hint, id=f'aws_satella.{fault.id}') for fault in faults(constructor)]
    return [*found, *([] if used or constructor is None else [_unused()])]


def _unused() -> checks.CheckMessage:
    return checks.Warning(
        f'The setting {SETTING} is given, but the middleware that reads it is not in MIDDLEWARE.',
        f"Add '{MIDDLEWARE}'; or silence this where start_if_not_started is called elsewhere.",
        id='aws_satella.W001',
    )


class AWSSatellaConfig(AppConfig):
    """For ``INSTALLED_APPS``: has ``manage.py check`` check the setting."""

    name = 'aws_satella'
    verbose_name = 'aws-satella'

"""Called again by the same thread in the middle of a call: by a log or signal handler, a callback, a metric."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.endpoint import OK, RESET, Endpoint
from support.exporters import DEADLINE, Ticks, end
from support.waiting import wait_for

import aws_satella
from aws_satella.effects import process

T = TypeVar('T')


class _Handler(logging.Handler):
    """Calls something for each line, once at a time."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act
        self.answers: list[object] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.answers.append(self._act())


@pytest.fixture
def handling() -> Iterator[Callable[[Callable[[], object]], _Handler]]:
    """Adds a handler of all loggers at DEBUG, which botocore uses while a client is made."""
    root, added = logging.getLogger(), []
    level = root.level

    def add(act: Callable[[], object]) -> _Handler:
        added.append(_Handler(act))
        root.addHandler(added[-1])
        root.setLevel(logging.DEBUG)
        return added[-1]

    yield add
    root.setLevel(level)
    for each in added:
        root.removeHandler(each)


def _within_deadline(act: Callable[[], T]) -> list[T]:
    """What it returned, in a thread that is not waited for longer than the deadline."""
    answers: list[T] = []
    thread = threading.Thread(target=lambda: answers.append(act()), daemon=True)
    thread.start()
    thread.join(DEADLINE)
    assert not thread.is_alive(), 'It waits for itself'
    return answers


def _exporters() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == 'aws-satella-metrics']


def test_log_handler_that_starts_lazily(endpoint: Endpoint, handling: Any) -> None:
    """botocore logs while the client is made: the handler gets its answers at once, and one exporter starts."""
    Ticks()
    clients: list[Any] = []

    def make() -> Any:
        clients.append(endpoint.client())
        return clients[-1]

    def start() -> None:
        aws_satella.start_if_not_started('Test', interval=3600, client_factory=make)

    handler = handling(lambda: (start(), aws_satella.flush() if not _exporters() else None))
    assert _within_deadline(start) == [None]
    assert (None, False) in handler.answers
    assert len(clients) == len(_exporters()) == 1
    assert aws_satella.flush(DEADLINE)


def test_client_factory_that_starts(endpoint: Endpoint) -> None:
    """It starts no second exporter, and the first one runs."""
    flushed = []

    def make() -> Any:
        aws_satella.start_if_not_started('Test', interval=3600, client_factory=make)
        flushed.append(aws_satella.flush())
        return endpoint.client()

    _within_deadline(lambda: aws_satella.start_if_not_started('Test', interval=3600, client_factory=make))
    assert flushed == [False]
    assert len(_exporters()) == 1
    assert aws_satella.flush(DEADLINE)


def test_start_that_failed_inside_a_start_leaves_nothing_behind(endpoint: Endpoint) -> None:
    """After a factory that raised, whoever it called, the next call starts."""

    def make() -> Any:
        aws_satella.start_if_not_started('Test', client_factory=make)
        raise LookupError('no client')

    with pytest.raises(aws_satella.InitializationError, match='no client'):
        aws_satella.start_if_not_started('Test', client_factory=make)
    aws_satella.start_if_not_started('Test', interval=3600, client_factory=endpoint.client)
    assert aws_satella.flush(DEADLINE)


def _once(endpoint: Endpoint, **more: Any) -> aws_satella.ExportStats:
    return aws_satella.export_once('Jobs', temporality='delta', client_factory=endpoint.client, **more)


def test_export_once_in_a_failure_callback(endpoint: Endpoint) -> None:
    """It returns what is buffered; afterwards everything has been recorded, and arrives, once."""
    getMetric('rows', 'counter').runtime(100)
    inner: list[aws_satella.ExportStats] = []
    endpoint.behave = lambda _request: RESET
    outer = _once(endpoint, call_on_metric_upload_fails=lambda _: inner.append(_once(endpoint)))
    assert [(stats.buffered, stats.sent, stats.cycles, stats.failed_requests) for stats in inner] == [(1, 0, 0, 0)]
    assert (outer.buffered, outer.cycles, outer.failed_requests) == (1, 1, 1)
    endpoint.behave = lambda _request: OK
    assert _once(endpoint).sent == 2
    assert sum(endpoint.values('rows')) == 100


def test_export_once_in_a_callable_metric(endpoint: Endpoint) -> None:
    """It exports nothing by itself, and counts nothing twice."""
    rows = getMetric('rows', 'counter')
    rows.runtime(100)
    inner: list[aws_satella.ExportStats] = []

    def value() -> float:
        inner.append(_once(endpoint))
        return 1.0

    getMetric('self', 'callable', value_getter=value)
    outer = _once(endpoint)
    assert [(stats.sent, stats.cycles, stats.buffered) for stats in inner] == [(0, 0, 1)]
    assert (outer.sent, outer.cycles) == (2, 1)
    assert endpoint.values('rows') == [100]


def test_export_once_in_a_discard_callback(endpoint: Endpoint) -> None:
    """The callback is called while data are in the outbox: they go once."""
    getMetric('rows', 'counter').runtime(100)
    getMetric('nothing', 'float').runtime(float('nan'))
    inner: list[aws_satella.ExportStats] = []
    outer = _once(endpoint, call_on_discarded_metric=lambda _: inner.append(_once(endpoint)))
    assert [(stats.sent, stats.discarded, stats.cycles) for stats in inner] == [(0, 0, 0)]
    assert (outer.sent, outer.discarded, outer.cycles) == (1, 1, 1)
    assert endpoint.values('rows') == [100]


def test_export_once_in_a_log_handler(endpoint: Endpoint, handling: Any) -> None:
    """Where a line of any logger exports, the lines of that export do not."""
    getMetric('rows', 'counter').runtime(100)
    handling(lambda: _once(endpoint))
    _within_deadline(lambda: logging.getLogger('program').warning('a line'))
    assert endpoint.values('rows') == [100]


def test_export_once_in_the_thread_of_a_request(endpoint: Endpoint) -> None:
    """With a timeout a request has a thread of its own, where botocore logs, and a log handler may export."""
    getMetric('rows', 'counter').runtime(100)
    inner: list[aws_satella.ExportStats] = []
    client = endpoint.client()

    class Client:
        def put_metric_data(self, **payload: Any) -> Any:
            inner.append(_once(endpoint))
            return client.put_metric_data(**payload)

    def export() -> aws_satella.ExportStats:
        return aws_satella.export_once('Jobs', temporality='delta', client_factory=Client, timeout=10 * DEADLINE)

    (outer,) = _within_deadline(export)
    assert [(stats.sent, stats.cycles, stats.buffered) for stats in inner] == [(0, 0, 1)]
    assert (outer.sent, outer.cycles, outer.buffered) == (1, 1, 0)
    assert endpoint.values('rows') == [100]


def test_export_once_of_another_namespace_in_a_callback(endpoint: Endpoint) -> None:
    """What another namespace has been sent is another matter: that export happens."""
    getMetric('rows', 'counter').runtime(100)
    getMetric('nothing', 'float').runtime(float('nan'))
    other: list[aws_satella.ExportStats] = []

    def export_there(_: object) -> None:
        other.append(aws_satella.export_once('Other', temporality='delta', client_factory=endpoint.client))

    outer = _once(endpoint, call_on_discarded_metric=export_there)
    assert [(stats.sent, stats.cycles) for stats in (outer, *other)] == [(1, 1), (1, 1)]
    assert [request.namespace for request in endpoint.accepted] == ['Other', 'Jobs']


@pytest.mark.parametrize('place', ['callback', 'metric'])
def test_exporter_starts_no_other_by_itself(place: str, endpoint: Endpoint) -> None:
    """A callback or a metric that starts lazily does so in vain, also in the last export; it does not wait either."""
    answers: list[object] = []

    def act(_: object = None) -> float:
        aws_satella.start_if_not_started('Test', **arguments)
        answers.append(aws_satella.flush())
        return 1.0

    arguments: dict[str, Any] = {'interval': 3600, 'client_factory': endpoint.client}
    if place == 'callback':
        arguments['call_on_discarded_metric'] = act
        getMetric('nothing', 'float').runtime(float('nan'))
    else:
        getMetric('acting', 'callable', value_getter=act)
    aws_satella.start_if_not_started('Test', **arguments)
    exporter = process.exporter_of_process()
    assert exporter is not None
    wait_for(lambda: exporter.stats.cycles, 'the first cycle')
    before = len(answers)
    end(exporter)
    assert len(answers) > before
    assert set(answers) == {False}
    assert process.exporter_of_process() is exporter


@pytest.mark.parametrize('pause', [0.003, 0.02])
def test_signal_handlers_in_the_middle_of_a_start(pause: float, endpoint: Endpoint) -> None:
    """A real signal, every few milliseconds of a start and of an export_once in the main thread."""
    ended = scripts.run(scripts.program('reentry.signals'), endpoint.url, str(pause))
    assert ended.returncode == 0, ended.stderr
    by_namespace: dict[str, float] = {}
    for request in endpoint.accepted:
        for datum in request.data:
            by_namespace[request.namespace] = by_namespace.get(request.namespace, 0) + datum['Value']
    assert by_namespace == {'Signal': 100, 'Once': 100}

"""The exporter's thread lives as long as its process, whatever the program's code or CloudWatch's replies raise."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError
from satella.instrumentation.metrics import MetricDataCollection, getMetric
from satella.instrumentation.metrics.metric_types import LeafMetric
from support.endpoint import OK, Endpoint, Reply, dimensions
from support.exporters import DEADLINE, Raiser, assert_conserved, exporting, kill
from support.switching import switching_every
from support.waiting import wait_for

from aws_satella import AWSSatellaExporterThread

ERRORS = [RuntimeError, MemoryError, SystemExit]
HEALTHY = ['a_first.healthy', 'z_last.healthy']
"""One before everything in the tree, one behind."""


class _Label:
    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def __str__(self) -> str:
        self._act()
        return 'label'


class _Unknown(LeafMetric):
    CLASS_NAME = 'unknown'
    act: Callable[[], object]

    def to_metric_data(self) -> MetricDataCollection:
        self.act()
        return super().to_metric_data()


class _Client:
    def __init__(self, client: Any, act: Callable[[], object]) -> None:
        self._client = client
        self._act = act

    def put_metric_data(self, **payload: Any) -> object:
        self._act()
        return self._client.put_metric_data(**payload)


class _Handler(logging.Handler):
    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act

    def emit(self, _record: logging.LogRecord) -> None:
        self._act()


def _callable_metric(raiser: Raiser, _endpoint: Endpoint) -> dict[str, Any]:
    getMetric('sick', 'callable', value_getter=raiser)
    return {}


def _label(raiser: Raiser, _endpoint: Endpoint) -> dict[str, Any]:
    getMetric('sick', 'int').runtime(1, label=_Label(raiser))
    return {}


def _unknown_class(raiser: Raiser, _endpoint: Endpoint) -> dict[str, Any]:
    sick = _Unknown('sick', getMetric())
    sick.act = raiser
    getMetric().append_child(sick)
    return {}


def _callback_on_discard(raiser: Raiser, _endpoint: Endpoint) -> dict[str, Any]:
    getMetric('sick', 'float').runtime(float('nan'))
    return {'call_on_discarded_metric': raiser}


def _callback_on_failure(raiser: Raiser, endpoint: Endpoint) -> dict[str, Any]:
    endpoint.behave = lambda _request: Reply(500) if raiser.times < 3 else OK
    return {'call_on_metric_upload_fails': raiser}


def _put_metric_data(raiser: Raiser, endpoint: Endpoint) -> dict[str, Any]:
    raiser.limit = 3
    return {'client_factory': lambda: _Client(endpoint.client(), raiser)}


SITES = [_callable_metric, _label, _unknown_class, _callback_on_discard, _callback_on_failure, _put_metric_data]


@pytest.fixture(autouse=True)
def _healthy() -> None:
    getMetric(HEALTHY[0], 'counter').runtime(1)


def _wait_for_a_healthy_cycle(endpoint: Endpoint) -> None:
    """Wait until the next cycle's healthy metrics have all arrived."""
    before = {name: len(endpoint.named(name)) for name in HEALTHY}
    wait_for(lambda: all(len(endpoint.named(name)) > before[name] + 1 for name in HEALTHY), 'a healthy cycle', DEADLINE)


@pytest.mark.parametrize('what', ERRORS, ids=lambda what: what.__name__)
@pytest.mark.parametrize('site', SITES, ids=lambda site: site.__name__[1:])
def test_thread_delivers_what_is_healthy_whatever_is_raised(
    site: Callable[[Raiser, Endpoint], dict[str, Any]], what: type[BaseException], endpoint: Endpoint
) -> None:
    """What the program's code or the client raises costs what it concerns alone, and a forced end still ends it."""
    raiser = Raiser(what)
    arguments = site(raiser, endpoint)
    getMetric(HEALTHY[1], 'counter').runtime(1)

    with exporting(endpoint, **arguments) as exporter:
        wait_for(lambda: raiser.times >= 3, 'the third fault', DEADLINE)
        _wait_for_a_healthy_cycle(endpoint)
        kill(exporter)
    # The end may have come between a request and its reply.
    assert exporter.stats.sent <= len(endpoint.data) <= exporter.stats.sent + len(endpoint.accepted[-1])
    assert exporter.stats.dropped == 0


@pytest.mark.parametrize(
    'reply',
    [
        Reply(500, b'\xff\xfe\xb1 no text'),
        Reply(400, b'[1, 2, 3]'),
        Reply(400, b'{"__type": ["a"], "message": {"b": 1}}'),
        Reply(400, b''),
    ],
    ids=['not UTF-8', 'a list', 'odd fields', 'empty'],
)
def test_reply_that_cannot_be_understood_costs_nothing(reply: Reply, endpoint: Endpoint) -> None:
    """The data are kept, and sent when CloudWatch makes sense again."""
    answers = [reply, reply]
    endpoint.behave = lambda _request: answers.pop() if answers else OK
    getMetric(HEALTHY[1], 'counter').runtime(1)

    with exporting(endpoint) as exporter:
        wait_for(lambda: not answers, 'the odd replies', DEADLINE)
        _wait_for_a_healthy_cycle(endpoint)
    assert exporter.stats.failed_requests == 2
    assert exporter.stats.discarded == exporter.stats.dropped == 0
    assert_conserved(exporter, endpoint, 2 * exporter.stats.cycles)


@pytest.mark.parametrize(
    'response',
    [None, ['a list'], {'Error': None}, {'ResponseMetadata': {'HTTPStatusCode': 'x'}}],
    ids=['none', 'a list', 'no error', 'no status'],
)
def test_error_that_cannot_be_understood_costs_nothing(response: Any, endpoint: Endpoint) -> None:
    """Whatever a client makes of a reply, the data are kept."""
    failure = ClientError({}, 'PutMetricData')
    failure.response = response
    getMetric(HEALTHY[1], 'counter').runtime(1)
    client = mock.Mock(put_metric_data=mock.Mock(side_effect=failure))
    exporter = AWSSatellaExporterThread('Test', client_factory=lambda: client)
    exporter.loop()
    exporter.cloudwatch = endpoint.client()
    exporter.loop()
    assert [datum['MetricName'] for datum in endpoint.data] == [*HEALTHY, *HEALTHY]
    assert_conserved(exporter, endpoint, 4)


class _UnprintableError(RuntimeError):
    def __repr__(self) -> str:
        raise RuntimeError('injected')


@dataclass(eq=True)
class _Unhashable:
    """A callback that is equal to others, and so has no hash."""

    times: int = 0

    def __call__(self, _: object) -> None:
        self.times += 1
        raise _UnprintableError


def test_log_takes_what_cannot_be_printed_or_hashed(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """An exception without a repr(), a callback without a hash: both are logged all the same."""
    getMetric('sick', 'callable', value_getter=Raiser(_UnprintableError))
    getMetric(HEALTHY[1], 'counter').runtime(1)
    client = mock.Mock(put_metric_data=mock.Mock(side_effect=[_UnprintableError, None, None]))
    callbacks: dict[str, Any] = {
        'call_on_metric_upload_fails': _Unhashable(),
        'call_on_discarded_metric': _Unhashable(),
    }
    exporter = AWSSatellaExporterThread('Test', client_factory=lambda: client, **callbacks)
    exporter.loop()
    exporter.loop()
    assert [each.times for each in callbacks.values()] == [1, 2]
    assert exporter.stats.sent == 4
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 4


@pytest.mark.parametrize('what', ERRORS, ids=lambda what: what.__name__)
def test_log_handler_that_raises_ends_nothing(
    what: type[BaseException], endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even what reports the faults may end the thread by a fault of its own."""
    logger = logging.getLogger('aws_satella')
    caplog.set_level(logging.DEBUG, logger.name)
    raiser = Raiser(what)
    handler = _Handler(raiser)
    endpoint.behave = lambda _request: Reply(500) if len(endpoint.received) < 3 else OK
    getMetric('sick', 'float').runtime(float('nan'))
    getMetric(HEALTHY[1], 'counter').runtime(1)
    logger.addHandler(handler)
    try:
        with exporting(endpoint) as exporter:
            _wait_for_a_healthy_cycle(endpoint)
    finally:
        logger.removeHandler(handler)
    assert raiser.times >= 5
    assert_conserved(exporter, endpoint, 3 * exporter.stats.cycles)


# --- the race of everything with everything


@pytest.fixture
def _switching_madly() -> Iterator[None]:
    with switching_every(1e-6):
        yield


class _Recorder:
    """A client that takes everything at once, so that the cycles are as many as can be."""

    def __init__(self) -> None:
        self.cycles: list[list[dict[str, Any]]] = []

    def put_metric_data(self, Namespace: str, MetricData: list[dict[str, Any]]) -> None:  # noqa: N803  # AWS's names
        assert Namespace == 'Race'
        self.cycles.append(MetricData)

    def observed(self, temporality: str) -> Counter[tuple[str, str]]:
        """(name and labels, aspect) → what came of it: the last value, or in delta mode all increases together."""
        observed: Counter[tuple[str, str]] = Counter()
        for cycle in self.cycles:
            if temporality == 'cumulative':
                observed.clear()
            for datum in cycle:
                series = ' '.join([datum['MetricName'], *sorted(dimensions(datum).values())])
                if 'Values' in datum:
                    observed[series, 'count'] += sum(datum['Counts'])
                    observed[series, 'sum'] += sum(
                        value * count for value, count in zip(datum['Values'], datum['Counts'], strict=True)
                    )
                elif series.startswith('counter') or temporality == 'cumulative':
                    observed[series, 'value'] += datum['Value']
                else:
                    observed[series, 'value'] = datum['Value']
        return observed


def _record(number: int) -> None:
    """Record once with everything. All fractions are binary ones, so that sums are exact."""
    kind = 'even' if number % 2 == 0 else 'odd'
    getMetric('counter', 'counter').runtime(2, kind=kind)
    getMetric('plain.counter', 'counter').runtime(1)
    getMetric('cps', 'cps').runtime(kind=kind)
    getMetric('histogram', 'histogram').runtime(0.0625, kind=kind)
    getMetric('summary', 'summary').runtime(0.5, kind=kind)
    getMetric('int', 'int').runtime(7, kind=kind)
    getMetric('float', 'float').runtime(0.75, kind=kind)


def _cumulative_totals(odd: int, even: int) -> dict[tuple[str, str], float]:
    return {
        ('counter odd', 'value'): 2 * odd,
        ('counter even', 'value'): 2 * even,
        ('counter.sum', 'value'): 2 * (odd + even),
        ('plain.counter', 'value'): odd + even,
        ('cps 3600 odd', 'value'): odd,
        ('cps 3600 even', 'value'): even,
        ('cps.total 3600', 'value'): odd + even,
        ('histogram.sum odd', 'value'): odd / 16,
        ('histogram.count odd', 'value'): odd,
        ('histogram 0.05 0.075 odd', 'value'): odd,
        ('histogram.sum even', 'value'): even / 16,
        ('histogram.count even', 'value'): even,
        ('histogram 0.05 0.075 even', 'value'): even,
        ('histogram.total.sum', 'value'): (odd + even) / 16,
        ('histogram.total.count', 'value'): odd + even,
        ('histogram.total 0.05 0.075', 'value'): odd + even,
        ('summary.count odd', 'value'): odd,
        ('summary.sum odd', 'value'): odd / 2,
        ('summary.count even', 'value'): even,
        ('summary.sum even', 'value'): even / 2,
        ('summary.count', 'value'): odd + even,
        ('summary.sum', 'value'): (odd + even) / 2,
        ('int odd', 'value'): 7,
        ('int even', 'value'): 7,
        ('float odd', 'value'): 0.75,
        ('float even', 'value'): 0.75,
    }


def _delta_totals(odd: int, even: int) -> dict[tuple[str, str], float]:
    both = odd + even
    return {
        ('counter odd', 'value'): 2 * odd,
        ('counter even', 'value'): 2 * even,
        ('counter.sum', 'value'): 2 * both,
        ('histogram odd', 'count'): odd,
        ('histogram odd', 'sum'): odd / 16,
        ('histogram even', 'count'): even,
        ('histogram even', 'sum'): even / 16,
        ('histogram.total', 'count'): both,
        ('histogram.total', 'sum'): both / 16,
        ('summary odd', 'count'): odd,
        ('summary odd', 'sum'): odd / 2,
        ('summary even', 'count'): even,
        ('summary even', 'sum'): even / 2,
        ('summary.total', 'count'): both,
        ('summary.total', 'sum'): both / 2,
        ('int odd', 'value'): 7,
        ('float even', 'value'): 0.75,
        ('cps 3600 odd', 'value'): odd,
        ('cps.total 3600', 'value'): both,
    }


TOTALS = {'cumulative': _cumulative_totals, 'delta': _delta_totals}


@pytest.mark.usefixtures('_switching_madly')
@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
def test_totals_are_exact_while_eight_threads_record(temporality: str, caplog: pytest.LogCaptureFixture) -> None:
    """No cycle fails while all is being recorded all the time, and in the end nothing is missing or counted twice."""
    getMetric().reset()
    getMetric('cps', 'cps', time_unit_vectors=[3600])
    for number in (0, 1):
        _record(number)
    recorded = [0] * 8
    stop = threading.Event()

    def record(number: int) -> None:
        while not stop.is_set():
            _record(number)
            recorded[number] += 1
            time.sleep(0.001)

    threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
    client: Any = _Recorder()
    exporter = AWSSatellaExporterThread(
        'Race', interval=0.05, max_send_at_once=1000, temporality=temporality, client_factory=lambda: client
    ).start()
    for thread in threads:
        thread.start()
    wait_for(lambda: exporter.stats.cycles >= 40, 'forty cycles', 60)
    stop.set()
    for thread in threads:
        thread.join()
    exporter.terminate().join(DEADLINE)

    odd, even = 1 + sum(recorded[1::2]), 1 + sum(recorded[0::2])
    observed = client.observed(temporality)
    expected = TOTALS[temporality](odd, even)
    assert {key: observed[key] for key in expected} == pytest.approx(expected, rel=1e-12, abs=0)
    assert {key: observed[key] for key in expected if key[1] == 'count'} == {
        key: value for key, value in expected.items() if key[1] == 'count'
    }
    assert exporter.stats.cycles >= 20
    assert exporter.stats.discarded == exporter.stats.dropped == exporter.stats.failed_requests == 0
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []

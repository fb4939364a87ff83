"""Views end to end: what arrives, cycle after cycle, through failures, successors and forks."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.destinations import each_destination
from support.endpoint import OK, RESET, Endpoint, dimensions
from support.exporters import DEADLINE, end, exporting, kill
from support.waiting import wait_for

import aws_satella
from aws_satella import AWSSatellaExporterThread, View, export_once, preview
from aws_satella import exporter as exporter_module
from aws_satella.pure import Reason, cardinality
from aws_satella.pure.prices import Prices

OTHER = '(other)'


def status_class(code: object) -> str:
    """The class of a status code."""
    return f'{code}'[0] + 'xx'


VIEWS = {
    'django.*': View(keep=('route', 'status_code'), map={'status_code': status_class}, rollups=[('route',), ()]),
    'noisy': View(max_series=2),
}


def record(number: int = 1) -> None:
    """Requests of a site, and a label that explodes."""
    requests = getMetric('django.requests', 'counter', sum_children=False)
    for route in ('/', '/cart'):
        for code in (200, 201, 404):
            requests.runtime(number, route=route, status_code=code, host='a')
    for user in range(5):
        getMetric('noisy', 'counter', sum_children=False).runtime(number, user=str(user))


def sums(endpoint: Endpoint) -> dict[str, Counter[tuple[str, ...]]]:
    """What arrived, by name and by the values of the labels, sorted by their names; no zeros."""
    found: dict[str, Counter[tuple[str, ...]]] = {}
    for datum in endpoint.data:
        labels = tuple(value for _, value in sorted(dimensions(datum).items()))
        found.setdefault(datum['MetricName'], Counter())[labels] += datum.get('Value', 0)
    return {name: +counter for name, counter in found.items()}


REQUESTS = {
    ('/', '2xx'): 2,
    ('/', '4xx'): 1,
    ('/cart', '2xx'): 2,
    ('/cart', '4xx'): 1,
    ('/',): 3,
    ('/cart',): 3,
    (): 6,
}
NOISE = {('0',): 1, ('1',): 1, (OTHER,): 3}


def times(number: int, values: Mapping[Any, int]) -> Counter[tuple[str, ...]]:
    """So many times these values."""
    return Counter({labels: number * value for labels, value in values.items()})


@each_destination
def test_views_decide_what_arrives(endpoint: Endpoint) -> None:
    """An exporter sends what its views make of the metrics, and everything that was recorded is in it."""
    record()
    with exporting(endpoint, 3_600, temporality='delta', views=VIEWS) as exporter:
        wait_for(lambda: exporter.stats.cycles, 'a cycle', DEADLINE)
        record(2)
    assert sums(endpoint) == {'django.requests': times(3, REQUESTS), 'noisy': times(3, NOISE)}


def test_export_once_goes_on_with_the_views(endpoint: Endpoint) -> None:
    """Each call goes on where the one before has stopped: with the increases, and with the series that are kept. That
    the functions in the views are new ones each time does not matter."""

    def views() -> dict[str, View]:
        return {
            'django.*': View(keep=('status_code',), map={'status_code': lambda code: f'{code}'[0] + 'xx'}),
            'noisy': View(max_series=2),
        }

    noisy = getMetric('noisy', 'counter', sum_children=False)
    for users in ('ab', 'cd', 'dcba'):
        record()
        for user in users:
            noisy.runtime(1, user=user)
        export_once('Shop', temporality='delta', views=views(), client_factory=endpoint.client)
    assert sums(endpoint) == {
        'django.requests': Counter({('2xx',): 12, ('4xx',): 6}),
        'noisy': Counter({('0',): 3, ('1',): 3, (OTHER,): 3 * 3 + 8}),
    }


@each_destination
def test_outage_loses_nothing_of_the_views(endpoint: Endpoint) -> None:
    """What could not be sent goes out later, with the labels that it had; the sum is what was recorded."""
    with exporting(endpoint, 0.05, temporality='delta', views=VIEWS) as exporter:
        record()
        endpoint.behave = lambda _request: RESET
        wait_for(lambda: exporter.stats.failed_requests >= 2, 'two failures', DEADLINE)
        record()
        endpoint.behave = lambda _request: OK
        wait_for(lambda: not exporter.stats.buffered and exporter.stats.sent, 'a success', DEADLINE)
    assert sums(endpoint) == {'django.requests': times(2, REQUESTS), 'noisy': times(2, NOISE)}


def test_successor_inherits_what_is_kept(endpoint: Endpoint) -> None:
    """The exporter that replaces a dead one keeps the same series, in whatever order it meets them."""
    noisy = getMetric('noisy', 'counter', sum_children=False)
    for user in 'abc':
        noisy.runtime(1, user=user)
    arguments: dict[str, Any] = {'temporality': 'delta', 'views': VIEWS, 'client_factory': endpoint.client}
    aws_satella.start_if_not_started('Shop', interval=3_600, **arguments)
    first = exporter_module.worker_thread
    assert first is not None
    wait_for(lambda: first.stats.sent, 'the first export', DEADLINE)
    kill(first)
    noisy.children.reverse()
    for user in 'abc':
        noisy.runtime(1, user=user)
    aws_satella.start_if_not_started('Shop', interval=3_600, **arguments)
    second = exporter_module.worker_thread
    assert second is not None
    assert second is not first
    end(second)
    assert sums(endpoint)['noisy'] == Counter({('a',): 2, ('b',): 2, (OTHER,): 2})


@pytest.mark.parametrize('automatic', ['yes', 'no'])
def test_forked_child_inherits_what_is_kept(automatic: str, endpoint: Endpoint) -> None:
    """A child keeps the series that its parent kept, whether it goes on by itself or starts an exporter; so both send
    the same ones."""
    ended = scripts.run(scripts.program('views.fork'), endpoint.url, automatic)
    assert ended.returncode == 0, ended.stderr
    assert sums(endpoint)['noisy'] == Counter({('a',): 11, ('b',): 11, (OTHER,): 1 + 20})


def test_label_that_raises_is_reported(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """A callable of a view that raises costs one series, is said once, and does not end the exporter."""

    def fails(_value: object) -> str:
        raise SystemExit(3)

    getMetric('a', 'counter').runtime(1, shop='north')
    getMetric('b', 'counter').runtime(1, shop='north')
    discarded: list[Any] = []
    views = {'a': View(map={'shop': fails})}
    with exporting(endpoint, 0.05, views=views, call_on_discarded_metric=discarded.append) as exporter:
        wait_for(lambda: exporter.stats.cycles >= 3, 'three cycles', DEADLINE)
    assert {datum['MetricName'] for datum in endpoint.data} == {'a.sum', 'b', 'b.sum'}
    assert {each.name for each in discarded} == {'a'}
    lines = [record.getMessage() for record in caplog.records if 'Metric a is discarded' in record.getMessage()]
    assert len(lines) == 1


# --- warnings


def test_metric_with_very_many_series_is_warned_of(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """Without any view, a metric with more than 1,000 series is named once, with the label that has the most values
    and what it costs; again at each tenfold. One with a view is the business of that."""
    caplog.set_level(logging.WARNING, 'aws_satella')
    viewed, wild = getMetric('viewed', 'counter'), getMetric('wild', 'histogram', buckets=[1.0])
    exporter = AWSSatellaExporterThread('Shop', views={'v*': View()}, client_factory=endpoint.client)
    for number in range(1, 10_003):
        viewed.runtime(1, user=number)
        wild.runtime(1, user=number, shop='north')
        if number in (1_000, 1_001, 1_002, 9_999, 10_000, 10_001):
            exporter.delivery.take_snapshot()
    message = "Metric wild has {} series: its label 'user' has {} values. A view can add them up, or bound them; "
    assert [record.getMessage() for record in caplog.records] == [
        (message + 'they cost {:.2f} USD a month').format(number, number, Prices().metrics(number * 4))
        for number in (1_001, 10_000)
    ]


def test_digits() -> None:
    """It is said at 1, and at each tenfold."""
    assert [cardinality.digits(number) for number in (0, 1, 9, 10, 99, 100)] == [0, 1, 1, 2, 2, 3]


# --- preview


def test_preview_shows_what_views_save() -> None:
    """A preview with views has the series and the bill of the same without them, and says that each process keeps its
    own first series."""
    record()
    with_views, without = preview(views=VIEWS, processes=3), preview(processes=3)
    assert with_views.unviewed is not None
    assert with_views.unviewed.series == without.series
    assert with_views.unviewed.cost == pytest.approx(without.cost)
    assert with_views.series == len(REQUESTS) + len(NOISE)
    assert without.unviewed is None
    lines = str(with_views).splitlines()
    assert any(line.startswith('without views') and f'{without.billed_metrics:,}' in line for line in lines)
    assert any('each process keeps its own first series' in line for line in lines)
    assert 'without views' not in str(without)
    assert preview(views={'*': View(max_series=1)}).discards == {}
    getMetric('queue', 'int').runtime(1, queue='a')
    getMetric('queue', 'int').runtime(1, queue='b')
    assert preview(views={'*': View(keep=())}).discards == {Reason.NOT_ADDITIVE: 2}


def test_preview_over_otlp_shows_bytes() -> None:
    """Over OTLP, views save bytes."""
    record()
    found = preview(views=VIEWS, destination='otlp')
    assert found.unviewed is not None
    assert found.unviewed.cost != found.cost
    assert any(line.startswith('without views') for line in str(found).splitlines())

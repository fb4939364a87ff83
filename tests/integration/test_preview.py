"""``preview``: what would be sent and what it would cost, against what is then sent."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from satella.instrumentation.metrics import MetricData, getMetric
from support.endpoint import Endpoint, dimensions
from support.otlp import otlp_endpoint
from support.site import URLS, WORKERS, Site, traffic
from support.waiting import wait_for

from aws_satella import AWSSatellaExporterThread, Prices, preview
from aws_satella.pure import Reason


def varied_tree() -> None:
    """Metrics of every kind, many and large enough for several requests, with some that cannot be sent."""

    def broken() -> float:
        raise RuntimeError('out of order')

    for number in range(20):
        getMetric('orders', 'counter').runtime(number, country=str(number), text='zażółć "gęślą" jaźń' * 5)
        getMetric('latency', 'histogram').runtime(number / 7, url=f'/{number}')
        getMetric('size', 'summary', last_calls=400).runtime(number / 7, url='/')
    for number in range(400):
        getMetric('size', 'summary', last_calls=400).runtime(number / 13, url='/many')
    getMetric('workers', 'int').runtime(3)
    getMetric('nothing', 'float').runtime(float('nan'))
    getMetric('broken', 'callable', value_getter=broken)
    getMetric('logins', 'counter', sum_children=False).runtime(1, **{f'label{number}': number for number in range(12)})


ARGUMENTS: dict[str, dict[str, Any]] = {
    'defaults': {},
    'delta': {'temporality': 'delta'},
    'large requests': {'max_send_at_once': 1000, 'add_pid': 'pid'},
    'dimensions': {'extra_dimensions': {'stage': 'test', 'region': 'über'}, 'add_pid': 'stage'},
    'a long namespace': {'namespace': 'N' * 255, 'max_send_at_once': 7},
    'units': {'units': {'*': 'Gigabytes/Second'}, 'storage_resolution': 1, 'temporality': 'delta'},
    'bounded': {'max_series': 20, 'exclude': ['latency', 'broken'], 'max_dimensions': 3},
}


@pytest.mark.parametrize('arguments', ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_preview_foretells_what_is_sent(arguments: dict[str, Any], endpoint: Endpoint) -> None:
    """Series, data, requests and discards are those of the cycle that follows; bytes are no fewer, and not twice."""
    varied_tree()
    foretold = preview(**arguments)
    reported: list[MetricData] = []
    exporter = AWSSatellaExporterThread(
        **{'namespace': 'Preview', **arguments},
        client_factory=endpoint.client,
        call_on_discarded_metric=reported.append,
    )
    exporter.loop()

    series = {(datum['MetricName'], tuple(sorted(dimensions(datum).items()))) for datum in endpoint.data}
    assert foretold.series == foretold.billed_metrics == len(series)
    assert foretold.data == len(endpoint.data) == exporter.stats.sent
    assert foretold.requests == len(endpoint.accepted)
    assert sum(foretold.discards.values()) == len(reported) == exporter.stats.discarded
    bodies = sum(request.size for request in endpoint.accepted)
    assert bodies <= foretold.bytes < 2 * bodies
    names = Counter(name for name, _ in series)
    assert sorted(number for _, number in foretold.top) == sorted(sorted(names.values())[-10:])
    assert all(names[name] == number for name, number in foretold.top)


OTLP_ARGUMENTS: dict[str, dict[str, Any]] = {
    'defaults': {},
    'delta': {'temporality': 'delta'},
    'a bound': {'max_send_at_once': 7, 'temporality': 'delta'},
    'a resource': {'extra_dimensions': {'stage': 'test'}, 'add_pid': 'worker', 'service': 'shop', 'environment': 'eu'},
    'bounded': {'max_series': 20, 'exclude': ['latency', 'broken'], 'units': {'*': 'Bytes/Second'}},
}


@pytest.mark.parametrize('arguments', OTLP_ARGUMENTS.values(), ids=OTLP_ARGUMENTS.keys())
def test_preview_foretells_what_is_sent_over_otlp(arguments: dict[str, Any]) -> None:
    """Series, points, requests, discards and, but for the order of the metrics, bytes are those of the cycle that
    follows. It is no matter whether CloudWatch or another receiver gets them."""
    varied_tree()
    reported: list[MetricData] = []
    with otlp_endpoint(unsigned=True) as receiver:
        to = {'destination': receiver.metrics_url, **arguments}
        foretold = preview(**to)
        assert foretold == preview(**{**to, 'destination': 'otlp'})
        exporter = AWSSatellaExporterThread('Preview', **to, call_on_discarded_metric=reported.append)
        exporter.loop()

    assert receiver.violations == []
    assert foretold.series == len(receiver.series)
    assert foretold.data == len(receiver.points) == exporter.stats.sent
    assert foretold.requests == len(receiver.accepted)
    assert sum(foretold.discards.values()) == len(reported) == exporter.stats.discarded
    sent = sum(request.size for request in receiver.accepted)
    # Callables come last in a cycle, and may part the points of a metric into two requests.
    assert abs(foretold.bytes - sent) < 50 * foretold.requests


def test_preview_does_not_underestimate_a_single_small_datum(endpoint: Endpoint) -> None:
    """What surrounds the data in a request counts too."""
    getMetric('a', 'int').runtime(0)
    arguments: dict[str, Any] = {'namespace': 'N' * 255, 'units': {'a': 'Terabits/Second'}}
    foretold = preview(**arguments)
    AWSSatellaExporterThread(**arguments, client_factory=endpoint.client).loop()
    (request,) = endpoint.accepted
    assert request.size <= foretold.bytes


def test_preview_counts_discards_by_reason() -> None:
    """Each reason, with how many data it would cost."""
    varied_tree()
    getMetric('infinite', 'float').runtime(float('inf'))
    assert preview().discards == {Reason.NOT_FINITE: 2, Reason.RAISED: 1, Reason.TOO_MANY_DIMENSIONS: 1}
    queue = getMetric('queue', 'int')
    for number in range(5):
        queue.runtime(number, queue=str(number))
    assert preview(queue, max_series=2).discards == {Reason.TOO_MANY_SERIES: 3}


# --- nothing happens


def test_preview_sends_nothing_and_changes_nothing(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preview sends nothing, makes no client, starts no thread, calls no callback, and moves nobody's baseline."""
    monkeypatch.setenv('AWS_ENDPOINT_URL', endpoint.url)
    orders, latency = getMetric('orders', 'counter'), getMetric('latency', 'histogram')
    getMetric('nothing', 'float').runtime(float('nan'))
    exporter = AWSSatellaExporterThread('Shop', temporality='delta', client_factory=endpoint.client)
    threads = threading.enumerate()
    called: list[object] = []
    none: Any = {'client_factory': lambda: called.append('client')}
    for number in (1, 2, 3):
        orders.runtime(number)
        latency.runtime(0.3)
        for _ in range(2):
            foretold = preview(temporality='delta', call_on_discarded_metric=called.append, **none)
            assert (foretold.series, foretold.discards) == (2, {Reason.NOT_FINITE: 1})
        exporter.loop()
    assert endpoint.values('orders') == [1, 2, 3]
    assert [datum['Counts'] for datum in endpoint.named('latency')] == [[1], [1], [1]]
    assert len(endpoint.received) == 3
    assert called == []
    wait_for(
        lambda: not [each for each in threading.enumerate() if 'satella' in each.name and each not in threads],
        'the end of the threads of the exports',
    )


@pytest.mark.parametrize('destination', ['cloudwatch', 'otlp'])
@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
def test_preview_runs_user_code_once(destination: str, temporality: str) -> None:
    """Two forms are compared, but each metric is asked once."""
    asked = []
    getMetric('workers', 'callable', value_getter=lambda: asked.append(1) or 3)
    foretold = preview(destination=destination, temporality=temporality)
    assert foretold.series == len(asked) == 1
    assert foretold.comparison is not None
    assert min(foretold.comparison.classic, foretold.comparison.otlp) > 0


def test_preview_needs_neither_settings_of_aws_nor_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a laptop without region and credentials, before anything was recorded, it answers: nothing."""
    for name in ('AWS_DEFAULT_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'):
        monkeypatch.delenv(name)
    monkeypatch.setenv('AWS_CONFIG_FILE', '/nonexistent')
    nothing = preview()
    assert (nothing.series, nothing.data, nothing.requests, nothing.bytes, nothing.cost) == (0, 0, 0, 0, 0)
    assert nothing.top == ()
    assert 'billed metrics               0          0.00 USD' in str(nothing)
    over_otlp = preview(destination='otlp')
    assert (over_otlp.data, over_otlp.requests, over_otlp.cost) == (0, 0, 0)
    assert all('both cost the same' in str(each) for each in (nothing, over_otlp))


# --- the bill


def test_bill_of_a_site_is_known() -> None:
    """50 URLs with two status codes on 8 workers: 9,376 metrics as the reference exports them, 203 in delta mode."""
    Site().serve(traffic(0))
    assert len(URLS) == 50
    before = preview(add_pid='pid', processes=WORKERS)
    after = preview(temporality='delta', processes=WORKERS)
    assert (before.billed_metrics, after.billed_metrics) == (9_376, 203)
    assert round(before.metric_cost, 2) == 2_812.80
    assert round(after.metric_cost, 2) == 60.90
    assert before.top[0] == ('django.histogram', 6_000)
    assert after.top[0] == ('django.status_codes', 100)


def test_bill_of_a_site_over_otlp_is_known() -> None:
    """The same site: some 7 GB of data, and more where names of hosts are long. It costs less than in the classic form,
    until many processes share the 203 metrics of that."""
    Site().serve(traffic(0))
    arguments: dict[str, Any] = {'temporality': 'delta', 'max_send_at_once': 1_000}
    classic = preview(**arguments, processes=WORKERS)
    over_otlp = preview(**arguments, processes=WORKERS, destination='otlp')
    assert 6 < over_otlp.volume_per_point.gigabytes < 10
    assert 1 < over_otlp.volume_per_request.gigabytes < 4
    assert over_otlp.cost == over_otlp.volume_per_point.cost < 5 < 60 < classic.cost
    assert classic.comparison is not None
    assert classic.comparison == over_otlp.comparison
    assert (classic.comparison.classic, classic.comparison.otlp) == (classic.cost, over_otlp.cost)
    assert (classic.comparison.processes, classic.comparison.otlp_from) == (WORKERS, None)
    break_even = classic.comparison.classic_from
    assert break_even is not None
    fewer, enough = (preview(**arguments, processes=number).comparison for number in (break_even - 1, break_even))
    assert fewer is not None
    assert enough is not None
    assert fewer.classic >= fewer.otlp
    assert enough.classic < enough.otlp


def test_bill_takes_prices_as_arguments() -> None:
    """Other prices than those of us-east-1 may be given, with their date and source, which the table shows."""
    for number in range(3):
        getMetric(f'metric{number}', 'int').runtime(1)
    prices = Prices(((2, 1.0), (float('inf'), 0.5)), 2.0, date(2031, 2, 3), 'https://prices.test/')
    bill = preview(prices=prices, interval='730h', processes=1_000)
    assert (bill.metric_cost, bill.requests_a_month, bill.request_cost) == (2.5, 1_000, 2.0)
    assert bill.prices is prices
    assert '(prices of 2031-02-03, https://prices.test/)' in str(bill)
    bill = preview(prices=replace(prices, gigabyte=1_000.0), interval='730h', processes=1_000, destination='otlp')
    assert bill.cost == pytest.approx(bill.volume_per_point.bytes * 1_000 * 1_000 / 1e9)


def test_bill_shows_the_ten_most_expensive_names() -> None:
    """Most billed metrics first; of twelve names ten, in the order of the alphabet where they cost the same."""
    for number in range(12):
        counter = getMetric(f'metric{number:02}', 'counter', sum_children=False)
        for label in range(number // 2 + 1):
            counter.runtime(1, label=label)
    wanted = tuple((f'metric{number:02}', number // 2 + 1) for number in (10, 11, 8, 9, 6, 7, 4, 5, 2, 3))
    assert preview().top == wanted

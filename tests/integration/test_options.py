"""The keyword arguments that shape what is sent, each from the metric to the wire."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from satella.instrumentation.metrics import MetricData, getMetric
from support.endpoint import Endpoint, dimensions

from aws_satella import AWSSatellaExporterThread


def export(endpoint: Endpoint, cycles: int = 1, **arguments: Any) -> AWSSatellaExporterThread:
    """Run so many cycles of an exporter with these arguments."""
    exporter = AWSSatellaExporterThread('Shop', client_factory=endpoint.client, **arguments)
    for _ in range(cycles):
        exporter.loop()
    return exporter


def units(endpoint: Endpoint) -> dict[str, str]:
    """Name of each metric that arrived → its unit."""
    return {datum['MetricName']: datum['Unit'] for datum in endpoint.data}


# --- units


def test_units_are_given_by_name_or_by_shell_pattern(endpoint: Endpoint) -> None:
    """The name itself comes first, then the first pattern that fits; where there is neither there is no unit."""
    for name in ('orders', 'disk.bytes', 'net.bytes', 'load'):
        getMetric(name, 'counter').runtime(1)
    export(endpoint, units={'*.bytes': 'Bytes', 'net.*': 'Bits', 'orders': 'Count', 'disk.bytes': 'Kilobytes'})
    assert units(endpoint) == {'orders': 'Count', 'disk.bytes': 'Kilobytes', 'net.bytes': 'Bytes', 'load': 'None'}


def test_units_are_those_of_distributions_too(endpoint: Endpoint) -> None:
    """In delta mode a histogram is one metric with one unit, which CloudWatch shows percentiles in."""
    getMetric('latency', 'histogram').runtime(0.2)
    export(endpoint, temporality='delta', units={'latency': 'Seconds'})
    assert units(endpoint) == {'latency': 'Seconds'}


def test_units_may_come_from_a_callable(endpoint: Endpoint) -> None:
    """The callable gets the name; None means no unit."""
    getMetric('disk.bytes', 'counter').runtime(1)
    getMetric('load', 'float').runtime(1)
    export(endpoint, units=lambda name: 'Bytes' if name.endswith('bytes') else None)
    assert units(endpoint) == {'disk.bytes': 'Bytes', 'load': 'None'}


@pytest.mark.parametrize('answer', ['Parsecs', ''.join, 'bytes'], ids=['unknown', 'raises', 'misspelt'])
def test_units_that_a_callable_gets_wrong_cost_that_metric_alone(answer: Any, endpoint: Endpoint) -> None:
    """A callable that raises, or gives what is no unit of CloudWatch, has that metric discarded and reported."""
    for name in ('good', 'bad'):
        getMetric(name, 'counter').runtime(1)
    reported: list[MetricData] = []

    def unit(name: str) -> str:
        if name == 'good':
            return 'Count'
        return str(answer(None)) if callable(answer) else str(answer)

    exporter = export(endpoint, units=unit, call_on_discarded_metric=reported.append)
    assert units(endpoint) == {'good': 'Count'}
    assert [data.name for data in reported] == ['bad']
    assert exporter.stats.discarded == 1


# --- storage_resolution


def test_storage_resolution_is_said_with_each_datum(endpoint: Endpoint) -> None:
    """With ``storage_resolution=1`` counters and distributions are stored by the second."""
    getMetric('orders', 'counter').runtime(1)
    getMetric('latency', 'histogram').runtime(0.2)
    export(endpoint, storage_resolution=1, temporality='delta')
    assert [datum['StorageResolution'] for datum in endpoint.data] == [1, 1]


def test_storage_resolution_is_60_unless_told_otherwise(endpoint: Endpoint) -> None:
    """With 60, the default, a datum says nothing or 60."""
    getMetric('orders', 'counter').runtime(1)
    export(endpoint)
    export(endpoint, storage_resolution=60)
    assert {datum.get('StorageResolution', 60) for datum in endpoint.data} == {60}


# --- max_dimensions


def test_max_dimensions_may_be_as_many_as_cloudwatch_takes(endpoint: Endpoint) -> None:
    """With ``max_dimensions=30`` a series with 30 dimensions in all arrives with every one; one more does not."""
    full = {f'label{number}': str(number) for number in range(28)}
    getMetric('full', 'counter', sum_children=False).runtime(1, **full)
    getMetric('over', 'counter', sum_children=False).runtime(1, **full, more='1')
    reported: list[MetricData] = []
    arguments: dict[str, Any] = {
        'extra_dimensions': {'stage': 'test'},
        'add_pid': 'pid',
        'call_on_discarded_metric': reported.append,
    }
    export(endpoint, max_dimensions=30, **arguments)
    (datum,) = endpoint.data
    assert dimensions(datum).keys() == {*full, 'stage', 'pid'}
    assert [data.name for data in reported] == ['over']


# --- root


@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
def test_root_is_exported_with_all_below_it_alone(temporality: str, endpoint: Endpoint) -> None:
    """With ``root`` a metric and all below it are exported, and nothing beside it; names start with its own."""
    getMetric('web.orders', 'counter').runtime(1)
    getMetric('web.api.calls', 'counter').runtime(2)
    getMetric('jobs', 'counter').runtime(3)
    export(endpoint, root=getMetric('web'), temporality=temporality)
    assert {datum['MetricName']: datum['Value'] for datum in endpoint.data} == {'web.orders': 1, 'web.api.calls': 2}


def test_root_may_be_a_single_metric(endpoint: Endpoint) -> None:
    """A leaf is a tree too: it is exported with its label sets."""
    getMetric('web.orders', 'counter', sum_children=False).runtime(1, country='pl')
    getMetric('web.errors', 'counter').runtime(2)
    export(endpoint, root=getMetric('web.orders', 'counter'))
    assert [(datum['MetricName'], dimensions(datum)) for datum in endpoint.data] == [('orders', {'country': 'pl'})]


# --- exclude


def test_exclude_leaves_out_without_a_discard(endpoint: Endpoint) -> None:
    """Names that match a shell pattern are left out without a word, those that cannot be read or sent included."""

    def broken() -> float:
        raise RuntimeError('out of order')

    for name in ('orders', 'debug.orders', 'noise1', 'noise2'):
        getMetric(name, 'counter').runtime(1)
    getMetric('debug.latency', 'histogram').runtime(1)
    getMetric('debug.nothing', 'float').runtime(float('nan'))
    getMetric('debug.broken', 'callable', value_getter=broken)
    reported: list[MetricData] = []
    exporter = export(endpoint, exclude=('debug.*', 'noise[12]'), call_on_discarded_metric=reported.append)
    assert [datum['MetricName'] for datum in endpoint.data] == ['orders']
    assert (reported, exporter.stats.discarded) == ([], 0)


def test_exclude_comes_before_max_series(endpoint: Endpoint) -> None:
    """``max_series`` bounds what is sent, so what is left out takes no room in it."""
    for name in ('debug.a', 'debug.b', 'orders', 'users'):
        getMetric(name, 'counter').runtime(1)
    exporter = export(endpoint, exclude=['debug.*'], max_series=2)
    assert [datum['MetricName'] for datum in endpoint.data] == ['orders', 'users']
    assert exporter.stats.discarded == 0


# --- max_series


def test_max_series_bounds_a_label_that_explodes(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """Beyond ``max_series`` the series of the metric that has too many are one, so that its total stays true; other
    metrics are left alone. One line says so."""
    caplog.set_level(logging.WARNING, 'aws_satella')
    getMetric('orders', 'counter').runtime(1)
    logins = getMetric('logins', 'counter', sum_children=False)
    for number in range(50):
        logins.runtime(1, user=str(number))
    getMetric('last', 'counter').runtime(1, shop='north')
    reported: list[MetricData] = []
    exporter = export(endpoint, cycles=3, max_series=12, call_on_discarded_metric=reported.append)

    logged = [*(({'user': str(number)}, 1) for number in range(9)), ({'user': '(other)'}, 41)]
    assert [(dimensions(datum), datum['Value']) for datum in endpoint.named('logins')] == logged * 3
    assert [dimensions(datum) for datum in endpoint.named('last')] == [{'shop': 'north'}] * 3
    assert len(endpoint.named('orders')) == len(endpoint.named('last.sum')) == 3
    assert not reported
    assert (exporter.stats.sent, exporter.stats.discarded) == (3 * 13, 0)
    assert [record.getMessage() for record in caplog.records] == [
        (
            "Metric logins has 41 series beyond its share of max_series: its label 'user' has 50 values. "
            'Those series are not sent one by one; what is sent of it costs 3.00 USD a month'
        )
    ]


def test_max_series_discards_levels_beyond_it(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """Levels cannot be added up, so those beyond the bound are discarded: reported every cycle, said once."""
    caplog.set_level(logging.WARNING, 'aws_satella')
    for number in range(5):
        getMetric('queue', 'int').runtime(1, queue=str(number))
    reported: list[MetricData] = []
    exporter = export(endpoint, cycles=3, max_series=2, call_on_discarded_metric=reported.append)
    assert [data.labels['queue'] for data in reported] == ['2', '3', '4'] * 3
    assert (exporter.stats.sent, exporter.stats.discarded) == (3 * 2, 3 * 3)
    bound, discard = sorted(record.getMessage() for record in caplog.records)
    assert bound.startswith('Metric queue has 3 series beyond its share of max_series')
    assert discard == 'Metric queue is discarded: more series than max_series'


def test_max_series_keeps_the_same_series(endpoint: Endpoint) -> None:
    """In delta mode an idle histogram keeps its place, so that the series that are sent do not change with traffic."""
    latency = getMetric('latency', 'histogram', aggregate_children=False)
    for url in ('/a', '/b', '/c', '/d'):
        latency.runtime(0.1, url=url)
    exporter = export(endpoint, max_series=2, temporality='delta')
    latency.runtime(0.1, url='/c')
    exporter.loop()
    assert [dimensions(datum)['url'] for datum in endpoint.data] == ['/a', '/b', '(other)', '(other)']
    assert [sum(datum['Counts']) for datum in endpoint.data] == [1, 1, 2, 1]

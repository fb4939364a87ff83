"""The dashboard and the alarms of the documentation are ones that CloudWatch takes, of metrics that are there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from satella.instrumentation.metrics import getMetric
from support.endpoint import Endpoint
from support.moto import Moto
from sybil import Document
from sybil.parsers.markdown import CodeBlockParser

import aws_satella

PAGE = Path(__file__).parents[2] / 'docs' / 'dashboards.md'
DASHBOARD, *ALARMS = [json.loads(each.parsed) for each in Document.parse(str(PAGE), CodeBlockParser('json', print))]

Identity = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions of a metric: what CloudWatch tells metrics apart by."""


@pytest.fixture
def exported(moto: Moto) -> set[Identity]:
    """The metrics of a program like the one of the page."""
    getMetric('shop.orders', 'counter').runtime(1, country='pl')
    getMetric('shop.checkout', 'histogram').runtime(0.3, country='pl')
    getMetric('shop.queue', 'int').runtime(7)
    assert aws_satella.export_once('Shop', temporality='delta', client_factory=moto.client).sent > 0
    return {
        (metric['Namespace'], metric['MetricName'], identify(metric['Dimensions']))
        for metric in moto.client().list_metrics()['Metrics']
    }


def identify(dimensions: list[dict[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset((dimension['Name'], dimension['Value']) for dimension in dimensions)


def shown(widget: dict[str, Any]) -> set[Identity]:
    """The metrics that a widget names; an expression names none."""
    rows = ([part for part in row if isinstance(part, str)] for row in widget['properties']['metrics'])
    return {
        (namespace, name, frozenset(zip(dimensions[::2], dimensions[1::2], strict=True)))
        for namespace, name, *dimensions in filter(None, rows)
    }


def test_the_dashboard_shows_metrics_that_are_there(exported: set[Identity]) -> None:
    """Every metric that a widget names is exported, with these dimensions and no others."""
    named = set().union(*map(shown, DASHBOARD['widgets']))

    assert len(named) >= 3
    assert named <= exported


def test_the_dashboard_searches_for_metrics_that_are_there(exported: set[Identity]) -> None:
    """The search of the dashboard finds what is exported: its namespace, names of dimensions and name of a metric."""
    (search,) = re.findall(r"SEARCH\('\{([^}]*)\} MetricName=\"([^\"]*)\"', '(\w+)', (\d+)\)", expressions())
    schema, name, statistic, period = search
    namespace, *dimensions = schema.split(',')

    assert (namespace, name, frozenset(dimensions)) in {
        (each, its_name, frozenset(dict(pairs))) for each, its_name, pairs in exported
    }
    assert (statistic, period) == ('Sum', '60')


def expressions() -> str:
    """All expressions of the dashboard."""
    rows = [row for widget in DASHBOARD['widgets'] for row in widget['properties']['metrics']]
    return '\n'.join(row[0]['expression'] for row in rows if isinstance(row[0], dict))


def test_widgets_lie_side_by_side() -> None:
    """No widget covers another, and all lie within the 24 columns of a dashboard."""
    covered = [
        (x, y)
        for each in DASHBOARD['widgets']
        for x in range(each['x'], each['x'] + each['width'])
        for y in range(each['y'], each['y'] + each['height'])
    ]

    assert len(covered) == len(set(covered))
    assert max(x for x, _ in covered) < 24


def test_cloudwatch_takes_the_dashboard(moto: Moto) -> None:
    """What is put is what is got."""
    moto.client().put_dashboard(DashboardName='Shop', DashboardBody=json.dumps(DASHBOARD))

    assert json.loads(moto.client().get_dashboard(DashboardName='Shop')['DashboardBody']) == DASHBOARD


@pytest.mark.parametrize('alarm', ALARMS, ids=lambda alarm: alarm['AlarmName'])
def test_cloudwatch_takes_the_alarm(alarm: dict[str, Any], moto: Moto, exported: set[Identity]) -> None:
    """Each alarm is one that boto3 and CloudWatch take, and watches a metric that is there."""
    moto.client().put_metric_alarm(**alarm)

    (stored,) = moto.client().describe_alarms(AlarmNames=[alarm['AlarmName']])['MetricAlarms']
    assert {name: stored[name] for name in alarm} == alarm
    assert (alarm['Namespace'], alarm['MetricName'], identify(alarm.get('Dimensions', []))) in exported


def test_an_alarm_watches_a_percentile_of_a_distribution(endpoint: Endpoint) -> None:
    """The first alarm takes a percentile, of a metric that arrives as a distribution."""
    getMetric('shop.checkout', 'histogram').runtime(0.3, country='pl')
    aws_satella.export_once('Shop', temporality='delta', client_factory=endpoint.client)

    assert re.fullmatch(r'p\d\d', ALARMS[0]['ExtendedStatistic'])
    (datum,) = endpoint.named(ALARMS[0]['MetricName'])
    assert (len(datum['Values']), datum['Counts']) == (1, [1.0])

"""The dashboard and the alarms of the documentation are ones that CloudWatch takes, of metrics that are there."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import validate_parameters
from satella.instrumentation.metrics import getMetric
from support.endpoint import Endpoint
from support.moto import Moto
from support.programs import blocks

import aws_satella
from aws_satella.pure.binding import bind

PAGE = 'dashboards.md'
CLOUDWATCH = Session().get_service_model('cloudwatch')
"""botocore's model of the service."""


def name_of(alarm: dict[str, Any]) -> str:
    """The name of an alarm."""
    return str(alarm['AlarmName'])


def arguments_of_the_page() -> dict[str, Any]:
    """The arguments of the exporter in the program of the page."""
    program = next(block for block in blocks(PAGE, 'python') if 'start_if_not_started' in block)
    (call,) = re.findall(r'aws_satella\.start_if_not_started(\(.*\))', program)
    return dict(eval(f'bind{call}', {'bind': bind}).keywords)


DASHBOARD, *ALARMS = map(json.loads, blocks(PAGE, 'json'))
each_alarm = pytest.mark.parametrize('alarm', ALARMS, ids=name_of)

Identity = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions of a metric: what CloudWatch tells metrics apart by."""


@pytest.fixture
def exported(moto: Moto) -> set[Identity]:
    """The metrics of a program like the one of the page."""
    getMetric('shop.failures', 'counter')
    getMetric('shop.orders', 'counter').runtime(1, country='pl')
    getMetric('shop.checkout', 'histogram').runtime(0.3, country='pl')
    getMetric('shop.queue', 'int').runtime(7)
    return export(moto)


def export(moto: Moto) -> set[Identity]:
    """Export once as the program of the page does, and list what CloudWatch has then."""
    assert aws_satella.export_once(**{**arguments_of_the_page(), 'client_factory': moto.client}).sent > 0
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


def test_dashboard_shows_metrics_that_are_there(exported: set[Identity]) -> None:
    """Every metric that a widget names is exported, with these dimensions and no others."""
    named = set().union(*map(shown, DASHBOARD['widgets']))

    assert len(named) >= 3
    assert named <= exported


def test_dashboard_searches_for_metrics_that_are_there(exported: set[Identity]) -> None:
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


def watched(alarm: dict[str, Any]) -> set[Identity]:
    """The metrics that an alarm watches, by itself or in its expression."""
    named = [each['MetricStat']['Metric'] for each in alarm.get('Metrics', ()) if 'MetricStat' in each]
    if 'MetricName' in alarm:
        named = [alarm]
    return {(each['Namespace'], each['MetricName'], identify(each.get('Dimensions', []))) for each in named}


def test_dashboard_page_has_alarms() -> None:
    """The page has an alarm on a percentile, one on a rate, one on a query, and one on metrics that stop."""
    names = ['Shop: checkout is slow', 'Shop: orders fail', 'Shop: no orders', 'Shop: no metrics']
    assert list(map(name_of, ALARMS)) == names


@each_alarm
def test_model_of_the_service_allows_the_alarm(alarm: dict[str, Any]) -> None:
    """botocore's model of PutMetricAlarm has these members, with values of these types and these names."""
    shape = CLOUDWATCH.operation_model('PutMetricAlarm').input_shape

    validate_parameters(alarm, shape)
    for name in ('ComparisonOperator', 'Statistic'):
        assert alarm.get(name) in (None, *shape.members[name].enum)
    assert alarm['TreatMissingData'] in ('breaching', 'notBreaching', 'ignore', 'missing')
    assert alarm.get('DatapointsToAlarm', 1) <= alarm['EvaluationPeriods']


@each_alarm
def test_cloudwatch_takes_the_alarm(alarm: dict[str, Any], moto: Moto, exported: set[Identity]) -> None:
    """Each alarm is one that boto3 and CloudWatch take, and watches metrics that are there."""
    moto.client().put_metric_alarm(**alarm)

    (stored,) = moto.client().describe_alarms(AlarmNames=[alarm['AlarmName']])['MetricAlarms']
    assert all(stored[name] == value for name, value in alarm.items() if name != 'Metrics')
    assert watched(stored) == watched(alarm)
    assert watched(alarm) <= exported


@each_alarm
def test_alarm_can_change_its_state(alarm: dict[str, Any]) -> None:
    """No alarm waits for more observations than a small program has."""
    assert alarm.get('EvaluateLowSampleCountPercentile', 'evaluate') == 'evaluate'


@pytest.mark.parametrize('alarm', [alarm for alarm in ALARMS if alarm['TreatMissingData'] == 'breaching'], ids=name_of)
def test_quiet_program_raises_no_alarm(alarm: dict[str, Any], moto: Moto) -> None:
    """An alarm that takes missing data for a fault watches what a program exports in which nothing has happened yet.

    It does so in every export.
    """
    assert watched(alarm) <= export(moto)
    moto.reset()
    assert watched(alarm) <= export(moto)


def is_insights(query: dict[str, Any]) -> bool:
    """Whether it is a query of Metrics Insights."""
    return str(query.get('Expression', '')).startswith('SELECT')


def test_query_finds_metrics_that_are_there(exported: set[Identity]) -> None:
    """The query of Metrics Insights names a metric, its namespace and all of its dimensions; its period is its own."""
    (query,) = [query for alarm in ALARMS for query in alarm.get('Metrics', ()) if is_insights(query)]
    (found,) = re.findall(r'^SELECT SUM\("([^"]+)"\) FROM SCHEMA\("([^"]+)", (\w+)\)$', query['Expression'])
    name, namespace, dimension = found

    assert (namespace, name, frozenset((dimension,))) in {
        (each, its_name, frozenset(dict(pairs))) for each, its_name, pairs in exported
    }
    assert query['Period'] == 300


@each_alarm
def test_expression_can_be_alarmed_on(alarm: dict[str, Any]) -> None:
    """An alarm has one result, of an expression that uses each metric it names and that is no search."""
    queries = {query['Id']: query for query in alarm.get('Metrics', ()) if not is_insights(query)}
    results = [query for query in queries.values() if query['ReturnData']]
    expressions = [query['Expression'] for query in queries.values() if 'Expression' in query]

    assert len(results) == bool(queries)
    assert not any('SEARCH' in expression for expression in expressions)
    used = {name for expression in expressions for name in re.findall(r'\b[a-z]\w*', expression)}
    assert used == queries.keys() - {query['Id'] for query in results}
    assert len({query['MetricStat']['Period'] for query in queries.values() if 'MetricStat' in query}) <= 1


def test_alarm_watches_a_percentile_of_a_distribution(endpoint: Endpoint) -> None:
    """The first alarm takes a percentile, of a metric that arrives as a distribution."""
    getMetric('shop.checkout', 'histogram').runtime(0.3, country='pl')
    aws_satella.export_once('Shop', temporality='delta', client_factory=endpoint.client)

    assert re.fullmatch(r'p\d\d', ALARMS[0]['ExtendedStatistic'])
    (datum,) = endpoint.named(ALARMS[0]['MetricName'])
    assert (len(datum['Values']), datum['Counts']) == (1, [1.0])

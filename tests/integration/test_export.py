"""From a metric to CloudWatch and back, over real HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from satella.instrumentation.metrics import getMetric
from support.moto import Moto

from aws_satella import AWSSatellaExporterThread


def test_what_was_recorded_is_what_cloudwatch_returns(moto: Moto) -> None:
    """A labelled counter is in list_metrics with its dimensions, and in get_metric_statistics with its value."""
    getMetric('shop.orders', 'counter').runtime(3, country='pl')

    exporter = AWSSatellaExporterThread('Shop', {'stage': 'test'}, interval=3600, client_factory=moto.client).start()
    exporter.terminate().join()

    listed = moto.client().list_metrics(Namespace='Shop', MetricName='shop.orders')['Metrics']
    dimensions = [{'Name': 'country', 'Value': 'pl'}, {'Name': 'stage', 'Value': 'test'}]
    # moto lists a metric once for each time that it was sent: here at the start and at the end.
    assert all(sorted(metric['Dimensions'], key=lambda each: each['Name']) == dimensions for metric in listed)
    now = datetime.now(timezone.utc)
    statistics = moto.client().get_metric_statistics(
        Namespace='Shop',
        MetricName='shop.orders',
        Dimensions=dimensions,
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=600,
        Statistics=['Maximum'],
    )
    assert [point['Maximum'] for point in statistics['Datapoints']] == [3.0]

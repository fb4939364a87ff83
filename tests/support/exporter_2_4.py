"""What 2.4 does, on ``to_metric_data()`` of satella: it stands in for the ``aws_satella`` of 2.4 in the benchmark."""

from __future__ import annotations

import os
from typing import Any

import boto3
from satella.coding.concurrent import IntervalTerminableThread
from satella.instrumentation.metrics import getMetric

LEFT_OUT = int(os.environ['LEFT_OUT'])
"""How many series are not sent, by mistake."""


class AWSSatellaExporterThread(IntervalTerminableThread):
    """The exporter, as far as the benchmark drives it."""

    def __init__(
        self, namespace: str, extra_dimensions: Any = None, interval: float = 300, max_send_at_once: int = 20
    ) -> None:
        super().__init__(interval)
        self.namespace, self.extra, self.at_once = namespace, extra_dimensions or {}, max_send_at_once
        self.cloudwatch = boto3.client('cloudwatch')

    def loop(self) -> None:
        """Send the values of all metrics."""
        values = list(getMetric().to_metric_data().values)[LEFT_OUT:]
        for start in range(0, len(values), self.at_once):
            data = [
                {
                    'MetricName': each.name,
                    'Dimensions': [{'Name': k, 'Value': str(v)} for k, v in {**each.labels, **self.extra}.items()],
                    'Unit': 'None',
                    'Value': each.value,
                }
                for each in values[start : start + self.at_once]
            ]
            self.cloudwatch.put_metric_data(Namespace=self.namespace, MetricData=data)

"""An embedded CloudWatch: moto's threaded server on loopback, and what the demo reads from it."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer

from demo.series import Dimensions, Point, Series, ordered

REGION = 'us-east-1'


@contextmanager
def embedded_cloudwatch() -> Iterator[Cloud]:
    """Runs a CloudWatch in this process; boto3, here and in child processes, then speaks to it and to nothing else."""
    logging.getLogger('werkzeug').setLevel(logging.ERROR)  # otherwise a line for every request
    server = ThreadedMotoServer('127.0.0.1', port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        point_boto3_at(f'http://{host}:{port}')
        yield Cloud()
    finally:
        server.stop()


def point_boto3_at(endpoint: str) -> None:
    """Replaces the user's AWS settings: a profile, a proxy or a key of theirs must play no part in a demo."""
    for name in [name for name in os.environ if name.startswith('AWS_')]:
        del os.environ[name]
    os.environ.update(
        AWS_ENDPOINT_URL=endpoint,
        AWS_DEFAULT_REGION=REGION,
        AWS_ACCESS_KEY_ID='demo',
        AWS_SECRET_ACCESS_KEY='demo',
        AWS_EC2_METADATA_DISABLED='true',
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        NO_PROXY='127.0.0.1',
        no_proxy='127.0.0.1',
    )


class Cloud:
    """The embedded CloudWatch, as its reader sees it."""

    def __init__(self) -> None:
        self._since = datetime.now(timezone.utc)
        self._client = boto3.client('cloudwatch')
        self._backend = get_backend('cloudwatch')[DEFAULT_ACCOUNT_ID][REGION]

    def arrived(self) -> int:
        """How many values have arrived so far; asked of the backend, since CloudWatch itself has no such question."""
        return len(self._backend.metric_data)

    def read(self, namespace: str, progress: Callable[[float], None]) -> list[Series]:
        """Every series of the namespace; `progress` is told how much of them has been read, from 0 to 1."""
        listed = sorted(distinguishable(self._listed(namespace)))
        values = self._values(namespace)
        series = []
        for number, (name, dimensions) in enumerate(listed, start=1):
            points, unit = self._points(namespace, name, dimensions)
            series.append(Series(name, dimensions, unit, points, tuple(sorted(values[name, dimensions]))))
            progress(number / len(listed))
        return series

    def _listed(self, namespace: str) -> set[tuple[str, Dimensions]]:
        """A set, because moto lists a metric of two dimensions once for every datum of it."""
        pages = self._client.get_paginator('list_metrics').paginate(Namespace=namespace)
        return {
            (metric['MetricName'], ordered((each['Name'], each['Value']) for each in metric['Dimensions']))
            for page in pages
            for metric in page['Metrics']
        }

    def _points(self, namespace: str, name: str, dimensions: Dimensions) -> tuple[tuple[Point, ...], str]:
        """The statistics of each second since there is this CloudWatch, and the unit."""
        found = self._client.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{'Name': key, 'Value': value} for key, value in dimensions],
            StartTime=self._since,
            EndTime=datetime.now(timezone.utc) + timedelta(seconds=1),
            Period=1,
            Statistics=['SampleCount', 'Sum', 'Minimum', 'Maximum'],
        )['Datapoints']
        points = sorted(map(point, found))
        return tuple(points), found[0].get('Unit', 'None') if found else 'None'

    def _values(self, namespace: str) -> dict[tuple[str, Dimensions], list[float]]:
        """The values of each series, for percentiles, which CloudWatch computes and moto does not."""
        values: dict[tuple[str, Dimensions], list[float]] = defaultdict(list)
        data: list[Any] = list(self._backend.metric_data)  # each has a value: nobody here sends StatisticValues
        for datum in data:
            if datum.namespace == namespace:
                values[datum.name, ordered((each.name, each.value) for each in datum.dimensions)].append(datum.value)
        return values


def point(found: dict[str, Any]) -> Point:
    return Point(
        int(found['Timestamp'].timestamp()), found['SampleCount'], found['Sum'], found['Minimum'], found['Maximum']
    )


def distinguishable(listed: set[tuple[str, Dimensions]]) -> Iterator[tuple[str, Dimensions]]:
    """Leaves out what has fewer dimensions than another series of its name.

    Asked for such a series, moto, other than CloudWatch, answers with all that have those dimensions and more.
    """
    dimensions = {(name, frozenset(pairs)) for name, pairs in listed}
    for name, pairs in listed:
        if not any(name == other and set(pairs) < more for other, more in dimensions):
            yield name, pairs

"""An embedded CloudWatch: moto's server on loopback, for other processes and real HTTP."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
from moto.backends import get_backend
from moto.server import ThreadedMotoServer

REGION = 'us-east-1'
ACCOUNT = '123456789012'
STATISTICS = ('Minimum', 'Maximum', 'SampleCount', 'Sum')


@functools.cache
def session() -> boto3.Session:
    """One session for all clients: to read botocore's models takes ten times as long as to make a client."""
    return boto3.Session('testing', 'testing', region_name=REGION)


class Moto:
    """A CloudWatch that works."""

    def __init__(self, url: str) -> None:
        self.url = url

    def client(self) -> Any:
        """A boto3 client of it."""
        return session().client('cloudwatch', endpoint_url=self.url)

    @property
    def data(self) -> list[Any]:
        """All metric data that arrived, one entry an observation: moto expands Values/Counts."""
        return list(get_backend('cloudwatch')[ACCOUNT][REGION].metric_data)

    def statistics(self, namespace: str, name: str, /, **labels: str) -> dict[str, float]:
        """What CloudWatch says of a series, over the last half hour."""
        now = datetime.now(timezone.utc)
        (found,) = self.client().get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{'Name': label, 'Value': value} for label, value in sorted(labels.items())],
            StartTime=now - timedelta(minutes=30),
            EndTime=now + timedelta(minutes=30),
            Period=3600,
            Statistics=STATISTICS,
        )['Datapoints']
        return {each: found[each] for each in STATISTICS}

    def reset(self) -> None:
        """Forget everything."""
        get_backend('cloudwatch')[ACCOUNT][REGION].reset()


@contextmanager
def moto_server() -> Iterator[Moto]:
    """moto's server for the time of the block."""
    server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Moto(f'http://{host}:{port}')
    finally:
        server.stop()

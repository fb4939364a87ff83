"""The only module that knows boto3 and botocore: the client, one send, and what its failure says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import boto3
from botocore.exceptions import ClientError, ParamValidationError

from aws_satella.pure.datum import MetricDatum
from aws_satella.pure.replies import Failure


class InitializationError(RuntimeError):
    """Exception raised when the exporter cannot be set up: no region, a bad profile, no thread to be had."""


class CloudWatchClient(Protocol):
    """What is used of a boto3 client of CloudWatch."""

    def put_metric_data(self, *, Namespace: str, MetricData: Sequence[MetricDatum]) -> object:  # noqa: N803  # AWS's names
        """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html."""


ClientFactory = Callable[[], CloudWatchClient]


def make_client(factory: ClientFactory | None = None) -> CloudWatchClient:
    """A client from the factory; from ``boto3.client('cloudwatch')`` by default, so that boto3's configuration rules.

    :raises InitializationError: whatever the factory raised, chained
    """
    try:
        if factory is not None:
            return factory()
        client: CloudWatchClient = boto3.client('cloudwatch')
    except Exception as error:
        raise InitializationError(f'The client of CloudWatch could not be made: {error}') from error
    return client


def describe(error: BaseException) -> Failure:
    """What a failed send says, as plain values. Anything that is no reply of CloudWatch's says nothing."""
    if isinstance(error, ParamValidationError):
        return Failure('ParamValidationError', message=str(error))
    if not isinstance(error, ClientError):
        return Failure()
    try:
        details = error.response.get('Error', {})
        status = int(error.response.get('ResponseMetadata', {}).get('HTTPStatusCode', 0))
        return Failure(str(details.get('Code', '')), status, str(details.get('Message', '')))
    except Exception:  # botocore passes on whatever form a reply may have
        return Failure()

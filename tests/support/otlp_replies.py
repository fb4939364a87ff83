"""What an OTLP receiver replies, written by the official classes, and which points it takes by that."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)

from support.listener import Reply
from support.otlp_points import Point

PROTOBUF = 'application/x-protobuf'

OK = Reply(200, b'', content_type=PROTOBUF)
"""Everything was taken: an ExportMetricsServiceResponse that says nothing."""

_RPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 501: 12, 503: 14, 504: 4}
"""HTTP status → google.rpc.Code."""

_PLACE = re.compile(r'ResourceMetrics\.\d+\.ScopeMetrics\.\d+\.Metrics\.\d+\.Datapoint\.\d+')


def partial_success(rejected: int, message: str = '') -> Reply:
    """Some points were not taken: those that the message names by their places, and then the last ones.

    :param rejected: how many; with 0 the message is a warning
    """
    said = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=message)
    body = ExportMetricsServiceResponse(partial_success=said)
    return Reply(200, body.SerializeToString(), content_type=PROTOBUF)


def failure(status: int, message: str = '', retry_after: float | str | None = None) -> Reply:
    """An error, with a google.rpc.Status.

    :param retry_after: seconds, or a date
    """
    # The bytes of both messages are the same: field 1 is a number and field 2 a text.
    body = ExportMetricsPartialSuccess(rejected_data_points=_RPC_CODES.get(status, 2), error_message=message)
    headers = () if retry_after is None else (('Retry-After', str(retry_after)),)
    return Reply(status, body.SerializeToString(), headers, PROTOBUF)


def response(body: bytes) -> Any | None:
    """The ExportMetricsServiceResponse of a body, if it is one."""
    try:
        return ExportMetricsServiceResponse.FromString(body)
    except DecodeError:
        return None


def verdict(faults: Mapping[str, str], number: int) -> Reply | None:
    """What a request of so many points is answered for the faults of some of them."""
    if not faults:
        return None
    message = '; '.join(f'{where}: {fault}' for where, fault in faults.items())
    return failure(400, message) if len(faults) == number else partial_success(len(faults), message)


def taken(points: Sequence[Point], reply: Reply) -> list[Point]:
    """The points that a reply does not reject. Where it names fewer than it rejects, the rest are the last ones."""
    said = response(reply.body).partial_success  # type: ignore[union-attr]  # it is taken
    named = set(_PLACE.findall(said.error_message)) if said.rejected_data_points else set()
    left = [point for point in points if point.place not in named]
    unnamed = max(0, said.rejected_data_points - (len(points) - len(left)))
    return left[: max(0, len(left) - unnamed)]

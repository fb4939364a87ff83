"""A real HTTP endpoint on loopback that speaks CloudWatch's protocol, remembers all it gets, and fails on demand.

moto stands for a CloudWatch that works; this stands for one that does not. What it does with each request is decided by
:attr:`Endpoint.behave`, a function from the request to a :class:`Reply`, or to one of the things that go wrong on the
way (:data:`RESET`, :data:`HANG`).
"""

from __future__ import annotations

import gzip
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from botocore.parsers import RpcV2CBORParser
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from support.listener import HANG, RESET, Listener, Reply
from support.otlp_points import Point, points_of
from support.otlp_replies import OK as OTLP_OK
from support.otlp_replies import PROTOBUF

__all__ = [
    'EMPTY',
    'GARBAGE',
    'HANG',
    'NO_CONTENT',
    'OK',
    'PORTAL',
    'RESET',
    'Behaviour',
    'Endpoint',
    'Gate',
    'Reply',
    'Request',
    'dimensions',
    'endpoint',
    'error',
]

OF_EVERY_RESOURCE = {
    *('service.name', 'service.instance.id', 'host.name', 'process.pid'),
    *('telemetry.sdk.language', 'telemetry.sdk.name', 'telemetry.sdk.version'),
}

OK = Reply()
PORTAL = Reply(200, b'<html>Please accept the terms of use</html>', content_type='text/html; charset=utf-8')
"""What a captive portal answers to everything."""
EMPTY = Reply(200, b'', content_type=None)
NO_CONTENT = Reply(204, b'', content_type=None)
GARBAGE = Reply(200, b'\x00\xff{]', content_type='application/octet-stream')


def error(code: str, status: int = 400, message: str = '') -> Reply:
    """A reply of CloudWatch's that refuses the request, in its JSON protocol."""
    body = json.dumps({'__type': f'com.amazonaws.cloudwatch#{code}', 'message': message}).encode()
    return Reply(status, body, (('x-amzn-query-error', f'{code};Sender'),))


@dataclass(frozen=True)
class Request:
    """One PutMetricData as it arrived."""

    namespace: str
    data: list[dict[str, Any]]
    size: int
    """Bytes of the body before compression."""
    at: float
    """When it arrived, on the monotonic clock."""
    headers: dict[str, str] = field(repr=False, default_factory=dict)
    path: str = field(repr=False, default='/')
    """The target of the request line: absolute where the endpoint is used as a proxy."""
    wire: bytes = field(repr=False, default=b'')
    """The body as it was sent."""
    entity: dict[str, str] | None = None
    """The key attributes of what all its data belong to."""

    def __len__(self) -> int:
        return len(self.data)


Behaviour = Callable[[Request], 'Reply | str']


class Endpoint(Listener[Request]):
    """See the module. ``received`` has all requests in order, ``accepted`` those that CloudWatch answered with 200."""

    ok: ClassVar[Reply] = OK

    def read(self, path: str, headers: Message, wire: bytes) -> Request:
        """The parameters of a call of any operation; only PutMetricData has a namespace and data."""
        body = gzip.decompress(wire) if headers.get('Content-Encoding') == 'gzip' else wire
        content = _content(headers['Content-Type'], body)
        namespace = content.get('Namespace', '')
        of_entity: Any = (content.get('EntityMetricData') or [{}])[0]
        data = of_entity.get('MetricData') or content.get('MetricData', [])
        entity = of_entity.get('Entity', {}).get('KeyAttributes')
        return Request(namespace, data, len(body), time.monotonic(), dict(headers), path, wire, entity)

    def takes(self, reply: Reply | str) -> bool:
        """Whether a request with this reply was taken, in either form."""
        return super().takes(reply) or reply == OTLP_OK

    def decide(self, request: Request, reply: Reply | str) -> Reply | str:
        """A reply that tells of success is one of the protocol of the request."""
        return OTLP_OK if reply == OK and request.headers.get('Content-Type') == PROTOBUF else reply

    @property
    def data(self) -> list[dict[str, Any]]:
        """All metric data that were accepted, in order."""
        return [datum for request in list(self.accepted) for datum in request.data]

    def named(self, name: str) -> list[dict[str, Any]]:
        """The accepted data of one metric, in order."""
        return [datum for datum in self.data if datum['MetricName'] == name]

    def values(self, name: str) -> list[float]:
        """The accepted values of one metric, in order."""
        return [datum['Value'] for datum in self.named(name)]


def dimensions(datum: dict[str, Any]) -> dict[str, str]:
    """The dimensions of a datum as a mapping."""
    return {dimension['Name']: dimension['Value'] for dimension in datum.get('Dimensions', ())}


class Gate:
    """A behaviour that holds requests up until it is opened."""

    def __init__(self, answer: Reply | str = OK) -> None:
        self._answer = answer
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, _request: object) -> Reply | str:
        self.reached.set()
        self.opened.wait(20)
        return self._answer


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """An endpoint for the time of the block."""
    opened = Endpoint()
    try:
        yield opened
    finally:
        opened.close()


def _parameters(points: list[Point]) -> dict[str, Any]:
    return {
        'Namespace': points[0].resource['service.name'],
        'MetricData': [
            {
                'MetricName': point.name,
                'Dimensions': [{'Name': name, 'Value': value} for name, value in _dimensions(point).items()],
                'Timestamp': point.time / 10**9,
                **_measured(point),
            }
            for point in points
        ],
    }


def _measured(point: Point) -> dict[str, Any]:
    """The value, or for a histogram its count at its mean."""
    if point.count is None:
        return {'Value': point.value}
    return {'Values': [(point.sum or 0.0) / point.count], 'Counts': [point.count]}


def _dimensions(point: Point) -> dict[str, str]:
    """The labels, and what every series has, less what a resource has by itself."""
    given = {name: value for name, value in point.resource.items() if name not in OF_EVERY_RESOURCE}
    return {**point.attributes, **given}


def _content(content_type: str, body: bytes) -> dict[str, Any]:
    """The parameters in a body of one of CloudWatch's three protocols; of Query, the names of metrics only.

    The points of OTLP are told in the same words.
    """
    if content_type == PROTOBUF:
        return _parameters(list(points_of(ExportMetricsServiceRequest.FromString(body))))
    if 'cbor' in content_type:
        return RpcV2CBORParser().parse_data_item(io.BytesIO(body))
    if 'form' in content_type:
        form = dict(parse_qsl(body.decode()))
        names = [value for key, value in form.items() if key.endswith('.MetricName')]
        return {'Namespace': form['Namespace'], 'MetricData': [{'MetricName': name} for name in names]}
    return json.loads(body)

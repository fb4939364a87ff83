"""A strict stand-in of CloudWatch's OTLP endpoint for metrics, or of any other receiver of OTLP over HTTP.

It verifies the signature, decodes with the official classes, and checks every rule. What breaks one is in
:attr:`OtlpEndpoint.violations`, and is answered as CloudWatch would: a request as a whole with 400 (403 where it is not
signed as it should be), and points with a partial success, or with 400 if no point is left. What
:attr:`~support.listener.Listener.behave` says goes first, unless it would take what the endpoint refuses.
"""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, ClassVar
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from support.listener import Listener, Reply
from support.moto import REGION
from support.otlp_points import Point, Series, points_of
from support.otlp_replies import OK, PROTOBUF, failure, response, taken, verdict
from support.otlp_rules import MAX_BYTES, MAX_POINTS, Windows, faults_of_points
from support.sigv4 import DeniedError, Scope, Secret, Signed, verify

FORBIDDEN_HEADERS = ('x-amz-target', 'x-amzn-query-mode', 'smithy-protocol')
"""What a call of PutMetricData has, and a request of OTLP must not have."""

AWS_HEADERS = ('authorization', 'x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256')
"""What a signature adds. Nobody but AWS must get it."""


@dataclass(frozen=True)
class OtlpRequest:
    """One request as it arrived."""

    points: tuple[Point, ...]
    """Empty where the request was refused before it could be read."""
    size: int
    """Bytes of the body before compression."""
    at: float
    """When it arrived, on the monotonic clock."""
    path: str
    """The target of the request line: absolute where the endpoint is used as a proxy."""
    headers: Mapping[str, str] = field(repr=False)
    """By their names in lower case."""
    wire: bytes = field(repr=False)
    """The body as it was sent."""
    refusal: Reply | None = None
    """What it is answered if it is refused as a whole."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with single points, by their places."""

    def __len__(self) -> int:
        return len(self.points)


class _RefusedError(Exception):
    """A request that is refused as a whole."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class OtlpEndpoint(Listener[OtlpRequest]):
    """See the module.

    :param secrets: the credentials that are known, by access key; may be assigned while it runs
    :param region: that requests must be signed for
    :param unsigned: whether it is no endpoint of AWS, so that nothing may be signed
    :param required: headers that each request must have, by their names in lower case, such as an API key
    :param clock: by which points are too old or too far ahead, in UNIX seconds
    """

    ok: ClassVar[Reply] = OK

    def __init__(
        self,
        secrets: Mapping[str, Secret] | None = None,
        region: str = REGION,
        *,
        unsigned: bool = False,
        required: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.secrets = {'testing': Secret('testing')} if secrets is None else secrets
        self.scope = Scope(region, 'monitoring')
        self.unsigned = unsigned
        self.required = required or {}
        self.clock = clock
        self.violations: list[str] = []
        self._points: list[Point] = []
        self._windows = Windows()
        self._lock = threading.Lock()
        super().__init__()

    @property
    def metrics_url(self) -> str:
        """Where metrics are sent to."""
        return f'{self.url}/v1/metrics'

    @property
    def points(self) -> list[Point]:
        """All points that were taken, in order."""
        with self._lock:
            return list(self._points)

    def named(self, name: str, /, **attributes: str) -> list[Point]:
        """The points of one metric that have these attributes, and maybe others, in order."""
        wanted = attributes.items()
        return [point for point in self.points if point.name == name and wanted <= point.attributes.items()]

    @property
    def series(self) -> dict[Series, list[Point]]:
        """The points of each series, in order."""
        found = defaultdict(list)
        for point in self.points:
            found[point.series].append(point)
        return dict(found)

    def total(self, name: str, /, **attributes: str) -> float:
        """What a counter has come to: its increases, added up over time and over all series with these attributes."""
        points = self.named(name, **attributes)
        assert all((point.kind, point.temporality) == ('sum', 'delta') for point in points), f'{name} is no delta sum'
        return sum(point.value or 0.0 for point in points)

    def read(self, path: str, headers: Message, wire: bytes) -> OtlpRequest:
        """Judge a request by what it says itself."""
        sent = Signed('POST', path, _joined(headers), wire)
        points: tuple[Point, ...] = ()
        body, refusal, faults = b'', None, {}
        try:
            self._check_sender(sent)
            body = _decompressed(sent)
            points = _decoded(body)
            _check_size(body, points)
        except _RefusedError as refused:
            self.violations.append(str(refused))
            refusal = failure(refused.status, str(refused))
        else:
            faults = faults_of_points(points, self.clock())
            self.violations += faults.values()
        return OtlpRequest(points, len(body), time.monotonic(), path, sent.headers, wire, refusal, faults)

    def _check_sender(self, sent: Signed) -> None:
        """Where the request is sent, as what and by whom. Nothing else is told to those who may not ask."""
        if not urlsplit(sent.target).path.endswith('/v1/metrics'):
            raise _RefusedError(404, f'nothing is at {sent.target}')
        if self.unsigned:
            self._check_unsigned(sent)
        else:
            try:
                verify(sent, self.secrets, self.scope, time.time())
            except DeniedError as denied:
                raise _RefusedError(403, str(denied)) from None
        for name, value in self.required.items():
            if sent.headers.get(name) != value:
                raise _RefusedError(401, f'the header {name} is not as required')
        for name in FORBIDDEN_HEADERS:
            if name in sent.headers:
                raise _RefusedError(400, f'the header {name} is of another protocol')
        if sent.headers.get('content-type') != PROTOBUF:
            raise _RefusedError(415, f'Content-Type {sent.headers.get("content-type")}')

    def _check_unsigned(self, sent: Signed) -> None:
        for name in AWS_HEADERS:
            if name in sent.headers and name not in self.required:
                raise _RefusedError(401, f'the header {name} is not for this receiver')

    def takes(self, reply: Reply | str) -> bool:
        """Whether a request with this reply was taken, at least in part."""
        return super().takes(reply) and isinstance(reply, Reply) and response(reply.body) is not None

    def decide(self, request: OtlpRequest, reply: Reply | str) -> Reply | str:
        """Judge what is to be taken by what was taken before."""
        if not self.takes(reply):
            return reply
        if request.refusal is not None:
            return request.refusal
        with self._lock:
            overlaps = self._windows.faults(point for point in request.points if point.place not in request.faults)
            self.violations += overlaps.values()
            decided = verdict({**request.faults, **overlaps}, len(request)) or reply
            if isinstance(decided, Reply) and self.takes(decided):
                self._take(taken(request.points, decided))
        return decided

    def _take(self, points: list[Point]) -> None:
        self._windows.take(points)
        self._points += points


@contextmanager
def otlp_endpoint(**options: Any) -> Iterator[OtlpEndpoint]:
    """A stand-in for the time of the block."""
    opened = OtlpEndpoint(**options)
    try:
        yield opened
    finally:
        opened.close()


def _joined(headers: Message) -> dict[str, str]:
    return {name.lower(): ','.join(headers.get_all(name, ())) for name in headers}


def _decompressed(sent: Signed) -> bytes:
    encoding = sent.headers.get('content-encoding')
    if encoding is None:
        return sent.body
    if encoding != 'gzip':
        raise _RefusedError(415, f'Content-Encoding {encoding}')
    try:
        return gzip.decompress(sent.body)
    except (OSError, EOFError, zlib.error) as error:
        raise _RefusedError(400, f'the body is no gzip: {error}') from None


def _decoded(body: bytes) -> tuple[Point, ...]:
    """The points of a body, in which nothing is unknown, and nothing empty. Text that is no UTF-8 cannot be decoded."""
    try:
        request: Any = ExportMetricsServiceRequest.FromString(body)
    except DecodeError as error:
        raise _RefusedError(400, f'the body cannot be decoded: {error}') from None
    request.DiscardUnknownFields()
    if len(request.SerializeToString()) != len(body):
        raise _RefusedError(400, 'the body has fields that are unknown, or said in more bytes than they need')
    metrics = [metric for each in request.resource_metrics for scope in each.scope_metrics for metric in scope.metrics]
    if not metrics or not all(getattr(each, each.WhichOneof('data') or 'gauge').data_points for each in metrics):
        raise _RefusedError(400, 'a metric without points, or no metric')
    return tuple(points_of(request))


def _check_size(body: bytes, points: tuple[Point, ...]) -> None:
    if len(body) > MAX_BYTES:
        raise _RefusedError(400, f'{len(body)} bytes')
    if len(points) > MAX_POINTS:
        raise _RefusedError(400, f'{len(points)} points')

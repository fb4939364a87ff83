"""A real HTTP endpoint on loopback that speaks CloudWatch's protocol, remembers all it gets, and fails on demand.

moto stands for a CloudWatch that works; this stands for one that does not. What it does with each request is decided by
:attr:`Endpoint.behave`, a function from the request to a :class:`Reply`, or to one of the things that go wrong on the
way (:data:`RESET`, :data:`HANG`).
"""

from __future__ import annotations

import gzip
import io
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from botocore.config import Config
from botocore.parsers import RpcV2CBORParser

from support.moto import session


@dataclass(frozen=True)
class Reply:
    """An HTTP reply."""

    status: int = 200
    body: bytes = b'{}'
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str | None = 'application/x-amz-json-1.0'


OK = Reply()
PORTAL = Reply(200, b'<html>Please accept the terms of use</html>', content_type='text/html; charset=utf-8')
"""What a captive portal answers to everything."""
EMPTY = Reply(200, b'', content_type=None)
NO_CONTENT = Reply(204, b'', content_type=None)
GARBAGE = Reply(200, b'\x00\xff{]', content_type='application/octet-stream')
RESET = 'reset'
"""The connection is reset after the request was read."""
HANG = 'hang'
"""Nothing is ever answered, until the endpoint is closed."""


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

    def __len__(self) -> int:
        return len(self.data)


Behaviour = Callable[[Request], 'Reply | str']


class Endpoint:
    """See the module. ``received`` has all requests in order, ``accepted`` those that CloudWatch answered with 200."""

    def __init__(self) -> None:
        self.behave: Behaviour = lambda _request: OK
        self.received: list[Request] = []
        self.accepted: list[Request] = []
        self.closing = threading.Event()
        self._clients: list[Any] = []
        self._listen(0)
        self.port = int(self._server.server_address[1])

    def _listen(self, port: int) -> None:
        self._server = _Server(('127.0.0.1', port), _Handler)
        self._server.endpoint = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True)
        self._thread.start()

    def go_away(self) -> None:
        """Close the port. Connections that are open are reset with their next request."""
        self.behave = lambda _request: RESET
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def come_back(self) -> None:
        """Listen on the same port again, and answer."""
        self.behave = lambda _request: OK
        self._listen(self.port)

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    def client(self, **config: Any) -> Any:
        """A boto3 client of this endpoint with a single attempt, and timeouts that do for a busy machine."""
        settings = {'connect_timeout': 5, 'read_timeout': 5, 'retries': {'total_max_attempts': 1}, **config}
        client = session().client('cloudwatch', endpoint_url=self.url, config=Config(**settings))
        self._clients.append(client)
        return client

    @property
    def data(self) -> list[dict[str, Any]]:
        """All metric data that were accepted, in order."""
        return [datum for request in list(self.accepted) for datum in request.data]

    def named(self, name: str) -> list[dict[str, Any]]:
        """The accepted data of one metric, in order."""
        return [datum for datum in self.data if datum['MetricName'] == name]

    def close(self) -> None:
        """Stop serving, and let go of what hangs, and of the connections of its clients."""
        self.closing.set()
        for client in self._clients:
            client.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def dimensions(datum: dict[str, Any]) -> dict[str, str]:
    """The dimensions of a datum as a mapping."""
    return {dimension['Name']: dimension['Value'] for dimension in datum.get('Dimensions', ())}


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """An endpoint for the time of the block."""
    opened = Endpoint()
    try:
        yield opened
    finally:
        opened.close()


def _content(content_type: str, body: bytes) -> dict[str, Any]:
    """The parameters in a body of one of CloudWatch's three protocols; of Query, the names of metrics only."""
    if 'cbor' in content_type:
        return RpcV2CBORParser().parse_data_item(io.BytesIO(body))  # type: ignore[no-any-return]
    if 'form' in content_type:
        form = dict(parse_qsl(body.decode()))
        names = [value for key, value in form.items() if key.endswith('.MetricName')]
        return {'Namespace': form['Namespace'], 'MetricData': [{'MetricName': name} for name in names]}
    return json.loads(body)  # type: ignore[no-any-return]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    endpoint: Endpoint

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to write home about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True  # a reply is two writes, and the second would wait for the first's acknowledgement
    server: _Server

    def do_POST(self) -> None:
        request = self._request()
        endpoint = self.server.endpoint
        endpoint.received.append(request)
        reply = endpoint.behave(request)
        if reply == RESET:
            self._reset()
        elif reply == HANG:
            endpoint.closing.wait()
            self.close_connection = True
        else:
            assert isinstance(reply, Reply)
            if reply.status == 200 and reply.content_type == OK.content_type:
                endpoint.accepted.append(request)
            self._answer(reply)

    def _request(self) -> Request:
        wire = self.rfile.read(int(self.headers['Content-Length']))
        body = gzip.decompress(wire) if self.headers.get('Content-Encoding') == 'gzip' else wire
        content = _content(self.headers['Content-Type'], body)
        namespace, data = content.get('Namespace', ''), content.get('MetricData', [])  # other operations have none
        return Request(namespace, data, len(body), time.monotonic(), dict(self.headers), self.path, wire)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.connection.close()
        self.close_connection = True

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        if reply.content_type is not None:
            self.send_header('Content-Type', reply.content_type)
        self.send_header('Content-Length', str(len(reply.body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        """Silent."""

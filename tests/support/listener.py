"""An HTTP server on loopback that remembers what it gets, and fails on demand.

What it does with each request is decided by :attr:`Listener.behave`, a function from the request to a :class:`Reply`,
or to one of the things that go wrong on the way (:data:`RESET`, :data:`HANG`).
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Generic, TypeVar

from botocore.config import Config

from support.moto import session

R = TypeVar('R')


@dataclass(frozen=True)
class Reply:
    """An HTTP reply."""

    status: int = 200
    body: bytes = b'{}'
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str | None = 'application/x-amz-json-1.0'


RESET = 'reset'
"""The connection is reset after the request was read."""
HANG = 'hang'
"""Nothing is ever answered, until the server is closed."""


class Listener(Generic[R]):
    """See the module. ``received`` has all requests in order, ``accepted`` those that were taken."""

    ok: ClassVar[Reply]
    """What a request is answered with, unless told otherwise."""

    def __init__(self) -> None:
        self.behave: Callable[[R], Reply | str] = lambda _request: self.ok
        self.received: list[R] = []
        self.accepted: list[R] = []
        self.closing = threading.Event()
        self._clients: list[Any] = []
        self._listen(0)
        self.port = int(self._server.server_address[1])

    def _listen(self, port: int) -> None:
        self._server = _Server(('127.0.0.1', port), _Handler)
        self._server.listener = self
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
        self.behave = lambda _request: self.ok
        self._listen(self.port)

    @property
    def url(self) -> str:
        return f'http://127.0.0.1:{self.port}'

    def client(self, **config: Any) -> Any:
        """A boto3 client of this server with a single attempt, and timeouts that do for a busy machine."""
        settings = {'connect_timeout': 5, 'read_timeout': 5, 'retries': {'total_max_attempts': 1}, **config}
        client = session().client('cloudwatch', endpoint_url=self.url, config=Config(**settings))
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Stop serving, and let go of what hangs, and of the connections of its clients."""
        self.closing.set()
        for client in self._clients:
            client.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def read(self, path: str, headers: Message, wire: bytes) -> R:
        """The request that arrived.

        :param path: the target of the request line: absolute where the server is used as a proxy
        :param wire: the body as it was sent
        """
        raise NotImplementedError

    def decide(self, request: R, reply: Reply | str) -> Reply | str:
        """What becomes of a request, given what ``behave`` says."""
        return reply

    def takes(self, reply: Reply | str) -> bool:
        """Whether a request with this reply was taken. The page of a proxy takes nothing."""
        return isinstance(reply, Reply) and reply.status == 200 and reply.content_type == self.ok.content_type

    def answer(self, request: R) -> Reply | str:
        """Remember a request, and say what becomes of it."""
        self.received.append(request)
        reply = self.decide(request, self.behave(request))
        if self.takes(reply):
            self.accepted.append(request)
        return reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    listener: Listener[Any]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to write home about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True  # a reply is two writes, and the second would wait for the first's acknowledgement
    server: _Server

    def do_POST(self) -> None:
        listener = self.server.listener
        wire = self.rfile.read(int(self.headers['Content-Length']))
        reply = listener.answer(listener.read(self.path, self.headers, wire))
        if reply == RESET:
            self._reset()
        elif reply == HANG:
            listener.closing.wait()
            self.close_connection = True
        else:
            assert isinstance(reply, Reply)
            self._reply(reply)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.connection.close()
        self.close_connection = True

    def _reply(self, reply: Reply) -> None:
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

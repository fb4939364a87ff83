"""A CloudWatch that takes everything and costs next to nothing: for measuring who sends to it. Prints its port.

With an argument, it answers that many seconds after a request has arrived, as a CloudWatch does that is not on the same
machine.
"""

from __future__ import annotations

import asyncio
import sys

REPLY = b'HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{}'

DELAY_SECONDS = float(sys.argv[1]) if sys.argv[1:] else 0.0


class Sink(asyncio.Protocol):
    """One connection: reads a request's head, lets its body pass, answers, and so on."""

    def __init__(self) -> None:
        self._head = b''
        self._missing = 0
        """Bytes of the body that have not passed yet."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        while data:
            data = self._body(data) if self._missing else self._request(data)

    def _request(self, data: bytes) -> bytes:
        head, end, rest = (self._head + data).partition(b'\r\n\r\n')
        if not end:
            self._head = head
            return b''
        self._head = b''
        lines = (line.split(b':', 1) for line in head.lower().split(b'\r\n')[1:])
        headers = {name: value.strip() for name, value in lines}
        if headers.get(b'expect') == b'100-continue':
            self._transport.write(b'HTTP/1.1 100 Continue\r\n\r\n')
        self._missing = int(headers.get(b'content-length', 0))
        if not self._missing:
            self._answer()
        return rest

    def _body(self, data: bytes) -> bytes:
        passed = min(len(data), self._missing)
        self._missing -= passed
        if not self._missing:
            self._answer()
        return data[passed:]

    def _answer(self) -> None:
        if DELAY_SECONDS:
            asyncio.get_running_loop().call_later(DELAY_SECONDS, self._transport.write, REPLY)
        else:
            self._transport.write(REPLY)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Sink, '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == '__main__':
    asyncio.run(main())

"""The wrapper of an ASGI application.

https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from aws_satella.effects.background import BackgroundStart
from aws_satella.effects.complaints import say, shown
from aws_satella.effects.process import is_running, note_export_at_stop
from aws_satella.pure.signatures import document, wrapper_takes_settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Exporter:
    """Wraps an ASGI application: the exporter of each process starts with the server, and exports when that stops.

    An application that does not know the lifespan protocol, such as Django, needs no more than this. Where the server
    does not know it, the exporter starts with the first request, and beside it. An exporter that cannot be started is
    logged, and breaks neither the server nor a request.

    Arguments that are not given are taken from environment variables. ``AWS_SATELLA_DISABLED=1`` starts nothing.

    :param app: the application
    :arguments:
    :raises ArgumentError: an argument has a value that is not allowed
    :raises ArgumentTypeError: an argument is missing, unknown, or of the wrong type
    """

    @wrapper_takes_settings
    def __init__(self, app: Application, *args: Any, **kwargs: Any) -> None:
        self._app = app
        self._background = BackgroundStart.of(*args, **kwargs)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve a request, a connection, or the life of the server."""
        if scope['type'] == 'lifespan':
            await _Lifespan(self._background, receive, send).serve(self._app, scope)
            return
        if not is_running():
            self._background.start()
        await self._app(scope, receive, send)


document(Exporter)


class _Lifespan:
    """The life of a server, between it and the application.

    :param background: starts the exporter
    :param receive: of the server
    :param send: of the server
    """

    def __init__(self, background: BackgroundStart, receive: Receive, send: Send) -> None:
        self._background = background
        self._receive = receive
        self._send = send
        self._begun = False
        """Whether the server has said that it starts."""
        self._answered = False
        """Whether the application has answered that."""
        self._ends = False
        """Whether the server has said that it stops."""

    async def serve(self, app: Application, scope: MutableMapping[str, Any]) -> None:
        """Let the application serve it, or serve it for one that does not know the protocol: it raises, or returns."""
        try:
            await app(scope, self.receive, self.send)
        except Exception as error:
            if self._answered:
                await self._end()
                raise
            say('INFO', 'The application does not take part in the lifespan of the server: %s', shown(error))
        if not self._answered:
            await self._stand_in()

    async def receive(self) -> Message:
        """What the server says, to the application."""
        message = await self._receive()
        if message['type'] == 'lifespan.startup':
            self._begun = True
            note_export_at_stop()
            self._background.start()
        self._ends = self._ends or message['type'] == 'lifespan.shutdown'
        return message

    async def send(self, message: Message) -> None:
        """What the application says, to the server."""
        self._answered = True
        if message['type'].startswith('lifespan.shutdown'):
            await self._end()
        await self._send(message)

    async def _stand_in(self) -> None:
        """Say what an application would say that has nothing to do."""
        if not self._begun:
            await self.receive()
        await self.send({'type': 'lifespan.startup.complete'})
        while not self._ends:
            await self.receive()
        await self.send({'type': 'lifespan.shutdown.complete'})

    async def _end(self) -> None:
        """Export what was recorded last. uvicorn, for one, leaves no time for exit hooks."""
        if self._ends:
            self._ends = False
            await _in_thread(self._background.flush)


async def _in_thread(act: Callable[[], object]) -> None:
    """Call something that blocks, whichever loop runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        from trio.to_thread import run_sync

        await run_sync(act)
    else:
        await asyncio.to_thread(act)

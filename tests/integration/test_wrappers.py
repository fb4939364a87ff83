"""Sites whose application is wrapped, behind real servers: every request that was answered is counted once."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from satella.instrumentation.metrics import getMetric
from support.endpoint import HANG, Endpoint
from support.exporters import DEADLINE
from support.served import counted
from support.sites import Server, serve
from support.waiting import wait_for

from aws_satella.contrib import asgi, wsgi
from aws_satella.effects import process

NOISE = ('Traceback', 'Exception ignored', 'Fatal', 'aws_satella', 'ERROR')
ANY_PORT = '127.0.0.1:0'

UVICORN = ['uvicorn', '--port', '0', '--workers', '2']
GUNICORN = ['gunicorn', '--bind', ANY_PORT, '--workers', '2', '--no-control-socket']
UVICORN_WORKERS = ['--worker-class', 'uvicorn_worker.UvicornWorker']
HYPERCORN = ['hypercorn', '--bind', ANY_PORT, '--workers', '2', '--graceful-timeout', '20']
FASTAPI, STARLETTE, NO_LIFESPAN = (f'programs.asgi_sites:{name}' for name in ('fastapi', 'starlette', 'no_lifespan'))
FLASK = 'programs.flask_site:app'

SERVED = {
    'FastAPI, uvicorn': [*UVICORN, FASTAPI],
    'FastAPI, gunicorn with uvicorn workers': [*GUNICORN, *UVICORN_WORKERS, FASTAPI],
    'FastAPI, gunicorn preloaded with uvicorn workers': [*GUNICORN, '--preload', *UVICORN_WORKERS, FASTAPI],
    'Starlette, hypercorn on trio': [*HYPERCORN, '--worker-class', 'trio', STARLETTE],
    'no lifespan, uvicorn': [*UVICORN, NO_LIFESPAN],
    'no lifespan, gunicorn': [*GUNICORN, '--worker-class', 'asgi', NO_LIFESPAN],
    'Flask, gunicorn': [*GUNICORN, FLASK],
    'Flask, gunicorn preloaded': [*GUNICORN, '--preload', '--threads', '4', FLASK],
}


class Load:
    """Clients that ask as often as they can, until the server is gone."""

    def __init__(self, server: Server, clients: int = 4) -> None:
        self._server = server
        self.answers: Counter[str] = Counter()
        self.unanswered = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while True:
            try:
                pid = str(self._server.get('/')['pid'])
            except ConnectionRefusedError:
                return
            except (OSError, http.client.HTTPException, AssertionError):  # cut off, perhaps when it was counted
                with self._lock:
                    self.unanswered += 1
                if self._server.process.poll() is not None:
                    return
            else:
                with self._lock:
                    self.answers[pid] += 1

    def join(self) -> None:
        """Wait for the end of the server."""
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


@pytest.mark.parametrize('name', SERVED)
def test_wrapped_site_counts_each_request_once(name: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """Also when the server is stopped in full load. Only a request that was cut off may count, or not."""
    with serve(SERVED[name], endpoint.url, tmp_path / 'log') as server:
        answered = server.visit_all_workers('/', 2, 4)
        load = Load(server)
        wait_for(lambda: load.answers.total() > 100, 'some load')
        server.stop()
        load.join()
        answered += load.answers
        assert not [noise for noise in NOISE if noise in server.log], server.log

    arrived = counted(endpoint)
    assert arrived.keys() == answered.keys(), server.log
    assert not answered - arrived, 'answered, and not counted'
    assert (arrived - answered).total() <= load.unanswered, 'counted twice'
    if SERVED[name][-1] == STARLETTE:
        assert counted(endpoint, 'startup') == counted(endpoint, 'shutdown') == Counter(dict.fromkeys(answered, 1))


# --- the protocols, without a server


@pytest.fixture(autouse=True)
def _no_exporter() -> Iterator[None]:
    """No exporter of this process before and after."""
    process.replace_exporter(None)
    yield
    started = process.exporter_of_process()
    process.replace_exporter(None)
    if started is not None:
        started.join(DEADLINE)


def exporter_of_process(endpoint: Endpoint) -> dict[str, Any]:
    """Arguments of an exporter whose second cycle never comes."""
    return {'namespace': 'Shop', 'interval': 3_600, 'exit_timeout': 1.0, 'client_factory': endpoint.client}


async def live(app: asgi.Exporter, *, between: Callable[[], object] = lambda: None) -> list[dict[str, Any]]:
    """What an application answers to a server that starts, and stops."""
    sent: list[dict[str, Any]] = []
    answered = asyncio.Event()

    async def said() -> AsyncIterator[dict[str, Any]]:
        yield {'type': 'lifespan.startup'}
        await answered.wait()
        between()
        yield {'type': 'lifespan.shutdown'}

    async def send(message: Any) -> None:
        sent.append(message)
        answered.set()

    await app({'type': 'lifespan', 'state': {}}, said().__anext__, send)
    return sent


async def without_lifespan(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError(f'What is {scope["type"]}?')


async def silent(scope: Any, receive: Any, send: Any) -> None:
    await receive()


async def failing(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({'type': 'lifespan.startup.failed', 'message': 'no database'})
    raise RuntimeError('no database')


STARTED, STOPPED = {'type': 'lifespan.startup.complete'}, {'type': 'lifespan.shutdown.complete'}


@pytest.mark.parametrize('app', [without_lifespan, silent], ids=lambda app: app.__name__)
def test_application_need_not_know_lifespans(app: Any, endpoint: Endpoint) -> None:
    """The wrapper answers for it, and exports at the end what was recorded meanwhile."""
    orders = getMetric('orders', 'counter')
    wrapped = asgi.Exporter(app, **exporter_of_process(endpoint))
    assert asyncio.run(live(wrapped, between=lambda: orders.runtime(7))) == [STARTED, STOPPED]
    assert endpoint.values('orders')[-1] == 7


def test_start_that_fails_is_the_applications(endpoint: Endpoint) -> None:
    """The server hears of it what it would hear without the wrapper."""
    with pytest.raises(RuntimeError, match='no database'):
        asyncio.run(live(asgi.Exporter(failing, **exporter_of_process(endpoint))))


def test_event_loop_goes_on_during_the_last_export(endpoint: Endpoint) -> None:
    """A destination that hangs costs the stop of the server ``exit_timeout``, and no other task anything."""
    endpoint.behave = lambda _request: HANG
    getMetric('orders', 'counter').runtime(1)
    ticks: list[int] = []

    async def tick() -> None:
        while True:
            ticks.append(len(ticks))
            await asyncio.sleep(0.01)

    async def serve_and_tick() -> list[dict[str, Any]]:
        ticking = asyncio.create_task(tick())
        arguments = {**exporter_of_process(endpoint), 'client_factory': lambda: endpoint.client(read_timeout=60)}
        wrapped = asgi.Exporter(without_lifespan, **arguments)
        answers = await live(wrapped, between=ticks.clear)
        ticking.cancel()
        return answers

    assert asyncio.run(serve_and_tick()) == [STARTED, STOPPED]
    assert len(ticks) > 10


def request_by_asgi(endpoint: Endpoint, **more: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        getMetric('orders', 'counter').runtime(1)

    wrapped = asgi.Exporter(app, **{**exporter_of_process(endpoint), **more})
    asyncio.run(wrapped({'type': 'http'}, None, None))  # type: ignore[arg-type]  # the wrapped application takes no messages


def request_by_wsgi(endpoint: Endpoint, **more: Any) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        getMetric('orders', 'counter').runtime(1)
        return []

    wsgi.Exporter(app, **{**exporter_of_process(endpoint), **more})({}, print)


@pytest.mark.parametrize('request_by', [request_by_asgi, request_by_wsgi], ids=lambda each: each.__name__[-4:])
def test_request_does_not_wait_for_the_start(request_by: Any, endpoint: Endpoint) -> None:
    """The first request of a process starts the exporter beside itself, also where no lifespan has."""
    go_on = threading.Event()

    def client() -> Any:
        assert go_on.wait(DEADLINE)
        return endpoint.client()

    request_by(endpoint, client_factory=client)
    assert not process.is_running()
    go_on.set()
    wait_for(lambda: endpoint.named('orders'), 'the export', DEADLINE)

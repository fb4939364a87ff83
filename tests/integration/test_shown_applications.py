"""The applications that the pages show, behind real servers, as these are told to stop in each way that the pages name.

The interval is longer than any test here, so what was counted after a worker's first cycle arrives with its end.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.endpoint import Endpoint, dimensions
from support.programs import changed, program
from support.sites import Server, serve
from support.waiting import wait_for

ANY_PORT = '127.0.0.1:0'
WORKERS = 2
REQUESTS = 20
NOISE = ('Exception ignored', 'Fatal', 'aws_satella', 'Metrics are not exported')

APPLICATIONS = {
    'Flask': ('flask.md', '# app.py'),
    'FastAPI': ('fastapi.md', '# app.py'),
    'FastAPI, middleware': ('fastapi.md', '# middleware_app.py'),
    'Starlette': ('fastapi.md', '# starlette_app.py'),
}

GUNICORN = ['gunicorn', '--bind', ANY_PORT, '--workers', '2', '--no-control-socket']
UVICORN_WORKERS = [*GUNICORN, '--worker-class', 'uvicorn_worker.UvicornWorker']
UVICORN = ['uvicorn', '--port', '0', '--workers', '2']
HYPERCORN = ['hypercorn', '--bind', ANY_PORT, '--workers', '2']
UWSGI = [
    *('uwsgi', '--http-socket', ANY_PORT, '--processes', '2', '--master', '--enable-threads', '--need-app'),
    *('--hook-master-start', 'unix_signal:15 gracefully_kill_them_all', '--module'),
]

GRACEFUL: list[tuple[str, list[str]]] = [
    ('FastAPI', [*GUNICORN, '--preload', '--worker-class', 'asgi']),
    ('FastAPI, middleware', UVICORN),
    ('FastAPI, middleware', [*UVICORN_WORKERS, '--preload']),
    ('Flask', [*HYPERCORN, 'wsgi']),
    ('Flask', [*UWSGI[:-1], '--lazy-apps', '--module']),
]
RELOADED: list[tuple[str, list[str]]] = [
    ('Flask', [*GUNICORN, '--preload']),
    ('Flask', GUNICORN),
    ('FastAPI', UVICORN_WORKERS),
    ('Starlette', UVICORN),
    ('FastAPI', HYPERCORN),
]
RECYCLED: list[tuple[str, list[str]]] = [
    ('FastAPI', [*UVICORN_WORKERS, '--max-requests', '5']),
    ('FastAPI', [*UVICORN, '--limit-max-requests', '5']),
]
QUICKLY: list[tuple[str, list[str]]] = [
    ('Flask', [*GUNICORN, '--preload']),
    ('FastAPI', [*GUNICORN, '--worker-class', 'asgi']),
]


def names(case: object) -> str:
    """The id of a parameter."""
    return ' '.join(case) if isinstance(case, list) else str(case)


def written(application: str, folder: Path, command: list[str]) -> list[str]:
    """Save an application as its page shows it, but for the interval; and the command line that serves it."""
    shown = changed(program(*APPLICATIONS[application]), "interval='60s'", "interval='1h', exit_timeout=20")
    if command[0] == 'hypercorn':
        shown = program('servers/hypercorn.md', '# The first lines of app.py') + shown
    (folder / 'app.py').write_text(shown)
    return [*command[:-1], 'wsgi:app:app'] if command[-1] == 'wsgi' else [*command, 'app:app']


def counted(endpoint: Endpoint) -> int:
    """How many orders arrived."""
    orders = [datum for datum in endpoint.named('shop.orders') if dimensions(datum) == {'country': 'pl'}]
    return round(sum(datum['Value'] for datum in orders))


def order(server: Server, times: int = REQUESTS) -> int:
    """Order so many times; and how many orders were answered."""
    return sum(answer['ordered'] for answer in server.visit('/order/pl', times))


def workers(server: Server) -> set[int]:
    """The processes that serve."""
    pid = server.process.pid
    children = map(int, Path(f'/proc/{pid}/task/{pid}/children').read_text().split())
    return {child for child in children if 'resource_tracker' not in Path(f'/proc/{child}/cmdline').read_text()}


def ended(pids: set[int]) -> Callable[[], bool]:
    return lambda: not any(Path(f'/proc/{pid}').exists() for pid in pids)


def after_first_cycles(server: Server, endpoint: Endpoint) -> int:
    """Order until an export has come, so that nothing but an end exports what follows; the orders so far."""
    answered = order(server)
    wait_for(lambda: counted(endpoint) > 0, 'a first cycle')
    if '--lazy-apps' in str(server.process.args):  # uWSGI loses the signal for a worker that is still loading
        wait_for(lambda: server.log.count('WSGI app 0') == WORKERS, 'all workers')
    return answered + order(server)


def assert_counted_once(server: Server, endpoint: Endpoint, answered: int) -> None:
    assert counted(endpoint) == answered, server.log
    assert not [noise for noise in NOISE if noise in server.log], server.log


@pytest.mark.parametrize(('application', 'command'), GRACEFUL, ids=names)
def test_graceful_stop(application: str, command: list[str], endpoint: Endpoint, tmp_path: Path) -> None:
    """Every order that was answered has arrived when the server is gone."""
    with serve(written(application, tmp_path, command), endpoint.url, tmp_path / 'log', str(tmp_path)) as server:
        answered = after_first_cycles(server, endpoint)
        server.stop()
        assert_counted_once(server, endpoint, answered)


@pytest.mark.parametrize(('application', 'command'), RELOADED, ids=names)
def test_reload(application: str, command: list[str], endpoint: Endpoint, tmp_path: Path) -> None:
    """What the old workers counted arrives with their end, and what the new ones count, with the stop."""
    with serve(written(application, tmp_path, command), endpoint.url, tmp_path / 'log', str(tmp_path)) as server:
        answered = after_first_cycles(server, endpoint)
        old = workers(server)
        assert len(old) == WORKERS
        os.kill(server.process.pid, signal.SIGHUP)
        wait_for(ended(old), 'the end of the old workers')
        assert_counted_once(server, endpoint, answered)
        wait_for(lambda: len(workers(server)) == WORKERS, 'new workers')
        answered += order(server)
        server.stop()
        assert_counted_once(server, endpoint, answered)


@pytest.mark.parametrize(('application', 'command'), RECYCLED, ids=names)
def test_recycled_workers(application: str, command: list[str], endpoint: Endpoint, tmp_path: Path) -> None:
    """Workers that are replaced after a few requests lose nothing."""
    with serve(written(application, tmp_path, command), endpoint.url, tmp_path / 'log', str(tmp_path)) as server:
        assert server.port
        first = workers(server)
        answered = 0

        def replaced() -> bool:
            nonlocal answered
            try:
                answered += order(server, 1)
            except (OSError, http.client.HTTPException):  # refused, while nobody listens
                pass
            return ended(first)()

        wait_for(replaced, 'other workers')
        server.stop()
        assert_counted_once(server, endpoint, answered)


@pytest.mark.parametrize(('application', 'command'), QUICKLY, ids=names)
def test_quick_stop_of_gunicorn(application: str, command: list[str], endpoint: Endpoint, tmp_path: Path) -> None:
    """What was counted arrives, although requests are cut off."""
    with serve(written(application, tmp_path, command), endpoint.url, tmp_path / 'log', str(tmp_path)) as server:
        answered = after_first_cycles(server, endpoint)
        server.stop(number=signal.SIGINT)
        assert counted(endpoint) == answered, server.log


def test_quick_stop_with_uvicorn_workers(endpoint: Endpoint, tmp_path: Path) -> None:
    """The page says that it kills them. Where it no longer does, the page is to be changed."""
    command = written('FastAPI', tmp_path, [*UVICORN_WORKERS, '--graceful-timeout', '1'])
    with serve(command, endpoint.url, tmp_path / 'log', str(tmp_path)) as server:
        answered = after_first_cycles(server, endpoint)
        server.stop(number=signal.SIGINT)
        assert 'was sent SIGKILL' in server.log
        assert counted(endpoint) < answered


@pytest.mark.parametrize(
    ('application', 'command'), [('Flask', GUNICORN), ('FastAPI', UVICORN), ('Flask', UWSGI)], ids=names
)
def test_first_process_of_a_container(application: str, command: list[str], endpoint: Endpoint, tmp_path: Path) -> None:
    """A server is stopped gracefully by SIGTERM also where it has the process id 1."""
    unshare = shutil.which('unshare')
    if not unshare or subprocess.run([unshare, '--pid', '--fork', 'true'], check=False).returncode:
        pytest.skip('no PID namespaces here')
    server_command = written(application, tmp_path, command)
    within = [unshare, '--pid', '--fork', '--kill-child', '--mount-proc']
    within.append(str(Path(sys.executable).parent / server_command[0]))
    with serve([*within, *server_command[1:]], endpoint.url, tmp_path / 'log', str(tmp_path)) as server:
        answered = after_first_cycles(server, endpoint)
        (first,) = workers(server)
        server.stop(first)
        assert_counted_once(server, endpoint, answered)

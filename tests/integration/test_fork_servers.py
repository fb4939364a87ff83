"""Real servers that fork: every worker exports what it counted, once, and exports its last values when it is stopped.

Here the parent exports, too. The interval is longer than any test, so that what arrives last arrives with the end.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import scripts
from support.endpoint import Endpoint
from support.served import counted, run_celery
from support.sites import Server, serve
from support.waiting import wait_for

NOISE = ('Traceback', 'Exception ignored', 'cannot schedule', 'Fatal', 'aws_satella')


def assert_quiet(server: Server) -> None:
    """Neither the server nor the exporter found anything to complain of."""
    assert not [noise for noise in NOISE if noise in server.complaints], server.log


def test_gunicorn_with_preload(endpoint: Endpoint, tmp_path: Path) -> None:
    """The master exports from its import of the site, each worker from post_worker_init: until the end, and once."""
    options = [
        '--preload',
        '--workers',
        '2',
        '--worker-class',
        'gthread',
        '--config',
        'python:programs.gunicorn_settings',
    ]
    command = ['gunicorn', '--bind', '127.0.0.1:0', '--no-control-socket', *options, 'programs.fork_servers:page']
    with serve(command, endpoint.url, tmp_path / 'log') as server:
        served = server.visit_all_workers('/', 2, 12)
        server.stop()
        assert_quiet(server)

    assert counted(endpoint) == served
    assert counted(endpoint, 'import') == {str(server.process.pid): 1}


def test_uwsgi_with_lazy_apps(endpoint: Endpoint, tmp_path: Path) -> None:
    """Where each worker imports the site, each exports its own, from the import to the end."""
    with serve(uwsgi('--enable-threads', '--lazy-apps'), endpoint.url, tmp_path / 'log') as server:
        served = server.visit_all_workers('/', 2, 12)
        server.stop()
        assert_quiet(server)

    assert counted(endpoint) == served
    assert counted(endpoint, 'import') == dict.fromkeys(served, 1)


@pytest.mark.parametrize('options', ['', '--threads 2', '--py-call-uwsgi-fork-hooks'])
def test_uwsgi(options: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """A worker that is forked while a thread of its parent holds the interpreter hangs for ever. So the parent starts
    none, and says so, once; the workers export, from what the parent counted to the end.
    """
    with serve(uwsgi('--enable-threads', *options.split()), endpoint.url, tmp_path / 'log') as server:
        served = server.visit_all_workers('/', 2, 12)
        server.stop()
        assert server.log.count('aws_satella') == server.log.count('WARNING:aws_satella:No exporter is started') == 1

    assert counted(endpoint) == served
    assert counted(endpoint, 'import') == dict.fromkeys(served, 1)


def test_uwsgi_without_a_master(endpoint: Endpoint, tmp_path: Path) -> None:
    """The same where the first worker forks the others. Nobody tells all of them to stop: they export meanwhile."""
    command = uwsgi('--enable-threads', master=())
    with serve(command, endpoint.url, tmp_path / 'log', EXPORTER=json.dumps({'interval': 0.5})) as server:
        served = server.visit_all_workers('/', 2, 12)
        wait_for(lambda: counted(endpoint) == served, 'what was counted')

    assert counted(endpoint, 'import') == dict.fromkeys(served, 1)


def test_uwsgi_without_threads(endpoint: Endpoint, tmp_path: Path) -> None:
    """Where uWSGI lets threads stand still between requests, each worker says so, once; newer releases never do."""
    with serve(uwsgi('--lazy-apps'), endpoint.url, tmp_path / 'log') as server:
        workers = server.visit_all_workers('/', 2, 12)
        standing_still = 'threads 0' in server.log
        assert server.log.count('aws_satella') == len(workers) * standing_still
        assert server.log.count('without --enable-threads') == len(workers) * standing_still


def test_exporter_whose_thread_stands_still_says_so_once(endpoint: Endpoint) -> None:
    """The same, where no such release of uWSGI is installed: with what its module says then."""
    ended = scripts.run(scripts.program('standing_still.exporters'), endpoint.url)
    assert ended.returncode == 0
    assert ended.stderr.startswith('uWSGI runs without --enable-threads')
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize('starts', ['1', ''], ids=['started', 'by themselves'])
def test_celery(starts: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """A prefork worker exports from its import, its children from worker_process_init, or by themselves, to
    worker_process_shutdown: every task counts once.
    """
    server, done = run_celery(endpoint.url, tmp_path, STARTS_IN_CHILDREN=starts)
    assert_quiet(server)
    assert server.process.returncode == 0
    assert counted(endpoint, 'task') == done
    assert counted(endpoint, 'import') == {str(server.process.pid): 1}


MASTER = ('--master', '--hook-master-start', 'unix_signal:15 gracefully_kill_them_all')


def uwsgi(*options: str, master: tuple[str, ...] = MASTER) -> list[str]:
    site = ('--module', 'programs.fork_servers:starting_page')
    return ['uwsgi', '--http-socket', '127.0.0.1:0', '--processes', '2', *site, *master, *options]

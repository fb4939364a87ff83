"""Real servers on loopback: every request is counted exactly once over all workers, whatever becomes of the workers.

The interval is longer than any test here, so what was counted after a worker's first cycle arrives with its end.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from support.moto import Moto
from support.sites import serve
from support.waiting import wait_for

DOCS = Path(__file__).parents[2] / 'docs'
WORKERS = 2
REQUESTS = 40
EXPORT = 'aws_satella.contrib.django.AWSSatellaMiddleware'
ANY_PORT = '127.0.0.1:0'


def gunicorn(*options: str, application: str = 'shop.wsgi') -> list[str]:
    """gunicorn's command line."""
    common = ['--bind', ANY_PORT, '--workers', str(WORKERS), '--no-control-socket']
    return ['gunicorn', *common, *options, application]


def uwsgi(*options: str) -> list[str]:
    """uWSGI's command line, as its page has it."""
    graceful = ['--hook-master-start', 'unix_signal:15 gracefully_kill_them_all']
    common = ['--master', '--enable-threads', '--need-app', *graceful]
    place = ['--http-socket', ANY_PORT, '--processes', str(WORKERS), '--wsgi-file', 'shop/wsgi.py']
    return ['uwsgi', *place, *common, *options]


SYNC = {
    'gunicorn sync, preloaded': gunicorn('--preload'),
    'gunicorn gthread': gunicorn('--worker-class', 'gthread', '--threads', '4'),
    'gunicorn gevent': gunicorn('--worker-class', 'gevent'),
    'uWSGI': uwsgi(),
}
ASYNC = {
    'uvicorn': ['uvicorn', '--port', '0', '--workers', str(WORKERS), 'asgi:application'],
    'gunicorn': gunicorn('--worker-class', 'asgi', application='shop.asgi'),
    'hypercorn': ['hypercorn', '--bind', ANY_PORT, '--workers', str(WORKERS), 'asgi:application'],
}


def page_of_docs(name: str, folder: Path) -> str:
    """Write the programs of a page of the documentation to this folder: the first line says what each is called."""
    text = (DOCS / 'servers' / f'{name}.md').read_text()
    for file, program in re.findall(r'^```python\n# (\S+)\n(.*?)^```', text, re.MULTILINE | re.DOTALL):
        (folder / file).write_text(program)
    return str(folder)


def senders(moto: Moto) -> set[str]:
    """The workers that have exported anything."""
    return {each.value for datum in moto.data for each in datum.dimensions if each.name == 'pid'}


def by_worker(moto: Moto, name: str, *labels: str) -> Counter[str]:
    """What arrived of a counter's series that have these labels, by the worker that sent it; no zeros."""
    arrived: Counter[str] = Counter()
    for datum in moto.data:
        dimensions = {each.name: each.value for each in datum.dimensions}
        if datum.name == name and dimensions.keys() == {'pid', *labels}:
            arrived[dimensions['pid']] += round(datum.value)
    return +arrived


@pytest.mark.parametrize('server', SYNC)
def test_server_counts_each_request_once(server: str, moto: Moto, tmp_path: Path) -> None:
    """Every worker's counts arrive, the last with the graceful stop; as the page counts and as the middleware does."""
    with serve(SYNC[server], moto.url, tmp_path / 'log') as running:
        answers = running.visit_all_workers('/page/{}/', WORKERS, REQUESTS)
        answers[running.stop_during('/page/slow/5/')] += 1
        assert by_worker(moto, 'shop.hits') == answers, running.log
    assert by_worker(moto, 'django.status_codes', 'url', 'status_code') == answers


def test_exporter_in_the_parent_counts_its_own(moto: Moto, tmp_path: Path) -> None:
    """Where AppConfig.ready starts an exporter in gunicorn's parent as well, all is counted once, by its own."""
    with serve(gunicorn('--preload'), moto.url, tmp_path / 'log', SHOP_APPS='shop.apps.EagerShopConfig') as running:
        answers = running.visit_all_workers('/page/{}/', WORKERS, WORKERS)
        running.stop()
        assert by_worker(moto, 'shop.hits') == answers, running.log
        assert by_worker(moto, 'shop.loads') == {str(running.process.pid): 1}


STARTS = {'gunicorn': gunicorn('--preload'), 'uvicorn': ['uvicorn', '--port', '0', 'shop.asgi:application']}


@pytest.mark.parametrize('server', STARTS)
def test_server_does_not_start_with_a_mistake_in_the_setting(server: str, moto: Moto, tmp_path: Path) -> None:
    """A mistake in the setting ends the server when it starts, with a message that says what is wrong."""
    wrong = {'SHOP_CONSTRUCTOR': '{"namespace": "Shop", "intervall": 60}'}
    with serve(STARTS[server], moto.url, tmp_path / 'log', **wrong) as starting:
        wait_for(lambda: starting.process.poll() is not None, 'the end of the server', 60)
        assert starting.process.returncode != 0
        assert 'ImproperlyConfigured' in starting.log
        assert "AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR has an unknown argument 'intervall'" in starting.log
        assert "Did you mean 'interval'?" in starting.log


def children(pid: int) -> list[int]:
    """The processes that this one has started."""
    return [int(child) for child in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]


def test_runserver_exports_from_the_child(moto: Moto, tmp_path: Path) -> None:
    """With its autoreloader runserver has one exporter, in the process that serves; what is last arrives as well."""
    command = ['python', 'manage.py', 'runserver', ANY_PORT]
    with serve(command, moto.url, tmp_path / 'log', SHOP_APPS='shop aws_satella', SHOP_DEBUG='1') as running:
        answers = running.visit_all_workers('/page/{}/', 1, 5)
        wait_for(lambda: senders(moto) == set(answers), 'the first cycle')  # the rest is exported at the end
        answers += running.visit_all_workers('/page/{}/', 1, 5)
        (child,) = children(running.process.pid)
        assert set(answers) == {str(child)}
        assert len(list(Path(f'/proc/{running.process.pid}/task').iterdir())) == 1  # the parent has no exporter
        running.stop(child)
        assert by_worker(moto, 'shop.hits') == answers, running.log


@pytest.mark.parametrize('server', ASYNC)
def test_asynchronous_server_counts_each_request_once(server: str, moto: Moto, tmp_path: Path) -> None:
    """With the asgi.py of the server's page, if it has one, every worker's counts arrive, the last with the stop."""
    path = page_of_docs(server, tmp_path)
    with serve(ASYNC[server], moto.url, tmp_path / 'log', path, SHOP_MIDDLEWARE=EXPORT) as running:
        answers = running.visit_all_workers('/async/{}/', WORKERS, REQUESTS)
        answers[running.stop_during('/async/slow/20/')] += 1
        assert by_worker(moto, 'shop.hits') == answers, running.log
        assert 'adapted' not in running.log
        assert 'LOG aws_satella WARNING' not in running.log


def test_server_that_ends_without_exit_handlers_is_told_of(moto: Moto, tmp_path: Path) -> None:
    """Each worker of uvicorn says once what to add, where nothing exports when it stops."""
    command = [*ASYNC['uvicorn'][:-1], 'shop.asgi:application']
    with serve(command, moto.url, tmp_path / 'log', SHOP_MIDDLEWARE=EXPORT) as running:
        workers = running.visit_all_workers('/async/{}/', WORKERS, REQUESTS)
        wait_for(lambda: running.log.count('aws_satella.contrib.asgi.Exporter') >= len(workers), 'what it says')
        running.stop()
        assert running.log.count('uvicorn ends processes') == len(workers)


RECYCLING = {
    'gunicorn': gunicorn('--preload', '--max-requests', '5'),
    'uWSGI': uwsgi('--max-requests', '5', '--min-worker-lifetime', '0'),
}


@pytest.mark.parametrize('server', RECYCLING)
def test_recycled_worker_loses_nothing(server: str, moto: Moto, tmp_path: Path) -> None:
    """What a worker that is replaced after a few requests has counted arrives, once, while the server goes on."""
    with serve(RECYCLING[server], moto.url, tmp_path / 'log') as running:
        answers = running.visit_all_workers('/page/{}/', WORKERS, WORKERS)
        wait_for(lambda: senders(moto) >= set(answers), 'the first cycle of each')  # the rest is exported at the end
        answers += running.visit_all_workers('/page/{}/', WORKERS, 5 * WORKERS)
        replaced = {pid: times for pid, times in answers.items() if times >= 5}
        assert replaced
        wait_for(lambda: not any(Path('/proc', pid).exists() for pid in replaced), 'the end of those workers')
        arrived = by_worker(moto, 'shop.hits')
        assert {pid: arrived[pid] for pid in replaced} == replaced, running.log

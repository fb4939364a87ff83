"""Forked children that nobody started an exporter in: they go on exporting what they record themselves.

Each test forks a real process, and looks at what arrives at a real endpoint. Every process names itself by its role in
a label, and by its process id in a dimension.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support import scripts
from support.endpoint import OK, Endpoint, Reply, Request, dimensions
from support.sites import serve
from support.waiting import wait_for


def run(name: str, endpoint: Endpoint, *arguments: str, greenlets: bool = False, **more: Any) -> str:
    """Run the program to its end. What it wrote to its standard error."""
    # From 3.12 on Python warns in every program that forks while it has threads.
    more = {'PYTHONWARNINGS': 'ignore::DeprecationWarning', **more}
    ended = scripts.run(scripts.program(f'children.{name}', greenlets), endpoint.url, *arguments, **more)
    assert ended.returncode == 0, ended.stderr
    assert not [noise for noise in ('Traceback', 'Exception ignored', 'Fatal') if noise in ended.stderr], ended.stderr
    return ended.stderr


def counted(endpoint: Endpoint) -> dict[str, float]:
    """The increases that arrived, by who has recorded them; no zeros."""
    sums: Counter[str] = Counter()
    for datum in endpoint.named('work'):
        sums[dimensions(datum).get('who', '')] += datum['Value']
    return {key: value for key, value in sums.items() if value}


@pytest.mark.parametrize('start', ['exporter_of_the_process', 'exporter_of_its_own', 'exporter_that_is_being_started'])
@pytest.mark.parametrize('before', ['', 'parent'])
def test_child_exports_what_it_records(start: str, before: str, endpoint: Endpoint) -> None:
    """Whichever exporter the parent has, also while it is just being started; the counts of the parent are its own."""
    run(start, endpoint, before)
    assert counted(endpoint) == {'child': 2, 'parent': 101 if before else 1}


def test_child_sends_nothing_else(endpoint: Endpoint) -> None:
    """No series that only its parent has recorded, no level that it has not changed, and nothing of user code."""
    run('metrics_of_all_kinds', endpoint)
    parent = {'level', 'kept', 'callable', 'clicks', 'uptime', 'waits', 'histogram', 'work'}
    by_process: dict[str, Counter[str]] = {}
    for datum in endpoint.data:
        by_process.setdefault(dimensions(datum)['pid'], Counter())[datum['MetricName'].split('.')[0]] += 1
    child, both = sorted(by_process.values(), key=lambda names: names.total())
    assert dict(child) == {'level': 1, 'waits': 1, 'work': 2}
    assert set(both) == parent


def test_start_in_a_child_exports_everything(endpoint: Endpoint) -> None:
    """It takes over, so that nothing is sent twice, and nothing of what was recorded before is lost."""
    run('start', endpoint)
    assert counted(endpoint) == {'before': 1, 'between': 1, 'after': 1}
    by_child = {datum['MetricName'] for datum in endpoint.data if 'by' in dimensions(datum)}
    assert by_child == {'callable', 'level', 'work', 'work.sum'}


@pytest.mark.parametrize('parents', [1, 2])
def test_export_by_hand_in_a_child_exports_everything(parents: int, endpoint: Endpoint) -> None:
    """The exporter that goes on there by itself makes it, in a grandchild too, and nothing is sent twice."""
    run('export_once', endpoint, str(parents))
    assert counted(endpoint) == {'parent': 1, 'child': 1, **({'between': 1} if parents == 2 else {})}
    assert len({datum['Value'] for datum in endpoint.named('callable')}) == 2


@pytest.mark.parametrize(
    ('arguments', 'records', 'warns', 'exports'),
    [
        pytest.param({'temporality': 'delta'}, True, False, True, id='increases'),
        pytest.param({'add_pid': 'pid'}, True, False, True, id='a number of the process'),
        pytest.param({}, True, True, False, id='totals'),
        pytest.param({}, False, False, False, id='totals, nothing recorded'),
        pytest.param({'in_forks': True}, True, False, True, id='totals, wanted'),
        pytest.param({'temporality': 'delta', 'in_forks': False}, True, False, False, id='increases, unwanted'),
    ],
)
def test_child_exports_where_the_numbers_add_up(
    arguments: dict[str, Any], records: bool, warns: bool, exports: bool, endpoint: Endpoint
) -> None:
    """Where they do not, a child that has recorded something says once that it is not exported, unless the program has
    decided.
    """
    said = run('arguments', endpoint, json.dumps(arguments), 'records' if records else '')
    assert said.count('was forked from one that exports') == len(said.splitlines()) == warns
    assert counted(endpoint).get('child', 0) == (2 if exports else 0)


WAYS = [
    *('processes', 'pool_that_is_closed', 'pool_that_is_left', 'process_pool_executor', 'daemon', 'loop'),
    *('executor_of_a_loop', 'generations'),
]


@pytest.mark.parametrize('way', WAYS)
def test_children_export_all_that_they_record(way: str, endpoint: Endpoint) -> None:
    """However they are made, and however they end: by SIGTERM too, where the program has asked for that."""
    run(way, endpoint)
    wait_for(lambda: counted(endpoint) == {'child': 3}, 'what they recorded')


def test_child_of_a_thread_ends_when_that_returns(endpoint: Endpoint) -> None:
    """Nothing else ends such a process. What it has recorded arrives."""
    run('thread_that_returns', endpoint)
    assert counted(endpoint) == {'child': 1}


def test_child_with_the_process_id_of_its_parent(endpoint: Endpoint) -> None:
    """In a PID namespace of its own the child has the id 1, as its parent has in its own."""
    run('same_process_id', endpoint)
    assert counted(endpoint) in ({'parent': 150, 'child': 1}, {})


@pytest.mark.parametrize('state', ['idle', 'exporting', 'recording', 'logging'])
def test_forks_in_every_state_of_the_parent(state: str, endpoint: Endpoint) -> None:
    """No child waits for a lock that a thread of its parent held, and each counts once."""
    rounds = 1 if state == 'idle' else 2  # where nothing goes on, all rounds are alike
    run('states', endpoint, state, str(rounds))
    assert counted(endpoint)['child'] == 4 * rounds


def test_forks_in_the_life_of_two_exporters(endpoint: Endpoint) -> None:
    """From the start to the end of exporters, each of 200 children exports and ends, and each count arrives once."""
    run('life', endpoint)
    sums: dict[str, Counter[str]] = {'Shop': Counter(), 'Own': Counter()}
    for request in list(endpoint.accepted):
        for datum in request.data:
            if datum['MetricName'] == 'work':
                sums[request.namespace][dimensions(datum)['who']] += datum['Value']
    # Only exporters of the process are started by the last children.
    assert sums == {'Shop': {'child': 200, 'parent': 150}, 'Own': {'child': 150, 'parent': 150}}


@pytest.mark.parametrize('way', ['at_once', 'after_a_turn', 'in_a_thread', 'watched', 'processes', 'generations'])
def test_children_of_greenlets_export_all_that_they_record(way: str, endpoint: Endpoint) -> None:
    """Where threads are greenlets, the exporter of a child starts with the first turn of the loop, or with the end."""
    pytest.importorskip('gevent')
    assert run(way, endpoint, greenlets=True) == ''
    assert counted(endpoint) == {'child': 3}


@pytest.mark.parametrize('in_forks', [None, False])
def test_copy_of_a_greenlet_exports_nothing(in_forks: bool | None, endpoint: Endpoint, tmp_path: Path) -> None:
    """A fork copies greenlets, that of the exporter among them. The copy ends."""
    pytest.importorskip('gevent')
    said = run('copied_cycles', endpoint, json.dumps(in_forks), str(tmp_path / 'done'), greenlets=True)
    by_child = {} if in_forks is False else {'child': int(said)}
    assert counted(endpoint) == {'parent': 2, **by_child}


def test_copy_of_a_greenlet_takes_no_reply(endpoint: Endpoint, tmp_path: Path) -> None:
    """The request in flight at a fork, and its reply, are the business of the parent alone."""
    pytest.importorskip('gevent')
    arrived, forked = tmp_path / 'arrived', tmp_path / 'forked'

    def wait_for_fork(request: Request) -> Reply:
        if any(dimensions(datum).get('who') == 'parent' for datum in request.data) and not arrived.exists():
            arrived.touch()
            wait_for(forked.exists, 'the fork')
        return OK

    endpoint.behave = wait_for_fork
    said = run('copied_request', endpoint, *map(str, (arrived, forked, tmp_path / 'flushed')), greenlets=True)
    assert said == ''
    assert counted(endpoint) == {'parent': 1, 'child': 1}


def test_children_that_do_something_else(endpoint: Endpoint) -> None:
    """Children that execute another program at once, or leave at once, cost nothing but their fork."""
    run('something_else', endpoint)
    assert counted(endpoint) == {'parent': 1}


@pytest.mark.parametrize('worker', ['sync', 'gthread', 'gevent'])
def test_gunicorn_with_preload(worker: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """The program starts the exporter where it is imported, as in a script: each worker exports what it has served."""
    for each in ('flask', 'gunicorn', 'gevent'):
        pytest.importorskip(each)
    options = ['--preload', '--workers', '2', '--worker-class', worker, '--no-control-socket']
    if worker == 'gevent':  # it has to replace the sockets before boto3 is imported, so the master has greenlets, too
        options += ['--config', 'python:programs.greenlets']
    command = ['gunicorn', '--bind', '127.0.0.1:0', *options, 'programs.preloaded:app']
    with serve(command, endpoint.url, tmp_path / 'log') as server:
        served = server.visit_all_workers('/', 2, 101)
        server.stop()
        assert not [noise for noise in ('Traceback', 'aws_satella', 'Exception') if noise in server.log], server.log
    assert counted(endpoint) == {'page': served.total()}


def test_child_says_nothing_that_becomes_an_error(endpoint: Endpoint) -> None:
    """Where warnings are errors, in all of the life of a child that nobody started an exporter in."""
    # Without the second filter, nobody can import satella.
    assert run('fork_and_multiprocessing', endpoint, PYTHONWARNINGS='error,ignore:Deprecated') == ''
    assert counted(endpoint) == {'child': 2}


@pytest.mark.parametrize('where', ['parent', 'child'])
def test_plain_fork_in_a_child_of_multiprocessing(where: str, endpoint: Endpoint) -> None:
    """Its end runs neither the exit handlers of the interpreter nor the hooks of the library for forks of its own."""
    run('multiprocessing_and_fork', endpoint, where)
    assert counted(endpoint) == {'child': 1, 'grandchild': 1}

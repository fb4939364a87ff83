"""Forked children that nobody started an exporter in: they go on exporting what they record themselves.

Each test forks a real process, and looks at what arrives at a real endpoint. Every process names itself by its role in
a label, and by its process id in a dimension.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support import scripts
from support.endpoint import OK, Endpoint, Reply, Request, dimensions
from support.sites import serve
from support.waiting import wait_for

PRELUDE = """
import gc, multiprocessing, os, signal, sys, threading, time
import aws_satella
from aws_satella import AWSSatellaExporterThread
from satella.instrumentation.metrics import getMetric

gc.freeze()  # a child that ends would look through, and so copy, all that its parent has made
work = getMetric('work', 'counter')
level = getMetric('level', 'int')
waits = getMetric('waits', 'histogram')
SHOP = dict(interval=3600, temporality='delta', exit_timeout=20)

def record(who, number):
    work.runtime(number, who=who)

def insist(processes):
    # The interpreter runs no handler if a signal arrives right before it waits for a semaphore; nor without us.
    def terminate():
        while not time.sleep(2):
            for each in processes:
                try:
                    os.kill(each.pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass
    threading.Thread(target=terminate, daemon=True).start()

def child(act=lambda: None, code=0):
    pid = os.fork()
    if pid:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code
        return
    signal.alarm(60)
    assert gc.isenabled()
    act()
    sys.exit(code)
"""


def run(script: str, endpoint: Endpoint, *arguments: str, first: str = '', **more: Any) -> str:
    """Run the program to its end. What it wrote to its standard error.

    :param first: what it does before it imports anything
    """
    # From 3.12 on Python warns in every program that forks while it has threads.
    more = {'PYTHONWARNINGS': 'ignore::DeprecationWarning', **more}
    ended = scripts.run(first + PRELUDE + script, endpoint.url, *arguments, **more)
    assert ended.returncode == 0, ended.stderr
    assert not [noise for noise in ('Traceback', 'Exception ignored', 'Fatal') if noise in ended.stderr], ended.stderr
    return ended.stderr


def counted(endpoint: Endpoint, name: str = 'work', label: str = 'who') -> dict[str, float]:
    """The increases that arrived, by the value of a label; no zeros."""
    sums: Counter[str] = Counter()
    for datum in endpoint.named(name):
        sums[dimensions(datum).get(label, '')] += datum['Value']
    return {key: value for key, value in sums.items() if value}


STARTS = {
    'of the process': "aws_satella.start_if_not_started('Shop', **SHOP)",
    'of its own': "AWSSatellaExporterThread('Shop', **SHOP).start()",
    'in another thread': """
making, made, starter = threading.Event(), threading.Event(), os.getpid()
def factory():
    import boto3
    making.set()
    os.getpid() == starter and made.wait(20)
    return boto3.client('cloudwatch')
starts = threading.Thread(target=lambda: aws_satella.start_if_not_started('Shop', **SHOP, client_factory=factory))
starts.start()
assert making.wait(20)
""",
}


@pytest.mark.parametrize('start', STARTS)
@pytest.mark.parametrize('first', ['', 'parent'])
def test_child_exports_what_it_records(start: str, first: str, endpoint: Endpoint) -> None:
    """Whichever exporter the parent has, also while it is just being started; the counts of the parent are its own."""
    run(
        f"""
if {bool(first)}:
    record('parent', 100)
{STARTS[start]}
child(lambda: record('child', 2))
child()
record('parent', 1)
{'made.set(); starts.join()' if start == 'in another thread' else ''}
""",
        endpoint,
    )
    assert counted(endpoint) == {'child': 2, 'parent': 101 if first else 1}


def test_child_sends_nothing_else(endpoint: Endpoint) -> None:
    """No series that only its parent has recorded, no level that it has not changed, and nothing of user code."""
    run(
        """
from aws_satella.pure import Distribution
called = []
getMetric('callable', 'callable', value_getter=lambda: called.append(os.getpid()) or 1)
getMetric('clicks', 'cps').runtime()
getMetric('uptime', 'uptime')
getMetric('kept', 'int').runtime(3)
getMetric('histogram', 'histogram').runtime(0.5)
level.runtime(1)
waits.runtime(0.5)
aws_satella.start_if_not_started('Shop', add_pid='pid', **SHOP)
assert aws_satella.flush(20)

def act():
    level.runtime(2)
    waits.runtime(0.5)
    record('child', 1)

child(act)
print('parent', os.getpid(), file=sys.stderr)
""",
        endpoint,
    )
    parent = {'level', 'kept', 'callable', 'clicks', 'uptime', 'waits', 'histogram', 'work'}
    by_process: dict[str, Counter[str]] = {}
    for datum in endpoint.data:
        by_process.setdefault(dimensions(datum)['pid'], Counter())[datum['MetricName'].split('.')[0]] += 1
    child, both = sorted(by_process.values(), key=lambda names: names.total())
    assert dict(child) == {'level': 1, 'waits': 1, 'work': 2}
    assert set(both) == parent


def test_start_in_a_child_exports_everything(endpoint: Endpoint) -> None:
    """It takes over, so that nothing is sent twice, and nothing of what was recorded before is lost."""
    run(
        """
getMetric('callable', 'callable', value_getter=lambda: 1)
aws_satella.start_if_not_started('Shop', **SHOP)
assert aws_satella.flush(20)

def act():
    record('before', 1)
    assert aws_satella.flush(20)
    record('between', 1)
    aws_satella.start_if_not_started('Shop', extra_dimensions={'by': 'child'}, **SHOP)
    assert aws_satella.flush(20)
    record('after', 1)

child(act)
""",
        endpoint,
    )
    assert counted(endpoint) == {'before': 1, 'between': 1, 'after': 1}
    by_child = {datum['MetricName'] for datum in endpoint.data if 'by' in dimensions(datum)}
    assert by_child == {'callable', 'level', 'work', 'work.sum'}


@pytest.mark.parametrize('parents', [1, 2])
def test_export_by_hand_in_a_child_exports_everything(parents: int, endpoint: Endpoint) -> None:
    """The exporter that goes on there by itself makes it, in a grandchild too, and nothing is sent twice."""
    run(
        """
record('parent', 1)
getMetric('callable', 'callable', value_getter=lambda: os.getpid())
aws_satella.start_if_not_started('Shop', **SHOP)
assert aws_satella.flush(20)

def act():
    record('child', 1)
    stats = aws_satella.export_once('Shop', **SHOP)
    assert stats.sent >= 4, stats

child(act if PARENTS == 1 else lambda: record('between', 1) or child(act))
""".replace('PARENTS', str(parents)),
        endpoint,
    )
    assert counted(endpoint) == {'parent': 1, 'child': 1, **({'between': 1} if parents == 2 else {})}
    assert len({datum['Value'] for datum in endpoint.named('callable')}) == 2


@pytest.mark.parametrize(
    ('arguments', 'records', 'warns', 'exports'),
    [
        pytest.param("temporality='delta'", True, False, True, id='increases'),
        pytest.param("add_pid='pid'", True, False, True, id='a number of the process'),
        pytest.param('', True, True, False, id='totals'),
        pytest.param('', False, False, False, id='totals, nothing recorded'),
        pytest.param('in_forks=True', True, False, True, id='totals, wanted'),
        pytest.param("temporality='delta', in_forks=False", True, False, False, id='increases, unwanted'),
    ],
)
def test_where_the_numbers_do_not_add_up(
    arguments: str, records: bool, warns: bool, exports: bool, endpoint: Endpoint
) -> None:
    """A child that has recorded something says once that it is not exported, unless the program has decided."""
    said = run(
        f"""
aws_satella.start_if_not_started('Shop', interval=3600, exit_timeout=20, {arguments})
assert aws_satella.flush(20)
child(lambda: {records} and record('child', 2))
""",
        endpoint,
    )
    assert said.count('was forked from one that exports') == len(said.splitlines()) == warns
    assert counted(endpoint).get('child', 0) == (2 if exports else 0)


WAYS = {
    'processes': """
processes = [multiprocessing.Process(target=record, args=('child', 1)) for _ in range(3)]
[each.start() for each in processes]
[each.join() for each in processes]
""",
    'a pool that is closed': """
pool = multiprocessing.Pool(2)
pool.starmap(record, [('child', 1)] * 3)
pool.close()
pool.join()
""",
    'a pool that is left': """
with multiprocessing.Pool(2) as pool:
    pool.starmap(record, [('child', 1)] * 3)
    insist(multiprocessing.active_children())
pool.join()
""",
    'a process pool executor': """
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2) as pool:
    list(pool.map(record, ['child'] * 3, [1] * 3))
""",
    'a daemon that forks twice': """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        record('child', 3)
        sys.exit(0)
    os._exit(0)
os.wait()
""",
    'a running loop': """
import asyncio

async def record_later():
    await asyncio.sleep(0)
    record('child', 1)

def leave():
    record('child', 1)
    assert aws_satella.flush(20)
    os._exit(0)  # otherwise its exit would go through the loop, which belongs to the parent

async def main():
    process = multiprocessing.Process(target=lambda: asyncio.run(record_later()))
    process.start()
    child(leave)
    executed = await asyncio.create_subprocess_exec('true')
    assert await executed.wait() == 0
    await asyncio.to_thread(process.join)
asyncio.run(main())
child(lambda: record('child', 1))
""",
    'an executor of a running loop': """
import asyncio
from concurrent.futures import ProcessPoolExecutor

async def main():
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2) as pool:
        await asyncio.gather(*(loop.run_in_executor(pool, record, 'child', 1) for _ in range(3)))
asyncio.run(main())
""",
    'generations': """
def grandchild():
    record('child', 1)
    child(lambda: record('child', 1))
child(grandchild)
child(lambda: record('child', 1))
""",
}


@pytest.mark.parametrize('way', WAYS)
def test_all_that_children_record_arrives(way: str, endpoint: Endpoint) -> None:
    """However they are made, and however they end: by SIGTERM too, where the program has asked for that."""
    run(
        f"""
multiprocessing.set_start_method('fork')
aws_satella.start_if_not_started('Shop', handle_sigterm=True, **SHOP)
assert aws_satella.flush(20)
{WAYS[way]}
""",
        endpoint,
    )
    wait_for(lambda: counted(endpoint) == {'child': 3}, 'what they recorded')


def test_child_of_a_thread_ends_when_that_returns(endpoint: Endpoint) -> None:
    """Nothing else ends such a process. What it has recorded arrives."""
    run(
        """
aws_satella.start_if_not_started('Shop', **SHOP)
assert aws_satella.flush(20)

def act():
    pid = os.fork()
    if pid:
        waited.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    else:
        signal.alarm(30)
        record('child', 1)

waited = []
thread = threading.Thread(target=act)
thread.start()
thread.join()
assert waited == [0], waited
""",
        endpoint,
    )
    assert counted(endpoint) == {'child': 1}


def test_child_with_the_process_id_of_its_parent(endpoint: Endpoint) -> None:
    """In a PID namespace of its own the child has the id 1, as its parent has in its own."""
    run(
        """
import ctypes
if ctypes.CDLL(None).unshare(0x20000000):  # CLONE_NEWPID, for the children
    print('no PID namespaces here')
    sys.exit(0)

def act():
    assert os.getpid() == 1
    aws_satella.start_if_not_started('Shop', **SHOP)
    assert aws_satella.flush(20)
    record('parent', 50)
    assert ctypes.CDLL(None).unshare(0x20000000) == 0

    def grandchild():
        assert os.getpid() == 1
        record('child', 1)
    child(grandchild)
    record('parent', 100)

child(act)
""",
        endpoint,
    )
    assert counted(endpoint) in ({'parent': 150, 'child': 1}, {})


STATES = {
    'idle': '',
    'exporting': 'threading.Thread(target=lambda: [aws_satella.flush(20) for _ in iter(int, 1)], daemon=True).start()',
    'recording': "threading.Thread(target=lambda: [record('parent', 1) for _ in iter(int, 1)], daemon=True).start()",
    'logging': """
import logging
logging.basicConfig(level='DEBUG', handlers=[type('Handler', (logging.Handler,), {'emit': lambda *_: None})()])
threading.Thread(target=lambda: [aws_satella.flush(20) for _ in iter(int, 1)], daemon=True).start()
threading.Thread(target=lambda: [logging.info('x') for _ in iter(int, 1)], daemon=True).start()
""",
}


@pytest.mark.parametrize('state', STATES)
def test_forks_in_every_state_of_the_parent(state: str, endpoint: Endpoint) -> None:
    """No child waits for a lock that a thread of its parent held, and each counts once."""
    rounds = 1 if state == 'idle' else 3  # where nothing goes on, all rounds are alike
    run(
        f"""
aws_satella.start_if_not_started('Shop', **SHOP)
{STATES[state]}
for number in range({rounds}):
    pids = []
    for _ in range(4):
        pid = os.fork()
        if not pid:
            signal.alarm(40)
            threading.Thread(target=lambda: None).start()
            record('child', 1)
            sys.exit(0)
        pids.append(pid)
    for pid in pids:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
os._exit(0)
""",
        endpoint,
    )
    assert counted(endpoint)['child'] == 4 * rounds


LIFE = """
import atexit, http.client, json
from support.waiting import wait_for

class Client:
    # Stands for a client of boto3, which takes a child a quarter of a second to make.
    def put_metric_data(self, **request):
        if os.getpid() == PARENT:
            pass_gate()
        connection = http.client.HTTPConnection(os.environ['AWS_ENDPOINT_URL'].removeprefix('http://'), timeout=20)
        connection.request('POST', '/', json.dumps(request, default=str), {'Content-Type': 'application/json'})
        assert connection.getresponse().status == 200
        connection.close()

PARENT = os.getpid()
gate, waiting = 'open', []  # how it is, and who waits at it

def pass_gate():
    if gate == 'shut':
        waiting.append(me := object())
        wait_for(lambda: gate != 'shut')
        waiting.remove(me)
    if gate == 'burning':
        failed.set()
        raise ConnectionError('an outage')

making, made, reading, read, failed = (threading.Event() for _ in range(5))

def factory():
    if os.getpid() == PARENT:
        making.set()
        assert made.wait(20)
    return Client()

def value():
    reading.set()
    assert read.wait(20)
    return 1

getMetric('callable', 'callable', value_getter=value)
SHOP['interval'] = 1200
own = AWSSatellaExporterThread('Own', client_factory=Client, **SHOP)

def start():
    aws_satella.start_if_not_started('Shop', client_factory=factory, **SHOP)

def go(act):
    threading.Thread(target=act, daemon=True).start()

def fork_children(act=None):
    pids = []
    for number in range(25):
        pid = os.fork()
        if not pid:
            signal.alarm(30)
            if act:
                act()
            record('child', 1)
            if number:  # a tenth of a second is what the interpreter takes for the rest of its end
                atexit._run_exitfuncs()
                os._exit(0)
            sys.exit(0)
        pids.append(pid)
        if not act:  # what a process records that exports no more would be its children's as well
            record('parent', 1)
    for pid in pids:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

record('parent', 0)
own.start()
go(start)
assert making.wait(20) and reading.wait(20)
fork_children()  # one exporter is just starting, the other collects
reading.clear()
made.set()
assert reading.wait(20)
fork_children()  # both collect
gate = 'shut'
read.set()
wait_for(lambda: len(waiting) == 2)
fork_children()  # both send
gate = 'burning'
assert failed.wait(20)
fork_children()  # both back off, and try again
gate = 'open'
wait_for(lambda: aws_satella.flush(20))
fork_children()  # both wait for the next export
gate = 'shut'
go(lambda: aws_satella.flush())
wait_for(lambda: len(waiting) == 2)
fork_children()  # somebody waits for both
gate = 'open'
wait_for(lambda: not waiting)
exporters = [own, aws_satella.effects.process.exporter_of_process()]
wait_for(lambda: aws_satella.flush(20))
gate = 'shut'
record('parent', 0)
for each in exporters:
    each.terminate()
wait_for(lambda: len(waiting) == 2)
fork_children(start)  # both end, so that no child goes on
gate = 'open'
for each in exporters:
    each.join(20)
    assert not each.is_alive()
fork_children(start)  # both have ended
start()
AWSSatellaExporterThread('Own', client_factory=Client, **SHOP).start()
assert aws_satella.flush(20)
"""


def test_two_hundred_forks_in_the_life_of_two_exporters(endpoint: Endpoint) -> None:
    """From the start to the end of exporters, each child exports and ends, and every count arrives once."""
    run(LIFE, endpoint, PYTHONPATH=str(Path(__file__).parents[1]))
    sums: dict[str, Counter[str]] = {'Shop': Counter(), 'Own': Counter()}
    for request in list(endpoint.accepted):
        for datum in request.data:
            if datum['MetricName'] == 'work':
                sums[request.namespace][dimensions(datum)['who']] += datum['Value']
    # Only exporters of the process are started by the last children.
    assert sums == {'Shop': {'child': 200, 'parent': 150}, 'Own': {'child': 150, 'parent': 150}}


GREENLETS = 'from gevent import monkey; monkey.patch_all()\n'

WAYS_OF_GREENLETS = {
    'at once': 'for _ in range(3): child(lambda: record("child", 1))',
    'after a turn': 'for _ in range(3): child(lambda: record("child", 1) or time.sleep(0.01))',
    'in a thread': """
thread = threading.Thread(target=lambda: [child(lambda: record('child', 1)) for _ in range(3)])
thread.start()
thread.join()
""",
    'watched': """
import gevent.os
for _ in range(3):
    pid = gevent.os.fork_and_watch()
    if not pid:
        record('child', 1)
        sys.exit(0)
    assert gevent.os.waitpid(pid, 0)[1] == 0
""",
    'processes': WAYS['processes'],
    'generations': WAYS['generations'],
}


@pytest.mark.parametrize('way', WAYS_OF_GREENLETS)
def test_all_that_children_of_greenlets_record_arrives(way: str, endpoint: Endpoint) -> None:
    """Where threads are greenlets, the exporter of a child starts with the first turn of the loop, or with the end."""
    pytest.importorskip('gevent')
    said = run(
        f"""
multiprocessing.set_start_method('fork')
aws_satella.start_if_not_started('Shop', **SHOP)
assert aws_satella.flush(20)
{WAYS_OF_GREENLETS[way]}
""",
        endpoint,
        first=GREENLETS,
    )
    assert said == ''
    assert counted(endpoint) == {'child': 3}


@pytest.mark.parametrize('in_forks', [None, False])
def test_copy_of_a_greenlet_exports_nothing(in_forks: bool | None, endpoint: Endpoint, tmp_path: Path) -> None:
    """A fork copies greenlets, that of the exporter among them. The copy ends."""
    pytest.importorskip('gevent')
    said = run(
        f"""
from support.waiting import wait_for
aws_satella.start_if_not_started('Shop', **{{**SHOP, 'interval': 0.05, 'in_forks': {in_forks}}})
exporter = aws_satella.effects.process.exporter_of_process()
assert aws_satella.flush(20)
record('parent', 1)
pid = os.fork()
if not pid:
    signal.alarm(60)
    recorded = []
    wait_for(lambda: record('child', 1) or recorded.append(1) or os.path.exists(sys.argv[1]))
    print(len(recorded), file=sys.stderr)
    sys.exit(0)
cycles = exporter.stats.cycles
wait_for(lambda: exporter.stats.cycles > cycles + 5)
open(sys.argv[1], 'w').close()
assert os.waitpid(pid, 0)[1] == 0
record('parent', 1)
""",
        endpoint,
        str(tmp_path / 'done'),
        first=GREENLETS,
        PYTHONPATH=str(Path(__file__).parents[1]),
    )
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
    said = run(
        """
from support.waiting import wait_for
record('parent', 1)
aws_satella.start_if_not_started('Shop', call_on_metric_upload_fails=lambda error: print(repr(error)), **SHOP)
wait_for(lambda: os.path.exists(sys.argv[1]))
pid = os.fork()
if not pid:
    signal.alarm(60)
    record('child', 1)
    assert aws_satella.flush(20)
    open(sys.argv[2], 'w').close()
    wait_for(lambda: os.path.exists(sys.argv[3]))
    sys.exit(0)
assert aws_satella.flush(20)
open(sys.argv[3], 'w').close()
assert os.waitpid(pid, 0)[1] == 0
""",
        endpoint,
        str(arrived),
        str(forked),
        str(tmp_path / 'flushed'),
        first=GREENLETS,
        PYTHONPATH=str(Path(__file__).parents[1]),
    )
    assert said == ''
    assert counted(endpoint) == {'parent': 1, 'child': 1}


def test_children_that_do_something_else(endpoint: Endpoint) -> None:
    """Children that execute another program at once, or leave at once, cost nothing but their fork."""
    run(
        """
import subprocess
aws_satella.start_if_not_started('Shop', **SHOP)
assert aws_satella.flush(20)
assert subprocess.run(['true'], preexec_fn=lambda: record('child', 1)).returncode == 0
if os.fork() == 0:
    os.execvp('true', ['true'])
if os.fork() == 0:
    os._exit(0)
for _ in range(2):
    assert os.wait()[1] == 0
record('parent', 1)
""",
        endpoint,
    )
    assert counted(endpoint) == {'parent': 1}


SITE = """
import json, os
import aws_satella
from flask import Flask
from satella.instrumentation.metrics import getMetric

aws_satella.start_if_not_started('Shop', temporality='delta', interval=3600, exit_timeout=20)
work = getMetric('work', 'counter')
app = Flask(__name__)

@app.get('/')
def page():
    work.runtime(1, who='page')
    return {'pid': os.getpid()}
"""


@pytest.mark.parametrize('worker', ['sync', 'gthread', 'gevent'])
def test_gunicorn_with_preload(worker: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """The program starts the exporter where it is imported, as in a script: each worker exports what it has served."""
    for each in ('flask', 'gunicorn', 'gevent'):
        pytest.importorskip(each)
    # gevent has to replace the sockets before boto3 is imported, so the master runs with greenlets as well.
    patch = 'from gevent import monkey; monkey.patch_all()\n' if worker == 'gevent' else ''
    (tmp_path / 'site_of_test.py').write_text(patch + SITE)
    options = ['--preload', '--workers', '2', '--worker-class', worker, '--no-control-socket']
    command = ['gunicorn', '--bind', '127.0.0.1:0', *options, 'site_of_test:app']
    with serve(command, endpoint.url, tmp_path / 'log', str(tmp_path)) as server:
        served = server.visit_all_workers('/', 2, 101)
        server.stop()
        assert not [noise for noise in ('Traceback', 'aws_satella', 'Exception') if noise in server.log], server.log
    assert counted(endpoint) == {'page': served.total()}


def test_users_of_warnings_as_errors(endpoint: Endpoint) -> None:
    """A child that nobody started says nothing that could become an error, in all of its life."""
    said = run(
        """
aws_satella.start_if_not_started('Shop', **SHOP)
assert aws_satella.flush(20)
child(lambda: record('child', 1))
multiprocessing.set_start_method('fork')
process = multiprocessing.Process(target=record, args=('child', 1))
process.start()
process.join()
assert process.exitcode == 0
""",
        endpoint,
        PYTHONWARNINGS='error,ignore:Deprecated',  # without that, nobody can import satella
    )
    assert said == ''
    assert counted(endpoint) == {'child': 2}


@pytest.mark.parametrize('where', ['in the parent', 'in the child'])
def test_plain_fork_in_a_child_of_multiprocessing(where: str, endpoint: Endpoint) -> None:
    """Its end runs neither the exit handlers of the interpreter nor the hooks of the library for forks of its own."""
    start = "aws_satella.start_if_not_started('Shop', **SHOP)"
    run(
        f"""
def act():
    {start if where == 'in the child' else ''}
    child(lambda: record('grandchild', 1))
    record('child', 1)

multiprocessing.set_start_method('fork')
{start if where == 'in the parent' else ''}
process = multiprocessing.Process(target=act)
process.start()
process.join()
assert process.exitcode == 0
""",
        endpoint,
    )
    assert counted(endpoint) == {'child': 1, 'grandchild': 1}

"""Programs that fork children in which nobody starts an exporter."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import gc
import http.client
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from satella.instrumentation.metrics import getMetric
from support.forking import exit_code, insist, wait
from support.program import main
from support.recording import go, record
from support.running import running_exporter
from support.waiting import wait_for

import aws_satella
from aws_satella import AWSSatellaExporterThread

gc.freeze()  # a child that ends would look through, and so copy, all that its parent has made
level = getMetric('level', 'int')
waits = getMetric('waits', 'histogram')
SHOP: dict[str, Any] = {'interval': 3600, 'temporality': 'delta', 'exit_timeout': 20}


def _record_in_child() -> None:
    record('child')


def _start(**more: Any) -> None:
    aws_satella.start_if_not_started('Shop', **{**SHOP, **more})


def _export(**more: Any) -> None:
    _start(**more)
    assert aws_satella.flush(20)


def _fork(act: Callable[[], object] = _record_in_child, fork: Callable[[], int] = os.fork) -> int:
    """Run a function in a child, which ends as programs do."""
    pid = fork()
    if pid:
        return pid
    signal.alarm(60)
    assert gc.isenabled()
    act()
    sys.exit()


def _child(act: Callable[[], object] = _record_in_child) -> None:
    """The same, and wait for it."""
    wait(_fork(act))


def _again_and_again(act: Callable[[], object]) -> None:
    go(lambda: [act() for _ in iter(int, 1)])


# --- the exporter of the parent


def _export_and_fork(start: Callable[[], object], before: str) -> None:
    if before:
        record('parent', 100)
    start()
    _child(lambda: record('child', 2))
    _child(lambda: None)
    record('parent')


def exporter_of_the_process(before: str) -> None:
    _export_and_fork(_start, before)


def exporter_of_its_own(before: str) -> None:
    _export_and_fork(lambda: AWSSatellaExporterThread('Shop', **SHOP).start(), before)


def exporter_that_is_being_started(before: str) -> None:
    making, made, starter = threading.Event(), threading.Event(), os.getpid()

    def factory() -> Any:
        import boto3  # late, as the package does: programs that leave the client to it do not import this

        making.set()
        if os.getpid() == starter:
            made.wait(20)
        return boto3.client('cloudwatch')

    def start() -> None:
        starts.start()
        assert making.wait(20)

    starts = threading.Thread(target=_start, kwargs={'client_factory': factory})
    _export_and_fork(start, before)
    made.set()
    starts.join()


# --- what a child exports


def metrics_of_all_kinds() -> None:
    """Export metrics of all kinds, and record some of them in a child."""
    called = []
    getMetric('callable', 'callable', value_getter=lambda: called.append(os.getpid()) or 1)
    getMetric('clicks', 'cps').runtime()
    getMetric('uptime', 'uptime')
    getMetric('kept', 'int').runtime(3)
    getMetric('histogram', 'histogram').runtime(0.5)
    level.runtime(1)
    waits.runtime(0.5)
    _export(add_pid='pid')

    def act() -> None:
        level.runtime(2)
        waits.runtime(0.5)
        _record_in_child()

    _child(act)


def start() -> None:
    getMetric('callable', 'callable', value_getter=lambda: 1)
    _export()

    def act() -> None:
        record('before')
        assert aws_satella.flush(20)
        record('between')
        _export(extra_dimensions={'by': 'child'})
        record('after')

    _child(act)


def export_once(parents: str) -> None:
    record('parent')
    getMetric('callable', 'callable', value_getter=os.getpid)
    _export()

    def act() -> None:
        _record_in_child()
        stats = aws_satella.export_once('Shop', **SHOP)
        assert stats.sent >= 4, stats

    _child(act if parents == '1' else lambda: (record('between'), _child(act)))


def arguments(given: str, records: str) -> None:
    aws_satella.start_if_not_started('Shop', interval=3600, exit_timeout=20, **json.loads(given))
    assert aws_satella.flush(20)
    _child(lambda: record('child', 2) if records else None)


# --- how children are made, and how they end: they record 3 together


def _begin() -> None:
    multiprocessing.set_start_method('fork')
    _export(handle_sigterm='gevent' not in sys.modules)


def processes() -> None:
    _begin()
    started = [multiprocessing.Process(target=record, args=('child',)) for _ in range(3)]
    for each in started:
        each.start()
    for each in started:
        each.join()


def pool_that_is_closed() -> None:
    _begin()
    pool = multiprocessing.Pool(2)
    pool.map(record, ['child'] * 3)
    pool.close()
    pool.join()


def pool_that_is_left() -> None:
    _begin()
    with multiprocessing.Pool(2) as pool:
        pool.map(record, ['child'] * 3)
        insist(multiprocessing.active_children())
    pool.join()


def process_pool_executor() -> None:
    _begin()
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(record, ['child'] * 3))


def daemon() -> None:
    _begin()
    if os.fork() == 0:
        os.setsid()
        _fork(lambda: record('child', 3))
        os._exit(0)
    os.wait()


def loop() -> None:
    async def record_later() -> None:
        await asyncio.sleep(0)
        _record_in_child()

    def leave() -> None:
        _record_in_child()
        assert aws_satella.flush(20)
        os._exit(0)  # otherwise its exit would go through the loop, which belongs to the parent

    async def run() -> None:
        process = multiprocessing.Process(target=lambda: asyncio.run(record_later()))
        process.start()
        _child(leave)
        executed = await asyncio.create_subprocess_exec('true')
        assert await executed.wait() == 0
        await asyncio.to_thread(process.join)

    _begin()
    asyncio.run(run())
    _child()


def executor_of_a_loop() -> None:
    async def run() -> None:
        running = asyncio.get_running_loop()
        with ProcessPoolExecutor(2) as pool:
            await asyncio.gather(*(running.run_in_executor(pool, record, 'child') for _ in range(3)))

    _begin()
    asyncio.run(run())


def generations() -> None:
    _begin()
    _child(lambda: (_record_in_child(), _child()))
    _child()


def at_once() -> None:
    _begin()
    for _ in range(3):
        _child()


def after_a_turn() -> None:
    _begin()
    for _ in range(3):
        _child(lambda: (_record_in_child(), time.sleep(0.01)))


def in_a_thread() -> None:
    _begin()
    go(lambda: [_child() for _ in range(3)], daemon=False).join()


def watched() -> None:
    import gevent.os  # late: the package asks whether a program has imported gevent

    _begin()
    for _ in range(3):
        assert gevent.os.waitpid(_fork(fork=gevent.os.fork_and_watch), 0)[1] == 0


def thread_that_returns() -> None:
    waited = []

    def act() -> None:
        pid = os.fork()
        if pid:
            waited.append(exit_code(pid))
        else:
            signal.alarm(30)
            _record_in_child()

    _export()
    go(act, daemon=False).join()
    assert waited == [0], waited


def same_process_id() -> None:
    """Give a process and its child the process id 1, each in a namespace of its own."""
    unshare, children = ctypes.CDLL(None).unshare, 0x20000000  # CLONE_NEWPID
    if unshare(children):
        print('no PID namespaces here')
        return

    def grandchild() -> None:
        assert os.getpid() == 1
        _record_in_child()

    def act() -> None:
        assert os.getpid() == 1
        _export()
        record('parent', 50)
        assert unshare(children) == 0
        _child(grandchild)
        record('parent', 100)

    _child(act)


def _process(act: Callable[[], object]) -> None:
    multiprocessing.set_start_method('fork')
    process = multiprocessing.Process(target=act)
    process.start()
    process.join()
    assert process.exitcode == 0


def multiprocessing_and_fork(where: str) -> None:
    def act() -> None:
        if where == 'child':
            _start()
        _child(lambda: record('grandchild'))
        _record_in_child()

    if where == 'parent':
        _start()
    _process(act)


def fork_and_multiprocessing() -> None:
    _export()
    _child()
    _process(_record_in_child)


def something_else() -> None:
    _export()
    assert subprocess.run(['true'], preexec_fn=_record_in_child, check=False).returncode == 0
    if os.fork() == 0:
        os.execvp('true', ['true'])
    if os.fork() == 0:
        os._exit(0)
    for _ in range(2):
        assert os.wait()[1] == 0
    record('parent')


# --- what goes on in the parent meanwhile


class _Quiet(logging.Handler):
    """Takes only the lock."""

    def emit(self, record: logging.LogRecord) -> None: ...


def _log() -> None:
    logging.basicConfig(level='DEBUG', handlers=[_Quiet()])
    _again_and_again(lambda: aws_satella.flush(20))
    _again_and_again(lambda: logging.info('x'))


STATES: dict[str, Callable[[], object]] = {
    'idle': lambda: None,
    'exporting': lambda: _again_and_again(lambda: aws_satella.flush(20)),
    'recording': lambda: _again_and_again(lambda: record('parent')),
    'logging': _log,
}


def states(state: str, rounds: str) -> None:
    """Fork four children at a time, so many times."""
    _start()
    STATES[state]()
    for _ in range(int(rounds)):
        pids = [_fork(lambda: (go(lambda: None, daemon=False), _record_in_child())) for _ in range(4)]
        assert [exit_code(pid) for pid in pids] == [0] * 4
    os._exit(0)


class _Gate:
    """Where requests of one process pass, wait, or fail; those of its children do not come by."""

    def __init__(self) -> None:
        self.state = 'open'
        self.waiting: list[object] = []
        self.failed = threading.Event()
        self.pid = os.getpid()

    def let_pass(self) -> None:
        if os.getpid() != self.pid:
            return
        if self.state == 'shut':
            self.waiting.append(me := object())
            wait_for(lambda: self.state != 'shut')
            self.waiting.remove(me)
        if self.state == 'burning':
            self.failed.set()
            raise ConnectionError('an outage')


gate = _Gate()


class _Client:
    """Stands for a client of boto3, which takes a child a quarter of a second to make."""

    def put_metric_data(self, **request: Any) -> None:
        gate.let_pass()
        connection = http.client.HTTPConnection(os.environ['AWS_ENDPOINT_URL'].removeprefix('http://'), timeout=20)
        connection.request('POST', '/', json.dumps(request, default=str), {'Content-Type': 'application/json'})
        assert connection.getresponse().status == 200
        connection.close()


def _fork_25(act: Callable[[], object] | None = None) -> None:
    """Fork children that do this, and record something; without it, the parent records something, too."""

    def child(number: int) -> None:
        if act:
            act()
        _record_in_child()
        if number:  # a tenth of a second is what the interpreter takes for the rest of its end
            atexit._run_exitfuncs()
            os._exit(0)

    pids = []
    for number in range(25):
        pids.append(_fork(partial(child, number)))
        if not act:  # what a process records that exports no more would be its children's as well
            record('parent')
    assert [exit_code(pid) for pid in pids] == [0] * 25


def life() -> None:
    """Fork in all phases of two exporters, of the process and of its own, from their start to their end."""
    making, made, reading, read = (threading.Event() for _ in range(4))

    def factory() -> _Client:
        if os.getpid() == gate.pid:
            making.set()
            assert made.wait(20)
        return _Client()

    def value() -> int:
        reading.set()
        assert read.wait(20)
        return 1

    def start() -> None:
        _start(interval=1200, client_factory=factory)

    def start_own() -> AWSSatellaExporterThread:
        return AWSSatellaExporterThread('Own', client_factory=_Client, **{**SHOP, 'interval': 1200}).start()

    getMetric('callable', 'callable', value_getter=value)
    record('parent', 0)
    own = start_own()
    go(start)
    assert making.wait(20)
    assert reading.wait(20)
    _fork_25()  # one exporter is just starting, the other collects
    reading.clear()
    made.set()
    assert reading.wait(20)
    _fork_25()  # both collect
    gate.state = 'shut'
    read.set()
    wait_for(lambda: len(gate.waiting) == 2)
    _fork_25()  # both send
    gate.state = 'burning'
    assert gate.failed.wait(20)
    _fork_25()  # both back off, and try again
    gate.state = 'open'
    wait_for(lambda: aws_satella.flush(20))
    _fork_25()  # both wait for the next export
    gate.state = 'shut'
    go(aws_satella.flush)
    wait_for(lambda: len(gate.waiting) == 2)
    _fork_25()  # somebody waits for both
    gate.state = 'open'
    wait_for(lambda: not gate.waiting)
    exporter = running_exporter()
    wait_for(lambda: aws_satella.flush(20))
    gate.state = 'shut'
    record('parent', 0)
    for each in (own, exporter):
        each.terminate()
    wait_for(lambda: len(gate.waiting) == 2)
    _fork_25(start)  # both end, so that no child goes on
    gate.state = 'open'
    for each in (own, exporter):
        each.join(20)
        assert not each.is_alive()
    _fork_25(start)  # both have ended
    start()
    start_own()
    assert aws_satella.flush(20)


# --- the copy of a greenlet


def copied_cycles(in_forks: str, done: str) -> None:
    """Let the parent export some times after a fork; the child says how often it has recorded meanwhile."""

    def child() -> None:
        recorded: list[int] = []
        wait_for(lambda: (_record_in_child(), recorded.append(1), Path(done).exists())[-1])
        print(len(recorded), file=sys.stderr)

    _export(interval=0.05, in_forks=json.loads(in_forks))
    record('parent')
    pid = _fork(child)
    cycles = running_exporter().stats.cycles
    wait_for(lambda: running_exporter().stats.cycles > cycles + 5)
    Path(done).touch()
    wait(pid)
    record('parent')


def copied_request(arrived: str, forked: str, flushed: str) -> None:
    """Fork while a request is in flight; files say that it has arrived, and who has exported."""

    def export(file: str) -> None:
        assert aws_satella.flush(20)
        Path(file).touch()

    record('parent')
    _start(call_on_metric_upload_fails=lambda error: print(repr(error)))
    wait_for(Path(arrived).exists)
    pid = _fork(lambda: (_record_in_child(), export(forked), wait_for(Path(flushed).exists)))
    export(flushed)
    wait(pid)


if __name__ == '__main__':
    main(globals())

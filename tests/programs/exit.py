"""Programs that end in all ways, and whose end something holds up.

Only one of them imports multiprocessing, and late: the package asks whether a program has imported it.
"""

from __future__ import annotations

import atexit
import json
import logging
import logging.handlers
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from satella.instrumentation.metrics import getMetric
from support.program import main
from support.recording import work
from support.running import running_exporter
from support.worlds import MockWorld

import aws_satella

signal.alarm(60)


def _start(**more: Any) -> None:
    aws_satella.start_if_not_started('Exit', **{'interval': 3600, **more})


def _count(**more: Any) -> None:
    """Start an exporter, and record what nothing but the end exports."""
    _start(**more)
    assert aws_satella.flush()
    work.runtime(1)


def _fail(number: float) -> None:
    """Record what is discarded, with a line in the log."""
    getMetric(f'bad.m{number}', 'float').runtime(float('nan'))


# --- ends


def _raise() -> None:
    raise LookupError('by the program')


def _kill(number: int, handler: Callable[..., object]) -> None:
    signal.signal(number, handler)
    os.kill(os.getpid(), number)
    time.sleep(20)


ENDS: dict[str, Callable[[], object]] = {
    'returns': lambda: None,
    'exits': lambda: sys.exit(3),
    'raises': _raise,
    # Who starts the tests in the background of a shell has them ignore it.
    'is interrupted': lambda: _kill(signal.SIGINT, signal.default_int_handler),
    'exits on SIGTERM': lambda: _kill(signal.SIGTERM, lambda *_: sys.exit(4)),
    'ends with another thread': lambda: threading.Timer(0.2, work.runtime, [0]).start(),
}


def ends(how: str) -> None:
    _count()
    ENDS[how]()


def done_at_once(seconds: str) -> None:
    _start(interval='5m')
    time.sleep(int(seconds))
    work.runtime(1)


def execv() -> None:
    """Flush, and become another program."""
    _count()
    assert aws_satella.flush(timeout=20)
    os.execv(sys.executable, [sys.executable, '-c', 'print(1)'])


def late_handler() -> None:
    """Record and export in an exit handler that runs after that of the exporter."""

    def late() -> None:
        work.runtime(1)
        assert not aws_satella.flush(timeout=20)
        assert aws_satella.export_once('Exit', temporality='delta', timeout=20).sent == 1

    atexit.register(late)
    _count(temporality='delta')


def _job(settings: dict[str, Any]) -> None:
    if settings:
        _start(**settings)
        work.runtime(1)
    else:
        _count()
    print(time.monotonic())


def job(method: str, settings: str) -> None:
    """Work in a child of multiprocessing, and say when that was done, and when the child had ended."""
    import multiprocessing  # see above

    multiprocessing.set_start_method(method)
    child = multiprocessing.Process(target=_job, args=(json.loads(settings),))
    child.start()
    child.join()
    print(time.monotonic())
    sys.exit(child.exitcode)


def delayed(exit_timeout: str, hangs: str) -> None:
    """Say when the program is done; and in the end what was dropped and is buffered."""

    def say() -> None:
        stats = running_exporter().stats
        print(stats.dropped, stats.buffered)

    atexit.register(say)  # after that of the exporter, which comes later
    work.runtime(1)
    if hangs:
        getMetric('hanging', 'callable', value_getter=lambda: time.sleep(60))
    _start(exit_timeout=float(exit_timeout))
    time.sleep(0.5)
    print(time.monotonic())


def many(settings: str) -> None:
    """Leave 20,002 series to the last export."""
    _start(max_series=10**6, **json.loads(settings))  # so many are intended
    assert aws_satella.flush()
    orders = getMetric('orders', 'counter', sum_children=False)
    for number in range(20_001):
        orders.runtime(1, customer=str(number))


def exit_timeout(seconds: str) -> None:
    _count(exit_timeout=float(seconds))


# --- logs that block


def _handle(handler: logging.Handler, level: int = logging.WARNING) -> None:
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(level)


def _fill(send: Callable[[bytes], object]) -> None:
    try:
        while True:
            send(b'x' * 4096)
    except BlockingIOError:
        pass


def _full_pipe() -> tuple[int, int]:
    """Both ends of a pipe that is full."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    _fill(lambda data: os.write(writing, data))
    os.set_blocking(writing, True)
    return reading, writing


def _stream() -> int:
    reading, writing = _full_pipe()
    _handle(logging.StreamHandler(os.fdopen(writing, 'w')))
    return reading


def _syslog() -> None:
    server = socket.create_server(('127.0.0.1', 0))
    kept.append(server)  # otherwise it would be closed
    handler: Any = logging.handlers.SysLogHandler(server.getsockname(), socktype=socket.SOCK_STREAM)
    handler.socket.setblocking(False)
    _fill(handler.socket.send)
    handler.socket.setblocking(True)
    _handle(handler)


kept: list[object] = []
called = threading.Event()


class _Waiting(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        threading.Event().wait()


class _Noting(_Waiting):
    def emit(self, record: logging.LogRecord) -> None:
        called.set()
        super().emit(record)


def _last_resort() -> None:
    os.dup2(_full_pipe()[1], 2)


def _without_a_lock() -> None:
    handler = _Waiting()
    handler.lock = None
    _handle(handler)


LOGS: dict[str, Callable[[], object]] = {
    'stderr': lambda: (_last_resort(), logging.basicConfig()),
    'last resort': _last_resort,
    'stream': _stream,
    'syslog': _syslog,
    'custom': lambda: _handle(_Waiting()),
    'memory': lambda: _handle(logging.handlers.MemoryHandler(1, target=_Waiting())),
    'every line': lambda: (_handle(_Waiting(), logging.DEBUG), logging.disable(logging.INFO)),
    'without a lock': _without_a_lock,
}


class _Client:
    """Says in this thread that it was called, and fails."""

    def put_metric_data(self, **_: object) -> None:
        called.set()
        logging.getLogger('urllib3').debug('a request')
        raise OSError('no network')


def _leave() -> NoReturn:
    print(time.monotonic(), flush=True)
    sys.exit(3)


def blocked_log(log: str) -> None:
    """End while the thread of the exporter logs into one of these."""
    work.runtime(1)
    LOGS[log]()
    _start(exit_timeout=0.5, client_factory=_Client)
    assert called.wait(20)
    logging.disable(logging.NOTSET)  # from here on every line, where those are logged
    threading.Event().wait(0.2)  # the line is on its way
    _leave()


def blocked_watch() -> None:
    """End while the thread that watches a request logs."""
    world = MockWorld()
    world.run(100)
    aws_satella.AWSSatellaExporterThread._world = world.seen
    work.runtime(1)
    _handle(_Noting())
    _start(exit_timeout=0.5)
    assert called.wait(20)
    _leave()


def many_lines() -> None:
    """Have the exporter write many lines into a full pipe."""
    _stream()
    for number in range(50):
        _fail(number)
    work.runtime(1)
    _start()
    assert aws_satella.flush(20)


def late_reader() -> None:
    """Read a pipe after a line was left out, and once more after the next one."""
    reading = _stream()
    _fail(1)
    _start()
    assert aws_satella.flush(20)
    os.read(reading, 1_000_000)
    _fail(2)
    assert aws_satella.flush(20)
    sys.stdout.write(os.read(reading, 1_000_000).decode())


def flushed_handler() -> None:
    """Leave a line in a handler that ``logging.shutdown()`` flushes."""
    _handle(logging.handlers.MemoryHandler(1000, logging.CRITICAL, target=logging.StreamHandler()))
    _start(exit_timeout=0.5)
    logging.warning('kept until the end')


if __name__ == '__main__':
    main(globals())

"""How a process ends: the last values arrive, quietly, and the end does not wait for long."""

from __future__ import annotations

import multiprocessing
import re
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from support import scripts
from support.destinations import each_destination
from support.endpoint import HANG, OK, Endpoint, error

PRELUDE = """
import os, signal, sys, threading, time
import aws_satella
from satella.instrumentation.metrics import getMetric

signal.alarm(60)
work = getMetric('work', 'counter')

def start(**more):
    aws_satella.start_if_not_started('Exit', **{'interval': 3600, **more})

def count():
    assert aws_satella.flush()  # so that nothing but the end exports what follows
    work.runtime(1)
"""

NOISE = re.compile(r'Traceback|Exception ignored|cannot schedule|Fatal|RuntimeError')

EXITS = {
    'returns': ('', 0, ''),
    'calls sys.exit': ('sys.exit(3)', 3, ''),
    'raises': ("raise LookupError('by the program')", 1, 'LookupError: by the program'),
    'is interrupted': (
        # Who starts the tests in the background of a shell has them ignore it.
        'signal.signal(signal.SIGINT, signal.default_int_handler); os.kill(os.getpid(), signal.SIGINT); time.sleep(20)',
        -2,
        'KeyboardInterrupt',
    ),
    'exits on SIGTERM': (
        'signal.signal(signal.SIGTERM, lambda *_: sys.exit(4)); os.kill(os.getpid(), signal.SIGTERM); time.sleep(20)',
        4,
        '',
    ),
    'ends with another thread': ('threading.Timer(0.2, work.runtime, [0]).start()', 0, ''),
}


def quiet(ended: subprocess.CompletedProcess[str]) -> bool:
    return not NOISE.search(ended.stderr)


def last(endpoint: Endpoint) -> float:
    """The count that arrived last."""
    return float(endpoint.named('work')[-1]['Value'])


@each_destination
@pytest.mark.parametrize('way', EXITS)
def test_last_values_arrive_when_a_program_ends(way: str, endpoint: Endpoint) -> None:
    """What was counted after the last export arrives, and all that is said at the end is what the program says."""
    act, code, said = EXITS[way]
    ended = scripts.run(PRELUDE + 'start()\ncount()\n' + act, endpoint.url)

    assert last(endpoint) == 1
    assert ended.returncode == code
    assert ended.stderr.strip().endswith(said)
    assert bool(said) or not ended.stderr
    assert not NOISE.search(ended.stderr.replace(said, '').replace('Traceback', '', bool(said)))


@each_destination
@pytest.mark.parametrize('seconds', [0, 1])
def test_job_that_is_done_at_once_exports(seconds: int, endpoint: Endpoint) -> None:
    """A job needs not live for an interval, nor for any time at all, for its metrics to arrive."""
    ended = scripts.run(PRELUDE + f'start(interval="5m")\ntime.sleep({seconds})\nwork.runtime(1)', endpoint.url)

    assert last(endpoint) == 1
    assert ended.returncode == 0
    assert not ended.stderr


def test_flush_before_execv_exports_what_is_left(endpoint: Endpoint) -> None:
    """Another program in the same process runs no exit handlers of this one."""
    execute = "os.execv(sys.executable, [sys.executable, '-c', 'print(1)'])"
    ended = scripts.run(PRELUDE + f'start()\ncount()\nassert aws_satella.flush(timeout=20)\n{execute}', endpoint.url)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, '1\n', '')
    assert last(endpoint) == 1


def test_what_an_exit_handler_records_late(endpoint: Endpoint) -> None:
    """A handler that was registered before the start runs after the last export, and can export by itself, once."""
    ended = scripts.run(
        PRELUDE
        + """
import atexit

def late():
    work.runtime(1)
    assert not aws_satella.flush(timeout=20)
    assert aws_satella.export_once('Exit', temporality='delta', timeout=20).sent == 1

atexit.register(late)
start(temporality='delta')
count()
""",
        endpoint.url,
    )

    assert (ended.returncode, ended.stderr) == (0, '')
    assert [datum['Value'] for datum in endpoint.named('work') if datum['Value']] == [1, 1]


@pytest.mark.parametrize('method', multiprocessing.get_all_start_methods())
def test_last_values_of_a_multiprocessing_child_arrive(method: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """A child of multiprocessing leaves without the interpreter's exit hooks; its last values arrive all the same."""
    ended = run_job(tmp_path, endpoint.url, method)

    assert last(endpoint) == 1
    assert ended.returncode == 0
    assert not ended.stderr


def run_job(folder: Path, url: str, method: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run a program that does its work in a child of multiprocessing."""
    (folder / 'job.py').write_text(f"""{PRELUDE}
import multiprocessing

def job():
    start(**{settings})
    {'work.runtime(1)' if settings else 'count()'}
    print(time.monotonic())

if __name__ == '__main__':
    child = multiprocessing.get_context('{method}').Process(target=job)
    child.start()
    child.join()
    print(time.monotonic())
    sys.exit(child.exitcode)
""")
    return scripts.run(f'import runpy; runpy.run_path({str(folder / "job.py")!r}, run_name="__main__")', url)


@each_destination
def test_hanging_endpoint_delays_the_end_by_exit_timeout(endpoint: Endpoint) -> None:
    """An endpoint that takes requests and never answers holds up the end for exit_timeout, and what it was not told is
    counted as dropped, with one warning.
    """
    endpoint.behave = lambda _request: HANG

    assert 0.5 < delay(endpoint.url, exit_timeout=0.5, dropped=1) < 10


def test_absent_endpoint_delays_the_end_by_exit_timeout() -> None:
    """Nor do botocore's own attempts to reach an endpoint that is not there."""
    with socket.socket() as absent:
        absent.bind(('127.0.0.1', 0))  # and never listens
        url = f'http://127.0.0.1:{absent.getsockname()[1]}'

        assert 0.5 < delay(url, exit_timeout=0.5, dropped=1, AWS_MAX_ATTEMPTS='30') < 10


def test_endpoint_that_refuses_does_not_delay_the_end(endpoint: Endpoint) -> None:
    """One attempt at the end is enough to know that there is an outage: nobody waits for its end."""
    endpoint.behave = lambda _request: error('InternalFailure', 500)

    # What waited since the start, and what the end had to add.
    assert delay(endpoint.url, exit_timeout=40, dropped=2, AWS_MAX_ATTEMPTS='1') < 20


def test_metric_that_hangs_delays_the_end_by_exit_timeout(endpoint: Endpoint) -> None:
    """A callable metric that does not return delays the end as long as an endpoint may; the rest has been sent."""
    hang = "getMetric('hanging', 'callable', value_getter=lambda: time.sleep(60))"

    assert 0.5 < delay(endpoint.url, exit_timeout=0.5, dropped=0, act=hang) < 10
    assert {datum['Value'] for datum in endpoint.named('work')} == {1}


def delay(url: str, exit_timeout: float, dropped: int, act: str = '', **more: Any) -> float:
    """Seconds from the last line of a program to the end of its process."""
    ended = scripts.run(
        PRELUDE
        + f"""
import atexit
stats = lambda: aws_satella.effects.process._this_process().exporter.stats
atexit.register(lambda: print(stats().dropped, stats().buffered))  # after that of the exporter, which comes later
work.runtime(1)
{act}
start(exit_timeout={exit_timeout})
time.sleep(0.5)
print(time.monotonic())
""",
        url,
        **more,
    )
    took = time.monotonic() - float(ended.stdout.split()[0])
    assert ended.returncode == 0
    assert ended.stdout.split()[1:] == [str(dropped), '0']
    assert quiet(ended)
    said = ended.stderr.splitlines()
    assert len([line for line in said if 'dropped' in line or 'exit_timeout' in line]) == 1
    return took


def test_hanging_endpoint_delays_a_multiprocessing_child_once(endpoint: Endpoint, tmp_path: Path) -> None:
    """Where both multiprocessing and the interpreter announce the end, it is waited for once, and warned of once."""
    endpoint.behave = lambda _request: HANG
    ended = run_job(tmp_path, endpoint.url, 'spawn', exit_timeout=5)
    done, over = map(float, ended.stdout.split())

    assert 5 < over - done < 9.5
    assert ended.returncode == 0
    assert quiet(ended)
    assert ended.stderr.count('are dropped') == 1


MANY = """
start(max_series=10**6, {more})  # so many are intended
assert aws_satella.flush()
orders = getMetric('orders', 'counter', sum_children=False)
for number in range(20_001):
    orders.runtime(1, customer=str(number))
"""


def slowly(endpoint: Endpoint, seconds: float) -> None:
    """Let each request take that long."""

    def answer(_request: object) -> object:
        endpoint.closing.wait(seconds)
        return OK

    endpoint.behave = answer  # type: ignore[assignment]  # a Reply


def test_last_export_of_many_series_arrives(endpoint: Endpoint) -> None:
    """It takes 1,000 data a request, so that a tree of 20,002 series needs 21 requests instead of 1,001."""
    slowly(endpoint, 0.055)
    ended = scripts.run(PRELUDE + MANY.format(more='exit_timeout=30'), endpoint.url)
    assert ended.returncode == 0
    assert not ended.stderr
    assert len(endpoint.named('orders')) == 20_001
    assert len(endpoint.accepted) <= 2 + 21


def test_what_the_last_export_does_not_send_is_accounted_for(endpoint: Endpoint) -> None:
    """One line says how many of how many were sent, and what to raise; the numbers are those that arrived."""
    slowly(endpoint, 0.2)
    ended = scripts.run(PRELUDE + MANY.format(more='exit_timeout=2, max_send_at_once=1_000 - 1'), endpoint.url)
    (line,) = ended.stderr.splitlines()
    said = re.fullmatch(
        r'The last export sent (\d+) of 20002 metric data; (\d+) are dropped, since the process ends; '
        r'a larger exit_timeout \(now 2 s\) leaves more time',
        line,
    )
    assert said
    sent, dropped = map(int, said.groups())
    assert sent + dropped == 20_002
    # One or two data came before the last export. A request in flight counts as dropped, but may arrive.
    assert 0 < sent < len(endpoint.data) <= sent + 999 + 2


LOGGING = """
import fcntl, io, logging, logging.handlers, socket

def full_pipe():
    '''The writing end of a pipe that is full, and that nothing reads.'''
    global reading
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b'x' * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writing, True)
    return writing

def stderr():
    os.dup2(full_pipe(), 2)
    logging.basicConfig()

def last_resort():
    os.dup2(full_pipe(), 2)

def stream():
    logging.getLogger().addHandler(logging.StreamHandler(io.open(full_pipe(), 'w')))

def syslog():
    global server
    server = socket.create_server(('127.0.0.1', 0))
    handler = logging.handlers.SysLogHandler(server.getsockname(), socktype=socket.SOCK_STREAM)
    handler.socket.setblocking(False)
    try:
        while True:
            handler.socket.send(b'x' * 4096)
    except BlockingIOError:
        pass
    handler.socket.setblocking(True)
    logging.getLogger().addHandler(handler)

class Waiting(logging.Handler):
    def emit(self, record):
        threading.Event().wait()

def custom():
    logging.getLogger().addHandler(Waiting())

def memory():
    logging.getLogger().addHandler(logging.handlers.MemoryHandler(1, target=Waiting()))

def every_line():
    custom()
    logging.getLogger().setLevel(logging.DEBUG)

class WithoutALock(Waiting):
    def createLock(self):
        self.lock = None

def without_a_lock():
    logging.getLogger().addHandler(WithoutALock())

"""
CLIENT = """
class Client:
    '''Says in this thread that it was called, and fails.'''
    def put_metric_data(self, **_):
        called.set()
        logging.getLogger('urllib3').debug('a request')
        raise OSError('no network')

called = threading.Event()
"""


def assert_ends(process: subprocess.Popen[str]) -> None:
    """The process ends with its own exit code, soon after the moment that it has written."""
    try:
        out, _ = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AssertionError('The process never ends') from None
    assert process.returncode == 3
    assert time.monotonic() - float(out) < 10


@pytest.mark.parametrize('unbuffered', ['', '1'], ids=['buffered', 'unbuffered'])
@pytest.mark.parametrize(
    'log', ['stderr', 'last_resort', 'stream', 'syslog', 'custom', 'memory', 'every_line', 'without_a_lock']
)
def test_log_that_blocks_delays_the_end_by_exit_timeout(log: str, unbuffered: str) -> None:
    """The thread of the exporter logs into a full pipe, a dead socket, or a handler that waits, and the process ends
    all the same, with its own exit code.
    """
    script = f"""{PRELUDE}{LOGGING}{CLIENT}
work.runtime(1)
{log}()
{'logging.disable(logging.INFO)' if log == 'every_line' else ''}
start(exit_timeout=0.5, client_factory=Client)
assert called.wait(20)
logging.disable(logging.NOTSET)
threading.Event().wait(0.2)  # the line is on its way
print(time.monotonic(), flush=True)
sys.exit(3)
"""
    assert_ends(scripts.start(script, 'http://127.0.0.1:1', PYTHONUNBUFFERED=unbuffered))


def test_log_that_blocks_the_watch_of_a_request(endpoint: Endpoint) -> None:
    """A request hangs, and the thread that says so is stuck in a handler: the process ends all the same."""
    endpoint.behave = lambda _request: HANG
    script = f"""{PRELUDE}{LOGGING}
from aws_satella.effects import patience
patience.HANG_SECONDS = 0.1

class Noting(Waiting):
    def emit(self, record):
        called.set()
        super().emit(record)

called = threading.Event()
work.runtime(1)
logging.getLogger().addHandler(Noting())
start(exit_timeout=0.5)
assert called.wait(20)
print(time.monotonic(), flush=True)
sys.exit(3)
"""
    assert_ends(scripts.start(script, endpoint.url))


def test_exports_go_on_where_the_log_blocks(endpoint: Endpoint) -> None:
    """Lines that a full pipe does not take are left out, and the exporter does not wait for it each time."""
    ended = scripts.run(
        f"""{PRELUDE}{LOGGING}
stream()
for number in range(50):
    getMetric(f'bad.m{{number}}', 'float').runtime(float('nan'))  # a line for each
work.runtime(1)
start()
assert aws_satella.flush(20)
""",
        endpoint.url,
    )
    assert ended.returncode == 0, ended.stderr
    assert last(endpoint) == 1


def test_log_that_takes_lines_again_gets_them(endpoint: Endpoint) -> None:
    """A pipe that is read late gets what is said from then on."""
    ended = scripts.run(
        f"""{PRELUDE}{LOGGING}
stream()
getMetric('bad.first', 'float').runtime(float('nan'))
start()
assert aws_satella.flush(20)
os.read(reading, 1_000_000)
getMetric('bad.second', 'float').runtime(float('nan'))
assert aws_satella.flush(20)
sys.stdout.write(os.read(reading, 1_000_000).decode())
""",
        endpoint.url,
    )
    assert ended.returncode == 0, ended.stderr
    assert 'bad.second is discarded' in ended.stdout


def test_handler_that_only_takes_long_is_not_left_out(endpoint: Endpoint) -> None:
    """logging.shutdown() flushes the handlers of a program, though the last export does not end in time."""
    endpoint.behave = lambda _request: HANG
    ended = scripts.run(
        f"""{PRELUDE}{LOGGING}
target = logging.StreamHandler()
logging.getLogger().addHandler(logging.handlers.MemoryHandler(1000, logging.CRITICAL, target))
start(exit_timeout=0.5)
logging.warning('kept until the end')
""",
        endpoint.url,
    )
    assert ended.returncode == 0
    assert 'kept until the end' in ended.stderr
    assert 'are dropped' in ended.stderr


@pytest.mark.parametrize('timeout', ['1e10', '1e300'])
def test_exit_timeout_may_be_longer_than_the_platform_waits(timeout: str, endpoint: Endpoint) -> None:
    """It is waited for in parts, and the last values arrive."""
    ended = scripts.run(PRELUDE + f'start(exit_timeout={timeout})\ncount()', endpoint.url)
    assert ended.returncode == 0
    assert last(endpoint) == 1
    assert not ended.stderr

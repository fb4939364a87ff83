"""How a process ends: the last values arrive, quietly, and the end does not wait for long."""

from __future__ import annotations

import multiprocessing
import re
import socket
import subprocess
import time
from typing import Any

import pytest
from support import scripts
from support.destinations import each_destination
from support.endpoint import HANG, OK, Endpoint, error

NOISE = re.compile(r'Traceback|Exception ignored|cannot schedule|Fatal|RuntimeError')


def run(name: str, url: str, *arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return scripts.run(scripts.program(f'exit.{name}'), url, *map(str, arguments), **more)


def quiet(ended: subprocess.CompletedProcess[str]) -> bool:
    return not NOISE.search(ended.stderr)


def last(endpoint: Endpoint) -> float:
    """The count that arrived last."""
    return float(endpoint.named('work')[-1]['Value'])


def assert_silent(ended: subprocess.CompletedProcess[str]) -> None:
    assert (ended.returncode, ended.stderr) == (0, '')


@each_destination
@pytest.mark.parametrize(
    ('way', 'code', 'said'),
    [
        ('returns', 0, ''),
        ('exits', 3, ''),
        ('raises', 1, 'LookupError: by the program'),
        ('is interrupted', -2, 'KeyboardInterrupt'),
        ('exits on SIGTERM', 4, ''),
        ('ends with another thread', 0, ''),
    ],
)
def test_last_values_arrive_when_a_program_ends(way: str, code: int, said: str, endpoint: Endpoint) -> None:
    """What was counted after the last export arrives, and all that is said at the end is what the program says."""
    ended = run('ends', endpoint.url, way)
    assert last(endpoint) == 1
    assert ended.returncode == code
    assert ended.stderr.strip().endswith(said)
    assert bool(said) or not ended.stderr
    assert not NOISE.search(ended.stderr.replace(said, '').replace('Traceback', '', bool(said)))


@each_destination
@pytest.mark.parametrize('seconds', [0, 1])
def test_job_that_is_done_at_once_exports(seconds: int, endpoint: Endpoint) -> None:
    """A job needs not live for an interval, nor for any time at all, for its metrics to arrive."""
    assert_silent(run('done_at_once', endpoint.url, seconds))
    assert last(endpoint) == 1


@each_destination
def test_terminate_and_join_export_what_is_left(endpoint: Endpoint) -> None:
    """Where the interpreter has no chance to end in order, to terminate and join the exporter is enough."""
    assert_silent(run('terminate', endpoint.url))
    assert last(endpoint) == 1


def test_flush_before_execv_exports_what_is_left(endpoint: Endpoint) -> None:
    """Another program in the same process runs no exit handlers of this one."""
    ended = run('execv', endpoint.url)
    assert_silent(ended)
    assert ended.stdout == '1\n'
    assert last(endpoint) == 1


def test_exit_handler_that_records_late_can_export(endpoint: Endpoint) -> None:
    """A handler that was registered before the start runs after the last export, and can export by itself, once."""
    assert_silent(run('late_handler', endpoint.url))
    assert [datum['Value'] for datum in endpoint.named('work') if datum['Value']] == [1, 1]


@pytest.mark.parametrize('method', multiprocessing.get_all_start_methods())
def test_last_values_of_a_multiprocessing_child_arrive(method: str, endpoint: Endpoint) -> None:
    """A child of multiprocessing leaves without the interpreter's exit hooks; its last values arrive all the same."""
    assert_silent(run('job', endpoint.url, method, '{}'))
    assert last(endpoint) == 1


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
    assert 0.5 < delay(endpoint.url, exit_timeout=0.5, dropped=0, hangs='metric') < 10
    assert {datum['Value'] for datum in endpoint.named('work')} == {1}


def delay(url: str, exit_timeout: float, dropped: int, hangs: str = '', **more: Any) -> float:
    """Seconds from the last line of a program to the end of its process."""
    ended = run('delayed', url, exit_timeout, hangs, **more)
    took = time.monotonic() - float(ended.stdout.split()[0])
    assert ended.returncode == 0
    assert ended.stdout.split()[1:] == [str(dropped), '0']
    assert quiet(ended)
    said = ended.stderr.splitlines()
    assert len([line for line in said if 'dropped' in line or 'exit_timeout' in line]) == 1
    return took


def test_hanging_endpoint_delays_a_multiprocessing_child_once(endpoint: Endpoint) -> None:
    """Where both multiprocessing and the interpreter announce the end, it is waited for once, and warned of once."""
    endpoint.behave = lambda _request: HANG
    ended = run('job', endpoint.url, 'spawn', '{"exit_timeout": 5}')
    done, over = map(float, ended.stdout.split())

    assert 5 < over - done < 9.5
    assert ended.returncode == 0
    assert quiet(ended)
    assert ended.stderr.count('are dropped') == 1


def slowly(endpoint: Endpoint, seconds: float) -> None:
    """Let each request take that long."""

    def answer(_request: object) -> object:
        endpoint.closing.wait(seconds)
        return OK

    endpoint.behave = answer  # type: ignore[assignment]  # a Reply


def test_last_export_of_many_series_arrives(endpoint: Endpoint) -> None:
    """It takes 1,000 data a request, so that a tree of 20,002 series needs 21 requests instead of 1,001."""
    slowly(endpoint, 0.055)
    assert_silent(run('many', endpoint.url, '{"exit_timeout": 30}'))
    assert len(endpoint.named('orders')) == 20_001
    assert len(endpoint.accepted) <= 2 + 21


def test_last_export_accounts_for_what_it_does_not_send(endpoint: Endpoint) -> None:
    """One line says how many of how many were sent, and what to raise; the numbers are those that arrived."""
    slowly(endpoint, 0.2)
    ended = run('many', endpoint.url, '{"exit_timeout": 2, "max_send_at_once": 999}')
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


def assert_ends(name: str, url: str, *arguments: str, **more: str) -> None:
    """It ends with its own exit code, and not long after it has said that it does."""
    ended = run(name, url, *arguments, timeout=30, **more)
    assert ended.returncode == 3
    assert time.monotonic() - float(ended.stdout) < 10


@pytest.mark.parametrize('unbuffered', ['', '1'], ids=['buffered', 'unbuffered'])
@pytest.mark.parametrize(
    'log', ['stderr', 'last resort', 'stream', 'syslog', 'custom', 'memory', 'every line', 'without a lock']
)
def test_log_that_blocks_delays_the_end_by_exit_timeout(log: str, unbuffered: str) -> None:
    """The thread of the exporter logs into a full pipe, a dead socket, or a handler that waits, and the process ends
    all the same, with its own exit code.
    """
    assert_ends('blocked_log', 'http://127.0.0.1:1', log, PYTHONUNBUFFERED=unbuffered)


def test_log_that_blocks_the_watch_of_a_request(endpoint: Endpoint) -> None:
    """A request hangs, and the thread that says so is stuck in a handler: the process ends all the same."""
    endpoint.behave = lambda _request: HANG
    assert_ends('blocked_watch', endpoint.url)


def test_exports_go_on_where_the_log_blocks(endpoint: Endpoint) -> None:
    """Lines that a full pipe does not take are left out, and the exporter does not wait for it each time."""
    ended = run('many_lines', endpoint.url)
    assert ended.returncode == 0, ended.stderr
    assert last(endpoint) == 1


def test_log_that_takes_lines_again_gets_them(endpoint: Endpoint) -> None:
    """A pipe that is read late gets what is said from then on."""
    ended = run('late_reader', endpoint.url)
    assert ended.returncode == 0, ended.stderr
    assert 'bad.m2 is discarded' in ended.stdout


def test_handler_that_only_takes_long_is_not_left_out(endpoint: Endpoint) -> None:
    """logging.shutdown() flushes the handlers of a program, though the last export does not end in time."""
    endpoint.behave = lambda _request: HANG
    ended = run('flushed_handler', endpoint.url)
    assert ended.returncode == 0
    assert 'kept until the end' in ended.stderr
    assert 'are dropped' in ended.stderr


@pytest.mark.parametrize('timeout', ['1e10', '1e300'])
def test_exit_timeout_may_be_longer_than_the_platform_waits(timeout: str, endpoint: Endpoint) -> None:
    """It is waited for in parts, and the last values arrive."""
    assert_silent(run('exit_timeout', endpoint.url, timeout))
    assert last(endpoint) == 1

"""The demo, run as a person runs it, and disturbed as a person or a network may disturb it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.waiting import wait_for

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not Path('/proc/self/environ').exists(), reason='processes are looked for in /proc')


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """An environment that marks every process of a demo; it is an error to leave one."""
    marker = f'DEMO_TEST_MARKER={uuid.uuid4()}'
    yield {**os.environ, **dict([marker.split('=')])}
    assert not list(marked(marker)), 'the demo left a process'


def marked(marker: str) -> Iterator[str]:
    for process in Path('/proc').glob('[0-9]*'):
        try:
            if marker.encode() in (process / 'environ').read_bytes():
                yield (process / 'cmdline').read_text()
        except OSError:
            pass  # gone meanwhile, or somebody else's


def start(environment: dict[str, str], seconds: int, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, '-m', 'demo', '--seconds', str(seconds), *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def workers_of(line: str) -> list[str]:
    """The workers that the demo announces when all of them have answered."""
    return re.findall(r'\d+', line.partition('workers')[2])


def test_demo_gets_all_metrics_of_both_workers(environment: dict[str, str], tmp_path: Path) -> None:
    """The demo exits with 0, tells which two workers exported, and shows their metrics with percentiles and trends.

    Asked to, it also writes a picture of the durations by route.
    """
    demo = start(environment, 3, '--picture', str(tmp_path / 'demo.svg'))
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0, output
    workers = workers_of(output.splitlines()[0])
    assert len(workers) == 2
    for worker in workers:
        [(answered, in_cloudwatch)] = re.findall(rf'pid {worker} +(\d+) +(\d+)', output)
        assert int(answered) == int(in_cloudwatch) > 0
    for expected in (
        'p50',
        'p99',
        'django.summary',
        'django.histogram',
        'status_code=200 url=/search',
        'shop.orders',
        '█',
    ):
        assert expected in output
    picture = (tmp_path / 'demo.svg').read_text()
    assert 'url=/search' in picture
    assert 'p99' in picture
    assert 'status_code' not in picture
    assert 'url("http' not in picture  # it loads no fonts


def test_worker_whose_metrics_do_not_arrive_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    """The demo exits with 1, and says which worker it was, where one of the two workers cannot reach CloudWatch."""
    (tmp_path / 'sitecustomize.py').write_text(
        'import os\n'
        'def cut_off_the_first():\n'
        '    try: os.mkdir(os.path.join(os.path.dirname(__file__), "taken"))\n'
        '    except FileExistsError: return\n'
        '    os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"\n'
        'os.register_at_fork(after_in_child=cut_off_the_first)\n'
    )
    demo = start({**environment, 'PYTHONPATH': str(tmp_path)}, seconds=2)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1, output
    [worker] = re.findall(r'Worker (\d+) answered \d+ requests, but none of its metrics arrived', output)
    assert worker in workers_of(output.splitlines()[0])


def test_site_that_does_not_start_says_why(environment: dict[str, str]) -> None:
    """The demo exits with 1 and shows what gunicorn said."""
    demo = start({**environment, 'GUNICORN_CMD_ARGS': '--worker-class nonsense'}, seconds=3)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1, output
    assert "class uri 'nonsense' invalid" in output


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it(environment: dict[str, str], number: signal.Signals) -> None:
    """Ctrl-C, or a SIGTERM, in the middle of the demo ends it soon, without a traceback; no process is left."""
    demo = start(environment, seconds=600)
    assert demo.stdout is not None
    assert len(workers_of(demo.stdout.readline())) == 2
    demo.send_signal(number)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert 'Interrupted' in output
    assert 'Traceback' not in output


def test_signal_while_it_starts_ends_it(environment: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-C while gunicorn is not yet up ends the demo as well, and no process is left."""
    (tmp_path / 'sitecustomize.py').write_text(
        'import pathlib, sys, time\n'
        'if "gunicorn" in sys.orig_argv:\n'
        '    pathlib.Path(__file__).with_name("starting").touch()\n'
        '    time.sleep(600)\n'
    )
    demo = start({**environment, 'PYTHONPATH': str(tmp_path)}, seconds=600)
    wait_for((tmp_path / 'starting').exists)
    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert 'workers' not in output
    assert 'Traceback' not in output

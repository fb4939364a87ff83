"""What the page on jobs says of multiprocessing: its program, with real pools, however their children end.

Children export twice at most here: at their start, and at their end.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from pathlib import Path

import pytest
from support import scripts
from support.endpoint import Endpoint
from support.programs import changed, program

METHODS = multiprocessing.get_all_start_methods()
TASKS = 100
HANDLED = ', handle_sigterm=True'


def run(
    name: str, method: str, endpoint: Endpoint, folder: Path, handled: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program with the one of the page, but for the interval.

    :param method: how children are started
    :param handled: whether the page has SIGTERM handled
    """
    text = changed(program('jobs.md', 'multiprocessing.Pool('), "interval='60s'", "interval='1h', exit_timeout=20")
    (folder / 'pool.py').write_text(text if handled else changed(text, HANDLED, ''))
    path = f'{folder}{os.pathsep}{scripts.TESTS}'
    return scripts.run(scripts.program(f'pools.{name}'), endpoint.url, method, PYTHONPATH=path)


def counted(endpoint: Endpoint) -> float:
    return float(sum(endpoint.values('jobs.pictures')))


def assert_all_arrived(done: subprocess.CompletedProcess[str], endpoint: Endpoint) -> None:
    assert (done.returncode, done.stderr, counted(endpoint)) == (0, '', TASKS)


@pytest.mark.parametrize('method', METHODS)
def test_pool_that_is_closed_and_joined_loses_nothing(method: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """As the page has it. SIGTERM has no part in this, so it is the same without a handler."""
    assert_all_arrived(run('shown', method, endpoint, tmp_path, handled=False), endpoint)


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('end', ['ended', 'left'])
def test_pool_that_is_terminated(end: str, method: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """SIGTERM comes while children are at work, or are already ending: both export what is left."""
    done = run(end, method, endpoint, tmp_path)
    if end == 'left' and done.stderr.startswith('Exception ignored in: <function Pool.__del__'):
        done.stderr = ''  # what Python itself says where it clears a pool up after its pipes
    assert_all_arrived(done, endpoint)


def test_children_of_a_fork_server_go_on_by_themselves(endpoint: Endpoint, tmp_path: Path) -> None:
    """Where the fork server imports a module that starts an exporter, so do the children that it forks."""
    assert_all_arrived(run('fork_server_exports', 'forkserver', endpoint, tmp_path), endpoint)


@pytest.mark.parametrize('method', ['fork', 'spawn'])
@pytest.mark.parametrize('name', ['replaced', 'executor'])
def test_children_that_end_by_themselves_lose_nothing(
    name: str, method: str, endpoint: Endpoint, tmp_path: Path
) -> None:
    """Each child of a pool after some tasks, those of an executor at the end of its block, which waits for them."""
    assert_all_arrived(run(name, method, endpoint, tmp_path), endpoint)


@pytest.mark.parametrize('handled', [True, False])
@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_child_that_is_terminated_at_work(method: str, handled: bool, endpoint: Endpoint, tmp_path: Path) -> None:
    """Where SIGTERM is handled, it exports what is left; otherwise it ends at once."""
    run('terminated', method, endpoint, tmp_path, handled)
    assert counted(endpoint) == (TASKS if handled else 0)

"""What the page on jobs says of multiprocessing: its program, with real pools, however their children end.

Children export twice at most here: at their start, and at their end.
"""

from __future__ import annotations

import multiprocessing
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import scripts
from support.endpoint import Endpoint
from support.programs import changed, program

METHODS = multiprocessing.get_all_start_methods()
TASKS = 100
POOL = 'with multiprocessing.Pool(4, initializer=start_metrics) as pool:'

LEFT = 'if pool := multiprocessing.Pool(4, start_metrics):'

EXECUTOR = """
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2, initializer=start_metrics) as pool:
        list(pool.map(resize, range(100)))
"""
TERMINATED = """
    sent, receives = multiprocessing.Pipe()
    child = multiprocessing.Process(target=work, args=(sent,))
    child.start()
    receives.recv()
    child.terminate()
    child.join()
"""
WORK = """
def work(sent):
    start_metrics()
    for picture in range(100):
        resize(picture)
    sent.send('done')
    time.sleep(60)
"""


def shown() -> str:
    """The program of the page, but for the interval."""
    return changed(program('jobs.md', 'multiprocessing.Pool('), "interval='60s'", "interval='1h', exit_timeout=20")


def ending(act: str) -> str:
    """The program with another main part."""
    head, _ = shown().split('    with ')
    return changed(head, 'import multiprocessing\n', 'import multiprocessing\nimport time\n') + act


def run(text: str, method: str, url: str, folder: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the program where children are started in this way."""
    (folder / 'pool.py').write_text(text)
    path = str(folder / 'pool.py')
    run_path = f'import runpy; runpy.run_path({path!r}, run_name="__main__")'
    return scripts.run(f'import multiprocessing; multiprocessing.set_start_method({method!r}); {run_path}', url, **more)


def counted(endpoint: Endpoint) -> float:
    return float(sum(datum['Value'] for datum in endpoint.named('jobs.pictures')))


def assert_all_arrived(done: subprocess.CompletedProcess[str], endpoint: Endpoint) -> None:
    assert (done.returncode, done.stderr, counted(endpoint)) == (0, '', TASKS)


@pytest.mark.parametrize('method', METHODS)
def test_pool_that_is_closed_and_joined_loses_nothing(method: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """As the page has it. SIGTERM has no part in this, so it is the same without a handler."""
    text = changed(shown(), ', handle_sigterm=True', '')
    assert_all_arrived(run(text, method, endpoint.url, tmp_path), endpoint)


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('end', ['with multiprocessing.Pool(4, start_metrics) as pool:', LEFT], ids=['ended', 'left'])
def test_pool_that_is_terminated(end: str, method: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """SIGTERM comes while children are at work, or are already ending: both export what is left."""
    text = changed(shown(), '        pool.close()\n        pool.join()\n', '')
    done = run(changed(text, POOL, end), method, endpoint.url, tmp_path)
    if end == LEFT and done.stderr.startswith('Exception ignored in: <function Pool.__del__'):
        done.stderr = ''  # what Python itself says where it clears a pool up after its pipes
    assert_all_arrived(done, endpoint)


def test_forked_children_go_on_without_an_initializer(endpoint: Endpoint, tmp_path: Path) -> None:
    """Where the parent exports, they do so by themselves."""
    text = changed(shown(), POOL, 'start_metrics()\n    with multiprocessing.Pool(4) as pool:')
    assert_all_arrived(run(text, 'fork', endpoint.url, tmp_path), endpoint)


def test_children_of_a_fork_server_go_on_by_themselves(endpoint: Endpoint, tmp_path: Path) -> None:
    """Where the fork server imports a module that starts an exporter, so do the children that it forks."""
    starts = "aws_satella.start_if_not_started('Jobs', interval='1h', temporality='delta', exit_timeout=20)\n"
    (tmp_path / 'preloaded.py').write_text(f'import aws_satella\n{starts}')
    text = changed(
        shown(),
        POOL,
        'multiprocessing.set_forkserver_preload(["preloaded"])\n    with multiprocessing.Pool(4) as pool:',
    )
    done = run(text, 'forkserver', endpoint.url, tmp_path, PYTHONPATH=str(tmp_path))
    assert_all_arrived(done, endpoint)


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_children_that_are_replaced_lose_nothing(method: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """Each child ends after some tasks, and exports what it has recorded."""
    text = changed(shown(), POOL, 'with multiprocessing.Pool(2, start_metrics, maxtasksperchild=3) as pool:')
    text = changed(text, 'range(100))', 'range(100), chunksize=10)')
    assert_all_arrived(run(text, method, endpoint.url, tmp_path), endpoint)


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_executor_lets_its_children_end(method: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """The end of its block waits for them."""
    assert_all_arrived(run(ending(EXECUTOR), method, endpoint.url, tmp_path), endpoint)


@pytest.mark.parametrize('handled', [True, False])
@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_child_that_is_terminated_at_work(method: str, handled: bool, endpoint: Endpoint, tmp_path: Path) -> None:
    """Where SIGTERM is handled, it exports what is left; otherwise it ends at once."""
    text = ending(TERMINATED).replace("\nif __name__ == '__main__'", f"{WORK}\nif __name__ == '__main__'")
    text = changed(text, 'handle_sigterm=True', f'handle_sigterm={handled}')
    text = changed(text, '    start_metrics()\n', '    start_metrics()\n    aws_satella.flush()\n')
    run(text, method, endpoint.url, tmp_path)
    assert counted(endpoint) == (TASKS if handled else 0)

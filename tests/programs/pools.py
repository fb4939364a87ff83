"""Programs that have children do the work of the one that the page on jobs shows, which is the module ``pool``.

The last argument of each is how its children are started.
"""

from __future__ import annotations

import multiprocessing
import runpy
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.pool import Pool

import pool as page
from pool import resize, start_metrics
from support.forking import insist
from support.program import main

import aws_satella

kept: list[Pool] = []


def shown() -> None:
    """What the page shows."""
    runpy.run_path(page.__file__, run_name='__main__')


def ended() -> None:
    """Let the end of the block terminate the children."""
    with multiprocessing.Pool(2, start_metrics) as pool:
        pool.map(resize, range(100))
        insist(multiprocessing.active_children())


def left() -> None:
    """Leave the pool to the end of the program."""
    kept.append(multiprocessing.Pool(2, start_metrics))
    kept[0].map(resize, range(100))
    insist(multiprocessing.active_children())


def _resize_all(pool: Pool, chunksize: int | None = None) -> None:
    with pool:
        pool.map(resize, range(100), chunksize)
        pool.close()
        pool.join()


def fork_server_exports() -> None:
    """Start an exporter in the fork server alone, by a module that it imports."""
    multiprocessing.set_forkserver_preload(['programs.preloaded'])
    _resize_all(multiprocessing.Pool(2))


def replaced() -> None:
    """End each child after some tasks."""
    _resize_all(multiprocessing.Pool(2, start_metrics, maxtasksperchild=3), chunksize=10)


def executor() -> None:
    with ProcessPoolExecutor(2, initializer=start_metrics) as pool:
        list(pool.map(resize, range(100)))


def _work(sent: Connection) -> None:
    start_metrics()
    aws_satella.flush()
    for picture in range(100):
        resize(picture)
    sent.send('done')
    time.sleep(60)


def terminated() -> None:
    """Terminate a child that has done its work, and goes on."""
    sent, receives = multiprocessing.Pipe()
    child = multiprocessing.Process(target=_work, args=(sent,))
    child.start()
    receives.recv()
    child.terminate()
    insist([child])
    child.join()


if __name__ == '__main__':
    multiprocessing.set_start_method(sys.argv.pop())
    main(globals())

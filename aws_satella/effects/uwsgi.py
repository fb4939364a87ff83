"""What uWSGI does to threads, as far as it says so: in the module that it puts into the processes that it runs.

https://uwsgi-docs.readthedocs.io/en/latest/PythonModule.html
"""

from __future__ import annotations

import os
import sys
from functools import cache

from aws_satella.effects.delivery import logger

NO_THREADS = (
    'uWSGI runs without --enable-threads: threads stand still between requests, and so does the exporter of metrics, '
    'which will export seldom and late'
)
MASTER = (
    'The exporter of metrics is not started in the process that uWSGI forks its workers from: a worker that is forked '
    'while a thread runs may hang for ever. Start it in the workers (in a request, or in a function with '
    'uwsgidecorators.postfork), or run uWSGI with --lazy-apps'
)


def threads_stand_still() -> bool:
    """Whether threads run only while a request is served. (From uWSGI 2.0.27 on they always run.)"""
    return not getattr(sys.modules.get('uwsgi'), 'has_threads', True)


def is_master() -> bool:
    """Whether workers are forked from this process: without Python's hooks, and while any of its threads may run."""
    uwsgi = sys.modules.get('uwsgi')
    if uwsgi is None or not hasattr(uwsgi, 'worker_id') or uwsgi.worker_id():
        return False
    master = uwsgi.masterpid()  # 0: none; then the first worker forks the others before it becomes one
    return bool(os.getpid() == master if master else uwsgi.numproc > 1)


def warn(message: str) -> None:
    """Say it, once a process."""
    _warn(message, os.getpid())


@cache
def _warn(message: str, _pid: int) -> None:
    logger.warning(message)

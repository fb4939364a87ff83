"""What uWSGI does to threads, as far as it says so: in the module that it puts into the processes that it runs.

https://uwsgi-docs.readthedocs.io/en/latest/PythonModule.html
"""

from __future__ import annotations

import os
import sys
from functools import cache

from aws_satella.effects.complaints import logger


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


@cache
def warn_of_standstill(_pid: int) -> None:
    """Say once a process that threads stand still."""
    logger.warning('uWSGI runs without --enable-threads: the exporter of metrics stands still between requests')


@cache
def warn_of_master(_pid: int) -> None:
    """Say once a process that no exporter is started in it."""
    logger.warning(
        'No exporter is started in the process that uWSGI forks its workers from, because they could hang; '
        'start it in each worker'
    )

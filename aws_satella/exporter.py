"""The import path of 2.4.

``worker_thread`` is the exporter of this process. ``worker_thread = None`` ends it without a last export; the next
``start_if_not_started`` starts another, which takes over what is unsent.
"""

from __future__ import annotations

import sys
from threading import RLock
from types import ModuleType

from aws_satella.effects.complaints import logger
from aws_satella.effects.destinations.clients import InitializationError
from aws_satella.effects.exporter import AWSSatellaExporterThread
from aws_satella.effects.process import exporter_of_process, replace_exporter, start_if_not_started, starting_lock


class _Module(ModuleType):
    """A module whose ``worker_thread`` is that of the process, whoever started it, also after a fork."""

    @property
    def worker_thread(self) -> AWSSatellaExporterThread | None:
        return exporter_of_process()

    @worker_thread.setter
    def worker_thread(self, exporter: AWSSatellaExporterThread | None) -> None:
        replace_exporter(exporter)

    @worker_thread.deleter
    def worker_thread(self) -> None:  # mock.patch() deletes what it has set
        replace_exporter(None)

    @property
    def worker_thread_lock(self) -> RLock:
        return starting_lock()


sys.modules[__name__].__class__ = _Module

worker_thread: AWSSatellaExporterThread | None
worker_thread_lock: RLock

__all__ = [
    'AWSSatellaExporterThread',
    'InitializationError',
    'logger',
    'start_if_not_started',
    'worker_thread',
    'worker_thread_lock',
]

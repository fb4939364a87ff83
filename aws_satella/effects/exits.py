"""Hooks at the end of a process."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from typing import Final

LAST_PRIORITY: Final = -100
"""The priority of a finalizer of multiprocessing that runs after those of the program."""


def at_exit(act: Callable[[], object]) -> None:
    """Call something when the process ends: by the interpreter, or by multiprocessing, whose children skip that."""
    atexit.register(act)
    multiprocessing_util = sys.modules.get('multiprocessing.util')
    if multiprocessing_util is not None and sys.modules['multiprocessing.process'].parent_process() is not None:
        multiprocessing_util.Finalize(None, act, exitpriority=LAST_PRIORITY)


def forget(act: Callable[[], object]) -> None:
    """Do not call it at the end any more."""
    atexit.unregister(act)

"""Hooks at the end of a process."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

FORKING: Final = ('multiprocessing', 'billiard')
"""The libraries whose children skip the exit handlers of the interpreter, and have their own."""

LAST_PRIORITY: Final = -100
"""The priority of a finalizer of multiprocessing that runs after those of the program."""


def at_exit(act: Callable[[], object]) -> None:
    """Call something when the process ends: by the interpreter, or by multiprocessing, whose children skip that."""
    atexit.register(act)
    multiprocessing_util = sys.modules.get('multiprocessing.util')
    if multiprocessing_util is not None and sys.modules['multiprocessing.process'].parent_process() is not None:
        multiprocessing_util.Finalize(None, act, exitpriority=LAST_PRIORITY)


def at_exit_of_child(owner: object, act: Callable[[], object]) -> None:
    """The same for a child, from the hook of its fork.

    Libraries that fork clear what the parent has registered, and only then call what is to be done after a fork.

    :param owner: as long as it lives, the child of a child is told, too
    """
    atexit.unregister(act)
    atexit.register(act)
    for name in FORKING:
        util, process = sys.modules.get(f'{name}.util'), sys.modules.get(f'{name}.process')
        if util is not None and process is not None:
            util.register_after_fork(owner, partial(_finalize, util, act))
            if getattr(process.current_process(), '_parent_pid', None) is not None:
                _finalize(util, act, owner)  # a plain fork in such a child runs no hooks of the library


def _finalize(util: Any, act: Callable[[], object], _owner: object) -> None:
    util.Finalize(None, act, exitpriority=LAST_PRIORITY)


def forget(act: Callable[[], object]) -> None:
    """Do not call it at the end any more."""
    atexit.unregister(act)

"""Hooks at the end of a process."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

FORKING: Final = ('multiprocessing.util', 'billiard.util')
"""The modules of libraries whose children skip the exit handlers of the interpreter, and have their own."""

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
        util = sys.modules.get(name)
        if util is not None:
            util.register_after_fork(owner, partial(_finalize, util, act))


def _finalize(util: Any, act: Callable[[], object], _owner: object) -> None:
    util.Finalize(None, act, exitpriority=LAST_PRIORITY)


def forget(act: Callable[[], object]) -> None:
    """Do not call it at the end any more."""
    atexit.unregister(act)

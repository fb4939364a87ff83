"""Which process this is. The process id does not say: a child in another PID namespace may have that of its parent.

Some servers fork without the hooks of Python, so the process id is asked for as well.
"""

from __future__ import annotations

import os

Identity = tuple[int, int]

_forks = [0]
"""How many forks lie between this process and the first one, as far as the interpreter knows."""


def identity() -> Identity:
    """What differs between a process and all its ancestors."""
    return os.getpid(), _forks[0]


def was_forked() -> bool:
    """Whether this process was forked after this package was imported, as far as the interpreter knows."""
    return _forks[0] > 0


def _count() -> None:
    _forks[0] += 1


if hasattr(os, 'register_at_fork'):  # not on Windows
    os.register_at_fork(after_in_child=_count)

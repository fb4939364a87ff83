"""Threads that interrupt each other more often than usual."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def switching_every(seconds: float) -> Iterator[None]:
    """The interpreter has a thread give way to another that has waited so long."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)

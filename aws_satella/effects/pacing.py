"""Room for the host: work of ours, done in small pieces with a breath between them.

A thread that computes gives the interpreter's lock away only when another has waited for it for 5 ms, and under gevent
not at all. So the thread gives it away by itself, every few items: when it reads them, and while botocore validates and
serialises them, which takes most of the time. An export takes longer so, but nobody waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar('T')

PIECE = 20
"""Items between two breaths: about a millisecond of botocore's work."""

BREATH = 1e-6
"""Seconds. After a sleep of 0, some interpreters give the lock back at once, and gevent serves no timers."""


def paced(items: Iterable[T]) -> Iterator[T]:
    """The same items, with a breath before each piece of them."""
    for number, item in enumerate(items):
        if not number % PIECE:
            time.sleep(BREATH)
        yield item


class PacedList(list[T]):
    """A list that paces whoever iterates over it."""

    def __iter__(self) -> Iterator[T]:
        return paced(super().__iter__())

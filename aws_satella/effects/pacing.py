"""Cooperative pacing: work in short slices and sleep between them, so that the threads of the host get the interpreter.

A thread that computes gives up the lock of the interpreter only when another thread has waited for it for 5 ms, and
under gevent not at all. So the thread of the exporter rests by itself after every millisecond while it reads and
encodes the metrics. It rests longer than it works, so that a request to a site meets few slices, and short ones. A
cycle takes longer this way, but no caller waits for it. Where a caller waits, and where pacing would take up too much
of the interval, a rest is only long enough to let another thread run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from aws_satella.effects.world import REAL, World

T = TypeVar('T')

ITEMS_PER_GLANCE: Final = 20
"""Items between two looks at the clock: less than a millisecond of work."""

SLICE_SECONDS: Final = 0.001
"""Work between two rests."""

REST_RATIO: Final = 3.0
"""Length of a rest, as a multiple of the slice before it: the thread works for a quarter of the time at most."""

MAX_REST_SECONDS: Final = 0.005
"""The longest rest. A slice that took longer has waited itself: for the network, or for the lock."""

HURRIED_SLICE_SECONDS: Final = 0.01
"""Work between two rests of no length, in a hurry. Under gevent they are what lets other greenlets run."""

WAIT_SECONDS: Final = 0.001
"""How long another thread is given to finish a recording: much more than it takes where there is a free processor."""

MAX_WAITS: Final = 200
"""Most waits in one cycle. A histogram with negative observations never settles, and would use them all."""


class Pace:
    """How fast one thread works.

    :param world: its clock, and its rests
    """

    def __init__(self, world: World = REAL) -> None:
        self._monotonic, self._sleep = world.monotonic, world.sleep
        self.hurried = False
        """Whether a caller waits, or the end of the process does."""
        self._until = 0.0
        self._rested = 0.0
        self._waits = 0

    def ease(self, seconds: float) -> None:
        """Rest now and then, for that long."""
        self.hurried = False
        self._until = self._monotonic() + seconds
        self._waits = MAX_WAITS

    def hurry(self) -> None:
        """Rest no longer than it takes to let another thread run."""
        self.hurried = True
        self._until = 0.0

    def give_way(self) -> None:
        """Let another thread finish what it does."""
        if self._waits and self._monotonic() < self._until:
            self._waits -= 1
            self._sleep(WAIT_SECONDS)

    def slices(self, items: Iterable[T]) -> Iterator[list[T]]:
        """The same items in small lists, with rests between them."""
        iterator = iter(items)
        while part := list(islice(iterator, ITEMS_PER_GLANCE)):
            yield part
            self._glance()

    def _glance(self) -> None:
        now = self._monotonic()
        worked = now - self._rested
        easy = now < self._until
        if worked >= (SLICE_SECONDS if easy else HURRIED_SLICE_SECONDS):
            self._sleep(min(REST_RATIO * worked, MAX_REST_SECONDS) if easy else 0)
            self._rested = self._monotonic()

"""Room for the host: work of ours, done in small pieces with a rest after each.

A thread that computes gives the interpreter's lock away only when another has waited for it for 5 ms, and under gevent
not at all. So the exporter's thread rests by itself after every millisecond: while it reads the metrics, and while
botocore validates and serialises them, which takes most of the time. It rests longer than it works, so that a request
to a site meets few pieces, and short ones. A cycle takes longer so, but nobody waits for it; where somebody does, and
where it would take up too much of the interval, there is no rest.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

T = TypeVar('T')

GLANCE: Final = 20
"""Items between two looks at the clock: less than a millisecond's work."""

WORK: Final = 0.001
"""Seconds between two rests."""

REST: Final = 3.0
"""How long a rest is, in times of the work before it: the thread works for a quarter of the time at most."""

LONGEST: Final = 0.005
"""Seconds of one rest. What took longer has waited itself: for the network, or for the lock."""

MOMENT: Final = 0.001
"""Seconds that another thread is given to finish a recording: much more than it takes, should there be a processor."""

MOMENTS: Final = 200
"""How many of them there are in all. A histogram of negative numbers, of which there may be many, would take each."""


class Pace:
    """How fast one thread works."""

    def __init__(self) -> None:
        self._until = 0.0
        self._rested = 0.0
        self._moments = 0

    def ease(self, seconds: float) -> None:
        """Rest now and then, for that long."""
        self._until = time.monotonic() + seconds
        self._moments = MOMENTS

    def hurry(self) -> None:
        """Rest no more."""
        self._until = 0.0

    def give_way(self) -> None:
        """Let another thread finish what it does."""
        if self._moments and time.monotonic() < self._until:
            self._moments -= 1
            time.sleep(MOMENT)

    def paced(self, items: Iterable[T]) -> Iterator[T]:
        """The same items, with rests between them."""
        for number, item in enumerate(items):
            if not number % GLANCE:
                self._glance()
            yield item

    def _glance(self) -> None:
        now = time.monotonic()
        worked = now - self._rested
        if worked >= WORK and now < self._until:
            time.sleep(min(REST * worked, LONGEST))
            self._rested = time.monotonic()


class PacedList(list[T]):
    """A list that sets the pace for whoever iterates over it."""

    def __init__(self, items: Iterable[T], pace: Pace) -> None:
        super().__init__(items)
        self._pace = pace

    def __iter__(self) -> Iterator[T]:
        return self._pace.paced(super().__iter__())

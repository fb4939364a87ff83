"""The world around an exporter: what time it is, how it waits, and chance.

What may live here: calls of the clocks, of ``sleep`` and of the random numbers of Python, which no other module of
``effects/`` makes. What may not: when anything is due.

A world is handed down from the exporter to its parts, so that a test can hand in another one, in which it moves the
clock and chooses what chance says.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, NamedTuple


class World(NamedTuple):
    """Clocks, waits and chance. Each is asked by any thread."""

    monotonic: Callable[[], float]
    """Seconds of a clock that is never set."""
    wall: Callable[[], float]
    """UNIX seconds."""
    sleep: Callable[[float], object]
    """Does nothing for so many seconds."""
    wait: Callable[[Callable[[float], object], float], bool]
    """Has a function wait for at most so many seconds, and tells whether what that waits for has come."""
    chance: Callable[[], float]
    """A random number from [0, 1)."""


# Test tools such as freezegun replace the functions of ``time``, so they are looked up at each call.


def _monotonic() -> float:
    return time.monotonic()


def _wall() -> float:
    return time.time()


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def _wait(act: Callable[[float], object], seconds: float) -> bool:
    return bool(act(seconds))


def _chance() -> float:
    return random.random()  # noqa: S311  # it spreads load, and guards nothing


REAL: Final = World(_monotonic, _wall, _sleep, _wait, _chance)
"""The world as it is."""

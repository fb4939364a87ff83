"""A world for exporters in which the test says what time it is, and what chance says; as ``MockClock`` of trio is one.

Waits are for the time of this world. So a clock that stands keeps a back-off, an interval or a timeout from ending, and
one that jumps ends it at once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from aws_satella.effects.world import World

LOOK_SECONDS = 0.01
"""How often a wait looks whether the clock has jumped."""


class MockClock:
    """A clock that runs at a rate, and jumps.

    :param now: what it shows at first
    """

    def __init__(self, now: float) -> None:
        self._state = now, time.monotonic(), 1.0

    def __call__(self) -> float:
        shown, since, rate = self._state
        return shown + (time.monotonic() - since) * rate

    @property
    def rate(self) -> float:
        """Its seconds in one second; 0 while it stands."""
        return self._state[2]

    @rate.setter
    def rate(self, rate: float) -> None:
        self._state = self(), time.monotonic(), rate

    def jump(self, seconds: float) -> None:
        """Go ahead, or back."""
        shown, since, rate = self._state
        self._state = shown + seconds, since, rate


class MockWorld:
    """Two clocks that run at first, chance, and what was waited for."""

    def __init__(self) -> None:
        self.monotonic, self.wall = MockClock(time.monotonic()), MockClock(time.time())
        self.chance: Callable[[], float] = random.random
        """May be replaced."""
        self.sleeps: list[float] = []
        """The seconds of each sleep. They are those of the real world."""
        self.waits: list[float] = []
        """The most seconds of each wait."""

    def run(self, rate: float = 1.0) -> None:
        """Let both clocks run at a rate."""
        self.monotonic.rate = self.wall.rate = rate

    def stop(self) -> None:
        """Let both clocks stand."""
        self.run(0.0)

    def jump(self, seconds: float) -> None:
        """Let both clocks jump."""
        self.monotonic.jump(seconds)
        self.wall.jump(seconds)

    @property
    def seen(self) -> World:
        """The world, as an exporter sees it."""
        return World(self.monotonic, self.wall, self._sleep, self._wait, self._chance)

    def _chance(self) -> float:
        return self.chance()

    def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        time.sleep(seconds)

    def _wait(self, act: Callable[[float], object], seconds: float) -> bool:
        self.waits.append(seconds)
        until = self.monotonic() + seconds
        while True:
            left, rate = max(0.0, until - self.monotonic()), self.monotonic.rate
            if act(min(LOOK_SECONDS, left / rate) if rate else LOOK_SECONDS):
                return True
            if self.monotonic() >= until:
                return False

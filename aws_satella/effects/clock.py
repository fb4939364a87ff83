"""A clock for waiting, which does not stand still.

Test tools such as freezegun replace ``time.monotonic``: it stops, or jumps to another date and back. The waits of the
interpreter themselves are real, so a wait that ran out says how late it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aws_satella.effects.world import REAL, World

MAX_WAIT_SECONDS: Final = 3_600.0
"""A longer time is waited for in parts, since the platform bounds a timeout."""


class Clock:
    """``time.monotonic()``, but it never goes back, and counts the waits that ran out. For one thread.

    :param world: whose clock it follows, and how it waits
    """

    def __init__(self, world: World = REAL) -> None:
        self._world = world
        self._last = world.monotonic()
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds."""
        reading = self._world.monotonic()
        self._ahead += max(0.0, self._last - reading)
        self._last = reading
        return reading + self._ahead

    def reached(self, moment: float) -> None:
        """Take note that it is so late at least, since a wait until then ran out."""
        late = moment - self.now()  # before the sum below, since it may change what is added to
        self._ahead += max(0.0, late)

    def wait(
        self,
        act: Callable[[float], bool],
        deadline: float,
        part: float = MAX_WAIT_SECONDS,
        go_on: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Wait in parts.

        :param act: waits for so many seconds, which may be 0; whether what it waits for has come
        :param deadline: on this clock; infinity waits as long as it takes
        :param part: the longest single wait, seconds
        :param go_on: asked after each part
        :return: whether it has come
        """
        while True:
            since = self.now()
            seconds = max(0.0, min(part, deadline - since))
            if self._world.wait(act, seconds):
                return True
            self.reached(since + seconds)
            if self.now() >= deadline or not go_on():
                return False

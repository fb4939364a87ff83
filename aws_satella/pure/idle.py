"""Counters that do not change: after a while, in delta, their zeros are left out.

What may live here: when each of them last changed. What may not: which counters are meant.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping


class Idle:
    """When the counters of one cycle last changed.

    :param changes: the same of the cycle before
    :param now: UNIX seconds
    """

    def __init__(self, changes: Mapping[Hashable, float], now: float) -> None:
        self._old = changes
        self._now = now
        self.changes: dict[Hashable, float] = {}
        """Counter → when it last changed, or was first seen, in UNIX seconds."""

    def passes(self, counter: Hashable, increase: object, seconds: float) -> bool:
        """Whether to send an increase: not a zero whose last change is longer ago than these seconds."""
        changed = self._now if increase else self._old.get(counter, self._now)
        self.changes[counter] = changed
        return bool(increase) or self._now - changed <= seconds

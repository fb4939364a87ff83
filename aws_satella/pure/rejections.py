"""What a reply says of points that were not taken, as values.

What may live here: the values. What may not: how they are read (:mod:`aws_satella.pure.formats.otlp_replies`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_MESSAGE_LENGTH: Final = 1_000
"""Characters of a reply that are shown."""


class Rejection(NamedTuple):
    """What a reply with the status 200 says of the points that were not taken."""

    number: int = 0
    """How many points; 0 for a request that was taken whole."""
    message: str = ''
    """Why; a warning where all points were taken."""


class Rejected(NamedTuple):
    """The points of a request that a reply with the status 200 rejects."""

    named: frozenset[int]
    """Positions of items that are known to be rejected."""
    unnamed: int
    """How many other points are rejected, of which it is not known which they are."""

    @property
    def number(self) -> int:
        """How many points are rejected."""
        return len(self.named) + self.unnamed


NOTHING_REJECTED: Final = Rejected(frozenset(), 0)

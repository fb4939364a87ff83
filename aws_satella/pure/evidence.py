"""What refusals prove: whether an item is at fault, or whether the destination refuses everything.

What may live here: the counts that a judgement needs, and the rules. What may not: items, requests, the queue.

An item that is refused alone, or that a reply names, is a *suspect*. Its refusal proves nothing as long as the
destination may refuse everything. After the next request that is accepted, each suspect is sent once more alone. It is
discarded if it is refused again. At three suspects with nothing accepted since the first of them, single items from
elsewhere are tried, as *probes*. If three probes are refused, or there is nothing left to try, it is an outage. In an
outage, each attempt sends one item, another one each time, until one is accepted.
"""

from __future__ import annotations

import enum
import math
from typing import Final, NamedTuple

MAX_UNPROVEN: Final = 3
"""So many suspects in a row make it likely that the destination refuses everything."""

MAX_PROBES: Final = 3
"""So many probes that are refused prove it."""

GOLDEN_SECTION: Final = (math.sqrt(5) - 1) / 2
"""Steps of this part of a queue spread best over it."""


class Turn(enum.Enum):
    """What is sent next."""

    QUEUE = enum.auto()
    """The oldest items."""
    SUSPECT = enum.auto()
    """The first suspect, once more."""
    PROBE = enum.auto()
    """A single item from anywhere in the queue."""
    NOTHING = enum.auto()
    """Nothing: there are no items, or only suspects that nothing can be proven of."""


class Evidence(NamedTuple):
    """What is known from the replies so far."""

    due: int = 0
    """So many of the first suspects are to be sent once more, since something was accepted after their refusal."""
    unproven: int = 0
    """Suspects since the last request that was accepted."""
    probes: int = 0
    """Probes that were refused since then."""
    accepted: bool = False
    """Whether anything was accepted in this attempt."""
    refuses_everything: bool = False
    """Whether there is an outage because everything is refused."""
    tried: int = 0
    """Single items that were tried and refused so far. It makes the next one another."""

    def turn(self, suspects: int, waiting: bool) -> Turn:
        """What is to be sent next.

        :param suspects: how many there are
        :param waiting: whether there are other items
        """
        if suspects and (self.due or (self.accepted and not waiting)):
            return Turn.SUSPECT
        if not waiting:
            return Turn.NOTHING
        is_probe = self.refuses_everything or self.unproven >= MAX_UNPROVEN
        return Turn.PROBE if is_probe else Turn.QUEUE

    def begun(self) -> Evidence:
        """An attempt begins. What was accepted before it proves nothing of what it will find."""
        return self._replace(due=0, accepted=False)

    def after_acceptance(self, suspects: int) -> Evidence:
        """A request was accepted, so that all suspects are sent once more."""
        return Evidence(due=suspects, accepted=True, tried=self.tried)

    def after_suspicion(self, turn: Turn, suspects: int) -> Evidence:
        """A request was refused.

        :param turn: what it was
        :param suspects: how many suspects it gave
        """
        probe = int(turn is Turn.PROBE)
        return self._replace(unproven=self.unproven + suspects, probes=self.probes + probe, tried=self.tried + probe)

    def is_of_everything(self, waiting: bool) -> bool:
        """Whether the refusals so far prove that everything is refused.

        :param waiting: whether there are items besides the suspects
        """
        exhausted = self.probes >= MAX_PROBES or not (waiting or self.accepted)
        return self.unproven >= MAX_UNPROVEN and exhausted

    def of_everything(self) -> Evidence:
        """Everything is refused. There are no suspects any more."""
        return Evidence(refuses_everything=True, tried=self.tried)

    def without(self, due: int, suspects: int) -> Evidence:
        """Some suspects are gone.

        :param due: how many of those that were due are left
        :param suspects: how many suspects are left in all
        """
        unproven = min(self.unproven, suspects)
        return self._replace(due=due, unproven=unproven, probes=self.probes if unproven >= MAX_UNPROVEN else 0)

    def place(self, length: int) -> int:
        """Where in a queue the next single item is taken from.

        The first probe is the item that follows the suspects, since a pattern of bad data ends soon. The others are
        spread, since a block of bad data may be long. As long as the length stays the same, every place has its turn
        before one comes again.

        :param length: at least 1
        """
        if not (self.refuses_everything or self.probes):
            return 0
        step = max(1, int(length * GOLDEN_SECTION))
        while math.gcd(step, length) != 1:
            step += 1
        return self.tried * step % length

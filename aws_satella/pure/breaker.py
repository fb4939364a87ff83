"""Whether a caller that gives a timeout still waits for a destination that does not answer: a circuit breaker.

What may live here: the state, as one value, and its transitions. What may not: clocks, which come in as arguments, and
threads that wait.

*Closed*, a call waits for its timeout. A request that times out, or that has no reply when the timeout of a call runs
out, *opens* the breaker for a pause, in which calls answer at once. After the pause it is *half-open*: one call is let
through, and the pause begins anew for all others. It closes by itself with the next item that is sent, by whomever, so
that the state is compared with the number of items that are sent instead of being reset.
"""

from __future__ import annotations

from typing import Final, NamedTuple

FIRST_PAUSE_SECONDS: Final = 5.0
"""The pause after the first timeout; each further timeout without a success in between doubles it."""

MAX_PAUSE_SECONDS: Final = 60.0
"""The longest pause: a destination that answers again is found within it."""

HANGING_SECONDS: Final = 1.0
"""How long a request must have had no reply for a call without a timeout not to wait for it, in an open breaker."""

MIN_SHARE: Final = 0.5
"""The part of a timeout for which a request must have had no reply. A destination that answers has not hung, however
many requests were left when the time ran out."""


class Breaker(NamedTuple):
    """The state of a circuit breaker."""

    timeouts: int = 0
    """Timeouts since the last success; 0 where the breaker has never opened."""
    until: float = 0.0
    """When the pause ends, on the monotonic clock."""
    sent: int = 0
    """How many items were sent when it opened. Once there are more, it is closed."""

    def is_closed(self, sent: int) -> bool:
        """Whether nothing has timed out since the last success.

        :param sent: how many items have been sent so far
        """
        return not self.timeouts or sent != self.sent

    def refuses(self, now: float, sent: int) -> bool:
        """Whether a call is to answer at once.

        :param now: monotonic seconds
        :param sent: how many items have been sent so far
        """
        return not self.is_closed(sent) and now < self.until

    def admitted(self, now: float, sent: int) -> Breaker:
        """A call was let through. In a half-open breaker it is the only one for a pause."""
        return self if self.is_closed(sent) else self._replace(until=now + self.pause)

    def timed_out(self, now: float, sent: int) -> Breaker:
        """A request has timed out, or a caller has waited for it in vain."""
        after = Breaker(1 if self.is_closed(sent) else self.timeouts + 1, sent=sent)
        return after._replace(until=now + after.pause)

    @property
    def pause(self) -> float:
        """Seconds for which calls answer at once."""
        return min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self.timeouts - 1, 10))


def waits_in_vain(waited: float | None, age: float) -> bool:
    """Whether a request hangs, by what a caller has seen of it.

    :param waited: the timeout that ran out; None for a call that has none
    :param age: for how long the request has had no reply; 0 where there is none in flight
    """
    return age >= HANGING_SECONDS if waited is None else waited > 0 and 0 < age >= waited * MIN_SHARE

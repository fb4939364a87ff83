"""What is known of an outage, and what is said of it: when it began, when to try again, and a line once an hour.

What may live here: the state, as one value, and its transitions. What may not: clocks, which come in as arguments.

All times are of the monotonic clock: a clock that is set during an outage neither shortens a wait nor makes an outage
longer than it was.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from aws_satella.pure.replies import UNKNOWN, Failure

REMINDER_SECONDS: Final = 3_600.0
"""An outage that goes on is said again after so long."""


class Saying(NamedTuple):
    """A line for the log."""

    level: str
    message: str
    values: tuple[object, ...] = ()


class Unsaid(NamedTuple):
    """What there is to say of data that were not sent."""

    buffered: int = 0
    """How many are in memory."""
    spooled: int = 0
    """How many were put into a spool so far."""
    dropped: int = 0
    """How many were dropped so far."""
    spools: bool = False
    """Whether there is a spool."""

    @property
    def how(self) -> str:
        """What becomes of unsent data."""
        return 'spooled' if self.spools else 'kept'

    def since(self, before: Unsaid) -> tuple[int, str, int]:
        """How many are unsent, what became of them, and how many were dropped since then."""
        return self.buffered + self.spooled - before.spooled, self.how, self.dropped - before.dropped


class Outage(NamedTuple):
    """What is known of the failures since the last success."""

    began: float | None = None
    """When the first request failed; None where the destination answers."""
    said: float | None = None
    """When it was last said that requests fail. A failure that the next request makes good is not said."""
    before: Unsaid = Unsaid()
    """What there was to say when it began."""
    tries_at_once: bool = False
    """Whether the request that failed is to be sent again at once, in the same attempt."""
    resumes: float = 0.0
    """Before this time nothing is sent, by the wish of the destination (``Retry-After``), unless a caller waits."""

    def failed(self, now: float, failure: Failure, unsaid: Unsaid, *, answered: bool) -> Outage:
        """A request failed for a reason that may pass.

        The first one after a success is sent again at once, unless the destination asks for a pause or the request has
        timed out: to wait for another timeout would take as long again.

        :param now: monotonic seconds
        :param failure: what the reply says
        :param unsaid: what there is to say
        :param answered: whether the destination took something since the failure before
        """
        return Outage(
            began=now if self.began is None else self.began,
            said=self.said,
            before=unsaid if self.began is None else self.before,
            tries_at_once=answered and not failure.timed_out and not failure.retry_after,
            resumes=max(self.resumes, now + failure.retry_after if failure.retry_after else 0.0),
        )

    def told(self, now: float, why: str, unsaid: Unsaid) -> tuple[Outage, list[Saying]]:
        """Say that requests fail: when it has begun, and once an hour.

        :param now: monotonic seconds
        :param why: the reason
        :param unsaid: what there is to say
        """
        if self.began is None or self.tries_at_once:
            return self, []
        if self.said is None:
            message = 'Exports to CloudWatch fail; metric data are %s until it answers again: %s'
            return self._replace(said=now), [Saying('WARNING', message, (unsaid.how, why))]
        if now - self.said < REMINDER_SECONDS:
            return self, []
        message = 'Exports to CloudWatch have failed for %s; %d metric data are %s, %d were dropped: %s'
        values = (span(now - self.began), *unsaid.since(self.before), why)
        return self._replace(said=now), [Saying('WARNING', message, values)]

    def refused(self, now: float, why: str, unsaid: Unsaid, *, is_new: bool) -> tuple[Outage, list[Saying]]:
        """A request was refused because everything is.

        :param unsaid: what there is to say
        :param is_new: whether this one has proven it
        """
        outage = self.failed(now, UNKNOWN, unsaid, answered=False)
        if not is_new:
            return outage.told(now, why, unsaid)
        message = 'CloudWatch refuses everything: %s; metric data are %s until it takes some'
        return outage._replace(said=now), [Saying('WARNING', message, (why, unsaid.how))]

    def ended(self, failures: int, unsaid: Unsaid) -> list[Saying]:
        """Say that the destination answers again, if it was said that it did not."""
        if self.said is None:
            return []
        message = 'Exports to CloudWatch work again after %d failed attempts; %d metric data were %s, %d were dropped'
        return [Saying('INFO', message, (failures, *unsaid.since(self.before)))]


NO_OUTAGE: Final = Outage()
"""The destination answers."""


def span(seconds: float) -> str:
    """A length of time in words, such as '3 h 5 min'."""
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f'{hours} h {minutes} min' if hours else f'{minutes} min'

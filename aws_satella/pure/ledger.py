"""What an exporter remembers: baseline, outbox, counts and the state of an outage, as one frozen value.

What may live here: the decisions of a cycle, as transitions. Each takes a ledger and gives the next one, and what is to
be said of it. What may not: sending, clocks, logs.

Since it is one value, a change is one assignment: an exception at any moment finds the ledger before a change or after
it. A request is noted before it is sent (:meth:`Ledger.sending`), together with the list that its reply goes into, so
that a reply is counted even where an exception came between the reply and the note of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from aws_satella.pure import limits
from aws_satella.pure.outbox import Batch, Outbox
from aws_satella.pure.replies import is_success
from aws_satella.pure.temporality import Baseline

MAX_BUFFERED_BYTES: Final = 64_000_000
"""Bytes of unsent items that are kept after a failed attempt, whatever ``max_buffered`` says."""


class Saying(NamedTuple):
    """A line for the log."""

    level: str
    message: str
    values: tuple[object, ...] = ()


class InFlight(NamedTuple):
    """A request that is being sent."""

    request: Batch
    replies: list[object]
    """Empty until there is a reply."""


@dataclass(frozen=True)
class Ledger:
    """What an exporter remembers."""

    baseline: Baseline = field(default_factory=dict)
    outbox: Outbox = field(default_factory=Outbox)
    failures: int = 0
    """Failed attempts in a row; 0 where the destination answers."""
    failed_requests: int = 0
    cycles: int = 0
    last_success: float | None = None
    dropped_before_outage: int = 0
    dropping: bool = False
    """Whether it was said since the last success that data are dropped."""
    returning: bool = False
    """Whether it was said in this outage that increases stay in the tree."""
    in_flight: InFlight | None = None
    before_cycle: Ledger | None = None
    """The ledger before the last cycle in delta was recorded, for as long as nothing of that cycle has been sent."""
    levels: int = 0
    """Items of the last cycle that do not stay in the tree: levels, which the next cycle reads anew."""

    def recorded(self, batch: Batch, discarded: int, baseline: Baseline, *, returnable: bool) -> Ledger:
        """Take the items of a cycle, and the baseline that goes with them.

        :param batch: the items
        :param discarded: how many data were discarded in the cycle
        :param baseline: how far everything is exported with these items
        :param returnable: whether the increases can stay in the tree, should there be no room for them
        """
        return replace(
            self,
            baseline=baseline,
            outbox=self.outbox.put(batch, discarded),
            before_cycle=replace(self, in_flight=None, before_cycle=None) if returnable else None,
            levels=0,
        )

    def added(self, batch: Batch, discarded: int) -> Ledger:
        """Take more items of the same cycle: levels, which have no baseline."""
        return replace(self, outbox=self.outbox.put(batch, discarded), levels=self.levels + len(batch.items))

    def cycle_ended(self) -> Ledger:
        """Count a cycle. What it took from the tree can no longer be given back."""
        return replace(self, cycles=self.cycles + 1, before_cycle=None)

    def sending(self, request: Batch, replies: list[object]) -> Ledger:
        """Note a request before it is sent."""
        return replace(self, in_flight=InFlight(request, replies))

    def settled(self, now: float) -> tuple[Ledger, list[Saying]]:
        """Count the request in flight as sent if there is a reply to it that means success.

        :param now: UNIX seconds
        """
        if self.in_flight is None:
            return self, []
        request, replies = self.in_flight
        if not replies or not is_success(replies[0]) or not self.outbox.holds(request):
            return replace(self, in_flight=None), []
        after = replace(
            self,
            outbox=self.outbox.accepted(request),
            failures=0,
            dropping=False,
            returning=False,
            last_success=now,
            in_flight=None,
            before_cycle=self._before(request, lambda outbox: outbox.accepted(request)),
        )
        sent = Saying('DEBUG', 'Sent %d metric data to %s', (len(request.items), request.envelope))
        return after, [*self._recovered(), sent]

    def _before(self, request: Batch, change: Callable[[Outbox], Outbox]) -> Ledger | None:
        """The ledger before the last cycle, with what has become since of a request that is older than the cycle."""
        before = self.before_cycle
        if before is None or len(request.items) > before.outbox.buffered:
            return None
        return replace(before, outbox=change(before.outbox))

    def _recovered(self) -> list[Saying]:
        if not self.failures:
            return []
        dropped = self.outbox.dropped - self.dropped_before_outage
        message = 'Exports to CloudWatch work again after %d failed attempts; %d metric data were kept, %d were dropped'
        return [Saying('INFO', message, (self.failures, self.outbox.buffered, dropped))]

    def refused(self, request: Batch, culprits: Collection[int]) -> tuple[Ledger, list[str]]:
        """The destination refused a request for what is in it.

        :return: the ledger, and the items that are discarded
        """
        after = replace(self, failed_requests=self.failed_requests + 1, in_flight=None)
        if not self.outbox.holds(request):
            return after, []
        before = self._before(request, lambda outbox: outbox.refused(request, culprits)[0])
        outbox, rejected = self.outbox.refused(request, culprits)
        return replace(after, outbox=outbox, before_cycle=before), rejected

    def failed(self, why: str) -> tuple[Ledger, list[Saying]]:
        """A request failed for a reason that may pass. What is unsent is kept.

        :param why: the reason, for the log
        """
        after = replace(self, failures=self.failures + 1, failed_requests=self.failed_requests + 1, in_flight=None)
        if self.failures:
            return after, []
        message = 'Exports to CloudWatch fail; metric data are kept until it answers again: %s'
        return replace(after, dropped_before_outage=self.outbox.dropped), [Saying('WARNING', message, (why,))]

    def aged(self, now: float) -> tuple[Ledger, list[Saying]]:
        """Drop what is older than CloudWatch takes.

        A cycle that has lost items cannot be returned to the tree any more.
        """
        before = self.before_cycle and self.before_cycle.aged(now)[0]
        outbox = self.outbox.without_older_than(now - limits.MAX_AGE_SECONDS)
        if before is not None and before.outbox.dropped != outbox.dropped:
            before = None
        return replace(self, before_cycle=before)._dropped(outbox, 'older than two weeks')

    def bounded(self, max_buffered: int) -> tuple[Ledger, list[Saying]]:
        """Keep as much as there is room for, after a failed attempt.

        In delta, a cycle for which there is no room stays in the tree: its baseline is the one before, so that the next
        cycle with room brings the increases. Elsewhere the oldest items are dropped.
        """
        surplus = self.outbox.surplus(max_buffered, MAX_BUFFERED_BYTES)
        if not surplus:
            return replace(self, before_cycle=None), []
        if self.before_cycle is None:
            return self._dropped(
                self.outbox.without_oldest(surplus),
                f'beyond max_buffered={max_buffered} or {MAX_BUFFERED_BYTES:,} bytes',
            )
        returned, said = self._returned(self.before_cycle)
        after, said_of_the_rest = returned.bounded(max_buffered)
        return after, [*said, *said_of_the_rest]

    def _returned(self, before: Ledger) -> tuple[Ledger, list[Saying]]:
        """The ledger without the items of the last cycle: its levels are dropped, its increases never were recorded.

        Its discards stay counted, since the callback has received them.
        """
        discarded = self.outbox.discarded - before.outbox.discarded
        returned = self.outbox.buffered - before.outbox.buffered - self.levels
        outbox = before.outbox._replace(
            recorded=before.outbox.recorded + discarded + self.levels,
            discarded=self.outbox.discarded,
            dropped=before.outbox.dropped + self.levels,
        )
        after = replace(self, baseline=before.baseline, outbox=outbox, before_cycle=None, levels=0)
        if self.returning or not (returned or self.levels):
            return after, []
        message = (
            'The outbox is full. %d increases stay in the metrics until CloudWatch answers again; %d levels are dropped'
        )
        return replace(after, returning=True), [Saying('WARNING', message, (returned, self.levels))]

    def _dropped(self, outbox: Outbox, why: str) -> tuple[Ledger, list[Saying]]:
        """Say once an outage that data are dropped. How many there were in all is said at its end."""
        number = outbox.dropped - self.outbox.dropped
        if not number:
            return self, []
        message = 'Metric data are dropped, the oldest first: %d that are %s'
        said = [] if self.dropping else [Saying('WARNING', message, (number, why))]
        return replace(self, outbox=outbox, dropping=True), said

    def joined(self, other: Ledger) -> Ledger:
        """Take what another ledger has not sent, each item in its own envelope. The baselines stay where they are."""
        return replace(self, outbox=self.outbox.joined(other.outbox), in_flight=None, before_cycle=None)

    def without_unsent(self) -> Ledger:
        """What is left when another ledger was joined with this one."""
        return replace(self, outbox=self.outbox.without_unsent(), in_flight=None, before_cycle=None)

    def given_up(self) -> Ledger:
        """Drop everything that is unsent: there is no more time."""
        return replace(self, outbox=self.outbox.emptied(), in_flight=None, before_cycle=None)

"""What an exporter remembers, and how that is kept within its bounds: baseline, outbox, counts, the state of an outage.

What may live here: cycles that come in, and data that have to go unsent. What may not: requests and their replies
(:mod:`aws_satella.pure.ledger`), sending, clocks, logs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from aws_satella.pure import limits
from aws_satella.pure.batches import Batch, Item
from aws_satella.pure.flight import InFlight
from aws_satella.pure.outage import NO_OUTAGE, Outage, Saying, Unsaid
from aws_satella.pure.outbox import Outbox
from aws_satella.pure.sharing import NOTHING_KEPT, Views
from aws_satella.pure.temporality import Baseline

if TYPE_CHECKING:
    from typing_extensions import Self

MAX_BUFFERED_BYTES: Final = 64_000_000
"""Bytes of unsent items that are kept after a failed attempt, whatever ``max_buffered`` says."""


class Cycle(NamedTuple):
    """A cycle in delta, for as long as all its items are unsent, so that its increases can stay in the tree."""

    baseline: Baseline
    """That of the cycle before."""
    since: float
    """When that was taken, in UNIX seconds."""
    increases: Sequence[Item]
    """Its items that come back with the next cycle, given that baseline."""
    is_alone: bool
    """Whether nothing else was unsent when it was recorded."""
    levels: tuple[Item, ...] = ()
    """Its items that do not: the next cycle reads other ones."""

    def items(self) -> Iterator[Item]:
        """All of its items."""
        yield from self.increases
        yield from self.levels

    def has_any(self, items: Collection[Item]) -> bool:
        """Whether some items, which were unsent, are of this cycle."""
        return self.is_alone or not set(self.items()).isdisjoint(items)


@dataclass(frozen=True, init=False, repr=False, eq=False)  # a ledger has them: each costs time at the start
class Account:
    """What an exporter remembers."""

    baseline: Baseline = field(default_factory=dict)
    since: float = 0.0
    """When the baseline was taken, in UNIX seconds."""
    outbox: Outbox = field(default_factory=Outbox)
    drained: Outbox = field(default_factory=Outbox)
    """What was taken out of a spool: the batches that are just being sent, whose files are still there, and the counts
    of what became of all others."""
    spools: bool = False
    """Whether there is a spool for what is unsent."""
    failures: int = 0
    """Failed requests in a row; 0 where the destination answers."""
    failed_requests: int = 0
    cycles: int = 0
    export_seconds: float | None = None
    """How long the last cycle took; None before the end of the first one."""
    line: object = field(default_factory=object, compare=False)
    """What the counts belong to: ledgers that come of each other have it in common. A baseline may be of another."""
    last_success: float | None = None
    outage: Outage = NO_OUTAGE
    dropping: bool = False
    """Whether it was said since the last success that data are dropped."""
    returning: bool = False
    """Whether it was said in this outage that increases stay in the tree."""
    in_flight: InFlight | None = None
    last_cycle: Cycle | None = None
    """The last cycle in delta, for as long as nothing of it has been sent, discarded or dropped."""
    views: Views = NOTHING_KEPT
    """The series that are kept where they are bounded."""

    @property
    def unsaid(self) -> Unsaid:
        """What there is to say of data that were not sent."""
        dropped = self.outbox.dropped + self.drained.dropped
        return Unsaid(self.outbox.buffered, self.outbox.spooled, dropped, spools=self.spools)

    def recorded(self, batch: Batch, discarded: int, baseline: Baseline, *, returnable: bool) -> Self:
        """Take the items of a cycle, and the baseline that goes with them.

        :param batch: the items
        :param discarded: how many data were discarded in the cycle
        :param baseline: how far everything is exported with these items
        :param returnable: whether the increases can stay in the tree, should there be no room for them
        """
        cycle = Cycle(self.baseline, self.since, batch.items, is_alone=not self.outbox.buffered)
        return replace(
            self,
            baseline=baseline,
            since=max(self.since, batch.timestamp),  # windows are empty, and do not overlap, while the clock is behind
            outbox=self.outbox.put(batch, discarded),
            last_cycle=cycle if returnable else None,
        )

    def added(self, batch: Batch, discarded: int) -> Self:
        """Take more items of the same cycle: levels, which have no baseline."""
        cycle = self.last_cycle
        if cycle is not None:
            cycle = cycle._replace(levels=(*cycle.levels, *batch.items))
        return replace(self, outbox=self.outbox.put(batch, discarded), last_cycle=cycle)

    def viewed(self, views: Views) -> Self:
        """Take what the views of a cycle remember, with its items."""
        return self if views is self.views else replace(self, views=views)

    def cycle_ended(self, seconds: float | None = None) -> Self:
        """Count a cycle. What it took from the tree can no longer be given back.

        :param seconds: how long it took
        """
        return replace(self, cycles=self.cycles + 1, export_seconds=seconds, last_cycle=None)

    def _cycle_without(self, items: Collection[Item]) -> Cycle | None:
        """The last cycle, unless some of these items are of it."""
        cycle = self.last_cycle
        return None if cycle is None or (items and cycle.has_any(items)) else cycle

    def aged(self, now: float, ahead: float = limits.MAX_AHEAD_SECONDS) -> tuple[Self, list[Saying]]:
        """Drop what is older than the destination takes, and what is too far ahead since the clock was wrong.

        A cycle that has lost items cannot be returned to the tree any more.

        :param now: UNIX seconds
        :param ahead: how many seconds ahead the destination takes
        """
        young = self.outbox.within(now - limits.MAX_AGE_SECONDS, inf)
        after, said = self._without_lost(young)._dropped(young, 'older than two weeks')
        past = after.outbox.within(-inf, now + ahead)
        after, more = after._without_lost(past)._dropped(past, 'too far ahead of the clock')
        return after, [*said, *more]

    def _without_lost(self, outbox: Outbox) -> Self:
        """The last cycle is forgotten if an outbox has dropped some of its items."""
        cycle = self.last_cycle
        if cycle is not None and outbox.dropped != self.outbox.dropped:
            cycle = cycle if Counter(cycle.items()) <= Counter(outbox.waiting()) else None
        return replace(self, last_cycle=cycle)

    def bounded(self, max_buffered: int, max_bytes: int = MAX_BUFFERED_BYTES) -> tuple[Self, list[Saying]]:
        """Keep as much as there is room for, after a failed attempt.

        In delta, a cycle for which there is no room stays in the tree: its baseline is the one before, so that the next
        cycle with room brings the increases. Elsewhere the oldest items are dropped.
        """
        surplus = self.outbox.surplus(max_buffered, max_bytes)
        if not surplus:
            return replace(self, last_cycle=None), []
        flying = self.in_flight.request.items if self.in_flight is not None else ()
        cycle = self._cycle_without(flying)
        if cycle is None:
            outbox = self._without_oldest_but(flying, surplus) if flying else self.outbox.without_oldest(surplus)
            why = f'beyond max_buffered={max_buffered} or {max_bytes:,} bytes'
            return replace(self, last_cycle=None)._dropped(outbox, why)
        returned, said = self._returned(cycle)
        after, said_of_the_rest = returned.bounded(max_buffered, max_bytes)
        return after, [*said, *said_of_the_rest]

    def _without_oldest_but(self, flying: Collection[Item], number: int) -> Outbox:
        """Drop so many of the oldest items, but none of a request whose reply may still come, since its rest would go
        again."""
        kept = set(map(id, flying))
        dropped = [item for item in self.outbox.waiting() if id(item) not in kept][:number]
        outbox = self.outbox.without(dropped)
        return outbox._replace(recorded=self.outbox.recorded, dropped=self.outbox.dropped + len(dropped))

    def _returned(self, cycle: Cycle) -> tuple[Self, list[Saying]]:
        """The ledger without the items of the last cycle: its levels are dropped, its increases never were recorded.

        Its discards stay counted, since the callback has received them.
        """
        increases, levels = len(cycle.increases), len(cycle.levels)
        outbox = self.outbox.without(cycle.items())
        outbox = outbox._replace(recorded=outbox.recorded + levels, dropped=outbox.dropped + levels)
        after = replace(self, baseline=cycle.baseline, since=cycle.since, outbox=outbox, last_cycle=None)
        if self.returning or not (increases or levels):
            return after, []
        message = (
            'The outbox is full. %d increases stay in the metrics until CloudWatch answers again; %d levels are dropped'
        )
        return replace(after, returning=True), [Saying('WARNING', message, (increases, levels))]

    def _dropped(self, outbox: Outbox, why: str) -> tuple[Self, list[Saying]]:
        return replace(self, outbox=outbox)._said_of_dropped(outbox.dropped - self.outbox.dropped, why)

    def _said_of_dropped(self, number: int, why: str) -> tuple[Self, list[Saying]]:
        """Say once an outage that data are dropped. How many there were in all is said at its end."""
        if not number:
            return self, []
        message = 'Metric data are dropped, the oldest first: %d that are %s'
        said = [] if self.dropping else [Saying('WARNING', message, (number, why))]
        return replace(self, dropping=True), said

    def joined(self, other: Account) -> Self:
        """Take what another ledger has not sent, each item in its own envelope. The baselines stay where they are.

        A request that has no reply yet stays in front, since its reply is counted only there.
        """
        outbox = self.outbox
        if self.in_flight is None:
            outbox = outbox.joined(other.outbox)
        else:
            for batch in other.outbox.unsent():
                outbox = outbox.put(batch)
        return replace(self, outbox=outbox, last_cycle=None)

    def without_unsent(self) -> Self:
        """What is left when another ledger was joined with this one."""
        return replace(self, outbox=self.outbox.without_unsent(), in_flight=None, last_cycle=None)

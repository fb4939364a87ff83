"""What is unsent, and what has become of everything else: a value, and how items come into it and leave it.

What may live here: the queue of unsent items, the suspects among them, and the count of all others. What may not: what
is sent next, and what a reply means (:mod:`aws_satella.pure.outbox`).

Every function takes such a value and gives the next one. Always: ``recorded = sent + discarded + dropped + spooled +
buffered``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from aws_satella.pure.batches import (
    Batch,
    Item,
    between,
    first_beyond,
    joined,
    length,
    without_all,
    without_one,
)
from aws_satella.pure.evidence import Evidence

if TYPE_CHECKING:
    from typing_extensions import Self


class Unsent(NamedTuple):
    """Unsent items, oldest first, and the count of all others."""

    suspects: tuple[Batch, ...] = ()
    """Items that were refused alone, or that a reply named: one each."""
    evidence: Evidence = Evidence()
    """What is known of them."""
    pieces: tuple[Batch, ...] = ()
    """Parts of a request that was refused. They go before the batches, each by itself."""
    halved: bool = False
    """Whether the first two pieces are the halves of a request that was refused for an item in it."""
    batches: tuple[Batch, ...] = ()
    gone: int = 0
    """Items of the first batch that are no longer in the outbox. So a long batch is never copied."""
    recorded: int = 0
    """All items that were ever encoded, and all discards."""
    sent: int = 0
    """Items that the destination took."""
    discarded: int = 0
    """Data that cannot be sent, each reported with its reason."""
    dropped: int = 0
    """Items that could have been sent, but not in time: the outbox was full, they were too old, the process ended."""
    spooled: int = 0
    """Items that are in a spool, or were: whoever takes them out of it counts what becomes of them."""

    @property
    def buffered(self) -> int:
        """Items that wait to be sent."""
        return self.recorded - self.sent - self.discarded - self.dropped - self.spooled

    def _queue(self) -> Iterator[Batch]:
        """All that is unsent but suspects, oldest first."""
        yield from self.pieces
        for index, batch in enumerate(self.batches):
            yield batch._replace(items=batch.items[self.gone :]) if not index and self.gone else batch

    def waiting(self) -> Iterator[Item]:
        """All unsent items, oldest first."""
        for batch in chain(self.suspects, self._queue()):
            yield from batch.items

    def unsent(self) -> tuple[Batch, ...]:
        """All that is unsent, oldest first: a batch for each cycle and envelope."""
        return joined((*self.suspects, *self._queue()))

    def put(self, batch: Batch, discarded: int = 0) -> Self:
        """Add the items of a cycle behind all others, and count its discards."""
        return self._replace(
            batches=(*self.batches, batch) if batch.items else self.batches,
            recorded=self.recorded + len(batch.items) + discarded,
            discarded=self.discarded + discarded,
        )

    def joined(self, other: Unsent) -> Self:
        """With what another outbox has not sent, in the order of their timestamps. Its other counts stay its own."""
        return self._replace(
            pieces=(),
            halved=False,
            batches=joined((*other.suspects, *other._queue(), *self._queue())),
            gone=0,
            recorded=self.recorded + other.buffered,
        )

    def without_unsent(self) -> Self:
        """What is left when another outbox was joined with this one."""
        return self._unfilled()._replace(recorded=self.recorded - self.buffered)

    def without(self, items: Iterable[Item]) -> Self:
        """Take items out again, as if they had never been recorded.

        :param items: each is unsent
        """
        unwanted = Counter(items)
        recorded = self.recorded - unwanted.total()
        due, queue, number = self.evidence.due, tuple(self._queue()), len(self.pieces)
        batches = without_all(queue[number:], unwanted)
        pieces = without_all(queue[:number], unwanted)
        later = without_all(self.suspects[due:], unwanted)
        first = without_all(self.suspects[:due], unwanted)
        after = self._replace(recorded=recorded, pieces=pieces, halved=False, batches=batches, gone=0)
        return after._with_suspects((*first, *later), len(first))

    def without_spooled(self, items: Collection[Item]) -> Self:
        """Take out what is in a spool now.

        :param items: each is unsent
        """
        after = self.without_unsent() if len(items) == self.buffered else self.without(items)
        return after._replace(recorded=self.recorded, spooled=self.spooled + len(items))

    def surplus(self, max_items: int, max_bytes: int) -> int:
        """How many of the oldest items are beyond the bounds."""
        return first_beyond([len(item) for item in self.waiting()], max_items, max_bytes)

    def without_oldest(self, number: int) -> Self:
        """Drop so many of the oldest items."""
        suspects = self.suspects[number:]
        gone = len(self.suspects) - len(suspects)
        left = number - gone
        pieces = list(self.pieces)
        while pieces and left:
            first = pieces.pop(0)
            if left < len(first.items):
                pieces.insert(0, first._replace(items=first.items[left:]))
                left = 0
            else:
                left -= len(first.items)
        after = self._with_suspects(suspects, max(0, self.evidence.due - gone))
        after = after._replace(pieces=tuple(pieces), halved=False, dropped=self.dropped + number)
        return after._advanced(left) if left else after

    def within(self, since: float, until: float) -> Self:
        """Drop what was not read between these times, in UNIX seconds."""
        if all(since <= batch.timestamp <= until for batch in (*self.suspects, *self.pieces, *self.batches)):
            return self
        queue, number = tuple(self._queue()), len(self.pieces)
        pieces, batches = between(queue[:number], since, until), between(queue[number:], since, until)
        due, suspects = between(self.suspects[: self.evidence.due], since, until), between(self.suspects, since, until)
        kept = length(suspects) + length(pieces) + length(batches)
        halved = self.halved and len(pieces) == number and len(suspects) == len(self.suspects)
        left = self._with_suspects(suspects, len(due))._replace(pieces=pieces, halved=halved, batches=batches, gone=0)
        return left._replace(dropped=self.dropped + self.buffered - kept)

    def emptied(self) -> Self:
        """Drop everything."""
        return self._unfilled()._replace(dropped=self.dropped + self.buffered)

    def _unfilled(self) -> Self:
        """Without any items; the counts are the caller's."""
        return self._with_suspects((), 0)._replace(pieces=(), halved=False, batches=(), gone=0)

    def _with_suspects(self, suspects: tuple[Batch, ...], due: int) -> Self:
        return self._replace(suspects=suspects, evidence=self.evidence.without(due, len(suspects)))

    def _advanced(self, number: int) -> Self:
        """Without so many of the oldest items of the batches; the counts are the caller's."""
        gone, batches = self.gone + number, self.batches
        passed = 0
        while passed < len(batches) and gone >= len(batches[passed].items):
            gone -= len(batches[passed].items)
            passed += 1
        return self._replace(batches=batches[passed:], gone=gone)

    def _without_one(self, item: Item) -> Self:
        """Without one item of the queue; the counts are the caller's."""
        queue = tuple(self._queue())
        before, batches = queue[: len(self.pieces)], queue[len(self.pieces) :]
        pieces = without_one(before, item)
        if pieces is before:
            batches = without_one(batches, item)
        return self._replace(pieces=pieces, halved=False, batches=batches, gone=0)

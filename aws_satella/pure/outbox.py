"""What is to be sent next, and what has become of everything so far: a value, and the decisions about it.

What may live here: the queue of unsent items, the suspects among them, and the count of all others. What may not:
sending, clocks, chance, what an item is, and what a refusal proves (:mod:`aws_satella.pure.evidence`).

Every function takes an outbox and gives the next one. Always: ``recorded = sent + discarded + dropped + buffered``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from aws_satella.pure.batches import (
    Batch,
    Envelope,
    Item,
    Room,
    between,
    first_beyond,
    halves,
    joined,
    length,
    oldest,
    timestamp_of,
    without_all,
    without_one,
)
from aws_satella.pure.chunks import chunk
from aws_satella.pure.evidence import Evidence, Turn


class Outbox(NamedTuple):
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

    @property
    def buffered(self) -> int:
        """Items that wait to be sent."""
        return self.recorded - self.sent - self.discarded - self.dropped

    @property
    def envelope(self) -> Envelope:
        """The envelope of what is to be sent first. There must be something."""
        first = self.suspects if self._turn is Turn.SUSPECT else ()
        return (first or self.pieces or self.batches or self.suspects)[0].envelope

    @property
    def _turn(self) -> Turn:
        return self.evidence.turn(len(self.suspects), bool(self.pieces or self.batches))

    def _queue(self) -> Iterator[Batch]:
        """All that is unsent but suspects, oldest first."""
        yield from self.pieces
        for index, batch in enumerate(self.batches):
            yield batch._replace(items=batch.items[self.gone :]) if not index and self.gone else batch

    def waiting(self) -> Iterator[Item]:
        """All unsent items, oldest first."""
        for batch in chain(self.suspects, self._queue()):
            yield from batch.items

    def put(self, batch: Batch, discarded: int = 0) -> Outbox:
        """Add the items of a cycle behind all others, and count its discards."""
        return self._replace(
            batches=(*self.batches, batch) if batch.items else self.batches,
            recorded=self.recorded + len(batch.items) + discarded,
            discarded=self.discarded + discarded,
        )

    def joined(self, other: Outbox) -> Outbox:
        """With what another outbox has not sent, in the order of their timestamps. Its other counts stay its own."""
        return self._replace(
            pieces=(),
            halved=False,
            batches=joined((*other.suspects, *other._queue(), *self._queue())),
            gone=0,
            recorded=self.recorded + other.buffered,
        )

    def without_unsent(self) -> Outbox:
        """What is left when another outbox was joined with this one."""
        return self._unfilled()._replace(recorded=self.recorded - self.buffered)

    def begun(self) -> Outbox:
        """An attempt begins."""
        return self._replace(evidence=self.evidence.begun())

    def next(self, room: Room, metric: Callable[[Any], Hashable] = str) -> Batch | None:
        """The request to send first.

        It is a suspect that is due, a single item from elsewhere if the last refusals have to be judged, a piece, or as
        many of the oldest items of one envelope as there is room for. None if there is nothing, or nothing that could
        be proven of the suspects that are left.

        :param room: what a request may hold
        :param metric: what an item is a datum of. What judges suspects is of another metric, if there is one.
        """
        turn = self._turn
        if turn is Turn.NOTHING:
            return None
        if turn is Turn.SUSPECT:
            return self.suspects[0]
        if turn is Turn.PROBE:
            return self._probe(metric)
        if self.pieces:
            piece = self.pieces[0]
            return piece._replace(items=next(chunk(piece.items, len(piece.items), room.bytes, room.size)))
        items = oldest(self.batches, self.gone, room.items)
        if sum(map(room.size, items)) > room.bytes:
            items = next(chunk(items, room.items, room.bytes, room.size))
        return Batch(self.batches[0].envelope, timestamp_of(self.batches, self.gone + len(items)), items)

    def _probe(self, metric: Callable[[Any], Hashable]) -> Batch:
        """A single item, of another metric than all suspects if there is one."""
        queue = [(batch, item) for batch in self._queue() for item in batch.items]
        place = self.evidence.place(len(queue))
        suspected = {metric(suspect.items[0]) for suspect in self.suspects}
        others = (each for each in chain(queue[place:], queue[:place]) if metric(each[1]) not in suspected)
        batch, item = next(others, queue[place])
        return batch._replace(items=(item,))

    def holds(self, request: Batch) -> bool:
        """Whether the request is still what is to be sent first. Giving up may have emptied the outbox meanwhile."""
        turn, first = self._turn, request.items[0]
        if turn is Turn.SUSPECT:
            return self.suspects[0].items[0] is first
        if turn is Turn.PROBE:
            return any(item is first for batch in self._queue() for item in batch.items)
        if self.pieces:
            return self.pieces[0].items[0] is first
        return bool(self.batches) and self.batches[0].items[self.gone] is first

    def accepted(self, request: Batch, rejected: int = 0) -> Outbox:
        """The destination took the first request.

        :param rejected: how many of its items it did not take, which are discarded
        """
        rest = self._without(request)
        evidence = rest.evidence.after_acceptance(len(rest.suspects))
        sent, discarded = self.sent + len(request.items) - rejected, self.discarded + rejected
        after = rest._replace(sent=sent, discarded=discarded, evidence=evidence)
        is_half = self.halved and self._turn is Turn.QUEUE and self.pieces[:1] == (request,)
        return after._with_other_half_cut() if is_half else after

    def _with_other_half_cut(self) -> Outbox:
        """Cut the second half of a refused request, whose first half was accepted: it would be refused as a whole."""
        if not self.pieces or len(self.pieces[0].items) == 1:
            return self._replace(halved=False)
        return self._replace(pieces=(*halves(self.pieces[0]), *self.pieces[1:]))

    def refused(
        self, request: Batch, culprits: Collection[int] = (), *, too_large: bool = False
    ) -> tuple[Outbox, list[Item]]:
        """The destination refused the first request, for what is in it or because it refuses everything.

        :param request: what :meth:`next` gave
        :param culprits: positions in it that the reply named, from 0. They are set aside as suspects. Where it named
            none that exist, the request is cut into halves, which are sent next, until the culprit is alone.
        :param too_large: whether it was refused for its size, so that no item need be at fault
        :return: the outbox, and the items that are discarded
        """
        turn, items = self._turn, request.items
        if turn is Turn.SUSPECT:
            return self._without(request)._replace(discarded=self.discarded + 1), list(items)
        if self.evidence.refuses_everything:
            return self._replace(evidence=self.evidence.after_suspicion(turn, 0)), []
        named = {0} if len(items) == 1 else {index for index in culprits if 0 <= index < len(items)}
        others = request._replace(items=[item for index, item in enumerate(items) if index not in named])
        parts = [part for part in ((others,) if named else halves(request)) if part.items]
        rest = self._without(request)
        after = rest._replace(
            suspects=(*self.suspects, *(request._replace(items=(items[index],)) for index in sorted(named))),
            pieces=(*parts, *rest.pieces),
            halved=not (named or too_large),
            evidence=self.evidence.after_suspicion(turn, len(named)),
        )
        is_of_everything = after.evidence.is_of_everything(bool(after.pieces or after.batches))
        return (after._reunited() if is_of_everything else after), []

    def _reunited(self) -> Outbox:
        """Put suspects and pieces back into the queue: they were refused because everything is."""
        batches = joined((*self.suspects, *self._queue()))
        evidence = self.evidence.of_everything()
        return self._replace(suspects=(), pieces=(), halved=False, batches=batches, gone=0, evidence=evidence)

    def _without(self, request: Batch) -> Outbox:
        """Without the first request; the counts are the caller's."""
        turn = self._turn
        if turn is Turn.SUSPECT:
            return self._with_suspects(self.suspects[1:], max(0, self.evidence.due - 1))
        if turn is Turn.PROBE:
            return self._without_one(request.items[0])
        if self.pieces:
            rest = self.pieces[0].items[len(request.items) :]
            cut = (self.pieces[0]._replace(items=rest),) if rest else ()
            return self._replace(pieces=(*cut, *self.pieces[1:]))
        return self._advanced(len(request.items))

    def _with_suspects(self, suspects: tuple[Batch, ...], due: int) -> Outbox:
        return self._replace(suspects=suspects, evidence=self.evidence.without(due, len(suspects)))

    def _without_one(self, item: Item) -> Outbox:
        """Without one item of the queue; the counts are the caller's."""
        queue = tuple(self._queue())
        before, batches = queue[: len(self.pieces)], queue[len(self.pieces) :]
        pieces = without_one(before, item)
        if pieces is before:
            batches = without_one(batches, item)
        return self._replace(pieces=pieces, halved=False, batches=batches, gone=0)

    def without(self, items: Iterable[Item]) -> Outbox:
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

    def _advanced(self, number: int) -> Outbox:
        """Without so many of the oldest items of the batches; the counts are the caller's."""
        gone, batches = self.gone + number, self.batches
        passed = 0
        while passed < len(batches) and gone >= len(batches[passed].items):
            gone -= len(batches[passed].items)
            passed += 1
        return self._replace(batches=batches[passed:], gone=gone)

    def surplus(self, max_items: int, max_bytes: int) -> int:
        """How many of the oldest items are beyond the bounds."""
        return first_beyond([len(item) for item in self.waiting()], max_items, max_bytes)

    def without_oldest(self, number: int) -> Outbox:
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

    def within(self, since: float, until: float) -> Outbox:
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

    def emptied(self) -> Outbox:
        """Drop everything."""
        return self._unfilled()._replace(dropped=self.dropped + self.buffered)

    def _unfilled(self) -> Outbox:
        """Without any items; the counts are the caller's."""
        return self._with_suspects((), 0)._replace(pieces=(), halved=False, batches=(), gone=0)

"""What is to be sent next, and what a reply to it means for what is unsent.

What may live here: the decisions about requests. What may not: how items come into the queue and leave it otherwise
(:mod:`aws_satella.pure.unsent`), sending, clocks, chance, what an item is, and what a refusal proves
(:mod:`aws_satella.pure.evidence`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from itertools import chain
from typing import TYPE_CHECKING, Any

from aws_satella.pure.batches import Batch, Envelope, Item, Room, halves, joined, oldest, timestamp_of
from aws_satella.pure.chunks import chunk
from aws_satella.pure.evidence import Turn
from aws_satella.pure.unsent import Unsent

if TYPE_CHECKING:
    from typing_extensions import Self


class Outbox(Unsent):
    """Unsent items, oldest first, and the count of all others, with what is to be sent next."""

    __slots__ = ()

    @property
    def envelope(self) -> Envelope:
        """The envelope of what is to be sent first. There must be something."""
        first = self.suspects if self._turn is Turn.SUSPECT else ()
        return (first or self.pieces or self.batches or self.suspects)[0].envelope

    @property
    def _turn(self) -> Turn:
        return self.evidence.turn(len(self.suspects), bool(self.pieces or self.batches))

    def begun(self) -> Self:
        """An attempt begins."""
        return self._replace(evidence=self.evidence.begun())

    def has_evidence(self) -> Self:
        """The destination took something else, so that all suspects are sent once more."""
        return self._replace(evidence=self.evidence.after_acceptance(len(self.suspects)))

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

    def accepted(self, request: Batch, rejected: int = 0) -> Self:
        """The destination took the first request.

        :param rejected: how many of its items it did not take, which are discarded
        """
        rest = self._without(request)
        evidence = rest.evidence.after_acceptance(len(rest.suspects))
        sent, discarded = self.sent + len(request.items) - rejected, self.discarded + rejected
        after = rest._replace(sent=sent, discarded=discarded, evidence=evidence)
        is_half = self.halved and self._turn is Turn.QUEUE and self.pieces[:1] == (request,)
        return after._with_other_half_cut() if is_half else after

    def _with_other_half_cut(self) -> Self:
        """Cut the second half of a refused request, whose first half was accepted: it would be refused as a whole."""
        if not self.pieces or len(self.pieces[0].items) == 1:
            return self._replace(halved=False)
        return self._replace(pieces=(*halves(self.pieces[0]), *self.pieces[1:]))

    def refused(
        self, request: Batch, culprits: Collection[int] = (), *, too_large: bool = False
    ) -> tuple[Self, list[Item]]:
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

    def _reunited(self) -> Self:
        """Put suspects and pieces back into the queue: they were refused because everything is."""
        batches = joined((*self.suspects, *self._queue()))
        evidence = self.evidence.of_everything()
        return self._replace(suspects=(), pieces=(), halved=False, batches=batches, gone=0, evidence=evidence)

    def _without(self, request: Batch) -> Self:
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

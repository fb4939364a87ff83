"""What is to be sent next, and what has become of everything so far: a value, and the decisions about it.

What may live here: the queue of unsent items and the count of all others. What may not: sending, clocks, chance, and
what an item is.

Every function takes an outbox and gives the next one. Always: ``recorded = sent + discarded + dropped + buffered``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from aws_satella.pure.chunks import chunk


class Batch(NamedTuple):
    """Items of one envelope: those of a cycle, or those of a request."""

    envelope: str
    """What the items are sent in: the namespace."""
    timestamp: float
    """When the youngest of them was read, in UNIX seconds."""
    items: Sequence[str]


class Room(NamedTuple):
    """What a request may hold."""

    items: int
    bytes: int
    size: Callable[[str], int] = len
    """The bytes that an item takes."""


class Outbox(NamedTuple):
    """Unsent items, oldest first, and the count of all others."""

    pieces: tuple[Batch, ...] = ()
    """Parts of a request that was refused. They go before all others, each by itself."""
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
    def envelope(self) -> str:
        """The envelope of what is to be sent first. There must be something."""
        return (self.pieces or self.batches)[0].envelope

    def waiting(self) -> Iterator[str]:
        """All unsent items, oldest first."""
        for piece in self.pieces:
            yield from piece.items
        for index, batch in enumerate(self.batches):
            yield from islice(batch.items, self.gone if not index else 0, None)

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
            pieces=(*other.pieces, *self.pieces),
            batches=tuple(sorted((*other._whole(), *self._whole()), key=lambda batch: batch.timestamp)),
            gone=0,
            recorded=self.recorded + other.buffered,
        )

    def without_unsent(self) -> Outbox:
        """What is left when another outbox was joined with this one."""
        return self._replace(pieces=(), batches=(), gone=0, recorded=self.recorded - self.buffered)

    def _whole(self) -> tuple[Batch, ...]:
        """The batches, without the items that are no longer in the outbox."""
        if not self.gone:
            return self.batches
        first = self.batches[0]
        return (first._replace(items=first.items[self.gone :]), *self.batches[1:])

    def next(self, room: Room) -> Batch | None:
        """The request to send first: a piece, or as many of the oldest items of one envelope as there is room for."""
        if self.pieces:
            piece = self.pieces[0]
            return piece._replace(items=next(chunk(piece.items, len(piece.items), room.bytes, room.size)))
        if not self.batches:
            return None
        items = self._oldest(room.items)
        if sum(map(room.size, items)) > room.bytes:
            items = next(chunk(items, room.items, room.bytes, room.size))
        return Batch(self.batches[0].envelope, self._timestamp_of(len(items)), items)

    def _oldest(self, number: int) -> list[str]:
        """At most so many of the oldest items, all of one envelope."""
        items: list[str] = []
        start = self.gone
        for batch in self.batches:
            if batch.envelope != self.batches[0].envelope or len(items) == number:
                break
            items += batch.items[start : start + number - len(items)]
            start = 0
        return items

    def _timestamp_of(self, number: int) -> float:
        """When the youngest of so many of the oldest items was read."""
        number += self.gone
        for batch in self.batches:
            timestamp, number = batch.timestamp, number - len(batch.items)
            if number <= 0:
                break
        return timestamp

    def holds(self, request: Batch) -> bool:
        """Whether the request is still what is to be sent first. Giving up may have emptied the outbox meanwhile."""
        if self.pieces:
            return self.pieces[0].items[0] is request.items[0]
        return bool(self.batches) and self.batches[0].items[self.gone] is request.items[0]

    def accepted(self, request: Batch) -> Outbox:
        """The destination took the first request."""
        return self._without(request)._replace(sent=self.sent + len(request.items))

    def refused(self, request: Batch, culprits: Collection[int] = ()) -> tuple[Outbox, list[str]]:
        """The destination refused the first request for what is in it.

        :param request: what :meth:`next` gave
        :param culprits: positions in it that the reply named, from 0. Where it named none that exist, the request is
            cut into halves, which are sent next, until the culprit is alone.
        :return: the outbox, and the items that are discarded
        """
        items = request.items
        named = {index for index in culprits if 0 <= index < len(items)}
        if len(items) == 1:
            named = {0}
        if named:
            parts: list[Sequence[str]] = [[item for index, item in enumerate(items) if index not in named]]
        else:
            middle = len(items) // 2
            parts = [items[:middle], items[middle:]]
        cut = tuple(request._replace(items=part) for part in parts if part)
        rest = self._without(request)
        after = rest._replace(pieces=(*cut, *rest.pieces), discarded=self.discarded + len(named))
        return after, [items[index] for index in sorted(named)]

    def _without(self, request: Batch) -> Outbox:
        """Without the first request; the counts are the caller's."""
        if self.pieces:
            rest = self.pieces[0].items[len(request.items) :]
            cut = (self.pieces[0]._replace(items=rest),) if rest else ()
            return self._replace(pieces=(*cut, *self.pieces[1:]))
        return self._advanced(len(request.items))

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
        surplus = max(0, self.buffered - max_items)
        sizes = [len(item) for item in self.waiting()]
        total = sum(sizes[surplus:])
        while total > max_bytes:
            total -= sizes[surplus]
            surplus += 1
        return surplus

    def without_oldest(self, number: int) -> Outbox:
        """Drop so many of the oldest items."""
        pieces, left = list(self.pieces), number
        while pieces and left:
            first = pieces.pop(0)
            if left < len(first.items):
                pieces.insert(0, first._replace(items=first.items[left:]))
                left = 0
            else:
                left -= len(first.items)
        after = self._replace(pieces=tuple(pieces), dropped=self.dropped + number)
        return after._advanced(left) if left else after

    def without_older_than(self, timestamp: float) -> Outbox:
        """Drop what was read before this time, in UNIX seconds."""
        pieces = tuple(piece for piece in self.pieces if piece.timestamp >= timestamp)
        old = sum(len(piece.items) for piece in self.pieces) - sum(len(piece.items) for piece in pieces)
        after = self._replace(pieces=pieces, dropped=self.dropped + old) if old else self
        while after.batches and after.batches[0].timestamp < timestamp:
            number = len(after.batches[0].items) - after.gone
            after = after._advanced(number)._replace(dropped=after.dropped + number)
        return after

    def emptied(self) -> Outbox:
        """Drop everything."""
        return self._replace(pieces=(), batches=(), gone=0, dropped=self.dropped + self.buffered)

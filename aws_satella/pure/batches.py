"""Batches of encoded items: what a cycle gives, and what a request takes.

What may live here: the values, and functions from batches to batches. What may not: what is sent next, and counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain, groupby
from typing import Any, NamedTuple

Item = str | bytes
"""An encoded item, in the form in which it is sent."""

Envelope = Hashable
"""What items are sent in, as their form makes it: its ``str()`` is the namespace."""


class Batch(NamedTuple):
    """Items of one envelope: those of a cycle, or those of a request."""

    envelope: Envelope
    timestamp: float
    """When the youngest of them was read, in UNIX seconds."""
    items: Sequence[Any]


class Room(NamedTuple):
    """What a request may hold."""

    items: int
    bytes: int
    size: Callable[[Any], int] = len
    """The bytes that an item takes."""


def length(batches: Iterable[Batch]) -> int:
    """How many items they have."""
    return sum(len(batch.items) for batch in batches)


def oldest(batches: Sequence[Batch], gone: int, number: int) -> list[Item]:
    """At most so many of the oldest items, all of one envelope.

    :param gone: how many items of the first batch do not count
    """
    items: list[Item] = []
    for batch in batches:
        if batch.envelope != batches[0].envelope or len(items) == number:
            break
        items += batch.items[gone : gone + number - len(items)]
        gone = 0
    return items


def timestamp_of(batches: Iterable[Batch], number: int) -> float:
    """When the youngest of so many of the oldest items was read."""
    for batch in batches:
        timestamp, number = batch.timestamp, number - len(batch.items)
        if number <= 0:
            break
    return timestamp


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """The same items as two batches.

    :param batch: at least two items
    """
    middle = len(batch.items) // 2
    return batch._replace(items=batch.items[:middle]), batch._replace(items=batch.items[middle:])


def between(batches: Iterable[Batch], since: float, until: float) -> tuple[Batch, ...]:
    """Those that were read between these times, in UNIX seconds."""
    return tuple(batch for batch in batches if since <= batch.timestamp <= until)


def joined(batches: Iterable[Batch]) -> tuple[Batch, ...]:
    """The same items, oldest first, as few batches."""
    left: list[Batch] = []
    in_order = sorted(batches, key=lambda batch: batch.timestamp)
    for (envelope, timestamp), group in groupby(in_order, key=lambda batch: (batch.envelope, batch.timestamp)):
        left.append(Batch(envelope, timestamp, tuple(chain.from_iterable(batch.items for batch in group))))
    return tuple(left)


def without_one(batches: tuple[Batch, ...], unwanted: Item) -> tuple[Batch, ...]:
    """The same without one item, which is recognized by its identity. Its batch is cut in two."""
    for number, batch in enumerate(batches):
        for place, item in enumerate(batch.items):
            if item is unwanted:
                parts = (batch._replace(items=batch.items[:place]), batch._replace(items=batch.items[place + 1 :]))
                cut = (part for part in parts if part.items)
                return (*batches[:number], *cut, *batches[number + 1 :])
    return batches


def without_all(batches: Sequence[Batch], unwanted: Counter[Item]) -> tuple[Batch, ...]:
    """The same without these items, the youngest of equal ones.

    :param unwanted: what was found is taken out of it
    """
    left: list[Batch] = []
    for batch in reversed(batches):
        items: list[Item] = []
        for item in reversed(batch.items):
            if unwanted[item] > 0:
                unwanted[item] -= 1
            else:
                items.append(item)
        if items:
            left.append(batch._replace(items=items[::-1]))
    return tuple(left[::-1])


def first_beyond(sizes: Sequence[int], max_items: int, max_bytes: int) -> int:
    """How many of the first items have to go, so that the others are within the bounds.

    :param sizes: the bytes of each item
    """
    beyond = max(0, len(sizes) - max_items)
    total = sum(sizes[beyond:])
    while total > max_bytes:
        total -= sizes[beyond]
        beyond += 1
    return beyond

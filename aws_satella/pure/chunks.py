"""Items → chunks, by number and by size.

What may live here: this one function. What may not: what the items are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar('T')


def chunk(sized: Iterable[tuple[T, int]], max_items: int, max_size: int) -> Iterator[list[T]]:
    """Cut a stream of items into lists, each as long as it may be; order is kept, and at most one list is held.

    :param sized: items, each with its size
    :param max_items: the most items of one chunk, at least 1
    :param max_size: the largest sum of sizes of one chunk; an item that is larger by itself makes a chunk by itself
    :raises BaseException: whatever the stream raises, after what came before in a last chunk
    """
    chunk: list[T] = []
    total = 0
    try:
        for item, size in sized:
            if chunk and total + size > max_size:
                yield chunk
                chunk, total = [], 0
            chunk.append(item)
            total += size
            if len(chunk) == max_items:
                yield chunk
                chunk, total = [], 0
    except GeneratorExit:  # nobody wants more
        raise
    except BaseException:
        # What came before the stream broke off is not lost with it: its giver will not give it again.
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk

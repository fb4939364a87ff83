"""Items → requests, by number and by size.

What may live here: this one function. What may not: what the items are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar('T')


def chunk(items: Iterable[T], max_items: int, max_size: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """Cut a stream of items into lists, each as long as possible. Order is kept, and at most one list is held.

    :param items: what is to be cut
    :param max_items: the most items of one list, at least 1
    :param max_size: the largest sum of sizes of one list; an item that is larger by itself makes a list by itself
    :param size: the size of an item
    :raises BaseException: whatever the stream raises, after what came before in a last list
    """
    chunk: list[T] = []
    total = 0
    try:
        for item in items:
            item_size = size(item)
            if chunk and total + item_size > max_size:
                yield chunk
                chunk, total = [], 0
            chunk.append(item)
            total += item_size
            if len(chunk) == max_items:
                yield chunk
                chunk, total = [], 0
    except GeneratorExit:  # no consumer is left
        raise
    except BaseException:
        # What came before the stream broke off is not lost with it: the stream will not give it again.
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk

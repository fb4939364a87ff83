"""Cutting a stream into chunks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aws_satella.pure import chunk

Sized = tuple[int, int]
"""An item, and its size."""


def size_of(item: Sized) -> int:
    """The size of an item."""
    return item[1]


streams = st.lists(st.integers(0, 30), max_size=60).map(lambda sizes: list(enumerate(sizes)))


@given(streams, st.integers(1, 12), st.integers(1, 60))
@example([(0, 1), (1, 1), (2, 10), (3, 10)], 2, 20)  # full by number, then exactly full by size
@example([(0, 20), (1, 10), (2, 10)], 3, 20)  # exactly full by size, twice
def test_chunks(stream: list[Sized], most: int, size: int) -> None:
    """The chunks have all items in order. Each is within both bounds, or is a single item, and has no room for the next
    item."""
    chunks = list(chunk(stream, most, size, size_of))
    assert [item for each in chunks for item in each] == stream
    for index, each in enumerate(chunks):
        assert 1 <= len(each) <= most
        total = sum(map(size_of, each))
        assert total <= size or len(each) == 1
        if index + 1 < len(chunks):
            assert len(each) == most or total + size_of(chunks[index + 1][0]) > size


@given(streams, st.integers(1, 12), st.integers(1, 60))
def test_chunks_are_lazy(stream: list[Sized], most: int, size: int) -> None:
    """When a chunk is given out, at most one item beyond it has been read. None has where it was full by number."""
    read = 0

    def counted() -> Iterator[Sized]:
        nonlocal read
        for each in stream:
            read += 1
            yield each

    given_out = 0
    for each in chunk(counted(), most, size, size_of):
        given_out += len(each)
        assert read <= given_out + (len(each) < most)


def test_chunks_given_out_stay_as_they_were() -> None:
    """A chunk that was given out is not changed by the next one."""
    chunks = list(chunk(iter(range(5)), 2, 10, lambda _: 1))
    assert chunks == [[0, 1], [2, 3], [4]]


class _BrokeOffError(BaseException):
    """An error that ends a stream."""


@given(streams, st.integers(1, 12), st.integers(1, 60))
def test_chunk_has_what_came_before_a_stream_broke_off(stream: list[Sized], most: int, size: int) -> None:
    """All items that came are in a chunk before the error is raised, since the stream will not give them again."""

    def broken() -> Iterator[Sized]:
        yield from stream
        raise _BrokeOffError

    chunks: list[list[Sized]] = []
    with pytest.raises(_BrokeOffError):
        chunks.extend(chunk(broken(), most, size, size_of))
    assert chunks == list(chunk(stream, most, size, size_of))


def test_reader_may_stop() -> None:
    """A reader that stops is not given more."""
    chunks = chunk(iter(range(5)), 10, 3, lambda _: 1)
    assert next(chunks) == [0, 1, 2]
    chunks.close()  # type: ignore[attr-defined]  # it is a generator
    assert list(chunks) == []

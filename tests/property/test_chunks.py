"""Cutting a stream into chunks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aws_satella.pure import chunk

Sized = tuple[int, int]
streams = st.lists(st.integers(0, 30), max_size=60).map(lambda sizes: list(enumerate(sizes)))


@given(streams, st.integers(1, 12), st.integers(1, 60))
@example([(0, 1), (1, 1), (2, 10), (3, 10)], 2, 20)  # full by number, then exactly full by size
@example([(0, 20), (1, 10), (2, 10)], 3, 20)  # exactly full by size, twice
def test_chunks(stream: list[Sized], most: int, size: int) -> None:
    """All items in order; each chunk within both bounds, or a single item; and none that could have taken one more."""
    sizes = dict(stream)
    chunks = list(chunk(stream, most, size))
    assert [item for each in chunks for item in each] == [item for item, _ in stream]
    for index, each in enumerate(chunks):
        assert 1 <= len(each) <= most
        total = sum(sizes[item] for item in each)
        assert total <= size or len(each) == 1
        if index + 1 < len(chunks):
            assert len(each) == most or total + sizes[chunks[index + 1][0]] > size


@given(streams, st.integers(1, 12), st.integers(1, 60))
def test_chunks_are_lazy(stream: list[Sized], most: int, size: int) -> None:
    """When a chunk is given out, one item beyond it has been read, and no more; none, where it was full by number."""
    read = 0

    def counted() -> Iterator[Sized]:
        nonlocal read
        for each in stream:
            read += 1
            yield each

    given_out = 0
    for each in chunk(counted(), most, size):
        given_out += len(each)
        assert read <= given_out + (len(each) < most)


def test_chunks_given_out_stay_as_they_were() -> None:
    """A chunk belongs to whoever took it: the next one does not change it."""
    chunks = list(chunk(((item, 1) for item in range(5)), 2, 10))
    assert chunks == [[0, 1], [2, 3], [4]]


class _BrokeOffError(BaseException):
    """Whatever ends a stream."""


@given(streams, st.integers(1, 12), st.integers(1, 60))
def test_what_came_before_a_stream_broke_off_is_given_out(stream: list[Sized], most: int, size: int) -> None:
    """All items that came are in a chunk before the error is raised: their giver will not give them again."""

    def broken() -> Iterator[Sized]:
        yield from stream
        raise _BrokeOffError

    chunks: list[list[int]] = []
    with pytest.raises(_BrokeOffError):
        chunks.extend(chunk(broken(), most, size))
    assert chunks == list(chunk(stream, most, size))


def test_chunks_that_nobody_wants_are_not_made() -> None:
    """A reader that stops is not given more."""
    chunks = chunk(((item, 1) for item in range(5)), 10, 3)
    assert next(chunks) == [0, 1, 2]
    chunks.close()  # type: ignore[attr-defined]
    assert list(chunks) == []

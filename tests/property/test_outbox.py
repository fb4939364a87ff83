"""The queue of unsent data, against a plain list of data."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aws_satella.pure.outbox import Batch, Outbox


class OutboxMachine(RuleBasedStateMachine):
    """Anything that may happen to an outbox, beside a list of (time, datum) and three counts."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox()
        self.waiting: list[tuple[float, Any]] = []
        self.recorded = self.sent = self.discarded = self.dropped = 0
        self.now = 0.0

    @rule(number=st.integers(0, 6), later=st.integers(0, 2))
    def put(self, number: int, later: int) -> None:
        self.now += later
        data: list[Any] = [{'MetricName': str(self.recorded + index)} for index in range(number)]
        self.outbox = self.outbox.put(Batch(self.now, data))
        self.waiting += [(self.now, datum) for datum in data]
        self.recorded += number

    @rule(number=st.integers(1, 3))
    def discard(self, number: int) -> None:
        self.outbox = self.outbox.discard(number)
        self.recorded += number
        self.discarded += number

    @precondition(lambda self: self.outbox.next)
    @rule()
    def accepted(self) -> None:
        number = len(self.outbox.next.data)
        self.outbox = self.outbox.accepted()
        self.waiting = self.waiting[number:]
        self.sent += number

    @precondition(lambda self: self.outbox.next)
    @rule(culprits=st.frozensets(st.integers(-2, 7), max_size=3))
    def refused(self, culprits: frozenset[int]) -> None:
        size = len(self.outbox.next.data)
        named = sorted(index for index in culprits if 0 <= index < size)
        if size == 1:
            named = [0]
        first = [datum for _, datum in self.waiting[:size]]
        self.outbox, rejected = self.outbox.refused(culprits)
        assert rejected == [first[index] for index in named]
        self.waiting = [each for index, each in enumerate(self.waiting) if index not in named]
        self.discarded += len(named)
        if size > 1 and not named:
            halves = [len(batch.data) for batch in self.outbox.batches[:2]]
            assert sum(halves) == size
            assert max(halves) == math.ceil(size / 2)
        elif size > len(named):
            assert len(self.outbox.next.data) == size - len(named)

    @rule(most=st.integers(0, 12))
    def bounded(self, most: int) -> None:
        self.outbox = self.outbox.bounded(most)
        surplus = max(0, len(self.waiting) - most)
        self.waiting = self.waiting[surplus:]
        self.dropped += surplus
        assert self.outbox.buffered <= most

    @rule(age=st.integers(0, 4))
    def without_older_than(self, age: int) -> None:
        self.outbox = self.outbox.without_older_than(self.now - age)
        young = [each for each in self.waiting if each[0] >= self.now - age]
        self.dropped += len(self.waiting) - len(young)
        self.waiting = young

    @rule()
    def emptied(self) -> None:
        self.outbox = self.outbox.emptied()
        self.dropped += len(self.waiting)
        self.waiting = []

    @invariant()
    def the_same_data_wait_in_the_same_order(self) -> None:
        assert [(each.timestamp, datum) for each in self.outbox.batches for datum in each.data] == self.waiting

    @invariant()
    def nothing_is_lost_from_the_counts(self) -> None:
        outbox = self.outbox
        assert (outbox.recorded, outbox.sent, outbox.discarded, outbox.dropped, outbox.buffered) == (
            self.recorded,
            self.sent,
            self.discarded,
            self.dropped,
            len(self.waiting),
        )
        assert outbox.recorded == outbox.sent + outbox.discarded + outbox.dropped + outbox.buffered

    @invariant()
    def what_is_next_is_the_oldest(self) -> None:
        following = self.outbox.next
        assert (following is None) == (not self.outbox.batches)
        if following is not None and following.data:
            assert following.data[0] is self.waiting[0][1]


TestOutbox = OutboxMachine.TestCase


def _data(number: int) -> list[Any]:
    return [{'MetricName': str(index)} for index in range(number)]


@given(st.integers(1, 1000), st.data())
def test_a_culprit_is_found_in_logarithmic_time(size: int, data: st.DataObject) -> None:
    """Where the replies name no culprit, it is alone after ⌈log2 n⌉ refusals, and all others are sent, in order."""
    culprit = data.draw(st.integers(0, size - 1))
    outbox = Outbox().put(Batch(1.0, _data(size)))
    sent: list[Any] = []
    rejected: list[Any] = []
    refusals = 0
    while (batch := outbox.next) is not None:
        if any(datum['MetricName'] == str(culprit) for datum in batch.data):
            outbox, found = outbox.refused()
            rejected += found
            refusals += 1
        else:
            sent += batch.data
            outbox = outbox.accepted()
    assert [datum['MetricName'] for datum in rejected] == [str(culprit)]
    assert [datum['MetricName'] for datum in sent] == [str(index) for index in range(size) if index != culprit]
    assert refusals <= math.ceil(math.log2(size)) + 1
    assert (outbox.sent, outbox.discarded, outbox.buffered) == (size - 1, 1, 0)


@given(st.integers(1, 60), st.sets(st.integers(0, 59), min_size=1, max_size=8))
def test_every_culprit_is_found(size: int, culprits: set[int]) -> None:
    """Several culprits are found too, each in logarithmic time; nothing healthy goes with them."""
    culprits = {culprit for culprit in culprits if culprit < size}
    outbox = Outbox().put(Batch(1.0, _data(size)))
    rejected: list[str] = []
    requests = 0
    while (batch := outbox.next) is not None:
        requests += 1
        if culprits & {int(datum['MetricName']) for datum in batch.data}:
            outbox, found = outbox.refused()
            rejected += [datum['MetricName'] for datum in found]
        else:
            outbox = outbox.accepted()
    assert rejected == [str(culprit) for culprit in sorted(culprits)]
    assert outbox.sent == size - len(culprits)
    assert requests <= 1 + 2 * max(1, len(culprits)) * (math.ceil(math.log2(size)) + 1)


@given(st.integers(2, 60), st.sets(st.integers(0, 59), min_size=1, max_size=5))
def test_named_culprits_take_one_refusal(size: int, culprits: set[int]) -> None:
    """Where the reply names them, they go at once, and the rest is one batch of its own time."""
    named = {culprit for culprit in culprits if culprit < size}
    outbox, rejected = Outbox().put(Batch(7.0, _data(size))).refused(culprits)
    if named:
        assert [int(datum['MetricName']) for datum in rejected] == sorted(named)
        assert len(outbox.batches) == (1 if len(named) < size else 0)
    else:
        assert len(outbox.batches) == 2
    assert all(batch.timestamp == 7.0 for batch in outbox.batches)


@given(st.lists(st.integers(1, 4), max_size=5), st.integers(0, 20))
def test_a_bound_leaves_no_empty_batch(sizes: list[int], most: int) -> None:
    """A batch that goes as a whole is gone: what is left of it would be a request with nothing in it."""
    outbox = Outbox()
    for size in sizes:
        outbox = outbox.put(Batch(1.0, _data(size)))
    bounded = outbox.bounded(most)
    assert all(batch.data for batch in bounded.batches)
    assert (bounded.next is None) == (bounded.buffered == 0)


def test_a_discard_is_one_datum() -> None:
    """Unless it is told otherwise, one datum is counted that never came this far."""
    assert Outbox().discard() == Outbox(recorded=1, discarded=1)


def test_an_outbox_is_a_value() -> None:
    """Every operation gives another outbox, and leaves the one that it was asked of as it was."""
    batch = Batch(1.0, _data(3))
    full = Outbox().put(batch)
    before = repr(full)
    for after in (
        full.put(batch),
        full.discard(),
        full.accepted(),
        full.refused()[0],
        full.bounded(1),
        full.without_older_than(2.0),
        full.emptied(),
    ):
        assert after != full
    assert repr(full) == before
    assert full.bounded(3) == full.without_older_than(1.0) == full
    with pytest.raises(AttributeError):
        full.sent = 1  # type: ignore[misc]

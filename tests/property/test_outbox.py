"""The queue of unsent items, against plain lists of items."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aws_satella.pure.batches import Batch, Room, without_one
from aws_satella.pure.outbox import Outbox


class Waiting(NamedTuple):
    """An item of the model."""

    timestamp: float
    envelope: str
    item: str


rooms = st.builds(
    lambda items, size, separator: Room(items, size, lambda item: len(item) + separator),
    st.integers(1, 8),
    st.one_of(st.integers(0, 60), st.just(10**6)),
    st.integers(0, 2),
)
NO_BOUND = 10**6


def metric(item: str) -> str:
    """Items of three metrics, by their numbers."""
    return str(int(item.split()[1]) % 3)


class OutboxMachine(RuleBasedStateMachine):
    """Everything that may happen to an outbox, beside lists of items and counts.

    The suspects are a list of items, and the pieces a list for each part of a request that was refused; the rest is one
    list, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox()
        self.suspects: list[Waiting] = []
        self.pieces: list[list[Waiting]] = []
        self.rest: list[Waiting] = []
        self.put_so_far = self.recorded = self.sent = self.discarded = self.dropped = 0
        self.due = self.unproven = self.probes = 0
        self.took_some = self.refuses_everything = self.halved = False
        self.now = 0.0

    @property
    def queue(self) -> list[Waiting]:
        return [each for piece in self.pieces for each in piece] + self.rest

    @property
    def waiting(self) -> list[Waiting]:
        return self.suspects + self.queue

    @property
    def sends_suspect(self) -> bool:
        return bool(self.suspects) and (self.due > 0 or (self.took_some and not self.queue))

    @property
    def sends_probe(self) -> bool:
        return not self.sends_suspect and (self.refuses_everything or self.unproven >= 3)

    @property
    def sends_something(self) -> bool:
        return self.sends_suspect or bool(self.queue)

    def first(self, room: Room) -> list[Waiting]:
        """The items of the request that is to be sent first."""
        items, number = (self.pieces[0], len(self.pieces[0])) if self.pieces else (self.rest, room.items)
        taken: list[Waiting] = []
        for each in items:
            size = sum(room.size(other.item) for other in (*taken, each))
            if taken and (each.envelope != taken[0].envelope or len(taken) == number or size > room.bytes):
                break
            taken.append(each)
        return taken

    def probe(self, request: Batch) -> list[Waiting]:
        """The one item of the request, which must be of another metric than all suspects where there is one."""
        (taken,) = (each for each in self.queue if [each.item] == list(request.items))
        suspected = {metric(each.item) for each in self.suspects}
        others = [each for each in self.queue if metric(each.item) not in suspected]
        assert taken in (others or self.queue)
        return [taken]

    def request(self, room: Room) -> tuple[Batch, list[Waiting]]:
        """The request of the outbox, which must be that of the model."""
        request = self.outbox.next(room, metric)
        assert request is not None
        if self.sends_probe:
            taken = self.probe(request)
        else:
            taken = self.suspects[:1] if self.sends_suspect else self.first(room)
            assert self.outbox.envelope == taken[0].envelope
        assert list(request.items) == [each.item for each in taken]
        assert request.envelope == taken[0].envelope
        assert request.timestamp == max(each.timestamp for each in taken)
        assert self.outbox.holds(request)
        return request, taken

    def remove(self, taken: list[Waiting]) -> None:
        """Remove items; empty pieces go too."""
        self.due = len([each for each in self.suspects[: self.due] if each not in taken])
        self.suspects = [each for each in self.suspects if each not in taken]
        self.unproven = min(self.unproven, len(self.suspects))
        self.probes = self.probes if self.unproven >= 3 else 0
        self.pieces = [[each for each in piece if each not in taken] for piece in self.pieces]
        self.pieces = [piece for piece in self.pieces if piece]
        self.rest = [each for each in self.rest if each not in taken]

    @rule()
    def begun(self) -> None:
        self.outbox = self.outbox.begun()
        self.took_some, self.due = False, 0

    @rule(
        lengths=st.lists(st.integers(0, 20), max_size=6),
        envelope=st.sampled_from(('A', 'A', 'B')),
        later=st.integers(0, 2),
        discarded=st.integers(0, 2),
    )
    def put(self, lengths: list[int], envelope: str, later: int, discarded: int) -> None:
        self.now += later
        items = [f'item {self.put_so_far + index} ' + length * 'x' for index, length in enumerate(lengths)]
        self.put_so_far += len(items)
        self.outbox = self.outbox.put(Batch(envelope, self.now, items), discarded)
        self.rest += [Waiting(self.now, envelope, item) for item in items]
        self.recorded += len(items) + discarded
        self.discarded += discarded

    @precondition(lambda self: self.sends_something)
    @rule(room=rooms)
    def accepted(self, room: Room) -> None:
        is_piece = not self.sends_suspect and not self.sends_probe
        request, taken = self.request(room)
        is_half = is_piece and self.halved and self.pieces[:1] == [taken]
        probed_piece = self.sends_probe and taken[0] not in self.rest
        self.outbox = self.outbox.accepted(request)
        if len(taken) == 1 and not (self.due or self.unproven):
            assert not self.outbox.holds(request)
        self.halved &= not (self.sends_probe or probed_piece)
        self.remove(taken)
        if is_half:
            # The first half was taken, so the second would be refused.
            self.halved = bool(self.pieces) and len(self.pieces[0]) > 1
            if self.halved:
                middle = len(self.pieces[0]) // 2
                self.pieces[:1] = [self.pieces[0][:middle], self.pieces[0][middle:]]
        self.sent += len(taken)
        self.due, self.unproven, self.probes = len(self.suspects), 0, 0
        self.took_some, self.refuses_everything = True, False

    @precondition(lambda self: self.sends_something)
    @rule(room=rooms, culprits=st.frozensets(st.integers(-2, 7), max_size=3), too_large=st.booleans())
    def refused(self, room: Room, culprits: frozenset[int], too_large: bool) -> None:
        request, taken = self.request(room)
        self.outbox, rejected = self.outbox.refused(request, culprits, too_large=too_large)
        if self.sends_suspect:
            assert rejected == [taken[0].item]
            self.discarded += 1
            self.remove(taken)
            return
        assert rejected == []
        if not self.refuses_everything:
            self.suspect(request, taken, culprits, too_large)

    def suspect(self, request: Batch, taken: list[Waiting], culprits: frozenset[int], too_large: bool) -> None:
        """A request was refused that may have culprits."""
        named = sorted(index for index in culprits if 0 <= index < len(taken)) if len(taken) > 1 else [0]
        self.probes += self.sends_probe
        probes = self.probes
        self.remove(taken)
        self.probes = probes
        # The age of a part is that of the request, whose items CloudWatch took or refused together.
        aged = [each._replace(timestamp=request.timestamp) for each in taken]
        left = [each for index, each in enumerate(aged) if index not in named]
        middle = len(left) // 2
        parts = [left] if named else [left[:middle], left[middle:]]
        self.pieces[:0] = [part for part in parts if part]
        self.suspects += [aged[index] for index in named]
        self.unproven += len(named)
        self.halved = not named and not too_large
        if self.unproven >= 3 and (self.probes == 3 or not (self.queue or self.took_some)):
            self.rest = sorted(self.waiting, key=lambda each: each.timestamp)
            self.suspects, self.pieces, self.halved = [], [], False
            self.due = self.unproven = self.probes = 0
            self.refuses_everything, self.took_some = True, False

    @rule(data=st.data())
    def without(self, data: st.DataObject) -> None:
        """Taken back, as a cycle that stays in the tree is."""
        taken = data.draw(st.lists(st.sampled_from(self.waiting), unique=True)) if self.waiting else []
        self.outbox = self.outbox.without(each.item for each in taken)
        self.remove(taken)
        self.halved = False
        self.recorded -= len(taken)

    @rule(most=st.integers(0, 12), size=st.one_of(st.integers(0, 150), st.just(NO_BOUND)))
    def bounded(self, most: int, size: int) -> None:
        kept = self.waiting
        while len(kept) > most or sum(len(each.item) for each in kept) > size:
            kept = kept[1:]
        surplus = len(self.waiting) - len(kept)
        assert self.outbox.surplus(most, size) == surplus
        self.outbox = self.outbox.without_oldest(surplus)
        assert self.outbox.surplus(most, size) == 0
        self.remove(self.waiting[:surplus])
        self.halved = False
        self.dropped += surplus

    @rule(age=st.integers(0, 4), later=st.integers(0, 3))
    def within(self, age: int, later: int) -> None:
        self.now += later
        until = self.now + age - 2
        old = [each for each in self.waiting if not self.now - age <= each.timestamp <= until]
        self.outbox = self.outbox.within(self.now - age, until)
        self.halved &= all(each in self.rest for each in old)
        self.remove(old)
        self.dropped += len(old)

    @rule(numbers=st.lists(st.integers(1, 5), max_size=3), age=st.integers(0, 4), sent=st.integers(0, 4))
    def joined(self, numbers: list[int], age: int, sent: int) -> None:
        other = Outbox(sent=7, recorded=7)
        theirs: list[Waiting] = []
        for number in numbers:
            items = [f'item {self.put_so_far + index} of another' for index in range(number)]
            self.put_so_far += number
            other = other.put(Batch('C', self.now - age, items), discarded=1)
            theirs += [Waiting(self.now - age, 'C', item) for item in items]
        pieces: list[list[Waiting]] = []
        if sent and (request := other.next(Room(sent, NO_BOUND))) is not None:
            other = other.accepted(request)
            theirs = theirs[len(request.items) :]
        elif (request := other.next(Room(3, NO_BOUND))) is not None and len(request.items) > 1:
            other, _ = other.refused(request)
            taken, theirs = theirs[: len(request.items)], theirs[len(request.items) :]
            pieces = [taken[: len(taken) // 2], taken[len(taken) // 2 :]]
        waiting = len(theirs) + sum(map(len, pieces))
        self.outbox, left = self.outbox.joined(other), other.without_unsent()
        assert (left.buffered, list(left.waiting()), left.next(Room(1, 1))) == (0, [], None)
        assert left.recorded + waiting == other.recorded
        assert (left.sent, left.discarded, left.dropped) == (other.sent, other.discarded, other.dropped)
        self.recorded += waiting
        whole = [
            each._replace(timestamp=max(other.timestamp for other in piece))
            for piece in (*pieces, theirs, *self.pieces, *([each] for each in self.rest))
            for each in piece
        ]
        self.rest, self.pieces, self.halved = sorted(whole, key=lambda each: each.timestamp), [], False

    @rule()
    def emptied(self) -> None:
        request = self.outbox.next(Room(1, 1))
        self.outbox = self.outbox.emptied()
        assert request is None or not self.outbox.holds(request)
        self.dropped += len(self.waiting)
        self.remove(self.waiting)
        self.halved = False

    @invariant()
    def the_same_items_wait_in_the_same_order(self) -> None:
        assert list(self.outbox.waiting()) == [each.item for each in self.waiting]

    @invariant()
    def there_is_a_request_while_items_wait(self) -> None:
        """Only suspects may wait without one."""
        assert (self.outbox.next(Room(1, 1)) is None) == (not self.sends_something)
        first = self.suspects if self.sends_suspect else self.queue or self.suspects
        assert not first or self.outbox.envelope == first[0].envelope

    @invariant()
    def everything_is_refused_where_the_model_says_so(self) -> None:
        assert self.outbox.evidence.refuses_everything == self.refuses_everything
        assert not (self.refuses_everything and self.suspects)

    @invariant()
    def the_counts_add_up(self) -> None:
        outbox = self.outbox
        assert (outbox.recorded, outbox.sent, outbox.discarded, outbox.dropped, outbox.buffered) == (
            self.recorded,
            self.sent,
            self.discarded,
            self.dropped,
            len(self.waiting),
        )
        assert outbox.recorded == outbox.sent + outbox.discarded + outbox.dropped + outbox.buffered


TestOutbox = OutboxMachine.TestCase

ROOM = Room(1_000, 10**6)


def _items(number: int) -> list[str]:
    return [f'item {index}' for index in range(number)]


def _number(item: str) -> int:
    return int(item.removeprefix('item '))


@given(st.integers(2, 60), st.sets(st.integers(0, 59), min_size=1, max_size=5))
def test_named_culprits_are_set_aside(size: int, culprits: set[int]) -> None:
    """If the reply names culprits, they are suspects at once, and the rest is one request with the same time."""
    named = {culprit for culprit in culprits if culprit < size}
    full = Outbox().put(Batch('N', 7.0, [*_items(size), 'of another metric']))
    request = full.next(Room(size, 10**6))
    assert request is not None
    outbox, rejected = full.refused(request, culprits)
    assert rejected == []
    if named:
        assert [_number(suspect.items[0]) for suspect in outbox.suspects] == sorted(named)
        assert len(outbox.pieces) == (1 if len(named) < size else 0)
    else:
        assert outbox.suspects == ()
        assert [len(piece.items) for piece in outbox.pieces] == [size // 2, math.ceil(size / 2)]
    parts = (*outbox.suspects, *outbox.pieces)
    assert all((part.envelope, part.timestamp) == ('N', 7.0) for part in parts)
    assert (outbox.buffered, outbox.discarded) == (size + 1, 0)


@given(st.lists(st.integers(1, 4), max_size=5), st.integers(0, 20))
def test_bound_leaves_no_empty_batch(sizes: list[int], most: int) -> None:
    """A batch whose items are all dropped is gone. Otherwise there would be a request with nothing in it."""
    outbox = Outbox()
    for size in sizes:
        outbox = outbox.put(Batch('N', 1.0, _items(size)))
    bounded = outbox.without_oldest(outbox.surplus(most, 10**6))
    assert all(batch.items for batch in bounded.batches)
    assert bounded.gone < len(bounded.batches[0].items) if bounded.batches else not bounded.gone
    assert (bounded.next(ROOM) is None) == (bounded.buffered == 0)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(1, 12))
@example([3, 0, 4], 5)
def test_request_holds_items_of_several_cycles(sizes: list[int], most: int) -> None:
    """A request takes the oldest items of all cycles with one envelope, and the time of the youngest of them."""
    outbox, timestamps = Outbox(), {}
    for cycle, size in enumerate(sizes):
        items = [f'item {cycle}.{index}' for index in range(size)]
        timestamps.update(dict.fromkeys(items, float(cycle)))
        outbox = outbox.put(Batch('N', float(cycle), items))
    order = list(timestamps)
    while (request := outbox.next(Room(most, 10**6))) is not None:
        expected, order = order[:most], order[most:]
        assert list(request.items) == expected
        assert request.timestamp == timestamps[expected[-1]]
        outbox = outbox.accepted(request)
    assert not order


def test_bounds_belong_to_what_may_stay() -> None:
    """Exactly as many items and bytes as the bounds allow may stay."""
    outbox = Outbox().put(Batch('N', 1.0, ['xxx', 'yy', 'z']))
    assert [outbox.surplus(most, NO_BOUND) for most in (3, 2, 1, 0)] == [0, 1, 2, 3]
    assert [outbox.surplus(NO_BOUND, size) for size in (6, 5, 3, 2, 1, 0)] == [0, 1, 1, 2, 2, 3]
    assert outbox.surplus(2, 1) == 2


def test_batch_that_was_sent_in_part_may_grow_old() -> None:
    """Of a batch that is too old, the items that were sent stay counted as sent, and only the others are dropped."""
    outbox = Outbox().put(Batch('N', 1.0, _items(5))).put(Batch('N', 2.0, ['young']))
    request = outbox.next(Room(2, 10**6))
    assert request is not None
    outbox = outbox.accepted(request).within(2.0, math.inf)
    assert list(outbox.waiting()) == ['young']
    assert (outbox.sent, outbox.dropped, outbox.buffered) == (2, 3, 1)


def test_bounds_of_time_belong_to_what_may_stay() -> None:
    """Data that were read just at one of the two times stay."""
    outbox = Outbox()
    for timestamp in (1.0, 2.0, 3.0, 4.0):
        outbox = outbox.put(Batch('N', timestamp, [f'of {timestamp}']))
    assert list(outbox.within(2.0, 3.0).waiting()) == ['of 2.0', 'of 3.0']


def test_youngest_of_equal_items_are_taken_out() -> None:
    """As many of them as are given, and no more. What goes into a spool stays recorded, and is counted there."""
    outbox = Outbox().put(Batch('N', 1.0, ['a', 'b', 'a'])).put(Batch('N', 2.0, ['a']))
    assert list(outbox.without(['a']).waiting()) == ['a', 'b', 'a']
    assert list(outbox.without(['a', 'a']).waiting()) == ['a', 'b']
    for items, left in ((['a', 'b'], ['a', 'a']), (['a', 'b', 'a', 'a'], [])):
        after = outbox.without_spooled(items)
        assert list(after.waiting()) == left
        assert (after.recorded, after.spooled, after.buffered) == (4, len(items), len(left))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_item_is_taken_out_by_its_identity(sizes: list[int]) -> None:
    """Of equal items the very one goes. The batches around it stay as they are, and none is left empty."""
    batches = tuple(Batch('N', float(size), [f'{size}'.join('x ') for _ in range(size)]) for size in sizes)
    places = [(batch.timestamp, item) for batch in batches for item in batch.items]
    for number, (_, unwanted) in enumerate(places):
        after = without_one(batches, unwanted)
        left = [(batch.timestamp, id(item)) for batch in after for item in batch.items]
        assert left == [(timestamp, id(item)) for timestamp, item in places[:number] + places[number + 1 :]]
        assert all(batch.items for batch in after)
    assert without_one(batches, 'another') is batches


def test_request_has_one_envelope() -> None:
    """Items of different envelopes are never in one request, and the order between envelopes is kept."""
    outbox = Outbox()
    for envelope, item in (('A', 'a1'), ('A', 'a2'), ('B', 'b1'), ('A', 'a3')):
        outbox = outbox.put(Batch(envelope, 1.0, [item]))
    requests = []
    while (request := outbox.next(ROOM)) is not None:
        requests.append((request.envelope, list(request.items)))
        outbox = outbox.accepted(request)
    assert requests == [('A', ['a1', 'a2']), ('B', ['b1']), ('A', ['a3'])]


def test_item_that_is_too_large_is_a_request_by_itself() -> None:
    """An item beyond the bytes of a request is still sent, so that CloudWatch decides, and the next one is not held
    up."""
    outbox = Outbox().put(Batch('N', 1.0, ['x' * 50, 'y']))
    request = outbox.next(Room(10, 20))
    assert request == Batch('N', 1.0, ['x' * 50])
    assert outbox.accepted(request).next(Room(10, 20)) == Batch('N', 1.0, ['y'])


def test_suspect_is_sent_again_after_evidence_from_elsewhere() -> None:
    """What else the destination took proves that it does not refuse everything."""
    full = Outbox().put(Batch('N', 1.0, ['bad']))
    request = full.next(ROOM)
    assert request is not None
    outbox, _ = full.refused(request)
    assert outbox.next(ROOM) is None
    assert outbox.has_evidence().next(ROOM) == request._replace(items=('bad',))


def test_request_is_held_while_it_is_first() -> None:
    """What is older goes first, though the request is still unsent."""
    outbox, older = (Outbox().put(Batch('N', timestamp, [f'of {timestamp}'])) for timestamp in (2.0, 1.0))
    request = outbox.next(ROOM)
    assert request is not None
    assert outbox.holds(request)
    assert not outbox.joined(older).holds(request)


def test_discards_are_counted_without_items() -> None:
    """A cycle may have discards and no items."""
    assert Outbox().put(Batch('N', 1.0, []), 2) == Outbox(recorded=2, discarded=2)


def test_outbox_is_a_value() -> None:
    """Every operation gives another outbox, and leaves the one that it was asked of as it was."""
    batch = Batch('N', 1.0, _items(3))
    full = Outbox().put(batch)
    before = repr(full)
    request = full.next(ROOM)
    assert request is not None
    for after in (
        full.put(batch),
        full.put(Batch('N', 1.0, []), 1),
        full.begun().accepted(request),
        full.refused(request)[0],
        full.without(request.items[:1]),
        full.without_oldest(1),
        full.within(2.0, math.inf),
        full.emptied(),
    ):
        assert after != full
    assert repr(full) == before
    assert full.without_oldest(full.surplus(3, 10**6)) == full.within(1.0, 1.0) == full
    with pytest.raises(AttributeError):
        full.sent = 1  # type: ignore[misc]  # it is frozen

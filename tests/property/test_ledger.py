"""What an exporter remembers, against plain lists and counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aws_satella.pure import account, limits
from aws_satella.pure.batches import Batch, Room
from aws_satella.pure.evidence import Evidence
from aws_satella.pure.formats.protobuf import text, varint
from aws_satella.pure.ledger import Ledger
from aws_satella.pure.outage import NO_OUTAGE, Saying, Unsaid
from aws_satella.pure.replies import OTLP_BODY, Failure

DAY = 24 * 60 * 60
MAX_BYTES = 150
"""Bytes that a ledger of these tests keeps, so that few items are too many."""

PORTAL = {'ResponseMetadata': {'HTTPStatusCode': 200, 'HTTPHeaders': {'content-type': 'text/html'}}}
"""A reply that did not come from CloudWatch: it counts as none."""
PAGE = {**PORTAL, OTLP_BODY: b''}
"""The same where OTLP was sent."""
TAKEN = {OTLP_BODY: b''}
"""A reply of OTLP that rejects nothing."""
PARTLY_TAKEN = {OTLP_BODY: text(1, varint(1, 2))}
"""One that rejects two items, and does not say which."""
BEGINS = 'Exports to CloudWatch fail; metric data are %s until it answers again: %s'
GOES_ON = 'Exports to CloudWatch have failed for %s; %d metric data are %s, %d were dropped: %s'
ENDS = 'Exports to CloudWatch work again after %d failed attempts; %d metric data were %s, %d were dropped'
DROPS = 'Metric data are dropped, the oldest first: %d that are %s'
RETURNS = 'The outbox is full. %d increases stay in the metrics until CloudWatch answers again; %d levels are dropped'
SENT = 'Sent %d metric data to %s'
REFUSED = 'CloudWatch refuses everything: %s; metric data are %s until it takes some'


class Waiting(NamedTuple):
    """An item of the model."""

    timestamp: float
    item: str


class Cycle(NamedTuple):
    """A cycle of the model whose increases can stay in the tree."""

    baseline: dict[Any, Any]
    """That of the cycle before."""
    since: float
    items: set[str]
    levels: set[str]
    """Those of the items that do not come back."""


class Flight(NamedTuple):
    """A request of the model that is being sent."""

    request: Batch
    replies: list[object]


class LedgerMachine(RuleBasedStateMachine):
    """Every transition of a ledger, beside lists and counts. A request is settled before anything else is decided about
    the items in it, as in an exporter.

    What is sent next, and what a refusal means for it, is the matter of the outbox: the ledger is believed here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.now = 1_000.0
        self.items_so_far = self.cycles_so_far = 0
        self.waiting: list[Waiting] = []
        self.sent = self.discarded = self.dropped = 0
        self.baseline: dict[Any, Any] = {}
        self.since = 5.0
        self.cycle: Cycle | None = None
        self.flight: Flight | None = None
        self.lost: list[Flight] = []
        """Requests that were in flight when everything was given up."""
        self.failures = self.failed_requests = self.cycles = self.dropped_before_outage = 0
        self.last_success: float | None = None
        self.drop_was_said = self.return_was_said = False
        self.began = self.said_at = 0.0
        self.outage_was_said = False
        self.resumes = 0.0
        self.envelope = 'N'
        self.spools = False
        self.disk: list[Batch] = []
        """What is in the spool."""
        self.spooled_in_all = self.spooled_before_outage = 0
        self.delivered = self.discarded_of_spool = self.pruned_in_all = 0

    def items(self, lengths: list[int]) -> list[str]:
        first = self.items_so_far
        self.items_so_far += len(lengths)
        return [f'item {first + index} ' + 'x' * length for index, length in enumerate(lengths)]

    @initialize(baseline=st.sampled_from(({}, {'fork': 1})))
    def begins(self, baseline: dict[Any, Any]) -> None:
        self.ledger = Ledger(baseline, self.since)
        self.baseline = baseline

    @rule(days=st.sampled_from((0.01, 0.03, 1, 6, 15, -1)))
    def time_passes(self, days: float) -> None:
        self.now += days * DAY

    # --- collecting

    def put(self, lengths: list[int], discarded: int) -> Batch:
        items = self.items(lengths)
        self.waiting += [Waiting(self.now, item) for item in items]
        self.discarded += discarded
        return Batch(self.envelope, self.now, items)

    @rule(lengths=st.lists(st.integers(0, 12), max_size=5), discarded=st.integers(0, 2), returnable=st.booleans())
    def recorded(self, lengths: list[int], discarded: int, returnable: bool) -> None:
        batch = self.put(lengths, discarded)
        self.cycles_so_far += 1
        before, self.baseline = self.baseline, {'cycle': self.cycles_so_far}
        self.cycle = Cycle(before, self.since, set(batch.items), set()) if returnable else None
        self.since = max(self.since, self.now)
        self.ledger = self.ledger.recorded(batch, discarded, self.baseline, returnable=returnable)

    @rule(lengths=st.lists(st.integers(0, 12), max_size=3), discarded=st.integers(0, 2))
    def added(self, lengths: list[int], discarded: int) -> None:
        batch = self.put(lengths, discarded)
        if self.cycle is not None:
            self.cycle.items.update(batch.items)
            self.cycle.levels.update(batch.items)
        self.ledger = self.ledger.added(batch, discarded)

    @rule()
    def cycle_ended(self) -> None:
        self.ledger = self.ledger.cycle_ended()
        self.cycles += 1
        self.cycle = None

    # --- sending

    @rule(spools=st.booleans())
    def begun(self, spools: bool) -> None:
        self.ledger = self.ledger.begun(spools=spools)
        self.spools = spools

    def unsaid(self) -> tuple[int, str, int]:
        """How many are unsent, what became of them, and how many were dropped in this outage."""
        spooled = self.spooled_in_all - self.spooled_before_outage
        dropped = self.dropped + self.pruned_in_all - self.dropped_before_outage
        return len(self.waiting) + spooled, 'spooled' if self.spools else 'kept', dropped

    def outage_begins(self) -> None:
        self.dropped_before_outage, self.began = self.dropped + self.pruned_in_all, self.now
        self.spooled_before_outage = self.spooled_in_all

    def touched(self, items: Sequence[Any]) -> None:
        """Once items of the last cycle were taken or discarded, the cycle no longer stays in the tree."""
        if self.cycle is not None and not self.cycle.items.isdisjoint(items):
            self.cycle = None

    def take_out(self, items: Sequence[Any]) -> None:
        """Some items are sent or discarded. What is left may have another order."""
        left = [each for each in self.waiting if each.item not in items]
        order = list(self.ledger.outbox.waiting())
        assert sorted(order) == sorted(each.item for each in left)
        self.waiting = sorted(left, key=lambda each: order.index(each.item))

    @property
    def has_request(self) -> bool:
        return self.ledger.outbox.next(Room(1, MAX_BYTES)) is not None

    @precondition(lambda self: self.has_request and self.flight is None)
    @rule(most=st.integers(1, 6))
    def sending(self, most: int) -> None:
        request = self.ledger.outbox.next(Room(most, MAX_BYTES))
        assert request is not None
        assert {each.item for each in self.waiting}.issuperset(request.items)
        self.flight = Flight(request, [])
        self.ledger = self.ledger.sending(*self.flight, self.now)

    @precondition(lambda self: self.flight is not None)
    @rule(reply=st.sampled_from((None, {}, 'reply', PORTAL, TAKEN, PARTLY_TAKEN, PAGE)))
    def reply_comes(self, reply: object) -> None:
        assert self.flight is not None
        self.flight.replies.append(reply)

    @rule()
    def settled(self) -> None:
        self.ledger, said = self.ledger.settled(self.now)
        expected: list[Saying] = []
        flight, self.flight = self.flight, None
        if flight is not None and flight.replies and flight.replies[0] not in (PORTAL, PAGE):
            rejected = min(2, len(flight.request.items)) if flight.replies[0] is PARTLY_TAKEN else 0
            number = len(flight.request.items) - rejected
            expected = self.answered(number)
            self.take_out(flight.request.items)
            self.sent += number
            self.discarded += rejected
            self.touched(flight.request.items)
        assert said == expected

    def answered(self, number: int) -> list[Saying]:
        """The destination took so many items. What is said of that."""
        expected = [Saying('INFO', ENDS, (self.failures, *self.unsaid()))] if self.outage_was_said else []
        self.failures, self.last_success = 0, self.now
        self.drop_was_said = self.return_was_said = self.outage_was_said = False
        self.resumes = 0.0
        return [*expected, Saying('DEBUG', SENT, (number, self.envelope))]

    def refuses(self, evidence: Evidence, before: Evidence) -> list[Saying]:
        """The destination refused a request. What is said of that."""
        self.failed_requests += 1
        if not evidence.refuses_everything:
            return []
        if not self.failures:
            self.outage_begins()
        self.failures += 1
        if before.refuses_everything:
            return self.told('no')
        self.outage_was_said, self.said_at = True, self.now
        return [Saying('WARNING', REFUSED, ('no', self.unsaid()[1]))]

    @precondition(lambda self: self.flight is not None and not self.flight.replies)
    @rule(culprits=st.frozensets(st.integers(-1, 5), max_size=2))
    def refused(self, culprits: frozenset[int]) -> None:
        assert self.flight is not None
        request = self.flight.request
        before = self.ledger.outbox.evidence
        self.ledger, rejected, said = self.ledger.refused(request, culprits, 'no', self.now)
        assert rejected in ([], list(request.items))
        # The age of a part is that of the request, whose items CloudWatch took or refused together.
        self.waiting = [
            each._replace(timestamp=request.timestamp) if each.item in request.items else each for each in self.waiting
        ]
        self.take_out(rejected)
        self.discarded += len(rejected)
        self.flight = None
        self.touched(rejected)
        assert said == self.refuses(self.ledger.outbox.evidence, before)

    @precondition(lambda self: self.flight is not None and not self.flight.replies)
    @rule(
        why=st.sampled_from(('timeout', 'throttled')),
        failure=st.builds(Failure, retry_after=st.sampled_from((0.0, 0.0, 7.0, 300.0)), timed_out=st.booleans()),
    )
    def failed(self, why: str, failure: Failure) -> None:
        """The first failure after a success is tried again at once and said nothing of; another one begins an outage,
        which is said again once an hour."""
        self.ledger, said = self.ledger.failed(why, self.now, failure)
        at_once = self.last_success is not None and not self.failures
        at_once = at_once and not failure.timed_out and not failure.retry_after
        assert self.ledger.outage.tries_at_once == at_once
        if not self.failures:
            self.outage_begins()
        assert said == ([] if at_once else self.told(why))
        if failure.retry_after:
            self.resumes = max(self.resumes, self.now + failure.retry_after)
        assert self.ledger.outage.resumes == self.resumes
        self.failures += 1
        self.failed_requests += 1
        self.flight = None

    def told(self, why: str) -> list[Saying]:
        """What is said of a failure: once, and again once an hour."""
        if not self.outage_was_said:
            expected = [Saying('WARNING', BEGINS, (self.unsaid()[1], why))]
        elif self.now - self.said_at < 3600:
            return []
        else:
            minutes = int(self.now - self.began) // 60
            spent = f'{minutes // 60} h {minutes % 60} min'
            expected = [Saying('WARNING', GOES_ON, (spent, *self.unsaid(), why))]
        self.outage_was_said, self.said_at = True, self.now
        return expected

    @precondition(lambda self: self.has_request and self.flight is None)
    @rule(most=st.integers(1, 6), outcome=st.sampled_from(('accepted', 'failed', 'refused', 'named')))
    def request(self, most: int, outcome: str) -> None:
        """One request from its start to its end."""
        self.sending(most)
        if outcome == 'accepted':
            self.reply_comes({})
            self.settled()
        elif outcome == 'failed':
            self.failed('reset', Failure())
        else:
            self.refused(frozenset({0} if outcome == 'named' else ()))

    @precondition(lambda self: self.flight is None)
    @rule(
        lengths=st.lists(st.integers(0, 12), max_size=5),
        discarded=st.integers(0, 1),
        most=st.integers(1, 3),
        outcomes=st.lists(st.sampled_from(('accepted', 'accepted', 'refused', 'named')), max_size=3),
        max_buffered=st.integers(0, 8),
    )
    def cycle_in_an_outage(
        self, lengths: list[int], discarded: int, most: int, outcomes: list[str], max_buffered: int
    ) -> None:
        """One cycle in delta as an exporter has it, with requests before the one that fails."""
        self.recorded(lengths, discarded, returnable=True)
        self.aged()
        for outcome in outcomes:
            if self.has_request:
                self.request(most, outcome)
        if self.has_request:
            self.request(most, 'failed')
        self.bounded(max_buffered)
        self.cycle_ended()

    # --- the spool

    @precondition(lambda self: self.flight is None and self.waiting)
    @rule(room=st.integers(0, 6), most=st.integers(1, 3), is_noted=st.booleans())
    def spooled(self, room: int, most: int, is_noted: bool) -> None:
        """What was not taken goes to the disk, oldest first, as far as there is room. An exception may come before it
        is known what has got there."""
        parts = [
            each._replace(items=tuple(each.items[start : start + most]))
            for each in self.ledger.outbox.unsent()
            for start in range(0, len(each.items), most)
        ]
        assert sorted(item for part in parts for item in part.items) == sorted(each.item for each in self.waiting)
        assert [part.timestamp for part in parts] == sorted(part.timestamp for part in parts)
        kept: list[object] = []
        self.ledger = self.ledger.spooling(parts, kept)
        kept += [None] * min(room, len(parts))
        if is_noted:
            self.ledger = self.ledger.spooled()
        self.ledger = self.ledger.spooled()
        self.disk += parts[: len(kept)]
        items = [item for part in parts[: len(kept)] for item in part.items]
        self.spooled_in_all += len(items)
        self.touched(items)
        self.take_out(items)

    @precondition(lambda self: self.disk and self.flight is None)
    @rule(
        most=st.integers(1, 3),
        outcomes=st.lists(st.sampled_from(('accepted', 'accepted', 'refused', 'named', 'failed')), max_size=5),
    )
    def delivered_from_spool(self, most: int, outcomes: list[str]) -> None:
        """A batch of the spool is sent. What is neither taken nor discarded is still there. It changes what is in
        memory as little as what is known of the baseline."""
        batch = self.disk.pop(0)
        self.ledger = self.ledger.loaded(batch)
        left = list(batch.items)
        for outcome in outcomes:
            request = self.ledger.drained.next(Room(most, MAX_BYTES))
            if request is None:
                break
            assert set(request.items) <= set(left)
            gone = self.outcome_of_spooled(request, outcome)
            left = [item for item in left if item not in gone]
        self.ledger = self.ledger.unloaded()
        if left:
            self.disk.insert(0, batch._replace(items=tuple(left)))

    def outcome_of_spooled(self, request: Batch, outcome: str) -> Sequence[Any]:
        """Send a request of the spool.

        :return: what is taken or discarded
        """
        self.ledger = self.ledger.sending(request, [{}] if outcome == 'accepted' else [], self.now)
        before, had_failures = self.ledger.drained.evidence, self.failures
        if outcome == 'accepted':
            self.ledger, said = self.ledger.settled(self.now)
            assert said == self.answered(len(request.items))
            self.delivered += len(request.items)
            return request.items
        if outcome == 'failed':
            self.ledger, said = self.ledger.failed('reset', self.now)
            if not had_failures:
                self.outage_begins()
            at_once = self.last_success is not None and not had_failures
            assert said == ([] if at_once else self.told('reset'))
            self.failures += 1
            self.failed_requests += 1
            return []
        culprits = {0} if outcome == 'named' else ()
        self.ledger, rejected, said = self.ledger.refused(request, culprits, 'no', self.now)
        assert said == self.refuses(self.ledger.drained.evidence, before)
        self.discarded_of_spool += len(rejected)
        return rejected

    @precondition(lambda self: self.disk)
    @rule()
    def pruned(self) -> None:
        number = len(self.disk.pop(0).items)
        self.ledger, said = self.ledger.pruned(number, 'too old')
        assert said == ([] if self.drop_was_said else [Saying('WARNING', DROPS, (number, 'too old'))])
        self.pruned_in_all += number
        self.drop_was_said = True

    @precondition(lambda self: self.waiting)
    @rule(number=st.integers(0, 3))
    def rescued(self, number: int) -> None:
        """Part of what was given up has got into the spool all the same."""
        number = min(number, len(self.waiting))
        self.given_up()
        self.ledger = self.ledger.rescued(number)
        self.dropped -= number
        self.spooled_in_all += number

    # --- what is not sent

    def drop(self, kept: list[Waiting], why: str) -> list[Saying]:
        """Keep some of the items, and say once between two successes that others are dropped."""
        number = len(self.waiting) - len(kept)
        self.waiting = kept
        self.dropped += number
        if not number or self.drop_was_said:
            return []
        self.drop_was_said = True
        return [Saying('WARNING', DROPS, (number, why))]

    @precondition(lambda self: self.flight is None)
    @rule()
    def aged(self) -> None:
        self.ledger, said = self.ledger.aged(self.now)
        young = [each for each in self.waiting if each.timestamp >= self.now - limits.MAX_AGE_SECONDS]
        past = [each for each in young if each.timestamp <= self.now + limits.MAX_AHEAD_SECONDS]
        if self.cycle is not None and self.cycle.items & {each.item for each in set(self.waiting) - set(past)}:
            self.cycle = None  # its loss was counted, so it cannot come back
        expected = self.drop(young, 'older than two weeks')
        assert said == [*expected, *self.drop(past, 'too far ahead of the clock')]

    def without_surplus(self, max_buffered: int) -> list[Waiting]:
        kept = self.waiting
        while len(kept) > max_buffered or sum(len(each.item) for each in kept) > MAX_BYTES:
            kept = kept[1:]
        if self.flight is None:
            return kept
        others = [each for each in self.waiting if each.item not in self.flight.request.items]
        dropped = others[: len(self.waiting) - len(kept)]
        return [each for each in self.waiting if each not in dropped]

    @rule(max_buffered=st.integers(0, 8))
    def bounded(self, max_buffered: int) -> None:
        self.ledger, said = self.ledger.bounded(max_buffered, MAX_BYTES)
        expected: list[Saying] = []
        if self.flight is not None and self.cycle is not None and self.cycle.items & set(self.flight.request.items):
            self.cycle = None  # its reply may still come
        if self.cycle is not None and self.without_surplus(max_buffered) != self.waiting:
            self.baseline, self.since = self.cycle.baseline, self.cycle.since
            kept = [each for each in self.waiting if each.item not in self.cycle.items]
            levels = len(self.cycle.levels)
            returned = len(self.waiting) - len(kept) - levels
            self.waiting = kept
            self.dropped += levels
            if (returned or levels) and not self.return_was_said:
                expected.append(Saying('WARNING', RETURNS, (returned, levels)))
                self.return_was_said = True
        why = f'beyond max_buffered={max_buffered} or {MAX_BYTES} bytes'
        expected += self.drop(self.without_surplus(max_buffered), why)
        self.cycle = None
        assert said == expected
        in_flight = len(self.flight.request.items) if self.flight is not None else 0
        assert self.ledger.outbox.buffered <= max(max_buffered, in_flight)

    @rule()
    def given_up(self) -> None:
        self.ledger = self.ledger.given_up()
        self.dropped += len(self.waiting)
        self.waiting = []
        self.cycle = None
        if self.flight is not None:
            self.lost.append(self.flight)
            self.flight = None

    @precondition(lambda self: self.lost)
    @rule()
    def a_reply_comes_too_late(self) -> None:
        """What was given up stays dropped: the next :meth:`settled` must not count the reply."""
        self.lost[-1].replies.append({})

    @precondition(lambda self: self.lost and self.flight is None)
    @rule(culprits=st.frozensets(st.integers(0, 2), max_size=1))
    def a_refusal_comes_too_late(self, culprits: frozenset[int]) -> None:
        self.ledger, rejected, said = self.ledger.refused(self.lost[-1].request, culprits)
        assert (rejected, said) == ([], [])
        self.failed_requests += 1

    # --- what is always true

    @invariant()
    def everything_is_counted_once(self) -> None:
        outbox, drained = self.ledger.outbox, self.ledger.drained
        assert (outbox.sent, outbox.discarded, outbox.dropped, outbox.spooled, outbox.buffered) == (
            self.sent,
            self.discarded,
            self.dropped,
            self.spooled_in_all,
            len(self.waiting),
        )
        assert outbox.recorded == outbox.sent + outbox.discarded + outbox.dropped + outbox.spooled + outbox.buffered
        assert (drained.sent, drained.discarded, drained.dropped, drained.buffered) == (
            self.delivered,
            self.discarded_of_spool,
            self.pruned_in_all,
            0,
        )
        assert drained.recorded == drained.sent + drained.discarded + drained.dropped

    @invariant()
    def the_same_items_wait_in_the_same_order(self) -> None:
        assert list(self.ledger.outbox.waiting()) == [each.item for each in self.waiting]

    @invariant()
    def the_baseline_is_that_of_what_left_the_tree(self) -> None:
        assert (self.ledger.baseline, self.ledger.since) == (self.baseline, self.since)

    @invariant()
    def the_state_of_an_outage_is_that_of_the_model(self) -> None:
        ledger = self.ledger
        assert (ledger.failures, ledger.failed_requests, ledger.cycles, ledger.last_success) == (
            self.failures,
            self.failed_requests,
            self.cycles,
            self.last_success,
        )
        assert (ledger.last_cycle is None) == (self.cycle is None)
        assert ledger.is_refused == (self.failures > 0 or bool(ledger.outbox.suspects))


TestLedger = LedgerMachine.TestCase

ROOM = Room(100, 10**6)


def _recorded(ledger: Ledger, *items: str, baseline: dict[Any, Any] | None = None, discarded: int = 0) -> Ledger:
    """A ledger after a cycle in delta."""
    return ledger.recorded(Batch('N', 1.0, items), discarded, baseline or {}, returnable=True)


def _request(ledger: Ledger, most: int = 100) -> Batch:
    request = ledger.outbox.next(Room(most, 10**6))
    assert request is not None
    return request


def _sent(ledger: Ledger, most: int = 100) -> Ledger:
    """A ledger after a request that was accepted."""
    return ledger.sending(_request(ledger, most), [{}]).settled(2.0)[0]


@pytest.mark.parametrize('is_of_spool', [False, True])
def test_reply_is_counted_after_another_ledger_was_joined(is_of_spool: bool) -> None:
    """What another ledger has not sent goes behind a request that has no reply yet, even where it is older."""
    replies: list[object] = []
    batch = Batch('N', 1.0, ('a 1', 'a 2'))
    ledger = Ledger().loaded(batch) if is_of_spool else _recorded(Ledger(), *batch.items)
    ledger = ledger.sending(batch, replies).joined(Ledger().recorded(Batch('M', 0.0, ('b',)), 0, {}, returnable=False))
    replies.append({})
    ledger, _ = ledger.settled(2.0)
    assert (ledger.sent, ledger.unsent) == (2, 1)
    assert list(ledger.outbox.waiting()) == ['b']


def test_reply_is_counted_once() -> None:
    """A reply that is noted in the list of a request is counted by the next settling, and by no other."""
    replies: list[object] = []
    ledger = _recorded(Ledger(), 'a 1', 'a 2')
    flying = ledger.sending(_request(ledger), replies)
    assert flying.settled(2.0)[0] == ledger, 'there is no reply yet'
    replies.append(None)
    settled, said = flying.settled(3.0)
    assert (settled.outbox.sent, settled.last_success) == (2, 3.0)
    assert [saying.level for saying in said] == ['DEBUG']
    assert settled.settled(4.0) == (settled, [])


def test_late_reply_counts_nothing() -> None:
    """After everything was given up, a reply changes neither the counts nor the next cycle."""
    replies: list[object] = []
    ledger = _recorded(Ledger(), 'a 1', 'a 2')
    given_up = ledger.sending(_request(ledger), replies).given_up()
    replies.append({})
    assert given_up.settled(2.0) == (given_up, [])
    assert (given_up.outbox.sent, given_up.outbox.dropped) == (0, 2)
    following = _recorded(given_up, 'b 1')
    assert following.settled(3.0) == (following, [])


@pytest.mark.parametrize('between', ['nothing', 'accepted', 'named', 'discarded', 'halved', 'everything', 'aged'])
def test_cycle_without_room_stays_in_the_tree(between: str) -> None:
    """In delta the items of a cycle for which there is no room go, its baseline is the one before, and its discards
    stay counted, also where older items were accepted, refused, discarded or dropped in between. Its levels are
    dropped, since the next cycle reads other ones."""
    older = Ledger({'cycle': 0}).recorded(Batch('N', 1.0, ['a 1', 'a 2', 'a 3']), 1, {'cycle': 1}, returnable=True)
    older, _ = older.bounded(10)
    later = 1.0 + limits.MAX_AGE_SECONDS
    ledger = older.recorded(Batch('N', later, ['b 1', 'b 2']), 3, {'cycle': 2}, returnable=True)
    ledger = ledger.added(Batch('N', later, ['b 3']), 1)
    left = ['a 1', 'a 2', 'a 3']
    if between == 'accepted':
        ledger, left = _sent(ledger, 2), ['a 3']
    elif between == 'named':
        ledger, left = ledger.refused(_request(ledger, 3), {1})[0], ['a 2', 'a 1', 'a 3']
    elif between == 'discarded':
        ledger, left = _sent(ledger.refused(_request(ledger, 3), {1})[0]), []
        ledger, rejected, _ = ledger.refused(_request(ledger, 3), ())
        assert rejected == ['a 2']
    elif between == 'everything':
        while not ledger.outbox.evidence.refuses_everything:
            ledger = ledger.refused(_request(ledger), ())[0]
    elif between == 'halved':
        ledger = ledger.refused(_request(ledger, 3), ())[0]
    elif between == 'aged':
        ledger, left = ledger.aged(later + 1)[0], []
    counted = ledger.outbox.discarded
    ledger, _ = ledger.failed('no answer', 1.0)
    ledger, said = ledger.bounded(len(left))
    assert list(ledger.outbox.waiting()) == left
    assert ledger.baseline == {'cycle': 1}
    assert ledger.outbox.discarded == counted
    assert [(saying.message, saying.values) for saying in said] == [(RETURNS, (2, 1))]


def test_cycle_stays_in_the_tree_as_a_whole() -> None:
    """A cycle for which there is room in part stays in the tree as a whole, since it has one baseline."""
    ledger = _recorded(Ledger({'cycle': 0}), 'a 1', 'a 2', 'a 3', baseline={'cycle': 1})
    ledger, _ = ledger.bounded(2)
    assert (list(ledger.outbox.waiting()), ledger.baseline) == ([], {'cycle': 0})


@pytest.mark.parametrize('touch', ['accepted', 'discarded', 'kept', 'ended', 'cumulative'])
def test_cycle_that_left_the_tree_loses_its_oldest(touch: str) -> None:
    """Once some of a cycle was sent or discarded, or there was room for all of it, or it has ended, the oldest items go
    instead. So they do for running totals, which bring the same value again."""
    ledger = Ledger({'cycle': 0}).recorded(Batch('N', 0.0, ['older']), 0, {'cycle': 0}, returnable=False)
    ledger = ledger.recorded(
        Batch('N', 1.0, ['a 1', 'a 2', 'a 3', 'a 4']), 0, {'cycle': 1}, returnable=touch != 'cumulative'
    )
    if touch == 'discarded':  # the first is named, and the one from before taken
        ledger = _sent(ledger.refused(_request(ledger, 2), {1})[0])
        ledger, rejected, _ = ledger.refused(_request(ledger), ())
        assert rejected == ['a 1']
    else:
        ledger = _sent(ledger, 1)
    if touch == 'accepted':
        ledger = _sent(ledger, 1)
    elif touch == 'kept':
        ledger, _ = ledger.bounded(4)
    elif touch == 'ended':
        ledger = ledger.cycle_ended()
    ledger, said = ledger.bounded(2)
    assert list(ledger.outbox.waiting()) == ['a 3', 'a 4']
    assert ledger.baseline == {'cycle': 1}
    assert ledger.outbox.dropped == (1 if touch in ('accepted', 'discarded') else 2)
    assert [saying.message for saying in said] == [DROPS]


@pytest.mark.parametrize('requests', range(1, 8))
def test_cycle_that_is_refused_stays_in_the_tree(requests: int) -> None:
    """A cycle that is refused in part or in whole, but of which nothing was taken or discarded, can still stay in the
    tree, whether it is in pieces, set aside, or back in the queue."""
    ledger = _recorded(Ledger({'cycle': 0}), 'a 1', 'a 2', 'a 3', 'a 4', 'a 5', baseline={'cycle': 1})
    for _ in range(requests):
        ledger, rejected, _ = ledger.refused(_request(ledger), ())
        assert rejected == []
    ledger, said = ledger.bounded(4)
    assert (list(ledger.outbox.waiting()), ledger.baseline) == ([], {'cycle': 0})
    assert [(saying.message, saying.values) for saying in said] == [(RETURNS, (5, 0))]
    assert (ledger.outbox.recorded, ledger.outbox.dropped) == (0, 0)


def test_request_across_two_cycles_is_of_the_later_one() -> None:
    """A request with items of both cycles takes some of the later one out of the tree."""
    ledger = _recorded(Ledger(), 'a 1', baseline={'cycle': 1}).cycle_ended()
    ledger = _sent(_recorded(ledger, 'b 1', 'b 2', 'b 3', baseline={'cycle': 2}), 2)
    ledger, _ = ledger.bounded(1)
    assert (list(ledger.outbox.waiting()), ledger.baseline) == (['b 3'], {'cycle': 2})


@given(st.lists(st.sampled_from(('cycle', 'fail', 'drop', 'return', 'answer')), max_size=30))
def test_outage_is_said_once(events: list[str]) -> None:
    """The begin and the end of an outage are said once each. In between, dropping and returning are said once each."""
    ledger = Ledger()
    lines: list[str] = []
    for event in events:
        before = ledger.outage.said is not None
        said: list[Saying] = []
        if event == 'cycle':
            ledger = ledger.recorded(Batch('N', 1.0, ['a 1', 'a 2']), 0, {}, returnable=False)
        elif event == 'return':
            ledger, said = _recorded(ledger, 'b 1', 'b 2').bounded(1)
        elif event == 'drop':
            ledger, said = ledger.bounded(1)
        elif ledger.outbox.buffered and event == 'fail':
            ledger, said = ledger.sending(_request(ledger), []).failed('no answer', 1.0)
        elif ledger.outbox.buffered:
            ledger, said = ledger.sending(_request(ledger), [{}]).settled(2.0)
            assert [saying.message for saying in said] == ([ENDS] if before else []) + [SENT]
            assert len(lines) == len(set(lines))
            assert (BEGINS in lines) == before
            lines = []
            said = []
        lines += [saying.message for saying in said]
    assert len(lines) == len(set(lines))


def test_outage_that_goes_on_is_said_once_an_hour() -> None:
    """The line has the time since it began, and what is unsent or was lost since then."""
    assert Unsaid() == (0, 0, 0, False)
    began = NO_OUTAGE.failed(100.0, Failure(), Unsaid(1, 1, 1), answered=False)
    outage, said = began.told(110.0, 'no', Unsaid(1, 1, 1))
    assert said == [Saying('WARNING', BEGINS, ('kept', 'no'))]
    later = Unsaid(3, 2, 5, spools=True)
    assert outage.told(3_709.9, 'no', later) == (outage, [])
    outage, said = outage.told(3_710.0, 'no', later)
    assert said == [Saying('WARNING', GOES_ON, ('1 h 0 min', 4, 'spooled', 4, 'no'))]
    assert outage.told(7_309.9, 'no', later) == (outage, [])


def test_end_of_an_outage_says_what_it_cost() -> None:
    """The line at the end of an outage has the failed attempts, what was kept, and what was dropped in this outage."""
    ledger = _recorded(Ledger(), 'a 1', 'a 2', 'a 3').cycle_ended()
    ledger, _ = ledger.bounded(2)
    ledger, _ = ledger.failed('first', 1.0)
    ledger, _ = ledger.failed('second', 2.0)
    ledger, _ = ledger.bounded(1)
    ledger, said = ledger.sending(_request(ledger), [{}]).settled(2.0)
    assert said[0] == Saying('INFO', ENDS, (2, 1, 'kept', 1))
    assert ledger.failures == 0


def test_dropping_is_said_again_in_the_next_outage() -> None:
    """A loss before an outage, after which CloudWatch took data, does not keep quiet about the next one."""
    ledger = _recorded(Ledger(), 'a 1', 'a 2').cycle_ended()
    ledger, said = ledger.bounded(1)
    assert [saying.message for saying in said] == [DROPS]
    ledger = _recorded(_sent(ledger), 'b 1', 'b 2').cycle_ended()
    ledger, said = ledger.failed('no answer', 1.0)
    assert said == [], 'it is tried again at once'
    ledger, said = ledger.failed('no answer', 1.0)
    assert [saying.message for saying in said] == [BEGINS]
    ledger, said = ledger.bounded(1)
    assert [saying.message for saying in said] == [DROPS]


def test_loss_by_age_is_counted_for_good() -> None:
    """Items of a cycle that were dropped for their age stay counted, so the rest of the cycle no longer stays in the
    tree."""
    ledger = _recorded(Ledger({'cycle': 0}), 'a 1', baseline={'cycle': 1})
    ledger = ledger.added(Batch('N', 2.0 + limits.MAX_AGE_SECONDS, ['a 2', 'a 3']), 0)
    ledger, _ = ledger.aged(2.0 + limits.MAX_AGE_SECONDS)
    ledger, _ = ledger.failed('no answer', 1.0)
    ledger, _ = ledger.bounded(1)
    assert (list(ledger.outbox.waiting()), ledger.outbox.dropped, ledger.baseline) == (['a 3'], 2, {'cycle': 1})


def test_cycle_without_items_is_not_said_to_wait() -> None:
    """Where older items alone are too many, nothing is said of an empty cycle, and the next one that waits is said."""
    ledger = _recorded(Ledger(), 'a 1', 'a 2').cycle_ended()
    ledger, said = _recorded(ledger, discarded=1).bounded(1)
    assert [saying.message for saying in said] == [DROPS]
    ledger, said = _recorded(ledger, 'b 1').bounded(1)
    assert [(saying.message, saying.values) for saying in said] == [(RETURNS, (1, 0))]


def test_bytes_are_bounded_whatever_their_number() -> None:
    """Items beyond 64 MB are dropped, the oldest first, though there are fewer than ``max_buffered``."""
    assert account.MAX_BUFFERED_BYTES == 64_000_000
    items = [f'{index}' + 'x' * 999_999 for index in range(9)] * 8
    ledger = _recorded(Ledger(), *items).cycle_ended()
    ledger, _ = ledger.bounded(20_000)
    assert list(ledger.outbox.waiting()) == items[-64:]
    assert ledger.outbox.dropped == len(items) - 64


def test_ledger_is_a_value() -> None:
    """Every transition gives another ledger, and leaves the one that it was asked of as it was."""
    full = _recorded(Ledger(), 'a 1', 'a 2', baseline={'cycle': 1})
    before = repr(full)
    request = _request(full)
    for after in (
        _recorded(full, 'b 1'),
        full.added(Batch('N', 1.0, ['b 1']), 1),
        full.cycle_ended(),
        full.sending(request, []),
        full.refused(request, ())[0],
        full.failed('no answer', 1.0)[0],
        full.aged(2.0 + limits.MAX_AGE_SECONDS)[0],
        full.bounded(1)[0],
        full.given_up(),
    ):
        assert after != full
    assert repr(full) == before
    with pytest.raises(AttributeError):
        full.failures = 1  # type: ignore[misc]  # it is frozen

"""What refusals prove, against a model of a server: who is discarded, who never is, and what it costs."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aws_satella.pure import limits
from aws_satella.pure.batches import Batch, Room
from aws_satella.pure.evidence import Evidence
from aws_satella.pure.ledger import Ledger

ROOM = Room(1_000, 10**9)
REFUSED = 'CloudWatch refuses everything: %s; metric data are %s until it takes some'
RECOVERED = 'Exports to CloudWatch work again after %d failed attempts; %d metric data were %s, %d were dropped'


def metric(item: str) -> str:
    """'metric number'."""
    return item.split()[0]


class Server:
    """Takes requests, except those with bad items in them, and in a storm refuses all.

    :param bad: the items that it never takes
    :param names: whether its replies name the first bad item of a request
    """

    def __init__(self, bad: Collection[str] = (), names: bool = False) -> None:
        self.bad = set(bad)
        self.names = names
        self.refuses_all = False
        self.breaks_after: int | None = None
        """After so many requests the network breaks, once."""
        self.largest = 10**9
        """The most items of a request."""
        self.requests: list[list[str]] = []
        self.taken: list[str] = []

    def refusal(self, items: list[str]) -> list[int] | None:
        """What a refusal names; None where the request is taken."""
        culprits = [index for index, item in enumerate(items) if item in self.bad]
        if self.refuses_all or len(items) > self.largest:
            return []
        if culprits:
            return culprits[:1] if self.names else []
        self.taken += items
        return None


class Attempt:
    """One attempt of a ledger at a server, as an exporter makes it."""

    def __init__(self, ledger: Ledger, server: Server, room: Room = ROOM) -> None:
        self.server = server
        self.ledger = ledger.begun()
        self.discarded: list[str | bytes] = []
        self.said: list[str] = []
        self.lone: list[str] = []
        """The items that were sent alone."""
        self.is_finished = False
        """Whether it ended for want of something to send."""
        self.requests = 0
        taken = len(server.taken)
        while self.request(room):
            self.requests += 1
        self.requests += not self.is_finished
        self.took_some = len(server.taken) > taken

    def request(self, room: Room) -> bool:
        """Send one request. False where the attempt ends."""
        request = self.ledger.outbox.next(room, metric)
        if request is None:
            self.is_finished = True
            return False
        assert self.ledger.outbox.holds(request)
        items, replies = list(request.items), list[object]()
        self.ledger = self.ledger.sending(request, replies)
        self.server.requests.append(items)
        self.lone += items if len(items) == 1 else []
        if self.server.breaks_after == self.requests:
            self.server.breaks_after = None
            self.ledger, said = self.ledger.failed('reset', 1.0)
            return False
        named = self.server.refusal(items)
        if named is None:
            replies.append({})
            self.ledger, said = self.ledger.settled(1.0)
        else:
            too_large = len(items) > self.server.largest
            self.ledger, discarded, said = self.ledger.refused(request, named, 'no', too_large=too_large)
            self.discarded += discarded
        self.said += [saying.message for saying in said if saying.level != 'DEBUG']
        return not self.ledger.outbox.evidence.refuses_everything


def items_of(numbers: Iterable[int]) -> list[str]:
    """An item a metric."""
    return [f'm{number} {number}' for number in numbers]


def recorded(items: Iterable[str], ledger: Ledger | None = None, timestamp: float = 1.0) -> Ledger:
    batch = Batch('N', timestamp, list(items))
    return (ledger or Ledger()).recorded(batch, 0, {}, returnable=False).cycle_ended()


def attempt(bad: Iterable[int], names: bool = False) -> Attempt:
    """One attempt with 1,000 data, some of which are bad."""
    done = Attempt(recorded(items_of(range(1_000))), Server(items_of(bad), names))
    assert sorted(done.discarded) == sorted(done.server.bad)
    assert len(done.server.taken) == 1_000 - len(done.server.bad)
    assert done.ledger.outbox.buffered == 0
    return done


@pytest.mark.parametrize(('names', 'most'), [(False, 22), (True, 3)], ids=['anonymous', 'named'])
def test_culprit_that_is_alone_costs_few_requests(names: bool, most: int) -> None:
    """One bad datum of 1,000, wherever it is, costs 22 requests, and 3 if the reply names it."""
    assert max(attempt([place], names).requests for place in range(1_000)) <= most


def test_ten_culprits_cost_some_requests() -> None:
    """Ten bad data of 1,000 cost 145 requests, by chance or by pattern."""
    patterns = [random.Random(seed).sample(range(1_000), 10) for seed in range(200)]
    patterns += [list(range(first, 1_000, 100)) for first in range(100)]
    assert max(attempt(pattern).requests for pattern in patterns) <= 145


@pytest.mark.parametrize('first', range(10))
def test_many_culprits_cost_some_requests(first: int) -> None:
    """Every tenth, with the two that follow it: 300 bad data of 1,000 cost 1,632 requests."""
    bad = [place for place in range(1_000) if (place - first) % 10 < 3]
    assert attempt(bad).requests <= 1_632


def test_refusal_of_everything_costs_16_requests_and_then_one_an_attempt() -> None:
    """Nothing is discarded. Each attempt sends one item, and each item has its turn. It is said once, and so is the
    end."""
    server, size = Server(), 1_000
    server.refuses_all = True
    done = Attempt(recorded(items_of(range(size))), server)
    assert done.requests == len(server.requests) == 16
    assert done.said == [REFUSED]
    lone = []
    for failures in range(2, size + 2):
        done = Attempt(done.ledger, server)
        assert (done.requests, done.discarded, done.said, done.ledger.failures) == (1, [], [], failures)
        lone += done.lone
    assert sorted(lone) == sorted(items_of(range(size)))
    server.refuses_all = False
    done = Attempt(done.ledger, server)
    assert done.said == [RECOVERED]
    assert sorted(server.taken) == sorted(items_of(range(size)))
    assert (done.requests, done.ledger.failures, done.ledger.outbox.buffered) == (2, 0, 0)


@given(st.integers(1, 1_500), st.booleans())
def test_refusal_of_everything_costs_little_at_any_size(size: int, names: bool) -> None:
    """However many data there are, a refusal of everything is found after the halves of one request, three suspects
    and three probes, in this attempt or in the next."""
    server = Server(items_of(range(size)), names)
    server.refuses_all = not names
    done = Attempt(recorded(items_of(range(size))), server)
    if size >= 3:
        assert done.ledger.outbox.evidence.refuses_everything
        assert done.said == [REFUSED]
    assert done.requests <= 16
    assert done.discarded == []
    assert done.ledger.outbox.buffered == size


def test_single_datum_proves_nothing() -> None:
    """A refused datum that is alone stays, as a suspect. Once others are taken, it is sent once more alone, and then
    discarded."""
    server = Server(['bad 0'])
    done = Attempt(recorded(['bad 0']), server)
    assert (done.requests, done.discarded, done.said) == (1, [], [])
    assert (done.ledger.outbox.buffered, done.ledger.is_refused, done.ledger.failures) == (1, True, 0)
    done = Attempt(done.ledger, server)
    assert (done.requests, done.ledger.outbox.buffered) == (0, 1)
    done = Attempt(recorded(['good 1'], done.ledger), server)
    assert server.requests == [['bad 0'], ['good 1'], ['bad 0']]
    assert (done.discarded, done.ledger.outbox.buffered, done.ledger.is_refused) == (['bad 0'], 0, False)


def test_last_datum_is_judged_by_those_before_it() -> None:
    """Where nothing is left to send, a suspect is sent again in the same attempt if anything was taken in it."""
    server = Server(['bad 2'])
    done = Attempt(recorded(['good 0', 'good 1', 'bad 2']), server, Room(2, 10**9))
    assert server.requests == [['good 0', 'good 1'], ['bad 2'], ['bad 2']]
    assert (done.discarded, done.ledger.outbox.buffered) == (['bad 2'], 0)


def test_suspect_is_not_judged_by_what_an_earlier_attempt_took() -> None:
    """A suspect that was due when the network broke is not judged by what was taken before. Everything may be refused
    by now."""
    server = Server()
    server.refuses_all = True
    done = Attempt(recorded(['good 0']), server)
    server.refuses_all, server.breaks_after = False, 1
    done = Attempt(recorded(['good 1'], done.ledger), server)
    assert server.taken == ['good 1']
    server.refuses_all = True
    done = Attempt(done.ledger, server)
    assert (done.requests, done.discarded, done.ledger.outbox.buffered) == (0, [], 1)
    server.refuses_all = False
    done = Attempt(recorded(['good 2'], done.ledger), server)
    assert server.taken == ['good 1', 'good 2', 'good 0']


def test_probes_are_of_other_metrics() -> None:
    """100 bad series of one metric before all others are no refusal of everything."""
    bad = [f'sick {number}' for number in range(100)]
    server = Server(bad)
    done = Attempt(recorded([*bad, *items_of(range(100))]), server)
    assert done.said == []
    assert sorted(done.discarded) == sorted(bad)
    assert len(server.taken) == 100


def test_probes_are_of_the_same_metric_where_there_is_no_other() -> None:
    """Three bad series before 97 good ones of the only metric are found as well."""
    items = [f'only {number}' for number in range(100)]
    server = Server(items[:3])
    done = Attempt(recorded(items), server)
    assert (done.said, sorted(done.discarded), len(server.taken)) == ([], sorted(items[:3]), 97)


@pytest.mark.parametrize('largest', [0, 1, 12, 999])
def test_bound_on_the_size_is_found_by_halves(largest: int) -> None:
    """What is too large is halved until it fits, at less than twice the requests that it takes. If nothing fits, it is
    an outage."""
    server = Server()
    server.largest = largest
    done = Attempt(recorded(items_of(range(1_000))), server)
    assert done.discarded == []
    if largest:
        assert server.taken == items_of(range(1_000))
        assert done.requests <= 4 * 1_000 / largest + 1
    else:
        assert (done.requests, done.said) == (16, [REFUSED])


@given(st.integers(1, 60), st.integers(0, 10_000))
def test_places_all_have_their_turn_in_an_outage(length: int, tried: int) -> None:
    """In an outage the places of as many attempts as there are items are all different."""
    evidence = Evidence(refuses_everything=True)
    places = {evidence._replace(tried=tried + number).place(length) for number in range(length)}
    assert places == set(range(length))


class StormMachine(RuleBasedStateMachine):
    """A ledger and a server with bad items, which between attempts may begin and cease to refuse all, and whose network
    may break at any request."""

    def __init__(self) -> None:
        super().__init__()
        self.server = Server()
        self.ledger = Ledger()
        self.now = 1.0
        self.items: list[str] = []
        self.discarded: list[str | bytes] = []
        self.returned: list[str | bytes] = []

    @rule(
        metrics=st.lists(st.tuples(st.sampled_from('abcdefgh'), st.sampled_from((False, False, True))), max_size=12),
        returnable=st.booleans(),
    )
    def cycle(self, metrics: list[tuple[str, bool]], returnable: bool) -> None:
        items = [f'{name} {len(self.items) + index}' for index, (name, _) in enumerate(metrics)]
        self.server.bad |= {item for item, (_, is_bad) in zip(items, metrics, strict=True) if is_bad}
        self.items += items
        self.ledger = self.ledger.recorded(Batch('N', self.now, items), 0, {}, returnable=returnable)

    @rule(refuses_all=st.booleans(), names=st.booleans())
    def weather(self, refuses_all: bool, names: bool) -> None:
        self.server.refuses_all, self.server.names = refuses_all, names

    @rule(breaks_after=st.one_of(st.none(), st.integers(0, 6)), most=st.integers(1, 12))
    def attempt(self, breaks_after: int | None, most: int) -> None:
        before, waiting = self.ledger, len(list(self.ledger.outbox.waiting()))
        self.server.breaks_after = breaks_after
        done = Attempt(before, self.server, Room(most, 10**9))
        self.server.breaks_after = None
        self.ledger = done.ledger
        self.discarded += done.discarded
        assert done.requests <= 4 * waiting
        if before.outbox.evidence.refuses_everything and not done.took_some:
            assert done.requests == min(1, waiting)
        if done.took_some and done.is_finished:
            assert done.ledger.outbox.buffered == 0, 'all that is bad was found out'
        refuses = done.ledger.outbox.evidence.refuses_everything
        began = refuses and (done.took_some or not before.outbox.evidence.refuses_everything)
        assert done.said.count(REFUSED) <= 2
        assert not began or REFUSED in done.said

    @rule(max_buffered=st.integers(3, 20))
    def bounded(self, max_buffered: int) -> None:
        before = set(self.ledger.outbox.waiting())
        dropped, recorded = self.ledger.outbox.dropped, self.ledger.outbox.recorded
        self.ledger, _ = self.ledger.bounded(max_buffered)
        gone = before - set(self.ledger.outbox.waiting())
        assert len(gone) == self.ledger.outbox.dropped - dropped + recorded - self.ledger.outbox.recorded
        self.returned += gone
        self.ledger = self.ledger.cycle_ended()

    @rule(days=st.sampled_from((1, 15)))
    def aged(self, days: int) -> None:
        self.now += days * 24 * 60 * 60
        self.ledger, _ = self.ledger.aged(self.now)
        assert all(batch.timestamp >= self.now - limits.MAX_AGE_SECONDS for batch in self.ledger.outbox.suspects)
        waiting = {*self.ledger.outbox.waiting(), *self.server.taken, *self.discarded, *self.returned}
        self.returned += [item for item in self.items if item not in waiting]

    @invariant()
    def nothing_good_is_discarded(self) -> None:
        assert set(self.discarded) <= self.server.bad

    @invariant()
    def every_item_is_in_one_place(self) -> None:
        outbox = self.ledger.outbox
        places = [*self.server.taken, *self.discarded, *self.returned, *outbox.waiting()]
        assert sorted(places) == sorted(self.items)
        assert outbox.recorded == outbox.sent + outbox.discarded + outbox.dropped + outbox.buffered
        assert (outbox.sent, outbox.discarded) == (len(self.server.taken), len(self.discarded))
        assert outbox.buffered == len(list(outbox.waiting()))

    def teardown(self) -> None:
        """In the end the server works, and each cycle brings good data: all that waited is judged soon."""
        self.weather(refuses_all=False, names=False)
        waited = set(self.ledger.outbox.waiting())
        for _ in range(200):
            self.cycle([(name, False) for name in 'ijklmnop'], returnable=False)
            self.attempt(None, 12)
            self.every_item_is_in_one_place()
            self.nothing_good_is_discarded()
            if waited.isdisjoint(self.ledger.outbox.waiting()):
                break
        assert waited.isdisjoint(self.ledger.outbox.waiting())
        assert waited & self.server.bad <= set(self.discarded)


TestStorm = StormMachine.TestCase

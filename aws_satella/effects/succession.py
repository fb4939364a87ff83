"""Who goes on with the ledger of whom.

What may live here: the order in which ledgers pass from one holder to the next. What may not: processes, schedules.

A ledger has one holder at a time: an exporter, or a call of ``export_once``. A successor waits for its predecessors to
end. A predecessor that ended while it waited itself has taken nothing over, so that its own predecessors are waited
for, and taken over from, in its place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Protocol

from aws_satella.effects.delivery import Delivery, place_of
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.plan import meaning
from aws_satella.pure.temporality import Baseline

POLL_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 15.0

MAX_IDLE_HOLDERS: Final = 100
"""How many plans a process remembers that are not being exported, besides those that have something unsent."""


class Holder(Protocol):
    """Who holds a ledger."""

    predecessors: Sequence[Holder]
    """Whose ledgers it has not taken over yet."""
    successor: Holder | None
    """Who waits for it to end."""

    @property
    def delivery(self) -> Delivery:
        """What has the ledger."""
        ...

    @property
    def exporting(self) -> bool:
        """Whether it is to export what is counted now."""
        ...

    @property
    def is_current(self) -> bool:
        """Whether this is called in the middle of its export: by a callback, a metric or a log handler."""
        ...

    def is_alive(self) -> bool:
        """Whether the ledger may still change."""
        ...


class Call:
    """A call of ``export_once``, and the ledger that it leaves to the next one.

    :param delivery: what it delivers
    """

    exporting = True

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.predecessors: Sequence[Holder] = ()
        self.successor: Holder | None = None
        self.running = False
        self._thread = threading.get_ident()

    @property
    def is_current(self) -> bool:
        """Whether this thread is in the midst of the call."""
        return self.running and self._thread == threading.get_ident()

    def is_alive(self) -> bool:
        """Whether the call has not returned."""
        return self.running


class Holders:
    """The holders of the ledgers of one process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        """Held for a moment, while a ledger gets another holder."""
        self._holders: list[Holder] = []

    def __iter__(self) -> Iterator[Holder]:
        return iter(self._holders)

    def of(self, key: Hashable) -> Holder | None:
        """Who holds the ledger of a plan."""
        return next((each for each in reversed(self._holders) if each.delivery.key == key), None)

    def add(self, holder: Holder) -> None:
        """Remember a holder, and forget those that have handed over, and the oldest ones."""
        holders = [each for each in self._holders if each is not holder and not each.delivery.handed_over]
        idle = [each for each in holders if not (each.is_alive() or each.delivery.outbox.buffered)]
        forgotten = set(map(id, idle[: max(0, len(idle) - MAX_IDLE_HOLDERS)]))
        self._holders = [*(each for each in holders if id(each) not in forgotten), holder]

    def noted(self, but_for: Holder | None) -> dict[Hashable, Baseline]:
        """The counts that are not a forked child's, by namespace and root: what the holders export of them.

        Each root is read once, since the fork waits for it.
        """
        noted: dict[Hashable, Baseline] = {}
        now: dict[int, Baseline] = {}
        for each in sorted(self._holders, key=lambda holder: holder.exporting):
            delivery = each.delivery
            if each is not but_for and not delivery.handed_over and delivery.arguments.temporality == 'delta':
                root = id(delivery.arguments.root)
                if each.exporting and root not in now:
                    now[root] = delivery.note()
                noted[place_of(delivery.arguments)] = now[root] if each.exporting else delivery.ledger.baseline
        return noted


def lives(holder: Holder) -> bool:
    """Whether a holder, or one that it waits for, is alive."""
    return holder.is_alive() or any(map(lives, holder.predecessors))


def waits_for_this_thread(holder: Holder) -> bool:
    """Whether a holder waits for this thread, which is in the midst of its export, or of one that goes before."""
    request = holder.delivery.patience.dispatch
    if holder.is_current or (request is not None and request.is_current):
        return True
    return any(map(waits_for_this_thread, holder.predecessors))


def succeed(successor: Holder, predecessors: Sequence[Holder]) -> None:
    """Let a holder take over the baseline and the outbox of others, as soon as they have ended."""
    successor.predecessors = predecessors
    for each in predecessors:
        each.successor = successor
    if not any(map(lives, predecessors)):
        inherit(successor)


def wait_for_predecessors(holder: Holder, is_forced: Callable[[], bool]) -> bool:
    """Wait for them to end, then take over their ledgers. False if the holder must end before that."""
    world = holder.delivery.world
    began = world.monotonic()
    while any(map(lives, holder.predecessors)):
        # Not join(): if SystemExit is raised in it, Python takes the thread that it waits for as ended.
        world.sleep(POLL_SECONDS)
        if is_forced():
            return False
        if world.monotonic() - began > PATIENCE_SECONDS:
            message = 'Nothing is exported yet: the exporter before this one has not ended its last request'
            holder.delivery.complaints.say_once('predecessor', 'WARNING', message)
    inherit(holder)
    return True


def leaves_unsent(holder: Holder) -> bool:
    """Whether another holder sends what this one cannot."""
    successor = holder.successor
    return successor is not None and (
        successor.delivery.key == holder.delivery.key or _has_client_for(successor.delivery, holder.delivery)
    )


def inherit(successor: Holder) -> None:
    """Take over from each predecessor: first the ledger of the same plan, then what others have not sent."""
    delivery = successor.delivery
    found = [each.delivery for holder in successor.predecessors for each in _sources(holder)]
    is_first = not any(other.key == delivery.key for other in found)
    for each in sorted(found, key=lambda other: other.key != delivery.key):
        _take_over(delivery, each, is_first=is_first)
    successor.predecessors = ()


def _sources(holder: Holder) -> list[Holder]:
    """The holders whose ledgers would come to this one."""
    if not holder.predecessors:
        return [holder]
    return [each for predecessor in holder.predecessors for each in _sources(predecessor)]


def first_of_line(holder: Holder) -> Delivery:
    """What has the ledger that a holder goes on with: its own delivery, or that of the one that it waits for."""
    found = [each.delivery for each in _sources(holder) if each.delivery.key == holder.delivery.key]
    return found[0] if found else holder.delivery


def _take_over(delivery: Delivery, other: Delivery, *, is_first: bool) -> None:
    """Go on where another has stopped.

    The baseline of another plan means nothing here. What that has not sent is sent all the same, in its own namespace,
    unless another client is needed for it.

    :param is_first: whether nobody has exported the plan before
    """
    with other.handing_over:  # for two successors at once
        if other.handed_over:
            return
        waits = other.patience.dispatch is not None  # its reply is counted by whoever goes on with the plan
        ledger = other.ledger if waits else other.ledger.settled(other.world.wall())[0]
        if other.key == delivery.key:
            delivery.patience, delivery.ledger, other.handed_over = other.patience, ledger, True
            delivery.patience.deadline = None
            delivery.take_drainage(other)
            tolerate, delivery.complaints = delivery.complaints.tolerate, other.complaints
            delivery.complaints.tolerate = tolerate
            return
        if is_first and other.recorded is not None:  # it went on in a forked child by itself: what it has sent is sent
            delivery.ledger = replace(delivery.ledger, baseline=ledger.baseline, since=ledger.since, views=ledger.views)
        if not waits and _has_client_for(delivery, other):
            delivery.ledger, other.ledger = delivery.ledger.joined(ledger), ledger.without_unsent()


def _has_client_for(delivery: Delivery, other: Delivery) -> bool:
    """Whether the client of one delivery sends to where another sends."""
    return _client_of(other.arguments) == _client_of(delivery.arguments)


def _client_of(arguments: Arguments) -> Hashable:
    return arguments.destination, meaning(arguments.client_factory)

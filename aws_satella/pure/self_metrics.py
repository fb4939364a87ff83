"""The metrics of an exporter itself: what became of its data, as readings that go the way of all others.

What may live here: which metrics there are. What may not: ways of their own through the stages.

They tell of the time before the cycle that reads them, so that they are true when they are sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any, Final, NamedTuple

from aws_satella.pure.ledger import Ledger
from aws_satella.pure.points import CounterReading, DataPoint
from aws_satella.pure.reading import with_sections

PREFIX: Final = 'aws_satella.'


class SelfReadings(NamedTuple):
    """What an exporter tells of itself."""

    levels: tuple[DataPoint, ...] = ()
    counters: tuple[CounterReading, ...] = ()

    def read_levels(self, *, sections: bool) -> Iterable[Any]:
        """The levels, with a section before each if they are to be viewed."""
        return with_sections(self.levels) if sections else self.levels

    def read_counters(self, *, sections: bool) -> Iterable[Any]:
        """The same for the counters."""
        return with_sections(self.counters) if sections else self.counters

    def read_all(self, *, sections: bool) -> Iterable[Any]:
        """The same for all of them."""
        return chain(self.read_levels(sections=sections), self.read_counters(sections=sections))


NO_SELF_READINGS: Final = SelfReadings()


def self_readings(ledger: Ledger) -> SelfReadings:
    """What an exporter tells of itself: the heartbeat first, which must be there in every cycle.

    Numbers that grow have a source that belongs to the ledger: a ledger that begins anew, in a forked child for
    example, begins at zero, though its baseline may come from another one.
    """
    outbox, drained, seconds = ledger.outbox, ledger.drained, ledger.export_seconds
    levels = {'up': 1, 'buffered': outbox.buffered, **({'export_seconds': seconds} if seconds is not None else {})}
    counters = {
        'sent': ledger.sent,
        'discarded': outbox.discarded + drained.discarded,
        'dropped': outbox.dropped + drained.dropped,
    }
    return SelfReadings(
        tuple(DataPoint(PREFIX + name, number, {}) for name, number in levels.items()),
        tuple(CounterReading(PREFIX + name, number, {}, (ledger.line, name)) for name, number in counters.items()),
    )

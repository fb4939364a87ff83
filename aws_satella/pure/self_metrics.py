"""The metrics of an exporter itself: what became of its data, as readings that go the way of all others.

What may live here: which metrics there are. What may not: ways of their own through the stages.

They tell of the time before the cycle that reads them, so that they are true when they are sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aws_satella.pure.ledger import Ledger
from aws_satella.pure.points import CounterReading, DataPoint

PREFIX: Final = 'aws_satella.'

UP: Final = PREFIX + 'up'
"""The heartbeat, whose value is always 1."""


def self_readings(ledger: Ledger) -> Iterator[DataPoint | CounterReading]:
    """What an exporter tells of itself: the heartbeat first, which must be there in every cycle.

    Numbers that grow have a source that belongs to the ledger: a ledger that begins anew, in a forked child for
    example, begins at zero, though its baseline may come from another one.
    """
    outbox = ledger.outbox
    yield DataPoint(UP, 1, {})
    for name, number in (('sent', outbox.sent), ('discarded', outbox.discarded), ('dropped', outbox.dropped)):
        yield CounterReading(PREFIX + name, number, {}, (ledger.line, name))
    yield DataPoint(PREFIX + 'buffered', outbox.buffered, {})
    if ledger.export_seconds is not None:
        yield DataPoint(PREFIX + 'export_seconds', ledger.export_seconds, {})

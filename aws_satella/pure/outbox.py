"""What is to be sent next, and what has become of everything so far: a value, and the decisions about it.

What may live here: the queue of unsent metric data and the count of all others. What may not: sending, clocks, chance.

Every function takes an outbox and gives the next one. Always: ``recorded = sent + discarded + dropped + buffered``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from aws_satella.pure.datum import MetricDatum


class Batch(NamedTuple):
    """The data of one request."""

    timestamp: float
    """When they were collected, UNIX seconds."""
    data: Sequence[MetricDatum]


class Outbox(NamedTuple):
    """Unsent data, oldest first, and the count of all others."""

    batches: tuple[Batch, ...] = ()
    recorded: int = 0
    """All data that there ever were."""
    sent: int = 0
    """Data that CloudWatch took."""
    discarded: int = 0
    """Data that cannot be sent, each reported with its reason."""
    dropped: int = 0
    """Data that could have been sent, but not in time: the outbox was full, they were too old, the process ended."""

    @property
    def buffered(self) -> int:
        """Data that are to be sent yet."""
        return self.recorded - self.sent - self.discarded - self.dropped

    @property
    def next(self) -> Batch | None:
        """What is to be sent first."""
        return self.batches[0] if self.batches else None

    def put(self, batch: Batch) -> Outbox:
        """Add data behind all others."""
        return self._replace(batches=(*self.batches, batch), recorded=self.recorded + len(batch.data))

    def discard(self, number: int = 1) -> Outbox:
        """Count data that never came this far."""
        return self._replace(recorded=self.recorded + number, discarded=self.discarded + number)

    def accepted(self) -> Outbox:
        """CloudWatch took the first batch."""
        first, *rest = self.batches
        return self._replace(batches=tuple(rest), sent=self.sent + len(first.data))

    def refused(self, culprits: Collection[int] = ()) -> tuple[Outbox, list[MetricDatum]]:
        """CloudWatch refused the first batch for what is in it.

        :param culprits: positions in the batch that the reply named, from 0. Where it named none that is there, the
            batch is cut into halves, which are sent next, until the culprit is alone.
        :return: the outbox, and the data that are discarded
        """
        first, *rest = self.batches
        named = {index for index in culprits if 0 <= index < len(first.data)}
        if len(first.data) == 1:
            named = {0}
        if not named:
            middle = len(first.data) // 2
            parts: Iterable[Sequence[MetricDatum]] = (first.data[:middle], first.data[middle:])
        else:
            parts = ([datum for index, datum in enumerate(first.data) if index not in named],)
        cut = (Batch(first.timestamp, part) for part in parts if part)
        after = self._replace(batches=(*cut, *rest), discarded=self.discarded + len(named))
        return after, [first.data[index] for index in sorted(named)]

    def bounded(self, most: int) -> Outbox:
        """Drop the oldest data beyond the bound."""
        surplus = self.buffered - most
        return self._without_oldest(surplus) if surplus > 0 else self

    def without_older_than(self, timestamp: float) -> Outbox:
        """Drop what was collected before this time (UNIX seconds)."""
        kept = tuple(batch for batch in self.batches if batch.timestamp >= timestamp)
        return self if len(kept) == len(self.batches) else self._keeping(kept)

    def emptied(self) -> Outbox:
        """Drop everything."""
        return self._keeping(())

    def _without_oldest(self, surplus: int) -> Outbox:
        kept = list(self.batches)
        while surplus >= len(kept[0].data):
            surplus -= len(kept.pop(0).data)
            if not kept:
                return self._keeping(())
        kept[0] = Batch(kept[0].timestamp, kept[0].data[surplus:])
        return self._keeping(tuple(kept))

    def _keeping(self, batches: tuple[Batch, ...]) -> Outbox:
        kept = sum(len(batch.data) for batch in batches)
        return self._replace(batches=batches, dropped=self.dropped + self.buffered - kept)

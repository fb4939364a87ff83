"""The statistics of an exporter, as a program sees them."""

from __future__ import annotations

from dataclasses import dataclass

from aws_satella.pure.ledger import Ledger


@dataclass(frozen=True)
class ExportStats:
    """What became of the metric data so far."""

    sent: int = 0
    """Data that CloudWatch took."""
    discarded: int = 0
    """Data that cannot be sent; each was given to ``call_on_discarded_metric``."""
    dropped: int = 0
    """Data that could have been sent, but not in time: the outbox was full, they were too old, the process ended."""
    buffered: int = 0
    """Data that wait to be sent."""
    failed_requests: int = 0
    """Calls of the client that raised; each was given to ``call_on_metric_upload_fails``."""
    cycles: int = 0
    """How often the metrics were read."""
    last_success: float | None = None
    """When CloudWatch last took data, UNIX seconds."""
    spooled: int = 0
    """Data that were put into the spool, since CloudWatch did not take them. Any process may send them later."""
    delivered: int = 0
    """Data out of the spool that CloudWatch took from here, whoever put them there. They are not part of ``sent``."""


def stats_of(ledger: Ledger) -> ExportStats:
    """What a ledger counts."""
    outbox, drained = ledger.outbox, ledger.drained
    return ExportStats(
        sent=outbox.sent,
        discarded=outbox.discarded + drained.discarded,
        dropped=outbox.dropped + drained.dropped,
        buffered=outbox.buffered,
        failed_requests=ledger.failed_requests,
        cycles=ledger.cycles,
        last_success=ledger.last_success,
        spooled=outbox.spooled,
        delivered=drained.sent,
    )

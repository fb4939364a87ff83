"""What becomes of data that were not taken: into the spool, out of it again, or dropped at the end.

What may live here: when the spool of a delivery is written, and sent. What may not: requests
(:mod:`aws_satella.effects.attempts`), and the files (:mod:`aws_satella.effects.spool`).

What is unsent is in the memory of this process, or in a file of the spool. A batch of a file that is being sent is in
both: its file goes when the reply says that it was taken.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from aws_satella.effects.attempts import Attempts
from aws_satella.effects.drainage import Drainage
from aws_satella.effects.spools import spool_of
from aws_satella.effects.stats import ExportStats
from aws_satella.pure.batches import Batch, Item, length
from aws_satella.pure.chunks import chunk
from aws_satella.pure.forms import max_items
from aws_satella.pure.outbox import Outbox

if TYPE_CHECKING:
    from aws_satella.effects.spool import Spool

MAX_DISK_SECONDS: Final = 2.0
"""How long the end of the process waits for another thread that is just writing to the spool."""


class Leftovers(Attempts):
    """Sends what is in the outbox and in the spool of one exporter, and keeps in the spool what was not taken."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._spools: dict[str, Spool] = {}
        self._drainage: Drainage | None = None
        """What is being sent out of the spool. It outlasts an attempt whose last request has no reply yet."""
        self._disk = threading.RLock()
        """Held while files are written or removed. Only the end of a process waits for it."""

    def has_spooled(self) -> bool:
        """Whether there is something in the spool that this exporter may send."""
        spool = self._spool()
        return spool is not None and spool.has_any()

    def _spool(self, namespace: str | None = None) -> Spool | None:
        """The spool of a namespace, or of what is exported now. None where there is none."""
        namespace = self.arguments.namespace if namespace is None else namespace
        if namespace not in self._spools:
            spool = spool_of(self.arguments, namespace, self.form.NAME, self._say_of_spool, self.world)
            if spool is None:
                return None
            self._spools[namespace] = spool
        return self._spools[namespace]

    def _say_of_spool(self, why: str) -> None:
        message = 'The spool cannot be used as it should; metric data that it does not take are kept in memory: %s'
        self.complaints.say_once(('spool', why), 'WARNING', message, why)

    def _has_any(self) -> bool:
        return super()._has_any() or self._drainage is not None or self.has_spooled()

    def _deliver(self) -> None:
        """Send what is in the spool, unless somebody else does, then what is in the outbox.

        Where the last request has failed, what is in the outbox goes to the disk before anything is sent: so that it is
        there, should the next request hang until the process is killed. Where all that is in the spool is refused, what
        is in the outbox may prove that not everything is, so that it is sent all the same.
        """
        if self._drainage is None:
            self._drainage = self._opened()
        drainage = self._drainage
        if drainage is None:
            super()._deliver()
            return
        try:
            if self.ledger.failures and not self._is_spool_refused():
                self.spool_unsent()
            if (self._drained(drainage) or self._is_spool_refused()) and self._send_all(lambda: self.outbox):
                self._drained(drainage)  # suspects, of which something can be proven by now
        finally:
            self._end_drainage(drainage)

    def _opened(self) -> Drainage | None:
        """What is to be sent out of the spool: None for nothing, or where another thread or process sends it."""
        spool = self._spool()
        if spool is None or not (self.ledger.failures or spool.has_any()):
            return None
        drainage = Drainage.of(spool, self.ledger.drained.sent)
        if drainage is not None:
            dropped = drainage.prune(self.world.wall())
            why = f'older than two weeks, or beyond max_spooled_bytes={spool.max_bytes}'
            self._apply(self.ledger.pruned(dropped, why))
        return drainage

    def _drained(self, drainage: Drainage) -> bool:
        """Send what is in the spool, the oldest first. False where nothing more can be sent for now."""
        while self._send_all(self._being_drained, fill=True):
            spooled = drainage.next(self.world.wall() + self.form.MAX_AHEAD_SECONDS)
            if spooled is None:
                return True
            self.ledger = self.ledger.loaded(spooled.batch)
            drainage.took_out(spooled)  # not before that, so that an exception in between does not make it a sent one
        return False

    def _being_drained(self) -> Outbox:
        return self.ledger.drained

    def _is_spool_refused(self) -> bool:
        return self.ledger.drained.evidence.refuses_everything

    def _end_drainage(self, drainage: Drainage) -> None:
        """Let others send, unless a request has no reply yet: until there is one, it stays in these hands."""
        if self.patience.dispatch is not None and self.ledger.drained.buffered:
            return
        self._settle()
        self._drainage = None
        self.ledger = self.ledger.unloaded()
        drainage.end()
        delivered = self.ledger.drained.sent - drainage.delivered_before
        if delivered:
            self.complaints.say('INFO', 'Sent %d metric data that were in the spool', delivered)

    def take_drainage(self, other: Leftovers) -> None:
        """Go on with what another delivery was sending out of the spool."""
        self._drainage, other._drainage = other._drainage, None

    def _settle(self) -> None:
        super()._settle()
        with self._disk:
            self.ledger = self.ledger.spooled()
            if self._drainage is not None:
                self.ledger = self.ledger.taken_back(self._drainage.settle(self.ledger.drained))

    def spool_unsent(self) -> None:
        """Put what was not taken on the disk, the oldest first, until that fails. A request that has no reply yet stays
        in memory."""
        if self.arguments.spool is None or not self.outbox.buffered:
            return
        with self._disk:
            self._settle()
            flight = self.ledger.in_flight
            batches = list(self._parts(self.outbox.unsent(), () if flight is None else flight.request.items))
            kept: list[object] = []
            self.ledger = self.ledger.spooling(batches, kept)
            try:
                self._put(batches, kept)
            finally:
                self.ledger = self.ledger.spooled()

    def _parts(self, batches: Sequence[Batch], flying: Collection[Item]) -> Iterator[Batch]:
        """The same items in batches that a request may hold.

        :param flying: items that are left out
        """
        most = max_items(self.arguments.destination, self.arguments.max_send_at_once, is_short_of_time=True)
        left_out = set(map(id, flying))
        for batch in batches:
            items = [item for item in batch.items if id(item) not in left_out] if left_out else batch.items
            for start in range(0, len(items), most):
                part = items[start : start + most]
                room = self.form.item_bytes(batch.envelope, len(part))
                fits = sum(map(len, part)) <= room
                for each in [part] if fits else chunk(part, most, room, self.form.size):
                    yield batch._replace(items=tuple(each))

    def _put(self, batches: Sequence[Batch], kept: list[object]) -> None:
        """Put batches into the spool, until one does not fit."""
        for namespace, group in groupby(batches, key=lambda batch: str(batch.envelope)):
            spool, parts, before = self._spool(namespace), list(group), len(kept)
            if spool is None:
                break
            dropped = spool.put(parts, self.world.wall(), kept)
            self._apply(self.ledger.pruned(dropped, f'beyond max_spooled_bytes={spool.max_bytes}'))
            if len(kept) < before + len(parts):
                break

    def give_up(self, before: ExportStats) -> None:
        """Put what is unsent into the spool, since there is no more time, count the rest as dropped, and say that.

        What is in flight is unsent, too: its reply will be lost. Nothing more is sent.

        :param before: the statistics when the end began
        """
        self.halted = True
        is_refused = self.ledger.is_refused
        is_alone = self._disk.acquire(timeout=MAX_DISK_SECONDS)
        try:
            if is_alone:
                self._settle_late()
            self.ledger = self.ledger.spooled()  # what the other thread has written by now
            unsent = self.outbox.unsent()
            self.ledger = self.ledger.given_up()
            rescued = self._rescued(unsent) if is_alone else 0
        finally:
            if is_alone:
                self._disk.release()
        self._say_of_end(before, length(unsent) - rescued, is_refused=is_refused)

    def _settle_late(self) -> None:
        """Count a reply that came after its caller had stopped waiting for it, or that another thread has just got."""
        dispatch, flight = self.patience.dispatch, self.ledger.in_flight
        if dispatch is not None and dispatch.done.is_set():
            self._await(dispatch)
        elif flight is None or flight.answer is not None:
            self._settle()

    def _rescued(self, batches: Sequence[Batch]) -> int:
        """Put into the spool what was given up, as far as there is room.

        :return: how many items that are
        """
        parts, kept = list(self._parts(batches, ())), list[object]()
        self._put(parts, kept)
        rescued = length(parts[: len(kept)])
        self.ledger = self.ledger.rescued(rescued)
        return rescued

    def _say_of_end(self, before: ExportStats, dropped: int, *, is_refused: bool) -> None:
        sent, spooled = self.outbox.sent - before.sent, self.outbox.spooled - before.spooled
        total = sent + spooled + dropped
        if spooled:
            message = 'The last export sent %d of %d metric data; %d are spooled, %d are dropped'
            self.complaints.say('WARNING', message, sent, total, spooled, dropped)
        elif dropped:
            advice = f'a larger exit_timeout (now {self.arguments.exit_timeout:g} s) leaves more time'
            self.complaints.say(
                'WARNING',
                'The last export sent %d of %d metric data; %d are dropped, since %s',
                sent,
                total,
                dropped,
                'they were not taken' if is_refused else f'the process ends; {advice}',
            )

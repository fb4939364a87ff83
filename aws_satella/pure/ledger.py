"""What an exporter remembers, as one frozen value: what it sends, and what the replies mean for it.

What may live here: requests, replies, and the spool, as transitions. Each takes a ledger and gives the next one, and
what is to be said of it. What may not: cycles and bounds (:mod:`aws_satella.pure.account`), sending, clocks, logs.

Since it is one value, a change is one assignment: an exception at any moment finds the ledger before a change or after
it. A request is noted before it is sent (:meth:`Ledger.sending`), together with the list that its reply goes into, so
that a reply is counted even where an exception came between the reply and the note of it. The same holds for batches
that go to a spool (:meth:`Ledger.spooling`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from aws_satella.pure.account import Account
from aws_satella.pure.batches import Batch, Item
from aws_satella.pure.flight import Answer, InFlight, Spooling
from aws_satella.pure.outage import NO_OUTAGE, Saying
from aws_satella.pure.outbox import Outbox
from aws_satella.pure.replies import UNKNOWN, Failure

if TYPE_CHECKING:
    from typing_extensions import Self

_OTHER: Final = {'outbox': 'drained', 'drained': 'outbox'}
"""The two fields that requests come from, each with the other one."""


@dataclass(frozen=True)
class Ledger(Account):
    """What an exporter remembers."""

    spooling_now: Spooling | None = None
    """The batches that are just being put into a spool."""

    @property
    def is_refused(self) -> bool:
        """Whether CloudWatch did not take what it was sent last, or some of it."""
        return self.failures > 0 or bool(self.outbox.suspects)

    @property
    def sent(self) -> int:
        """Items that the destination took, those of a spool included."""
        return self.outbox.sent + self.drained.sent

    @property
    def unsent(self) -> int:
        """Items in memory that wait to be sent, those of a spool included that are just being sent."""
        return self.outbox.buffered + self.drained.buffered

    def begun(self, *, spools: bool = False) -> Self:
        """An attempt begins.

        :param spools: whether there is a spool for what is unsent
        """
        return replace(self, outbox=self.outbox.begun(), drained=self.drained.begun(), spools=spools)

    def sending(self, request: Batch, replies: list[object], now: float = 0.0) -> Self:
        """Note a request before it is sent.

        :param now: monotonic seconds
        """
        return replace(self, in_flight=InFlight(request, replies, now))

    def _box_of(self, request: Batch) -> str | None:
        """The name of the field that the request comes from; None where it is no longer what is to be sent first."""
        return next((name for name in _OTHER if self._box(name).holds(request)), None)

    def _box(self, name: str) -> Outbox:
        return self.outbox if name == 'outbox' else self.drained

    def _with(self, name: str, box: Outbox) -> Self:
        return replace(self, outbox=box) if name == 'outbox' else replace(self, drained=box)

    def settled(self, now: float, answer: Answer | None = None) -> tuple[Self, list[Saying]]:
        """Count the request in flight as sent if there is a reply to it that means success.

        :param now: UNIX seconds
        :param answer: what the reply says, where that is known already
        """
        answer = answer or (None if self.in_flight is None else self.in_flight.answer)
        name = None if answer is None else self._box_of(answer.request)
        if answer is None or name is None:
            return self if self.in_flight is None else replace(self, in_flight=None), []
        request, rejected, _ = answer
        after = replace(
            self._with(name, self._box(name).accepted(request, rejected.number)),
            failures=0,
            outage=NO_OUTAGE,
            dropping=False,
            returning=False,
            last_success=now,
            in_flight=None,
            last_cycle=self._cycle_without(request.items) if name == 'outbox' else self.last_cycle,
        )
        after = after._with(_OTHER[name], self._box(_OTHER[name]).has_evidence())
        number = len(request.items) - rejected.number
        sent = Saying('DEBUG', 'Sent %d metric data to %s', (number, request.envelope))
        recovered = self.outage.ended(self.failures, self.unsaid)
        return after, [*recovered, sent]

    def refused(
        self, request: Batch, culprits: Collection[int], why: str = '', now: float = 0.0, *, too_large: bool = False
    ) -> tuple[Self, list[Item], list[Saying]]:
        """The destination refused a request, for what is in it or because it refuses everything.

        :param why: the reason, for the log
        :param now: monotonic seconds
        :param too_large: whether it was refused for its size
        :return: the ledger, the items that are discarded, and what is to be said
        """
        name = self._box_of(request)
        if name is None:
            return replace(self, failed_requests=self.failed_requests + 1, in_flight=None), [], []
        before = self._box(name)
        box, rejected = before.refused(request, culprits, too_large=too_large)
        cycle = self._cycle_without(rejected) if name == 'outbox' else self.last_cycle
        after = replace(self, last_cycle=cycle, failed_requests=self.failed_requests + 1, in_flight=None)._with(
            name, box
        )
        if not box.evidence.refuses_everything:
            return after, rejected, []
        is_new = not (before.evidence.refuses_everything or self._box(_OTHER[name]).evidence.refuses_everything)
        outage, said = self.outage.refused(now, why, after.unsaid, is_new=is_new)
        return replace(after, failures=self.failures + 1, outage=outage), rejected, said

    def failed(self, why: str, now: float, failure: Failure = UNKNOWN) -> tuple[Self, list[Saying]]:
        """A request failed for a reason that may pass. What is unsent is kept.

        :param why: the reason, for the log
        :param now: monotonic seconds
        :param failure: what the reply says
        """
        answered = self.last_success is not None and not self.failures
        outage, said = self.outage.failed(now, failure, self.unsaid, answered=answered).told(now, why, self.unsaid)
        after = replace(self, failures=self.failures + 1, failed_requests=self.failed_requests + 1, in_flight=None)
        return replace(after, outage=outage), said

    def spooling(self, batches: Sequence[Batch], kept: list[object]) -> Self:
        """Note batches before they are put into a spool.

        :param batches: of unsent items
        :param kept: gets an element for each of them, in order, in the step that puts it there
        """
        return replace(self, spooling_now=Spooling(tuple(batches), kept))

    def spooled(self) -> Self:
        """Take what has got into the spool out of the outbox."""
        if self.spooling_now is None:
            return self
        after = replace(self, spooling_now=None)
        items = [item for batch in self.spooling_now.done for item in batch.items]
        if not items:
            return after
        return replace(after, outbox=self.outbox.without_spooled(items), last_cycle=self._cycle_without(items))

    def given_up(self) -> Self:
        """Drop everything that is unsent: there is no more time. What is being sent out of the spool is in its file."""
        flight = self.in_flight
        is_of_spool = flight is not None and self._box_of(flight.request) == 'drained'
        left = flight if is_of_spool else None
        return replace(self, outbox=self.outbox.emptied(), in_flight=left, last_cycle=None, spooling_now=None)

    def rescued(self, number: int) -> Self:
        """Count as spooled what was given up, and has got into the spool all the same."""
        outbox = self.outbox
        return replace(self, outbox=outbox._replace(dropped=outbox.dropped - number, spooled=outbox.spooled + number))

    def loaded(self, batch: Batch) -> Self:
        """Take a batch out of the spool, to be sent. Its file is still there."""
        return replace(self, drained=self.drained.put(batch))

    def unloaded(self) -> Self:
        """Forget what of the spool was not sent: it is in its files."""
        return replace(self, drained=self.drained.without_unsent())

    def taken_back(self, batches: Sequence[Batch]) -> Self:
        """Take into memory what was being sent out of the spool, and has no file any more."""
        after = self
        for batch in batches:
            drained = after.drained.without(batch.items)
            after = replace(after, drained=drained, outbox=after.outbox.put(batch))
        return after

    def pruned(self, number: int, why: str) -> tuple[Self, list[Saying]]:
        """Count what was removed from the spool unsent."""
        drained = self.drained
        drained = drained._replace(recorded=drained.recorded + number, dropped=drained.dropped + number)
        return replace(self, drained=drained)._said_of_dropped(number, why)

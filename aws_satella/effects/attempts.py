"""Attempts to send what is unsent: acts on what the pure core decides, and keeps the ledger of what became of it.

What may live here: sending, waiting for replies, calling back. What may not: reading, schedules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial

from aws_satella.effects.announcements import name_of_receiver
from aws_satella.effects.clock import Clock
from aws_satella.effects.complaints import Complaints
from aws_satella.effects.destinations.clients import MadeClient
from aws_satella.effects.destinations.cloudwatch import UnusableBodyError
from aws_satella.effects.destinations.outcomes import NotTakenError, describe
from aws_satella.effects.dispatch import Dispatch
from aws_satella.effects.pacing import Pace
from aws_satella.effects.patience import HANGS, Patience, Watch, say_if_it_hangs
from aws_satella.effects.sender import Sender
from aws_satella.effects.world import REAL, World
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.batches import Batch, Item
from aws_satella.pure.flight import Answer
from aws_satella.pure.formats.putmetricdata import CloudWatchClient
from aws_satella.pure.ledger import Ledger
from aws_satella.pure.outage import Saying
from aws_satella.pure.outbox import Outbox
from aws_satella.pure.points import Discarded, Reason
from aws_satella.pure.redaction import cleaned
from aws_satella.pure.replies import Verdict, asks_for_new_client, is_too_large, verdict
from aws_satella.pure.schedule import outlasts


class Attempts(Sender):
    """Sends what is in the outbox of one exporter.

    :param arguments: how it is sent
    :param client: what sends it; made by the factory in the arguments, so that it can be made again
    :param is_watched: whether a thread looks at its requests, and says of one that it hangs
    :param world: its clocks, its waits, and chance
    """

    def __init__(
        self, arguments: Arguments, client: CloudWatchClient, *, is_watched: bool = False, world: World = REAL
    ) -> None:
        super().__init__(arguments, client)
        self.world = world
        self._used = arguments
        """The arguments of the present cycle."""
        self._made_client = MadeClient(client)
        self.ledger = Ledger(since=world.wall())
        self.complaints = Complaints(name_of_receiver(arguments.destination))
        self.clock = Clock(world)
        """Of the thread that exports, and of the caller that it exports for."""
        self.pace = Pace(world)
        self.patience = Patience(world)
        self._is_watched = is_watched
        self.must_try = True
        """Whether the attempt is made though the destination asked for a pause: a caller waits, or the process ends."""
        self.halted = False
        """Whether to send nothing more. What is read meanwhile is left to the successor."""

    @property
    def outbox(self) -> Outbox:
        """What is unsent, and the count of all others."""
        return self.ledger.outbox

    def attempt(self) -> None:
        """Send what is in the outbox, oldest first, until all is sent, a send fails, everything is refused, or the
        caller's time is over.

        The first failure after a success is tried again at once. So there are at most twice as many requests, and one
        more, as there are items.
        """
        if not self.must_try and self.clock.now() < self.ledger.outage.resumes:
            return
        earlier = self.patience.dispatch
        if earlier is not None and not self._await(earlier) and self.patience.dispatch is earlier:
            return  # its reply may still come
        self._settle()
        self._apply(self.ledger.aged(self.world.wall(), self.form.MAX_AHEAD_SECONDS))
        has_any = self._has_any()
        if has_any and self._made_client.is_of_parent and not self._make_own_client():
            return
        if self._made_client.lacks_credentials:
            self.client = self._made_client.with_credentials(self.client, self.arguments, self.complaints)
        self.ledger = self.ledger.begun(spools=self.arguments.spool is not None)
        if has_any:
            with Watch(self.look, self.world) if self._is_watched else nullcontext():
                self._deliver()

    def _has_any(self) -> bool:
        """Whether there is something to send."""
        return self.outbox.buffered > 0

    def _deliver(self) -> None:
        """Send what there is."""
        self._send_all(lambda: self.outbox)

    def _send_all(self, unsent: Callable[[], Outbox], *, fill: bool = False) -> bool:
        """Send one request after the other. False where nothing more can be sent for now.

        :param unsent: what is sent, as it stands
        :param fill: whether a request takes as much as CloudWatch allows
        """
        fill = fill or self.ledger.failures > 0
        began, requests, buffered = self.world.monotonic(), 0, unsent().buffered
        while unsent().buffered:
            if self.halted or not self.patience.has_time(self.clock):
                return False
            # A caller may have begun to wait since the last request.
            fill = (
                fill
                or self.pace.hurried
                or self._is_slow(self.world.monotonic() - began, requests, buffered - unsent().buffered)
            )
            room = self._room(unsent().envelope, self._used.max_send_at_once, fill=fill)
            request = unsent().next(room, self.form.metric)
            if request is None:  # only suspects are left, of which nothing can be proven
                return True
            if not self._send(request):
                return False
            requests += 1
        return True

    def _make_own_client(self) -> bool:
        """Make a client in place of that of the parent. False where it cannot be made, which counts as a failure."""
        try:
            self.make_client_again()
        except self.complaints.tolerate as error:
            self._apply(self.ledger.failed(self.complaints.shown(error), self.world.monotonic()))
            self.complaints.call(self._used.call_on_metric_upload_fails, error)
            return False
        return True

    def make_client_again(self) -> None:
        """Make another client, unless user code has replaced the one that was made.

        :raises aws_satella.InitializationError: it cannot be made; the one before stays
        """
        self.client = self._made_client.again(self.client, self.arguments)

    def look(self) -> float:
        """Say of the request in flight that it hangs. Another thread may call this.

        :return: after how many seconds to look again
        """
        return say_if_it_hangs(self.ledger, self.client, self.complaints, self.world.monotonic())

    def _is_slow(self, elapsed: float, requests: int, sent: int) -> bool:
        """Whether an export in small requests would outlast half the interval."""
        left = self.outbox.buffered * requests / sent if sent else 0
        return outlasts(elapsed, requests, left, float(self.arguments.interval) / 2)

    def _send(self, request: Batch) -> bool:
        """Send one request. False where nothing more can be sent for now."""
        replies: list[object] = []
        self.ledger = self.ledger.sending(request, replies, self.world.monotonic())
        post = partial(self._post, request, replies)
        if self.patience.deadline is None:
            return self._outcome(request, replies, post)
        dispatch = self.patience.dispatch = Dispatch(request, replies, post)
        dispatch.start()
        return self._await(dispatch)

    def _await(self, dispatch: Dispatch) -> bool:
        """Wait for a request in another thread. False where its outcome is not known yet, or nothing more can be
        sent."""
        if not self.patience.wait(dispatch, self.look, self.clock):
            return False
        self.patience.dispatch = None
        return self._outcome(dispatch.request, dispatch.replies, dispatch.result)

    def _outcome(self, request: Batch, replies: list[object], result: Callable[[], None]) -> bool:
        """Act on what became of a request. False where nothing more can be sent for now.

        :param result: sends it, or raises what was raised
        """
        try:
            result()
        except UnusableBodyError:
            return True  # nothing was sent, and what goes next is cut to the room that there is now
        except self.complaints.tolerate as error:
            if not replies:
                return self._failed(request, error)
        self._settle()
        return True

    def _failed(self, request: Batch, error: BaseException) -> bool:
        """Act on a failed send, and tell. False where nothing more can be sent for now."""
        failure = describe(error, self.world.wall())
        why = self.complaints.shown(error) + (f', status {failure.status}' if failure.status else '')
        self.complaints.say('DEBUG', 'A request to CloudWatch failed: %s', why)
        self._made_client.lacks_credentials = asks_for_new_client(failure)
        goes_on = verdict(failure) is Verdict.SPLIT
        refused: list[Item] = []
        if goes_on:
            # A subclass that sends the data itself may have changed their order, so that positions say nothing.
            culprits = self.form.culprits(failure.message, request) if self.send_metrics is None else frozenset[int]()
            failures = self.ledger.failures
            ledger, refused, said = self.ledger.refused(
                request, culprits, why, self.clock.now(), too_large=is_too_large(failure)
            )
            self._apply((ledger, said))
            goes_on = self.ledger.failures == failures  # where everything is refused, that is a failure
        else:
            self._apply(self.ledger.failed(why, self.clock.now(), failure))
            goes_on = self.ledger.outage.tries_at_once
            if failure.timed_out:
                self.patience.request_timed_out(self.ledger)
        self.complaints.call(self._used.call_on_metric_upload_fails, error)
        self._report(self._rejected(refused, error))
        return goes_on

    def _settle(self) -> None:
        """Count a reply that is not counted yet. A request in another thread is left alone, since it may still come."""
        if self.patience.dispatch is None:
            flight, unsent = self.ledger.in_flight, self.ledger.unsent
            answer = None if flight is None else flight.answer
            self._apply(self.ledger.settled(self.world.wall(), answer))
            if self.ledger.unsent < unsent and answer is not None:
                self.complaints.forget(HANGS)
                self._tell(answer)

    def _tell(self, answer: Answer) -> None:
        """Tell what a reply says besides success, and report what it rejects."""
        remark = cleaned(answer.remark)
        if answer.rejected.number:
            message = '%d of %d metric data were not taken: %s'
            values = answer.rejected.number, len(answer.request.items), remark
            self.complaints.say_once(('rejected', answer.topic), 'WARNING', message, *values)
        elif remark:
            message = 'The reply to a request that was taken has a remark: %s'
            self.complaints.say_once(('remark', answer.topic), 'WARNING', message, remark)
        named = [answer.request.items[index] for index in sorted(answer.rejected.named)]
        self._report(self._rejected(named, NotTakenError(answer.remark)))

    def _rejected(self, items: Iterable[Item], error: BaseException) -> list[Discarded]:
        return [Discarded(self.form.metric_data(item), Reason.REJECTED, error) for item in items]

    def _apply(self, transition: tuple[Ledger, list[Saying]]) -> None:
        """Take a new ledger, and say what is to be said of it."""
        self.ledger, said = transition
        for saying in said:
            self.complaints.say(saying.level, saying.message, *saying.values)

    def _report(self, discarded: Iterable[Discarded]) -> None:
        self.complaints.report(discarded, self._used.call_on_discarded_metric)

"""The deliveries of one exporter: acts on what the pure core decides, and keeps the ledger of what became of it.

What may live here: reading, sending, calling back. What may not: threads, processes, schedules. The owner of a delivery
calls :meth:`Delivery.cycle` and :meth:`Delivery.attempt`, one at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable

from aws_satella.effects import signals
from aws_satella.effects.complaints import Complaints
from aws_satella.effects.destinations.clients import MadeClient
from aws_satella.effects.destinations.cloudwatch import PutMetricData, UnusableBodyError, describe
from aws_satella.effects.pacing import Pace
from aws_satella.effects.snapshot import Part, Snapshot, tree
from aws_satella.effects.stats import ExportStats, stats_of
from aws_satella.effects.user_code import UserCode
from aws_satella.pure import limits
from aws_satella.pure.arguments import DEFAULTS, Arguments
from aws_satella.pure.batches import Batch
from aws_satella.pure.formats import putmetricdata
from aws_satella.pure.formats.putmetricdata import CloudWatchClient, Item, MetricDatum
from aws_satella.pure.ledger import Ledger, Saying
from aws_satella.pure.outbox import Outbox
from aws_satella.pure.points import Discarded, Reason
from aws_satella.pure.replies import Verdict, asks_for_new_client, is_too_large, verdict
from aws_satella.pure.schedule import outlasts
from aws_satella.pure.temporality import Baseline, note

SendMetrics = Callable[[list[MetricDatum]], object]


def key_of(arguments: Arguments) -> Hashable:
    """The plan and the root: what a baseline belongs to."""
    return arguments.plan.identity, place_of(arguments)


def place_of(arguments: Arguments) -> Hashable:
    """The namespace and the root. All metrics are the same root, whether it was given or not."""
    root = arguments.root
    return arguments.namespace, None if root is None or root is tree(None) else id(root)


class Delivery:
    """Takes snapshots of the metrics of one exporter, and sends them to CloudWatch.

    :param arguments: what is to be sent, and how
    :param client: what sends it; made by the factory in the arguments, so that it can be made again
    """

    def __init__(self, arguments: Arguments, client: CloudWatchClient) -> None:
        self.arguments = arguments
        """May be replaced. A change takes effect with the next cycle."""
        self._used = arguments
        """The arguments of the present cycle."""
        self.client = client
        self._made_client = MadeClient(client)
        self.ledger = Ledger()
        self.complaints = Complaints()
        self.pace = Pace()
        self.user_code = UserCode()
        self.halted = False
        """Whether to send nothing more. What is read meanwhile is left to the successor."""
        self.ends = False
        """Whether the cycle is the last one, so that nothing may wait for user code that hangs."""
        self.complete = True
        """Whether the last cycle saw all metrics; False where an unforeseen error broke off the reading."""
        self.send_metrics: SendMetrics | None = None
        """Sends the data of one request, as dictionaries, in place of the client."""
        self.handed_over = False
        """Whether another delivery goes on with the ledger."""
        self.handing_over = threading.Lock()
        """Held for a moment, while another delivery takes over."""
        self.sending: str | None = None
        """The namespace of the request in flight."""
        self._destination: PutMetricData | None = None

    @property
    def outbox(self) -> Outbox:
        """What is unsent, and the count of all others."""
        return self.ledger.outbox

    @property
    def stats(self) -> ExportStats:
        """A snapshot."""
        return stats_of(self.ledger)

    @property
    def key(self) -> Hashable:
        """What it delivers: what its baseline belongs to."""
        return key_of(self.arguments)

    def note(self) -> Baseline:
        """The counts as they stand, for a forked child, to which they do not belong.

        No fork may fail because of them.
        """
        try:
            root = tree(self.arguments.root)
            return note(root) if root is not None and self.arguments.temporality == 'delta' else {}
        except Exception:
            return self.ledger.baseline

    def cycle(self) -> ExportStats:
        """Take a snapshot of all metrics, then send it.

        :return: the statistics after it
        """
        failures = self.ledger.failures
        self.take_snapshot()
        if self.ledger.failures <= failures:
            self.attempt()
        if self.ledger.failures and not self.ends:  # at the end all is given up, so that all has to be in the ledger
            self._apply(self.ledger.bounded(self._used.max_buffered))
        self.ledger = self.ledger.cycle_ended()
        return self.stats

    def take_snapshot(self) -> None:
        """Read and encode the whole tree, with one timestamp.

        What runs user code, and so may hang, is read last, when the rest is in the outbox already.
        """
        self._settle()
        self._used = self.arguments
        snapshot = Snapshot(self._used.plan, tree(self._used.root), self.pace, self.complaints)
        kept = snapshot.kept(self.ledger.baseline)
        if kept is not None:
            (batch, discarded), baseline = kept
            returnable = self._used.temporality == 'delta'
            self.ledger = self.ledger.recorded(batch, len(discarded), baseline, returnable=returnable)
            self._report(discarded)
        self._add(snapshot.levels())
        answered = not snapshot.computes or self._add_computed(snapshot)
        self.complete = answered and snapshot.complete

    def _add(self, part: Part | None) -> None:
        """Take more of the same cycle."""
        if part is not None:
            self.ledger = self.ledger.added(part.batch, len(part.discarded))
            self._report(part.discarded)

    def _add_computed(self, snapshot: Snapshot) -> bool:
        """Ask user code. The rest is sent before that where the process ends, and where the answer takes its time.

        :return: whether all of it has answered
        """
        hanging = self.user_code.hanging()
        answer = self.user_code.ask(lambda: snapshot.computed(hanging))
        if self.ends or not answer.comes_soon():
            self.attempt()
        if answer.arrives():
            self._add(answer.value)
            return not hanging
        metric, name = snapshot.asked
        self.user_code.leave(answer, metric)
        if answer.is_overdue:
            message = 'Metric %s has not answered for %g s; the others are exported without it until it does'
            self.complaints.say_once(('hangs', name), 'WARNING', message, name, answer.waited)
        return False

    def attempt(self) -> None:
        """Send what is in the outbox, oldest first, until all is sent, a send fails, or everything is refused."""
        self._settle()
        self._apply(self.ledger.aged(time.time()))
        if self._made_client.lacks_credentials:
            factory = self.arguments.client_factory
            self.client = self._made_client.with_credentials(self.client, factory, self.complaints)
        self.ledger = self.ledger.begun()
        destination = self._current_destination()
        fill = self.ledger.failures > 0
        began, requests, buffered = time.monotonic(), 0, self.outbox.buffered
        while not self.halted and self.outbox.buffered:
            # A caller may have begun to wait since the last request.
            fill = (
                fill
                or self.pace.hurried
                or self._is_slow(time.monotonic() - began, requests, buffered - self.outbox.buffered)
            )
            by_user = self.send_metrics is not None
            room = destination.room(self._max_items(fill), self.outbox.envelope, by_user=by_user)
            request = self.outbox.next(room, putmetricdata.metric)
            if request is None or not self._send(destination, request):
                break
            requests += 1

    def make_client_again(self) -> None:
        """Make another client, unless user code has replaced the one that was made.

        :raises aws_satella.InitializationError: it cannot be made; the one before stays
        """
        self.client = self._made_client.again(self.client, self.arguments.client_factory)

    def _current_destination(self) -> PutMetricData:
        """The destination for the client, which may have been replaced."""
        if self._destination is None or self._destination.client is not self.client:
            self._destination = PutMetricData(self.client)
        return self._destination

    def _max_items(self, fill: bool) -> int:
        """How many items a request takes. A bound that was given is always kept."""
        chosen = self._used.max_send_at_once
        return limits.MAX_DATA_PER_REQUEST if fill and chosen == DEFAULTS['max_send_at_once'] else chosen

    def _is_slow(self, elapsed: float, requests: int, sent: int) -> bool:
        """Whether an export in small requests would outlast half the interval."""
        left = self.outbox.buffered * requests / sent if sent else 0
        return outlasts(elapsed, requests, left, float(self.arguments.interval) / 2)

    def give_up(self) -> int:
        """Count what is unsent as dropped: there is no more time.

        :return: how many data were dropped
        """
        self._settle()
        unsent = self.outbox.buffered
        self.ledger = self.ledger.given_up()
        return unsent

    def _send(self, destination: PutMetricData, request: Batch) -> bool:
        """Send one request. False where nothing more can be sent for now."""
        replies: list[object] = []
        self.ledger = self.ledger.sending(request, replies)
        try:
            self._post(destination, request, replies)
        except UnusableBodyError:
            return True  # nothing was sent, and what goes next is cut to the room that there is now
        except self.complaints.tolerate as error:
            if not replies:
                return self._failed(request, error)
        self._settle()
        return True

    def _post(self, destination: PutMetricData, request: Batch, replies: list[object]) -> None:
        """Make the call, and note its reply in the same step, so that no exception comes in between."""
        if self.send_metrics is None:
            with signals.blocked():
                destination.send(request, replies)
        else:
            self.sending = request.envelope
            try:
                # In a tuple, because any reply of user code counts as sent.
                replies.append((self.send_metrics(putmetricdata.decode(request.items)),))
            finally:
                self.sending = None

    def _failed(self, request: Batch, error: BaseException) -> bool:
        """Act on a failed send, and tell. False where nothing more can be sent for now."""
        failure = describe(error)
        why = self.complaints.shown(error) + (f', status {failure.status}' if failure.status else '')
        self.complaints.say('DEBUG', 'A request to CloudWatch failed: %s', why)
        self._made_client.lacks_credentials = asks_for_new_client(failure)
        goes_on = verdict(failure) is Verdict.SPLIT
        rejected: list[Item] = []
        if goes_on:
            # A subclass that sends the data itself may have changed their order, so that positions say nothing.
            culprits = putmetricdata.culprits(failure.message) if self.send_metrics is None else frozenset[int]()
            ledger, rejected, said = self.ledger.refused(request, culprits, why, too_large=is_too_large(failure))
            self._apply((ledger, said))
            goes_on = not self.outbox.evidence.refuses_everything
        else:
            self._apply(self.ledger.failed(why))
        self.complaints.call(self._used.call_on_metric_upload_fails, error)
        self._report([Discarded(putmetricdata.metric_data(item), Reason.REJECTED, error) for item in rejected])
        return goes_on

    def _settle(self) -> None:
        """Count a reply that is not counted yet."""
        self._apply(self.ledger.settled(time.time()))

    def _apply(self, transition: tuple[Ledger, list[Saying]]) -> None:
        """Take a new ledger, and say what is to be said of it."""
        self.ledger, said = transition
        for saying in said:
            self.complaints.say(saying.level, saying.message, *saying.values)

    def _report(self, discarded: Iterable[Discarded]) -> None:
        """Say once a metric and reason what is discarded, and give every discard to the callback."""
        for data, reason, error, _ in discarded:
            name = data.name if isinstance(data.name, str) else self.complaints.shown(data.name)
            why = f'{reason.value} ({self.complaints.shown(error)})' if error is not None else reason.value
            topic = (reason, None if reason is Reason.TOO_MANY_SERIES else name)
            self.complaints.say_once(topic, 'WARNING', 'Metric %s is discarded: %s', name, why)
            self.complaints.call(self._used.call_on_discarded_metric, data)

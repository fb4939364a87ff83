"""The deliveries of one exporter: acts on what the pure core decides, and keeps the ledger of what became of it.

What may live here: reading, sending, calling back. What may not: threads, processes, schedules. The owner of a delivery
calls :meth:`Delivery.cycle` and :meth:`Delivery.attempt`, one at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

from aws_satella.effects.announcements import tell_of_start, tell_of_success
from aws_satella.effects.leftovers import Leftovers
from aws_satella.effects.snapshot import Part, Snapshot, tree
from aws_satella.effects.stats import ExportStats, stats_of
from aws_satella.effects.user_code import UserCode
from aws_satella.effects.world import REAL, World
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.batches import Batch
from aws_satella.pure.forks import Marks, Recorded
from aws_satella.pure.formats.putmetricdata import CloudWatchClient
from aws_satella.pure.ledger import Ledger
from aws_satella.pure.self_metrics import NO_SELF_READINGS, self_readings
from aws_satella.pure.temporality import Baseline, note


def key_of(arguments: Arguments) -> Hashable:
    """The plan and the root: what a baseline belongs to."""
    return arguments.plan.identity, place_of(arguments)


def place_of(arguments: Arguments) -> Hashable:
    """The namespace and the root. All metrics are the same root, whether it was given or not."""
    root = arguments.root
    return arguments.namespace, None if root is None or root is tree(None) else id(root)


class Delivery(Leftovers):
    """Takes snapshots of the metrics of one exporter, and sends them to CloudWatch.

    :param arguments: what is to be sent, and how
    :param client: what sends it; made by the factory in the arguments, so that it can be made again
    :param is_watched: whether a thread looks at its requests, and says of one that it hangs
    :param world: its clocks, its waits, and chance
    """

    def __init__(
        self, arguments: Arguments, client: CloudWatchClient, *, is_watched: bool = False, world: World = REAL
    ) -> None:
        super().__init__(arguments, client, is_watched=is_watched, world=world)
        self.user_code = UserCode(world=world)
        self.ends = False
        """Whether the cycle is the last one, so that nothing may wait for user code that hangs."""
        self.complete = True
        """Whether the last cycle saw all metrics; False where an unforeseen error broke off the reading."""
        self.recorded: Recorded | None = None
        """What of the metrics is sent: all, or in a child that nobody has started, what it has recorded itself."""
        self._first_export: list[Batch] | None = [] if is_watched else None
        """What the present cycle has read, until the first one was taken; None where nothing is to be said of that."""
        self.handed_over = False
        """Whether another delivery goes on with the ledger."""
        self.handing_over = threading.Lock()
        """Held for a moment, while another delivery takes over."""

    @property
    def stats(self) -> ExportStats:
        """A snapshot."""
        return stats_of(self.ledger)

    @property
    def key(self) -> Hashable:
        """What it delivers: what its baseline belongs to."""
        return key_of(self.arguments)

    @property
    def is_all_sent(self) -> bool:
        """Whether nothing of what was recorded is left to send, neither here, nor in the tree, nor in the spool."""
        ledger = self.ledger
        return not (ledger.outbox.buffered or ledger.failures or self.has_spooled())

    def note(self) -> Baseline:
        """The counts as they stand, for a forked child, to which they do not belong.

        No fork may fail because of them.
        """
        try:
            root = tree(self.arguments.root)
            return note(root) if root is not None and self.arguments.temporality == 'delta' else {}
        except Exception:
            return self.ledger.baseline

    def forked(self, ledger: Ledger, noted: Marks) -> Delivery:
        """The same for a forked child that sends only what it records itself.

        :param ledger: with the counts so far as baseline
        :param noted: the marks of the metrics at the fork
        """
        child = Delivery(self.arguments, self.client, is_watched=True, world=self.world)
        child._made_client = self._made_client.forked(self.client)
        child.ledger = ledger
        child.recorded = Recorded(noted)
        child._first_export = None
        return child

    def cycle(self) -> ExportStats:
        """Take a snapshot of all metrics, then send it.

        :return: the statistics after it
        """
        failures, began = self.ledger.failures, self.world.monotonic()
        self.take_snapshot()
        if self.ledger.failures <= failures:
            self.attempt()
        self.spool_unsent()
        is_late = self.patience.deadline is not None
        if (self.ledger.failures or is_late) and not self.ends:  # at the end all is given up, so it has to be counted
            self._apply(self.ledger.bounded(self._used.max_buffered))
        self.ledger = self.ledger.cycle_ended(self.world.monotonic() - began)
        self._tell_of_success()
        return self.stats

    def ask_in_thread(self, is_ending: Callable[[], bool]) -> None:
        """Ask user code in a thread for it from now on.

        :param is_ending: whether the exporter is to end. Before its last cycle it waits less for user code.
        """
        self.user_code = UserCode(lambda: is_ending() and not self.ends, in_thread=True, world=self.world)

    def tell_of_start(self) -> None:
        """Say what is exported, unless this is a child that nobody has started an exporter in."""
        if self.recorded is None:
            tell_of_start(self.arguments, self.client, self.complaints)

    def _tell_of_success(self) -> None:
        """Say once that a cycle was taken as a whole."""
        batches, self._first_export = self._first_export, [] if self._first_export is not None else None
        if batches and self.ledger.last_success is not None and not self.outbox.buffered:
            self._first_export = None
            tell_of_success(self._used, self.client, batches, self.complaints)

    def cycle_within(self, timeout: float | None, began: float) -> ExportStats:
        """The same for a caller that stops waiting after so many seconds. What is left stays in the outbox.

        :param began: when the caller began to wait, on the clock of the delivery
        """
        dispatch = self.patience.dispatch
        if dispatch is not None and dispatch.done.is_set():  # before anything is decided by it
            self._await(dispatch)
        admitted = self.patience.begin(timeout, began, self.ledger)
        stats = self.cycle()
        if admitted:
            self.patience.ran_out(timeout, self.ledger)
        return stats

    def take_snapshot(self) -> None:
        """Read and encode the whole tree, with one timestamp.

        What runs user code, and so may hang, is read last, when the rest is in the outbox already.
        """
        self._settle()
        self._used = self.arguments
        root = tree(self._used.root)
        snapshot = Snapshot(
            self._used.plan,
            root,
            self.pace,
            self.complaints,
            self.recorded,
            now=self.world.wall(),
            own=self_readings(self.ledger) if self._tells_of_itself() else NO_SELF_READINGS,
            since=self.ledger.since,
            views=self.ledger.views,
            is_halted=lambda: self.halted,
        )
        kept = snapshot.kept(self.ledger.baseline)
        if kept is not None:
            part, baseline = kept
            returnable = self._used.temporality == 'delta'
            recorded = self.ledger.recorded(part.batch, len(part.discarded), baseline, returnable=returnable)
            self._apply((recorded.viewed(part.views), list(part.sayings)))
            self._note(part.batch)
            self._report(part.discarded)
        self._add(snapshot.levels())
        answered = not snapshot.computes or self._add_computed(snapshot)
        self.complete = answered and snapshot.complete

    def _tells_of_itself(self) -> bool:
        """Whether to send metrics of the exporter itself.

        In a child that nobody has started an exporter in, not before it has had something to send: it makes no client
        before that.
        """
        return self._used.self_metrics and (self.recorded is None or bool(self.outbox.recorded))

    def _note(self, batch: Batch) -> None:
        if self._first_export is not None and batch.items:
            self._first_export.append(batch)

    def _add(self, part: Part | None) -> None:
        """Take more of the same cycle."""
        if part is not None:
            added = self.ledger.added(part.batch, len(part.discarded))
            self._apply((added.viewed(part.views), list(part.sayings)))
            self._note(part.batch)
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

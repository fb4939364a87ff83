"""What one process exports, and what a forked child takes of that.

What may live here: the state of a process, as a value of its own. What may not: which process this is, and starts.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable

from aws_satella.effects import greenlets
from aws_satella.effects.delivery import key_of, place_of
from aws_satella.effects.destinations.clients import InitializationError
from aws_satella.effects.exporter import AWSSatellaExporterThread
from aws_satella.effects.snapshot import tree
from aws_satella.effects.succession import Holders
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.forks import Marks, marks
from aws_satella.pure.ledger import Ledger
from aws_satella.pure.sharing import NOTHING_KEPT, Views
from aws_satella.pure.temporality import Baseline, note


class Process:
    """What one process exports."""

    def __init__(self) -> None:
        self.starting = threading.RLock()
        self.starter: int | None = None
        """The thread that is in the middle of a start. It may call us again from there, in a log or signal handler."""
        self.failed_start: InitializationError | None = None
        """The last start that failed."""
        self.exporting_once = threading.RLock()
        self.calls: set[Hashable] = set()
        """The calls of :func:`export_once` that have not returned, by thread and plan."""
        self.exporter: AWSSatellaExporterThread | None = None
        self.starts: Arguments | None = None
        """The arguments of an exporter whose client is just being made."""
        self.abandoned: AWSSatellaExporterThread | None = None
        """An exporter that ends without a last export, and whose baseline and outbox the next one takes over."""
        self.began = AWSSatellaExporterThread._world.wall()
        """When this process was forked, or at first used, in UNIX seconds."""
        self.baseline: Baseline = {}
        """The counts at the fork, which are the parent's to export."""
        self.exports_at_stop = False
        """Whether a wrapper exports when the server stops."""
        self.spools_at_exit = False
        """Whether what calls of :func:`export_once` leave is put into the spool at the end."""
        self.noted: dict[Hashable, Baseline] = {}
        """The same where the parent exports without ``start_if_not_started``, by namespace and root."""
        self.views: dict[Hashable, Views] = {}
        """The series that the parent has kept within its bounds, by plan and root."""
        self.holders = Holders()
        """The exporters, and the calls of :func:`export_once`, that hold the ledger of a plan."""

    def exporters(self) -> list[AWSSatellaExporterThread]:
        """The exporters that were started, and have not handed over."""
        return [each for each in self.holders if isinstance(each, AWSSatellaExporterThread)]

    def let_start(self) -> None:
        """Give greenlets their turn that are to start exporters in a forked child."""
        for each in self.exporters():
            greenlets.let_start(each)

    def going_on(self) -> list[AWSSatellaExporterThread]:
        """The exporters that go on in a child that is forked now; one whose client is just being made is among them."""
        going_on = [each for each in self.exporters() if each.goes_on_in_forks]
        if self.starts is not None and self.starts.in_forks is not False and self.exporter not in going_on:
            going_on.append(AWSSatellaExporterThread.without_client(self.starts))
        return going_on

    def first_ledger(self, arguments: Arguments, made: float) -> Ledger:
        """The ledger of a plan that this process has not exported yet.

        What the parent exports is not its own, even if it is to have other dimensions, such as a number of the process.

        :param made: when its exporter was made, in UNIX seconds
        """
        baseline = self.noted.get(place_of(arguments), self.baseline)
        views = self.views.get(key_of(arguments), NOTHING_KEPT)
        return Ledger(baseline, self.began if baseline else made, views=views)

    def starts_nothing(self, seconds: float) -> bool:
        """Wait for a start in another thread to end. False where it has not."""
        if not self.starting.acquire(timeout=seconds):
            return False
        self.starting.release()
        return True


def child_of(ancestors: list[Process]) -> Process:
    """State of a forked process: empty, with the counts that its parent will export as baseline."""
    child = Process()
    for parent in ancestors:
        child.baseline = _exported_by(parent)
        child.noted = dict(parent.noted)
        child.views = {**parent.views, **{each.delivery.key: each.delivery.ledger.views for each in parent.holders}}
        exporter = parent.exporter or parent.abandoned
        child.noted.update(parent.holders.noted(exporter))
        if exporter is not None:  # its counts are the baseline
            child.noted.pop(place_of(exporter.delivery.arguments), None)
    return child


def _exported_by(parent: Process) -> Baseline:
    """The counts that are not a child's: all so far where the parent exports, otherwise what was exported before."""
    exporter = parent.exporter or parent.abandoned
    if parent.starts is not None and not (exporter is not None and exporter.exporting):
        root = tree(parent.starts.root)
        return note(root) if root is not None and parent.starts.temporality == 'delta' else {}
    if exporter is None or exporter.delivery.handed_over:
        return parent.baseline
    # What an abandoned exporter has not exported is its successor's to export, in the parent.
    exports = exporter.exporting or exporter is parent.abandoned
    return exporter.delivery.note() if exports else exporter.delivery.ledger.baseline


def carry_on(parents: Iterable[Process], child: Process) -> None:
    """Let the exporters of the parent go on in the child. The fork waits for this."""
    noted: dict[int, Marks] = {}
    for parent in parents:
        for exporter in parent.exporters():
            exporter.end_copy()
        for exporter in parent.going_on():
            try:
                _carry_on(exporter, child, noted)
            except Exception:  # noqa: S112  # no fork may fail because of metrics, and no line may be logged here
                continue
            if exporter is parent.exporter or exporter not in parent.holders:
                child.exporter = exporter


def _carry_on(exporter: AWSSatellaExporterThread, child: Process, noted: dict[int, Marks]) -> None:
    """Let one exporter go on in a forked child.

    :param noted: the marks of each root, which are noted once
    """
    arguments = exporter.delivery.arguments
    root = id(arguments.root)
    if root not in noted:
        noted[root] = marks(tree(arguments.root))
    exporter.carry_on(child.first_ledger(arguments, child.began), noted[root])
    child.holders.add(exporter)

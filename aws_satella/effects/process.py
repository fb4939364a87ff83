"""One exporter for each process, and what a fork does to it. The only module with a state of its own.

The state is kept by process id, and the id is read before anything else, before any lock in particular. Some servers
fork without the hooks of Python, and a lock may be held by a thread that the child does not have.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Hashable, Iterable
from typing import Any

from aws_satella.effects import uwsgi
from aws_satella.effects.delivery import place_of
from aws_satella.effects.destinations.clients import InitializationError
from aws_satella.effects.exporter import AWSSatellaExporterThread, at_start
from aws_satella.effects.identity import Identity, identity
from aws_satella.effects.snapshot import tree
from aws_satella.effects.succession import Call, Holder, Holders, waits_for_this_thread
from aws_satella.pure.arguments import Arguments, bind
from aws_satella.pure.forks import Marks, marks
from aws_satella.pure.ledger import Ledger
from aws_satella.pure.signatures import takes_arguments
from aws_satella.pure.temporality import Baseline, note


class _Process:
    """What one process exports."""

    def __init__(self) -> None:
        self.starting = threading.RLock()
        self.exporting_once = threading.RLock()
        self.exporter: AWSSatellaExporterThread | None = None
        self.starts: Arguments | None = None
        """The arguments of an exporter whose client is just being made."""
        self.abandoned: AWSSatellaExporterThread | None = None
        """An exporter that ends without a last export, and whose baseline and outbox the next one takes over."""
        self.baseline: Baseline = {}
        """The counts at the fork, which are the parent's to export."""
        self.exports_at_stop = False
        """Whether a wrapper exports when the server stops."""
        self.noted: dict[Hashable, Baseline] = {}
        """The same where the parent exports without ``start_if_not_started``, by namespace and root."""
        self.holders = Holders()
        """The exporters, and the calls of :func:`export_once`, that hold the ledger of a plan."""

    def exporters(self) -> list[AWSSatellaExporterThread]:
        """The exporters that were started, and have not handed over."""
        return [each for each in self.holders if isinstance(each, AWSSatellaExporterThread)]

    def first_ledger(self, arguments: Arguments) -> Ledger:
        """The ledger of a plan that this process has not exported yet.

        What the parent exports is not its own, even if it is to have other dimensions, such as a number of the process.
        """
        return Ledger(self.noted.get(place_of(arguments), self.baseline))


_processes: dict[Identity, _Process] = {}


def _this_process() -> _Process:
    """The state of this process; a new one after a fork."""
    this = identity()
    process = _processes.get(this)
    if process is None:
        # Two threads may come here at once: setdefault is one step of the interpreter, so that both get the same.
        process = _processes.setdefault(this, _child_of(list(_processes.values())))
        for other in [each for each in list(_processes) if each != this]:
            _processes.pop(other, None)
    return process


def _child_of(ancestors: list[_Process]) -> _Process:
    """State of a forked process: empty, with the counts that its parent will export as baseline."""
    child = _Process()
    for parent in ancestors:
        child.baseline = _exported_by(parent)
        child.noted = dict(parent.noted)
        exporter = parent.exporter or parent.abandoned
        child.noted.update(parent.holders.noted(exporter))
        if exporter is not None:  # its counts are the baseline
            child.noted.pop(place_of(exporter.delivery.arguments), None)
    return child


def _exported_by(parent: _Process) -> Baseline:
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


def _after_fork() -> None:
    """Let the exporters of the parent go on in the child. The fork waits for this."""
    parents = list(_processes.values())
    child = _this_process()
    noted: dict[int, Marks] = {}
    for parent in parents:
        exporters = parent.exporters()
        if parent.starts is not None and parent.starts.in_forks is not False and not _runs(parent.exporter):
            exporters.append(AWSSatellaExporterThread.without_client(parent.starts))
        for exporter in exporters:
            if exporter.goes_on_in_forks:
                try:
                    _carry_on(exporter, child, noted)
                except Exception:  # noqa: S112  # no fork may fail because of metrics, and no line may be logged here
                    continue
                if exporter is parent.exporter or exporter not in parent.holders:
                    child.exporter = exporter


def _carry_on(exporter: AWSSatellaExporterThread, child: _Process, noted: dict[int, Marks]) -> None:
    """Let one exporter go on in a forked child.

    :param noted: the marks of each root, which are noted once
    """
    arguments = exporter.delivery.arguments
    root = id(arguments.root)
    if root not in noted:
        noted[root] = marks(tree(arguments.root))
    exporter.carry_on(child.first_ledger(arguments), noted[root])
    child.holders.add(exporter)


# Where a server forks without calling this, the first of our functions that the child calls notes the counts.
if hasattr(os, 'register_at_fork'):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


def note_fork() -> None:
    """Exclude what an exporting parent counted before the fork from this process's exports.

    After a fork that the interpreter knows of, nothing is left to do. Where a server forks without the hooks of Python,
    this has to be called before anything is counted.
    """
    _this_process()


@takes_arguments
def start_if_not_started(*args: Any, **kwargs: Any) -> None:
    """Start the exporter of this process, unless it runs. It may be called any number of times, from any thread or
    fork.

    An exporter that has died is replaced by another, which takes over what is unsent.

    :arguments:
    :raises aws_satella.InitializationError: the exporter cannot be set up; the next call tries again
    :raises ArgumentError: an argument has a value that is not allowed
    :raises ArgumentTypeError: an argument is missing, unknown, or of the wrong type
    """
    process = _this_process()
    if _runs(process.exporter):
        return
    if uwsgi.is_master():
        uwsgi.warn_of_master(os.getpid())
        return
    with process.starting:
        if not _runs(process.exporter):
            process.starts = bind(*args, **kwargs)
            try:
                _start(process, AWSSatellaExporterThread(**process.starts.keywords))
            finally:
                process.starts = None


def exporter_of_process() -> AWSSatellaExporterThread | None:
    """The exporter that this process has started, if any."""
    return _this_process().exporter


def replace_exporter(exporter: AWSSatellaExporterThread | None) -> None:
    """Make another exporter that of this process, or none. The one before ends without a last export."""
    process = _this_process()
    with process.starting:
        if process.exporter is not None and process.exporter is not exporter:
            process.exporter.abandon()
            process.abandoned = process.exporter
        process.exporter = exporter


def starting_lock() -> threading.RLock:
    """The lock under which this process starts its exporter."""
    return _this_process().starting


def is_running() -> bool:
    """Whether the exporter of this process runs.

    Every request of a site calls this, so it must cost next to nothing.
    """
    process = _processes.get(identity())
    exporter = None if process is None else process.exporter
    return exporter is not None and exporter.exporting and not exporter.automatic


def note_export_at_stop() -> None:
    """Note that a wrapper exports when the server stops, so that it may leave without exit hooks."""
    _this_process().exports_at_stop = True


def exports_at_stop() -> bool:
    """Whether a wrapper exports when the server stops."""
    return _this_process().exports_at_stop


def _runs(exporter: AWSSatellaExporterThread | None) -> bool:
    return exporter is not None and exporter.is_alive() and not exporter.automatic


def _start(process: _Process, exporter: AWSSatellaExporterThread) -> None:
    with process.holders.lock:
        exporter.delivery.ledger = process.first_ledger(exporter.delivery.arguments)
        before = (process.holders.of(exporter.delivery.key), process.exporter or process.abandoned)
        _replace_automatic(before)
        exporter.succeed(*(each for each in before if each is not None))
        exporter.announce()
        process.exporter = exporter  # before it exports anything: from then on, a fork has to know of it
        process.abandoned = None
        process.holders.add(exporter)
        try:
            exporter.start()
        except RuntimeError as error:
            raise InitializationError(f'The thread of the exporter could not be started: {error}') from error


def _enter(exporter: AWSSatellaExporterThread) -> None:
    """Let an exporter that the program starts itself go on from where calls of ``export_once`` have come to."""
    process = _this_process()
    with process.holders.lock:
        if exporter in process.holders:
            return
        if not exporter.stats.cycles:
            exporter.delivery.ledger = process.first_ledger(exporter.delivery.arguments)
            previous = process.holders.of(exporter.delivery.key)
            is_replaced = isinstance(previous, Call) or _replace_automatic([previous])
            exporter.succeed(*([previous] if previous is not None and is_replaced else []))
        exporter.announce()
        process.holders.add(exporter)


def _replace_automatic(before: Iterable[Holder | None]) -> bool:
    """End exporters that go on in a forked child by themselves: one that the program has started takes their place.

    :return: whether there was one
    """
    automatic = [each for each in before if isinstance(each, AWSSatellaExporterThread) and each.automatic]
    for each in automatic:
        each.abandon()
    return bool(automatic)


at_start.append(_enter)


def flush(timeout: float | None = None) -> bool:
    """Let the exporter of this process export now, and wait for it.

    For the end of a Lambda invocation, of a Celery worker, of a server that leaves the interpreter no time.

    :param timeout: seconds to wait; None waits as long as one attempt takes
    :return: True when everything that was recorded before the call has been sent. False after one failed attempt,
        after the timeout, for a while after a timeout at once, and where no exporter runs
    """
    process = _this_process()
    deadline = None if timeout is None else time.monotonic() + timeout
    # An exporter that another thread is just starting will have something to export.
    if not process.starting.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
        return False
    process.starting.release()
    exporter = process.exporter
    if exporter is None or waits_for_this_thread(exporter):
        return False
    return exporter.flush(None if deadline is None else max(0.0, deadline - time.monotonic()))

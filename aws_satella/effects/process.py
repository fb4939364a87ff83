"""One exporter for each process, and what a fork does to it. The only module that remembers exporters.

Other modules keep what belongs to the system, each beside the code that uses it: hooks, sessions, descriptors, locks,
and the names of files that could not be removed. That holds for all exporters, or is forgotten in a forked child.

The state of a process is kept by process id, and the id is read before anything else, before any lock in particular.
Some servers fork without the hooks of Python, and a lock may be held by a thread that the child does not have.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterable
from typing import Any, Final

from aws_satella.effects import signals, uwsgi
from aws_satella.effects.clock import Clock
from aws_satella.effects.destinations.clients import InitializationError
from aws_satella.effects.environment import bind_here, is_disabled, is_silenced
from aws_satella.effects.exporter import AWSSatellaExporterThread
from aws_satella.effects.identity import Identity, identity
from aws_satella.effects.life import at_start
from aws_satella.effects.spools import placed
from aws_satella.effects.state import Process, carry_on, child_of
from aws_satella.effects.stats import ExportStats
from aws_satella.effects.succession import Holder, waits_for_this_thread
from aws_satella.pure import checks
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.signatures import takes_settings

FLUSH_PART_SECONDS: Final = 1.0
"""How long ``flush()`` waits for a start before it counts that time, even if the clock stands still."""


_processes: dict[Identity, Process] = {}


def _this_process() -> Process:
    """The state of this process; a new one after a fork."""
    this = identity()
    process = _processes.get(this)
    if process is None:
        # Two threads may come here at once: setdefault is one step of the interpreter, so that both get the same.
        process = _processes.setdefault(this, child_of(list(_processes.values())))
        for other in [each for each in list(_processes) if each != this]:
            _processes.pop(other, None)
    return process


def _after_fork() -> None:
    parents = list(_processes.values())
    collects = gc.isenabled()
    gc.disable()  # a collection would touch, and so copy, all that the child shares with its parent
    try:
        carry_on(parents, _this_process())
    finally:
        if collects:
            gc.enable()


# Where a server forks without calling this, the first of our functions that the child calls notes the counts.
if hasattr(os, 'register_at_fork'):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
    signals.fork_hooks.add(_after_fork.__code__)


def note_fork() -> None:
    """Exclude what an exporting parent counted before the fork from this process's exports.

    After a fork that the interpreter knows of, nothing is left to do. Where a server forks without the hooks of Python,
    this has to be called before anything is counted.
    """
    _this_process()


@takes_settings
def start_if_not_started(*args: Any, **kwargs: Any) -> None:
    """Start the exporter of this process, unless it runs. It may be called any number of times, from any thread or
    fork.

    An exporter that has died, or was terminated, is replaced by another, which takes over what is unsent. Called again
    from inside a start, by a log handler or a signal handler in the same thread, it returns at once.

    Arguments that are not given are taken from environment variables. ``AWS_SATELLA_DISABLED=1`` starts nothing.

    :arguments:
    :raises aws_satella.InitializationError: the exporter cannot be set up; the next call tries again. Calls that have
        waited for an attempt that failed share its error
    :raises ArgumentError: an argument has a value that is not allowed
    :raises ArgumentTypeError: an argument is missing, unknown, or of the wrong type
    """
    process = _this_process()
    if _runs(process.exporter):
        return
    if is_disabled():
        return
    if uwsgi.is_master():
        uwsgi.warn_of_master(os.getpid())
        return
    arguments = bind_here(*args, **kwargs)  # wrong arguments are an error of this call alone
    failed_before = process.failed_start
    with process.starting:
        if process.starter is not None or _runs(process.exporter):
            return
        failed = process.failed_start
        if failed is not failed_before and failed is not None:
            raise InitializationError(str(failed)) from failed
        _start_alone(process, arguments)


def exporter_of_process() -> AWSSatellaExporterThread | None:
    """The exporter that this process has started, if any."""
    exporter = _this_process().exporter
    return None if exporter is not None and exporter.automatic else exporter


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
    return exporter is not None and exporter.serves_host


def note_export_at_stop() -> None:
    """Note that a wrapper exports when the server stops, so that it may leave without exit hooks."""
    _this_process().exports_at_stop = True


def exports_at_stop() -> bool:
    """Whether a wrapper exports when the server stops."""
    return _this_process().exports_at_stop


def _runs(exporter: AWSSatellaExporterThread | None) -> bool:
    """Whether to start no other. Its own callbacks and log handlers start none either, even while it ends."""
    if exporter is None or not exporter.is_alive():
        return False
    return not exporter.makes_way or waits_for_this_thread(exporter)


def _start_alone(process: Process, arguments: Arguments) -> None:
    try:
        process.starter = threading.get_ident()
        process.starts = arguments = placed(arguments)
        _start(process, AWSSatellaExporterThread(**arguments.keywords))
    except InitializationError as error:
        process.failed_start = error
        raise
    finally:
        process.starter = process.starts = None


def _start(process: Process, exporter: AWSSatellaExporterThread) -> None:
    with process.holders.lock:
        exporter.delivery.ledger = process.first_ledger(exporter.delivery.arguments, exporter.delivery.ledger.since)
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
    """Let an exporter that the program starts itself go on where the plan has been exported before.

    Two of the same plan that run at the same time each export everything.
    """
    process = _this_process()
    with process.holders.lock:
        if exporter in process.holders:
            return
        if not exporter.stats.cycles:
            exporter.delivery.ledger = process.first_ledger(exporter.delivery.arguments, exporter.delivery.ledger.since)
            previous = process.holders.of(exporter.delivery.key)
            _replace_automatic([previous])
            runs_on = isinstance(previous, AWSSatellaExporterThread) and previous.is_running
            exporter.succeed(*([previous] if previous is not None and not runs_on else []))
        exporter.announce()
        process.holders.add(exporter)


def _replace_automatic(before: Iterable[Holder | None]) -> None:
    """End exporters that go on in a forked child by themselves: one that the program has started takes their place."""
    for each in before:
        if isinstance(each, AWSSatellaExporterThread) and each.automatic:
            each.abandon()


at_start.append(_enter)


def flush(timeout: float | None = None) -> bool:
    """Let the exporters of this process export now, and wait for them.

    For the end of a Lambda invocation, of a Celery worker, of a server that leaves the interpreter no time.

    :param timeout: seconds to wait; None waits as long as one attempt takes, 0 or less does not wait
    :return: True when everything that was recorded before the call has been sent, and where the environment has turned
        the export off. False after one failed attempt, of one of them, after the timeout, for a while after a timeout
        at once, where no exporter runs, and from inside its start
    :raises ArgumentError: the timeout is not a number
    :raises ArgumentTypeError: the timeout is of the wrong type
    """
    seconds = checks.timeout('timeout', timeout)
    process = _this_process()
    if process.starter == threading.get_ident():
        return False
    clock = Clock(AWSSatellaExporterThread._world)
    deadline = clock.now() + seconds
    # An exporter that another thread is just starting will have something to export.
    if not clock.wait(process.starts_nothing, deadline, FLUSH_PART_SECONDS):
        return False
    process.let_start()
    running = [each for each in process.exporters() if each.is_running or each is process.exporter]
    waits = [each.ask(deadline - clock.now()) for each in running]  # all are asked before any is waited for
    answers = [wait(deadline - clock.now()) for wait in waits]
    return all(answers) if answers else is_silenced()


def stats() -> ExportStats | None:
    """What became of the metric data of this process so far: a snapshot.

    It is that of the exporter that :func:`start_if_not_started` has started, or else of the one that the program has
    started last.

    :return: None where no exporter runs in this process
    """
    process = _this_process()
    running = [each for each in process.exporters() if each.is_running]
    exporter = process.exporter if process.exporter in running else running[-1] if running else None
    return None if exporter is None else exporter.stats

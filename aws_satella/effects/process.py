"""One exporter a process, and what a fork does to it. The only module with a state of its own.

The state is kept by process id, and the id is asked for before anything else, before any lock in particular: some
servers fork without Python's hooks, and a lock may be held by a thread that the child does not have.
"""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar, cast

from aws_satella.effects import uwsgi
from aws_satella.effects.cloudwatch import InitializationError
from aws_satella.effects.delivery import Delivery, ExportStats
from aws_satella.effects.exporter import AWSSatellaExporterThread
from aws_satella.pure.temporality import Baseline

P = ParamSpec('P')
R = TypeVar('R')


class _Process:
    """What one process exports."""

    def __init__(self) -> None:
        self.starting = threading.Lock()
        self.exporting_once = threading.RLock()
        self.exporter: AWSSatellaExporterThread | None = None
        self.baseline: Baseline = {}
        """What is its parent's to export: the counts at the fork."""
        self.deliveries: dict[Hashable, Delivery] = {}
        """What :func:`export_once` has delivered, by namespace and root."""


_processes: dict[int, _Process] = {}


def _this_process() -> _Process:
    """The state of this process; a new one after a fork."""
    pid = os.getpid()
    process = _processes.get(pid)
    if process is None:
        # Two threads may come here at once: setdefault is one step of the interpreter, so that both get the same.
        process = _processes.setdefault(pid, _child_of(list(_processes.values())))
        for other in [each for each in list(_processes) if each != pid]:
            _processes.pop(other, None)
    return process


def _child_of(ancestors: list[_Process]) -> _Process:
    """What a forked process starts with: nothing, except that what its parent exports is not its own to export."""
    child = _Process()
    for parent in ancestors:
        child.baseline = _exported_by(parent)
        child.deliveries = {key: delivery.forked() for key, delivery in parent.deliveries.items()}
    return child


def _exported_by(parent: _Process) -> Baseline:
    """The counts that are not a child's: all so far, where the parent exports; else what was exported before."""
    if parent.exporter is None:
        return parent.baseline
    delivery = parent.exporter.delivery
    return delivery.note() if parent.exporter.exporting else delivery.baseline


# Where a server forks without calling this, the first of our functions that the child calls does the same.
os.register_at_fork(after_in_child=_this_process)


def note_fork() -> None:
    """Make sure that what a parent has counted that exports is not exported again by this process.

    After a fork that the interpreter knows of there is nothing left to do; where a server forks without Python's hooks,
    this has to be called before anything is counted.
    """
    _this_process()


def _arguments_of(constructor: Callable[P, object]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """The function takes the arguments of the constructor, and says so."""

    def decorate(function: Callable[..., R]) -> Callable[P, R]:
        taken = inspect.signature(constructor)
        function.__signature__ = taken.replace(  # type: ignore[attr-defined]  # what inspect and help() look for
            return_annotation=inspect.signature(function).return_annotation
        )
        return cast('Callable[P, R]', function)

    return decorate


@_arguments_of(AWSSatellaExporterThread)
def start_if_not_started(*args: Any, **kwargs: Any) -> None:
    """Start the exporter of this process, unless it runs: call it as often as you like, from any thread, in any fork.

    An exporter that has died is replaced by another, which takes over what is unsent.

    :param args: for :class:`~aws_satella.AWSSatellaExporterThread`
    :param kwargs: for :class:`~aws_satella.AWSSatellaExporterThread`
    :raises aws_satella.InitializationError: the exporter cannot be set up; the next call tries again
    :raises ValueError: an argument has a value that is not allowed
    :raises TypeError: an argument is missing, unknown, or of the wrong kind
    """
    process = _this_process()
    if _runs(process.exporter):
        return
    if uwsgi.is_master():
        uwsgi.warn_of_master(os.getpid())
        return
    with process.starting:
        if not _runs(process.exporter):
            _start(process, AWSSatellaExporterThread(*args, **kwargs))


def is_running() -> bool:
    """Whether the exporter of this process runs. Asked for with every request of a site, so it must cost nothing."""
    process = _processes.get(os.getpid())
    return process is not None and process.exporter is not None and process.exporter.exporting


def _runs(exporter: AWSSatellaExporterThread | None) -> bool:
    return exporter is not None and exporter.is_alive()


def _start(process: _Process, exporter: AWSSatellaExporterThread) -> None:
    if process.exporter is not None:
        exporter.delivery.take_over(process.exporter.delivery)
    else:
        exporter.delivery.baseline = process.baseline
    process.exporter = exporter  # before it exports anything: from then on, a fork has to know of it
    try:
        exporter.start()
    except RuntimeError as error:
        raise InitializationError(f'The thread of the exporter could not be started: {error}') from error


def flush(timeout: float | None = None) -> bool:
    """Have this process's exporter export now, and wait for it.

    For the end of a Lambda's invocation, of a Celery worker, of a server that leaves the interpreter no time.

    :param timeout: seconds to wait; None waits as long as one attempt takes
    :return: True when everything that was recorded before the call has been sent. False after one failed attempt,
        after the timeout, and where no exporter runs
    """
    process = _this_process()
    deadline = None if timeout is None else time.monotonic() + timeout
    # An exporter that is just being started, by another thread, will have something to export.
    if not process.starting.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
        return False
    process.starting.release()
    exporter = process.exporter
    return exporter is not None and exporter.flush(None if deadline is None else max(0.0, deadline - time.monotonic()))


@_arguments_of(AWSSatellaExporterThread)
def export_once(*args: Any, **kwargs: Any) -> ExportStats:
    """Export all metrics once, here and now, without a thread: for cron, Celery and Lambda.

    CloudWatch's failures raise nothing, since a job that has done its work has not failed for want of metrics: look at
    the result, or give a ``call_on_metric_upload_fails`` that raises the alarm. What could not be sent stays buffered,
    and the next call of this process for the same namespace sends it first. With ``temporality='delta'`` each call
    exports what has come since the last.

    :param args: for :class:`~aws_satella.AWSSatellaExporterThread`
    :param kwargs: for :class:`~aws_satella.AWSSatellaExporterThread`; ``interval`` and ``exit_timeout`` mean nothing
    :return: what became of this call's metric data, and how many wait to be sent
    :raises aws_satella.InitializationError: the client cannot be made
    :raises ValueError: an argument has a value that is not allowed
    :raises TypeError: an argument is missing, unknown, or of the wrong kind
    """
    delivery = AWSSatellaExporterThread(*args, **kwargs).delivery
    process = _this_process()
    with process.exporting_once:
        previous = process.deliveries.get(delivery.key)
        if previous is not None:
            delivery.take_over(previous)
        else:
            delivery.baseline = process.baseline
        process.deliveries[delivery.key] = delivery
        return _since(delivery.stats, delivery.cycle())


def _since(before: ExportStats, after: ExportStats) -> ExportStats:
    counters = ('sent', 'discarded', 'dropped', 'failed_requests', 'cycles')
    return replace(after, **{name: getattr(after, name) - getattr(before, name) for name in counters})

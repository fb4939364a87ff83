"""One export in the thread of its caller, or by the exporter that exports the same.

What may live here: who exports for a call, and what became of it. What may not: the ledgers of a process.
"""

from __future__ import annotations

import math
import os
import threading
from dataclasses import replace
from typing import Any, NamedTuple

from aws_satella.effects import exits
from aws_satella.effects.clock import Clock
from aws_satella.effects.delivery import Delivery, key_of
from aws_satella.effects.destinations.clients import make_client
from aws_satella.effects.environment import is_disabled
from aws_satella.effects.exporter import AWSSatellaExporterThread
from aws_satella.effects.process import _this_process
from aws_satella.effects.spools import placed
from aws_satella.effects.state import Process
from aws_satella.effects.stats import ExportStats
from aws_satella.effects.succession import Call, first_of_line, inherit, waits_for_this_thread
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.once import OnceArguments, bind_once, takes_arguments_once


@takes_arguments_once
def export_once(*args: Any, **kwargs: Any) -> ExportStats:
    """Export all metrics once, here and now, without a thread: for cron, Celery and Lambda.

    An error of CloudWatch raises nothing, since a job that has done its work has not failed because of metrics.
    Look at the result, or give a ``call_on_metric_upload_fails`` that raises the alarm. What could not be sent
    stays buffered, and the next call of this process for the same plan sends it first. With a ``spool`` it is on
    the disk when the call returns, and the next process with the same spool, namespace and destination sends it.
    With ``temporality='delta'`` each call exports what has come since the last. The plan is the root, the
    namespace, and all other arguments that decide which data are sent; ``interval``, ``max_send_at_once``,
    ``max_buffered``, ``exit_timeout``, ``client_factory`` and both callbacks do not belong to it.

    Where an exporter of the same plan runs in this process, the call asks it to export, and waits for that. Its client,
    its bounds and its callbacks count then. ``interval`` and ``exit_timeout`` mean nothing here.

    With a ``timeout``, requests are made in another thread. What has no reply when the time is over stays buffered,
    and the next call waits for that reply before it sends anything, so that nothing is sent twice. For a while after
    a timeout, calls with a timeout take their snapshot, send nothing, and return at once.

    Called again from inside an export of the same plan, by a callback, a metric or a log handler, it exports nothing,
    and returns what is buffered.

    Arguments that are not given are taken from environment variables. ``AWS_SATELLA_DISABLED=1`` exports nothing.

    :arguments:
    :return: what became of the metric data of this call, and how many wait to be sent
    :raises aws_satella.InitializationError: the client cannot be made
    :raises ArgumentError: an argument has a value that is not allowed
    :raises ArgumentTypeError: an argument is missing, unknown, or of the wrong type
    """
    clock = Clock(AWSSatellaExporterThread._world)
    began = clock.now()
    if is_disabled():
        return ExportStats()
    arguments = placed(bind_once(args, kwargs, os.environ))
    return _export_unless_inside(arguments, _Wait(clock, began, arguments.timeout))


class _Wait(NamedTuple):
    """How long a caller waits."""

    clock: Clock
    began: float
    """On the clock."""
    timeout: float | None
    """Seconds; None waits as long as the client does."""

    @property
    def deadline(self) -> float:
        """When the caller stops waiting, on the clock."""
        return math.inf if self.timeout is None else self.began + self.timeout

    @property
    def left(self) -> float:
        """Seconds that are left of the timeout."""
        return max(0.0, self.deadline - self.clock.now())


def _export_unless_inside(arguments: OnceArguments, wait: _Wait) -> ExportStats:
    """Export, unless this is called from inside an export of the same plan."""
    process = _this_process()
    key = key_of(arguments)
    call = threading.get_ident(), key
    around = [each for each in process.holders if waits_for_this_thread(each) and each.delivery.key == key]
    if around or call in process.calls:
        holder = around[0] if around else process.holders.of(key)
        stats = holder.delivery.stats if holder is not None else ExportStats()
        return _since(stats, stats)
    try:
        process.calls.add(call)
        process.let_start()
        return _export(process, arguments, wait)
    finally:
        process.calls.discard(call)


def _export(process: Process, arguments: OnceArguments, wait: _Wait) -> ExportStats:
    """Let an exporter of the same plan export, or export in this thread."""
    before: ExportStats | None = None
    while True:
        exporter = _serving(arguments)
        if exporter is None:
            after = _export_here(process, arguments, before, wait)
            if after is not None:
                return after
            continue
        before = before or first_of_line(exporter).stats
        exporter.flush(wait.left)
        if exporter.serving or not wait.left:
            return _since(before, exporter.stats)


def _serving(arguments: Arguments) -> AWSSatellaExporterThread | None:
    """An exporter of this process that exports just this."""
    key = key_of(arguments)
    for thread in reversed(threading.enumerate()):  # the one before the last may be in its last export
        if isinstance(thread, AWSSatellaExporterThread) and thread.serving and thread.delivery.key == key:
            thread.promote()  # a forked child whose program exports by itself sends everything
            return thread
    return None


def _export_here(
    process: Process, arguments: OnceArguments, before: ExportStats | None, wait: _Wait
) -> ExportStats | None:
    """Export in this thread. None where an exporter of the same plan was started meanwhile.

    :param before: the statistics before the call, where an exporter that has ended since was asked first
    """
    delivery = Delivery(arguments, make_client(arguments), world=AWSSatellaExporterThread._world)
    delivery.pace.hurry()
    delivery.clock = wait.clock
    call = Call(delivery)
    if not wait.clock.wait(lambda seconds: process.exporting_once.acquire(timeout=seconds), wait.deadline):
        holder = process.holders.of(delivery.key)  # another call sends, and is not done in time
        stats = (holder or call).delivery.stats
        return _since(stats, stats)
    try:
        with process.holders.lock:
            if _serving(arguments) is not None:
                return None
            previous = process.holders.of(delivery.key)
            delivery.ledger = process.first_ledger(arguments, delivery.ledger.since)
            call.predecessors = () if previous is None else (previous,)
            inherit(call)
            call.running = True
            process.holders.add(call)
        if arguments.spool is not None:  # before the export, which may end with an exception, or without a reply
            _spool_at_exit(process)
        return _since(before or delivery.stats, delivery.cycle_within(wait.timeout, wait.began))
    finally:
        call.running = False
        process.exporting_once.release()


def _spool_at_exit(process: Process) -> None:
    """Have late replies counted at the end of the process, and what is still buffered put into the spool."""
    if not process.spools_at_exit:
        process.spools_at_exit = True
        exits.at_exit(_spool_rest)


def _spool_rest() -> None:
    for holder in _this_process().holders:
        delivery = holder.delivery
        if isinstance(holder, Call) and not delivery.handed_over and delivery.arguments.spool is not None:
            delivery.give_up(delivery.stats)


def _since(before: ExportStats, after: ExportStats) -> ExportStats:
    counters = ('sent', 'discarded', 'dropped', 'failed_requests', 'cycles', 'spooled', 'delivered')
    return replace(after, **{name: getattr(after, name) - getattr(before, name) for name in counters})

"""The exporter's thread: when to act. What to do is :class:`~aws_satella.effects.delivery.Delivery`'s."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from satella.coding.concurrent import IntervalTerminableThread
from satella.instrumentation.metrics import MetricData

from aws_satella.effects import uwsgi
from aws_satella.effects.cloudwatch import ClientFactory, CloudWatchClient, make_client
from aws_satella.effects.delivery import Delivery, ExportStats
from aws_satella.pure import arguments
from aws_satella.pure.datum import Units
from aws_satella.pure.plan import Plan
from aws_satella.pure.schedule import backoff, next_slot, phase

LONGEST_WAIT = 3_600.0
"""Seconds; a longer interval is waited for in parts, since the platform bounds a timeout."""


LAST = -100
"""The priority of a finalizer of multiprocessing that runs after the program's own."""


def ignore(_: Any) -> None:
    """The default callback."""


class _Flush:
    """Somebody waits until all that was recorded before now is sent."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.sent = False

    def answer(self, sent: bool) -> None:
        self.sent = sent
        self.done.set()


class AWSSatellaExporterThread(IntervalTerminableThread):  # type: ignore[misc]  # satella has no type information
    """Exports satella's metrics to CloudWatch: once right after the start, then once an interval, and at the end.

    The thread is a daemon, and needs no attention: what was recorded last is exported when the interpreter exits or the
    thread is terminated, whichever comes first. :func:`~aws_satella.start_if_not_started` starts one for the process.

    :param namespace: the namespace of CloudWatch
    :param extra_dimensions: dimensions for every metric; they override labels of the same name
    :param interval: seconds between two exports, as a number or a text such as '30m'
    :param max_send_at_once: metric data in one request, 1 to 1000
    :param add_pid: the name of a dimension that has the process's id for its value; it overrides all others
    :param call_on_metric_upload_fails: called with the exception, from the exporter's thread, when a request fails
    :param call_on_discarded_metric: called with satella's ``MetricData``, from the exporter's thread, when a metric
        cannot be sent
    :param max_dimensions: a metric with more dimensions, all told, is discarded; 1 to 30
    :param temporality: 'cumulative' exports values as satella keeps them; 'delta' exports counters as increases, and
        histograms and summaries as distributions, from which CloudWatch computes percentiles
    :param units: metric name or shell pattern → unit, or a callable from the name to its unit
    :param storage_resolution: seconds; 60, or 1 for high resolution
    :param max_series: how many series are sent at most; the others are discarded
    :param exclude: shell patterns of names that are not exported
    :param max_buffered: how many unsent metric data are kept while CloudWatch does not answer; beyond, the oldest go
    :param exit_timeout: seconds that the interpreter's exit waits for the last export
    :param client_factory: makes the client; ``boto3.client('cloudwatch')`` by default
    :param root: the metric to export with all below it; names start with its own. All metrics by default
    :raises ValueError: an argument has a value that is not allowed; the message says which, and what is
    :raises TypeError: an argument is of the wrong kind
    :raises aws_satella.InitializationError: the client cannot be made
    """

    def __init__(
        self,
        namespace: str,
        extra_dimensions: Mapping[str, str] | None = None,
        interval: float | str = '300s',
        max_send_at_once: int = 20,
        add_pid: str | None = None,
        call_on_metric_upload_fails: Callable[[Exception], object] = ignore,
        call_on_discarded_metric: Callable[[MetricData], object] = ignore,
        *,
        max_dimensions: int = 10,
        temporality: str = 'cumulative',
        units: Units = None,
        storage_resolution: int = 60,
        max_series: int | None = None,
        exclude: Iterable[str] = (),
        max_buffered: int = 20_000,
        exit_timeout: float = 2.0,
        client_factory: ClientFactory | None = None,
        root: Any = None,
    ) -> None:
        plan = Plan(
            namespace,
            extra_dimensions,
            add_pid,
            max_send_at_once,
            max_dimensions,
            temporality,
            units,
            storage_resolution,
            max_series,
            exclude,
        )
        super().__init__(arguments.interval(interval), name='aws-satella-metrics', daemon=True)
        self._exit_timeout = arguments.seconds('exit_timeout', exit_timeout)
        buffered = arguments.whole_number('max_buffered', max_buffered, 0)
        on_failure = arguments.function('call_on_metric_upload_fails', call_on_metric_upload_fails)
        on_discard = arguments.function('call_on_discarded_metric', call_on_discarded_metric)
        if client_factory is not None:
            arguments.function('client_factory', client_factory)
        root = arguments.root(root)
        self._client_factory = client_factory
        self._made_client = make_client(client_factory)
        self._delivery = Delivery(plan, self._made_client, root, buffered, on_failure, on_discard)
        self._pid = os.getpid()
        self._mailbox: queue.SimpleQueue[_Flush | None] = queue.SimpleQueue()
        self._forced = False
        self._exporting = False
        self._exited = False
        self._stumbled = False

    @property
    def cloudwatch(self) -> CloudWatchClient:
        """The boto3 client. It may be replaced before the thread is started."""
        return self._delivery.client

    @cloudwatch.setter
    def cloudwatch(self, client: CloudWatchClient) -> None:
        self._delivery.client = client

    @property
    def stats(self) -> ExportStats:
        """What became of the metric data so far: a snapshot."""
        return self._delivery.stats

    @property
    def delivery(self) -> Delivery:
        """What the thread delivers, and has delivered."""
        return self._delivery

    @property
    def exporting(self) -> bool:
        """Whether the thread was started, and has not ended. A forked child sees what was true of the parent."""
        return self._exporting

    def start(self) -> AWSSatellaExporterThread:
        """Start the thread; in another process than it was made in, with a client of that process's own.

        :return: this thread
        :raises RuntimeError: it was started before, or the platform has no thread to give
        :raises aws_satella.InitializationError: a new client is needed, and cannot be made
        """
        if self.ident is not None:
            raise RuntimeError('An exporter can be started once')
        if self._pid != os.getpid():
            self._adopt()
        if uwsgi.threads_stand_still():
            uwsgi.warn_of_standstill(os.getpid())
        self._exporting = True
        try:
            super().start()
        except BaseException:
            self._exporting = False
            raise
        at_exit(self._exit)
        return self

    def _adopt(self) -> None:
        """Take over what was made before a fork."""
        if self.cloudwatch is self._made_client:
            self.cloudwatch = make_client(self._client_factory)
        # The interpreter takes all threads of the parent for ended, even if they were never started.
        super().__init__(self.seconds, name=self.name, daemon=self.daemon)
        self._pid = os.getpid()

    def is_alive(self) -> bool:
        """Whether the thread runs, in this process.

        Where a server forks without Python's hooks, a child's copy of the parent's thread would say that it does.
        """
        return self._pid == os.getpid() and super().is_alive()

    def terminate(self, force: bool = False) -> AWSSatellaExporterThread:
        """Ask the thread to export once more, and to end; it wakes at once. ``join()`` waits for it.

        :param force: end without an export, by raising SystemExit in the thread. What is unsent is left to the
            exporter that :func:`~aws_satella.start_if_not_started` starts next.
        :return: this thread
        """
        self._forced = self._forced or force  # the hook at exit, which comes later, takes nothing back
        self._delivery.halted = self._forced
        try:
            super().terminate(force=force and self.is_alive())
        except RuntimeError:
            pass  # a greenlet, or it has just ended: there is no thread to raise in, and nothing more is sent
        self._delivery.pace.hurry()
        self._mailbox.put(None)
        return self

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread to end, which takes as long as the request in flight.

        :param timeout: seconds
        """
        if self._pid == os.getpid():  # in another process there is nothing to wait for, and no end to it
            super().join(timeout)

    def flush(self, timeout: float | None = None) -> bool:
        """Export now and wait for it.

        :param timeout: seconds to wait; None waits as long as one attempt takes
        :return: whether everything that was recorded before the call has been sent. False after one failed attempt,
            after the timeout, and where the thread does not run
        """
        if not self.is_alive() or threading.current_thread() is self:
            return False
        request = _Flush()
        self._mailbox.put(request)
        self._delivery.pace.hurry()
        deadline = None if timeout is None else time.monotonic() + timeout
        # The thread answers, unless it was killed: so look after it from time to time.
        while not request.done.wait(1.0 if deadline is None else max(0.0, min(1.0, deadline - time.monotonic()))):
            if not self.is_alive() or (deadline is not None and time.monotonic() >= deadline):
                return False
        return request.sent

    def loop(self) -> None:
        """Export once: collect all metrics, and send them."""
        self._delivery.cycle()

    def run(self) -> None:
        """Export until terminated, whatever happens."""
        try:
            # On any other thread than this one, SystemExit is the program's wish to exit, and not a metric's whim.
            self._delivery.tolerate = BaseException
            self._keep_exporting()
            if not self._forced:
                self._export()
            if not self._forced:
                self._delivery.give_up()
        except SystemExit:
            pass  # terminate(force=True) reached the thread outside an export
        finally:
            self._exporting = False
            self._delivery.tolerate = Exception
            self._delivery.halted = False
            atexit.unregister(self._exit)
            _answer(self._requests(), sent=False)

    def _keep_exporting(self) -> None:
        started = time.monotonic()
        self._export()
        slot = phase(started, self.seconds, random.random())  # noqa: S311  # spreads load, guards nothing
        while not self._terminating:
            self._serve_until(next_slot(time.monotonic(), slot, self.seconds))
            if not self._terminating:
                self._export()

    def _serve_until(self, due: float) -> None:
        """Between two cycles: try again after a failure, and do what others ask for."""
        retry = self._next_attempt()
        while not self._terminating and (now := time.monotonic()) < due:
            if now >= retry:
                self._delivery.pace.ease(due - now)
                self._safely(self._delivery.attempt)
            elif (request := self._receive(min(due, retry) - now)) is not None:
                self._export(request)
            else:
                continue
            retry = self._next_attempt()

    def _next_attempt(self) -> float:
        failures = self._delivery.failures
        return time.monotonic() + backoff(failures, random.random()) if failures else float('inf')  # noqa: S311  # as above

    def _receive(self, timeout: float) -> _Flush | None:
        """A request that arrives within the timeout; None for nothing, and for being woken."""
        try:
            return self._mailbox.get(timeout=min(max(0.0, timeout), LONGEST_WAIT))
        except queue.Empty:
            return None

    def _requests(self) -> list[_Flush]:
        """All requests that have arrived."""
        requests = []
        while True:
            try:
                requests.append(self._mailbox.get_nowait())
            except queue.Empty:
                return [request for request in requests if request is not None]

    def _export(self, *requests: _Flush) -> None:
        """One cycle, for the schedule and for all that have asked for one by now."""
        waiting = [*requests, *self._requests()]
        if waiting or self._terminating:
            self._delivery.pace.hurry()
        else:
            self._delivery.pace.ease(self.seconds / 2)
        dropped = self.stats.dropped
        went_well = self._safely(self.loop)
        self._stumbled = not went_well
        _answer(waiting, sent=went_well and self._delivery.complete and self._is_sent(dropped))

    def _is_sent(self, dropped: int) -> bool:
        """Whether nothing is left to send, and nothing more was dropped than that."""
        return not self.stats.buffered and self.stats.dropped == dropped

    def _safely(self, act: Callable[[], object]) -> bool:
        """Nothing may end the thread but its termination. True where nothing was raised."""
        try:
            act()
        except BaseException:
            if not self._terminating:
                level = logging.DEBUG if self._stumbled else logging.ERROR
                self._stumbled = True
                self._delivery.say(level, 'An export failed in itself; the next one goes on', exc_info=True)
            return False
        return True

    def _exit(self) -> None:
        """The interpreter, or the process, is about to end: wait for the last export, but not for long."""
        if self._exited or self._pid != os.getpid():  # called twice, or registered by the parent of a forked process
            return
        self._exited = True
        if not self._terminating:
            self.terminate()
        self.join(self._exit_timeout)
        if self.is_alive():
            self._forced = True  # no further export, should the interpreter live long enough
            if not self.stats.buffered:  # it is stuck before it has collected anything
                self._delivery.say(
                    logging.WARNING, 'The last export did not end within exit_timeout=%g s', self._exit_timeout
                )
            self._delivery.give_up()


def _answer(requests: Iterable[_Flush], *, sent: bool) -> None:
    for request in requests:
        request.answer(sent)


def at_exit(act: Callable[[], object]) -> None:
    """Have it called when the process ends: by the interpreter, or by multiprocessing, whose children skip that."""
    atexit.register(act)
    multiprocessing_util = sys.modules.get('multiprocessing.util')
    if multiprocessing_util is not None and sys.modules['multiprocessing.process'].parent_process() is not None:
        multiprocessing_util.Finalize(None, act, exitpriority=LAST)

"""One exporter's deliveries: acts on what the pure core decides, and remembers what became of it.

It collects, sends, calls back and logs. It knows no threads, processes or schedules: whoever owns it calls
:meth:`Delivery.cycle` and :meth:`Delivery.attempt`, one at a time.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from satella.instrumentation import metrics as satella_metrics
from satella.instrumentation.metrics import MetricData

from aws_satella.effects.cloudwatch import CloudWatchClient, describe
from aws_satella.effects.pacing import Pace, PacedList
from aws_satella.pure import limits
from aws_satella.pure.datapoints import DataPoint, Discarded, Distribution, Reason
from aws_satella.pure.datum import MetricDatum
from aws_satella.pure.outbox import Batch, Outbox
from aws_satella.pure.plan import Plan
from aws_satella.pure.replies import Verdict, culprits, verdict
from aws_satella.pure.temporality import Baseline, Delta, note

logger = logging.getLogger('aws_satella')

T = TypeVar('T')

MAX_REMEMBERED = 1_000
"""Complaints that are remembered so as not to be repeated; a program with more gets no further ones."""


@dataclass(frozen=True)
class ExportStats:
    """What became of the metric data so far."""

    sent: int = 0
    """Data that CloudWatch took."""
    discarded: int = 0
    """Data that cannot be sent; each was given to ``call_on_discarded_metric``."""
    dropped: int = 0
    """Data that could have been sent, but not in time: the outbox was full, they were too old, the process ended."""
    buffered: int = 0
    """Data that wait to be sent."""
    failed_requests: int = 0
    """Calls of the client that raised; each was given to ``call_on_metric_upload_fails``."""
    cycles: int = 0
    """How often the metrics were collected."""
    last_success: float | None = None
    """When CloudWatch last took data, UNIX seconds."""


def tree(root: Any) -> Any:
    """The metric to export: the root of all, where none was given; None where there is none yet.

    ``getMetric()`` would take satella's lock, which in a forked child may be held by a thread that is no more.
    """
    return root if root is not None else satella_metrics.metrics.get('')


class Delivery:
    """Collects the metrics of one plan, and gets them to CloudWatch.

    :param plan: what is to be sent
    :param client: what sends it
    :param root: the metric to export, None for the root of all
    :param max_buffered: how many unsent data are kept
    :param on_failure: called with the exception of a failed send
    :param on_discard: called with satella's ``MetricData`` for what is discarded
    """

    def __init__(
        self,
        plan: Plan,
        client: CloudWatchClient,
        root: Any,
        max_buffered: int,
        on_failure: Callable[[Exception], object],
        on_discard: Callable[[MetricData], object],
    ) -> None:
        self.client = client
        self.plan = plan
        self._root = root
        self._max_buffered = max_buffered
        self._on_failure = on_failure
        self._on_discard = on_discard
        self.baseline: Baseline = {}
        self.outbox = Outbox()
        self.failures = 0
        """Failed attempts in a row."""
        self.tolerate: type[BaseException] = Exception
        """What the program's code, or the client, may raise at the cost of what it concerns alone."""
        self.pace = Pace()
        self.halted = False
        """Whether nothing more is to be sent, though it may be collected: somebody else will send it."""
        self.complete = True
        """Whether the last cycle saw all metrics; False where something unforeseen broke it off."""
        self._failed_requests = 0
        self._cycles = 0
        self._last_success: float | None = None
        self._complaints: set[Hashable] = set()
        self._dropped_before_outage = 0
        self._dropping = False

    @property
    def stats(self) -> ExportStats:
        """A snapshot."""
        outbox = self.outbox
        return ExportStats(
            outbox.sent,
            outbox.discarded,
            outbox.dropped,
            outbox.buffered,
            self._failed_requests,
            self._cycles,
            self._last_success,
        )

    @property
    def key(self) -> Hashable:
        """What it delivers, and where to."""
        return self.plan.namespace, self._root

    def note(self) -> Baseline:
        """The counts as they stand: for a forked child, to which they do not belong. No fork may fail for them."""
        try:
            root = tree(self._root)
            return note(root) if root is not None and self.plan.temporality == 'delta' else {}
        except Exception:
            return self.baseline

    def forked(self) -> Delivery:
        """The same for a forked child: it has nothing to send, and the counts so far are not its own."""
        child = Delivery(self.plan, self.client, self._root, self._max_buffered, self._on_failure, self._on_discard)
        child.baseline = self.note()
        return child

    def take_over(self, other: Delivery) -> None:
        """Go on where another, whose owner is gone, has stopped."""
        self.baseline = other.baseline
        self.outbox = other.outbox
        self.failures = other.failures
        self._failed_requests = other._failed_requests
        self._cycles = other._cycles
        self._last_success = other._last_success
        self._complaints = other._complaints
        self._dropped_before_outage = other._dropped_before_outage
        self._dropping = other._dropping

    def cycle(self) -> ExportStats:
        """Collect everything, and send it as it comes.

        While sends fail, keep it, and try once: when all is in, or when it is more than there is room for.

        :return: the statistics after it
        """
        timestamp = time.time()
        due = self.failures > 0
        for data in self._collect(timestamp, os.getpid()):
            self.outbox = self.outbox.put(Batch(timestamp, data))
            if not self.failures:
                self.attempt()
            elif self.outbox.buffered > self._max_buffered:
                if due:
                    self.attempt()
                due = False
                self._bound()
        self._cycles += 1
        if due:
            self.attempt()
        return self.stats

    def attempt(self) -> None:
        """Send what is in the outbox, oldest first, until all is sent or a send fails."""
        self._drop(self.outbox.without_older_than(time.time() - limits.MAX_AGE_SECONDS), 'older than two weeks')
        while not self.halted and (batch := self.outbox.next) is not None:
            if not self._send(batch):
                break

    def give_up(self) -> None:
        """Count what is unsent as dropped: there is no more time."""
        unsent, before = self.outbox.buffered, self.outbox.dropped - self._dropped_before_outage
        self.outbox = self.outbox.emptied()
        if unsent:
            self.say(
                logging.WARNING,
                '%d metric data could not be sent before the end, and are dropped; %d were dropped before them',
                unsent,
                before if self.failures else 0,
            )

    def say(self, level: int, message: str, *values: object, exc_info: bool = False) -> None:
        """Log, with a handler or a filter of the program's that may raise."""
        try:
            logger.log(level, message, *values, exc_info=exc_info, stacklevel=2)
        except self.tolerate:
            pass  # the one thing that cannot be logged

    def _collect(self, timestamp: float, pid: int) -> Iterator[list[MetricDatum]]:
        root = tree(self._root)
        if root is None:
            return
        points: Iterable[DataPoint | Discarded] = self.plan.data_points(
            root, self.baseline, self.tolerate, self.pace.give_way
        )
        try:
            sized = self.plan.sized(self.pace.paced(points), timestamp, pid, self.tolerate)
            yield from self.plan.requests(self._as_far_as_it_goes(sized), self._discard)
        finally:
            if isinstance(points, Delta):
                self.baseline = points.baseline

    def _as_far_as_it_goes(self, sized: Iterable[T]) -> Iterator[T]:
        """Whatever breaks the reading of the tree, what was read before is delivered, as the baseline says it was."""
        self.complete = True
        try:
            yield from sized
        except GeneratorExit:
            raise
        except self.tolerate:
            self.complete = False
            level = logging.ERROR if self._first_time('broken off') else logging.DEBUG
            self.say(level, 'The metrics were read in part; the next cycle reads them again', exc_info=True)

    def _send(self, batch: Batch) -> bool:
        """Send one batch. False where nothing more can be sent for now."""
        try:
            data = PacedList(batch.data, self.pace)
            self.client.put_metric_data(Namespace=self.plan.namespace, MetricData=data)
        except self.tolerate as error:
            return self._failed(error)
        if self.failures:
            self._recovered()
        self.outbox = self.outbox.accepted()
        self._last_success = time.time()
        self.say(logging.DEBUG, 'Sent %d metric data to %s', len(batch.data), self.plan.namespace)
        return True

    def _failed(self, error: BaseException) -> bool:
        """Act on a failed send, and tell. False where nothing more can be sent for now."""
        self._failed_requests += 1
        self.say(logging.DEBUG, 'A request to CloudWatch failed: %s', self._shown(error))
        failure = describe(error)
        refused = verdict(failure) is Verdict.SPLIT
        rejected: list[MetricDatum] = []
        if refused:
            self.outbox, rejected = self.outbox.refused(culprits(failure))
        else:
            self._hold(error)
        self._call(self._on_failure, error)
        for datum in rejected:
            self._report(Discarded(_metric_data(datum), Reason.REJECTED, error))
        return refused

    def _hold(self, error: BaseException) -> None:
        """Keep what is unsent, as far as there is room."""
        self.failures += 1
        if self.failures == 1:
            self._dropped_before_outage = self.outbox.dropped
            self.say(
                logging.WARNING,
                'Exports to CloudWatch fail; metric data are kept until it answers again: %s',
                self._shown(error),
            )
        self._bound()

    def _recovered(self) -> None:
        self.say(
            logging.INFO,
            'Exports to CloudWatch work again after %d failed attempts; %d metric data were kept, %d were dropped',
            self.failures,
            self.outbox.buffered,
            self.outbox.dropped - self._dropped_before_outage,
        )
        self.failures = 0
        self._dropping = False

    def _bound(self) -> None:
        self._drop(self.outbox.bounded(self._max_buffered), f'beyond max_buffered={self._max_buffered}')

    def _drop(self, after: Outbox, why: str) -> None:
        """Drop data, and say so once an outage; how many there were in all is said at its end."""
        number = after.dropped - self.outbox.dropped
        self.outbox = after
        if number and not self._dropping:
            self._dropping = True
            self.say(logging.WARNING, 'Metric data are dropped, the oldest first: %d that are %s', number, why)

    def _discard(self, discarded: Discarded) -> None:
        self.outbox = self.outbox.discard()
        self._report(discarded)

    def _report(self, discarded: Discarded) -> None:
        data, reason, error, _ = discarded
        name = data.name if isinstance(data.name, str) else self._shown(data.name)
        if self._first_time((reason, None if reason is Reason.TOO_MANY_SERIES else name)):
            why = f'{reason.value} ({self._shown(error)})' if error is not None else reason.value
            self.say(logging.WARNING, 'Metric %s is discarded: %s', name, why)
        self._call(self._on_discard, data)

    def _call(self, callback: Callable[[Any], object], argument: object) -> None:
        try:
            callback(argument)
        except self.tolerate:
            if self._first_time(id(callback)):
                self.say(logging.ERROR, 'The callback %s failed', self._shown(callback), exc_info=True)

    def _shown(self, subject: object) -> str:
        """The ``repr()`` of something of the program's, for a log: it may raise."""
        try:
            return repr(subject)
        except self.tolerate:
            return f'<{type(subject).__name__}>'

    def _first_time(self, complaint: Hashable) -> bool:
        """Whether to say something: logs do not repeat themselves every cycle."""
        if complaint in self._complaints or len(self._complaints) >= MAX_REMEMBERED:
            return False
        self._complaints.add(complaint)
        return True


def _metric_data(datum: MetricDatum) -> MetricData:
    """satella's form of a datum that CloudWatch refused."""
    value: object = datum.get('Value')
    if 'Values' in datum:
        value = Distribution(tuple(datum['Values']), tuple(datum['Counts']))
    labels = {dimension['Name']: dimension['Value'] for dimension in datum['Dimensions']}
    timestamp = datum.get('Timestamp')
    return MetricData(datum['MetricName'], value, labels, timestamp.timestamp() if timestamp else None)

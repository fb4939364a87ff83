"""The thread of an exporter: its life, and how a program talks to it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from satella.coding.concurrent import IntervalTerminableThread

from aws_satella.effects import children, exits, signals, uwsgi
from aws_satella.effects.children import Child
from aws_satella.effects.delivery import Delivery
from aws_satella.effects.destinations.clients import NO_CLIENT, make_client
from aws_satella.effects.destinations.cloudwatch import expect_success
from aws_satella.effects.identity import identity
from aws_satella.effects.loop import ExportLoop
from aws_satella.effects.phases import Phase
from aws_satella.effects.stats import ExportStats
from aws_satella.effects.succession import Holder, inherit, lives
from aws_satella.effects.user_code import UserCode
from aws_satella.pure.arguments import Arguments, bind
from aws_satella.pure.forks import Marks
from aws_satella.pure.formats.putmetricdata import CloudWatchClient, MetricDatum
from aws_satella.pure.ledger import Ledger
from aws_satella.pure.signatures import document, method_takes_arguments

PREDECESSOR_POLL_SECONDS: Final = 0.05
PREDECESSOR_PATIENCE_SECONDS: Final = 15.0

at_start: Final[list[Callable[[AWSSatellaExporterThread], object]]] = []
"""Called with each exporter that is about to start."""


def _assignable(name: str) -> Any:
    """An argument that can be read, and assigned: it is checked, and takes effect with the next cycle."""

    def get(exporter: AWSSatellaExporterThread) -> Any:
        return getattr(exporter.delivery.arguments, name)

    def assign(exporter: AWSSatellaExporterThread, value: Any) -> None:
        exporter.delivery.arguments = replace(exporter.delivery.arguments, **{name: value})

    return property(get, assign, doc=f'The argument ``{name}``. An assignment takes effect with the next export.')


class AWSSatellaExporterThread(IntervalTerminableThread):  # type: ignore[misc]  # satella has no type information
    """Exports the metrics of satella to CloudWatch: once right after the start, then once an interval, and at the end.

    The thread is a daemon, and needs no attention. What was recorded last is exported when the interpreter exits or the
    thread is terminated, whichever comes first. :func:`~aws_satella.start_if_not_started` starts one for the process.

    :arguments:
    :raises ArgumentError: an argument has a value that is not allowed; the message says which, and what is allowed
    :raises ArgumentTypeError: an argument is missing, unknown, or of the wrong type
    :raises aws_satella.InitializationError: the client cannot be made
    """

    namespace = _assignable('namespace')
    extra_dimensions = _assignable('extra_dimensions')
    max_send_at_once = _assignable('max_send_at_once')
    add_pid = _assignable('add_pid')
    call_on_metric_upload_fails = _assignable('call_on_metric_upload_fails')
    call_on_discarded_metric = _assignable('call_on_discarded_metric')

    @method_takes_arguments
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        arguments = bind(*args, **kwargs)
        self._set_up(Delivery(arguments, make_client(arguments.client_factory), is_watched=True))

    def _set_up(self, delivery: Delivery) -> None:
        """Make everything anew but the delivery."""
        super().__init__(float(delivery.arguments.interval), name='aws-satella-metrics', daemon=True)
        self._delivery = delivery
        if getattr(self.send_metrics, '__func__', None) is not AWSSatellaExporterThread.send_metrics:  # overridden
            self._delivery.send_metrics = self.send_metrics
        self._identity = identity()
        self._loop = ExportLoop(self._delivery, self.seconds, self._cycle, self._must_end)
        self._child: Child | None = None
        self._phase = Phase.NEW
        self._sent_before_end = 0
        self.predecessors: Sequence[Holder] = ()
        """Whose ledgers it takes over as soon as they have ended."""

    @classmethod
    def without_client(cls, arguments: Arguments) -> AWSSatellaExporterThread:
        """What a start in the parent would have made with its client, for a child that is forked before that."""
        exporter = cls.__new__(cls)
        exporter._set_up(Delivery(arguments, NO_CLIENT, is_watched=True))
        exporter.announce()
        return exporter

    @property
    def cloudwatch(self) -> CloudWatchClient:
        """The boto3 client, which is made again while it has no credentials. It may be replaced before the start."""
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
    def serving(self) -> bool:
        """Whether the thread may still export, in this process."""
        return self.is_alive() and self._phase is not Phase.GIVEN_UP

    @property
    def exporting(self) -> bool:
        """Whether the thread was started, and has not ended. A forked child sees what was true of the parent."""
        return self._phase not in (Phase.NEW, Phase.ENDED)

    def send_metrics(self, data: list[MetricDatum]) -> None:
        """Send the metric data of one request. A subclass may override this; what does not raise counts as sent.

        :param data: as ``put_metric_data`` takes them; they may be changed
        :raises Exception: anything that the client raises
        """
        namespace = self._delivery.sending or self._delivery.arguments.namespace
        expect_success(self.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data))

    def start(self) -> AWSSatellaExporterThread:
        """Start the thread; in another process than it was made in, with a client of that process.

        :return: this thread
        :raises RuntimeError: it was started before, or the platform has no thread to give
        :raises aws_satella.InitializationError: a new client is needed, and cannot be made
        """
        if self.automatic:
            self.promote()
            return self
        if self.ident is not None:
            raise RuntimeError('An exporter can be started once')
        if self._identity != identity():
            self._adopt()
        if uwsgi.threads_stand_still():
            uwsgi.warn_of_standstill(os.getpid())
        for each in at_start:
            each(self)
        self._advance(Phase.EXPORTING)
        try:
            super().start()
        except BaseException:
            self._phase = Phase.NEW
            raise
        exits.at_exit(self._exit)
        if self._delivery.arguments.handle_sigterm:
            signals.handle_sigterm()
        signals.warn_of_container(self.add_pid)
        return self

    @property
    def automatic(self) -> bool:
        """Whether it goes on in a forked child by itself, where nobody has started an exporter."""
        return self._child is not None and self._child.automatic

    def announce(self) -> None:
        """Say that it is about to start: from now on a fork has to know of it."""
        self._advance(Phase.EXPORTING)

    @property
    def goes_on_in_forks(self) -> bool:
        """Whether a child that is forked now goes on by itself. The thread of the exporter may have forked it."""
        wanted = self._delivery.arguments.in_forks is not False
        return wanted and self._phase is Phase.EXPORTING and threading.current_thread() is not self

    def carry_on(self, ledger: Ledger, noted: Marks) -> None:
        """Go on in a forked child, with what that records itself.

        The fork waits for this: it takes no lock of the parent, logs nothing, and makes no client.

        :param ledger: with the counts so far as baseline
        :param noted: the marks of the metrics at the fork
        """
        self._set_up(self._delivery.forked(ledger, noted))
        self._child = Child(self._delivery.arguments)
        self._loop.exports_at_once = False
        if self._child.may_be_orphaned:
            self._loop.longest_wait = children.ORPHAN_POLL_SECONDS
        self.announce()
        exits.at_exit_of_child(self, self._exit)
        children.start(super().start)

    def promote(self) -> None:
        """Export everything in this child from now on: the program has asked for it."""
        if self._child is not None:
            self._child.automatic, self._child.exports, self._delivery.recorded = False, True, None

    def succeed(self, *predecessors: Holder) -> None:
        """Take over the baseline and the outbox of others, as soon as they have ended."""
        self.predecessors = predecessors
        if not any(map(lives, predecessors)):
            inherit(self)

    def _adopt(self) -> None:
        """Take over what was made before a fork."""
        self._delivery.make_client_again()
        # The interpreter considers all threads of the parent ended, even those that were never started.
        super().__init__(self.seconds, name=self.name, daemon=self.daemon)
        self._identity = identity()

    def is_alive(self) -> bool:
        """Whether the thread runs, in this process.

        Where a server forks without the hooks of Python, a child's copy of the thread of its parent would say that it
        does.
        """
        return self._identity == identity() and super().is_alive()

    def terminate(self, force: bool = False) -> AWSSatellaExporterThread:
        """Ask the thread to export once more, and to end; it wakes at once. ``join()`` waits for it.

        :param force: end without an export, by raising SystemExit in the thread. What is unsent is left to the
            exporter that :func:`~aws_satella.start_if_not_started` starts next.
        :return: this thread
        """
        if force:
            self._force()
        else:
            self._sent_before_end = self.stats.sent
            self._advance(Phase.ENDING)
        try:
            super().terminate(force=force and self.is_alive())
        except RuntimeError:  # a greenlet, or a thread that has just ended: nothing can be raised in it
            pass
        self._loop.wake()
        return self

    def abandon(self) -> None:
        """End without a last export, after the request in flight. What is unsent is left to a successor."""
        self._force()
        super().terminate()
        self._loop.wake()
        exits.forget(self._exit)

    def _force(self) -> None:
        self._advance(Phase.FORCED)
        self._delivery.halted = True

    def _advance(self, phase: Phase) -> None:
        if phase.value > self._phase.value:
            self._phase = phase

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread to end, which takes as long as the request in flight.

        :param timeout: seconds
        """
        if self._identity == identity():  # in another process there is nothing to wait for, and it would never end
            super().join(timeout)

    def flush(self, timeout: float | None = None) -> bool:
        """Export now and wait for it.

        :param timeout: seconds to wait; None waits as long as one attempt takes
        :return: whether everything that was recorded before the call has been sent. False after one failed attempt,
            after the timeout, at once for a while after that, and where the thread does not run
        """
        if not self.is_alive() or threading.current_thread() is self:
            return False
        return self._loop.flush(timeout, self.is_alive)

    def loop(self) -> None:
        """Export once: read all metrics, then send them."""
        self._delivery.cycle()

    def _cycle(self) -> None:
        if self._child is None or self._child.exports:
            self.loop()  # looked up each time: a program may replace it
        else:
            self._child.tell(self._delivery)

    def _must_end(self) -> bool:
        if self._child is not None and self._child.is_orphan and self._phase is Phase.EXPORTING:
            self.terminate()
        return bool(self._terminating)

    def run(self) -> None:
        """Export until terminated, despite any error."""
        try:
            # On this thread a SystemExit can only come from a metric or from terminate(force=True), so tolerate it.
            self._delivery.complaints.tolerate = BaseException
            self._delivery.user_code = UserCode(lambda: self._terminating and not self._delivery.ends, in_thread=True)
            if self._take_over():
                self._loop.run()
                self._export_last()
        except SystemExit:  # terminate(force=True) reached the thread outside an export
            pass
        finally:
            self._phase = Phase.ENDED
            self._delivery.user_code.end()
            self._delivery.complaints.tolerate = Exception
            self._delivery.halted = False
            exits.forget(self._exit)
            self._loop.refuse_requests()

    def _take_over(self) -> bool:
        """Wait for the predecessor to end, then take over its ledger. False if this exporter must end before that."""
        began = time.monotonic()
        while any(map(lives, self.predecessors)):
            # Not join(): if SystemExit is raised in it, Python takes the thread that it waits for as ended.
            time.sleep(PREDECESSOR_POLL_SECONDS)
            if self._phase is Phase.FORCED:
                return False
            if time.monotonic() - began > PREDECESSOR_PATIENCE_SECONDS:
                message = 'Nothing is exported yet: the exporter before this one has not ended its last request'
                self._delivery.complaints.say_once('predecessor', 'WARNING', message)
        inherit(self)
        return True

    def _export_last(self) -> None:
        if self._phase is Phase.ENDING:
            self._delivery.ends = True
            self._loop.export()
        if self._phase is Phase.ENDING:
            self._give_up()

    def _give_up(self) -> None:
        """Count as dropped what is unsent at the end, and say how much that is."""
        is_refused = self._delivery.ledger.is_refused
        dropped = self._delivery.give_up()
        if not dropped:
            return
        sent = self.stats.sent - self._sent_before_end
        advice = f'a larger exit_timeout (now {self._delivery.arguments.exit_timeout:g} s) leaves more time'
        self._delivery.complaints.say(
            'WARNING',
            'The last export sent %d of %d metric data; %d are dropped, since %s',
            sent,
            sent + dropped,
            dropped,
            'CloudWatch did not take them' if is_refused else f'the process ends; {advice}',
        )

    def _exit(self) -> None:
        """At the end of the process, wait for the last export, but no longer than ``exit_timeout``."""
        # Registered by the parent of a forked process, or called already, by multiprocessing or by the interpreter.
        if self._identity != identity() or self._phase in (Phase.GIVEN_UP, Phase.ENDED):
            return
        if self._phase is Phase.EXPORTING:
            self.terminate()
        timeout = float(self._delivery.arguments.exit_timeout)
        self.join(timeout)
        if self.is_alive():
            self._advance(Phase.GIVEN_UP)  # no further export, should the interpreter live long enough
            if not self.stats.buffered:  # it is stuck before it has read anything
                say = self._delivery.complaints.say
                say('WARNING', 'The last export did not end within exit_timeout=%g s', timeout)
            self._give_up()


document(AWSSatellaExporterThread)

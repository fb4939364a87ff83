"""The life of the thread of an exporter: its start, its end, and what a fork does to it.

What may live here: threads, phases, exits. What may not: arguments, and what is exported.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from satella.coding.concurrent import IntervalTerminableThread

from aws_satella.effects import children, exits, greenlets, handlers, signals, uwsgi
from aws_satella.effects.children import Child
from aws_satella.effects.clock import MAX_WAIT_SECONDS, Clock
from aws_satella.effects.delivery import Delivery
from aws_satella.effects.identity import identity
from aws_satella.effects.loop import ExportLoop
from aws_satella.effects.phases import Phase
from aws_satella.effects.stats import ExportStats
from aws_satella.effects.succession import Holder, leaves_unsent, succeed, wait_for_predecessors, waits_for_this_thread
from aws_satella.pure.forks import Marks
from aws_satella.pure.ledger import Ledger

if TYPE_CHECKING:
    from typing_extensions import Self

at_start: Final[list[Callable[[ExporterLife], object]]] = []
"""Called with each exporter that is about to start."""


class ExporterLife(IntervalTerminableThread):  # type: ignore[misc]  # satella has no type information
    """The thread of an exporter, from its start to its end."""

    def _set_up(self, delivery: Delivery) -> None:
        """Make everything anew but the delivery."""
        super().__init__(float(delivery.arguments.interval), name='aws-satella-metrics', daemon=True)
        self._delivery = delivery
        self._identity = identity()
        self._loop = ExportLoop(self._delivery, self.seconds, self._cycle, self._must_end)
        self._child: Child | None = None
        self._body: greenlets.Body | None = None
        self._phase = Phase.NEW
        self._before_end = ExportStats()
        self.predecessors: Sequence[Holder] = ()
        self.successor: Holder | None = None
        self._process_ends = False
        self._mask: signals.Mask | None = None

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

    @property
    def makes_way(self) -> bool:
        """Whether another is to take its place: one that is ending, except at the end of the process, or automatic."""
        return self.automatic or (self._phase in (Phase.ENDING, Phase.FORCED) and not self._process_ends)

    @property
    def serves_host(self) -> bool:
        """Whether the program needs no other. Every request of a site asks for this."""
        return not self.automatic if self._phase is Phase.EXPORTING else self.exporting and not self.makes_way

    @property
    def is_current(self) -> bool:
        """Whether this is called by a callback, a metric or a log handler in a thread of this exporter."""
        return threading.current_thread() in (self, self._delivery.user_code.thread)

    def start(self) -> Self:
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
            self._begin()
        except BaseException:
            self._phase = Phase.NEW
            raise
        exits.at_exit(self._exit)
        if self._delivery.arguments.handle_sigterm:
            signals.handle_sigterm()
        signals.warn_of_container(self._delivery.arguments.add_pid)
        children.warn_of_cumulative(self._delivery)
        return self

    def _begin(self) -> None:
        with signals.deaf_at_birth() as self._mask:
            super().start()

    @property
    def automatic(self) -> bool:
        """Whether it goes on in a forked child by itself, where nobody has started an exporter."""
        return self._child is not None and self._child.automatic

    def announce(self) -> None:
        """Say that it is about to start: from now on a fork has to know of it."""
        self._advance(Phase.EXPORTING)

    @property
    def is_running(self) -> bool:
        """Whether it exports, and nobody has asked it to end."""
        return self._phase is Phase.EXPORTING and self.is_alive()

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
        greenlets.start(self._begin)

    def end_copy(self) -> None:
        """Let the copy end that a fork has made of the thread, where that is a greenlet."""
        if self._body is not None:
            self._delivery.complaints.tolerate = Exception  # so that its end is no failure of a request
            self._body.end_copy()

    def promote(self) -> None:
        """Export everything in this child from now on: the program has asked for it."""
        if self._child is not None:
            self._child.automatic, self._child.exports, self._delivery.recorded = False, True, None

    def succeed(self, *predecessors: Holder) -> None:
        """Take over the baseline and the outbox of others, as soon as they have ended."""
        succeed(self, predecessors)

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

    def terminate(self, force: bool = False) -> Self:
        """Ask the thread to export once more, and to end; it wakes at once. ``join()`` waits for it.

        :param force: end without an export, by raising SystemExit in the thread. What is unsent is left to the
            exporter that :func:`~aws_satella.start_if_not_started` starts next.
        :return: this thread
        """
        if force:
            self._force()
        else:
            self._before_end = self._delivery.stats
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
        if self._identity != identity():  # in another process there is nothing to wait for, and it would never end
            return
        if timeout is None or not timeout > MAX_WAIT_SECONDS:
            super().join(timeout)
            return
        clock, join = Clock(self._delivery.world), super().join
        clock.wait(lambda seconds: join(seconds) or not self.is_alive(), clock.now() + timeout)

    def ask(self, seconds: float) -> Callable[[float], bool]:
        """Ask for an export, as :meth:`flush` does. What is returned waits for it."""
        if not self.is_alive() or waits_for_this_thread(self):
            return lambda _seconds: False
        return self._loop.ask(seconds, self.is_alive)

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
        with greenlets.Body(self._ended) as self._body:
            signals.hear_again(self._mask)
            # On this thread a SystemExit can only come from a metric or from terminate(force=True), so tolerate it.
            self._delivery.complaints.tolerate = BaseException
            self._delivery.ask_in_thread(lambda: bool(self._terminating))
            if wait_for_predecessors(self, lambda: self._phase is Phase.FORCED):
                self._loop.run()
                self._export_last()

    def _ended(self) -> None:
        self._phase = Phase.ENDED
        self._delivery.user_code.end()
        self._delivery.complaints.tolerate = Exception
        self._delivery.halted = False
        exits.forget(self._exit)
        self._loop.refuse_requests()

    def _export_last(self) -> None:
        if self._phase is Phase.ENDING:
            self._delivery.ends = True
            self._loop.export()
        if self._phase is Phase.ENDING and not leaves_unsent(self):
            self._delivery.give_up(self._before_end)

    def _exit(self) -> None:
        """At the end of the process, wait for the last export, but no longer than ``exit_timeout``."""
        # Registered by the parent of a forked process, or called already, by multiprocessing or by the interpreter.
        if self._identity != identity() or self._phase in (Phase.GIVEN_UP, Phase.ENDED):
            return
        if self._child is not None and not greenlets.let_start(self):  # where a greenlet was to start it
            return
        greenlets.resolve_without_threads()
        self._process_ends = True
        signals.note_end()
        if self._phase is Phase.EXPORTING:
            self.terminate()
        timeout = float(self._delivery.arguments.exit_timeout)
        # Hooks run in the reverse order, so a successor that runs has just waited for this thread.
        self.join(0.0 if self.successor is not None and self.successor.is_alive() else timeout)
        self._delivery.complaints.at_exit(*{self.ident, *handlers.own_threads()})
        if self.is_alive():
            self._advance(Phase.GIVEN_UP)  # no further export, should the interpreter live long enough
            if not self._delivery.ledger.unsent:  # it is stuck before it has read anything
                message = 'The last export did not end within exit_timeout=%g s'
                self._delivery.complaints.say('WARNING', message, timeout)
            self._delivery.give_up(self._before_end)

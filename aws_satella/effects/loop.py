"""When an exporter acts: on schedule, after a failure, and when a caller asks for an export.

What may live here: waiting, and whom to answer. What may not: what an export does, and the life of the thread.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable
from typing import Final

from aws_satella.effects import signals
from aws_satella.effects.clock import MAX_WAIT_SECONDS, Clock
from aws_satella.effects.delivery import Delivery
from aws_satella.effects.identity import identity
from aws_satella.pure.schedule import backoff, next_slot, phase

MIN_OVERRUN_SECONDS: Final = 1.0
"""A shorter export is no overrun, however short the interval: it says that the machine is busy."""

POLL_SECONDS: Final = 1.0
"""How often a caller of ``flush()`` looks whether the thread is alive: a killed thread never answers."""


class _Flush:
    """A pending ``flush()``."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.sent = False

    def answer(self, sent: bool) -> None:
        self.sent = sent
        self.done.set()


class ExportLoop:
    """The loop of one exporter.

    :param delivery: what it delivers
    :param seconds: the interval
    :param act: runs one cycle
    :param has_ended: whether it is to end
    """

    def __init__(
        self, delivery: Delivery, seconds: float, act: Callable[[], object], has_ended: Callable[[], bool]
    ) -> None:
        self._delivery = delivery
        self._seconds = seconds
        self._act = act
        self._must_end = has_ended
        self._identity = identity()
        self._mailbox: queue.SimpleQueue[_Flush | None] = queue.SimpleQueue()
        self._world, self._clock = delivery.world, delivery.clock
        self.exports_at_once = True
        """Whether the first cycle comes right after the start."""
        self.longest_wait = MAX_WAIT_SECONDS
        """How often, at least, it is looked whether to end."""

    def wake(self) -> None:
        """Let it look at once whether it is to end."""
        self._delivery.pace.hurry()
        self._mailbox.put(None)

    def ask(self, timeout: float, is_alive: Callable[[], bool]) -> Callable[[float], bool]:
        """Ask for an export from another thread.

        :param timeout: seconds that the caller will wait; infinity for as long as one attempt takes
        :param is_alive: whether the thread of the loop is
        :return: waits for so many seconds, and tells whether everything that was recorded before has been sent; False
            at once after a timeout
        """
        delivery, bound = self._delivery, None if math.isinf(timeout) else timeout
        if not delivery.patience.admits(bound, delivery.ledger):
            return lambda _seconds: False
        request = _Flush()
        self._mailbox.put(request)
        delivery.pace.hurry()

        def wait(seconds: float) -> bool:
            clock = Clock(delivery.world)
            if clock.wait(request.done.wait, clock.now() + seconds, POLL_SECONDS, is_alive):
                return request.sent
            if is_alive():
                delivery.patience.ran_out(bound, delivery.ledger)
            return False

        return wait

    def _has_ended(self) -> bool:
        """Whether it is to end. Where threads are greenlets, a fork makes a copy of this loop, which has to end."""
        return self._identity != identity() or self._must_end()

    def run(self) -> None:
        """Export until it is to end.

        :raises SystemExit: this is a copy that a fork has made
        """
        self._identity = identity()
        started = self._clock.now()
        self._safely(self._delivery.tell_of_start)
        if self.exports_at_once:
            self.export()
        slot = phase(started, self._seconds, self._world.chance())
        while not self._has_ended():
            self._serve_until(next_slot(self._clock.now(), slot, self._seconds))
            if not self._has_ended():
                self.export()
        if self._identity != identity():
            raise SystemExit

    def export(self, *requests: _Flush) -> None:
        """Run one cycle, for the schedule and for all requests that have arrived by now."""
        waiting = [*requests, *self._requests()]
        self._delivery.must_try = bool(waiting) or self._has_ended()
        if self._delivery.must_try:
            self._delivery.pace.hurry()
        else:
            self._delivery.pace.ease(self._seconds / 2)
        dropped, began = self._delivery.stats.dropped, self._clock.now()
        went_well = self._safely(self._act)
        self._complain_of_overrun(self._clock.now() - began)
        sent = went_well and self._delivery.complete and self._is_sent(dropped)
        for request in waiting:
            request.answer(sent)

    def refuse_requests(self) -> None:
        """Answer all requests that have arrived: nothing is exported any more."""
        for request in self._requests():
            request.answer(sent=False)

    def _serve_until(self, due: float) -> None:
        """Between two cycles: try again after a failure, and answer requests for an export."""
        retry = self._next_attempt()
        while not self._has_ended() and (now := self._clock.now()) < due:
            if now >= retry:
                self._delivery.pace.ease(due - now)
                self._delivery.must_try = False
                self._safely(self._delivery.attempt)
            elif (request := self._receive(min(due, retry, now + MAX_WAIT_SECONDS))) is not None:
                self.export(request)
            else:
                continue
            retry = self._next_attempt()

    def _next_attempt(self) -> float:
        ledger = self._delivery.ledger
        if not ledger.failures:
            return float('inf')
        pause = backoff(ledger.failures, self._world.chance())
        return max(self._clock.now() + pause, ledger.outage.resumes)

    def _receive(self, deadline: float) -> _Flush | None:
        """A request that arrives in time. None for none, and for a message that only wakes the thread."""
        now = self._clock.now()
        until = min(deadline, now + self.longest_wait)
        arrived: list[_Flush | None] = []
        with signals.blocked():
            self._world.wait(lambda seconds: self._takes(arrived, seconds), max(0.0, until - now))
        if arrived:
            return arrived[0]
        self._clock.reached(until)
        return None

    def _takes(self, arrived: list[_Flush | None], seconds: float) -> bool:
        """Wait for a message. False where none has come in so many seconds."""
        try:
            arrived.append(self._mailbox.get(timeout=seconds))
        except queue.Empty:
            return False
        return True

    def _requests(self) -> list[_Flush]:
        """All requests that have arrived."""
        requests = []
        while True:
            try:
                requests.append(self._mailbox.get_nowait())
            except queue.Empty:
                return [request for request in requests if request is not None]

    def _complain_of_overrun(self, seconds: float) -> None:
        if seconds > max(self._seconds, MIN_OVERRUN_SECONDS) and not self._has_ended():
            message = (
                'An export took %.1f s, which is longer than interval=%g s. If CloudWatch and your metrics answer fast '
                'enough, a larger max_send_at_once (now %d, at most 1000) or a longer interval helps'
            )
            values = (seconds, self._seconds, self._delivery.arguments.max_send_at_once)
            self._delivery.complaints.say_once('overrun', 'WARNING', message, *values)

    def _is_sent(self, dropped: int) -> bool:
        """Whether nothing is left to send, and no more was dropped than before."""
        return self._delivery.is_all_sent and self._delivery.stats.dropped == dropped

    def _safely(self, act: Callable[[], object]) -> bool:
        """Let no error end the thread. True where nothing was raised."""
        complaints = self._delivery.complaints
        try:
            act()
        except BaseException:
            if not self._has_ended():
                message = 'Unexpected error during an export; the exporter goes on'
                complaints.say_once('unexpected', 'ERROR', message, exc_info=True)
            return False
        complaints.forget('unexpected')
        return True

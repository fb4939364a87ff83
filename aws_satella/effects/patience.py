"""How long callers wait for a destination that does not answer, and what is said of a request that hangs.

What may live here: deadlines, the breaker, and the thread that watches a request. What may not: sending, and the
ledger, which belongs to the thread that exports.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from aws_satella.effects import greenlets, signals
from aws_satella.effects.announcements import target_of_client
from aws_satella.effects.clock import MAX_WAIT_SECONDS, Clock
from aws_satella.effects.complaints import Complaints
from aws_satella.effects.dispatch import Dispatch
from aws_satella.effects.world import REAL, World
from aws_satella.pure.breaker import Breaker, waits_in_vain
from aws_satella.pure.ledger import Ledger

HANG_SECONDS: Final = 15.0
"""How long a request may have no reply before that is said. botocore waits a minute for each of its attempts."""

HANGS: Final = 'hangs'
"""The topic of the complaint of a request that hangs: said once an outage."""


class Patience:
    """How long callers wait for one destination.

    :param world: whose clock it goes by. Callers of many threads ask, so it is not the clock of one of them.
    """

    def __init__(self, world: World = REAL) -> None:
        self._now = world.monotonic
        self.deadline: float | None = None
        """When the caller of ``export_once()`` stops waiting, on the clock of its delivery. None waits for all."""
        self.dispatch: Dispatch | None = None
        """A request in a thread of its own, whose reply is not counted yet."""
        self.breaker = Breaker()
        """Set by callers and by the thread that exports: if both do so at once, the pause is that of one of them."""

    def begin(self, timeout: float | None, began: float, ledger: Ledger) -> bool:
        """A caller of ``export_once()`` waits.

        :param began: since when, on the clock of its delivery
        :return: False where it is to be answered at once
        """
        admitted = self.admits(timeout, ledger)
        self.deadline = began if not admitted else None if timeout is None else began + timeout
        return admitted

    def admits(self, timeout: float | None, ledger: Ledger) -> bool:
        """Whether to let a call wait, rather than answer at once."""
        now, sent = self._now(), ledger.sent
        hangs = timeout is not None or waits_in_vain(None, age(ledger, now))
        if hangs and self.breaker.refuses(now, sent):
            return False
        self.breaker = self.breaker.admitted(now, sent)
        return True

    def ran_out(self, timeout: float | None, ledger: Ledger) -> None:
        """A call has waited for its timeout. If a request has had no reply meanwhile, the next ones do not wait."""
        now = self._now()
        if timeout is not None and waits_in_vain(timeout, age(ledger, now)):
            self.breaker = self.breaker.timed_out(now, ledger.sent)

    def request_timed_out(self, ledger: Ledger) -> None:
        """A request has had no reply in the time that the client waits for one."""
        self.breaker = self.breaker.timed_out(self._now(), ledger.sent)

    def has_time(self, clock: Clock) -> bool:
        """Whether the caller still waits."""
        return self.deadline is None or clock.now() < self.deadline

    def wait(self, dispatch: Dispatch, look: Callable[[], float], clock: Clock) -> bool:
        """Wait for a request, as long as there is time.

        :param look: says what there is to say of the request, and returns how many seconds later to look again
        :return: whether its outcome is known
        """
        while not dispatch.done.is_set():
            pause = min(look(), MAX_WAIT_SECONDS)
            if not self.has_time(clock):
                return False
            until = clock.now() + pause
            clock.wait(dispatch.done.wait, until if self.deadline is None else min(until, self.deadline))
        return True


def age(ledger: Ledger, now: float) -> float:
    """For how many seconds a request has had no reply; 0 where there is none in flight."""
    in_flight = ledger.in_flight
    return max(0.0, now - in_flight.began) if in_flight is not None and not in_flight.replies else 0.0


def say_if_it_hangs(ledger: Ledger, client: Any, complaints: Complaints, now: float) -> float:
    """Say once an outage that a request has had no reply for long.

    :param now: monotonic seconds
    :return: after how many seconds to look again
    """
    waited = age(ledger, now)
    if waited < HANG_SECONDS:
        return HANG_SECONDS - waited
    in_flight = ledger.in_flight
    namespace = in_flight.request.envelope if in_flight is not None else ''
    message = (
        'CloudWatch has not answered a request for %.0f s, and the exporter waits as long as its client does: '
        'namespace %s, region %s, endpoint %s'
    )
    target = target_of_client(client)
    complaints.say_once(HANGS, 'WARNING', message, waited, namespace, target.region, target.endpoint)
    return HANG_SECONDS


class Watch:
    """Looks at a request from another thread while the thread that sends it waits in the socket.

    One thread for each attempt, which ends with the attempt: it takes some 0.1 ms. Where the platform has no thread to
    give, as at the end of the interpreter, the attempt goes on unwatched.

    :param look: says what there is to say, and returns how many seconds later to look again
    :param world: in which it waits between two looks
    """

    def __init__(self, look: Callable[[], float], world: World = REAL) -> None:
        self._look = look
        self._wait = world.wait
        self._over = threading.Event()
        self._watched = threading.current_thread()

    def __enter__(self) -> None:
        with signals.blocked():  # so that it is born deaf, and does not hear a signal while it ends either
            try:
                threading.Thread(target=self._run, name='aws-satella-watch', daemon=True).start()
            except RuntimeError:
                pass

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._over.set()

    def _run(self) -> None:
        # SystemExit of terminate(force=True) may keep the watched thread from saying that the attempt is over.
        with signals.blocked():
            pause = HANG_SECONDS
            while not self._wait(self._over.wait, pause) and self._watched.is_alive():
                pause = self._look()
        greenlets.enter_thread()

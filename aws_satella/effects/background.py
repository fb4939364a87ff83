"""The start of an exporter beside the requests of a process: it never makes a request wait, and never raises.

What may live here: when to start, and what to do at the end of a process that ends too early. What may not: Django, and
the protocols of servers.
"""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from aws_satella.effects.clock import Clock
from aws_satella.effects.complaints import Complaints, shown
from aws_satella.effects.environment import bind_here, is_disabled
from aws_satella.effects.exits import at_exit
from aws_satella.effects.exporter import AWSSatellaExporterThread
from aws_satella.effects.identity import identity
from aws_satella.effects.once import export_once
from aws_satella.effects.process import flush, note_fork, start_if_not_started
from aws_satella.effects.world import World
from aws_satella.pure.arguments import DEFAULTS

RETRY_SECONDS: Final = 60.0
"""The least time between the beginnings of two attempts to start an exporter."""


class _Attempt:
    """One attempt to start the exporter of this process, in a thread of its own.

    :param arguments: the arguments of the exporter
    :param world: its clock, and its waits
    """

    def __init__(self, arguments: Mapping[str, Any], world: World) -> None:
        self._arguments = arguments
        self._world = world
        self._began = world.monotonic()
        self._done = threading.Event()
        self._failure: BaseException | None = None
        self._exported = False
        self._thread: int | None = None
        """The thread of the attempt, for as long as it lives."""
        self.process = identity()

    @property
    def stands(self) -> bool:
        """Whether to leave it at this attempt: it is still running, or began less than RETRY_SECONDS ago.

        Never true in a forked child.
        """
        if self.process != identity():
            return False
        # A clock that a test tool has turned back must not put the next attempt off.
        return not self._done.is_set() or 0 <= self._world.monotonic() - self._began < RETRY_SECONDS

    def begin(self, then: Callable[[BaseException | None], object]) -> None:
        """Start the thread without waiting for it to run, as ``Thread.start()`` would.

        :param then: called with the error, or None, from the thread if there is one
        """
        try:
            _thread.start_new_thread(self._run, (then,))
        except Exception as error:
            self._done.set()
            then(error)

    def wait(self, seconds: float) -> bool:
        """Wait for its end."""
        clock = Clock(self._world)
        return clock.wait(self._done.wait, clock.now() + seconds)

    def finish(self, complaints: Complaints) -> None:
        """At exit, wait for an exporter that is still starting, so that the metrics of the first requests are
        exported."""
        if self.process != identity():
            return
        limit = float(self._arguments.get('exit_timeout', DEFAULTS['exit_timeout']))
        if self._done.is_set() or self._is_done_within(limit):
            complaints.at_exit(self._thread)  # it may be stuck in the log
            return
        complaints.at_exit(self._thread)
        complaints.say('WARNING', 'The last export did not end within exit_timeout=%g s', limit)

    def _is_done_within(self, limit: float) -> bool:
        clock = Clock(self._world)
        deadline = clock.now() + limit
        if not self.wait(limit):
            return False
        return bool(self._failure or self._exported or flush(max(0.0, deadline - clock.now())))

    def _run(self, then: Callable[[BaseException | None], object]) -> None:
        self._thread = _thread.get_ident()
        try:
            self._start()
        except BaseException as error:
            self._failure = error
        self._done.set()
        then(self._failure)
        self._thread = None

    def _start(self) -> None:
        try:
            start_if_not_started(**self._arguments)
        except RuntimeError as error:
            # Python 3.12+ starts no threads during shutdown. This thread is already running, so export from here.
            if 'interpreter shutdown' not in str(error):
                raise
            export_once(**self._arguments)
            self._exported = True


class BackgroundStart:
    """Starts the exporter of each process in a thread, beside the requests.

    :param arguments: the arguments of the exporter; None where the environment turns the export off
    """

    def __init__(self, arguments: Mapping[str, Any] | None) -> None:
        self._is_disabled = arguments is None
        self._world = AWSSatellaExporterThread._world
        self._arguments = dict(arguments or {})
        self._attempt: _Attempt | None = None
        self._complained = False
        self._complaints = Complaints()

    @classmethod
    def of(cls, *args: Any, **kwargs: Any) -> BackgroundStart:
        """Check the arguments, and take from the environment what was not given.

        :raises ArgumentError: an argument, or a variable that is used, has a value that is not allowed
        :raises ArgumentTypeError: an argument is missing, unknown, or of the wrong type
        """
        return cls(None if is_disabled() else bind_here(*args, **kwargs).keywords)

    def start(self) -> None:
        """Start the exporter, unless an attempt is running, or began a short while ago."""
        if self._is_disabled:
            return
        note_fork()  # here rather than in the thread, which would be too late for what this request counts
        last = self._attempt
        if last is not None and last.stands:
            return
        self._attempt = _Attempt(self._arguments, self._world)
        if last is None or last.process != self._attempt.process:
            at_exit(self._finish)
        self._attempt.begin(self._ended)

    def flush(self) -> bool:
        """Export now, in at most ``exit_timeout``: the server is about to leave without exit hooks.

        :return: whether everything that was recorded before has been sent
        """
        attempt = self._attempt
        limit = float(self._arguments.get('exit_timeout', DEFAULTS['exit_timeout']))
        clock = Clock(self._world)
        deadline = clock.now() + limit
        if attempt is not None and attempt.stands:
            attempt.wait(limit)
        return flush(max(0.0, deadline - clock.now()))

    def _finish(self) -> None:
        if self._attempt is not None:
            self._attempt.finish(self._complaints)

    def _ended(self, error: BaseException | None) -> None:
        level = 'DEBUG' if self._complained else 'ERROR'
        self._complained = error is not None
        if error is not None:
            message = 'Metrics are not exported; the next attempt comes in a minute at the earliest: %s'
            self._complaints.say(level, message, shown(error), exc_info=error)

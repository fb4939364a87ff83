"""Signals: those that the threads of this package leave to the program, and SIGTERM where nobody handles it.

Python runs the handlers of a program in its main thread. But the system may deliver a signal to any thread that has not
blocked it, and a signal that has no handler ends the process. So a thread of ours would take a SIGTERM that the program
has blocked in order to collect it by ``sigwait``. A handler in C runs in the thread that takes the signal: if that is
not the main thread, a worker of uWSGI ends without exit hooks.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, CodeType, FrameType
from typing import Final

from aws_satella.effects.complaints import say
from aws_satella.effects.world import REAL

FAULTS: Final = frozenset({'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGSEGV', 'SIGSYS', 'SIGTRAP'})
"""What the running instruction itself brings about. It ends the process whether it is blocked or not."""

BLOCKED: Final = {number for number in signal.valid_signals() if getattr(number, 'name', '') not in FAULTS}

MAX_LOOKS: Final = 200
"""How often a thread of ours looks whether another has taken a signal, before it hears signals again."""

PAUSE_SECONDS: Final = 0.005
"""The pause between two looks, and before a signal is sent again."""

INIT_PID: Final = 1
"""The process id of the first process of a container. The system sends it no signal for which it has no handler."""

EXIT_STATUS: Final = 128 + signal.SIGTERM
"""What a shell says of a process that was ended by SIGTERM."""


Mask = set[signal.Signals | int]


@contextmanager
def blocked(sleep: Callable[[float], object] = REAL.sleep) -> Iterator[None]:
    """Take no signal during the block. The thread has the mask that it was born with before and after.

    Whatever starts a program must be outside, since that would inherit the mask. Where greenlets run in the main
    thread, blocking would make the whole process deaf, so nothing is blocked there.

    :param sleep: pauses at the end of the block, while another thread is to take a signal
    """
    if not hasattr(signal, 'pthread_sigmask') or _is_main_thread():
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        yield
    finally:
        hear_again(mask, sleep)


@contextmanager
def deaf_at_birth() -> Iterator[Mask | None]:
    """Let a thread that is started in the block take no signal until it calls :func:`hear_again` with what this yields.

    A new thread may get the processor late, and a signal that is pending by then would be its first act. Greenlets are
    no threads of the system: nothing is blocked for them, and None is yielded.
    """
    if not hasattr(signal, 'pthread_sigmask') or not isinstance(_thread.start_new_thread, BuiltinFunctionType):
        yield None
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        yield mask
    finally:
        hear_again(mask)


def hear_again(mask: Mask | None, sleep: Callable[[float], object] = REAL.sleep) -> None:
    """Take the signals that this mask lets through, but leave those that are pending to another thread, unless this is
    the main one.

    The system hands a signal to the first thread that can take it, and the main thread of a busy machine may be late.
    Whether all others have blocked it, the system does not say. So the wait has a bound, in pauses, since a test of the
    program may have stopped the clock.
    """
    if mask is None:
        return
    try:
        for _ in range(MAX_LOOKS):
            if _is_main_thread() or signal.sigpending() <= mask:
                break
            sleep(PAUSE_SECONDS)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _is_main_thread() -> bool:
    """Whether the thread of the system is the main one, whatever greenlet runs in it."""
    return threading.get_native_id() in (os.getpid(), threading.main_thread().native_id)


def handle_sigterm() -> None:
    """Have SIGTERM end the process as ``sys.exit()`` does, unless the program handles it itself."""
    if not _is_unhandled():
        return
    if threading.current_thread() is not threading.main_thread():
        say('WARNING', 'handle_sigterm has no effect: the exporter was not started in the main thread')
        return
    signal.signal(signal.SIGTERM, _LEAVE)


class _Leave:
    """The handler of SIGTERM. Where the end is under way it raises nothing, as that would cut off the last export."""

    def __init__(self) -> None:
        self.process_ends = False

    def __call__(self, _number: int, frame: FrameType | None) -> None:
        if _is_in_hook(frame) and _comes_again():
            return
        # A pool of multiprocessing tells its children to end, and sends them SIGTERM right after that.
        util = sys.modules.get('multiprocessing.util')
        if not self.process_ends and (util is None or not util.is_exiting()):
            raise SystemExit(EXIT_STATUS)


fork_hooks: Final[set[CodeType]] = set()
"""The functions of this package that the interpreter calls in a child while the fork waits."""


def _is_in_hook(frame: FrameType | None) -> bool:
    """Whether a hook runs. The interpreter drops what is raised in it, so that the child would go on for ever."""
    while frame is not None and frame.f_code not in fork_hooks:
        frame = frame.f_back
    return frame is not None


def _comes_again() -> bool:
    """Have SIGTERM sent again once the hook may be over. False where the platform gives no thread for that."""
    try:
        _thread.start_new_thread(_send_again, (os.getpid(),))
    except RuntimeError:
        return False
    return True


def _send_again(pid: int) -> None:
    REAL.sleep(PAUSE_SECONDS)
    os.kill(pid, signal.SIGTERM)


_LEAVE: Final = _Leave()


def note_end() -> None:
    """Note that the process ends, and that an export in it may take ``exit_timeout``."""
    _LEAVE.process_ends = True


def _is_unhandled() -> bool:
    return signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def warn_of_container(add_pid: str | None) -> None:
    """Say what the first process of a container lacks."""
    if os.getpid() != INIT_PID:
        return
    if _is_unhandled():
        say(
            'WARNING',
            'This process has the process id 1 and no handler for SIGTERM, so it ignores that, and is killed when its '
            'container stops: what is recorded last is lost. handle_sigterm=True helps',
        )
    if add_pid is not None:
        say(
            'WARNING',
            'add_pid=%r adds the process id 1, as in every container; a host name is different in each: '
            "extra_dimensions={'host': socket.gethostname()}",
            add_pid,
        )

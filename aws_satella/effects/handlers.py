"""Log handlers that block: on a pipe that nothing reads, a dead socket, or user code that waits.

A thread inside a handler holds the lock of the handler, and of a buffered stream. The interpreter takes both at its
end, so a thread of ours that is stuck there would keep the process from ending.

What may live here: how to see that a handler would block, or does. What may not: what is logged.
"""

from __future__ import annotations

import logging
import select
import sys
import threading
from collections.abc import Iterator
from typing import Final

from aws_satella.effects.world import REAL

CHANNELS: Final = ('stream', 'socket', 'sock')
"""Where the handlers of the standard library keep what they write to."""

GLANCES: Final = 10
GLANCE_SECONDS: Final = 0.01
"""Between two looks at a thread. A handler that works takes much less than all of them for a line."""


def are_ready(logger: logging.Logger, level: int, seconds: float) -> bool:
    """Whether all handlers of a logger can take a line without blocking, as far as their files and sockets tell.

    A pipe that is ready has room for 4,096 bytes at least, which is more than a line.

    :param level: of the line
    :param seconds: how long to wait for each that is not ready
    """
    numbers = {number for handler in _handlers_of(logger) if handler.level <= level for number in _file_of(handler)}
    return all(_is_writable(number, seconds) for number in numbers)


def _handlers_of(logger: logging.Logger) -> list[logging.Handler]:
    """The handlers that a line of the logger reaches."""
    found: list[logging.Handler] = []
    current: logging.Logger | None = logger
    while current is not None:
        found += current.handlers
        current = current.parent if current.propagate else None
    return found or ([logging.lastResort] if logging.lastResort is not None else [])


def _file_of(handler: logging.Handler) -> Iterator[int]:
    """The file descriptors that a handler writes to. Most handlers of user code show none."""
    for name in CHANNELS:
        try:
            number = getattr(handler, name).fileno()
        except Exception:  # no such attribute, closed, or not a file: the handler sees to that itself
            number = None
        if type(number) is int and number >= 0:
            yield number


def _is_writable(number: int, seconds: float) -> bool:
    if not hasattr(select, 'poll'):  # Windows, which can ask sockets only
        return True
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))


def own_threads() -> list[int]:
    """The identifiers of all threads of the library, which are named after it."""
    threads = threading.enumerate()
    return [each.ident for each in threads if each.ident is not None and each.name.startswith('aws-satella-')]


def is_stuck(thread: int | None) -> bool:
    """Whether a thread is in a handler, or waits for the lock of one, and does not leave it within a moment.

    :param thread: its identifier
    """
    for _ in range(GLANCES):
        if not any(True for _ in _stack_of_handlers(thread)):
            return False
        REAL.sleep(GLANCE_SECONDS)
    return True


def leave_behind(thread: int | None) -> None:
    """Let ``logging.shutdown()`` pass over the handlers whose lock a thread holds, so that the process can end.

    ``shutdown()`` runs after all exit hooks that were registered since ``logging`` was imported. It takes the lock of
    each handler in this list, however long that takes.
    """
    held = {id(handler) for handler, is_held in _stack_of_handlers(thread) if is_held}
    references = getattr(logging, '_handlerList', [])
    for reference in list(references):
        if id(reference()) in held:
            references.remove(reference)


def _stack_of_handlers(thread: int | None) -> Iterator[tuple[logging.Handler, bool]]:
    """The handlers that a thread is in, and whether it holds the lock of each, rather than waits for it.

    botocore logs in the thread of the exporter as well, so the stack tells more than a note of our own lines would.
    """
    frame = sys._current_frames().get(thread) if thread is not None else None
    while frame is not None:
        handler = frame.f_locals.get('self')
        if isinstance(handler, logging.Handler):
            yield handler, frame.f_code.co_name == 'emit'
        frame = frame.f_back

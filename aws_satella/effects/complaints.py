"""What is said in the log: once, without raising, without secrets, and on one line.

What may live here: the logger, and how user code in log handlers, callbacks and ``repr()`` is kept from doing harm.
What may not: the decision what to log.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Final

from aws_satella.effects import handlers
from aws_satella.pure.points import Discarded
from aws_satella.pure.redaction import cleaned, masked, on_one_line

logger = logging.getLogger('aws_satella')

RECEIVER: Final = 'CloudWatch'
"""What messages call the receiver."""

MAX_REMEMBERED: Final = 1_000
"""Complaints that are remembered so as not to be repeated; a program with more of them gets no further ones."""

PATIENCE_SECONDS: Final = 1.0
"""How long a line waits for a pipe or socket that is full. A log that blocks must not hold up the exports."""


def say(
    level: str,
    message: str,
    *values: object,
    exc_info: BaseException | bool = False,
    tolerate: type[BaseException] = Exception,
    patience: float = PATIENCE_SECONDS,
) -> bool:
    """Log. A handler or a filter of the program may raise, which cannot be logged.

    :param values: fill the message; a text among them stays on its line, whatever characters it has
    :param exc_info: the exception whose traceback goes with it; True for the one that is being handled
    :param patience: seconds to wait for a handler that would block
    :return: False where the line was left out, because a handler would still have blocked
    """
    try:
        number = logging.getLevelName(level)
        if logger.isEnabledFor(number):
            error = sys.exc_info()[1] if exc_info is True else exc_info or None
            kept = None if error is None else _without_secrets(error)
            if not handlers.are_ready(logger, number, patience):
                return False
            logger.log(number, message, *map(_fitting, values), exc_info=kept, stacklevel=2)
    except tolerate:
        pass
    return True


def _fitting(value: object) -> object:
    """What fills a message. The name of a metric may have been made of what a user has typed."""
    return value if isinstance(value, (int, float)) else on_one_line(str(value))


def shown(subject: object, tolerate: type[BaseException] = Exception) -> str:
    """The ``repr()`` of an object of user code or of an error, for a log. It may raise, and may show secrets."""
    try:
        return cleaned(repr(subject))
    except tolerate:
        return f'<{type(subject).__name__}>'


def name_of(callback: Callable[..., object], tolerate: type[BaseException] = Exception) -> str:
    """Module and name of a callback, or of its class. Its ``repr()`` would show the arguments that are bound to it."""
    try:
        while isinstance(callback, functools.partial):
            callback = callback.func
        name = getattr(callback, '__qualname__', None)
        module = getattr(callback, '__module__', None)
        if isinstance(name, str):
            return f'{module}.{name}' if module else name
    except tolerate:
        pass
    return object.__repr__(callback)


def _without_secrets(error: BaseException) -> BaseException:
    """The error for a traceback: itself, or where a message in its chain shows secrets, the chain with masked ones."""
    chain = list(_chain(error))
    texts = {id(each): _text(each) for each in chain}
    if all(masked(text) == text for text in texts.values()):
        return error
    copies = {id(each): _copy(each, masked(texts[id(each)])) for each in chain}
    for each in chain:
        copy = copies[id(each)]
        copy.__cause__, copy.__context__ = copies.get(id(each.__cause__)), copies.get(id(each.__context__))
        copy.__suppress_context__ = each.__suppress_context__
    return copies[id(error)]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes and contexts, the members of groups, each once."""
    found, waiting = set[int](), [error]
    while waiting:
        each = waiting.pop()
        if id(each) not in found:
            found.add(id(each))
            yield each
            members = getattr(each, 'exceptions', ())
            more = (each.__cause__, each.__context__, *(members if isinstance(members, tuple) else ()))
            waiting += [other for other in more if isinstance(other, BaseException)]


def _text(error: BaseException) -> str:
    """What a traceback shows of an error beside its frames: its message, and its notes."""
    try:
        notes = getattr(error, '__notes__', None)
        return '\n'.join([str(error), *map(str, notes if isinstance(notes, list) else ())])
    except BaseException:  # the traceback module tolerates the same
        return '<exception str() failed>'


def _copy(error: BaseException, text: str) -> BaseException:
    """An error of the same name at the same place, which says this text."""
    kind = type(error)
    members = {'__module__': kind.__module__, '__qualname__': kind.__qualname__}
    copied: type[Exception] = type(kind.__name__, (Exception,), members)
    return copied(text).with_traceback(error.__traceback__)


class Complaints:
    """What one exporter has said.

    :param receiver: what messages call by its name, where they speak of CloudWatch
    """

    def __init__(self, receiver: str = RECEIVER) -> None:
        self._receiver = receiver.replace('%', '%%')
        self.tolerate: type[BaseException] = Exception
        """What user code may raise without ending the caller."""
        self.muted = False
        """Whether to log nothing more: the process ends, and the log does not answer."""
        self.patience = PATIENCE_SECONDS
        """Seconds to wait for a handler that would block: none while it has not taken the line before."""
        self._said: set[Hashable] = set()

    def is_heard(self, level: str) -> bool:
        """Whether a line of a level goes into the log, for one that takes work to put together."""
        return not self.muted and logger.isEnabledFor(logging.getLevelName(level))

    def say(self, level: str, message: str, *values: object, exc_info: BaseException | bool = False) -> None:
        """Log, every time."""
        if not self.muted:
            message = message.replace(RECEIVER, self._receiver)
            heard = say(level, message, *values, exc_info=exc_info, tolerate=self.tolerate, patience=self.patience)
            self.patience = PATIENCE_SECONDS if heard else 0.0

    def at_exit(self, *threads: int | None) -> None:
        """The process ends while threads that may log here have not ended: keep the log from holding it up.

        :param threads: their identifiers
        """
        self.patience = 0.0
        for thread in threads:
            if handlers.is_stuck(thread):
                self.muted = True
                handlers.leave_behind(thread)

    def say_once(self, topic: Hashable, level: str, message: str, *values: object, exc_info: bool = False) -> None:
        """Log, unless something was said of this topic before."""
        if self._is_new(topic):
            self.say(level, message, *values, exc_info=exc_info)

    def has_said(self, topic: Hashable) -> bool:
        """Whether :meth:`say_once` would say nothing of this topic."""
        return topic in self._said or len(self._said) >= MAX_REMEMBERED

    def forget(self, topic: Hashable) -> None:
        """Say it again the next time: it is over."""
        self._said.discard(topic)

    def call(self, callback: Callable[[Any], object], argument: object) -> None:
        """Call user code, and complain once of a callback that raises."""
        try:
            callback(argument)
        except self.tolerate:
            name = name_of(callback, self.tolerate)
            self.say_once(id(callback), 'ERROR', 'The callback %s failed', name, exc_info=True)

    def report(self, discarded: Iterable[Discarded], callback: Callable[[Any], object]) -> None:
        """Say once a metric and reason what is discarded, and give every discard to the callback."""
        for data, reason, error, _ in discarded:
            name = data.name if isinstance(data.name, str) else self.shown(data.name)
            why = f'{reason.value} ({self.shown(error)})' if error is not None else reason.value
            self.say_once((reason, name), 'WARNING', 'Metric %s is discarded: %s', name, why)
            self.call(callback, data)

    def shown(self, subject: object) -> str:
        """The ``repr()`` of an object of user code or of an error, for a log: see :func:`shown`."""
        return shown(subject, self.tolerate)

    def _is_new(self, topic: Hashable) -> bool:
        if self.has_said(topic):
            return False
        self._said.add(topic)
        return True

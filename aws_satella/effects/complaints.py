"""What is said in the log: once, and without raising.

What may live here: the logger, and how user code in log handlers, callbacks and ``repr()`` is kept from doing harm.
What may not: the decision what to log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import Any, Final

logger = logging.getLogger('aws_satella')

MAX_REMEMBERED: Final = 1_000
"""Complaints that are remembered so as not to be repeated; a program with more of them gets no further ones."""


def say(
    level: str,
    message: str,
    *values: object,
    exc_info: BaseException | bool = False,
    tolerate: type[BaseException] = Exception,
) -> None:
    """Log. A handler or a filter of the program may raise, which cannot be logged."""
    try:
        logger.log(logging.getLevelName(level), message, *values, exc_info=exc_info, stacklevel=2)
    except tolerate:
        pass


class Complaints:
    """What one exporter has said."""

    def __init__(self) -> None:
        self.tolerate: type[BaseException] = Exception
        """What user code may raise without ending the caller."""
        self._said: set[Hashable] = set()

    def say(self, level: str, message: str, *values: object, exc_info: bool = False) -> None:
        """Log, every time."""
        say(level, message, *values, exc_info=exc_info, tolerate=self.tolerate)

    def say_once(self, topic: Hashable, level: str, message: str, *values: object, exc_info: bool = False) -> None:
        """Log, unless something was said of this topic before."""
        if self._is_new(topic):
            self.say(level, message, *values, exc_info=exc_info)

    def forget(self, topic: Hashable) -> None:
        """Say it again the next time: it is over."""
        self._said.discard(topic)

    def call(self, callback: Callable[[Any], object], argument: object) -> None:
        """Call user code, and complain once of a callback that raises."""
        try:
            callback(argument)
        except self.tolerate:
            self.say_once(id(callback), 'ERROR', 'The callback %s failed', self.shown(callback), exc_info=True)

    def shown(self, subject: object) -> str:
        """The ``repr()`` of an object of user code, for a log: it may raise."""
        try:
            return repr(subject)
        except self.tolerate:
            return f'<{type(subject).__name__}>'

    def _is_new(self, topic: Hashable) -> bool:
        if topic in self._said or len(self._said) >= MAX_REMEMBERED:
            return False
        self._said.add(topic)
        return True

"""Batches of a spool while they are being sent, and their files.

What may live here: which file goes with which items. What may not: when they are sent, and calls of the operating
system.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from aws_satella.pure.batches import Batch, length
from aws_satella.pure.outbox import Outbox

if TYPE_CHECKING:
    from aws_satella.effects.drain import Drain, Spooled
    from aws_satella.effects.spool import Spool


class Drainage:
    """What one delivery sends out of a spool. Nobody else does until its end.

    :param drain: what is in the spool
    :param stack: what ends with it
    :param delivered_before: how many data the delivery had sent out of the spool before
    """

    def __init__(self, drain: Drain, stack: ExitStack, delivered_before: int) -> None:
        self.delivered_before = delivered_before
        self._drain = drain
        self._stack = stack
        self._rest = iter(drain)
        self._files: dict[str, Batch] = {}
        """What of the files that were taken out has not been sent."""
        self.end = stack.close

    @classmethod
    def of(cls, spool: Spool, delivered_before: int) -> Drainage | None:
        """All of a spool. None where another thread or process sends it, or nobody can."""
        with ExitStack() as stack:
            drain = stack.enter_context(spool.drain())
            return None if drain is None else cls(drain, stack.pop_all(), delivered_before)

    def prune(self, now: float) -> int:
        """Drop what is too old, or too much.

        :param now: UNIX seconds
        :return: how many items there were
        """
        return self._drain.prune(now)

    def next(self, until: float) -> Spooled | None:
        """The oldest batch that was not asked for yet. None where there is no more.

        :param until: the latest time of data that the destination takes, in UNIX seconds. What a clock that was wrong
            has stamped with a later time stays where it is.
        """
        return next((each for each in self._rest if each.batch.timestamp <= until), None)

    def took_out(self, spooled: Spooled) -> None:
        """Note that a batch is among the unsent ones now. From here on, what is missing there was sent."""
        self._files[spooled.name] = spooled.batch

    def settle(self, unsent: Outbox) -> list[Batch]:
        """Remove what was sent.

        :param unsent: what is still to be sent, of all files that were taken out
        :return: what is unsent of files that had to go as a whole, since there was no room for the rest of them
        """
        if unsent.buffered == length(self._files.values()):
            return []
        waiting = set(map(id, unsent.waiting()))
        without_file = []
        for name, batch in tuple(self._files.items()):
            rest = tuple(item for item in batch.items if id(item) in waiting) if waiting else ()
            if len(rest) == len(batch.items):
                continue
            if rest and self._drain.replace(name, batch._replace(items=rest)):
                self._files[name] = batch._replace(items=rest)
                continue
            if self._drain.remove(name) and rest:
                without_file.append(batch._replace(items=rest))
            del self._files[name]  # last, so that after an exception it is tried again
        return without_file

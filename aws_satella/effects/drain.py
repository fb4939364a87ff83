"""The batches of a spool in the hands of their only sender.

What may live here: when files are read and removed. What may not: when they are written
(:mod:`aws_satella.effects.spool`), what is in a file and which one is next (:mod:`aws_satella.pure.spooled`), and calls
of the operating system (:mod:`aws_satella.effects.spool_files`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from aws_satella.effects import spool_files
from aws_satella.effects.identity import identity
from aws_satella.pure import spooled
from aws_satella.pure.batches import Batch
from aws_satella.pure.spooled import Unreadable

if TYPE_CHECKING:
    from aws_satella.effects.spool import Spool


class Spooled(NamedTuple):
    """A batch of a spool."""

    name: str
    batch: Batch


class Drain:
    """The batches of a spool in the hands of their only sender, until the end of ``with``.

    A child that is forked meanwhile is not the sender: in it nothing is read, and nothing is removed.
    """

    def __init__(self, spool: Spool, directory: int) -> None:
        self._spool = spool
        self._directory = directory
        self._owner = identity()
        self._is_over = False
        self._has_changed = False
        self._in_hand: set[str] = set()
        """Names of batches that are being sent, and so are not dropped."""

    @property
    def is_held(self) -> bool:
        """Whether this process is still the sender."""
        return not self._is_over and identity() == self._owner

    def end(self) -> None:
        """Let others send, after what was removed is gone from the disk as well."""
        if self.is_held and self._has_changed:
            spool_files.sync(self._directory)
        self._is_over = True

    def __iter__(self) -> Iterator[Spooled]:
        """What is there to be sent, those with the oldest data first. Who has sent one removes it."""
        if self.is_held:
            for name in tuple(self._spool.sent):
                self.remove(name)
            for name in self._spool.queue(self._directory):
                batch = self._read(name) if self.is_held else None
                if batch is not None:
                    self._in_hand.add(name)
                    yield Spooled(name, batch)

    def _read(self, name: str) -> Batch | None:
        """The batch of a file. None where it has none, or is no longer there.

        In an outage, each attempt asks for the same one, which is not read again.
        """
        try:
            stamp = spool_files.stamp(self._directory, name)
            if stamp is not None and stamp == self._spool.last_read[0]:
                return self._spool.last_read[1]
            content = spool_files.read(self._directory, name) if stamp is not None else b''
        except FileNotFoundError:
            return None
        except OSError as error:
            self._spool.say(error)
            return None
        batch = spooled.from_bytes(content) if stamp is not None else Unreadable.FOREIGN
        if isinstance(batch, Unreadable):
            self._spool.pass_over(name, batch.value)
            return None
        self._spool.last_read = stamp, batch
        return batch

    def remove(self, name: str) -> bool:
        """Remove a batch that was sent, or is dropped. Where that fails, this process does not send it again."""
        if not self.is_held:
            return False
        self._spool.sent.add(name)
        try:
            spool_files.remove(self._directory, name)
        except OSError as error:
            self._spool.say(error)
            return False
        self._spool.sent.discard(name)
        self._spool.last_read = None, None
        self._has_changed = True
        return True

    def replace(self, name: str, batch: Batch) -> bool:
        """Put what is left of a batch in its place. Where that fails, the whole batch is still there."""
        if not self.is_held:
            return False
        hidden = spooled.hidden(name)
        try:
            spool_files.remove(self._directory, hidden)  # a sender that was killed may have left it
            spool_files.write(self._directory, name, hidden, spooled.to_bytes(batch), [])
            self._has_changed = True
        except OSError as error:
            self._spool.say(error)
            return False
        self._spool.forget(name)
        return True

    def prune(self, now: float, size: int = 0) -> int:
        """Drop what is too old, and the oldest of what is too much, and remove what killed processes left half-written.

        :param now: UNIX seconds
        :param size: bytes that there has to be room for
        :return: how many items were dropped
        """
        if not self.is_held:
            return 0
        there = spool_files.names(self._directory)
        if self._spool.is_to_be_tidied():
            self._tidy(there, now)
        names = [name for name in self._spool.queue(self._directory, there) if name not in self._in_hand]
        old = spooled.too_old(names, now)
        files = self._spool.files(self._directory, names[len(old) :])
        dropped = 0
        for name in (*old, *spooled.beyond(files, self._spool.max_bytes - size)):
            batch = self._read(name)
            if batch is not None and self.remove(name):
                dropped += len(batch.items)
        return dropped

    def _tidy(self, there: Iterable[str], now: float) -> None:
        """Remove unfinished files of processes that are gone. One that is not gone after all finds that it could not
        write its file, and keeps the batch."""
        for name in there:
            if not name.startswith('.'):
                continue
            with suppress(OSError):
                unfinished = spooled.left_behind(name, self._spool.key, spool_files.age(self._directory, name, now))
                if unfinished and not spool_files.is_alive(unfinished.pid):
                    spool_files.remove(self._directory, name)

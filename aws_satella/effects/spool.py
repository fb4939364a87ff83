"""A spool: a directory that keeps unsent batches, one in a file, for whichever process sends them.

What may live here: when files are written, read and removed. What may not: what is in a file and which one is next
(:mod:`aws_satella.pure.spooled`), and calls of the operating system (:mod:`aws_satella.effects.spool_files`).

A batch is either in the memory of one process or in a spool. :meth:`Spool.put` says where it is then. Whatever is wrong
with the directory is handed to ``say``, with a text that is the same each time, and raises nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple, TypeVar

from aws_satella.effects import spool_files
from aws_satella.effects.identity import identity
from aws_satella.effects.spool_files import SpoolError
from aws_satella.pure import spooled
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.batches import Batch
from aws_satella.pure.errors import ArgumentError
from aws_satella.pure.spooled import Seen, Unreadable

A = TypeVar('A', bound=Arguments)


def placed(arguments: A) -> A:
    """The same arguments, with the absolute path of the spool, since a program may change its directory.

    :raises aws_satella.ArgumentError: this platform has no locks for files
    """
    if arguments.spool is None:
        return arguments
    if not spool_files.HAS_LOCKS:
        raise ArgumentError('spool', arguments.spool, 'None, since this platform has no locks for files (fcntl)')
    return replace(arguments, spool=os.path.abspath(arguments.spool))  # noqa: PTH100  # Path.resolve() follows links


class Put(NamedTuple):
    """What became of a batch that was to be kept."""

    is_kept: bool
    """Whether it is in the spool. Otherwise it is not, and the caller keeps it."""
    dropped: int = 0
    """How many older items went for it."""


class Spooled(NamedTuple):
    """A batch of a spool."""

    name: str
    batch: Batch


class Spool:
    """A directory, as one exporter uses it. Nothing is read or written before the first call.

    :param path: of the directory. It is made where it is missing, but its parent is not.
    :param key: whose batches to send, from :func:`aws_satella.pure.spooled.key_of`
    :param max_bytes: of the files with this key
    :param say: is called with what is wrong
    """

    def __init__(self, path: str | os.PathLike[str], key: str, max_bytes: int, say: Callable[[str], None]) -> None:
        self.path = Path(path)
        self.key = key
        self.max_bytes = max_bytes
        self._say = say
        self.sent: set[str] = set()
        """Names of files that are not sent again, and could not be removed."""
        self._passed_over: set[str] = set()
        """Names of files that cannot be read."""
        self._drained: Drain | None = None
        """The last one."""
        self._has_locks = False
        self._numbers = count(), (0, 0)
        self._seen = Seen()

    @property
    def _lock(self) -> str:
        return f'.{self.key}.lock'

    def say(self, error: Exception | str) -> None:
        """Hand on what is wrong."""
        why = (error.strerror if isinstance(error, OSError) else None) or error
        self._say(f'{self.path}: {why}')

    def has_any(self) -> bool:
        """Whether there is something to send. Where nothing has changed since there was not, this is one ``stat``."""
        try:
            changed = os.lstat(self.path).st_mtime_ns
            if self._seen.has_nothing(changed):
                return False
            now = time.monotonic()
            with spool_files.directory_at(self.path) as directory:
                has_any = bool(self.queue(directory))
            self._seen = self._seen.looked(changed, now, has_any=has_any)
        except FileNotFoundError:
            return False
        except (OSError, SpoolError) as error:
            self.say(error)
            return False
        return has_any

    def queue(self, directory: int) -> list[str]:
        """The names of the batches to be sent, those with the oldest data first."""
        return spooled.queue(spool_files.names(directory), self.key, self._passed_over | self.sent)

    def put(self, batch: Batch, now: float, kept: list[object] | None = None) -> Put:
        """Keep a batch. It is on the disk when this returns, or it is not kept.

        :param batch: what one request may hold, so that it is sent as a whole or not at all
        :param now: UNIX seconds
        :param kept: gets an element in the step that gives the file its name, so that no exception comes in between
        """
        kept = [] if kept is None else kept
        before, dropped = len(kept), 0
        content = spooled.to_bytes(batch)
        name = spooled.name_of(batch, os.getpid(), self._number(), self.key)
        try:
            with spool_files.directory_at(self.path, make=True) as directory:
                if not self._has_locks:
                    spool_files.try_lock(directory, self._lock)
                    self._has_locks = True
                dropped = self._make_room(directory, len(content), now)
                spool_files.write(directory, str(name), spooled.hidden(name), content, kept)
        except (OSError, SpoolError) as error:
            self.say(error)
        return Put(len(kept) > before, dropped)

    def _number(self) -> int:
        """A number that no other batch of this process has. In containers others have the same process id, so that the
        first one is left to chance."""
        numbers, owner = self._numbers
        if owner != identity():
            numbers = count(int.from_bytes(os.urandom(4), 'big'))
            self._numbers = numbers, identity()
        return next(numbers)

    def _make_room(self, directory: int, size: int, now: float) -> int:
        """Drop the oldest items until so many bytes are within the bound.

        :return: how many there were
        :raises SpoolError: there is no room
        """
        taken = sum(file.size for file in spool_files.files(directory, self.queue(directory)))
        if taken + size <= self.max_bytes:
            return 0
        if size > self.max_bytes:
            raise SpoolError('a batch is larger than max_spooled_bytes')
        if self._drained is not None and self._drained.is_held:
            return self._drained.prune(now, size)
        with spool_files.lock(directory, self._lock) as is_locked:
            if not is_locked:
                raise SpoolError('max_spooled_bytes is reached, and what is there is just being sent')
            return Drain(self, directory).prune(now, size)

    @contextmanager
    def drain(self) -> Iterator[Drain | None]:
        """What is in the spool, for its only sender. None where another thread or process sends, or nobody can."""
        with ExitStack() as stack:
            yield self._opened(stack)

    def _opened(self, stack: ExitStack) -> Drain | None:
        try:
            directory = stack.enter_context(spool_files.directory_at(self.path))
            if not stack.enter_context(spool_files.lock(directory, self._lock)):
                return None
        except FileNotFoundError:
            return None
        except (OSError, SpoolError) as error:
            self.say(error)
            return None
        self._drained = drain = Drain(self, directory)
        stack.callback(drain.end)
        return drain

    def pass_over(self, name: str, why: str) -> None:
        """Leave a file where it is, and read it no more."""
        self._passed_over.add(name)
        self.say(f'{name}: {why}')


class Drain:
    """The batches of a spool in the hands of their only sender, until the end of ``with``.

    A child that is forked meanwhile is not the sender: in it nothing is read, and nothing is removed.
    """

    def __init__(self, spool: Spool, directory: int) -> None:
        self._spool = spool
        self._directory = directory
        self._owner = identity()
        self._is_over = False
        self._has_removed = False
        self._in_hand: set[str] = set()
        """Names of batches that are being sent, and so are not dropped."""

    @property
    def is_held(self) -> bool:
        """Whether this process is still the sender."""
        return not self._is_over and identity() == self._owner

    def end(self) -> None:
        """Let others send, after what was removed is gone from the disk as well."""
        if self.is_held and self._has_removed:
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
        """The batch of a file. None where it has none, or is no longer there."""
        try:
            content = spool_files.read(self._directory, name)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._spool.say(error)
            return None
        batch = content if isinstance(content, Unreadable) else spooled.from_bytes(content)
        if isinstance(batch, Unreadable):
            self._spool.pass_over(name, batch.value)
            return None
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
        self._has_removed = True
        return True

    def replace(self, name: str, batch: Batch) -> bool:
        """Put what is left of a batch in its place. Where that fails, the whole batch is still there."""
        if not self.is_held:
            return False
        hidden = spooled.hidden(name)
        try:
            spool_files.remove(self._directory, hidden)  # a sender that was killed may have left it
            spool_files.write(self._directory, name, hidden, spooled.to_bytes(batch), [])
        except OSError as error:
            self._spool.say(error)
            return False
        return True

    def prune(self, now: float, size: int = 0) -> int:
        """Drop what is too old, and the oldest of what is too much, and remove what killed processes left half-written.

        :param now: UNIX seconds
        :param size: bytes that there has to be room for
        :return: how many items were dropped
        """
        if not self.is_held:
            return 0
        self._tidy(now)
        names = [name for name in self._spool.queue(self._directory) if name not in self._in_hand]
        old = spooled.too_old(names, now)
        files = spool_files.files(self._directory, names[len(old) :])
        dropped = 0
        for name in (*old, *spooled.beyond(files, self._spool.max_bytes - size)):
            batch = self._read(name)
            if batch is not None and self.remove(name):
                dropped += len(batch.items)
        return dropped

    def _tidy(self, now: float) -> None:
        """Remove unfinished files of processes that are gone. One that is not gone after all finds that it could not
        write its file, and keeps the batch."""
        for name in spool_files.names(self._directory):
            if not name.startswith('.'):
                continue
            with suppress(OSError):
                unfinished = spooled.left_behind(name, self._spool.key, spool_files.age(self._directory, name, now))
                if unfinished and not spool_files.is_alive(unfinished.pid):
                    spool_files.remove(self._directory, name)

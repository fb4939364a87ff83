"""A spool: a directory that keeps unsent batches, one in a file, for whichever process sends them.

What may live here: when files are written, read and removed. What may not: what is in a file and which one is next
(:mod:`aws_satella.pure.spooled`), and calls of the operating system (:mod:`aws_satella.effects.spool_files`).

A batch is either in the memory of one process or in a spool. :meth:`Spool.put` says where it is then. Whatever is wrong
with the directory is handed to ``say``, with a text that is the same each time, and raises nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TypeVar

from aws_satella.effects import spool_files
from aws_satella.effects.drain import Drain
from aws_satella.effects.identity import identity
from aws_satella.effects.spool_files import SpoolError, Stamp
from aws_satella.effects.world import REAL, World
from aws_satella.pure import spooled
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.batches import Batch
from aws_satella.pure.errors import ArgumentError
from aws_satella.pure.spooled import File, Seen

A = TypeVar('A', bound=Arguments)

_sent: dict[tuple[Path, str], set[str]] = {}
"""Directory and key → :attr:`Spool.sent`, which outlasts an exporter or a call of ``export_once``."""


def placed(arguments: A, path: str | os.PathLike[str]) -> A:
    """The same arguments, with the absolute path of their spool, since a program may change its directory.

    :raises aws_satella.ArgumentError: this platform has no locks for files
    """
    if not spool_files.HAS_LOCKS:
        raise ArgumentError('spool', path, 'None, since this platform has no locks for files (fcntl)')
    return replace(arguments, spool=os.path.abspath(path))  # noqa: PTH100  # Path.resolve() follows links


def opened(
    path: str | os.PathLike[str], owner: tuple[str, str, str], max_bytes: int, say: Callable[[str], None], world: World
) -> Spool:
    """The spool of an owner: a namespace, a destination and a form."""
    return Spool(path, spooled.key_of(*owner), max_bytes, say, world)


class Spool:
    """A directory, as one exporter uses it. Nothing is read or written before the first call.

    :param path: of the directory. It is made where it is missing, but its parent is not.
    :param key: whose batches to send, from :func:`aws_satella.pure.spooled.key_of`
    :param max_bytes: of the files with this key
    :param say: is called with what is wrong
    :param world: whose clock it goes by
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        key: str,
        max_bytes: int,
        say: Callable[[str], None],
        world: World = REAL,
    ) -> None:
        self.path = Path(path)
        self.key = key
        self.max_bytes = max_bytes
        self._say = say
        self._now = world.monotonic
        self.sent = _sent.setdefault((self.path, key), set())
        """Names of files that are not sent again, and could not be removed."""
        self._passed_over: set[str] = set()
        """Names of files that cannot be read."""
        self.last_read: tuple[Stamp | None, Batch | None] = None, None
        """The batch that was read last, and of which file."""
        self._sizes: dict[str, int] = {}
        """Those of the files that were seen last."""
        self._drained: Drain | None = None
        """The last one."""
        self._tidy_again = 0.0
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
            now = self._now()
            with spool_files.directory_at(self.path) as directory:
                has_any = bool(self.queue(directory))
            self._seen = self._seen.looked(changed, now, has_any=has_any)
        except FileNotFoundError:
            return False
        except (OSError, SpoolError) as error:
            self.say(error)
            return False
        return has_any

    def queue(self, directory: int, names: Iterable[str] | None = None) -> list[str]:
        """The names of the batches to be sent, those with the oldest data first.

        :param names: all names of the directory, where they are known
        """
        names = spool_files.names(directory) if names is None else names
        return spooled.queue(names, self.key, self._passed_over | self.sent)

    def files(self, directory: int, names: Sequence[str]) -> list[File]:
        """The files of these names. The size of one that was seen before is not asked for again."""
        new = spool_files.files(directory, [name for name in names if name not in self._sizes])
        sizes = {**self._sizes, **dict(new)}
        self._sizes = {name: sizes[name] for name in names if name in sizes}
        return [File(*each) for each in self._sizes.items()]

    def forget(self, name: str) -> None:
        """Forget the size of a file that was written anew."""
        self._sizes.pop(name, None)

    def is_to_be_tidied(self) -> bool:
        """Whether to look for what killed processes have left. True once an hour."""
        now = self._now()
        if now < self._tidy_again:
            return False
        self._tidy_again = now + spooled.LEFTOVER_SECONDS
        return True

    def put(self, batches: Iterable[Batch], now: float, kept: list[object]) -> int:
        """Keep batches, until one cannot be kept.

        When this returns, what is in the files is on the disk. Their names are there when the file system writes its
        journal the next time, which is within seconds: to have it written for them costs more than all the rest.

        :param batches: each is what one request may hold, so that it is sent as a whole or not at all
        :param now: UNIX seconds
        :param kept: gets an element for each, in the step that gives its file its name, so that no exception comes in
            between
        :return: how many older items were dropped to make room
        """
        dropped = 0
        try:
            with spool_files.directory_at(self.path, make=True) as directory:
                self._try_locks(directory)
                taken = self._taken(directory)
                for batch in batches:
                    content = spooled.to_bytes(batch)
                    if taken + len(content) > self.max_bytes:
                        dropped += self._make_room(directory, len(content), now)
                        taken = self._taken(directory)
                    name = spooled.name_of(batch, os.getpid(), self._number(), self.key)
                    spool_files.write(directory, str(name), spooled.hidden(name), content, kept)
                    taken += len(content)
        except (OSError, SpoolError) as error:
            self.say(error)
        return dropped

    def _try_locks(self, directory: int) -> None:
        """Find out once whether this file system has locks."""
        if not self._has_locks:
            spool_files.try_lock(directory, self._lock)
            self._has_locks = True

    def _taken(self, directory: int) -> int:
        """The bytes of all batches."""
        return sum(file.size for file in self.files(directory, self.queue(directory)))

    def _number(self) -> int:
        """A number that no other batch of this process has. In containers others have the same process id, so that the
        first one is left to chance."""
        numbers, owner = self._numbers
        if owner != identity():
            numbers = count(int.from_bytes(os.urandom(4), 'big'))
            self._numbers = numbers, identity()
        return next(numbers)

    def _make_room(self, directory: int, size: int, now: float) -> int:
        """Drop the oldest items until there is room for so many bytes.

        :return: how many there were
        :raises SpoolError: there is no room
        """
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

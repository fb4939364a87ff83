"""The files and the lock of a directory of a spool: opened, read, written and removed with care.

What may live here: calls of the operating system. What may not: what is in a file, and when it is written or removed.

All is done relative to a descriptor of the directory, which is checked when it is opened, and no symbolic link is
followed from there on. No descriptor outlives its use, so that nothing is left open in a healthy process, and a forked
child closes those that were open in its parent.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EAGAIN
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from aws_satella.effects.identity import Identity, identity
from aws_satella.pure.spooled import File

try:
    import fcntl
except ImportError:  # Windows
    HAS_LOCKS = False
else:
    HAS_LOCKS = True

MAX_FILE_BYTES: Final = 1_000_000_000
"""What is larger was not written by this library, and is not read into memory."""

_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK if HAS_LOCKS else 0
"""O_NONBLOCK, since a pipe in the place of a file would be waited for."""

_IS_SENDING: Final = 0
"""The byte of the lock file that is locked by who sends."""

_IS_TRYING: Final = 1
"""The byte by which it is found out whether locks work, beside somebody who sends."""

_guards: dict[tuple[Identity, int, int, str], threading.Lock] = {}
"""Process, directory and lock file → what excludes the threads of the process: locks of files exclude processes."""

_open: set[int] = set()
"""Descriptors that are in use."""


class SpoolError(Exception):
    """A directory or a file of a spool cannot be used. The text says why, and is the same each time."""


@contextmanager
def _opened(path: str | Path, flags: int, directory: int | None = None) -> Iterator[int]:
    """A descriptor that is closed after its use, and in a child that is forked meanwhile."""
    owner = identity()
    descriptor = os.open(path, flags | _FLAGS, 0o600, dir_fd=directory)
    _open.add(descriptor)
    try:
        yield descriptor
    finally:
        if identity() == owner:  # a child has closed it already
            _open.discard(descriptor)
            os.close(descriptor)


def _forget() -> None:
    """Close in a forked child what its parent has open."""
    _guards.clear()
    while _open:
        with suppress(OSError):
            os.close(_open.pop())


if hasattr(os, 'register_at_fork'):  # not on Windows
    os.register_at_fork(after_in_child=_forget)


@contextmanager
def directory_at(path: Path, *, make: bool = False) -> Iterator[int]:
    """A descriptor of the directory of a spool.

    :param make: whether to make it where it is missing. Its parent has to be there: where it is not, a disk may be.
    :raises OSError: it cannot be opened
    :raises SpoolError: it is not one that this user alone may change
    """
    if make and not path.is_dir():
        _make(path)
    if path.is_symlink():
        raise SpoolError('it is a symbolic link')
    with _opened(path, os.O_RDONLY | os.O_DIRECTORY) as directory:
        found = os.fstat(directory)
        if found.st_uid != os.geteuid():
            raise SpoolError('it belongs to another user')
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise SpoolError('other users may write to it')
        yield directory


def _make(path: Path) -> None:
    try:
        path.mkdir(0o700)
    except FileExistsError:
        return
    with suppress(OSError), _opened(path.parent, os.O_RDONLY | os.O_DIRECTORY) as parent:
        os.fsync(parent)


def names(directory: int) -> list[str]:
    """The names of all that is in a directory."""
    return os.listdir(directory)  # a descriptor has no path


def files(directory: int, wanted: Iterable[str]) -> list[File]:
    """The files of these names. Other processes may have removed some of them."""
    found = []
    for name in wanted:
        with suppress(FileNotFoundError):
            found.append(File(name, os.stat(name, dir_fd=directory, follow_symlinks=False).st_size))
    return found


def age(directory: int, name: str, now: float) -> float:
    """The seconds since a file was written to."""
    return now - os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime


class Stamp(NamedTuple):
    """What tells a file from every other one that had or will have its name."""

    inode: int
    size: int
    changed: int
    """In nanoseconds."""


def stamp(directory: int, name: str) -> Stamp | None:
    """That of a file of this user; None for anything else.

    :raises OSError: it is no longer there
    """
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    is_own = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
    return Stamp(found.st_ino, found.st_size, found.st_mtime_ns) if is_own and found.st_size <= MAX_FILE_BYTES else None


def read(directory: int, name: str) -> bytes:
    """What is in a file.

    :raises OSError: it cannot be read, or is no longer there
    """
    with _opened(name, os.O_RDONLY, directory) as descriptor, open(descriptor, 'rb', closefd=False) as file:
        return file.read()


def write(directory: int, name: str, hidden: str, content: bytes, named: list[object]) -> None:
    """Write a file under a dot name, and give it its name when it is on the disk as a whole.

    :param named: gets an element in the step that gives the name
    :raises OSError: it is not there
    """
    try:
        with _opened(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, directory) as descriptor:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        rename = partial(os.rename, src_dir_fd=directory, dst_dir_fd=directory)
        named.extend(map(rename, (hidden,), (name,)))
    except BaseException as error:
        if not isinstance(error, FileExistsError):  # that is the file of somebody else
            with suppress(OSError):
                remove(directory, hidden)
        raise


def remove(directory: int, name: str) -> None:
    """Remove a file.

    :raises OSError: it is still there
    """
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


def sync(directory: int) -> None:
    """Have the names of a directory on the disk. Where that fails they are there nevertheless, until a power cut."""
    with suppress(OSError):
        os.fsync(directory)


@contextmanager
def lock(directory: int, name: str) -> Iterator[bool]:
    """The lock of those who send, without waiting for it. False where another thread or process has it.

    :raises OSError: the lock file cannot be opened
    :raises SpoolError: the file system has no locks
    """
    with _guarded(directory, name, _IS_SENDING) as is_locked:
        yield bool(is_locked)


def try_lock(directory: int, name: str) -> None:
    """Find out whether locks work here, without taking the lock from anybody.

    :raises OSError: the lock file cannot be opened
    :raises SpoolError: the file system has no locks
    """
    with _guarded(directory, name, _IS_TRYING):
        pass


@contextmanager
def _guarded(directory: int, name: str, byte: int) -> Iterator[bool]:
    """The lock of one byte of a lock file, in the lock of the process: closing a descriptor of a file releases all
    locks that the process has on it."""
    found = os.fstat(directory)
    guard = _guards.setdefault((identity(), found.st_dev, found.st_ino, name), threading.Lock())
    is_free: list[bool] = []
    try:
        is_free.extend(map(guard.acquire, (False,)))  # one step, so that no exception comes before it is noted
        if not is_free[0]:
            yield False
            return
        with _opened(name, os.O_RDWR | os.O_CREAT, directory) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SpoolError('its lock is no file')
            yield _locked(descriptor, byte)
    finally:
        if True in is_free:
            guard.release()


def _locked(descriptor: int, byte: int) -> bool:
    """Lock a byte until the descriptor is closed. False where another process has it."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
    except OSError as error:
        if error.errno in (EACCES, EAGAIN):  # which of them says so depends on the system
            return False
        raise SpoolError('its file system has no locks') from error
    return True


def is_alive(pid: int) -> bool:
    """Whether another process has this id. This one is not writing what it began an hour ago."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it belongs to another user; no process has such an id, so better leave it
        return True
    return True

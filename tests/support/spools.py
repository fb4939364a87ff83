"""Spools in directories of tests, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from aws_satella.effects.spool import Spool
from aws_satella.effects.world import REAL, World
from aws_satella.pure import spooled
from aws_satella.pure.batches import Batch
from aws_satella.pure.formats.putmetricdata import Envelope

KEY = spooled.key_of('Shop', 'cloudwatch', 'putmetricdata')
NOW = 1_700_000_000.0
ENOUGH = 10**9

DIRECTORIES = ['disk', *(['memory'] if Path('/dev/shm').is_dir() else [])]
"""Where a spool may be."""


@contextmanager
def folder(kind: str, tmp_path: Path) -> Iterator[Path]:
    """Where a spool may be made: one of :data:`DIRECTORIES`."""
    if kind == 'disk':
        yield tmp_path / 'spool'
        return
    with TemporaryDirectory(dir='/dev/shm') as directory:
        yield Path(directory) / 'spool'


class Put(NamedTuple):
    """What became of a batch that was to be kept."""

    is_kept: bool
    dropped: int = 0
    """How many older items went for it."""


class Heard(Spool):
    """A spool that remembers what it said."""

    def __init__(self, path: Path, key: str = KEY, max_bytes: int = ENOUGH, world: World = REAL) -> None:
        self.said: list[str] = []
        super().__init__(path, key, max_bytes, self.said.append, world)

    def keep(self, *batches: Batch, now: float = NOW) -> None:
        """Keep batches, for which there is room."""
        assert [self.put_one(batch, now) for batch in batches] == [Put(True)] * len(batches)

    def put_one(self, batch: Batch, now: float = NOW) -> Put:
        """Put a single batch."""
        kept: list[object] = []
        dropped = self.put([batch], now, kept)
        return Put(bool(kept), dropped)

    def deliver(self) -> list[Batch]:
        """Take all that is there, in order. Fails where somebody else has the lock."""
        with self.drain() as drain:
            assert drain is not None, self.said
            taken = list(drain)
            assert all(drain.remove(each.name) for each in taken)
        return [each.batch for each in taken]


def batch(number: int = 0, items: Sequence[str] = ('{}',), **more: Any) -> Batch:
    """A batch that was read so many seconds after another."""
    return Batch(Envelope('Shop'), NOW + number, tuple(items))._replace(**more)


def file_of(path: Path) -> Path:
    """The one batch of a directory."""
    (found,) = path.glob('*.batch')
    return found


def contents(path: Path) -> dict[str, object]:
    """All that is below a directory: what can be read, with its bytes."""
    return {
        str(each.relative_to(path)): each.read_bytes() if each.is_file() and not each.is_symlink() else each.lstat()[:2]
        for each in path.rglob('*')
    }

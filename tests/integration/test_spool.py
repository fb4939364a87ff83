"""A spool keeps batches on a real disk for whoever sends them: other threads, children, and later processes."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import scripts
from support.spools import DIRECTORIES, KEY, NOW, Heard, Put, batch, file_of, folder

from aws_satella import ArgumentError
from aws_satella.effects import spool_files
from aws_satella.effects.world import REAL
from aws_satella.pure import limits, spooled
from aws_satella.pure.batches import Batch
from aws_satella.pure.formats import otlp, putmetricdata

KILLS = int(os.environ.get('AWS_SATELLA_KILLS', '60'))
"""How many processes are killed for each kind of file system."""


@pytest.fixture(params=DIRECTORIES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Where a spool may be, on a disk and in memory."""
    with folder(request.param, tmp_path) as found:
        yield found


def run(program: str, path: Path, *arguments: str) -> str:
    """Run a program with a spool to its end.

    :return: what it printed
    """
    ended = scripts.run(scripts.program(f'spool.{program}'), '', str(path), *arguments, timeout=110)
    assert (ended.returncode, ended.stderr) == (0, '')
    return ended.stdout


def test_later_process_sends_what_another_left(path: Path) -> None:
    """What a process kept before its end comes out of the spool as it was, the oldest first, and once."""
    run('keep', path)
    spool = Heard(path)
    assert spool.has_any()
    expected = [batch(1, ['{"a":1}', '{}']), batch(1, ['{"b":1}']), batch(2)]
    assert spool.deliver() == expected
    assert spool.deliver() == []
    assert not spool.has_any()
    assert spool.said == []


def test_batches_of_both_forms_are_kept(path: Path) -> None:
    """The envelope comes back as well, with its entity or its resource."""
    spool = Heard(path)
    batches = [
        batch(1, envelope=putmetricdata.Envelope('Shop', putmetricdata.Entity('shop', 'production'))),
        Batch(otlp.envelope('Shop', {'service.name': 'Shop'}, '3.1'), NOW + 2, (b'\0\xff', b'')),
    ]
    spool.keep(*batches)
    assert spool.deliver() == batches


@pytest.mark.parametrize('umask', [0o000, 0o022, 0o077])
def test_spool_is_for_its_user_alone(umask: int, path: Path) -> None:
    """The directory has the mode 0700, and all that is in it 0600, whatever the umask allows to others: also what is
    left of a batch, and what is sent again."""
    before = os.umask(umask)
    try:
        spool = Heard(path)
        spool.keep(batch(items=('{}', '{}')))
        with spool.drain() as drain:
            assert drain is not None
            (whole,) = drain
            assert drain.replace(whole.name, batch())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o700
    assert {each.name: each.stat().st_mode & 0o777 for each in path.iterdir()} == {
        file_of(path).name: 0o600,
        f'.{KEY}.lock': 0o600,
    }


def test_spool_does_nothing_before_the_first_call(path: Path) -> None:
    """Who only makes a spool, looks for something to send, or wants to send it, makes no directory."""
    spool = Heard(path)
    assert not spool.has_any()
    with spool.drain() as drain:
        assert drain is None
    assert spool.said == []
    assert not path.exists()


def test_namespaces_are_left_alone_by_others(path: Path) -> None:
    """Two exporters in one directory neither send, nor drop, nor wait for what is of the other."""
    one, other = Heard(path), Heard(path, spooled.key_of('Shop', 'otlp', 'otlp'), 1)
    one.keep(batch())
    assert not other.has_any()
    with one.drain(), other.drain() as drain:
        assert drain is not None
        assert drain.prune(NOW + 10**9) == 0
        assert list(drain) == []
    assert one.deliver() == [batch()]


def test_file_has_its_name_when_it_is_on_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is written under a dot name and synced before it has its name. What was removed is gone from the disk,
    too, before others may send."""
    done: list[str] = []
    spool = Heard(path)
    spool.keep(batch(1))

    real_rename = os.rename

    def fsync(descriptor: int) -> None:
        target = Path(f'/proc/self/fd/{descriptor}').readlink()
        done.append(f'fsync {target.name if target == path else target.name[0]}')

    def rename(source: str, target: str, **more: int) -> None:
        done.append('rename')
        real_rename(source, target, **more)

    monkeypatch.setattr(os, 'fsync', fsync)
    monkeypatch.setattr(os, 'rename', rename)
    spool.keep(batch(2))
    assert done == ['fsync .', 'rename']
    del done[:]
    spool.deliver()
    assert done == ['fsync spool']


def test_healthy_cycle_costs_one_stat(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once nothing has changed for longer than the time of a directory is exact, the directory is not opened again.
    Before that it is, since a file may come that leaves the time as it is. Any change has it opened."""
    now = 100.0
    opened: list[object] = []
    real = spool_files.directory_at
    monkeypatch.setattr(spool_files, 'directory_at', lambda *args, **more: opened.append(1) or real(*args, **more))
    spool, other = Heard(path, world=REAL._replace(monotonic=lambda: now)), Heard(path)
    other.keep(batch())
    other.deliver()
    del opened[:]
    assert not spool.has_any()
    assert not spool.has_any()
    now += spooled.SAME_TIME_SECONDS / 2
    assert not spool.has_any()
    assert len(opened) == 3
    before = path.stat()
    other.keep(batch())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert spool.has_any()
    other.deliver()
    assert not spool.has_any()
    now += spooled.SAME_TIME_SECONDS + 1
    assert not spool.has_any()
    del opened[:]
    stats: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, 'lstat', lambda each, real=os.lstat: stats.append(each) or real(each))
        assert not spool.has_any()
    assert (opened, stats) == ([], [path])
    other.keep(batch())
    assert spool.has_any()
    assert spool.deliver() == [batch()]


def test_lock_is_for_one_sender_at_a_time(path: Path) -> None:
    """While one has the lock, neither another spool of this process, nor another thread, nor another process gets it,
    and none of them waits for it. All of them can keep batches meanwhile."""
    spool, other = Heard(path), Heard(path)
    spool.keep(batch())
    found: list[object] = []

    def look() -> None:
        with other.drain() as drain:
            found.append(drain)

    with spool.drain() as drain:
        assert drain is not None
        look()
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(20)
        assert found == [None, None]
        assert run('keep_and_drain', path, '1') == 'None\n'
    assert other.deliver() == [batch(), batch(1)]
    assert other.said == spool.said == []


def test_lock_stays_while_others_keep_batches(path: Path) -> None:
    """To keep a batch, also the first of a spool, takes no lock from the thread that sends: systems release all locks
    of a process on a file with any of its descriptors."""
    spool = Heard(path)
    spool.keep(batch())
    with spool.drain() as drain:
        assert drain is not None
        Heard(path).keep(batch(1))
        with Heard(path).drain() as other:
            assert other is None
        assert run('keep_and_drain', path) == 'None\n'
    assert run('deliver', path) == '2\n'


@pytest.mark.parametrize('how', ['os.fork', 'no hooks'])
def test_child_is_no_sender(how: str, path: Path) -> None:
    """A child that is forked while its parent sends neither sends nor removes, has no lock, and waits for none. It
    keeps batches, and sends them when the parent has ended. With Python's fork it has no descriptor of the spool."""
    assert run('fork_while_sending', path, how) == 'done\n'


@pytest.mark.parametrize('how', ['os.fork', 'no hooks'])
def test_child_leaves_the_block_of_its_parent(how: str, path: Path) -> None:
    """A child that goes on after the block in which it was forked has closed nothing of its own there."""
    run('fork_in_the_block', path, how)


@pytest.mark.parametrize('how', ['os.fork', 'no hooks'])
def test_child_never_waits_for_a_thread_of_its_parent(how: str, path: Path) -> None:
    """Where another thread sends in the moment of a fork, the child can send as soon as its parent does not."""
    run('fork_beside_a_sender', path, how)


def test_processes_with_one_id_do_not_meet(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In containers, processes may share a directory and have the same id. Batches of one moment stay apart."""
    monkeypatch.setattr(os, 'getpid', lambda: 1)
    for number in range(20):
        Heard(path).keep(batch(0, [f'{number}']))
    assert {each.items[0] for each in Heard(path).deliver()} == {f'{number}' for number in range(20)}


def test_rest_of_a_batch_takes_its_place(path: Path) -> None:
    """When a part of a batch was sent, the rest of it is what is there, at the same place. A sender that was killed
    while it wrote that does not stand in the way."""
    spool = Heard(path)
    spool.keep(batch(1, ['1', '2']), batch(2))
    with spool.drain() as drain:
        assert drain is not None
        first, _ = drain
        (path / f'.{first.name}').write_bytes(b'half')
        assert drain.replace(first.name, first.batch._replace(items=('2',)))
    assert spool.deliver() == [batch(1, ['2']), batch(2)]
    assert [each.name for each in path.iterdir()] == [f'.{KEY}.lock']


def test_oldest_batches_go_where_there_is_too_much(path: Path) -> None:
    """Beyond ``max_bytes`` the oldest batches go, with a count of their items, and the others are within the bound."""
    batches = [batch(number, ['12', '34']) for number in (1, 2, 3, 4)]
    spool = Heard(path, max_bytes=3 * len(spooled.to_bytes(batches[0])))
    kept: list[object] = []
    assert spool.put(batches, NOW, kept) == 2
    assert len(kept) == 4
    assert spool.put_one(batch(5, ['12', '345']), NOW) == Put(True, 4)
    assert [each.timestamp - NOW for each in spool.deliver()] == [4, 5]
    assert spool.said == []


def test_batch_that_does_not_fit_is_not_kept(path: Path) -> None:
    """A batch that is larger than ``max_bytes`` drops no others. What is just being sent is not dropped either."""
    size = len(spooled.to_bytes(batch()))
    spool = Heard(path, max_bytes=size)
    spool.keep(batch(1))
    assert spool.put_one(batch(2, ['{"a":1}']), NOW) == Put(False)
    with Heard(path).drain():
        assert spool.put_one(batch(3), NOW) == Put(False)
    assert spool.said == [
        f'{path}: a batch is larger than max_spooled_bytes',
        f'{path}: max_spooled_bytes is reached, and what is there is just being sent',
    ]
    assert spool.deliver() == [batch(1)]


def test_batch_that_is_too_old_goes(path: Path) -> None:
    """What is older than two weeks is dropped, and counted, when a sender asks for that."""
    spool = Heard(path)
    spool.keep(batch(0, ['1', '2']), batch(10))
    with spool.drain() as drain:
        assert drain is not None
        assert drain.prune(NOW + 5 + limits.MAX_AGE_SECONDS) == 2
        assert [each.batch for each in drain] == [batch(10)]
        assert drain.prune(NOW + 10 + limits.MAX_AGE_SECONDS) == 0


def test_platform_without_locks_is_refused() -> None:
    """Where there is no ``fcntl``, the package works, and a spool is refused with the reason, before a client is made.

    Which process asks for an exporter, in a thread or in its own, does not matter.
    """
    ended = scripts.run(scripts.program('spool_without_locks.start'), '')
    refusal = (
        "ArgumentError spool: '/var/lib/shop' is not allowed; "
        'allowed: None, since this platform has no locks for files (fcntl)\n'
    )
    assert (ended.returncode, ended.stdout) == (0, 3 * refusal), ended.stderr
    assert issubclass(ArgumentError, ValueError)


def test_kill_at_random_moments_loses_and_doubles_nothing(path: Path, tmp_path: Path) -> None:
    """Eight processes keep batches and send them, in whole and in part, and are killed at random. All that was kept
    arrives, and arrives once, except what its sender had sent and not removed when it was killed. What was half-written
    is left under a dot name, and goes when it is old."""
    journal = tmp_path / 'journal'
    run('kill_at_random', path, str(journal), str(KILLS), '7')
    rest = Heard(path)
    left = [item for each in rest.deliver() for item in each.items]
    assert rest.said == []

    noted: dict[str, Counter[str]] = {
        what: Counter() for what in ('putting', 'kept', 'lost', 'accepted', 'removed', 'open')
    }
    open_ones: dict[str, list[str]] = {}
    for line in journal.read_text().splitlines():
        worker, what, *items = line.split()
        noted[what].update(items)
        if what == 'accepted':
            assert not open_ones.get(worker), 'a sender goes on only when it has removed what it sent'
            open_ones[worker] = items
        elif what == 'removed':
            assert open_ones.pop(worker) == items
    arrived = noted['accepted'] + Counter(left)
    killed_between = Counter(item for items in open_ones.values() for item in items)
    assert noted['kept']
    assert noted['lost'] == Counter()
    assert noted['kept'].keys() <= arrived.keys() <= noted['putting'].keys()
    assert all(times <= 1 + killed_between[item] for item, times in arrived.items())
    print(json.dumps({'kept': len(noted['kept']), 'left': len(left), 'killed between': len(killed_between)}))

    with rest.drain() as drain:
        assert drain is not None
        drain.prune(time.time() + spooled.LEFTOVER_SECONDS + 60)
    assert [each.name for each in path.iterdir()] == [f'.{KEY}.lock']

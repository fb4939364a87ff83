"""What is wrong with the directory of a spool is said, keeps nothing from being sent otherwise, and deletes nothing."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest
from support.spools import KEY, NOW, Heard, Put, batch, contents, file_of

from aws_satella.effects import spool_files
from aws_satella.pure import spooled

LOCK = f'.{KEY}.lock'

AGES = NOW + 10**8
"""A time at which everything is too old."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a spool may be."""
    return tmp_path / 'spool'


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system that is full with eight pages."""
    directory = tmp_path / 'tiny'
    directory.mkdir()
    mounted = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=32k', 'none', str(directory)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip('file systems cannot be mounted here')
    yield directory
    subprocess.run(['umount', str(directory)], check=True)


def _missing(path: Path) -> None:
    path.parent.rmdir()


def _file(path: Path) -> None:
    path.write_text('mine')


def _link(path: Path) -> None:
    (path.parent / 'elsewhere').mkdir()
    path.symlink_to(path.parent / 'elsewhere')


def _broken_link(path: Path) -> None:
    path.symlink_to(path.parent / 'nowhere')


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _shared(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def _shared_with_group(path: Path) -> None:
    path.mkdir()
    path.chmod(0o770)


def _of_another(path: Path) -> None:
    path.mkdir(0o700)
    os.chown(path, 12_345, 12_345)


def _linked_lock(path: Path) -> None:
    path.mkdir(0o700)
    (path.parent / 'precious').write_text('mine')
    (path / LOCK).symlink_to(path.parent / 'precious')


def _pipe_for_a_lock(path: Path) -> None:
    path.mkdir(0o700)
    os.mkfifo(path / LOCK)


def _directory_for_a_lock(path: Path) -> None:
    (path / LOCK).mkdir(0o700, parents=True)


IN_THE_WAY: dict[Callable[[Path], None], str] = {
    _missing: 'No such file or directory',
    _file: 'Not a directory',
    _link: 'it is a symbolic link',
    _broken_link: 'it is a symbolic link',
    _pipe: 'Not a directory',
    _shared: 'other users may write to it',
    _shared_with_group: 'other users may write to it',
    _linked_lock: 'Too many levels of symbolic links',
    _pipe_for_a_lock: 'its lock is no file',
    _directory_for_a_lock: 'Is a directory',
}


def refused(path: Path, why: str) -> None:
    """Nothing is kept at this path, for one reason, and nothing is changed there."""
    before = contents(path.parent)
    spool = Heard(path)
    for _ in range(2):
        assert spool.put_one(batch(), NOW) == Put(False)
    assert {*spool.said} == {f'{path}: {why}'}
    with spool.drain() as drain:
        assert drain is None
    assert not spool.has_any()
    assert {*spool.said} == {f'{path}: {why}'}
    assert contents(path.parent) == before


@pytest.mark.parametrize('put', IN_THE_WAY, ids=lambda put: put.__name__)
def test_spool_leaves_what_is_in_the_way(put: Callable[[Path], None], tmp_path: Path) -> None:
    """A directory that is none, that others may write to, or that has no lock of its own: the batch is not kept, the
    reason is said in the same words each time, and nothing is changed."""
    (tmp_path / 'lib').mkdir()
    path = tmp_path / 'lib' / 'spool'
    put(path)
    refused(path, IN_THE_WAY[put])


@pytest.mark.skipif(os.geteuid() != 0, reason='only root gives files away')
def test_directory_of_another_user_is_left_alone(path: Path) -> None:
    """A batch is not kept where another user may read it, or may have put one."""
    _of_another(path)
    refused(path, 'it belongs to another user')


def test_directory_that_is_swapped_for_a_link_is_not_followed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a link takes the place of the directory after it was looked at, nothing is written behind the link."""
    spool = Heard(path)
    spool.keep(batch())
    elsewhere = path.parent / 'elsewhere'
    elsewhere.mkdir()
    real = Path.is_symlink

    def swapped(looked_at: Path) -> bool:
        found = real(looked_at)
        if not found:
            path.rename(path.parent / 'moved')
            path.symlink_to(elsewhere)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Path, 'is_symlink', swapped)
        assert spool.put_one(batch(1)) == Put(False)
    assert spool.said
    assert contents(elsewhere) == {}


def test_spool_that_is_moved_while_it_is_written_stays_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that is opened is the one that is used, wherever its name leads by then."""
    spool = Heard(path)
    spool.keep(batch())
    moved, elsewhere = path.parent / 'moved', path.parent / 'elsewhere'
    elsewhere.mkdir()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        if not moved.exists():
            path.rename(moved)
            path.symlink_to(elsewhere)

    with monkeypatch.context() as patch:
        patch.setattr(os, 'fsync', fsync)
        assert spool.put_one(batch(1)) == Put(True)
    assert contents(elsewhere) == {}
    assert Heard(moved).deliver() == [batch(), batch(1)]


@pytest.mark.parametrize('code', [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_file_system_without_locks_is_not_used(code: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files cannot be locked nobody could send what is kept, so that nothing is."""

    def lockf(*args: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, 'lockf', lockf)
    spool = Heard(path)
    assert spool.put_one(batch(), NOW) == Put(False)
    with spool.drain() as drain:
        assert drain is None
    assert {*spool.said} == {f'{path}: its file system has no locks'}
    assert [each.name for each in path.iterdir()] == [LOCK]


def test_lock_that_is_refused_with_another_code_is_held(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems say with either of two codes that another process has a lock."""
    spool = Heard(path)
    spool.keep(batch())

    def lockf(*args: object) -> None:
        raise PermissionError(errno.EACCES, 'Permission denied')

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, 'lockf', lockf)
        with spool.drain() as drain:
            assert drain is None
    assert spool.said == []
    assert spool.deliver() == [batch()]


def test_full_disk_keeps_nothing_of_a_batch(tiny: Path) -> None:
    """A batch for which there is no space leaves no file behind. What was kept before is sent, and frees the space."""
    spool = Heard(tiny / 'spool')
    large = batch(1, ['x' * 20_000])
    spool.keep(batch(0, ['x' * 20_000]))
    before = contents(tiny)
    assert [spool.put_one(large, NOW) for _ in range(3)] == [Put(False)] * 3
    assert {*spool.said} == {f'{spool.path}: No space left on device'}
    assert contents(tiny) == before
    assert len(spool.deliver()) == 1
    spool.keep(large)
    assert spool.deliver() == [large]


def test_read_only_disk_is_not_sent_from(tiny: Path) -> None:
    """What could not be removed would be sent again and again, so that it waits until the disk can be written."""
    spool = Heard(tiny / 'spool')
    spool.keep(batch())
    subprocess.run(['mount', '-o', 'remount,ro', str(tiny)], check=True)
    assert spool.put_one(batch(1), NOW) == Put(False)
    assert spool.has_any()
    with spool.drain() as drain:
        assert drain is None
    assert {*spool.said} == {f'{spool.path}: Read-only file system'}
    subprocess.run(['mount', '-o', 'remount,rw', str(tiny)], check=True)
    assert spool.deliver() == [batch()]


def test_limit_on_the_size_of_files_is_like_a_full_disk(path: Path) -> None:
    """A file that must not become so large is not left there in part."""
    spool = Heard(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
    try:
        assert spool.put_one(batch(0, ['x' * 6_000]), NOW) == Put(False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert spool.said == [f'{path}: File too large']
    assert [each.name for each in path.iterdir()] == [LOCK]


FAULTS = [
    (call, code)
    for call, codes in {
        'open': (errno.EMFILE, errno.EACCES),
        'write': (errno.ENOSPC, errno.EDQUOT, errno.EIO),
        'fsync': (errno.EIO, errno.ENOSPC),
        'close': (errno.EDQUOT,),
        'rename': (errno.EROFS, errno.ENOENT),
        'listdir': (errno.EIO,),
        'stat': (errno.EIO,),
    }.items()
    for code in codes
]


@pytest.mark.parametrize(('call', 'code'), FAULTS, ids=lambda each: errno.errorcode.get(each, each))
def test_error_of_any_call_keeps_the_batch_in_memory(
    call: str, code: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever call fails in the midst of it, a batch is not kept, no part of it is left there, and no descriptor. The
    next one is kept."""
    spool = Heard(path)
    spool.keep(batch())
    before = contents(path), len([*Path('/proc/self/fd').iterdir()])
    real = getattr(os, call)
    is_first = [call == 'write']

    def fails(*args: object, **more: object) -> object:
        if call == 'write' and is_first:
            is_first.clear()
            return real(args[0], memoryview(args[1])[:7])  # type: ignore[arg-type]  # a short write comes before
        if call == 'close':
            real(*args)
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails)
        put = spool.put_one(batch(1), NOW)
    assert put == Put(False)
    assert spool.said == [f'{path}: {os.strerror(code)}']
    assert (contents(path), len([*Path('/proc/self/fd').iterdir()])) == before
    spool.keep(batch(2))
    assert spool.deliver() == [batch(), batch(2)]


def test_directory_that_cannot_be_synced_has_the_batch(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems do not sync directories. The batch has its name by then, and another may be sending it."""
    spool = Heard(path)
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, 'Invalid argument')
        real(descriptor)

    monkeypatch.setattr(os, 'fsync', fsync)
    spool.keep(batch())
    assert spool.deliver() == [batch()]
    assert spool.said == []


def test_directory_that_cannot_be_closed_has_the_batch(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong after a batch has its name does not make it one that is in memory as well."""
    spool = Heard(path)
    real = os.close

    def close(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        real(descriptor)
        if is_directory and [*path.glob('*.batch')]:
            raise OSError(errno.EIO, 'Input/output error')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'close', close)
        assert spool.put_one(batch(), NOW) == Put(True)
    assert spool.said == [f'{path}: Input/output error']
    assert spool.deliver() == [batch()]


def _names() -> Iterator[str]:
    """Names of batches that come before all others."""
    return (str(spooled.Name(number, 1, number, KEY)) for number in range(100))


def test_files_that_are_no_batches_are_passed_over(path: Path) -> None:
    """What has the name of a batch and is none is said once, and left there, whatever its age and whatever the bounds.
    The batches behind it are sent."""
    spool = Heard(path, max_bytes=1_000)
    spool.keep(batch())
    sent, good = f'spool/{file_of(path).name}', file_of(path).read_bytes()
    names = _names()
    bad = {
        next(names): why for why in ('corrupt', 'half', 'newer', 'foreign', 'link', 'directory', 'pipe', 'lost link')
    }
    corrupt, half, newer, foreign, link, directory, pipe, lost = (path / name for name in bad)
    corrupt.write_bytes(good[:-1] + b'?')
    half.write_bytes(good[:-1])
    newer.write_bytes(good.replace(b'spool 1', b'spool 2', 1))
    foreign.write_bytes(b'x' * 2_000)
    (path.parent / 'precious').write_bytes(good)
    link.symlink_to(path.parent / 'precious')
    directory.mkdir()
    os.mkfifo(pipe)
    lost.symlink_to('nowhere')
    (path / 'README').write_text('mine')
    before = contents(path.parent)
    for _ in range(2):
        with spool.drain() as drain:
            assert drain is not None
            assert [each.batch for each in drain] == [batch()]
            assert drain.prune(NOW) == 0
    said = ['corrupt', 'only half of it was written', 'written by a newer version of aws-satella']
    said += ['not a file of a spool'] * 5
    assert spool.said == [f'{path}: {name}: {why}' for name, why in zip(bad, said, strict=True)]
    with spool.drain() as drain:
        assert drain is not None
        assert drain.prune(AGES) == 1
    assert not spool.has_any()
    assert contents(path.parent) == {name: each for name, each in before.items() if name != sent}
    assert spool.put_one(batch(1), NOW) == Put(True)


def _link_to_precious(file: Path, precious: Path) -> None:
    file.symlink_to(precious)


def _pipe_in_its_place(file: Path, _precious: Path) -> None:
    os.mkfifo(file)


def _directory_in_its_place(file: Path, _precious: Path) -> None:
    file.mkdir()


@pytest.mark.parametrize('put', [_link_to_precious, _pipe_in_its_place, _directory_in_its_place])
def test_file_that_is_swapped_while_it_is_read_is_not_followed(
    put: Callable[[Path, Path], None], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where something else takes the place of a file after it was looked at, nobody waits for it and nothing of it is
    sent or removed. The batches behind it are sent."""
    spool = Heard(path)
    spool.keep(batch(1), batch(2))
    first, _ = sorted(path.glob('*.batch'))
    precious = path.parent / 'precious'
    precious.write_bytes(first.read_bytes())
    real = spool_files.read

    def swapped(directory: int, name: str) -> bytes:
        if name == first.name:
            first.unlink()
            put(first, precious)
        return real(directory, name)

    with monkeypatch.context() as patch, spool.drain() as drain:
        patch.setattr(spool_files, 'read', swapped)
        assert drain is not None
        assert [each.batch for each in drain] == [batch(2)]
    assert len(spool.said) == 1
    assert os.path.lexists(first)
    assert precious.exists()


def test_other_names_of_a_file_keep_what_is_in_it(path: Path) -> None:
    """A file that has another name as well (a hard link) loses the one in the spool when it is sent, and is not written
    to: neither a batch of which a part is sent, nor the lock."""
    spool = Heard(path)
    spool.keep(batch(items=('{}', '{}')))
    precious, lock = path.parent / 'precious', path.parent / 'lock'
    os.link(file_of(path), precious)
    (path / LOCK).unlink()
    lock.write_text('mine')
    os.link(lock, path / LOCK)
    before = precious.read_bytes()
    with spool.drain() as drain:
        assert drain is not None
        (whole,) = drain
        assert drain.replace(whole.name, batch())
    assert spool.deliver() == [batch()]
    assert (precious.read_bytes(), lock.read_text()) == (before, 'mine')


@pytest.mark.skipif(os.geteuid() != 0, reason='only root gives files away')
def test_file_of_another_user_is_not_sent(path: Path) -> None:
    """What another user has put into the directory, while others could write to it, is left there."""
    spool = Heard(path)
    spool.keep(batch())
    os.chown(file_of(path), 12_345, 12_345)
    assert spool.deliver() == []
    assert spool.said == [f'{file_of(path).parent}: {file_of(path).name}: not a file of a spool']


def test_file_that_cannot_be_read_now_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk holds up no other batch, and does not last. A batch that is gone when its turn comes says
    nothing."""
    spool = Heard(path)
    spool.keep(batch(1), batch(2), batch(3))
    first, second, _ = sorted(path.glob('*.batch'))
    real = os.open

    def fails(name: str, *args: object, **more: object) -> int:
        if name == first.name:
            raise OSError(errno.EIO, 'Input/output error')
        return real(name, *args, **more)  # type: ignore[arg-type]  # of any function of os

    with monkeypatch.context() as patch, spool.drain() as drain:
        patch.setattr(os, 'open', fails)
        assert drain is not None
        taken = iter(drain)
        second.unlink()
        assert [each.batch for each in taken] == [batch(3)]
    assert spool.said == [f'{path}: Input/output error']
    assert spool.deliver() == [batch(1), batch(3)]


def test_spool_does_not_send_again_what_could_not_be_removed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process remembers what it has sent, and removes it as soon as it can."""
    spool = Heard(path)
    spool.keep(batch(1), batch(2))

    def unlink(*args: object, **more: object) -> None:
        raise PermissionError(errno.EACCES, 'Permission denied')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'unlink', unlink)
        with spool.drain() as drain:
            assert drain is not None
            (first, *_) = drain
            assert not drain.remove(first.name)
            assert [each.batch for each in drain] == [batch(2)]
        with spool.drain() as drain:
            assert drain is not None
            assert drain.prune(AGES) == 0
    assert {*spool.said} == {f'{path}: Permission denied'}
    assert spool.deliver() == []
    assert [each.name for each in path.iterdir()] == [LOCK]


def test_spool_removes_what_a_killed_process_left(path: Path) -> None:
    """A file under a dot name goes where its writer is gone and it is an hour old. One whose writer is there, a younger
    one, one of another exporter, and dot files of others stay."""
    gone = subprocess.Popen(['true'])
    gone.wait()
    spool = Heard(path)
    spool.keep(batch())
    old, young, living, other, foreign = (
        path / f'.{spooled.Name(1, pid, number, key)}{suffix}'
        for number, (pid, key, suffix) in enumerate(
            (
                (gone.pid, KEY, ''),
                (gone.pid, KEY, ''),
                (os.getppid(), KEY, ''),
                (gone.pid, '0' * 16, ''),
                (gone.pid, KEY, '.swp'),
            )
        )
    )
    own = path / f'.{spooled.Name(1, os.getpid(), 9, KEY)}'
    for each in (old, young, living, other, foreign, own):
        each.write_bytes(b'half')
        os.utime(each, (NOW, NOW))
    now = NOW + spooled.LEFTOVER_SECONDS + 1
    os.utime(young, (NOW + 2, NOW + 2))
    with spool.drain() as drain:
        assert drain is not None
        assert drain.prune(now) == 0
    assert {each for each in path.iterdir() if b'half' in each.read_bytes()} == {young, living, other, foreign}
    assert spool.deliver() == [batch()]


def test_writer_whose_file_was_taken_away_keeps_the_batch(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a process that seems to be gone was only slow, it notices, and its batch is not lost."""
    spool = Heard(path)
    spool.keep(batch())
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        for each in path.glob('.*.batch'):
            each.unlink()

    with monkeypatch.context() as patch:
        patch.setattr(os, 'fsync', fsync)
        assert spool.put_one(batch(1), NOW) == Put(False)
    assert spool.deliver() == [batch()]


def test_drain_is_over_with_its_block(path: Path) -> None:
    """Who still has it then removes nothing, since another may be the sender."""
    spool = Heard(path)
    spool.keep(batch())
    with spool.drain() as drain:
        assert drain is not None
        (first,) = drain
    assert not drain.is_held
    assert not drain.remove(first.name)
    assert not drain.replace(first.name, batch(9))
    assert drain.prune(AGES) == 0
    assert list(drain) == []
    assert spool.deliver() == [batch()]


def test_exception_in_the_midst_gives_the_lock_back(path: Path) -> None:
    """What a sender raises passes, and the next one may send."""
    spool = Heard(path)
    spool.keep(batch())
    with pytest.raises(LookupError), spool.drain():
        raise LookupError
    assert spool.deliver() == [batch()]


def test_exception_at_any_moment_gives_the_lock_back(path: Path) -> None:
    """An exception from another thread, as of ``terminate(force=True)``, may come after any call on the way into the
    lock and out of it. The next one may send all the same."""
    spool = Heard(path)
    spool.keep(batch())
    way = spool_files._guarded.__wrapped__.__code__  # type: ignore[attr-defined]  # that of contextmanager
    left = 0

    def profile(frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        if event == 'c_return' and frame.f_code is way:
            left -= 1
            if not left:
                sys.setprofile(None)
                raise SystemExit

    for moment in itertools.count(1):
        left = moment
        sys.setprofile(profile)
        try:
            with spool.drain():
                pass
        except SystemExit:
            pass
        finally:
            sys.setprofile(None)
        with spool.drain() as drain:
            assert drain is not None
        if left > 0:
            break
    assert moment > 3

"""Processes that use a spool, whose directory is the first argument of each program."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from random import Random

from support.forking import FORKS, fork, wait
from support.killing import Notes, killed
from support.program import main
from support.spools import NOW, Heard, batch

signal.alarm(100)


def keep(path: str) -> None:
    """Keep three batches, two of which have one time."""
    Heard(Path(path)).keep(batch(2), batch(1, ['{"a":1}', '{}']), batch(1, ['{"b":1}']))


def keep_and_drain(path: str, *numbers: str) -> None:
    """Keep batches of these times, and say whether this process gets the lock."""
    spool = Heard(Path(path))
    spool.keep(*(batch(int(number)) for number in numbers))
    with spool.drain() as drain:
        print(drain)


def deliver(path: str) -> None:
    """Take all that is there, and say how many batches that was."""
    print(len(Heard(Path(path)).deliver()))


def fork_while_sending(path: str, how: str) -> None:
    """Fork with the lock in hand, and let the child try everything."""
    spool = Heard(Path(path))
    spool.keep(batch(1), batch(2))

    def open_files() -> list[str]:
        return [each for each in map(os.path.realpath, Path('/proc/self/fd').iterdir()) if each.startswith(path)]

    def child(how: str) -> None:
        os.close(go[1])
        assert drain is not None
        assert not drain.is_held
        assert list(drain) == []
        assert not drain.remove(first.name)
        assert not drain.replace(first.name, batch(9))
        assert drain.prune(NOW + 10**9) == 0
        assert next(rest, None) is None
        with spool.drain() as other:
            assert other is None
        spool.keep(batch(3))
        assert how == 'no hooks' or not open_files()
        os.close(ready[1])
        while not (taken := Heard(Path(path)).deliver() if not os.read(go[0], 1) else []):
            pass
        assert [each.timestamp for each in taken] == [NOW + 2, NOW + 3]

    ready, go = os.pipe(), os.pipe()
    with spool.drain() as drain:
        assert drain is not None
        rest = iter(drain)
        first = next(rest)
        pid = fork(child, how)
        os.close(ready[1])
        assert os.read(ready[0], 1) == b''
        assert drain.is_held
        assert len(open_files()) == 2
        assert drain.remove(first.name)
    os.close(go[1])
    wait(pid)
    assert not open_files()
    assert not spool.has_any()
    assert not spool.said
    print('done')


def fork_in_the_block(path: str, how: str) -> None:
    """Fork in the block that sends, and have the child open files before it leaves the block."""
    spool = Heard(Path(path))
    spool.keep(batch())
    with spool.drain():
        pid = FORKS[how]()
        own = [] if pid else [os.dup(0) for _ in range(4)]
    if not pid:
        os._exit(sum(not os.fstat(each) for each in own))
    wait(pid)
    assert spool.deliver() == [batch()]


def fork_beside_a_sender(path: str, how: str) -> None:
    """Fork while another thread sends; the child sends when its parent does not."""
    spool = Heard(Path(path))
    spool.keep(batch())
    held, end = threading.Event(), threading.Event()

    def send() -> None:
        with spool.drain() as drain:
            assert drain is not None
            held.set()
            assert end.wait(60)

    def child(_how: str) -> None:
        with spool.drain() as drain:
            assert drain is None
        os.close(go[1])
        os.close(ready[1])
        assert os.read(go[0], 1) == b''
        assert spool.deliver() == [batch()]

    thread = threading.Thread(target=send)
    thread.start()
    assert held.wait(60)
    ready, go = os.pipe(), os.pipe()
    pid = fork(child, how)
    os.close(ready[1])
    assert os.read(ready[0], 1) == b''
    end.set()
    thread.join(60)
    os.close(go[1])
    wait(pid)


def _work(worker: int, spool: Heard, notes: Notes) -> None:
    """Keep batches and send them until killed. Who sends knows that the destination took them until it is killed."""
    chance, number = Random(worker), 0
    while True:
        number += 1
        items = [f'{worker}.{number}.{index}' for index in range(3)]
        notes.note(worker, 'putting', items)
        put = spool.put_one(batch(0, items, timestamp=time.time()), time.time())
        notes.note(worker, 'kept' if put == (True, 0) else 'lost', items)
        if chance.random() < 0.4:
            with spool.drain() as drain:
                for name, found in drain or ():
                    assert drain is not None
                    is_part = chance.random() < 0.2 and len(found.items) > 1
                    sent, rest = (found.items[:1], found.items[1:]) if is_part else (found.items, ())
                    notes.note(worker, 'accepted', sent)
                    assert drain.replace(name, found._replace(items=rest)) if is_part else drain.remove(name)
                    notes.note(worker, 'removed', sent)
        assert not spool.said, spool.said


def kill_at_random(path: str, journal: str, kills: str, seed: str) -> None:
    """Start eight workers, and kill and replace them, one after the other."""
    spool, notes, chance = Heard(Path(path)), Notes(journal), Random(int(seed))

    def start(number: int) -> int:
        return fork(lambda _how: _work(number, spool, notes))

    workers = {number: start(number) for number in range(8)}
    for kill in range(int(kills)):
        notes.grown(chance.randrange(1500))
        killed(workers.pop(chance.choice(list(workers))))
        workers[8 + kill] = start(8 + kill)
    for pid in workers.values():
        killed(pid)


if __name__ == '__main__':
    main(globals())

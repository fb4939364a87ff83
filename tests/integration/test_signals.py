"""Signals, sent to real processes: those of the program stay its own, and SIGTERM ends it with the last export."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.endpoint import Endpoint
from support.exporters import DEADLINE, exporting
from support.waiting import wait_for

from aws_satella.effects import signals


def ended_by_sigterm(name: str, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program, and send it SIGTERM once it says that it is ready."""
    process = scripts.start(scripts.program(f'signals.{name}'), url, *arguments)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == 'ready\n'
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
        process.wait()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def arrived(endpoint: Endpoint) -> set[float]:
    return {datum['Value'] for datum in endpoint.named('work')}


def test_program_that_collects_its_signals_gets_them(endpoint: Endpoint) -> None:
    """The thread of the exporter would take a signal that all others have blocked, and the process would die."""
    ended = ended_by_sigterm('collecting', endpoint.url)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, 'SIGTERM\n', '')
    assert arrived(endpoint) == {0, 7}


def mask() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, []))


def test_user_code_has_the_mask_that_the_program_had(endpoint: Endpoint) -> None:
    """What it starts would inherit a mask in which everything is blocked. While the exporter sends, it has that."""
    seen: dict[str, set[int]] = {}

    def note(where: str, result: Any = None) -> Callable[..., Any]:
        def called(*_: object, **__: object) -> Any:
            seen[where] = mask()
            return result

        return called

    class Client:
        put_metric_data = staticmethod(note('sending'))

    getMetric('callable', 'callable', value_getter=note('reading', 1))
    getMetric('bad', 'callable', value_getter=lambda: float('nan'))
    born = mask()
    with exporting(endpoint, client_factory=Client, call_on_discarded_metric=note('callback')):
        wait_for(lambda: seen.keys() == {'reading', 'callback', 'sending'}, 'a cycle', DEADLINE)
    assert seen['reading'] == seen['callback'] == born == mask()
    assert signal.SIGTERM in seen['sending']
    assert signal.SIGSEGV not in seen['sending']


@pytest.mark.parametrize('block', ['blocked', 'deaf_at_birth'])
def test_pending_signal_is_left_to_another_thread(block: str, endpoint: Endpoint) -> None:
    """A thread that hears signals again would take one that has arrived meanwhile, though the main thread is just late.
    It waits until that was taken.
    """
    ended = ended_by_sigterm('left', endpoint.url, block)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, 'SIGTERM\n', '')


def test_signal_that_no_thread_takes_is_not_waited_for_for_ever() -> None:
    """Where no other thread can take it, the wait ends all the same, and the thread has its mask again."""
    pauses: list[float] = []
    masks: list[set[int]] = []

    def work() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        with signals.blocked(pauses.append):
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR2)
            masks.append(mask())
        masks.append(mask())

    heard = threading.Event()
    before = signal.signal(signal.SIGUSR2, lambda *_: heard.set())
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        wait_for(heard.is_set, 'the signal')
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert pauses == [signals.PAUSE_SECONDS] * signals.MAX_LOOKS
    assert signal.SIGUSR2 in masks[0]
    assert signal.SIGUSR1 in masks[1]
    assert signal.SIGUSR2 not in masks[1]


def test_thread_is_born_deaf(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new thread would take what has arrived before it gets the processor. So it looks for that first."""
    seen: list[tuple[str, set[int]]] = []
    pending = signal.sigpending

    def look() -> set[Any]:
        seen.append(('look', mask()))
        return pending()

    monkeypatch.setattr(signal, 'sigpending', look)
    getMetric('callable', 'callable', value_getter=lambda: seen.append(('reading', mask())) or 1)
    born = mask()
    with exporting(endpoint):
        assert mask() == born
        wait_for(lambda: ('reading', born) in seen, 'a cycle', DEADLINE)
    first, blocked = seen[0]
    assert first == 'look'
    assert blocked >= signals.BLOCKED - {signal.SIGKILL, signal.SIGSTOP}


def test_main_thread_is_never_deaf() -> None:
    """Where greenlets run in it, the exporter is one of them."""
    before = mask()
    with signals.blocked():
        assert mask() == before


@pytest.mark.parametrize(
    ('how', 'status', 'values'),
    [
        ('handled', 143, {0, 7}),
        ('the handler of the program', 9, {0}),
        ('a later handler of the program', 9, {0}),
        ('not asked for', -signal.SIGTERM, {0}),
        ('in another thread', -signal.SIGTERM, {0}),
    ],
)
def test_sigterm_ends_a_program_with_its_last_export(
    how: str, status: int, values: set[float], endpoint: Endpoint
) -> None:
    """Where it was asked for, and nothing else handles the signal. Where it cannot be had, a line says so."""
    ended = ended_by_sigterm('waiting', endpoint.url, how)
    assert (ended.returncode, arrived(endpoint)) == (status, values)
    warned = how == 'in another thread'
    assert ended.stderr.count('handle_sigterm has no effect') == len(ended.stderr.splitlines()) == warned


def test_sigterm_ends_a_child_whose_fork_waits(endpoint: Endpoint) -> None:
    """A pool of multiprocessing may end a child that it has just forked, and the interpreter drops what is raised in
    the hooks of a fork.
    """
    ended = scripts.run(scripts.program('signals.in_a_hook'), endpoint.url, PYTHONWARNINGS='ignore::DeprecationWarning')
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, '143\n', '')


def first_of_a_container(how: str, endpoint: Endpoint) -> tuple[int, str]:
    """Run a program as the first process of a PID namespace, and send it SIGTERM; its status and what it has said."""
    if not shutil.which('unshare') or subprocess.run(['unshare', '--pid', '--fork', 'true'], check=False).returncode:
        pytest.skip('no PID namespaces here')
    outer = subprocess.Popen(
        ['unshare', '--pid', '--fork', '--kill-child', *scripts.program('signals.waiting'), how],
        env=scripts.environment(endpoint.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert outer.stdout is not None
    try:
        assert outer.stdout.readline() == 'ready\n'
        children = Path(f'/proc/{outer.pid}/task/{outer.pid}/children').read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        try:
            _, said = outer.communicate(timeout=1 if how == 'not asked for' else DEADLINE)
        except subprocess.TimeoutExpired:
            outer.kill()
            _, said = outer.communicate()
        return outer.returncode, said
    finally:
        outer.kill()
        outer.communicate()


def test_first_process_of_a_container(endpoint: Endpoint) -> None:
    """It ignores SIGTERM unless something handles it, which is said at the start."""
    status, said = first_of_a_container('not asked for', endpoint)
    assert (status, arrived(endpoint)) == (-signal.SIGKILL, {0})
    assert said.count('no handler for SIGTERM') == len(said.splitlines()) == 1
    status, said = first_of_a_container('handled', endpoint)
    assert (status, said, arrived(endpoint)) == (143, '', {0, 7})


def test_process_id_that_all_containers_have(endpoint: Endpoint) -> None:
    """``add_pid`` tells no containers apart."""
    _, said = first_of_a_container('with a process id', endpoint)
    assert "extra_dimensions={'host': socket.gethostname()}" in said

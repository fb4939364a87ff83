"""Signals, sent to real processes: those of the program stay its own, and SIGTERM ends it with the last export."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
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

PRELUDE = """
import os, signal, sys, threading, time
import aws_satella
from satella.instrumentation.metrics import getMetric

work = getMetric('work', 'counter')

def start(**more):
    aws_satella.start_if_not_started('Test', interval=3600, exit_timeout=20, **more)
    assert aws_satella.flush(20)
    work.runtime(7)
"""


def ended_by(number: int, script: str, url: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program, and send it a signal once it says that it is ready."""
    process = scripts.start(PRELUDE + script, url, **more)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == 'ready\n'
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
        process.wait()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def arrived(endpoint: Endpoint) -> set[float]:
    return {datum['Value'] for datum in endpoint.named('work')}


COLLECTING = """
start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
(thread,) = [each for each in threading.enumerate() if each.name == 'aws-satella-metrics']
waits = lambda: int(open(f'/proc/self/task/{thread.native_id}/status').read().split('SigBlk:')[1].split()[0], 16)
while not waits() & 1 << signal.SIGTERM - 1:
    time.sleep(0.01)
print('ready', flush=True)
while signal.SIGTERM not in signal.sigpending():
    time.sleep(0.01)
print(signal.sigwait({signal.SIGTERM}).name)
"""


def test_program_that_collects_its_signals_gets_them(endpoint: Endpoint) -> None:
    """The thread of the exporter would take a signal that all others have blocked, and the process would die."""
    ended = ended_by(signal.SIGTERM, COLLECTING, endpoint.url)
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


LEFT = """
from aws_satella.effects import signals
deaf, leave, looked, look = threading.Event(), threading.Event(), threading.Event(), signal.sigpending
signal.sigpending = lambda: (looked.set(), look())[1]

def work():
    with signals.blocked(lambda _: time.sleep(0.1)):  # so that it looks for as long as the main thread may be late
        deaf.set()
        leave.wait()

thread = threading.Thread(target=work)
thread.start()
deaf.wait()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print('ready', flush=True)
while signal.SIGTERM not in look():
    time.sleep(0.01)
leave.set()
looked.wait()
print(signal.sigwait({signal.SIGTERM}).name)
thread.join()
"""


def test_pending_signal_is_left_to_another_thread(endpoint: Endpoint) -> None:
    """A thread that hears signals again would take one that has arrived meanwhile, though the main thread is just late.
    It waits until that was taken.
    """
    ended = ended_by(signal.SIGTERM, LEFT, endpoint.url)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, 'SIGTERM\n', '')


def test_no_signal_waits_for_ever() -> None:
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


HANDLED = "start(handle_sigterm=True)\nprint('ready', flush=True)\ntime.sleep(60)"
OWN = 'signal.signal(signal.SIGTERM, lambda *_: os._exit(9))\n' + HANDLED
LATE = HANDLED.replace('print', 'signal.signal(signal.SIGTERM, lambda *_: os._exit(9)); print')
UNHANDLED = HANDLED.replace('handle_sigterm=True', '')
ELSEWHERE = HANDLED.replace(
    'start(handle_sigterm=True)',
    't = threading.Thread(target=start, kwargs={"handle_sigterm": True}); t.start(); t.join()',
)


@pytest.mark.parametrize(
    ('script', 'status', 'values'),
    [
        pytest.param(HANDLED, 143, {0, 7}, id='handled'),
        pytest.param(OWN, 9, {0}, id='the handler of the program'),
        pytest.param(LATE, 9, {0}, id='a later handler of the program'),
        pytest.param(UNHANDLED, -signal.SIGTERM, {0}, id='not asked for'),
        pytest.param(ELSEWHERE, -signal.SIGTERM, {0}, id='in another thread'),
    ],
)
def test_sigterm_ends_a_program_with_its_last_export(
    script: str, status: int, values: set[float], endpoint: Endpoint
) -> None:
    """Where it was asked for, and nothing else handles the signal. Where it cannot be had, a line says so."""
    ended = ended_by(signal.SIGTERM, script, endpoint.url)
    assert (ended.returncode, arrived(endpoint)) == (status, values)
    assert ended.stderr.count('handle_sigterm has no effect') == len(ended.stderr.splitlines()) == (script is ELSEWHERE)


IN_A_HOOK = """
from aws_satella.effects import process
start(handle_sigterm=True, temporality='delta')
carry_on = process.carry_on

def carry_on_slowly(*args):
    os.kill(os.getpid(), signal.SIGTERM)
    carry_on(*args)

process.carry_on = carry_on_slowly
pid = os.fork()
if not pid:
    signal.alarm(30)
    while True:
        time.sleep(1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_sigterm_ends_a_child_whose_fork_waits(endpoint: Endpoint) -> None:
    """A pool of multiprocessing may end a child that it has just forked, and the interpreter drops what is raised in
    the hooks of a fork.
    """
    ended = scripts.run(PRELUDE + IN_A_HOOK, endpoint.url, PYTHONWARNINGS='ignore::DeprecationWarning')
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, '143\n', '')


def first_of_a_container(script: str, endpoint: Endpoint) -> tuple[int, str]:
    """Run a program as the first process of a PID namespace, and send it SIGTERM; its status and what it has said."""
    if not shutil.which('unshare') or subprocess.run(['unshare', '--pid', '--fork', 'true'], check=False).returncode:
        pytest.skip('no PID namespaces here')
    outer = subprocess.Popen(
        ['unshare', '--pid', '--fork', '--kill-child', sys.executable, '-c', textwrap.dedent(PRELUDE + script)],
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
            _, said = outer.communicate(timeout=DEADLINE if 'handle_sigterm' in script else 1)
        except subprocess.TimeoutExpired:
            outer.kill()
            _, said = outer.communicate()
        return outer.returncode, said
    finally:
        outer.kill()
        outer.communicate()


def test_first_process_of_a_container(endpoint: Endpoint) -> None:
    """It ignores SIGTERM unless something handles it, which is said at the start."""
    status, said = first_of_a_container(UNHANDLED, endpoint)
    assert (status, arrived(endpoint)) == (-signal.SIGKILL, {0})
    assert said.count('no handler for SIGTERM') == len(said.splitlines()) == 1
    status, said = first_of_a_container(HANDLED, endpoint)
    assert (status, said, arrived(endpoint)) == (143, '', {0, 7})


def test_process_id_that_all_containers_have(endpoint: Endpoint) -> None:
    """``add_pid`` tells no containers apart."""
    _, said = first_of_a_container(HANDLED.replace('start(', "start(add_pid='pid', "), endpoint)
    assert "extra_dimensions={'host': socket.gethostname()}" in said

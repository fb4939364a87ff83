"""User code that computes metrics: callables, and classes that satella does not ship. It may take its time, or hang.

What may live here: the thread that runs it, and how long it is waited for. What may not: what it is asked.
"""

from __future__ import annotations

import concurrent.futures
import queue
import threading
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from aws_satella.effects.world import REAL, World

T = TypeVar('T')

GRACE_SECONDS: Final = 1.0
"""How long a cycle waits for user code before it sends the rest."""

PATIENCE_SECONDS: Final = 15.0
"""How long user code is waited for in all. After that it is said to hang."""

POLL_SECONDS: Final = 0.05
"""How often the waiting thread looks whether to wait any longer. SystemExit can be raised in it as often."""


class Answer(Generic[T]):
    """What user code is asked, and what it says.

    :param compute: asks it
    :param is_interrupted: whether something more urgent is to be done
    :param world: in which it is waited for
    """

    def __init__(self, compute: Callable[[], T], is_interrupted: Callable[[], bool], world: World = REAL) -> None:
        self._compute = compute
        self._wait = world.wait
        self._is_interrupted = is_interrupted
        self._future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.waited = 0.0
        """Seconds."""
        self.runs_elsewhere = False
        """Whether a thread for it computes it; otherwise the first wait does."""

    def compute(self) -> None:
        """Ask. What is raised is raised where the value is taken."""
        try:
            self._future.set_result(self._compute())
        except BaseException as error:
            self._future.set_exception(error)

    @property
    def is_there(self) -> bool:
        """Whether user code has returned."""
        return self._future.done()

    @property
    def is_overdue(self) -> bool:
        """Whether it was waited for as long as there is patience."""
        return self.waited >= PATIENCE_SECONDS and not self.is_there

    @property
    def value(self) -> T:
        """What user code says. It must be there."""
        return self._future.result(0)

    def comes_soon(self) -> bool:
        """Wait for it a little, unless there is something more urgent."""
        return self._arrives(lambda: 0 if self._is_interrupted() else GRACE_SECONDS)

    def arrives(self) -> bool:
        """Wait for it patiently, unless there is something more urgent."""
        return self._arrives(lambda: GRACE_SECONDS if self._is_interrupted() else PATIENCE_SECONDS)

    def _arrives(self, patience: Callable[[], float]) -> bool:
        """Wait. Time is counted in waits, since a test of the program may have stopped the clock."""
        if not self.runs_elsewhere and not self.is_there:
            self.compute()
        while not self.is_there and self.waited < patience():
            self._wait(self._comes_within, POLL_SECONDS)
            self.waited += POLL_SECONDS
        return self.is_there

    def _comes_within(self, seconds: float) -> bool:
        return bool(concurrent.futures.wait([self._future], seconds).done)


class UserCode:
    """Asks user code: in the calling thread, unless told to have one for that.

    :param is_interrupted: whether something more urgent is to be done
    :param in_thread: whether to ask in a thread for it, which starts with the first question
    :param world: in which it is waited for
    """

    def __init__(
        self, is_interrupted: Callable[[], bool] = lambda: False, *, in_thread: bool = False, world: World = REAL
    ) -> None:
        self._world = world
        self._in_thread = in_thread
        self._is_interrupted = is_interrupted
        self._questions: queue.SimpleQueue[Answer[Any] | None] | None = None
        self._hanging: list[tuple[Answer[Any], Any]] = []
        self.thread: threading.Thread | None = None
        """The thread that asks, if there is one."""

    def ask(self, compute: Callable[[], T]) -> Answer[T]:
        """Ask. Where the platform gives no thread, as at the end of the interpreter, the first wait computes."""
        answer = Answer(compute, self._is_interrupted, self._world)
        if self._in_thread and self._questions is None:
            self._start()
        if self._questions is not None:
            answer.runs_elsewhere = True
            self._questions.put(answer)
        return answer

    def _start(self) -> None:
        questions: queue.SimpleQueue[Answer[Any] | None] = queue.SimpleQueue()
        try:
            self.thread = threading.Thread(target=_serve, args=(questions,), name='aws-satella-callables', daemon=True)
            self.thread.start()
        except RuntimeError:
            return
        self._questions = questions

    def leave(self, answer: Answer[Any], metric: Any) -> None:
        """Wait no longer. The thread ends once the metric has returned, and the next question goes to another."""
        self._hanging.append((answer, metric))
        self.end()

    def hanging(self) -> list[Any]:
        """The metrics that have not returned yet. To ask them again would cost another thread."""
        self._hanging = [each for each in self._hanging if not each[0].is_there]
        return [metric for _, metric in self._hanging]

    def end(self) -> None:
        """Let the thread end."""
        if self._questions is not None:
            self._questions.put(None)
            self._questions = None


def _serve(questions: queue.SimpleQueue[Answer[Any] | None]) -> None:
    while (answer := questions.get()) is not None:
        answer.compute()

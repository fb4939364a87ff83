"""What gevent does to threads: they are greenlets, a fork copies them, and names are resolved in native threads.

What may live here: what is particular to gevent. What may not: whether, and when, an exporter exports.
"""

from __future__ import annotations

import _thread
import importlib
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from aws_satella.effects.identity import identity

if TYPE_CHECKING:
    from typing_extensions import Self

MAX_TURNS: Final = 10
"""How many turns of its loop gevent gets to start a thread; two are enough."""


def gevent() -> Any:
    """The library where threads are greenlets, otherwise None."""
    monkey = sys.modules.get('gevent.monkey')
    return sys.modules['gevent'] if monkey is not None and monkey.is_module_patched('threading') else None


class Body:
    """What runs the thread of an exporter. In a forked child, a copy of it ends.

    :param end: called at the end of the thread, but not at that of a copy
    """

    def __init__(self, end: Callable[[], object]) -> None:
        library = gevent()
        self._end = end
        self._identity = identity()
        self._greenlet = None if library is None else library.getcurrent()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        if self._identity != identity():
            enter_thread()
            return True
        self._end()
        return kind is SystemExit  # terminate(force=True) reached the thread outside an export

    def end_copy(self) -> None:
        """Let the copy end, from the hook of the fork: before it could take a reply that is for the parent."""
        library = gevent()
        if library is not None and self._greenlet not in (None, library.getcurrent()):
            self._greenlet.kill(block=False)


def enter_thread() -> None:
    """Enter this thread in the list of threads, if it may be the copy of a greenlet, whose entry the fork has removed.

    The end of each thread removes it from there.
    """
    threading.current_thread()


def start(act: Callable[[], object]) -> None:
    """Start a thread while a fork waits. A child that can have no thread goes without.

    ``Thread.start()`` waits until the thread runs. Where threads are greenlets, none can run before the fork has
    returned, so the start is left to another greenlet.
    """
    here = identity()

    def begin() -> None:
        if here != identity():  # a copy of that greenlet, in a child of the child
            return
        try:
            act()
        except RuntimeError:
            pass

    if gevent() is None:
        begin()
    else:
        _thread.start_new_thread(begin, ())


def let_start(thread: threading.Thread) -> bool:
    """Give the greenlet its turn that is to start a thread. Whether the thread was started."""
    library = gevent()
    for _ in range(0 if library is None else MAX_TURNS):
        if thread.ident is None:
            library.sleep(0)
    return thread.ident is not None


def resolve_without_threads() -> None:
    """Let names be resolved at the end of the process, when no native thread can be started any more, from 3.12 on.

    gevent ends a native thread that has had nothing to do for some seconds.
    """
    library = gevent()
    if library is not None and sys.version_info >= (3, 12):
        hub = library.get_hub()
        if type(hub.resolver).__module__ == 'gevent.resolver.thread':
            hub.resolver = importlib.import_module('gevent.resolver.blocking').Resolver(hub)

"""What programs of tests have in common: a counter, and threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

from satella.instrumentation.metrics import getMetric

work = getMetric('work', 'counter')


def record(who: str, number: float = 1) -> None:
    work.runtime(number, who=who)


def go(act: Callable[..., object], *args: object, daemon: bool = True, **kwargs: object) -> threading.Thread:
    """Begin to do something in another thread."""
    thread = threading.Thread(target=act, args=args, kwargs=kwargs, daemon=daemon)
    thread.start()
    return thread

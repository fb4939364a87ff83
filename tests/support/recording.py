"""What programs of tests have in common: a counter, the exporter of their process, and threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

from satella.instrumentation.metrics import getMetric

from aws_satella import AWSSatellaExporterThread
from aws_satella.effects.process import exporter_of_process

work = getMetric('work', 'counter')


def record(who: str, number: float = 1) -> None:
    work.runtime(number, who=who)


def running_exporter() -> AWSSatellaExporterThread:
    """The exporter that the process has started."""
    exporter = exporter_of_process()
    assert exporter is not None
    return exporter


def go(act: Callable[..., object], *args: object, daemon: bool = True, **kwargs: object) -> threading.Thread:
    """Begin to do something in another thread."""
    thread = threading.Thread(target=act, args=args, kwargs=kwargs, daemon=daemon)
    thread.start()
    return thread

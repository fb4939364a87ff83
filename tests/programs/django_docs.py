"""A Celery worker of the site of the tests, as far as its signals go."""

from __future__ import annotations

import os
from typing import Any

import django
from celery.signals import worker_process_init, worker_process_shutdown
from satella.instrumentation.metrics import getMetric
from support.program import main


def work(page: str) -> None:
    """Do two tasks, with the handlers that a program of the page defines."""
    django.setup()
    handlers: dict[str, Any] = {}  # a signal does not keep its handlers alive
    exec(page, handlers)
    worker_process_init.send(sender=None)
    getMetric('shop.tasks', 'counter').runtime(2)
    worker_process_shutdown.send(sender=None)
    os._exit(0)  # as the children of Celery leave


if __name__ == '__main__':
    main(globals())

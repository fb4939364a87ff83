"""A Django site as CloudWatch sees it: 50 URLs behind the middleware of django-satella-metrics, and its traffic.

The traffic of a worker is a function of its number, so that a test knows what a worker in another process recorded.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from types import SimpleNamespace
from typing import NamedTuple
from unittest.mock import patch

import django_satella_metrics

URLS = tuple(f'/shop/products/{number}/' for number in range(50))
STATUSES = (200, 404)
WORKERS = 8


class Request(NamedTuple):
    """One request that was served."""

    url: str
    seconds: float
    status: int


class _Measured:
    """What satella's ``measure()`` is to the middleware, with a known result."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def stop(self) -> None:
        """It was."""

    def __call__(self) -> float:
        return self._seconds


def traffic(worker: int, a_url: int = 8) -> list[Request]:
    """So many requests to each URL, with times from a millisecond to some ten seconds, and both status codes."""
    chance = random.Random(worker)
    requests = [
        Request(url, chance.lognormvariate(-2.0, 1.5), STATUSES[number % 2]) for url in URLS for number in range(a_url)
    ]
    chance.shuffle(requests)
    return requests


class Site:
    """The site in one process; to make it is to make its metrics."""

    def __init__(self) -> None:
        # The middleware asks Django's settings for its own, which need not be there.
        with patch.object(django_satella_metrics, 'settings', SimpleNamespace()):
            self._middleware = django_satella_metrics.DjangoSatellaMetricsMiddleware()

    def serve(self, requests: Iterable[Request]) -> None:
        """Have the middleware record these requests."""
        for url, seconds, status in requests:
            request = SimpleNamespace(path=url, metric_time_measurement=_Measured(seconds))
            self._middleware.process_response(request, SimpleNamespace(status_code=status))

"""A site whose process ends with its first request."""

from __future__ import annotations

import threading
import time
from typing import Any

import boto3
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from satella.instrumentation.metrics import getMetric
from support.program import main

from aws_satella.contrib.django import AWSSatellaMiddleware


def end_early(seconds: str, exit_timeout: str) -> None:
    """Serve a request, and end while the client is being made.

    :param seconds: what that takes
    """
    asked = threading.Event()

    def factory() -> Any:
        asked.set()
        time.sleep(float(seconds))
        return boto3.client('cloudwatch')

    more = {'exit_timeout': float(exit_timeout), 'client_factory': factory}
    settings.configure(AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR={'namespace': 'Site', 'temporality': 'delta', **more})
    getMetric('site.hits', 'counter').runtime(1)
    AWSSatellaMiddleware(lambda _request: HttpResponse())(HttpRequest())
    assert asked.wait(20)


if __name__ == '__main__':
    main(globals())

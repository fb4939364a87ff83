"""Two pages that count how often they are served, and say who serves them."""

import asyncio
import os
import threading
import time

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from satella.instrumentation.metrics import getMetric

hits = getMetric('shop.hits', 'counter')


def answer() -> HttpResponse:
    hits.runtime(1)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        loop = False
    else:
        loop = True
    return JsonResponse({'pid': os.getpid(), 'thread': threading.get_native_id(), 'loop': loop})


def page(_request: HttpRequest, number: int) -> HttpResponse:
    """A page that takes a moment, so that other workers have theirs to serve; number 0 takes none."""
    if number:
        time.sleep(0.01)
    return answer()


async def async_page(_request: HttpRequest, number: int) -> HttpResponse:
    """The same, asynchronously."""
    await asyncio.sleep(0.01)
    return answer()


def slow_page(_request: HttpRequest, tenths: int) -> HttpResponse:
    """A page that is still being served when the server is told to stop."""
    print('A slow page begins', flush=True)
    time.sleep(tenths / 10)
    return answer()


async def slow_async_page(_request: HttpRequest, tenths: int) -> HttpResponse:
    """The same, asynchronously."""
    print('A slow page begins', flush=True)
    await asyncio.sleep(tenths / 10)
    return answer()


urlpatterns = [
    path('page/<int:number>/', page),
    path('page/slow/<int:tenths>/', slow_page),
    path('async/<int:number>/', async_page),
    path('async/slow/<int:tenths>/', slow_async_page),
]

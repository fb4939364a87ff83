"""A small shop in one file: settings, views and URLs. What makes it export is the middleware and its constructor."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from satella.instrumentation.metrics import getMetric

from demo import NAMESPACE

SECRET_KEY = 'a demo keeps no secrets'
ALLOWED_HOSTS = ['127.0.0.1']
ROOT_URLCONF = __name__
USE_TZ = True
MIDDLEWARE = [
    'django_satella_metrics.DjangoSatellaMetricsMiddleware',
    'aws_satella.contrib.django.AWSSatellaMiddleware',
    'demo.site.sign_with_worker',
]

TEMPORALITY = os.environ['DEMO_TEMPORALITY']
UNITS = {'django.status_codes*': 'Count', 'shop.*': 'Count'}
if TEMPORALITY == 'delta':
    # Only then are they one metric each, of one unit, and not one for each quantile, bucket, count and sum.
    UNITS |= {'django.summary*': 'Seconds', 'django.histogram*': 'Seconds'}

AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR = {
    'namespace': NAMESPACE,
    'add_pid': 'pid',
    'interval': 1,
    'temporality': TEMPORALITY,
    'storage_resolution': 1,
    'units': UNITS,
}


def route(request: HttpRequest) -> str:
    """The pattern that matched, not the path: a metric per product would cost a CloudWatch metric per product."""
    return f'/{request.resolver_match.route}' if request.resolver_match else '(no such page)'


DJANGO_SATELLA_METRICS = {'url_getter': route}

orders = getMetric('shop.orders', 'counter')


def sign_with_worker(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Tells the visitor which worker answered, so that the demo knows whose metrics to expect."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response['X-Worker'] = str(os.getpid())
        return response

    return middleware


def home(request: HttpRequest) -> HttpResponse:
    time.sleep(random.uniform(0.002, 0.006))
    return HttpResponse('Welcome.')


def search(request: HttpRequest) -> HttpResponse:
    """Mostly quick, now and then very slow: an average hides it, a 99th percentile does not."""
    time.sleep(min(random.lognormvariate(-4.2, 0.9), 0.4))
    return HttpResponse('Found.')


def product(request: HttpRequest, pk: int) -> HttpResponse:
    time.sleep(random.uniform(0.005, 0.015))
    if pk > 90:
        raise Http404
    return HttpResponse('A product.')


def checkout(request: HttpRequest) -> HttpResponse:
    """One in twenty fails, at the pace of a time-out."""
    if random.random() < 0.05:
        time.sleep(0.15)
        return HttpResponse('The bank does not answer.', status=500)
    time.sleep(random.uniform(0.03, 0.08))
    orders.runtime(+1, payment=random.choice(['card', 'card', 'transfer']))
    return HttpResponse('Thank you.')


urlpatterns = [
    path('', home),
    path('search', search),
    path('product/<int:pk>', product),
    path('checkout', checkout),
]

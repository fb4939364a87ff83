"""The site of the host's row: a WSGI application whose requests take about a millisecond, and count themselves.

``SHOP_EXPORT`` has the arguments of the exporter as JSON; without it there is none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from satella.instrumentation.metrics import getMetric

SERIES = int(os.environ.get('SHOP_SERIES', '5000'))

articles = getMetric('shop.articles', 'counter')
for number in range(SERIES):
    articles.runtime(1, url=f'/shop/article/{number}')
requests = getMetric('shop.requests', 'counter')
PAGE = [{'article': number, 'price': number / 7, 'name': f'Article {number}'} for number in range(400)]

if os.environ.get('SHOP_EXPORT'):
    import aws_satella

    aws_satella.start_if_not_started('Bench', **json.loads(os.environ['SHOP_EXPORT']))


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    requests.runtime(1, status=200)
    body = '\n'.join(f'{each["name"]}: {each["price"]:.2f}' for each in PAGE).encode()
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]

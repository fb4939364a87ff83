"""What sites and workers of servers count, and how they export it: in delta, at the beginning and at the end.

The interval is longer than any test, so that what arrives last arrives with the end.
"""

from __future__ import annotations

import json
import os
from typing import Any

from satella.instrumentation.metrics import getMetric

import aws_satella

hits = getMetric('hits', 'counter')
SHOP: dict[str, Any] = {'add_pid': 'pid', 'interval': 3600, 'temporality': 'delta', 'exit_timeout': 20}
SHOP.update({'namespace': 'Shop', **json.loads(os.environ.get('EXPORTER', '{}'))})  # as a test wants it


def start() -> None:
    aws_satella.start_if_not_started(**SHOP)


def answer() -> dict[str, Any]:
    """Count a request, and say who has answered it."""
    hits.runtime(1, where='page')
    return {'pid': os.getpid()}

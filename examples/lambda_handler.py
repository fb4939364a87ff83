"""A function for AWS Lambda, with ``lambda_handler.handler`` for its handler, that exports with each invocation."""

from __future__ import annotations

from typing import Any

from satella.instrumentation.metrics import getMetric

import aws_satella

orders = getMetric('shop.orders', 'counter')
latency = getMetric('shop.seconds', 'histogram')


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    # Here, not at import: an execution environment that was restored from a snapshot has no thread. While the exporter
    # runs, to call this costs nothing. It need not export by itself, hence the long interval.
    aws_satella.start_if_not_started('Shop', interval='1d', temporality='delta', units={'*.seconds': 'Seconds'})
    try:
        with latency.measure():
            return order(event)
    finally:
        # Lambda freezes the process when the handler returns, so what is not sent by now may never be. The timeout
        # keeps CloudWatch's troubles out of the answer; what could not be sent, the next invocation sends.
        aws_satella.flush(timeout=2)


def order(event: dict[str, Any]) -> dict[str, Any]:
    orders.runtime(1, country=event['country'])
    return {'statusCode': 201, 'body': f'{event["quantity"]} on their way'}

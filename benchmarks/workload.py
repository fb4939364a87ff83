"""The workload, the same for both sides: which aws_satella is driven depends only on the interpreter that runs this.

Run as a script it is a worker (see `worker.py`). Only what 2.4 has, too, may be used here.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.awsrequest import AWSResponse
from satella.instrumentation.metrics import getMetric
from worker import order, work

from aws_satella import AWSSatellaExporterThread

NAMESPACE = 'Bench'

SERIES_OF_A_CHILD = {'counters': 1, 'unlabelled': 1, 'histograms': 17, 'summaries': 4}
"""Kind of tree → how many series come of one metric object: 15 buckets, sum and count; 2 quantiles, count and sum."""

SAMPLES = 20
"""Observations in the window of each summary."""

_record: Callable[[], None]
_exporter: Any
_bodies: list[bytes] | None = None


@order
def grow(kind: str, series: int, labels: int = 1) -> None:
    """Make a tree of about so many series, and record in each; the first label is another one for each child."""
    global _record
    children = max(1, series // SERIES_OF_A_CHILD[kind])
    _record = _recorder(kind, children, {f'label{number}': f'value-{number}' for number in range(1, labels)})
    _record()


def _recorder(kind: str, children: int, labels: dict[str, str]) -> Callable[[], None]:
    if kind == 'unlabelled':
        metrics = [getMetric(f'shop.section{number % 100}.counter{number}', 'counter') for number in range(children)]

        def record_plain() -> None:
            for metric in metrics:
                metric.runtime(1)

        return record_plain
    urls = [f'/shop/article/{number}' for number in range(children)]
    metric = getMetric(f'shop.{kind}', {'counters': 'counter', 'histograms': 'histogram', 'summaries': 'summary'}[kind])
    recorded: dict[str, list[float]] = {
        'counters': [1],
        'histograms': [0.03, 0.3],
        'summaries': [0.01 * n for n in range(SAMPLES)],
    }
    values = recorded[kind]

    def record() -> None:
        for url in urls:
            for value in values:
                metric.runtime(value, url=url, **labels)

    return record


@order
def record() -> None:
    """Record once more in each series."""
    _record()


@order
def export_to_nowhere(**arguments: Any) -> None:
    """Make the exporter, and cut its transport off: botocore does all it does, up to the socket."""
    cut_off(exporter(**arguments).cloudwatch)


def exporter(**arguments: Any) -> Any:
    """Make the exporter, not started: `loop()` is one cycle."""
    global _exporter
    _exporter = AWSSatellaExporterThread(NAMESPACE, **arguments)
    return _exporter


def cut_off(client: Any) -> None:
    """Have a client's requests answered before they reach the network."""
    client.meta.events.register('before-send.cloudwatch', _answer)
    warm_up(client)


def warm_up(client: Any) -> None:
    """Have botocore do what it does but once: load its model, resolve the endpoint."""
    client.put_metric_data(Namespace=NAMESPACE, MetricData=[{'MetricName': 'first', 'Value': 1.0}])


@order
def cycle(repeats: int = 1) -> float:
    """CPU seconds of one cycle, the mean of so many."""
    before = time.process_time()
    for _ in range(repeats):
        _exporter.loop()
    return (time.process_time() - before) / repeats


@order
def sent() -> list[tuple[str, dict[str, str], float]]:
    """What one cycle sends, read from the bodies of its requests: names, dimensions, values."""
    return [
        (datum['MetricName'], {each['Name']: each['Value'] for each in datum['Dimensions']}, datum['Value'])
        for body in bodies_of(_exporter)
        for datum in json.loads(body)['MetricData']
    ]


def bodies_of(exporter: Any) -> list[bytes]:
    """The bodies of the requests of one cycle of an exporter whose client was cut off, before compression."""
    global _bodies
    _bodies = []
    exporter.loop()
    bodies, _bodies = _bodies, None
    return bodies


class _Reply:
    """The raw reply, as botocore reads it: an empty one says in JSON and in OTLP that everything was taken."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield b''


def _answer(request: Any, **_: Any) -> AWSResponse:
    if _bodies is not None:
        body = request.body
        _bodies.append(gzip.decompress(body) if request.headers.get('Content-Encoding') == b'gzip' else body)
    return AWSResponse(request.url, 200, {'Content-Type': 'application/x-amz-json-1.0'}, _Reply())


if __name__ == '__main__':
    work()

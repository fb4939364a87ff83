"""OTLP: ours, and the OpenTelemetry SDK with the same points. Run as a script it is a worker (see `worker.py`).

It takes the orders of `ours.py`, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import ours
import workload
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from satella.instrumentation.metrics import getMetric
from worker import order, work

from aws_satella.effects.resource import resource_of
from aws_satella.pure import Arguments, Delta, Discarded, Plan, read
from aws_satella.pure.formats import otlp

AT_ONCE = 1_000
"""Points a request: what CloudWatch takes."""

TEMPORALITIES = {'cumulative': AggregationTemporality.CUMULATIVE, 'delta': AggregationTemporality.DELTA}


class Sides(NamedTuple):
    """What makes the same points on both sides."""

    plan: Plan
    resource: dict[str, str]
    counter: Any
    total: Any
    """Of all counters, since satella has that, too."""
    reader: InMemoryMetricReader
    attributes: list[dict[str, str]]


_sides: Sides
_baseline: Any = {}
"""Up to where the bodies of ours have been made, in delta."""


@order
def grow_sdk(series: int, temporality: str) -> None:
    """Have the SDK keep as many counters as the tree has, with the names, labels and resource of ours."""
    global _sides
    plan = Arguments(workload.NAMESPACE, destination='otlp', temporality=temporality).plan
    resource = resource_of(plan)
    # By default the SDK keeps 2,000 sets of labels, and adds up all others.
    reader = InMemoryMetricReader({Counter: TEMPORALITIES[temporality]}, cardinality_limits={Counter: series + 1})
    provider = MeterProvider([reader], Resource(resource), shutdown_on_exit=False)
    meter = provider.get_meter(otlp.SCOPE_NAME.decode(), resource[otlp.VERSION])
    counter, total = meter.create_counter('shop.counters'), meter.create_counter('shop.counters.sum')
    attributes = [{'url': f'/shop/article/{number}', 'label1': 'value-1'} for number in range(series)]
    _sides = Sides(plan, resource, counter, total, reader, attributes)
    _record_in_sdk()


def _record_in_sdk() -> None:
    for each in _sides.attributes:
        _sides.counter.add(1, each)
    _sides.total.add(len(_sides.attributes))


@order
def record_on_both_sides() -> None:
    """Record once more in each counter."""
    workload.record()
    _record_in_sdk()


@order
def time_otlp_bodies() -> float:
    """CPU seconds from the tree to the bodies of requests."""
    before = time.process_time()
    _bodies()
    return time.process_time() - before


@order
def time_sdk() -> float:
    """CPU seconds in which the SDK collects and encodes as much, as one body."""
    before = time.process_time()
    _sdk_body()
    return time.process_time() - before


def _bodies(at_once: int = AT_ONCE) -> list[bytes]:
    global _baseline
    plan, root, now = _sides.plan, getMetric(), time.time()
    encoding: Any = plan.encoding(now, since=now - 60, resource=_sides.resource)
    rebased = plan.rebase(read(root), _baseline, root=root)
    items = encoding.together([item for item in encoding.items(rebased) if not isinstance(item, Discarded)])
    if isinstance(rebased, Delta):
        _baseline = rebased.baseline
    return [otlp.body(encoding.envelope, items[start : start + at_once]) for start in range(0, len(items), at_once)]


def _sdk_body() -> bytes:
    collected: Any = _sides.reader.get_metrics_data()
    content: bytes = encode_metrics(collected).SerializeToString()
    return content


@order
def bytes_of_both_sides(name: str) -> tuple[int, int]:
    """The bytes of all points in one body of ours and in one of the SDK, after a look into them.

    :param name: of the exporter, whose requests are looked into, too
    """
    mine, its = _bodies(at_once=len(_sides.attributes) + 1), [_sdk_body()]
    for each in (mine, workload.bodies_of(ours.exporter_of(name))):
        if _points(each) != _points(its):
            raise AssertionError(f'The two sides send different points: {_points(each) ^ _points(its)}')
    return len(mine[0]), len(its[0])


def _points(bodies: Iterable[bytes]) -> set[tuple[Any, ...]]:
    """What is in these bodies: metrics, attributes, values."""
    return {
        (metric.name, metric.sum.aggregation_temporality, metric.sum.is_monotonic, *_said(point))
        for body in bodies
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.sum.data_points
    }


def _said(point: Any) -> tuple[Any, ...]:
    labels = frozenset((each.key, each.value.string_value) for each in point.attributes)
    return labels, float(point.as_int or point.as_double)


if __name__ == '__main__':
    work()

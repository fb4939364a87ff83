"""What a receiver of OTLP understands: requests as the official classes decode them, and the rules of the endpoint.

Written without a look at :mod:`aws_satella.pure.limits`, so that a wrong number there is found here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest


class Seen(NamedTuple):
    """One data point of a request."""

    name: str
    unit: str
    sort: str
    """The kind of its metric, with the temporality, and whether it is monotonic."""
    attributes: Mapping[str, str]
    point: Any
    """The object of the official class."""

    @property
    def series(self) -> tuple[str, frozenset[tuple[str, str]]]:
        """What tells it from all others."""
        return self.name, frozenset(self.attributes.items())


def texts_of(attributes: Any) -> dict[str, str]:
    """The attributes as a dictionary. All of them are text, and each name is there once."""
    assert all(each.value.WhichOneof('value') == 'string_value' for each in attributes)
    found = {each.key: each.value.string_value for each in attributes}
    assert len(found) == len(attributes)
    return found


def parse(body: bytes) -> Any:
    """The request. Nothing in it is unknown to the official classes, and they would write it in as many bytes."""
    request = ExportMetricsServiceRequest.FromString(body)
    request.DiscardUnknownFields()
    assert len(request.SerializeToString()) == len(body)
    return request


def points(body: bytes) -> list[Seen]:
    """All data points of a request, in order."""
    return list(_points(parse(body)))


def _points(request: Any) -> Iterator[Seen]:
    (resource_metrics,) = request.resource_metrics
    (scope_metrics,) = resource_metrics.scope_metrics
    for metric in scope_metrics.metrics:
        kind = metric.WhichOneof('data')
        data = getattr(metric, kind)
        assert data.data_points, 'a metric without points'
        sort = kind
        if kind != 'gauge':
            sort += {1: ' delta', 2: ' cumulative'}[data.aggregation_temporality]
        if kind == 'sum':
            sort += ' rising' if data.is_monotonic else ' any'
        for point in data.data_points:
            yield Seen(metric.name, metric.unit, sort, texts_of(point.attributes), point)


def violations(body: bytes) -> list[str]:
    """Every rule that a request breaks."""
    return list(_violations(body))


def _violations(body: bytes) -> Iterator[str]:
    request = parse(body)
    seen = list(_points(request))
    resource = texts_of(request.resource_metrics[0].resource.attributes)
    if len(body) > 1_000_000:
        yield f'{len(body)} bytes'
    if len(seen) > 1_000:
        yield f'{len(seen)} points'
    for each in seen:
        if not each.name.strip() or len(each.name) > 255:
            yield f'name {each.name!r}'
        labels = [*each.attributes.items(), *resource.items(), ('name', 'aws-satella'), ('version', '')]
        if len(labels) > 150:
            yield f'{len(labels)} labels'
        if sum(len(text.encode()) for label in labels for text in label) > 40_000:
            yield 'labels are too large'
        if any(not name.strip() or not 0 < len(value) <= 1_024 for name, value in each.attributes.items()):
            yield f'attributes {each.attributes}'
        yield from _point_violations(each)


def _point_violations(each: Seen) -> Iterator[str]:
    point, kind = each.point, each.sort.split()[0]
    if kind != 'gauge' and not 0 < point.start_time_unix_nano <= point.time_unix_nano:
        yield f'times {point.start_time_unix_nano}, {point.time_unix_nano}'
    if each.sort == 'sum delta rising' and point.as_double < 0:
        yield f'a monotonic sum decreases: {point.as_double}'
    if kind == 'histogram':
        bounds = list(point.explicit_bounds)
        if bounds != sorted(set(bounds)) or len(point.bucket_counts) != len(bounds) + 1:
            yield f'bounds {bounds} of {len(point.bucket_counts)} buckets'
        if sum(point.bucket_counts) != point.count:
            yield f'count {point.count}, buckets {point.bucket_counts}'
    if kind == 'exponential_histogram':
        sides = point.positive.bucket_counts, point.negative.bucket_counts
        if sum(map(sum, sides)) + point.zero_count != point.count:
            yield f'count {point.count}, buckets {sides}, zero {point.zero_count}'
        if max(map(len, sides)) > 160 or point.scale > 8:
            yield f'{list(map(len, sides))} buckets at scale {point.scale}'

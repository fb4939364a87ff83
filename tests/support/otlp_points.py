"""OTLP requests as a receiver sees them: each data point with all that is said about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

TEMPORALITIES = {0: '', 1: 'delta', 2: 'cumulative'}

Labels = frozenset[tuple[str, str]]


class Series(NamedTuple):
    """What tells a series from all others."""

    name: str
    attributes: Labels
    unit: str
    kind: str
    resource: Labels
    scope: str


@dataclass(frozen=True)
class Point:
    """One data point. Times are in nanoseconds since 1970."""

    name: str
    attributes: Mapping[str, str]
    kind: str
    """gauge, sum, histogram, exponential_histogram or summary."""
    temporality: str
    """delta, cumulative, or nothing for a gauge."""
    is_monotonic: bool
    unit: str
    start: int
    """0 where it is not said."""
    time: int
    value: float | None = None
    """Of a gauge or a sum."""
    count: int | None = None
    """Of a histogram of either kind, as the next one."""
    sum: float | None = None
    buckets: tuple[int, ...] = ()
    """The counts of a histogram with explicit bounds."""
    bounds: tuple[float, ...] = ()
    resource: Mapping[str, str] = field(default_factory=dict)
    scope: str = ''
    """Its name."""
    place: str = ''
    """Where it is in its request, as a reply names it."""
    official: Any = field(default=None, repr=False, compare=False)
    """The object of the official class, for all else."""
    others: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The labels that it has from its resource and its scope."""
    all_text: bool = field(default=True, repr=False)
    """Whether its attributes, and those of its resource and scope, are text, each there once."""

    @property
    def series(self) -> Series:
        """What it is a point of."""
        labels = frozenset(self.attributes.items()), frozenset(self.resource.items())
        return Series(self.name, labels[0], self.unit, self.kind, labels[1], self.scope)

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """All that the endpoint counts as labels: its attributes, those of its resource and its scope, and the name and
        version of the latter."""
        return (*self.attributes.items(), *self.others)


def place(metric: int, point: int, resource: int = 1, scope: int = 1) -> str:
    """How a reply names the point at these positions, which count from 1."""
    return f'ResourceMetrics.{resource}.ScopeMetrics.{scope}.Metrics.{metric}.Datapoint.{point}'


def points_of(request: Any) -> Iterator[Point]:
    """All data points of an ExportMetricsServiceRequest, in order."""
    for first, resource_metrics in enumerate(request.resource_metrics, 1):
        for second, scope_metrics in enumerate(resource_metrics.scope_metrics, 1):
            around = _Around.of(resource_metrics.resource, scope_metrics.scope)
            for third, metric in enumerate(scope_metrics.metrics, 1):
                for fourth, point in enumerate(_data_points(metric), 1):
                    yield _point(around, metric, point, place(third, fourth, first, second))


def _data_points(metric: Any) -> Any:
    kind = metric.WhichOneof('data')
    return getattr(metric, kind).data_points if kind else ()


class _Around(NamedTuple):
    """What the points of one scope have in common."""

    resource: dict[str, str]
    scope: str
    labels: tuple[tuple[str, str], ...]
    all_text: bool

    @classmethod
    def of(cls, resource: Any, scope: Any) -> _Around:
        texts, others = _texts(resource.attributes), _texts(scope.attributes)
        labels = (*texts.items(), *others.items(), ('name', scope.name), ('version', scope.version))
        return cls(texts, scope.name, labels, _are_texts(resource.attributes) and _are_texts(scope.attributes))


def _texts(attributes: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in attributes}


def _are_texts(attributes: Any) -> bool:
    names = {each.key for each in attributes if each.value.WhichOneof('value') == 'string_value'}
    return len(names) == len(attributes)


def _point(around: _Around, metric: Any, point: Any, where: str) -> Point:
    kind = metric.WhichOneof('data')
    data = getattr(metric, kind)
    return Point(
        metric.name,
        _texts(point.attributes),
        kind,
        TEMPORALITIES[getattr(data, 'aggregation_temporality', 0)],
        getattr(data, 'is_monotonic', False),
        metric.unit,
        point.start_time_unix_nano,
        point.time_unix_nano,
        **_measured(point),
        resource=around.resource,
        scope=around.scope,
        place=where,
        official=point,
        others=around.labels,
        all_text=around.all_text and _are_texts(point.attributes),
    )


def _measured(point: Any) -> dict[str, Any]:
    """What a point says, by the fields of :class:`Point`."""
    fields = point.DESCRIPTOR.fields_by_name
    if 'as_double' in fields:
        which = point.WhichOneof('value')
        return {'value': None if which is None else float(getattr(point, which))}
    said: dict[str, Any] = {'count': point.count, 'sum': point.sum}
    if 'bucket_counts' in fields:
        said |= {'buckets': tuple(point.bucket_counts), 'bounds': tuple(point.explicit_bounds)}
    return said

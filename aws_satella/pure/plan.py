"""The stages, composed: what is to be exported, and how, as one checked value.

What may live here: the order of the stages. What may not: what a stage does, time, and anything that acts.

The way of one data point: :func:`~aws_satella.pure.read` takes it from the tree, ``Plan.rebase`` makes it
cumulative or delta, :func:`select` leaves out what is not wanted, :class:`~aws_satella.pure.datum.Shaper` (with
:class:`~aws_satella.pure.dimensions.Merger`) makes it a datum, and :func:`~aws_satella.pure.chunks.chunk` puts it into
a request. All of it is lazy: one request's data are held at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, TypedDict, TypeVar

from satella.instrumentation.metrics import MetricData, MetricDataCollection

from aws_satella.pure import arguments, limits
from aws_satella.pure.chunks import chunk
from aws_satella.pure.datapoints import DataPoint, Discarded, Kind, Reason, read
from aws_satella.pure.datum import MetricDatum, Shaper, Sized, Units, utc
from aws_satella.pure.dimensions import Merger, json_bytes
from aws_satella.pure.temporality import Baseline, Delta, collect, cumulative

OnDiscard = Callable[[Discarded], object]

T = TypeVar('T')


class Payload(TypedDict):
    """The keyword arguments of one ``put_metric_data``.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
    """

    Namespace: str
    MetricData: list[MetricDatum]


def _ignore(_discarded: Discarded) -> None:
    """What happens to discards that nobody asked for."""


@dataclass(frozen=True)
class Plan:
    """What the metrics of a tree become. The arguments are those of the exporter; they are checked here.

    :raises ValueError: an argument has a value that is not allowed; the message says which, and what is
    :raises TypeError: an argument is of the wrong kind
    """

    namespace: str
    extra_dimensions: Mapping[str, str] | None = None
    add_pid: str | None = None
    max_send_at_once: int = 20
    max_dimensions: int = limits.DEFAULT_MAX_DIMENSIONS
    temporality: str = 'cumulative'
    units: Units = None
    storage_resolution: int = 60
    max_series: int | None = None
    exclude: Iterable[str] = ()

    def __post_init__(self) -> None:
        checked = {
            'namespace': arguments.namespace(self.namespace),
            'extra_dimensions': arguments.extra_dimensions(self.extra_dimensions),
            'add_pid': arguments.add_pid(self.add_pid),
            'max_send_at_once': arguments.whole_number(
                'max_send_at_once', self.max_send_at_once, 1, limits.MAX_DATA_PER_REQUEST
            ),
            'max_dimensions': arguments.whole_number('max_dimensions', self.max_dimensions, 1, limits.MAX_DIMENSIONS),
            'temporality': arguments.temporality(self.temporality),
            'units': arguments.units(self.units),
            'storage_resolution': arguments.one_of(
                'storage_resolution', self.storage_resolution, limits.STORAGE_RESOLUTIONS
            ),
            'exclude': arguments.exclude(self.exclude),
        }
        if self.max_series is not None:
            arguments.whole_number('max_series', self.max_series, 0)
        for name, value in checked.items():
            object.__setattr__(self, name, value)  # the dataclass's own way to set a field of a frozen instance
        arguments.room_for_dimensions(self.common_dimensions(pid=0), self.max_dimensions)

    def common_dimensions(self, pid: int | None) -> dict[str, str]:
        """What every series gets: the extra dimensions, and the pid over them."""
        extra = dict(self.extra_dimensions or {})
        return {**extra, self.add_pid: str(pid)} if self.add_pid and pid is not None else extra

    @property
    def envelope_bytes(self) -> int:
        """What a request's body has beside the data."""
        return len('{"Namespace": , "MetricData": []}') + json_bytes(self.namespace)

    def data_points(
        self,
        root: Any,
        baseline: Baseline,
        tolerate: type[BaseException] = Exception,
        wait: Callable[[], object] | None = None,
    ) -> Delta | Iterator[DataPoint | Discarded]:
        """The series of a tree; as a :class:`~aws_satella.pure.temporality.Delta`, which has the next baseline.

        :param wait: lets another thread finish what it is recording
        """
        points = read(root, tolerate, wait=wait)
        return Delta(points, baseline, tolerate) if self.temporality == 'delta' else cumulative(points, tolerate)

    def sized(
        self,
        points: Iterable[DataPoint | Discarded],
        timestamp: float | datetime | None = None,
        pid: int | None = None,
        tolerate: type[BaseException] = Exception,
    ) -> Iterator[Sized | Discarded]:
        """Data points → metric data with their sizes, and what is thrown away, in order."""
        merger = Merger(self.common_dimensions(pid), self.max_dimensions)
        shaper = Shaper(merger, utc(timestamp), self.units, self.storage_resolution, tolerate)
        return shaper.shape(select(points, tuple(self.exclude), self.max_series))

    def requests(
        self, sized: Iterable[Sized | Discarded], on_discard: OnDiscard = _ignore
    ) -> Iterator[list[MetricDatum]]:
        """Metric data → the data of one request each; discards go to the callback as they come by."""
        room = limits.MAX_REQUEST_BYTES - self.envelope_bytes
        return chunk(_sift(sized, on_discard), self.max_send_at_once, room)


def select(
    points: Iterable[DataPoint | Discarded], exclude: tuple[str, ...], max_series: int | None
) -> Iterable[DataPoint | Discarded]:
    """Leave out the names that match a pattern, and discard what is more than ``max_series``, in tree order."""
    return points if not exclude and max_series is None else _selected(points, exclude, max_series)


def _selected(
    points: Iterable[DataPoint | Discarded], exclude: tuple[str, ...], max_series: int | None
) -> Iterator[DataPoint | Discarded]:
    excluded: dict[str, bool] = {}
    room = float('inf') if max_series is None else max_series
    for point in points:
        name = point.data.name if isinstance(point, Discarded) else point.name
        if isinstance(name, str):  # what else there may be matches nothing
            if name not in excluded:
                excluded[name] = any(fnmatchcase(name, pattern) for pattern in exclude)
            if excluded[name]:
                continue
        if isinstance(point, Discarded):
            yield point
            continue
        if room > 0:
            yield point
        else:
            yield Discarded(MetricData(point.name, point.value, point.labels), Reason.TOO_MANY_SERIES)
        room -= 1


def _sift(items: Iterable[Sized | Discarded], on_discard: OnDiscard) -> Iterator[Sized]:
    for item in items:
        if isinstance(item, Discarded):
            on_discard(item)
        else:
            yield item


def build_payloads(
    source: Any,
    namespace: str,
    *,
    extra_dimensions: Mapping[str, str] | None = None,
    max_send_at_once: int = 20,
    max_dimensions: int = limits.DEFAULT_MAX_DIMENSIONS,
    units: Units = None,
    storage_resolution: int = 60,
    timestamp: float | datetime | None = None,
    on_discard: OnDiscard | None = None,
) -> Iterator[Payload]:
    """Metrics → the keyword arguments of as many ``put_metric_data`` as it takes, for a client of your own.

    >>> from satella.instrumentation.metrics import MetricData
    >>> for payload in build_payloads([MetricData('orders', 3, {'shop': 'north'})], 'Shop'):
    ...     print(payload)  # client.put_metric_data(**payload)
    {'Namespace': 'Shop', 'MetricData': [{'MetricName': 'orders', 'Unit': 'None', \
'Dimensions': [{'Name': 'shop', 'Value': 'north'}], 'Value': 3.0}]}

    :param source: a satella metric (a tree of them), a ``MetricDataCollection``, or any iterable of ``MetricData``;
        internal metrics are left out
    :param namespace: the namespace of CloudWatch
    :param extra_dimensions: dimensions for every metric; they override labels of the same name
    :param max_send_at_once: metric data in one payload, 1 to 1000
    :param max_dimensions: a metric with more dimensions is discarded, 1 to 30
    :param units: metric name or shell pattern → unit, or a callable from the name to its unit
    :param storage_resolution: seconds, 60 or 1 (high resolution)
    :param timestamp: of all data: UNIX seconds or an aware ``datetime``; None leaves it to CloudWatch, which takes the
        time of arrival. The metrics' own timestamps are not used.
    :param on_discard: called with a :class:`~aws_satella.pure.datapoints.Discarded` for whatever cannot be sent
    :return: a lazy iterator; a payload is made when it is asked for
    :raises ValueError: an argument has a value that is not allowed
    :raises TypeError: an argument, or an item of the source, is of the wrong kind
    """
    plan = Plan(
        namespace,
        extra_dimensions,
        max_send_at_once=max_send_at_once,
        max_dimensions=max_dimensions,
        units=units,
        storage_resolution=storage_resolution,
    )
    moment = arguments.timestamp(timestamp)
    callback = _ignore if on_discard is None else arguments.function('on_discard', on_discard)
    requests = plan.requests(plan.sized(points_of(source), moment), callback)
    return ({'Namespace': namespace, 'MetricData': data} for data in requests)


def points_of(source: Any) -> Iterator[DataPoint | Discarded]:
    """The data points of whatever :func:`build_payloads` takes.

    :raises TypeError: it is neither a metric nor an iterable
    """
    if hasattr(source, 'to_metric_data'):
        return collect(source)
    if isinstance(source, MetricDataCollection):
        source = source.values
    if not isinstance(source, Iterable):
        raise TypeError(
            f'source: {source!r} is of type {type(source).__name__}; '
            f'allowed: a satella metric, a MetricDataCollection, or an iterable of MetricData'
        )
    return _given(source)


def _given(items: Iterable[Any]) -> Iterator[DataPoint | Discarded]:
    for item in items:
        if isinstance(item, MetricData):
            if not item.internal:
                yield DataPoint(item.name, item.value, item.labels, Kind.GAUGE)
        elif isinstance(item, (DataPoint, Discarded)):
            yield item
        else:
            raise TypeError(f'source: {item!r} is of type {type(item).__name__}; allowed: MetricData')

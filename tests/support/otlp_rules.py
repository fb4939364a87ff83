"""The rules of CloudWatch's OTLP endpoint, and those of OTLP that a sender of metrics can break.

Written without a look at :mod:`aws_satella.pure.limits`, so that a wrong number there is found here. Rates (requests a
second, new series in ten minutes) are of an account, and not of a request: a test that is about them has the endpoint
answer with 429.

Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html and
https://opentelemetry.io/docs/specs/otel/metrics/data-model/
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

from support.otlp_points import Point

MAX_POINTS = 1_000
MAX_BYTES = 1_000_000
MAX_LABELS = 150
MAX_LABEL_BYTES = 40_000
MAX_VALUE_LENGTH = 1_024
MAX_AGE_SECONDS = 14 * 24 * 60 * 60
MAX_AHEAD_SECONDS = 10 * 60
KINDS = ('gauge', 'sum', 'histogram', 'exponential_histogram')


def faults_of_points(points: Iterable[Point], now: float) -> dict[str, str]:
    """The points that break a rule, by their places, with the first rule that each breaks.

    :param now: in UNIX seconds
    """
    found: dict[str, str] = {}
    seen: set[Hashable] = set()
    for point in points:
        fault = next(_faults(point, now), None)
        if fault is None and (point.series, point.time) in seen:
            fault = 'a series is in the request twice'
        if fault is not None:
            found[point.place] = f'{point.name}: {fault}'
        seen.add((point.series, point.time))
    return found


def _faults(point: Point, now: float) -> Iterator[str]:
    if point.kind not in KINDS:
        yield f'{point.kind} is no type that the endpoint takes'
        return
    yield from _label_faults(point)
    yield from _time_faults(point, now)
    if point.kind != 'gauge' and not point.temporality:
        yield 'no temporality'
    yield from _VALUE_FAULTS[point.kind](point)


def _label_faults(point: Point) -> Iterator[str]:
    if not point.name.strip():
        yield 'no name'
    if not point.all_text:
        yield 'an attribute is no text, or is there twice'
    if len(point.labels) > MAX_LABELS:
        yield f'{len(point.labels)} labels'
    size = sum(len(text.encode()) for label in point.labels for text in label)
    if size > MAX_LABEL_BYTES:
        yield f'{size} bytes of labels'
    if any(not name.strip() for name, _ in point.labels):
        yield 'a label without a name'
    longest = max(len(value) for _, value in point.labels)
    if longest > MAX_VALUE_LENGTH:
        yield f'the value of a label has {longest} characters'


def _time_faults(point: Point, now: float) -> Iterator[str]:
    ahead = point.time / 1e9 - now
    if ahead > MAX_AHEAD_SECONDS:
        yield f'its time is {ahead:.0f} s ahead'
    if ahead < -MAX_AGE_SECONDS:
        yield f'its time is {-ahead:.0f} s ago'
    if point.start > point.time:
        yield f'it starts {point.start - point.time} ns after its time'
    if point.kind != 'gauge' and not point.start:
        yield 'it does not say when it starts'


def _number_faults(point: Point) -> Iterator[str]:
    if point.value is None or not math.isfinite(point.value):
        yield f'the value {point.value} is no number'
    elif point.is_monotonic and point.value < 0:
        yield f'a monotonic sum decreases: {point.value}'


def _histogram_faults(point: Point) -> Iterator[str]:
    yield from _sum_faults(point)
    if list(point.bounds) != sorted(set(point.bounds)) or not all(map(math.isfinite, point.bounds)):
        yield f'the bounds {point.bounds} do not rise'
    if len(point.buckets) != len(point.bounds) + 1:
        yield f'{len(point.buckets)} buckets, {len(point.bounds)} bounds'
    if sum(point.buckets) != point.count:
        yield f'the count is {point.count}, and {sum(point.buckets)} are in buckets'


def _exponential_faults(point: Point) -> Iterator[str]:
    yield from _sum_faults(point)
    sides = point.official.positive, point.official.negative
    observed = point.official.zero_count + sum(sum(side.bucket_counts) for side in sides)
    if observed != point.count:
        yield f'the count is {point.count}, and {observed} are in buckets'


def _sum_faults(point: Point) -> Iterator[str]:
    if not math.isfinite(point.sum or 0.0):
        yield f'the sum {point.sum} is no number'


_VALUE_FAULTS: Mapping[str, Callable[[Point], Iterator[str]]] = {
    'gauge': _number_faults,
    'sum': _number_faults,
    'histogram': _histogram_faults,
    'exponential_histogram': _exponential_faults,
}


class Windows:
    """The times that the points of each series have covered, over the whole life of a stand-in.

    A point in delta covers the time from its start. A window may come late, but never covers what another one has. All
    other points cover one moment.
    """

    def __init__(self) -> None:
        self._taken: dict[Hashable, list[tuple[int, int]]] = defaultdict(list)

    def faults(self, points: Iterable[Point]) -> dict[str, str]:
        """The points that cover a time that was covered before, or that another point of these covers."""
        found: dict[str, str] = {}
        these = Windows()
        for point in points:
            other = self._overlapped(point) or these._overlapped(point)
            if other is not None:
                found[point.place] = f'{point.name}: its window {_window(point)} overlaps {other}, which was taken'
            else:
                these.take([point])
        return found

    def take(self, points: Iterable[Point]) -> None:
        """Remember what these cover."""
        for point in points:
            self._taken[_sender(point)].append(_window(point))

    def _overlapped(self, point: Point) -> tuple[int, int] | None:
        start, time = _window(point)
        for other in self._taken.get(_sender(point), ()):
            if other[1] == time or (start < other[1] and other[0] < time):
                return other
        return None


def _window(point: Point) -> tuple[int, int]:
    return (point.start if point.temporality == 'delta' else point.time), point.time


def _sender(point: Point) -> Hashable:
    """The series, of one instance of a service: whatever else its resource says, a process has an identifier of its
    own, and it is a mistake to share it."""
    identity = tuple(point.resource.get(f'service.{part}') for part in ('namespace', 'name', 'instance.id'))
    return point.series._replace(resource=frozenset()), identity if identity[-1] else point.series.resource

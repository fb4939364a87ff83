"""OTLP data points: a value → its bytes, and back.

What may live here: the messages of data points, and of the metrics that hold them. What may not: requests, labels
before they are attributes, what a value is allowed to be. Numbers that are 0 are absent where that means the same.

Source: opentelemetry/proto/metrics/v1/metrics.proto in https://github.com/open-telemetry/opentelemetry-proto
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct, unpack
from typing import Any, Final, NamedTuple

from aws_satella.pure.exponential import Buckets, Exponential, add
from aws_satella.pure.formats.protobuf import (
    BYTES,
    FIXED64,
    fields,
    fixed,
    packed,
    read_number,
    tag,
    text,
    varint,
    zigzag,
)
from aws_satella.pure.points import Histogram

GAUGE, SUM, FALLING_SUM, HISTOGRAM, EXPONENTIAL = range(5)
SORTS: Final = (GAUGE, SUM, FALLING_SUM, HISTOGRAM, EXPONENTIAL)
"""The sorts of metrics. A falling sum may decrease: it is not monotonic."""

DELTA, CUMULATIVE = 1, 2
"""AggregationTemporality."""

CODES: Final[Mapping[str, int]] = {'delta': DELTA, 'cumulative': CUMULATIVE}

METRIC_FIELDS: Final = (5, 7, 7, 9, 10)
"""Sort → the field of its data in a Metric."""

ATTRIBUTE_FIELDS: Final = (7, 7, 7, 9, 1)
"""Sort → the field of the attributes in a data point."""

ATTRIBUTE_TAGS: Final = tuple(tag(field, BYTES) for field in ATTRIBUTE_FIELDS)
"""Sort → what an attribute begins with in a data point."""

POINT_TAG: Final = tag(1, BYTES)
"""What a data point begins with in the data of a metric."""


class Extremes(NamedTuple):
    """The least and the greatest observation."""

    min: float
    max: float


class ExponentialValue(NamedTuple):
    """What the data point of an exponential histogram says."""

    buckets: Exponential
    sum: float | None
    extremes: Extremes | None

    @property
    def observations(self) -> int:
        """All of them."""
        return self.buckets.zero_count + sum(self.buckets.positive.counts) + sum(self.buckets.negative.counts)


Value = float | Histogram | ExponentialValue
"""What a data point says."""


def tail(sort: int, temporality: int) -> bytes:
    """The data of a metric besides its points."""
    if sort == GAUGE:
        return b''
    return varint(2, temporality) + (varint(3, 1) if sort == SUM else b'')


class Times(NamedTuple):
    """When what a data point says began, and when it was read, in nanoseconds since 1970."""

    start: int
    time: int

    @classmethod
    def of(cls, start: float, time: float) -> Times:
        """From UNIX seconds. Where the clock went back, nothing began after it was read."""
        read = _nanoseconds(time)
        return cls(min(_nanoseconds(start), read), read)


def _nanoseconds(seconds: float) -> int:
    whole = int(seconds)
    return max(0, whole * 10**9 + int((seconds - whole) * 10**9))


NUMBER_BYTES: Final = (18, 27, 27)
"""Sort → the bytes of a point that is one number, up to its attributes."""


def number_start(sort: int, times: Times) -> bytes:
    """A point of one number, up to the eight bytes of the number."""
    start = b'' if sort == GAUGE else fixed(2, times.start)
    return start + fixed(3, times.time) + tag(4, FIXED64)


def _number(sort: int, times: Times, value: float) -> bytes:
    return number_start(sort, times) + _DOUBLE(value)


_DOUBLE: Final = Struct('<d').pack


def _histogram(_sort: int, times: Times, value: Histogram) -> bytes:
    return b''.join(
        (
            fixed(2, times.start),
            fixed(3, times.time),
            fixed(4, value.observations) if value.observations else b'',
            b'' if value.sum is None else fixed(5, float(value.sum)),
            packed(6, value.bucket_counts, 'Q'),
            packed(7, value.explicit_bounds, 'd'),
        )
    )


def _exponential(_sort: int, times: Times, value: ExponentialValue) -> bytes:
    buckets, extremes = value.buckets, value.extremes
    return b''.join(
        (
            fixed(2, times.start),
            fixed(3, times.time),
            fixed(4, value.observations) if value.observations else b'',
            b'' if value.sum is None else fixed(5, float(value.sum)),
            varint(6, zigzag(buckets.scale)) if buckets.scale else b'',
            fixed(7, buckets.zero_count) if buckets.zero_count else b'',
            _buckets(8, buckets.positive),
            _buckets(9, buckets.negative),
            fixed(12, extremes.min) + fixed(13, extremes.max) if extremes else b'',
        )
    )


def _buckets(field: int, buckets: Buckets) -> bytes:
    if not buckets.counts:
        return b''
    offset = varint(1, zigzag(buckets.offset)) if buckets.offset else b''
    return text(field, offset + packed(2, buckets.counts, 'v'))


_WRITERS: Final[tuple[Callable[[int, Times, Any], bytes], ...]] = (_number, _number, _number, _histogram, _exponential)


def write(sort: int, times: Times, value: Value, attributes: bytes) -> bytes:
    """A data point as a field of the data of its metric.

    :param sort: of its metric
    :param times: when it began, and when it was read
    :param value: what it says
    :param attributes: its attributes, each with its tag
    """
    return text(1, _WRITERS[sort](sort, times, value) + attributes)


class Read(NamedTuple):
    """What a data point says."""

    value: Value
    times: Times
    attributes: tuple[bytes, ...]
    """A KeyValue each, without a length."""


def read(sort: int, point: bytes) -> Read:
    """Take a point that :func:`write` gave apart."""
    said: dict[int, Any] = {}
    attributes = []
    where = ATTRIBUTE_FIELDS[sort]
    for field, value in fields(point[read_number(point, 1)[1] :]):
        if field == where and isinstance(value, bytes):
            attributes.append(value)
        else:
            said[field] = value
    times = Times(_unsigned(said.get(2)), _unsigned(said.get(3)))
    return Read(_READERS[sort](said), times, tuple(attributes))


def _unsigned(value: bytes | None) -> int:
    return int.from_bytes(value or b'', 'little')


def _double(value: bytes) -> float:
    return unpack('<d', value)[0]  # type: ignore[no-any-return]  # that is what it unpacks


def _read_number(said: Mapping[int, Any]) -> float:
    return _double(said[4])


def _read_histogram(said: Mapping[int, Any]) -> Histogram:
    counts, bounds = said[6], said.get(7, b'')
    return Histogram(
        unpack(f'<{len(bounds) // 8}d', bounds),
        unpack(f'<{len(counts) // 8}Q', counts),
        _unsigned(said.get(4)),
        _double(said[5]) if 5 in said else None,
    )


def _read_exponential(said: Mapping[int, Any]) -> ExponentialValue:
    return ExponentialValue(
        Exponential(
            _signed(said.get(6, 0)), _unsigned(said.get(7)), _read_buckets(said.get(8)), _read_buckets(said.get(9))
        ),
        _double(said[5]) if 5 in said else None,
        Extremes(_double(said[12]), _double(said[13])) if 12 in said else None,
    )


def _read_buckets(message: bytes | None) -> Buckets:
    if message is None:
        return Buckets()
    said: dict[int, Any] = dict(fields(message))
    counts, position = [], 0
    while position < len(said[2]):
        count, position = read_number(said[2], position)
        counts.append(count)
    return Buckets(_signed(said.get(1, 0)), tuple(counts))


def _signed(value: int) -> int:
    return value >> 1 ^ -(value & 1)


_READERS: Final[tuple[Callable[[Mapping[int, Any]], Value], ...]] = (
    *(_read_number, _read_number, _read_number),
    *(_read_histogram, _read_exponential),
)


def sum_of(sort: int, one: Any, other: Any) -> Value:
    """What two points of one series say together: of a gauge the later one, of all others the sum."""
    if sort == GAUGE:
        return other  # type: ignore[no-any-return]  # a value
    if isinstance(one, Histogram):
        if one.explicit_bounds != other.explicit_bounds:
            raise ValueError('histograms with different bounds cannot be added up')
        counts = tuple(map(int.__add__, one.bucket_counts, other.bucket_counts))
        return Histogram(one.explicit_bounds, counts, one.observations + other.observations, _added(one.sum, other.sum))
    if isinstance(one, ExponentialValue):
        known = [one.extremes, other.extremes]
        least, greatest = zip(*known, strict=True) if all(known) else ((), ())
        extremes = Extremes(min(least), max(greatest)) if least else None
        return ExponentialValue(add(one.buckets, other.buckets), _added(one.sum, other.sum), extremes)
    return one + other  # type: ignore[no-any-return]  # two floats


def _added(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other

"""Data point → MetricDatum, with its size in bytes; or the reason why not.

What may live here: the rules for values, names and units, and the form of a datum. What may not: where points come from
or go to.

The size is what botocore's JSON makes of the datum, or a little more, never less.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple, TypedDict

from satella.instrumentation.metrics import MetricData

from aws_satella.pure import limits
from aws_satella.pure.datapoints import DataPoint, Discarded, Distribution, Reason
from aws_satella.pure.dimensions import Dimension, Merger, json_bytes, printable


class _Identity(TypedDict):
    MetricName: str


class MetricDatum(_Identity, total=False):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html."""

    Dimensions: list[Dimension]
    Timestamp: datetime
    Value: float
    Values: list[float]
    Counts: list[float]
    Unit: str
    StorageResolution: int


Sized = tuple[MetricDatum, int]
"""A datum, and at least as many bytes as it will take in a request."""

ENVELOPE_BYTES = len(
    '{"MetricName": , "Dimensions": [], "Timestamp": 12345678901.123456, "Unit": "", "StorageResolution": 1}, '
)
"""What JSON puts around the parts of a datum."""

NUMBER_BYTES = len('-1.2345678901234567e-308, ')
"""The longest that JSON makes of a float, with what separates it from the next."""

VALUE_BYTES = len('"Value": , ') + NUMBER_BYTES
VALUES_BYTES = len('"Values": [], "Counts": [], ')


TEXTS = (str, bytes, bytearray)

Units = Mapping[str, str] | Callable[[str], str | None] | None
"""Metric name or shell pattern → unit, or a callable from the name to its unit."""


def unit_of(units: Units, name: str) -> str:
    """The unit of the metric with this name: the name itself before the first pattern that fits; 'None' for neither."""
    if units is None:
        return limits.NO_UNIT
    if callable(units):
        return units(name) or limits.NO_UNIT
    if name in units:
        return units[name]
    return next((unit for pattern, unit in units.items() if fnmatchcase(name, pattern)), limits.NO_UNIT)


def number(value: Any) -> float | Reason:
    """The value as CloudWatch takes it, or why it does not."""
    if isinstance(value, TEXTS):  # float('1.5') is a number, but a text was recorded
        return Reason.NOT_A_NUMBER
    try:
        result = float(value)
    except OverflowError:
        return Reason.OUT_OF_RANGE
    except (TypeError, ValueError):
        return Reason.NOT_A_NUMBER
    if -limits.MAX_ABSOLUTE_VALUE <= result <= limits.MAX_ABSOLUTE_VALUE:
        return result
    return Reason.OUT_OF_RANGE if math.isfinite(result) else Reason.NOT_FINITE


_Head = tuple[str, str, int]
"""What all data of one name have in common: the name as it is sent, the unit, and the size."""


class _Fault(NamedTuple):
    """Why no datum of this name can be sent."""

    reason: Reason
    error: BaseException | None = None


MAX_HEADS: Final = 1_000
"""Names that are remembered. Series of one name come one after the other, so that more would help nobody."""


class Shaper:
    """Shapes the data points of one cycle; it keeps what it found out about names.

    :param merger: makes their dimensions
    :param timestamp: of every datum; None leaves it to CloudWatch, which takes the time of arrival
    :param units: their units
    :param storage_resolution: 1 or 60 seconds
    :param tolerate: what a label's ``str()``, a value's ``float()`` or a units callable may raise at the cost of one
        datum
    """

    def __init__(
        self,
        merger: Merger,
        timestamp: datetime | None = None,
        units: Units = None,
        storage_resolution: int = 60,
        tolerate: type[BaseException] = Exception,
    ) -> None:
        self._merger = merger
        self._units = units
        self._tolerate = tolerate
        self._timestamp = timestamp
        self._storage_resolution = storage_resolution
        self._heads: dict[str, _Head | _Fault] = {}

    def shape(self, points: Iterable[DataPoint | Discarded]) -> Iterator[Sized | Discarded]:
        """Metric data with their sizes, in order; discards pass through. A distribution of nothing gives nothing."""
        for point in points:
            if isinstance(point, Discarded):
                yield point
                continue
            try:
                shaped = self._shape(point)
            except self._tolerate as error:
                shaped = _discard(point, Reason.RAISED, error)
            if isinstance(shaped, list):
                yield from shaped
            else:
                yield shaped

    def _shape(self, point: DataPoint) -> Sized | Discarded | list[Sized | Discarded]:
        """The datum, in nearly all cases; or what there is instead."""
        name, measured, labels, _, _ = point
        head = self._heads.get(name) or self._head(name)
        if isinstance(head, _Fault):
            return _discard(point, *head)
        merged = self._merger.merge(labels)
        if not isinstance(merged, tuple):
            return _discard(point, merged)
        dimensions, dimension_bytes = merged
        text, unit, size = head
        datum: MetricDatum = {'MetricName': text, 'Unit': unit, 'Dimensions': dimensions}
        if self._timestamp is not None:
            datum['Timestamp'] = self._timestamp
        if self._storage_resolution != 60:  # CloudWatch's default, which need not be said
            datum['StorageResolution'] = self._storage_resolution
        size += dimension_bytes
        if isinstance(measured, Distribution):
            return list(_distribution(point, measured, datum, size, self._tolerate))
        value = number(measured)
        if not isinstance(value, float):
            return _discard(point, value)
        datum['Value'] = value
        return datum, size + VALUE_BYTES

    def _head(self, name: str) -> _Head | _Fault:
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        head = self._heads[name] = self._new_head(name)
        return head

    def _new_head(self, name: str) -> _Head | _Fault:
        text = printable(str(name))
        if not text.strip() or len(text) > limits.MAX_METRIC_NAME_LENGTH:
            return _Fault(Reason.BAD_NAME)
        try:
            unit = unit_of(self._units, name)
        except self._tolerate as error:
            return _Fault(Reason.BAD_UNIT, error)
        if unit not in limits.UNITS:
            return _Fault(Reason.BAD_UNIT)
        return text, unit, ENVELOPE_BYTES + json_bytes(text) + len(unit)


def _discard(point: DataPoint, reason: Reason, error: BaseException | None = None) -> Discarded:
    return Discarded(MetricData(point.name, point.value, point.labels), reason, error)


def _distribution(
    point: DataPoint, distribution: Distribution, datum: MetricDatum, size: int, tolerate: type[BaseException]
) -> Iterator[Sized | Discarded]:
    """As many data as it takes, 150 distinct values each; an observation that is no number costs itself alone."""
    observed: dict[float, float] = {}
    for value, count in zip(distribution.values, distribution.counts, strict=True):
        try:
            checked = number(value)
        except tolerate as error:
            yield _discard(point._replace(value=value), Reason.RAISED, error)
            continue
        if isinstance(checked, Reason):
            yield _discard(point._replace(value=value), checked)
        else:
            observed[checked] = observed.get(checked, 0.0) + count
    values, counts = list(observed), list(observed.values())
    for start in range(0, len(values), limits.MAX_VALUES_PER_DATUM):
        part = datum.copy()
        part['Values'] = values[start : start + limits.MAX_VALUES_PER_DATUM]
        part['Counts'] = counts[start : start + limits.MAX_VALUES_PER_DATUM]
        yield part, size + VALUES_BYTES + 2 * NUMBER_BYTES * len(part['Values'])


def utc(timestamp: float | datetime | None) -> datetime | None:
    """The timestamp as a datetime, which botocore serialises much faster than any other form.

    :param timestamp: UNIX seconds, or a datetime that knows its time zone
    :raises ValueError: for a datetime without a time zone
    """
    if timestamp is None:
        return None
    if isinstance(timestamp, datetime):
        if timestamp.tzinfo is None:
            raise ValueError(f'timestamp: {timestamp!r} has no time zone; allowed: UNIX seconds, or an aware datetime')
        return timestamp.astimezone(timezone.utc)
    return datetime.fromtimestamp(timestamp, timezone.utc)

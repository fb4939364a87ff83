"""OTLP: points → items.

What may live here: what becomes of a point, or why nothing does. What may not: where points come from, and the layout
of items and requests.

A point is a Sum where it comes from a counter. A sum that is monotonic never decreases, so a negative increase goes
into a Sum that is not: over time, the points of both add up to the truth. The observations of a histogram that are in
no bucket are below its first bound. What a summary observed is an exponential histogram.

Source: https://opentelemetry.io/docs/specs/otel/metrics/data-model/
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from struct import Struct
from typing import Final, cast

from satella.instrumentation.metrics import MetricData

from aws_satella.pure import limits
from aws_satella.pure.buckets import settled, up_to_the_bound
from aws_satella.pure.exponential import exponential
from aws_satella.pure.formats.attributes import Attributes, is_blank, utf8
from aws_satella.pure.formats.encoding import MAX_EXACT, BaseEncoder, Fault, discard
from aws_satella.pure.formats.otlp_items import Item, added, head, identity, metric
from aws_satella.pure.formats.otlp_points import (
    ATTRIBUTE_TAGS,
    CODES,
    DELTA,
    EXPONENTIAL,
    FALLING_SUM,
    GAUGE,
    HISTOGRAM,
    NUMBER_BYTES,
    POINT_TAG,
    SORTS,
    SUM,
    ExponentialValue,
    Extremes,
    Times,
    Value,
    number_start,
    write,
)
from aws_satella.pure.formats.protobuf import number as varint
from aws_satella.pure.formats.ucum import UCUM
from aws_satella.pure.points import (
    STRICT,
    CounterReading,
    Discarded,
    Histogram,
    Kind,
    Point,
    Reason,
    Samples,
    Tolerance,
)
from aws_satella.pure.values import Units, number

_PREFIXES: Final = tuple(POINT_TAG + varint(length) for length in range(1_024))
"""Length of a data point → what comes before it."""

_STARTS: Final = tuple(Struct(f'<{length - 8}sd') for length in NUMBER_BYTES)
"""Sort → the start of a data point that is one number, and the number."""

_ATTRIBUTE: Final = ATTRIBUTE_TAGS[SUM]
_COUNTER: Final = Kind.COUNTER
_WHOLE: Final = (Histogram, Samples)


_Heads = tuple[bytes, ...]
"""Sort → the head of a metric of one name."""


class Encoder(BaseEncoder[bytes, _Heads]):
    """Encodes the points of one cycle. It remembers what it found out about names.

    :param attributes: makes their attributes
    :param start: since when what grows has grown, in UNIX seconds: in delta the time of the baseline, and otherwise
        when the process began to record. Where the clock went back, it is ``time``
    :param time: of every point, in UNIX seconds
    :param temporality: 'cumulative' or 'delta'
    :param units: their units
    :param tolerance: what the ``str()`` of a label, the ``float()`` of a value or a units callable may raise at the
        cost of one point
    :param max_item_bytes: a point for which no request has room is discarded; what ``item_bytes`` says of
        one item
    """

    def __init__(
        self,
        attributes: Attributes,
        start: float,
        time: float,
        temporality: str = 'cumulative',
        units: Units = None,
        tolerance: Tolerance = STRICT,
        max_item_bytes: int = limits.MAX_OTLP_REQUEST_BYTES,
    ) -> None:
        super().__init__(bytes, units, tolerance)
        self._attributes = attributes
        self._times = Times.of(start, time)
        self._temporality = CODES[temporality]
        self._max_item_bytes = max_item_bytes
        self._starts = tuple(number_start(sort, self._times) for sort in (GAUGE, SUM, FALLING_SUM))
        self._changed: set[bytes] = set()
        """The metrics of which series may have become equal."""

    def _encode(self, point: Point) -> Item | Discarded | list[Item | Discarded]:
        name, value, labels, kind = point
        heads = self._heads.get(name) or self._head(name)
        if isinstance(heads, Fault):
            return discard(point, *heads)
        # Most counters are whole numbers like that, for which this is number().
        if type(value) is not int or not -MAX_EXACT <= value <= MAX_EXACT:
            if type(value) in _WHOLE:
                return self._whole(point, heads)
            value = number(value)
            if isinstance(value, Reason):
                return discard(point, value)
        sort = GAUGE
        if type(point) is CounterReading or kind is _COUNTER:
            sort = SUM if value >= 0 else FALLING_SUM
        attributes = self._attributes.merge(labels, _ATTRIBUTE)
        if not isinstance(attributes, bytes):
            return discard(point, attributes)
        start = _STARTS[sort]
        if self._attributes.changed:
            self._note_change(heads[sort])
        length = start.size + len(attributes)
        prefix = _PREFIXES[length] if length < len(_PREFIXES) else POINT_TAG + varint(length)
        return b''.join((heads[sort], prefix, start.pack(self._starts[sort], value), attributes))

    def _note_change(self, head: bytes) -> None:
        """Remember that series of this metric may have become equal."""
        self._attributes.changed = False
        self._changed.add(metric(head))

    def _new_head(self, name: str) -> _Heads | Fault:
        characters = str.__str__(str(name))
        encoded = utf8(characters)
        if is_blank(characters) or len(encoded.decode()) > limits.MAX_METRIC_NAME_LENGTH:
            return Fault(Reason.BAD_NAME)
        unit = self._unit(name)
        if isinstance(unit, Fault):
            return unit
        code = UCUM[str.__str__(unit)]  # an enumeration of user code may have another hash than its text
        heads = tuple(head(sort, self._temporality, encoded, code.encode()) for sort in SORTS)
        if encoded.decode() != name:
            self._changed.add(metric(heads[GAUGE]))
        return heads

    def _whole(self, point: Point, heads: _Heads) -> Discarded | list[Item | Discarded]:
        """The item of a histogram or of samples, and what of it cannot be sent."""
        measured = point.value
        if isinstance(measured, Histogram):
            sort, (value, discards) = HISTOGRAM, self._histogram(point, measured)
        else:
            sort, (value, discards) = EXPONENTIAL, self._exponential(point, cast('Samples', measured))
        if value is None:
            return discards
        attributes = self._attributes.merge(point.labels, ATTRIBUTE_TAGS[sort])
        if not isinstance(attributes, bytes):
            return discard(point, attributes)
        if self._attributes.changed:
            self._note_change(heads[sort])
        item = heads[sort] + write(sort, self._times, value, attributes)
        if len(item) > self._max_item_bytes:
            return discard(point, Reason.TOO_LARGE)
        return [item, *discards]

    def _histogram(self, point: Point, measured: Histogram) -> tuple[Value | None, list[Item | Discarded]]:
        if not measured.observations and self._temporality == DELTA:
            return None, []
        observed = settled(measured.bucket_counts, measured.observations)
        bounds, counts = up_to_the_bound(measured.explicit_bounds, observed)
        total, discards = self._sum(point, measured.sum)
        return Histogram(bounds, counts, measured.observations, total), discards

    def _exponential(self, point: Point, measured: Samples) -> tuple[Value | None, list[Item | Discarded]]:
        """Samples that are numbers. One that is not costs itself alone."""
        observed: dict[float, int] = {}
        discards: list[Item | Discarded] = []
        for value, count in zip(measured.values, measured.counts, strict=True):
            checked = self._observation(point, value)
            if isinstance(checked, Discarded):
                discards.append(checked)
            else:
                observed[checked] = observed.get(checked, 0) + count
        if not observed:
            return None, discards
        total, faults = self._sum(point, measured.sum)
        if faults and measured.complete:  # one of them, or an earlier one, was no number; without it, the sum is
            total, faults = math.fsum(value * count for value, count in observed.items()), []
        discards += faults
        extremes = Extremes(min(observed), max(observed)) if measured.complete else None
        return ExponentialValue(exponential(observed), total, extremes), discards

    def _sum(self, point: Point, total: float | None) -> tuple[float | None, list[Item | Discarded]]:
        """The sum where it is a number. What else it is, an observation has made it."""
        checked = None if total is None else number(total)
        if not isinstance(checked, Reason):
            return checked, []
        return None, [Discarded(MetricData(f'{point.name}.sum', total, point.labels), checked)]

    def together(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items that this encoder gave, where those of one series are one: added up, and of a level the last.

        Series may have become equal where a label is no text (200 and '200'), blank, or escaped. Only metrics with such
        labels are looked at.
        """
        if not self._changed:
            return items
        places: dict[Hashable, int] = {}
        kept: list[Item] = []
        for item in items:
            if metric(item) in self._changed:
                place = places.setdefault(identity(item), len(kept))
                if place < len(kept):
                    kept[place] = added(kept[place], item)
                    continue
            kept.append(item)
        return kept

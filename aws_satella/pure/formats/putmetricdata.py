"""PutMetricData, the classic form: point → item, items → body, and what a reply names.

What may live here: everything that knows a field name of this form. What may not: where points come from and how a body
leaves the process.

An item is the JSON text of one metric datum, made once, straight from a point, and never made again: its size is its
length, and the body of a request is an envelope with items joined in it. :func:`decode` turns items into the
dictionaries that boto3 documents, for user code and for clients that are not boto3 clients.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from json import loads
from json.encoder import encode_basestring_ascii
from typing import Final, NamedTuple, Protocol, TypedDict

from satella.instrumentation.metrics import MetricData

from aws_satella.pure import limits
from aws_satella.pure.dimensions import Merger, printable
from aws_satella.pure.points import STRICT, Discarded, Distribution, Labels, Point, Reason, Tolerance
from aws_satella.pure.values import PLAIN_NUMBERS, Units, number, unit_of

Item = str
"""The JSON text of one metric datum: printable ASCII, so that its length is its size in bytes."""

MAX_BYTES: Final = limits.MAX_REQUEST_BYTES

_SEPARATOR: Final = ','

MAX_EXACT: Final = 2**53
"""Whole numbers up to this are floats without rounding."""

MAX_NAMES: Final = 1_000
"""Names that are remembered in one cycle. Series of one name follow each other, so more would not help."""


class Dimension(TypedDict):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html."""

    Name: str
    Value: str


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


class Payload(TypedDict):
    """The keyword arguments of one ``put_metric_data``.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
    """

    Namespace: str
    MetricData: list[MetricDatum]


class CloudWatchClient(Protocol):
    """What is used of a boto3 client of CloudWatch."""

    def put_metric_data(self, *, Namespace: str, MetricData: Sequence[MetricDatum]) -> object:  # noqa: N803  # names of AWS
        """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html."""


class _Fault(NamedTuple):
    """Why no datum of a name can be sent."""

    reason: Reason
    error: BaseException | None = None


def dimension(name: str) -> Callable[[str], str]:
    """The JSON text of a dimension of this name, as a function of its value."""
    start = f'{{"Name":{encode_basestring_ascii(name)},"Value":'
    return lambda value: f'{start}{encode_basestring_ascii(value)}}}'


class Encoder:
    """Encodes the points of one cycle. It remembers what it found out about names.

    :param merger: makes their dimensions, with ``aws_satella.pure.formats.putmetricdata.dimension`` for their form
    :param timestamp: of every datum, in UNIX seconds; None leaves it to CloudWatch, which takes the time of arrival
    :param units: their units
    :param storage_resolution: 1 or 60 seconds
    :param tolerance: what the ``str()`` of a label, the ``float()`` of a value or a units callable may raise at the
        cost of one datum
    """

    def __init__(
        self,
        merger: Merger[str],
        timestamp: float | None = None,
        units: Units = None,
        storage_resolution: int = limits.STANDARD_RESOLUTION,
        tolerance: Tolerance = STRICT,
    ) -> None:
        self._merge = merger.merge
        self._units = units
        self._errors = tolerance.errors
        self._heads: dict[str, str | _Fault] = {}
        self._tail = '],' + _member('Timestamp', timestamp)
        if storage_resolution != limits.STANDARD_RESOLUTION:  # the default of CloudWatch, which need not be said
            self._tail += _member('StorageResolution', storage_resolution)
        self._value_tail = self._tail + '"Value":'

    def encode(
        self, points: Iterable[Point | Discarded], on_raised: Callable[[], object] | None = None
    ) -> Iterator[Item | Discarded]:
        """Items in order; discards pass through. A distribution of no observations gives nothing.

        :param points: what is to be encoded
        :param on_raised: called when user code raised for the point that was taken last
        """
        for point in points:
            if isinstance(point, Discarded):
                yield point
                continue
            try:
                encoded = self._encode(point)
            except self._errors as error:
                encoded = _discard(point, Reason.RAISED, error)
            if isinstance(encoded, Item):
                yield encoded
            elif isinstance(encoded, list):
                yield from encoded
            else:
                if encoded.error is not None and on_raised is not None:
                    on_raised()
                yield encoded

    def _encode(self, point: Point) -> Item | Discarded | list[Item | Discarded]:
        """The item, in nearly all cases; otherwise what there is instead."""
        # A fault is what is not the expected type: isinstance() with an enum would take as long as all the rest.
        head = self._heads.get(point.name) or self._head(point.name)
        if isinstance(head, _Fault):
            return _discard(point, *head)
        dimensions = self._merge(point.labels)
        if not isinstance(dimensions, list):
            return _discard(point, dimensions)
        measured = point.value
        if type(measured) is int and -MAX_EXACT <= measured <= MAX_EXACT:  # most counters: this is float() and repr()
            return f'{head}{",".join(dimensions)}{self._value_tail}{measured}.0}}'
        value = number(measured)
        if isinstance(value, float):
            return f'{head}{",".join(dimensions)}{self._value_tail}{value!r}}}'
        if isinstance(measured, Distribution):
            return list(self._distribution(point, measured, head + ','.join(dimensions)))
        return _discard(point, value)

    def _head(self, name: str) -> str | _Fault:
        if len(self._heads) >= MAX_NAMES:
            self._heads.clear()
        head = self._heads[name] = self._new_head(name)
        return head

    def _new_head(self, name: str) -> str | _Fault:
        text = printable(str(name))
        if not text.strip() or len(text) > limits.MAX_METRIC_NAME_LENGTH:
            return _Fault(Reason.BAD_NAME)
        try:
            unit = unit_of(self._units, name)
        except self._errors as error:
            return _Fault(Reason.BAD_UNIT, error)
        if unit not in limits.UNITS:
            return _Fault(Reason.BAD_UNIT)
        return f'{{"MetricName":{encode_basestring_ascii(text)},"Unit":{encode_basestring_ascii(unit)},"Dimensions":['

    def _distribution(self, point: Point, distribution: Distribution, start: str) -> Iterator[Item | Discarded]:
        """As many items as it takes, 150 distinct values each. An observation that is no number costs itself alone."""
        observed: dict[float, float] = {}
        for value, count in zip(distribution.values, distribution.counts, strict=True):
            try:
                checked = number(value)
            except self._errors as error:
                if type(value) in PLAIN_NUMBERS:  # then it is not the value that raised
                    raise
                yield _discard(point, Reason.RAISED, error, value)
                continue
            if isinstance(checked, Reason):
                yield _discard(point, checked, value=value)
            else:
                observed[checked] = observed.get(checked, 0.0) + count
        values, counts = list(map(repr, observed)), list(map(repr, observed.values()))
        for first in range(0, len(values), limits.MAX_VALUES_PER_DATUM):
            part = slice(first, first + limits.MAX_VALUES_PER_DATUM)
            members = f'"Values":[{",".join(values[part])}],"Counts":[{",".join(counts[part])}]'
            yield f'{start}{self._tail}{members}}}'


def _member(name: str, value: float | None) -> str:
    return '' if value is None else f'"{name}":{value!r},'


_AS_IT_IS: Final = object()


def _discard(point: Point, reason: Reason, error: BaseException | None = None, value: object = _AS_IT_IS) -> Discarded:
    data = MetricData(point.name, point.value if value is _AS_IT_IS else value, point.labels)
    return Discarded(data, reason, error)


def size(item: Item) -> int:
    """The bytes that the item takes in a body, with what separates it from the next."""
    return len(item) + len(_SEPARATOR)


def _envelope(namespace: str) -> tuple[str, str]:
    return f'{{"Namespace":{encode_basestring_ascii(namespace)},"MetricData":[', ']}'


def body(namespace: str, items: Iterable[Item]) -> bytes:
    """The body of a request, before compression."""
    start, end = _envelope(namespace)
    return f'{start}{_SEPARATOR.join(items)}{end}'.encode('ascii')


def item_bytes(namespace: str, number: int) -> int:
    """The bytes that so many items may take together in one request."""
    return MAX_BYTES - envelope_bytes(namespace) - number * len(_SEPARATOR)


def envelope_bytes(namespace: str) -> int:
    """The bytes of a body besides its items."""
    return sum(map(len, _envelope(namespace)))


def decode(items: Iterable[Item], moment: datetime | None = None) -> list[MetricDatum]:
    """Items → the dictionaries that boto3 documents.

    :param items: what :class:`Encoder` gave
    :param moment: the timestamp of all of them, where it is known better than JSON says it
    """
    data: list[MetricDatum] = loads(f'[{_SEPARATOR.join(items)}]')
    for datum in data:
        if 'Timestamp' in datum:
            datum['Timestamp'] = moment or datetime.fromtimestamp(datum['Timestamp'], timezone.utc)  # type: ignore[arg-type]  # JSON has a number there
    return data


def metric_data(item: Item) -> MetricData:
    """satella's form of an item."""
    (datum,) = decode([item])
    value: object = datum.get('Value')
    if 'Values' in datum:
        value = Distribution(tuple(datum['Values']), tuple(datum['Counts']))
    labels: Labels = {each['Name']: each['Value'] for each in datum['Dimensions']}
    timestamp = datum.get('Timestamp')
    return MetricData(datum['MetricName'], value, labels, timestamp.timestamp() if timestamp else None)


def identity(item: Item) -> tuple[str, frozenset[tuple[str, str]]]:
    """What CloudWatch tells metrics apart by: the name and the dimensions."""
    (datum,) = decode([item])
    return datum['MetricName'], frozenset((each['Name'], each['Value']) for each in datum['Dimensions'])


_AFTER_NAME: Final = ',"Unit":'
"""What follows the name of a metric in an item, and is nowhere in the name, whose quotation marks are escaped."""


def metric(item: Item) -> str:
    """What tells metrics apart, whatever their dimensions: the name, as it stands in the item."""
    return item.partition(_AFTER_NAME)[0]


_CULPRIT: Final = re.compile(r'(?<![\w.])MetricData\.member\.(\d{1,9})(?!\d)')


def culprits(message: str) -> frozenset[int]:
    """The positions, from 0, of the data that the message of a reply names ('MetricData.member.7' is the one at 6).

    A position in another list, such as 'EntityMetricData.member.1.MetricData.member.7', is none of a request's.
    """
    return frozenset(int(position) - 1 for position in _CULPRIT.findall(message))


def payload(namespace: str, data: Sequence[MetricDatum]) -> Payload:
    """The keyword arguments of ``put_metric_data``."""
    return {'Namespace': namespace, 'MetricData': list(data)}

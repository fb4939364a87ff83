"""PutMetricData, the classic form: points → items.

What may live here: what becomes of a point, or why nothing does. What may not: where points come from, and the layout
of requests.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from json.encoder import encode_basestring_ascii

from aws_satella.pure import limits
from aws_satella.pure.dimensions import Merger, printable
from aws_satella.pure.formats.encoding import MAX_EXACT, BaseEncoder, Fault, discard
from aws_satella.pure.points import STRICT, Discarded, Distribution, Point, Reason, Tolerance
from aws_satella.pure.values import Units, number

Item = str
"""The JSON text of one metric datum: printable ASCII, so that its length is its size in bytes."""


def dimension(name: str) -> Callable[[str], str]:
    """The JSON text of a dimension of this name, as a function of its value."""
    start = f'{{"Name":{encode_basestring_ascii(name)},"Value":'
    return lambda value: f'{start}{encode_basestring_ascii(value)}}}'


class Encoder(BaseEncoder[str, str]):
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
        super().__init__(str, units, tolerance)
        self._merge = merger.merge
        self._tail = '],' + _member('Timestamp', timestamp)
        if storage_resolution != limits.STANDARD_RESOLUTION:  # the default of CloudWatch, which need not be said
            self._tail += _member('StorageResolution', storage_resolution)
        self._value_tail = self._tail + '"Value":'

    def _encode(self, point: Point) -> Item | Discarded | list[Item | Discarded]:
        # A fault is what is not the expected type: isinstance() with an enum would take as long as all the rest.
        head = self._heads.get(point.name) or self._head(point.name)
        if isinstance(head, Fault):
            return discard(point, *head)
        dimensions = self._merge(point.labels)
        if not isinstance(dimensions, list):
            return discard(point, dimensions)
        measured = point.value
        if type(measured) is int and -MAX_EXACT <= measured <= MAX_EXACT:  # most counters: this is float() and repr()
            return f'{head}{",".join(dimensions)}{self._value_tail}{measured}.0}}'
        value = number(measured)
        if isinstance(value, float):
            return f'{head}{",".join(dimensions)}{self._value_tail}{value!r}}}'
        if isinstance(measured, Distribution):
            return list(self._distribution(point, measured, head + ','.join(dimensions)))
        return discard(point, value)

    def _new_head(self, name: str) -> str | Fault:
        text = printable(str(name))
        if not text.strip() or len(text) > limits.MAX_METRIC_NAME_LENGTH:
            return Fault(Reason.BAD_NAME)
        unit = self._unit(name)
        if isinstance(unit, Fault):
            return unit
        return f'{{"MetricName":{encode_basestring_ascii(text)},"Unit":{encode_basestring_ascii(unit)},"Dimensions":['

    def _distribution(self, point: Point, distribution: Distribution, start: str) -> Iterator[Item | Discarded]:
        """As many items as it takes, 150 distinct values each. An observation that is no number costs itself alone."""
        observed: dict[float, float] = {}
        for value, count in zip(distribution.values, distribution.counts, strict=True):
            checked = self._observation(point, value)
            if isinstance(checked, Discarded):
                yield checked
            else:
                observed[checked] = observed.get(checked, 0.0) + count
        values, counts = list(map(repr, observed)), list(map(repr, observed.values()))
        for first in range(0, len(values), limits.MAX_VALUES_PER_DATUM):
            part = slice(first, first + limits.MAX_VALUES_PER_DATUM)
            members = f'"Values":[{",".join(values[part])}],"Counts":[{",".join(counts[part])}]'
            yield f'{start}{self._tail}{members}}}'

    def together(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items that this encoder gave: CloudWatch itself adds up equal ones."""
        return items


def _member(name: str, value: float | None) -> str:
    return '' if value is None else f'"{name}":{value!r},'

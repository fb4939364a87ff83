"""Payload builders for programs with a boto3 client of their own.

What may live here: :func:`build_payloads`, and what it takes for a source. What may not: the stages, and delta, which
needs to know what was sent before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from satella.instrumentation.metrics import MetricData, MetricDataCollection

from aws_satella.pure import checks, limits
from aws_satella.pure.arguments import DEFAULTS, Arguments
from aws_satella.pure.chunks import chunk
from aws_satella.pure.errors import ArgumentTypeError
from aws_satella.pure.formats import putmetricdata
from aws_satella.pure.formats.putmetricdata import Item, Payload
from aws_satella.pure.plan import Plan
from aws_satella.pure.points import CounterReading, DataPoint, Discarded, Kind, Point
from aws_satella.pure.temporality import collect
from aws_satella.pure.values import Units

OnDiscard = Callable[[Discarded], object]


def build_payloads(
    source: Any,
    namespace: str,
    *,
    extra_dimensions: Mapping[str, str] | None = DEFAULTS['extra_dimensions'],
    max_send_at_once: int = DEFAULTS['max_send_at_once'],
    max_dimensions: int = DEFAULTS['max_dimensions'],
    units: Units = DEFAULTS['units'],
    storage_resolution: int = DEFAULTS['storage_resolution'],
    timestamp: float | datetime | None = None,
    on_discard: OnDiscard | None = None,
) -> Iterator[Payload]:
    """Build lazily the keyword arguments of as many ``put_metric_data`` as it takes, for a client of your own.

    >>> from satella.instrumentation.metrics import MetricData
    >>> for payload in build_payloads([MetricData('orders', 3, {'shop': 'north'})], 'Shop'):
    ...     print(payload)  # client.put_metric_data(**payload)
    {'Namespace': 'Shop', 'MetricData': [{'MetricName': 'orders', 'Unit': 'None', \
'Dimensions': [{'Name': 'shop', 'Value': 'north'}], 'Value': 3.0}]}

    :param source: a satella metric (a tree of them), a ``MetricDataCollection``, or any iterable of ``MetricData``;
        internal metrics are left out
    :param namespace: and the others up to ``storage_resolution``: as those of the exporter; ``max_send_at_once`` is a
        hard bound here
    :param timestamp: of all data: UNIX seconds, or an aware ``datetime``; None leaves it to CloudWatch
    :param on_discard: called with a :class:`~aws_satella.pure.Discarded` for each metric that cannot be sent
    :raises ArgumentError: an argument has a value that is not allowed
    :raises ArgumentTypeError: an argument, or an item of the source, is of the wrong type
    """
    plan = Arguments(
        namespace,
        extra_dimensions,
        max_send_at_once=max_send_at_once,
        max_dimensions=max_dimensions,
        units=units,
        storage_resolution=storage_resolution,
    ).plan
    moment = checks.timestamp('timestamp', timestamp)
    report = checks.optional(checks.function)('on_discard', on_discard)
    return _payloads(plan, points_of(source), moment, report)


def _payloads(
    plan: Plan, points: Iterable[Point | Discarded], moment: datetime | None, report: OnDiscard | None
) -> Iterator[Payload]:
    encoding = plan.encoding(None if moment is None else moment.timestamp())
    items = _reported(encoding.encode(points), report)
    room = limits.MAX_REQUEST_BYTES - putmetricdata.envelope_bytes(plan.classic_envelope) - _SPACES_IN_ENVELOPE
    for each in chunk(items, plan.max_send_at_once, room, _size):
        yield putmetricdata.payload(plan.namespace, putmetricdata.decode(each, moment))


_SPACES_IN_ENVELOPE: Final = len('{"Namespace": , "MetricData": []}') - len('{"Namespace":,"MetricData":[]}')


def _size(item: Item) -> int:
    """The bytes that the item takes in a body that boto3 writes, with a space after each separator.

    A comma in a label counts as a separator, so that this is never too little.
    """
    return putmetricdata.size(item) + item.count(',') + item.count('":') + len(' ')


def _reported(items: Iterable[Item | Discarded], report: OnDiscard | None) -> Iterator[Item]:
    """The items alone; discards go to the callback as they come by."""
    for item in items:
        if not isinstance(item, Discarded):
            yield item
        elif report is not None:
            report(item)


def points_of(source: Any) -> Iterator[DataPoint | CounterReading | Discarded]:
    """The data points of any source that :func:`build_payloads` takes.

    :raises ArgumentTypeError: it is neither a metric nor an iterable
    """
    if hasattr(source, 'to_metric_data'):
        return collect(source)
    if isinstance(source, MetricDataCollection):
        source = source.values
    if not isinstance(source, Iterable):
        allowed = 'a satella metric, a MetricDataCollection, or an iterable of MetricData'
        raise ArgumentTypeError('source', source, allowed)
    return _given(source)


def _given(items: Iterable[Any]) -> Iterator[DataPoint | CounterReading | Discarded]:
    for item in items:
        if isinstance(item, MetricData):
            if not item.internal:
                yield DataPoint(item.name, item.value, item.labels, Kind.GAUGE)
        elif isinstance(item, (DataPoint, CounterReading, Discarded)):
            yield item
        else:
            raise ArgumentTypeError('source', item, 'MetricData')

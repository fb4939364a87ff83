"""PutMetricData, the classic form: point → item, items → body, and what a reply names.

What may live here: how items are laid out in a request, and what an item says. What may not: where points come from and
how a body leaves the process.

An item is the JSON text of one metric datum, made once, straight from a point, and never made again: its size is its
length, and the body of a request is an envelope with items joined in it. :func:`decode` turns items into the
dictionaries that boto3 documents, for user code and for clients that are not boto3 clients.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from json import loads
from json.encoder import encode_basestring_ascii
from typing import Any, Final, NamedTuple, Protocol, TypedDict

from satella.instrumentation.metrics import MetricData

from aws_satella.pure import limits
from aws_satella.pure.batches import Batch
from aws_satella.pure.formats.putmetricdata_encoder import Encoder, Item, dimension
from aws_satella.pure.points import Distribution, Labels

__all__ = [
    'MAX_AHEAD_SECONDS',
    'NAME',
    'CloudWatchClient',
    'Dimension',
    'Encoder',
    'Entity',
    'Envelope',
    'Item',
    'MetricDatum',
    'Payload',
    'body',
    'culprits',
    'decode',
    'dimension',
    'envelope_bytes',
    'identity',
    'item_bytes',
    'metric',
    'metric_data',
    'parameters',
    'payload',
    'size',
]

NAME: Final = 'putmetricdata'

MAX_AHEAD_SECONDS: Final = limits.MAX_AHEAD_SECONDS

MAX_BYTES: Final = limits.MAX_REQUEST_BYTES

_SEPARATOR: Final = ','


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


class Entity(NamedTuple):
    """What the data of a request belong to: a service in an environment.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Entity.html
    """

    service: str
    environment: str

    @property
    def key_attributes(self) -> dict[str, str]:
        """What CloudWatch knows it by."""
        return {'Type': 'Service', 'Name': self.service, 'Environment': self.environment}


class Envelope(NamedTuple):
    """What the requests of a plan have in common."""

    namespace: str
    entity: Entity | None = None

    def __str__(self) -> str:
        return self.namespace


class CloudWatchClient(Protocol):
    """What is used of a boto3 client of CloudWatch."""

    def put_metric_data(self, *, Namespace: str, MetricData: Sequence[MetricDatum]) -> object:  # noqa: N803  # names of AWS
        """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html."""


def size(item: Item) -> int:
    """The bytes that the item takes in a body, with what separates it from the next."""
    return len(item) + len(_SEPARATOR)


def _ends(envelope: Envelope) -> tuple[str, str]:
    """What comes before the items of a body, and what comes after them."""
    start = f'{{"Namespace":{encode_basestring_ascii(envelope.namespace)},'
    if envelope.entity is None:
        return start + '"MetricData":[', ']}'
    key_attributes = ','.join(
        f'"{name}":{encode_basestring_ascii(value)}' for name, value in envelope.entity.key_attributes.items()
    )
    entity = f'{start}"EntityMetricData":[{{"Entity":{{"KeyAttributes":{{{key_attributes}}}}},"MetricData":['
    return entity, ']}],"StrictEntityValidation":false}'


def parameters(envelope: Envelope, data: list[Any]) -> dict[str, Any]:
    """The keyword arguments of ``put_metric_data`` for a request in this envelope."""
    if envelope.entity is None:
        return {'Namespace': envelope.namespace, 'MetricData': data}
    entity = {'KeyAttributes': envelope.entity.key_attributes}
    return {
        'Namespace': envelope.namespace,
        'EntityMetricData': [{'Entity': entity, 'MetricData': data}],
        'StrictEntityValidation': False,  # an entity that CloudWatch does not take costs the association alone
    }


def body(envelope: Envelope, items: Iterable[Item]) -> bytes:
    """The body of a request, before compression."""
    start, end = _ends(envelope)
    return f'{start}{_SEPARATOR.join(items)}{end}'.encode('ascii')


def item_bytes(envelope: Envelope, number: int) -> int:
    """The bytes that so many items may take together in one request."""
    return MAX_BYTES - envelope_bytes(envelope) - number * len(_SEPARATOR)


def envelope_bytes(envelope: Envelope) -> int:
    """The bytes of a body besides its items."""
    return sum(map(len, _ends(envelope)))


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


_CULPRIT: Final = re.compile(r'(?<![\w.])(EntityMetricData\.member\.1\.|)MetricData\.member\.(\d{1,9})(?!\d)')


def culprits(message: str, request: Batch) -> frozenset[int]:
    """The positions, from 0, of the data of a request that the message of a reply names.

    'MetricData.member.7' is the one at 6. Where the request has an entity, it is called
    'EntityMetricData.member.1.MetricData.member.7'. A position in another list is none of the request's.
    """
    has_entity = isinstance(request.envelope, Envelope) and request.envelope.entity is not None
    return frozenset(int(position) - 1 for entity, position in _CULPRIT.findall(message) if bool(entity) == has_entity)


def payload(namespace: str, data: Sequence[MetricDatum]) -> Payload:
    """The keyword arguments of ``put_metric_data``."""
    return {'Namespace': namespace, 'MetricData': list(data)}

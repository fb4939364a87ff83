"""OTLP: items → body, with the functions that every form has.

What may live here: how items are laid out in a request. What may not: where points come from and how a body leaves the
process.

The points of one metric that follow each other in a request share one Metric message, so its name and unit are sent
once: the head of an item tells where the next metric begins. The envelope is the resource and the scope.

Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html and
https://github.com/open-telemetry/opentelemetry-proto
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from aws_satella.pure import limits
from aws_satella.pure.batches import Batch
from aws_satella.pure.formats.attributes import Attributes, is_blank, pair_of, utf8
from aws_satella.pure.formats.otlp_encoder import Encoder
from aws_satella.pure.formats.otlp_items import Item, head_of, identity, metric, metric_data, sort_of
from aws_satella.pure.formats.otlp_points import METRIC_FIELDS, tail
from aws_satella.pure.formats.otlp_replies import culprits as _culprits
from aws_satella.pure.formats.protobuf import read_number, text
from aws_satella.pure.points import Tolerance
from aws_satella.pure.values import Units

__all__ = [
    'MAX_AHEAD_SECONDS',
    'NAME',
    'VERSION',
    'Encoder',
    'Envelope',
    'Item',
    'body',
    'culprits',
    'encoder',
    'envelope',
    'envelope_bytes',
    'identity',
    'item_bytes',
    'metric',
    'metric_data',
    'size',
]

NAME: Final = 'otlp'

MAX_AHEAD_SECONDS: Final = limits.MAX_OTLP_AHEAD_SECONDS

MAX_BYTES: Final = limits.MAX_OTLP_REQUEST_BYTES

MAX_POINTS: Final = limits.MAX_OTLP_POINTS_PER_REQUEST

VERSION: Final = 'telemetry.sdk.version'
"""The attribute of a resource that is the version of the scope, too."""

SCOPE_NAME: Final = b'aws-satella'

OVERHEAD: Final = 9
"""Most bytes that a point takes in a body besides its item: tags and lengths of a Metric and of its data, up to three
bytes each, and temporality and monotonicity; less the first three bytes of the head."""


def runs(items: Iterable[Item]) -> Iterator[tuple[bytes, list[bytes]]]:
    """The metrics of a request: a head, and the data points that have it, for each run of items with one head."""
    head, length = b'', 0
    points: list[bytes] = []
    for item in items:
        if not head or not item.startswith(head):
            if points:
                yield head, points
            head, points = head_of(item), []
            length = len(head)
        points.append(item[length:])
    if points:
        yield head, points


def size(item: Item) -> int:
    """The most bytes that the item takes in a body."""
    return len(item) + OVERHEAD


class Envelope(NamedTuple):
    """What the requests of one cycle have in common: the resource, and this library as the scope."""

    namespace: str
    content: bytes

    def __str__(self) -> str:
        return self.namespace


def envelope(namespace: str, resource: Mapping[str, object], version: str) -> Envelope:
    """The envelope of the requests of one cycle.

    :param namespace: the argument of this name
    :param resource: attributes of the resource; a blank one is absent
    :param version: of this library
    """
    said = {utf8(str(name)): str(value) for name, value in resource.items()}
    attributes = (text(1, pair_of(name, utf8(value))) for name, value in said.items() if not is_blank(value))
    scope = text(1, SCOPE_NAME) + text(2, utf8(version))
    return Envelope(namespace, text(1, b''.join(attributes)) + text(1, scope))


def encoder(
    namespace: str,
    resource: Mapping[str, str],
    times: tuple[float, float],
    temporality: str,
    units: Units,
    tolerance: Tolerance,
) -> tuple[Encoder, Envelope]:
    """What encodes the points of one cycle, and the envelope of its requests.

    :param times: since when and when it was read, in UNIX seconds
    """
    of_cycle = envelope(namespace, resource, resource.get(VERSION, ''))
    room = item_bytes(of_cycle, 1)
    return Encoder(Attributes(resource), *times, temporality, units, tolerance, room), of_cycle


def body(envelope: Envelope, items: Iterable[Item]) -> bytes:
    """The body of a request, before compression."""
    metrics = b''.join(_metric(head, points) for head, points in runs(items))
    content = envelope.content
    length, start = read_number(content, 1)
    resource, scope = content[: start + length], content[start + length :]
    return text(1, resource + text(2, scope + metrics))


def culprits(message: str, request: Batch) -> frozenset[int]:
    """The positions, from 0, of the items of a request that the message of a reply names."""
    return _culprits(message, request.items)


def _metric(head: bytes, points: list[bytes]) -> bytes:
    """The Metric of some points, as a field of a request."""
    sort, temporality = sort_of(head)
    return text(2, metric(head) + text(METRIC_FIELDS[sort], b''.join(points) + tail(sort, temporality)))


def item_bytes(envelope: Envelope, number: int) -> int:
    """The bytes that so many items may take together in one request."""
    return MAX_BYTES - envelope_bytes(envelope) - number * OVERHEAD


def envelope_bytes(envelope: Envelope) -> int:
    """The most bytes of a body besides its items: the envelope, and two tags and lengths."""
    return len(envelope.content) + 8

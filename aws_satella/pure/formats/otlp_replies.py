"""OTLP: what a reply says.

What may live here: the messages of replies, and the points that they name. What may not: HTTP, and what becomes of the
points.

A reply with the status 200 is final: what it rejects is not to be sent again. It says how many points that are, and may
name them by their place in the request.

Sources: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from json import loads
from typing import Final

from aws_satella.pure.formats.otlp_items import Item, head_of
from aws_satella.pure.formats.protobuf import MalformedError, fields
from aws_satella.pure.rejections import MAX_MESSAGE_LENGTH, Rejected, Rejection

MAX_FIELDS: Final = 100
"""Fields of a message that are looked at. A reply of OTLP has three."""


PAGES: Final = ('text/html', 'application/xhtml')
"""Prefixes of the content types of what was written for people."""

JSON: Final = 'json'
"""The other encoding of OTLP, which has the numbers of 64 bits as texts."""


def rejection(reply: bytes, content_type: str = '') -> Rejection | None:
    """Read the body of a reply with the status 200; None where it is no ExportMetricsServiceResponse.

    An empty body is one that rejects nothing. A page of a proxy or of a captive portal is none.

    :param reply: the body
    :param content_type: of it; some receivers answer in JSON whatever they were sent
    """
    if content_type.startswith(PAGES):
        return None
    if JSON in content_type and reply:
        return _rejection_in_json(reply)
    try:
        partial_success = [value for field, value in _first_fields(reply) if field == 1]
        said = {field: value for each in partial_success for field, value in _first_fields(_bytes(each))}
        number, message = said.get(1, 0), _bytes(said.get(2, b'')).decode('utf-8', 'replace')
    except MalformedError:
        return None
    if not isinstance(number, int):
        return None
    return Rejection(number if number < 1 << 63 else 0, message)  # a negative number says nothing


def _rejection_in_json(reply: bytes) -> Rejection | None:
    try:
        said = loads(reply).get('partialSuccess') or {}
        return Rejection(max(0, int(said.get('rejectedDataPoints') or 0)), str(said.get('errorMessage') or ''))
    except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError):
        return None


def error_message(reply: bytes) -> str:
    """The message of a reply with another status: that of a google.rpc.Status, or else the body as it is."""
    try:
        said = dict(_first_fields(reply))
        return _bytes(said.get(2, b'')).decode('utf-8')
    except (MalformedError, UnicodeDecodeError):
        return reply.decode('utf-8', 'replace')[:MAX_MESSAGE_LENGTH]


def _first_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: as many as there would be in any reply, of those of which there may be millions."""
    return islice(fields(message), MAX_FIELDS)


def _bytes(value: int | bytes) -> bytes:
    """A message or a text. A number in its place is an error."""
    if isinstance(value, int):
        raise MalformedError
    return value


_NUMBER: Final = r'(\d{1,9})(?!\d)'
_CULPRIT: Final = re.compile(
    rf'(?<![\w.])ResourceMetrics\.1\.ScopeMetrics\.1\.Metrics\.{_NUMBER}\.Data[Pp]oints?\.{_NUMBER}', re.ASCII
)


def culprits(message: str, items: Iterable[Item]) -> frozenset[int]:
    """The positions, from 0, of the items of a request that the message of a reply names.

    'ResourceMetrics.1.ScopeMetrics.1.Metrics.2.Datapoint.3' is the third point of the second metric.

    :param message: of the reply
    :param items: of the request, in order
    """
    named = [(int(metric), int(point)) for metric, point in _CULPRIT.findall(message)]
    if not named:
        return frozenset()
    starts, lengths, start = [], [], 0
    for _, run in groupby(items, head_of):
        starts.append(start)
        lengths.append(sum(1 for _ in run))
        start += lengths[-1]
    return frozenset(
        starts[metric - 1] + point - 1
        for metric, point in named
        if 1 <= metric <= len(starts) and 1 <= point <= lengths[metric - 1]
    )


def rejected(said: Rejection, items: Sequence[Item]) -> Rejected:
    """Which points of a request are rejected.

    Where a message names more points than are rejected (such as two that are equal), it does not tell which they are.
    """
    number = min(said.number, len(items))
    named = culprits(said.message, items)
    return Rejected(named, number - len(named)) if len(named) <= number else Rejected(frozenset(), number)

"""OTLP: the layout of items, and what an item says.

What may live here: knowledge of the bytes of an item. What may not: points before they are encoded, and requests.

An item is one data point: a *head*, which says of which metric it is, and the field in which it is sent. A head is its
length in two bytes, the sort and the temporality of the metric in one, and the fields of its name and unit.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from satella.instrumentation.metrics import MetricData

from aws_satella.pure.formats.attributes import pair
from aws_satella.pure.formats.otlp_points import (
    ATTRIBUTE_TAGS,
    FALLING_SUM,
    NUMBER_BYTES,
    SUM,
    Read,
    read,
    sum_of,
    write,
)
from aws_satella.pure.formats.protobuf import fields, read_number, text
from aws_satella.pure.formats.protobuf import number as varint
from aws_satella.pure.points import Histogram

Item = bytes
"""A head and a data point."""

_START = 3
"""Where the fields of name and unit begin."""

_TEMPORALITY_SHIFT = 4
_SORT = 0x0F
"""The sort is in the lower bits of its byte, and the temporality above them."""


def head(sort: int, temporality: int, name: bytes, unit: bytes) -> bytes:
    """The head of the points of one metric.

    :param sort: of the metric
    :param temporality: the code of it
    :param name: in UTF-8, at most a few thousand bytes
    :param unit: in UTF-8; empty for none
    """
    metric = text(1, name) + (text(3, unit) if unit else b'')
    return (_START + len(metric)).to_bytes(2, 'big') + bytes([temporality << _TEMPORALITY_SHIFT | sort]) + metric


def head_of(item: Item) -> bytes:
    """The head of an item. It tells its own length, so another item that starts with it has the same head."""
    return item[: item[0] << 8 | item[1]]


def metric(item: Item) -> bytes:
    """What tells metrics apart, whatever their attributes: the name and the unit. A head may stand for an item."""
    return item[_START : item[0] << 8 | item[1]]


def sort_of(item: Item) -> tuple[int, int]:
    """The sort of the metric of an item, and the code of its temporality. A head may stand for an item."""
    return item[2] & _SORT, item[2] >> _TEMPORALITY_SHIFT


def parsed(item: Item) -> Read:
    """What the data point says."""
    return read(sort_of(item)[0], item[item[0] << 8 | item[1] :])


def identity(item: Item) -> Hashable:
    """What a receiver tells series apart by: name, unit, sort, attributes, and the bounds of a histogram."""
    sort = item[2] & _SORT
    start = item[0] << 8 | item[1]
    if sort > FALLING_SUM:
        point = parsed(item)
        bounds = point.value.explicit_bounds if isinstance(point.value, Histogram) else None
        return item[_START:start], sort, point.attributes, bounds
    _, position = read_number(item, start + 1)
    return item[_START:start], sort and SUM, item[position + NUMBER_BYTES[sort] :]


def added(one: Item, other: Item) -> Item:
    """The item that says what two items of one identity say together."""
    sort, temporality = sort_of(one)
    first, second = parsed(one), parsed(other)
    value = sum_of(sort, first.value, second.value)
    if sort in (SUM, FALLING_SUM):
        sort = FALLING_SUM if isinstance(value, float) and value < 0 else SUM
    start = one[:2] + bytes([temporality << _TEMPORALITY_SHIFT | sort]) + metric(one)
    attributes = b''.join(ATTRIBUTE_TAGS[sort] + varint(len(each)) + each for each in first.attributes)
    return start + write(sort, first.times, value, attributes)


def metric_data(item: Item) -> MetricData:
    """satella's form of an item."""
    said: dict[int, Any] = dict(fields(metric(item)))
    point = parsed(item)
    labels = {name.decode(): value.decode() for name, value in map(pair, point.attributes)}
    return MetricData(said[1].decode(), point.value, labels, point.times.time / 10**9)

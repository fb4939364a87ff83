"""The writers and the reader of Protocol Buffers: the official classes are the oracle."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsPartialSuccess
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint, HistogramDataPoint, Sum

from aws_satella.pure.formats.protobuf import (
    MalformedError,
    fields,
    fixed,
    number,
    packed,
    read_number,
    text,
    varint,
    zigzag,
)

unsigned = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from((0, 127, 128, 2**14 - 1, 2**14, 2**63, 2**64 - 1)))
signed = st.integers(-(2**31), 2**31 - 1)


@given(unsigned)
def test_number_is_read_as_it_was_written(value: int) -> None:
    """A varint has all of its number, and tells where it ends."""
    encoded = number(value)
    assert read_number(b'before' + encoded + b'\xff', len('before')) == (value, len('before') + len(encoded))


@given(unsigned, unsigned, st.floats(), signed, st.lists(unsigned), st.text())
@example(0, 0, 0.0, 0, [], '')
def test_official_classes_read_what_is_written(
    count: int, time: int, total: float, scale: int, counts: list[int], name: str
) -> None:
    """Every type of field has its value."""
    buckets = varint(1, zigzag(scale)) + packed(2, counts, 'v')
    written = fixed(4, count) + fixed(3, time) + fixed(5, total) + varint(6, zigzag(scale)) + text(8, buckets)
    point: Any = ExponentialHistogramDataPoint.FromString(written)
    assert (point.count, point.time_unix_nano, repr(point.sum), point.scale) == (count, time, repr(total), scale)
    assert (point.positive.offset, list(point.positive.bucket_counts)) == (scale, counts)
    assert KeyValue.FromString(text(1, name.encode())).key == name
    assert Sum.FromString(varint(2, 1) + varint(3, 1)).is_monotonic
    for message in (point, point.positive):
        assert not len(UnknownFieldSet(message))


@given(st.lists(unsigned, max_size=40), st.lists(st.floats(allow_nan=False), max_size=40))
def test_packed_numbers(counts: list[int], bounds: list[float]) -> None:
    """Many numbers are one field, which is absent where there are none."""
    point: Any = HistogramDataPoint.FromString(packed(6, counts, 'Q') + packed(7, bounds, 'd'))
    assert list(point.bucket_counts) == counts
    assert list(map(repr, point.explicit_bounds)) == list(map(repr, bounds))
    assert packed(6, [], 'Q') == packed(2, [], 'v') == b''


@given(st.integers(0, 2**63 - 1), st.text(), st.binary(max_size=9), st.integers(0, 2**32 - 1))
def test_reader_reads_what_the_official_classes_write(rejected: int, said: str, other: bytes, fixed32: int) -> None:
    """Numbers and bytes come with the number of their field, unknown ones too."""
    written = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=said).SerializeToString()
    more = b'\x4d' + fixed32.to_bytes(4, 'little') + b'\x51' + other.ljust(8, b'\0')[:8]
    expected: list[tuple[int, int | bytes]] = []
    expected += [(1, rejected)] if rejected else []
    expected += [(2, said.encode())] if said else []
    expected += [(9, fixed32.to_bytes(4, 'little')), (10, other.ljust(8, b'\0')[:8])]
    assert list(fields(written + more)) == expected


@given(st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode)))
@example(b'<html>')
@example(b'{"message": 1}')
@example(b'\x0a\x05four')
@example(b'\x80')
@example(b'\xff' * 11)
@example(b'\x08')
@example(b'\x00\x01')
def test_message_is_read_or_refused_whatever_its_bytes(message: bytes) -> None:
    """Bytes are a message or malformed; nothing else happens."""
    try:
        found = list(fields(message))
    except MalformedError:
        return
    assert all(number > 0 for number, _ in found)


@pytest.mark.parametrize(
    ('message', 'why'),
    [
        (b'<html>', 'a field has the wire type 4'),
        (b'{"message": 1}', 'a field has the wire type 3'),
        (b'\x0a\x05four', 'a field is longer than the message'),
        (b'\x80', 'a number does not end'),
        (b'\x08' + b'\xff' * 10 + b'\x01', 'a number does not end'),
        (b'\x00\x01', 'a field has the number 0'),
    ],
)
def test_message_that_is_none_is_refused(message: bytes, why: str) -> None:
    """Pages, JSON, and messages that are cut off."""
    with pytest.raises(MalformedError, match=f'^{why}$'):
        list(fields(message))

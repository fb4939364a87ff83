"""What a reply of an OTLP receiver says, and which points it names. The official classes write the replies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from property.otlp import points

from aws_satella.pure import DataPoint
from aws_satella.pure.formats.attributes import Attributes
from aws_satella.pure.formats.otlp import Encoder, Item, body, envelope
from aws_satella.pure.formats.otlp_replies import culprits, error_message, rejected, rejection
from aws_satella.pure.formats.protobuf import text, varint
from aws_satella.pure.rejections import Rejected, Rejection


def response(number: int, message: str) -> bytes:
    """A reply with a partial success."""
    reply: Any = ExportMetricsServiceResponse()
    reply.partial_success.rejected_data_points = number
    reply.partial_success.error_message = message
    written: bytes = reply.SerializeToString()
    return written


@given(st.integers(0, 2**63 - 1), st.text())
def test_reply_tells_how_many_points_are_rejected(number: int, message: str) -> None:
    """The number, and the message, which without a number is a warning."""
    assert rejection(response(number, message)) == Rejection(number, message)
    assert rejection(response(number, message) + b'\x7a\x01x') == Rejection(number, message)


def test_reply_that_rejects_nothing() -> None:
    """An empty one, one without a partial success, and one with a negative number."""
    for reply in (b'', b'\x0a\x00', response(-1, ''), response(-(2**63), '')):
        assert rejection(reply) == Rejection(0, '')


@pytest.mark.parametrize(
    'reply', [b'<html><body>Welcome</body></html>', b'{"partialSuccess": {}}', b'OK', b'\x0a\x7fcut', b'\x08\x01']
)
def test_reply_that_is_none_of_otlp_is_no_success(reply: bytes) -> None:
    """The page of a proxy, and what is cut off, do not say that anything was taken."""
    assert rejection(reply) is None


IN_JSON = '{"partialSuccess": {"rejectedDataPoints": %s, "errorMessage": "why"}}'


@pytest.mark.parametrize(
    'content_type', ['application/json', 'application/json; charset=utf-8', 'application/x-amz-json-1.0']
)
@pytest.mark.parametrize(
    ('reply', 'expected'),
    [
        ('{}', Rejection()),
        ('', Rejection()),
        (IN_JSON % '"3"', Rejection(3, 'why')),
        (IN_JSON % '3', Rejection(3, 'why')),
        (IN_JSON % '-3', Rejection(0, 'why')),
        (IN_JSON % 'Infinity', None),
        (IN_JSON % 'NaN', None),
        (IN_JSON % '"many"', None),
        ('{"partialSuccess": [1]}', None),
        ('[]', None),
        ('[' * 100_000, None),
    ],
)
def test_reply_may_be_json(reply: str, expected: Rejection | None, content_type: str) -> None:
    """Whatever the numbers in it are. A reply that raised would be read again in each cycle."""
    assert rejection(reply.encode(), content_type) == expected


@pytest.mark.parametrize(
    'around', [lambda said: said, lambda said: text(1, said)], ids=['the reply', 'the message in it']
)
def test_fields_of_a_reply_that_are_looked_at_are_bounded(around: Callable[[bytes], bytes]) -> None:
    """Nothing behind the first 100 is read, as millions would take seconds, several times. Any other field may come."""
    reply = around(varint(9, 1) * 100 + b'\x0b')
    assert rejection(reply) == Rejection()
    assert error_message(varint(9, 1) * 100 + b'\x0b') == ''
    assert rejection(around(varint(9, 1) * 99 + b'\x0b')) is None


@given(st.binary(max_size=50))
@example(text(1, text(2, b'\xff')))
@example(text(1, varint(2, 1)))
@example(text(1, text(1, b'')))
def test_reply_of_any_bytes_can_be_read(reply: bytes) -> None:
    """Bytes of any kind are a rejection or none, and an error message of any length."""
    found = rejection(reply)
    assert found is None or found.number >= 0
    assert len(error_message(reply)) <= 1_000


@given(st.integers(0, 16), st.text(min_size=1), st.binary(max_size=9))
def test_message_of_an_error(code: int, message: str, detail: bytes) -> None:
    """The body of an error is a google.rpc.Status; its message is what there is to say."""
    status = varint(1, code) + text(2, message.encode()) + text(3, detail)
    assert error_message(status) == message


def test_error_that_is_no_status_is_shown_as_it_is() -> None:
    """JSON and pages are shown from their beginning."""
    assert error_message(b'{"message": "no"}') == '{"message": "no"}'
    assert error_message(b'<html>' * 1_000) == ('<html>' * 1_000)[:1_000]
    assert error_message(b'\xff\xfe') == '\ufffd\ufffd'
    assert error_message(b'') == ''


def items_of(*names: str) -> list[Item]:
    """A gauge for each name."""
    encoded = Encoder(Attributes({}), 1, 2).encode(DataPoint(name, index, {}) for index, name in enumerate(names))
    return [item for item in encoded if isinstance(item, Item)]


def named(metric: int, point: int, resource: int = 1, scope: int = 1) -> str:
    """How a reply names a point."""
    return f'ResourceMetrics.{resource}.ScopeMetrics.{scope}.Metrics.{metric}.Datapoint.{point}'


@given(st.lists(st.sampled_from('abc'), max_size=12), st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13))))
def test_named_point_is_the_item_that_was_sent_there(names: list[str], said: list[tuple[int, int]]) -> None:
    """Positions count from 1, metrics in the request and points in their metric, as a receiver sees them. A place that
    the request does not have names nothing."""
    items = items_of(*names)
    places: dict[tuple[int, int], float] = {}
    metric, point, last = 0, 0, ''
    for each in points(body(envelope('N', {}, '3.1.0'), items)) if items else ():
        metric, point = (metric, point + 1) if each.name == last else (metric + 1, 1)
        last = each.name
        places[metric, point] = each.point.as_double
    message = 'Not taken: ' + ', '.join(named(*each) + ' is bad' for each in said)
    assert culprits(message, items) == {int(places[each]) for each in said if each in places}


@pytest.mark.parametrize(
    'message',
    [
        '',
        'Metrics.1.Datapoint.1',
        named(1, 1, resource=2),
        named(1, 1, scope=2),
        named(1, 1, resource=11),
        'X' + named(1, 1),
        'OldResourceMetrics.1.' + named(1, 1),
        named(1, 10**12),
        named(10**12, 1),
        named(0, 1),
        named(1, 0),
        'ResourceMetrics.1.ScopeMetrics.1.Metrics.٣.Datapoint.1',
    ],
)
def test_message_that_names_no_point_names_nothing(message: str) -> None:
    """Other resources and scopes, other words, and numbers that are no positions."""
    assert culprits(message, items_of('a', 'a', 'b')) == frozenset()


def test_rejected_points_are_named_or_counted() -> None:
    """Those that the message names are known. The rest is a number. More names than rejected points say nothing."""
    items = items_of('a', 'a', 'b')
    both = f'{named(1, 2)} and {named(2, 1)}'
    assert rejected(Rejection(2, both), items) == Rejected(frozenset({1, 2}), 0)
    assert rejected(Rejection(3, both), items) == Rejected(frozenset({1, 2}), 1)
    assert rejected(Rejection(1, both), items) == Rejected(frozenset(), 1)
    assert rejected(Rejection(2, 'no'), items) == Rejected(frozenset(), 2)
    assert rejected(Rejection(9, both), items) == Rejected(frozenset({1, 2}), 1)
    assert rejected(Rejection(0, 'a warning'), items) == Rejected(frozenset(), 0)

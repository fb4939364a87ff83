"""Encoding points for PutMetricData: what becomes an item, what does not, and what a body holds.

botocore's own serializer is the oracle of a body.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from enum import Enum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property import cloudwatch
from property.cloudwatch import UNITS, datum_violations, violations
from property.examples import half
from property.texts import blank, escaped, odd, plain, texts
from property.values import BAD, GOOD, LIMIT, type_of
from satella.instrumentation.metrics import MetricData

from aws_satella.pure import (
    CounterReading,
    DataPoint,
    Discarded,
    Distribution,
    Encoder,
    Kind,
    Merger,
    Reason,
    Tolerance,
    build_payloads,
    payloads,
)
from aws_satella.pure.batches import Batch
from aws_satella.pure.formats import encoding, putmetricdata
from aws_satella.pure.formats.putmetricdata import (
    Entity,
    Envelope,
    Item,
    MetricDatum,
    body,
    culprits,
    decode,
    dimension,
    envelope_bytes,
    identity,
    item_bytes,
    metric,
    metric_data,
    parameters,
    payload,
    size,
)


def encoder(extra: Mapping[str, str] | None = None, **options: Any) -> Encoder:
    """An encoder with room for 30 dimensions."""
    return Encoder(Merger(extra or {}, 30, dimension), **options)


def encode(*points: DataPoint | Discarded, **options: Any) -> list[Item | Discarded]:
    """What an encoder without extra dimensions makes of these points."""
    return list(encoder(**options).encode(points))


def decoded(item: Item | Discarded) -> MetricDatum:
    """The dictionary of an item."""
    assert not isinstance(item, Discarded)
    (datum,) = decode([item])
    return datum


def sent(items: list[Item | Discarded]) -> list[Item]:
    """The items without the discards."""
    return [item for item in items if not isinstance(item, Discarded)]


@pytest.mark.parametrize(('value', 'expected'), GOOD, ids=map(type_of, (value for value, _ in GOOD)))
def test_value_that_is_a_number_is_sent_as_a_float(value: Any, expected: float) -> None:
    """``Value`` is ``float(x)`` for a number of any type."""
    (item,) = encode(DataPoint('m', value, {}))
    result = decoded(item)['Value']
    assert type(result) is float
    assert repr(result) == repr(expected)


@pytest.mark.parametrize(('value', 'reason'), BAD, ids=map(type_of, (value for value, _ in BAD)))
def test_bad_value_is_discarded_with_its_reason(value: Any, reason: Reason) -> None:
    """A value that is no number, not finite or out of range is discarded as it was recorded. Its neighbors are sent."""
    good = DataPoint('good', 1, {'a': 'b'})
    before, bad, after = encode(good, DataPoint('bad', value, {'x': 'y'}), good)
    assert isinstance(bad, Discarded)
    assert (bad.reason, bad.data.name, dict(bad.data.labels)) == (reason, 'bad', {'x': 'y'})
    assert bad.data.value is value
    assert (bad.error is not None) == (reason is Reason.RAISED)
    assert before == after
    assert not isinstance(before, Discarded)


@pytest.mark.parametrize(('value', 'reason'), BAD, ids=map(type_of, (value for value, _ in BAD)))
def test_bad_observation_costs_itself_alone(value: Any, reason: Reason) -> None:
    """An observation that is no number is discarded; the others of the same distribution are sent."""
    given = Distribution((1.0, value, 3), (1, 2, 3))
    items = encode(DataPoint('m', given, {}, Kind.DISTRIBUTION))
    (bad,) = (item for item in items if isinstance(item, Discarded))
    assert bad.reason is reason
    assert bad.data.value is value
    assert (bad.error is not None) == (reason is Reason.RAISED)
    (item,) = sent(items)
    datum = decoded(item)
    assert (datum['Values'], datum['Counts']) == ([1.0, 3.0], [1.0, 3.0])


def test_counter_reading_is_a_point() -> None:
    """A counter reading gives the same item as a data point with its name, value and labels."""
    (item,) = encoder().encode([CounterReading('m', 3, {'a': 'b'}, object())])
    assert [item] == encode(DataPoint('m', 3, {'a': 'b'}, Kind.COUNTER))


# --- names and units


@given(texts(255), st.lists(plain, max_size=2))
@example('n' * 255, [])
@example('n' * 256, [])
def test_names(name: str, others: list[str]) -> None:
    """A name is escaped like a label. A name that is then empty or too long is discarded."""
    for other in (*others, name):
        (item,) = encode(DataPoint(other, 1, {}))
        text = escaped(other)
        if blank(text) or len(text) > 255:
            assert isinstance(item, Discarded)
            assert (item.reason, item.data.name) == (Reason.BAD_NAME, other)
        else:
            assert decoded(item)['MetricName'] == text


def test_memory_of_names_changes_nothing() -> None:
    """An encoder that has met more names than it remembers gives the same as a new one."""
    points = [DataPoint(f'm{index}' if index % 5 else ' ' * index, index, {}) for index in range(2_500)]
    assert len(points) > 2 * encoding.MAX_NAMES
    assert encode(*points, *points) == 2 * [item for point in points for item in encode(point)]


units = st.sampled_from(sorted(UNITS))


@given(st.dictionaries(st.sampled_from(('a', 'a.b', 'a.*', '*')), units), st.sampled_from(('a', 'a.b', 'a.c', 'b')))
def test_item_has_the_unit_of_its_name(units: Mapping[str, str], name: str) -> None:
    """``Unit`` is what :func:`unit_of` says, which has a test of its own."""
    pattern = [each for each in units if each in (('*', 'a.*') if name.startswith('a.') else ('*',))]
    expected = units.get(name) or next((units[each] for each in pattern), 'None')
    (item,) = encode(DataPoint(name, 1, {}), units=units)
    assert decoded(item)['Unit'] == expected


@pytest.mark.parametrize(
    ('unit', 'reason'),
    [('Bytes', None), (None, None), ('', None), ('bytes', Reason.BAD_UNIT), (7, Reason.BAD_UNIT), ([], None)],
)
def test_callable_gives_units(unit: Any, reason: Reason | None) -> None:
    """What a units callable returns is checked when it comes. If it returns nothing, there is no unit."""
    (item,) = encode(DataPoint('m', 1, {}), units=lambda _name: unit)
    if reason is None:
        assert decoded(item)['Unit'] == (unit or 'None')
    else:
        assert isinstance(item, Discarded)
        assert item.reason is reason


class _Unit(str, Enum):
    """Units as an enumeration of user code. Its ``str()`` and its format are 'class.member' in many Pythons."""

    SIZE = 'Bytes'


def test_unit_may_be_a_member_of_an_enumeration() -> None:
    """A unit that is a text and has a ``str()`` of its own is sent as the text."""
    (item,) = encode(DataPoint('m', 1, {}), units={'m': _Unit.SIZE})
    assert decoded(item)['Unit'] == 'Bytes'


def test_callable_that_raises_costs_the_names_it_raised_for() -> None:
    """A units callable is asked once for each name, and what it raises is in the discard."""
    asked = []

    def of(name: str) -> str:
        asked.append(name)
        if name == 'bad':
            raise LookupError(name)
        return 'Count'

    points = [DataPoint(name, 1, {'n': n}) for n in range(3) for name in ('good', 'bad')]
    items = encode(*points, units=of)
    assert asked == ['good', 'bad']
    discarded = [item for item in items if isinstance(item, Discarded)]
    assert [(item.reason, type(item.error)) for item in discarded] == [(Reason.BAD_UNIT, LookupError)] * 3
    assert len(items) == 6


class _Label:
    """A label whose ``str()`` raises."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error


@pytest.mark.parametrize('error', [ValueError('no'), MemoryError(), SystemExit(1)])
def test_label_that_raises_costs_its_series_alone(error: BaseException) -> None:
    """What the ``str()`` of a label raises costs one datum where it is tolerated, and is passed on elsewhere."""
    good = DataPoint('good', 1, {'a': 'b'})
    bad = DataPoint('bad', 1, {'a': _Label(error)})
    first, discarded, last = encode(good, bad, good, tolerance=Tolerance(BaseException))
    assert first == last
    assert isinstance(discarded, Discarded)
    assert (discarded.reason, discarded.error) == (Reason.RAISED, error)
    if not isinstance(error, Exception):
        with pytest.raises(type(error)):
            encode(good, bad, good)


def test_discard_passes_and_the_rest_goes_on() -> None:
    """What was discarded before comes through as it is. A fault of the dimensions has its own reason."""
    lost = Discarded(MetricData('lost', None), Reason.RAISED)
    good = DataPoint('good', 1, {})
    bad = DataPoint('bad', 1, {':a': 'b'})
    passed, first, discarded, second = encode(lost, good, bad, good)
    assert passed is lost
    assert isinstance(discarded, Discarded)
    assert (discarded.reason, discarded.data.name) == (Reason.BAD_DIMENSION_NAME, 'bad')
    assert first == second
    assert not isinstance(first, Discarded)


# --- distributions


@given(
    st.builds(lambda number, step: {step * n: n + 1 for n in range(number)}, st.integers(0, 460), st.floats(0.1, 9)),
    st.integers(0, 3),
)
@example({float(value): value + 1 for value in range(150)}, 0)
@example({float(value): value + 1 for value in range(151)}, 0)
def test_distribution_is_cut_at_150_values(observed: dict[float, int], labels: int) -> None:
    """All values come with their counts, in order, in as few data as possible. No observations give no datum."""
    point = DataPoint('m', Distribution(tuple(observed), tuple(observed.values())), {f'l{n}': n for n in range(labels)})
    data = decode(sent(encode(point)))
    pairs = [pair for datum in data for pair in zip(datum['Values'], datum['Counts'], strict=True)]
    assert pairs == list(observed.items())
    assert len(data) == math.ceil(len(observed) / 150)
    assert not [fault for datum in data for fault in datum_violations(datum)]


def test_values_that_become_one_float_are_one() -> None:
    """Values of other types that are one float are listed once, with all of their counts."""
    given = Distribution((2**53, 2**53 + 1, Fraction(1, 2), 0.5), (1, 2, 3, 4))  # type: ignore[arg-type]  # user code records any number
    (item,) = encode(DataPoint('m', given, {}, Kind.DISTRIBUTION))
    datum = decoded(item)
    assert (datum['Values'], datum['Counts']) == ([2.0**53, 0.5], [3.0, 7.0])


# --- bodies and sizes

labels = st.dictionaries(texts(255), texts(1024), max_size=5)
finite = st.one_of(st.floats(-(2.0**360), 2.0**360), st.just(-1.2345678901234567e-308))
distributions = st.builds(
    lambda value, count, number: Distribution(
        tuple(value * (1 + index / 997) for index in range(number)), tuple(count + index for index in range(number))
    ),
    finite.filter(bool),
    st.integers(1, 10**15),
    st.one_of(st.integers(1, 3), st.integers(1, 400)),
)
points = st.builds(DataPoint, texts(255), st.one_of(finite, finite, distributions), labels)
LAST = int(datetime.max.replace(tzinfo=timezone.utc).timestamp()) - 1
FIRST = int(datetime.min.replace(tzinfo=timezone.utc).timestamp())
timestamps = st.one_of(st.none(), st.sampled_from((FIRST, 0, LAST)), st.integers(FIRST, LAST))
namespaces = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20).filter(
    lambda text: bool(text.strip()) and not text.startswith((':', 'AWS/'))
)
extras = st.dictionaries(plain, odd.filter(lambda value: not blank(value)), max_size=2)

Cycle = tuple[list[Item], datetime | None]
"""The items of a cycle, and its moment."""


def _cycle(
    points: list[DataPoint], timestamp: int | None, resolution: int, unit: str, extra: Mapping[str, str]
) -> Cycle:
    items = encoder(extra, timestamp=timestamp, units={'*': unit}, storage_resolution=resolution).encode(points)
    moment = None if timestamp is None else datetime.fromtimestamp(timestamp, timezone.utc)
    return sent(list(items)), moment


cycles = st.builds(_cycle, st.lists(points, max_size=4), timestamps, st.sampled_from((1, 60)), units, extras)


entities = st.none() | st.builds(Entity, namespaces, namespaces)
envelopes = st.builds(Envelope, namespaces, entities)


def cycle_examples(test: Callable[..., None]) -> Callable[..., None]:
    """Long numbers, far years, long distributions and texts that JSON escapes."""
    small, many = -1.2345678901234567e-308, Distribution(tuple(range(151)), (1,) * 151)
    for cycle in (
        _cycle([DataPoint('m', small, {})], FIRST, 1, 'None', {}),
        _cycle([DataPoint('m', small, {'a': '1'})], LAST, 1, 'Kilobytes/Second', {}),
        _cycle([DataPoint('m', Distribution((small,), (123456789012345,)), {})], FIRST, 1, 'None', {}),
        _cycle([DataPoint('m', many, {}), DataPoint('m', -0.0, {})], None, 60, 'None', {'e"\\': '\ud800'}),
        _cycle([DataPoint('"\\/\x00\x7fą\U0001f4a9', 1, {'\ud800': '",:', 'ą': '\n'})], 0, 60, 'Count', {}),
    ):
        test = example(cycle=cycle, envelope=Envelope('n"\\'))(test)
    return test


@half
@given(cycle=cycles, envelope=envelopes)
@cycle_examples
def test_body_is_what_botocore_makes_of_the_dictionaries(cycle: Cycle, envelope: Envelope) -> None:
    """A body says the same as what botocore's own serializer makes of the decoded items, and breaks no rule."""
    items, _ = cycle
    request = parameters(envelope, decode(items))
    assert json.loads(body(envelope, items)) == json.loads(cloudwatch.body(request))
    for index in range(0, len(items), 20):
        assert not violations(payload(envelope.namespace, decode(items[index : index + 20])))


@half
@given(cycle=cycles, envelope=envelopes)
@cycle_examples
def test_size_of_a_body_is_the_sum_of_its_parts(cycle: Cycle, envelope: Envelope) -> None:
    """An item is printable ASCII, and its size is its length and a separator. All sizes and the envelope make the
    body, in which the last item has no separator."""
    items, _ = cycle
    assert all(item.isascii() and item.isprintable() for item in items)
    assert [size(item) for item in items] == [len(item) + 1 for item in items]
    left = item_bytes(envelope, len(items)) - sum(map(len, items))
    assert envelope_bytes(envelope) + sum(map(size, items)) + left == putmetricdata.MAX_BYTES
    if items:
        assert len(body(envelope, items)) == envelope_bytes(envelope) + sum(map(size, items)) - 1
    else:
        assert len(body(envelope, items)) == envelope_bytes(envelope)


@given(cycle=cycles, envelope=envelopes)
@cycle_examples
def test_room_of_a_payload_is_never_below_what_botocore_sends(cycle: Cycle, envelope: Envelope) -> None:
    """The sizes of items in a payload, with the envelope, cover the body that botocore makes of the dictionaries. They
    count at most one byte more for each comma and colon inside a text, and one separator."""
    items, _ = cycle
    data = decode(items)
    envelope = envelope._replace(entity=None)  # which build_payloads does not have
    actual = len(cloudwatch.body(payload(envelope.namespace, data)))
    estimated = envelope_bytes(envelope) + payloads._SPACES_IN_ENVELOPE + sum(map(payloads._size, items))
    said = [envelope.namespace, *(datum['MetricName'] for datum in data)]
    said += [text for datum in data for each in datum['Dimensions'] for text in (each['Name'], each['Value'])]
    assert actual <= estimated <= actual + len(', ') + sum(text.count(',') + text.count(':') for text in said)


@pytest.mark.parametrize('dimensions', [0, 10, 30])
@pytest.mark.parametrize('text', ['v', ',:"\\', '\ud800'])
def test_payload_fits_in_a_request_when_botocore_serializes_it(dimensions: int, text: str) -> None:
    """A payload for a boto3 client is as long as CloudWatch takes, counted in the bytes that botocore makes of it."""
    labels = {f'{text}{index}': text * (1_000 // len(escaped(text))) for index in range(dimensions)}
    observed = Distribution(tuple(index / 7 for index in range(150)), (1,) * 150)
    points = [DataPoint('m', observed, labels) for _ in range(500)]
    sizes = [
        len(cloudwatch.body(each)) for each in build_payloads(points, 'N', max_send_at_once=1_000, max_dimensions=30)
    ]
    assert len(sizes) > 1
    assert max(sizes) <= 1_000_000
    if text == 'v':
        assert min(sizes[:-1]) > 1_000_000 - len(encode(points[0])[0]) * 1.2


def _encoded_again(datum: MetricDatum) -> str:
    """The compact JSON of a dictionary, with its members in the order of an item."""
    members: dict[str, Any] = {name: datum[name] for name in ('MetricName', 'Unit', 'Dimensions')}
    if 'Timestamp' in datum:
        members['Timestamp'] = int(datum['Timestamp'].timestamp())
    members.update({name: value for name, value in datum.items() if name not in members})
    return json.dumps(members, separators=(',', ':'))


@half
@given(cycle=cycles, envelope=envelopes)
@cycle_examples
def test_decoding_is_the_inverse_of_encoding(cycle: Cycle, envelope: Envelope) -> None:
    """A decoded item has everything that is in the item: encoded again, it is the same text. The moment of a cycle may
    be given."""
    items, moment = cycle
    data = decode(items)
    assert list(map(_encoded_again, data)) == items
    assert [datum.get('Timestamp') for datum in data] == [moment] * len(items)
    assert data == decode(items, moment) == [datum for item in items for datum in decode([item])]
    assert decode(iter(items)) == data


@given(points, st.one_of(st.none(), st.integers(0, 2**31)))
def test_item_says_what_its_point_said(point: DataPoint, timestamp: int | None) -> None:
    """satella's form of an item has the escaped name and labels of the point, and its value."""
    encoded = encode(point, timestamp=timestamp)
    expected = {escaped(name): escaped(str(value)) for name, value in point.labels.items() if not blank(str(value))}
    seen: list[tuple[float, float]] = []
    for item in sent(encoded):
        data = metric_data(item)
        assert (data.name, data.timestamp) == (escaped(point.name), timestamp)
        assert dict(data.labels) == expected
        assert identity(item) == (data.name, frozenset(expected.items()))
        if isinstance(point.value, Distribution):
            seen += zip(data.value.values, data.value.counts, strict=True)
        else:
            assert repr(data.value) == repr(point.value)
    if isinstance(point.value, Distribution) and sent(encoded):
        combined: dict[float, float] = {}
        for value, count in zip(point.value.values, point.value.counts, strict=True):
            if abs(value) <= LIMIT:  # what is beyond costs itself alone
                combined[value] = combined.get(value, 0.0) + count
        assert seen == list(combined.items())


# --- time and resolution

moments = st.one_of(st.none(), st.datetimes(timezones=st.just(timezone.utc)))


@given(moments, st.sampled_from((1, 60)))
def test_time_and_resolution_are_those_that_were_given(moment: datetime | None, resolution: int) -> None:
    """Every datum of a cycle has them. The defaults of CloudWatch, the time of arrival and 60 seconds, are not said."""
    given = [DataPoint('m', 1, {}), DataPoint('m', Distribution(tuple(range(151)), (1,) * 151), {}, Kind.DISTRIBUTION)]
    timestamp = None if moment is None else moment.timestamp()
    items = sent(encode(*given, timestamp=timestamp, storage_resolution=resolution))
    assert len(items) == 3
    for datum in decode(items, moment):
        assert datum.get('Timestamp') == moment
        assert datum.get('StorageResolution') == (1 if resolution == 1 else None)


@half
@given(st.lists(points, max_size=3), st.sampled_from((1, 60)))
def test_encoding_is_repeatable(points: list[DataPoint], resolution: int) -> None:
    """The same points give the same items, and stay as they are."""
    before = repr(points)
    once = encoder(storage_resolution=resolution)
    first, second = list(once.encode(points)), list(once.encode(points))
    assert first == second == list(encoder(storage_resolution=resolution).encode(points))
    assert repr(points) == before


# --- what a reply names

CLASSIC = Batch(Envelope('N'), 0.0, ['{}'])
OF_A_SERVICE = CLASSIC._replace(envelope=Envelope('N', Entity('checkout', 'eks:shop')))


@given(st.lists(st.integers(1, 1000), max_size=5), st.sampled_from(('', '.Value', '.Dimensions.member.2.Name', ' is')))
def test_culprits_that_a_reply_names(positions: list[int], rest: str) -> None:
    """CloudWatch counts positions from 1, and a culprit is counted from 0. The position of a dimension is not one of a
    datum. Where a request has an entity, its data are in the list of that."""
    message = ', '.join(f'The value for parameter MetricData.member.{position}{rest}' for position in positions)
    assert culprits(message, CLASSIC) == {position - 1 for position in positions}
    assert culprits(message, OF_A_SERVICE) == frozenset()
    nested = message.replace('MetricData', 'EntityMetricData.member.1.MetricData')
    assert culprits(nested, OF_A_SERVICE) == {position - 1 for position in positions}
    assert culprits(nested.replace('.1.Metric', '.2.Metric'), OF_A_SERVICE) == frozenset()


@pytest.mark.parametrize(
    'other',
    [
        'EntityMetricData.member.1.MetricData.member.7',
        'EntityMetricData.member.1.MetricData.member.7.Value',
        'StrictMetricData.member.2',
        'X_MetricData.member.2',
        'com.amazonaws.MetricData.member.3',
    ],
)
def test_positions_in_other_lists_are_none_of_a_request(other: str) -> None:
    """A position counts if the reply names the list of the request itself, and not one that ends in the same words."""
    assert culprits(f'The value for {other} is not allowed.', CLASSIC) == frozenset()
    assert culprits(f'{other}, MetricData.member.5.Value and (MetricData.member.6)', CLASSIC) == {4, 5}


@given(st.text(st.sampled_from('MetricData.member.019٣ '), max_size=60))
@example('MetricData.member.' + '9' * 5_000)
@example('MetricData.member.0')
@example('MetricData.member.-1')
@example('MetricData.member.')
@example('XMetricData.member.1')
def test_message_of_any_text_can_be_read(message: str) -> None:
    """A message of any text and length names whole numbers, or nothing."""
    assert all(isinstance(each, int) for each in culprits(message, CLASSIC))


@given(st.text(max_size=20), st.text(max_size=20), st.booleans())
@example('a', 'a","Unit":"None', True)
@example('a\\', 'a', False)
def test_items_of_one_metric_are_told_from_others(one: str, other: str, labelled: bool) -> None:
    """Whether two items are of one metric is a matter of the name alone, as it is sent."""
    items = [
        item
        for name, labels in ((one, {}), (other, {'label': 'x'} if labelled else {}))
        for item in sent(encode(DataPoint(name, 1, labels)))
    ]
    if len(items) == 2:
        names = [decoded(item)['MetricName'] for item in items]
        assert (metric(items[0]) == metric(items[1])) == (names[0] == names[1])

"""Payload builders: from any source of metrics to the keyword arguments of requests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from property.cloudwatch import body, violations
from property.examples import half
from property.texts import blank, plain, texts
from property.trees import Tree, build, frozen, trees
from satella.instrumentation.metrics import MetricData, MetricDataCollection, getMetric
from satella.instrumentation.metrics.metric_types import LinkfailMetric

from aws_satella.pure import (
    Arguments,
    DataPoint,
    Discarded,
    Kind,
    Payload,
    Reason,
    build_payloads,
    collect,
)
from aws_satella.pure.payloads import points_of

values = st.one_of(
    st.integers(-(10**6), 10**6),
    st.floats(),
    st.sampled_from((None, '1.5', b'1', 2**361, 10**400, True, 1j, math.nan)),
)
labels = st.one_of(
    st.dictionaries(texts(255), texts(1024), max_size=4),
    st.integers(0, 13).map(lambda number: {f'l{index}': index for index in range(number)}),
)
series = st.lists(st.tuples(st.one_of(plain, plain, texts(255)), values, labels), max_size=12)
extras = st.dictionaries(plain, plain, max_size=3)


def _metric_data(given: list[tuple[str, Any, Any]]) -> list[MetricData]:
    """Each with a name of its own, by which it is found again."""
    return [MetricData(f'{index}{name}', value, labels) for index, (name, value, labels) in enumerate(given)]


def _number(name: str) -> int:
    return int(''.join(iter_digits(name)))


def iter_digits(name: str) -> Iterator[str]:
    for character in name:
        if not character.isdigit() or not character.isascii():
            return
        yield character


@half
@given(series, extras, st.integers(1, 7), st.integers(3, 12), st.sampled_from((1, 60)), st.booleans())
def test_payloads_have_each_data_point_or_a_discard_with_a_reason(
    given_series: list[tuple[str, Any, Any]],
    extra: dict[str, str],
    most: int,
    max_dimensions: int,
    resolution: int,
    timed: bool,
) -> None:
    """Nothing is lost, nothing is sent twice, order is kept, and no payload breaks a rule of CloudWatch."""
    source = _metric_data([(f'_{name}', value, labels) for name, value, labels in given_series])
    discarded: list[Discarded] = []
    payloads = list(
        build_payloads(
            source,
            'Every/Thing',
            extra_dimensions=extra,
            max_send_at_once=most,
            max_dimensions=max_dimensions,
            storage_resolution=resolution,
            timestamp=1_700_000_000.5 if timed else None,
            on_discard=discarded.append,
        )
    )
    sent = [datum for payload in payloads for datum in payload['MetricData']]
    indices = [_number(datum['MetricName']) for datum in sent]
    lost = [source.index(each.data) for each in discarded]
    assert indices == sorted(indices)
    assert lost == sorted(lost)
    assert sorted(indices + lost) == list(range(len(source)))
    for index, datum in zip(indices, sent, strict=True):
        assert datum['Value'] == float(source[index].value)
        assert len(datum['Dimensions']) <= max_dimensions
        assert datum.get('Timestamp') == (datetime.fromtimestamp(1_700_000_000.5, timezone.utc) if timed else None)
        assert datum.get('StorageResolution', 60) == resolution
    for each in discarded:
        assert isinstance(each.reason, Reason)
    for payload in payloads:
        assert payload['Namespace'] == 'Every/Thing'
        assert len(payload['MetricData']) <= most
        assert not violations(payload)
    assert all(len(payload['MetricData']) == most for payload in payloads[:-1])


def _flat(payloads: Iterator[Payload]) -> list[str]:
    return sorted(repr(datum) for payload in payloads for datum in payload['MetricData'])


@half
@given(trees(internal=False), extras)
def test_tree_a_collection_and_an_iterable_give_the_same(tree: Tree, extra: dict[str, str]) -> None:
    """A tree gives what satella's collection of it gives, and that what its data give one by one."""
    root = build(tree)
    links = [metric for metric in _all(root) if type(metric) is LinkfailMetric]
    for link in links:  # of several addresses satella gives one status
        for address in set(link.consecutive_successes) - {0}:
            del link.consecutive_successes[address], link.consecutive_failures[address]
    with frozen():
        data = root.to_metric_data()
        assert isinstance(data, MetricDataCollection)
        of_tree = _flat(build_payloads(root, 'Same', extra_dimensions=extra))
        assert of_tree == _flat(build_payloads(data, 'Same', extra_dimensions=extra))
        assert of_tree == _flat(build_payloads(iter(data.values), 'Same', extra_dimensions=extra))
        assert of_tree == _flat(build_payloads(collect(root), 'Same', extra_dimensions=extra))


def _all(metric: Any) -> Iterator[Any]:
    yield metric
    for child in metric.children:
        yield from _all(child)


def test_internal_data_of_an_iterable_are_left_out() -> None:
    """What is marked as internal is not for export, and no discard either."""
    discarded: list[Discarded] = []
    source = [MetricData('a', 1, internal=True), MetricData('b', 2)]
    (payload,) = build_payloads(source, 'Internal', on_discard=discarded.append)
    assert [datum['MetricName'] for datum in payload['MetricData']] == ['b']
    assert not discarded


def test_payload_has_20_data_unless_told_otherwise() -> None:
    """So a program's own client sends what the exporter would send."""
    payloads = build_payloads([MetricData('m', index) for index in range(41)], 'Default')
    assert [len(payload['MetricData']) for payload in payloads] == [20, 20, 1]
    assert Arguments('Default').plan.max_send_at_once == 20


def test_payloads_of_nothing_are_none() -> None:
    """No metrics, no request."""
    assert list(build_payloads([], 'Nothing')) == []
    assert list(build_payloads(getMetric(), 'Nothing')) == []


@given(trees(), st.booleans())
def test_payloads_are_repeatable(tree: Tree, timed: bool) -> None:
    """The same tree gives the same payloads, which are the caller's own."""
    root = build(tree)
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc) if timed else None
    with frozen():
        first = list(build_payloads(root, 'Again', timestamp=moment, extra_dimensions={'a': 'b'}))
        shown = repr(first)
        for payload in first:
            for datum in payload['MetricData']:
                datum['Dimensions'].clear()
                datum.clear()  # type: ignore[attr-defined]  # any dictionary has it
        assert repr(list(build_payloads(root, 'Again', timestamp=moment, extra_dimensions={'a': 'b'}))) == shown


def test_plain_data_are_gauges() -> None:
    """What comes without a metric says nothing of what its number means over time."""
    assert [point.kind for point in points_of([MetricData('m', 1)]) if isinstance(point, DataPoint)] == [Kind.GAUGE]


def test_build_payloads_refuses_a_source_or_an_item_of_a_wrong_kind() -> None:
    """What is in an iterable is seen when it is read."""
    with pytest.raises(TypeError, match=r"source: 'x' is of type str; allowed: MetricData"):
        list(build_payloads(['x'], 'N'))
    with pytest.raises(TypeError, match=r'source: 7 is of type int; allowed: a satella metric'):
        build_payloads(7, 'N')


# --- sizes


@pytest.mark.parametrize('character', ['x', '"', '\\', 'ą'])
def test_large_series_go_out_in_requests_below_the_limit(character: str) -> None:
    """400 series with nine dimensions of 1 kB each take few requests, none of which is over 1 MB."""
    room = 1024 // len('ą'.encode('unicode_escape')) if character == 'ą' else 1000
    source = [
        MetricData('m', index, {f'label{n}': f'{index}-{n}-' + character * (room - 10) for n in range(9)})
        for index in range(400)
    ]
    payloads = list(build_payloads(source, 'Large', max_send_at_once=1000, timestamp=1.7e9))
    bodies = [len(body(payload)) for payload in payloads]
    assert sum(len(payload['MetricData']) for payload in payloads) == 400
    assert max(bodies) <= 1_000_000
    assert len(payloads) <= math.ceil(sum(bodies) / 980_000)
    assert not [fault for payload in payloads for fault in violations(payload)]


def _filler(size: int) -> MetricData:
    """A metric whose datum makes a body longer by about ``size`` bytes, and by exactly one more for one more."""
    lengths = [size // 7 + (index < size % 7) for index in range(7)]
    return MetricData('filler', 1, {f'filler{index}': 'x' * length for index, length in enumerate(lengths)})


@settings(max_examples=20)
@given(st.text(st.sampled_from('aA"\\/ '), min_size=1, max_size=255).filter(lambda text: not blank(text)))
@example('"' * 255)
def test_namespace_counts_too(namespace: str) -> None:
    """The room for data is what the namespace leaves, also where a client writes a space after each separator: a
    request is as full as it can be but for one separator, and never too full."""
    source = [MetricData('m', 1, {f'label{n}': 'x' * 1000 for n in range(3)}) for _ in range(320)]
    (first, *_) = build_payloads(source, namespace, max_send_at_once=1000)
    source = source[: len(first['MetricData']) - 1]
    (probe,) = build_payloads([*source, _filler(700)], namespace, max_send_at_once=1000)
    left = 1_000_000 - len(body(probe))
    for size, fits in ((left - 2, True), (left + 1, False)):
        (first, *_) = build_payloads([*source, _filler(700 + size)], namespace, max_send_at_once=1000)
        assert len(first['MetricData']) == len(source) + fits
        assert len(body(first)) == 1_000_000 - 2 or not fits

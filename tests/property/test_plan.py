"""The whole way from metrics to requests."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.cloudwatch import body, violations
from property.texts import blank, plain, texts
from property.trees import Tree, build, frozen, trees
from satella.instrumentation.metrics import MetricData, MetricDataCollection, getMetric
from satella.instrumentation.metrics.metric_types import LinkfailMetric

from aws_satella.pure import (
    DataPoint,
    Delta,
    Discarded,
    Kind,
    Payload,
    Plan,
    Reason,
    build_payloads,
    collect,
    read,
    select,
)
from aws_satella.pure.plan import points_of

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


@given(series, extras, st.integers(1, 7), st.integers(3, 12), st.sampled_from((1, 60)), st.booleans())
def test_every_data_point_is_sent_once_or_discarded_with_a_reason(
    given_series: list[tuple[str, Any, Any]],
    extra: dict[str, str],
    most: int,
    max_dimensions: int,
    resolution: int,
    timed: bool,
) -> None:
    """Nothing is lost, nothing is sent twice, order is kept, and no payload breaks a rule of CloudWatch's."""
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


@given(trees(internal=False), extras)
def test_a_tree_a_collection_and_an_iterable_give_the_same(tree: Tree, extra: dict[str, str]) -> None:
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


def test_a_payload_has_20_data_unless_told_otherwise() -> None:
    """So a program's own client sends what the exporter would send."""
    payloads = build_payloads([MetricData('m', index) for index in range(41)], 'Default')
    assert [len(payload['MetricData']) for payload in payloads] == [20, 20, 1]
    assert Plan('Default').max_send_at_once == 20


def test_of_nothing_there_is_nothing() -> None:
    """No metrics, no request."""
    assert list(build_payloads([], 'Nothing')) == []
    assert list(build_payloads(getMetric(), 'Nothing')) == []


# --- arguments


WRONG: list[tuple[str, Any, type[Exception]]] = [
    ('namespace', '', ValueError),
    ('namespace', 'AWS/EC2', ValueError),
    ('namespace', 7, TypeError),
    ('extra_dimensions', {':a': 'b'}, ValueError),
    ('extra_dimensions', ['a'], TypeError),
    ('extra_dimensions', {f'd{index}': 'v' for index in range(11)}, ValueError),
    ('max_send_at_once', 0, ValueError),
    ('max_send_at_once', 1001, ValueError),
    ('max_send_at_once', 1.5, TypeError),
    ('max_send_at_once', True, TypeError),
    ('max_dimensions', 0, ValueError),
    ('max_dimensions', 31, ValueError),
    ('units', {'a': 'bytes'}, ValueError),
    ('units', {1: 'Bytes'}, TypeError),
    ('units', 'Bytes', TypeError),
    ('storage_resolution', 30, ValueError),
    ('storage_resolution', True, ValueError),
    ('storage_resolution', 1.0, ValueError),
    ('timestamp', 'now', TypeError),
    ('timestamp', math.nan, ValueError),
    ('timestamp', 1e20, ValueError),
    ('timestamp', True, TypeError),
    ('timestamp', datetime(2026, 1, 1), ValueError),  # noqa: DTZ001  # that is what is wrong with it
    ('on_discard', 'print', TypeError),
    ('source', 7, TypeError),
]


@pytest.mark.parametrize(('argument', 'value', 'error'), WRONG, ids=[f'{name}={value!r}' for name, value, _ in WRONG])
def test_arguments_are_checked_at_the_call(argument: str, value: Any, error: type[Exception]) -> None:
    """A wrong argument is refused before anything is read, with its name, its value and what is allowed."""
    arguments = {'source': [], 'namespace': 'N', argument: value}
    with pytest.raises(error) as raised:
        build_payloads(arguments.pop('source'), arguments.pop('namespace'), **arguments)
    message = str(raised.value)
    assert message.startswith(argument)
    assert 'allowed: ' in message
    shown = value if argument not in ('extra_dimensions', 'units') or not isinstance(value, dict) else next(iter(value))
    assert repr(shown) in message


def test_an_item_of_a_wrong_kind_is_refused() -> None:
    """What is in an iterable is seen when it is read."""
    with pytest.raises(TypeError, match=r"source: 'x' is of type str; allowed: MetricData"):
        list(build_payloads(['x'], 'N'))
    with pytest.raises(TypeError, match=r'source: 7 is of type int; allowed: a satella metric'):
        build_payloads(7, 'N')


# --- what is exported


patterns = st.lists(st.sampled_from(('a', 'a.*', '*.b', '*', '?', 'c.[bd]')), max_size=2).map(tuple)
names = st.sampled_from(('a', 'b', 'a.b', 'a.c', 'c.b', 'c.d', 'c'))


@given(st.lists(names, max_size=12), patterns, st.one_of(st.none(), st.integers(0, 8)))
@example(['a', 'b', 'a', 'c'], ('a',), None)
@example(['a', 'b', 'c'], (), 2)
def test_selection(names: list[str], exclude: tuple[str, ...], max_series: int | None) -> None:
    """Excluded names are left out without a discard, those of what could not be read too; of the others, those beyond
    the bound are discarded, the last. What could not be read takes no room."""
    lost = Discarded(MetricData('lost', None), Reason.RAISED)
    points = [DataPoint(name, index, {'index': index}) for index, name in enumerate(names)]
    selected = list(select([lost, *points, lost], exclude, max_series))
    wanted = [point for point in points if not any(fnmatchcase(point.name, pattern) for pattern in exclude)]
    bound = len(wanted) if max_series is None else max_series
    if '*' not in exclude:
        assert selected[0] is selected[-1] is lost
        selected = selected[1:-1]
    assert selected[:bound] == wanted[:bound]
    beyond = [each for each in selected[bound:] if isinstance(each, Discarded)]
    assert [(each.data.name, each.data.value, dict(each.data.labels), each.reason) for each in beyond] == [
        (point.name, point.value, point.labels, Reason.TOO_MANY_SERIES) for point in wanted[bound:]
    ]
    assert len(selected) == len(wanted)


@pytest.mark.parametrize('name', [None, 7, ['a'], b'a'])
def test_a_name_that_is_no_text_does_not_stop_the_others(name: Any) -> None:
    """A series with an odd name costs itself at most, patterns or no."""
    points = [DataPoint('a', 1, {}), DataPoint(name, 2, {}), DataPoint('b', 3, {})]
    for plan in (Plan('N'), Plan('N', exclude=('x*',), units={'y*': 'Count'})):
        sent = [item[0]['Value'] for item in plan.sized(points) if not isinstance(item, Discarded)]
        assert [value for value in sent if value != 2] == [1, 3]


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


@given(st.text(st.sampled_from('aA"\\/ '), min_size=1, max_size=255).filter(lambda text: not blank(text)))
def test_the_namespace_counts_too(namespace: str) -> None:
    """The room for data is what the namespace leaves."""
    plan = Plan(namespace, max_send_at_once=1000)
    size = 100_000
    envelope = len(body({'Namespace': namespace, 'MetricData': []}))
    datum: Any = {}
    (first, *_) = plan.requests([(datum, size)] * 9 + [(datum, size - envelope), (datum, 1)])
    assert len(first) == 10
    (first, *_) = plan.requests([(datum, size)] * 9 + [(datum, size - envelope + 1), (datum, 1)])
    assert len(first) == 9


# --- the plan as a value


def test_a_plan_does_not_change_with_what_it_was_made_of() -> None:
    """Mappings and iterables that were given belong to the program, which may change or use them up."""
    extra, units, exclude = {'a': 'b'}, {'x': 'Bytes'}, iter(['y'])
    plan = Plan('N', extra, units=units, exclude=exclude)  # type: ignore[arg-type]
    extra['c'] = units['z'] = 'd'
    assert (plan.extra_dimensions, plan.units) == ({'a': 'b'}, {'x': 'Bytes'})
    for _ in range(2):
        assert list(plan.sized([DataPoint('y', 1, {})])) == []


class _Number(int):
    """A whole number with a type of its own, as an enumeration's or another library's."""


class _Text(str):
    """The same of a text."""

    __slots__ = ()


def test_a_plan_holds_plain_values() -> None:
    """Whatever equal of a value was given, a plan has that which botocore takes: it compares types, not values."""
    plan = Plan(
        'N',
        add_pid='',
        max_send_at_once=_Number(7),
        max_dimensions=_Number(7),
        temporality=_Text('delta'),
        storage_resolution=_Number(1),
    )
    assert plan.add_pid is None
    assert type(plan.temporality) is str
    assert {type(each) for each in (plan.max_send_at_once, plan.max_dimensions, plan.storage_resolution)} == {int}


@pytest.mark.parametrize(
    ('argument', 'allowed', 'refused'), [('max_series', 0, -1), ('max_dimensions', 1, 0), ('max_send_at_once', 1, 0)]
)
def test_the_least_of_each_number(argument: str, allowed: int, refused: int) -> None:
    """What is just allowed makes a plan; the next is refused by the name of its argument."""

    def plan(value: Any) -> Plan:
        return Plan('N', **{argument: value})

    assert plan(allowed)
    with pytest.raises(ValueError, match=f'^{argument}: {refused} is not allowed'):
        plan(refused)


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
                datum.clear()  # type: ignore[attr-defined]
        assert repr(list(build_payloads(root, 'Again', timestamp=moment, extra_dimensions={'a': 'b'}))) == shown


@given(trees())
def test_the_temporality_is_that_of_the_plan(tree: Tree) -> None:
    """Cumulative is what there is; delta is what came since the baseline, and gives the next one."""
    root = build(tree)
    with frozen():
        assert list(Plan('N').data_points(root, {})) == list(collect(root))
        first = Plan('N', temporality='delta').data_points(root, {})
        assert isinstance(first, Delta)
        assert list(first) == list(Delta(read(root), {}))
        second = Plan('N', temporality='delta').data_points(root, first.baseline)
        assert list(second) == list(Delta(read(root), first.baseline))


class _Ending:
    """Whatever is done with it ends the program."""

    def __call__(self) -> float:
        raise SystemExit(1)

    def __lt__(self, other: object) -> bool:
        raise SystemExit(1)

    __gt__ = __lt__

    def __hash__(self) -> int:
        raise SystemExit(1)

    def __str__(self) -> str:
        raise SystemExit(1)


@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
def test_what_is_tolerated_is_tolerated_at_every_stage(temporality: str) -> None:
    """Reading, rebasing and shaping each cost the one metric that raises; without leave to go on, they raise."""
    plan = Plan('N', temporality=temporality)
    reading, rebasing, shaping = (
        getMetric(name, kind) for name, kind in (('r', 'callable'), ('b', 'summary'), ('s', 'int'))
    )
    good = getMetric('good', 'int')
    good.runtime(1)

    def found(**tolerate: Any) -> list[tuple[str, Reason | None]]:
        items = plan.sized(plan.data_points(getMetric(), {}, **tolerate), **tolerate)
        return [
            (item.data.name, item.reason) if isinstance(item, Discarded) else (item[0]['MetricName'], None)
            for item in items
        ]

    reading.callable = _Ending()
    rebasing.runtime(1.0)
    rebasing.runtime(2.0)
    rebasing.calls_queue.append(_Ending())
    rebasing.tot_calls += 1
    shaping.runtime(1)
    shaping.labels['odd'] = _Ending()
    assert found(tolerate=BaseException) == [*((name, Reason.RAISED) for name in 'rbs'), ('good', None)]
    for undo in (
        lambda: setattr(reading, 'callable', None),
        rebasing.calls_queue.clear,
        shaping.labels.clear,
    ):
        with pytest.raises(SystemExit):
            found()
        undo()
    assert ('good', None) in found()


def test_all_of_a_plan_is_in_its_data() -> None:
    """Whatever a plan says of dimensions, units, resolution, time and number can be seen in what comes of it."""
    plan = Plan(
        'N',
        {'a': 'b'},
        'pid',
        units={'x*': 'Bytes'},
        storage_resolution=1,
        max_series=2,
        max_dimensions=3,
        exclude=('y',),
    )
    points = [DataPoint(name, 1, {'c': 'd'}) for name in ('y', 'x', 'z', 'more')]
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    *data, beyond = plan.sized(points, moment, pid=7)
    assert [item[0] for item in data if not isinstance(item, Discarded)] == [
        {
            'MetricName': name,
            'Unit': unit,
            'Dimensions': [{'Name': 'c', 'Value': 'd'}, {'Name': 'a', 'Value': 'b'}, {'Name': 'pid', 'Value': '7'}],
            'Timestamp': moment,
            'StorageResolution': 1,
            'Value': 1.0,
        }
        for name, unit in (('x', 'Bytes'), ('z', 'None'))
    ]
    assert isinstance(beyond, Discarded)
    assert (beyond.data.name, beyond.reason) == ('more', Reason.TOO_MANY_SERIES)


def test_plain_data_are_gauges() -> None:
    """What comes without a metric says nothing of what its number means over time."""
    assert [point.kind for point in points_of([MetricData('m', 1)]) if isinstance(point, DataPoint)] == [Kind.GAUGE]


def test_points_without_labels_are_gauges() -> None:
    """What comes as plain data is taken as it is, in either temporality."""
    (point,) = list(Plan('N', temporality='delta').data_points(getMetric('g', 'int'), {}))
    assert isinstance(point, DataPoint)
    assert point.kind is Kind.GAUGE

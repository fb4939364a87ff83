"""The stages, composed: from readings to items, by one plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.examples import half
from property.trees import Tree, build, frozen, trees
from satella.instrumentation.metrics import Metric, getMetric

from aws_satella import View
from aws_satella.pure import (
    Arguments,
    Baseline,
    DataPoint,
    Delta,
    Discarded,
    Kind,
    MetricDatum,
    Plan,
    Reason,
    Tolerance,
    collect,
    cumulative,
    distributions,
    read,
)
from aws_satella.pure.formats.putmetricdata import Entity, Envelope, Item, decode
from aws_satella.pure.points import STRICT


def _plan(**arguments: Any) -> Plan:
    """A plan, as it is made of the arguments of an exporter."""
    return Arguments('N', **arguments).plan


def _sent(items: Iterable[Item | Discarded]) -> list[MetricDatum]:
    """The data that are not discarded."""
    return decode(item for item in items if not isinstance(item, Discarded))


def _made(plan: Plan, root: Metric, baseline: Baseline) -> list[Item | Discarded]:
    """What becomes of a tree by all stages of a plan."""
    return list(plan.encoding().items(plan.rebase(read(root), baseline)))


# --- what is exported


@pytest.mark.parametrize('name', [None, 7, ['a'], b'a'])
def test_name_that_is_no_text_does_not_stop_the_others(name: Any) -> None:
    """A series with an odd name costs itself at most, patterns or no."""
    points = [DataPoint('a', 1, {}), DataPoint(name, 2, {}), DataPoint('b', 3, {})]
    for plan in (_plan(), _plan(exclude=('x*',), units={'y*': 'Count'})):
        sent = [datum['Value'] for datum in _sent(plan.encoding().encode(points))]
        assert [value for value in sent if value != 2] == [1, 3]


# --- the plan as a value


class _Unhashable:
    """A callable that is equal to others, and so has no hash."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unhashable)

    __hash__ = None  # type: ignore[assignment]  # as Python itself has it

    def __call__(self, _name: str) -> str:
        return 'Count'


def _units(unit: str) -> Any:
    return lambda _name: unit


def _units_by_default(unit: str) -> Any:
    return lambda _name, unit=unit: unit


ALIKE = _Unhashable()
MEANINGS: dict[str, tuple[Any, ...]] = {
    'extra_dimensions': ({}, {'a': '1'}, {'a': '2'}, {'a': '1', 'b': '1'}),
    'add_pid': (None, 'pid'),
    'temporality': ('cumulative', 'delta'),
    'units': (
        None,
        {'a': 'Count'},
        {'a': 'Seconds'},
        _units('Count'),
        _units('Seconds'),
        _units_by_default('Count'),
        _units_by_default('Seconds'),
        str.title,
        ALIKE,
        _Unhashable(),
    ),
    'views': (None, {'a': View()}, {'b': View()}, {'a': View(drop=('b',))}),
    'idle_after': (None, 60),
    'service': (None, 'shop'),
    'storage_resolution': (60, 1),
    'max_dimensions': (10, 30),
    'max_series': (None, 1, 2),
    'exclude': ((), ('a',), ('a', 'b')),
}
"""Argument → values that mean different things."""

chosen = st.fixed_dictionaries({name: st.integers(0, len(values) - 1) for name, values in MEANINGS.items()})


@given(chosen, chosen, st.integers(1, 1000))
def test_plan_is_what_its_arguments_mean(one: dict[str, int], other: dict[str, int], most: int) -> None:
    """Two plans are the same just where all arguments mean the same that decide which data are sent."""
    made = [_plan(**{name: MEANINGS[name][index] for name, index in each.items()}) for each in (one, other)]
    assert (made[0].identity == made[1].identity) == (one == other)
    assert (hash(made[0].identity) == hash(made[1].identity)) or one != other
    assert replace(made[0], max_send_at_once=most).identity == made[0].identity
    assert replace(made[0], namespace='M').identity != made[0].identity


@pytest.mark.parametrize(
    ('arguments', 'unbounded', 'is_viewed', 'has_bounds'),
    [
        ({}, 'abc', False, False),
        ({'exclude': ('a', 'b*')}, 'c', False, False),
        ({'views': {'a': View()}}, 'bc', True, False),
        ({'views': {'a': View(), 'b': View(max_series=5)}}, 'c', True, True),
        ({'idle_after': 60}, 'abc', True, False),
        ({'max_series': 0}, '', True, True),
    ],
)
def test_plan_tells_what_it_bounds(
    arguments: dict[str, Any], unbounded: str, is_viewed: bool, has_bounds: bool
) -> None:
    """A metric may have as many series as it likes where it is exported, has no view, and ``max_series`` is not set."""
    plan = _plan(**arguments)
    assert ''.join(filter(plan.is_unbounded, 'abc')) == unbounded
    assert (plan.is_viewed, plan.has_bounds) == (is_viewed, has_bounds)


@pytest.mark.parametrize(
    ('arguments', 'billed'),
    [({}, [1, 4]), ({'temporality': 'delta'}, [1, 1]), ({'destination': 'otlp'}, None)],
)
def test_plan_tells_how_many_metrics_are_billed(arguments: dict[str, Any], billed: list[int] | None) -> None:
    """In the classic form each series is a metric: of a histogram in cumulative its buckets, sum and count."""
    getMetric('c', 'counter')
    getMetric('h', 'histogram', buckets=[1.0])
    count = _plan(**arguments).billed
    assert (None if count is None else list(map(count, read(getMetric())))) == billed


def test_function_that_is_made_anew_means_the_same() -> None:
    """A lambda is another object each time that its line runs. Of what has no hash, only the object itself is meant."""
    other = _Unhashable()
    assert other == ALIKE
    assert _plan(units=ALIKE).identity == _plan(units=ALIKE).identity != _plan(units=other).identity
    assert _plan(units=_units('Count')).identity == _plan(units=_units('Count')).identity

    def early() -> list[Any]:
        late: Callable[[str], Any]
        made = [lambda name: late(name) or None for _ in range(2)]
        identities = [_plan(units=each).identity for each in made]
        late = _units('Count')
        return [*identities, *(_plan(units=each).identity for each in made)]

    before, same_before, after, same_after = early()
    assert before == same_before != after == same_after


def test_plan_does_not_change_with_what_it_was_made_of() -> None:
    """Mappings and iterables that were given belong to the program, which may change or use them up."""
    extra, units, exclude = {'a': 'b'}, {'x': 'Bytes'}, iter(['y'])
    plan = _plan(extra_dimensions=extra, units=units, exclude=exclude)
    extra['c'] = units['z'] = 'd'
    assert (plan.extra_dimensions, plan.units) == ({'a': 'b'}, {'x': 'Bytes'})
    for _ in range(2):
        assert list(plan.encoding().encode([DataPoint('y', 1, {})])) == []


class _Number(int):
    """A whole number with a type of its own, as an enumeration's or another library's."""


class _Text(str):
    """The same of a text."""

    __slots__ = ()


def test_plan_holds_plain_values() -> None:
    """Whatever equal of a value was given, a plan has that which botocore takes: it compares types, not values."""
    plan = _plan(
        add_pid='',
        max_send_at_once=_Number(7),
        max_dimensions=_Number(7),
        temporality=_Text('delta'),
        storage_resolution=_Number(1),
    )
    assert plan.add_pid is None
    assert type(plan.temporality) is str
    assert {type(each) for each in (plan.max_send_at_once, plan.max_dimensions, plan.storage_resolution)} == {int}


@half
@given(trees())
def test_temporality_is_that_of_the_plan(tree: Tree) -> None:
    """Cumulative is what there is; delta is what came since the baseline, and gives the next one."""
    root = build(tree)
    with frozen():
        assert _made(_plan(), root, {}) == list(_plan().encoding().encode(cumulative(read(root))))
        assert _made(_plan(), root, {}) == list(_plan().encoding().encode(collect(root)))
        delta = _plan(temporality='delta')
        first = delta.rebase(read(root), {})
        assert isinstance(first, Delta)
        again = Delta(read(root), {})
        assert list(first) == list(again)
        assert first.baseline == again.baseline
        assert list(delta.rebase(read(root), first.baseline)) == list(Delta(read(root), first.baseline))
        assert _made(delta, root, first.baseline) == list(
            delta.encoding().encode(distributions(Delta(read(root), first.baseline)))
        )


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
def test_tolerance_holds_at_each_stage(temporality: str) -> None:
    """Reading, rebasing and shaping each cost the one metric that raises; without leave to go on, they raise."""
    plan = _plan(temporality=temporality)
    reading, rebasing, shaping = (
        getMetric(name, kind) for name, kind in (('r', 'callable'), ('b', 'summary'), ('s', 'int'))
    )
    good = getMetric('good', 'int')
    good.runtime(1)

    def found(tolerance: Tolerance = STRICT) -> list[tuple[str, Reason | None]]:
        rebased = plan.rebase(read(getMetric(), tolerance), {}, tolerance)
        return [
            (item.data.name, item.reason) if isinstance(item, Discarded) else (decode([item])[0]['MetricName'], None)
            for item in plan.encoding(tolerance=tolerance).items(rebased)
        ]

    reading.callable = _Ending()
    rebasing.runtime(1.0)
    rebasing.runtime(2.0)
    rebasing.calls_queue.append(_Ending())
    rebasing.tot_calls += 1
    shaping.runtime(1)
    shaping.labels['odd'] = _Ending()
    assert found(Tolerance(BaseException)) == [*((name, Reason.RAISED) for name in 'rbs'), ('good', None)]
    for undo in (
        lambda: setattr(reading, 'callable', None),
        rebasing.calls_queue.clear,
        shaping.labels.clear,
    ):
        with pytest.raises(SystemExit):
            found()
        undo()
    assert ('good', None) in found()


def test_plan_can_be_seen_in_its_data() -> None:
    """Whatever a plan says of dimensions, units, resolution, time and number can be seen in what comes of it."""
    plan = _plan(
        extra_dimensions={'a': 'b'},
        add_pid='pid',
        units={'x*': 'Bytes'},
        storage_resolution=1,
        max_series=2,
        max_dimensions=3,
        exclude=('y',),
    )
    points = [DataPoint(name, 1, {'c': 'd'}) for name in ('y', 'x', 'z', 'more')]
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    *data, beyond = plan.encoding(moment.timestamp(), pid=7).encode(points)
    assert _sent(data) == [
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


def test_time_may_be_left_out_over_otlp() -> None:
    """Over OTLP a point has a time, which is the beginning of all times where none is given."""
    encodings = (_plan(destination='otlp').encoding(*given) for given in ((), (0.0,)))
    one, other = (list(each.encode([DataPoint('a', 1, {})])) for each in encodings)
    assert one == other


def test_service_is_the_entity_of_requests() -> None:
    """Its environment is that of a service that runs in none that AWS knows, unless it is given."""
    assert _plan().classic_envelope == Envelope('N', None)
    assert _plan(service='shop').classic_envelope == Envelope('N', Entity('shop', 'generic:default'))
    assert _plan(service='shop', environment='live').classic_envelope == Envelope('N', Entity('shop', 'live'))


def test_pid_is_a_dimension_where_it_is_known() -> None:
    """A program that encodes points itself need not say which process it is."""
    plan = _plan(extra_dimensions={'a': 'b'}, add_pid='pid')
    assert plan.common_dimensions(None) == {'a': 'b'}
    assert plan.common_dimensions(0) == {'a': 'b', 'pid': '0'}


def test_points_without_labels_are_gauges() -> None:
    """What comes as plain data is taken as it is, in either temporality."""
    (point,) = _plan(temporality='delta').rebase(read(getMetric('g', 'int')), {})
    assert isinstance(point, DataPoint)
    assert point.kind is Kind.GAUGE

"""How many series there may be: bounds of views, shares of the room, and what is remembered from cycle to cycle."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.examples import half
from property.trees import Tree, build, frozen, trees
from property.view_model import fault_of, labels_of, metrics, views_of_trees
from satella.instrumentation.metrics import MetricLevel, getMetric

from aws_satella import View
from aws_satella.pure import (
    Arguments,
    Baseline,
    CounterReading,
    DataPoint,
    Delta,
    Discarded,
    HistogramReading,
    NewSamples,
    Plan,
    Reason,
    SummaryReading,
    read,
)
from aws_satella.pure.formats.putmetricdata import decode
from aws_satella.pure.outage import Saying
from aws_satella.pure.places import Settings
from aws_satella.pure.points import Section
from aws_satella.pure.prices import Prices
from aws_satella.pure.reading import Readings, Walk
from aws_satella.pure.sharing import NOTHING_KEPT, Views, share
from aws_satella.pure.viewing import Viewing
from aws_satella.pure.views import view_of

OTHER = '(other)'
TEMPORALITIES = ('cumulative', 'delta')
DESTINATIONS = ('cloudwatch', 'otlp', 'http://localhost:4318/v1/metrics')

Series = tuple[str, frozenset[tuple[str, str]]]


class Cycles:
    """Cycle after cycle, what is sent in the classic form."""

    def __init__(self, **arguments: Any) -> None:
        self.plan: Plan = Arguments('N', **arguments).plan
        self.views: Views = NOTHING_KEPT
        self.baseline: Baseline = {}
        self.said: list[Saying] = []
        self.discarded: list[Discarded] = []

    def readings(self) -> Readings:
        """The readings of the next cycle, rebased."""
        return self.plan.rebase(read(getMetric(), sections=self.plan.is_viewed), self.baseline, root=getMetric())

    def items(self, now: float = 0.0, readings: Readings | None = None) -> list[Any]:
        """The items of the next cycle."""
        rebased = self.readings() if readings is None else readings
        encoding = self.plan.encoding(now or 1e9, views=self.views, root=getMetric())
        made = list(encoding.items(rebased))
        self.views = encoding.views
        self.said = encoding.sayings()
        self.discarded = [each for each in made if isinstance(each, Discarded)]
        if isinstance(rebased, Delta):
            self.baseline = rebased.baseline
        return [each for each in made if not isinstance(each, Discarded)]

    def cycle(self, now: float = 0.0) -> dict[Series, float]:
        """Series → value; each series once."""
        data = decode(self.items(now))
        found = {
            (each['MetricName'], frozenset((one['Name'], one['Value']) for one in each['Dimensions'])): each['Value']
            for each in data
        }
        assert len(found) == len(data)
        return found

    def of(self, name: str, label: str) -> dict[str, float]:
        """The value of a label → the value of the series, of the next cycle, for one metric."""
        return {dict(labels)[label]: value for (found, labels), value in self.cycle().items() if found == name}


def counter(name: str = 'm', **options: Any) -> Any:
    """A labelled counter without a total."""
    return getMetric(name, 'counter', sum_children=False, **options)


def remove(metric: Any, **labels: object) -> None:
    """Take a labelled child out of the tree."""
    key = tuple(sorted(labels.items()))
    metric.children.remove(metric.children_mapping.pop(key))


# --- shares


def test_runaway_leaves_room_for_a_latecomer() -> None:
    """One metric whose label explodes gives way to others: they have all their series, and lose none of them."""
    cycles = Cycles(max_series=100, temporality='delta')
    for index in range(4):
        for label in range(5):
            counter(f'small{index}').runtime(1, label=str(label))
    runaway = counter('runaway')
    sent: set[Series] = set()
    changes = 0
    for number in range(200):
        for user in range(number * 4, number * 4 + 4):
            runaway.runtime(1, user=str(user))
        if number == 150:
            for label in range(30):
                counter('latecomer').runtime(1, label=str(label))
        found = set(cycles.cycle())
        changes += len(sent - found)
        sent = found
    of_each = Counter(name for name, _ in sent)
    assert of_each['latecomer'] == 30
    assert all(of_each[f'small{index}'] == 5 for index in range(4))
    assert sum(of_each.values()) == 100 + 1  # and the rest of the runaway
    assert changes == 30


rooms = st.dictionaries(st.sampled_from(('a', 'b', 'c', 'd')), st.integers(0, 12), min_size=1)


@given(st.lists(rooms, min_size=1, max_size=4), st.integers(0, 20), st.sampled_from(TEMPORALITIES))
def test_share_of_a_metric_is_that_of_its_oldest_series(
    history: list[dict[str, int]], room: int, temporality: str
) -> None:
    """Each metric sends its oldest series, as many as its share has room for, and the rest as one. Totals, and series
    without labels, are sent even beyond the room."""
    build(Tree(()))
    cycles = Cycles(max_series=room, temporality=temporality)
    plain, total = getMetric('plain', 'counter'), getMetric('total', 'counter')
    plain.runtime(1)
    total.runtime(1, label='x')
    demands: Counter[str] = Counter({'total': 1})
    beyond: defaultdict[str, set[str]] = defaultdict(set)
    kept: defaultdict[str, list[str]] = defaultdict(list)
    for grown in history:
        for name, number in grown.items():
            for label in range(demands[name], max(demands[name], number)):
                counter(name).runtime(1, label=f'{label}')
            demands[name] = max(demands[name], number)
        wanted = {name: number - len(beyond[name]) for name, number in demands.items()}
        limit = share(room - 2, wanted.values())
        for name, number in demands.items():
            labels = [f'{label}' if name != 'total' else 'x' for label in range(number)]
            old = kept[name][:limit]
            kept[name] = [*old, *(each for each in labels if each not in old and each not in beyond[name])][:limit]
            if temporality == 'cumulative':
                beyond[name] |= {*labels} - {*kept[name]}
        found = cycles.cycle()
        assert {('plain', frozenset()), ('total.sum', frozenset())} <= found.keys()
        for name, number in demands.items():
            sent = {dict(labels)['label'] for each, labels in found if each == name}
            assert sent == {*kept[name], *((OTHER,) if number > len(kept[name]) else ())}


def test_room_that_a_metric_cannot_fill_is_left_to_others() -> None:
    """A metric takes no more room than its view lets it have, and a series that is called ``(other)`` takes none."""
    for index in range(9):
        counter('bounded').runtime(1, label=str(index))
    for name, labels in (('other', (OTHER, 'a')), ('free', 'abcdefg')):
        for label in labels:
            counter(name).runtime(1, label=label)
    cycles = Cycles(max_series=10, views={'bounded': View(max_series=2)})
    assert cycles.of('free', 'label').keys() == set('abcdefg')
    assert Counter(name for name, _ in cycles.cycle()) == {'bounded': 3, 'other': 2, 'free': 7}


def test_series_that_stay_among_the_others_take_no_room() -> None:
    """In cumulative they never get a place of their own, so that other metrics may have it."""
    cycles = Cycles(max_series=5)
    metric = counter()
    for label in 'abcdefgh':
        metric.runtime(1, label=label)
    assert cycles.of('m', 'label').keys() == {*'abcde', OTHER}
    for label in 'cde':
        remove(metric, label=label)
    for label in 'xyz':
        counter('n').runtime(1, label=label)
    assert cycles.of('n', 'label').keys() == set('xyz')


# --- bounds of views


@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 7), max_size=6), st.lists(st.integers(0, 7), max_size=3)),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 5),
    st.sampled_from(TEMPORALITIES),
    st.sampled_from(DESTINATIONS),
)
def test_first_series_are_kept(
    history: list[tuple[list[int], list[int]]], bound: int, temporality: str, destination: str
) -> None:
    """The first series of a metric are kept for as long as they are in the tree, and the others are one series with
    every label ``(other)``. In cumulative, what is among the others stays there."""
    build(Tree(()))
    cycles = Cycles(views={'m': View(max_series=bound)}, temporality=temporality)
    other_form = Cycles(views={'m': View(max_series=bound)}, temporality=temporality, destination=destination)
    metric = counter()
    metric.runtime(0, a='first', b='x')
    values: dict[str, int] = {'first': 0}
    kept: list[str] = []
    beyond: set[str] = set()
    for records, removals in history:
        for number in removals:
            if str(number) in values:
                remove(metric, a=str(number), b='x')
                del values[str(number)]
        if temporality == 'delta':
            values = dict.fromkeys(values, 0)
        for number in records:
            metric.runtime(number + 1, a=str(number), b='x')
            values[str(number)] = values.get(str(number), 0) + number + 1
        kept = [each for each in kept if each in values]
        beyond &= values.keys()
        kept += [each for each in values if each not in kept and each not in beyond][: bound - len(kept)]
        if temporality == 'cumulative':
            beyond = values.keys() - set(kept)
        rest = [value for each, value in values.items() if each not in kept]
        wanted = {each: values[each] for each in kept} | ({OTHER: sum(rest)} if rest else {})
        found = cycles.cycle()
        assert {dict(labels)['a']: value for (_, labels), value in found.items()} == wanted
        assert all(dict(labels)['b'] == (OTHER if dict(labels)['a'] == OTHER else 'x') for _, labels in found)
        assert len(other_form.items()) == len(found)


def test_rollup_is_bounded_by_itself() -> None:
    """Each set of labels has a bound of its own, and a roll-up is computed from all series, before any bound."""
    metric = counter()
    for index in range(6):
        metric.runtime(1, url=str(index), country='abc'[index % 3])
    found = Cycles(views={'m': View(max_series=2, rollups=[('country',), ()])}).cycle()
    sums: Counter[frozenset[str]] = Counter()
    for (_, labels), value in found.items():
        sums[frozenset(label for label, _ in labels)] += int(value)
    assert sums == {frozenset(('url', 'country')): 6, frozenset(('country',)): 6, frozenset(): 6}
    assert found['m', frozenset({('country', 'a')})] == 2
    assert found['m', frozenset({('country', OTHER)})] == 2
    assert found['m', frozenset({('country', OTHER), ('url', OTHER)})] == 4


def test_value_that_is_called_other_joins_it() -> None:
    """A series whose own label is ``(other)`` takes no place: it is added to the rest."""
    metric = counter()
    for label, value in (('(other)', 1), ('a', 2), ('b', 4), ('c', 8)):
        metric.runtime(value, label=label)
    cycles = Cycles(views={'m': View(max_series=2)})
    assert cycles.of('m', 'label') == {'a': 2, 'b': 4, OTHER: 9}
    (saying,) = cycles.said
    assert saying.values[1] == 1


def test_place_is_kept_by_what_a_level_hides() -> None:
    """A metric, or a labelled child of one, that a level hides for a while is in the tree, so it keeps its place; one
    that is removed loses it."""
    cycles = Cycles(views={'*': View(max_series=2)}, temporality='delta')
    metric = counter()
    for label in 'abc':
        metric.runtime(1, label=label)
    assert cycles.of('m', 'label') == {'a': 1, 'b': 1, OTHER: 1}
    metric.children[0]._level = MetricLevel.DEBUG
    assert cycles.of('m', 'label') == {'b': 0, OTHER: 0}
    metric.level = MetricLevel.DEBUG
    assert cycles.of('m', 'label') == {}
    assert cycles.of('m', 'label') == {}
    metric.level = MetricLevel.RUNTIME
    metric.children[0]._level = MetricLevel.INHERIT
    assert cycles.of('m', 'label') == {'a': 0, 'b': 0, OTHER: 0}
    remove(metric, label='a')
    assert cycles.of('m', 'label') == {'b': 0, 'c': 0}
    getMetric().children.clear()
    cycles.cycle()
    cycles.cycle()
    assert not cycles.views.families


@pytest.mark.parametrize(('temporality', 'later'), [('cumulative', {OTHER: 2}), ('delta', {'c': 0, 'd': 0})])
def test_series_to_which_hidden_ones_leave_no_place_are_among_the_others(
    temporality: str, later: dict[str, float]
) -> None:
    """In cumulative they stay there, since their totals cannot be taken out again. In delta they get free places."""
    cycles = Cycles(views={'*': View(max_series=2)}, temporality=temporality)
    metric = counter()
    for labels, level, found in (('ab', MetricLevel.DEBUG, {'a': 1, 'b': 1}), ('cd', MetricLevel.INHERIT, {OTHER: 2})):
        for label in labels:
            metric.runtime(1, label=label)
        assert cycles.of('m', 'label') == found
        for child in metric.children:
            child._level = level
    for label in 'ab':
        remove(metric, label=label)
    assert cycles.of('m', 'label') == later


class _Mute:
    """A label without a text."""

    def __str__(self) -> str:
        raise LookupError


def test_label_that_raises_takes_no_place_from_others() -> None:
    """A series whose label has no text is discarded, and those that come after it keep their places."""
    cycles = Cycles(views={'*': View(max_series=2)}, temporality='delta')
    metric = counter()
    for label in 'abc':
        metric.runtime(1, label=label)
    assert cycles.of('m', 'label').keys() == {'a', 'b', OTHER}
    metric.runtime(1, label=_Mute())
    metric.children.insert(0, metric.children.pop())
    for level, kept in ((MetricLevel.DEBUG, {'b', OTHER}), (MetricLevel.INHERIT, {'a', 'b', OTHER})):
        metric.children[1]._level = level
        assert cycles.of('m', 'label').keys() == kept
        assert [each.reason for each in cycles.discarded] == [Reason.RAISED]


def test_share_is_kept_by_what_a_level_hides() -> None:
    """A series that is hidden for a while takes its room meanwhile, so that no other gets it, and loses it again."""
    cycles = Cycles(max_series=4, temporality='delta')
    small, large = counter('small'), counter('large')
    for label in 'ab':
        small.runtime(1, label=label)
    for label in 'abcde':
        large.runtime(1, label=label)
    for level in (MetricLevel.INHERIT, MetricLevel.DEBUG, MetricLevel.INHERIT):
        small.children[0]._level = level
        assert cycles.of('large', 'label').keys() == {'a', 'b', OTHER}


def test_place_in_a_rollup_is_kept_by_what_a_level_hides() -> None:
    """A series of a roll-up keeps its place as long as one of those that it adds up is in the tree, hidden or not."""
    cycles = Cycles(views={'m': View(rollups=[('shop',)], max_series=2)}, temporality='delta')
    metric = counter()
    for shop in 'abc':
        metric.runtime(1, url='/', shop=shop)

    def shops() -> set[str]:
        return {dict(labels)['shop'] for _, labels in cycles.cycle() if len(labels) == 1}

    assert shops() == {'a', 'b', OTHER}
    metric.children[0]._level = MetricLevel.DEBUG
    assert shops() == {'b', OTHER}
    metric.children[0]._level = MetricLevel.INHERIT
    assert shops() == {'a', 'b', OTHER}
    remove(metric, shop='a', url='/')
    assert shops() == {'b', 'c'}


def test_metric_that_is_made_again_starts_anew() -> None:
    """What is gone from the tree is forgotten, also where everything else stays."""
    cycles = Cycles(max_series=4, temporality='delta')
    counter('stays').runtime(1, label='a')
    metric = counter()
    for label in 'abcd':
        metric.runtime(1, label=label)
    assert set(cycles.of('m', 'label')) == {'a', 'b', 'c', OTHER}
    getMetric().children.remove(metric)
    cycles.cycle()
    cycles.cycle()
    assert {family.metric for family in cycles.views.families} == {'stays'}


def test_labels_that_are_gone_make_room() -> None:
    """Where no series with some labels is left in the tree, hidden or not, their places are free for others."""
    cycles = Cycles(max_series=4, temporality='delta')
    metric = counter()
    for label in 'abcd':
        metric.runtime(1, old=label)
    assert len(cycles.of('m', 'old')) == 4
    for label in 'abcd':
        remove(metric, old=label)
        metric.runtime(1, new=label)
    assert set(cycles.of('m', 'new')) == {'a', 'b', 'c', 'd'}
    assert ('old',) not in {family.names for family in cycles.views.families}


def test_labels_that_a_level_hides_keep_their_places() -> None:
    """Where all series with some labels are hidden, and others of the metric are not, the first ones stay the first."""
    cycles = Cycles(views={'*': View(max_series=1)}, temporality='delta')
    metric = counter()
    metric.runtime(1, shown='x')
    metric.runtime(1, label='b')
    cycles.cycle()
    metric.runtime(1, label='a')
    metric.children.reverse()
    for level, kept in (
        (MetricLevel.INHERIT, {'b', OTHER}),
        (MetricLevel.DEBUG, set()),
        (MetricLevel.INHERIT, {'b', OTHER}),
    ):
        for child in metric.children[:2]:
            child._level = level
        assert {dict(labels).get('label') for _, labels in cycles.cycle()} == {*kept, None}


@pytest.mark.parametrize('temporality', TEMPORALITIES)
def test_levels_beyond_a_bound_are_discarded(temporality: str) -> None:
    """Levels are no sum, so those that have no place are discarded, each with its own labels; with ``combine`` they
    are combined as well."""
    metric = getMetric('queue', 'int')
    for index in range(4):
        metric.runtime(index, queue=str(index))
    cycles = Cycles(views={'*': View(max_series=2)}, temporality=temporality)
    assert cycles.of('queue', 'queue') == {'0': 0, '1': 1}
    assert [(each.data.labels, each.reason) for each in cycles.discarded] == [
        ({'queue': '2'}, Reason.TOO_MANY_SERIES),
        ({'queue': '3'}, Reason.TOO_MANY_SERIES),
    ]
    combined = Cycles(views={'*': View(max_series=2, combine='max')}, temporality=temporality)
    assert combined.of('queue', 'queue') == {'0': 0, '1': 1, OTHER: 3}


def test_levels_that_are_equal_are_sent_without_a_view() -> None:
    """Where a metric has no view, nothing is added up: levels whose labels have the same texts are all sent."""
    metric = getMetric('queue', 'int')
    for index, label in enumerate((1, '1')):
        metric.runtime(index, queue=label)
    cycles = Cycles(max_series=9)
    assert [datum['Value'] for datum in decode(cycles.items())] == [0, 1]
    assert not cycles.discarded


def test_levels_that_come_later_have_their_share() -> None:
    """The levels of a cycle in delta are read after what grows. From the first cycle on they have their share, and
    from the second one on the others have given way."""
    runaway, queue = counter('runaway'), getMetric('queue', 'int')
    for index in range(50):
        runaway.runtime(1, user=str(index))
    for index in range(3):
        queue.runtime(index, queue=str(index))
    cycles = Cycles(max_series=10, temporality='delta')
    for wanted in (10, 7):
        encoding = cycles.plan.encoding(1e9, views=cycles.views, root=getMetric())
        walk = Walk(getMetric(), levels_apart=True, sections=True)
        rebased = Delta(walk.kept(), cycles.baseline, root=getMetric())
        grown, levels = list(encoding.items(rebased)), list(encoding.items(walk.levels()))
        assert (len(grown), len(levels)) == (wanted + 1, 3)
        cycles.views, cycles.baseline = encoding.views, rebased.baseline
        assert cycles.views.met == {'runaway', 'queue'}


def test_totals_of_an_earlier_part_take_room() -> None:
    """A sum over all labels, and a series without labels, take room from levels that are read after them."""
    getMetric('plain', 'counter').runtime(1)
    runaway, total, queue = counter('runaway'), getMetric('total', 'counter'), getMetric('queue', 'int')
    total.runtime(1, label='x')
    for index in range(20):
        runaway.runtime(1, user=str(index))
        queue.runtime(index, queue=str(index))
    encoding = Arguments('N', max_series=12, temporality='delta').plan.encoding(root=getMetric())
    walk = Walk(getMetric(), levels_apart=True, sections=True)
    list(encoding.items(Delta(walk.kept(), {}, root=getMetric())))
    levels = [item for item in encoding.items(walk.levels()) if not isinstance(item, Discarded)]
    assert len(levels) == (12 - 1 - 1 - 1) // 2


def test_unlabelled_series_are_always_sent() -> None:
    """``max_series`` bounds what labels can multiply. Metrics without labels are as many as the program has."""
    for index in range(9):
        getMetric(f'level{index}', 'int').runtime(index)
        getMetric(f'counter{index}', 'counter').runtime(index)
    cycles = Cycles(max_series=3)
    assert len(cycles.cycle()) == 18
    assert not cycles.discarded


# --- nothing is lost


def _amounts(readings: Iterable[Any]) -> dict[Any, Any]:
    """What additive readings say, by name and the names of their labels."""
    found: defaultdict[Any, float] = defaultdict(float)
    for reading in readings:
        if isinstance(reading, (Discarded, Section)):
            continue
        key: Any = (reading.name, frozenset(reading.labels))
        if isinstance(reading, CounterReading):
            found[key] += float(reading.value)
        elif isinstance(reading, (HistogramReading, NewSamples)):
            found['observations', key] += reading.observations
            found['sum', key] += float(reading.sum or 0)
            if isinstance(reading, HistogramReading):
                for index, count in enumerate(reading.counts):
                    found[index, key] += count
            else:
                for value, count in reading.samples.items():
                    found[value, key] += count
    return {key: value for key, value in found.items() if value}


def _recorded(readings: Iterable[Any], views: Mapping[str, View]) -> dict[Any, Any]:
    """The same of what was recorded, under the labels that the views keep, without bounds and roll-ups."""
    relabeled: list[Any] = []
    for section, own, totals in metrics(readings):
        view = view_of(views, section.name) or View()
        said = {(total.name, frozenset(total.labels)) for total in totals}
        mine = [
            reading._replace(labels=labels_of(view, reading.labels, section.inherent))
            for reading in own
            if not isinstance(reading, (Discarded, DataPoint, SummaryReading)) and fault_of(reading) is None
        ]
        relabeled += [each for each in mine if (each.name, frozenset(each.labels)) not in said]
        relabeled += totals
    return _amounts(relabeled)


@half
@given(trees(internal=False), views_of_trees(max_series=1), st.one_of(st.none(), st.integers(0, 6)))
def test_bounds_lose_nothing(tree: Tree, view: View, room: int | None) -> None:
    """For each set of labels, what is sent of counters, histograms and samples is what was recorded."""
    root = build(tree)
    view = View(**{**view.__dict__, 'rollups': (), 'map': {}})
    for temporality in TEMPORALITIES:
        plan = Arguments('N', views={'*': view}, max_series=room, temporality=temporality).plan
        with frozen():
            rebased = list(plan.rebase(read(root, sections=True), {}, root=root))
            is_delta = temporality == 'delta'
            viewing = Viewing(Settings(plan.views, room, is_delta=is_delta, billed=plan.billed))
            found = _amounts(viewing.view(rebased))
            wanted = _recorded(rebased, plan.views)
        assert found.keys() == wanted.keys()
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize('destination', DESTINATIONS)
@pytest.mark.parametrize('temporality', TEMPORALITIES)
@pytest.mark.parametrize(
    'kind', ['counter', 'histogram', 'summary', 'quantile', 'int', 'float', 'cps', 'callable', 'linkfail']
)
def test_bound_holds_for_each_type_and_destination(kind: str, temporality: str, destination: str) -> None:
    """Whatever the type of a metric, ``max_series`` bounds what leaves: a series more, and what satella derives."""
    metric = getMetric('m', kind)
    if kind == 'callable':
        from satella.instrumentation.metrics import LabeledMetric

        for index in range(20):
            LabeledMetric(metric, callable=lambda: 1, a=str(index))
    for index in range(20 if kind != 'callable' else 0):
        if kind == 'linkfail':
            metric.runtime(True, f'peer{index}')
        else:
            metric.runtime(*(() if kind == 'cps' else (index,)), a=str(index))
    bounds = {'views': {'m': View(max_series=3)}}, {'max_series': 3}
    for arguments in bounds:
        cycles = Cycles(**arguments, temporality=temporality, destination=destination)
        unbounded = Cycles(views={'m': View()}, temporality=temporality, destination=destination)
        found, all_of_it = len(cycles.items()), len(unbounded.items())
        assert found < all_of_it
        assert all_of_it - found >= 16 - len(arguments) * 3


@pytest.mark.parametrize('temporality', TEMPORALITIES)
@pytest.mark.parametrize('kind', ['counter', 'histogram', 'summary', 'int'])
def test_series_that_is_alone_beyond_a_bound_says_what_it_says(kind: str, temporality: str) -> None:
    """Where only one series has no place, what is sent of the rest is that series with other labels."""
    metric = getMetric('m', kind)
    for index in (1, 2):
        metric.runtime(index, label=str(index))
    bounded, unbounded = (
        Cycles(views={'m': View(max_series=number, combine='max')}, temporality=temporality).items()
        for number in (1, 2)
    )
    assert bounded == [item.replace('"Value":"2"', f'"Value":"{OTHER}"') for item in unbounded]


@pytest.mark.parametrize(
    ('view', 'later'),
    [
        (View(keep=()), {'': 4}),
        (View(max_series=1), {'a': 2, OTHER: 2}),
        (View(rollups=[()]), {'a': 2, 'b': 1, 'c': 1, '': 4}),
    ],
)
def test_series_that_were_added_up_are_given_back_together(view: View, later: dict[str, float]) -> None:
    """Where a sum cannot be encoded because user code raised, all increases in it are exported by a later cycle."""
    metric = counter()
    for label in 'abc':
        metric.runtime(1, label=label)
    broken = [True]

    def unit(_name: str) -> str:
        if broken:
            raise LookupError
        return 'Count'

    cycles = Cycles(views={'m': view}, temporality='delta', units=unit)
    assert cycles.cycle() == {}
    broken.clear()
    metric.runtime(1, label='a')
    assert {dict(labels).get('label', ''): value for (_, labels), value in cycles.cycle().items()} == later


@pytest.mark.parametrize(
    'arguments', [{'views': {'m': View(rename={'label': 'name'})}}, {'views': {'m': View()}}, {'max_series': 9}]
)
def test_series_that_cannot_be_encoded_is_given_back_alone(arguments: dict[str, Any]) -> None:
    """Where a series cannot be encoded because user code raised, its own increase since the last export is exported by
    a later cycle, and nothing twice."""
    metric = counter()
    broken: list[bool] = []

    def unit(_name: str) -> str:
        if broken:
            raise LookupError
        return 'Count'

    cycles = Cycles(**arguments, temporality='delta', units=unit)
    for number in (1, 10, 100):
        for label, value in (('a', 1), ('b', 2), ('c', 3)):
            metric.runtime(value * number, label=label)
        found = cycles.cycle()
        assert sorted(found.values()) == {1: [1, 2, 3], 10: [], 100: [110, 220, 330]}[number]
        broken[:] = [True] if number == 1 else []


def test_samples_are_complete_if_all_of_them_are() -> None:
    """Samples of which one summary has lost some are not complete together."""
    metric = getMetric('m', 'summary', last_calls=1, aggregate_children=False)
    for label, number in (('a', 1), ('b', 3)):
        for value in range(number):
            metric.runtime(value, label=label)
    cycles = Cycles(views={'m': View(keep=())}, temporality='delta')
    (found,) = Viewing(Settings(cycles.plan.views, is_delta=True)).view(cycles.readings())
    assert (found.observations, found.sum, found.complete) == (4, 3, False)


# --- what is said


def test_bound_is_said_once_and_at_each_tenfold() -> None:
    """One line names the metric, the label with the most values, how many series are beyond, and the cost of the
    rest; there is another one when they are ten times as many."""
    metric = counter()
    cycles = Cycles(views={'m': View(max_series=2)})
    said = []
    for index in range(130):
        metric.runtime(1, user=str(index), shop='north')
        cycles.cycle()
        said += [(saying.level, saying.message % saying.values) for saying in cycles.said]
    start = "Metric m has {} series beyond max_series of its view: its label 'user' has {} values. "
    end = 'Those series are not sent one by one; what is sent of it costs 0.90 USD a month'
    assert said == [('WARNING', (start + end).format(number, number + 2)) for number in (1, 10, 100)]
    (over_otlp,) = (Cycles(views={'m': View(max_series=2)}, destination='otlp'),)
    over_otlp.items()
    assert [saying.message % saying.values for saying in over_otlp.said] == [
        start.format(128, 130) + 'Those series are not sent one by one'
    ]


@pytest.mark.parametrize(
    ('max_series', 'own', 'number', 'bound'),
    [
        (2, None, 3, 'its share of max_series'),
        (2, 3, 3, 'its share of max_series'),
        (2, 2, 3, 'max_series of its view'),
        (9, 4, 1, 'max_series of its view'),
        (None, 4, 1, 'max_series of its view'),
    ],
)
def test_bound_that_is_said_is_the_tighter_one(
    max_series: int | None, own: int | None, number: int, bound: str
) -> None:
    """What bounds a metric is named: its view, or its share of the room for all."""
    for index in range(5):
        counter().runtime(1, user=str(index))
    cycles = Cycles(max_series=max_series, views={'m': View(max_series=own)})
    cycles.cycle()
    (saying,) = cycles.said
    assert saying.values[:3] == ('m', number, bound)


@pytest.mark.parametrize('combine', [None, 'max'])
def test_bound_on_levels_costs_what_is_sent(combine: str | None) -> None:
    """Of levels beyond a bound nothing is sent, unless the view says how to combine them."""
    for index in range(5):
        getMetric('m', 'int').runtime(index, user=str(index))
    cycles = Cycles(views={'m': View(max_series=2, combine=combine)})
    number = len(cycles.cycle())
    (saying,) = cycles.said
    assert saying.values[-1] == Prices().metrics(number)


# --- idle counters


@given(
    st.lists(st.tuples(st.integers(0, 20), st.lists(st.sampled_from('abc'), max_size=3)), min_size=1, max_size=8),
    st.integers(1, 30),
    st.sampled_from(('view', 'exporter', 'both')),
)
@example([(0, ['a']), (20, [])], 10, 'exporter')
def test_idle_counters_are_left_out(history: list[tuple[int, list[str]]], seconds: int, given: str) -> None:
    """A counter is sent as zero until its last change is longer ago than ``idle_after``, then not at all until it
    changes again. What satella derives is always sent."""
    build(Tree(()))
    arguments: dict[str, Any] = {'temporality': 'delta'}
    if given != 'exporter':
        arguments['views'] = {'*': View(idle_after=seconds, keep=('label',))}
    if given != 'view':
        arguments['idle_after'] = seconds if given == 'exporter' else 1_000
    cycles = Cycles(**arguments)
    metric = getMetric('m', 'counter')
    now, changed = 1e9, dict[str, float]()
    for pause, labels in history:
        now += pause
        increases = Counter(labels)
        for label, number in increases.items():
            metric.runtime(number, label=label)
            changed[label] = now
        found = cycles.cycle(now)
        sent = {dict(each)['label']: value for (name, each), value in found.items() if name == 'm' and each}
        wanted = {label: increases[label] for label, last in changed.items() if now - last <= seconds}
        assert sent == wanted
        assert ('m.sum', frozenset()) in found or not changed


@pytest.mark.parametrize(
    ('view', 'changed'),
    [
        (View(idle_after=10, max_series=1), [{'label': OTHER}]),
        (View(idle_after=10, drop=('label',)), [{}]),
        (View(idle_after=10, rollups=[()]), [{'label': 'b'}, {}]),
    ],
)
def test_sums_of_idle_counters_are_left_out(view: View, changed: list[dict[str, str]]) -> None:
    """The rest beyond a bound, what views add up and roll-ups are sent as zero up to ``idle_after``, then not at all
    until one of their counters changes."""
    metric = counter()
    for label in 'ab':
        metric.runtime(1, label=label)
    cycles = Cycles(views={'m': view}, temporality='delta')
    first = cycles.cycle(1e9)
    assert cycles.cycle(1e9 + 10) == dict.fromkeys(first, 0)
    assert cycles.cycle(1e9 + 11) == {}
    metric.runtime(1, label='b')
    assert cycles.cycle(1e9 + 12) == {('m', frozenset(labels.items())): 1 for labels in changed}


def test_idle_counters_have_no_state_elsewhere() -> None:
    """When a counter last changed is remembered only where ``idle_after`` is set, and only in delta."""
    counter('m').runtime(1, label='a')
    counter('n').runtime(1, label='a')
    cycles = Cycles(views={'m': View(idle_after=5), 'n': View(drop=('label',))}, temporality='delta')
    cycles.cycle()
    assert len(cycles.views.changes) == 1
    cumulative = Cycles(idle_after=5)
    cumulative.cycle(1e9)
    assert cumulative.cycle(2e9)
    assert not cumulative.views.changes


def test_counter_without_a_time_is_not_idle() -> None:
    """A program that encodes readings itself may leave the time to CloudWatch."""
    encoding = Arguments('N', idle_after=5, temporality='delta').plan.encoding()
    for _ in range(2):
        assert len(list(encoding.items([CounterReading('m', 0, {}, 'source')]))) == 1


def test_views_without_bounds_remember_nothing() -> None:
    """Views that bound nothing remember nothing, and say nothing, nor does a plan without views."""
    counter().runtime(1, label=str(random.random()))
    for views in ({}, {'*': View(keep=('label',), rollups=[()])}):
        cycles = Cycles(views=views)
        cycles.cycle()
        assert not cycles.views.families
        assert cycles.said == []

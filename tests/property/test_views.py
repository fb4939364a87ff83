"""Views: what becomes of the labels of series, and what is added up, against a model that groups and adds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from property.examples import half
from property.refusals import INTERVALS
from property.trees import Tree, build, frozen, numbers, record, trees
from property.view_model import comparable, labels_of, some_views, viewed, views_of_trees
from satella.instrumentation.metrics import Metric, MetricData, getMetric

from aws_satella import ArgumentError, ArgumentTypeError, View
from aws_satella.pure import Arguments, Baseline, CounterReading, Delta, Discarded, Plan, Reason, read
from aws_satella.pure.formats.putmetricdata import decode
from aws_satella.pure.relabeling import Relabeler

DESTINATIONS = ('cloudwatch', 'otlp', 'http://localhost:4318/v1/metrics')
TEMPORALITIES = ('cumulative', 'delta')

PLANS = [(destination, temporality) for destination in DESTINATIONS for temporality in TEMPORALITIES]


def plan_of(views: Mapping[str, View], **arguments: Any) -> Plan:
    """A plan, as it is made of the arguments of an exporter."""
    return Arguments('N', views=views, **arguments).plan


def sent(plan: Plan, root: Metric, baseline: Baseline | None = None) -> list[Any]:
    """The items of a cycle, and what is discarded."""
    rebased = plan.rebase(read(root, sections=plan.is_viewed), baseline or {}, root=root)
    return list(plan.encoding(1e9, since=9e8).items(rebased))


def expected(plan: Plan, root: Metric, baseline: Baseline | None = None) -> list[Any]:
    """The same by the model. The stages before and after the view are those of the package."""
    rebased = plan.rebase(read(root, sections=True), baseline or {}, root=root)
    return list(replace(plan, views={}).encoding(1e9, since=9e8).items(viewed(rebased, plan.views)))


@half
@given(tree=trees(), views=some_views)
def test_views_group_and_add(tree: Tree, views: dict[str, View]) -> None:
    """The first view that fits a metric's own name says which labels its series keep. Series that become equal are
    added up, once more for each roll-up; what satella derives passes as it is."""
    root = build(tree)
    for destination, temporality in PLANS:
        plan = plan_of(views, destination=destination, temporality=temporality)
        with frozen():
            assert comparable(plan, sent(plan, root)) == comparable(plan, expected(plan, root))


@half
@given(tree=trees(('counter', 'histogram', 'summary', 'quantile')), view=views_of_trees(), value=numbers)
def test_views_add_up_what_delta_gives(tree: Tree, view: View, value: float) -> None:
    """Views act on increases, after rebasing: what was exported before is not added up again."""
    root = build(tree)
    with frozen():
        first = Delta(read(root), {})
        list(first)
    for spec in tree.specs:
        if spec.kind != 'base':
            metric = getMetric(spec.name, spec.kind)
            record(metric, spec.recordings[::2])
            metric.runtime(value, url='new', code=200)
    for destination in DESTINATIONS:
        plan = plan_of({'*': view}, destination=destination, temporality='delta')
        with frozen():
            found = comparable(plan, sent(plan, root, first.baseline))
            assert found == comparable(plan, expected(plan, root, first.baseline))


@settings(deadline=None)
@given(view=views_of_trees(), labels=st.dictionaries(
    st.sampled_from(('url', 'code', 'shop', 'host')),
    st.one_of(st.sampled_from(('a', 'b', '', ' ', 0, 1, True, 1.0, None)), st.text(max_size=2)),
))  # fmt: skip
@example(View(rename={'url': 'code'}), {'url': '', 'code': 'a'})
@example(View(rename={'url': 'code'}), {'code': 'a', 'url': 'b'})
def test_labels_are_kept_then_mapped_then_renamed(view: View, labels: dict[str, object]) -> None:
    """Labels are text; absent and blank ones are absent, before and after they are mapped."""
    relabeler = Relabeler(view)
    try:
        wanted = labels_of(view, labels)
    except ValueError:
        with pytest.raises(ValueError, match='b'):
            relabeler.place(labels)
        return
    for _ in range(2):  # the second time, the shape is known
        names, key = relabeler.place(labels)
        assert dict(zip(names, key, strict=True)) == wanted
        assert list(names) == sorted(wanted)


def test_labels_and_values_that_are_equal_are_told_apart() -> None:
    """1, 1.0 and True are equal, and have different texts. A callable is asked once for a text or a whole number."""
    asked: list[object] = []
    relabeler = Relabeler(View(map={'a': lambda value: asked.append(value) or f'<{value}>'}))
    for value in ('x', 1, '1', True, 1.0, 'x', 1, True):
        assert relabeler.place({'a': value}) == (('a',), (f'<{value}>',))
    assert list(map(repr, asked)) == ["'x'", '1', "'1'", 'True', '1.0', 'True']
    labels: tuple[Any, ...] = (1, True, 1.0, '1', 1)
    assert [relabeler.place({label: 'b'}) for label in labels] == [((str(label),), ('b',)) for label in labels]


# --- one letter each


def _values(plan: Plan, baseline: Baseline | None = None) -> dict[tuple[str, frozenset[tuple[str, str]]], Any]:
    """What is sent of all metrics in the classic form: series → value."""
    data = [each for each in sent(plan, getMetric(), baseline) if not isinstance(each, Discarded)]
    found = {
        (datum['MetricName'], frozenset((each['Name'], each['Value']) for each in datum['Dimensions'])): datum
        for datum in decode(data)
    }
    assert len(found) == len(data)
    return {series: datum.get('Value', datum.get('Values')) for series, datum in found.items()}


def _series(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_readings_without_sections_are_viewed_by_their_names() -> None:
    """Where readings come without sections, such as from a program, a name is that of a metric. Discards pass."""
    lost = Discarded(MetricData('lost', None), Reason.RAISED)
    readings = [CounterReading(name, 1, {'shop': shop}, object()) for shop in ('north', 'south') for name in ('a', 'b')]
    made = list(plan_of({'a': View(drop=('shop',))}).encoding().items([lost, *readings, lost]))
    assert made[:2] == [lost, lost]
    assert [(datum['MetricName'], datum['Value']) for datum in decode(made[2:])] == [('a', 2), ('b', 1), ('b', 1)]


def test_view_sees_no_buckets_quantiles_or_periods() -> None:
    """``le``, ``ge``, ``quantile`` and the period of clicks are no labels to a view, so it cannot drop them."""
    getMetric('h', 'histogram', buckets=[1.0]).runtime(0.5, url='a')
    getMetric('s', 'summary', quantiles=[0.5]).runtime(3.0, url='a')
    getMetric('c', 'cps', time_unit_vectors=[1, 60]).runtime(url='a')
    found = _values(plan_of({'*': View(keep=())}))
    assert found[_series('h', ge='1.0', le='0.0')] == 1
    assert found[_series('s', quantile='0.5')] == 3
    assert found[_series('c', period='60')] == 1
    assert not any(label == 'url' for _, labels in found for label, _ in labels)


@pytest.mark.parametrize('temporality', TEMPORALITIES)
def test_totals_that_satella_derives_follow_their_metric(temporality: str) -> None:
    """The name of a metric chooses its view; totals are sent beside it, are never added up, and choose no view."""
    metric = getMetric('orders', 'counter', count_calls=True)
    for shop in ('north', 'south'):
        metric.runtime(2, shop=shop)
    views = {'orders.*': View(rename={'shop': 'never'}), 'orders': View(keep=())}
    assert _values(plan_of(views, temporality=temporality)) == {
        _series('orders'): 4,
        _series('orders.sum'): 4,
        _series('orders.count'): 2,
    }


def test_label_that_raises_costs_its_series_alone() -> None:
    """A callable of ``map`` that raises costs one series; in delta its increase is exported once it raises no more."""
    metric = getMetric('orders', 'counter', sum_children=False)
    for shop in ('north', 'south', 'west'):
        metric.runtime(1, shop=shop)
    broken = ['south']

    def shop_of(shop: str) -> str:
        if shop in broken:
            raise LookupError(shop)
        return 'all'

    plan = plan_of({'*': View(map={'shop': shop_of})}, temporality='delta')
    rebased = plan.rebase(read(getMetric(), sections=True), {}, root=getMetric())
    discarded, *data = plan.encoding().items(rebased)
    assert isinstance(discarded, Discarded)
    assert (discarded.reason, discarded.data.labels) == (Reason.RAISED, {'shop': 'south'})
    assert decode(data)[0]['Value'] == 2
    broken.clear()
    assert isinstance(rebased, Delta)
    assert _values(plan, rebased.baseline) == {_series('orders', shop='all'): 1}


@pytest.mark.parametrize(('kind', 'attribute'), [('counter', 'value'), ('int', 'data')])
@pytest.mark.parametrize(
    ('value', 'reason'),
    [
        (float('nan'), Reason.NOT_FINITE),
        ('4', Reason.NOT_A_NUMBER),
        (2**361, Reason.OUT_OF_RANGE),
        (-(2**361), Reason.OUT_OF_RANGE),
    ],
)
def test_value_that_is_no_number_spoils_no_sum(kind: str, attribute: str, value: Any, reason: Reason) -> None:
    """A value that CloudWatch does not take is discarded with its own labels, and the others are added up."""
    metric = getMetric('orders', kind)
    for index in range(3):
        metric.runtime(index + 1, index=index)
    setattr(metric.children[1], attribute, value)
    plan = plan_of({'*': View(keep=(), combine='sum')}, exclude=('orders.sum',))
    assert _values(plan) == {_series('orders'): 4}
    (discarded,) = [each for each in sent(plan, getMetric()) if isinstance(each, Discarded)]
    assert (discarded.data.name, discarded.data.labels, discarded.reason) == ('orders', {'index': 1}, reason)
    assert repr(discarded.data.value) == repr(value)


@pytest.mark.parametrize(('kind', 'attribute'), [('counter', 'value'), ('int', 'data')])
@pytest.mark.parametrize(
    ('values', 'total'), [((1, Decimal('0.5'), 0.25), 1.75), ((2**53 + 1, 2**53 + 1, -(2**54)), 2)], ids=str
)
def test_numbers_of_any_type_add_up(kind: str, attribute: str, values: tuple[Any, ...], total: float) -> None:
    """Numbers of different types are added up as floats, and whole numbers exactly."""
    metric = getMetric('orders', kind)
    for index, value in enumerate(values):
        metric.runtime(0, index=index)
        setattr(metric.children[index], attribute, value)
    plan = plan_of({'*': View(keep=(), combine='sum')}, exclude=('orders.sum',))
    assert _values(plan) == {_series('orders'): total}


@pytest.mark.parametrize('more', [{'drop': ('url',)}, {'max_series': 1}, {'rollups': [()]}], ids=str)
def test_sum_that_raises_costs_its_series_alone(more: dict[str, Any]) -> None:
    """What cannot be added up is discarded with the error, under the name of its metric, and all others are sent."""
    metric = getMetric('time', 'histogram', aggregate_children=False)
    for url in ('a', 'b', 'c'):
        metric.runtime(0.5, url=url)
    metric.children[1].sum = Decimal('0.5')
    getMetric('orders', 'counter').runtime(1)
    made = sent(plan_of({'time': View(**more)}), getMetric())
    (discarded,) = (each for each in made if isinstance(each, Discarded))
    assert (discarded.data.name, discarded.reason) == ('time', Reason.RAISED)
    assert isinstance(discarded.error, TypeError)
    series = {'drop': 0, 'max_series': 1, 'rollups': 3}[next(iter(more))]
    names = Counter(datum['MetricName'] for datum in decode([each for each in made if each is not discarded]))
    assert (names['time.count'], names['orders']) == (series, 1)


def test_histograms_with_other_buckets_do_not_add_up() -> None:
    """Histograms are added bucket by bucket; one with other bounds is discarded with its reason."""
    metric = getMetric('time', 'histogram', buckets=[1.0, 2.0], aggregate_children=False)
    for url, value in (('a', 0.5), ('b', 1.5), ('c', 5.0)):
        metric.runtime(value, url=url)
    metric.children[1].bucket_limits = [1.0, 5.0]
    plan = plan_of({'*': View(drop=('url',))})
    assert _values(plan) == {
        _series('time', le='0.0', ge='1.0'): 1,
        _series('time', le='1.0', ge='2.0'): 0,
        _series('time', le='2.0', ge='inf'): 1,
        _series('time.sum'): 5.5,
        _series('time.count'): 2,
    }
    (discarded,) = (each for each in sent(plan, getMetric()) if isinstance(each, Discarded))
    assert (discarded.reason, discarded.data.value, discarded.data.labels) == (Reason.NOT_ADDITIVE, 1, {'url': 'b'})


def test_histograms_of_which_a_sum_is_lost_keep_their_numbers() -> None:
    """Once the sum of one histogram is not finite, that of all of them together is not known."""
    metric = getMetric('time', 'histogram', buckets=[1.0], aggregate_children=False)
    metric.runtime(float('inf'), url='a')
    first = Delta(read(getMetric()), {})
    list(first)
    for url in ('a', 'b'):
        metric.runtime(0.9, url=url)
    plan = plan_of({'*': View(keep=())}, temporality='delta')
    (datum,) = decode(sent(plan, getMetric(), first.baseline))
    assert (datum['Values'], datum['Counts']) == ([0.25, 0.75], [1.0, 1.0])


@pytest.mark.parametrize(('combine', 'value'), [('sum', 6), ('min', 1), ('max', 3)])
def test_levels_are_combined_as_the_view_says(combine: str, value: int) -> None:
    """Levels that have become equal are combined, also in roll-ups. So are quantiles, beside counts and sums."""
    level = getMetric('queue', 'int')
    summary = getMetric('s', 'summary', quantiles=[0.5], aggregate_children=False)
    for index in (1, 2, 3):
        level.runtime(index, queue=str(index), host='a')
        summary.runtime(index, queue=str(index), host='a')
    found = _values(plan_of({'*': View(keep=('host',), combine=combine, rollups=[()])}))
    assert (found[_series('queue', host='a')], found[_series('queue')]) == (value, value)
    assert found[_series('s', host='a', quantile='0.5')] == value
    assert (found[_series('s.count', host='a')], found[_series('s.sum', host='a')]) == (3, 6)


def test_level_that_is_alone_passes() -> None:
    """Without ``combine``, levels that have become equal are discarded, and one that is alone under its labels is
    not. A roll-up of several is discarded once, with its own labels."""
    metric = getMetric('queue', 'int')
    for index in (1, 2, 3):
        metric.runtime(index, queue=str(index), host='a' if index < 3 else 'b')
    plan = plan_of({'*': View(drop=('queue',), rollups=[()])})
    assert _values(plan) == {_series('queue', host='b'): 3}
    reasons = Counter(
        (tuple(each.data.labels.items()), each.reason)
        for each in sent(plan, getMetric())
        if isinstance(each, Discarded)
    )
    not_additive = Reason.NOT_ADDITIVE
    assert reasons == {
        ((('queue', '1'), ('host', 'a')), not_additive): 1,
        ((('queue', '2'), ('host', 'a')), not_additive): 1,
        ((), not_additive): 1,
    }


def test_quantiles_that_have_become_equal_are_discarded() -> None:
    """Without ``combine``, nothing can be said of them. Their counts and sums are added up all the same."""
    metric = getMetric('s', 'summary', quantiles=[0.5], aggregate_children=False)
    for index in (1, 2):
        metric.runtime(index, queue=str(index), host='a')
    plan = plan_of({'*': View(keep=('host',))})
    found = _values(plan)
    assert (found[_series('s.count', host='a')], found[_series('s.sum', host='a')]) == (2, 3)
    assert not any('quantile' in dict(labels) for _, labels in found)
    discards = [each for each in sent(plan, getMetric()) if isinstance(each, Discarded)]
    assert [(each.data.labels['queue'], each.reason) for each in discards] == [
        ('1', Reason.NOT_ADDITIVE),
        ('2', Reason.NOT_ADDITIVE),
    ]


@pytest.mark.parametrize('combine', [None, 'max'])
@pytest.mark.parametrize('number', [1, 2])
def test_counts_of_a_summary_are_sent_once(number: int, combine: str | None) -> None:
    """Where satella's total has the same labels, it has the counts and sums, and the view gives the quantiles alone."""
    metric = getMetric('s', 'summary', quantiles=[0.0, 1.0])
    for index in range(number):
        metric.runtime(index + 1, queue=str(index))
    own = {_series('s', quantile=each): number for each in ('0.0', '1.0')}
    assert _values(plan_of({'*': View(keep=(), combine=combine)})) == {
        **(own if number == 1 or combine is not None else {}),
        _series('s.total', quantile='0.0'): 1,
        _series('s.total', quantile='1.0'): number,
        _series('s.count'): number,
        _series('s.sum'): number * (number + 1) / 2,
    }


def test_summary_that_does_not_count_has_quantiles_alone() -> None:
    """With ``count_calls=False`` there are no counts and sums to add up."""
    metric = getMetric('s', 'summary', quantiles=[0.5], count_calls=False, aggregate_children=False)
    for index in range(2):
        metric.runtime(index, queue=str(index))
    assert _values(plan_of({'*': View(keep=(), combine='max')})) == {_series('s', quantile='0.5'): 1}


def test_rollup_that_exists_already_is_left_out() -> None:
    """A set of labels has its series once: those that are kept, or that satella's total has, are no roll-up."""
    with_total, without = getMetric('a', 'counter'), getMetric('b', 'counter', sum_children=False)
    for metric in (with_total, without):
        metric.runtime(1, shop='north')
        metric.runtime(2, shop='south')
    getMetric('c', 'counter', labels={'host': ' '}).runtime(1, shop='north')  # a blank label is absent
    view = View(keep=('shop',), rollups=[('shop',), ()])
    assert _values(plan_of({'*': view})) == {
        _series('a', shop='north'): 1,
        _series('a', shop='south'): 2,
        _series('a.sum'): 3,
        _series('b', shop='north'): 1,
        _series('b', shop='south'): 2,
        _series('b'): 3,
        _series('c', shop='north'): 1,
        _series('c.sum'): 1,
    }


def test_first_pattern_that_fits_chooses_the_view() -> None:
    """In the order of the mapping, however much a later one looks like the name."""
    for name in ('web.requests', 'web.errors', 'other'):
        getMetric(name, 'counter', sum_children=False).runtime(1, shop='north')
    views = {'web.r*': View(rename={'shop': 'first'}), 'web.*': View(rename={'shop': 'second'}), 'web.requests': View()}
    assert _values(plan_of(views)) == {
        _series('web.requests', first='north'): 1,
        _series('web.errors', second='north'): 1,
        _series('other', shop='north'): 1,
    }


@pytest.mark.parametrize('kind', ['counter', 'histogram', 'summary'])
@pytest.mark.parametrize('destination', ['cloudwatch', 'otlp'])
def test_rollup_takes_the_place_of_an_excluded_total(kind: str, destination: str) -> None:
    """A total of satella that is excluded is not there, so a roll-up over everything is not left out."""
    metric = getMetric('a', kind)
    metric.runtime(1, shop='north')
    metric.runtime(2, shop='south')
    total = 'a.sum' if kind == 'counter' else 'a.total'
    for exclude, names in (((), ['a', 'a', total]), ((total,), ['a', 'a', 'a'])):
        plan = plan_of({'a': View(rollups=[()])}, exclude=exclude, temporality='delta', destination=destination)
        assert [plan.form.metric_data(item).name for item in sent(plan, getMetric())] == names


def test_excluded_metrics_are_not_viewed() -> None:
    """``exclude`` goes by the names of readings, before the views, and still by those of what they are expanded to."""
    getMetric('a', 'counter').runtime(1, shop='north')
    for name in ('b', 'c'):
        getMetric(name, 'histogram', buckets=[1.0]).runtime(1, shop='north')
    viewed: list[object] = []
    views = {'[ac]': View(map={'shop': viewed.append}), '*': View(rename={'shop': 'place'})}
    exclude = ['a', '[abc].sum', '[bc].total', '[bc].total.sum', 'c', 'c.count', 'c.total.count']
    found = _values(plan_of(views, exclude=exclude))
    assert {name for name, _ in found} == {'b', 'b.count', 'b.total.count'}
    assert not viewed


# --- the value


def test_view_is_frozen() -> None:
    """A view does not change, and holds plain values."""
    view = View(keep=iter(['a', 'b']), rollups=[['b', 'a'], ('a', 'b'), ()], idle_after='1h', max_series=3)
    assert View(drop=['a'], rename={'b': 'a'}, rollups=[('a', 'c')]).rollups == (('a', 'c'),)
    assert (view.keep, view.rollups, view.idle_after) == (('a', 'b'), (('a', 'b'), ()), 3600)
    with pytest.raises(FrozenInstanceError):
        view.keep = ()  # type: ignore[misc]  # what it is about


SEQUENCE = "a sequence of the names of labels, such as ('route',)"
NAME = 'the name of a label, not blank'
STAYING = 'labels that are not dropped, for roll-ups by their new names'
MAPS = 'a mapping from labels to callables, or to mappings from values to values'
SETS = "a sequence of sets of labels, such as [('country',), ()]"


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        ({'keep': 'url'}, f"keep: 'url' is of type str; allowed: {SEQUENCE}"),
        ({'keep': b'url'}, f"keep: b'url' is of type bytes; allowed: {SEQUENCE}"),
        ({'drop': 3}, f'drop: 3 is of type int; allowed: {SEQUENCE}'),
        ({'keep': [1]}, 'keep: 1 is of type int; allowed: the name of a label'),
        ({'drop': [' ']}, f"drop: ' ' is not allowed; allowed: {NAME}"),
        ({'map': {'a': 1}}, "map['a']: 1 is of type int; allowed: a callable, or a mapping from values to values"),
        ({'map': {' ': str}}, f"map: ' ' is not allowed; allowed: {NAME}"),
        ({'map': []}, f'map: [] is of type list; allowed: {MAPS}'),
        (
            {'rename': {'a': 'c', 'b': 'c'}},
            "rename: {'a': 'c', 'b': 'c'} is not allowed; allowed: a new name for each label",
        ),
        ({'rename': []}, 'rename: [] is of type list; allowed: a mapping from labels to their new names'),
        ({'rename': {' ': 'a'}}, f"rename: ' ' is not allowed; allowed: {NAME}"),
        ({'rename': {'a': ''}}, f"rename['a']: '' is not allowed; allowed: {NAME}"),
        (
            {'keep': ['ab', 'x'], 'map': {'abc': str}},
            "map: 'abc' is not allowed; allowed: labels that are kept: ab, x. Did you mean 'ab'?",
        ),
        ({'keep': [], 'map': {'a': str}}, "map: 'a' is not allowed; allowed: labels that are kept: none."),
        ({'drop': ['a'], 'rename': {'a': 'b'}}, f"rename: 'a' is not allowed; allowed: {STAYING}"),
        (
            {'keep': ['shop', 'a', 'x'], 'drop': ['x'], 'rename': {'a': 'b'}, 'rollups': [('shopp',)]},
            "rollups: 'shopp' is not allowed; allowed: labels that are kept: shop, b. Did you mean 'shop'?",
        ),
        ({'drop': ['shop'], 'rollups': [('shop',)]}, f"rollups: 'shop' is not allowed; allowed: {STAYING}"),
        ({'rename': {'shop': 'a'}, 'rollups': [('shop',)]}, f"rollups: 'shop' is not allowed; allowed: {STAYING}"),
        ({'rollups': ['shop']}, f"rollups: 'shop' is of type str; allowed: {SEQUENCE}"),
        ({'rollups': 'shop'}, f"rollups: 'shop' is of type str; allowed: {SETS}"),
        ({'rollups': b''}, f"rollups: b'' is of type bytes; allowed: {SETS}"),
        ({'rollups': 3}, f'rollups: 3 is of type int; allowed: {SETS}'),
        ({'max_series': 0}, 'max_series: 0 is not allowed; allowed: a whole number, at least 1'),
        ({'combine': 'mean'}, "combine: 'mean' is not allowed; allowed: 'sum' or 'min' or 'max'"),
        ({'idle_after': 0}, f'idle_after: 0 is not allowed; allowed: {INTERVALS}'),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], said: str) -> None:
    """A view says at once which argument is wrong, and what is allowed. A roll-up over a label that no series can have
    would be no roll-up."""
    with pytest.raises(ArgumentTypeError if ' is of type ' in said else ArgumentError) as caught:
        View(**arguments)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ('views', 'message'),
    [
        ([View()], 'views: [View('),
        ({'a': 3}, "views['a']: 3 is of type int; allowed: a View"),
        ({3: View()}, 'views: 3 is of type int; allowed: metric names or shell patterns as keys'),
    ],
)
def test_wrong_views(views: Any, message: str) -> None:
    """``views`` is a mapping from patterns to views."""
    with pytest.raises(ArgumentTypeError) as caught:
        plan_of(views)
    assert message in str(caught.value)


def test_plan_of_a_view_that_is_made_anew() -> None:
    """Views decide which data are sent; a lambda in them is another object each time that its line runs."""

    def made(digits: int) -> Plan:
        return plan_of({'a': View(map={'code': lambda code: f'{code}'[:digits]}, max_series=5)})

    assert made(1).identity == made(1).identity != made(2).identity
    assert plan_of({'a': View(), 'b': View()}).identity != plan_of({'b': View(), 'a': View()}).identity
    assert hash(made(1).identity) == hash(made(1).identity)

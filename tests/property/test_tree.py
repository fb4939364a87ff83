"""The tree that metrics are in: its leaves, their names, and what levels show of it."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from property.examples import half
from property.trees import Tree, build, name_from, trees
from satella.instrumentation.metrics import Metric, MetricLevel, getMetric
from satella.instrumentation.metrics.metric_types import CounterMetric

from aws_satella.pure import read
from aws_satella.pure.tree import join, leaves, names_of_leaves


def _shown(metric: Metric) -> Iterator[Metric]:
    """The leaves that satella shows: below each container, the children whose level is not beyond its own."""
    if type(metric) is not Metric:
        yield metric
        return
    for child in metric.children:
        if child.level <= metric.level:
            yield from _shown(child)


@half
@given(trees())
def test_leaves_are_those_that_satella_shows(tree: Tree) -> None:
    """Every leaf that levels show comes once, in tree order, with the names above it."""
    root = build(tree)
    assert [(leaf, join(prefix, leaf.name)) for leaf, prefix in leaves(root)] == [
        (leaf, name_from(root, leaf)) for leaf in _shown(root)
    ]


def _all(metric: Metric) -> Iterator[Metric]:
    """The leaves below a metric, whatever the levels show."""
    if type(metric) is not Metric:
        yield metric
    else:
        for child in metric.children:
            yield from _all(child)


@half
@given(trees())
def test_names_are_those_of_all_leaves(tree: Tree) -> None:
    """A metric that levels hide has its name all the same; a container has none."""
    root = build(tree)
    assert sorted(names_of_leaves(root)) == sorted(name_from(root, leaf) for leaf in _all(root))


def test_leaf_is_its_own_only_leaf() -> None:
    """A tree may be a single metric, which has no names above it."""
    counter = getMetric('web.c', 'counter')
    assert list(leaves(counter)) == [(counter, '')]


def test_container_without_a_name_adds_none() -> None:
    """The names below a container that has no name are those above it, as satella has them."""
    parent = getMetric('web')
    nameless = Metric('', parent)
    parent.append_child(nameless)
    counter = CounterMetric('c', nameless)
    nameless.append_child(counter)
    root = getMetric()
    assert list(leaves(root)) == [(counter, 'web')]
    assert list(names_of_leaves(root)) == ['web.c'] == [data.name for data in root.to_metric_data().values]
    assert not list(names_of_leaves(None))


class _Stranger:
    """Something among the children that is no metric at all."""

    level: object = MetricLevel.RUNTIME


def test_stranger_is_as_visible_as_its_level() -> None:
    """What is no metric of satella's is left out where its level is beyond that which is shown."""
    parent = getMetric('web')
    stranger = _Stranger()
    parent.children.append(stranger)
    assert len(list(read(parent))) == 1
    stranger.level = MetricLevel.DEBUG
    assert not list(read(parent))
    stranger.level = None
    assert len(list(read(parent))) == 1


def test_stranger_has_no_name() -> None:
    """The names of all others are found, before and after it."""
    parent = getMetric('web')
    for name in ('a', 'z'):
        getMetric(f'web.{name}', 'counter')
    parent.children.insert(1, _Stranger())
    assert sorted(names_of_leaves(parent)) == ['web.a', 'web.z']


def test_metric_below_two_parents_has_the_level_of_its_own() -> None:
    """A child that was made below another metric inherits that one's level, wherever else it is shown."""
    other = getMetric('other')
    child = getMetric('other.c', 'int')
    child.runtime(1)
    parent = getMetric('web')
    parent.append_child(child)
    assert len(list(read(parent))) == 1
    other.level = MetricLevel.DEBUG
    assert not list(read(parent))

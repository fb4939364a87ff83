"""Trees of satella metrics: every type, with and without labels, levels, nesting, internals and timestamps.

A tree is generated as plain values (:class:`Spec`), so that a failing example can be read, and built with satella's
own ``getMetric``. :func:`snapshot` is all of a tree's state, for tests that it was left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from hypothesis import strategies as st
from satella.instrumentation.metrics import LabeledMetric, Metric, MetricLevel, getMetric
from satella.instrumentation.metrics.metric_types import LeafMetric

NOW = 1_000_000.0
"""What the monotonic clock says while :func:`frozen`."""


@dataclass(frozen=True)
class Recording:
    """One call of a metric's ``handle``."""

    args: tuple[Any, ...] = ()
    labels: Mapping[str, object] = field(default_factory=dict)
    debug: bool = False
    ago: float = 0.0
    """How long before :data:`NOW` it was."""


@dataclass(frozen=True)
class Constant:
    """A callable that always gives the same."""

    value: object

    def __call__(self) -> object:
        return self.value


@dataclass(frozen=True)
class Spec:
    """One ``getMetric``, and what was recorded with it."""

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    recordings: tuple[Recording, ...] = ()
    labelled_callables: tuple[tuple[Mapping[str, object], Callable[[], object]], ...] = ()
    """Of a callable metric: what its labelled metrics say."""


@dataclass(frozen=True)
class Tree:
    """A tree to build."""

    specs: tuple[Spec, ...]
    level: MetricLevel = MetricLevel.RUNTIME


@contextmanager
def frozen(now: float = NOW) -> Iterator[None]:
    """A time for metrics that read the clock."""
    with mock.patch.object(time, 'monotonic', Constant(now)):
        yield


def build(tree: Tree) -> Metric:
    """Make the tree, in place of the one that there is."""
    getMetric().reset()
    getMetric().level = tree.level
    for spec in tree.specs:
        metric = getMetric(spec.name, spec.kind, **spec.options)
        record(metric, spec.recordings)
        for labels, each in spec.labelled_callables:
            LabeledMetric(metric, callable=each, **labels)
    return getMetric()


def record(metric: Any, recordings: tuple[Recording, ...]) -> None:
    """Call the metric."""
    for recording in recordings:
        with frozen(NOW - recording.ago):
            level = MetricLevel.DEBUG if recording.debug else MetricLevel.RUNTIME
            metric.handle(level, *recording.args, **recording.labels)


def leaves(metric: Metric) -> Iterator[LeafMetric]:
    """All leaves of a tree, hidden ones too."""
    if isinstance(metric, LeafMetric):
        yield metric
        return
    for child in metric.children:
        yield from leaves(child)


def containers(metric: Metric) -> Iterator[Metric]:
    """All plain containers of a tree, itself included."""
    if type(metric) is Metric:
        yield metric
        for child in metric.children:
            yield from containers(child)


def snapshot(metric: Metric) -> object:
    """All that a tree knows, children and labels included, as a value that can be compared."""
    names = {name for cls in type(metric).__mro__ for name in getattr(cls, '__slots__', ())}
    names -= {'root_metric', 'metric_to_wrap'}
    state = ((name, getattr(metric, name, None)) for name in sorted(names))  # a labelled metric has hardly any
    return (
        type(metric),
        id(metric),
        {name: _frozen(value) for name, value in state},
        _frozen(getattr(metric, '__dict__', {})),
    )


def _frozen(value: Any) -> object:
    if isinstance(value, Metric):
        return snapshot(value)
    if isinstance(value, Mapping):
        return (type(value), [(key, _frozen(each)) for key, each in value.items()])
    if isinstance(value, (str, bytes)) or not hasattr(value, '__iter__'):
        return repr(value)
    return (type(value), [_frozen(each) for each in value])


# --- strategies

numbers = st.one_of(
    st.integers(-50, 50),
    st.floats(-100, 100, allow_subnormal=False),
    st.sampled_from((0, 1, -1, 0.1, 1e-9, 1e12, 2.5)),
)
"""What programs record."""

label_values = st.one_of(st.sampled_from(('a', 'b', 'c d')), st.text(max_size=6), st.integers(0, 3))


def labels(names: tuple[str, ...] = ('url', 'code', 'shop')) -> st.SearchStrategy[dict[str, object]]:
    """A few labels, often the same ones."""
    return st.dictionaries(st.sampled_from(names), label_values, max_size=3)


levels = st.sampled_from((None, None, MetricLevel.RUNTIME, MetricLevel.DEBUG, MetricLevel.DISABLED))
timings = st.sampled_from((0.0, 0.5, 1.0, 30.0, 3600.0))

buckets = st.one_of(
    st.just((0.005, 0.1, 1.0, 5.0)),
    st.lists(st.floats(0, 50, allow_subnormal=False), max_size=5, unique=True).map(sorted).map(tuple),
    st.lists(st.integers(0, 20), max_size=3, unique=True).map(sorted).map(tuple),
)
quantiles = st.lists(st.sampled_from((0.0, 0.5, 0.9, 0.95, 0.99, 1.0)), unique=True, max_size=4).map(tuple)

OPTIONS: Mapping[str, Mapping[str, st.SearchStrategy[Any]]] = {
    'counter': {'count_calls': st.booleans(), 'sum_children': st.booleans()},
    'int': {},
    'float': {},
    'histogram': {'buckets': buckets, 'aggregate_children': st.booleans()},
    'summary': {
        'last_calls': st.integers(1, 5),
        'quantiles': quantiles,
        'count_calls': st.booleans(),
        'aggregate_children': st.booleans(),
    },
    'cps': {
        'time_unit_vectors': st.lists(st.sampled_from((1, 2.5, 60, 86_400)), min_size=1, max_size=3, unique=True),
        'aggregate_children': st.booleans(),
    },
    'callable': {'value_getter': st.one_of(st.none(), st.builds(Constant, numbers))},
    'uptime': {},
    'linkfail': {
        'consecutive_failures_to_offline': st.integers(1, 3),
        'consecutive_successes_to_online': st.integers(1, 3),
    },
    'empty': {},
}
OPTIONS = {**OPTIONS, 'quantile': OPTIONS['summary']}
"""Metric type → its own arguments, all of them optional."""

ARGUMENTS: Mapping[str, st.SearchStrategy[tuple[Any, ...]]] = {
    'counter': st.tuples(numbers),
    'int': st.tuples(st.integers(-(10**9), 10**9)),
    'float': st.tuples(numbers),
    'histogram': st.tuples(numbers),
    'summary': st.tuples(numbers),
    'quantile': st.tuples(numbers),
    'cps': st.just(()),
    'linkfail': st.tuples(st.booleans(), st.sampled_from((0, 0, 1, 'peer'))),
    'empty': st.just(()),
}
"""Metric type → arguments of its ``handle``. Those that are not here take none at all."""


@st.composite
def recordings(draw: st.DrawFn, kind: str, max_size: int = 8) -> tuple[Recording, ...]:
    """What is recorded with a metric of this type."""
    if kind not in ARGUMENTS:
        return ()
    labelled = draw(st.booleans())
    one = st.builds(
        Recording,
        ARGUMENTS[kind],
        labels() if labelled else st.just({}),
        st.sampled_from((False, False, True)),
        timings,
    )
    taken = draw(st.lists(one, max_size=max_size))
    return tuple(sorted(taken, key=lambda each: -each.ago))


@st.composite
def specs(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(OPTIONS), internal: bool = True) -> Spec:
    """One metric somewhere in the tree."""
    kind = draw(st.sampled_from(kinds))
    path = draw(st.lists(st.sampled_from(('a', 'b', 'web')), max_size=2))
    needed = {'time_getter': st.builds(Constant, st.just(17.0))} if kind == 'uptime' else {}
    options: dict[str, Any] = draw(st.fixed_dictionaries(needed, optional=dict(OPTIONS[kind])))
    level = draw(levels)
    if level is not None:
        options['metric_level'] = level
    if draw(st.integers(0, 4)) == 0:
        options['enable_timestamp'] = True
    if internal and draw(st.integers(0, 4)) == 0:
        options['internal'] = True
    if kind != 'empty' and draw(st.integers(0, 3)) == 0:
        options['labels'] = draw(labels(('host', 'zone')))
    callables: tuple[Any, ...] = ()
    if kind == 'callable':
        one = st.tuples(labels().filter(bool), st.builds(Constant, numbers))
        callables = tuple(draw(st.lists(one, max_size=3, unique_by=lambda each: frozenset(each[0].items()))))
    name = '.'.join([*path, draw(st.sampled_from(('x', 'y', 'z', 'requests', 'time')))])
    return Spec(name, kind, options, draw(recordings(kind)), callables)


@st.composite
def containers_to_be(draw: st.DrawFn) -> Spec:
    """A container that is made before there is anything in it."""
    options: dict[str, Any] = draw(
        st.fixed_dictionaries({}, optional={'internal': st.booleans(), 'metric_level': st.just(MetricLevel.DISABLED)})
    )
    return Spec(draw(st.sampled_from(('a', 'a.b', 'web'))), 'base', options)


@st.composite
def trees(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(OPTIONS), internal: bool = True, max_size: int = 6) -> Tree:
    """A tree of metrics."""
    first = draw(st.lists(containers_to_be(), max_size=1)) if internal else []
    rest = draw(st.lists(specs(kinds, internal), max_size=max_size, unique_by=lambda spec: spec.name))
    return Tree((*first, *rest), draw(st.sampled_from((MetricLevel.RUNTIME, MetricLevel.DEBUG))))

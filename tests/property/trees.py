"""Trees of satella metrics: every type, with and without labels, levels, nesting, internals and timestamps.

A tree is generated as plain values (:class:`Spec`), so that a failing example can be read, and built with satella's
own ``getMetric``. :func:`snapshot` is all of a tree's state, for tests that it was left alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from unittest import mock

from hypothesis import strategies as st
from satella.instrumentation.metrics import (
    LabeledMetric,
    Metric,
    MetricData,
    MetricDataCollection,
    MetricLevel,
    getMetric,
)
from satella.instrumentation.metrics.metric_types import LeafMetric, LinkfailMetric

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


# --- what satella says of a tree

Series = tuple[str, frozenset[tuple[str, object]]]


def oracle(root: Metric) -> dict[Series, str]:
    """What satella says of a tree, less what is under an internal leaf, and with the address of a link's status."""
    said = {series_of(data): repr(data.value) for data in root.to_metric_data().values if not data.internal}
    for leaf in leaves(root):
        name = name_from(root, leaf)
        if leaf.internal:
            said = {each: value for each, value in said.items() if not f'{each[0]}.'.startswith(f'{name}.')}
        elif isinstance(leaf, LinkfailMetric):
            said = _with_addresses(said, name, leaf)
    return said


def _with_addresses(said: dict[Series, str], name: str, link: Any) -> dict[Series, str]:
    """satella gives the status of the last address only, and does not say whose it is."""
    addresses = set(link.consecutive_successes)
    if addresses == {0}:
        return said
    shown = any(each[0] == f'{name}.consecutive_failures' for each in said)
    rest = {each: value for each, value in said.items() if each[0] != f'{name}.status'}
    for address in addresses if shown else ():
        labels = frozenset({**link.labels, 'address': address}.items())
        rest[f'{name}.status', labels] = repr(int(link.working[address]))
    return rest


def shown(readings: Iterable[Any]) -> list[tuple[Series, str]]:
    """Every series of readings with its value."""
    return [(series_of(point), repr(point.value)) for reading in readings for point in reading.series()]


def said_by(metric: Metric) -> Counter[tuple[Series, str]]:
    """Every series that satella says of a metric by itself, with its value, as a multiset."""
    return Counter((series_of(data), repr(data.value)) for data in metric.to_metric_data().values)


def name_from(root: Metric, metric: Metric) -> str:
    """The full name of a metric, from that of the root on."""
    parts = []
    while metric is not root:
        parts.append(metric.name)
        assert metric.root_metric is not None
        metric = metric.root_metric
    return '.'.join(filter(None, (root.name, *reversed(parts))))


def series_of(data: Any) -> Series:
    """What tells a data point of the library, or one of satella, from the others of its tree."""
    return data.name, frozenset(data.labels.items())


def values(points: Iterable[Any]) -> dict[Series, str]:
    """Series → value, for points of which each is another series."""
    listed = list(points)
    found = {series_of(point): repr(point.value) for point in listed}
    assert len(found) == len(listed)
    return found


# --- strategies: made once, since making them takes longer than drawing from them

numbers = st.one_of(
    st.integers(-50, 50),
    st.floats(-100, 100, allow_subnormal=False),
    st.sampled_from((0, 1, -1, 0.1, 1e-9, 1e12, 2.5)),
)
"""What programs record."""

label_values = st.one_of(st.sampled_from(('a', 'b', 'c d', 0, 1)), st.text(max_size=4))
labels = st.one_of(
    st.sampled_from(({}, {'url': 'a'}, {'url': 'b'})),
    st.fixed_dictionaries({'url': label_values}, optional={'code': label_values, 'shop': st.just('north')}),
)
"""A few labels, often the same ones."""

own_labels = st.sampled_from((None, None, None, {'host': 'a'}, {'host': 'a', 'zone': 1}))
"""Those that a metric was made with."""

buckets = st.one_of(
    st.sampled_from(((0.005, 0.1, 1.0, 5.0), (), (0,), (1, 5, 20))),
    st.lists(st.floats(0, 50, allow_subnormal=False), max_size=4, unique=True).map(sorted).map(tuple),
)
quantiles = st.sampled_from(((0.5, 0.95), (), (0.99,), (0.0, 0.5, 0.9, 1.0)))

COMMON: Mapping[str, st.SearchStrategy[Any]] = {
    'metric_level': st.sampled_from((None, None, None, MetricLevel.RUNTIME, MetricLevel.DEBUG, MetricLevel.DISABLED)),
    'enable_timestamp': st.sampled_from((False, False, False, True)),
    'labels': own_labels,
}
SUMMARY: Mapping[str, st.SearchStrategy[Any]] = {
    'last_calls': st.integers(1, 5),
    'quantiles': quantiles,
    'count_calls': st.booleans(),
    'aggregate_children': st.booleans(),
}
OPTIONS: Mapping[str, Mapping[str, st.SearchStrategy[Any]]] = {
    'counter': {'count_calls': st.booleans(), 'sum_children': st.booleans()},
    'int': {},
    'float': {},
    'histogram': {'buckets': buckets, 'aggregate_children': st.booleans()},
    'summary': SUMMARY,
    'quantile': SUMMARY,
    'cps': {
        'time_unit_vectors': st.sampled_from((None, [1], [60, 1], [2.5], [86_400, 1, 60])),
        'aggregate_children': st.booleans(),
    },
    'callable': {'value_getter': st.one_of(st.none(), st.builds(Constant, numbers))},
    'uptime': {'time_getter': st.just(Constant(17.0))},
    'linkfail': {
        'consecutive_failures_to_offline': st.integers(1, 3),
        'consecutive_successes_to_online': st.integers(1, 3),
    },
    'empty': {},
}
"""Metric type → its own arguments."""

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

timings = st.sampled_from((0.0, 0.5, 1.0, 30.0, 3600.0))
rarely = st.sampled_from((False, False, False, True))


def _oldest_first(taken: list[Recording]) -> tuple[Recording, ...]:
    return tuple(sorted(taken, key=lambda each: -each.ago))


def _recordings(kind: str) -> st.SearchStrategy[tuple[Recording, ...]]:
    """What is recorded with a metric of this type; labels come with some of the recordings, or with none."""
    if kind not in ARGUMENTS:
        return st.just(())
    ago = timings if kind == 'cps' else st.just(0.0)
    plain = st.builds(Recording, ARGUMENTS[kind], st.just({}), rarely, ago)
    labelled = st.builds(Recording, ARGUMENTS[kind], labels, rarely, ago)
    return st.one_of(st.lists(plain, max_size=7), st.lists(labelled, max_size=7)).map(_oldest_first)


def _callables(kind: str) -> st.SearchStrategy[tuple[Any, ...]]:
    if kind != 'callable':
        return st.just(())
    one = st.tuples(labels.filter(bool), st.builds(Constant, numbers))
    return st.lists(one, max_size=3, unique_by=lambda each: frozenset(each[0].items())).map(tuple)


LEAVES = ('x', 'y', 'z', 'requests', 'time')
names = st.sampled_from([f'{path}{leaf}' for path in ('', 'a.', 'a.b.', 'web.', 'web.a.') for leaf in LEAVES])


@lru_cache
def _specs(kinds: tuple[str, ...], internal: bool) -> st.SearchStrategy[Spec]:
    """One metric somewhere in the tree."""
    common = {**COMMON, 'internal': rarely if internal else st.just(False)}
    return st.one_of(
        [
            st.builds(
                Spec,
                names,
                st.just(kind),
                st.fixed_dictionaries({**common, **OPTIONS[kind]}),
                _recordings(kind),
                _callables(kind),
            )
            for kind in kinds
        ]
    )


containers_to_be = st.builds(
    Spec,
    st.sampled_from(('a', 'a.b', 'web')),
    st.just('base'),
    st.sampled_from(({}, {'internal': True}, {'metric_level': MetricLevel.DISABLED})),
)
"""Containers that are made before there is anything in them."""


@lru_cache
def trees(kinds: tuple[str, ...] = tuple(OPTIONS), internal: bool = True) -> st.SearchStrategy[Tree]:
    """A tree of metrics.

    :param kinds: of these types
    :param internal: whether some are internal
    """
    first = st.lists(containers_to_be, max_size=1 if internal else 0)
    rest = st.lists(_specs(kinds, internal), max_size=6, unique_by=lambda spec: spec.name)
    return st.builds(
        lambda first, rest, level: Tree((*first, *rest), level),
        first,
        rest,
        st.sampled_from((MetricLevel.RUNTIME, MetricLevel.DEBUG)),
    )


class Asked(LeafMetric):
    """A metric of user code that says when it is read."""

    def __init__(self, name: str, root: Metric, asked: list[str]) -> None:
        super().__init__(name, root)
        self.asked = asked

    def to_metric_data(self) -> MetricDataCollection:
        self.asked.append(self.name)
        return MetricDataCollection(MetricData(self.name, 1))

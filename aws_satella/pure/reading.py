"""Metric tree → readings: what a tree of satella metrics says at this moment, in linear time.

What may live here: the walk over the leaves of a tree, and what happens where one of them raises. What may not:
knowledge of single metric classes (:mod:`aws_satella.pure.readers`), CloudWatch, dimensions, baselines.

satella's own ``to_metric_data()`` copies everything it has so far for each metric that it adds, so it is quadratic in
the number of series. Here the tree is walked once, lazily.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Hashable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any, Final

from aws_satella.pure.forks import Recorded
from aws_satella.pure.points import STRICT, Discarded, Section, Tolerance, raised
from aws_satella.pure.readers import FOLLOWED, GROWING, QUIET, READERS, Reader, Reading, ReadOne, foreign
from aws_satella.pure.tree import Leaf, join, leaves, visible_children

Readings = Iterable[Reading | Discarded]
"""Readings on their way, with what is discarded in between. Those that are viewed also have sections."""

MANY_SERIES: Final = 1_000
"""A metric with more series has very many."""

MAX_REREADS: Final = 20
"""How often a metric is read again while another thread records into it: a busy one is met so again and again."""


def read(
    root: Any, tolerance: Tolerance = STRICT, only: Container[type] | None = None, *, sections: bool = False
) -> Iterator[Reading | Discarded]:
    """Read a tree of satella metrics, in tree order, lazily.

    Internal metrics are left out: a leaf that is internal, with all its children and totals. The mark of a container
    says nothing, since satella marks every parent that the creation of an internal metric brought along, the root
    included.

    :param root: a satella metric: a container, or a single leaf; names start with its own
    :param tolerance: what user code may raise at the cost of one metric alone, and how to wait for a recording
    :param only: read the metrics of these classes, and pass over the others
    :param sections: whether a :class:`~aws_satella.pure.Section` comes before the readings of each metric
    :return: readings, and a :class:`~aws_satella.pure.Discarded` in place of what could not be read
    """
    found = leaves(root)
    wanted = found if only is None else (leaf for leaf in found if type(leaf[0]) in only)
    return _read(wanted, tolerance, sections=sections)


class Walk:
    """One walk over a tree: first what satella keeps, then what runs user code, which may hang or take its time.

    :param root: as for :func:`read`; None for a tree that does not exist yet
    :param tolerance: as for :func:`read`
    :param levels_apart: whether :meth:`kept` leaves levels to :meth:`levels`, and gives only numbers that grow
    :param recorded: which metrics to read; None for all. Of a class that is not followed there are none otherwise.
    :param sections: as for :func:`read`
    """

    def __init__(
        self,
        root: Any,
        tolerance: Tolerance = STRICT,
        *,
        levels_apart: bool = False,
        recorded: Recorded | None = None,
        sections: bool = False,
    ) -> None:
        self._root = root
        self._tolerance = tolerance
        self._recorded = recorded
        self._sections = sections
        self._first = GROWING if levels_apart else QUIET
        self._levels: list[Leaf] = []
        self._computed: list[Leaf] = []
        self.crowded: list[Leaf] = []
        """Metrics with very many series, and their full names."""
        self.asked: Leaf = (None, '')
        """The metric whose user code was called last, and the names above it."""

    def kept(self) -> Iterator[Reading | Discarded]:
        """Read the metrics whose numbers satella keeps."""
        return self._read(self._kept_first())

    def levels(self) -> Iterator[Reading | Discarded]:
        """Read the levels that :meth:`kept` left out."""
        return self._read(self._levels)

    def _read(self, found: Iterable[Leaf]) -> Iterator[Reading | Discarded]:
        self.crowded.clear()
        return _read(found, self._tolerance, self._recorded, sections=self._sections, crowded=self.crowded)

    def computed(self, but: Collection[Any] = ()) -> Iterator[Reading | Discarded]:
        """Read the metrics that :meth:`kept` left out: callables, and those of unknown classes.

        :param but: metrics to pass over, since their user code hangs
        """
        for leaf in self._computed:
            if not any(leaf[0] is each for each in but):
                self.asked = leaf
                yield from _read((leaf,), self._tolerance, sections=self._sections)

    @property
    def computes(self) -> bool:
        """Whether :meth:`computed` has anything to read."""
        return bool(self._computed)

    def _kept_first(self) -> Iterator[Leaf]:
        for leaf in () if self._root is None else leaves(self._root):
            kind = type(leaf[0])
            if self._recorded is not None and kind not in FOLLOWED:
                continue
            if kind in self._first:
                yield leaf
            else:
                (self._levels if kind in QUIET else self._computed).append(leaf)


def _read(
    found: Iterable[Leaf],
    tolerance: Tolerance,
    recorded: Recorded | None = None,
    *,
    sections: bool = False,
    crowded: list[Leaf] | None = None,
) -> Iterator[Any]:
    for leaf, prefix in found:
        reader = READERS.get(type(leaf)) or Reader(partial(foreign, prefix))
        name = type(leaf).__name__
        try:
            name = join(prefix, getattr(leaf, 'name', name))
            parts, total = _contents(leaf, reader, name, crowded)
            if recorded is not None:
                parts = list(filter(recorded, parts))
                total = total if parts or recorded(leaf) else None
        except tolerance.errors as error:
            yield raised(name, None, error, _source(leaf))
            continue
        if sections:
            yield Section(name, leaf, reader.inherent)
        own = reader.own
        if tolerance.wait is not None and reader.settled is not None:
            settle = partial(_settled, tolerance.wait, reader.settled)
            own, total = partial(settle, own), total and partial(settle, total)
        for part in parts:
            try:  # once for each series, so without the call of _attempt()
                readings = own(part, name)
            except tolerance.errors as error:
                readings = (_failed(part, name, error, tolerance),)
            yield from readings
        if total is not None:
            if sections:
                yield Section(name, leaf, reader.inherent, is_total=True)
            yield from _attempt(total, leaf, name, tolerance)


def _contents(leaf: Any, reader: Reader, name: str, crowded: list[Leaf] | None) -> tuple[Iterable[Any], ReadOne | None]:
    """What a metric consists of, and how to read its total: nothing of an internal metric, no total without labels.

    :param crowded: takes the metric if it has very many series
    """
    if type(leaf) in READERS and leaf.internal:
        return (), None
    # Asked once: between two questions another thread may record the first labels, and neither the metric itself nor
    # its total would be read.
    if reader.takes_labels and leaf.embedded_submetrics_enabled:
        if crowded is not None and len(leaf.children) > MANY_SERIES:
            crowded.append((leaf, name))
        return visible_children(leaf), reader.total
    return reader.parts(leaf), None


def _attempt(read_one: ReadOne, subject: Any, name: str, tolerance: Tolerance) -> Iterable[Reading | Discarded]:
    """The readings of a metric, or of a part of one; a discard in their place where reading it raises."""
    try:
        return read_one(subject, name)
    except tolerance.errors as error:
        return (_failed(subject, name, error, tolerance),)


def _failed(subject: Any, name: str, error: BaseException, tolerance: Tolerance) -> Discarded:
    try:
        labels = getattr(subject, 'labels', None)
    except tolerance.errors:  # they may be what raised
        labels = None
    return raised(name, labels, error, _source(subject))


def _source(metric: Any) -> Hashable:
    """The metric, if its numbers grow. Others have no place in a baseline, and need not be hashable."""
    return metric if type(metric) in GROWING else None


def _settled(
    wait: Callable[[], object], settled: Callable[[Any], bool], read_one: ReadOne, metric: Any, name: str
) -> Iterable[Reading]:
    """The readings of the metric, once no other thread is in the middle of a recording."""
    readings = read_one(metric, name)
    for _ in range(MAX_REREADS):
        if all(map(settled, readings)):
            break
        wait()
        readings = read_one(metric, name)
    return readings


def with_sections(readings: Iterable[Any]) -> Iterable[Any]:
    """The readings with a section for each metric. Where there are none, a name is taken for a metric."""
    iterator = iter(readings)
    first: list[Any] = []
    for reading in iterator:
        first.append(reading)
        if not isinstance(reading, Discarded):
            break
    if first and not isinstance(first[-1], (Discarded, Section)):
        return _by_name(chain(first, iterator))
    return chain(first, iterator)


def _by_name(readings: Iterable[Any]) -> Iterator[Any]:
    by_name: dict[object, list[Any]] = {}
    for reading in readings:
        if isinstance(reading, Discarded):
            yield reading
        else:
            by_name.setdefault(reading.name, []).append(reading)
    for name, of_name in by_name.items():
        yield Section(name if isinstance(name, str) else str(name), None)
        yield from of_name

"""The readings of one metric, by the labels that its view makes of theirs, and its roll-ups.

What may live here: which series of one metric become equal. What may not: bounds, and how readings are added up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from aws_satella.pure.adding import Rule, checked, is_level, names_in_total
from aws_satella.pure.points import CounterReading, Discarded, Section, raised
from aws_satella.pure.readers import READERS
from aws_satella.pure.relabeling import Key, Names, Relabeler, Shape
from aws_satella.pure.sharing import FamilyName
from aws_satella.pure.tree import children_of
from aws_satella.pure.views import NO_VIEW, View

SURE: Final = 2**53
"""Whole numbers up to this need no check."""

NO_TEXTS: Final[tuple[Any, ...]] = (None,)
"""In place of values that are to be mapped, or made a text."""


class Series(dict[Key, Any]):
    """The values of labels → the reading of the series that has them, or a list of those of several series."""

    are_same = True
    """Whether all readings have these labels already, so that one that is alone passes as it is."""

    def put(self, key: Key, reading: Any) -> None:
        """Add the reading of a series."""
        before = self.get(key)
        if before is None:
            self[key] = reading
        elif type(before) is list:
            before.append(reading)
        else:
            self[key] = [before, reading]


def members(entry: Any) -> list[Any]:
    """The readings of all series that have become one."""
    return entry if type(entry) is list else [entry]


_Place = tuple[str, Names, tuple[tuple[str, object], ...]]
"""The name of readings, the names of their labels, and labels that no view changes."""


class Collected(NamedTuple):
    """A family of series, as it was read in one cycle."""

    family: FamilyName
    series: Series
    is_rollup: bool = False
    is_counted: bool = False
    """Whether satella's total has the counts and sums of the same series."""


class Group:
    """The series of one metric.

    :param section: which metric it is
    :param view: its view; None for none
    :param errors: what user code may raise at the cost of one series
    """

    def __init__(self, section: Section, view: View | None, errors: type[BaseException] = Exception) -> None:
        self._errors = errors
        self.metric = section.name
        self.view = view or NO_VIEW
        self.rule = Rule(self.view.combine, keeps_levels=view is None)
        self.totals: list[Any] = []
        """What satella says of all labelled children together."""
        self._leaf = section.metric
        self._inherent = section.inherent
        self._relabeler = Relabeler(self.view, section.inherent)
        self._shapes = self._relabeler.shapes
        self._takes_texts = not section.inherent
        self._families: dict[_Place, Series] = {}
        self._in_tree: set[tuple[Names, Key]] | None = None

    def add(self, reading: Any) -> Discarded | None:
        """Take a reading, or say why it is discarded."""
        # Written for counters with labels that are texts, without further calls: there is one for each series.
        try:
            if type(reading) is CounterReading:
                name, value, labels, _ = reading
            else:
                name, value, labels = reading.name, None, reading.labels
            if type(value) is not int or not -SURE <= value <= SURE:
                reading = checked(reading)
                if type(reading) is Discarded:
                    return reading
            shape = self._shapes.get(tuple(labels)) or self._relabeler.shape(labels)
            key = shape.take(labels) if self._takes_texts and shape.maps is None else NO_TEXTS
            for text in key:
                if type(text) is not str or not text or text.isspace():
                    series, key = self._relabeled(reading)
                    break
            else:
                series = shape.found.get(name) or self._series_of(shape, name)
        except self._errors as error:
            return raised(reading.name, reading.labels, error, getattr(reading, 'source', None))
        before = series.get(key)
        if before is None:
            series[key] = reading
        else:
            series.put(key, reading)
        return None

    def _relabeled(self, reading: Any) -> tuple[Series, Key]:
        """Where a reading belongs whose labels are changed. User code may raise."""
        names, key = self._relabeler.place(reading.labels)
        series = self._series(reading.name, names, self._relabeler.inherent(reading.labels))
        series.are_same = False
        return series, key

    def _series_of(self, shape: Shape, name: str) -> Series:
        """Those of the family of a shape."""
        series = shape.found[name] = self._series(name, shape.names)
        series.are_same = series.are_same and shape.is_same
        return series

    def _series(self, name: str, names: Names, inherent: tuple[tuple[str, object], ...] = ()) -> Series:
        """Those of one family."""
        place = (name, names, inherent)
        if place not in self._families:
            self._families[place] = Series()
        return self._families[place]

    def collected(self) -> Iterator[Collected]:
        """All families: those of the labels that are kept, then those of roll-ups.

        Where both have labels of the same names, the roll-up has all of it. What a total of satella says is left out.
        """
        said: dict[Names, set[str]] = {}
        for total in self.totals:
            said.setdefault(self._relabeler.names_of(total.labels), set()).update(names_in_total(total))
        totals = {(total.name, self._relabeler.names_of(total.labels)) for total in self.totals}
        rolled = {place: series for place, series in self._rolled() if place[0] not in said.get(place[1], ())}
        for place, series in self._families.items():
            is_counted = place[:2] in totals
            if is_counted and not _is_summary(series):
                continue
            if place in rolled:
                if _adds_up(series, self.rule):
                    continue
                del rolled[place]
            yield Collected(FamilyName(self.metric, *place), series, is_counted=is_counted)
        for place, series in rolled.items():
            yield Collected(FamilyName(self.metric, *place), series, is_rollup=True)

    def _rolled(self) -> Iterator[tuple[_Place, Series]]:
        for rollup in self.view.rollups:
            wanted: Names = tuple(rollup)
            found: dict[_Place, Series] = {}
            for (name, names, inherent), series in self._families.items():
                project = projection(names, wanted)
                if project is None:
                    continue
                rolled = found.setdefault((name, wanted, inherent), Series())
                rolled.are_same = False
                for key, entry in series.items():
                    for reading in members(entry):
                        rolled.put(project(key), reading)
            yield from found.items()

    def in_tree(self, wanted: Names, keys: Iterable[Key]) -> set[Key]:
        """Those of some series of a family that are in the tree, whether they were read or not.

        :param wanted: the names of their labels
        :param keys: the series
        """
        if self._in_tree is None:
            self._in_tree = set(self._places_in_tree())
        known: set[Key] = set()
        for names, key in self._in_tree:
            if names == wanted:
                known.add(key)
            elif wanted in self.view.rollups and (project := projection(names, wanted)) is not None:
                known.add(project(key))
        return known.intersection(keys)

    def _places_in_tree(self) -> Iterator[tuple[Names, Key]]:
        reader = READERS.get(type(self._leaf))
        parts = [*(children_of(self._leaf) or ()), *(reader.parts(self._leaf) if reader is not None else ())]
        for part in parts:
            try:
                yield self._relabeler.place(part.labels)
            except Exception:  # noqa: S112  # labels that raise have no place
                continue


def _adds_up(series: Series, rule: Rule) -> bool:
    """Whether series that have become equal are one. A level that is alone is better than none."""
    first = members(next(iter(series.values())))[0]
    return not is_level(first) or rule.combine is not None


def _is_summary(series: Series) -> bool:
    """Whether a total of the same name has only the counts and sums of these series."""
    return hasattr(members(next(iter(series.values())))[0], 'window')


def projection(names: Names, wanted: Names) -> Callable[[Key], Key] | None:
    """What takes from the values of labels those of wanted names; None where one of them is missing."""
    if not set(wanted) <= set(names):
        return None
    places = [names.index(name) for name in wanted]
    return lambda key: tuple(key[place] for place in places)

"""The readings of one metric, by the labels that its view makes of theirs, and its roll-ups.

What may live here: which series of one metric become equal. What may not: bounds, and how readings are added up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from aws_satella.pure.adding import Rule, checked, is_level, names_in_total
from aws_satella.pure.points import Discarded, Section
from aws_satella.pure.readers import READERS
from aws_satella.pure.relabeling import Key, Names, Relabeler
from aws_satella.pure.sharing import FamilyName
from aws_satella.pure.tree import children_of
from aws_satella.pure.views import NO_VIEW, View

Series = dict[Key, list[Any]]
"""The values of labels → the readings of all series that have them."""

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
    """

    def __init__(self, section: Section, view: View | None) -> None:
        self.metric = section.name
        self.view = view or NO_VIEW
        self.rule = Rule(self.view.combine, keeps_levels=view is None)
        self.totals: list[Any] = []
        """What satella says of all labelled children together."""
        self._leaf = section.metric
        self._inherent = section.inherent
        self._relabeler = Relabeler(self.view, section.inherent)
        self._families: dict[_Place, Series] = {}
        self._in_tree: set[tuple[Names, Key]] | None = None

    def add(self, reading: Any) -> Discarded | None:
        """Take a reading, or say why it is discarded. User code may raise."""
        reading = checked(reading)
        if isinstance(reading, Discarded):
            return reading
        names, key = self._relabeler.place(reading.labels)
        inherent = self._relabeler.inherent(reading.labels) if self._inherent else ()
        place = (reading.name, names, inherent)
        series = self._families.get(place)
        if series is None:
            series = self._families[place] = {}
        readings = series.get(key)
        if readings is None:
            series[key] = [reading]
        else:
            readings.append(reading)
        return None

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
                rolled = found.setdefault((name, wanted, inherent), {})
                for key, readings in series.items():
                    rolled.setdefault(project(key), []).extend(readings)
            yield from found.items()

    def in_tree(self, collected: Collected, keys: Iterable[Key]) -> set[Key]:
        """Those of some series of a family that are in the tree, whether they were read or not."""
        if self._in_tree is None:
            self._in_tree = set(self._places_in_tree())
        wanted = collected.family.names or ()
        known: set[Key] = set()
        for names, key in self._in_tree:
            if names == wanted:
                known.add(key)
            elif collected.is_rollup and (project := projection(names, wanted)) is not None:
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
    first = next(iter(series.values()))[0]
    return not is_level(first) or rule.combine is not None


def _is_summary(series: Series) -> bool:
    """Whether a total of the same name has only the counts and sums of these series."""
    return hasattr(next(iter(series.values()))[0], 'window')


def projection(names: Names, wanted: Names) -> Callable[[Key], Key] | None:
    """What takes from the values of labels those of wanted names; None where one of them is missing."""
    if not set(wanted) <= set(names):
        return None
    places = [names.index(name) for name in wanted]
    return lambda key: tuple(key[place] for place in places)

"""Which series of a cycle have a place: within the bound of their view, and within their share of the room.

What may live here: bounds and shares, applied to what was read. What may not: what becomes of the series that have no
place.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from aws_satella.pure import cardinality
from aws_satella.pure.adding import is_level
from aws_satella.pure.grouping import Collected, Group, Series, members
from aws_satella.pure.outage import Saying
from aws_satella.pure.relabeling import Key
from aws_satella.pure.sharing import Family, FamilyName, Views, share
from aws_satella.pure.views import OTHER, View


class Settings(NamedTuple):
    """What a plan says of views."""

    views: Mapping[str, View]
    max_series: int | None = None
    idle_after: float | None = None
    """Seconds; None in cumulative, too, where nothing is left out."""
    is_delta: bool = False
    billed: Callable[[Any], int] | None = None
    """How many metrics CloudWatch bills of a reading; None over OTLP."""


NO_SERIES: Final = Series()


class Limit(NamedTuple):
    """How many series of a family have a place."""

    number: int | None
    """None for all."""
    demand: int = 0
    """How many it would fill, if it was not for the other metrics."""
    bound: str = 'max_series of its view'
    """What bounds them."""


class Places:
    """The places of one part of a cycle.

    :param settings: what the plan says
    :param old: what was kept before
    """

    def __init__(self, settings: Settings, old: Views) -> None:
        self._settings = settings
        self._old = old
        self._families: dict[FamilyName, Family] = {}
        self._met: set[str] = set()
        self._gone: set[FamilyName] = set()
        self._of_metric: dict[str, list[FamilyName]] = {}
        for name in old.families:
            if name.names is not None:
                self._of_metric.setdefault(name.metric, []).append(name)
        self.sayings: list[Saying] = []
        """What is to be said of bounds."""

    def views(self, changes: Mapping[Hashable, float]) -> Views:
        """What is kept now.

        :param changes: when counters last changed
        """
        left = {name: family for name, family in self._old.families.items() if name not in self._gone}
        return Views({**left, **self._families}, self._old.met | self._met, changes)

    def missed(self, group: Group, collected: Iterable[Collected]) -> None:
        """Forget the families of a metric that have no series any more, neither read nor hidden."""
        read = {each.family for each in collected}
        for name in self._of_metric.get(group.metric, ()):
            family = self._old.families[name]
            if name not in read and not group.in_tree(name.names or (), (*family.kept, *family.beyond)):
                self._gone.add(name)

    def limits(self, groups: Sequence[tuple[Group, list[Collected]]]) -> Mapping[FamilyName, Limit]:
        """The share of each family. What was read in other parts of the cycle keeps what it had there."""
        if self._settings.max_series is None:
            return {}
        demands = {name: family.demand for name, family in self._old.families.items() if name not in self._gone}
        for group, collected in groups:
            total = FamilyName(group.metric, group.metric, None)
            demands[total] = len(group.totals)
            self._families[total] = Family(demand=len(group.totals))
            self._met.add(group.metric)
            demands.update((each.family, self._demand(group, each)) for each in collected)
        totals = sum(demand for name, demand in demands.items() if not name.names)
        number = share(self._settings.max_series - totals, (demand for name, demand in demands.items() if name.names))
        limits: dict[FamilyName, Limit] = {}
        for group, collected in groups:
            own = group.view.max_series
            for each in collected:
                limit = Limit(number, demands[each.family], 'its share of max_series')
                limits[each.family] = limit if own is None or number < own else Limit(own, limit.demand)
        return limits

    def _demand(self, group: Group, collected: Collected) -> int:
        """How many places a family would fill, if there was room."""
        if not collected.family.names:
            return len(collected.series)
        old = self._old.families.get(collected.family, Family())
        wanted = sum(1 for key in collected.series if OTHER not in key and key not in old.beyond)
        wanted += len(old.kept.keys() & self._hidden(group, collected, old))
        own = group.view.max_series
        return wanted if own is None else min(wanted, own)

    def _hidden(self, group: Group, collected: Collected, old: Family) -> set[Key]:
        """The series of a family that are in the tree, and were not read."""
        missed = [key for key in (*old.kept, *old.beyond) if key not in collected.series]
        return group.in_tree(collected.family.names or (), missed) if missed else set()

    def of(self, group: Group, collected: Collected, limit: Limit) -> tuple[Series, Series]:
        """The series of a family that have a place, and the others. One without labels always has one."""
        if limit.number is None:
            return collected.series, NO_SERIES
        self._met.add(group.metric)
        if not collected.family.names:
            self._families[collected.family] = Family(demand=limit.demand)
            return collected.series, NO_SERIES
        series = collected.series
        old = self._old.families.get(collected.family, Family())
        if len(series) <= limit.number and old.kept.keys() == series.keys():
            self._families[collected.family] = old._replace(demand=limit.demand)
            return series, NO_SERIES
        present = {key: None for key in series if OTHER not in key}
        hidden = self._hidden(group, collected, old)
        new = old.after(present, hidden, limit.number, sticks=not self._settings.is_delta)
        kept, others = Series(), Series()
        kept.are_same = series.are_same
        for key, entry in series.items():
            (kept if key in new.kept else others)[key] = entry
        said = self._said(group, collected, kept, others, old.said, limit.bound)
        self._families[collected.family] = new._replace(demand=limit.demand, said=said)
        return kept, others

    def _said(self, group: Group, collected: Collected, kept: Series, others: Series, said: int, bound: str) -> int:
        """Say how many series are beyond the bound, once for each number of digits.

        :param said: the digits of which it was said
        """
        number = sum(1 for key in others if OTHER not in key)
        digits = cardinality.digits(number)
        if digits <= said:
            return said
        label = cardinality.label_with_most_values(collected.family.names or (), collected.series)
        billed, first = self._settings.billed, members(next(iter(others.values())))[0]
        sent = len(kept) + (not is_level(first) or group.rule.combine is not None)  # of levels nothing else is sent
        cost = None if billed is None else billed(first) * sent
        self.sayings.append(cardinality.beyond(collected.family.name, number, bound, label, cost))
        return digits

"""The view stage: readings → readings with the labels that views keep, added up, rolled up and bounded.

What may live here: the way of the readings of one cycle through their views. What may not: how readings are added up
(:mod:`aws_satella.pure.adding`), which series have a place (:mod:`aws_satella.pure.sharing`), points.

A view acts on readings, and not on what they are expanded into. What satella says of all labelled children of a metric
together passes as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from satella.instrumentation.metrics import MetricData

from aws_satella.pure.adding import Rule, add, is_level, relabeled, without_counts
from aws_satella.pure.grouping import Collected, Group, Series, members
from aws_satella.pure.idle import Idle
from aws_satella.pure.outage import Saying
from aws_satella.pure.places import Limit, Places, Settings
from aws_satella.pure.points import STRICT, CounterReading, Discarded, Reason, Section, Tolerance, new_counter, raised
from aws_satella.pure.reading import with_sections
from aws_satella.pure.relabeling import Key
from aws_satella.pure.sharing import NOTHING_KEPT, Views
from aws_satella.pure.views import OTHER, view_of


class Viewing:
    """The views of one cycle. Its readings may come in several parts.

    :param settings: what the plan says
    :param views: what the cycle before has left, or a part before of this cycle
    :param names: the names of all metrics of the tree, hidden ones too
    :param now: UNIX seconds
    :param tolerance: what user code may raise at the cost of one series
    """

    def __init__(
        self,
        settings: Settings,
        views: Views = NOTHING_KEPT,
        names: Callable[[], Iterable[str]] | None = None,
        now: float = 0.0,
        tolerance: Tolerance = STRICT,
    ) -> None:
        self.settings = settings
        self.views = views.begun(names() if names is not None and views.missed else None)
        """What the next cycle, or the next part of this one, goes on with."""
        self.sayings: list[Saying] = []
        """What is to be said of bounds."""
        self.errors = tolerance.errors
        self.idle = Idle(views.changes, now)

    def view(self, readings: Iterable[Any], give_back: Callable[..., object] | None = None) -> Viewed:
        """Lead a part of the readings through the stage.

        :param readings: with sections in between
        :param give_back: leaves increases to a later cycle, as that of :class:`~aws_satella.pure.Delta`
        """
        return Viewed(self, readings, give_back)


class Viewed:
    """Readings that have been viewed. Iterate once.

    :param viewing: the views
    :param readings: what is viewed
    :param give_back: leaves increases to a later cycle
    """

    def __init__(self, viewing: Viewing, readings: Iterable[Any], give_back: Callable[..., object] | None) -> None:
        self._viewing = viewing
        self._settings = viewing.settings
        self._readings = readings
        self._give_back = give_back
        self._members: Any = None
        """The reading, or the list of readings, that the one was made of that was given last; None for itself."""
        self._groups: list[tuple[Group, list[Collected]]] = []
        """What waits for its share of the room."""
        self._idle = viewing.settings.idle_after if viewing.settings.is_delta else None
        self._places = Places(viewing.settings, viewing.views)

    def give_back(self) -> None:
        """Leave to a later cycle what was given last: it could not be expanded or encoded."""
        if self._give_back is None:
            return
        if self._members is None:
            self._give_back()
        else:
            self._give_back([each for each in map(_source, members(self._members)) if each is not None])

    def __iter__(self) -> Iterator[Any]:
        group: Group | None = None
        in_total = passes = False
        take: Callable[[Any], Discarded | None] | None = None
        for reading in with_sections(self._readings):
            # The first two are nearly all readings. There is no call for one that has no view, and one for another.
            if passes and type(reading) is CounterReading:
                yield reading
            elif take is not None and type(reading) is not Section and type(reading) is not Discarded:
                if (discarded := take(reading)) is not None:
                    yield self._discarded(reading, discarded)
            elif isinstance(reading, Section):
                in_total = reading.is_total
                if not in_total:
                    yield from self._ended(group)
                    group, self._members = self._begun(reading), None
                take = None if group is None else group.totals.append if in_total else group.add
                passes = group is None and (in_total or self._idle is None)
            elif isinstance(reading, Discarded) or passes or self._is_sent(reading, _source(reading), self._idle):
                yield reading
        yield from self._ended(group)
        yield from self._shared()
        self._viewing.views = self._places.views(self._viewing.idle.changes)
        self._viewing.sayings += self._places.sayings

    def _discarded(self, reading: Any, discarded: Discarded) -> Discarded:
        """The discard of a reading. The increase of one that raised is exported by a later cycle."""
        if discarded.error is not None:
            self._members = reading
            self.give_back()
        return discarded

    def _begun(self, section: Section) -> Group | None:
        """The group of a metric; None where it passes as it is."""
        view = view_of(self._settings.views, section.name)
        if view is None and self._settings.max_series is None:
            return None
        return Group(section, view, self._viewing.errors)

    def _leaves_out(self, group: Group) -> bool:
        """Whether idle counters of a metric are left out."""
        return self._settings.is_delta and self._idle_after(group) is not None

    def _idle_after(self, group: Group) -> float | None:
        own: Any = group.view.idle_after  # checked: a number
        return self._settings.idle_after if own is None else own

    def _is_sent(self, reading: Any, counter: Hashable, seconds: float | None) -> bool:
        """Whether it is not the zero of a counter that has been idle for long.

        :param counter: what tells it from others
        :param seconds: after how many it is idle; None for never
        """
        if seconds is None or not self._settings.is_delta or type(reading) is not CounterReading:
            return True
        return self._viewing.idle.passes(counter, reading.value, seconds)

    def _ended(self, group: Group | None) -> Iterator[Any]:
        """What a metric gives, if it does not wait for its share."""
        if group is None:
            return
        collected = list(group.collected())
        self._places.missed(group, collected)
        if self._settings.max_series is not None:
            self._groups.append((group, collected))
            return
        for each in collected:
            yield from self._bounded(group, each, Limit(group.view.max_series))
        yield from self._totals(group)

    def _totals(self, group: Group) -> Iterator[Any]:
        for total in group.totals:
            self._members = total
            yield total

    def _shared(self) -> Iterator[Any]:
        """What all metrics give, each within its fair share of the room."""
        limits = self._places.limits(self._groups)
        for group, collected in self._groups:
            for each in collected:
                yield from self._bounded(group, each, limits[each.family])
            yield from self._totals(group)

    def _bounded(self, group: Group, collected: Collected, limit: Limit) -> Iterator[Any]:
        """The series of a family: those that have a place, then the others as one."""
        kept, others = self._places.of(group, collected, limit)
        names, inherent = collected.family.names or (), dict(collected.family.inherent)
        leaves_out = self._leaves_out(group)
        only = names[0] if len(names) == 1 else None
        labels: dict[str, Any]
        passes = kept.are_same and not collected.is_counted and not leaves_out
        for key, entry in kept.items():
            if passes and type(entry) is not list:  # both without a generator for each series
                self._members = entry
                yield entry
            elif type(entry) is CounterReading and not leaves_out:
                self._members = entry
                name, value, _, source = entry
                labels = dict(zip(names, key, strict=True)) if only is None else {only: key[0]}
                yield new_counter((name, value, labels, source))
            else:
                labels = {**inherent, **dict(zip(names, key, strict=True))}
                yield from self._made(group, collected, members(entry), labels, key)
        if others:
            yield from self._rest(group, collected, others, {**inherent, **dict.fromkeys(names, OTHER)})

    def _made(
        self, group: Group, collected: Collected, together: list[Any], labels: dict[str, Any], key: Key
    ) -> Iterator[Any]:
        """The reading of one series, from those that have become it."""
        first = together[0]
        self._members = together
        if len(together) == 1:
            alone = (relabeled(first, labels),)
            found: Iterable[Any] = without_counts(alone) if collected.is_counted else alone
        elif collected.is_rollup and is_level(first) and group.rule.combine is None:
            found = (Discarded(MetricData(first.name, None, labels), Reason.NOT_ADDITIVE),)
        else:
            found = self._sum(together, labels, group.rule, is_counted=collected.is_counted)
        for made in found:
            if self._is_sent(made, (collected.family, key), self._idle_after(group)):
                yield made

    def _rest(self, group: Group, collected: Collected, others: Series, labels: dict[str, Any]) -> Iterator[Any]:
        """What is beyond a bound, as one series. Levels are discarded, unless the view says how to combine them."""
        together = [each for entry in others.values() for each in members(entry)]
        self._members = together
        rule = Rule(group.rule.combine, Reason.TOO_MANY_SERIES)
        for made in self._sum(together, labels, rule, is_counted=collected.is_counted):
            if self._is_sent(made, (collected.family, None), self._idle_after(group)):
                yield made

    def _sum(self, together: list[Any], labels: dict[str, Any], rule: Rule, *, is_counted: bool) -> Iterator[Any]:
        try:
            made = list(add(together, labels, rule))
        except self._viewing.errors as error:
            self.give_back()
            made = [raised(together[0].name, labels, error, None)]
        return without_counts(made) if is_counted else iter(made)


def _source(reading: Any) -> Hashable:
    """Who keeps the number of a reading; None for a level."""
    return getattr(reading, 'source', None)

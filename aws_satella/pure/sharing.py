"""How many series each metric may have, and which ones these are.

What may live here: the fair shares of a room, and the series that are kept, as a value: the old one in, the new one
out. What may not: what series say, and what becomes of those that are not kept.

A *family* is the series of one metric that have labels of the same names. Its first series keep their places for as
long as they are in the tree, so that those that are sent today are sent tomorrow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from aws_satella.pure.relabeling import Key, Names

NO_KEYS: Final[Mapping[Key, None]] = {}


class FamilyName(NamedTuple):
    """What tells a family from others."""

    metric: str
    """The metric's own name."""
    name: str
    """The name of its series."""
    names: Names | None
    """The names of their labels; None for totals of satella."""
    inherent: tuple[tuple[str, object], ...] = ()
    """Labels that no view changes."""


class Family(NamedTuple):
    """What is remembered of a family from cycle to cycle."""

    kept: Mapping[Key, None] = NO_KEYS
    """The series that have a place, the oldest first."""
    beyond: frozenset[Key] = frozenset()
    """In cumulative, the series that are added up with others, and stay so: their totals cannot be taken out again."""
    demand: int = 0
    """How many places it would fill."""
    said: int = 0
    """The digits of the number of series beyond the bound of which it was said last; 0 for none."""

    def after(self, present: Collection[Key], hidden: Collection[Key], limit: int, *, sticks: bool) -> Family:
        """The family in the next cycle.

        :param present: its series, in tree order
        :param hidden: series that are in the tree, and were not read
        :param limit: how many have a place
        :param sticks: whether a series that has none never gets one: in cumulative
        """
        beyond = frozenset(key for key in self.beyond if key in present or key in hidden)
        stays = [key for key in self.kept if key in present or key in hidden]
        kept = dict.fromkeys(stays[:limit])
        new = (key for key in present if key not in kept and key not in beyond)
        kept.update(dict.fromkeys(islice(new, limit - len(kept))))
        if sticks:
            beyond = beyond.union(stays[limit:], (key for key in present if key not in kept))
        return self._replace(kept=kept, beyond=beyond)


NO_FAMILIES: Final[Mapping[FamilyName, Family]] = {}

NO_CHANGES: Final[Mapping[Any, float]] = {}


class Views(NamedTuple):
    """What views remember from cycle to cycle. It lives beside the baseline."""

    families: Mapping[FamilyName, Family] = NO_FAMILIES
    met: frozenset[str] = frozenset()
    """The metrics that were read in this cycle."""
    changes: Mapping[Any, float] = NO_CHANGES
    """Counter → when it last changed, in UNIX seconds, where idle ones are left out."""

    def begun(self, names: Iterable[str] | None) -> Views:
        """The state at the beginning of a cycle: what is gone from the tree is forgotten.

        :param names: all metrics of the tree; None where nothing needs to be forgotten
        """
        families = self.families
        if names is not None:
            known = {*names, *self.met}
            families = {name: family for name, family in families.items() if name.metric in known}
        return Views(families, frozenset(), self.changes)

    @property
    def missed(self) -> bool:
        """Whether a metric was not read in the last cycle: it may be gone, or hidden."""
        return any(name.metric not in self.met for name in self.families)


NOTHING_KEPT: Final = Views()


def share(room: int, demands: Iterable[int]) -> int:
    """The largest number that each of them can have at most, so that all together have room (water-filling).

    >>> share(10, [2, 3, 100])
    5

    :param room: how many there are for all
    :param demands: how many each would take
    """
    left, ascending = max(0, room), sorted(demands)
    for index, demand in enumerate(ascending):
        each = left // (len(ascending) - index)
        if demand > each:
            return each
        left -= demand
    return max(room, 0)

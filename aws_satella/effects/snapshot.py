"""A snapshot: everything that a tree of metrics says at one moment, encoded.

What may live here: reading and encoding, at the pace of a cycle. What may not: what becomes of the items.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from itertools import chain
from typing import Any, NamedTuple, cast

from satella.instrumentation import metrics as satella_metrics

from aws_satella.effects.complaints import Complaints
from aws_satella.effects.pacing import Pace
from aws_satella.effects.resource import RECORDING_BEGAN, resource_of
from aws_satella.pure import cardinality
from aws_satella.pure.batches import Batch, Item
from aws_satella.pure.forks import Recorded
from aws_satella.pure.forms import CLOUDWATCH
from aws_satella.pure.outage import Saying
from aws_satella.pure.plan import Encoding, Plan
from aws_satella.pure.points import Discarded, Tolerance
from aws_satella.pure.reading import Readings, Walk
from aws_satella.pure.self_metrics import NO_SELF_READINGS, SelfReadings
from aws_satella.pure.sharing import NOTHING_KEPT, Views
from aws_satella.pure.temporality import Baseline, Delta
from aws_satella.pure.tree import join


def tree(root: Any) -> Any:
    """The metric to export: the root of all metrics where none was given; None where there is none yet.

    ``getMetric()`` would take a lock of satella, which a thread that a forked child does not have may hold.
    """
    return root if root is not None else satella_metrics.metrics.get('')


class Part(NamedTuple):
    """A part of a snapshot."""

    batch: Batch
    discarded: list[Discarded]
    views: Views = NOTHING_KEPT
    """What the views remember after it."""
    sayings: tuple[Saying, ...] = ()
    """What is to be said of bounds."""


class Snapshot:
    """Reads and encodes a tree, part by part, with one timestamp.

    :param plan: what is to be sent
    :param root: the metric to read; None for there is none yet
    :param pace: how fast
    :param complaints: what is said, and what user code may raise at the cost of one metric alone
    :param recorded: which metrics to read; None for all
    :param now: its timestamp, in UNIX seconds
    :param own: what the exporter tells of itself
    :param since: when the baseline was taken, in UNIX seconds
    :param views: what the views of the cycle before have left
    :param is_halted: whether somebody has ended the reading by force, of which there is nothing to say
    """

    def __init__(
        self,
        plan: Plan,
        root: Any,
        pace: Pace,
        complaints: Complaints,
        recorded: Recorded | None = None,
        *,
        now: float,
        own: SelfReadings = NO_SELF_READINGS,
        since: float = 0.0,
        views: Views = NOTHING_KEPT,
        is_halted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._plan = plan
        self._root = root
        self._own = own
        self._pace = pace
        self._complaints = complaints
        self._is_halted = is_halted
        self._now = now
        self._tolerance = Tolerance(complaints.tolerate, pace.give_way)
        self._encoding = self._encoding_since(since, views)
        self._walk = Walk(
            root,
            self._tolerance,
            levels_apart=plan.temporality == 'delta',
            recorded=recorded,
            sections=plan.is_viewed,
        )
        self.complete = True
        """Whether everything was seen; False where an unforeseen error broke off the reading."""

    def _encoding_since(self, since: float, views: Views) -> Encoding:
        kept: dict[str, Any] = {'views': views, 'root': self._root}
        if self._plan.destination == CLOUDWATCH:
            return self._plan.encoding(int(self._now), os.getpid(), self._tolerance, **kept)
        since = since if self._plan.temporality == 'delta' else RECORDING_BEGAN
        return self._plan.encoding(
            self._now, os.getpid(), self._tolerance, since=since, resource=resource_of(self._plan), **kept
        )

    def kept(self, baseline: Baseline) -> tuple[Part, Baseline] | None:
        """Read what satella keeps; in delta what came since a baseline, without levels.

        :return: it, and the next baseline; None where an error broke off the reading
        """
        own = self._own.read_counters(sections=self._plan.is_viewed)
        readings = chain(own, self._paced(self._walk.kept()))
        rebased = self._plan.rebase(readings, baseline, self._tolerance, self._root)
        part = self._part(rebased)
        self._warn_of_crowds()
        return part and (part, rebased.baseline if isinstance(rebased, Delta) else baseline)

    def levels(self) -> Part | None:
        """Read the levels that :meth:`kept` has left out, those of the exporter itself first."""
        own = self._own.read_levels(sections=self._plan.is_viewed)
        part = self._part(chain(own, self._paced(self._walk.levels())))
        self._warn_of_crowds()
        return part

    @property
    def computes(self) -> bool:
        """Whether :meth:`computed` has anything to read."""
        return self._walk.computes

    def computed(self, but: Collection[Any] = ()) -> Part | None:
        """Read what runs user code.

        :param but: metrics to pass over, since they hang
        """
        return self._part(self._walk.computed(but))

    @property
    def asked(self) -> tuple[Any, str]:
        """The metric whose user code was called last, and its name."""
        metric, prefix = self._walk.asked
        name = getattr(metric, 'name', None)
        return metric, join(prefix, name if isinstance(name, str) else self._complaints.shown(metric))

    def _warn_of_crowds(self) -> None:
        """Say once, and at each tenfold, which metrics have very many series that nothing bounds."""
        for leaf, name in self._walk.crowded:
            number = len(leaf.children)
            topic = ('many series', name, cardinality.digits(number))
            if self._plan.is_unbounded(name) and not self._complaints.has_said(topic):
                try:
                    saying = cardinality.many(leaf, name, self._plan.billed)
                except self._complaints.tolerate:  # the labels, or their str()
                    continue
                self._complaints.say_once(topic, saying.level, saying.message, *saying.values)

    def _paced(self, readings: Readings) -> Readings:
        """The readings with rests between them, where a view takes many before it gives one."""
        return chain.from_iterable(self._pace.slices(readings)) if self._plan.is_viewed else readings

    def _part(self, readings: Readings) -> Part | None:
        """None where an unforeseen error broke off the reading: the next cycle reads all again."""
        items: list[Item] = []
        discarded: list[Discarded] = []
        try:
            self._gather(self._encoding.items(readings), items, discarded)
        except self._complaints.tolerate:
            self.complete = False
            if self._is_halted():  # by terminate(force=True)
                return None
            message = 'Reading the metrics failed; the next cycle reads them again'
            self._complaints.say_once('reading failed', 'ERROR', message, exc_info=True)
            return None
        batch = Batch(self._encoding.envelope, self._now, self._encoding.together(items))
        return Part(batch, discarded, self._encoding.views, tuple(self._encoding.sayings()))

    def _gather(self, encoded: Iterable[Any], items: list[Item], discarded: list[Discarded]) -> None:
        for part in self._pace.slices(encoded):
            if Discarded in map(type, part):
                discarded += [each for each in part if isinstance(each, Discarded)]
                items += [each for each in part if not isinstance(each, Discarded)]
            else:
                items += cast('list[Item]', part)

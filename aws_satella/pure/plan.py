"""The stages, composed: what is to be exported, and how, as one value.

What may live here: the order of the stages. What may not: what a stage does, time, checks of arguments, and anything
that acts.

The way of one data point: :func:`~aws_satella.pure.read` takes it from the tree, :meth:`Plan.rebase` makes it
cumulative or delta, and :meth:`Plan.encoding` leads it through the rest: :class:`Selector` leaves out what is not
wanted, views add up what they make equal, it is expanded into points, and the encoder of the form makes it an item.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from aws_satella.pure import temporality
from aws_satella.pure.batches import Envelope
from aws_satella.pure.dimensions import Merger
from aws_satella.pure.formats import putmetricdata
from aws_satella.pure.formats.encoding import BaseEncoder
from aws_satella.pure.forms import Form, form_of
from aws_satella.pure.outage import Saying
from aws_satella.pure.points import STRICT, Discarded, Point, Tolerance
from aws_satella.pure.reading import Readings
from aws_satella.pure.selection import Selector
from aws_satella.pure.sharing import NOTHING_KEPT, Views
from aws_satella.pure.temporality import Baseline, Delta
from aws_satella.pure.tree import names_of_leaves
from aws_satella.pure.values import Units
from aws_satella.pure.views import View, view_of

if TYPE_CHECKING:
    from aws_satella.pure.places import Settings
    from aws_satella.pure.viewing import Viewing

DEFAULT_ENVIRONMENT: Final = 'generic:default'
"""The environment of a service that runs in none that AWS knows.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/adding-your-own-related-telemetry.html
"""

NO_RESOURCE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the metrics of a tree become. The fields are arguments of the exporter, in their checked form."""

    namespace: str
    destination: str
    service: str | None
    environment: str | None
    extra_dimensions: Mapping[str, str]
    add_pid: str | None
    max_send_at_once: int
    max_dimensions: int
    temporality: str
    views: Mapping[str, View]
    units: Units
    storage_resolution: int
    max_series: int | None
    idle_after: float | None
    exclude: tuple[str, ...]
    self_metrics: bool = False

    def __post_init__(self) -> None:
        # Import what this plan needs where it is made, rather than in the thread of an exporter: a fork during an
        # import would leave its lock to the child.
        if self.is_viewed:
            _view_stage()
        form_of(self.destination)

    @property
    def identity(self) -> Hashable:
        """What decides which data are sent: a baseline belongs to it. How many go into a request does not matter."""
        names = (each.name for each in fields(self) if each.name != 'max_send_at_once')
        return tuple((name, meaning(getattr(self, name))) for name in names)

    def common_dimensions(self, pid: int | None) -> dict[str, str]:
        """What every series gets: the extra dimensions, and the pid, which overrides them."""
        extra = dict(self.extra_dimensions)
        return {**extra, self.add_pid: str(pid)} if self.add_pid and pid is not None else extra

    def rebase(
        self, readings: Readings, baseline: Baseline, tolerance: Tolerance = STRICT, root: Any = None
    ) -> Delta | Readings:
        """Readings as they are; in delta what came since the baseline, with the next baseline.

        :param root: as for :class:`Delta`
        """
        return Delta(readings, baseline, tolerance, root) if self.temporality == 'delta' else readings

    @property
    def is_viewed(self) -> bool:
        """Whether its readings need the view stage, and so have to be read with sections."""
        return bool(self.views) or self.max_series is not None or self.idle_after is not None

    @property
    def has_bounds(self) -> bool:
        """Whether the series of a metric are bounded, so that each process keeps its own first ones."""
        return self.max_series is not None or any(view.max_series is not None for view in self.views.values())

    def _viewing(self, views: Views, root: Any, now: float, tolerance: Tolerance) -> Viewing | None:
        """The view stage of one cycle; None where there is nothing for it to do."""
        if not self.is_viewed:
            return None
        settings, viewing = _view_stage()
        is_delta = self.temporality == 'delta'
        said = settings(self.views, self.max_series, self.idle_after, is_delta=is_delta, billed=self.billed)
        return viewing(said, views, partial(names_of_leaves, root), now, tolerance)

    def is_unbounded(self, name: str) -> bool:
        """Whether a metric of this name is sent, and has as many series as it likes."""
        is_excluded = any(fnmatchcase(name, pattern) for pattern in self.exclude)
        return self.max_series is None and view_of(self.views, name) is None and not is_excluded

    @property
    def billed(self) -> Callable[[Any], int] | None:
        """How many metrics CloudWatch bills of a reading; None over OTLP, which it bills by volume."""
        if self.form is not putmetricdata:
            return None
        is_expanded = self.temporality == 'cumulative'
        return lambda reading: len(reading.series()) if is_expanded and hasattr(reading, 'series') else 1

    @property
    def form(self) -> Form:
        """The form in which it is sent."""
        return form_of(self.destination)

    @property
    def classic_envelope(self) -> putmetricdata.Envelope:
        """What the requests of PutMetricData have in common."""
        if self.service is None:
            return putmetricdata.Envelope(self.namespace)
        return putmetricdata.Envelope(
            self.namespace, putmetricdata.Entity(self.service, self.environment or DEFAULT_ENVIRONMENT)
        )

    def encoding(
        self,
        timestamp: float | None = None,
        pid: int | None = None,
        tolerance: Tolerance = STRICT,
        *,
        since: float = 0.0,
        resource: Mapping[str, str] = NO_RESOURCE,
        views: Views = NOTHING_KEPT,
        root: Any = None,
    ) -> Encoding:
        """The stages between rebasing and sending, for one cycle.

        :param timestamp: of every item, in UNIX seconds; None leaves it to CloudWatch, in the classic form
        :param pid: the process id
        :param tolerance: what user code may raise at the cost of one metric alone
        :param since: when what grows began to grow, in UNIX seconds; for OTLP
        :param resource: what the data belong to; for OTLP
        :param views: what the views of the cycle before have left
        :param root: the tree that is read, in which to look for metrics that were not met in that cycle
        """
        viewing = self._viewing(views, root, timestamp or 0.0, tolerance)
        if self.form is putmetricdata:
            merger = Merger(self.common_dimensions(pid), self.max_dimensions, putmetricdata.dimension)
            classic = putmetricdata.Encoder(merger, timestamp, self.units, self.storage_resolution, tolerance)
            return Encoding(self, classic, self.classic_envelope, tolerance, viewing)
        otlp: Any = self.form
        times = since, timestamp or 0.0
        encoder, envelope = otlp.encoder(self.namespace, resource, times, self.temporality, self.units, tolerance)
        return Encoding(self, encoder, envelope, tolerance, viewing)


def _view_stage() -> tuple[type[Settings], type[Viewing]]:
    """The classes of the view stage. A program without views and bounds starts faster without its modules."""
    from aws_satella.pure.places import Settings
    from aws_satella.pure.viewing import Viewing

    return Settings, Viewing


def meaning(argument: object) -> Hashable:
    """A value that is equal for two arguments of the same meaning.

    Mappings and views are compared by what they hold, and functions by their code and the variables around them, since
    a lambda is a new object each time that its line runs.
    """
    if isinstance(argument, Mapping):
        return tuple((_token(name), meaning(each)) for name, each in argument.items())
    if isinstance(argument, View):
        return tuple((each.name, meaning(getattr(argument, each.name))) for each in fields(argument))
    if inspect.isfunction(argument):
        around = map(_content, argument.__closure__ or ())
        return argument.__code__, (*around, *map(_token, argument.__defaults__ or ()))
    return _token(argument)


def _content(cell: Any) -> Hashable:
    try:
        return _token(cell.cell_contents)
    except ValueError:  # the variable has no value yet
        return None


def _token(value: Any) -> Hashable:
    """The value where it can be hashed, and otherwise what tells it from all others."""
    try:
        hash(value)
    except Exception:
        return id(value)
    return value  # type: ignore[no-any-return]  # it has just been hashed


class Encoding:
    """The stages between rebasing and sending, for one cycle: select, view, expand, encode.

    The readings of a cycle may come in several parts. Bounds count all of them.
    """

    def __init__(
        self,
        plan: Plan,
        encoder: BaseEncoder[Any, Any],
        envelope: Envelope,
        tolerance: Tolerance,
        viewing: Viewing | None = None,
    ) -> None:
        self.envelope = envelope
        """What the items are sent in."""
        self._encoder = encoder
        self._selector = Selector(plan.exclude, plan.max_series)
        self._names = Selector(plan.exclude)
        self._viewing = viewing
        self._histograms_are_whole = plan.temporality == 'delta' or plan.form is not putmetricdata
        self._expand = temporality.FORMS[plan.temporality] if plan.form is putmetricdata else temporality.whole
        self._tolerance = tolerance

    def items(self, readings: Readings) -> Iterator[Any]:
        """Rebased readings → items, and what is discarded, in order. Those of a plan that is viewed have sections."""
        give_back: Callable[..., object] | None = readings.give_back if isinstance(readings, Delta) else None
        if self._viewing is not None:
            wanted = self._names.select_readings(readings, histograms_are_whole=self._histograms_are_whole)
            viewed = self._viewing.view(wanted, give_back)
            readings, give_back = viewed, viewed.give_back
        return self._encoder.encode(self._names.select(self._expand(readings, self._tolerance)), give_back)

    @property
    def views(self) -> Views:
        """What the views remember after the parts so far."""
        return NOTHING_KEPT if self._viewing is None else self._viewing.views

    def sayings(self) -> list[Saying]:
        """What is to be said of bounds since the last call."""
        if self._viewing is None:
            return []
        said, self._viewing.sayings = self._viewing.sayings, []
        return said

    def encode(
        self, points: Iterable[Point | Discarded], on_raised: Callable[[], object] | None = None
    ) -> Iterator[Any]:
        """Points that no view has seen → items, and what is discarded, in order. ``max_series`` bounds them."""
        return self._encoder.encode(self._selector.select(points), on_raised)

    def together(self, items: Sequence[Any]) -> Sequence[Any]:
        """Items that this gave, where those of one series are one, if the form asks for that."""
        return self._encoder.together(items)

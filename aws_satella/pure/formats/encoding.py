"""What the encoders of all forms have in common.

What may live here: the way of many points through an encoder. What may not: knowledge of one form.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from satella.instrumentation.metrics import MetricData

from aws_satella.pure import limits
from aws_satella.pure.points import Discarded, Point, Reason, Tolerance
from aws_satella.pure.values import PLAIN_NUMBERS, Units, number, unit_of

MAX_EXACT: Final = 2**53
"""Whole numbers up to this are floats without rounding."""

MAX_NAMES: Final = 1_000
"""Names that are remembered in one cycle. Series of one name follow each other, so more would not help."""

Item = TypeVar('Item', str, bytes)
Head = TypeVar('Head')


class Fault(NamedTuple):
    """Why no point of a name can be sent."""

    reason: Reason
    error: BaseException | None = None


_AS_IT_IS: Final = object()


def discard(point: Point, reason: Reason, error: BaseException | None = None, value: object = _AS_IT_IS) -> Discarded:
    """A point that cannot be sent, or a part of it.

    :param value: of the part; that of the point by default
    """
    data = MetricData(point.name, point.value if value is _AS_IT_IS else value, point.labels)
    return Discarded(data, reason, error)


class BaseEncoder(ABC, Generic[Item, Head]):
    """Encodes the points of one cycle. It remembers what it found out about names.

    :param kind: of an item
    :param units: of the points
    :param tolerance: what the ``str()`` of a label, the ``float()`` of a value or a units callable may raise at the
        cost of one point
    """

    def __init__(self, kind: type[Item], units: Units, tolerance: Tolerance) -> None:
        self._kind: type[Item] = kind
        self._units = units
        self._errors = tolerance.errors
        self._heads: dict[str, Head | Fault] = {}

    def encode(
        self, points: Iterable[Point | Discarded], on_raised: Callable[[], object] | None = None
    ) -> Iterator[Item | Discarded]:
        """Items in order; discards pass through. A distribution of no observations gives nothing.

        :param points: what is to be encoded
        :param on_raised: called when user code raised for the point that was taken last
        """
        kind = self._kind
        for point in points:
            if isinstance(point, Discarded):
                yield point
                continue
            try:
                encoded = self._encode(point)
            except self._errors as error:
                encoded = discard(point, Reason.RAISED, error)
            if isinstance(encoded, kind):
                yield encoded
            elif isinstance(encoded, list):
                yield from encoded
            else:
                if encoded.error is not None and on_raised is not None:
                    on_raised()
                yield encoded

    @abstractmethod
    def _encode(self, point: Point) -> Any:
        """The item, in nearly all cases; otherwise a list of items and discards, or why there is none."""

    @abstractmethod
    def together(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items that this encoder gave, where those of one series are one if the form asks for that."""

    def _head(self, name: str) -> Head | Fault:
        """What the items of a name begin with, or why none can be sent."""
        if len(self._heads) >= MAX_NAMES:
            self._heads.clear()
        head = self._heads[name] = self._new_head(name)
        return head

    @abstractmethod
    def _new_head(self, name: str) -> Head | Fault:
        """The same for a name that is not remembered."""

    def _observation(self, point: Point, value: Any) -> float | Discarded:
        """A value that a point was made of, as a number. One that is none costs itself alone."""
        try:
            checked = number(value)
        except self._errors as error:
            if type(value) in PLAIN_NUMBERS:  # then it is not the value that raised
                raise
            return discard(point, Reason.RAISED, error, value)
        return discard(point, checked, value=value) if isinstance(checked, Reason) else checked

    def _unit(self, name: str) -> str | Fault:
        """The unit of a name, as CloudWatch calls it."""
        try:
            unit = unit_of(self._units, name)
        except self._errors as error:
            return Fault(Reason.BAD_UNIT, error)
        return unit if unit in limits.UNITS else Fault(Reason.BAD_UNIT)

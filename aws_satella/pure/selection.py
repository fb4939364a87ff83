"""Select: which metrics are sent, by their names.

What may live here: patterns of names, and the bound of programs that encode points themselves. What may not: views, and
the bounds of an exporter (:mod:`aws_satella.pure.places`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, Final

from satella.instrumentation.metrics import MetricData

from aws_satella.pure.histograms import HistogramReading
from aws_satella.pure.points import CounterReading, DataPoint, Discarded, Point, Reason, Section
from aws_satella.pure.reading import Readings
from aws_satella.pure.summaries import NewSamples

_ONE_POINT: Final = (CounterReading, DataPoint, NewSamples)
"""Readings that become one point, of their own name."""


def select(
    points: Iterable[Point | Discarded], exclude: tuple[str, ...] = (), max_series: int | None = None
) -> Iterable[Point | Discarded]:
    """Leave out the names that match a pattern, and discard what is more than ``max_series``, in order."""
    return Selector(exclude, max_series).select(points)


class Selector:
    """Selects the points of one cycle.

    :param exclude: shell patterns of names to leave out
    :param max_series: how many points pass at most; None for all
    """

    def __init__(self, exclude: tuple[str, ...] = (), max_series: int | None = None) -> None:
        self._exclude = exclude
        self._room = float('inf') if max_series is None else max_series
        self._bounded = max_series is not None
        self._excluded: dict[str, bool] = {}

    def select(self, points: Iterable[Point | Discarded]) -> Iterable[Point | Discarded]:
        """The points that pass. Names that are excluded leave no discard."""
        return self._selected(points) if self._exclude or self._bounded else points

    def _selected(self, points: Iterable[Point | Discarded]) -> Iterator[Point | Discarded]:
        for point in points:
            if self._is_excluded(point.data.name if isinstance(point, Discarded) else point.name):
                continue
            if isinstance(point, Discarded):
                yield point
                continue
            if self._room > 0:
                yield point
            else:
                yield Discarded(MetricData(point.name, point.value, point.labels), Reason.TOO_MANY_SERIES)
            self._room -= 1

    def select_readings(self, readings: Readings, *, histograms_are_whole: bool = False) -> Readings:
        """The readings of which anything passes. Sections pass, too.

        :param histograms_are_whole: whether a histogram is one point, instead of one for each bucket, sum and count
        """
        if not self._exclude:
            return readings
        ones = (*_ONE_POINT, HistogramReading) if histograms_are_whole else _ONE_POINT
        return (each for each in readings if isinstance(each, (Discarded, Section)) or self._takes(each, ones))

    def _takes(self, reading: Any, ones: tuple[type, ...]) -> bool:
        """Whether any name passes that a reading may have.

        :param ones: readings that become one point, of their own name
        """
        ends = ('',) if isinstance(reading, ones) else ('', '.total', '.sum', '.count')
        return not all(self._is_excluded(reading.name + end) for end in ends)

    def _is_excluded(self, name: Any) -> bool:
        if not isinstance(name, str):  # a name that is no text matches no pattern
            return False
        if name not in self._excluded:
            self._excluded[name] = any(fnmatchcase(name, pattern) for pattern in self._exclude)
        return self._excluded[name]

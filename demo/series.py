"""What the demo reads from CloudWatch, as values: nothing here knows where they come from or how they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

Dimensions = tuple[tuple[str, str], ...]


class Point(NamedTuple):
    """What CloudWatch says about one second of a series."""

    second: int
    samples: float
    total: float
    low: float
    high: float


@dataclass(frozen=True)
class Series:
    """One metric with one set of dimensions; `values` are all that arrived, lowest first."""

    name: str
    dimensions: Dimensions
    unit: str
    points: tuple[Point, ...]
    values: tuple[float, ...]


def ordered(dimensions: Iterable[tuple[str, str]]) -> Dimensions:
    """Dimensions are a set to CloudWatch: in one order they can be compared."""
    return tuple(sorted(dimensions))

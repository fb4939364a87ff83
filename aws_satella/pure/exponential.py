"""Observations → an exponential histogram, whose buckets have no bounds that somebody would have to choose.

What may live here: arithmetic on observations. What may not: metrics, names, bytes.

At scale s, bucket i holds the observations in ``(base**i, base**(i + 1)]`` with ``base = 2**(2**-s)``. Two buckets of
one scale are one bucket of the next lower scale, so the index of an observation is computed once, at the highest scale,
and shifted to the right.

Source: https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from math import frexp
from typing import Final, NamedTuple

MAX_SCALE: Final = 8
"""The scale of the narrowest buckets: 256 for each power of two, each 0.27 % wide."""

MAX_BUCKETS: Final = 160
"""Most buckets for observations of one sign."""

_BOUNDS: Final = tuple(2.0 ** (index / 2**MAX_SCALE) for index in range(2**MAX_SCALE))
"""The lower bounds of the buckets from 1 to 2."""


class Buckets(NamedTuple):
    """Neighboring buckets of one sign."""

    offset: int = 0
    """Index of the first bucket."""
    counts: tuple[int, ...] = ()


class Exponential(NamedTuple):
    """An exponential histogram."""

    scale: int
    zero_count: int
    positive: Buckets
    negative: Buckets
    """Observations below 0, by their absolute value."""


def exponential(samples: Mapping[float, int]) -> Exponential:
    """The histogram of finite observations (value → number of observations), at the highest scale that has room."""
    positive: dict[int, int] = {}
    negative: dict[int, int] = {}
    zero_count = 0
    for value, count in samples.items():
        if not value:
            zero_count += count
            continue
        side = positive if value > 0 else negative
        index = _index(abs(value))
        side[index] = side.get(index, 0) + count
    return _fitted(MAX_SCALE, zero_count, positive, negative)


def add(one: Exponential, other: Exponential) -> Exponential:
    """The histogram of the observations of both."""
    scale = min(one.scale, other.scale)
    sides = []
    for name in ('positive', 'negative'):
        side: dict[int, int] = {}
        for each in (one, other):
            offset, counts = getattr(each, name)
            for index, count in enumerate(counts, offset):
                coarse = index >> each.scale - scale
                side[coarse] = side.get(coarse, 0) + count
        sides.append(side)
    return _fitted(scale, one.zero_count + other.zero_count, *sides)


def _index(value: float) -> int:
    """The bucket of a positive number at the highest scale."""
    mantissa, exponent = frexp(value)  # the mantissa is from 0.5 to 1
    return (exponent - 1 << MAX_SCALE) + bisect_left(_BOUNDS, 2 * mantissa) - 1


def _fitted(scale: int, zero_count: int, positive: dict[int, int], negative: dict[int, int]) -> Exponential:
    shift = 0
    for side in filter(None, (positive, negative)):
        first, last = min(side), max(side)
        while (last >> shift) - (first >> shift) >= MAX_BUCKETS:
            shift += 1
    return Exponential(scale - shift, zero_count, _buckets(positive, shift), _buckets(negative, shift))


def _buckets(side: dict[int, int], shift: int) -> Buckets:
    if not side:
        return Buckets()
    offset = min(side) >> shift
    counts = [0] * ((max(side) >> shift) - offset + 1)
    for index, count in side.items():
        counts[(index >> shift) - offset] += count
    return Buckets(offset, tuple(counts))

"""Where the observations in a histogram's buckets may have been.

What may live here: arithmetic on bucket limits and counts. What may not: metrics, names, CloudWatch.

A histogram knows how many observations fell into each bucket, and their sum. :func:`distribute` finds values that agree
with both: as many in each bucket as were counted, every one inside its bucket, and the sum exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

ROUNDING: Final = 1e-9
"""How far, relative to themselves, sums may be off that were added up one by one."""


class Bucket(NamedTuple):
    """Observations in ``[lower, upper)``."""

    lower: float
    upper: float
    observed: int

    def at(self, fraction: float) -> float:
        """The value that lies at this fraction of the way from the lower bound to the upper, which is not inside."""
        value = self.lower + fraction * (self.upper - self.lower)
        return max(self.lower, min(value, math.nextafter(self.upper, self.lower)))


def buckets_of(limits: Sequence[float], counts: Sequence[int]) -> Iterator[Bucket]:
    """satella's buckets: from 0 to the first limit, between two limits each, and an open one from the last."""
    lower = 0.0
    for upper, count in zip((*limits, math.inf), counts, strict=True):
        yield Bucket(lower, upper, count)
        lower = upper


def distribute(limits: Sequence[float], counts: Sequence[int], count: int, total: float) -> dict[float, int]:
    """Values, and how many observations of each, that agree with what a histogram knows.

    One fraction f serves for all closed buckets. It is ½ where something else can make up the sum: the open bucket, or
    observations that were in no bucket (negative ones), which go by their mean. Else it is what makes the sum exact.

    :param limits: the upper bounds of all buckets but the last; infinity too, as Prometheus has it
    :param counts: observations in each bucket, not negative
    :param count: all observations; more than in the buckets, where some were in none
    :param total: their sum; where it is not finite, all values are midpoints
    :return: value → number of observations; the numbers add up to ``count``
    """
    filled = _fit(buckets_of(limits, counts), count)
    closed = [bucket for bucket in filled if bucket.upper < math.inf]
    opened = sum(bucket.observed for bucket in filled if bucket.upper == math.inf)
    outside = count - sum(bucket.observed for bucket in filled)
    finite = [limit for limit in limits if limit < math.inf]
    bottom = min((0.0, *finite))
    last = finite[-1] if finite else 0.0

    fraction, open_value, outside_value = 0.5, last, _below(bottom, finite)
    if math.isfinite(total):
        left = total - _sum(closed, 0.5) - outside * outside_value
        if opened and left >= opened * last:
            open_value = max(last, left / opened)  # of what rounding may take off
        else:
            fraction, outside_value = _solve(closed, outside, total - opened * last, bottom)
    inside = [(bucket.at(fraction), bucket.observed) for bucket in closed]
    return _merge([*inside, (open_value, opened), (outside_value, outside)])


def _fit(parts: Iterator[Bucket], count: int) -> list[Bucket]:
    """The buckets that are not empty; together no more than ``count`` observations.

    They hold more where one that was under way in another thread had been counted, but not yet put into its bucket,
    when the cycle before read the histogram: it was passed on then, and is taken off the fullest bucket now.
    """
    filled = [bucket for bucket in parts if bucket.observed > 0]
    surplus = sum(bucket.observed for bucket in filled) - count
    for bucket in sorted(filled, key=lambda bucket: bucket.observed, reverse=True) if surplus > 0 else ():
        taken = min(surplus, bucket.observed)
        filled[filled.index(bucket)] = bucket._replace(observed=bucket.observed - taken)
        surplus -= taken
    return [bucket for bucket in filled if bucket.observed]


def _below(bottom: float, limits: Sequence[float]) -> float:
    """A value in no bucket, at the scale of the buckets."""
    return bottom - (abs(limits[0]) / 2 if limits and limits[0] else 0.5)


def _sum(closed: Sequence[Bucket], fraction: float) -> float:
    return math.fsum(bucket.observed * (bucket.lower + fraction * (bucket.upper - bucket.lower)) for bucket in closed)


def _solve(closed: Sequence[Bucket], outside: int, total: float, bottom: float) -> tuple[float, float]:
    """The fraction for the closed buckets, and the mean of what was in none, that add up to ``total``."""
    at_zero, at_one = _sum(closed, 0.0), _sum(closed, 1.0)
    width = at_one - at_zero
    if not outside:
        fraction = (total - at_zero) / width if width else 0.5
        return (min(1.0, max(0.0, fraction)), bottom) if math.isfinite(fraction) else (0.5, bottom)
    if total - _sum(closed, 0.5) < outside * bottom:
        return 0.5, _outside((total - _sum(closed, 0.5)) / outside, bottom)
    if total - at_one > outside * bottom + ROUNDING * (abs(total) + at_one):  # no observations have these sums
        return 0.5, (total - _sum(closed, 0.5)) / outside
    # At ½ their mean would be no value outside the buckets. Any fraction beyond this one leaves them less.
    least = (total - at_zero - outside * bottom) / width if width else 1.0
    fraction = (min(1.0, least) + 1) / 2
    return fraction, _outside((total - _sum(closed, fraction)) / outside, bottom)


def _outside(value: float, bottom: float) -> float:
    """The value, or the nearest one below all buckets, where rounding has put it on their edge."""
    return min(value, math.nextafter(bottom, -math.inf))


def _merge(pairs: list[tuple[float, int]]) -> dict[float, int]:
    """The same value may come from two places, where a bucket has no width to speak of."""
    merged: dict[float, int] = {}
    for value, count in pairs:
        if count:
            merged[value] = merged.get(value, 0) + count
    return merged

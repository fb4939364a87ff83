"""Where the observations in a histogram's buckets may have been.

What may live here: arithmetic on bucket bounds and counts. What may not: metrics, names, CloudWatch.

A histogram knows how many observations fell into each bucket, and their sum. :func:`distribute` finds values that agree
with both: as many in each bucket as were counted, every one inside its bucket, and the sum exact.

The observations of a closed bucket go to up to ten values ``lower + width * u**a``, where u is ½/k, 1½/k, ... for k
values. All buckets have the same exponent a. An exponent of 1 spaces the values evenly, a larger one moves them toward
the lower bounds, and a smaller one toward the upper bounds. So the sum of the observations determines the exponent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

MAX_BUCKET_VALUES: Final = 10
"""Most values for the observations of one closed bucket."""

MAX_VALUES: Final = 150
"""Most values for all closed buckets together, unless more buckets than this are in use. A datum holds 150 values."""

ROUNDING: Final = 1e-9
"""How far, relative to themselves, sums may be off that were added up one by one."""

PRECISION: Final = 1e-13
"""Relative error of the sum at which the search for the exponent ends. Rounding bounds it to about 1e-13."""

MAX_STEPS: Final = 20
"""Most steps of the search for the exponent. Seven are enough, unless rounding keeps it from PRECISION."""

EVEN: Final = 1.0
"""The exponent of evenly spaced values."""

_FRACTIONS: Final = tuple(tuple((j + 0.5) / k for j in range(k)) for k in range(MAX_BUCKET_VALUES + 1))
"""The u of each value of a bucket, by the number of its values."""

_EXTRA: Final = tuple(
    tuple(tuple(round((j + 1) * rest / k) - round(j * rest / k) for j in range(k)) for rest in range(k))
    for k in range(MAX_BUCKET_VALUES + 1)
)
"""Where the remainder goes when observations are split over values, by the number of values and the remainder.

One observation more (1) or not (0) for each value. The ones are spread over the bucket, because at one end of it they
would bias percentiles.
"""


class Bucket(NamedTuple):
    """Observations in ``[lower, upper)``."""

    lower: float
    upper: float
    observed: int


class Spread(NamedTuple):
    """A closed bucket with ``counts``, the number of observations at each of its values in ascending order."""

    lower: float
    upper: float
    observed: int
    counts: Sequence[int]


def buckets_of(bounds: Sequence[float], counts: Sequence[int]) -> Iterator[Bucket]:
    """satella's buckets: from 0 to the first bound, between two bounds each, and an open one from the last."""
    lower = 0.0
    for upper, count in zip((*bounds, math.inf), counts, strict=True):
        yield Bucket(lower, upper, count)
        lower = upper


def distribute(bounds: Sequence[float], counts: Sequence[int], count: int, total: float) -> dict[float, int]:
    """Values, and how many observations of each, that agree with what a histogram knows.

    The open bucket has one value, and so have the observations that were in no bucket (negative ones). If one of these
    two can make the sum exact, the values of closed buckets are evenly spaced. Otherwise the exponent makes it exact.
    If no observations could have the sum, the values lie as near to it as their buckets allow.

    :param bounds: the upper bounds of all buckets but the last; infinity too, as Prometheus has it
    :param counts: observations in each bucket, not negative
    :param count: all observations; more than in the buckets, where some were in none
    :param total: their sum; where it is not finite, all values are evenly spaced
    :return: value → number of observations; the numbers add up to ``count``
    """
    filled = _fit(buckets_of(bounds, counts), count)
    most = min(MAX_BUCKET_VALUES, max(1, MAX_VALUES // max(1, len(filled))))
    closed = [_spread(bucket, most) for bucket in filled if bucket.upper < math.inf]
    opened = sum(bucket.observed for bucket in filled if bucket.upper == math.inf)
    outside = count - sum(bucket.observed for bucket in filled)
    finite = [bound for bound in bounds if bound < math.inf]
    bottom = min((0.0, *finite))
    last = finite[-1] if finite else 0.0

    exponent, open_value, outside_value = EVEN, last, _below(bottom, finite)
    if math.isfinite(total):
        sums = _Sums(closed)
        left = total - sums.even - outside * outside_value
        if opened and left >= opened * last:
            open_value = max(last, left / opened)  # rounding could put it below its bound
        elif outside:
            exponent, outside_value = _with_outside(sums, outside, total - opened * last, bottom)
        else:
            exponent = sums.exponent(total - opened * last)
    values, numbers = _values(closed, exponent)
    for value, number in ((open_value, opened), (outside_value, outside)):
        if number:
            values.append(value)
            numbers.append(number)
    return _merge(values, numbers)


def nearest_sum(bounds: Sequence[float], counts: Sequence[int], count: int, total: float) -> float:
    """The sum nearest to ``total`` that observations in these buckets may have: ``total`` itself, in nearly all cases.

    It is another one where rounding, or a recording that is under way in another thread, has parted the sum from the
    buckets. The parameters are those of :func:`distribute`.
    """
    filled = _fit(buckets_of(bounds, counts), count)
    if not math.isfinite(total) or count > sum(bucket.observed for bucket in filled):
        return total
    least = math.fsum(bucket.observed * bucket.lower for bucket in filled)
    most = math.fsum(bucket.observed * bucket.upper for bucket in filled)
    return max(least, min(total, most))


def _fit(parts: Iterator[Bucket], count: int) -> list[Bucket]:
    """The buckets that are not empty; together no more than ``count`` observations.

    They hold more where another thread had counted an observation, but not yet put it into its bucket, when the
    previous cycle read the histogram. That cycle has exported the observation, so the fullest bucket gives up one.
    """
    filled = [bucket for bucket in parts if bucket.observed > 0]
    surplus = sum(bucket.observed for bucket in filled) - count
    for bucket in sorted(filled, key=lambda bucket: bucket.observed, reverse=True) if surplus > 0 else ():
        taken = min(surplus, bucket.observed)
        filled[filled.index(bucket)] = bucket._replace(observed=bucket.observed - taken)
        surplus -= taken
    return [bucket for bucket in filled if bucket.observed]


def _spread(bucket: Bucket, most: int) -> Spread:
    """The bucket with its observations split evenly over up to ``most`` values."""
    lower, upper, observed = bucket
    k = min(observed, most)
    each, rest = divmod(observed, k)
    return Spread(lower, max(lower, upper), observed, [each + extra for extra in _EXTRA[k][rest]])


def _below(bottom: float, bounds: Sequence[float]) -> float:
    """A value in no bucket, at the scale of the buckets."""
    return bottom - (abs(bounds[0]) / 2 if bounds and bounds[0] else 0.5)


class _Sums:
    """The sum of the values of closed buckets, as a function of the exponent."""

    def __init__(self, closed: Sequence[Spread]) -> None:
        rows: dict[int, list[list[float]]] = {}  # by number of values, with a row for each bucket
        for lower, upper, _, counts in closed:
            width = upper - lower
            rows.setdefault(len(counts), []).append([width * count for count in counts])
        self._weights = [
            (fraction, sum(column))
            for k, alike in rows.items()
            for fraction, column in zip(_FRACTIONS[k], zip(*alike, strict=True), strict=True)
        ]
        self._width = math.fsum(weight for _, weight in self._weights)
        self.lowest = math.fsum(lower * observed for lower, _, observed, _ in closed)
        self.highest = self.lowest + self._width

    @property
    def even(self) -> float:
        """The sum of evenly spaced values."""
        return self.lowest + math.fsum(fraction * weight for fraction, weight in self._weights)

    def exponent(self, wanted: float) -> float:
        """The exponent at which the sum is the wanted one; 0 or infinity for a sum that is too large or too small.

        The logarithm of the sum over the lower bounds is a convex, falling function of the exponent. So Newton's method
        converges from any start on the left of the solution, and a step from the right lands on the left.
        """
        if not 0.0 < self._width < math.inf:
            return EVEN
        share = (wanted - self.lowest) / self._width
        if not 0.0 < share < 1.0:
            return math.inf if share <= 0.0 else 0.0
        terms = [(fraction, weight / self._width, math.log(fraction)) for fraction, weight in self._weights]
        exponent, target = EVEN, math.log(share)
        for _ in range(MAX_STEPS):
            sum_ = slope = 0.0
            for fraction, weight, logarithm in terms:
                term = weight * fraction**exponent
                sum_ += term
                slope += term * logarithm
            if abs(sum_ - share) <= PRECISION * share:
                break
            exponent -= (math.log(sum_) - target) * sum_ / slope
        return exponent


def _with_outside(sums: _Sums, outside: int, total: float, bottom: float) -> tuple[float, float]:
    """The exponent for the closed buckets, and the mean of what was in none, that add up to ``total``."""
    least = total - outside * bottom  # the sum in the buckets if the mean were the bottom; the mean must be below it
    if sums.even > least:
        return EVEN, _outside((total - sums.even) / outside, bottom)
    if sums.highest < least - ROUNDING * (abs(total) + abs(sums.highest)):  # no observations have these sums
        return EVEN, (total - sums.even) / outside
    # Any sum in the buckets between the least and the highest one leaves a possible mean, so take the middle.
    chosen = (min(sums.highest, max(sums.lowest, least)) + sums.highest) / 2
    return sums.exponent(chosen), _outside((total - chosen) / outside, bottom)


def _outside(value: float, bottom: float) -> float:
    """The value, or the largest one below all buckets if rounding has put it on their edge."""
    return min(value, math.nextafter(bottom, -math.inf))


def _values(closed: Iterable[Spread], exponent: float) -> tuple[list[float], list[int]]:
    """The values of closed buckets, and the number of observations at each."""
    values: list[float] = []
    numbers: list[int] = []
    powers: dict[int, list[float]] = {}
    for lower, upper, _, counts in closed:
        k = len(counts)
        if k not in powers:
            powers[k] = [fraction**exponent for fraction in _FRACTIONS[k]]
        width = upper - lower
        inside = [lower + width * power for power in powers[k]]
        if inside[-1] >= upper:  # The upper bound is not in the bucket.
            inside = [min(value, math.nextafter(upper, lower)) for value in inside]
        values += inside
        numbers += counts
    return values, numbers


def _merge(values: Sequence[float], numbers: Sequence[int]) -> dict[float, int]:
    """The number of observations by value. Values that are the same occur where a bucket has hardly any width."""
    merged = dict(zip(values, numbers, strict=True))
    if len(merged) < len(values):
        merged = dict.fromkeys(values, 0)
        for value, number in zip(values, numbers, strict=True):
            merged[value] += number
    return merged


def settled(counts: Sequence[int], count: int) -> list[int]:
    """The observations in each bucket, ``count`` in all.

    Those that were in no bucket are below the first bound, so they are counted in the first one.
    """
    observed = [max(0, each) for each in counts]
    surplus = sum(observed) - count
    if surplus <= 0:
        observed[0] -= surplus
        return observed
    # As in _fit(): an earlier cycle has exported what was counted and not yet in its bucket.
    while surplus > 0:
        fullest = max(range(len(observed)), key=observed.__getitem__)
        taken = min(surplus, observed[fullest])
        observed[fullest] -= taken
        surplus -= taken
    return observed


def up_to_the_bound(bounds: Sequence[float], counts: Sequence[int]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """The same buckets, where a bound itself is in the bucket below it: each bound is moved to the float before it.

    Bounds that are not finite, or not above the one before, hold no bucket apart. What is in such a bucket is counted
    in the next one.
    """
    moved: list[float] = []
    observed: list[int] = []
    carried = 0
    for bound, count in zip(bounds, counts, strict=False):
        carried += count
        before = math.nextafter(float(bound), -math.inf)
        if bound < math.inf and before > (moved[-1] if moved else -math.inf):
            moved.append(before)
            observed.append(carried)
            carried = 0
    return tuple(moved), (*observed, carried + counts[-1])

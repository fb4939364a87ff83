"""Where the observations of a histogram may have been: as many in each bucket, the same number, the same sum."""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from statistics import NormalDist, fmean
from typing import NamedTuple

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from aws_satella.pure.buckets import buckets_of, distribute, nearest_sum

MAX_BUCKET_VALUES = 10
MAX_VALUES = 150
TINY = 1e-300
"""Sums near the smallest floats have too few digits to be exact."""

bounds = st.one_of(
    st.sampled_from(((), (1,), (0.1, 0.5, 1.0), (0, 5), (-5.0, 5.0), (1.0, math.inf), (math.inf,), (2.0, 2.0, 3.0))),
    st.lists(st.floats(0, 1e6, allow_subnormal=False), max_size=6).map(sorted).map(tuple),
    st.lists(st.integers(-10, 1000), max_size=4, unique=True).map(sorted).map(tuple),
)
positive = st.one_of(st.floats(0, 1e6, allow_subnormal=False), st.sampled_from((0, 0.1, 0.5, 1.0, 2.0, 5, 1e6)))
observations = st.lists(positive, min_size=1, max_size=30)
mixed = st.lists(st.one_of(positive, st.floats(-1e6, 1e6, allow_subnormal=False)), min_size=1, max_size=30)


def counted(bounds: Sequence[float], values: Mapping[float, int] | Sequence[float]) -> list[int]:
    """How many of the values fall into each bucket, and how many into none, by satella's rule."""
    weights = values if isinstance(values, Mapping) else dict.fromkeys(range(len(values)), 1)
    counts = [0] * (len(bounds) + 2)
    for key, weight in weights.items():
        value = key if isinstance(values, Mapping) else values[int(key)]
        lower, placed = 0.0, False
        for index, upper in enumerate((*bounds, math.inf)):
            if lower <= value < upper:
                counts[index] += weight
                placed = True
            lower = upper
        counts[-1] += 0 if placed else weight
    return counts


def check(bounds: Sequence[float], values: Sequence[float], tolerance: float = 1e-9) -> dict[float, int]:
    """Distribute what a histogram knows of these values, and hold it against them."""
    *counts, _ = expected = counted(bounds, values)
    total = 0.0
    for value in values:  # as satella adds up
        total += value
    found = distribute(bounds, counts, len(values), total)
    check_counts(bounds, found, expected, len(values))
    size = math.fsum(map(abs, values)) + math.fsum(abs(value) * count for value, count in found.items())
    if bounds and bounds[0] < 0:  # a bucket on both sides of zero: rounding is that of its bounds
        size += abs(bounds[0]) * len(values)
    error = abs(math.fsum(value * count for value, count in found.items()) - total)
    assert error <= tolerance * size + TINY
    return found


def most_values(count: int, used: int) -> int:
    """How many values a closed bucket has for its observations, where ``used`` buckets have any."""
    return min(count, MAX_BUCKET_VALUES, max(1, MAX_VALUES // used))


def check_counts(bounds: Sequence[float], found: Mapping[float, int], expected: Sequence[int], number: int) -> None:
    """The counts of the buckets are as expected, and the values are as many as a datum has room for."""
    assert all(count > 0 for count in found.values())
    assert sum(found.values()) == number
    assert counted(bounds, found) == expected
    *inside, _ = expected
    used = sum(map(bool, inside))
    assert len(found) <= max(MAX_VALUES, used) + 2
    for lower, upper, count in buckets_of(bounds, inside):
        values = sum(lower <= value < upper for value in found)
        assert values <= (most_values(count, used) if count and upper < math.inf else min(count, 1))


@given(bounds, observations)
@example((0.1,), [math.nextafter(0.1, 0)] * 1000)
@example((1e6,), [2.3e-308])
@example((1e6,), [0.0] * 999 + [2.3e-308])
@example((1.0, 5.0), [1e-200, 1.0, 1.0])
@example(tuple(map(float, range(1, 401))), [number + 0.25 for number in range(400) for _ in range(3)])
@example(tuple(map(float, range(1, 31))), [number + 0.25 for number in range(30) for _ in range(12)])
@example((0.1, 0.3), [0.3] * 7 + [0.1] * 3)
@example((0.7,), [0.7] * 3)  # the mean of which is below 0.7, by rounding
@example((), [5.0])
@example((1.0, math.inf), [0.5, 7.0, 9.0])
def test_counts_sum_and_buckets_agree(bounds: tuple[float, ...], values: list[float]) -> None:
    """As many values in each bucket as were counted, the number and the sum of all exact."""
    check(bounds, values)


@given(bounds, mixed)
@example((0.5,), [-1e-20, 0.25])
@example((0.5,), [-1e-20] + [math.nextafter(0.5, 0)] * 1000)
@example((0.1,), [-1e-300] + [math.nextafter(0.1, 0)] * 999)
@example((0.1,), [-1e-300] + [math.nextafter(0.1, 0)] * 17)  # which add up to more than 1.7
@example((0.1,), [-1e-20] * 4 + [math.nextafter(0.1, 0)] * 32)
@example((), [-5.0, 5.0])
@example((5.0,), [-5.0, -1.0])
@example((-5.0, 5.0), [-6.0, -5.0, 4.0])
def test_observations_in_no_bucket_stay_in_none(bounds: tuple[float, ...], values: list[float]) -> None:
    """Negative observations are in no bucket; they go by a value that is in none either."""
    check(bounds, values)


@given(bounds, mixed, st.sampled_from((math.nan, math.inf, -math.inf)))
@example((1.0,), [0.1] * 4 + [3.0], math.nan)
def test_sum_that_is_not_finite_gives_even_steps(bounds: tuple[float, ...], values: list[float], sum_: float) -> None:
    """Where the sum says nothing, the values of closed buckets are evenly spaced; counts and buckets agree."""
    *counts, _ = expected = counted(bounds, values)
    found = distribute(bounds, counts, len(values), sum_)
    assert all(map(math.isfinite, found))
    check_counts(bounds, found, expected, len(values))
    for lower, upper, count in buckets_of(bounds, counts):
        if count and upper < math.inf:
            k = min(count, MAX_BUCKET_VALUES)
            inside = sorted(value for value in found if lower <= value < upper)
            # A bucket of a few numbers only has as many values as there are numbers.
            steps = {min(lower + (j + 0.5) / k * (upper - lower), math.nextafter(upper, lower)) for j in range(k)}
            assert inside == pytest.approx(sorted(steps))


@given(bounds, st.lists(st.integers(0, 5), min_size=7, max_size=7), st.integers(0, 9), st.floats(-1e6, 1e6))
@example((1.0,), [3, 0, 0, 0, 0, 0, 0], 2, 5.0)
@example((1.0,), [0, 0, 0, 0, 0, 0, 0], 1, 5.0)
@example((1.0,), [0, 0, 0, 0, 0, 0, 0], 1, 0.0)
def test_values_are_found_whatever_was_read(
    bounds: tuple[float, ...], counts: list[int], number: int, total: float
) -> None:
    """Read in the middle of a recording, the parts need not agree; the number of observations is exact all the same."""
    parts = counts[: len(bounds) + 1] + [0] * max(0, len(bounds) + 1 - len(counts))
    found = distribute(bounds, parts, number, total)
    assert sum(found.values()) == number
    assert all(map(math.isfinite, found))


@given(
    st.lists(st.integers(1, 100), max_size=4, unique=True).map(sorted),
    st.lists(st.integers(0, 5), min_size=5),
    st.data(),
)
def test_observations_that_were_given_out_before_are_taken_off_their_buckets(
    bounds: list[float], counts: list[int], data: st.DataObject
) -> None:
    """Where the buckets hold more than were observed since, some hold fewer, and none goes elsewhere."""
    counts = counts[: len(bounds) + 1]
    number = data.draw(st.integers(0, sum(counts)))
    found = distribute(bounds, counts, number, data.draw(st.floats(0, 500)))
    assert sum(found.values()) == number
    *placed, outside = counted(bounds, found)
    assert outside == 0
    assert all(now <= then for now, then in zip(placed, counts, strict=True))


@pytest.mark.parametrize('counts', [(1, 3, 0), (3, 1, 0)])
def test_counts_that_were_given_out_before_are_taken_off_the_fullest_bucket(counts: tuple[int, int, int]) -> None:
    """An observation is likelier to be one of many than one of few."""
    low, high = (count - (count == 3) for count in counts[:2])
    found = distribute((10, 20), counts, 3, low * 5 + high * 15)
    assert found == ({5.0: 1, 12.5: 1, 17.5: 1} if high == 2 else {2.5: 1, 7.5: 1, 15.0: 1})


@given(bounds, observations)
@example((10, 12), [11.0, 11.0])
def test_observation_under_way_has_its_value(bounds: tuple[float, ...], values: list[float]) -> None:
    """One that is counted and added up, but not yet in its bucket, is given out with the sum intact."""
    *counts, _ = counted(bounds, values)
    index = next(index for index, count in enumerate(counts) if count)
    assume(len(values) > 1)
    counts[index] -= 1
    found = distribute(bounds, counts, len(values), math.fsum(values))
    assert sum(found.values()) == len(values)
    size = math.fsum(values) + math.fsum(abs(value) * count for value, count in found.items())
    assert abs(math.fsum(value * count for value, count in found.items()) - math.fsum(values)) <= 1e-9 * size


@pytest.mark.parametrize(
    ('bounds', 'values', 'expected'),
    [
        # exponent 1: (¼ + ¾) * 10 + 10 + ½ * 10
        ((10, 20), [2, 8, 15], {2.5: 1, 7.5: 1, 15.0: 1}),
        # exponent 2: (1/16 + 9/16) * 10 + 10 + ¼ * 10
        ((10, 20), [2, 4.25, 12.5], {0.625: 1, 5.625: 1, 12.5: 1}),
        # exponent ½: 4 * √½
        ((4,), [8**0.5], {8**0.5: 1}),
        # 23 observations at ten values: three of these have one observation more.
        ((10,), [4.5, *[5] * 22], {0.5: 2, 1.5: 3, 2.5: 2, 3.5: 2, 4.5: 3, 5.5: 2, 6.5: 2, 7.5: 2, 8.5: 3, 9.5: 2}),
        ((10, 20), [5, 15, 40, 60], {5.0: 1, 15.0: 1, 50.0: 2}),
        ((10,), [9, 9, 10], {2.5: 1, 7.5: 1, 18.0: 1}),
        ((10,), [2, 4.25, 10], {0.625: 1, 5.625: 1, 10.0: 1}),
        ((10,), [-3, -5, 5], {5.0: 1, -4.0: 2}),
        ((), [3, 5], {4.0: 2}),
        ((0.01,), [-0.004, 0.03], {0.031: 1, -0.005: 1}),
        ((), [-1, 3], {2.5: 1, -0.5: 1}),
        ((10,), [-1, 9], {9.0: 1, -1.0: 1}),
        ((10,), [0, 0, 0], {0.0: 3}),
        ((10,), [-6, 1], {5.0: 1, -10.0: 1}),
    ],
)
def test_spelled_out(bounds: tuple[float, ...], values: list[float], expected: dict[float, int]) -> None:
    """Closed buckets share one exponent. An open one, or what is in none, takes what is left over even steps.

    Where there are both, what is in none lies below all by half the first bound. Where even steps would leave nothing
    below the buckets, the sum of the buckets lies halfway between what would be just too little and the upper bounds.
    """
    found = check(bounds, values)
    assert list(found) == pytest.approx(list(expected))
    assert list(found.values()) == list(expected.values())


def test_several_observations_under_way_have_their_mean() -> None:
    """What is in no bucket yet goes by what its values add up to."""
    assert distribute((10, 12), (0, 1, 0), 3, 35.0) == {11.0: 1, 12.0: 2}


def test_bucket_that_can_hold_nothing_has_its_lower_bound() -> None:
    """Observations that were read in a bucket from 0 to a negative bound do not disturb the others."""
    assert distribute((-5.0, 5.0), (7, 1, 0), 8, 3.0) == {0.0: 7, 3.0: 1}


def test_values_of_no_observations_are_none() -> None:
    """No observations, no values."""
    assert distribute((1.0,), (0, 0), 0, 0.0) == {}


# --- percentiles


@given(st.floats(0, 100), st.floats(0.001, 100), st.floats(0.1, 0.9))
def test_observations_of_one_bucket_are_spread_over_it(lower: float, width: float, mean: float) -> None:
    """100 observations of one bucket have ten values, unless nearly all were at one end of it: p50 is not p99."""
    bounds = (lower, lower + width)
    found = distribute(bounds, (0, 100, 0), 100, 100 * (lower + mean * width))
    assert sorted(found.values()) == [10] * 10
    ascending = sorted(found.items())
    assert nearest_rank(ascending, 0.5) < nearest_rank(ascending, 0.99)


@pytest.mark.parametrize('number', [*range(1, 60), 101, 999, 1005])
def test_observations_are_within_half_a_step_of_their_even_places(number: int) -> None:
    """Whatever the remainder, evenly spaced values have no bias: observation i of n is near (i + ½)/n of the width."""
    found = distribute((1.0,), (number, 0), number, math.nan)
    k = min(number, MAX_BUCKET_VALUES)
    assert max(found.values()) - min(found.values()) <= 1
    placed = [value for value, count in sorted(found.items()) for _ in range(count)]
    for index, value in enumerate(placed):
        assert abs(value - (index + 0.5) / number) <= 0.5 / k + 1e-12


DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""satella's default bounds of a histogram's buckets."""

SEEDS = 40
MAX_RATIOS = {0.5: 1.5, 0.9: 1.0, 0.99: 1.0}
"""Quantile → how many times the error of ``histogram_quantile`` the error may be, apart from one step."""

normal = NormalDist().inv_cdf


def bimodal(share: float) -> float:
    """Four in five near 0.05 s, as from a cache, and the others near 1 s."""
    if share < 0.8:
        return max(0.0, 0.05 + 0.01 * normal(share / 0.8))
    return max(0.0, 1.0 + 0.2 * normal((share - 0.8) / 0.2))


SHAPES: Mapping[str, Callable[[float], float]] = {
    'lognormal': lambda share: 0.1 * math.exp(normal(share)),
    'exponential': lambda share: -0.2 * math.log(share),
    'uniform': lambda share: share,
    'bimodal': bimodal,
}
"""Latencies in seconds, as functions of a uniform number between 0 and 1, exclusive."""


class Errors(NamedTuple):
    """How far estimates of a quantile are from that of the sample."""

    ours: float
    reference: float
    step: float
    """The width of the bucket, divided by the number of values that it should have."""


def nearest_rank(ascending: Iterable[tuple[float, int]], quantile: float) -> float:
    """The quantile of values and their counts."""
    values, counts = zip(*ascending, strict=True)
    ranks = list(accumulate(counts))
    return float(values[bisect_left(ranks, math.ceil(quantile * ranks[-1]))])


def histogram_quantile(quantile: float, counts: Sequence[int]) -> float:
    """The estimate of Prometheus: linear between the bounds of a bucket, and the last bound for the open bucket."""
    cumulative = list(accumulate(counts))
    rank = quantile * cumulative[-1]
    index = bisect_left(cumulative, rank)
    if index == len(DEFAULT_BUCKETS):
        return DEFAULT_BUCKETS[-1]
    lower, upper = (0.0, *DEFAULT_BUCKETS)[index : index + 2]
    return lower + (upper - lower) * (rank - cumulative[index] + counts[index]) / counts[index]


def errors(sample: Sequence[float]) -> dict[float, Errors]:
    """The errors of an ascending sample's quantiles; each estimate is in the bucket of the quantile."""
    places = [bisect_left(sample, bound) for bound in DEFAULT_BUCKETS]
    counts = [end - start for start, end in pairwise((0, *places, len(sample)))]
    ascending = sorted(distribute(DEFAULT_BUCKETS, counts, len(sample), math.fsum(sample)).items())
    found = {}
    for quantile in MAX_RATIOS:
        true = sample[math.ceil(quantile * len(sample)) - 1]
        ours, reference = nearest_rank(ascending, quantile), histogram_quantile(quantile, counts)
        bucket = bisect_right(DEFAULT_BUCKETS, true)
        assert bisect_right(DEFAULT_BUCKETS, ours) == bucket
        lower, upper = (0.0, *DEFAULT_BUCKETS)[bucket : bucket + 2]
        step = (upper - lower) / most_values(counts[bucket], sum(map(bool, counts)))
        found[quantile] = Errors(abs(ours - true), abs(reference - true), step)
    return found


@pytest.mark.parametrize('size', [50, 1_000, 20_000])
def test_percentiles_are_about_as_good_as_those_of_prometheus(size: int) -> None:
    """Over 40 samples the mean error of p90 and p99 is at most that of ``histogram_quantile`` plus one step; the mean
    error of p50 is at most 1.5 times that plus one step.
    """
    found: Mapping[str, list[dict[float, Errors]]] = {shape: [] for shape in SHAPES}
    for seed in range(SEEDS):
        numbers = random.Random(seed)
        shares = sorted(numbers.random() for _ in range(size))  # once for all shapes, because it takes longest
        for shape, value_at in SHAPES.items():
            found[shape].append(errors(sorted(map(value_at, shares))))
    for shape, of_samples in found.items():
        for quantile, ratio in MAX_RATIOS.items():
            mean = Errors(*map(fmean, zip(*(each[quantile] for each in of_samples), strict=True)))
            assert mean.ours <= ratio * mean.reference + mean.step, (shape, quantile, mean)


@given(bounds, mixed, st.one_of(st.none(), st.floats(-1e7, 1e7, allow_subnormal=False)))
def test_nearest_sum_is_what_the_values_add_up_to(
    bounds: tuple[float, ...], values: list[float], other: float | None
) -> None:
    """The sum of the observations is the nearest one itself but for rounding; of another sum, the nearest one is what
    values in the buckets can be found for."""
    *counts, _ = counted(bounds, values)
    size = math.fsum(map(abs, values)) + abs(other or 0.0)
    total = math.fsum(values) if other is None else other
    nearest = nearest_sum(bounds, counts, len(values), total)
    if other is None:
        assert nearest == pytest.approx(total, abs=1e-9 * size)
    found = distribute(bounds, counts, len(values), total)
    given_out = math.fsum(value * count for value, count in found.items())
    assert given_out == pytest.approx(nearest, abs=1e-9 * size + 1e-300)


@pytest.mark.parametrize(
    ('counts', 'count', 'total', 'nearest'),
    [
        ([1, 0], 1, 0.5, 0.5),
        ([1, 0], 1, 6.0, 1.0),
        ([1, 0], 1, -3.0, 0.0),
        ([1, 1], 2, 0.5, 1.0),
        ([1, 1], 2, 1e9, 1e9),
        ([1, 0], 2, -3.0, -3.0),
        ([1, 0], 1, math.inf, math.inf),
        ([2, 0], 1, 1.5, 1.0),
        ([0, 0], 0, 5.0, 0.0),
    ],
)
def test_sum_that_no_observations_have(counts: list[int], count: int, total: float, nearest: float) -> None:
    """What closed buckets cannot have is cut; an open one takes all above it, and observations in none take all."""
    assert nearest_sum((1.0,), counts, count, total) == nearest

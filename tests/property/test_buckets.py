"""Where the observations of a histogram may have been: as many in each bucket, the same number, the same sum."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from aws_satella.pure.buckets import buckets_of, distribute

limits = st.one_of(
    st.sampled_from(((), (1,), (0.1, 0.5, 1.0), (0, 5), (-5.0, 5.0), (1.0, math.inf), (math.inf,), (2.0, 2.0, 3.0))),
    st.lists(st.floats(0, 1e6, allow_subnormal=False), max_size=6).map(sorted).map(tuple),
    st.lists(st.integers(-10, 1000), max_size=4, unique=True).map(sorted).map(tuple),
)
positive = st.one_of(st.floats(0, 1e6, allow_subnormal=False), st.sampled_from((0, 0.1, 0.5, 1.0, 2.0, 5, 1e6)))
observations = st.lists(positive, min_size=1, max_size=30)
mixed = st.lists(st.one_of(positive, st.floats(-1e6, 1e6, allow_subnormal=False)), min_size=1, max_size=30)


def counted(limits: Sequence[float], values: Mapping[float, int] | Sequence[float]) -> list[int]:
    """How many of the values fall into each bucket, and how many into none, by satella's rule."""
    weights = values if isinstance(values, Mapping) else dict.fromkeys(range(len(values)), 1)
    counts = [0] * (len(limits) + 2)
    for key, weight in weights.items():
        value = key if isinstance(values, Mapping) else values[int(key)]
        lower, placed = 0.0, False
        for index, upper in enumerate((*limits, math.inf)):
            if lower <= value < upper:
                counts[index] += weight
                placed = True
            lower = upper
        counts[-1] += 0 if placed else weight
    return counts


def check(limits: Sequence[float], values: Sequence[float], tolerance: float = 1e-9) -> dict[float, int]:
    """Distribute what a histogram knows of these values, and hold it against them."""
    *counts, _ = expected = counted(limits, values)
    total = 0.0
    for value in values:  # as satella adds up
        total += value
    found = distribute(limits, counts, len(values), total)
    assert all(count > 0 for count in found.values())
    assert sum(found.values()) == len(values)
    assert counted(limits, found) == expected
    size = math.fsum(map(abs, values)) + math.fsum(abs(value) * count for value, count in found.items())
    if limits and limits[0] < 0:  # a bucket on both sides of zero: rounding is that of its bounds
        size += abs(limits[0]) * len(values)
    assert abs(math.fsum(value * count for value, count in found.items()) - total) <= tolerance * size
    return found


@given(limits, observations)
@example((0.1,), [math.nextafter(0.1, 0)] * 1000)
@example((0.1, 0.3), [0.3] * 7 + [0.1] * 3)
@example((0.7,), [0.7] * 3)  # the mean of which is below 0.7, by rounding
@example((), [5.0])
@example((1.0, math.inf), [0.5, 7.0, 9.0])
def test_counts_sum_and_buckets_agree(limits: tuple[float, ...], values: list[float]) -> None:
    """As many values in each bucket as were counted, the number and the sum of all exact."""
    check(limits, values)


@given(limits, mixed)
@example((0.5,), [-1e-20, 0.25])
@example((0.5,), [-1e-20] + [math.nextafter(0.5, 0)] * 1000)
@example((0.1,), [-1e-300] + [math.nextafter(0.1, 0)] * 999)
@example((0.1,), [-1e-300] + [math.nextafter(0.1, 0)] * 17)  # which add up to more than 1.7
@example((0.1,), [-1e-20] * 4 + [math.nextafter(0.1, 0)] * 32)
@example((), [-5.0, 5.0])
@example((5.0,), [-5.0, -1.0])
@example((-5.0, 5.0), [-6.0, -5.0, 4.0])
def test_observations_in_no_bucket_stay_in_none(limits: tuple[float, ...], values: list[float]) -> None:
    """Negative observations are in no bucket; they go by a value that is in none either."""
    check(limits, values)


@given(limits, mixed, st.sampled_from((math.nan, math.inf, -math.inf)))
def test_a_sum_that_is_not_finite_gives_midpoints(limits: tuple[float, ...], values: list[float], sum_: float) -> None:
    """Where the sum says nothing, closed buckets are halved; counts and buckets agree all the same."""
    *counts, outside = expected = counted(limits, values)
    found = distribute(limits, counts, len(values), sum_)
    assert all(map(math.isfinite, found))
    assert sum(found.values()) == len(values)
    assert counted(limits, found) == expected
    middles = {
        lower + (upper - lower) / 2 for lower, upper, count in buckets_of(limits, counts) if count and upper < math.inf
    }
    assert middles <= set(found)
    assert len(found) <= len(middles) + (counts[-1] > 0 or math.inf in limits) + (outside > 0)


@given(limits, st.lists(st.integers(0, 5), min_size=7, max_size=7), st.integers(0, 9), st.floats(-1e6, 1e6))
@example((1.0,), [3, 0, 0, 0, 0, 0, 0], 2, 5.0)
@example((1.0,), [0, 0, 0, 0, 0, 0, 0], 1, 5.0)
@example((1.0,), [0, 0, 0, 0, 0, 0, 0], 1, 0.0)
def test_whatever_was_read_has_an_answer(
    limits: tuple[float, ...], counts: list[int], number: int, total: float
) -> None:
    """Read in the middle of a recording, the parts need not agree; the number of observations is exact all the same."""
    parts = counts[: len(limits) + 1] + [0] * max(0, len(limits) + 1 - len(counts))
    found = distribute(limits, parts, number, total)
    assert sum(found.values()) == number
    assert all(map(math.isfinite, found))


@given(
    st.lists(st.integers(1, 100), max_size=4, unique=True).map(sorted),
    st.lists(st.integers(0, 5), min_size=5),
    st.data(),
)
def test_observations_that_were_given_out_before_are_taken_off_their_buckets(
    limits: list[float], counts: list[int], data: st.DataObject
) -> None:
    """Where the buckets hold more than were observed since, some hold fewer, and none goes elsewhere."""
    counts = counts[: len(limits) + 1]
    number = data.draw(st.integers(0, sum(counts)))
    found = distribute(limits, counts, number, data.draw(st.floats(0, 500)))
    assert sum(found.values()) == number
    *placed, outside = counted(limits, found)
    assert outside == 0
    assert all(now <= then for now, then in zip(placed, counts, strict=True))


@pytest.mark.parametrize('counts', [(1, 3, 0), (3, 1, 0)])
def test_what_was_given_out_before_is_taken_off_the_fullest_bucket(counts: tuple[int, int, int]) -> None:
    """An observation is likelier to be one of many than one of few."""
    low, high = (count - (count == 3) for count in counts[:2])
    assert distribute((10, 20), counts, 3, low * 5 + high * 15) == {5.0: low, 15.0: high}


@given(limits, observations)
@example((10, 12), [11.0, 11.0])
def test_an_observation_under_way_has_its_value(limits: tuple[float, ...], values: list[float]) -> None:
    """One that is counted and added up, but not yet in its bucket, is given out with the sum intact."""
    *counts, _ = counted(limits, values)
    index = next(index for index, count in enumerate(counts) if count)
    assume(len(values) > 1)
    counts[index] -= 1
    found = distribute(limits, counts, len(values), math.fsum(values))
    assert sum(found.values()) == len(values)
    size = math.fsum(values) + math.fsum(abs(value) * count for value, count in found.items())
    assert abs(math.fsum(value * count for value, count in found.items()) - math.fsum(values)) <= 1e-9 * size


@pytest.mark.parametrize(
    ('limits', 'values', 'expected'),
    [
        ((10, 20), [2, 4, 12], {2.6666666666666665: 2, 12.666666666666666: 1}),
        ((10, 20), [5, 15, 40, 60], {5.0: 1, 15.0: 1, 50.0: 2}),
        ((10,), [9, 9, 10], {5.0: 2, 18.0: 1}),
        ((10,), [1, 1, 10], {1.0: 2, 10.0: 1}),
        ((10,), [-3, -5, 5], {5.0: 1, -4.0: 2}),
        ((), [3, 5], {4.0: 2}),
        ((0.01,), [-0.004, 0.03], {0.031: 1, -0.005: 1}),
        ((), [-1, 3], {2.5: 1, -0.5: 1}),
        ((10,), [-1, 9, 9], {9.25: 2, -1.5: 1}),
        ((10,), [-1, -2, 9, 9, 9], {9.0: 3, -1.5: 2}),
        ((10, 20), [-1, 19, 19], {19.25: 2, -1.5: 1}),
        ((-5, 5), [-6, 4, 4], {4.25: 2, -6.5: 1}),
    ],
)
def test_spelled_out(limits: tuple[float, ...], values: list[float], expected: dict[float, int]) -> None:
    """Closed buckets share one fraction; an open one, or what is in none, takes what is left over the middles. Where
    there are both, what is in none lies below all by half the first limit. Where the middles would leave nothing below
    the buckets, the fraction lies halfway between what would be just too little and the upper bounds."""
    assert check(limits, values) == pytest.approx(expected)


def test_several_observations_under_way_have_their_mean() -> None:
    """What is in no bucket yet goes by what its values add up to."""
    assert distribute((10, 12), (0, 1, 0), 3, 35.0) == {11.0: 1, 12.0: 2}


def test_of_nothing_there_is_nothing() -> None:
    """No observations, no values."""
    assert distribute((1.0,), (0, 0), 0, 0.0) == {}

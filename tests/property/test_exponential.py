"""Exponential histograms: every observation is in its bucket, and the buckets are as narrow as there is room for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aws_satella.pure.exponential import Buckets, Exponential, add, exponential

MOST = 2.0**360
values = st.one_of(
    st.floats(-MOST, MOST),
    st.floats(-100, 100),
    st.integers(-60, 60).map(lambda power: 2.0**power),
    st.sampled_from((0.0, -0.0, 5e-324, -5e-324, MOST, -MOST, 1.0, -1.0)),
)
multisets = st.dictionaries(values, st.integers(1, 10**20), max_size=30)


def _bound(index: int, scale: int) -> Fraction:
    """The lower bound of a bucket. An irrational one is rounded between 1 and 2, as a float."""
    if scale <= 0:
        return Fraction(2) ** (index * 2**-scale)
    whole, part = divmod(index, 2**scale)
    return Fraction(2) ** whole * Fraction(2.0 ** (part / 2**scale))


def _holds(index: int, scale: int, value: float) -> bool:
    """Whether a bucket has room for a number."""
    return _bound(index, scale) < Fraction(value) <= _bound(index + 1, scale)


def _count(buckets: Buckets) -> int:
    return sum(buckets.counts)


def _sides(samples: Mapping[float, int]) -> tuple[Counter[float], Counter[float]]:
    positive: Counter[float] = Counter({value: count for value, count in samples.items() if value > 0})
    negative: Counter[float] = Counter({-value: count for value, count in samples.items() if value < 0})
    return positive, negative


def _is_the_histogram_of(found: Exponential, samples: Mapping[float, int]) -> bool:
    """All observations are in their buckets, and at the next scale they would not fit."""
    assert found.zero_count == sum(count for value, count in samples.items() if not value)
    for buckets, side in zip((found.positive, found.negative), _sides(samples), strict=True):
        assert _count(buckets) == sum(side.values())
        assert len(buckets.counts) <= 160
        assert buckets == (0, ()) if not side else buckets.counts[0] and buckets.counts[-1]
        left = {index: count for index, count in enumerate(buckets.counts, buckets.offset) if count}
        for value, count in side.items():
            (index,) = (index for index in left if _holds(index, found.scale, value))
            left[index] -= count
        assert not any(left.values())
    return True


@given(multisets)
@example({1.0: 1, 2.0: 2, 4.0: 3, 0.5: 4, -0.25: 5, 0.0: 6})
@example({5e-324: 1, MOST: 1, -5e-324: 2, -MOST: 3})
@example({2.0 ** (index / 256): 1 for index in range(1, 161)})
@example({2.0 ** (index / 256): 1 for index in range(1, 162)})
@example({})
def test_observation_is_in_its_bucket(samples: dict[float, int]) -> None:
    """A bucket has its upper bound and not its lower one. Counts add up, for each sign, and zeros are apart."""
    assert _is_the_histogram_of(exponential(samples), samples)


@given(multisets)
@example({2.0 ** (index / 256): 1 for index in range(1, 161)})
@example({2.0 ** (index / 256): 1 for index in range(1, 162)})
def test_scale_is_the_largest_that_fits(samples: dict[float, int]) -> None:
    """At most 8; at the next larger one there would be more than 160 buckets of a sign."""
    scale = exponential(samples).scale
    assert scale <= 8
    if scale < 8:
        widths = []
        for side in _sides(samples):
            positions = [math.log2(value) * 2.0 ** (scale + 1) for value in side]
            widths.append(max(positions) - min(positions) if positions else 0)
        assert max(widths) > 158.999  # 160 buckets have room for less than 160 widths, and for more than 159


@pytest.mark.parametrize(('number', 'scale'), [(1, 8), (160, 8), (161, 7), (320, 7), (321, 6)])
@pytest.mark.parametrize('sign', [1, -1])
def test_as_many_buckets_as_there_is_room_for(number: int, scale: int, sign: int) -> None:
    """160 neighboring buckets are kept, and with one more their number is halved."""
    found = exponential({sign * 2.0 ** (index / 256): 1 for index in range(1, number + 1)})
    assert found.scale == scale


@given(multisets, multisets)
@example({1.0: 1}, {1e50: 1, -3.0: 2})
def test_histograms_add_up(one: dict[float, int], other: dict[float, int]) -> None:
    """The sum of two is the histogram of all observations."""
    both = dict(Counter(one) + Counter(other))
    assert add(exponential(one), exponential(other)) == exponential(both)

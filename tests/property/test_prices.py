"""What CloudWatch charges, against the naive way to reckon it."""

from __future__ import annotations

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_satella.pure.bill import Prices


@st.composite
def tiers(draw: st.DrawFn) -> tuple[tuple[float, float], ...]:
    """Ascending borders, the last one open, each with a price."""
    borders = sorted(draw(st.sets(st.integers(1, 200), max_size=5)))
    prices = draw(st.lists(st.floats(0, 10), min_size=len(borders) + 1, max_size=len(borders) + 1))
    return tuple(zip((*map(float, borders), math.inf), prices, strict=True))


@given(tiers(), st.integers(0, 300))
def test_prices_of_metrics_are_those_of_their_tiers(metric_tiers: tuple[tuple[float, float], ...], number: int) -> None:
    """The price of n metrics is the sum of the prices of the first, the second, ... and the n-th."""
    naive = math.fsum(next(price for border, price in metric_tiers if nth <= border) for nth in range(1, number + 1))
    assert math.isclose(Prices(metric_tiers).metrics(number), naive, abs_tol=1e-9)


@given(st.integers(0, 3_000_000), st.integers(0, 3_000_000))
def test_prices_never_fall_with_more_metrics(one: int, other: int) -> None:
    """Nor does a metric ever cost more than in the first tier, or less than in the last."""
    fewer, more = sorted((one, other))
    prices = Prices()
    difference = prices.metrics(more) - prices.metrics(fewer)
    assert (more - fewer) * 0.02 - 1e-6 <= difference <= (more - fewer) * 0.30 + 1e-6


@pytest.mark.parametrize(
    ('number', 'cost'),
    [
        (0, 0),
        (1, 0.30),
        (10_000, 3_000),
        (10_001, 3_000.10),
        (250_000, 27_000),
        (250_001, 27_000.05),
        (1_000_000, 64_500),
        (1_000_001, 64_500.02),
        (2_000_000, 84_500),
    ],
)
def test_prices_are_those_that_are_published(number: int, cost: float) -> None:
    """The prices at the borders of the tiers of CloudWatch, worked out by hand."""
    assert Prices().metrics(number) == pytest.approx(cost, abs=1e-9)


@given(st.integers(0, 10**9))
def test_prices_of_requests_are_by_the_thousand(number: int) -> None:
    """0.01 USD per 1,000."""
    assert math.isclose(Prices().requests(number), number * 0.00001)


@given(st.integers(0, 10**9), st.floats(0, 10))
def test_prices_of_data_over_otlp_are_by_the_gigabyte(number: int, price: float) -> None:
    """0.50 USD each, unless another price is given."""
    assert Prices().gigabytes(number) == number / 2
    assert Prices(gigabyte=price).gigabytes(number) == number * price


def test_prices_have_a_date_and_a_source() -> None:
    """That of a gigabyte has its own, since it is not from AWS itself."""
    prices = Prices()
    assert prices.as_of >= date(2026, 11, 23)
    assert prices.gigabyte_as_of >= date(2026, 9, 1)
    assert prices.source == 'https://aws.amazon.com/cloudwatch/pricing/'
    assert prices.gigabyte_source == 'https://aws.amazon.com/cloudwatch/pricing/ as a third party quotes it'

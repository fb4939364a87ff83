"""What CloudWatch charges.

What may live here: prices, and arithmetic on them. What may not: what is billed.

Sources: https://aws.amazon.com/cloudwatch/pricing/ (custom metrics, and API requests, us-east-1) and, for what OTLP is
billed by, https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/metrics-otel-pricing.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import inf
from typing import Final

HOURS_A_MONTH: Final = 730
"""Hours of a month, as AWS counts them."""

BYTES_A_GIGABYTE: Final = 10**9
"""The smaller gigabyte, of which there are more."""


@dataclass(frozen=True)
class Prices:
    """What CloudWatch charges, in US dollars."""

    metric_tiers: tuple[tuple[float, float], ...] = ((10_000, 0.30), (250_000, 0.10), (1_000_000, 0.05), (inf, 0.02))
    """Up to so many metrics, each costs so much a month."""
    thousand_requests: float = 0.01
    as_of: date = date(2026, 11, 23)
    source: str = 'https://aws.amazon.com/cloudwatch/pricing/'
    gigabyte: float = 0.50
    """A gigabyte of data over OTLP. It has no price for a metric or a request."""
    gigabyte_as_of: date = date(2026, 9, 1)
    gigabyte_source: str = 'https://aws.amazon.com/cloudwatch/pricing/ as a third party quotes it'

    def metrics(self, number: float) -> float:
        """The price of so many metrics for a month."""
        return float(exact_metrics(self, exact(number)))

    def requests(self, number: float) -> float:
        """The price of so many requests."""
        return number / 1_000 * self.thousand_requests

    def gigabytes(self, number: float) -> float:
        """The price of so many gigabytes over OTLP."""
        return number * self.gigabyte


def exact(number: float) -> Fraction:
    """The number that is written: 0.3 is 3/10, and not the float next to it."""
    return Fraction(str(number))


def exact_metrics(prices: Prices, number: Fraction) -> Fraction:
    """The price of so many metrics for a month, without rounding."""
    cost, below = Fraction(0), Fraction(0)
    for border, price in prices.metric_tiers:
        upper = number if border >= number else exact(border)
        cost += max(Fraction(0), upper - below) * exact(price)
        below = upper
    return cost


def cycles_a_month(interval: float) -> Fraction:
    """How often one process exports in a month.

    :param interval: seconds between two cycles
    """
    return HOURS_A_MONTH * 3600 / exact(interval)

"""The bill of the classic form beside that of OTLP, and from how many processes on which of them is smaller.

What may live here: bills as functions of the number of processes. What may not: what one process sends.

Such a bill is a line with a bend wherever a tier of prices begins. So the number of processes from which on one bill is
smaller than another is computed exactly, between two bends, and not tried out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor, isinf
from typing import NamedTuple

from aws_satella.pure.prices import Prices, exact, exact_metrics


class Rates(NamedTuple):
    """What a month costs, as a function of the number of processes."""

    prices: Prices
    metrics: int
    """Billed metrics that all processes have in common."""
    own_metrics: int
    """Billed metrics that each process adds."""
    each: Fraction
    """US dollars for everything else, for each process."""

    def cost(self, processes: int) -> Fraction:
        """US dollars a month."""
        metrics = Fraction(self.metrics + self.own_metrics * processes)
        return exact_metrics(self.prices, metrics) + self.each * processes

    def bends(self) -> Iterator[int]:
        """Numbers of processes that are next to the beginning of a tier, on both sides."""
        for border, _ in self.prices.metric_tiers if self.own_metrics else ():
            if not isinf(border):
                before = floor((exact(border) - self.metrics) / self.own_metrics)
                yield from (before, before + 1)


@dataclass(frozen=True)
class Comparison:
    """One plan in the classic form and over OTLP. ``str()`` makes a table of it."""

    processes: int
    """How many processes the bills are of."""
    classic: float
    """US dollars a month in the classic form."""
    otlp: float
    """US dollars a month over OTLP, where the resource counts once a point."""
    classic_discards: int
    """Data that the classic form would throw away, in one cycle of one process: they cost nothing."""
    otlp_discards: int
    """The same over OTLP."""
    classic_from: int | None
    """The least number of processes from which on the classic form is cheaper, however many they become; None where
    there is none."""
    otlp_from: int | None
    """The same for OTLP."""

    def __str__(self) -> str:
        return '\n'.join(_lines(self))


def cheaper_from(one: Rates, other: Rates) -> int | None:
    """The least number of processes from which on one bill is smaller than another, however many they become.

    :return: None where there is none
    """

    def saved(processes: int) -> Fraction:
        return other.cost(processes) - one.cost(processes)

    bends = sorted({1, *(bend for rates in (one, other) for bend in rates.bends() if bend > 1)})
    upper = bends[-1] + 1
    slope = saved(upper) - saved(bends[-1])
    if slope > 0:  # so far out that it has come to be smaller, if it was not
        upper += max(0, floor(-saved(upper) / slope) + 1)
    if slope < 0 or saved(upper) <= 0:
        return None
    for lower in reversed(bends):
        if saved(lower) <= 0:
            slope = (saved(upper) - saved(lower)) / (upper - lower)
            return lower + floor(-saved(lower) / slope) + 1
        upper = lower
    return 1


def _lines(comparison: Comparison) -> Iterator[str]:
    processes = comparison.processes
    yield f'This plan in both forms, a month of {processes:,} process{"es" if processes > 1 else ""}'
    yield _row('classic', comparison.classic, comparison.classic_discards)
    yield _row('OTLP', comparison.otlp, comparison.otlp_discards)
    for form, since in (('The classic form', comparison.classic_from), ('OTLP', comparison.otlp_from)):
        if since is not None:
            where = f'from {since:,} processes on' if since > 1 else 'with any number of processes'
            yield f'{form} is cheaper {where}.'
            return
    yield 'With many processes both cost the same.'


def _row(form: str, cost: float, discards: int) -> str:
    return f'{form:<16}{"":>14}  {cost:>12,.2f} USD{f"  ({discards:,} discarded)" if discards else ""}'

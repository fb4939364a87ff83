"""Two bills over the number of processes, against trying every number, and against the previews of each number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from textwrap import dedent
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.trees import build, frozen, trees

from aws_satella import View
from aws_satella.pure import CounterReading, DataPoint, read
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.bill import Comparison, Preview, Prices, compared, preview_of
from aws_satella.pure.comparison import Rates, cheaper_from
from aws_satella.pure.plan import Plan

# --- from how many processes on

HORIZON = 700
"""Beyond so many processes, no bill of those below overtakes another: tiers end at 20 metrics, and bills that differ at
all then differ by a cent more for each process, from less than 500 cents on."""


class Bill(NamedTuple):
    """A bill in whole cents."""

    tiers: tuple[tuple[int | None, int], ...]
    """The last metric of each tier, None for the last tier, and its price."""
    metrics: int
    own_metrics: int
    each: int

    def costs(self) -> list[int]:
        """The price of the first metric, the second, ... added up, for each number of processes from 1 on."""
        last = self.metrics + self.own_metrics * HORIZON
        prices = (self._price(nth) for nth in range(1, last + 1))
        sums = list(accumulate(prices, initial=0))
        return [sums[self.metrics + self.own_metrics * n] + self.each * n for n in range(1, HORIZON + 1)]

    def _price(self, nth: int) -> int:
        return next(price for border, price in self.tiers if border is None or nth <= border)

    @property
    def rates(self) -> Rates:
        """The same in dollars, which as floats are not what they say."""
        tiers = tuple((math.inf if border is None else border, price / 100) for border, price in self.tiers)
        return Rates(Prices(tiers), self.metrics, self.own_metrics, Fraction(self.each, 100))


cents = st.integers(0, 3)


@st.composite
def pairs_of_bills(draw: st.DrawFn) -> tuple[Bill, Bill]:
    """Two bills by the same prices. A tier may be dearer than the one before it."""
    borders = sorted(draw(st.sets(st.integers(1, 20), max_size=3)))
    tiers = tuple((border, draw(cents)) for border in (*borders, None))
    bills = st.builds(Bill, st.just(tiers), st.integers(0, 30), st.integers(0, 3), st.integers(0, 9))
    return draw(bills), draw(bills)


_DEARER_AND_CHEAPER = ((15, 3), (18, 0), (None, 3))
_CHEAPER = ((11, 3), (None, 1))


@given(pairs_of_bills())
@example((Bill(_DEARER_AND_CHEAPER, 26, 2, 2), Bill(_DEARER_AND_CHEAPER, 8, 3, 0)))  # a tier begins within a process
@example((Bill(_CHEAPER, 19, 3, 3), Bill(_CHEAPER, 3, 3, 9)))  # they cross between two tiers
def test_comparison_finds_where_a_bill_becomes_the_smaller_one(bills: tuple[Bill, Bill]) -> None:
    """It is smaller with that many processes, and with any number above, and is not with one less. Exactly: bills that
    are equal are not smaller."""
    one, other = bills
    costs = list(zip(one.costs(), other.costs(), strict=True))
    dearer = [n for n, (cost, than) in enumerate(costs, 1) if cost >= than]
    last = dearer[-1] if dearer else 0
    assert cheaper_from(one.rates, other.rates) == (None if last == HORIZON else last + 1)


def test_tenths_of_a_cent_are_no_floats() -> None:
    """0.1 USD three times is 0.3 USD once: neither is smaller. As floats, one is."""
    thrice, once = Rates(Prices(), 0, 0, 3 * Fraction('0.1')), Rates(Prices(((math.inf, 0.3),)), 0, 1, Fraction(0))
    assert 3 * 0.1 > 0.3
    assert cheaper_from(thrice, once) is cheaper_from(once, thrice) is None


def test_very_many_processes_are_not_tried_out() -> None:
    """Where bills hardly differ, the number is found all the same."""
    one, other = Rates(Prices(), 0, 0, Fraction(1)), Rates(Prices(), 250_000, 0, 1 - Fraction(1, 10**12))
    assert cheaper_from(other, one) == 27_000 * 10**12 + 1
    assert cheaper_from(one, other) is None


# --- of a plan

ENVIRONMENT: dict[str, Any] = {
    'pid': 7,
    'now': 1_700_000_060,
    'since': 1_700_000_000,
    'resource': {'service.name': 'shop', 'service.instance.id': 'a'},
}
plans = st.builds(
    Arguments,
    st.just('Shop'),
    add_pid=st.sampled_from([None, 'pid']),
    max_send_at_once=st.sampled_from([1, 20, 1_000]),
    destination=st.sampled_from(['cloudwatch', 'otlp', 'http://localhost:4318/v1/metrics']),
    temporality=st.sampled_from(['cumulative', 'delta']),
    max_dimensions=st.sampled_from([1, 10]),
).map(lambda arguments: arguments.plan)
some_prices = st.builds(
    Prices,
    st.sampled_from([((5, 0.3), (20, 0.1), (math.inf, 0.02)), ((math.inf, 0.0),), ((10, 0.0), (math.inf, 1.0))]),
    thousand_requests=st.sampled_from([0.0, 0.01]),
    gigabyte=st.sampled_from([0.0, 0.5, 300.0]),
)

ROUNDING = 1e-5
"""US dollars that a bill may be off, since it counts whole requests."""


@given(trees(), plans, some_prices, st.sampled_from([1, 3, 50]), st.sampled_from([1.5, 300, 86_400]))
def test_comparison_is_that_of_both_previews(
    tree: Any, plan: Plan, prices: Prices, processes: int, interval: float
) -> None:
    """The preview is that of the plan, and its comparison has the bills of both forms. With as many processes as it
    names, and more, the previews say the same."""
    with frozen():
        readings = list(read(build(tree)))

    def alone(destination: str, number: int) -> Preview:
        changed = replace(plan, destination=destination)
        return preview_of(changed, readings, interval=interval, processes=number, prices=prices, **ENVIRONMENT)

    preview = compared(plan, iter(readings), interval=interval, processes=processes, prices=prices, **ENVIRONMENT)
    classic, otlp = alone('cloudwatch', processes), alone('otlp', processes)

    assert replace(preview, comparison=None) == (classic if plan.destination == 'cloudwatch' else otlp)
    comparison = preview.comparison
    assert comparison is not None
    assert (comparison.processes, comparison.classic, comparison.otlp) == (processes, classic.cost, otlp.cost)
    assert comparison.classic_discards == sum(classic.discards.values())
    assert comparison.otlp_discards == sum(otlp.discards.values())

    def saved(number: int) -> float:
        return alone('cloudwatch', number).cost - alone('otlp', number).cost

    for since, sign in ((comparison.otlp_from, 1), (comparison.classic_from, -1)):
        if since is not None:
            assert all(sign * saved(number) > -ROUNDING for number in (since, since + 1, 2 * since, 1_000 * since))
            assert since == 1 or sign * saved(since - 1) < ROUNDING
    assert comparison.otlp_from is None or comparison.classic_from is None


def test_readings_are_iterated_once() -> None:
    """To read a tree runs user code, so both forms take what was read once."""

    times = 0

    def once() -> Iterator[DataPoint]:
        nonlocal times
        times += 1
        yield DataPoint('orders', 1, {})

    comparison = compared(Arguments('Shop').plan, once(), interval=300, **ENVIRONMENT).comparison
    assert times == 1
    assert comparison is not None
    assert min(comparison.classic, comparison.otlp) > 0


# --- the text


@pytest.mark.parametrize(
    ('classic_from', 'otlp_from', 'sentence'),
    [
        (1_210, None, 'The classic form is cheaper from 1,210 processes on.'),
        (1, None, 'The classic form is cheaper with any number of processes.'),
        (None, 2, 'OTLP is cheaper from 2 processes on.'),
        (None, 1, 'OTLP is cheaper with any number of processes.'),
        (None, None, 'With many processes both cost the same.'),
    ],
)
def test_table_is_for_reading(classic_from: int | None, otlp_from: int | None, sentence: str) -> None:
    """Both bills, in the columns of the preview, and which form to take with how many processes."""
    comparison = Comparison(1_000, 1_234.5, 3.032, 0, 0, classic_from, otlp_from)
    assert str(comparison) == dedent(f"""\
        This plan in both forms, a month of 1,000 processes
        classic                             1,234.50 USD
        OTLP                                    3.03 USD
        {sentence}""")


@pytest.mark.parametrize(('destination', 'cost'), [('cloudwatch', '3.09'), ('otlp', '0.01')])
def test_table_has_what_views_save(destination: str, cost: str) -> None:
    """The series and the bill of the same plan without views, and that bounds hold for each process."""
    counters = [CounterReading('orders', 1, {'url': f'/{number}'}, number) for number in range(10)]
    bounded = '(each process keeps its own first series: up to processes * max_series + 1 of a metric are billed)'
    for view in (View(drop=('url',)), View(max_series=5)):
        plan = Arguments('Shop', views={'orders': view}, destination=destination).plan
        lines = str(compared(plan, counters, interval=300, **ENVIRONMENT)).splitlines()
        at = lines.index(f'without views               10  {cost:>12} USD')
        assert (lines[at - 1] == bounded) == (bounded in lines) == (view.max_series is not None)
        assert not lines[at + 1]


def test_bill_has_what_its_form_does_not_take_beside_it() -> None:
    """A bill is small where much is discarded, so that is said."""
    labels = {f'label{number}': number for number in range(12)}
    points = [DataPoint('orders', 1, labels), DataPoint('bad', math.nan, {})]
    preview = compared(Arguments('Shop').plan, points, interval=300, **ENVIRONMENT)
    assert str(preview).splitlines()[-4:-1] == [
        'This plan in both forms, a month of 1 process',
        'classic                                 0.00 USD  (2 discarded)',
        'OTLP                                    0.00 USD  (1 discarded)',
    ]

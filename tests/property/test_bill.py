"""The bill: the arithmetic of prices and of what is billed, against the naive way to reckon it."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date, datetime, timezone
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from satella.instrumentation.metrics import MetricData

from aws_satella.pure.arguments import Arguments
from aws_satella.pure.bill import HOURS_A_MONTH, Prices, preview_of
from aws_satella.pure.chunks import chunk
from aws_satella.pure.formats import putmetricdata
from aws_satella.pure.plan import Plan
from aws_satella.pure.points import DataPoint, Discarded, Distribution, Reason

# --- prices


@st.composite
def tiers(draw: st.DrawFn) -> tuple[tuple[float, float], ...]:
    """Ascending borders, the last one open, each with a price."""
    borders = sorted(draw(st.sets(st.integers(1, 200), max_size=5)))
    prices = draw(st.lists(st.floats(0, 10), min_size=len(borders) + 1, max_size=len(borders) + 1))
    return tuple(zip((*map(float, borders), math.inf), prices, strict=True))


@given(tiers(), st.integers(0, 300))
def test_each_metric_costs_what_its_tier_says(metric_tiers: tuple[tuple[float, float], ...], number: int) -> None:
    """The price of n metrics is the sum of the prices of the first, the second, ... and the n-th."""
    naive = math.fsum(next(price for border, price in metric_tiers if nth <= border) for nth in range(1, number + 1))
    assert math.isclose(Prices(metric_tiers).metrics(number), naive, abs_tol=1e-9)


@given(st.integers(0, 3_000_000), st.integers(0, 3_000_000))
def test_more_metrics_never_cost_less(one: int, other: int) -> None:
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
def test_the_published_prices(number: int, cost: float) -> None:
    """The prices at the borders of the tiers of CloudWatch, worked out by hand."""
    assert Prices().metrics(number) == pytest.approx(cost, abs=1e-9)


@given(st.integers(0, 10**9))
def test_requests_cost_by_the_thousand(number: int) -> None:
    """0.01 USD per 1,000."""
    assert math.isclose(Prices().requests(number), number * 0.00001)


# --- what is billed

texts = st.text(st.characters(codec='utf-8'), max_size=12)
distributions = st.dictionaries(st.floats(-1e6, 1e6), st.integers(1, 9), max_size=160).map(
    lambda counts: Distribution(tuple(counts), tuple(map(float, counts.values())))
)
points = st.builds(
    DataPoint,
    st.sampled_from(['a', 'b.c', 'zażółć', '', 'd' * 256]),
    st.one_of(st.floats(), st.integers(), st.none(), distributions),
    st.dictionaries(st.sampled_from(['url', 'pid', 'stage', ':bad']), texts, max_size=4),
)
discards = st.builds(Discarded, st.just(MetricData('broken', None)), st.sampled_from(Reason))
arguments = st.builds(
    Arguments,
    st.sampled_from(['Shop', 'N' * 255]),
    st.sampled_from([None, {'stage': 'test'}]),
    max_send_at_once=st.integers(1, 1_000),
    add_pid=st.sampled_from([None, 'pid']),
    max_dimensions=st.integers(2, 4),
    units=st.sampled_from([None, {'*': 'Terabytes/Second'}]),
    storage_resolution=st.sampled_from([1, 60]),
    max_series=st.one_of(st.none(), st.integers(0, 30)),
    exclude=st.sampled_from([(), ('b.*',)]),
)

plans = arguments.map(lambda checked: checked.plan)
NOW = datetime(2026, 11, 23, 1, 2, 3, 456_789, timezone.utc).timestamp()


def requests_of(plan: Plan, given_points: list[DataPoint | Discarded]) -> tuple[list[list[str]], list[Discarded]]:
    """The items of each request that the plan makes, and what it discards."""
    made = list(plan.encoding(timestamp=NOW, pid=4_194_304).items(given_points))
    items = [item for item in made if not isinstance(item, Discarded)]
    room = 1_000_000 - len(putmetricdata.body(plan.classic_envelope, []))
    requests = list(chunk(items, plan.max_send_at_once, room, putmetricdata.size))
    return requests, [item for item in made if isinstance(item, Discarded)]


@given(plans, st.lists(st.one_of(points, discards), max_size=20), st.integers(1, 9), st.integers(1, 86_400))
def test_a_preview_is_what_the_plan_makes_counted(
    plan: Plan, given_points: list[DataPoint | Discarded], processes: int, interval: int
) -> None:
    """Series, data, requests, bytes, discards, bill and top of a preview are those of the requests of the plan."""
    requests, thrown_away = requests_of(plan, given_points)
    data = [datum for request in requests for datum in putmetricdata.decode(request)]
    billed = {
        (datum['MetricName'], *sorted((each['Name'], each['Value']) for each in datum['Dimensions']), worker)
        for datum in data
        for worker in range(processes if plan.add_pid else 1)
    }

    preview = preview_of(plan, given_points, pid=4_194_304, now=NOW, interval=interval, processes=processes)

    assert preview.series == len({series[:-1] for series in billed})
    assert preview.data == len(data)
    assert preview.requests == len(requests)
    assert preview.bytes == sum(len(putmetricdata.body(plan.classic_envelope, request)) for request in requests)
    assert preview.discards == Counter(discarded.reason for discarded in thrown_away)
    assert preview.billed_metrics == len(billed)
    assert preview.requests_a_month == round(len(requests) * processes * HOURS_A_MONTH * 3_600 / interval)
    assert preview.metric_cost == Prices().metrics(len(billed))
    assert preview.request_cost == Prices().requests(preview.requests_a_month)
    assert preview.cost == preview.metric_cost + preview.request_cost
    assert dict(preview.top) == Counter(series[0] for series in billed)
    assert list(preview.top) == sorted(preview.top, key=lambda item: (-item[1], item[0]))


@given(plans, st.lists(st.one_of(points, discards), max_size=10))
def test_every_number_is_in_the_table(plan: Plan, given_points: list[DataPoint | Discarded]) -> None:
    """Each row is a label and its number, in one column; no line is blank at its end."""
    preview = preview_of(plan, given_points, pid=1, now=NOW, interval=60, processes=2_000)
    lines = str(preview).splitlines()
    rows = {line[:16].strip(): line[16:30] for line in lines if line[:1].islower() and line[29:30].isdigit()}
    for label, number in {
        'series': preview.series,
        'metric data': preview.data,
        'bytes': preview.bytes,
        'billed metrics': preview.billed_metrics,
        'requests': preview.requests_a_month,
    }.items():
        assert rows[label] == f'{number:>14,}'
    assert all(any(reason.value in line for line in lines) for reason in preview.discards)
    assert all(line == line.rstrip() for line in lines)
    assert (
        lines[-len(preview.top) :]
        == [f'  {name:<{max(len(each) for each, _ in preview.top)}}  {number:>10,}' for name, number in preview.top]
        or not preview.top
    )


def test_the_whole_table() -> None:
    """What is printed, as its reader sees it: of one process unless told otherwise, most billed names first."""
    prices = Prices(metric_tiers=((2, 0.30), (math.inf, 0.10)), as_of=date(2026, 11, 1), source='a price list')
    points: list[DataPoint | Discarded] = [
        DataPoint('orders', 1, {}),
        DataPoint('requests', 1, {'url': '/'}),
        DataPoint('requests', 1, {'url': '/shop'}),
        DataPoint('requests', math.nan, {'url': '/bad'}),
    ]
    preview = preview_of(Arguments('Shop', add_pid='pid').plan, points, pid=7, now=NOW, interval=60, prices=prices)
    assert preview.prices is prices
    assert str(preview) == dedent(f"""\
        One cycle of one process
        series                       3
        metric data                  3
        requests                     1
        bytes           {preview.bytes:>14,}
        discarded                    1  (the value is NaN or infinite)

        A month of all processes
        billed metrics               3          0.70 USD
        requests                43,800          0.44 USD
        together                                1.14 USD
        (prices of 2026-11-01, a price list)

        Most billed metrics
          requests           2
          orders             1""")

"""The bill: the arithmetic of prices and of what is billed, against the naive way to reckon it.

What OTLP is billed by is written by the official classes.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import date, datetime, timezone
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from property import otlp as receiver
from property.trees import build, frozen, trees
from satella.instrumentation.metrics import MetricData

from aws_satella.pure import read
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.bill import HOURS_A_MONTH, Prices, preview_of
from aws_satella.pure.chunks import chunk
from aws_satella.pure.formats import otlp, putmetricdata
from aws_satella.pure.plan import Plan
from aws_satella.pure.points import CounterReading, DataPoint, Discarded, Distribution, Reason
from aws_satella.pure.preview import NO_VOLUME

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
def test_preview_is_what_the_plan_makes_counted(
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
    assert (preview.is_otlp, preview.volume_per_request, preview.volume_per_point) == (False, NO_VOLUME, NO_VOLUME)
    assert preview.requests_a_second == pytest.approx(len(requests) * processes / interval)
    assert dict(preview.top) == Counter(series[0] for series in billed)
    assert list(preview.top) == sorted(preview.top, key=lambda item: (-item[1], item[0]))


@given(plans, st.lists(st.one_of(points, discards), max_size=10))
def test_table_of_a_bill_has_all_its_numbers(plan: Plan, given_points: list[DataPoint | Discarded]) -> None:
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


def test_whole_table() -> None:
    """What is printed, as its reader sees it: of one process unless told otherwise, most billed names first."""
    prices = Prices(metric_tiers=((2, 1_234.5), (math.inf, 0.10)), as_of=date(2026, 11, 1), source='a price list')
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
        billed metrics               3      2,469.10 USD
        requests                43,800          0.44 USD
        together                            2,469.54 USD
        (prices of 2026-11-01, a price list)

        Most billed metrics
          requests           2
          orders             1""")


# --- over OTLP

RESOURCE = {'service.name': 'shop', 'service.instance.id': 'a', 'process.pid': '7', 'telemetry.sdk.version': '3.1.0'}
SINCE = NOW - 60
otlp_plans = st.builds(
    Arguments,
    st.just('Shop'),
    destination=st.sampled_from(['otlp', 'http://localhost:4318/v1/metrics']),
    temporality=st.sampled_from(['cumulative', 'delta']),
    max_send_at_once=st.sampled_from([1, 2, 20]),
    units=st.sampled_from([None, {'*': 'Kilobytes/Second'}]),
    exclude=st.sampled_from([(), ('web.*',)]),
).map(lambda checked: checked.plan)


def bodies_of(plan: Plan, readings: list[Any]) -> list[bytes]:
    """The body of each request that the plan makes: of up to 1,000 points, unless another number was given."""
    encoding = plan.encoding(NOW, 7, since=SINCE, resource=RESOURCE)
    made = encoding.items(plan.rebase(readings, {}))
    items = encoding.together([item for item in made if not isinstance(item, Discarded)])
    most = 1_000 if plan.max_send_at_once == 20 else plan.max_send_at_once
    envelope: Any = encoding.envelope
    return [otlp.body(envelope, items[start : start + most]) for start in range(0, len(items), most)]


def alone(body: bytes) -> list[tuple[str, int]]:
    """The name of each point of a request, and the bytes of a request that has this point only."""
    request: Any = receiver.parse(body)
    found = []
    for metric in request.resource_metrics[0].scope_metrics[0].metrics:
        for point in getattr(metric, metric.WhichOneof('data')).data_points:
            one: Any = ExportMetricsServiceRequest()
            one.CopyFrom(request)
            del one.resource_metrics[0].scope_metrics[0].metrics[:]
            copied = one.resource_metrics[0].scope_metrics[0].metrics.add()
            copied.CopyFrom(metric)
            data = getattr(copied, metric.WhichOneof('data'))
            del data.data_points[:]
            data.data_points.add().CopyFrom(point)
            found.append((metric.name, one.ByteSize()))
    return found


@given(trees(), otlp_plans, st.integers(1, 9), st.floats(0.5, 86_400), st.sampled_from([0.0, 0.5, 2.0]))
def test_over_otlp_bytes_are_billed(tree: Any, plan: Plan, processes: int, interval: float, price: float) -> None:
    """Points, requests and bytes are those of the plan. The bytes of a month are billed, in two ways to count: those of
    the requests, and those of requests with one point each. The dearer one is the cost."""
    with frozen():
        readings = list(read(build(tree)))
    bodies = bodies_of(plan, readings)
    counted = [each for body in bodies for each in alone(body)]
    sums: Counter[str] = Counter()
    for name, size in counted:
        sums[name] += size
    times = processes * 730 * 3_600 / interval

    preview = preview_of(
        plan,
        readings,
        pid=7,
        now=NOW,
        interval=interval,
        processes=processes,
        prices=Prices(gigabyte=price),
        since=SINCE,
        resource=RESOURCE,
    )

    assert (preview.is_otlp, preview.series, preview.data) == (True, len(counted), len(counted))
    assert (preview.requests, preview.bytes) == (len(bodies), sum(map(len, bodies)))
    assert preview.requests_a_month == round(len(bodies) * times)
    assert preview.requests_a_second == pytest.approx(len(bodies) * processes / interval)
    shared, each = preview.volume_per_request, preview.volume_per_point
    assert (shared.bytes, each.bytes) == (preview.bytes, sum(sums.values()))
    for volume in (shared, each):
        assert volume.gigabytes == pytest.approx(volume.bytes * times / 1e9)
        assert volume.cost == pytest.approx(volume.gigabytes * price)
    assert preview.cost == max(shared.cost, each.cost)
    assert (preview.billed_metrics, preview.metric_cost, preview.request_cost) == (0, 0, 0)
    assert list(preview.top) == sorted(sums.items(), key=lambda item: (-item[1], item[0]))[:10]


def test_request_of_otlp_holds_a_megabyte() -> None:
    """Where the points are large, there are fewer than 1,000 in a request."""
    points = [DataPoint('m', 1, {'l': 'v' * 1_000, 'n': str(number)}) for number in range(3_000)]
    plan = Arguments('Shop', destination='otlp').plan
    preview = preview_of(plan, points, pid=7, now=NOW, interval=60, resource=RESOURCE)
    assert preview.bytes > 3_000_000
    assert preview.requests == 4


def test_series_that_become_equal_are_one_point_over_otlp() -> None:
    """They are added up before they are sent, and are billed once."""
    points = [CounterReading('orders', 1, {'code': code}, object()) for code in (200, '200')]
    preview = preview_of(Arguments('Shop', destination='otlp').plan, points, pid=7, now=NOW, interval=60)
    assert (preview.series, preview.data) == (1, 1)


def test_whole_table_of_otlp() -> None:
    """What is printed, as its reader sees it: with the quota beside the requests, and both ways to count."""
    points: list[DataPoint | Discarded] = [
        DataPoint('orders', 1, {}),
        *(DataPoint('requests', 1, {'url': f'/{number}'}) for number in range(1_500)),
        DataPoint('requests', math.nan, {'url': '/bad'}),
    ]
    prices = Prices(gigabyte=0.25, gigabyte_as_of=date(2026, 10, 2), gigabyte_source='a price list')
    plan = Arguments('Shop', destination='otlp').plan
    preview = preview_of(plan, points, pid=7, now=NOW, interval=60, processes=40_000, prices=prices)
    one, other = preview.volume_per_request, preview.volume_per_point
    assert str(preview) == dedent(f"""\
        One cycle of one process
        series                   1,501
        data points              1,501
        requests                     2
        bytes           {preview.bytes:>14,}
        discarded                    1  (the value is NaN or infinite)

        A month of all processes
        requests         3,504,000,000
        a second             1,333.333  (quota of the account: 500)
        GB, low count   {one.gigabytes:>14,.3f}  {one.cost:>12,.2f} USD  (the resource once a request)
        GB, high count  {other.gigabytes:>14,.3f}  {other.cost:>12,.2f} USD  (the resource once a point)
        (0.25 USD a GB, price of 2026-10-02, a price list)

        Most bytes
          requests  {other.bytes - preview.top[1][1]:>10,}
          orders    {preview.top[1][1]:>10,}""")

"""What a plan would cost: series, requests and bytes of one cycle, and the bill of a month.

What may live here: prices, and arithmetic on them. What may not: the account's other metrics, its free tier, its
discounts.

CloudWatch bills every distinct combination of name and dimensions as a metric, and every request.
Source: https://aws.amazon.com/cloudwatch/pricing/ (custom metrics, and API requests, us-east-1)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from math import inf
from typing import Any, Final

from aws_satella.pure.chunks import chunk
from aws_satella.pure.formats import putmetricdata
from aws_satella.pure.formats.putmetricdata import Item
from aws_satella.pure.plan import Plan
from aws_satella.pure.points import Discarded, Reason
from aws_satella.pure.reading import Readings

HOURS_A_MONTH: Final = 730
"""Hours of a month, as AWS counts them."""

MAX_NAMES: Final = 10
"""How many names are listed."""


@dataclass(frozen=True)
class Prices:
    """What CloudWatch charges, in US dollars."""

    metric_tiers: tuple[tuple[float, float], ...] = ((10_000, 0.30), (250_000, 0.10), (1_000_000, 0.05), (inf, 0.02))
    """Up to so many metrics, each costs so much a month."""
    thousand_requests: float = 0.01
    as_of: date = date(2026, 11, 23)
    source: str = 'https://aws.amazon.com/cloudwatch/pricing/'

    def metrics(self, number: float) -> float:
        """The price of so many metrics for a month."""
        cost, below = 0.0, 0.0
        for upper, price in self.metric_tiers:
            cost += max(0.0, min(number, upper) - below) * price
            below = upper
        return cost

    def requests(self, number: float) -> float:
        """The price of so many requests."""
        return number / 1_000 * self.thousand_requests


@dataclass(frozen=True)
class Preview:
    """What one cycle would send, and what a month of it would cost. ``str()`` makes a table of it."""

    series: int
    """Distinct combinations of name and dimensions that one process sends."""
    data: int
    """Metric data in one cycle of one process: more than series where some are equal, or too large for one datum."""
    requests: int
    """Requests in one cycle of one process."""
    bytes: int
    """Bytes of their bodies, before compression."""
    discards: Mapping[Reason, int]
    """Data that would be thrown away, and why."""
    billed_metrics: int
    """Series of all processes: the same ones, unless each process has a pid dimension of its own."""
    requests_a_month: int
    """Requests of all processes."""
    metric_cost: float
    """US dollars a month for the metrics."""
    request_cost: float
    """US dollars a month for the requests."""
    top: tuple[tuple[str, int], ...]
    """The names with the most billed metrics, most first."""
    prices: Prices = field(repr=False, default_factory=Prices)

    @property
    def cost(self) -> float:
        """US dollars a month."""
        return self.metric_cost + self.request_cost

    def __str__(self) -> str:
        return '\n'.join(_lines(self))


class _Survey:
    """Looks at the items of a cycle as they go by."""

    def __init__(self) -> None:
        self.data = 0
        self.identities: set[tuple[str, frozenset[tuple[str, str]]]] = set()
        self.discards: Counter[Reason] = Counter()

    def items(self, items: Iterable[Item | Discarded]) -> Iterator[Item]:
        """The items; discards are counted, and left out."""
        for item in items:
            if isinstance(item, Discarded):
                self.discards[item.reason] += 1
                continue
            self.data += 1
            self.identities.add(putmetricdata.identity(item))
            yield item


def preview_of(
    plan: Plan,
    readings: Readings,
    *,
    pid: int,
    now: float,
    interval: float,
    processes: int = 1,
    prices: Prices | None = None,
) -> Preview:
    """What a plan would make of these readings, and its bill.

    :param plan: what is to be exported, and how
    :param readings: what reading a tree gave
    :param pid: the id of a process
    :param now: UNIX seconds
    :param interval: seconds between two cycles
    :param processes: how many processes export the same
    :param prices: what CloudWatch charges
    """
    prices, survey = prices or Prices(), _Survey()
    sizes = _body_sizes(plan, survey.items(plan.encoding(now, pid).items(plan.rebase(readings, {}))))
    requests = len(sizes)
    times = processes if plan.add_pid else 1
    names = Counter(name for name, _ in survey.identities)
    requests_a_month = round(requests * processes * HOURS_A_MONTH * 3600 / interval)
    billed = len(survey.identities) * times
    return Preview(
        series=len(survey.identities),
        data=survey.data,
        requests=requests,
        bytes=sum(sizes),
        discards=dict(survey.discards),
        billed_metrics=billed,
        requests_a_month=requests_a_month,
        metric_cost=prices.metrics(billed),
        request_cost=prices.requests(requests_a_month),
        top=tuple((name, count * times) for name, count in sorted(names.items(), key=_most_first)[:MAX_NAMES]),
        prices=prices,
    )


def _body_sizes(plan: Plan, items: Iterable[Item]) -> list[int]:
    """The bytes of each request."""
    room = putmetricdata.item_bytes(plan.classic_envelope, plan.max_send_at_once)
    chunks = chunk(items, plan.max_send_at_once, room, len)
    return [len(putmetricdata.body(plan.classic_envelope, each)) for each in chunks]


def _most_first(item: tuple[str, int]) -> Any:
    name, count = item
    return -count, name


def _lines(preview: Preview) -> Iterator[str]:
    yield 'One cycle of one process'
    yield _row('series', preview.series)
    yield _row('metric data', preview.data)
    yield _row('requests', preview.requests)
    yield _row('bytes', preview.bytes)
    for reason, number in preview.discards.items():
        yield _row('discarded', number, f'({reason.value})')
    yield ''
    yield 'A month of all processes'
    yield _row('billed metrics', preview.billed_metrics, f'{preview.metric_cost:>12,.2f} USD')
    yield _row('requests', preview.requests_a_month, f'{preview.request_cost:>12,.2f} USD')
    yield f'{"together":<16}{"":>14}  {preview.cost:>12,.2f} USD'
    yield f'(prices of {preview.prices.as_of}, {preview.prices.source})'
    if preview.top:
        yield ''
        yield 'Most billed metrics'
        width = max(len(name) for name, _ in preview.top)
        yield from (f'  {name:<{width}}  {number:>10,}' for name, number in preview.top)


def _row(label: str, number: int, note: str = '') -> str:
    return f'{label:<16}{number:>14,}  {note}'.rstrip()

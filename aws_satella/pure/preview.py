"""A preview: what one cycle would send, what a month of it would cost, and how that is shown.

What may live here: the value, and its text. What may not: how its numbers are found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from aws_satella.pure import limits
from aws_satella.pure.comparison import Comparison
from aws_satella.pure.points import Reason
from aws_satella.pure.prices import Prices
from aws_satella.pure.redaction import on_one_line


@dataclass(frozen=True)
class Volume:
    """The data of a month over OTLP, as CloudWatch may count them."""

    bytes: int
    """Of one cycle of one process."""
    gigabytes: float
    """Of all processes in a month."""
    cost: float
    """US dollars a month."""


NO_VOLUME: Final = Volume(0, 0.0, 0.0)
"""The classic form, which is not billed by volume."""


@dataclass(frozen=True)
class Preview:
    """What one cycle would send, and what a month of it would cost. ``str()`` makes a table of it."""

    series: int
    """Distinct series that one process sends: combinations of name and dimensions."""
    data: int
    """Metric data in one cycle of one process: more than series where some are equal, or too large for one datum. Over
    OTLP, data points."""
    requests: int
    """Requests in one cycle of one process."""
    bytes: int
    """Bytes of their bodies, before compression."""
    discards: Mapping[Reason, int]
    """Data that would be thrown away, and why."""
    billed_metrics: int
    """Series of all processes: the same ones, unless each process has a pid dimension of its own. None over OTLP."""
    requests_a_month: int
    """Requests of all processes."""
    metric_cost: float
    """US dollars a month for the metrics."""
    request_cost: float
    """US dollars a month for the requests."""
    top: tuple[tuple[str, int], ...]
    """The names with the most billed metrics, most first. Over OTLP, those with the most bytes in one cycle of one
    process, where the resource counts once a point."""
    prices: Prices = field(repr=False, default_factory=Prices)
    is_otlp: bool = False
    """Whether it is sent over OTLP."""
    requests_a_second: float = 0.0
    """Requests of all processes, on average."""
    volume_per_request: Volume = NO_VOLUME
    """What OTLP is billed by, if the name of a metric and the resource count once a request, as they are sent."""
    volume_per_point: Volume = NO_VOLUME
    """The same if they count with every data point."""
    comparison: Comparison | None = None
    """The bill of the classic form beside that of OTLP. :func:`aws_satella.preview` always gives it."""
    unviewed: Preview | None = None
    """The same plan without ``views``, ``max_series`` and ``idle_after``; None where it has none of them."""
    keeps_first: bool = False
    """Whether it bounds the series of a metric, so that each process keeps its own first ones: up to processes *
    ``max_series`` + 1 of them may be billed in all, and not ``billed_metrics``."""

    @property
    def volume_cost(self) -> float:
        """US dollars a month for the data: the dearer one of both ways to count them."""
        return max(self.volume_per_request.cost, self.volume_per_point.cost)

    @property
    def cost(self) -> float:
        """US dollars a month."""
        return self.metric_cost + self.request_cost + self.volume_cost

    def __str__(self) -> str:
        return '\n'.join(_lines(self))


def _lines(preview: Preview) -> Iterator[str]:
    yield 'One cycle of one process'
    yield _row('series', preview.series)
    yield _row('data points' if preview.is_otlp else 'metric data', preview.data)
    yield _row('requests', preview.requests)
    yield _row('bytes', preview.bytes)
    for reason, number in preview.discards.items():
        yield _row('discarded', number, f'({reason.value})')
    yield ''
    yield 'A month of all processes'
    yield from _volume(preview) if preview.is_otlp else _metrics(preview)
    yield from _views(preview)
    if preview.top:
        yield ''
        yield 'Most bytes' if preview.is_otlp else 'Most billed metrics'
        top = [(on_one_line(name), number) for name, number in preview.top]
        width = max(len(name) for name, _ in top)
        yield from (f'  {name:<{width}}  {number:>10,}' for name, number in top)
    if preview.comparison is not None:
        yield ''
        yield str(preview.comparison)


def _metrics(preview: Preview) -> Iterator[str]:
    prices = preview.prices
    yield _row('billed metrics', preview.billed_metrics, _dollars(preview.metric_cost))
    yield _row('requests', preview.requests_a_month, _dollars(preview.request_cost))
    yield f'{"together":<16}{"":>14}  {_dollars(preview.cost)}'
    yield f'(prices of {prices.as_of}, {prices.source})'


def _volume(preview: Preview) -> Iterator[str]:
    prices = preview.prices
    yield _row('requests', preview.requests_a_month)
    quota = f'(quota of the account: {limits.MAX_OTLP_REQUESTS_PER_SECOND:,})'
    yield f'{"a second":<16}{preview.requests_a_second:>14,.3f}  {quota}'
    yield _gigabytes('GB, low count', preview.volume_per_request, 'the resource once a request')
    yield _gigabytes('GB, high count', preview.volume_per_point, 'the resource once a point')
    yield f'({prices.gigabyte:.2f} USD a GB, price of {prices.gigabyte_as_of}, {prices.gigabyte_source})'


def _gigabytes(label: str, volume: Volume, note: str) -> str:
    return f'{label:<16}{volume.gigabytes:>14,.3f}  {_dollars(volume.cost)}  ({note})'


def _views(preview: Preview) -> Iterator[str]:
    """What views save, and what they do not."""
    if preview.keeps_first:
        yield '(each process keeps its own first series: up to processes * max_series + 1 of a metric are billed)'
    if preview.unviewed is not None:
        without = preview.unviewed
        yield _row('without views', without.billed_metrics or without.data, _dollars(without.cost))


def _dollars(cost: float) -> str:
    return f'{cost:>12,.2f} USD'


def _row(label: str, number: int, note: str = '') -> str:
    return f'{label:<16}{number:>14,}  {note}'.rstrip()

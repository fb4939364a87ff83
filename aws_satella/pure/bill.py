"""What a plan would cost: series, requests and bytes of one cycle, and the bill of a month.

What may live here: what is billed. What may not: the account's other metrics, its free tier, its discounts.

In the classic form CloudWatch bills every distinct combination of name and dimensions as a metric, and every request.
Over OTLP it bills the size of data points: name, labels, attributes of the resource, time and value. Whether a name and
a resource, which the points of a request share, count once or with each point is not said, so both are reckoned. With
each point, its size is that of a request in which it is alone.

Sources: https://aws.amazon.com/cloudwatch/pricing/ and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/metrics-otel-pricing.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any, Final, NamedTuple

from aws_satella.pure.batches import Envelope
from aws_satella.pure.chunks import chunk
from aws_satella.pure.comparison import Comparison, Rates, cheaper_from
from aws_satella.pure.forms import CLOUDWATCH, OTLP, max_items
from aws_satella.pure.plan import NO_RESOURCE, Encoding, Plan
from aws_satella.pure.points import Discarded, Reason, Section
from aws_satella.pure.preview import Preview, Volume
from aws_satella.pure.prices import BYTES_A_GIGABYTE, HOURS_A_MONTH, Prices, cycles_a_month, exact
from aws_satella.pure.reading import Readings

__all__ = ['HOURS_A_MONTH', 'Comparison', 'Preview', 'Prices', 'Volume', 'compared', 'preview_of']

MAX_NAMES: Final = 10
"""How many names are listed."""


class _Cycle(NamedTuple):
    """What one process sends in one cycle."""

    bodies: Sequence[int]
    """The bytes of each request."""
    names: Sequence[str]
    """The name of each item."""
    identities: Sequence[Hashable]
    """What tells the series of each item apart."""
    alone: Sequence[int]
    """The bytes of a request in which an item is alone, for each item."""
    discards: Mapping[Reason, int]


def preview_of(
    plan: Plan,
    readings: Readings,
    *,
    pid: int,
    now: float,
    interval: float,
    processes: int = 1,
    prices: Prices | None = None,
    since: float = 0.0,
    resource: Mapping[str, str] = NO_RESOURCE,
) -> Preview:
    """What a plan would make of these readings, and its bill.

    :param plan: what is to be exported, and how
    :param readings: what reading a tree gave
    :param pid: the id of a process
    :param now: UNIX seconds
    :param interval: seconds between two cycles
    :param processes: how many processes export the same
    :param prices: what CloudWatch charges
    :param since: when what grows began to grow, in UNIX seconds; for OTLP
    :param resource: what the data of a process belong to; for OTLP
    """
    cycle = _cycle(plan, readings, plan.encoding(now, pid, since=since, resource=resource))
    return _reckoned(plan, cycle, interval, processes, prices or Prices())


def preview_of_items(plan: Plan, envelope: Envelope, items: Sequence[Any], *, interval: float) -> Preview:
    """The same for what one process has sent in a cycle.

    :param envelope: what it was sent in
    :param items: the items of the cycle
    """
    return _reckoned(plan, _cycle_of(plan, envelope, items, {}), interval, 1, Prices())


def _reckoned(plan: Plan, cycle: _Cycle, interval: float, processes: int, prices: Prices) -> Preview:
    requests = len(cycle.bodies)
    sent = Preview(
        series=len(set(cycle.identities)),
        data=len(cycle.names),
        requests=requests,
        bytes=sum(cycle.bodies),
        discards=cycle.discards,
        billed_metrics=0,
        requests_a_month=round(requests * processes * HOURS_A_MONTH * 3600 / interval),
        metric_cost=0.0,
        request_cost=0.0,
        top=(),
        prices=prices,
        is_otlp=plan.destination != CLOUDWATCH,
        requests_a_second=requests * processes / interval,
    )
    if sent.is_otlp:
        return _by_volume(sent, cycle, processes * cycles_a_month(interval))
    return _by_metrics(sent, cycle, processes if plan.add_pid else 1)


def compared(plan: Plan, readings: Readings, *, interval: float, processes: int = 1, **others: Any) -> Preview:
    """The same, with the bills of the classic form and of OTLP side by side.

    The arguments are those of :func:`preview_of`. Readings are iterated once: to read a tree may run user code.
    """
    listed = list(readings)
    reckon = partial(preview_of, readings=listed, interval=interval, processes=processes, **others)
    preview = reckon(plan=plan)
    if plan.is_viewed:
        plain = replace(plan, views={}, max_series=None, idle_after=None)
        unviewed = reckon(plan=plain, readings=[each for each in listed if not isinstance(each, Section)])
        preview = replace(preview, unviewed=unviewed, keeps_first=plan.has_bounds)
    other = reckon(plan=replace(plan, destination=CLOUDWATCH if preview.is_otlp else OTLP))
    classic, otlp = (other, preview) if preview.is_otlp else (preview, other)
    classic_rates = _classic_rates(classic, interval, by_process=bool(plan.add_pid))
    otlp_rates = _otlp_rates(otlp, interval)
    return replace(
        preview,
        comparison=Comparison(
            processes=processes,
            classic=classic.cost,
            otlp=otlp.cost,
            classic_discards=sum(classic.discards.values()),
            otlp_discards=sum(otlp.discards.values()),
            classic_from=cheaper_from(classic_rates, otlp_rates),
            otlp_from=cheaper_from(otlp_rates, classic_rates),
        ),
    )


def _cycle(plan: Plan, readings: Readings, encoding: Encoding) -> _Cycle:
    made = list(encoding.items(plan.rebase(readings, {})))
    discards = Counter(item.reason for item in made if isinstance(item, Discarded))
    items = encoding.together([item for item in made if not isinstance(item, Discarded)])
    return _cycle_of(plan, encoding.envelope, items, discards)


def _cycle_of(plan: Plan, envelope: Envelope, items: Sequence[Any], discards: Mapping[Reason, int]) -> _Cycle:
    form = plan.form
    metrics = list(map(form.metric, items))
    names = {metric: form.metric_data(item).name for metric, item in dict(zip(metrics, items, strict=True)).items()}
    most = max_items(plan.destination, plan.max_send_at_once)
    return _Cycle(
        [len(form.body(envelope, each)) for each in chunk(items, most, form.item_bytes(envelope, most), len)],
        [names[metric] for metric in metrics],
        list(map(form.identity, items)),
        [len(form.body(envelope, [item])) for item in items],
        dict(discards),
    )


def _by_metrics(sent: Preview, cycle: _Cycle, times: int) -> Preview:
    """The bill of the classic form.

    :param times: how many processes have series of their own
    """
    names = Counter(dict(zip(cycle.identities, cycle.names, strict=True)).values())
    billed = sent.series * times
    return replace(
        sent,
        billed_metrics=billed,
        metric_cost=sent.prices.metrics(billed),
        request_cost=sent.prices.requests(sent.requests_a_month),
        top=_top({name: number * times for name, number in names.items()}),
    )


def _by_volume(sent: Preview, cycle: _Cycle, times: Fraction) -> Preview:
    """The bill of OTLP.

    :param times: how many cycles a month has, of all processes together
    """

    def volume(size: int) -> Volume:
        gigabytes = float(size * times / BYTES_A_GIGABYTE)
        return Volume(size, gigabytes, sent.prices.gigabytes(gigabytes))

    sizes: Counter[str] = Counter()
    for name, size in zip(cycle.names, cycle.alone, strict=True):
        sizes[name] += size
    return replace(
        sent,
        volume_per_request=volume(sent.bytes),
        volume_per_point=volume(sum(cycle.alone)),
        top=_top(sizes),
    )


def _top(numbers: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The names with the greatest numbers, the greatest first."""
    return tuple(sorted(numbers.items(), key=lambda item: (-item[1], item[0]))[:MAX_NAMES])


def _classic_rates(preview: Preview, interval: float, *, by_process: bool) -> Rates:
    """The bill as a function of processes.

    :param by_process: whether each process has series of its own
    """
    requests = preview.requests * cycles_a_month(interval) / 1000 * exact(preview.prices.thousand_requests)
    series = preview.series
    return Rates(preview.prices, *((0, series) if by_process else (series, 0)), requests)


def _otlp_rates(preview: Preview, interval: float) -> Rates:
    """The bill as a function of processes, by the dearer way to count."""
    size = max(preview.volume_per_request.bytes, preview.volume_per_point.bytes)
    volume = size * cycles_a_month(interval) / BYTES_A_GIGABYTE * exact(preview.prices.gigabyte)
    return Rates(preview.prices, 0, 0, volume)

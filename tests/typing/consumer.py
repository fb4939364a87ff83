"""A program that uses all of the public interface, for a type checker to read.

It is checked with ``mypy --strict --disallow-any-expr`` against the installed wheel: no expression here may be ``Any``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from typing_extensions import assert_type

import aws_satella
from aws_satella import (
    ArgumentError,
    ArgumentTypeError,
    AWSSatellaExporterThread,
    Comparison,
    ExportStats,
    InitializationError,
    Preview,
    Prices,
    View,
    Volume,
    export_once,
    flush,
    preview,
    start_if_not_started,
    stats,
)
from aws_satella.pure import (
    Arguments,
    Baseline,
    DataPoint,
    Delta,
    Discarded,
    Kind,
    MetricDatum,
    Payload,
    Reason,
    build_payloads,
    collect,
    read,
)


class Client:
    """A client of CloudWatch that sends nothing."""

    def put_metric_data(self, *, Namespace: str, MetricData: Sequence[MetricDatum]) -> None:  # noqa: N803  # AWS's names
        """Take one request."""


class Gauge:
    """Something that gives its metrics as satella's do."""

    def to_metric_data(self) -> None:
        """Nothing to speak of."""


def complain(error: Exception) -> None:
    """An upload failed."""


def unit(name: str) -> str | None:
    """The unit of a metric."""
    return 'Seconds' if name.endswith('time') else None


def service() -> None:
    """Start the exporter of the process, in all ways."""
    try:
        start_if_not_started('Shop')
    except InitializationError as error:
        print(error)
    except (ArgumentError, ArgumentTypeError) as error:
        assert_type(error.argument, str)
        assert_type(error.allowed, str)
    start_if_not_started('Shop', {'stage': 'test'}, '60s', 1000, 'pid', complain)
    start_if_not_started(namespace='Shop', interval=1.5, temporality='delta', units=unit, exclude=['a.*'])
    start_if_not_started('Shop', spool='/var/lib/shop/metrics', max_spooled_bytes=10_000_000)
    per_route = View(keep=('route', 'code'), map={'code': len, 'route': {'/': 'home'}}, rollups=[('route',), ()])
    start_if_not_started('Shop', views={'web.*': per_route, '*': View(max_series=1_000)}, idle_after='1h')
    assert_type(flush(), bool)
    assert_type(flush(timeout=1), bool)
    start_if_not_started()  # the namespace may be in the environment
    start_if_not_started(self_metrics=True)
    assert_type(stats(), ExportStats | None)


def mistakes() -> None:
    """What a type checker has to refuse; strictness complains where it does not."""
    AWSSatellaExporterThread()  # type: ignore[call-arg]  # no namespace
    start_if_not_started(self_metrics='yes')  # type: ignore[arg-type]  # no text
    start_if_not_started('Shop', intervall='60s')  # type: ignore[call-arg]  # misspelt
    start_if_not_started('Shop', max_series='many')  # type: ignore[arg-type]  # no number
    start_if_not_started('Shop', views={'*': 'route'})  # type: ignore[dict-item]  # no view
    View(combine=3)  # type: ignore[arg-type]  # no text
    export_once('Shop', client_factory=object)  # type: ignore[arg-type]  # no client
    export_once('Shop', spool=b'metrics')  # type: ignore[arg-type]  # no path
    AWSSatellaExporterThread('Shop', None, '60s', 20, None, print, print, 'otlp')  # type: ignore[call-arg]  # by name only


def own_thread() -> ExportStats:
    """Keep an exporter."""
    exporter = AWSSatellaExporterThread('Shop', client_factory=Client, units={'*.time': 'Seconds'}, root=Gauge())
    assert_type(exporter, AWSSatellaExporterThread)
    assert_type(exporter.start(), AWSSatellaExporterThread)
    assert_type(exporter.flush(1.0), bool)
    exporter.cloudwatch = Client()
    exporter.loop()
    assert_type(exporter.terminate(), AWSSatellaExporterThread)
    exporter.terminate(force=True).join(timeout=1)
    return exporter.stats


def job() -> bool:
    """Export once, and look at the result."""
    stats = export_once('Jobs', temporality='delta', client_factory=Client, spool=Path('metrics'))
    assert_type(stats.sent, int)
    assert_type(stats.last_success, float | None)
    assert_type(stats.spooled + stats.delivered, int)
    return stats.buffered == 0


def bill() -> float:
    """See what it costs."""
    result = preview(temporality='delta', processes=8, prices=Prices(thousand_requests=0.02))
    assert_type(result, Preview)
    assert_type(result.discards, Mapping[Reason, int])
    assert_type(result.top, tuple[tuple[str, int], ...])
    assert_type(result.billed_metrics, int)
    assert_type(result.volume_per_point, Volume)
    assert_type(result.comparison, Comparison | None)
    return result.cost


def with_one_more(processes: int) -> bool:
    """See whether OTLP would still cost less."""
    comparison = preview(destination='otlp', processes=processes + 1, prices=Prices(gigabyte=0.6)).comparison
    return comparison is not None and comparison.otlp < comparison.classic


def note(discarded: Discarded) -> None:
    """Look at a discard; what is discarded is satella's, which has no types."""
    assert_type(discarded.reason, Reason)  # type: ignore[misc]  # satella's MetricData
    assert_type(discarded.error, BaseException | None)  # type: ignore[misc]  # satella's MetricData


def own_client(client: Client) -> None:
    """Send payloads with a client of one's own."""

    now = datetime.now(timezone.utc)
    payloads = build_payloads(Gauge(), 'Shop', timestamp=now, on_discard=note)  # type: ignore[misc]  # satella's MetricData
    assert_type(payloads, Iterator[Payload])
    for payload in payloads:
        client.put_metric_data(**payload)
        for datum in payload['MetricData']:
            assert_type(datum['MetricName'], str)


def stages() -> float:
    """Put the stages together; a value is whatever the program recorded, until it is looked at."""
    points = [each for each in collect(Gauge()) if isinstance(each, DataPoint)]  # type: ignore[misc]  # MetricData
    numbers = [point.value for point in points if point.kind is Kind.COUNTER and isinstance(point.value, float)]
    assert_type(numbers, list[float])
    delta = Delta(read(Gauge()), {})  # type: ignore[misc]  # satella's metrics, and its MetricData
    assert_type(delta.baseline, Baseline)
    plan = Arguments('Shop', max_dimensions=30).plan
    items = [each for each in plan.encoding().encode(points) if isinstance(each, str)]  # type: ignore[misc]  # MetricData
    assert_type(items, list[str])
    return math.fsum(numbers)


def version() -> list[str]:
    """The public names are text."""
    return aws_satella.__all__

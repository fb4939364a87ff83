"""``temporality='delta'``, end to end: increases and distributions, as CloudWatch wants them."""

from __future__ import annotations

import gc
import math
import threading
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from satella.instrumentation.metrics import getMetric
from satella.instrumentation.metrics.metric_types import CounterMetric
from satella.instrumentation.metrics.metric_types.base import EmbeddedSubmetrics
from support import scripts
from support.endpoint import Endpoint, dimensions
from support.moto import Moto
from support.site import STATUSES, URLS, WORKERS, traffic
from support.switching import switching_every
from support.waiting import wait_for
from support.worlds import MockWorld

from aws_satella import AWSSatellaExporterThread
from aws_satella.effects.pacing import MAX_WAITS, WAIT_SECONDS

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""satella's default limits of a histogram's buckets."""


@pytest.fixture
def exporter(endpoint: Endpoint, world: MockWorld) -> AWSSatellaExporterThread:
    """An exporter whose cycles the test runs itself, one ``loop()`` each."""
    return AWSSatellaExporterThread('Shop', temporality='delta', client_factory=endpoint.client)


def bucket_of(value: float) -> int:
    """The number of the default histogram's bucket that the value is in."""
    return bisect_right(BUCKETS, value)


def observations(data: Iterable[dict[str, Any]]) -> list[float]:
    """What distributions say was observed, one by one."""
    return [
        value
        for datum in data
        for value, count in zip(datum['Values'], datum['Counts'], strict=True)
        for _ in range(int(count))
    ]


def values(data: Iterable[dict[str, Any]]) -> list[float]:
    """The plain values."""
    return [datum['Value'] for datum in data]


# --- what a cycle sends


def test_counter_is_sent_as_its_increase(endpoint: Endpoint, exporter: AWSSatellaExporterThread) -> None:
    """Each cycle sends what a counter has counted since the last one: 0 where it was idle, less where it went down."""
    orders = getMetric('orders', 'counter')
    for increase in (3, 0, 2.5, -4):
        orders.runtime(increase)
        exporter.loop()
    exporter.loop()
    assert endpoint.values('orders') == [3, 0, 2.5, -4, 0]


def test_counter_with_labels_is_sent_as_increases_with_its_sums(
    endpoint: Endpoint, exporter: AWSSatellaExporterThread
) -> None:
    """Every label set, ``.sum`` and ``.count`` of a counter add up over the cycles to what was recorded."""
    orders = getMetric('orders', 'counter', sum_children=True, count_calls=True)
    history = (('pl', 3), ('de', 1)), (('pl', 2),), (), (('de', 10), ('de', 1), ('at', 7))
    for cycle in history:
        for country, amount in cycle:
            orders.runtime(amount, country=country)
        exporter.loop()

    by_country = defaultdict(list)
    for datum in endpoint.named('orders'):
        by_country[dimensions(datum)['country']].append(datum['Value'])
    assert by_country == {'pl': [3, 2, 0, 0], 'de': [1, 0, 0, 11], 'at': [7]}
    assert endpoint.values('orders.sum') == [4, 2, 0, 18]
    calls = [datum for datum in endpoint.named('orders.count') if not dimensions(datum)]
    assert values(calls) == [2, 1, 0, 3]


def test_histogram_is_sent_as_one_distribution(endpoint: Endpoint, exporter: AWSSatellaExporterThread) -> None:
    """A histogram is one metric: as many observations in each bucket as were made, and their sum exactly."""
    latency = getMetric('latency', 'histogram')
    for cycle in ([0.003, 0.003, 0.04, 0.6], [3.0, 0.2], [42.0, 11.0, 0.001]):
        for seconds in cycle:
            latency.runtime(seconds)
        exporter.loop()
        (datum,) = endpoint.accepted[-1].data
        arrived = observations([datum])
        assert Counter(map(bucket_of, arrived)) == Counter(map(bucket_of, cycle))
        assert math.isclose(math.fsum(arrived), math.fsum(cycle), rel_tol=1e-12)


def test_histogram_or_summary_that_is_idle_sends_nothing(
    endpoint: Endpoint, exporter: AWSSatellaExporterThread
) -> None:
    """A cycle in which nothing was observed sends no distribution, and no request where there is nothing else."""
    getMetric('latency', 'histogram').runtime(0.1, url='/')
    getMetric('size', 'summary').runtime(10, url='/')
    exporter.loop()
    sent = len(endpoint.data)
    assert sent == 4
    exporter.loop()
    exporter.loop()
    assert len(endpoint.received) == 1
    getMetric('latency', 'histogram').runtime(0.1, url='/')
    exporter.loop()
    assert {datum['MetricName'] for datum in endpoint.data[sent:]} == {'latency', 'latency.total'}


@pytest.mark.parametrize('kind', ['summary', 'quantile'])
def test_summary_is_sent_as_its_raw_samples(kind: str, endpoint: Endpoint, exporter: AWSSatellaExporterThread) -> None:
    """A summary, labelled or not, and its total are the observations themselves, each once."""
    size = getMetric('size', kind)
    for cycle in ({'/a': [5.5, 5.5, 7.0], '/b': [1.0]}, {'/b': [2.0, 3.0]}):
        for url, sizes in cycle.items():
            for each in sizes:
                size.runtime(each, url=url)
        before = len(endpoint.data)
        exporter.loop()
        arrived = {dimensions(datum).get('url', datum['MetricName']): datum for datum in endpoint.data[before:]}
        everything = [each for sizes in cycle.values() for each in sizes]
        assert {key: sorted(observations([datum])) for key, datum in arrived.items()} == {
            **{url: sorted(sizes) for url, sizes in cycle.items()},
            'size.total': sorted(everything),
        }


def test_gauges_are_sent_as_they_are(endpoint: Endpoint, exporter: AWSSatellaExporterThread) -> None:
    """An int, a float and a callable have no increase: the level is sent every time."""
    getMetric('workers', 'int').runtime(5)
    getMetric('load', 'float').runtime(0.25)
    getMetric('answer', 'callable', value_getter=lambda: 42)
    exporter.loop()
    exporter.loop()
    assert values(endpoint.data) == [5, 0.25, 42] * 2


# --- series that come and go


def forget(metric: Any, **labels: object) -> None:
    """What a program does to be rid of a series."""
    metric.children.remove(metric.children_mapping.pop(tuple(sorted(labels.items()))))


def test_counter_with_first_labels_between_two_reads_is_sent_once(
    endpoint: Endpoint, exporter: AWSSatellaExporterThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A counter that another thread records its first labels with in the midst of a reading goes on where it was."""
    orders = getMetric('orders', 'counter')
    orders.runtime(5)
    exporter.loop()
    labelled = EmbeddedSubmetrics.embedded_submetrics_enabled
    asked: list[bool] = []

    def ask(metric: CounterMetric) -> bool:
        answer = bool(labelled.__get__(metric))
        if metric is orders and not asked:
            asked.append(answer)
            orders.runtime(1, country='pl')
        return answer

    monkeypatch.setattr(CounterMetric, 'embedded_submetrics_enabled', property(ask, labelled.__set__), raising=False)
    for _ in range(3):
        exporter.loop()
    assert asked == [False]
    assert (
        sum(endpoint.values('orders.sum'))
        + sum(datum['Value'] for datum in endpoint.named('orders') if not dimensions(datum))
        == 6
    )
    assert sum(datum['Value'] for datum in endpoint.named('orders') if dimensions(datum)) == 1


def test_baseline_is_as_large_as_the_tree_that_lives(endpoint: Endpoint, exporter: AWSSatellaExporterThread) -> None:
    """After a cycle the exporter holds one state for each live series, and nothing of those that went away."""
    orders = getMetric('orders', 'counter', sum_children=False)
    for generation in range(5):
        for number in range(100):
            orders.runtime(1, session=f'{generation}-{number}')
        exporter.loop()
        assert len(exporter.delivery.ledger.baseline) == 100
        for number in range(100):
            forget(orders, session=f'{generation}-{number}')
    exporter.loop()
    gc.collect()
    assert not exporter.delivery.ledger.baseline
    assert not [each for each in gc.get_objects() if type(each) is CounterMetric and each.root_metric is orders]
    assert len(endpoint.data) == 500


@contextmanager
def recording(act: Callable[[], object]) -> Iterator[None]:
    """Another thread that records for a good part of the time, and is interrupted often."""
    ended = threading.Event()

    def record() -> None:
        while not ended.is_set():
            act()
            sum(range(2_000))

    thread = threading.Thread(target=record)
    thread.start()
    try:
        with switching_every(0.00025):
            yield
    finally:
        ended.set()
        thread.join()


def wait_for_a_recording(metric: Any) -> None:
    """Until another thread has recorded something."""
    seen = metric.count
    wait_for(lambda: metric.count > seen, 'a recording')


def test_histogram_that_is_recorded_meanwhile_is_sent_as_it_belongs(
    endpoint: Endpoint, exporter: AWSSatellaExporterThread
) -> None:
    """An observation that another thread has counted, but not put into its bucket yet, is given the time to get there:
    it is not sent as one from outside the buckets.
    """
    latency = getMetric('latency', 'histogram')
    latency.runtime(0.06, url='/')
    with recording(lambda: latency.runtime(0.06, url='/')):
        while exporter.stats.sent < 80:
            exporter.delivery.pace.ease(3600)
            wait_for_a_recording(latency)
            exporter.loop()
    exporter.loop()
    sent = [*endpoint.named('latency'), *endpoint.named('latency.total')]
    assert {bucket_of(value) for datum in sent for value in datum['Values']} == {bucket_of(0.06)}
    assert sum(sum(datum['Counts']) for datum in sent) == 2 * latency.count


def test_cycle_is_not_held_up_by_observations_in_no_bucket(
    endpoint: Endpoint, exporter: AWSSatellaExporterThread, world: MockWorld
) -> None:
    """However many histograms have negative observations, a cycle waits for them a number of times that is bounded;
    and not at all where somebody waits for the cycle.
    """
    latency = getMetric('latency', 'histogram')
    for number in range(MAX_WAITS):
        latency.runtime(-1.0, number=number)
    exporter.delivery.pace.ease(3600)
    exporter.loop()
    assert world.sleeps.count(WAIT_SECONDS) == MAX_WAITS
    exporter.delivery.pace.hurry()
    exporter.loop()
    assert world.sleeps.count(WAIT_SECONDS) == MAX_WAITS
    assert observations(endpoint.named('latency')) == [-1.0] * MAX_WAITS


# --- forks


def test_export_once_in_a_child_sends_what_a_parent_counted_that_does_not_export(endpoint: Endpoint) -> None:
    """The parent has counted for itself as well, and sends the same."""
    result = scripts.run(scripts.program('delta.fork'), endpoint.url)
    assert result.returncode == 0, result.stderr
    sums: Counter[tuple[str, str]] = Counter()
    for datum in endpoint.data:
        sent = datum['Value'] if 'Value' in datum else sum(datum['Counts'])
        sums[dimensions(datum)['process'], datum['MetricName']] += sent
    assert sums == {
        ('parent', 'orders'): 11,
        ('parent', 'latency'): 11,
        ('child', 'orders'): 12,
        ('child', 'latency'): 12,
    }


# --- a site of 50 URLs on 8 workers


def rank(observed: Sequence[float], percentile: float) -> float:
    """The percentile by nearest rank."""
    return sorted(observed)[math.ceil(percentile * len(observed)) - 1]


def test_site_on_eight_workers_is_billed_once_and_answers_p99(moto: Moto) -> None:
    """50 URLs on 8 workers are billed as at most 300 metrics, and CloudWatch knows each URL's latency over all of them.

    SampleCount and Sum are exactly what was recorded; Minimum, Maximum and p99 lie in the buckets of the recorded ones.
    """
    result = scripts.run(scripts.program('delta.site'), moto.url)
    assert result.returncode == 0, result.stderr

    arrived: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    for datum in moto.data:
        series = (datum.name, *sorted((each.value for each in datum.dimensions), reverse=True))
        arrived[series].append(datum.value)
    assert len(arrived) <= 300  # what is billed: each name with each set of dimensions

    requests = [request for worker in range(WORKERS) for request in traffic(worker)]
    for url in URLS:
        seconds = [request.seconds for request in requests if request.url == url]
        _check_latency(moto.statistics('Shop', 'django.histogram', url=url), arrived['django.histogram', url], seconds)
        assert sorted(arrived['django.summary', url]) == sorted(seconds)
        for status in STATUSES:
            served = sum(request.url == url and request.status == status for request in requests)
            assert sum(arrived['django.status_codes', str(status), url]) == served
    seconds = [request.seconds for request in requests]
    _check_latency(moto.statistics('Shop', 'django.histogram.total'), arrived[('django.histogram.total',)], seconds)


def _check_latency(statistics: dict[str, Any], arrived: list[float], recorded: list[float]) -> None:
    """What CloudWatch says of a histogram agrees with what was recorded."""
    assert statistics['SampleCount'] == len(recorded)
    assert math.isclose(statistics['Sum'], math.fsum(recorded), rel_tol=1e-9)
    assert bucket_of(statistics['Minimum']) == bucket_of(min(recorded))
    assert bucket_of(statistics['Maximum']) == bucket_of(max(recorded))
    # moto has no percentiles; it has the observations that Values and Counts stand for.
    for percentile in (0.5, 0.99):
        assert bucket_of(rank(arrived, percentile)) == bucket_of(rank(recorded, percentile))

"""``temporality='delta'``, end to end: increases and distributions, as CloudWatch wants them."""

from __future__ import annotations

import gc
import math
import threading
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from satella.instrumentation.metrics import DEBUG, MetricLevel, getMetric
from satella.instrumentation.metrics.metric_types import CounterMetric
from satella.instrumentation.metrics.metric_types.base import EmbeddedSubmetrics
from support import scripts
from support.endpoint import OK, RESET, Behaviour, Endpoint, dimensions, error
from support.moto import Moto
from support.site import STATUSES, URLS, WORKERS, traffic
from support.switching import switching_every
from support.waiting import wait_for
from support.worlds import MockWorld

import aws_satella
from aws_satella import AWSSatellaExporterThread
from aws_satella.effects import process
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
    assert values(endpoint.named('orders')) == [3, 0, 2.5, -4, 0]


def test_labelled_counters_series_and_sums_are_sent_as_increases(
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
    assert values(endpoint.named('orders.sum')) == [4, 2, 0, 18]
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


def test_idle_histogram_or_summary_sends_nothing(endpoint: Endpoint, exporter: AWSSatellaExporterThread) -> None:
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


def test_more_observations_than_a_summary_keeps_are_all_counted(
    endpoint: Endpoint, exporter: AWSSatellaExporterThread
) -> None:
    """Of 1,000 observations satella keeps the last 100; SampleCount is 1,000 all the same."""
    size = getMetric('size', 'summary', last_calls=100)
    for number in range(1_000):
        size.runtime(float(number))
    exporter.loop()
    arrived = observations(endpoint.named('size'))
    assert len(arrived) == 1_000
    assert set(arrived) == set(map(float, range(900, 1_000)))


def test_more_than_150_distinct_values_take_more_than_one_datum(
    endpoint: Endpoint, exporter: AWSSatellaExporterThread
) -> None:
    """CloudWatch takes 150 distinct values a datum, so 400 go in three."""
    size = getMetric('size', 'summary', last_calls=400)
    for number in range(400):
        size.runtime(float(number))
    exporter.loop()
    assert [len(datum['Values']) for datum in endpoint.named('size')] == [150, 150, 100]
    assert observations(endpoint.named('size')) == [float(number) for number in reversed(range(400))]


def test_gauges_are_sent_as_they_are(endpoint: Endpoint, exporter: AWSSatellaExporterThread) -> None:
    """An int, a float and a callable have no increase: the level is sent every time."""
    getMetric('workers', 'int').runtime(5)
    getMetric('load', 'float').runtime(0.25)
    getMetric('answer', 'callable', value_getter=lambda: 42)
    exporter.loop()
    exporter.loop()
    assert values(endpoint.data) == [5, 0.25, 42] * 2


def test_no_dimension_is_left_of_buckets_and_quantiles(endpoint: Endpoint, exporter: AWSSatellaExporterThread) -> None:
    """Nothing that is sent has a dimension ``le``, ``ge`` or ``quantile``."""
    for kind in ('histogram', 'summary', 'quantile'):
        getMetric(f'plain.{kind}', kind).runtime(0.5)
        getMetric(f'labelled.{kind}', kind).runtime(0.5, url='/')
    exporter.loop()
    assert {name for datum in endpoint.data for name in dimensions(datum)} == {'url'}
    assert len(endpoint.data) == 3 + 3 * 2


# --- series that come and go


def forget(metric: Any, **labels: object) -> None:
    """What a program does to be rid of a series."""
    metric.children.remove(metric.children_mapping.pop(tuple(sorted(labels.items()))))


def test_series_that_vanishes_and_returns_starts_at_its_own_value(
    endpoint: Endpoint, exporter: AWSSatellaExporterThread
) -> None:
    """A series that was removed and made again sends what it has counted since then, not a difference to before."""
    orders = getMetric('orders', 'counter', sum_children=False)
    latency = getMetric('latency', 'histogram', aggregate_children=False)
    orders.runtime(10, country='pl')
    for _ in range(10):
        latency.runtime(0.1, url='/')
    exporter.loop()
    forget(orders, country='pl')
    forget(latency, url='/')
    exporter.loop()
    assert len(endpoint.data) == 2
    orders.runtime(4, country='pl')
    latency.runtime(0.3, url='/')
    exporter.loop()
    assert values(endpoint.named('orders')) == [10, 4]
    assert [bucket_of(value) for value in observations(endpoint.named('latency'))] == [bucket_of(0.1)] * 10 + [
        bucket_of(0.3)
    ]


def test_series_may_return_within_one_cycle(endpoint: Endpoint, exporter: AWSSatellaExporterThread) -> None:
    """A series that is removed and made again between two cycles starts at its own value too."""
    orders = getMetric('orders', 'counter')
    orders.runtime(10, country='pl')
    exporter.loop()
    forget(orders, country='pl')
    orders.runtime(4, country='pl')
    exporter.loop()
    assert values(endpoint.named('orders')) == [10, 4]


def test_what_is_hidden_for_a_cycle_is_sent_once(endpoint: Endpoint, exporter: AWSSatellaExporterThread) -> None:
    """What a level hides for some cycles, or another thread removes its neighbors of, goes on where it was; and what
    was recorded while it was hidden is sent when it is shown again."""
    root = getMetric()
    root.level = MetricLevel.DEBUG
    recorded = {'counter': 100.0, 'histogram': 0.25, 'summary': 0.75}
    plain, labelled = (
        [getMetric(f'{name}.{kind}', kind, DEBUG) for kind in recorded] for name in ('plain', 'labelled')
    )
    for one, other, value in zip(plain, labelled, recorded.values(), strict=True):
        one.runtime(value)
        other.runtime(value, n=1)
    exporter.loop()
    assert len(endpoint.data) == 9
    root.level = MetricLevel.RUNTIME
    exporter.loop()
    plain[0].runtime(1)
    exporter.loop()
    assert len(endpoint.data) == 9
    root.level = MetricLevel.DEBUG
    exporter.loop()
    assert values(endpoint.named('plain.counter')) == [100, 1]
    assert values(endpoint.named('labelled.counter')) == values(endpoint.named('labelled.counter.sum')) == [100, 0]
    for name in ('plain.histogram', 'labelled.histogram', 'labelled.histogram.total'):
        assert len(observations(endpoint.named(name))) == 1
    for name in ('plain.summary', 'labelled.summary', 'labelled.summary.total'):
        assert observations(endpoint.named(name)) == [0.75]


class Label:
    """The value of a label that acts when it is read."""

    def __init__(self, number: int, act: Callable[[int], object]) -> None:
        self._number = number
        self._act = act

    def __str__(self) -> str:
        self._act(self._number)
        return str(self._number)


def test_label_sets_that_are_removed_while_they_are_read_cost_no_others(
    endpoint: Endpoint, exporter: AWSSatellaExporterThread
) -> None:
    """A removal in place moves the others, so that the reading misses some: they are sent once all the same."""
    orders = getMetric('orders', 'counter', sum_children=False)
    removing: list[bool] = []

    def remove(number: int) -> None:
        if removing:
            forget(orders, n=made[number])

    made = [Label(number, remove) for number in range(200)]
    for label in made:
        orders.runtime(1, n=label)
    exporter.loop()
    removing.append(True)
    exporter.loop()
    removing.clear()
    assert len(orders.children) == 100
    for _ in range(2):
        exporter.loop()
    assert len(exporter.delivery.ledger.baseline) == 100
    assert sum(values(endpoint.named('orders'))) == 200


def test_first_labels_between_two_reads_are_sent_once(
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
        sum(values(endpoint.named('orders.sum')))
        + sum(datum['Value'] for datum in endpoint.named('orders') if not dimensions(datum))
        == 6
    )
    assert sum(datum['Value'] for datum in endpoint.named('orders') if dimensions(datum)) == 1


def test_series_that_raises_once_goes_on_where_it_was(endpoint: Endpoint, exporter: AWSSatellaExporterThread) -> None:
    """A metric that cannot be read in one cycle sends its increase in the next, and not its whole total again."""
    orders, latency = getMetric('orders', 'counter', count_calls=True), getMetric('latency', 'histogram')
    orders.runtime(10)
    latency.runtime(0.3)
    exporter.loop()
    value, buckets = orders.value, latency.buckets
    del orders.value
    latency.buckets = None
    exporter.loop()
    orders.value, latency.buckets = value, buckets
    orders.runtime(4)
    latency.runtime(0.3)
    exporter.loop()
    assert values(endpoint.named('orders')) == [10, 4]
    assert values(endpoint.named('orders.count')) == [1, 1]
    assert len(observations(endpoint.named('latency'))) == 2
    assert exporter.stats.discarded == 2


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


def test_what_is_being_recorded_meanwhile_is_sent_where_it_belongs(
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


def test_observations_in_no_bucket_hold_nothing_up(
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


# --- outages, replacements, forks


@pytest.mark.parametrize(
    'outage',
    [error('InternalFailure', 500), error('ThrottlingException'), RESET],
    ids=['server error', 'throttled', 'reset'],
)
def test_outage_neither_loses_nor_doubles_an_increase(
    outage: Any, endpoint: Endpoint, exporter: AWSSatellaExporterThread
) -> None:
    """While CloudWatch does not answer increases wait, each cycle's for itself; then each arrives once, in order."""
    orders, latency = getMetric('orders', 'counter'), getMetric('latency', 'histogram')
    behaviours: Sequence[Behaviour] = [lambda _: OK, *[lambda _: outage] * 3, lambda _: OK, lambda _: OK]
    for number, behaviour in enumerate(behaviours, start=1):
        endpoint.behave = behaviour
        orders.runtime(number)
        for _ in range(number):
            latency.runtime(number / 100)
        exporter.loop()

    sent = endpoint.named('orders')
    assert values(sent) == [1, 2, 3, 4, 5, 6]
    timestamps = [datum['Timestamp'] for datum in sent]
    assert timestamps == sorted(timestamps)
    arrived = observations(endpoint.named('latency'))
    assert Counter(map(bucket_of, arrived)) == Counter(bucket_of(n / 100) for n in range(1, 7) for _ in range(n))
    assert math.isclose(math.fsum(arrived), sum(n * n / 100 for n in range(1, 7)), rel_tol=1e-12)
    assert exporter.stats.buffered == exporter.stats.dropped == 0


def start(endpoint: Endpoint) -> AWSSatellaExporterThread:
    """The exporter of this process, after its first cycle."""
    aws_satella.start_if_not_started('Shop', interval=3_600, temporality='delta', client_factory=endpoint.client)
    started = process._this_process().exporter
    assert started is not None
    wait_for(lambda: started.stats.cycles, 'the first cycle')
    return started


def kill(exporter: AWSSatellaExporterThread) -> None:
    """End the thread as satella can: by raising SystemExit in it."""
    exporter.terminate(force=True).join(20)
    assert not exporter.is_alive()


def test_replacement_goes_on_where_its_predecessor_was_killed(endpoint: Endpoint) -> None:
    """What the first exporter sent is not sent by the second, and what came between the two is."""
    orders, size = getMetric('orders', 'counter'), getMetric('size', 'summary')
    orders.runtime(5)
    size.runtime(1.5)
    kill(start(endpoint))
    orders.runtime(2)
    size.runtime(2.5)
    start(endpoint)
    orders.runtime(1)
    assert aws_satella.flush(20)
    assert values(endpoint.named('orders')) == [5, 2, 1]
    assert observations(endpoint.named('size')) == [1.5, 2.5]


def test_replacement_sends_what_its_predecessor_could_not(endpoint: Endpoint) -> None:
    """The outbox is taken over: killed in an outage, the increases collected before it arrive all the same, once."""
    orders = getMetric('orders', 'counter')
    orders.runtime(5)
    first = start(endpoint)
    endpoint.behave = lambda _: error('ServiceUnavailable', 503)
    orders.runtime(2)
    assert not aws_satella.flush(20)
    kill(first)
    endpoint.behave = lambda _: OK
    orders.runtime(1)
    second = start(endpoint)
    assert aws_satella.flush(20)
    assert values(endpoint.named('orders')) == [5, 2, 1, 0]
    assert second.stats.failed_requests == first.stats.failed_requests > 0
    assert second.stats.buffered == 0


@pytest.mark.parametrize('how', ['exporter', 'export_once'])
@pytest.mark.parametrize(('parent', 'parents', 'childs'), [('exports', 111, 2), ('does not', 111, 112)])
def test_forked_child_does_not_send_what_its_exporting_parent_counted(
    how: str, parent: str, parents: int, childs: int, endpoint: Endpoint
) -> None:
    """Counts of an exporting parent stay the parent's; those of one that does not export the child sends too."""
    result = scripts.run(scripts.program('delta.fork'), endpoint.url, how, parent)
    assert result.returncode == 0, result.stderr
    sums: Counter[tuple[str, str]] = Counter()
    for datum in endpoint.data:
        sent = datum['Value'] if 'Value' in datum else sum(datum['Counts'])
        sums[dimensions(datum)['process'], datum['MetricName']] += sent
    assert sums == {
        ('parent', 'orders'): parents,
        ('parent', 'latency'): parents,
        ('child', 'orders'): childs,
        ('child', 'latency'): childs,
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
    client = moto.client()
    for url in URLS:
        seconds = [request.seconds for request in requests if request.url == url]
        _check_latency(_statistics(client, 'django.histogram', url), arrived['django.histogram', url], seconds)
        assert sorted(arrived['django.summary', url]) == sorted(seconds)
        for status in STATUSES:
            served = sum(request.url == url and request.status == status for request in requests)
            assert sum(arrived['django.status_codes', str(status), url]) == served
    seconds = [request.seconds for request in requests]
    _check_latency(_statistics(client, 'django.histogram.total'), arrived[('django.histogram.total',)], seconds)


def _statistics(client: Any, name: str, *urls: str) -> dict[str, Any]:
    """What CloudWatch says of a metric over all workers."""
    now = datetime.now(timezone.utc)
    (statistics,) = client.get_metric_statistics(
        Namespace='Shop',
        MetricName=name,
        Dimensions=[{'Name': 'url', 'Value': url} for url in urls],
        StartTime=now - timedelta(minutes=30),
        EndTime=now + timedelta(minutes=30),
        Period=3600,
        Statistics=['SampleCount', 'Sum', 'Minimum', 'Maximum'],
    )['Datapoints']
    return dict(statistics)


def _check_latency(statistics: dict[str, Any], arrived: list[float], recorded: list[float]) -> None:
    """What CloudWatch says of a histogram agrees with what was recorded."""
    assert statistics['SampleCount'] == len(recorded)
    assert math.isclose(statistics['Sum'], math.fsum(recorded), rel_tol=1e-9)
    assert bucket_of(statistics['Minimum']) == bucket_of(min(recorded))
    assert bucket_of(statistics['Maximum']) == bucket_of(max(recorded))
    # moto has no percentiles; it has the observations that Values and Counts stand for.
    for percentile in (0.5, 0.99):
        assert bucket_of(rank(arrived, percentile)) == bucket_of(rank(recorded, percentile))

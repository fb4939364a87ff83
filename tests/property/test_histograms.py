"""Histograms: whole, as satella shows them, and in delta, with values that agree with what was observed."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.examples import half
from property.histories import (
    NO_LABELS,
    History,
    Labels,
    Observer,
    Recorded,
    Series,
    by_series,
    histories,
    labelled_by,
    real,
    record,
)
from property.test_buckets import counted
from property.trees import Tree, build, leaves, said_by, shown, trees
from satella.instrumentation.metrics import getMetric
from satella.instrumentation.metrics.metric_types import HistogramMetric

from aws_satella.pure import DataPoint, Distribution, HistogramReading, Kind, Reason, read


@half
@given(trees(('histogram',), internal=False))
def test_series_of_a_histogram_are_those_of_satella(tree: Tree) -> None:
    """Each reading of a histogram, a labelled child's and a total's too, has exactly the series that satella shows."""
    root = build(tree)
    for metric in leaves(root):
        readings = [each for each in read(metric) if isinstance(each, HistogramReading)]
        assert Counter(shown(readings)) == said_by(metric)
        for reading in readings:
            if reading.source is not metric:
                assert isinstance(reading.source, HistogramMetric)
                assert Counter(shown([reading])) == said_by(reading.source)


@half
@given(trees(('histogram',), internal=False))
def test_histogram_whole_is_one_distribution(tree: Tree) -> None:
    """The distribution of a histogram since its start has its number of observations and its sum."""
    for reading in read(build(tree)):
        assert isinstance(reading, HistogramReading)
        (point,) = reading.distribution()
        assert isinstance(point, DataPoint)
        assert isinstance(point.value, Distribution)
        assert (point.name, point.labels, point.kind) == (reading.name, reading.labels, Kind.DISTRIBUTION)
        assert sum(point.value.counts) == reading.observations
        given_out = math.fsum(value * count for value, count in zip(*point.value, strict=True))
        size = math.fsum(abs(value) * count for value, count in zip(*point.value, strict=True))
        assert given_out == pytest.approx(reading.sum, abs=1e-9 * size + 1e-300)


histogram_options = {
    'buckets': st.sampled_from(((), (1,), (0.1, 0.5, 1.0, 5.0), (0, 2.5), (1.0, math.inf))),
    'aggregate_children': st.booleans(),
}
DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


def check_histogram(observed: Distribution, values: list[Any], limits: tuple[float, ...], size: float) -> None:
    """Number, buckets and sum of what is given out are those of what was recorded."""
    weights: dict[float, Any] = dict(zip(observed.values, observed.counts, strict=True))
    assert len(weights) == len(observed.values)
    assert sum(observed.counts) == len(values)
    assert counted(limits, weights) == counted(limits, values)
    given_out = math.fsum(value * count for value, count in weights.items())
    assert given_out == pytest.approx(math.fsum(values), abs=1e-9 * size)


@given(histories('histogram', histogram_options, real))
@example(History('histogram', ({'buckets': ()},), ((Recorded(0, -0.5, {}), Recorded(0, 2, {})),)))
@example(History('histogram', ({'buckets': (1.0, math.inf)},), ((Recorded(0, 7, {}), Recorded(0, 0.5, {})),)))
def test_histogram_gives_what_was_observed(history: History) -> None:
    """In each cycle: the number of observations exactly, every value in its bucket, the sum but for rounding."""
    observer = Observer()
    metrics = history.build()
    recorded: dict[int, float] = defaultdict(float)
    for number, cycle in enumerate(history.cycles):
        record(metrics, cycle)
        found = observer.cycle()
        values = by_series(cycle)
        labelled = labelled_by(history, number)
        expected: dict[Series, list[Any]] = {
            (f'm{metric}', labels): each for (metric, labels), each in values.items() if labels
        }
        for metric, options in enumerate(history.options):
            recorded[metric] += math.fsum(abs(each.value) for each in cycle if each.metric == metric)
            all_values = [each.value for each in cycle if each.metric == metric]
            if metric not in labelled:
                expected[f'm{metric}', NO_LABELS] = all_values
            elif options.get('aggregate_children', True):
                expected[f'm{metric}.total', NO_LABELS] = all_values
        for series, observed in found.items():
            metric = int(series[0].removesuffix('.total')[1:])
            limits = history.options[metric].get('buckets', DEFAULT_BUCKETS)
            check_histogram(observed, expected.pop(series, []), tuple(limits), recorded[metric] + 1e-6)
        assert not expected
    assert not observer.discarded


@pytest.mark.parametrize('odd', [math.nan, math.inf, -math.inf])
def test_sum_that_is_lost_is_reported_once(odd: float) -> None:
    """Once a histogram's sum is not finite it says nothing any more; the numbers go on, and it is reported once."""
    histogram = getMetric('h', 'histogram', buckets=(1.0, 10.0), labels={'host': 'a'})
    labels: Labels = frozenset({('host', 'a')})
    observer = Observer()
    histogram.runtime(0.3)
    observer.cycle()
    histogram.runtime(odd)
    histogram.runtime(4)
    observed = observer.cycle()['h', labels]
    assert dict(zip(observed.values, observed.counts, strict=True))[5.5] == 1
    assert sum(observed.counts) == 2
    assert all(map(math.isfinite, observed.values))
    for _ in range(3):
        histogram.runtime(0.9)
        assert observer.cycle()['h', labels] == Distribution((0.5,), (1,))
    (lost,) = observer.discarded
    assert (lost.reason, lost.data.name, dict(lost.data.labels)) == (Reason.NOT_FINITE, 'h.sum', {'host': 'a'})
    assert not math.isfinite(lost.data.value)


def test_rest_of_a_sum_is_passed_on_later() -> None:
    """What no value inside the buckets could make up in one cycle, or what came without an observation, those of the
    next one do."""
    histogram = getMetric('h', 'histogram', buckets=(1.0,))
    observer = Observer()
    histogram.runtime(0.5)
    histogram.sum += 5.0  # of an observation that is under way in another thread
    first = observer.cycle()['h', NO_LABELS]
    assert (first.values, first.counts) == ((math.nextafter(1.0, 0.0),), (1,))
    histogram.count += 1
    histogram.buckets[1] += 1
    second = observer.cycle()['h', NO_LABELS]
    assert second.counts == (1,)
    assert second.values == pytest.approx((4.5,))
    histogram.sum += 7.0
    assert observer.cycle()['h', NO_LABELS] == Distribution((), ())
    histogram.count += 1
    histogram.buckets[1] += 1
    assert observer.cycle()['h', NO_LABELS] == Distribution((7.0,), (1,))


def test_histogram_that_was_emptied_starts_again() -> None:
    """A program that sets its histogram back gets what it recorded since."""
    histogram = getMetric('h', 'histogram', buckets=(1.0,))
    observer = Observer()
    for _ in range(5):
        histogram.runtime(0.5)
    observer.cycle()
    histogram.buckets, histogram.count, histogram.sum = [0, 0], 0, 0.0
    histogram.runtime(3.0)
    assert observer.cycle()['h', NO_LABELS] == Distribution((3.0,), (1,))


@given(st.lists(real, min_size=1, max_size=20))
def test_observation_that_reaches_its_bucket_late_is_counted_once(values: list[float]) -> None:
    """A recording that is interrupted between the count and the bucket is given out in one cycle only."""
    histogram = getMetric('late', 'histogram', buckets=(0.5, 5.0))
    histogram.buckets, histogram.count, histogram.sum = [0, 0, 0], 0, 0.0
    observer = Observer()
    given_out, in_buckets, state = 0, 0, None
    for value in values:
        histogram.runtime(value)
        *places, _ = counted((0.5, 5.0), [value])
        after = histogram.buckets
        before = [now - then for now, then in zip(after, places, strict=True)]
        for histogram.buckets in (before, after):
            given_out += sum(observer.cycle()['late', NO_LABELS].counts)
            (reading,) = read(histogram)
            assert isinstance(reading, HistogramReading)
            increase, state = reading.since(state)
            in_buckets += sum(increase.counts)
    assert given_out == len(values)
    assert in_buckets == sum(before)

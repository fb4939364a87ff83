"""Summaries: whole, as satella shows them, and in delta, the samples that are new."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
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
    multiset,
    real,
    record,
)
from property.trees import Tree, build, leaves, said_by, shown, trees
from satella.instrumentation.metrics import getMetric
from satella.instrumentation.metrics.metric_types import SummaryMetric

from aws_satella.pure import (
    Arguments,
    Baseline,
    DataPoint,
    Delta,
    Distribution,
    Kind,
    SummaryReading,
    SummaryTotalReading,
    collect,
    distributions,
    read,
)
from aws_satella.pure.summaries import scale

SUMMARIES = ('summary', 'quantile')


@half
@given(trees(SUMMARIES, internal=False))
def test_series_of_a_summary_are_those_of_satella(tree: Tree) -> None:
    """Each reading of a summary, a labelled child's and a total's too, has exactly the series that satella shows."""
    root = build(tree)
    for metric in leaves(root):
        readings = [each for each in read(metric) if isinstance(each, (SummaryReading, SummaryTotalReading))]
        assert Counter(shown(readings)) == said_by(metric)
        for reading in readings:
            if reading.source is not metric:
                assert isinstance(reading.source, SummaryMetric)
                assert Counter(shown([reading])) == said_by(reading.source)


summary_options = {'last_calls': st.integers(1, 6), 'aggregate_children': st.booleans()}


def check_summary(observed: Distribution, values: list[Any], window: int) -> None:
    """The observations themselves; where there were more than the window holds, its own in their proportion."""
    found = multiset(observed)
    assert all(isinstance(count, int) and count > 0 for count in observed.counts)
    assert sum(observed.counts) == len(values)
    if len(values) <= window:
        assert found == Counter(values)
        return
    kept = Counter(values[-window:])
    assert set(found) <= set(kept)
    for value, count in kept.items():
        assert abs(found[value] - count * len(values) / window) < 1


def test_call_that_is_not_in_the_window_yet_is_the_next_cycles() -> None:
    """A recording that is interrupted between the count and the window is given out with its value, and once."""
    summary = getMetric('s', 'summary', labels={'host': 'a'})
    series: Series = ('s', frozenset({('host', 'a')}))
    observer = Observer()
    summary.tot_calls, summary.tot_time = 1, 3.0
    for _ in range(2):
        (point,) = distributions(Delta(read(getMetric()), observer.baseline))
        assert isinstance(point, DataPoint)
        assert point.kind is Kind.DISTRIBUTION
        assert observer.cycle() == {series: Distribution((), ())}
    summary.calls_queue.appendleft(3.0)
    assert observer.cycle() == {series: Distribution((3.0,), (1,))}
    assert observer.cycle() == {series: Distribution((), ())}


def test_total_is_that_of_its_children() -> None:
    """Observations that had labels keep their values in the total, whatever came before and after in the tree."""
    for name in ('a', 'b'):
        getMetric(name, 'summary').runtime(1.0, n=1)
        getMetric(name, 'summary').runtime(2.0, n=2)
        getMetric(name, 'summary').runtime(2.0)
        getMetric(f'{name}_plain', 'summary').runtime(7.0)
    found = Observer().cycle()
    for name in ('a', 'b'):
        assert multiset(found[f'{name}.total', NO_LABELS]) == {1.0: 1, 2.0: 2}


@half
@given(st.sampled_from(('summary', 'quantile')).flatmap(lambda kind: histories(kind, summary_options, real)))
@example(History('summary', ({}, {}), ((Recorded(0, 1.0, {}), Recorded(1, 2.0, {'a': 1})), (Recorded(0, 3.0, {}),))))
def test_summary_gives_what_was_observed(history: History) -> None:
    """In each cycle: the raw observations that came; where the window lost some, as many, in proportion."""
    observer = Observer()
    metrics = history.build()
    for number, cycle in enumerate(history.cycles):
        record(metrics, cycle)
        found = observer.cycle()
        values = by_series(cycle)
        labelled = labelled_by(history, number)
        for metric, options in enumerate(history.options):
            window = options.get('last_calls', 100)
            mine = {labels: each for (index, labels), each in values.items() if index == metric}
            all_values = [each.value for each in cycle if each.metric == metric]
            for labels, each in mine.items():
                if labels:
                    check_summary(found.pop((f'm{metric}', labels)), each, window)
            if metric not in labelled:
                check_summary(found.pop((f'm{metric}', NO_LABELS)), all_values, window)
            elif options.get('aggregate_children', True):
                total = found.pop((f'm{metric}.total', NO_LABELS))
                assert sum(total.counts) == len(all_values)
                if all(len(each) <= window for labels, each in mine.items() if labels):
                    check_total(total, mine)
        assert all(observed == Distribution((), ()) for observed in found.values())
    assert not observer.discarded


def check_total(total: Distribution, values: Mapping[Labels, list[Any]]) -> None:
    """All that had labels as it is, and the rest by its mean."""
    expected = Counter(value for labels, each in values.items() if labels for value in each)
    without = values.get(NO_LABELS, [])
    if not without:
        assert multiset(total) == expected
    size = math.fsum(abs(value) for each in values.values() for value in each)
    given_out = math.fsum(value * count for value, count in zip(total.values, total.counts, strict=True))
    assert given_out == pytest.approx(math.fsum(v for each in values.values() for v in each), abs=1e-9 * size + 1e-9)


@half
@given(histories('summary', {'last_calls': st.integers(1, 6), 'aggregate_children': st.booleans()}, real))
def test_summary_that_does_not_count_passes_through(history: History) -> None:
    """With ``count_calls=False`` nobody knows what is new: its quantiles are given as they are."""
    history = History('summary', tuple({**each, 'count_calls': False} for each in history.options), history.cycles)
    metrics = history.build()
    baseline: Baseline = {}
    for cycle in history.cycles:
        record(metrics, cycle)
        delta = Delta(read(getMetric()), baseline)
        assert sorted(map(repr, distributions(delta))) == sorted(map(repr, collect(getMetric())))
        baseline = delta.baseline
        assert not baseline


@pytest.mark.parametrize('kind', [Decimal, Fraction])
@pytest.mark.parametrize('destination', ['cloudwatch', 'otlp'])
def test_numbers_of_other_types_are_observed(destination: str, kind: type[Decimal | Fraction]) -> None:
    """In delta, a summary of decimals or fractions is exported as one of the same floats is."""
    encoded = []
    for convert in (kind, float):
        getMetric().reset()
        for index, value in enumerate(('0.5', '0.25', '0.5')):
            getMetric('prices', 'summary').runtime(convert(value), shop=index % 2)
        plan = Arguments('N', temporality='delta', destination=destination).plan
        encoded.append(list(plan.encoding(1e9).items(plan.rebase(read(getMetric()), {}, root=getMetric()))))
    assert encoded[0] == encoded[1]
    assert len(encoded[0]) == 3


def test_summary_that_was_emptied_starts_again() -> None:
    """A program that sets its summary back gets what it recorded since."""
    summary = getMetric('s', 'summary')
    observer = Observer()
    for _ in range(5):
        summary.runtime(0.5)
    observer.cycle()
    summary.calls_queue.clear()
    summary.tot_calls = summary.tot_time = 0
    summary.runtime(3.0)
    assert observer.cycle()['s', NO_LABELS] == Distribution((3.0,), (1,))


@given(
    st.dictionaries(st.floats(-100, 100), st.integers(1, 1000), max_size=8),
    st.integers(0, 10**6),
)
def test_scaling_is_by_largest_remainder(counts: dict[float, int], total: int) -> None:
    """Scaled counts are whole, add up exactly, and are each within one of their share."""
    have = sum(counts.values())
    scaled = Counter(scale(counts, total))
    assert all(isinstance(number, int) and number > 0 for number in scaled.values())
    if not have or not total:
        assert not scaled
        return
    assert sum(scaled.values()) == total
    assert set(scaled) <= set(counts)
    for value, count in counts.items():
        assert abs(scaled[value] * have - count * total) < have


@pytest.mark.parametrize(
    ('counts', 'total', 'expected'),
    [
        ({1.0: 1, 2.0: 5}, 4, {1.0: 1, 2.0: 3}),
        ({1.0: 5, 2.0: 1}, 4, {1.0: 3, 2.0: 1}),
        ({1.0: 2, 2.0: 1}, 1, {1.0: 1}),
    ],
)
def test_largest_remainders_are_rounded_up(counts: dict[float, int], total: int, expected: dict[float, int]) -> None:
    """Whatever the values are; a single observation is one too."""
    assert scale(counts, total) == expected

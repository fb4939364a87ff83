"""Readings of series that have become equal → their sum.

What may live here: how readings of each kind are added up. What may not: labels, and which series are equal.

Counters and increases are added up; histograms with equal bounds bucket by bucket; new samples as one multiset. Levels
and quantiles are combined as the view says, or discarded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from satella.instrumentation.metrics import MetricData

from aws_satella.pure.histograms import HistogramReading
from aws_satella.pure.points import CounterReading, DataPoint, Discarded, Kind, Labels, Reason, new_counter
from aws_satella.pure.readers import Reading
from aws_satella.pure.summaries import NewSamples, SummaryReading, merge_samples, percentiles
from aws_satella.pure.values import PLAIN_NUMBERS, number
from aws_satella.pure.views import COMBINE

R = TypeVar('R', DataPoint, SummaryReading)


class Rule(NamedTuple):
    """What becomes of what cannot be added up."""

    combine: str | None = None
    """How levels and quantiles are combined; None discards them."""
    reason: Reason = Reason.NOT_ADDITIVE
    """Why they are discarded."""
    keeps_levels: bool = False
    """Whether levels that are equal are sent as they are: without a view nothing is added up."""


def checked(reading: Any) -> Reading | Discarded:
    """A reading whose number is one, so that it spoils no sum; or its discard. User code may raise."""
    if not isinstance(reading, (CounterReading, DataPoint)):
        return reading  # type: ignore[no-any-return]  # what is observed is checked by the encoder, one by one
    value = reading.value
    found = number(value)
    if isinstance(found, Reason):
        return Discarded(MetricData(reading.name, value, dict(reading.labels)), found)
    return reading if type(value) in PLAIN_NUMBERS else reading._replace(value=found)


def relabeled(reading: Any, labels: Labels) -> Reading:
    """The reading of a series that is alone under its labels."""
    if isinstance(reading, HistogramReading):
        return reading._replace(labels=labels, total_labels=labels)
    return reading._replace(labels=labels)  # type: ignore[no-any-return]  # one of the other readings


def add(readings: Sequence[Any], labels: Labels, rule: Rule) -> Iterator[Reading | Discarded]:
    """The sum of readings of one name, under these labels, and what is discarded of them."""
    first = readings[0]
    if isinstance(first, CounterReading):
        total = sum(reading.value for reading in readings)
        yield new_counter((first.name, total, labels, None))
    elif isinstance(first, HistogramReading):
        yield from _histograms(readings, labels)
    elif isinstance(first, NewSamples):
        yield from _samples(readings, labels)
    elif isinstance(first, SummaryReading):
        yield from _summaries(readings, labels, rule)
    elif rule.keeps_levels:
        yield from (relabeled(reading, labels) for reading in readings)
    else:
        yield from _levels(readings, labels, rule)


def is_level(reading: object) -> bool:
    """Whether a reading is a level, of which nothing is left beyond a bound."""
    return isinstance(reading, DataPoint)


def _histograms(readings: Sequence[HistogramReading], labels: Labels) -> Iterator[Reading | Discarded]:
    first = readings[0]
    alike = [reading for reading in readings if list(reading.bounds) == list(first.bounds)]
    counts = [sum(observed) for observed in zip(*(reading.counts for reading in alike), strict=True)]
    observations = sum(reading.observations for reading in alike)
    yield first._replace(
        labels=labels,
        total_labels=labels,
        counts=counts,
        sum=_sum(reading.sum for reading in alike),
        observations=observations,
        source=None,
    )
    for reading in readings:
        if list(reading.bounds) != list(first.bounds):
            yield _discard(reading, reading.observations, Reason.NOT_ADDITIVE)


def _sum(values: Iterable[float | None]) -> float | None:
    """None where a value is: then the sum is not known."""
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _samples(readings: Sequence[NewSamples], labels: Labels) -> Iterator[Reading | Discarded]:
    yield NewSamples(
        readings[0].name,
        labels,
        merge_samples(reading.samples for reading in readings),
        sum(reading.observations for reading in readings),
        sum(reading.sum for reading in readings),
        None,
        all(reading.complete for reading in readings),
    )


def _levels(readings: Sequence[DataPoint], labels: Labels, rule: Rule) -> Iterator[Reading | Discarded]:
    if rule.combine is None:
        yield from (_discard(reading, reading.value, rule.reason) for reading in readings)
        return
    value: Any = COMBINE[rule.combine](reading.value for reading in readings)  # type: ignore[misc]  # checked before
    yield DataPoint(readings[0].name, value, labels, readings[0].kind)


def _summaries(readings: Sequence[SummaryReading], labels: Labels, rule: Rule) -> Iterator[Reading | Discarded]:
    """Counts and sums, added up, and the quantiles if the view says how."""
    if rule.combine is None:
        yield from (_discard(reading, None, rule.reason) for reading in readings)
    else:
        combine = COMBINE[rule.combine]
        for quantile, values in _values_of_quantiles(readings).items():
            labels_of_quantile = {'quantile': quantile, **labels}
            yield DataPoint(readings[0].name, combine(values), labels_of_quantile, Kind.QUANTILE)
    counted = [(reading.observations, reading.sum) for reading in readings if reading.observations is not None]
    if counted:
        observations, sums = zip(*counted, strict=True)
        yield DataPoint(f'{readings[0].name}.count', sum(observations), labels, Kind.COUNTER)
        yield DataPoint(f'{readings[0].name}.sum', sum(sums), labels, Kind.COUNTER)


def _values_of_quantiles(readings: Iterable[SummaryReading]) -> Mapping[float, list[float]]:
    found: dict[float, list[float]] = {}
    for reading in readings:
        for quantile, value in percentiles(reading.window, reading.quantiles):
            found.setdefault(quantile, []).append(value)
    return found


def without_counts(readings: Iterable[Any]) -> Iterator[Reading | Discarded]:
    """The readings of a summary without its count and sum, which the total of the summary has."""
    for reading in readings:
        if isinstance(reading, SummaryReading):
            yield reading._replace(observations=None)
        elif not (isinstance(reading, DataPoint) and reading.kind is Kind.COUNTER):
            yield reading


def names_in_total(total: Any) -> frozenset[str]:
    """The names of what a total says already of all series together."""
    name = total.name
    return frozenset((name, name.removesuffix('.sum'), name.removesuffix('.total')))


def _discard(reading: Any, value: object, reason: Reason) -> Discarded:
    return Discarded(MetricData(reading.name, value, dict(reading.labels)), reason)

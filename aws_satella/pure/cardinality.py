"""What is said of a metric that has very many series.

What may live here: the words, and how often they are said. What may not: logs, and how series are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from aws_satella.pure.outage import Saying
from aws_satella.pure.prices import Prices
from aws_satella.pure.readers import READERS

if TYPE_CHECKING:
    from aws_satella.pure.relabeling import Key, Names


def digits(number: int) -> int:
    """How often it is said, up to this number: once, and once more at each tenfold."""
    return len(str(number)) if number else 0


def label_with_most_values(names: Names, keys: Iterable[Key]) -> tuple[str, int]:
    """The label of some series that has the most values, and how many these are."""
    columns = {name: len(set(column)) for name, column in zip(names, zip(*keys, strict=True), strict=True)}
    name = max(columns, key=lambda each: columns[each])
    return name, columns[name]


def beyond(name: str, number: int, bound: str, label: tuple[str, int], billed: int | None) -> Saying:
    """Say that a metric has more series than it may have.

    :param name: the name of the metric
    :param number: how many of its series are beyond the bound
    :param bound: the argument that bounds them
    :param label: the label with the most values, and their number
    :param billed: how many metrics CloudWatch bills of it; None over OTLP
    """
    values: tuple[object, ...] = (name, number, bound, *label)
    message = 'Metric %s has %d series beyond %s: its label %r has %d values. Those series are not sent one by one'
    if billed is not None:
        values = (*values, Prices().metrics(billed))
        message = (
            'Metric %s has %d series beyond %s: its label %r has %d values. Those series are not sent one by one; what '
            'is sent of it costs %.2f USD a month'
        )
    return Saying('WARNING', message, values)


def many(metric: Any, name: str, billed: Callable[[Any], int] | None) -> Saying:
    """Say that a metric without a bound has very many series. Its labels may raise.

    :param metric: the metric object, which has labelled children
    :param name: its full name
    :param billed: how many metrics CloudWatch bills of a reading; None over OTLP
    """
    children = list(metric.children)
    found: dict[str, set[str]] = {}
    for child in children:
        for label, value in child.labels.items():
            found.setdefault(str(label), set()).add(str(value))
    guilty = max(found, key=lambda label: len(found[label]))
    values: tuple[object, ...] = (name, len(children), guilty, len(found[guilty]))
    message = 'Metric %s has %d series: its label %r has %d values. A view can add them up, or bound them'
    if billed is not None:
        number = sum(map(billed, READERS[type(metric)].own(children[0], name))) * len(children)
        values = (*values, Prices().metrics(number))
        message = (
            'Metric %s has %d series: its label %r has %d values. A view can add them up, or bound them; they cost '
            '%.2f USD a month'
        )
    return Saying('WARNING', message, values)

"""When something is said of a metric with very many series, and which label is to blame."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from satella.instrumentation.metrics import getMetric

from aws_satella.pure import cardinality

NAMES = 'abc'
"""The names of labels."""


def test_digits_grow_at_each_tenfold() -> None:
    """It is said at 1, and at each tenfold."""
    assert [cardinality.digits(number) for number in (0, 1, 9, 10, 99, 100)] == [0, 1, 1, 2, 2, 3]


@given(st.sets(st.tuples(*[st.integers(0, 9)] * len(NAMES)), min_size=1, max_size=30))
@example({(1, 1, 3), (2, 1, 3), (3, 1, 3)})
@example({(1, 1, 3), (1, 2, 3), (1, 3, 3)})
def test_label_to_blame_has_the_most_values(series: set[tuple[int, ...]]) -> None:
    """It is the one with the most values: of the labels of a metric, or of the series beyond a bound. The values are
    counted, and so are the series."""
    getMetric().reset()
    metric = getMetric('m', 'counter')
    for each in series:
        metric.runtime(1, **dict(zip(NAMES, map(str, each), strict=True)))
    most = max(len({each[index] for each in series}) for index in range(len(NAMES)))

    def is_to_blame(label: object) -> bool:
        return len({each[NAMES.index(str(label))] for each in series}) == most

    name, number, label, values = cardinality.many(metric, 'm', None).values
    assert (name, number, values) == ('m', len(series), most)
    assert is_to_blame(label)
    label, values = cardinality.label_with_most_values(tuple(NAMES), [tuple(map(str, each)) for each in series])
    assert values == most
    assert is_to_blame(label)

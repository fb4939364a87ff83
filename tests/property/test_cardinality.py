"""When something is said of a metric with very many series."""

from __future__ import annotations

from aws_satella.pure import cardinality


def test_digits_grow_at_each_tenfold() -> None:
    """It is said at 1, and at each tenfold."""
    assert [cardinality.digits(number) for number in (0, 1, 9, 10, 99, 100)] == [0, 1, 1, 2, 2, 3]

"""Values that user code records: numbers of many types, and values that are no numbers."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

from aws_satella.pure import Reason

LIMIT = 2**360


class Number:
    """An object with a ``__float__`` that returns, or raises, what it was made with."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def __float__(self) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


class Text(str):
    """A text of a class of its own."""

    __slots__ = ()


GOOD: list[tuple[Any, float]] = [
    (0, 0.0),
    (True, 1.0),
    (-0.0, -0.0),
    (2**53 + 1, 2.0**53),
    (LIMIT, 2.0**360),
    (-LIMIT, -(2.0**360)),
    (5e-324, 5e-324),
    (Decimal('1.5'), 1.5),
    (Fraction(1, 4), 0.25),
    (Number(2.5), 2.5),
]
"""A value, and the float that is sent for it."""

BAD: list[tuple[Any, Reason]] = [
    (math.nan, Reason.NOT_FINITE),
    (math.inf, Reason.NOT_FINITE),
    (-math.inf, Reason.NOT_FINITE),
    (Decimal('NaN'), Reason.NOT_FINITE),
    (Decimal('Infinity'), Reason.NOT_FINITE),
    (Number(math.nan), Reason.NOT_FINITE),
    (2**361, Reason.OUT_OF_RANGE),
    (-(2**361), Reason.OUT_OF_RANGE),
    (math.nextafter(2.0**360, math.inf), Reason.OUT_OF_RANGE),
    (10**400, Reason.OUT_OF_RANGE),
    (-(10**5000), Reason.OUT_OF_RANGE),
    (Fraction(10**400), Reason.OUT_OF_RANGE),
    (None, Reason.NOT_A_NUMBER),
    ('1.5', Reason.NOT_A_NUMBER),
    (Text('1.5'), Reason.NOT_A_NUMBER),
    ('', Reason.NOT_A_NUMBER),
    ('text', Reason.NOT_A_NUMBER),
    (b'1.5', Reason.NOT_A_NUMBER),
    (bytearray(b'1.5'), Reason.NOT_A_NUMBER),
    (1 + 2j, Reason.NOT_A_NUMBER),
    ([1], Reason.NOT_A_NUMBER),
    ({}, Reason.NOT_A_NUMBER),
    (object(), Reason.NOT_A_NUMBER),
    (Decimal('sNaN'), Reason.NOT_A_NUMBER),
    (Number('1.5'), Reason.NOT_A_NUMBER),
    (Number(ValueError('no')), Reason.NOT_A_NUMBER),
    (Number(RuntimeError('no')), Reason.RAISED),
    (Number(MemoryError('no')), Reason.RAISED),
]
"""A value, and the reason why it is discarded."""


def type_of(value: object) -> str:
    """A name for the test of a value. Its ``repr()`` may have thousands of digits."""
    return type(value).__name__

"""A line of the table: what was measured, what beside it, and whether it is as it must be."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

Samples = Sequence[float]

RELATIONS: dict[str, Callable[[float, float], bool]] = {'≤': operator.le, '≥': operator.ge, '<': operator.lt}


@dataclass(frozen=True)
class Bound:
    """What must hold of a result."""

    relation: str
    """One of :data:`RELATIONS`."""
    limit: float
    text: str = ''
    """How it reads, where the number alone would not do."""

    def __str__(self) -> str:
        return self.text or f'{self.relation} {self.limit:g}'

    def holds(self, value: float) -> bool:
        return RELATIONS[self.relation](value, self.limit)


@dataclass(frozen=True)
class Line:
    """One line: ours, what is beside it, and the result of the two."""

    row: int
    what: str
    ours: Samples
    """In seconds or bytes, as the unit says."""
    beside: str
    """What the control is."""
    control: Samples
    result: float
    result_text: str
    bound: Bound | None = None
    rounds: Samples = ()
    """The result of each round, where ours and the control take turns."""
    unit: str = 'seconds'

    @property
    def holds(self) -> bool:
        return self.bound is None or self.bound.holds(self.result)


def best(samples: Samples) -> float:
    """The least of the samples: whatever else a machine does can only add to the CPU time that work takes."""
    return min(samples)


def ratio(row: int, what: str, ours: Samples, beside: str, control: Samples, bound: Bound | None = None) -> Line:
    """A line whose result is how much ours is of the control."""
    result = best(ours) / best(control)
    rounds = [own / other for own, other in zip(ours, control, strict=True)]
    return Line(row, what, ours, beside, control, result, f'{result:.2f}', bound, rounds)


def times_less(row: int, what: str, ours: Samples, beside: str, control: Samples, bound: Bound | None = None) -> Line:
    """A line whose result is how many times less ours is than the control."""
    result = best(control) / best(ours)
    rounds = [other / own for own, other in zip(ours, control, strict=True)]
    return Line(row, what, ours, beside, control, result, f'{result:.1f}x', bound, rounds)


def summary(samples: Samples, unit: str) -> str:
    """Least, median and greatest, in a unit that suits them."""
    size, name = _scale(max(samples), unit)
    numbers = [min(samples), median(samples), max(samples)] if len(samples) > 1 else samples
    return ' / '.join(f'{number / size:.3g}' for number in numbers) + f' {name}'


def quartiles(rounds: Samples) -> str:
    """What lies between the quartiles; of few, what there is."""
    few = len(rounds) < 4
    low, _, high = (min(rounds), 0, max(rounds)) if few else quantiles(rounds, n=4, method='inclusive')
    return f'{low:.3g}' if low == high else f'{low:.3g} to {high:.3g}'


def _scale(largest: float, unit: str) -> tuple[float, str]:
    if unit == 'bytes':
        return 1e6, 'MB'
    scales = ((1.0, 's'), (1e-3, 'ms'), (1e-6, 'µs'))
    return next((scale for scale in scales if largest >= scale[0]), (1e-9, 'ns'))

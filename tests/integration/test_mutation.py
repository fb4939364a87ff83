"""The small faults that ``make mutants`` puts into the package, and the score that it prints."""

from __future__ import annotations

import ast
import math
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # behind what is installed, so that only the tool is found there

from mutation import __main__ as command
from mutation.changes import changed, changes

FAULTS = {
    'x < 1': ['x <= 1', 'x >= 1', 'x < 2'],
    'a and b and c': ['b and c', 'a and c', 'a and b'],
    'not a': ['a'],
    'a - f(b=True)': ['a + f(b=True)', 'a - f()', 'a - f(b=False)'],
    'a = min(b, -c)': ['a = max(b, -c)', 'a = min(b, c)'],
    '[x for x in y if x]': ['[x for x in y]'],
    "a if b else c('d')": ['a', "c('d')", "a if b else c('XXd')"],
    "f'{a + b}'": ["f'{a - b}'"],
    'if a:\n    f()': ['if True:\n    f()', 'if False:\n    f()', 'if a:\n    pass'],
    'while a:\n    break': ['while False:\n    break', 'while a:\n    continue'],
    'def f():\n    return a': ['def f():\n    return None'],
    'a.b = c': ['pass'],
    'a += b': ['pass', 'a -= b'],
    'raise a': ['pass'],
}

NO_FAULTS = [
    '"""A docstring."""',
    'def f(a: int | None = b) -> list[int]: c',
    '@dataclass(frozen=True)\nclass A: a: int',
    "__slots__ = ('a',)",
    'from a import b',
    'if TYPE_CHECKING:\n    a()',
    "message = 'The metrics were read in part'",
]


@pytest.mark.parametrize(('source', 'faults'), FAULTS.items())
def test_changes_are_small_faults(source: str, faults: list[str]) -> None:
    """Each operator, condition, constant, keyword, call and assignment is changed by itself, in a fixed order."""
    found = [changed(source, number) for number in range(len(changes(source)))]

    assert sorted(found) == sorted(faults)


@pytest.mark.parametrize('source', NO_FAULTS)
def test_changes_leave_out_what_no_behavior_depends_on(source: str) -> None:
    """Annotations, docstrings, decorators, slots, imports and log texts stay as they are."""
    assert changes(source) == []


def test_mutant_names_what_it_changes() -> None:
    """The text of a mutant has its file, its line, what was there and what is there. Each mutant can be compiled."""
    path = command.PACKAGE / 'pure' / 'sharing.py'
    source = path.read_text()
    mutants = command.mutants_of(path)

    for mutant in mutants:
        assert ast.unparse(ast.parse(source)) != changed(source, mutant.number)
        compile(changed(source, mutant.number), path, 'exec')
    assert 'aws_satella/pure/sharing.py:' in mutants[0].text


@pytest.mark.parametrize(('killed', 'number'), [(1, 10), (5, 10), (291, 300)])
def test_bounds_are_the_shares_that_agree_with_a_sample(killed: int, number: int) -> None:
    """A sample from a package whose share is at a bound differs from it by 1.96 standard deviations."""
    low, high = command.bounds(killed, number)

    assert 0 < low < killed / number < high < 1
    for share in (low, high):
        assert abs(killed / number - share) == pytest.approx(1.96 * math.sqrt(share * (1 - share) / number), abs=1e-7)

"""Change the package in many small ways, one at a time, and count the changes that no test finds.

A mutant is the package with one change, in a folder that comes before the installed package, also for the programs
that tests start. A mutant is killed when a test fails. The same seed takes the same sample of all mutants, and tests
draw the same examples each time, so that a result can be repeated.

mutmut 3 does the same, but it changes nothing outside of functions, and no property. Here those are the tables that
decide, and one mutant of seven. cosmic-ray changes annotations as well, and runs all tests for each mutant.
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mutation.changes import changed, changes
from mutation.tests import ROOT, Tests

PACKAGE = ROOT / 'aws_satella'


class Mutant(NamedTuple):
    """One change of one file."""

    path: Path
    number: int
    line: int
    text: str


def mutants_of(path: Path) -> list[Mutant]:
    """Every mutant of a file."""
    numbered = enumerate(changes(path.read_text(encoding='utf-8')))
    name = path.relative_to(ROOT)
    return [Mutant(path, number, line, f'{name}:{line}: {was}  →  {now}') for number, (line, was, now) in numbered]


class Judge:
    """Runs the tests of one mutant after the other, in one copy of the package."""

    def __init__(self, folder: Path, stages: int | None) -> None:
        self._folder = folder
        self._stages = stages
        shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns('__pycache__'))
        self._tests = Tests(folder)

    def kills(self, mutant: Mutant) -> bool:
        """Whether a test fails."""
        stages = self._tests.of(mutant.path.relative_to(ROOT), mutant.line)[: self._stages]
        text = mutant.path.read_text(encoding='utf-8')
        self._write(mutant.path, changed(text, mutant.number))
        killed = not all(self._tests.pass_(stage) for stage in stages)
        self._write(mutant.path, text)
        return killed

    def _write(self, path: Path, text: str) -> None:
        copy = self._folder / path.relative_to(ROOT)
        copy.write_text(text, encoding='utf-8')
        # Bytecode of another text of the same size and second would be taken for that of this one.
        for each in copy.parent.glob(f'__pycache__/{copy.stem}.*'):
            each.unlink()


def bounds(killed: int, number: int) -> tuple[float, float]:
    """The 95 % confidence bounds of a share, after Wilson."""
    share, z = killed / number, 1.96
    middle = share + z * z / (2 * number)
    half = z * math.sqrt(share * (1 - share) / number + (z / (2 * number)) ** 2)
    return (middle - half) / (1 + z * z / number), (middle + half) / (1 + z * z / number)


def judge(sample: Sequence[Mutant], stages: int | None) -> Counter[bool]:
    """Judge mutants, and print those that survive. An interrupt ends the sample early."""
    outcomes: Counter[bool] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        judging = Judge(Path(folder), stages)
        try:
            for mutant in sample:
                outcomes[killed := judging.kills(mutant)] += 1
                if not killed:
                    print(f'{outcomes.total()}: {mutant.text}', flush=True)
        except KeyboardInterrupt:
            pass
    return outcomes


def main() -> None:
    """Take a sample, judge it, and print the score."""
    parser = argparse.ArgumentParser(prog='mutation')
    parser.add_argument('paths', nargs='*', type=Path, default=[PACKAGE / 'pure'], help='files and folders to change')
    parser.add_argument('--seed', default='1', help='another seed takes another sample')
    parser.add_argument('--number', type=int, default=300, help='how many mutants to take')
    parser.add_argument('--like', default='', help='only mutants whose line, as it is printed, has this in it')
    parser.add_argument('--stages', type=int, help='how many stages of tests to run; 1 is soon done, and kills less')
    chosen = parser.parse_args()
    files = [each for path in chosen.paths for each in sorted(path.rglob('*.py')) or [path]]
    mutants = [mutant for each in files for mutant in mutants_of(each.resolve()) if chosen.like in mutant.text]
    random.Random(chosen.seed).shuffle(mutants)
    sample = mutants[: chosen.number]
    print(f'{len(sample)} of {len(mutants)} mutants, seed {chosen.seed}. These survive:', flush=True)
    outcomes = judge(sample, chosen.stages)
    killed, number = outcomes[True], outcomes.total()
    low, high = bounds(killed, number)
    print(f'{killed} of {number} are killed: {killed / number:.1%}, with 95 % confidence {low:.1%} to {high:.1%}')


if __name__ == '__main__':
    main()

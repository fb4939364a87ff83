"""Change the package in many small ways, one at a time, and count the changes that no test finds.

A mutant is the package with one change, in a folder that comes before the installed package, also for the programs
that tests start. A mutant is killed when a test fails. The same seed takes the same sample of all mutants, and tests
draw the same examples each time, so that a result can be repeated.

mutmut 3 would be faster, but it changes nothing outside of functions, and no property. Here those are the tables that
decide, and half of the plan. cosmic-ray changes annotations as well, and runs the same tests for each module.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, NoReturn

from mutation.changes import changed, changes

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'aws_satella'
MAX_MEMORY_BYTES = 4 << 30
MAX_TEST_SECONDS = 60
"""More than ten times what a test takes. A change that makes a loop endless is killed by it."""
MIN_SECONDS = 60.0
PRELOADED = ('boto3', 'hypothesis', 'moto', 'pytest', 'satella.instrumentation.metrics')
"""What tests import that no mutant changes: it is imported once."""

TESTS_OF_EFFECTS = {
    'announcements': 'logs_and_stats start otlp_seam',
    'attempts': 'seam outages otlp spooling',
    'children': 'children forks',
    'clients': 'credentials seam environment',
    'cloudwatch': 'seam outages',
    'complaints': 'logs_and_stats secrets bad_data',
    'drain': 'spooling spool spool_faults',
    'drainage': 'spooling spool',
    'encoded': 'seam',
    'leftovers': 'spooling exit outages spool_faults',
    'loop': 'start flush export_once terminate outages hanging',
    'otlp': 'otlp_seam otlp_stand_in otlp',
    'outcomes': 'seam outages otlp_seam',
    'pacing': 'host delta snapshot',
    'patience': 'hanging export_once exit',
    'sender': 'seam hanging thread_lives outages',
    'signals': 'signals terminate',
    'spool': 'spool spool_faults spooling',
    'state': 'start delta options forks export_once',
    'succession': 'export_once start forks delta reentry',
}
"""Module of `effects/` → the files in `tests/integration/` that specify what it does."""


class Mutant(NamedTuple):
    """One change of one file."""

    path: Path
    number: int
    text: str


class Stage(NamedTuple):
    """Tests that are run together."""

    files: tuple[Path, ...]
    profile: str = 'mutants'


def mutants_of(path: Path) -> list[Mutant]:
    """Every mutant of a file."""
    all_of_them = enumerate(changes(path.read_text(encoding='utf-8')))
    name = path.relative_to(ROOT)
    return [Mutant(path, number, f'{name}:{line}: {was}  →  {now}') for number, (line, was, now) in all_of_them]


@cache
def stages_for(path: Path) -> tuple[Stage, ...]:
    """The tests of a file: first those that import it, with few examples and with all, then all other ones."""
    if 'effects' in path.parts:
        named = TESTS_OF_EFFECTS[path.stem].split()
        return (Stage(tuple(ROOT / f'tests/integration/test_{each}.py' for each in named)),)
    files = set((ROOT / 'tests/property').glob('test_*.py'))
    imported = re.compile(rf'^(from|import) aws_satella.*\b{path.stem}\b', re.MULTILINE)
    near = {each for each in files if each.stem == f'test_{path.stem}' or imported.search(each.read_text('utf-8'))}
    stages = [sorted(near, key=lambda each: (each.stem != f'test_{path.stem}', each)), sorted(files - near)]
    first, rest = (tuple(each) for each in stages)
    return Stage(first), Stage(first, 'default'), Stage(rest)


def passes(stage: Stage, folder: Path, seconds: float = math.inf) -> bool:
    """Whether tests pass with the package of a folder, in a process of their own, in this time."""
    child = os.fork()
    if not child:
        _run(stage, folder)
    ends = time.monotonic() + seconds
    ended, status = 0, 1
    while not ended and time.monotonic() < ends:
        time.sleep(0.02)
        ended, status = os.waitpid(child, os.WNOHANG)
    try:
        os.killpg(child, signal.SIGKILL)  # with the processes that its tests have left behind
    except ProcessLookupError:
        pass
    if not ended:
        os.waitpid(child, 0)
    return bool(ended) and status == 0


def _run(stage: Stage, folder: Path) -> NoReturn:
    """Run tests, and end the process."""
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
        os.chdir(folder)  # where `python -c` looks first
        sys.path.insert(0, str(folder))
        os.environ.update(PYTHONPATH=str(folder), HYPOTHESIS_PROFILE=stage.profile)
        options = (
            '-x',
            '-q',
            '--assert=plain',
            f'--timeout={MAX_TEST_SECONDS}',
            f'-c{ROOT}/pyproject.toml',
        )
        os._exit(importlib.import_module('pytest').main([*options, *map(str, stage.files)]))
    finally:
        os._exit(1)


class Judge:
    """Runs the tests of one mutant after the other, in one copy of the package."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns('__pycache__'))
        self._seconds = cache(self._limit)

    def kills(self, mutant: Mutant) -> bool:
        """Whether a test fails."""
        stages = [(stage, self._seconds(stage)) for stage in stages_for(mutant.path) if stage.files]
        text = mutant.path.read_text(encoding='utf-8')
        self._write(mutant.path, changed(text, mutant.number))
        killed = not all(passes(stage, self._folder, seconds) for stage, seconds in stages)
        self._write(mutant.path, text)
        return killed

    def _limit(self, stage: Stage) -> float:
        """How long tests may take: ten times what they take with the package as it is."""
        began = time.monotonic()
        if not passes(stage, self._folder):
            raise SystemExit(f'These tests fail without a change: {" ".join(map(str, stage.files))}')
        return max(MIN_SECONDS, 10 * (time.monotonic() - began))

    def _write(self, path: Path, text: str) -> None:
        copy = self._folder / path.relative_to(ROOT)
        copy.write_text(text, encoding='utf-8')
        # Bytecode of another text of the same size and second would be taken for that of this one.
        shutil.rmtree(copy.parent / '__pycache__', ignore_errors=True)


def bounds(killed: int, number: int) -> tuple[float, float]:
    """The 95 % confidence bounds of a share, after Wilson."""
    share, z = killed / number, 1.96
    middle = share + z * z / (2 * number)
    half = z * math.sqrt(share * (1 - share) / number + (z / (2 * number)) ** 2)
    return (middle - half) / (1 + z * z / number), (middle + half) / (1 + z * z / number)


def judge(sample: Sequence[Mutant]) -> Counter[bool]:
    """Judge mutants, and print those that survive. An interrupt ends the sample early."""
    outcomes: Counter[bool] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        judging = Judge(Path(folder))
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
    chosen = parser.parse_args()
    files = [each for path in chosen.paths for each in sorted(path.rglob('*.py')) or [path]]
    mutants = [mutant for each in files for mutant in mutants_of(each.resolve()) if chosen.like in mutant.text]
    random.Random(chosen.seed).shuffle(mutants)
    sample = mutants[: chosen.number]
    print(f'{len(sample)} of {len(mutants)} mutants, seed {chosen.seed}. These survive:', flush=True)
    for module in PRELOADED:
        importlib.import_module(module)
    outcomes = judge(sample)
    killed, number = outcomes[True], outcomes.total()
    low, high = bounds(killed, number)
    print(f'{killed} of {number} are killed: {killed / number:.1%}, with 95 % confidence {low:.1%} to {high:.1%}')


if __name__ == '__main__':
    main()

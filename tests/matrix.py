"""Runs the tests that depend on versions with each Python, Django, boto3 and satella that go together.

``make matrix`` runs it, with a pip that knows dependency groups. ``--quick`` takes one cell for each Python; they have
each Django, and the oldest and the newest libraries. Each cell has an environment of its own below ``.venv-matrix/``,
with the wheel, and a log beside it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / '.venv-matrix'

PYTHONS = ('3.10', '3.11', '3.12', '3.13')
DJANGOS = {'5.2': PYTHONS, '6.0': ('3.12', '3.13'), '6.1': ('3.12', '3.13')}
"""Django → the Pythons that it runs on (https://docs.djangoproject.com/en/stable/faq/install/)."""
LIBRARIES = {
    'oldest': ('boto3==1.43.0', 'satella==2.26.1'),  # there is no satella 2.26.0
    'newest': ('boto3', 'satella'),
}
TESTS = (
    'tests/property',
    'tests/integration/test_children.py',
    'tests/integration/test_delta.py',
    'tests/integration/test_django.py',
    'tests/integration/test_exit.py',
    'tests/integration/test_export.py',
    'tests/integration/test_forks.py',
    'tests/integration/test_otlp_seam.py',
    'tests/integration/test_start.py',
)
"""What may differ between versions: satella's metrics, botocore's requests, Django's middleware, forks, exits."""
ENVIRONMENT = {**os.environ, 'HYPOTHESIS_PROFILE': 'light'}


class Cell(NamedTuple):
    """One combination of versions."""

    python: str
    django: str
    libraries: str

    def __str__(self) -> str:
        return f'python {self.python}, django {self.django}, {self.libraries} boto3 and satella'

    @property
    def folder(self) -> Path:
        """Its environment."""
        return FOLDER / f'{self.python}-{self.django}-{self.libraries}'

    @property
    def log(self) -> Path:
        """What was said while it was tried."""
        return self.folder.with_suffix(f'{self.folder.suffix}.log')


QUICK = (
    Cell('3.10', '5.2', 'oldest'),
    Cell('3.11', '5.2', 'newest'),
    Cell('3.12', '6.0', 'oldest'),
    Cell('3.13', '6.1', 'newest'),
)
"""What a quick run tries."""


class Outcome(NamedTuple):
    """What became of a cell."""

    cell: Cell
    verdict: str
    seconds: float = 0.0


def cells() -> Iterator[Cell]:
    """All combinations that go together, oldest first."""
    for python in PYTHONS:
        for django, pythons in DJANGOS.items():
            if python in pythons:
                yield from (Cell(python, django, libraries) for libraries in LIBRARIES)


def interpreter(version: str) -> str | None:
    """An interpreter of this version, from the path or from pyenv."""
    name = f'python{version}'
    pyenv = Path(os.environ.get('PYENV_ROOT', Path.home() / '.pyenv')) / 'versions'
    found = [sys.executable, shutil.which(name), *sorted(pyenv.glob(f'{version}.*/bin/{name}'), reverse=True)]
    return next((str(each) for each in found if each and version_of(str(each)) == version), None)


def version_of(python: str) -> str:
    """The version of an interpreter; blank for a pyenv shim of a version that is not chosen."""
    program = 'import sys; print("%d.%d" % sys.version_info[:2])'
    return subprocess.run([python, '-c', program], capture_output=True, text=True, check=False).stdout.strip()


def build() -> Path:
    """The wheel that is tried in each cell."""
    folder = FOLDER / 'wheel'
    shutil.rmtree(folder, ignore_errors=True)
    pip = (sys.executable, '-m', 'pip', '--disable-pip-version-check')
    subprocess.run([*pip, 'wheel', '--quiet', '--no-deps', '--wheel-dir', folder, ROOT], check=True)
    (wheel,) = folder.glob('*.whl')
    return wheel


def attempt(cell: Cell, pythons: dict[str, str | None], wheel: Path) -> Outcome:
    """Try one cell, and say what came of it."""
    python = pythons[cell.python]
    if python is None:
        return Outcome(cell, f'skipped: no interpreter for Python {cell.python}')
    started = time.monotonic()
    with cell.log.open('w') as log:
        for command in commands(cell, python, wheel):
            log.write(f'$ {" ".join(map(str, command))}\n')
            log.flush()
            done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, stdout=log, stderr=subprocess.STDOUT, check=False)
            if done.returncode:
                break
    verdict = 'passed' if not done.returncode else f'FAILED: see {cell.log.relative_to(ROOT)}'
    outcome = Outcome(cell, verdict, time.monotonic() - started)
    print(f'{outcome.cell}: {outcome.verdict}', flush=True)
    return outcome


def commands(cell: Cell, python: str, wheel: Path) -> Iterator[list[str | Path]]:
    """Make the environment, fill it, and run the tests in it."""
    yield [python, '-m', 'venv', '--clear', '--without-pip', cell.folder]
    pip = [sys.executable, '-m', 'pip', '--python', cell.folder, '--disable-pip-version-check', 'install', '--quiet']
    versions = [f'django=={cell.django}.*', *LIBRARIES[cell.libraries]]
    yield [*pip, wheel, *versions, '--group', f'{ROOT / "pyproject.toml"}:matrix']
    yield [cell.folder / 'bin' / 'pytest', '-q', *TESTS]


def report(outcomes: Iterable[Outcome]) -> str:
    """A table of all cells."""
    rows = [('python', 'django', 'boto3, satella', 'seconds', 'outcome')]
    rows += [(*cell, f'{seconds:.0f}' if seconds else '', verdict) for cell, verdict, seconds in outcomes]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return '\n'.join('  '.join(map(str.ljust, row, widths)).rstrip() for row in rows)


def main() -> int:
    """Try all cells, as many at a time as there are processors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--quick', action='store_true', help='one cell for each Python')
    quick = parser.parse_args().quick
    FOLDER.mkdir(exist_ok=True)
    pythons = {version: interpreter(version) for version in PYTHONS}
    attempt_here = partial(attempt, pythons=pythons, wheel=build())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(attempt_here, QUICK if quick else cells()))
    print(report(outcomes))
    return int(any(outcome.verdict.startswith('FAILED') for outcome in outcomes))


if __name__ == '__main__':
    sys.exit(main())

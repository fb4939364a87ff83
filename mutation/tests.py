"""The tests of a change: which they are, and whether they pass.

What may live here: runs of pytest in forked processes. What may not: what is changed.

The tests of a function in ``pure/`` are those that run it: properties first, then tests of exporters that live in the
process of the test. Anything may depend on what is in no function, so its tests are all properties. Tests of
``effects/`` start programs, which coverage does not see: a table says in which files they are.
"""

from __future__ import annotations

import ast
import importlib
import json
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest
from coverage import Coverage, CoverageData

ROOT = Path(__file__).parents[1]
MAX_MEMORY_BYTES = 4 << 30
MIN_SECONDS = 600.0
"""Least seconds for the tests of a mutant. Each test has the time-out of the suite besides."""
PROPERTIES = ('tests/property',)
PRELOADED = ('boto3', 'hypothesis', 'moto', 'satella.instrumentation.metrics')
"""What tests import that no mutant changes: it is imported once."""

TESTS_OF_PURE = (
    'arguments bad_data entities export options otlp_seam otlp_stand_in oversize preview seam spool_faults start'
)
"""The files in `tests/integration/` that run much of `pure/`, soon, and in the process of the test."""

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


class Stage(NamedTuple):
    """Tests that run together: those of the later stages see only what the earlier ones let pass."""

    seconds: Mapping[str, float]
    """Which they are, and how long each takes."""
    profile: str = 'default'
    """How many examples a property has."""


class Recorder:
    """Notes how long each test takes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Run a test."""
        began = time.monotonic()
        result = yield
        self._seconds[item.nodeid] = time.monotonic() - began
        return result

    def pytest_sessionfinish(self) -> None:
        """Leave a record to the process that started this one."""
        (self._folder / 'seconds').write_text(json.dumps(self._seconds))


class LineRecorder(Recorder):
    """Notes which lines of the package each test runs, too."""

    def __init__(self, folder: Path, lines: str) -> None:
        super().__init__(folder)
        self._coverage = Coverage(lines, config_file=False, include=[f'{folder}/aws_satella/*'])

    def pytest_sessionstart(self) -> None:
        """Begin, in the process of the tests."""
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Run a test."""
        self._coverage.switch_context(item.nodeid)
        return (yield from super().pytest_runtest_protocol(item))

    def pytest_sessionfinish(self) -> None:
        """Leave a record to the process that started this one."""
        self._coverage.stop()
        self._coverage.save()
        super().pytest_sessionfinish()


class Picker:
    """Leaves out tests, and runs the fast ones first."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self._seconds = seconds

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out all tests but those with a duration."""
        kept = [item for item in items if item.nodeid in self._seconds]
        items[:] = sorted(kept, key=lambda item: self._seconds[item.nodeid])


class Tests:
    """The tests of the package in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._record = cache(self._run_once)
        sys.dont_write_bytecode = False  # or each process of tests would compile the package again
        os.environ.pop('PYTHONDONTWRITEBYTECODE', None)
        for module in PRELOADED:
            importlib.import_module(module)

    def of(self, path: Path, line: int) -> Sequence[Stage]:
        """The tests of what is in this line of the package, which must be as it is."""
        if 'effects' in path.parts:
            return [Stage(self._record(_files(TESTS_OF_EFFECTS[path.stem]), with_lines=False))]
        body = _body_around((self._folder / path).read_text(encoding='utf-8'), line)
        stages = []
        for files, profiles in ((PROPERTIES, ('mutants', 'default')), (_files(TESTS_OF_PURE), ('default',))):
            seconds = self._record(files, with_lines=True)
            names = self._that_run(path, body, files) if body else seconds
            stages += [Stage({name: seconds[name] for name in names}, profile) for profile in profiles if names]
        return stages

    def pass_(self, stage: Stage) -> bool:
        """Whether the tests of a stage pass."""
        files = sorted({name.partition('::')[0] for name in stage.seconds})
        seconds = max(MIN_SECONDS, 100 * sum(stage.seconds.values()))  # ten times what they take with all examples
        return self._run(files, Picker(stage.seconds), seconds, stage.profile)

    def _that_run(self, path: Path, lines: Collection[int], files: tuple[str, ...]) -> Collection[str]:
        """The tests in files that run one of these lines."""
        recorded = CoverageData(self._lines(files))
        recorded.read()
        ran = recorded.contexts_by_lineno(str(self._folder / path))
        return {name for number, names in ran.items() if number in lines for name in names if name}

    def _lines(self, files: tuple[str, ...]) -> str:
        """Where it is noted which test runs which lines."""
        return str(self._folder / Path(files[0]).name)

    def _run_once(self, files: tuple[str, ...], *, with_lines: bool) -> Mapping[str, float]:
        recorder = LineRecorder(self._folder, self._lines(files)) if with_lines else Recorder(self._folder)
        if not self._run(files, recorder, math.inf, 'mutants'):
            raise SystemExit(f'Without a change, a test fails in {files}.')
        found: Mapping[str, float] = json.loads((self._folder / 'seconds').read_text())
        return found

    def _run(self, files: Collection[str], plugin: object, seconds: float, profile: str) -> bool:
        """Whether tests pass, in a process of their own, in this time."""
        child = os.fork()
        if not child:
            self._test(files, plugin, profile)
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

    def _test(self, files: Collection[str], plugin: object, profile: str) -> NoReturn:
        """Run tests, and end the process."""
        try:
            os.setpgid(0, 0)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
            os.chdir(self._folder)  # where `python -c` looks first
            sys.path.insert(0, str(self._folder))
            os.environ.update(PYTHONPATH=str(self._folder), HYPOTHESIS_PROFILE=profile)
            options = ['-x', '-q', '--assert=plain', f'-c{ROOT}/pyproject.toml']
            os._exit(pytest.main([*options, *(str(ROOT / each) for each in files)], [plugin]))
        finally:
            os._exit(1)


def _files(names: str) -> tuple[str, ...]:
    return tuple(f'tests/integration/test_{name}.py' for name in names.split())


def _body_around(source: str, line: int) -> Collection[int]:
    """The lines of the body of the innermost function around a line; none where it is in no function."""
    functions = [each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.FunctionDef)]
    bodies = [range(each.body[0].lineno, (each.end_lineno or 0) + 1) for each in functions]
    around = [body for body, each in zip(bodies, functions, strict=True) if each.lineno <= line < body.stop]
    return min(around, key=len, default=())

"""Who may import what: the pure core imports nothing that acts, and boto3 and Django are imported in one place each."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import aws_satella

PACKAGE = Path(next(iter(aws_satella.__path__)))
PURE = sorted((PACKAGE / 'pure').rglob('*.py'))
ALL = sorted(PACKAGE.rglob('*.py'))

ALLOWED = {
    '__future__': {'annotations'},
    'bisect': {'bisect_left', 'bisect_right'},
    'abc': None,
    'collections': {'Counter', 'defaultdict', 'deque'},
    'collections.abc': None,
    'dataclasses': {'KW_ONLY', 'dataclass', 'field', 'fields', 'replace'},
    'datetime': {'date', 'datetime', 'timedelta', 'timezone'},
    'difflib': {'get_close_matches'},
    'email.utils': {'parsedate_to_datetime'},
    'enum': None,
    'fnmatch': {'fnmatchcase'},
    'fractions': {'Fraction'},
    'functools': {'partial'},
    'hashlib': {'sha256'},  # the same for the same bytes, in every process: a key in the name of a file
    'inspect': {'Parameter', 'Signature', 'isfunction', 'signature'},
    'itertools': None,
    'json': {'loads'},
    'json.encoder': {'encode_basestring_ascii'},
    'math': None,
    'numbers': {'Real'},
    'operator': None,
    'os': {'PathLike', 'fspath'},
    're': None,
    'struct': None,
    'sys': {'float_info'},
    'time': {'monotonic'},  # a cps metric compares its clicks with the time, whoever reads it
    'types': {'MappingProxyType', 'NoneType'},
    'typing': None,
    'urllib.parse': {'unquote', 'urlsplit'},
    'typing_extensions': {'Self'},  # for type checkers only
    'zlib': {'crc32'},
    'satella.coding.transforms.percentile': {'percentile'},
    'satella.instrumentation.metrics': {'Metric', 'MetricData', 'MetricDataCollection', 'MetricLevel'},
    'satella.instrumentation.metrics.metric_types': None,
    'satella.time': {'parse_time_string'},
}
"""Module → what may be had from it; None: all of it. Nothing here reads files, clocks, chance or the environment."""

IMPURE_ATTRIBUTES = {'now', 'utcnow', 'today'}
"""Ways to the clock that come with an allowed class."""

BUILTINS = {'open', 'input', 'print', 'exec', 'eval', '__import__', 'globals'}
"""Ways into the world that need no import."""

DOORS = {
    'boto3': 'effects/destinations',
    'botocore': 'effects/destinations',
    'django': 'effects/django',
    'asgiref': 'effects/django',
    'time': 'effects/world.py',
    'random': 'effects/world.py',
}
"""Package → the only directory whose modules may import it, or the only module. What ``pure/`` has is in ALLOWED."""

REEXPORTS = {
    'contrib/django.py': {'aws_satella.effects.django.middleware': {'AWSSatellaMiddleware'}},
    'apps.py': {'aws_satella.effects.django.checks': {'AWSSatellaConfig'}},
}
"""The paths by which Django finds things → where they are."""


def _imports(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Module and name of every import, wherever it stands; the name is None where the module itself is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, 'relative imports hide where something comes from'
            yield from ((node.module or '', alias.name) for alias in node.names)


def _used(tree: ast.AST, module: str) -> set[str]:
    """What is taken from a module that was imported itself."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


def _refused(tree: ast.AST) -> Iterator[str]:
    for module, name in _imports(tree):
        if module == 'aws_satella.pure' or module.startswith('aws_satella.pure.'):
            continue
        if module not in ALLOWED:
            yield module
            continue
        allowed = ALLOWED[module]
        taken = {name} if name is not None else _used(tree, module)
        yield from (f'{module}.{each}' for each in taken if allowed is not None and each not in allowed)


def _relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize('path', PURE, ids=_relative)
def test_pure_core_imports_nothing_that_acts(path: Path) -> None:
    """Every import of the pure core, also inside of functions, is on the list."""
    assert not list(_refused(ast.parse(path.read_text(encoding='utf-8'))))


@pytest.mark.parametrize('path', PURE, ids=_relative)
def test_pure_core_has_no_way_into_the_world(path: Path) -> None:
    """No clock by way of an allowed class, no built-in function that reads, writes or runs."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not attributes & IMPURE_ATTRIBUTES
    assert not called & BUILTINS
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Global, ast.Nonlocal))]


@pytest.mark.parametrize(
    'source',
    [
        'import os\nos.getpid()',
        'import time\ntime.time()',
        'from time import sleep',
        'def f():\n    import boto3',
        'from datetime import tzinfo',
        'import logging',
        'from aws_satella.effects import cloudwatch',
        'import aws_satella.effects',
        'from satella.instrumentation.metrics import getMetric',
        'import sys\nsys.exit()',
        'import random',
        'from json import load',
        'import inspect\ninspect.stack()',
        'from dataclasses import make_dataclass',
        'from aws_satella.effects.destinations import cloudwatch',
    ],
)
def test_list_refuses(source: str) -> None:
    """The check sees what it is for."""
    assert list(_refused(ast.parse(source)))


def _trespassing(place: str, tree: ast.AST) -> Iterator[str]:
    """The imports that this module may not have."""
    for module, _ in _imports(tree):
        keeper = DOORS.get(module.split('.')[0], place)
        if keeper not in (place, place.rpartition('/')[0]):
            yield module


@pytest.mark.parametrize('path', sorted({*ALL} - {*PURE}), ids=_relative)
def test_doors_have_one_keeper_each(path: Path) -> None:
    """boto3 is imported by destinations alone, Django by ``effects/django`` alone, clocks and chance by one module."""
    assert not list(_trespassing(_relative(path), ast.parse(path.read_text(encoding='utf-8'))))


@pytest.mark.parametrize(
    ('place', 'source', 'trespassing'),
    [
        ('effects/destinations/otlp.py', 'import boto3', False),
        ('effects/django/checks.py', 'import boto3', True),
        ('effects/loop.py', 'from botocore.exceptions import ClientError', True),
        ('effects/django/checks.py', 'from django.apps import AppConfig', False),
        ('effects/loop.py', 'def f():\n    import django', True),
        ('apps.py', 'from asgiref.sync import sync_to_async', True),
        ('effects/world.py', 'import time', False),
        ('effects/loop.py', 'from time import monotonic', True),
        ('effects/loop.py', 'import random', True),
    ],
)
def test_doors_are_watched(place: str, source: str, trespassing: bool) -> None:
    """The check sees what it is for."""
    assert bool(list(_trespassing(place, ast.parse(source)))) is trespassing


@pytest.mark.parametrize(('path', 'sources'), REEXPORTS.items())
def test_reexports_are_nothing_else(path: str, sources: dict[str, set[str]]) -> None:
    """What stands at a path that others expect only passes on what is elsewhere."""
    tree = ast.parse((PACKAGE / path).read_text(encoding='utf-8'))
    found: dict[str, set[str | None]] = {}
    for module, name in _imports(tree):
        found.setdefault(module, set()).add(name)
    assert found == sources
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]


def test_import_path_of_2_4_only_passes_on() -> None:
    """``aws_satella.exporter`` defines nothing of its own but the class that makes ``worker_thread`` and its lock
    attributes, and everything else in it is the very object of another module."""
    path = PACKAGE / 'exporter.py'
    tree = ast.parse(path.read_text(encoding='utf-8'))
    passed_on = {module for module, _ in _imports(tree) if module.startswith('aws_satella.')}
    assert all(module.startswith('aws_satella.effects.') for module in passed_on)
    assert [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)] == ['_Module']
    assert not [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    module = _module(path)
    own = {'worker_thread', 'worker_thread_lock'}
    elsewhere = {id(value) for name in passed_on for value in vars(importlib.import_module(name)).values()}
    assert all(id(getattr(module, name)) in elsewhere for name in {*module.__all__} - own)
    assert own < {*module.__all__}


def _module(path: Path) -> ModuleType:
    parts = ('aws_satella', *path.relative_to(PACKAGE).with_suffix('').parts)
    return importlib.import_module('.'.join(parts).removesuffix('.__init__'))


@pytest.mark.parametrize('path', [*PURE, PACKAGE / '__init__.py', PACKAGE / 'exporter.py'], ids=_relative)
def test_names_that_are_promised_are_there(path: Path) -> None:
    """Every name of an ``__all__`` exists."""
    module = _module(path)
    assert all(hasattr(module, name) for name in getattr(module, '__all__', ()))


@pytest.mark.parametrize('path', PURE, ids=_relative)
def test_modules_say_what_they_are(path: Path) -> None:
    """A file of the pure core opens with what lives there."""
    assert len(ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or '') > 80


def test_modules_that_production_does_without_are_imported_when_asked_for() -> None:
    """`import aws_satella` leaves the preview and `export_once` alone; all public names are there nevertheless, and no
    others."""
    script = """
import sys
import aws_satella
unwanted = {'effects.preview', 'effects.once', 'pure.bill', 'pure.once'}
assert not {f'aws_satella.{each}' for each in unwanted} & {*sys.modules}
assert 'django' not in sys.modules
from aws_satella import *
print(preview(), Preview.__name__, Prices().__class__.__name__)
assert not set(aws_satella.__all__) - {*globals()}
try:
    aws_satella.previews
except AttributeError as error:
    assert 'previews' in str(error)
else:
    raise AssertionError
"""
    _run(script)


def _run(script: str) -> str:
    ended = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


OF_OPTIONS = {
    'destination': ('pure.formats.otlp', 'pure.formats.otlp_replies', 'pure.exponential', 'effects.destinations.otlp'),
    'spool': ('pure.spooled', 'effects.spool', 'effects.spool_files', 'effects.drain'),
    'views': ('pure.viewing', 'pure.places', 'pure.grouping', 'pure.relabeling'),
}
"""Option → modules that only those need who use it."""


@pytest.mark.parametrize(
    ('option', 'value'),
    [
        (None, ''),
        ('destination', "'http://127.0.0.1:1/v1/metrics'"),
        ('spool', "os.path.join(os.environ['TMPDIR'], 'spool')"),
        ('views', "{'*': aws_satella.View(max_series=1)}"),
    ],
)
def test_exporter_has_the_modules_that_its_options_need(
    option: str | None, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are imported where the exporter is made, and those of other options are not. Its thread imports none: a fork
    in the midst of an import would leave a lock of Python to the child."""
    monkeypatch.setenv('TMPDIR', str(tmp_path))
    monkeypatch.setenv('AWS_MAX_ATTEMPTS', '1')
    given = f', {option}={value}' if option else ''
    given += '' if option == 'destination' else ', client_factory=Client'
    script = f"""
import os, sys
import aws_satella
from satella.instrumentation.metrics import getMetric

class Client:
    replies = iter((LookupError, None))

    def put_metric_data(self, **_):
        if next(self.replies, None):
            raise LookupError

def loaded():
    return {{each for each in sys.modules if each.startswith('aws_satella.')}}

for label in 'abc':
    getMetric('orders', 'counter').runtime(1, label=label)
exporter = aws_satella.AWSSatellaExporterThread('Shop', temporality='delta'{given})
before = loaded()
exporter.loop()
exporter.loop()
assert exporter.stats.cycles == 2
assert loaded() == before, loaded() - before
print(*before)
"""
    before = {*_run(script).split()}
    for name in OF_OPTIONS.keys() - ({'destination'} if option == 'spool' else set()):  # a spool may have files of OTLP
        found = [f'aws_satella.{each}' in before for each in OF_OPTIONS[name]]
        assert found == [name == option] * len(found), name

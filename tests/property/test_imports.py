"""Who may import what: the pure core nothing that acts, and each of the world's doors one module."""

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
PURE = sorted((PACKAGE / 'pure').glob('*.py'))
ALL = sorted(PACKAGE.rglob('*.py'))

ALLOWED = {
    '__future__': {'annotations'},
    'bisect': {'bisect_left', 'bisect_right'},
    'collections': {'Counter', 'defaultdict', 'deque'},
    'collections.abc': None,
    'dataclasses': {'dataclass', 'field', 'replace'},
    'datetime': {'date', 'datetime', 'timedelta', 'timezone'},
    'difflib': {'get_close_matches'},
    'enum': None,
    'fnmatch': {'fnmatchcase'},
    'functools': {'partial'},
    'itertools': None,
    'json.encoder': {'encode_basestring_ascii'},
    'math': None,
    'operator': None,
    're': None,
    'sys': {'float_info'},
    'time': {'monotonic'},  # a cps metric compares its clicks with the time, whoever reads it
    'types': {'NoneType'},
    'typing': None,
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
    'boto3': {'effects/cloudwatch.py'},
    'botocore': {'effects/cloudwatch.py'},
    'django': {'effects/django.py'},
    'asgiref': {'effects/django.py'},
}
"""Who alone may import what."""

REEXPORTS = {'contrib/django.py': 'AWSSatellaMiddleware', 'apps.py': 'AWSSatellaConfig'}
"""The paths by which Django finds what is in ``effects/django.py``."""


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
def test_the_pure_core_imports_nothing_that_acts(path: Path) -> None:
    """Every import of the pure core, also inside of functions, is on the list."""
    assert not list(_refused(ast.parse(path.read_text(encoding='utf-8'))))


@pytest.mark.parametrize('path', PURE, ids=_relative)
def test_the_pure_core_has_no_way_into_the_world(path: Path) -> None:
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
        'import os',
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
    ],
)
def test_the_list_refuses(source: str) -> None:
    """The check sees what it is for."""
    assert list(_refused(ast.parse(source)))


@pytest.mark.parametrize('path', ALL, ids=_relative)
def test_each_door_has_one_keeper(path: Path) -> None:
    """boto3 and Django are imported by one module each."""
    for module, _ in _imports(ast.parse(path.read_text(encoding='utf-8'))):
        keepers = DOORS.get(module.split('.')[0])
        assert keepers is None or _relative(path) in keepers, f'{_relative(path)} imports {module}'


@pytest.mark.parametrize(('path', 'name'), REEXPORTS.items())
def test_the_reexports_are_nothing_else(path: str, name: str) -> None:
    """What stands at a path that others expect only passes on what is elsewhere."""
    tree = ast.parse((PACKAGE / path).read_text(encoding='utf-8'))
    assert list(_imports(tree)) == [('aws_satella.effects.django', name)]
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]


def _module(path: Path) -> ModuleType:
    parts = ('aws_satella', *path.relative_to(PACKAGE).with_suffix('').parts)
    return importlib.import_module('.'.join(parts).removesuffix('.__init__'))


@pytest.mark.parametrize('path', PURE, ids=_relative)
def test_what_is_promised_is_there(path: Path) -> None:
    """Every name of an ``__all__`` exists."""
    module = _module(path)
    assert all(hasattr(module, name) for name in getattr(module, '__all__', ()))


@pytest.mark.parametrize('path', PURE, ids=_relative)
def test_each_module_says_what_it_is(path: Path) -> None:
    """A file of the pure core opens with what lives there."""
    assert len(ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or '') > 80


def test_what_production_does_without_is_imported_when_it_is_asked_for() -> None:
    """`import aws_satella` leaves the preview alone; all public names are there nevertheless, and no others."""
    script = """
import sys
import aws_satella
assert not {'aws_satella.effects.preview', 'aws_satella.pure.bill', 'django'} & {*sys.modules}
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
    ended = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr

"""What is published: its contents, its metadata, and that it works where nothing else is installed."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from importlib.metadata import version as installed_version
from pathlib import Path
from shutil import copytree
from typing import NamedTuple

import pytest

import aws_satella

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / 'aws_satella'
SITE_PACKAGES = Path(pytest.__file__).parents[1]
pytestmark = pytest.mark.timeout(300)  # environments are made, and filled from a package index

UNWANTED = ('.pyc', '__pycache__', '_build', '.hypothesis', '.venv', '.git/')


class Published(NamedTuple):
    """What ``make build`` makes."""

    sdist: Path
    wheel: Path


def run(*command: object, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a program that has to succeed, in the folder and the environment that are given."""
    cwd = settings.pop('cwd', None)
    words = list(map(str, command))
    done = subprocess.run(words, cwd=cwd, env={**os.environ, **settings}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f'{words}\n{done.stdout}\n{done.stderr}'
    return done


@contextmanager
def alone(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Path]:
    """A folder that all workers of this test run have in common, for one of them at a time."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == 'master' else own.parent) / 'packaging'
    folder.mkdir(exist_ok=True)
    with (folder / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


@pytest.fixture(scope='session')
def published(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Published:
    """The source distribution, and the wheel that is built from it."""
    with alone(tmp_path_factory, worker_id) as folder:
        dist = folder / 'dist'
        if not dist.exists():
            run(sys.executable, '-m', 'build', '--outdir', dist, ROOT)
    (sdist,), (wheel,) = dist.glob('*.tar.gz'), dist.glob('*.whl')
    return Published(sdist, wheel)


@pytest.fixture(scope='session')
def installed(published: Published, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The interpreter of an environment that has the wheel, what that requires, and nothing else."""
    with alone(tmp_path_factory, worker_id) as folder:
        python = folder / 'venv' / 'bin' / 'python'
        if not python.exists():
            # A pip of its own, and bytecode of all that is never imported, would take longer than the tests.
            run(sys.executable, '-m', 'venv', '--without-pip', folder / 'venv')
            pip = (sys.executable, '-m', 'pip', '--python', python)
            run(*pip, 'install', '--quiet', '--no-compile', published.wheel)
    return python


def sources() -> set[str]:
    """The files of the package in the checkout."""
    files = (path for path in PACKAGE.rglob('*') if path.is_file() and '__pycache__' not in path.parts)
    return {str(path.relative_to(ROOT)) for path in files}


def wheel_metadata(wheel: Path) -> Message:
    """The metadata of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith('.dist-info/METADATA'))
        return message_from_bytes(archive.read(name))


def test_wheel_has_the_package_and_nothing_else(published: Published) -> None:
    """Every file of the package is in the wheel, the marker for type checkers too; besides it there is metadata."""
    with zipfile.ZipFile(published.wheel) as archive:
        names = set(archive.namelist())

    metadata = {name for name in names if name.startswith('aws_satella-')}
    assert names - metadata == sources()
    assert 'aws_satella/py.typed' in names
    assert {name.split('/', 1)[1] for name in metadata} == {'METADATA', 'RECORD', 'WHEEL', 'licenses/LICENSE'}


def test_source_distribution_has_what_a_developer_needs(published: Published) -> None:
    """Package, tests, documentation, demo and the files beside them are there; nothing that was made is."""
    with tarfile.open(published.sdist) as archive:
        names = {name.split('/', 1)[1] for name in archive.getnames()}

    assert {name for name in names if '/' not in name} == {
        '.editorconfig',
        '.gitignore',
        '.pre-commit-config.yaml',
        '.readthedocs.yaml',
        'CHANGELOG.md',
        'CODE_OF_CONDUCT.md',
        'CONTRIBUTING.md',
        'LICENSE',
        'Makefile',
        'PKG-INFO',
        'README.md',
        'SECURITY.md',
        'pyproject.toml',
        'tox.ini',
    }
    folders = {name.split('/')[0] for name in names if '/' in name}
    assert {'aws_satella', 'demo', 'docs', 'tests'} <= folders
    tools = {'.ci', '.github', 'benchmarks', 'examples', 'mutation', 'pictures'}
    assert folders <= {'aws_satella', 'demo', 'docs', 'tests'} | tools
    assert sources() <= names
    assert not [name for name in names for each in UNWANTED if each in name]


def test_indexes_take_the_distributions(published: Published) -> None:
    """twine finds nothing to complain of, the rendered README included."""
    run(sys.executable, '-m', 'twine', 'check', '--strict', *published)


def test_metadata_is_complete(published: Published) -> None:
    """Summary, licence, README, keywords, links, classifiers and requirements are there."""
    metadata = wheel_metadata(published.wheel)

    assert metadata['Name'] == 'aws-satella'
    assert metadata['License-Expression'] == 'MIT'
    assert metadata['Requires-Python'] == '>=3.10'
    assert metadata['Description-Content-Type'] == 'text/markdown'
    assert metadata['Summary']
    assert metadata['Keywords']
    links = dict(link.split(', ') for link in metadata.get_all('Project-URL', []))
    assert set(links) == {'Documentation', 'Source', 'Changelog', 'Issues'}
    assert all(link.startswith('https://') for link in links.values())
    assert metadata['Author']
    assert set(metadata.get_all('Requires-Dist', [])) == {
        'boto3>=1.43',
        'satella>=2.26',
        "django>=5.2; extra == 'django'",
    }
    assert {
        'Typing :: Typed',
        'Development Status :: 5 - Production/Stable',
        *(f'Programming Language :: Python :: 3.{minor}' for minor in (10, 11, 12, 13)),
        *(f'Framework :: Django :: {release}' for release in ('5.2', '6.0', '6.1')),
    } <= set(metadata.get_all('Classifier', []))


def tox(*arguments: str) -> str:
    """What tox says. A cell that is skipped, or fails, is in it."""
    command = [sys.executable, '-m', 'tox', *arguments, '-c', str(ROOT / 'tox.ini')]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def cells(*arguments: str) -> list[tuple[str, str, str]]:
    """The cells of the matrix: Python, Django, and how old the libraries are."""
    names = (name.split('-') for name in tox('list', '--no-desc', *arguments).split() if 'django' in name)
    return [(f'3.{python[3:]}', f'{django[-2]}.{django[-1]}', libraries) for python, django, libraries in names]


def test_matrix_tries_what_the_metadata_promises(published: Published) -> None:
    """Every Python and Django of the classifiers is in the matrix, and so are the oldest libraries that are allowed."""
    classifiers = wheel_metadata(published.wheel).get_all('Classifier', [])
    required = dict(each.split('>=') for each in wheel_metadata(published.wheel).get_all('Requires-Dist', []))
    pythons, djangos, _ = zip(*cells(), strict=True)
    versions = tox('config', '-e', 'py310-django52-oldest', '-k', 'deps')
    oldest = dict(re.findall(r'(boto3|satella)==([\d.]+)', versions))

    assert {each.rsplit(' ', 1)[1] for each in classifiers if ':: Python :: 3.' in each} == set(pythons)
    assert {each.rsplit(' ', 1)[1] for each in classifiers if ':: Django ::' in each} == set(djangos)
    assert set(oldest) == {'boto3', 'satella'}
    assert all(version.startswith(f'{required[name]}.') for name, version in oldest.items())


def test_code_of_the_readme_runs_on_each_python_of_the_matrix() -> None:
    """Each Python of the matrix has a cell with the wheel, what it requires, and the code of the README."""
    named = tox('list', '--no-desc', '-m', 'readme').split()

    assert sorted(named) == sorted({f'py{python.replace(".", "")}-readme' for python, _, _ in cells()})
    assert set(named) <= set(tox('list', '--no-desc').split())
    assert 'python tests/readme.py' in tox('config', '-e', named[0], '-k', 'commands')


@pytest.mark.parametrize(('skipping', 'outcome'), [('true', 'SKIP'), ('false', 'FAIL')])
def test_matrix_names_what_it_cannot_run(skipping: str, outcome: str, tmp_path: Path) -> None:
    """A cell of a Python that is not there is in the table: skipped here, and failed in the workflows."""
    said = tox(
        'run', '-e', 'py399-django52-oldest', '--skip-missing-interpreters', skipping, '--workdir', str(tmp_path)
    )

    assert f'py399-django52-oldest: {outcome}' in said
    assert 'could not find python interpreter' in said


def test_quick_matrix_leaves_no_version_out() -> None:
    """Each Python, each Django, and the oldest and the newest libraries are in a cell that goes together."""
    every, quick = cells(), cells('-m', 'quick')

    assert set(quick) <= set(every)
    assert [set(versions) for versions in zip(*quick, strict=True)] == [
        set(versions) for versions in zip(*every, strict=True)
    ]


def test_changelog_begins_with_what_is_not_released_and_the_version() -> None:
    """The newest heading is the version of the metadata, with a date. Each version since 3.0 links to its changes."""
    text = (ROOT / 'CHANGELOG.md').read_text()
    unreleased, newest, *_ = re.findall(r'^## (.*)$', text, re.MULTILINE)
    links = dict(re.findall(r'^\[(.+)\]: (https://\S+)$', text, re.MULTILINE))
    version = installed_version('aws-satella')

    assert unreleased == '[Unreleased]'
    assert re.fullmatch(rf'\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d', newest)
    assert links['Unreleased'].endswith(f'/compare/v{version}...HEAD')
    assert {each for each in re.findall(r'^## \[(.+?)\]', text, re.MULTILINE) if each >= '3'} == set(links)


def test_links_of_the_readme_lead_somewhere_from_an_index(published: Published) -> None:
    """The README is shown by package indexes too, where a link to a file beside it leads nowhere."""
    text = str(wheel_metadata(published.wheel).get_payload())

    assert '](' in text
    assert text.count('](') == text.count('](https://')


def test_import_needs_no_configuration(installed: Path, tmp_path: Path) -> None:
    """Importing the wheel needs no Django and no AWS settings, and reads none."""
    program = """
        import importlib.util, sys, warnings
        warnings.simplefilter('error')
        warnings.filterwarnings('ignore', 'Deprecated, use reraise_as', DeprecationWarning)
        assert importlib.util.find_spec('django') is None
        import aws_satella, aws_satella.pure
        for name in aws_satella.__all__:
            getattr(aws_satella, name)
        from importlib.metadata import version
        print(version('aws-satella'))
    """
    done = subprocess.run(
        [installed, '-c', '\n'.join(line[8:] for line in program.splitlines())],
        cwd=tmp_path,
        env={'PATH': os.environ['PATH'], 'HOME': str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ''
    assert list(tmp_path.iterdir()) == []


def test_end_to_end_tests_pass_against_the_wheel(installed: Path, tmp_path: Path) -> None:
    """The tests of the way to CloudWatch and back pass with the wheel, far from the checkout."""
    copytree(ROOT / 'tests', tmp_path / 'tests', ignore=lambda *_: ['__pycache__'])
    (tmp_path / 'pyproject.toml').write_text((ROOT / 'pyproject.toml').read_text())
    # The tools of the tests are found behind everything that is installed with the wheel.
    program = (
        'import sys, aws_satella; sys.path.append(sys.argv.pop(1)); import pytest; code = pytest.main(sys.argv[1:]); '
        'print(aws_satella.__file__); sys.exit(code)'
    )
    done = run(
        installed,
        '-c',
        program,
        SITE_PACKAGES,
        '-q',
        'tests/integration/test_export.py',
        '-k',
        'cloudwatch',
        cwd=str(tmp_path),
        PYTHONPATH='',
    )

    assert ' passed' in done.stdout
    assert done.stdout.splitlines()[-1].startswith(str(installed.parents[1]))


def test_typed_program_finds_types_everywhere(installed: Path, tmp_path: Path) -> None:
    """A program that uses all of the interface passes mypy at its strictest; no expression of it is Any."""
    program = tmp_path / 'consumer.py'
    program.write_text((ROOT / 'tests' / 'typing' / 'consumer.py').read_text())
    mypy = (sys.executable, '-m', 'mypy', '--strict', '--disallow-any-expr', '--config-file=', '--no-incremental')

    run(*mypy, '--python-executable', installed, program, cwd=str(tmp_path), PYTHONPATH='', MYPYPATH='')


def test_typed_program_uses_all_of_the_interface() -> None:
    """The program that is type-checked names every public name."""
    _, text = (ROOT / 'tests' / 'typing' / 'consumer.py').read_text().split('\nclass ', 1)

    assert set(re.findall(r'\w+', text)) >= set(aws_satella.__all__)

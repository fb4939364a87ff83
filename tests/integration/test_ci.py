"""The workflows: they try what the metadata promises, run no code that may change unseen, and may do little."""

from __future__ import annotations

import re
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / '.github'
WORKFLOWS = sorted((GITHUB / 'workflows').glob('*.yml'))
PINNED = re.compile(r'uses: [\w-]+/[\w-]+(/[\w-]+)*@[0-9a-f]{40} # v\d+\.\d+\.\d+')
HERE = re.compile(r'uses: \./\.github/workflows/[\w-]+\.yml')


def workflow(name: str) -> dict[str, Any]:
    """A workflow, as a value."""
    loaded: dict[str, Any] = yaml.safe_load((GITHUB / 'workflows' / name).read_text())
    return loaded


def jobs() -> list[Any]:
    """Each job of each workflow, as a parameter of a test."""
    return [
        pytest.param(name, job, id=f'{path.stem}-{name}')
        for path in WORKFLOWS
        for name, job in workflow(path.name)['jobs'].items()
    ]


def commands(path: Path) -> set[str]:
    """The targets of make that a file runs."""
    return set(re.findall(r'(?:run: |^)make ([a-z-]+)', path.read_text(), re.MULTILINE))


def test_pythons_of_the_classifiers_have_jobs() -> None:
    """The tests run with the Pythons of the classifiers and with no others, and none is left out of them."""
    classifiers = metadata('aws-satella').get_all('Classifier') or []
    matrix = workflow('ci.yml')['jobs']['tests']['strategy']['matrix']

    assert matrix == {'python': [each.rsplit(' ', 1)[1] for each in classifiers if ' :: Python :: 3.' in each]}


def test_workflows_skip_nothing_silently() -> None:
    """A cell without an interpreter fails, no failure is passed over, and one job asks for the success of all."""
    tested = workflow('ci.yml')['jobs']
    (matrix,) = (step['run'] for step in tested['tests']['steps'] if 'make matrix' in step.get('run', ''))
    passed = tested.pop('passed')

    assert '--skip-missing-interpreters false' in matrix
    assert 'continue-on-error' not in ''.join(path.read_text() for path in WORKFLOWS)
    assert [name for name, job in tested.items() if 'if' in job or any('if' in step for step in job['steps'])] == []
    assert sorted(passed['needs']) == sorted(tested)
    assert passed['if'] == 'always()'


def test_workflow_runs_all_that_decides_here() -> None:
    """Each command of ``.ci/run`` is a step of the workflow; each command of a workflow is a target of make."""
    run = commands(GITHUB / 'workflows' / 'ci.yml')
    targets = set(re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE))

    assert commands(ROOT / '.ci' / 'run')
    assert commands(ROOT / '.ci' / 'run') <= run
    assert {'lint', 'docs', 'audit', 'build', 'test', 'matrix', 'coverage'} <= run <= targets


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned(path: Path) -> None:
    """Each action is a commit, with the version that it is beside it: a tag can be moved."""
    used = re.findall(r'uses: .*', path.read_text())

    assert used
    assert [each for each in used if not PINNED.fullmatch(each) and not HERE.fullmatch(each)] == []


def test_action_has_one_version() -> None:
    """No workflow stays behind with an older version of an action."""
    used = set(re.findall(r'uses: ([\w/-]+)@(.*)', '\n'.join(path.read_text() for path in WORKFLOWS)))

    assert len(used) == len({action for action, _ in used})


@pytest.mark.parametrize(('name', 'job'), jobs())
def test_permissions_are_least(name: str, job: dict[str, Any]) -> None:
    """A job reads the repository, or nothing. The one that publishes, after an approval, gets a token for that."""
    if name == 'publish':
        assert job['permissions'] == {'id-token': 'write'}
        assert job['environment']
    else:
        assert job.get('permissions', {}) in ({}, {'contents': 'read'})


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_grants_nothing_to_all_its_jobs(path: Path) -> None:
    """What a job may do is said in the job. No token stays in a checkout, and no code of a fork runs with secrets."""
    text = path.read_text()

    assert workflow(path.name)['permissions'] == {}
    assert text.count('actions/checkout@') == text.count('persist-credentials: false')
    assert 'pull_request_target' not in text
    assert 'secrets' not in text


def test_release_publishes_only_what_has_passed() -> None:
    """A release waits for all that decides about a change, for its tag, and publishes the files that were tested."""
    release: dict[Any, Any] = workflow('release.yml')

    assert release[True] == {'push': {'tags': ['v*']}}  # YAML reads the key "on" as true
    assert release['jobs']['ci']['uses'] == './.github/workflows/ci.yml'
    assert release['jobs']['publish']['needs'] == ['ci', 'version']
    assert [step['uses'].split('@')[0] for step in release['jobs']['publish']['steps']] == [
        'actions/download-artifact',
        'pypa/gh-action-pypi-publish',
    ]


def test_pinned_things_are_kept_up_to_date() -> None:
    """Dependabot looks after the actions, and after the tools that the dependency groups pin."""
    updates = yaml.safe_load((GITHUB / 'dependabot.yml').read_text())['updates']

    assert {each['package-ecosystem'] for each in updates} == {'github-actions', 'pip'}

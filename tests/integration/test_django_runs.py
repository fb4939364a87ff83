"""Programs that Django runs: tests never export, commands and checks do what they say. Each in a process of its own."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from support import scripts
from support.endpoint import Endpoint, dimensions
from support.sites import BIN, SITES, run_python


def run(endpoint: Endpoint, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A program of the site's, to its end; with its output in one."""
    return run_python(endpoint.url, *command, **more)


def run_program(name: str, endpoint: Endpoint, **more: str) -> subprocess.CompletedProcess[str]:
    """The same, for a program of this module's."""
    _, *command = scripts.program(f'django_runs.{name}')
    return run(endpoint, *command, path=str(scripts.TESTS), **more)


def exported(endpoint: Endpoint) -> float:
    """How many pages have been counted in CloudWatch."""
    return sum(endpoint.values('shop.hits'))


def test_site_exports_where_it_is_served(endpoint: Endpoint) -> None:
    """The site that the test runs below test exports when it is served: even a page at the very end of a process."""
    ran = run_program('serve', endpoint)
    assert ran.returncode == 0, ran.stdout
    assert exported(endpoint) == 1, ran.stdout
    assert 'not exported' not in ran.stdout


def test_first_request_of_a_child_counts_once(endpoint: Endpoint) -> None:
    """What a parent that exports has counted is its own, and the first request is its child's, which served it."""
    ran = run_program('serve_and_fork', endpoint, SHOP_APPS='shop.apps.EagerShopConfig')
    assert ran.returncode == 0, ran.stdout
    by_process: Counter[str] = Counter()
    for datum in endpoint.named('shop.hits'):
        by_process[dimensions(datum)['pid']] += round(datum['Value'])
    assert list((+by_process).values()) == [1, 1], ran.stdout


TEST_RUNS = {
    'manage.py test': ['manage.py', 'test'],
    'options first': ['manage.py', 'test', '--settings=shop.settings', '-v', '0', 'shop'],
    'options last': ['manage.py', 'test', 'shop.tests', '--settings', 'shop.settings', '--pythonpath=.'],
    'python -m django': ['-m', 'django', 'test', '--noinput', '--debug-mode'],
    'parallel': ['manage.py', 'test', '--parallel=2'],
    'django-admin': [str(BIN / 'django-admin'), 'test', 'shop', '--settings=shop.settings'],
}


@pytest.mark.parametrize('command', TEST_RUNS)
def test_runs_of_djangos_tests_export_nothing(command: str, endpoint: Endpoint) -> None:
    """Django's own test command, however it is called, exports nothing."""
    ran = run(endpoint, *TEST_RUNS[command])
    assert ran.returncode == 0, ran.stdout
    assert 'Ran 3 tests' in ran.stdout
    assert endpoint.received == []


def test_runs_of_pytest_django_export_nothing(endpoint: Endpoint, tmp_path: Path) -> None:
    """Tests that pytest-django runs export nothing."""
    config = tmp_path / 'pytest.ini'
    config.write_text('[pytest]\nDJANGO_SETTINGS_MODULE = shop.settings\n')
    ran = run(endpoint, '-m', 'pytest', '-c', str(config), '--rootdir', str(SITES), '-v', 'shop/tests.py')
    assert ran.returncode == 0, ran.stdout
    assert '3 passed' in ran.stdout
    assert 'django: ' in ran.stdout
    assert endpoint.received == []


def test_plain_test_programs_export_nothing(endpoint: Endpoint) -> None:
    """Django's test clients export nothing where nobody has set up a test environment."""
    ran = run_program('check', endpoint)
    assert ran.returncode == 0, ran.stdout
    assert 'Ran 3 tests' in ran.stdout
    assert endpoint.received == []


def test_command_exports_what_it_counts(endpoint: Endpoint) -> None:
    """A management command of an app whose AppConfig.ready starts the exporter exports, once, before it ends."""
    ran = run(endpoint, 'manage.py', 'restock', SHOP_APPS='shop.apps.EagerShopConfig')
    assert ran.returncode == 0, ran.stdout
    assert exported(endpoint) == 3


def test_ready_and_middleware_are_one_exporter(endpoint: Endpoint) -> None:
    """A site whose AppConfig.ready starts the exporter has that one only, and counts once."""
    ran = run_program('serve', endpoint, SHOP_APPS='shop.apps.EagerShopConfig')
    assert ran.returncode == 0, ran.stdout
    assert exported(endpoint) == 1


OWN_APPS = 'shop aws_satella'
CHECKS = {
    'right': ({}, [], 0),
    'many faults': (
        {'SHOP_CONSTRUCTOR': '{"intervall": 5, "add_pid": 7, "max_send_at_once": 0}'},
        [
            "(aws_satella.E003) The setting AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR has an unknown argument 'intervall'.",
            "HINT: Did you mean 'interval'?",
            "(aws_satella.E004) The setting AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR has no 'namespace'.",
            '(aws_satella.E005) The setting AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR: max_send_at_once: 0 is not allowed.',
            'HINT: Allowed: a whole number from 1 to 1000.',
            '(aws_satella.E006) The setting AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR: add_pid: 7 is of type int.',
        ],
        1,
    ),
    'not used': ({'SHOP_MIDDLEWARE': ' '}, ['(aws_satella.W001)'], 0),
}


@pytest.mark.parametrize('case', CHECKS)
def test_check_reports_what_is_wrong(case: str, endpoint: Endpoint) -> None:
    """With the app installed, manage.py check reports each fault with an id and a hint, and nothing else."""
    environment, says, status = CHECKS[case]
    ran = run(endpoint, 'manage.py', 'check', SHOP_APPS=OWN_APPS, **environment)
    assert ran.returncode == status, ran.stdout
    assert [each for each in says if each not in ran.stdout] == [], ran.stdout
    assert ran.stdout.count('(aws_satella.') == sum('(aws_satella.' in each for each in says), ran.stdout


def test_checks_are_silent_in_test_runs(endpoint: Endpoint) -> None:
    """Where tests are run, nothing is said of the setting, be it as wrong as it may, and the tests run."""
    ran = run(endpoint, 'manage.py', 'test', SHOP_APPS=OWN_APPS, SHOP_CONSTRUCTOR='{"intervall": 5}')
    assert ran.returncode == 0, ran.stdout
    assert 'aws_satella' not in ran.stdout.lower()
    assert endpoint.received == []

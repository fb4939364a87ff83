"""The documentation is true: its code runs, its data can be read, its facts are those of the package."""

from __future__ import annotations

import ast
import configparser
import dataclasses
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import requires
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.moto import Moto
from support.scripts import environment
from sybil import Document
from sybil.parsers.markdown import CodeBlockParser

import aws_satella
from aws_satella.pure.environment import VARIABLES
from aws_satella.pure.formats.resources import RESOURCE_ATTRIBUTES, SERVICE_NAME
from aws_satella.pure.receivers import CERTIFICATES, ENDPOINT, HEADERS, TIMEOUTS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / 'docs'
OTLP_PAGE = DOCS / 'otlp.md'
OTLP_VARIABLES = '### Variables of the environment'

PAGES = sorted(
    [
        *(page for page in DOCS.glob('**/*.md') if '_build' not in page.parts),
        *(ROOT / name for name in ('README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md')),
    ]
)

MESSAGES = {
    **dict.fromkeys(('debug', 'info', 'warning', 'error', 'exception'), 0),
    **dict.fromkeys(('log', 'say', 'Saying'), 1),
    'say_once': 2,
}
"""Functions that log, and values that are logged, with the position of the message among the arguments."""


def blocks(page: Path, language: str) -> list[str]:
    """What stands in the blocks of a page that are in one language."""
    return [example.parsed for example in Document.parse(str(page), CodeBlockParser(language, lambda _: None))]


def pages_with(*languages: str) -> list[Any]:
    """The pages that have blocks in one of the languages, as parameters of a test."""
    return [
        pytest.param(page, id=str(page.relative_to(ROOT)))
        for page in PAGES
        if any(blocks(page, language) for language in languages)
    ]


def table(page: Path, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    lines = iter(page.read_text().split(f'\n{heading}\n', 1)[1].splitlines())
    _, _, *rows = takewhile(lambda line: line.startswith('|'), dropwhile(lambda line: not line.startswith('|'), lines))
    return [[cell.strip() for cell in row.strip('|').split(' | ')] for row in rows]


def test_docs_have_their_pages() -> None:
    """The tests below look at the README and at a page for each subject."""
    assert {'README.md', 'quickstart.md', 'configuration.md', 'api.md'} <= {page.name for page in PAGES}


def named_in_the_map() -> set[str]:
    """The files and folders that the map of ``CONTRIBUTING.md`` names, as paths."""
    _, rest = (ROOT / 'CONTRIBUTING.md').read_text().split('\n## The house\n', 1)
    found: set[str] = set()
    rooms: list[str] = []
    for line in rest.split('```', 2)[1].splitlines()[1:]:
        depth = (len(line) - len(line.lstrip())) // 2
        names, *_ = re.split(r'\s{2,}', line.strip())
        for name in names.split(', '):
            rooms[depth:] = [name.rstrip('/')]
            found.add('/'.join(rooms))
    return found


def test_map_of_the_house_is_complete() -> None:
    """It names each file of the package, each folder of the checkout, and nothing that is not there."""
    named = named_in_the_map()
    package = {path.relative_to(ROOT) for path in (ROOT / 'aws_satella').rglob('*') if '__pycache__' not in path.parts}
    files = {str(path) for path in package if path.name != '__init__.py'} | {'aws_satella/__init__.py'}
    folders = {'.ci', '.github', 'benchmarks', 'demo', 'docs', 'examples', 'mutation', 'pictures'}
    folders |= {f'tests/{path.name}' for path in (ROOT / 'tests').iterdir() if path.is_dir() and path.name[0] != '_'}

    assert sorted((files | folders) - named) == []
    assert [each for each in sorted(named) if not (ROOT / each).exists()] == []


@pytest.mark.parametrize('page', pages_with('python'))
def test_code_of_a_page_runs(page: Path, moto: Moto, tmp_path: Path) -> None:
    """All Python of a page runs as one program in an empty folder, prints what the page says, and ends cleanly.

    Readers of the pages on servers have a Django site.
    """
    if page.parent.name == 'servers':
        subprocess.run([sys.executable, '-m', 'django', 'startproject', 'mysite', tmp_path], check=True)
    program = subprocess.run(
        [sys.executable, '-m', 'support.page', str(page)],
        cwd=tmp_path,
        env=environment(moto.url, HOME=str(tmp_path), PYTHONPATH=f'{ROOT / "tests"}:{inherited_path()}'),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert program.returncode == 0, program.stderr
    assert 'Traceback' not in program.stderr


def inherited_path() -> str:
    """Where the package is found, if it is not installed."""
    return str(Path(aws_satella.__file__).parents[1])


def test_readme_program_gets_its_metrics_there(moto: Moto, tmp_path: Path) -> None:
    """The program of the README gets its counter and its histogram to CloudWatch."""
    test_code_of_a_page_runs(ROOT / 'README.md', moto, tmp_path)

    listed = moto.client().list_metrics(Namespace='Shop')['Metrics']
    country = [{'Name': 'country', 'Value': 'pl'}]
    found = {metric['MetricName'] for metric in listed if metric['Dimensions'] == country}
    assert found >= {'shop.orders', 'shop.checkout'}


def test_links_of_the_readme_lead_to_files() -> None:
    """Each link of the README leads to the web, or to a file that is there, and to a heading of it."""
    links = re.findall(r'\]\(([^)#]+)(?:#([^)]+))?\)', (ROOT / 'README.md').read_text())

    assert len(links) > 10
    for target, heading in links:
        if not target.startswith('https://'):
            headings = re.findall(r'^#+ (.*)$', (ROOT / target).read_text(), re.MULTILINE)
            assert not heading or heading in {
                re.sub(r'[^\w -]', '', each.lower()).replace(' ', '-') for each in headings
            }


@pytest.mark.parametrize('page', pages_with('json', 'ini', 'toml', 'yaml'))
def test_data_of_a_page_can_be_read(page: Path) -> None:
    """What is shown as JSON or as a configuration file is one."""
    for block in blocks(page, 'json'):
        json.loads(block)
    for block in blocks(page, 'ini'):
        configparser.ConfigParser(strict=False, allow_no_value=True, interpolation=None).read_string(block)
    for block in blocks(page, 'yaml'):
        yaml.safe_load(block)
    for block in blocks(page, 'toml'):
        tomllib = pytest.importorskip('tomllib', reason='the standard library reads TOML from Python 3.11 on')
        tomllib.loads(block)


@pytest.mark.parametrize('page', pages_with('shell'))
def test_commands_of_a_page_can_be_given(page: Path) -> None:
    """What is shown for the shell is shell, and the targets of make that it names exist."""
    targets = set(re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE))
    for block in blocks(page, 'shell'):
        subprocess.run(['sh', '-n'], input=block, text=True, check=True)
        assert set(re.findall(r'^make ([a-z-]+)', block, re.MULTILINE)) <= targets


@pytest.mark.parametrize('page', [DOCS / 'permissions.md', DOCS / 'endpoints.md'])
def test_policies_allow_one_action(page: Path) -> None:
    """Every policy that is shown allows PutMetricData within a namespace, and nothing else."""
    statements = [statement for block in blocks(page, 'json') for statement in json.loads(block)['Statement']]

    assert statements
    for statement in statements:
        assert statement['Effect'] == 'Allow'
        assert statement['Action'] == 'cloudwatch:PutMetricData'
        assert list(statement['Condition']['StringEquals']) == ['cloudwatch:namespace']


def test_table_of_arguments_is_the_signature() -> None:
    """The page on configuration has every argument of the exporter, in order, with its default."""
    rows = table(DOCS / 'configuration.md', '## All arguments')
    documented = [(name.strip('`'), default.strip('`')) for name, _, default, _ in rows]
    assert all(kind and text for _, kind, _, text in rows)
    parameters = arguments()

    assert [name for name, _ in documented] == list(parameters)
    for name, default in documented:
        actual = parameters[name].default
        if default == 'required':
            assert actual is inspect.Parameter.empty
        elif default == 'does nothing':
            assert actual(object()) is None
        else:
            assert ast.literal_eval(default) == actual, name


def test_configuration_page_has_a_section_for_each_argument() -> None:
    """The page on configuration says of every argument but the namespace when to change it."""
    headings = ' '.join(re.findall(r'^### (.*)$', (DOCS / 'configuration.md').read_text(), re.MULTILINE))

    assert re.findall(r'`(\w+)`', headings) == list(arguments())[1:]


def test_table_of_variables_is_the_list() -> None:
    """The page on the environment has every variable, in order, with a link to its argument, and every variable of
    OpenTelemetry that is read."""
    rows = table(DOCS / 'environment.md', '## All variables')
    documented = {re.sub(r'\W', '', argument.split(']')[0]): name.strip('`') for name, argument, _ in rows}

    assert list(documented.items()) == list(VARIABLES.items())
    for keyword, argument in ((re.sub(r'\W', '', cell.split(']')[0]), cell) for _, cell, _ in rows):
        assert keyword == 'namespace' or keyword in argument.split('#')[1]
    others = ' '.join(row[0] for row in table(DOCS / 'environment.md', '## Variables of OpenTelemetry'))
    read = {ENDPOINT, *HEADERS, *CERTIFICATES, *TIMEOUTS, SERVICE_NAME, RESOURCE_ATTRIBUTES}
    assert set(re.findall(r'`(\w+)`', others)) == read
    assert set(re.findall(r'`(OTEL_\w+)`', ' '.join(row[0] for row in table(OTLP_PAGE, OTLP_VARIABLES)))) == read


def arguments() -> Mapping[str, inspect.Parameter]:
    """The arguments of the exporter."""
    return inspect.signature(aws_satella.AWSSatellaExporterThread).parameters


def test_table_of_statistics_is_that_of_the_package() -> None:
    """The page on reliability has every field of the statistics."""
    documented = [row[0].strip('`') for row in table(DOCS / 'reliability.md', '### 8. Every metric datum is counted')]

    assert documented == [field.name for field in dataclasses.fields(aws_satella.ExportStats)]


def test_troubleshooting_page_explains_each_log_message() -> None:
    """The page on troubleshooting has every message that the package logs, at its level, and no other."""
    rows = table(DOCS / 'troubleshooting.md', '## What the log says')

    assert {(message, level) for levels, message, _ in rows for level in levels.split(', ')} == set(log_messages())


def log_messages() -> Iterator[tuple[str, str]]:
    """The texts that the sources of the package log, each with its levels; ... stands for what is filled in."""
    for source in Path(aws_satella.__file__).parent.glob('**/*.py'):
        functions = (node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.FunctionDef))
        for function in functions:
            variables = texts_of_variables(function)
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                if (position := MESSAGES.get(called(call), len(call.args))) < len(call.args):
                    levels = texts(call.args[position - 1], variables) if position else {called(call).upper()}
                    for message in texts(call.args[position], variables):
                        yield from ((re.sub(r'%(\.\d)?[dfgrs]', '...', message), level) for level in levels)


def texts_of_variables(function: ast.FunctionDef) -> dict[str, set[str]]:
    """The texts that are assigned to each variable of a function."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name):
                found.setdefault(target.id, set()).update(texts(node.value, {}))
    return found


def texts(expression: ast.expr, variables: Mapping[str, set[str]]) -> set[str]:
    """The texts that an expression may give: one, one of two, or those of a variable."""
    if isinstance(expression, ast.IfExp):
        return texts(expression.body, variables) | texts(expression.orelse, variables)
    if isinstance(expression, ast.Name):
        return variables.get(expression.id, set())
    return {expression.value} if isinstance(expression, ast.Constant) and isinstance(expression.value, str) else set()


def called(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, 'id', '')


@pytest.mark.parametrize('page', [pytest.param(page, id=page.name) for page in PAGES if page.name != 'CHANGELOG.md'])
def test_versions_are_those_that_are_required(page: Path) -> None:
    """Where a page says what is needed 'or newer', it is what the package requires."""
    lowest = {'Python': '3.10', 'pip': '25.1'}
    for requirement in requires('aws-satella') or ():
        found = re.match(r'([\w-]+)>=([\d.]+)', requirement)
        assert found is not None, requirement
        lowest[found[1]] = found[2]
    said = re.findall(r'(Python|boto3|satella|Django|pip) (\d[\d.]*\d)(?= or newer)', page.read_text())

    for name, number in said:
        assert number == lowest.get(name, lowest.get(name.lower())), name

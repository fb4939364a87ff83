"""The one list of arguments: every keyword once, with its check, its default and its text, wherever it is taken."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.cloudwatch import UNITS
from property.texts import plain
from satella.instrumentation.metrics import getMetric

import aws_satella
from aws_satella import AWSSatellaExporterThread, View, export_once, preview, start_if_not_started
from aws_satella.contrib import asgi, wsgi
from aws_satella.pure import ArgumentError, Arguments, ArgumentTypeError, arguments, limits, signatures
from aws_satella.pure.arguments import DEFAULTS, ignore
from aws_satella.pure.binding import bind, check
from aws_satella.pure.plan import Plan
from aws_satella.pure.signatures import document, method_takes_arguments, takes_arguments

REPOSITORY = Path(__file__).parents[2]

EXPECTED: dict[str, Any] = {
    'namespace': inspect.Parameter.empty,
    'extra_dimensions': None,
    'interval': '300s',
    'max_send_at_once': 20,
    'add_pid': None,
    'call_on_metric_upload_fails': ignore,
    'call_on_discarded_metric': ignore,
    'destination': 'cloudwatch',
    'max_dimensions': 10,
    'temporality': 'cumulative',
    'views': None,
    'units': None,
    'storage_resolution': 60,
    'max_series': None,
    'idle_after': None,
    'exclude': (),
    'max_buffered': 20_000,
    'spool': None,
    'max_spooled_bytes': 100_000_000,
    'service': None,
    'environment': None,
    'exit_timeout': 2.0,
    'in_forks': None,
    'handle_sigterm': False,
    'self_metrics': False,
    'client_factory': None,
    'root': None,
}
"""Every keyword and its default, in order. The first seven are those of 2.4, and may be given by position."""

BY_POSITION = list(EXPECTED)[:7]

VALUES: dict[str, st.SearchStrategy[Any]] = {
    'namespace': plain,
    'extra_dimensions': st.one_of(st.none(), st.dictionaries(plain, plain, max_size=2)),
    'interval': st.one_of(st.integers(1, 10**6), st.sampled_from(('5s', '1m'))),
    'max_send_at_once': st.integers(1, 1000),
    'add_pid': st.one_of(st.none(), st.just(''), plain),
    'call_on_metric_upload_fails': st.sampled_from((print, len)),
    'call_on_discarded_metric': st.sampled_from((print, len)),
    'destination': st.sampled_from(('cloudwatch', 'otlp')),
    'max_dimensions': st.integers(3, 30),
    'temporality': st.sampled_from(('cumulative', 'delta')),
    'views': st.one_of(st.none(), st.dictionaries(plain, st.sampled_from((View(), View(keep=('a',), max_series=3))))),
    'units': st.one_of(st.none(), st.just(str.title), st.dictionaries(plain, st.sampled_from(sorted(UNITS)))),
    'storage_resolution': st.sampled_from((1, 60)),
    'max_series': st.one_of(st.none(), st.integers(0, 10**6)),
    'idle_after': st.one_of(st.none(), st.integers(1, 10**6), st.just('1h')),
    'exclude': st.lists(plain, max_size=3),
    'max_buffered': st.integers(0, 10**6),
    'spool': st.none() | st.just('/var/lib/shop/metrics'),
    'max_spooled_bytes': st.integers(1, 10**9),
    'service': st.none() | plain,
    'environment': st.none(),
    'exit_timeout': st.floats(0, 1e6),
    'in_forks': st.none() | st.booleans(),
    'handle_sigterm': st.booleans(),
    'self_metrics': st.booleans(),
    'client_factory': st.sampled_from((None, dict)),
    'root': st.none(),
}
"""Values that are allowed."""

calls = st.fixed_dictionaries(
    {'namespace': VALUES['namespace']},
    optional={name: values for name, values in VALUES.items() if name != 'namespace'},
)
"""Keywords of a call that is allowed."""


# --- the list


def test_list_of_arguments() -> None:
    """The keywords, their order and their defaults are those that are documented."""
    assert dict(DEFAULTS) == EXPECTED
    assert list(DEFAULTS) == list(EXPECTED) == list(VALUES)
    assert list(arguments.POSITIONAL) == BY_POSITION


@pytest.mark.parametrize('field', fields(Arguments), ids=lambda field: field.name)
def test_every_argument_has_a_check_and_a_text(field: Any) -> None:
    """A field has a check, and a text that fits behind the name in a docstring."""
    assert callable(field.metadata['check'])
    text = field.metadata['text']
    assert len(text) > 10
    assert not text.endswith('.')
    assert '\n' not in text


@pytest.mark.parametrize('argument', EXPECTED)
def test_default_passes_its_own_check(argument: str) -> None:
    """Every argument but the namespace has a default, which is allowed."""
    if argument == 'namespace':
        with pytest.raises(ArgumentTypeError):
            check(argument, DEFAULTS[argument])
    else:
        check(argument, DEFAULTS[argument])


def _rows() -> dict[str, list[str]]:
    """Argument → cells of its row in the documentation."""
    text = (REPOSITORY / 'docs' / 'configuration.md').read_text(encoding='utf-8')
    rows = re.findall(r'^\| `(\w+)` \| (.*) \|$', text, re.MULTILINE)
    return {name: cells.split(' | ') for name, cells in rows}


def test_documentation_has_a_row_for_every_argument() -> None:
    """``docs/configuration.md`` has the arguments in their order, each once."""
    assert list(_rows()) == list(EXPECTED)


@pytest.mark.parametrize('argument', EXPECTED)
def test_documentation_has_the_default(argument: str) -> None:
    """The third column is the default."""
    kind, default, text = _rows()[argument]
    assert kind
    assert text
    if argument == 'namespace':
        assert default == 'required'
    elif EXPECTED[argument] is ignore:
        assert default == 'does nothing'
    else:
        assert ast.literal_eval(default.strip('`')) == EXPECTED[argument]


@pytest.mark.parametrize('argument', EXPECTED)
def test_property_names_every_argument(argument: str) -> None:
    """Each argument has a strategy here, and a property elsewhere that names it."""
    others = [
        path
        for path in (REPOSITORY / 'tests' / 'property').glob('test_*.py')
        if path.name != Path(__file__).name and re.search(rf'\b{argument}\b', path.read_text(encoding='utf-8'))
    ]
    assert others


# --- who takes them


@pytest.mark.parametrize(
    'function',
    [start_if_not_started, export_once, AWSSatellaExporterThread, asgi.Exporter, wsgi.Exporter],
    ids=lambda each: f'{each.__module__}.{each.__name__}',
)
def test_signature_is_that_of_the_list(function: Callable[..., Any]) -> None:
    """Everything that takes the arguments of an exporter has exactly these keywords, kinds and defaults. What wraps an
    application takes that first, and ``export_once`` a timeout last. The environment may have the namespace for all but
    the class."""
    expected = EXPECTED if function is AWSSatellaExporterThread else {**EXPECTED, 'namespace': None}
    parameters = dict(inspect.signature(function).parameters)
    if function in (asgi.Exporter, wsgi.Exporter):
        assert next(iter(parameters)) == 'app'
        del parameters['app']
    if function is export_once:
        timeout = parameters.pop('timeout')
        assert (timeout.default, timeout.kind) == (None, inspect.Parameter.KEYWORD_ONLY)
    assert {name: parameter.default for name, parameter in parameters.items()} == expected
    assert list(parameters) == list(EXPECTED)
    kinds = {name: parameter.kind for name, parameter in parameters.items()}
    assert kinds == {
        name: inspect.Parameter.POSITIONAL_OR_KEYWORD if name in BY_POSITION else inspect.Parameter.KEYWORD_ONLY
        for name in EXPECTED
    }


def test_signature_of_preview() -> None:
    """``preview`` has the same keywords and defaults, with a namespace by default, and arguments of its own."""
    parameters = dict(inspect.signature(preview).parameters)
    own = {'root': None, 'namespace': 'Preview', 'processes': 1, 'prices': None}
    assert {name: parameter.default for name, parameter in parameters.items()} == {**EXPECTED, **own}
    kinds = {name: parameter.kind for name, parameter in parameters.items()}
    by_position = [name for name, kind in kinds.items() if kind is not inspect.Parameter.KEYWORD_ONLY]
    assert by_position == ['root', 'namespace']
    assert inspect.Parameter.VAR_KEYWORD not in kinds.values()


@pytest.mark.parametrize(
    ('function', 'own'),
    [
        (start_if_not_started, ()),
        (export_once, ()),
        (AWSSatellaExporterThread, ()),
        (preview, ('root', 'namespace')),
    ],
    ids=lambda each: getattr(each, '__name__', ''),
)
def test_docstring_has_every_argument_once(function: Any, own: tuple[str, ...]) -> None:
    """The documentation of a function has one line for each argument, with the text of the list or with its own."""
    written = inspect.getdoc(function)
    assert written is not None
    assert signatures.PLACEHOLDER not in written
    assert not [line for line in written.splitlines() if line != line.rstrip()]
    for field in fields(Arguments):
        line = f':param {field.name}: {field.metadata["text"]}'
        assert field.name in own or line in written.splitlines()
        assert written.count(f':param {field.name}:') == 1


def test_decorated_function_keeps_what_it_is() -> None:
    """A decorated function or method has the parameters of the list, and its own name and result."""

    @takes_arguments
    def function(*args: Any, **kwargs: Any) -> int:
        """Do it.

        :arguments:
        :return: a number
        """
        return bind(*args, **kwargs).max_buffered

    class Owner:
        @method_takes_arguments
        def method(self, *args: Any, **kwargs: Any) -> int:
            return bind(*args, **kwargs).max_buffered

    assert (function.__name__, function('N', max_buffered=7)) == ('function', 7)
    assert inspect.signature(function).return_annotation == 'int'
    assert ':param root:' in (function.__doc__ or '')
    assert list(inspect.signature(Owner.method).parameters) == ['self', *EXPECTED]
    assert list(inspect.signature(Owner().method).parameters) == list(EXPECTED)
    assert Owner().method('N', max_buffered=7) == 7


def test_documenting_leaves_other_lines_alone() -> None:
    """Only the placeholder is replaced, with its own indentation. A function without a docstring may be documented."""

    def function() -> None:
        """Name ``:arguments:`` in a sentence.

        :arguments:
        """

    def silent() -> None:
        pass

    # From 3.13 on Python takes the indentation off a docstring.
    indentation = (function.__doc__ or '').splitlines()[2].removesuffix(':arguments:')
    document(function, left_out=[name for name in EXPECTED if name != 'root'])
    document(silent)
    written = (function.__doc__ or '').splitlines()
    assert written[0] == 'Name ``:arguments:`` in a sentence.'
    assert [line for line in written if 'param' in line] == [
        f'{indentation}:param root: {Arguments.__dataclass_fields__["root"].metadata["text"]}'
    ]
    assert not silent.__doc__


# --- binding


@given(calls, st.integers(0, 7))
def test_arguments_are_the_same_by_position_and_by_name(given: dict[str, Any], number: int) -> None:
    """The first seven may be given by position, as in 2.4. What is left out has its default."""
    complete = {name: given.get(name, EXPECTED[name]) for name in BY_POSITION}
    by_position = list(complete.values())[:number]
    by_name = {name: value for name, value in given.items() if name not in BY_POSITION[:number]}
    bound = bind(*by_position, **by_name)
    assert bound == bind(**given)
    for name in EXPECTED:
        if name not in given and name not in ('extra_dimensions', 'interval', 'views'):
            assert getattr(bound, name) == EXPECTED[name]


@given(calls)
def test_checked_arguments_are_taken_again(given: dict[str, Any]) -> None:
    """A checked value passes its check and stays as it is, so that one argument may be replaced."""
    bound = bind(**given)
    assert replace(bound) == bound
    assert replace(bound, max_buffered=7).max_buffered == 7
    assert bound.plan == replace(bound).plan
    assert {field.name: getattr(bound.plan, field.name) for field in fields(Plan)} == {
        field.name: getattr(bound, field.name) for field in fields(Plan)
    }
    assert type(bound.interval) is float
    assert isinstance(bound.extra_dimensions, dict)
    assert isinstance(bound.exclude, tuple)


def test_arguments_are_a_frozen_value() -> None:
    """A checked argument cannot be changed past its check."""
    bound = bind('N')
    with pytest.raises(FrozenInstanceError):
        bound.namespace = 'M'  # type: ignore[misc]  # it is frozen
    with pytest.raises(ArgumentError, match=r'^max_buffered'):
        replace(bound, max_buffered=-1)


def _takers() -> list[Callable[..., Any]]:
    return [bind, AWSSatellaExporterThread, start_if_not_started, export_once]


MISTAKES: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    (
        (),
        {},
        'namespace: None is missing; allowed: a CloudWatch namespace',
    ),
    (
        (),
        {'max_buffered': 1},
        'namespace: None is missing; allowed: a CloudWatch namespace',
    ),
    (
        ('N',),
        {'namespace': 'M'},
        "namespace: 'M' is given by name and by position; allowed: to give it once",
    ),
    (
        ('N', None, 60),
        {'interval': 30},
        'interval: 30 is given by name and by position; allowed: to give it once',
    ),
    (
        ('N', None, 60, 20, None, ignore, ignore, 10),
        {},
        'args: 10 is one argument by position too many; allowed: at most 7 arguments by position; name the others',
    ),
    (
        ('N',),
        {'max_buffer': 5},
        f"max_buffer: 5 is given for an unknown argument; allowed: {', '.join(EXPECTED)}. Did you mean 'max_buffered'?",
    ),
    (
        ('N',),
        {'x': 5},
        f'x: 5 is given for an unknown argument; allowed: {", ".join(EXPECTED)}.',
    ),
]


@pytest.mark.parametrize('function', _takers(), ids=lambda each: each.__name__)
@pytest.mark.parametrize(('args', 'kwargs', 'said'), MISTAKES)
def test_wrong_call_says_what_is_wrong(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], said: str
) -> None:
    """A missing, doubled, unknown or surplus argument is a ``TypeError`` that names it, as of any function."""
    with pytest.raises(ArgumentTypeError) as raised:
        function(*args, **kwargs)
    written = str(raised.value).replace(', timeout.' if function is export_once else '.', '.')
    assert written.removesuffix(', or the variable AWS_SATELLA_NAMESPACE') == said
    assert (written == said) == (function in (bind, AWSSatellaExporterThread) or 'is missing' not in said)
    assert raised.value.argument == said.split(':')[0]
    assert isinstance(raised.value, TypeError)


@pytest.mark.parametrize(
    ('timeout', 'wrong', 'problem'),
    [
        (-1, ArgumentError, 'timeout: -1 is not allowed'),
        (float('nan'), ArgumentError, 'timeout: nan is not allowed'),
        (float('inf'), ArgumentError, 'timeout: inf is not allowed'),
        ('2', ArgumentTypeError, "timeout: '2' is of type str"),
        (True, ArgumentTypeError, 'timeout: True is of type bool'),
    ],
)
def test_timeout_is_a_number_of_seconds(timeout: Any, wrong: type[Exception], problem: str) -> None:
    """The timeout of ``export_once`` is checked like every argument, before anything is exported. No other function
    has one."""
    with pytest.raises(wrong) as raised:
        export_once('N', timeout=timeout)
    assert str(raised.value) == f'{problem}; allowed: a number of seconds, at least 0'
    with pytest.raises(ArgumentTypeError, match='timeout: 2 is given for an unknown argument'):
        bind('N', timeout=2)


@given(plain, st.integers())
def test_unknown_argument_is_refused_by_name(name: str, value: int) -> None:
    """``check`` and ``bind`` refuse any name that is not in the list."""
    if name in EXPECTED:
        return
    with pytest.raises(ArgumentTypeError) as alone:
        check(name, value)
    with pytest.raises(ArgumentTypeError) as bound:
        bind('N', **{name: value})
    assert str(alone.value) == str(bound.value)
    assert (alone.value.argument, alone.value.value) == (name, value)


# --- errors

ERRORS = [
    (lambda: bind('AWS/x'), 'namespace', 'AWS/x', ArgumentError),
    (lambda: bind(7), 'namespace', 7, ArgumentTypeError),
    (lambda: bind('N', {'a': ' '}), "extra_dimensions['a']", ' ', ArgumentError),
    (lambda: bind('N', units={'a': 'bytes'}), "units['a']", 'bytes', ArgumentError),
    (lambda: bind('N', {'a': 'b'}, add_pid='p', max_dimensions=1), 'extra_dimensions', ['a', 'p'], ArgumentError),
    (lambda: bind('N', max_buffer=5), 'max_buffer', 5, ArgumentTypeError),
    (bind, 'namespace', None, ArgumentTypeError),
]


@pytest.mark.parametrize(('call', 'argument', 'value', 'kind'), ERRORS)
def test_error_can_be_copied_and_pickled(
    call: Callable[[], object], argument: str, value: Any, kind: type[Exception]
) -> None:
    """An error has the argument, the value and what is allowed, also in another process."""
    with pytest.raises((ArgumentError, ArgumentTypeError)) as raised:
        call()
    error = raised.value
    assert type(error) is kind
    assert (error.argument, error.value) == (argument, value)
    assert error.allowed
    for other in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is type(error)
        assert (other.argument, other.value, other.allowed) == (error.argument, error.value, error.allowed)
        assert (str(other), other.problem) == (str(error), error.problem)


def test_errors_have_their_public_names() -> None:
    """The errors are those of ``aws_satella``, and are shown with this path."""
    assert (aws_satella.ArgumentError, aws_satella.ArgumentTypeError) == (ArgumentError, ArgumentTypeError)
    assert ArgumentError.__module__ == ArgumentTypeError.__module__ == 'aws_satella'


# --- nothing else happens before

WRONG: list[tuple[str, Any]] = [
    ('namespace', ''),
    ('extra_dimensions', 7),
    ('interval', 0),
    ('max_send_at_once', limits.MAX_DATA_PER_REQUEST + 1),
    ('add_pid', 7),
    ('call_on_metric_upload_fails', None),
    ('call_on_discarded_metric', None),
    ('destination', 'otpl'),
    ('max_dimensions', 0),
    ('temporality', 'Delta'),
    ('views', 7),
    ('units', 7),
    ('storage_resolution', 30),
    ('max_series', -1),
    ('idle_after', 0),
    ('exclude', 'a'),
    ('max_buffered', -1),
    ('spool', ''),
    ('max_spooled_bytes', 0),
    ('service', ''),
    ('environment', 7),
    ('exit_timeout', -1),
    ('in_forks', 'no'),
    ('handle_sigterm', 1),
    ('self_metrics', 'yes'),
    ('client_factory', 7),
    ('root', 7),
]


@pytest.mark.parametrize('function', [*_takers(), preview], ids=lambda each: each.__name__)
@pytest.mark.parametrize(('argument', 'value'), WRONG)
def test_no_client_is_made_to_check_an_argument(
    function: Callable[..., Any], argument: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong argument is refused before a client is made or a metric is read."""
    acts: list[str] = []
    monkeypatch.setattr(boto3, 'client', lambda *_args, **_options: acts.append('client'))
    getMetric('callable', 'callable', value_getter=lambda: acts.append('read'))
    given = {'namespace': 'N', 'client_factory': lambda: acts.append('factory'), argument: value}
    with pytest.raises((ArgumentError, ArgumentTypeError), match=f'^{argument}'):
        function(**given)
    assert acts == []


def test_every_argument_is_checked_before_anything_happens() -> None:
    """The table of wrong values has every argument."""
    assert [argument for argument, _ in WRONG] == list(EXPECTED)

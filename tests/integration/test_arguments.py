"""The arguments of an exporter: whatever takes them checks all of them, before anything else happens."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from unittest import mock

import boto3
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import override_settings
from property.refusals import REFUSALS, TOGETHER
from satella.instrumentation.metrics import getMetric

from aws_satella import (
    ArgumentError,
    ArgumentTypeError,
    AWSSatellaExporterThread,
    export_once,
    preview,
    start_if_not_started,
)
from aws_satella.contrib import asgi, wsgi
from aws_satella.contrib.django import AWSSatellaMiddleware
from aws_satella.effects.django.checks import SETTING
from aws_satella.pure import build_payloads
from aws_satella.pure.arguments import DEFAULTS
from aws_satella.pure.binding import bind, check
from aws_satella.pure.environment import VARIABLES, faults

SECONDS = 'a number of seconds, at least 0'


def middleware(**given: Any) -> object:
    """A Django site with these arguments in its setting."""
    if not settings.configured:
        settings.configure()
    with override_settings(**{SETTING: given}):
        return AWSSatellaMiddleware(lambda _request: HttpResponse())


DOORS: dict[str, Callable[..., Any]] = {
    'exporter': AWSSatellaExporterThread,
    'start_if_not_started': start_if_not_started,
    'export_once': export_once,
    'preview': preview,
    'asgi': lambda **given: asgi.Exporter(mock.Mock(), **given),
    'wsgi': lambda **given: wsgi.Exporter(mock.Mock(), **given),
    'django': middleware,
    'build_payloads': lambda client_factory, **given: build_payloads(getMetric(), **given),
}
"""Whatever takes the arguments of an exporter."""

WRONG: dict[str, Any] = {argument: value for argument, value, _ in REFUSALS if argument in DEFAULTS}

TEXTS = {
    'namespace': ':',
    'extra_dimensions': 'stage',
    'interval': 'soon',
    'max_send_at_once': 'many',
    'add_pid': ':pid',
    'destination': 'otpl',
    'max_dimensions': '0',
    'temporality': 'Delta',
    'units': 'bytes',
    'storage_resolution': '30',
    'max_series': '-1',
    'idle_after': '0',
    'exclude': '%',
    'max_buffered': '-1',
    'max_spooled_bytes': '0',
    'service': 'ą',
    'environment': 'ą',
    'exit_timeout': '-1',
    'in_forks': 'maybe',
    'handle_sigterm': 'maybe',
    'self_metrics': 'maybe',
}
"""Argument → what its variable must not say. Any text that a variable may have is the path of a spool."""


@pytest.fixture
def acts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens: clients that are made, and metrics that are read."""
    happened: list[str] = []
    monkeypatch.setattr(boto3, 'client', lambda *_args, **_options: happened.append('client'))
    getMetric('callable', 'callable', value_getter=lambda: happened.append('read'))
    return happened


def refuse(door: str, error: ArgumentError | ArgumentTypeError, acts: list[str], **given: Any) -> None:
    """See the door refuse what it is given, with this error."""
    with pytest.raises((ArgumentError, ArgumentTypeError, ImproperlyConfigured)) as raised:
        DOORS[door](**{'client_factory': lambda: acts.append('factory'), **given})
    if door == 'django':
        assert f'{error.problem}. Allowed: {error.allowed}' in str(raised.value)
    else:
        assert (type(raised.value), str(raised.value)) == (type(error), str(error))
    assert acts == []


@pytest.mark.parametrize(
    ('door', 'argument'),
    [
        (door, argument)
        for door in DOORS
        for argument in WRONG
        if door != 'build_payloads' or argument in inspect.signature(build_payloads).parameters
    ],
)
def test_argument_is_checked_wherever_it_is_given(door: str, argument: str, acts: list[str]) -> None:
    """What its check refuses is refused in the same words, before a client is made or a metric is read."""
    with pytest.raises((ArgumentError, ArgumentTypeError)) as checked:
        check(argument, WRONG[argument])
    error: Any = checked.value
    refuse(door, error, acts, **{'namespace': 'N', argument: WRONG[argument]})


@pytest.mark.parametrize('door', [door for door in DOORS if door != 'build_payloads'])
@pytest.mark.parametrize('given', [given for given, _ in TOGETHER])
def test_arguments_are_checked_together_wherever_they_are_given(
    given: dict[str, Any], door: str, acts: list[str]
) -> None:
    """The same for arguments that are allowed each by itself."""
    with pytest.raises(ArgumentError) as checked:
        bind('N', **given)
    refuse(door, checked.value, acts, namespace='N', **given)


@pytest.mark.parametrize('door', ['exporter', 'start_if_not_started', 'preview', 'asgi', 'wsgi'])
def test_argument_that_is_unknown_is_refused_wherever_it_is_given(door: str, acts: list[str]) -> None:
    """The message has all that are known, and asks for the nearest."""
    with pytest.raises(ArgumentTypeError, match="Did you mean 'max_buffered'") as checked:
        bind('N', max_buffer=5)
    refuse(door, checked.value, acts, namespace='N', max_buffer=5)


@pytest.mark.parametrize('door', ['start_if_not_started', 'export_once', 'asgi', 'wsgi'])
def test_namespace_is_needed_wherever_the_environment_may_have_it(door: str, acts: list[str]) -> None:
    """The message says that it may be there."""
    allowed = 'a CloudWatch namespace, or the variable AWS_SATELLA_NAMESPACE'
    refuse(door, ArgumentTypeError('namespace', None, allowed, 'is missing'), acts)


@pytest.mark.parametrize('door', ['start_if_not_started', 'export_once', 'preview', 'asgi', 'wsgi', 'django'])
@pytest.mark.parametrize('argument', TEXTS)
def test_variable_is_checked_wherever_it_is_used(
    argument: str, door: str, acts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong in a variable is refused by its name, before a client is made or a metric is read."""
    environ = {VARIABLES[argument]: TEXTS[argument]}
    monkeypatch.setenv(*environ.copy().popitem())
    (fault,) = faults(environ)
    assert fault.argument == VARIABLES[argument]
    refuse(door, fault, acts, **({} if argument == 'namespace' else {'namespace': 'N'}))


def test_variables_are_all_tried() -> None:
    """The table of their texts has each of them but that of the spool."""
    assert TEXTS.keys() == VARIABLES.keys() - {'spool'}


@pytest.mark.parametrize(
    ('call', 'argument', 'value', 'said'),
    [
        (export_once, 'timeout', -1, f'timeout: -1 is not allowed; allowed: {SECONDS}'),
        (export_once, 'timeout', float('nan'), f'timeout: nan is not allowed; allowed: {SECONDS}'),
        (export_once, 'timeout', float('inf'), f'timeout: inf is not allowed; allowed: {SECONDS}'),
        (export_once, 'timeout', '2', f"timeout: '2' is of type str; allowed: {SECONDS}"),
        (export_once, 'timeout', True, f'timeout: True is of type bool; allowed: {SECONDS}'),
        (preview, 'processes', 0, 'processes: 0 is not allowed; allowed: a whole number, at least 1'),
        (preview, 'processes', 1.5, 'processes: 1.5 is of type float; allowed: a whole number, at least 1'),
        (build_payloads, 'on_discard', 'print', "on_discard: 'print' is of type str; allowed: a callable"),
        (
            build_payloads,
            'timestamp',
            'now',
            "timestamp: 'now' is of type str; allowed: UNIX seconds, an aware datetime, or None",
        ),
    ],
)
def test_argument_of_one_function_is_checked_too(
    call: Callable[..., object], argument: str, value: Any, said: str, acts: list[str]
) -> None:
    """It is refused before anything happens."""
    source = {build_payloads: {'source': getMetric(), 'namespace': 'N'}, export_once: {'namespace': 'N'}}
    with pytest.raises((ArgumentError, ArgumentTypeError)) as raised:
        call(**{**source.get(call, {}), argument: value})
    assert str(raised.value) == said
    assert acts == []

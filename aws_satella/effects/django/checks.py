"""The checks of the Django setting: its faults, and what ``manage.py check`` reports of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.http import HttpRequest

from aws_satella.effects.environment import bind_here, is_silenced
from aws_satella.pure import environment
from aws_satella.pure.arguments import DEFAULTS
from aws_satella.pure.binding import check
from aws_satella.pure.errors import ArgumentError, ArgumentTypeError, suggestion

SETTING: Final = 'AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR'
MIDDLEWARE: Final = 'aws_satella.contrib.django.AWSSatellaMiddleware'
ALLOWED: Final = (
    "a mapping with the arguments of start_if_not_started, at least 'namespace', unless the environment has it; or "
    'None, which exports nothing'
)


class Fault(NamedTuple):
    """An error in the setting."""

    id: str
    what: str
    hint: str


def faults(value: object) -> Iterator[Fault]:
    """What is wrong with the setting, and what is allowed.

    :param value: the value of the setting, ... where it is missing
    """
    if value is ... and not _is_in_environment('namespace'):
        near = suggestion(SETTING, dir(settings))
        yield Fault('E001', f'The setting {SETTING} is missing.', near or f'Allowed: {ALLOWED}.')
    elif value is not None and value is not ... and not isinstance(value, Mapping):
        yield Fault('E002', f'The setting {SETTING} is of type {type(value).__name__}.', f'Allowed: {ALLOWED}.')
    elif value is not None:
        arguments = given(value)
        found = [*_name_faults(arguments), *_value_faults(arguments), *_variable_faults(arguments)]
        yield from found or _combination_faults(arguments)


def given(value: Any) -> Mapping[Any, Any]:
    """The arguments in the setting. Where there is no setting, all of them are taken from the environment."""
    return {} if value is ... else value


def _is_in_environment(keyword: str) -> bool:
    return bool(os.environ.get(environment.VARIABLES[keyword], '').strip())


def _name_faults(arguments: Mapping[Any, Any]) -> Iterator[Fault]:
    for name in arguments:
        if name not in DEFAULTS:
            hint = suggestion(str(name), DEFAULTS) or f'Allowed: {", ".join(DEFAULTS)}.'
            yield Fault('E003', f'The setting {SETTING} has an unknown argument {name!r}.', hint)
    if 'namespace' not in arguments and not _is_in_environment('namespace'):
        hint = f"Add 'namespace': that of CloudWatch; or set the variable {environment.VARIABLES['namespace']}."
        yield Fault('E004', f"The setting {SETTING} has no 'namespace'.", hint)


def _value_faults(arguments: Mapping[Any, Any]) -> Iterator[Fault]:
    for name, value in arguments.items():
        if name in DEFAULTS:
            try:
                check(name, value)
            except Exception as error:
                yield _fault_of(error, name)


def _variable_faults(arguments: Mapping[Any, Any]) -> Iterator[Fault]:
    """The faults of variables of the environment, of those that are used."""
    yield from map(_fault_of_variable, environment.faults(os.environ, arguments))


def _fault_of_variable(error: ArgumentError | ArgumentTypeError) -> Fault:
    what = f'The environment, for what the setting {SETTING} does not have: {error.problem}.'
    return Fault('E007', what, _hint(error))


def _combination_faults(arguments: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults of arguments that are allowed by themselves."""
    try:
        bind_here(**arguments)
    except (ArgumentError, ArgumentTypeError) as error:
        is_variable = error.argument in environment.VARIABLES.values()
        yield _fault_of_variable(error) if is_variable else _fault_of(error, error.argument)


def _fault_of(error: Exception, name: str) -> Fault:
    if isinstance(error, (ArgumentError, ArgumentTypeError)):
        fault_id = 'E006' if isinstance(error, TypeError) else 'E005'
        return Fault(fault_id, f'The setting {SETTING}: {error.problem}.', _hint(error))
    return Fault('E005', f'The setting {SETTING}: {name}: {error!r}.', '')  # user code in a value raised


def _hint(error: ArgumentError | ArgumentTypeError) -> str:
    return f'Allowed: {error.allowed}{"" if error.allowed.endswith("?") else "."}'


def is_test_run() -> bool:
    """Whether the test environment of Django is set up, as ``manage.py test`` and pytest-django do."""
    utils = sys.modules.get('django.test.utils')
    return hasattr(getattr(utils, '_TestState', None), 'saved_data')


def is_test_request(request: HttpRequest) -> bool:
    """Whether the request comes from the test client of Django, in any program, or from anywhere in a test run."""
    return hasattr(request, '_dont_enforce_csrf_checks') or is_test_run()


@checks.register('aws_satella')
def check_setting(**_kwargs: Any) -> list[checks.CheckMessage]:
    """What ``manage.py check`` reports where ``'aws_satella'`` is in ``INSTALLED_APPS``.

    Nothing in test runs, and where the environment turns the export off.
    """
    if is_test_run() or is_silenced():
        return []
    value, used = getattr(settings, SETTING, ...), MIDDLEWARE in (settings.MIDDLEWARE or ())
    if value is ... and not used:
        return []  # start_if_not_started may be called elsewhere
    found = [checks.Error(fault.what, fault.hint, id=f'aws_satella.{fault.id}') for fault in faults(value)]
    return [*found, *([] if used or value is None else [_unused()])]


def _unused() -> checks.CheckMessage:
    return checks.Warning(
        f'The setting {SETTING} is given, but the middleware that reads it is not in MIDDLEWARE.',
        f"Add '{MIDDLEWARE}'; or silence this where start_if_not_started is called elsewhere.",
        id='aws_satella.W001',
    )


class AWSSatellaConfig(AppConfig):
    """For ``INSTALLED_APPS``: lets ``manage.py check`` check the setting."""

    name = 'aws_satella'
    verbose_name = 'aws-satella'

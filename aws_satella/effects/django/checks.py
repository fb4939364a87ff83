"""The checks of the Django setting: its faults, and what ``manage.py check`` reports of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.http import HttpRequest

from aws_satella.pure.arguments import DEFAULTS, bind, check
from aws_satella.pure.errors import ArgumentError, ArgumentTypeError, suggestion

SETTING: Final = 'AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR'
MIDDLEWARE: Final = 'aws_satella.contrib.django.AWSSatellaMiddleware'
ALLOWED: Final = (
    "a mapping with the arguments of start_if_not_started, at least 'namespace'; or None, which exports nothing"
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
    if value is ...:
        near = suggestion(SETTING, dir(settings))
        yield Fault('E001', f'The setting {SETTING} is missing.', near or f'Allowed: {ALLOWED}.')
    elif value is not None and not isinstance(value, Mapping):
        yield Fault('E002', f'The setting {SETTING} is of type {type(value).__name__}.', f'Allowed: {ALLOWED}.')
    elif value is not None:
        found = [*_name_faults(value), *_value_faults(value)]
        yield from found or _combination_faults(value)


def _name_faults(arguments: Mapping[Any, Any]) -> Iterator[Fault]:
    for name in arguments:
        if name not in DEFAULTS:
            hint = suggestion(str(name), DEFAULTS) or f'Allowed: {", ".join(DEFAULTS)}.'
            yield Fault('E003', f'The setting {SETTING} has an unknown argument {name!r}.', hint)
    if 'namespace' not in arguments:
        yield Fault('E004', f"The setting {SETTING} has no 'namespace'.", "Add 'namespace': that of CloudWatch.")


def _value_faults(arguments: Mapping[Any, Any]) -> Iterator[Fault]:
    for name, value in arguments.items():
        if name in DEFAULTS:
            try:
                check(name, value)
            except Exception as error:
                yield _fault_of(error, name)


def _combination_faults(arguments: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults of arguments that are allowed by themselves."""
    try:
        bind(**arguments)
    except (ArgumentError, ArgumentTypeError) as error:
        yield _fault_of(error, error.argument)


def _fault_of(error: Exception, name: str) -> Fault:
    if isinstance(error, (ArgumentError, ArgumentTypeError)):
        hint = f'Allowed: {error.allowed}{"" if error.allowed.endswith("?") else "."}'
        fault_id = 'E006' if isinstance(error, TypeError) else 'E005'
        return Fault(fault_id, f'The setting {SETTING}: {error.problem}.', hint)
    return Fault('E005', f'The setting {SETTING}: {name}: {error!r}.', '')  # user code in a value raised


def is_test_run() -> bool:
    """Whether the test environment of Django is set up, as ``manage.py test`` and pytest-django do."""
    utils = sys.modules.get('django.test.utils')
    return hasattr(getattr(utils, '_TestState', None), 'saved_data')


def is_test_request(request: HttpRequest) -> bool:
    """Whether the request comes from the test client of Django, in any program, or from anywhere in a test run."""
    return hasattr(request, '_dont_enforce_csrf_checks') or is_test_run()


@checks.register('aws_satella')
def check_setting(**_kwargs: Any) -> list[checks.CheckMessage]:
    """What ``manage.py check`` reports where ``'aws_satella'`` is in ``INSTALLED_APPS``; nothing in test runs."""
    if is_test_run():
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

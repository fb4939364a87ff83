"""Signatures and documentation from the list of arguments, wherever they are taken."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from property.arguments import BY_POSITION, EXPECTED

from aws_satella import AWSSatellaExporterThread, export_once, preview, start_if_not_started
from aws_satella.contrib import asgi, wsgi
from aws_satella.pure import Arguments, signatures
from aws_satella.pure.binding import bind
from aws_satella.pure.signatures import document, method_takes_arguments, takes_arguments


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


def test_takes_arguments_keeps_what_a_function_is() -> None:
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


def test_document_leaves_other_lines_alone() -> None:
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

"""How Sphinx builds the documentation: ``make docs``."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import Any

from sphinx.application import Sphinx

project = 'aws-satella'
author = 'the aws-satella developers'
copyright = author  # noqa: A001  # Sphinx's name
release = version = version_of('aws-satella')

extensions = ['myst_parser', 'sphinx.ext.autodoc']
exclude_patterns = ['_build']

html_theme = 'furo'
html_title = f'aws-satella {release}'
html_copy_source = False

myst_enable_extensions = ['deflist']
myst_heading_anchors = 4

add_module_names = False
autodoc_member_order = 'bysource'
autodoc_preserve_defaults = True  # the source of a default says more than its repr

nitpicky = True
nitpick_ignore_regex = [
    # The build must work without a network, so there are no inventories of other projects' names to look into.
    (r'py:.*', r'(asgiref|collections|datetime|django|enum|satella|threading|typing)\..*'),
    # The same for names that are written without their module, and for the builtin ones.
    (r'py:.*', r'Any|Callable|Hashable|ImproperlyConfigured|IntervalTerminableThread|Iterable|Iterator|Mapping'),
    (r'py:.*', r'MetricData|MetricDataCollection|Sequence|TypedDict|date|datetime'),
    (r'py:.*', r'\w+(Error|Exception)|bool|dict|float|int|list|object|str|tuple|type'),
    # Names that stand for the type that is written there: an alias, a type variable, a private base.
    (r'py:class', r'Labels|Multiset|Samples|Units|.*\.(T|_BaseArgumentError|_Identity|ExporterLife)'),
    # A type that Sphinx cuts in two at its comma.
    (r'py:class', r'Callable\[\[\]'),
    # What a baseline keeps of a metric. Only the stages look into it.
    (r'py:class', r'.*\.(Histogram|Summary)State'),
]


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect('autodoc-process-docstring', _without_python_s_own)


def _without_python_s_own(*arguments: Any) -> None:
    """Fields of named tuples that have no docstring get none: Python gives them one that says nothing."""
    lines: list[str] = arguments[-1]
    if lines and lines[0].startswith('Alias for field number'):
        lines.clear()

"""Exports the metrics that a Python process keeps with satella to Amazon CloudWatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_satella.effects.destinations.clients import InitializationError
from aws_satella.effects.exporter import AWSSatellaExporterThread
from aws_satella.effects.process import flush, start_if_not_started, stats
from aws_satella.effects.stats import ExportStats
from aws_satella.pure.errors import ArgumentError, ArgumentTypeError
from aws_satella.pure.views import View

if TYPE_CHECKING:
    from aws_satella.effects.once import export_once
    from aws_satella.effects.preview import preview
    from aws_satella.pure.bill import Comparison, Preview, Prices, Volume

__all__ = [
    'AWSSatellaExporterThread',
    'ArgumentError',
    'ArgumentTypeError',
    'Comparison',
    'ExportStats',
    'InitializationError',
    'Preview',
    'Prices',
    'View',
    'Volume',
    'export_once',
    'flush',
    'preview',
    'start_if_not_started',
    'stats',
]


def __getattr__(name: str) -> object:
    """Import at the first use what a site does without in production, so that it starts faster."""
    if name == 'export_once':
        from aws_satella.effects.once import export_once

        return export_once
    if name == 'preview':
        from aws_satella.effects.preview import preview

        return preview
    if name in ('Comparison', 'Preview', 'Prices', 'Volume'):
        from aws_satella.pure import bill

        return getattr(bill, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

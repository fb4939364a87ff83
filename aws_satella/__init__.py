"""Delivers the metrics that a process keeps with satella to Amazon CloudWatch."""

from aws_satella.effects.cloudwatch import InitializationError
from aws_satella.effects.delivery import ExportStats
from aws_satella.effects.exporter import AWSSatellaExporterThread
from aws_satella.effects.preview import preview
from aws_satella.effects.process import export_once, flush, start_if_not_started
from aws_satella.pure.bill import Preview, Prices

__all__ = [
    'AWSSatellaExporterThread',
    'ExportStats',
    'InitializationError',
    'Preview',
    'Prices',
    'export_once',
    'flush',
    'preview',
    'start_if_not_started',
]

"""Delivers the metrics that a process keeps with satella to Amazon CloudWatch."""

from aws_satella.effects.cloudwatch import InitializationError
from aws_satella.effects.delivery import ExportStats
from aws_satella.effects.exporter import AWSSatellaExporterThread
from aws_satella.effects.process import export_once, flush, start_if_not_started

__all__ = [
    'AWSSatellaExporterThread',
    'ExportStats',
    'InitializationError',
    'export_once',
    'flush',
    'start_if_not_started',
]

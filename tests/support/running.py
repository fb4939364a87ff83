"""The exporter that this process has started, for tests and for the programs that they run."""

from __future__ import annotations

from aws_satella import AWSSatellaExporterThread
from aws_satella.effects.process import exporter_of_process


def running_exporter() -> AWSSatellaExporterThread:
    """The exporter that this process has started, which there must be."""
    exporter = exporter_of_process()
    assert exporter is not None
    return exporter

"""What a program meets first: the import, the names, the help, and a region that is missing."""

from __future__ import annotations

import pydoc
import subprocess
import sys
from pathlib import Path
from unittest import mock

import boto3
import pytest
from satella.instrumentation.metrics import getMetric

import aws_satella
from aws_satella import ArgumentTypeError, AWSSatellaExporterThread, InitializationError, preview


@pytest.mark.parametrize('name', ['preview', 'Comparison', 'Preview', 'Prices', 'Volume'])
def test_what_is_imported_late_is_shown_all_the_same(name: str) -> None:
    """`dir()` and `help()` know the names that are imported at their first use."""
    assert name in dir(aws_satella)
    shown = pydoc.plain(pydoc.render_doc(aws_satella))
    assert f'class {name}(' in shown or f'{name}(root' in shown


@pytest.mark.parametrize('name', ['start_if_not_started', 'export_once', 'preview', 'AWSSatellaExporterThread'])
def test_help_names_every_argument(name: str) -> None:
    """Each function that takes the arguments of an exporter shows them in its signature and in its text."""
    shown = pydoc.plain(pydoc.render_doc(getattr(aws_satella, name)))
    for argument in ('namespace', 'temporality', 'max_buffered', 'client_factory'):
        assert f':param {argument}: ' in shown
        assert f'{argument}: ' in shown.split(':param', 1)[0]
    assert ':arguments:' not in shown


@pytest.mark.parametrize('place', ['environment', 'configuration'])
def test_empty_region_is_said_to_be_one(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """boto3 would speak of an invalid endpoint."""
    monkeypatch.delenv('AWS_DEFAULT_REGION')
    configuration = tmp_path / 'config'
    configuration.write_text('[default]\nregion =\n')
    if place == 'environment':
        monkeypatch.setenv('AWS_DEFAULT_REGION', '')
    else:
        monkeypatch.setenv('AWS_CONFIG_FILE', str(configuration))
    monkeypatch.setattr(boto3, 'DEFAULT_SESSION', None)
    with pytest.raises(InitializationError, match='region'):
        AWSSatellaExporterThread('Test')
    if place == 'environment':
        monkeypatch.setattr(boto3, 'DEFAULT_SESSION', None)
        with pytest.raises(InitializationError, match='the region is empty; set AWS_DEFAULT_REGION'):
            AWSSatellaExporterThread('Test')


def test_import_needs_no_fork_hooks() -> None:
    """On Windows `os` has no `register_at_fork`."""
    script = """
import os, boto3, satella.instrumentation.metrics, random, logging, concurrent.futures.thread
del os.register_at_fork
import aws_satella
print(aws_satella.flush())
"""
    ended = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=False)
    assert ended.stdout == 'False\n', ended.stderr


def test_preview_checks_what_it_does_not_use() -> None:
    """No client is made, and yet a factory that is none is refused."""
    with pytest.raises(ArgumentTypeError, match='client_factory: 7 is of type int; allowed: a callable'):
        preview(client_factory=7)
    factory = mock.Mock()
    preview(client_factory=factory)
    factory.assert_not_called()


class _AsynchronousClient:
    async def put_metric_data(self, **_payload: object) -> None:
        """What an asynchronous client has."""


def test_asynchronous_client_is_refused() -> None:
    """A call that returns an awaitable has sent nothing; it is a failure that says what is allowed."""
    failures: list[Exception] = []
    exporter = AWSSatellaExporterThread(
        'Test', client_factory=_AsynchronousClient, call_on_metric_upload_fails=failures.append
    )
    getMetric('orders', 'int').runtime(1)
    exporter.loop()
    assert (exporter.stats.sent, exporter.stats.buffered) == (0, 1)
    (failure,) = failures
    assert 'a client whose calls are synchronous' in str(failure)

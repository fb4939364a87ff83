"""What a program meets first: the import, the names, the help, and a region that is missing."""

from __future__ import annotations

import pydoc
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

import aws_satella
from aws_satella import AWSSatellaExporterThread, InitializationError


@pytest.mark.parametrize('name', ['preview', 'Comparison', 'Preview', 'Prices', 'Volume'])
def test_dir_and_help_show_what_is_imported_late(name: str) -> None:
    """`dir()` and `help()` know the names that are imported at their first use."""
    assert name in dir(aws_satella)
    shown = pydoc.plain(pydoc.render_doc(aws_satella))
    assert f'class {name}(' in shown or f'{name}(root' in shown


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

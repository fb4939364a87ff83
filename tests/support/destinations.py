"""The same promises for every destination: tests that run with each of them as the default."""

from __future__ import annotations

from pathlib import Path

import pytest

from aws_satella.pure.arguments import Arguments
from aws_satella.pure.binding import Settings
from aws_satella.pure.once import OnceArguments

BY_DEFAULT = Path(__file__).parent / 'otlp_by_default'

each_destination = pytest.mark.parametrize('destination', ['cloudwatch', 'otlp'], indirect=True)
"""The test runs once with each form of data, in which the endpoint reads them."""


def make_default(destination: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make OTLP the default destination, in this process and in programs that it starts."""
    if destination == 'otlp':
        for kind in (Arguments, Settings, OnceArguments):
            monkeypatch.setitem(kind.__init__.__kwdefaults__ or {}, 'destination', destination)
        monkeypatch.setenv('PYTHONPATH', str(BY_DEFAULT))

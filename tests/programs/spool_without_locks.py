"""A platform that has no locks for files."""

from __future__ import annotations

import sys
from typing import NoReturn

sys.modules['fcntl'] = None  # type: ignore[assignment]  # it cannot be imported from here on

from support.program import main

import aws_satella


def start() -> None:
    """Ask for a spool in each way, with a factory that must not be called."""

    def factory() -> NoReturn:
        raise AssertionError

    for act in aws_satella.AWSSatellaExporterThread, aws_satella.start_if_not_started, aws_satella.export_once:
        try:
            act('Shop', spool='/var/lib/shop', client_factory=factory)
        except ValueError as error:
            print(type(error).__name__, error)


if __name__ == '__main__':
    main(globals())

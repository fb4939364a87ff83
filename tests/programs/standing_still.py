"""A program in which uWSGI lets threads stand still between requests, as its module says."""

from __future__ import annotations

import sys
from types import ModuleType

from support.program import main

import aws_satella


def exporters() -> None:
    """Start exporters, more than once."""
    sys.modules['uwsgi'] = uwsgi = ModuleType('uwsgi')
    vars(uwsgi).update(has_threads=0, opt={}, worker_id=lambda: 1)
    for _ in range(2):
        aws_satella.start_if_not_started('Forks')
        aws_satella.AWSSatellaExporterThread('Other').start()


if __name__ == '__main__':
    main(globals())

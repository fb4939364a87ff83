"""The program that is measured goes on while its metrics are exported.

Under gevent whoever computes holds up all others, so there it shows who lets them go on: a greenlet counts its turns,
and what is read and sent notes how far it has come.
"""

from __future__ import annotations

import itertools
import json

from support import scripts
from support.endpoint import Endpoint

from aws_satella.effects.pacing import ITEMS_PER_GLANCE


def longest_run(turns: list[int]) -> int:
    """The most items that were worked on within one turn of the host."""
    return max(len(list(run)) for _, run in itertools.groupby(turns))


def test_host_has_a_turn_every_few_metrics(endpoint: Endpoint) -> None:
    """While the thread reads metrics, the host goes on.

    Where a caller waits for the export, in a flush, at the end, and in export_once, its turns are fewer.
    """
    ended = scripts.run(scripts.program('host.turns', greenlets=True), endpoint.url)
    assert ended.returncode == 0, ended.stderr
    regular, *awaited = json.loads(ended.stdout)
    for read in (regular, *awaited):
        assert len(read) == 300
    assert longest_run(regular) <= ITEMS_PER_GLANCE
    for read in awaited:
        assert ITEMS_PER_GLANCE < longest_run(read) < 300

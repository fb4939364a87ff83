"""What a fork does: each test forks a real process, and looks at what arrives at a real endpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import scripts
from support.destinations import each_destination
from support.endpoint import HANG, OK, Endpoint, Reply, Request, dimensions, error


def run(name: str, endpoint: Endpoint, *arguments: str) -> None:
    """Run the program to its end."""
    ended = scripts.run(scripts.program(f'forks.{name}'), endpoint.url, *arguments)
    assert ended.returncode == 0, ended.stderr
    assert not [noise for noise in ('Traceback', 'Exception ignored') if noise in ended.stderr], ended.stderr


def increases(endpoint: Endpoint) -> Iterator[tuple[dict[str, str], float]]:
    """What was counted since the last export, with its dimensions: everything that is not nothing."""
    for request in list(endpoint.accepted):
        for datum in request.data:
            if request.namespace == 'Forks' and datum['MetricName'] == 'work' and datum['Value']:
                yield dimensions(datum), datum['Value']


def counted(endpoint: Endpoint) -> dict[str, float]:
    """How much was counted, by who."""
    sums: defaultdict[str, float] = defaultdict(float)
    for labels, increase in increases(endpoint):
        sums[labels['who']] += increase
    return dict(sums)


def pids(endpoint: Endpoint, who: str) -> set[str]:
    """The processes that exported what somebody counted."""
    return {labels['pid'] for labels, _ in increases(endpoint) if labels['who'] == who}


HANGING = ['sending', 'flushing', 'exporting once']
STATES = [*HANGING, 'before any start', 'running', 'starting', 'creating a metric', 'terminated']


@each_destination
@pytest.mark.parametrize('state', STATES)
def test_child_exports_whatever_its_parent_was_doing(state: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """In whatever state a process is forked, its child starts an exporter at once, and exports; so does the parent."""
    hanging = tmp_path / 'hanging'

    def hang_once(_request: Request) -> Reply | str:
        if state in HANGING and not hanging.exists():
            hanging.touch()
            return HANG
        return OK

    endpoint.behave = hang_once
    run('states', endpoint, state, str(hanging))

    assert counted(endpoint) == {'os.fork': 1, 'no hooks': 1, 'parent': 1}
    exporters = [pids(endpoint, who) for who in counted(endpoint)]
    assert len(set.union(*exporters)) == 3


@pytest.mark.parametrize('dimension', ['', 'yes'], ids=['same plan', 'other dimensions'])
def test_exporter_of_its_own_leaves_a_child_what_that_counts(dimension: str, endpoint: Endpoint) -> None:
    """Exporters that programs start themselves, without ``start_if_not_started``, count for themselves too."""
    run('own_exporters', endpoint, dimension)
    assert counted(endpoint) == {'parent': 2, 'os.fork': 1}


def test_child_does_not_export_what_was_hidden_at_the_fork(endpoint: Endpoint) -> None:
    """A level that hides a metric while its process forks, and shows it in the child, makes no count arrive twice."""
    run('hidden', endpoint)
    assert counted(endpoint) == {'parent': 2, 'os.fork': 1}


def test_grandchild_does_not_export_what_a_grandparent_counted(endpoint: Endpoint) -> None:
    """A child that does not export passes on what it knows, so that a daemon that forks twice counts for itself."""
    run('grandchild', endpoint)
    assert counted(endpoint) == {'parent': 2, 'child': 4, 'os.fork': 1}


@each_destination
def test_child_does_not_export_again_what_a_stopped_parent_has(endpoint: Endpoint) -> None:
    """Where the exporter is terminated before the fork, the child goes on from there."""
    run('stopped', endpoint)
    assert counted(endpoint) == {'parent': 2, 'child': 4, 'os.fork': 1}


def test_child_that_exports_once_exports_what_it_counted(endpoint: Endpoint) -> None:
    """A job that its parent forked counts for itself, also where its parent exports all the time."""
    run('export_once', endpoint)
    assert counted(endpoint) == {'parent': 2, 'os.fork': 1}


@each_destination
def test_child_does_not_send_what_its_parent_could_not(endpoint: Endpoint, tmp_path: Path) -> None:
    """What waits for the end of an outage is sent by who counted it, once."""
    recovered = tmp_path / 'recovered'
    endpoint.behave = lambda _request: OK if recovered.exists() else error('InternalFailure', 500)
    run('outage', endpoint, str(recovered))
    assert counted(endpoint) == {'parent': 2, 'os.fork': 1}
    assert not pids(endpoint, 'parent') & pids(endpoint, 'os.fork')


@each_destination
def test_generations_count_for_themselves(endpoint: Endpoint) -> None:
    """A child that exports forks children that export, many in a row, and each count arrives once."""
    run('generations', endpoint)
    assert counted(endpoint) == {'parent': 2, 'child': 4, 'grandchild': 10}
    assert len(pids(endpoint, 'grandchild')) == 10


def test_exporter_that_is_started_in_a_child_has_a_client_of_its_own(endpoint: Endpoint) -> None:
    """No connection is shared between processes; a client that the program has put in its place is left there."""
    run('clients', endpoint)
    assert pids(endpoint, 'child')


def test_child_that_ends_leaves_its_parents_exporter_alone(endpoint: Endpoint) -> None:
    """A child that exits as programs do neither exports nor waits for its parent's exporter, nor says a word."""
    endpoint.behave = lambda _request: HANG
    run('exit_of_a_child', endpoint)


def test_metrics_that_cannot_be_read_break_no_fork(endpoint: Endpoint) -> None:
    """Where the counts at the fork cannot be had, the child goes on from the parent's last export, without a word."""
    run('unreadable', endpoint)
    assert counted(endpoint) == {'parent': 2, 'os.fork': 1}

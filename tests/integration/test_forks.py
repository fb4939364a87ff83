"""What a fork does: each test forks a real process, and looks at what arrives at a real endpoint."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import scripts
from support.destinations import each_destination
from support.endpoint import HANG, OK, Endpoint, Reply, Request, dimensions, error

PRELUDE = (
    f"""
import sys
sys.path.append({str(Path(__file__).parents[1])!r})  # for what supports the tests
"""
    """
import os, signal, threading, time
import aws_satella, boto3
from botocore.config import Config
from satella.instrumentation import metrics as satella_metrics
from satella.instrumentation.metrics import getMetric
from support.forking import FORKS, fork, wait

signal.alarm(60)
work = getMetric('work', 'counter')
work.runtime(0, who='nobody')  # its very first labels take satella two steps, between which it looks unlabelled

def client():
    return boto3.client('cloudwatch', config=Config(read_timeout=1, retries={'total_max_attempts': 1}))

def start(**more):
    settings = dict(interval=3600, temporality='delta', client_factory=client, exit_timeout=20)
    aws_satella.start_if_not_started('Forks', add_pid='pid', **{**settings, **more})

def flush():
    while not aws_satella.flush():  # a request that hangs fails first
        time.sleep(0.01)

def count_and_flush(who):
    work.runtime(1, who=who)
    start()
    flush()

def in_thread(act, *args, **kwargs):
    threading.Thread(target=act, args=args, kwargs=kwargs, daemon=True).start()
"""
)


EXPORTING = """
start()
flush()
work.runtime(2, who='parent')
"""


def run(script: str, endpoint: Endpoint, *arguments: str) -> str:
    """Run the program to its end. What it wrote to its standard output."""
    ended = scripts.run(PRELUDE + script, endpoint.url, *arguments)
    assert ended.returncode == 0, ended.stderr
    assert not [noise for noise in ('Traceback', 'Exception ignored') if noise in ended.stderr], ended.stderr
    return ended.stdout


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


STATES = {
    'before any start': '',
    'running': """
        start()
        flush()
    """,
    'sending': """
        start()
        wait_until_it_hangs()
    """,
    'flushing': """
        start()
        in_thread(aws_satella.flush)
        wait_until_it_hangs()
    """,
    'exporting once': """
        in_thread(aws_satella.export_once, 'Once', client_factory=client)
        wait_until_it_hangs()
    """,
    'starting': """
        making = threading.Event()
        in_thread(start, client_factory=lambda: (making.set(), released.wait(), client())[-1])
        making.wait()
    """,
    'creating a metric': """
        locked = threading.Event()
        def create():
            with satella_metrics.metrics_lock:
                locked.set()
                released.wait()
        in_thread(create)
        locked.wait()
    """,
    'terminated': """
        start()
        aws_satella.effects.process._this_process().exporter.terminate().join()
    """,
}


@each_destination
@pytest.mark.parametrize('state', STATES)
def test_child_exports_whatever_its_parent_was_doing(state: str, endpoint: Endpoint, tmp_path: Path) -> None:
    """In whatever state a process is forked, its child starts an exporter at once, and exports; so does the parent."""
    hanging = tmp_path / 'hanging'

    def hang_once(_request: Request) -> Reply | str:
        if 'hang' in STATES[state] and not hanging.exists():
            hanging.touch()
            return HANG
        return OK

    endpoint.behave = hang_once
    run(
        """
released = threading.Event()

def wait_until_it_hangs():
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)

def enter_state():
    pass
STATE

def child(how):
    began = time.monotonic()
    start()
    assert time.monotonic() - began < 10
    count_and_flush(how)
    assert aws_satella.export_once('Once', client_factory=client).sent

enter_state()
for how in FORKS:
    wait(fork(child, how))
released.set()
count_and_flush('parent')
""".replace('STATE', STATES[state].replace('\n        ', '\n    ')),
        endpoint,
        str(hanging),
    )

    assert counted(endpoint) == {'os.fork': 1, 'no hooks': 1, 'parent': 1}
    exporters = [pids(endpoint, who) for who in counted(endpoint)]
    assert len(set.union(*exporters)) == 3


@each_destination
def test_what_an_exporting_parent_counted_is_not_its_childs(endpoint: Endpoint) -> None:
    """In delta mode the child of an exporting process exports what it counts itself: each count arrives once."""
    run(
        EXPORTING
        + """
wait(fork(count_and_flush))
flush()
""",
        endpoint,
    )

    assert counted(endpoint) == {'parent': 2, 'os.fork': 1}


@pytest.mark.parametrize('plan', ['', "extra_dimensions={'child': 'yes'}"], ids=['same plan', 'other dimensions'])
def test_what_its_parents_own_exporter_counted_is_not_its_childs(plan: str, endpoint: Endpoint) -> None:
    """Exporters that programs start themselves, without ``start_if_not_started``, count for themselves too."""
    run(
        """
def begin(**more):
    settings = dict(interval=3600, temporality='delta', client_factory=client, exit_timeout=20, add_pid='pid')
    exporter = aws_satella.AWSSatellaExporterThread('Forks', **{**settings, **more}).start()
    assert exporter.flush()
    return exporter

def child(how):
    work.runtime(1, who=how)
    begin(PLAN)

exporter = begin()
work.runtime(2, who='parent')
wait(fork(child))
assert exporter.flush()
""".replace('PLAN', plan),
        endpoint,
    )

    assert counted(endpoint) == {'parent': 2, 'os.fork': 1}


def test_what_is_hidden_at_the_fork_is_not_its_childs(endpoint: Endpoint) -> None:
    """A level that hides a metric while its process forks, and shows it in the child, makes no count arrive twice."""
    run(
        EXPORTING
        + """
def child(how):
    work.level = satella_metrics.INHERIT
    count_and_flush(how)

work.level = satella_metrics.DEBUG
wait(fork(child))
work.level = satella_metrics.INHERIT
flush()
""",
        endpoint,
    )

    assert counted(endpoint) == {'parent': 2, 'os.fork': 1}


def test_what_a_parent_counted_that_does_not_export_is_its_childs(endpoint: Endpoint) -> None:
    """Where only the workers export, the first request that one serves counts, and so does what was counted before."""
    run(
        """
assert not aws_satella.flush()
work.runtime(2, who='parent')
work.runtime(1, who='child')
wait(fork(count_and_flush))
""",
        endpoint,
    )

    assert counted(endpoint) == {'parent': 2, 'child': 1, 'os.fork': 1}


def test_what_a_grandparent_counted_is_its_own(endpoint: Endpoint) -> None:
    """A child that does not export passes on what it knows, so that a daemon that forks twice counts for itself."""
    run(
        EXPORTING.replace('start()', 'start(in_forks=False)')
        + """
def child(how):
    work.runtime(4, who='child')
    wait(fork(count_and_flush))

wait(fork(child))
flush()
""",
        endpoint,
    )

    assert counted(endpoint) == {'parent': 2, 'child': 4, 'os.fork': 1}


@each_destination
def test_what_a_parent_exported_before_it_stopped_is_not_exported_again(endpoint: Endpoint) -> None:
    """Where the exporter is terminated before the fork, the child goes on from there."""
    run(
        EXPORTING
        + """
aws_satella.effects.process._this_process().exporter.terminate().join()
work.runtime(4, who='child')
wait(fork(count_and_flush))
""",
        endpoint,
    )

    assert counted(endpoint) == {'parent': 2, 'child': 4, 'os.fork': 1}


@pytest.mark.parametrize('parent', ['start(); flush()', 'export_once(); start = lambda: None; flush = export_once'])
def test_child_that_exports_once_exports_what_it_counted(parent: str, endpoint: Endpoint) -> None:
    """A job that its parent forked counts for itself, whether its parent exports all the time or when asked to."""
    run(
        """
def export_once():
    assert not aws_satella.export_once('Forks', temporality='delta', add_pid='pid', client_factory=client).buffered

def child(how):
    work.runtime(1, who=how)
    export_once()

PARENT
work.runtime(2, who='parent')
wait(fork(child))
flush()
""".replace('PARENT', parent),
        endpoint,
    )

    assert counted(endpoint) == {'parent': 2, 'os.fork': 1}


@each_destination
def test_what_the_parent_could_not_send_is_not_sent_by_its_child(endpoint: Endpoint, tmp_path: Path) -> None:
    """What waits for the end of an outage is sent by who counted it, once."""
    recovered = tmp_path / 'recovered'
    endpoint.behave = lambda _request: OK if recovered.exists() else error('InternalFailure', 500)
    run(
        """
start()
assert not aws_satella.flush()
work.runtime(2, who='parent')
assert not aws_satella.flush()
open(sys.argv[1], 'w').close()
wait(fork(count_and_flush))
flush()
""",
        endpoint,
        str(recovered),
    )

    assert counted(endpoint) == {'parent': 2, 'os.fork': 1}
    assert not pids(endpoint, 'parent') & pids(endpoint, 'os.fork')


@each_destination
def test_each_generation_counts_for_itself(endpoint: Endpoint) -> None:
    """A child that exports forks children that export, many in a row, and each count arrives once."""
    run(
        EXPORTING
        + """
def child(how):
    count_and_flush('child')
    for _ in range(5):
        wait(fork(lambda how: count_and_flush('grandchild')))
    work.runtime(1, who='child')
    flush()

for _ in range(2):
    wait(fork(child))
flush()
""",
        endpoint,
    )

    assert counted(endpoint) == {'parent': 2, 'child': 4, 'grandchild': 10}
    assert len(pids(endpoint, 'grandchild')) == 10


def test_exporter_that_is_started_in_a_child_has_a_client_of_its_own(endpoint: Endpoint) -> None:
    """No connection is shared between processes; a client that the program has put in its place is left there."""
    run(
        """
def exporter(**settings):
    return aws_satella.AWSSatellaExporterThread('Forks', interval=3600, add_pid='pid', **settings)

class Foreign:
    def put_metric_data(self, **kwargs):
        work.runtime(1, who='foreign')

inherited = [exporter(), exporter(client_factory=client), exporter(), exporter(client_factory=client)]
clients = [each.cloudwatch for each in inherited]
inherited[2].cloudwatch = inherited[3].cloudwatch = Foreign()

def child(how):
    work.runtime(1, who='child')
    for each in inherited:
        each.start()
        assert each.flush()
    assert inherited[0].cloudwatch is not clients[0]
    assert inherited[1].cloudwatch is not clients[1]
    assert isinstance(inherited[2].cloudwatch, Foreign)
    assert isinstance(inherited[3].cloudwatch, Foreign)

wait(fork(child))
inherited[0].start()
assert inherited[0].flush()
assert inherited[0].cloudwatch is clients[0]
""",
        endpoint,
    )

    assert pids(endpoint, 'child')


def test_child_that_ends_leaves_its_parents_exporter_alone(endpoint: Endpoint) -> None:
    """A child that exits as programs do neither exports nor waits for its parent's exporter, nor says a word."""
    endpoint.behave = lambda _request: HANG
    run(
        """
start(exit_timeout=30)
while not aws_satella.effects.process._this_process().exporter.stats.buffered:
    time.sleep(0.01)
for how in FORKS:
    began = time.monotonic()
    pid = FORKS[how]()
    if not pid:
        signal.alarm(60)
        sys.exit()
    wait(pid)
    assert time.monotonic() - began < 15
assert aws_satella.effects.process.is_running()
os._exit(0)
""",
        endpoint,
    )


def test_metrics_that_cannot_be_read_break_no_fork(endpoint: Endpoint) -> None:
    """Where the counts at the fork cannot be had, the child goes on from the parent's last export, without a word."""
    run(
        EXPORTING
        + """
flush()

def child(how):
    satella_metrics.metrics = metrics
    count_and_flush(how)

metrics, satella_metrics.metrics = satella_metrics.metrics, None
wait(fork(child))
""",
        endpoint,
    )

    assert counted(endpoint) == {'parent': 2, 'os.fork': 1}

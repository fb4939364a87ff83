"""The program that is measured goes on while its metrics are exported.

Under gevent whoever computes holds up all others, so there it shows who lets them go on: a greenlet counts its turns,
and what is read and sent notes how far it has come.
"""

from __future__ import annotations

import itertools
import json

from support import scripts
from support.endpoint import Endpoint

from aws_satella.effects.pacing import PIECE

SCRIPT = """
from gevent import monkey; monkey.patch_all()
import gevent, json
from satella.instrumentation.metrics import getMetric
from aws_satella import AWSSatellaExporterThread, export_once

turns = 0
read, sent = [], []

def host():
    global turns
    while True:
        turns += 1
        gevent.sleep(0)

class Client:
    def put_metric_data(self, Namespace, MetricData):
        sent.append([turns for _ in MetricData])

for i in range(300):
    getMetric(f'levels.n{i}', 'callable', value_getter=lambda: read.append(turns) or 1)
gevent.spawn(host)

def taken():
    reads = read[:]
    read.clear()
    return reads, sent.pop()

exporter = AWSSatellaExporterThread('Test', interval=3600, max_send_at_once=1000, client_factory=Client)
exporter.start()
assert exporter.flush()
sent.clear(), read.clear()
assert exporter.flush()
regular = taken()
exporter.terminate()
exporter.join()
last = taken()
export_once('Test', max_send_at_once=1000, client_factory=Client)
print(json.dumps([regular, last, taken()]))
"""


def longest_run(turns: list[int]) -> int:
    """The most items that were worked on within one turn of the host."""
    return max(len(list(run)) for _, run in itertools.groupby(turns))


def test_the_host_has_a_turn_every_few_metrics(endpoint: Endpoint) -> None:
    """While the thread reads metrics, and while the client iterates over a request's, the host goes on.

    Not so where somebody waits for the export: at the end, and in export_once.
    """
    ended = scripts.run(SCRIPT, endpoint.url)
    assert ended.returncode == 0, ended.stderr
    regular, last, once = json.loads(ended.stdout)
    for read_or_sent in regular:
        assert len(read_or_sent) == 300
        assert longest_run(read_or_sent) <= PIECE
    for read_or_sent in (*last, *once):
        assert longest_run(read_or_sent) == 300

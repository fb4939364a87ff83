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

SCRIPT = """
from gevent import monkey; monkey.patch_all()
import gevent, json, time
from satella.instrumentation.metrics import getMetric
from aws_satella import AWSSatellaExporterThread, export_once

turns = 0
read, sent = [], 0

def host():
    global turns
    while True:
        turns += 1
        gevent.sleep(0)

def work():
    end = time.monotonic() + 0.0001
    while time.monotonic() < end:
        pass
    return turns

class Client:
    def put_metric_data(self, Namespace, MetricData):
        global sent
        sent += 1

for i in range(300):
    getMetric(f'levels.n{i}', 'callable', value_getter=lambda: read.append(work()) or 1)
gevent.spawn(host)

def taken():
    reads = read[:]
    read.clear()
    return reads

exporter = AWSSatellaExporterThread('Test', interval=3600, max_send_at_once=1000, client_factory=Client)
exporter.start()
while not sent:
    gevent.sleep(0.01)
regular = taken()
assert exporter.flush()
flushed = taken()
exporter.terminate()
exporter.join()
last = taken()
export_once('Test', max_send_at_once=1000, client_factory=Client)
print(json.dumps([regular, flushed, last, taken()]))
"""


def longest_run(turns: list[int]) -> int:
    """The most items that were worked on within one turn of the host."""
    return max(len(list(run)) for _, run in itertools.groupby(turns))


def test_host_has_a_turn_every_few_metrics(endpoint: Endpoint) -> None:
    """While the thread reads metrics, the host goes on.

    Where a caller waits for the export, in a flush, at the end, and in export_once, its turns are fewer.
    """
    ended = scripts.run(SCRIPT, endpoint.url)
    assert ended.returncode == 0, ended.stderr
    regular, *awaited = json.loads(ended.stdout)
    for read in (regular, *awaited):
        assert len(read) == 300
    assert longest_run(regular) <= ITEMS_PER_GLANCE
    for read in awaited:
        assert ITEMS_PER_GLANCE < longest_run(read) < 300

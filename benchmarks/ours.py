"""What only this version can do, or what is not compared with 2.4. Run as a script it is a worker (see `worker.py`)."""

from __future__ import annotations

import gc
import json
import logging
import os
import resource
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import workload
from botocore.config import Config
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Counter as PrometheusCounter
from satella.instrumentation.metrics import getMetric
from worker import order, work

from aws_satella import View
from aws_satella.pure import Arguments, build_payloads, collect, read
from aws_satella.pure.formats import putmetricdata

LEAST_SAMPLES = 50
"""Fewer say nothing about a part that takes a tenth of the time."""

_exporters: dict[str, Any] = {}


def _timed(act: Callable[[], object], repeats: int = 1) -> float:
    before = time.process_time()
    for _ in range(repeats):
        act()
    return (time.process_time() - before) / repeats


# --- collecting


@order
def time_collect(repeats: int = 1) -> float:
    """CPU seconds of reading the whole tree once, each data point being forgotten as the next one comes."""
    return _timed(lambda: _exhaust(collect(getMetric())), repeats)


@order
def time_satella(repeats: int = 1) -> float:
    """CPU seconds of satella's own way to read the same tree."""
    return _timed(lambda: getMetric().to_metric_data(), repeats)


@order
def count_series() -> int:
    """How many series the tree really has."""
    return sum(1 for _ in collect(getMetric()))


def _exhaust(items: Iterable[object]) -> None:
    for _ in items:
        pass


@order
def time_bodies() -> float:
    """CPU seconds from the tree to the bodies of requests of 1,000."""
    return _timed(_make_bodies)


def _make_bodies() -> None:
    plan = Arguments(workload.NAMESPACE).plan
    items = [item for item in plan.encoding(int(time.time())).items(read(getMetric())) if isinstance(item, str)]
    for start in range(0, len(items), 1_000):
        putmetricdata.body(plan.classic_envelope, items[start : start + 1_000])


@order
def time_json() -> float:
    """CPU seconds of ``json.dumps`` of payloads of 1,000 that are made already."""
    payloads = list(build_payloads(getMetric(), workload.NAMESPACE, max_send_at_once=1_000))
    for payload in payloads:
        for datum in payload['MetricData']:
            datum['Timestamp'] = int(time.time())  # type: ignore[typeddict-item]  # as botocore writes it
    return _timed(lambda: [json.dumps(payload) for payload in payloads])


@order
def time_prometheus(series: int) -> float:
    """CPU seconds of ``generate_latest`` of prometheus_client, for as many counters with two labels."""
    if not _registries:
        registry = CollectorRegistry()
        counter = PrometheusCounter('shop_counters', 'As many as the tree has.', ['url', 'label1'], registry=registry)
        for number in range(series):
            counter.labels(f'/shop/article/{number}', 'value-1').inc()
        _registries.append(registry)
    return _timed(lambda: generate_latest(_registries[0]))


_registries: list[Any] = []


# --- exporting


class _Swallower:
    """A client that does nothing: what is left of a cycle is ours."""

    def put_metric_data(self, **_: Any) -> None:
        """Nothing."""


@cache
def _client(*, validation: bool = True) -> Any:
    """A client whose requests end before the socket."""
    config = Config(parameter_validation=validation, retries={'total_max_attempts': 1})
    client = boto3.client('cloudwatch', config=config)
    workload.cut_off(client)
    return client


@order
def time_payloads(max_send_at_once: int) -> tuple[float, float]:
    """CPU seconds of one pass from tree to payloads, and of botocore's sending the very same payloads in between."""
    client = _client()
    making = sending = 0.0
    start = time.process_time()
    for payload in build_payloads(
        getMetric(), workload.NAMESPACE, max_send_at_once=max_send_at_once, timestamp=time.time()
    ):
        made = time.process_time()
        client.put_metric_data(**payload)
        sent = time.process_time()
        making, sending, start = making + made - start, sending + sent - made, sent
    return making + time.process_time() - start, sending


@order
def export(
    name: str,
    *,
    botocore: bool = True,
    validation: bool = True,
    views: Mapping[str, Mapping[str, Any]] | None = None,
    **arguments: Any,
) -> None:
    """Make an exporter, by a name that tells it from the others of the same tree.

    :param botocore: whether a request goes through botocore (up to the socket), or costs nothing
    :param validation: whether botocore validates its parameters
    :param views: patterns to the arguments of views
    """
    if views is not None:
        arguments['views'] = {pattern: View(**each) for pattern, each in views.items()}
    client = _client(validation=validation) if botocore else _Swallower()
    keep(name, workload.exporter(client_factory=lambda: client, **arguments))


def keep(name: str, exporter: Any) -> None:
    """Remember an exporter by its name."""
    _exporters[name] = exporter


def exporter_of(name: str) -> Any:
    """The exporter of that name."""
    return _exporters[name]


@order
def cycle_of(name: str, repeats: int = 1) -> float:
    """CPU seconds of one cycle of that exporter, the mean of so many."""
    return _timed(_exporters[name].loop, repeats)


@order
def cycle_after_recording(name: str) -> float:
    """CPU seconds of one cycle of that exporter, after something was recorded in each series."""
    workload.record()
    return cycle_of(name)


# --- memory


@order
def peak_memory(name: str, *, outage: bool = False, traced: bool = False) -> int:
    """Bytes that a cycle of that exporter needs at its peak beyond the tree.

    :param outage: every request fails, so that the outbox fills up
    :param traced: by Python's own count of what it allocates; otherwise by the system's of what the process occupies
    """
    exporter = _exporters[name]
    if outage:
        logging.disable()  # that all fails is no news
        exporter.cloudwatch.meta.events.register_first('before-send.cloudwatch', _fail)
    gc.collect()
    return _traced_peak(exporter.loop) if traced else _resident_peak(exporter.loop)


def _fail(**_: Any) -> None:
    raise ConnectionError('an outage')


def _resident_peak(act: Callable[[], object]) -> int:
    Path('/proc/self/clear_refs').write_text('5')  # forgets the peak so far: proc(5)
    before = _resident('VmRSS')
    act()
    return max(0, _resident('VmHWM') - before)


def _resident(field: str) -> int:
    lines = Path('/proc/self/status').read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(field)).split()[1])


def _traced_peak(act: Callable[[], object]) -> int:
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    act()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - before


# --- the host


@order
def longest_pause(seconds: float = 0.0, breath: float | None = None, **arguments: Any) -> float:
    """The longest that the main thread, which does nothing but look at the clock, is held up.

    :param seconds: for how long, without an exporter; otherwise as long as a cycle takes in another thread
    :param breath: seconds that the main thread sleeps each time; those are not counted
    :param arguments: of the exporter, which sends to ``AWS_ENDPOINT_URL`` through a real socket
    """
    if seconds:
        end = time.perf_counter() + seconds
        return _watch(lambda: time.perf_counter() < end, breath)
    exporter = workload.exporter(**arguments)
    workload.warm_up(exporter.cloudwatch)
    exporter.start()
    longest = _watch(lambda: not exporter.stats.cycles, breath)
    exporter.terminate(force=True).join()
    assert not exporter.stats.failed_requests, exporter.stats
    return longest


@order
def time_export(**arguments: Any) -> float:
    """Seconds from the start of an exporter to the end of its first cycle, through a real socket."""
    exporter = workload.exporter(**arguments)
    workload.warm_up(exporter.cloudwatch)
    start = time.perf_counter()
    exporter.start()
    while not exporter.stats.cycles:
        time.sleep(0.005)
    took = time.perf_counter() - start
    exporter.terminate(force=True).join()
    assert not exporter.stats.failed_requests, exporter.stats
    return took


def _watch(goes_on: Callable[[], bool], breath: float | None) -> float:
    longest = 0.0
    last = time.perf_counter()
    while goes_on():
        if breath is not None:
            time.sleep(breath)
            last += breath
        now = time.perf_counter()
        longest = max(longest, now - last)
        last = now
    return longest


@order
def garbage_collection() -> float:
    """Seconds that one ``gc.collect()`` of this process takes."""
    start = time.perf_counter()
    gc.collect()
    return time.perf_counter() - start


# --- forks


@order
def start_exporter() -> None:
    """Start an exporter whose children go on by themselves, and wait for its first export."""
    exporter = workload.exporter(client_factory=_Swallower, temporality='delta', interval=3600)
    exporter.start()
    assert exporter.flush(20)


@order
def time_fork(forks: int) -> float:
    """CPU seconds of one fork and of its child, which ends at once; the mean of so many."""
    before = _cpu_with_children()
    for _ in range(forks):
        pid = os.fork()
        if not pid:
            os._exit(0)
        assert not os.waitpid(pid, 0)[1]
    return (_cpu_with_children() - before) / forks


def _cpu_with_children() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


# --- the middleware


@order
def serve() -> None:
    """Set Django up, with the exporter's middleware and an empty one, and have the exporter started."""
    import django
    from django.conf import settings
    from django.http import HttpRequest, HttpResponse

    from aws_satella.contrib.django import AWSSatellaMiddleware

    constructor = {'namespace': workload.NAMESPACE, 'interval': '1h', 'client_factory': _Swallower}
    settings.configure(AWS_SATELLA_MIDDLEWARE_CONSTRUCTOR=constructor)
    django.setup()
    response = HttpResponse()
    for name, middleware in (('empty', _EmptyMiddleware), ('ours', AWSSatellaMiddleware)):
        _middlewares[name] = middleware(lambda _request: response)
    _requests.append(HttpRequest())
    deadline = time.monotonic() + 20
    while not any(thread.name == 'aws-satella-metrics' for thread in threading.enumerate()):
        _middlewares['ours'](_requests[0])
        assert time.monotonic() < deadline, 'the middleware has not started the exporter'
        time.sleep(0.01)


class _EmptyMiddleware:
    """Does what every middleware does."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> Any:
        return self._get_response(request)


_middlewares: dict[str, Any] = {}
_requests: list[Any] = []


@order
def time_request(name: str, calls: int) -> float:
    """CPU seconds of one request through that middleware and a view that does nothing."""
    middleware, request = _middlewares[name], _requests[0]
    before = time.process_time()
    for _ in range(calls):
        middleware(request)
    return (time.process_time() - before) / calls


# --- the profile


@order
def sample(name: str, cycles: int) -> dict[str, float]:
    """The share of the CPU time that each part takes in the cycles of an exporter.

    :param cycles: how many, at least. There are more where these take too little time to tell.
    """
    from profiler import sampling

    with sampling() as counts:
        while cycles > 0 or counts.total() < LEAST_SAMPLES:
            _exporters[name].loop()
            cycles -= 1
    return {part: count / counts.total() for part, count in counts.most_common()}


if __name__ == '__main__':
    work()

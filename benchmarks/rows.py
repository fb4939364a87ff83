"""The rows of the table: for each, what is measured, beside what, and what must hold.

Ours and the control take turns, so that whatever else the machine does meets both. Results compare the least of the
samples; how far they differ from round to round is beside them.
"""

from __future__ import annotations

import atexit
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import host
from benchmarks.lines import Bound, Line, Samples, best, ratio, times_less
from benchmarks.worker import Worker

TREES = {
    'counters': 'labelled counters',
    'unlabelled': 'unlabelled counters',
    'histograms': 'labelled histograms',
    'summaries': 'labelled summaries',
}


@dataclass(frozen=True)
class Bench:
    """Where the two sides live, and how large the workloads are."""

    ours: Path
    """The interpreter of the virtual environment that has this version."""
    theirs: Path
    """That of aws-satella 2.4."""
    before: Path | None = None
    """That of the version before this one, if it is there."""
    tiny: bool = False
    """Only to see that everything works: the numbers mean nothing."""

    def worker(self, script: str = 'ours.py', **environment: str) -> AbstractContextManager[Worker]:
        """A worker of ours, for the time of a block. In a tiny benchmark the starts would take longest, so that all
        blocks have the same one."""
        if self.tiny and script == 'ours.py' and not environment:
            return nullcontext(self._worker_of_all)
        return closing(Worker(self.ours, script, environment))

    @cached_property
    def _worker_of_all(self) -> Worker:
        worker = Worker(self.ours, 'ours.py')
        atexit.register(worker.close)
        return worker

    @contextmanager
    def sides(self) -> Iterator[tuple[Worker, Worker]]:
        """Ours and theirs, with the workload that both run."""
        without_ours = {'PYTHONPATH': ''}
        with (
            closing(Worker(self.ours, 'workload.py')) as ours,
            closing(Worker(self.theirs, 'workload.py', without_ours)) as theirs,
        ):
            yield ours, theirs

    def series(self, number: int) -> int:
        return max(40, number // 500) if self.tiny else number

    def rounds(self, number: int) -> int:
        return 1 if self.tiny else number

    def repeats(self, series: int) -> int:
        """How often a cycle is repeated for one sample, so that none is too short to be measured."""
        return 1 if self.tiny else max(1, 8_000 // series)


def alternate(rounds: int, *measures: Callable[[], Any]) -> list[list[Any]]:
    """The samples of each measure, taken in turns."""
    samples: list[list[Any]] = [[] for _ in measures]
    for _ in range(rounds):
        for measure, its_samples in zip(measures, samples, strict=True):
            its_samples.append(measure())
    return samples


# --- 1: collect


def collect(bench: Bench) -> Iterator[Line]:
    """Collect alone: against satella's own way, and flat however large the tree."""
    theirs_at_4000: Samples = ()
    for number, rounds in ((1_000, 5), (4_000, 2)):
        mine, theirs_at_4000 = _collect_and_satella(bench, bench.series(number), bench.rounds(rounds))
        yield times_less(1, f'collect {number:,} labelled counters', mine, 'to_metric_data()', theirs_at_4000)
    with bench.worker() as worker:
        series = bench.series(16_000)
        worker('grow', kind='counters', series=series)
        [mine] = alternate(bench.rounds(2), lambda: worker('time_collect'))
    scaled = [16 * sample for sample in theirs_at_4000]
    beside = 'to_metric_data(), scaled: 16 times that of 4,000, since it is quadratic'
    yield times_less(1, 'collect 16,000 labelled counters', mine, beside, scaled)
    for kind in TREES:
        yield _flat(bench, kind)


def _collect_and_satella(bench: Bench, series: int, rounds: int) -> tuple[Samples, Samples]:
    with bench.worker() as worker:
        worker('grow', kind='counters', series=series)
        mine, theirs = alternate(
            rounds,
            lambda: worker('time_collect', repeats=5 * bench.repeats(series)),
            lambda: worker('time_satella'),
        )
    return mine, theirs


def _flat(bench: Bench, kind: str) -> Line:
    with bench.worker() as few, bench.worker() as many:
        for worker, number in ((few, 1_000), (many, 100_000)):
            worker('grow', kind=kind, series=bench.series(number))

        def per_series(worker: Worker, repeats: int) -> Callable[[], float]:
            series = worker('count_series')
            return lambda: worker('time_collect', repeats=repeats) / series

        of_few, of_many = alternate(bench.rounds(5), per_series(few, bench.rounds(20)), per_series(many, 1))
    what = f'collect 100,000 {TREES[kind]}, a series'
    return ratio(1, what, of_many, 'a series of 1,000', of_few, Bound('≤', 1.5))


# --- 2: tree to payloads


def payloads(bench: Bench) -> Iterator[Line]:
    """From the tree to payloads, against what botocore then spends on them; and to the bodies of an exporter."""
    bound = Bound('≤', 0.3)
    for kind in TREES:
        # A summary sorts its window for its quantiles, and botocore has little to do for a datum without dimensions.
        yield _payloads(bench, kind, 2_000, 1_000, bound if kind in ('counters', 'histograms') else None)
    yield _payloads(bench, 'counters', 2_000, 1_000, bound, labels=4)
    yield _payloads(bench, 'counters', 100_000, 1_000, None)  # with some garbage collections of the whole tree
    yield _payloads(bench, 'counters', 2_000, 20, None)
    yield _bodies(bench)


def _payloads(bench: Bench, kind: str, number: int, at_once: int, bound: Bound | None, labels: int = 1) -> Line:
    with bench.worker() as worker:
        worker('grow', kind=kind, series=bench.series(number), labels=labels)
        # Many short rounds, not few long ones: the less a sample takes, the likelier is one that nothing disturbed.
        rounds = bench.rounds(max(3, 40_000 // number))
        [pairs] = alternate(rounds, lambda: worker('time_payloads', max_send_at_once=at_once))
    mine, botocore = zip(*pairs, strict=True)
    labelled = f' with {labels} labels' if labels > 1 else ''
    what = f'{number:,} {TREES[kind]}{labelled} to payloads of {at_once:,}'
    return ratio(2, what, mine, 'botocore, same payloads', botocore, bound)


def _bodies(bench: Bench) -> Line:
    with bench.worker() as few, bench.worker() as many:
        for worker, number in ((few, 1_000), (many, 100_000)):
            worker('grow', kind='counters', series=bench.series(number))

        def per_series(worker: Worker) -> Callable[[], float]:
            series = worker('count_series')
            return lambda: worker('time_bodies') / series

        of_few, of_many = alternate(bench.rounds(15), per_series(few), per_series(many))
    what = 'tree to bodies, 100,000 labelled counters, a series'
    return ratio(2, what, of_many, 'a series of 1,000', of_few, Bound('≤', 1.3))


# --- 3: a whole cycle


def cycles(bench: Bench) -> Iterator[Line]:
    """A whole cycle, the transport cut off at the socket: against other ways to write as much, and against 2.4's."""
    yield from _cycle_and_text(bench)
    _check_that_both_send_the_same(bench)
    for number, rounds, least, least_at_1000 in ((1_000, 5, 8, 10), (4_000, 1, 30, 35), (8_000, 1, 60, 80)):
        yield from _cycles(bench, number, bench.rounds(rounds), {None: least, 1_000: least_at_1000})


def _cycle_and_text(bench: Bench) -> Iterator[Line]:
    series = bench.series(20_000)
    with bench.worker() as worker:
        worker('grow', kind='counters', series=series, labels=2)
        worker('export', name='it', max_send_at_once=1_000)
        mine, dumped, prometheus = alternate(
            bench.rounds(9),
            lambda: worker('cycle_of', name='it'),
            lambda: worker('time_json'),
            lambda: worker('time_prometheus', series=series),
        )
    what = 'a cycle of 20,000 counters with two labels, 1,000 a request'
    yield ratio(3, what, mine, 'json.dumps of the same payloads', dumped, Bound('≤', 1.8))
    yield ratio(3, what, mine, "prometheus_client's generate_latest", prometheus, Bound('≤', 0.35))


def _cycles(bench: Bench, number: int, rounds: int, bounds: dict[int | None, int]) -> Iterator[Line]:
    series = bench.series(number)
    with bench.sides() as (ours, theirs):
        for worker in (ours, theirs):
            worker('grow', kind='counters', series=series)
        for at_once, least in bounds.items():
            for worker in (ours, theirs):
                worker('export_to_nowhere', **({'max_send_at_once': at_once} if at_once else {}))
            mine, its, mine_again = alternate(
                rounds,
                lambda: ours('cycle', repeats=bench.repeats(series)),
                lambda: theirs('cycle'),
                lambda: ours('cycle', repeats=bench.repeats(series)),
            )
            arguments = f'{at_once:,} a request' if at_once else 'default arguments'
            what = f'a cycle of {number:,} labelled counters, {arguments}'
            bound = Bound('≥', least, f'≥ {least}x')
            yield times_less(3, what, [*mine, *mine_again], '2.4', [*its, *its], bound)


def _check_that_both_send_the_same(bench: Bench) -> None:
    sent = []
    with bench.sides() as sides:
        for worker in sides:
            for kind in TREES:
                worker('grow', kind=kind, series=100)
            worker('export_to_nowhere')
            sent.append({(name, *sorted(map(tuple, dims.items())), value) for name, dims, value in worker('sent')})
    if sent[0] != sent[1]:
        raise AssertionError(f'The two sides send different data: {sent[0] ^ sent[1]}')


# --- 4: memory


def memory(bench: Bench) -> Iterator[Line]:
    """What a cycle needs beside the tree."""
    most = Bound('≤', 64e6, '≤ 64 MB')
    thousand: dict[str, Any] = {'max_send_at_once': 1_000}
    yield _memory(bench, 'a cycle of 100,000, default arguments', 100_000, most, {})
    yield _memory(bench, 'a cycle of 100,000, 1,000 a request', 100_000, most, thousand)
    yield _memory(bench, 'a cycle of 100,000, delta', 100_000, most, {**thousand, 'temporality': 'delta'})
    what = 'a cycle of 100,000 unlabelled, 1,000 a request'
    yield _memory(bench, what, 100_000, most, thousand, kind='unlabelled')
    full = Bound('≤', 8e6, '≤ 8 MB')
    yield _memory(bench, 'an outage that fills the outbox (20,000)', 20_000, full, {}, outage=True)
    yield _memory(bench, "the same, by Python's own count", 20_000, full, {}, outage=True, traced=True)


def _memory(
    bench: Bench,
    what: str,
    number: int,
    bound: Bound,
    arguments: dict[str, Any],
    *,
    kind: str = 'counters',
    outage: bool = False,
    traced: bool = False,
    row: int = 4,
) -> Line:
    peaks = []
    for series in (number, 1_000):
        with bench.worker() as worker:
            worker('grow', kind=kind, series=bench.series(series))
            worker('export', name='it', **arguments)
            peaks.append(worker('peak_memory', name='it', outage=outage, traced=traced))
    peak, peak_of_few = peaks
    text = f'{peak / 1e6:.1f} MB'
    return Line(row, what, [peak], 'the same of 1,000 series', [peak_of_few], peak, text, bound, unit='bytes')


# --- 5: the host


def the_host(bench: Bench) -> Iterator[Line]:
    """What the program around notices."""
    yield _pause(bench, '1,000 a request', 5, {'max_send_at_once': 1_000})
    # Each request gives up the lock of the interpreter some times, and gets it back from a busy thread after 5 ms, so
    # that 1,000 requests take half a minute.
    yield _pause(bench, 'default arguments', 1, {})
    yield _hub(bench)
    yield from _site(bench)


def _pause(bench: Bench, what: str, rounds: int, arguments: dict[str, Any]) -> Line:
    with host.sink() as url, bench.worker(AWS_ENDPOINT_URL=url) as worker:
        worker('grow', kind='counters', series=bench.series(20_000))
        pauses, without, collections = alternate(
            bench.rounds(rounds),
            lambda: worker('longest_pause', **arguments),
            lambda: worker('longest_pause', seconds=0.1 if bench.tiny else 1.0),
            lambda: worker('garbage_collection'),
        )
    collection = median(collections)
    limit = max(0.015 + median(without), collection)
    bound = Bound('≤', limit, f'≤ 15 ms more, or {1e3 * collection:.0f} ms')
    return _longest(f'longest pause, 20,000 series, {what}', pauses, without, bound)


def _hub(bench: Bench) -> Line:
    with host.sink() as url, bench.worker('hub.py', AWS_ENDPOINT_URL=url) as worker:
        worker('grow', kind='counters', series=bench.series(20_000))
        pauses, without = alternate(
            bench.rounds(3),
            lambda: worker('longest_pause', breath=0.001),
            lambda: worker('longest_pause', breath=0.001, seconds=0.1 if bench.tiny else 1.0),
        )
    what = "longest pause of gevent's hub, 20,000 series, default arguments"
    return _longest(what, pauses, without, Bound('≤', 0.1, '≤ 100 ms'))


def _longest(what: str, pauses: Samples, without: Samples, bound: Bound) -> Line:
    result = median(pauses)
    return Line(5, what, pauses, 'without exporter', without, result, f'{1e3 * result:.1f} ms', bound)


def _site(bench: Bench) -> Iterator[Line]:
    slices, seconds = (1, 1.0) if bench.tiny else (3, 10.0)
    latencies = host.latencies(bench.ours, bench.series(5_000), slices, seconds)
    for percent in (50, 99):
        without = [host.percentile(sample, percent) for sample in latencies[None]]
        for at_once in (20, 1_000):
            samples = [host.percentile(sample, percent) for sample in latencies[at_once]]
            what = f'gunicorn gthread, p{percent} of a request, 5,000 series every 10 s, {at_once:,} a request'
            result = median(samples) / median(without)
            yield Line(5, what, samples, 'without exporter', without, result, f'{result:.2f}')


# --- 6: delta


def delta(bench: Bench) -> Iterator[Line]:
    """Delta mode against cumulative, from the tree to payloads, something having been recorded in each series."""
    for kind, bound in (('counters', Bound('≤', 1.5)), ('histograms', Bound('<', 1.0)), ('summaries', None)):
        with bench.worker() as worker:
            worker('grow', kind=kind, series=bench.series(2_000))
            for temporality in ('cumulative', 'delta'):
                worker('export', name=temporality, botocore=False, temporality=temporality, max_send_at_once=1_000)
                worker('cycle_of', name=temporality)  # the first one has nothing to compare with
            mine, control = alternate(
                bench.rounds(30),
                lambda: worker('cycle_after_recording', name='delta'),
                lambda: worker('cycle_after_recording', name='cumulative'),
            )
        yield ratio(6, f'delta, 2,000 {TREES[kind]} to payloads', mine, 'cumulative', control, bound)


# --- 7: the import


def imports(bench: Bench) -> Iterator[Line]:
    """`import aws_satella`, against what it cannot do without."""
    [pairs] = alternate(bench.rounds(25), lambda: _import(bench.ours))
    mine, control = zip(*pairs, strict=True)
    yield ratio(7, 'import aws_satella', mine, 'import boto3 and satella', control, Bound('≤', 1.1))


IMPORTS = """
import time
start = time.process_time()
import boto3
import satella.instrumentation.metrics
without = time.process_time() - start
import aws_satella
print(time.process_time() - start, without)
"""


def _import(python: Path) -> tuple[float, float]:
    """CPU seconds with aws_satella and without it, in one process: two differ by more than what is to be measured."""
    # Isolated: what is installed, and not what lies in this folder.
    said = subprocess.run([python, '-I', '-c', IMPORTS], check=True, capture_output=True, text=True).stdout
    whole, without = map(float, said.split())
    return whole, without


# --- 8: the middleware


def middleware(bench: Bench) -> Iterator[Line]:
    """A request through the middleware, the exporter having been started, beside one through an empty middleware."""
    with bench.worker() as worker:
        worker('serve')
        calls = bench.series(50_000)
        mine, control = alternate(
            bench.rounds(15),
            lambda: worker('time_request', name='ours', calls=calls),
            lambda: worker('time_request', name='empty', calls=calls),
        )
    more = best(mine) - best(control)
    bound = Bound('<', 1e-6, '< 1 µs more')
    text = f'+{1e6 * more:.2f} µs'
    yield Line(8, 'a request through the middleware', mine, 'an empty middleware', control, more, text, bound)


# --- 9: forks


def forks(bench: Bench) -> Iterator[Line]:
    """A fork of a process that exports, whose child goes on by itself, beside one of a process that does not."""
    for number in (1_000, 8_000):
        yield _fork(bench, number)


def _fork(bench: Bench, number: int) -> Line:
    children = 2 if bench.tiny else 20
    with bench.worker() as exporting, bench.worker() as silent:
        for worker in (exporting, silent):
            worker('grow', kind='counters', series=bench.series(number))
        exporting('start_exporter')
        mine, control = alternate(
            bench.rounds(15),
            lambda: exporting('time_fork', forks=children),
            lambda: silent('time_fork', forks=children),
        )
    more = best(mine) - best(control)
    what = f'a fork, and a child that ends at once, {number:,} labelled counters'
    return Line(9, what, mine, 'without exporter', control, more, f'+{1e3 * more:.2f} ms')


# --- 10: OTLP


def otlp(bench: Bench) -> Iterator[Line]:
    """OTLP: the time and the bytes of the OpenTelemetry SDK for the same points, and what a cycle needs in memory."""
    for temporality in ('delta', 'cumulative'):
        yield from _otlp_and_sdk(bench, temporality)
    most = Bound('≤', 64e6, '≤ 64 MB')
    full = Bound('≤', 8e6, '≤ 8 MB')
    to: dict[str, Any] = {'destination': 'otlp', 'temporality': 'delta'}
    yield _memory(bench, 'OTLP, a cycle of 100,000, delta', 100_000, most, to, row=10)
    yield _memory(bench, 'OTLP, a cycle of 100,000, cumulative', 100_000, most, {'destination': 'otlp'}, row=10)
    yield _memory(bench, 'OTLP, an outage that fills the outbox (20,000)', 20_000, full, to, outage=True, row=10)
    yield _memory(bench, "the same, by Python's own count", 20_000, full, to, outage=True, traced=True, row=10)


def _otlp_and_sdk(bench: Bench, temporality: str) -> Iterator[Line]:
    series = bench.series(20_000)
    with bench.worker('otlp.py') as worker:
        worker('grow', kind='counters', series=series, labels=2)
        worker('grow_sdk', series=series, temporality=temporality)
        worker('export', name='it', destination='otlp', temporality=temporality)
        mine, theirs = worker('bytes_of_both_sides', name='it')
        _, bodies, cycle, sdk = alternate(
            bench.rounds(9),
            lambda: worker('record_on_both_sides'),
            lambda: worker('time_otlp_bodies'),
            lambda: worker('cycle_of', name='it'),
            lambda: worker('time_sdk'),
        )
    what = f'20,000 counters with two labels, {temporality}'
    beside = 'OpenTelemetry SDK, collect and encode'
    yield ratio(10, f'OTLP, tree to bodies of 1,000, {what}', bodies, beside, sdk, Bound('≤', 0.35))
    yield ratio(10, f'OTLP, a cycle of {what}', cycle, beside, sdk, Bound('≤', 0.6))
    in_one = ratio(10, f'OTLP, one body of {what}', [mine], 'OpenTelemetry SDK', [theirs], Bound('≤', 1.0))
    yield replace(in_one, unit='bytes')


# --- 11: a spool


def spooling(bench: Bench) -> Iterator[Line]:
    """A spool: what it costs while CloudWatch answers, in an outage, and afterwards."""
    with host.sink(REPLY_SECONDS) as url, bench.worker('spooling.py', AWS_ENDPOINT_URL=url) as worker:
        series = bench.series(2_000)
        worker('grow', kind='counters', series=series - 1)  # and the one without labels that satella keeps of them
        for name, spools in (('with', True), ('without', False)):
            worker('export_spooling', name=name, spools=spools, max_send_at_once=1_000)

        def pair(order: str, rounds: int, **more: Any) -> list[list[float]]:
            return alternate(bench.rounds(rounds), *(partial(worker, order, name=name, **more) for name in NAMES))

        repeats = bench.repeats(series)
        healthy, failing = pair('cycle_of', 25, repeats=repeats), pair('failing_cycles', 9, cycles=10)
        delivering = pair('time_delivery', 5, cycles=10)
    what = '2,000 labelled counters, 1,000 a request'
    yield ratio(11, f'a healthy cycle with a spool, {what}', healthy[0], 'without', healthy[1], Bound('≤', 1.02))
    yield ratio(11, f'a cycle that fails, with a spool, {what}', failing[0], 'without', failing[1], Bound('≤', 1.1))
    beside = 'from memory'
    what = f'delivering 20,000 data out of a spool, replies after {1e3 * REPLY_SECONDS:g} ms'
    yield ratio(11, what, delivering[0], beside, delivering[1], Bound('≤', 1.5))


NAMES = 'with', 'without'

REPLY_SECONDS = 0.005
"""Few endpoints answer faster, be they in the same region."""


# --- 12: views


VIEWS: dict[str, dict[str, Any]] = {
    'nothing': {'views': {'other.*': {'keep': []}}},
    'drop': {'views': {'*': {'drop': ['label1']}}},
    'rollup': {'views': {'*': {'rollups': [['label1']]}}},
    'route': {'views': {'*': {'keep': ['label1']}}},
    'bound': {'max_series': 500},
}
"""Arguments of exporters, those of a view as JSON has them."""


def views(bench: Bench) -> Iterator[Line]:
    """A cycle with views against one without, the transport cut off at the socket."""
    series = bench.series(20_000)
    with bench.worker() as worker:
        worker('grow', kind='counters', series=series, labels=2)
        worker('export', name='plain', max_send_at_once=1_000)
        for name, arguments in VIEWS.items():
            worker('export', name=name, max_send_at_once=1_000, **arguments)
        measures = [partial(worker, 'cycle_of', name=name) for name in ('plain', *VIEWS)]
        plain, *viewed = alternate(bench.rounds(15), *measures)
    bounds = Bound('≤', 1.05), Bound('≤', 1.6), None, None, None
    what = (
        'views that fit no metric',
        'a view that drops a label, and leaves all series',
        'a view with a roll-up beside all series',
        'a view that leaves one series',
        'max_series=500',
    )
    for each, samples, bound in zip(what, viewed, bounds, strict=True):
        yield ratio(12, f'a cycle of 20,000 counters with two labels, {each}', samples, 'without views', plain, bound)
    most = Bound('≤', 64e6, '≤ 64 MB')
    yield _memory(bench, 'a cycle of 100,000, a view that leaves all series', 100_000, most, VIEWS['drop'], row=12)


ROWS: dict[int, Callable[[Bench], Iterator[Line]]] = {
    1: collect,
    2: payloads,
    3: cycles,
    4: memory,
    5: the_host,
    6: delta,
    7: imports,
    8: middleware,
    9: forks,
    10: otlp,
    11: spooling,
    12: views,
}


# --- below the table


def shares(bench: Bench) -> dict[str, dict[str, float]]:
    """Where the time of a cycle goes: data a request → part → share."""
    with bench.worker() as worker:
        worker('grow', kind='counters', series=bench.series(8_000))
        found = {}
        for at_once in (20, 1_000):
            worker('export', name=str(at_once), max_send_at_once=at_once)
            found[f'{at_once:,} a request'] = worker('sample', name=str(at_once), cycles=8)
    return found


OPTIONS: dict[str, dict[str, Any]] = {
    'default arguments': {},
    'parameter_validation=False': {'validation': False},
    'max_send_at_once=1000': {'max_send_at_once': 1_000},
    'both': {'validation': False, 'max_send_at_once': 1_000},
}


def options(bench: Bench) -> dict[str, Samples]:
    """What a user can do about it: arguments → CPU seconds of a cycle of 8,000 labelled counters."""
    with bench.worker() as worker:
        worker('grow', kind='counters', series=bench.series(8_000))
        for name, arguments in OPTIONS.items():
            worker('export', name=name, **arguments)
        measures = [partial(worker, 'cycle_of', name=name) for name in OPTIONS]
        samples = alternate(bench.rounds(5), *measures)
    return dict(zip(OPTIONS, samples, strict=True))

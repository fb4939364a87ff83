"""What is measured at many sizes, for the plots of the manual: `python -m pictures plots` draws it.

The table (`rows.py`) compares two numbers in a line. A curve shows how a cost grows, so its samples are fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks import host
from benchmarks.rows import Bench
from benchmarks.worker import Worker

Curve = Sequence[tuple[int, float]]
"""Series → seconds."""

SERIES = (300, 1_000, 3_000, 10_000, 30_000, 100_000)

SERIES_OF_2_4 = (250, 500, 1_000, 2_000, 4_000)
"""A cycle of 2.4 takes time that is quadratic in them: 36 s with 8,000."""

REPLY_SECONDS = 0.02
"""How long a reply of CloudWatch takes in the plot of the duration of an export, as from a host in the same region."""


def curves(bench: Bench) -> dict[str, dict[str, Curve]]:
    """Plot → name of the curve → its points."""
    return {'cpu': _cpu(bench), 'seconds': _seconds(bench)}


def _cpu(bench: Bench) -> dict[str, Curve]:
    """CPU seconds of a cycle of labelled counters, by version and by data a request."""
    found: dict[str, Curve] = {}
    for version, python in _versions(bench).items():
        for at_once in (None, 1_000):
            name = version if at_once is None else f'{version}, {at_once:,} a request'
            sizes = SERIES_OF_2_4 if version == '2.4' else SERIES
            if version != '2.4' or at_once is None:  # 2.4 spends its time elsewhere
                found[name] = [(series, _cycle(bench, python, series, at_once)) for series in _sizes(bench, sizes)]
    return found


def _sizes(bench: Bench, sizes: Sequence[int]) -> Sequence[int]:
    """All of them; two where the numbers mean nothing."""
    return [bench.series(series) for series in (sizes[:: len(sizes) - 1] if bench.tiny else sizes)]


def _versions(bench: Bench) -> Mapping[str, Path]:
    before = {'3.0.0': bench.before} if bench.before is not None else {}
    return {'2.4': bench.theirs, **before, 'this version': bench.ours}


def _cycle(bench: Bench, python: Path, series: int, at_once: int | None) -> float:
    with closing(Worker(python, 'workload.py', {} if python == bench.ours else {'PYTHONPATH': ''})) as worker:
        worker('grow', kind='counters', series=series)
        worker('export_to_nowhere', **({'max_send_at_once': at_once} if at_once else {}))
        samples = [worker('cycle', repeats=bench.repeats(series)) for _ in range(bench.rounds(3 if at_once else 2))]
    return float(min(samples))


def _seconds(bench: Bench) -> dict[str, Curve]:
    """Seconds that an export takes, its thread resting between slices of work, with an interval of a minute."""
    found: dict[str, Curve] = {}
    for name, arguments in (('20 a request', {}), ('1,000 a request', {'max_send_at_once': 1_000})):
        points = []
        for series in _sizes(bench, SERIES):
            with host.sink(REPLY_SECONDS) as url, bench.worker(AWS_ENDPOINT_URL=url) as worker:
                worker('grow', kind='counters', series=series)
                points.append((series, float(worker('time_export', interval=60, **arguments))))
        found[name] = points
    return found

"""The benchmark measures what it says: both sides send the same data, each row runs, and a broken bound is reported."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # behind what is installed, so that only the benchmark is found there

from benchmarks import __main__ as command
from benchmarks import report
from benchmarks.host import percentile
from benchmarks.lines import Bound, Line, quartiles, ratio, summary, times_less
from benchmarks.rows import ROWS, TREES
from benchmarks.worker import Worker, WorkerError

REAL_2_4 = ROOT / '.venv-2.4' / 'bin' / 'python'
"""What `make bench` leaves; where it was never run, only the stand-in is tested."""

STAND_IN = ROOT / 'tests' / 'support' / 'exporter_2_4.py'


def stand_in(folder: Path, left_out: int = 0) -> Path:
    """An interpreter whose aws_satella is the stand-in for 2.4, which may leave out some series."""
    (folder / 'aws_satella.py').symlink_to(STAND_IN)
    python = folder / 'python'
    python.write_text(f'#!/bin/sh\nLEFT_OUT={left_out} PYTHONPATH={folder} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return python


def run(theirs: Path, output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The benchmark, as a person runs it, at a size that only shows that it works."""
    return subprocess.run(
        [sys.executable, '-m', 'benchmarks', '--tiny', '--theirs', theirs, '--output', output, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def sent(python: str | Path, kind: str, labels: int) -> list[Any]:
    """What one side sends of a tree: names, dimensions, values."""
    with closing(Worker(python, 'workload.py')) as worker:
        worker('grow', kind=kind, series=60, labels=labels)
        worker('export_to_nowhere', max_send_at_once=7, extra_dimensions={'stage': 'bench'})
        return [(name, sorted(dimensions.items()), value) for name, dimensions, value in worker('sent')]


@pytest.fixture(params=['stand-in', '2.4'])
def theirs(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The other side."""
    if request.param == '2.4' and not REAL_2_4.exists():
        pytest.skip('`make bench` was not run here')
    return stand_in(tmp_path) if request.param == 'stand-in' else REAL_2_4


@pytest.mark.parametrize('kind', TREES)
def test_sides_send_the_same_data(theirs: Path, kind: str) -> None:
    """With the same tree, ours and theirs send the same names, dimensions and values, each series once."""
    mine, its = sent(sys.executable, kind, labels=2), sent(theirs, kind, labels=2)
    assert sorted(mine) == sorted(its)
    assert len(mine) >= 60
    assert all(['stage', 'bench'] in map(list, dimensions) for _, dimensions, _ in mine)


def test_benchmark_stops_where_the_sides_differ(tmp_path: Path) -> None:
    """The benchmark compares nothing with a side that sends other data: it ends with an error that shows them."""
    done = run(stand_in(tmp_path, left_out=1), tmp_path / 'results.json', '--rows', '3')
    assert done.returncode == 1
    assert 'The two sides send different data: {(' in done.stderr
    assert not (tmp_path / 'results.json').exists()


def test_row_of_otlp_compares_the_same_points() -> None:
    """Where the OpenTelemetry SDK has other points than ours, nothing is compared with it; an error shows them."""
    with closing(Worker(sys.executable, 'otlp.py')) as worker:
        worker('grow', kind='counters', series=10, labels=2)
        worker('export', name='it', destination='otlp')
        worker('grow_sdk', series=10, temporality='cumulative')
        mine, theirs = worker('bytes_of_both_sides', name='it')
        assert mine == theirs
        worker('grow_sdk', series=9, temporality='cumulative')
        with pytest.raises(WorkerError, match=r"The two sides send different points: {.*'/shop/article/9'"):
            worker('bytes_of_both_sides', name='it')


@pytest.mark.parametrize('row', ROWS)
def test_row_runs(row: int, tmp_path: Path) -> None:
    """A row gives lines with samples of ours, samples beside them, and a finite result; they are shown and written."""
    output = tmp_path / 'results.json'
    done = run(stand_in(tmp_path), output, '--rows', str(row))
    assert done.returncode == 0, done.stderr
    lines = json.loads(output.read_text())['lines']
    assert lines
    for line in lines:
        assert line['row'] == row
        assert line['what'].split()[0] in done.stdout
        assert line['beside']
        assert all(sample >= 0 for samples in (line['ours'], line['control']) for sample in samples)
        assert line['ours']
        assert line['control']
        assert math.isfinite(line['result'])


def test_benchmark_measures_what_is_below_the_table(tmp_path: Path) -> None:
    """The parts of a cycle's time add up to the whole, options are measured, and so are the curves of the plots."""
    output = tmp_path / 'results.json'
    done = run(stand_in(tmp_path), output, '--rows')
    assert done.returncode == 0, done.stderr
    results = json.loads(output.read_text())
    for parts in results['shares'].values():
        assert sum(parts.values()) == pytest.approx(1)
        assert {part for part in parts if part.startswith('botocore')}
    assert len(results['options']) == 4
    assert all(sample > 0 for samples in results['options'].values() for sample in samples)
    assert 'parameter_validation=False' in done.stdout
    for plot in ('cpu', 'seconds'):
        curves = results['curves'][plot]
        assert len(curves) > 1
        assert all(seconds > 0 for points in curves.values() for _, seconds in points)
    assert '| parameter_validation=False |' in report.markdown(results)


@pytest.mark.parametrize(('limit', 'status', 'says'), [(1.0, 1, 'BROKEN'), (3.0, 0, 'holds')])
def test_broken_bound_is_reported(
    limit: float,
    status: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The benchmark ends with 1, and names the line, where a result is not as it must be; otherwise with 0."""
    line = ratio(1, 'work', [4.0, 5.0], 'nothing', [2.0, 1.9], Bound('≤', limit))
    monkeypatch.setattr(command, 'ROWS', {1: lambda _bench: [line]})
    output = tmp_path / 'results.json'
    monkeypatch.setattr(sys, 'argv', ['', '--theirs', sys.executable, '--rows', '1', '--output', str(output)])
    assert command.main() == status
    shown = capsys.readouterr().out
    assert says in shown
    assert ('Does not hold: row 1, work: 2.11, must be ≤ 1' in shown) == bool(status)
    assert ('≤ 1: broken' in report.markdown(json.loads(output.read_text()))) == bool(status)


def test_results_compare_the_least_samples() -> None:
    """A ratio is of the least samples, whatever happened in single rounds, the results of which are kept, too."""
    more = ratio(1, '', [3.0, 9.0], '', [6.0, 1.0])
    less = times_less(1, '', [3.0, 9.0], '', [6.0, 1.0])
    assert (more.result, more.rounds) == (3.0, [0.5, 9.0])
    assert (less.result, less.rounds) == (1 / 3, [2.0, 1 / 9])


@pytest.mark.parametrize(
    ('relation', 'held', 'broken'), [('≤', [1.0, 2.0], [2.1]), ('<', [1.0], [2.0]), ('≥', [2.0, 3.0], [1.9])]
)
def test_bounds(relation: str, held: list[float], broken: list[float]) -> None:
    """A bound holds on its side of the limit, and nowhere else; NaN is never as it must be."""
    bound = Bound(relation, 2.0)
    assert all(map(bound.holds, held))
    assert not any(map(bound.holds, [*broken, math.nan]))


def test_samples_read_well() -> None:
    """Samples are shown as least, median and greatest, in a unit that suits them; results as their quartiles."""
    assert summary([0.003, 0.001, 0.0021], 'seconds') == '1 / 2.1 / 3 ms'
    assert summary([2.5e6], 'bytes') == '2.5 MB'
    assert quartiles([1.0, 2.0, 3.0, 4.0, 900.0]) == '2 to 4'
    assert quartiles([2.0, 1.0]) == '1 to 2'
    assert quartiles([2.0]) == '2'
    assert Line(1, '', [], '', [], 0.0, '').holds


def test_percentiles() -> None:
    """A percentile is the least number that so many percent do not exceed."""
    hundred = [float(number) for number in range(100, 0, -1)]
    assert [percentile(hundred, percent) for percent in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7.0], 99) == 7.0


def test_worker_says_what_went_wrong() -> None:
    """An order that fails, and a worker that is gone, raise what is known about it; a failed order ends no worker."""
    with closing(Worker(sys.executable, 'workload.py')) as worker:
        with pytest.raises(WorkerError, match='KeyError'):
            worker('grow', kind='nonsense', series=1)
        assert worker('grow', kind='counters', series=1) is None
    with (
        closing(Worker(sys.executable, 'nonsense.py')) as worker,
        pytest.raises(WorkerError, match='has ended with status 2'),
    ):
        worker('grow', kind='counters', series=1)

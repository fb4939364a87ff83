"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks import report
from benchmarks.curves import curves
from benchmarks.lines import Line
from benchmarks.rows import ROWS, Bench, options, shares

RESULTS = Path(__file__).with_name('results.json')


VERSIONS = """
import json, platform
from importlib.metadata import version
print(json.dumps({'Python': platform.python_version(), **{name: version(name) for name in ('satella', 'botocore')}}))
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description='What the exporter costs.')
    parser.add_argument('--ours', type=Path, default=Path(sys.executable), help='a Python that has this version')
    parser.add_argument('--theirs', type=Path, required=True, help='a Python that has aws-satella 2.4')
    parser.add_argument('--before', type=Path, help='a Python that has the version before this one; only in the plots')
    parser.add_argument(
        '--rows', type=int, nargs='*', choices=[*ROWS], help='only these; with no number, only what is below the table'
    )
    parser.add_argument('--no-curves', action='store_true', help='measure nothing for the plots')
    parser.add_argument('--tiny', action='store_true', help='only see that everything works: no number means anything')
    parser.add_argument('--output', type=Path, default=RESULTS, help='where the results go')
    return parser.parse_args()


def main() -> int:
    """Measure, show and write everything. 1 where something that must hold does not."""
    chosen = arguments()
    before = chosen.before if chosen.before is not None and _has_the_package(chosen.before) else None
    bench = Bench(chosen.ours, chosen.theirs, before, chosen.tiny)
    console = Console(width=None if sys.stdout.isatty() else 140)
    started = time.monotonic()
    lines: list[Line] = []
    for row in ROWS if chosen.rows is None else chosen.rows:
        with console.status(f'Row {row} of {max(ROWS)}: {ROWS[row].__doc__}'):
            lines += ROWS[row](bench)
    with console.status('Below the table'):
        below = (options(bench), shares(bench)) if not chosen.rows else ({}, {})
    plotted = {}
    if not chosen.rows and not chosen.no_curves:
        with console.status('The curves of the plots'):
            plotted = curves(bench)
    about = {**_about(bench), 'took': f'{time.monotonic() - started:.0f} s'}
    _write(chosen.output, about, lines, *below, plotted)
    report.show(console, about, lines, *below)
    return 0 if chosen.tiny or all(line.holds for line in lines) else 1


def _write(
    output: Path, about: dict[str, str], lines: list[Line], options: object, shares: object, plotted: object
) -> None:
    results = {
        'about': about,
        'lines': [asdict(line) for line in lines],
        'options': options,
        'shares': shares,
        'curves': plotted,
    }
    output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + '\n')


def _has_the_package(python: Path) -> bool:
    """Whether there is an aws-satella: the source of the version before this one may not have been at hand."""
    return not subprocess.run([python, '-I', '-c', 'import aws_satella'], check=False, capture_output=True).returncode


def _about(bench: Bench) -> dict[str, str]:
    """What the results depend on."""
    said = subprocess.run([bench.ours, '-c', VERSIONS], check=True, capture_output=True, text=True)
    return {**json.loads(said.stdout), 'cores': str(os.cpu_count()), 'load': f'{os.getloadavg()[0]:.1f}'}


if __name__ == '__main__':
    sys.exit(main())

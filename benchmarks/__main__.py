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
from benchmarks.lines import Line
from benchmarks.rows import ROWS, Bench, options, shares

HERE = Path(__file__).parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description='What the exporter costs.')
    parser.add_argument('--ours', type=Path, default=Path(sys.executable), help='a Python that has this version')
    parser.add_argument('--theirs', type=Path, required=True, help='a Python that has aws-satella 2.4')
    parser.add_argument('--rows', type=int, nargs='*', choices=[*ROWS], default=[*ROWS], help='only these rows')
    parser.add_argument('--tiny', action='store_true', help='only see that all works: no number means anything')
    parser.add_argument('--output', type=Path, default=HERE / 'results.json', help='where the results go')
    return parser.parse_args()


def main() -> int:
    chosen = arguments()
    bench = Bench(chosen.ours, chosen.theirs, chosen.tiny)
    console = Console(width=None if sys.stdout.isatty() else 140)
    started = time.monotonic()
    lines: list[Line] = []
    for row in chosen.rows:
        with console.status(f'Row {row} of {max(ROWS)}: {ROWS[row].__doc__}'):
            lines += ROWS[row](bench)
    with console.status('Below the table'):
        parts, effects = shares(bench), options(bench)
    about = {**_about(bench), 'seconds': f'{time.monotonic() - started:.0f} s'}
    results = {
        'about': about,
        'lines': [{**asdict(line), 'holds': line.holds} for line in lines],
        'shares': parts,
        'options': effects,
    }
    chosen.output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + '\n')
    report.show(console, lines, parts, effects, about)
    return 0 if chosen.tiny or all(line.holds for line in lines) else 1


def _about(bench: Bench) -> dict[str, str]:
    """What the results depend on."""
    versions = [f'{name} {_of_ours(bench, VERSION.format(name))}' for name in ('satella', 'boto3', 'botocore')]
    return {
        'python': 'Python ' + _of_ours(bench, 'import platform; print(platform.python_version())'),
        'versions': ', '.join(versions),
        'machine': f'{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}',
    }


VERSION = 'from importlib.metadata import version; print(version({!r}))'


def _of_ours(bench: Bench, script: str) -> str:
    return subprocess.run([bench.ours, '-c', script], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == '__main__':
    sys.exit(main())

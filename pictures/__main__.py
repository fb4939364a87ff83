"""The command line of the pictures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pictures.drawings import DRAWINGS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / 'docs' / 'pictures'
RESULTS = ROOT / 'benchmarks' / 'results.json'


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m pictures', description='Draw the pictures of the manual.')
    parser.add_argument('--plots', action='store_true', help='only what the benchmark has measured')
    parser.add_argument('--results', type=Path, default=RESULTS, help='what it has measured')
    parser.add_argument('--output', type=Path, default=FOLDER, help='where the pictures go')
    return parser.parse_args()


def main() -> int:
    """Draw what there are numbers for. The plots need a run of `make bench`, and stay as they are without one."""
    chosen = arguments()
    if not chosen.plots:
        for name, draw in DRAWINGS.items():
            (chosen.output / f'{name}.svg').write_text(draw())
    if chosen.results.exists():
        plot(json.loads(chosen.results.read_text()), chosen.output)
    else:
        print('No plots: `make bench` has not been run here.')
    return 0


def plot(results: dict[str, object], output: Path) -> None:
    """Draw each plot whose numbers are among the results: a run of single rows has not all of them."""
    from pictures.plots import PLOTS  # matplotlib takes a second

    for name, draw in PLOTS.items():
        try:
            figure = draw(results)
        except (KeyError, IndexError):
            print(f'No plot {name}: it was not measured.')
        else:
            figure.savefig(output / f'{name}.svg', metadata={'Date': None})


if __name__ == '__main__':
    sys.exit(main())

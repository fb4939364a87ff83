"""The command line of the demo; `story.py` is what it does."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m demo', description='A Django site that exports to CloudWatch.')
    parser.add_argument('--seconds', type=float, default=12.0, help='for how long the site is visited (default: 12)')
    parser.add_argument(
        '--temporality',
        choices=['delta', 'cumulative'],
        default='delta',
        help='how the site exports what it counts (default: delta)',
    )
    parser.add_argument('--picture', type=Path, metavar='FILE', help='also write the table of durations as SVG')
    return parser.parse_args()


def main() -> int:
    chosen = options()
    # The import takes seconds, most of them moto's, and nothing has been started yet: there Ctrl-C may just end us.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from demo.story import run

    return run(chosen.seconds, chosen.temporality, chosen.picture)


if __name__ == '__main__':
    sys.exit(main())

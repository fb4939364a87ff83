"""What the benchmark has measured, as plots: from the values of `benchmarks/results.json` to figures of matplotlib.

What may live here: axes, scales and legends. What may not: measuring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pictures.svg import BLUE, GREEN, ORANGE, RED

mpl.rcParams.update(
    {
        'svg.hashsalt': 'aws-satella',  # the same figures give the same file
        'svg.fonttype': 'none',
        'font.family': 'sans-serif',
        'font.size': 11,
        'axes.spines.top': False,
        'axes.spines.right': False,
        'axes.grid': True,
        'grid.alpha': 0.3,
        'figure.facecolor': 'white',  # on a dark page too
    }
)

Results = Mapping[str, Any]

COLORS: Final = {'2.4': RED, '3.0.0': ORANGE, 'this version': BLUE}

INTERVAL_SECONDS: Final = 60


def _axes(width: float = 7.2, height: float = 3.8) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout='constrained')
    return figure, figure.add_subplot()


def cpu(results: Results) -> Figure:
    """CPU time of an export over the number of series, for each version."""
    figure, axes = _axes(height=4.4)
    for name, points in results['curves']['cpu'].items():
        version, _, rest = name.partition(', ')
        look = '--' if rest else '-'
        label = name if rest else f'{name}, 20 a request'
        axes.plot(*zip(*points, strict=True), look, marker='o', markersize=4, color=COLORS[version], label=label)
    axes.set(xscale='log', yscale='log', xlabel='series', ylabel='CPU seconds of an export', ylim=(None, 300))
    axes.legend(frameon=False, fontsize=9, loc='upper left', bbox_to_anchor=(0.0, 1.0))
    return figure


def parts(results: Results) -> Figure:
    """Where the CPU time of an export goes, by data a request."""
    shares: Mapping[str, Mapping[str, float]] = results['shares']
    names = list(dict.fromkeys(part for of_one in shares.values() for part in of_one))
    names.sort(key=lambda name: (name != 'aws-satella', name))
    figure, axes = _axes(height=3.0)
    colors = [BLUE, *(mpl.colormaps['Oranges'](0.25 + 0.6 * number / len(names)) for number in range(len(names)))]
    left = [0.0] * len(shares)
    for name, color in zip(names, colors, strict=False):
        widths = [100 * of_one.get(name, 0.0) for of_one in shares.values()]
        axes.barh(list(shares), widths, left=left, color=color, label=name, height=0.6)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set(xlabel='percent of the CPU time of an export of 8,000 labelled counters', xlim=(0, 100))
    axes.grid(visible=False)
    axes.invert_yaxis()
    axes.legend(frameon=False, ncols=3, fontsize=9, loc='lower center', bbox_to_anchor=(0.5, 1.0))
    return figure


def latency(results: Results) -> Figure:
    """The 99th percentile of requests to a site, with an exporter and without one; each slice of time is a dot."""
    rows = [line for line in results['lines'] if 'p99 of a request' in line['what']]
    samples: dict[str, Sequence[float]] = {'without exporter': rows[0]['control']}
    samples |= {f'exporting, {row["what"].rsplit(", ", 1)[1]}': row['ours'] for row in rows}
    figure, axes = _axes(height=2.6)
    for number, (of_one, color) in enumerate(zip(samples.values(), (GREEN, ORANGE, BLUE), strict=True)):
        axes.barh(number, 1e3 * median(of_one), color=color, height=0.6)
        axes.plot([1e3 * sample for sample in of_one], [number] * len(of_one), 'k.', alpha=0.6)
    axes.set_yticks(range(len(samples)), list(samples))
    axes.set(xlabel='p99 of requests, milliseconds')
    axes.grid(visible=False, axis='y')
    axes.invert_yaxis()
    return figure


def seconds(results: Results) -> Figure:
    """How long an export takes over the number of series, beside the interval."""
    figure, axes = _axes()
    for (name, points), color in zip(results['curves']['seconds'].items(), (ORANGE, BLUE), strict=True):
        axes.plot(*zip(*points, strict=True), marker='o', markersize=4, color=color, label=name)
    axes.axhline(INTERVAL_SECONDS, color=RED, linestyle='--', label='interval: 60 s')
    axes.set(xscale='log', yscale='log', xlabel='series', ylabel='seconds of an export')
    axes.legend(frameon=False)
    return figure


PLOTS: Final[dict[str, Callable[[Results], Figure]]] = {
    'bench-cpu': cpu,
    'bench-parts': parts,
    'bench-latency': latency,
    'bench-seconds': seconds,
}
"""Name of the file, without its ending → what draws it."""

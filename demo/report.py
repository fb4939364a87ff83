"""What a person wants to see: which workers exported, and what CloudWatch now knows. From values to tables, no I/O."""

from __future__ import annotations

import io
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo.series import Dimensions, Point, Series

WORKER = 'pid'  # the dimension that tells workers apart
REQUESTS = 'django.status_codes'  # the metric that counts every request once
DURATIONS = 'django.summary'  # the metric of how long each request took
ROWS = 8  # at most, for one metric: a cumulative histogram has 15 for each URL
BARS = '▁▂▃▄▅▆▇█'
WIDTH = 16  # of a sparkline, in characters
READING = {
    'delta': 'What happened since the export before. A summary sends the durations themselves, a histogram estimates '
    'that lie in its buckets: p50 and p99 are those of all that arrived.',
    'cumulative': 'Running counts, once for every export: their sums and percentiles mean little, their maxima are '
    'what has been counted. Compare --temporality delta.',
}


@dataclass(frozen=True)
class Row:
    """Series that differ in their worker only, taken together as CloudWatch would had they no such dimension."""

    labels: Dimensions
    unit: str
    points: tuple[Point, ...]
    values: tuple[float, ...]

    @property
    def samples(self) -> float:
        return sum(point.samples for point in self.points)

    @property
    def total(self) -> float:
        return sum(point.total for point in self.points)

    def statistics(self) -> list[float]:
        """Sum, average, minimum, maximum, p50 and p99."""
        low = min(point.low for point in self.points)
        high = max(point.high for point in self.points)
        percentiles = [percentile(self.values, percent) for percent in (50, 99)]
        return [self.total, self.total / self.samples, low, high, *percentiles]


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The lowest value that at least `percent` of all values do not exceed."""
    return ascending[max(math.ceil(len(ascending) * percent / 100) - 1, 0)]


def worker_of(series: Series) -> str:
    return dict(series.dimensions).get(WORKER, '')


def requests_known(series: Iterable[Series], worker: str, temporality: str) -> float:
    """How many requests of a worker arrived: the sum of all increases, or the highest that a running count came to."""
    counts = [each.points for each in series if each.name == REQUESTS and worker_of(each) == worker]
    if temporality == 'delta':
        return sum(point.total for points in counts for point in points)
    return sum(max(point.high for point in points) for points in counts if points)


def shortfalls(answered: Counter[str], series: Sequence[Series], temporality: str) -> list[str]:
    """What the workers did that CloudWatch does not know of: the demo has succeeded when there is nothing."""
    arrived = set(map(worker_of, series))
    found = []
    for worker, requests in sorted(answered.items()):
        known = requests_known(series, worker, temporality)
        if worker not in arrived:
            found.append(f'Worker {worker} answered {requests} requests, but none of its metrics arrived.')
        elif known < requests:
            found.append(f'Worker {worker} answered {requests} requests, but CloudWatch counts {known:.0f}.')
    return found


def workers_table(answered: Counter[str], series: Sequence[Series], temporality: str) -> Table:
    """Who exported, how much of it, and whether CloudWatch counts as many requests as the visitors do."""
    table = titled('Workers')
    table.add_column('Worker')
    for heading in ('Requests answered', 'Requests in CloudWatch', 'Metrics', 'Samples', 'Seconds with data'):
        table.add_column(heading, justify='right')
    for worker in sorted({*answered, *map(worker_of, series)}):
        mine = [each for each in series if worker_of(each) == worker]
        points = [point for each in mine for point in each.points]
        known = requests_known(mine, worker, temporality)
        samples = sum(point.samples for point in points)
        seconds = len({point.second for point in points})
        table.add_row(f'pid {worker}', *map(plain, (answered[worker], known, len(mine), samples, seconds)))
    return table


def metrics_table(series: Sequence[Series], temporality: str) -> Table:
    """The busiest rows of each metric."""
    table = titled(f'Metrics ({temporality}), all workers together')
    table.caption = READING[temporality]
    table.add_column('Metric and dimensions', overflow='fold')
    for heading in ('Samples', 'Sum', 'Average', 'Min', 'Max', 'p50', 'p99'):
        table.add_column(heading, justify='right', no_wrap=True)
    table.add_column('Over time', no_wrap=True, min_width=WIDTH)
    seconds = {point.second for each in series for point in each.points}
    for name, rows in by_metric(series).items():
        table.add_row(Text.assemble((name, 'bold'), ' ', (scale(rows[0].unit)[1], 'dim')))
        for row in rows[:ROWS]:
            table.add_row(*cells(row), trend(row, min(seconds), max(seconds)))
        if rows[ROWS:]:
            table.add_row(Text(f'  and {len(rows) - ROWS} more', 'dim'))
        table.add_section()
    return table


def picture_of_durations(series: Iterable[Series], temporality: str) -> str:
    """The rows of the durations, by route, as SVG."""
    table = metrics_table([each for each in series if each.name == DURATIONS], temporality)
    table.title = table.caption = None
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True, color_system='truecolor')
    console.print(table)
    picture = console.export_svg(title='What CloudWatch knows: how long requests took, by route', unique_id='demo')
    return re.sub(r'@font-face {.*?}\s*', '', picture, flags=re.DOTALL)  # a picture in a page loads no fonts


def titled(title: str) -> Table:
    return Table(
        title=title,
        title_style='bold',
        title_justify='left',
        caption_justify='left',
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def by_metric(series: Iterable[Series]) -> dict[str, list[Row]]:
    """Metric by metric the rows, busiest first."""
    alike: dict[tuple[str, Dimensions], list[Series]] = defaultdict(list)
    for each in series:
        if each.points:
            alike[each.name, tuple(pair for pair in each.dimensions if pair[0] != WORKER)].append(each)
    metrics: dict[str, list[Row]] = defaultdict(list)
    for (name, labels), members in alike.items():
        metrics[name].append(together(labels, members))
    return {
        name: sorted(rows, key=lambda row: (-row.samples, -row.total, row.labels)) for name, rows in metrics.items()
    }


def together(labels: Dimensions, members: Sequence[Series]) -> Row:
    points = chain.from_iterable(each.points for each in members)
    values = chain.from_iterable(each.values for each in members)
    return Row(labels, members[0].unit, tuple(points), tuple(sorted(values)))


def cells(row: Row) -> list[str | Text]:
    factor, _ = scale(row.unit)
    labels = ' '.join(f'{key}={value}' for key, value in row.labels) or '(no dimensions)'
    numbers = [plain(number * factor) for number in row.statistics()]
    return [Text(f'  {labels}'), plain(row.samples), *numbers]


def scale(unit: str) -> tuple[float, str]:
    """What to multiply a value of the unit by for people to read, and what to call it then."""
    return (1000.0, 'in milliseconds') if unit == 'Seconds' else (1.0, '')


def plain(number: float) -> str:
    """Three digits are what a person takes in; whole numbers, which were counted, keep all of theirs."""
    if number == int(number) or abs(number) >= 100:
        return f'{number:,.0f}'
    return f'{number:.1f}' if abs(number) >= 10 else f'{number:.2f}'


def trend(row: Row, first: int, last: int) -> str:
    """A sparkline over all the seconds of the demo: of the sum, where the metric counts, else of the average."""
    step = math.ceil((last - first + 1) / WIDTH)
    bins: dict[int, list[Point]] = defaultdict(list)
    for point in row.points:
        bins[(point.second - first) // step].append(point)
    return sparkline([level(bins[number], row.unit) for number in range((last - first) // step + 1)])


def level(points: Sequence[Point], unit: str) -> float | None:
    total = sum(point.total for point in points)
    samples = sum(point.samples for point in points)
    if not samples:
        return None
    return total if unit == 'Count' else total / samples


def sparkline(levels: Sequence[float | None]) -> str:
    """One character a level, from zero up to the highest; a gap where there is none."""
    top = max((level for level in levels if level is not None), default=0.0)
    return ''.join(' ' if level is None else bar(level / top if top > 0 else 0.0) for level in levels)


def bar(part: float) -> str:
    return BARS[round(max(part, 0.0) * (len(BARS) - 1))]

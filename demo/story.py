"""What happens in the demo, in order."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from demo import NAMESPACE
from demo.cloud import Cloud, embedded_cloudwatch
from demo.report import metrics_table, picture_of_durations, shortfalls, workers_table
from demo.series import Series
from demo.server import STOPPED_BY, WORKERS, Server, SiteError, serving
from demo.traffic import Answer, visitors

PATIENCE = 20.0  # seconds until all workers must have answered
TICK = 0.2  # seconds between two looks at how things are going


def run(seconds: float, temporality: str, picture: Path | None = None) -> int:
    """Runs the demo and returns its exit status: 0 if all that was counted has arrived, 130 if it was interrupted.

    :param picture: the file for the table of durations as SVG
    """
    for number in STOPPED_BY:
        signal.signal(number, signal.default_int_handler)
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    try:
        return demonstrate(console, seconds, temporality, picture)
    except SiteError as failure:
        console.print(f'The site failed: {failure}', style='red', markup=False)
        return 1
    except KeyboardInterrupt:
        console.print('Interrupted; everything has been stopped.')
        return 130


def demonstrate(console: Console, seconds: float, temporality: str, picture: Path | None) -> int:
    with progress_bar(console) as progress, embedded_cloudwatch() as cloud:
        answers = visit_the_site(progress, cloud, seconds, temporality)
        series = read_back(progress, cloud)
    answered = Counter(answer.worker for answer in answers)
    console.print(workers_table(answered, series, temporality))
    console.print(metrics_table(series, temporality))
    if picture is not None:
        picture.write_text(picture_of_durations(series, temporality))
    missing = shortfalls(answered, series, temporality)
    for line in missing:
        console.print(line, style='red')
    if not missing:
        console.print(f'All metrics of {len(answered)} workers arrived, down to the last request.', style='green')
    return 1 if missing else 0


def progress_bar(console: Console) -> Progress:
    """Without a terminal it prints its final state only, which suits a log."""
    return Progress(TextColumn('{task.description}'), BarColumn(), TimeElapsedColumn(), console=console)


def visit_the_site(progress: Progress, cloud: Cloud, seconds: float, temporality: str) -> list[Answer]:
    """Serves the site, has it visited, ends it gracefully: when this returns, the last interval has been exported."""
    starting = progress.add_task('Starting gunicorn', total=None)
    with serving(DEMO_TEMPORALITY=temporality) as server, visitors(server.port) as answers:
        workers = await_workers(server, answers)
        progress.update(starting, total=1, completed=1)
        names = ' and '.join(sorted(workers))
        progress.console.print(f'gunicorn {server.process.pid} serves the site with workers {names}.')
        visiting = progress.add_task('Visiting the site', total=seconds)
        for elapsed in ticks(seconds):
            server.check()
            progress.update(visiting, completed=elapsed, description=visited(cloud, answers))
    progress.update(visiting, completed=seconds, description=visited(cloud, answers))  # with the last interval
    return answers


def visited(cloud: Cloud, answers: list[Answer]) -> str:
    return f'Visiting the site: {len(answers)} requests, {cloud.arrived()} values in CloudWatch'


def await_workers(server: Server, answers: list[Answer]) -> set[str]:
    """Waits until every worker has answered, since one that never gets a request has nothing to export."""
    for _ in ticks(PATIENCE):
        server.check()
        workers = {answer.worker for answer in answers}
        if len(workers) >= WORKERS:
            return workers
    raise SiteError(f'only {len(workers)} of {WORKERS} workers answered within {PATIENCE:.0f} seconds')


def read_back(progress: Progress, cloud: Cloud) -> list[Series]:
    reading = progress.add_task('Reading from CloudWatch', total=1)
    return cloud.read(NAMESPACE, lambda part: progress.update(reading, completed=part))


def ticks(seconds: float) -> Iterator[float]:
    """Yields the seconds elapsed, now and then, until they are over."""
    start = time.monotonic()
    while (elapsed := time.monotonic() - start) < seconds:
        yield elapsed
        time.sleep(min(TICK, seconds - elapsed))
    yield seconds

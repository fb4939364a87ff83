"""What arrives of the applications that servers run, which are in ``tests/programs/``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from support.endpoint import Endpoint, dimensions
from support.sites import Server, serve
from support.waiting import wait_for

CELERY_WORKER = [
    *('celery', '--app', 'programs.celery_tasks', 'worker', '--pool', 'prefork', '--concurrency', '2'),
    *('--without-gossip', '--without-mingle', '--without-heartbeat'),
]


def counted(endpoint: Endpoint, where: str = 'page') -> Counter[str]:
    """How much of it each process exported, where that is not nothing."""
    sums: Counter[str] = Counter()
    for datum in endpoint.named('hits'):
        labels = dimensions(datum)
        if labels.get('where') == where:
            sums[labels['pid']] += round(datum['Value'])
    return +sums


def run_celery(url: str, folder: Path, **more: str) -> tuple[Server, Counter[str]]:
    """Run a Celery worker until it has done its tasks; and how many each of its processes has done.

    :param more: further variables of its environment
    """

    def done() -> list[str]:
        return [text for text in map(Path.read_text, folder.glob('*.done')) if text]

    more = {'C_FORCE_ROOT': '1', 'FOLDER': str(folder), **more}
    with serve(CELERY_WORKER, url, folder / 'log', **more) as server:
        wait_for(lambda: server.process.poll() is not None or len(done()) == 4, 'the end of the tasks', 60)
        server.stop()
    return server, Counter(done())

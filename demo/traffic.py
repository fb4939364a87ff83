"""The site's visitors: a few threads that ask for pages, and remember who answered what."""

from __future__ import annotations

import http.client
import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import NamedTuple

VISITORS = 4
PAUSE = 0.12  # seconds, at most, that a visitor looks at a page
PAGES = {'/': 5, '/search': 4, '/product/{number}': 6, '/checkout': 2, '/wp-login.php': 1}


class Answer(NamedTuple):
    """A response that arrived."""

    worker: str
    status: int


@contextmanager
def visitors(port: int) -> Iterator[list[Answer]]:
    """Lets the visitors in, yields the list that their answers are appended to, and waits until all have left."""
    answers: list[Answer] = []
    closing = Event()
    threads = [Thread(target=visit, args=(port, answers, closing), daemon=True) for _ in range(VISITORS)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        closing.set()
        for thread in threads:
            thread.join()


def visit(port: int, answers: list[Answer], closing: Event) -> None:
    """Asks for pages until closing time. No answer is no news: whether gunicorn is alive is for others to find out."""
    while not closing.wait(random.uniform(0, PAUSE)):
        try:
            answers.append(ask(port, random_path()))
        except (OSError, http.client.HTTPException):
            pass


def ask(port: int, path: str) -> Answer:
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
    try:
        connection.request('GET', path)
        response = connection.getresponse()
        response.read()
        return Answer(response.headers['X-Worker'], response.status)
    finally:
        connection.close()


def random_path() -> str:
    [page] = random.choices(list(PAGES), weights=list(PAGES.values()))
    return page.format(number=random.randint(1, 100))

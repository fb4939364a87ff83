"""Waiting for conditions, with a deadline, instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar('T')


def wait_for(condition: Callable[..., T], what: str = 'the condition', timeout: float = 20.0) -> T:
    """The first true value of the condition.

    :raises AssertionError: it did not become true in time
    """
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f'{what} did not come true within {timeout} s'
        time.sleep(0.01)
    return value

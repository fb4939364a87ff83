"""When to export, and when to try again.

What may live here: arithmetic on seconds. What may not: clocks and chance, which come in as arguments.
"""

from __future__ import annotations

import math
from typing import Final

MAX_BACKOFF_SECONDS: Final = 60.0
"""The longest wait before the next attempt after a failed one, if the next cycle does not come first."""


def phase(first: float, interval: float, fraction: float) -> float:
    """When the second cycle is due: a random part of the interval after the first.

    Processes that start together export together only once; the random phase then spreads them.

    :param first: when the first cycle began, seconds
    :param interval: seconds between cycles
    :param fraction: a random number from [0, 1)
    """
    return first + fraction * interval


def next_slot(now: float, slot: float, interval: float) -> float:
    """The first slot after now; slots that were missed are skipped.

    :param now: seconds
    :param slot: any slot of the schedule, seconds
    :param interval: seconds between slots
    """
    following = slot + interval * (math.floor((now - slot) / interval) + 1)
    return following if following > now else following + interval  # rounding may give now itself


def backoff(failures: int, fraction: float) -> float:
    """Seconds to wait after so many failed requests in a row: a random part of 2ⁿ⁻¹, at most a minute.

    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/

    :param failures: at least 1
    :param fraction: a random number from [0, 1)
    """
    return fraction * min(MAX_BACKOFF_SECONDS, 2.0 ** min(failures - 1, 6))


def outlasts(elapsed: float, requests: int, left: float, seconds: float) -> bool:
    """Whether an export that goes on as it has begun takes longer than there is time for.

    :param elapsed: seconds since its first request
    :param requests: how many requests it has made
    :param left: how many requests are left to make
    :param seconds: the time that there is for it
    """
    return requests > 0 and elapsed + left * elapsed / requests > seconds

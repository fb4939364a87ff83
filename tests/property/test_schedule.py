"""When to export: slots, phases, back-off and haste, and a fleet of exporters."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aws_satella.pure.schedule import backoff, next_slot, outlasts, phase

moments = st.floats(0, 1e9)
intervals = st.one_of(st.floats(0.01, 1e5), st.sampled_from((0.1, 1.0, 60.0, 300.0)))
fractions = st.floats(0, 1, exclude_max=True)


@given(moments, moments, intervals)
@example(now=0.3, slot=0.0, interval=0.1)
@example(now=0.1 * 3, slot=0.0, interval=0.1)
@example(now=5.0, slot=5.0, interval=5.0)
@example(now=4.0, slot=100.0, interval=5.0)
@example(now=3e8, slot=1e9, interval=0.01)
def test_next_slot(now: float, slot: float, interval: float) -> None:
    """The next slot lies after now and on the grid, and no slot lies between."""
    following = next_slot(now, slot, interval)
    steps = (following - slot) / interval
    rounding = 4e-7 + 1e-9 * interval  # of seconds as large as these
    assert following > now
    assert abs(steps - round(steps)) * interval <= rounding + 1e-6 * interval
    assert following - interval <= now + rounding


@given(st.lists(st.floats(0.001, 400), min_size=1, max_size=50), intervals)
def test_slots_go_on_whatever_a_cycle_takes(durations: list[float], interval: float) -> None:
    """Each cycle is due after the one before began. Slots that were missed are skipped."""
    now, slot = 1000.0, 1000.0
    for duration in durations:
        following = next_slot(now, slot, interval)
        assert following > now
        assert following - now <= interval * (1 + 1e-9) + 1e-9
        now, slot = following + duration, following


@given(moments, intervals, fractions)
def test_phase(first: float, interval: float, fraction: float) -> None:
    """The second cycle is due within one interval of the first."""
    due = phase(first, interval, fraction)
    assert first <= due <= first + interval


@given(st.integers(1, 10**6), fractions)
def test_backoff(failures: int, fraction: float) -> None:
    """The wait is a random part of 2ⁿ⁻¹ seconds, at most a minute, however many failures there were."""
    wait = backoff(failures, fraction)
    assert 0 <= wait <= 60
    assert wait == pytest.approx(fraction * min(60.0, 2.0 ** min(failures - 1, 100)))


@given(fractions)
def test_backoff_grows_to_its_bound(fraction: float) -> None:
    """Each failure doubles the longest wait, up to a minute."""
    waits = [backoff(failures, fraction) for failures in range(1, 10)]
    assert waits == [fraction * most for most in (1, 2, 4, 8, 16, 32, 60, 60, 60)]


spans = st.floats(0, 1e6)


@given(elapsed=spans, requests=st.integers(0, 10**6), left=st.floats(0, 1e6), seconds=spans)
def test_export_that_outlasts_its_time(elapsed: float, requests: int, left: float, seconds: float) -> None:
    """An export outlasts its time if its requests so far, and those that are left at the same pace, take more seconds
    than there are. Before the first request there is no pace to judge by."""
    pace = elapsed / requests if requests else 0.0
    total = pace * (requests + left)
    if total == pytest.approx(seconds, abs=1e-9):
        return  # rounding decides
    assert outlasts(elapsed, requests, left, seconds) == (total > seconds)


def test_bound_of_an_export_belongs_to_its_time() -> None:
    """An export that takes exactly as long as there is time does not outlast it."""
    assert not outlasts(10.0, 5, 0.0, 10.0)
    assert not outlasts(10.0, 5, 5.0, 20.0)
    assert outlasts(math.nextafter(10.0, 11.0), 5, 0.0, 10.0)
    assert outlasts(10.0, 5, 5.5, 20.0)
    assert not outlasts(1e6, 0, 1e6, 0.0)


@given(spans, st.integers(1, 10**4), st.floats(0, 1e4), spans, st.floats(0, 1e3))
def test_export_is_never_shorter_with_more_work(
    elapsed: float, requests: int, left: float, seconds: float, more: float
) -> None:
    """What outlasts its time also does so with more requests left, or with less time."""
    if outlasts(elapsed, requests, left, seconds):
        assert outlasts(elapsed, requests, left + more, seconds)
        assert outlasts(elapsed, requests, left, seconds - more)


HOSTS, WORKERS, INTERVAL, CYCLES = 1_000, 8, 300.0, 4


def _busiest_second(shift: Callable[[float, float, float], float]) -> int:
    """A fleet that is started within one second: the most cycles in any second after the first interval."""
    chance = random.Random(20_260_101)
    seconds: Counter[int] = Counter()
    for _ in range(HOSTS * WORKERS):
        first = chance.random()
        slot = shift(first, INTERVAL, chance.random())
        while slot < first + INTERVAL * CYCLES:
            seconds[int(slot)] += 1
            # A cycle takes its time, and its slot stays where it is.
            slot = next_slot(slot + chance.random(), slot, INTERVAL)
    return max(count for second, count in seconds.items() if second > INTERVAL)


MEAN = HOSTS * WORKERS / INTERVAL


def test_fleet_that_starts_together_does_not_send_together() -> None:
    """After the first interval no second sees more than three times the mean rate."""
    assert _busiest_second(phase) <= 3 * MEAN


def test_fleet_without_its_phase_would_send_together() -> None:
    """The same fleet without the shift sends everything in one second."""
    assert _busiest_second(lambda first, interval, _: first + interval) > 3 * MEAN

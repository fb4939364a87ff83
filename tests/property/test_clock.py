"""The clock for waiting: whatever happens to ``time.monotonic``, it goes on, and waits end."""

from __future__ import annotations

import itertools
import math

from hypothesis import example, given
from hypothesis import strategies as st

from aws_satella.effects.clock import Clock
from aws_satella.effects.world import REAL

readings = st.lists(st.floats(0, 2e9), min_size=1, max_size=20)
timeouts = st.floats(0, 1e5)


def _showing(values: list[float]) -> Clock:
    """A clock for ``time.monotonic`` that shows these values one after the other, then the last one for ever."""
    left = list(values)
    return Clock(REAL._replace(monotonic=lambda: left.pop(0) if len(left) > 1 else left[0]))


@given(readings)
def test_clock_never_goes_back(values: list[float]) -> None:
    """It advances by what ``time.monotonic`` advances, and stays where that goes back."""
    clock = _showing(values)
    shown = [clock.now() for _ in values[1:]]
    steps = [max(0.0, later - earlier) for earlier, later in itertools.pairwise(values)]
    for index, moment in enumerate(shown):
        assert math.isclose(moment, values[0] + sum(steps[: index + 1]), abs_tol=1e-3)


@given(readings, st.lists(st.floats(-10, 1e5), max_size=20))
@example([1000.0, 0.0], [5.0])
def test_moment_that_was_reached_does_not_come_again(values: list[float], waits: list[float]) -> None:
    """After a wait that ran out it is as late as it was to be, even if the clock was turned back meanwhile."""
    clock = _showing(values)
    for seconds in waits:
        moment = clock.now() + seconds
        clock.reached(moment)
        assert clock.now() >= moment - 1e-3


@given(st.floats(0, 2e9), timeouts, st.floats(0.1, 3600))
def test_wait_ends_where_time_stands_still(start: float, timeout: float, part: float) -> None:
    """The parts add up to the timeout; each is as long as it may be."""
    waited: list[float] = []
    clock = _showing([start])
    came = clock.wait(lambda seconds: bool(waited.append(seconds)), clock.now() + timeout, max(part, timeout / 100))
    assert not came
    assert math.isclose(sum(waited), timeout, abs_tol=1e-3)
    assert all(0 <= seconds <= max(part, timeout / 100) for seconds in waited)


@given(readings, timeouts, st.integers(0, 5))
def test_wait_ends_when_what_it_waits_for_comes(values: list[float], timeout: float, after: int) -> None:
    """However the clock jumps, it waits at least once, never less than nothing, and for no more parts than it takes."""
    waited: list[float] = []

    def act(seconds: float) -> bool:
        waited.append(seconds)
        return len(waited) > after

    clock = _showing(values)
    came = clock.wait(act, clock.now() + timeout, 1.0)
    assert came == (len(waited) > after)
    assert 1 <= len(waited) <= after + 1
    assert all(0 <= seconds <= 1 for seconds in waited)


def test_wait_without_an_end_asks_whether_to_go_on() -> None:
    """With an infinite deadline it waits part by part for as long as it may."""
    answers = [True, True, False]
    waited: list[float] = []
    clock = Clock()
    assert not clock.wait(lambda seconds: bool(waited.append(seconds)), math.inf, 1.0, lambda: answers.pop(0))
    assert waited == [1.0, 1.0, 1.0]

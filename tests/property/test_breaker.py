"""A circuit breaker, against a list of what has happened."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from aws_satella.pure.breaker import Breaker, waits_in_vain

events = st.lists(
    st.tuples(st.sampled_from(('timeout', 'success', 'call')), st.floats(0, 40)),
    max_size=60,
)


@given(events)
def test_breaker_is_its_history(history: list[tuple[str, float]]) -> None:
    """A timeout opens it for 5, 10, 20, 40, 60, 60 ... seconds, a success closes it, and after the pause one call is
    let through in each pause."""
    breaker, now, sent = Breaker(), 0.0, 0
    timeouts, pause_began = 0, 0.0
    for event, seconds in history:
        now += seconds
        pause = min(60, 5 * 2 ** max(timeouts - 1, 0))
        is_open = timeouts > 0 and now < pause_began + pause
        assert breaker.is_closed(sent) == (timeouts == 0)
        assert breaker.refuses(now, sent) == is_open
        if event == 'timeout':
            breaker = breaker.timed_out(now, sent)
            timeouts, pause_began = timeouts + 1, now
        elif event == 'success':
            sent += 1
            timeouts = 0
        elif not is_open:
            breaker = breaker.admitted(now, sent)
            pause_began = now


def test_pause_grows_to_its_bound() -> None:
    """A pause begins with the timeout, and its end is no longer in it."""
    breaker, pauses = Breaker(), []
    for _ in range(7):
        breaker = breaker.timed_out(100.0, 3)
        pauses.append(breaker.until - 100.0)
        assert (breaker.refuses(breaker.until - 0.1, 3), breaker.refuses(breaker.until, 3)) == (True, False)
    assert pauses == [5, 10, 20, 40, 60, 60, 60]


@given(st.floats(0, 100), st.floats(0, 100))
@example(2.0, 1.0)
def test_breaker_knows_who_has_waited_in_vain(waited: float, age: float) -> None:
    """A request hangs that had no reply for half of a timeout; for a caller that has none, for a second. Where nothing
    is in flight, nothing hangs."""
    assert waits_in_vain(waited, age) == (waited > 0 and age > 0 and age >= waited / 2)
    assert waits_in_vain(None, age) == (age >= 1)
    assert not waits_in_vain(waited, 0.0)

"""Fair shares of the room that there is."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from aws_satella.pure.sharing import share


@given(st.integers(-2, 60), st.lists(st.integers(0, 30), max_size=8))
@example(0, [2])
def test_share_is_the_largest_that_fits(room: int, demands: list[int]) -> None:
    """The share is the largest s for which the sum of min(demand, s) is within the room."""
    found = share(room, demands)

    def used(each: int) -> int:
        return sum(min(demand, each) for demand in demands)

    assert used(found) <= max(room, 0)
    assert found >= max(demands, default=0) or used(found + 1) > max(room, 0)

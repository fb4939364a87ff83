"""The form that a destination takes, and how much a request of it holds."""

from __future__ import annotations

import pytest

from aws_satella.pure.forms import max_items

URL = 'http://localhost:4318/v1/metrics'


@pytest.mark.parametrize(
    ('destination', 'max_send_at_once', 'at_ease', 'short_of_time'),
    [
        ('cloudwatch', 20, 20, 1_000),
        ('cloudwatch', 19, 19, 19),
        ('cloudwatch', 1_000, 1_000, 1_000),
        ('otlp', 20, 1_000, 1_000),
        ('otlp', 21, 21, 21),
        (URL, 20, 1_000, 1_000),
        (URL, 1, 1, 1),
    ],
)
def test_bound_that_was_given_is_kept(
    destination: str, max_send_at_once: int, at_ease: int, short_of_time: int
) -> None:
    """The default is 20, and as many as a request takes when time is short, and over OTLP always."""
    assert max_items(destination, max_send_at_once) == at_ease
    assert max_items(destination, max_send_at_once, is_short_of_time=True) == short_of_time

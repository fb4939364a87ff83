"""The form in which a destination takes data.

What may live here: which form it is. What may not: knowledge of one of them (:mod:`aws_satella.pure.formats`).

To add a form: write its module with the functions of :class:`Form`, and give it a row in :func:`form_of` and in
:meth:`Plan.encoding <aws_satella.pure.Plan.encoding>`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Protocol

from satella.instrumentation.metrics import MetricData

from aws_satella.pure import limits
from aws_satella.pure.batches import Batch
from aws_satella.pure.formats import putmetricdata

CLOUDWATCH = 'cloudwatch'
"""The destination that takes PutMetricData."""

OTLP = 'otlp'
"""The endpoint of CloudWatch that takes OTLP. Any other destination is the URL of a receiver of OTLP."""


class Form(Protocol):
    """What the module of a form has."""

    NAME: str
    """What it is called in a spool."""
    MAX_AHEAD_SECONDS: int
    """How far ahead of the clock a timestamp may be."""

    def metric(self, item: Any) -> Hashable:
        """What tells metrics apart, whatever their labels."""

    def metric_data(self, item: Any) -> MetricData:
        """satella's form of an item."""

    def identity(self, item: Any) -> Hashable:
        """What the destination tells series apart by."""

    def size(self, item: Any) -> int:
        """The most bytes that an item takes in a body."""

    def item_bytes(self, envelope: Any, number: int) -> int:
        """The bytes that so many items may take together in one request."""

    def body(self, envelope: Any, items: Iterable[Any]) -> bytes:
        """The body of a request, before compression."""

    def culprits(self, message: str, request: Batch) -> frozenset[int]:
        """The positions, from 0, of the items of a request that the message of a reply names."""


def form_of(destination: str) -> Form:
    """The form that a destination takes."""
    if destination == CLOUDWATCH:
        return putmetricdata
    from aws_satella.pure.formats import otlp  # a program that sends nothing over OTLP starts faster without it

    return otlp


def max_items(destination: str, max_send_at_once: int, *, is_short_of_time: bool = False) -> int:
    """The most items of one request.

    A bound that was given is kept. With the default one, a request takes as much as its destination allows when time is
    short, and always over OTLP, where requests cost nothing by themselves.

    :param max_send_at_once: the argument of this name
    :param is_short_of_time: whether fewer requests are wanted
    """
    is_given = max_send_at_once != limits.DEFAULT_DATA_PER_REQUEST
    if is_given or (destination == CLOUDWATCH and not is_short_of_time):
        return max_send_at_once
    return limits.MAX_DATA_PER_REQUEST if destination == CLOUDWATCH else limits.MAX_OTLP_POINTS_PER_REQUEST

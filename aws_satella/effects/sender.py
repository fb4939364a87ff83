"""What makes the requests of one delivery: its client, or user code in place of it.

What may live here: how a request leaves. What may not: what is sent, and what its outcome means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from aws_satella.effects import signals
from aws_satella.effects.destinations.cloudwatch import PutMetricData
from aws_satella.effects.destinations.lazily import over_otlp
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.batches import Batch, Envelope, Room
from aws_satella.pure.formats import putmetricdata
from aws_satella.pure.formats.putmetricdata import CloudWatchClient, MetricDatum
from aws_satella.pure.forms import CLOUDWATCH, Form, form_of, max_items


class Destination(Protocol):
    """What sends requests through one client."""

    client: CloudWatchClient

    def room(self, max_items: int, envelope: Any, *, by_user: bool = False) -> Room:
        """What a request in this envelope may hold."""

    def send(self, request: Batch, replies: list[object]) -> None:
        """Send one request, and append what the client gives to the replies in the step that calls it."""


SendMetrics = Callable[[list[MetricDatum]], object]


class Sender:
    """Sends one request at a time.

    :param arguments: where it goes
    :param client: what sends it
    """

    def __init__(self, arguments: Arguments, client: CloudWatchClient) -> None:
        self.arguments = arguments
        """May be replaced. A change takes effect with the next cycle."""
        self.client = client
        """May be replaced. A change takes effect with the next request."""
        self.send_metrics: SendMetrics | None = None
        """Sends the data of one request, as dictionaries, in place of the client."""
        self.sending: Any = None
        """The envelope of the request in flight."""
        self._destination: Destination | None = None

    @property
    def form(self) -> Form:
        """The form of what is sent."""
        return form_of(self.arguments.destination)

    def _room(self, envelope: Envelope, max_send_at_once: int, *, fill: bool) -> Room:
        """What the next request may hold.

        :param max_send_at_once: the argument of this name
        :param fill: whether a request takes as much as CloudWatch allows, should the bound be the default
        """
        most = max_items(self.arguments.destination, max_send_at_once, is_short_of_time=fill)
        return self._current_destination().room(most, envelope, by_user=self.send_metrics is not None)

    def _post(self, request: Batch, replies: list[object]) -> None:
        """Make the call, and note its reply in the same step, so that no exception comes in between."""
        if self.send_metrics is None:
            with signals.blocked():
                self._current_destination().send(request, replies)
        else:
            self.sending = request.envelope
            try:
                # In a tuple, because any reply of user code counts as sent.
                replies.append((self.send_metrics(putmetricdata.decode(request.items)),))
            finally:
                self.sending = None

    def _current_destination(self) -> Destination:
        """The destination for the client, which may have been replaced."""
        if self._destination is None or self._destination.client is not self.client:
            to = self.arguments.destination
            self._destination = PutMetricData(self.client) if to == CLOUDWATCH else over_otlp().Otlp(self.client, to)
        return self._destination

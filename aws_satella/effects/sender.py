"""What makes the requests of one delivery: its client, or user code in place of it.

What may live here: how a request leaves. What may not: what is sent, and what its outcome means.
"""

from __future__ import annotations

from collections.abc import Callable

from aws_satella.effects import signals
from aws_satella.effects.destinations.cloudwatch import PutMetricData
from aws_satella.pure import limits
from aws_satella.pure.arguments import DEFAULTS
from aws_satella.pure.batches import Batch, Room
from aws_satella.pure.formats import putmetricdata
from aws_satella.pure.formats.putmetricdata import CloudWatchClient, MetricDatum

SendMetrics = Callable[[list[MetricDatum]], object]


class Sender:
    """Sends one request at a time.

    :param client: what sends it
    """

    def __init__(self, client: CloudWatchClient) -> None:
        self.client = client
        """May be replaced. A change takes effect with the next request."""
        self.send_metrics: SendMetrics | None = None
        """Sends the data of one request, as dictionaries, in place of the client."""
        self.sending: str | None = None
        """The namespace of the request in flight."""
        self._destination: PutMetricData | None = None

    def _room(self, envelope: str, max_items: int, *, fill: bool) -> Room:
        """What the next request may hold.

        :param max_items: the argument ``max_send_at_once``. A bound that was given is always kept.
        :param fill: whether a request takes as much as CloudWatch allows, should the bound be the default
        """
        if fill and max_items == DEFAULTS['max_send_at_once']:
            max_items = limits.MAX_DATA_PER_REQUEST
        return self._current_destination().room(max_items, envelope, by_user=self.send_metrics is not None)

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

    def _current_destination(self) -> PutMetricData:
        """The destination for the client, which may have been replaced."""
        if self._destination is None or self._destination.client is not self.client:
            self._destination = PutMetricData(self.client)
        return self._destination

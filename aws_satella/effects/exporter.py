"""The exporter, as a program sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from aws_satella.effects.delivery import Delivery
from aws_satella.effects.destinations.clients import NO_CLIENT, InitializationError, make_client
from aws_satella.effects.destinations.lazily import over_otlp
from aws_satella.effects.destinations.outcomes import expect_success
from aws_satella.effects.environment import is_disabled
from aws_satella.effects.life import ExporterLife
from aws_satella.effects.spools import placed
from aws_satella.effects.stats import ExportStats
from aws_satella.effects.world import REAL, World
from aws_satella.pure import checks
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.binding import bind
from aws_satella.pure.errors import ArgumentError
from aws_satella.pure.formats import putmetricdata
from aws_satella.pure.formats.putmetricdata import CloudWatchClient, MetricDatum
from aws_satella.pure.forms import CLOUDWATCH
from aws_satella.pure.signatures import document, method_takes_arguments

if TYPE_CHECKING:
    from typing_extensions import Self


def _assignable(name: str) -> Any:
    """An argument that can be read, and assigned: it is checked, and takes effect with the next cycle."""

    def get(exporter: AWSSatellaExporterThread) -> Any:
        return getattr(exporter.delivery.arguments, name)

    def assign(exporter: AWSSatellaExporterThread, value: Any) -> None:
        exporter.delivery.arguments = replace(exporter.delivery.arguments, **{name: value})

    return property(get, assign, doc=f'The argument ``{name}``. An assignment takes effect with the next export.')


class AWSSatellaExporterThread(ExporterLife):
    """Exports the metrics of satella to CloudWatch: once right after the start, then once an interval, and at the end.

    The thread is a daemon, and needs no attention. What was recorded last is exported when the interpreter exits or the
    thread is terminated, whichever comes first. :func:`~aws_satella.start_if_not_started` starts one for the process.

    :arguments:
    :raises ArgumentError: an argument has a value that is not allowed; the message says which, and what is allowed
    :raises ArgumentTypeError: an argument is missing, unknown, or of the wrong type
    :raises aws_satella.InitializationError: the client cannot be made
    """

    namespace = _assignable('namespace')
    extra_dimensions = _assignable('extra_dimensions')
    max_send_at_once = _assignable('max_send_at_once')
    add_pid = _assignable('add_pid')
    call_on_metric_upload_fails = _assignable('call_on_metric_upload_fails')
    call_on_discarded_metric = _assignable('call_on_discarded_metric')

    _world: ClassVar[World] = REAL
    """The world of all exporters of the process, and of calls that export in their place. A test puts in its own."""

    _is_kept_from_start = False
    """Whether it was to start where the environment turns the export off."""

    @method_takes_arguments
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        arguments = placed(bind(*args, **kwargs))
        try:
            client = make_client(arguments)
        except InitializationError:
            if not is_disabled():
                raise
            client = NO_CLIENT  # nothing is sent, so that a machine without AWS needs no region
        self._set_up(Delivery(arguments, client, is_watched=True, world=self._world))

    def _set_up(self, delivery: Delivery) -> None:
        super()._set_up(delivery)
        if getattr(self.send_metrics, '__func__', None) is not AWSSatellaExporterThread.send_metrics:  # overridden
            delivery.send_metrics = self.send_metrics
            if delivery.arguments.destination != CLOUDWATCH:
                allowed = f'{CLOUDWATCH!r} for a class with a send_metrics of its own'
                raise ArgumentError('destination', delivery.arguments.destination, allowed)

    @classmethod
    def without_client(cls, arguments: Arguments) -> AWSSatellaExporterThread:
        """What a start in the parent would have made with its client, for a child that is forked before that."""
        exporter = cls.__new__(cls)
        exporter._set_up(Delivery(arguments, NO_CLIENT, is_watched=True, world=cls._world))
        exporter.announce()
        return exporter

    def start(self) -> Self:
        """Start the thread; in another process than it was made in, with a client of that process.

        With ``AWS_SATELLA_DISABLED=1`` in the environment nothing is started.

        :return: this thread
        :raises ArgumentError: the variable is neither yes nor no
        :raises RuntimeError: it was started before, or the platform has no thread to give
        :raises aws_satella.InitializationError: a new client is needed, and cannot be made
        """
        self._is_kept_from_start = self.ident is None and not self.automatic and is_disabled()
        return self if self._is_kept_from_start else super().start()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread to end, which takes as long as the request in flight.

        :param timeout: seconds
        """
        if not self._is_kept_from_start:
            super().join(timeout)

    @property
    def cloudwatch(self) -> CloudWatchClient:
        """The boto3 client, which is made again while it has no credentials. It may be replaced before the start."""
        return self._delivery.client

    @cloudwatch.setter
    def cloudwatch(self, client: CloudWatchClient) -> None:
        if self._delivery.arguments.destination != CLOUDWATCH:
            over_otlp().check_client(client)
        self._delivery.client = client

    @property
    def stats(self) -> ExportStats:
        """What became of the metric data so far: a snapshot."""
        return self._delivery.stats

    def flush(self, timeout: float | None = None) -> bool:
        """Export now and wait for it.

        :param timeout: seconds to wait; None waits as long as one attempt takes, 0 or less does not wait
        :return: whether everything that was recorded before the call has been sent; True where the environment has
            turned the export off. False after one failed attempt, after the timeout, at once for a while after that,
            where the thread does not run, and where it waits for the caller
        :raises ArgumentError: the timeout is not a number
        :raises ArgumentTypeError: the timeout is of the wrong type
        """
        seconds = checks.timeout('timeout', timeout)
        return self._is_kept_from_start or self.ask(seconds)(seconds)

    def send_metrics(self, data: list[MetricDatum]) -> None:
        """Send the metric data of one request. A subclass may override this; what does not raise counts as sent.

        :param data: as ``put_metric_data`` takes them; they may be changed
        :raises Exception: anything that the client raises
        """
        envelope = self._delivery.sending or self._delivery.arguments.plan.classic_envelope
        expect_success(self.cloudwatch.put_metric_data(**putmetricdata.parameters(envelope, data)))


document(AWSSatellaExporterThread)

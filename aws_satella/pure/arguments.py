"""The arguments of an exporter, as one value: each keyword once, with its check, its default and its text.

What may live here: :class:`Arguments`. What may not: what a value must look like (:mod:`aws_satella.pure.checks`), how
it is read from text (:mod:`aws_satella.pure.texts`), how a function is called with it
(:mod:`aws_satella.pure.binding`), and what becomes of it.

The exporter, ``start_if_not_started``, ``export_once``, ``preview`` and the Django setting with its checks all take
their arguments from here. To add one: add a field to :class:`Arguments`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from os import PathLike
from typing import Any, Final

from satella.instrumentation.metrics import MetricData

from aws_satella.pure import checks, limits, receivers, texts, views
from aws_satella.pure.errors import ArgumentError, ArgumentTypeError
from aws_satella.pure.formats.putmetricdata import CloudWatchClient
from aws_satella.pure.forms import CLOUDWATCH, OTLP
from aws_satella.pure.plan import Plan
from aws_satella.pure.texts import Read
from aws_satella.pure.values import Units
from aws_satella.pure.views import View

OnFailure = Callable[[Exception], object]
OnDiscard = Callable[[MetricData], object]
ClientFactory = Callable[[], CloudWatchClient]


def ignore(_: Any) -> None:
    """Do nothing: the default of both callbacks."""


def _argument(check: Callable[[str, Any], Any], text: str, read: Read | None = None) -> Mapping[str, Any]:
    """What is said of an argument.

    :param check: from its name and a value to the value that the stages use
    :param text: its documentation
    :param read: how it is read from text; None for one that cannot be written as text
    """
    return {'check': check, 'text': text, 'read': read}


@dataclass(frozen=True)
class Arguments:
    """The checked arguments of one exporter.

    The first seven may be given by position, as in 2.4.
    """

    namespace: str = field(metadata=_argument(checks.namespace, 'the CloudWatch namespace', texts.as_it_is))
    extra_dimensions: Mapping[str, object] | None = field(
        default=None,
        metadata=_argument(
            checks.dimensions, 'dimensions for every metric; they override labels of the same name', texts.pairs
        ),
    )
    interval: float | str = field(
        default='300s',
        metadata=_argument(
            checks.interval, "seconds between two exports, as a number or a text such as '30m'", texts.as_it_is
        ),
    )
    max_send_at_once: int = field(
        default=limits.DEFAULT_DATA_PER_REQUEST,
        metadata=_argument(
            checks.whole_number(1, limits.MAX_DATA_PER_REQUEST),
            'metric data in one request, 1 to 1000; with the default of 20, a request takes up to 1000 when time is '
            'short: in the last export, in flush() and export_once(), after an outage, and where an export would '
            'outlast half the interval',
            texts.whole_number,
        ),
    )
    add_pid: str | None = field(
        default=None,
        metadata=_argument(
            checks.dimension_name,
            'the name of a dimension whose value is the process id; it overrides all others',
            texts.as_it_is,
        ),
    )
    call_on_metric_upload_fails: OnFailure = field(
        default=ignore,
        metadata=_argument(
            checks.function, 'called with the exception, from the thread of the exporter, when a request fails'
        ),
    )
    call_on_discarded_metric: OnDiscard = field(
        default=ignore,
        metadata=_argument(
            checks.function,
            "called with satella's ``MetricData``, from the thread of the exporter, when a metric cannot be sent",
        ),
    )
    _: KW_ONLY
    destination: str = field(
        default=CLOUDWATCH,
        metadata=_argument(
            receivers.destination,
            "'cloudwatch' for PutMetricData, 'otlp' for the OTLP endpoint of CloudWatch, or the URL of any OTLP "
            "receiver, such as 'http://localhost:4318/v1/metrics'",
            texts.as_it_is,
        ),
    )
    max_dimensions: int = field(
        default=limits.DEFAULT_MAX_DIMENSIONS,
        metadata=_argument(
            checks.whole_number(1, limits.MAX_DIMENSIONS),
            'a metric with more dimensions, the extra ones and the pid included, is discarded; 1 to 30',
            texts.whole_number,
        ),
    )
    temporality: str = field(
        default='cumulative',
        metadata=_argument(
            checks.temporality,
            "'cumulative' exports values as satella keeps them; 'delta' exports counters as increases, and histograms "
            'and summaries as distributions, from which CloudWatch computes percentiles',
            texts.as_it_is,
        ),
    )
    views: Mapping[str, View] | None = field(
        default=None,
        metadata=_argument(
            views.views,
            'metric names or shell patterns → :class:`~aws_satella.View`: which labels are kept, what is added up, how '
            'many series there may be',
        ),
    )
    units: Units = field(
        default=None,
        metadata=_argument(
            checks.units,
            'a mapping from metric names or shell patterns to units, or a callable from a name to a unit',
            texts.pairs,
        ),
    )
    storage_resolution: int = field(
        default=60,
        metadata=_argument(
            checks.one_of(*limits.STORAGE_RESOLUTIONS), 'seconds; 60, or 1 for high resolution', texts.whole_number
        ),
    )
    max_series: int | None = field(
        default=None,
        metadata=_argument(
            checks.optional(checks.whole_number(0)),
            'the room for series with labels; where it is too small, each metric gets a fair share, and the rest of '
            'its series are added up in one, whose label values are ``(other)``',
            texts.whole_number,
        ),
    )
    idle_after: float | str | None = field(
        default=None,
        metadata=_argument(
            checks.optional(checks.interval),
            "in delta, seconds, or a text such as '1h', after which a counter that does not change is left out",
            texts.as_it_is,
        ),
    )
    exclude: Iterable[str] = field(
        default=(), metadata=_argument(checks.patterns, 'shell patterns of names that are not exported', texts.several)
    )
    max_buffered: int = field(
        default=20_000,
        metadata=_argument(
            checks.whole_number(0),
            'how many unsent metric data are kept while CloudWatch does not answer; beyond, increases stay in the '
            'metrics, and other data are dropped, the oldest first',
            texts.whole_number,
        ),
    )
    spool: str | PathLike[str] | None = field(
        default=None,
        metadata=_argument(
            checks.optional(checks.path),
            'a directory for metric data that were not taken, where they outlive the process; any process with the '
            'same spool, namespace and destination sends them',
            texts.as_it_is,
        ),
    )
    max_spooled_bytes: int = field(
        default=100_000_000,
        metadata=_argument(
            checks.whole_number(1),
            'the most bytes of the files in the spool; beyond, the oldest are dropped',
            texts.whole_number,
        ),
    )
    service: str | None = field(
        default=None,
        metadata=_argument(
            checks.optional(checks.label),
            'the name of the service that the data belong to: its entity in CloudWatch, and ``service.name`` in OTLP',
            texts.as_it_is,
        ),
    )
    environment: str | None = field(
        default=None,
        metadata=_argument(
            checks.optional(checks.label),
            "where the service is deployed; in the classic form, 'generic:default' unless it is given",
            texts.as_it_is,
        ),
    )
    exit_timeout: float = field(
        default=2.0,
        metadata=_argument(
            checks.seconds, 'seconds that the end of the process waits for the last export', texts.number
        ),
    )
    in_forks: bool | None = field(
        default=None,
        metadata=_argument(
            checks.optional(checks.yes_or_no),
            'whether processes that are forked from this one go on exporting by themselves; None: where the numbers of '
            "processes add up, by ``temporality='delta'`` or ``add_pid``",
            texts.yes_or_no,
        ),
    )
    handle_sigterm: bool = field(
        default=False,
        metadata=_argument(
            checks.yes_or_no,
            'whether SIGTERM ends the process as ``sys.exit(143)`` does, with the last export; only where the program '
            'does not handle it, and where the exporter is started in the main thread',
            texts.yes_or_no,
        ),
    )
    self_metrics: bool = field(
        default=False,
        metadata=_argument(
            checks.yes_or_no,
            'whether metrics of the exporter itself are sent too: ``aws_satella.up``, which is always 1, what was '
            'sent, discarded and dropped, what is buffered, and how long an export takes',
            texts.yes_or_no,
        ),
    )
    client_factory: ClientFactory | None = field(
        default=None,
        metadata=_argument(
            checks.optional(checks.function), "makes the client; ``boto3.client('cloudwatch')`` by default"
        ),
    )
    root: Any = field(
        default=None,
        metadata=_argument(
            checks.metric, 'the metric to export with all below it; names start with its own. All metrics by default'
        ),
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            value = each.metadata['check'](each.name, getattr(self, each.name))
            object.__setattr__(self, each.name, value)  # the way to set a field of a frozen dataclass
        self._check_together()
        checks.room_for_dimensions(self.plan.common_dimensions(pid=0), self.max_dimensions)

    def _check_together(self) -> None:
        """Check what is allowed only beside others."""
        is_url = self.destination not in (CLOUDWATCH, OTLP)
        if is_url and self.client_factory is not None:
            allowed = f'None with destination={self.destination!r}, which needs no client of AWS'
            raise ArgumentError('client_factory', self.client_factory, allowed)
        if self.environment is not None and self.service is None and self.destination == CLOUDWATCH:
            raise ArgumentError('environment', self.environment, 'None without service')

    @property
    def keywords(self) -> dict[str, Any]:
        """All arguments by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def plan(self) -> Plan:
        """What the arguments say of the metric data: all that :class:`~aws_satella.pure.Plan` holds."""
        return Plan(**{each.name: getattr(self, each.name) for each in fields(Plan)})


SIGNATURE: Final = inspect.signature(Arguments)
DEFAULTS: Final[Mapping[str, Any]] = {name: parameter.default for name, parameter in SIGNATURE.parameters.items()}
"""Keyword → default; ``inspect.Parameter.empty`` for the one that has none."""
POSITIONAL: Final = tuple(
    name for name, parameter in SIGNATURE.parameters.items() if parameter.kind is not parameter.KEYWORD_ONLY
)


__all__ = ['DEFAULTS', 'ArgumentError', 'ArgumentTypeError', 'Arguments', 'ignore']

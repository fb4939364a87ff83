"""The vocabulary: the values that travel from a metric tree to the encoder.

What may live here: frozen values, and what they say of themselves. What may not: metric objects of satella, baselines,
CloudWatch.

Reading a tree gives *readings*. A :class:`DataPoint` (a level) and a :class:`CounterReading` are one number of one
series, and points already. A histogram and a summary come whole, in :mod:`aws_satella.pure.histograms` and
:mod:`aws_satella.pure.summaries`. Each reading whose numbers grow knows its ``state``, and what came ``since`` an
earlier state. Each whole reading knows how it is expanded into points: as ``series``, the form that satella shows, as
one ``distribution``, or ``whole``, as one :class:`Histogram` or :class:`Samples`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from satella.instrumentation.metrics import MetricData

Labels = Mapping[str, object]
"""The labels of one series, as user code gave them: names to anything that has a ``str()``."""

TEMPORALITIES: Final = ('cumulative', 'delta')


class Kind(enum.Enum):
    """What the number of a data point means over time."""

    GAUGE = 'gauge'
    """A level: the last one counts."""
    COUNTER = 'counter'
    """A running total: its increase counts."""
    BUCKET = 'bucket'
    """How many observations fell into one bucket of a histogram, since the start."""
    QUANTILE = 'quantile'
    """A quantile over the window of a summary."""
    DISTRIBUTION = 'distribution'
    """The observations themselves (:class:`Distribution`)."""
    HISTOGRAM = 'histogram'
    """All buckets of a histogram (:class:`Histogram`)."""
    SAMPLES = 'samples'
    """The new samples of a summary (:class:`Samples`)."""


class Reason(enum.Enum):
    """Why data are discarded."""

    RAISED = 'the metric, or a label of it, raised while it was read'
    BAD_NAME = 'the name of the metric is empty or longer than CloudWatch takes'
    BAD_DIMENSION_NAME = "the name of a dimension is empty, starts with ':' or is longer than CloudWatch takes"
    BAD_DIMENSION_VALUE = 'the value of a dimension is longer than CloudWatch takes'
    TOO_MANY_DIMENSIONS = 'more dimensions than max_dimensions, after all were merged'
    TOO_MANY_LABELS = 'more labels than CloudWatch takes over OTLP'
    LABELS_TOO_LARGE = 'the labels have more bytes than CloudWatch takes over OTLP'
    TOO_LARGE = 'the data point has more bytes than CloudWatch takes in one request'
    NOT_A_NUMBER = 'the value is not a number'
    NOT_FINITE = 'the value is NaN or infinite'
    OUT_OF_RANGE = 'the value lies beyond ±2^360'
    BAD_UNIT = 'the units callable gave no unit of CloudWatch, or raised'
    TOO_MANY_SERIES = 'more series than max_series'
    NOT_ADDITIVE = 'it cannot be added up under the labels that its view keeps'
    REJECTED = 'CloudWatch refused it'


class Tolerance(NamedTuple):
    """What the pipeline puts up with from user code."""

    errors: type[BaseException] = Exception
    """What user code may raise at the cost of one metric alone. The thread of an exporter tolerates ``BaseException``;
    on the main thread, ``SystemExit`` and ``KeyboardInterrupt`` belong to the program."""
    wait: Callable[[], object] | None = None
    """Called where another thread is in the middle of a recording, to let it finish. None takes things as they are."""


STRICT: Final = Tolerance()
"""Exceptions cost one metric, and nothing waits."""


class Discarded(NamedTuple):
    """Data that will not be sent, and why."""

    data: MetricData
    reason: Reason
    error: BaseException | None = None
    """What was raised, where something was."""
    source: Hashable = None
    """The metric that raised, if its numbers grow: its increase is exported by a later cycle."""


class Distribution(NamedTuple):
    """Observations as CloudWatch takes them: each distinct value, and how often it occurred."""

    values: tuple[float, ...]
    counts: tuple[float, ...]


class Histogram(NamedTuple):
    """A histogram whole: running totals, or what came in one cycle."""

    explicit_bounds: Sequence[float]
    """Upper bounds of all buckets but the last, which is open. A bound itself is in the bucket above it."""
    bucket_counts: Sequence[int]
    """Observations in each bucket; one more than there are bounds."""
    observations: int
    """All of them; more than in the buckets, where some were in none."""
    sum: float | None
    """None where an earlier observation was not finite."""


class Samples(NamedTuple):
    """The new samples of a summary."""

    values: tuple[float, ...]
    """Each distinct value in the window."""
    counts: tuple[int, ...]
    """How often each of them occurred. They add up to the number of new samples."""
    sum: float
    complete: bool
    """Whether every new sample was in the window, so that the least and the greatest are known."""


class Section(NamedTuple):
    """The beginning of the readings of one metric, or of what the metric says of all its labelled children together.

    Only readings that are viewed have them in between.
    """

    name: str
    """The metric's own name, which chooses its view."""
    metric: Any
    """The metric object."""
    inherent: tuple[str, ...] = ()
    """Labels that no program has given, and that a view leaves alone."""
    is_total: bool = False
    """Whether totals follow."""


class DataPoint(NamedTuple):
    """One number of one series."""

    name: str
    value: object
    """A number where all is well; otherwise what user code recorded. Some kinds have a class for their values."""
    labels: Labels
    kind: Kind = Kind.GAUGE


class CounterReading(NamedTuple):
    """A running total at one moment, or its increase. It is a point as well: it has the same first three fields."""

    name: str
    value: Any
    labels: Labels
    source: Hashable
    """Who keeps the number: the metric object, or ``(metric, field)`` for a second number of the same metric."""

    @property
    def kind(self) -> Kind:
        """A running total."""
        return Kind.COUNTER

    @property
    def state(self) -> object:
        """What a baseline keeps: the number."""
        return self.value

    def since(self, state: Any, _parts: object = ()) -> tuple[CounterReading, object]:
        """The increase since an earlier state, and the state now."""
        try:
            increase = self.value if state is None else self.value - state
        except Exception:
            if isinstance(self.value, (int, float)) and isinstance(state, (int, float)):
                raise
            increase = self.value  # what is no number passes as it is, and the encoder says so; after it, all counts
        return new_counter((self.name, increase, self.labels, self.source)), self.value


new_counter: Final[Callable[[tuple[str, Any, Labels, Hashable]], CounterReading]] = partial(
    tuple.__new__, CounterReading
)
"""Makes a :class:`CounterReading`. The constructor takes twice as long, and there is one for each series."""


Point = DataPoint | CounterReading
"""What the encoder takes."""


def keeper(source: Hashable) -> Hashable:
    """The metric object of a ``source``."""
    return source[0] if isinstance(source, tuple) else source


def raised(name: str, labels: object, error: BaseException, source: Hashable) -> Discarded:
    """The discard of what raised while it was read.

    :param name: the name of the metric
    :param labels: its labels, as far as they are known
    :param error: what was raised
    :param source: the metric, if its numbers grow
    """
    return Discarded(MetricData(name, None, labels), Reason.RAISED, error, source)


def distribution(name: str, samples: Mapping[float, int], labels: Labels) -> DataPoint:
    """The point of one series whose values are observations (value → number of observations)."""
    return DataPoint(name, Distribution(tuple(samples), tuple(samples.values())), labels, Kind.DISTRIBUTION)

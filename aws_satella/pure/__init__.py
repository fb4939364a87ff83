"""The pure core: from a tree of metrics to the requests that CloudWatch takes, and what a reply means.

::

    read ──▶ rebase ──▶ select ──▶ view ──▶ expand ──▶ encode ──▶ chunk ──▶ (effects: send)

The modules of the stages are ``reading``, ``temporality`` (rebase and expand), ``selection``, ``viewing``, ``formats``
and ``chunks``. ``plan`` composes them. The items wait in the outbox of ``ledger``, from which the next request is cut,
and ``replies`` says what a reply to it means.

Everything here is a function of its arguments, lazy, and without I/O, clock, environment, thread, log or global. (Two
kinds of metric read a clock of their own, or call user code, when they are read.) Time, the process id and the previous
baseline come in as arguments. What is discarded is a returned value, :class:`Discarded`.

A program with a boto3 client of its own uses :func:`build_payloads`. The stages can also be had one by one.
"""

from aws_satella.pure.arguments import ArgumentError, Arguments, ArgumentTypeError
from aws_satella.pure.chunks import chunk
from aws_satella.pure.dimensions import Merger
from aws_satella.pure.formats.putmetricdata import CloudWatchClient, Dimension, Encoder, MetricDatum, Payload
from aws_satella.pure.histograms import HistogramReading
from aws_satella.pure.payloads import build_payloads
from aws_satella.pure.plan import Plan
from aws_satella.pure.points import (
    CounterReading,
    DataPoint,
    Discarded,
    Distribution,
    Histogram,
    Kind,
    Reason,
    Samples,
    Section,
    Tolerance,
)
from aws_satella.pure.reading import read
from aws_satella.pure.selection import select
from aws_satella.pure.summaries import NewSamples, SummaryReading, SummaryTotalReading
from aws_satella.pure.temporality import Baseline, Delta, collect, cumulative, distributions, note, whole

__all__ = [
    'ArgumentError',
    'ArgumentTypeError',
    'Arguments',
    'Baseline',
    'CloudWatchClient',
    'CounterReading',
    'DataPoint',
    'Delta',
    'Dimension',
    'Discarded',
    'Distribution',
    'Encoder',
    'Histogram',
    'HistogramReading',
    'Kind',
    'Merger',
    'MetricDatum',
    'NewSamples',
    'Payload',
    'Plan',
    'Reason',
    'Samples',
    'Section',
    'SummaryReading',
    'SummaryTotalReading',
    'Tolerance',
    'build_payloads',
    'chunk',
    'collect',
    'cumulative',
    'distributions',
    'note',
    'read',
    'select',
    'whole',
]

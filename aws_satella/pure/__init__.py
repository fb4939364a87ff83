"""The pure core: from a tree of metrics to the requests that CloudWatch takes, and what a reply means.

::

    read ──▶ rebase ──▶ select ──▶ merge, shape ──▶ chunk ──▶ outbox ◀── replies
    (datapoints) (temporality) (plan) (dimensions, datum) (chunks)

Everything here is a function of its arguments, lazy, and without I/O, clock, environment, thread, log or global. (Two
kinds of metric read a clock of their own, or call the program, when they are collected; that is what they are.)
Time, the process's id and the previous baseline come in as arguments. What is thrown away is a returned value,
:class:`Discarded`.

A program with a boto3 client of its own uses :func:`build_payloads`; the stages can also be had one by one.
"""

from aws_satella.pure.chunks import chunk
from aws_satella.pure.datapoints import DataPoint, Discarded, Distribution, Kind, Reason, read
from aws_satella.pure.datum import MetricDatum, Shaper, Sized
from aws_satella.pure.dimensions import Dimension, Merger
from aws_satella.pure.plan import Payload, Plan, build_payloads, select
from aws_satella.pure.temporality import Baseline, Delta, collect, cumulative, note

__all__ = [
    'Baseline',
    'DataPoint',
    'Delta',
    'Dimension',
    'Discarded',
    'Distribution',
    'Kind',
    'Merger',
    'MetricDatum',
    'Payload',
    'Plan',
    'Reason',
    'Shaper',
    'Sized',
    'build_payloads',
    'chunk',
    'collect',
    'cumulative',
    'note',
    'read',
    'select',
]

"""What each argument refuses, and the words in which it says so."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aws_satella.pure import limits

NAMESPACES = "1 to 255 printable ASCII characters, not all blank, that start neither with ':' nor with 'AWS/'"
NAMES = "names of 1 to 255 characters, not all blank, that do not start with ':'"
VALUES = '1 to 1024 characters, not all blank'
UNIT_MAPPINGS = 'a mapping from metric names or shell patterns to units, a callable from a name to a unit, or None'
PATTERNS = "a sequence of shell patterns of metric names, such as ('django.*',)"
INTERVALS = "a number of seconds, at least 0.001, or a text such as '30s', '5m', '1h'"
SECONDS = 'a number of seconds, at least 0'
MOMENTS = 'UNIX seconds, an aware datetime, or None'
DESTINATIONS = (
    "'cloudwatch', 'otlp', or the URL of an OTLP receiver with its path, such as 'http://localhost:4318/v1/metrics'; "
    'https for a host of AWS'
)
LABELS = 'a text of 1 to 1024 printable ASCII characters, not all blank'
VIEWS = "a mapping from metric names or shell patterns to views, such as {'django.*': View(keep=('route',))}"
PATHS = 'the path of a directory, as a text or a path-like object'
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  # without a time zone, which is what is refused
METRICS = "a satella metric, such as getMetric('web'), or None"


REFUSALS: list[tuple[str, Any, str]] = [
    ('namespace', 'AWS/x', f"namespace: 'AWS/x' is not allowed; allowed: {NAMESPACES}"),
    ('namespace', 7, f'namespace: 7 is of type int; allowed: {NAMESPACES}'),
    (
        'extra_dimensions',
        ['a'],
        "extra_dimensions: ['a'] is of type list; allowed: a mapping from names to values, or None",
    ),
    ('extra_dimensions', {7: 'b'}, f'extra_dimensions: 7 is of type int; allowed: {NAMES}'),
    ('extra_dimensions', {':a': 'b'}, f"extra_dimensions: ':a' is not allowed; allowed: {NAMES}"),
    ('extra_dimensions', {'a': ' '}, f"extra_dimensions['a']: ' ' is not allowed; allowed: {VALUES}"),
    ('add_pid', 7, f'add_pid: 7 is of type int; allowed: {NAMES}'),
    ('add_pid', ':pid', f"add_pid: ':pid' is not allowed; allowed: {NAMES}"),
    (
        'max_send_at_once',
        0,
        'max_send_at_once: 0 is not allowed; allowed: a whole number from 1 to 1000',
    ),
    (
        'max_send_at_once',
        1.5,
        'max_send_at_once: 1.5 is of type float; allowed: a whole number from 1 to 1000',
    ),
    ('max_dimensions', 31, 'max_dimensions: 31 is not allowed; allowed: a whole number from 1 to 30'),
    ('max_series', -1, 'max_series: -1 is not allowed; allowed: a whole number, at least 0'),
    ('max_series', '5', "max_series: '5' is of type str; allowed: a whole number, at least 0"),
    ('views', {'a': 3}, "views['a']: 3 is of type int; allowed: a View"),
    ('call_on_metric_upload_fails', None, 'call_on_metric_upload_fails: None is of type NoneType; allowed: a callable'),
    ('call_on_discarded_metric', 'f', "call_on_discarded_metric: 'f' is of type str; allowed: a callable"),
    ('processes', 0, 'processes: 0 is not allowed; allowed: a whole number, at least 1'),
    ('max_buffered', True, 'max_buffered: True is of type bool; allowed: a whole number, at least 0'),
    ('max_buffered', -1, 'max_buffered: -1 is not allowed; allowed: a whole number, at least 0'),
    ('spool', b'a', f"spool: b'a' is of type bytes; allowed: {PATHS}"),
    ('spool', '', f"spool: '' is not allowed; allowed: {PATHS}"),
    ('spool', '\ud800', f"spool: '\\ud800' is not allowed; allowed: {PATHS}"),
    ('spool', 'a\0', f"spool: 'a\\x00' is not allowed; allowed: {PATHS}"),
    ('max_spooled_bytes', 1.5, 'max_spooled_bytes: 1.5 is of type float; allowed: a whole number, at least 1'),
    ('max_spooled_bytes', 0, 'max_spooled_bytes: 0 is not allowed; allowed: a whole number, at least 1'),
    ('storage_resolution', 30, 'storage_resolution: 30 is not allowed; allowed: 1 or 60'),
    (
        'temporality',
        'Delta',
        "temporality: 'Delta' is not allowed; allowed: 'cumulative' or 'delta'. Did you mean 'delta'?",
    ),
    ('views', ['a'], f"views: ['a'] is of type list; allowed: {VIEWS}"),
    ('idle_after', 0, f'idle_after: 0 is not allowed; allowed: {INTERVALS}'),
    ('units', 'Bytes', f"units: 'Bytes' is of type str; allowed: {UNIT_MAPPINGS}"),
    ('units', {7: 'Bytes'}, 'units: 7 is of type int; allowed: metric names or shell patterns as keys'),
    ('units', {'a': '!'}, f"units['a']: '!' is not allowed; allowed: {', '.join(limits.UNITS)}"),
    ('exclude', 'a.*', f"exclude: 'a.*' is of type str; allowed: {PATTERNS}"),
    ('exclude', ['a', 7], f'exclude: 7 is of type int; allowed: {PATTERNS}'),
    ('interval', [5], f'interval: [5] is of type list; allowed: {INTERVALS}'),
    ('interval', True, f'interval: True is of type bool; allowed: {INTERVALS}'),
    ('interval', None, f'interval: None is of type NoneType; allowed: {INTERVALS}'),
    ('interval', 'soon', f"interval: 'soon' is not allowed; allowed: {INTERVALS}"),
    ('interval', 0, f'interval: 0 is not allowed; allowed: {INTERVALS}'),
    ('exit_timeout', True, f'exit_timeout: True is of type bool; allowed: {SECONDS}'),
    ('exit_timeout', '2', f"exit_timeout: '2' is of type str; allowed: {SECONDS}"),
    ('in_forks', 'no', "in_forks: 'no' is of type str; allowed: True or False"),
    ('handle_sigterm', 1, 'handle_sigterm: 1 is of type int; allowed: True or False'),
    ('exit_timeout', -1, f'exit_timeout: -1 is not allowed; allowed: {SECONDS}'),
    ('timestamp', 'now', f"timestamp: 'now' is of type str; allowed: {MOMENTS}"),
    ('timestamp', True, f'timestamp: True is of type bool; allowed: {MOMENTS}'),
    ('timestamp', NAIVE, f'timestamp: {NAIVE!r} is not allowed; allowed: {MOMENTS}'),
    ('timestamp', 1e20, f'timestamp: 1e+20 is not allowed; allowed: {MOMENTS}'),
    ('destination', 7, f'destination: 7 is of type int; allowed: {DESTINATIONS}'),
    ('destination', 'OTLP', f"destination: 'OTLP' is not allowed; allowed: {DESTINATIONS}"),
    ('destination', 'http://a:4318', f"destination: 'http://a:4318' is not allowed; allowed: {DESTINATIONS}"),
    ('service', 7, f'service: 7 is of type int; allowed: {LABELS}'),
    ('service', ' ', f"service: ' ' is not allowed; allowed: {LABELS}"),
    ('environment', 'a\n', f"environment: 'a\\n' is not allowed; allowed: {LABELS}"),
    ('self_metrics', 'yes', "self_metrics: 'yes' is of type str; allowed: True or False"),
    ('client_factory', 7, 'client_factory: 7 is of type int; allowed: a callable'),
    ('root', 'web', f"root: 'web' is of type str; allowed: {METRICS}"),
]
"""Argument, value → message. What other functions than the exporter take is among them."""

URL = 'http://localhost:4318/v1/metrics'

TOGETHER: list[tuple[dict[str, Any], str]] = [
    ({'environment': 'prod'}, "environment: 'prod' is not allowed; allowed: None without service"),
    (
        {'destination': URL, 'client_factory': dict},
        (
            "client_factory: <class 'dict'> is not allowed; "
            f'allowed: None with destination={URL!r}, which needs no client of AWS'
        ),
    ),
    (
        {'extra_dimensions': {'b': 1, 'a': 2}, 'add_pid': 'pid', 'max_dimensions': 2},
        "extra_dimensions: ['a', 'b', 'pid'] is not allowed; allowed: at most max_dimensions=2 with the pid",
    ),
]
"""Arguments that are allowed each by itself, and not together → message."""

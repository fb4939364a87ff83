"""The arguments of an exporter once more: their names, their defaults, and values that are allowed."""

from __future__ import annotations

import inspect
from typing import Any

from hypothesis import strategies as st
from property.cloudwatch import UNITS
from property.texts import plain

from aws_satella import View
from aws_satella.pure.arguments import ignore

EXPECTED: dict[str, Any] = {
    'namespace': inspect.Parameter.empty,
    'extra_dimensions': None,
    'interval': '300s',
    'max_send_at_once': 20,
    'add_pid': None,
    'call_on_metric_upload_fails': ignore,
    'call_on_discarded_metric': ignore,
    'destination': 'cloudwatch',
    'max_dimensions': 10,
    'temporality': 'cumulative',
    'views': None,
    'units': None,
    'storage_resolution': 60,
    'max_series': None,
    'idle_after': None,
    'exclude': (),
    'max_buffered': 20_000,
    'spool': None,
    'max_spooled_bytes': 100_000_000,
    'service': None,
    'environment': None,
    'exit_timeout': 2.0,
    'in_forks': None,
    'handle_sigterm': False,
    'self_metrics': False,
    'client_factory': None,
    'root': None,
}
"""Every keyword and its default, in order. The first seven are those of 2.4, and may be given by position."""


BY_POSITION = list(EXPECTED)[:7]


VALUES: dict[str, st.SearchStrategy[Any]] = {
    'namespace': plain,
    'extra_dimensions': st.one_of(st.none(), st.dictionaries(plain, plain, max_size=2)),
    'interval': st.one_of(st.integers(1, 10**6), st.sampled_from(('5s', '1m'))),
    'max_send_at_once': st.integers(1, 1000),
    'add_pid': st.one_of(st.none(), st.just(''), plain),
    'call_on_metric_upload_fails': st.sampled_from((print, len)),
    'call_on_discarded_metric': st.sampled_from((print, len)),
    'destination': st.sampled_from(('cloudwatch', 'otlp')),
    'max_dimensions': st.integers(3, 30),
    'temporality': st.sampled_from(('cumulative', 'delta')),
    'views': st.one_of(st.none(), st.dictionaries(plain, st.sampled_from((View(), View(keep=('a',), max_series=3))))),
    'units': st.one_of(st.none(), st.just(str.title), st.dictionaries(plain, st.sampled_from(sorted(UNITS)))),
    'storage_resolution': st.sampled_from((1, 60)),
    'max_series': st.one_of(st.none(), st.integers(0, 10**6)),
    'idle_after': st.one_of(st.none(), st.integers(1, 10**6), st.just('1h')),
    'exclude': st.lists(plain, max_size=3),
    'max_buffered': st.integers(0, 10**6),
    'spool': st.none() | st.just('/var/lib/shop/metrics'),
    'max_spooled_bytes': st.integers(1, 10**9),
    'service': st.none() | plain,
    'environment': st.none(),
    'exit_timeout': st.floats(0, 1e6),
    'in_forks': st.none() | st.booleans(),
    'handle_sigterm': st.booleans(),
    'self_metrics': st.booleans(),
    'client_factory': st.sampled_from((None, dict)),
    'root': st.none(),
}
"""Values that are allowed."""


calls = st.fixed_dictionaries(
    {'namespace': VALUES['namespace']},
    optional={name: values for name, values in VALUES.items() if name != 'namespace'},
)
"""Keywords of a call that is allowed."""

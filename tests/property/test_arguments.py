"""What each argument may be, and what is said where it is not."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.cloudwatch import UNITS, violations
from property.texts import blank, escaped, texts
from satella.instrumentation.metrics import MetricData, getMetric

from aws_satella.pure import Merger, Plan, arguments, build_payloads, limits

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    st.builds(object),
    st.just(1j),
    st.sampled_from((10**400, -(10**400), Decimal('NaN'), math.nan, len, str)),
)
CHECKS: dict[str, Callable[[Any], object]] = {
    'namespace': arguments.namespace,
    'extra_dimensions': arguments.extra_dimensions,
    'add_pid': arguments.add_pid,
    'max_send_at_once': lambda value: arguments.whole_number('max_send_at_once', value, 1, 1000),
    'max_buffered': lambda value: arguments.whole_number('max_buffered', value, 0),
    'storage_resolution': lambda value: arguments.one_of('storage_resolution', value, (1, 60)),
    'temporality': arguments.temporality,
    'units': arguments.units,
    'exclude': arguments.exclude,
    'interval': arguments.interval,
    'exit_timeout': lambda value: arguments.seconds('exit_timeout', value),
    'timestamp': arguments.timestamp,
    'client_factory': lambda value: arguments.function('client_factory', value),
    'root': arguments.root,
}


def refusal(check: Callable[[Any], object], value: Any) -> str | None:
    """What is said of the value; nothing where it is taken."""
    try:
        check(value)
    except (ValueError, TypeError) as error:
        return str(error)
    return None


@pytest.mark.parametrize('argument', CHECKS)
@given(value=anything)
def test_whatever_is_given_is_taken_or_refused_by_name(argument: str, value: Any) -> None:
    """A value is taken, or the error names the argument and says what is allowed; there is no third way."""
    said = refusal(CHECKS[argument], value)
    assert said is None or (said.startswith(argument) and 'allowed: ' in said)


NAMESPACES = "1 to 255 printable ASCII characters, not all blank, that start neither with ':' nor with 'AWS/'"
NAMES = "names of 1 to 255 characters, not all blank, that do not start with ':'"
VALUES = '1 to 1024 characters, not all blank'
UNIT_MAPPINGS = 'a mapping from metric names or shell patterns to units, a callable from a name to a unit, or None'
PATTERNS = "a sequence of shell patterns of metric names, such as ('django.*',)"
INTERVALS = "a number of seconds above 0, or a text such as '30s', '5m', '1h'"
SECONDS = 'a number of seconds, at least 0'
MOMENTS = 'UNIX seconds, an aware datetime, or None'
METRICS = "a satella metric, such as getMetric('web'), or None"


@pytest.mark.parametrize(
    ('argument', 'value', 'said'),
    [
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
        ('max_buffered', True, 'max_buffered: True is of type bool; allowed: a whole number, at least 0'),
        ('max_buffered', -1, 'max_buffered: -1 is not allowed; allowed: a whole number, at least 0'),
        ('storage_resolution', 30, 'storage_resolution: 30 is not allowed; allowed: 1 or 60'),
        (
            'temporality',
            'Delta',
            "temporality: 'Delta' is not allowed; allowed: 'cumulative' or 'delta'. Did you mean 'delta'?",
        ),
        ('units', 'Bytes', f"units: 'Bytes' is of type str; allowed: {UNIT_MAPPINGS}"),
        ('units', {7: 'Bytes'}, 'units: 7 is of type int; allowed: metric names or shell patterns as keys'),
        ('units', {'a': '!'}, f"units['a']: '!' is not allowed; allowed: {', '.join(limits.UNITS)}"),
        ('exclude', 'a.*', f"exclude: 'a.*' is of type str; allowed: {PATTERNS}"),
        ('exclude', ['a', 7], f'exclude: 7 is of type int; allowed: {PATTERNS}'),
        ('interval', [5], f'interval: [5] is of type list; allowed: {INTERVALS}'),
        ('interval', 'soon', f"interval: 'soon' is not allowed; allowed: {INTERVALS}"),
        ('interval', 0, f'interval: 0 is not allowed; allowed: {INTERVALS}'),
        ('exit_timeout', '2', f"exit_timeout: '2' is of type str; allowed: {SECONDS}"),
        ('exit_timeout', -1, f'exit_timeout: -1 is not allowed; allowed: {SECONDS}'),
        ('timestamp', 'now', f"timestamp: 'now' is of type str; allowed: {MOMENTS}"),
        ('timestamp', 1e20, f'timestamp: 1e+20 is not allowed; allowed: {MOMENTS}'),
        ('client_factory', 7, 'client_factory: 7 is of type int; allowed: a callable'),
        ('root', 'web', f"root: 'web' is of type str; allowed: {METRICS}"),
    ],
)
def test_a_refusal_says_what_was_given_and_what_is_allowed(argument: str, value: Any, said: str) -> None:
    """The whole message, as its reader sees it: the argument, the value, its type where that is wrong, what may be."""
    assert refusal(CHECKS[argument], value) == said


@pytest.mark.parametrize(
    ('argument', 'allowed', 'refused'),
    [
        ('namespace', 'n' * 255, 'n' * 256),
        ('extra_dimensions', {'n' * 255: 'v'}, {'n' * 256: 'v'}),
        ('extra_dimensions', {'n': 'v' * 1024}, {'n': 'v' * 1025}),
        ('exit_timeout', sys.float_info.max, math.inf),
    ],
)
def test_bounds_belong_to_what_they_bound(argument: str, allowed: Any, refused: Any) -> None:
    """What is just allowed is taken; the next is refused."""
    assert refusal(CHECKS[argument], allowed) is None
    assert refusal(CHECKS[argument], refused) is not None


@given(st.one_of(texts(255), texts(255).map(lambda text: f'AWS/{text}'), st.just('a' * 256)))
def test_a_namespace(namespace: str) -> None:
    """What is taken is what CloudWatch takes, and goes out unchanged; all that it takes is taken."""
    takes = (
        0 < len(namespace) <= 255
        and not blank(namespace)
        and escaped(namespace) == namespace
        and not namespace.startswith((':', 'AWS/'))
    )
    assert (refusal(arguments.namespace, namespace) is None) == takes
    if takes:
        (payload,) = build_payloads([MetricData('m', 1)], namespace)
        assert payload['Namespace'] == namespace
        assert not violations(payload)


@given(st.dictionaries(texts(255), texts(1024), max_size=3))
def test_extra_dimensions(extra: dict[str, str]) -> None:
    """What is taken makes valid dimensions; what would not is refused."""
    valid = all(
        not blank(escaped(name))
        and len(escaped(name)) <= 255
        and name[0] != ':'
        and not blank(value)
        and len(escaped(value)) <= 1024
        for name, value in extra.items()
    )
    assert (refusal(arguments.extra_dimensions, extra) is None) == valid
    if valid:
        (payload,) = build_payloads([MetricData('m', 1)], 'N', extra_dimensions=extra)
        assert not violations(payload)
        merged = Merger(arguments.extra_dimensions(extra), 10).merge({})
        assert isinstance(merged, tuple)


def test_values_of_extra_dimensions_are_texts() -> None:
    """Anything that has a text is one."""
    assert arguments.extra_dimensions({'a': 1, 'b': None, 'c': 1.5}) == {'a': '1', 'b': 'None', 'c': '1.5'}
    assert arguments.extra_dimensions(None) == {}


def test_the_pid_needs_a_name() -> None:
    """None and an empty name mean no pid; any other is a dimension's name."""
    assert arguments.add_pid(None) is None
    assert arguments.add_pid('') is None
    assert arguments.add_pid('pid') == 'pid'
    assert refusal(arguments.add_pid, ':pid')
    assert refusal(arguments.add_pid, ' ')


@pytest.mark.parametrize(('extra', 'pid', 'taken'), [(9, 'pid', True), (10, None, True), (10, 'pid', False)])
def test_every_series_has_room(extra: int, pid: str | None, taken: bool) -> None:
    """Extra dimensions and pid alone must not be too many; a pid of the same name as one takes no more room."""
    dimensions = {f'd{index}': 'v' for index in range(extra)}
    said = refusal(lambda each: Plan('N', each, add_pid=pid), dimensions)
    assert (said is None) == taken
    assert refusal(lambda each: Plan('N', each, add_pid='d0'), dimensions) is None


def test_too_many_dimensions_for_every_series_are_named() -> None:
    """The message has those that every series would get, the pid among them, and how many there may be."""
    said = refusal(lambda each: Plan('N', each, add_pid='pid', max_dimensions=2), {'b': 1, 'a': 2})
    assert said == "extra_dimensions: ['a', 'b', 'pid'] is not allowed; allowed: at most max_dimensions=2 with the pid"


@given(st.integers(-3, 40), st.integers(-3, 10), st.integers(0, 30))
def test_whole_numbers(value: int, least: int, more: int) -> None:
    """Within its bounds, both included."""
    said = refusal(lambda each: arguments.whole_number('n', each, least, least + more), value)
    assert (said is None) == (least <= value <= least + more)
    assert (refusal(lambda each: arguments.whole_number('n', each, least), value) is None) == (value >= least)
    assert said is None or f'from {least} to {least + more}' in said


class _Index:
    """A whole number of another library's."""

    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize(
    ('value', 'result'), [(_Index(), 7), (True, None), (7.0, None), ('7', None), (None, None), (Decimal(7), None)]
)
def test_what_counts_as_a_whole_number(value: Any, result: int | None) -> None:
    """Whole numbers of any library, as Python's; no fractions, texts or truths."""
    if result is None:
        with pytest.raises(TypeError, match=r'^n: .*allowed: '):
            arguments.whole_number('n', value, 0, 10)
    else:
        assert type(arguments.whole_number('n', value, 0, 10)) is int
        assert arguments.whole_number('n', value, 0, 10) == result


class _Sixty(int):
    """An equal of another type."""


@pytest.mark.parametrize(('value', 'taken'), [(1, True), (60, True), (True, False), (1.0, False), (30, False)])
def test_one_of_a_few(value: Any, taken: bool) -> None:
    """An equal of a type that botocore would not take is refused; what is taken is the allowed value itself."""
    assert (refusal(lambda each: arguments.one_of('r', each, (1, 60)), value) is None) == taken
    assert type(arguments.one_of('r', _Sixty(60), (1, 60))) is int


@given(
    st.sampled_from(sorted(UNITS)), st.sampled_from((str.lower, str.upper, lambda unit: unit + 's', lambda u: u[1:]))
)
def test_a_misspelt_unit_is_refused_with_the_nearest(unit: str, misspell: Callable[[str], str]) -> None:
    """The error asks whether the nearest unit was meant."""
    wrong = misspell(unit)
    said = refusal(arguments.units, {'a': wrong})
    if wrong in UNITS:
        assert said is None
        return
    assert said is not None
    assert said.startswith("units['a']")
    assert 'Did you mean' in said
    if wrong.lower() == unit.lower():
        assert f'Did you mean {unit!r}?' in said
    assert refusal(arguments.units, {'a': unit, '*.b': 'None'}) is None


def test_units_may_be_asked_for() -> None:
    """A callable is taken as it is; its answers are checked when they come."""
    assert arguments.units(str.title) is str.title
    assert arguments.units(None) is None


@pytest.mark.parametrize(
    ('value', 'seconds'),
    [
        ('300s', 300.0),
        ('5m', 300.0),
        ('1h', 3600.0),
        ('1d', 86400.0),
        ('0.5', 0.5),
        (1, 1.0),
        (0.25, 0.25),
        ('30 min', 1800.0),
    ],
)
def test_an_interval(value: Any, seconds: float) -> None:
    """Numbers, and satella's own notation."""
    assert arguments.interval(value) == seconds
    assert type(arguments.interval(value)) is float


@pytest.mark.parametrize(
    'value', [0, -1, '0s', '-5m', math.inf, math.nan, 10**400, '', 'soon', 'm', 'inf', 'nan', '1e999']
)
def test_what_is_no_interval(value: Any) -> None:
    """Nothing that is not above zero and finite."""
    with pytest.raises(ValueError, match=r'^interval: .*allowed: '):
        arguments.interval(value)


@given(st.text(st.sampled_from('0123456789.smhdw -+e_\x00٣'), max_size=8))
@example('1' * 5000)
def test_any_text_is_an_interval_or_none(value: str) -> None:
    """Whatever a configuration file holds, the answer is a number above zero, or a refusal."""
    said = refusal(arguments.interval, value)
    assert said is None or said.startswith('interval: ')
    assert said is not None or 0 < arguments.interval(value) < math.inf


@pytest.mark.parametrize(
    ('value', 'taken'), [(0, True), (2.5, True), (-0.1, False), (math.inf, False), (10**400, False)]
)
def test_a_span_of_seconds(value: float, taken: bool) -> None:
    """Zero included, and finite."""
    assert (refusal(lambda each: arguments.seconds('t', each), value) is None) == taken


@given(st.one_of(st.floats(), st.integers(-(10**12), 10**13)))
@example(sys.float_info.max)
@example(-62_135_596_800)
def test_a_timestamp(value: float) -> None:
    """UNIX seconds that are within the years 1 to 9999, as a moment in UTC."""
    said = refusal(arguments.timestamp, value)
    if said is None:
        moment = arguments.timestamp(value)
        assert isinstance(moment, datetime)
        assert moment.tzinfo is timezone.utc
        assert abs(moment.timestamp() - value) < 1e-5
    else:
        assert not math.isfinite(value) or value < -62_135_596_800 or value > 253_402_300_799


def test_functions_and_roots() -> None:
    """A function can be called; a root has data to give."""
    assert arguments.function('f', len) is len
    assert refusal(lambda each: arguments.function('f', each), 7)
    metric = getMetric('a', 'int')
    assert arguments.root(metric) is metric
    assert arguments.root(None) is None
    assert refusal(arguments.root, 'a')


@pytest.mark.parametrize('value', ['a.*', b'a', 7, ['a', 7], None])
def test_what_is_no_list_of_patterns(value: Any) -> None:
    """One pattern is no list of patterns: it would be read letter by letter."""
    with pytest.raises(TypeError, match=r'^exclude: .*allowed: '):
        arguments.exclude(value)


def test_patterns_may_come_in_any_way() -> None:
    """They are kept, so that an iterator serves for every cycle."""
    assert arguments.exclude(iter(['a', 'b.*'])) == ('a', 'b.*')
    assert arguments.exclude(()) == ()

"""What each kind of argument may be, and what the error says if it is not."""

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

from aws_satella.pure import ArgumentError, Arguments, ArgumentTypeError, Merger, build_payloads, checks, limits
from aws_satella.pure.arguments import DEFAULTS
from aws_satella.pure.binding import check
from aws_satella.pure.errors import suggestion

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
OTHERS: dict[str, Callable[[str, Any], object]] = {'timestamp': checks.timestamp, 'processes': checks.whole_number(1)}
"""Arguments of other functions than the exporter."""


def check_of(argument: str, value: Any) -> None:
    """Check one argument by itself."""
    if argument in OTHERS:
        OTHERS[argument](argument, value)
    else:
        check(argument, value)


def refused(
    check: Callable[[str, Any], object], value: Any, argument: str = 'it'
) -> ArgumentError | ArgumentTypeError | None:
    """The error that the value gives; None where it is taken."""
    try:
        check(argument, value)
    except (ArgumentError, ArgumentTypeError) as error:
        return error
    return None


def refusal(check: Callable[[str, Any], object], value: Any, argument: str = 'it') -> str | None:
    """What is said of the value; None where it is taken."""
    error = refused(check, value, argument)
    return None if error is None else str(error)


def refusal_of(argument: str, value: Any) -> str | None:
    """What is said of a value of this argument; None where it is taken."""
    return refusal(check_of, value, argument)


@pytest.mark.parametrize('argument', [*DEFAULTS, *OTHERS])
@given(value=anything)
def test_any_value_is_taken_or_refused_by_name(argument: str, value: Any) -> None:
    """A value is taken, or the error names the argument and says what is allowed."""
    said = refusal_of(argument, value)
    assert said is None or (said.startswith(argument) and 'allowed: ' in said)


@pytest.mark.parametrize('argument', [*DEFAULTS, *OTHERS])
@given(value=anything)
def test_error_has_the_argument_and_the_value(argument: str, value: Any) -> None:
    """An error has the argument, the value and what is allowed as attributes, so that nobody has to parse its text."""
    error = refused(check_of, value, argument)
    if error is not None:
        assert error.argument.split('[')[0] == argument
        assert error.value is value or isinstance(value, (dict, list)), 'a part of a mapping or a list may be wrong'
        assert str(error) == f'{error.problem}; allowed: {error.allowed}'


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
    ('idle_after', 0, f'idle_after: 0 is not allowed; allowed: {INTERVALS}'),
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
    ('interval', 'soon', f"interval: 'soon' is not allowed; allowed: {INTERVALS}"),
    ('interval', 0, f'interval: 0 is not allowed; allowed: {INTERVALS}'),
    ('exit_timeout', '2', f"exit_timeout: '2' is of type str; allowed: {SECONDS}"),
    ('in_forks', 'no', "in_forks: 'no' is of type str; allowed: True or False"),
    ('handle_sigterm', 1, 'handle_sigterm: 1 is of type int; allowed: True or False'),
    ('exit_timeout', -1, f'exit_timeout: -1 is not allowed; allowed: {SECONDS}'),
    ('timestamp', 'now', f"timestamp: 'now' is of type str; allowed: {MOMENTS}"),
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


@pytest.mark.parametrize(('argument', 'value', 'said'), REFUSALS)
def test_refusal_says_what_was_given_and_what_is_allowed(argument: str, value: Any, said: str) -> None:
    """The message has the argument, the value, its type where that is wrong, and what is allowed."""
    assert refusal_of(argument, value) == said


@pytest.mark.parametrize(('argument', 'value', 'said'), REFUSALS)
def test_refusal_is_an_error_of_its_kind(argument: str, value: Any, said: str) -> None:
    """A wrong type is a ``TypeError``, and a wrong value is a ``ValueError``."""
    kind: type[Exception] = ArgumentTypeError if ' is of type ' in said else ArgumentError
    with pytest.raises(kind) as raised:
        check_of(argument, value)
    assert isinstance(raised.value, TypeError) == (kind is ArgumentTypeError)
    assert isinstance(raised.value, ValueError) == (kind is ArgumentError)


def test_every_argument_has_a_refusal() -> None:
    """The table of refusals has every argument, so that the message of each is written down."""
    assert {argument for argument, _, _ in REFUSALS} == {*DEFAULTS, *OTHERS}


@pytest.mark.parametrize(
    ('argument', 'allowed', 'refused'),
    [
        ('namespace', 'n' * 255, 'n' * 256),
        ('extra_dimensions', {'n' * 255: 'v'}, {'n' * 256: 'v'}),
        ('extra_dimensions', {'n': 'v' * 1024}, {'n': 'v' * 1025}),
        ('exit_timeout', sys.float_info.max, math.inf),
        ('exit_timeout', 0, -1),
        ('max_send_at_once', 1, 0),
        ('max_send_at_once', 1000, 1001),
        ('max_dimensions', 1, 0),
        ('max_dimensions', 30, 31),
        ('max_series', 0, -1),
        ('max_buffered', 0, -1),
        ('max_spooled_bytes', 1, 0),
    ],
)
def test_bounds_belong_to_what_they_bound(argument: str, allowed: Any, refused: Any) -> None:
    """The last value that is allowed is taken, and the next is refused."""
    assert refusal_of(argument, allowed) is None
    assert refusal_of(argument, refused) is not None


@given(st.one_of(texts(255), texts(255).map(lambda text: f'AWS/{text}'), st.just('a' * 256)))
def test_namespace(namespace: str) -> None:
    """A namespace is taken if CloudWatch takes it, and is sent unchanged."""
    takes = (
        0 < len(namespace) <= 255
        and not blank(namespace)
        and escaped(namespace) == namespace
        and not namespace.startswith((':', 'AWS/'))
    )
    assert (refusal(checks.namespace, namespace) is None) == takes
    if takes:
        (payload,) = build_payloads([MetricData('m', 1)], namespace)
        assert payload['Namespace'] == namespace
        assert not violations(payload)


@given(st.dictionaries(texts(255), texts(1024), max_size=3))
def test_extra_dimensions(extra: dict[str, str]) -> None:
    """Extra dimensions are taken if they make valid dimensions."""
    valid = all(
        not blank(escaped(name))
        and len(escaped(name)) <= 255
        and name[0] != ':'
        and not blank(value)
        and len(escaped(value)) <= 1024
        for name, value in extra.items()
    )
    assert (refusal(checks.dimensions, extra) is None) == valid
    if valid:
        (payload,) = build_payloads([MetricData('m', 1)], 'N', extra_dimensions=extra)
        assert not violations(payload)
        merged = Merger(checks.dimensions('it', extra), 10, lambda name: lambda value: (name, value)).merge({})
        assert isinstance(merged, list)


def test_values_of_extra_dimensions_are_texts() -> None:
    """Values of any type are sent as their ``str()``."""
    assert checks.dimensions('it', {'a': 1, 'b': None, 'c': 1.5}) == {'a': '1', 'b': 'None', 'c': '1.5'}
    assert checks.dimensions('it', None) == {}


def test_pid_needs_a_name() -> None:
    """None and an empty name mean no pid. Any other is the name of a dimension."""
    assert checks.dimension_name('it', None) is None
    assert checks.dimension_name('it', '') is None
    assert checks.dimension_name('it', 'pid') == 'pid'
    assert refusal(checks.dimension_name, ':pid')
    assert refusal(checks.dimension_name, ' ')


@pytest.mark.parametrize(('extra', 'pid', 'taken'), [(9, 'pid', True), (10, None, True), (10, 'pid', False)])
def test_every_series_has_room(extra: int, pid: str | None, taken: bool) -> None:
    """Extra dimensions and pid alone must not be too many. A pid with the name of an extra dimension takes no more
    room."""
    dimensions = {f'd{index}': 'v' for index in range(extra)}
    said = refusal(lambda _, each: Arguments('N', each, add_pid=pid), dimensions)
    assert (said is None) == taken
    assert refusal(lambda _, each: Arguments('N', each, add_pid='d0'), dimensions) is None


def test_too_many_dimensions_for_every_series_are_named() -> None:
    """The message has the dimensions that every series would get, the pid among them, and how many there may be."""
    said = refusal(lambda _, each: Arguments('N', each, add_pid='pid', max_dimensions=2), {'b': 1, 'a': 2})
    assert said == "extra_dimensions: ['a', 'b', 'pid'] is not allowed; allowed: at most max_dimensions=2 with the pid"


@given(st.integers(-3, 40), st.integers(-3, 10), st.integers(0, 30))
def test_whole_numbers(value: int, least: int, more: int) -> None:
    """A whole number is taken within its bounds, both included."""
    said = refusal(checks.whole_number(least, least + more), value)
    assert (said is None) == (least <= value <= least + more)
    assert (refusal(checks.whole_number(least), value) is None) == (value >= least)
    assert said is None or f'from {least} to {least + more}' in said


class _Index:
    """A whole number of another library."""

    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize(
    ('value', 'result'), [(_Index(), 7), (True, None), (7.0, None), ('7', None), (None, None), (Decimal(7), None)]
)
def test_what_counts_as_a_whole_number(value: Any, result: int | None) -> None:
    """A whole number of any library becomes one of Python. Fractions, texts and truth values are refused."""
    if result is None:
        with pytest.raises(ArgumentTypeError, match=r'^n: .*allowed: '):
            checks.whole_number(0, 10)('n', value)
    else:
        assert type(checks.whole_number(0, 10)('n', value)) is int
        assert checks.whole_number(0, 10)('n', value) == result


@given(anything)
def test_optional_argument_may_be_none(value: Any) -> None:
    """None is taken, and any other value as without it."""
    assert checks.optional(checks.whole_number(0))('n', None) is None
    if value is not None:
        assert refusal(checks.optional(checks.whole_number(0)), value) == refusal(checks.whole_number(0), value)


class _Sixty(int):
    """A number of a class of its own."""


@pytest.mark.parametrize(('value', 'taken'), [(1, True), (60, True), (True, False), (1.0, False), (30, False)])
def test_one_of_a_few(value: Any, taken: bool) -> None:
    """An equal value of a type that botocore would not take is refused. What is taken is the allowed value itself."""
    assert (refusal(checks.one_of(1, 60), value) is None) == taken
    assert type(checks.one_of(1, 60)('r', _Sixty(60))) is int


@given(
    st.sampled_from(sorted(UNITS)), st.sampled_from((str.lower, str.upper, lambda unit: unit + 's', lambda u: u[1:]))
)
def test_misspelt_unit_is_refused_with_the_nearest(unit: str, misspell: Callable[[str], str]) -> None:
    """The error asks whether the nearest unit was meant."""
    wrong = misspell(unit)
    said = refusal_of('units', {'a': wrong})
    if wrong in UNITS:
        assert said is None
        return
    assert said is not None
    assert said.startswith("units['a']")
    assert 'Did you mean' in said
    if wrong.lower() == unit.lower():
        assert f'Did you mean {unit!r}?' in said
    assert refusal_of('units', {'a': unit, '*.b': 'None'}) is None


def test_units_may_be_asked_for() -> None:
    """A callable is taken as it is. Its answers are checked when they come."""
    assert checks.units('units', str.title) is str.title
    assert checks.units('units', None) is None


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
def test_interval(value: Any, seconds: float) -> None:
    """An interval is a number of seconds, or a text in the notation of satella."""
    assert checks.interval('interval', value) == seconds
    assert type(checks.interval('interval', value)) is float


@pytest.mark.parametrize(
    'value',
    [0, -1, 1e-310, 9e-4, '0s', '-5m', math.inf, math.nan, 10**400, '', 'soon', 'm', 'inf', 'nan', '1e999'],
)
def test_what_is_no_interval(value: Any) -> None:
    """An interval is a millisecond at least, and finite."""
    with pytest.raises(ArgumentError, match=r'^interval: .*allowed: '):
        checks.interval('interval', value)


@given(st.text(st.sampled_from('0123456789.smhdw -+e_\x00٣'), max_size=8))
@example('1' * 5000)
def test_any_text_is_an_interval_or_none(value: str) -> None:
    """Any text of a configuration file gives a number above zero, or a refusal."""
    said = refusal_of('interval', value)
    assert said is None or said.startswith('interval: ')
    assert said is not None or 0 < checks.interval('interval', value) < math.inf


@pytest.mark.parametrize(
    ('value', 'taken'), [(0, True), (2.5, True), (-0.1, False), (math.inf, False), (10**400, False)]
)
def test_span_of_seconds(value: float, taken: bool) -> None:
    """A span of seconds is finite, and may be zero."""
    assert (refusal(checks.seconds, value) is None) == taken


@given(st.one_of(st.floats(), st.integers(-(10**12), 10**13)))
@example(sys.float_info.max)
@example(-62_135_596_800)
def test_timestamp(value: float) -> None:
    """UNIX seconds within the years 1 to 9999 become a moment in UTC."""
    said = refusal(checks.timestamp, value)
    if said is None:
        moment = checks.timestamp('timestamp', value)
        assert isinstance(moment, datetime)
        assert moment.tzinfo is timezone.utc
        assert abs(moment.timestamp() - value) < 1e-5
    else:
        assert not math.isfinite(value) or value < -62_135_596_800 or value > 253_402_300_799


def test_functions_and_roots() -> None:
    """A function can be called, and a root has ``to_metric_data``."""
    assert checks.function('f', len) is len
    assert refusal(checks.function, 7)
    metric = getMetric('a', 'int')
    assert checks.metric('root', metric) is metric
    assert checks.metric('root', None) is None
    assert refusal(checks.metric, 'a')


@pytest.mark.parametrize('value', ['a.*', b'a', 7, ['a', 7], None])
def test_what_is_no_list_of_patterns(value: Any) -> None:
    """A single pattern is refused, since it would be read letter by letter."""
    with pytest.raises(ArgumentTypeError, match=r'^exclude: .*allowed: '):
        checks.patterns('exclude', value)


def test_patterns_may_come_in_any_way() -> None:
    """Patterns are kept as a tuple, so that an iterator serves for every cycle."""
    assert checks.patterns('exclude', iter(['a', 'b.*'])) == ('a', 'b.*')
    assert checks.patterns('exclude', ()) == ()


class _Secretive:
    """A value whose ``repr()`` raises."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ('value', 'shown'), [(_Secretive(), '<_Secretive>'), (10**5_000, '<int>')], ids=['raises', 'long']
)
def test_value_without_a_text_is_named_by_its_type(value: Any, shown: str) -> None:
    """A value whose ``repr()`` raises is still refused by the name of the argument."""
    said = refusal_of('max_send_at_once', value)
    assert said is not None
    assert said.startswith(f'max_send_at_once: {shown} is ')


@pytest.mark.parametrize(
    ('value', 'allowed', 'said'),
    [
        ('Delta', ('cumulative', 'delta'), "Did you mean 'delta'?"),
        ('delta', ('cumulative', 'Delta'), "Did you mean 'Delta'?"),
        ('xyz', ('cumulative', 'delta'), ''),
        (7, ('cumulative', 'delta'), ''),
        ('seven', (7, 8), ''),
    ],
)
def test_suggestion(value: object, allowed: tuple[object, ...], said: str) -> None:
    """A misspelt text is answered with the nearest one that is allowed, whatever its case."""
    assert suggestion(value, allowed) == said

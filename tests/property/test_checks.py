"""What each kind of argument may be, and what the error says if it is not."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.cloudwatch import UNITS, violations
from property.refusals import REFUSALS
from property.texts import blank, escaped, texts
from satella.instrumentation.metrics import MetricData, getMetric

from aws_satella.pure import ArgumentError, Arguments, ArgumentTypeError, Merger, build_payloads, checks
from aws_satella.pure.arguments import DEFAULTS
from aws_satella.pure.binding import check

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
def test_check_takes_a_value_or_refuses_it_by_name(argument: str, value: Any) -> None:
    """A value is taken, or the error has the argument, the value and what is allowed, as text and as attributes."""
    error = refused(check_of, value, argument)
    if error is not None:
        assert error.argument.split('[')[0] == argument
        assert error.value is value or isinstance(value, (dict, list)), 'a part of a mapping or a list may be wrong'
        assert error.problem.startswith(argument)
        assert str(error) == f'{error.problem}; allowed: {error.allowed}'


@pytest.mark.parametrize(('argument', 'value', 'said'), REFUSALS)
def test_check_says_what_was_given_and_what_is_allowed(argument: str, value: Any, said: str) -> None:
    """The message has the argument, the value, its type where that is wrong, and what is allowed. A wrong type is a
    ``TypeError``, and a wrong value is a ``ValueError``."""
    with pytest.raises((ArgumentError, ArgumentTypeError)) as raised:
        check_of(argument, value)
    assert str(raised.value) == said
    assert isinstance(raised.value, TypeError) == (' is of type ' in said)
    assert isinstance(raised.value, ValueError) != isinstance(raised.value, TypeError)


def test_refusals_are_those_of_all_arguments() -> None:
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
        ('interval', 0.001, 0.000999),
        ('service', 's' * 1024, 's' * 1025),
        ('spool', '\udcff', '\udd00'),
    ],
)
def test_check_takes_the_last_value_within_a_bound(argument: str, allowed: Any, refused: Any) -> None:
    """The last value that is allowed is taken, and the next is refused."""
    assert refusal_of(argument, allowed) is None
    assert refusal_of(argument, refused) is not None


@given(st.one_of(texts(255), texts(255).map(lambda text: f'AWS/{text}'), st.just('a' * 256)))
@example('')
@example(' ')
@example(':colon')
@example('Łódź')
def test_namespace_is_one_that_cloudwatch_takes(namespace: str) -> None:
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
@example({'': 'x'})
def test_dimensions_are_those_that_cloudwatch_takes(extra: dict[str, str]) -> None:
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


def test_dimensions_have_texts_for_values() -> None:
    """Values of any type are sent as their ``str()``."""
    assert checks.dimensions('it', {'a': 1, 'b': None, 'c': 1.5}) == {'a': '1', 'b': 'None', 'c': '1.5'}
    assert checks.dimensions('it', None) == {}


def test_dimension_name_may_be_left_out() -> None:
    """None and an empty name mean no pid. Any other is the name of a dimension."""
    assert checks.dimension_name('it', None) is None
    assert checks.dimension_name('it', '') is None
    assert checks.dimension_name('it', 'pid') == 'pid'
    assert refusal(checks.dimension_name, ':pid')
    assert refusal(checks.dimension_name, ' ')


@pytest.mark.parametrize(('extra', 'pid', 'taken'), [(9, 'pid', True), (10, None, True), (10, 'pid', False)])
def test_room_for_dimensions_is_that_of_all_series(extra: int, pid: str | None, taken: bool) -> None:
    """Extra dimensions and pid alone must not be too many. A pid with the name of an extra dimension takes no more
    room."""
    dimensions = {f'd{index}': 'v' for index in range(extra)}
    said = refusal(lambda _, each: Arguments('N', each, add_pid=pid), dimensions)
    assert (said is None) == taken
    assert refusal(lambda _, each: Arguments('N', each, add_pid='d0'), dimensions) is None


@given(st.integers(-3, 40), st.integers(-3, 10), st.integers(0, 30))
def test_whole_number_is_within_its_bounds(value: int, least: int, more: int) -> None:
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
def test_whole_number_may_be_of_any_library(value: Any, result: int | None) -> None:
    """A whole number of any library becomes one of Python. Fractions, texts and truth values are refused."""
    if result is None:
        with pytest.raises(ArgumentTypeError, match=r'^n: .*allowed: '):
            checks.whole_number(0, 10)('n', value)
    else:
        assert type(checks.whole_number(0, 10)('n', value)) is int
        assert checks.whole_number(0, 10)('n', value) == result


@given(anything)
def test_optional_takes_none_and_what_its_check_takes(value: Any) -> None:
    """None is taken, and any other value as without it."""
    assert checks.optional(checks.whole_number(0))('n', None) is None
    if value is not None:
        assert refusal(checks.optional(checks.whole_number(0)), value) == refusal(checks.whole_number(0), value)


class _Sixty(int):
    """A number of a class of its own."""


@pytest.mark.parametrize(
    ('value', 'taken'), [(1, True), (60, True), (True, False), (1.0, False), ('1', False), (None, False), (30, False)]
)
def test_one_of_gives_the_allowed_value(value: Any, taken: bool) -> None:
    """An equal value of a type that botocore would not take is refused. What is taken is the allowed value itself."""
    assert (refusal(checks.one_of(1, 60), value) is None) == taken
    assert type(checks.one_of(1, 60)('r', _Sixty(60))) is int


@given(
    st.sampled_from(sorted(UNITS)), st.sampled_from((str.lower, str.upper, lambda unit: unit + 's', lambda u: u[1:]))
)
def test_units_that_are_misspelt_are_refused_with_the_nearest(unit: str, misspell: Callable[[str], str]) -> None:
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


def test_units_may_be_a_callable_none_or_any_of_cloudwatch() -> None:
    """A callable is taken as it is: its answers are checked when they come. A mapping may have any unit of
    CloudWatch."""
    assert checks.units('units', str.title) is str.title
    assert checks.units('units', None) is None
    assert checks.units('units', {unit: unit for unit in UNITS}) == {unit: unit for unit in UNITS}


@pytest.mark.parametrize(
    ('value', 'seconds'),
    [
        ('300s', 300.0),
        ('5m', 300.0),
        ('1h', 3600.0),
        ('1d', 86400.0),
        ('0.5', 0.5),
        ('30', 30.0),
        (1, 1.0),
        (0.25, 0.25),
        ('30 min', 1800.0),
    ],
)
def test_interval_is_a_number_or_a_text(value: Any, seconds: float) -> None:
    """An interval is a number of seconds, or a text in the notation of satella."""
    assert checks.interval('interval', value) == seconds
    assert type(checks.interval('interval', value)) is float


@pytest.mark.parametrize(
    'value',
    [0, -1, 1e-310, 9e-4, '0s', '-5m', math.inf, math.nan, 10**400, '', 'soon', 'm', 'inf', 'nan', '1e999'],
)
def test_interval_is_a_millisecond_at_least_and_finite(value: Any) -> None:
    """An interval is a millisecond at least, and finite."""
    with pytest.raises(ArgumentError, match=r'^interval: .*allowed: '):
        checks.interval('interval', value)


@given(st.text(st.sampled_from('0123456789.smhdw -+e_\x00٣'), max_size=8))
@example('1' * 5000)
def test_interval_takes_or_refuses_any_text(value: str) -> None:
    """Any text of a configuration file gives a number above zero, or a refusal."""
    said = refusal_of('interval', value)
    assert said is None or said.startswith('interval: ')
    assert said is not None or 0 < checks.interval('interval', value) < math.inf


@pytest.mark.parametrize(
    ('value', 'taken'), [(0, True), (2.5, True), (-0.1, False), (math.inf, False), (10**400, False)]
)
def test_seconds_are_finite_and_may_be_zero(value: float, taken: bool) -> None:
    """A span of seconds is finite, and may be zero."""
    assert (refusal(checks.seconds, value) is None) == taken


@given(st.one_of(st.floats(), st.integers(-(10**12), 10**13)))
@example(sys.float_info.max)
@example(-62_135_596_800)
def test_timestamp_is_a_moment_in_utc(value: float) -> None:
    """UNIX seconds within the years 1 to 9999 become a moment in UTC."""
    said = refusal(checks.timestamp, value)
    if said is None:
        moment = checks.timestamp('timestamp', value)
        assert isinstance(moment, datetime)
        assert moment.tzinfo is timezone.utc
        assert abs(moment.timestamp() - value) < 1e-5
    else:
        assert not math.isfinite(value) or value < -62_135_596_800 or value > 253_402_300_799


@pytest.mark.parametrize(
    ('value', 'seconds'),
    [(None, math.inf), (2, 2.0), (Fraction(1, 2), 0.5), (-1, 0.0), (10**400, math.inf), (-(10**400), 0.0)],
    ids=lambda each: str(each)[:9],
)
def test_timeout_is_a_span_that_may_have_no_end(value: Any, seconds: float) -> None:
    """None and infinity wait for as long as it takes, and a negative number does not wait."""
    assert checks.timeout('timeout', value) == seconds
    assert type(checks.timeout('timeout', value)) is float
    assert refusal(checks.timeout, math.nan) == 'it: nan is not allowed; allowed: a number of seconds, or None'
    assert refusal(checks.timeout, '2') == "it: '2' is of type str; allowed: a number of seconds, or None"


def test_path_is_a_text() -> None:
    """A path-like object is taken as its text."""
    assert checks.path('spool', Path('/var/spool')) == '/var/spool'
    assert (
        refusal(checks.path, 7)
        == 'it: 7 is of type int; allowed: the path of a directory, as a text or a path-like object'
    )


def test_function_and_metric_are_known_by_what_they_can_do() -> None:
    """A function can be called, and a root has ``to_metric_data``."""
    assert checks.function('f', len) is len
    assert refusal(checks.function, 7)
    metric = getMetric('a', 'int')
    assert checks.metric('root', metric) is metric
    assert checks.metric('root', None) is None
    assert refusal(checks.metric, 'a')


@pytest.mark.parametrize('value', ['a.*', b'a', 7, ['a', 7], None])
def test_patterns_are_a_sequence_of_texts(value: Any) -> None:
    """A single pattern is refused, since it would be read letter by letter."""
    with pytest.raises(ArgumentTypeError, match=r'^exclude: .*allowed: '):
        checks.patterns('exclude', value)


def test_patterns_are_kept_as_a_tuple() -> None:
    """Patterns are kept as a tuple, so that an iterator serves for every cycle."""
    assert checks.patterns('exclude', iter(['a', 'b.*'])) == ('a', 'b.*')
    assert checks.patterns('exclude', ()) == ()

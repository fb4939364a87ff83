"""The arguments that the environment has: which variables there are, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import OTELResourceDetector
from property.cloudwatch import UNITS
from property.refusals import DESTINATIONS, INTERVALS, NAMES, NAMESPACES, SECONDS, VALUES
from property.texts import plain

from aws_satella.pure import ArgumentError, ArgumentTypeError, limits
from aws_satella.pure.arguments import DEFAULTS
from aws_satella.pure.binding import Settings, bind, bind_as, bind_settings
from aws_satella.pure.environment import VARIABLES, faults, is_disabled, keywords

NOT_TEXTUAL = {'call_on_metric_upload_fails', 'call_on_discarded_metric', 'client_factory', 'root', 'views'}
"""Keywords whose values cannot be written as text: functions, metrics and views. Every other one has a variable."""

YES = ('1', 'true', 'TRUE', 'yes', 'Yes', 'on', 'ON')
NO = ('0', 'false', 'False', 'no', 'NO', 'off', 'Off')

Written = st.SearchStrategy[tuple[str, Any]]
"""A text, and the value that a program would give in its place."""


def written(values: st.SearchStrategy[Any]) -> Written:
    """Values that are written as Python shows them."""
    return values.map(lambda value: (str(value), value))


def escaped(values: st.SearchStrategy[str]) -> Written:
    """Texts as they may be written in lists."""
    return st.tuples(values, st.sampled_from(('', ' ,.*'))).map(
        lambda each: (quote(each[0], safe=each[1][2:]), each[0])
    )


inner = st.text(st.characters(codec='utf-8', exclude_categories=('Cc', 'Cs', 'Zs', 'Zl', 'Zp')), min_size=1, max_size=9)
"""Texts without blanks, with all that has to be escaped."""

labels = inner.filter(lambda name: not (set(name) & set(',=') or name.startswith(':')))
"""Names of dimensions that can be written as they are."""

switches = st.sampled_from([*((text, True) for text in YES), *((text, False) for text in NO)])


def pairs_of(names: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> Written:
    """Mappings, with blanks where they do not count."""
    blank = st.sampled_from(('', ' ', '\t '))
    return st.dictionaries(names, values, min_size=1, max_size=4).flatmap(
        lambda mapping: st.tuples(blank, blank, st.sampled_from((',', ' , ', ',,'))).map(
            lambda gaps: (
                gaps[2].join(f'{gaps[0]}{name}{gaps[1]}={gaps[0]}{quote(mapping[name])}' for name in mapping),
                mapping,
            )
        )
    )


TEXTS: dict[str, Written] = {
    'namespace': written(plain),
    'extra_dimensions': pairs_of(labels, inner),
    'interval': st.sampled_from((('60', 60), ('90s', '90s'), ('5m', '5m'), ('0.5', 0.5), ('1h', 3600))),
    'max_send_at_once': written(st.integers(1, 1000)),
    'add_pid': written(plain),
    'destination': written(st.sampled_from(('cloudwatch', 'otlp', 'http://localhost:4318/v1/metrics?a=b%20c'))),
    'max_dimensions': written(st.integers(5, 30)),
    'temporality': written(st.sampled_from(('cumulative', 'delta'))),
    'units': pairs_of(st.sampled_from(('*', 'shop.orders*', '*.seconds', 'a')), st.sampled_from(sorted(UNITS))),
    'storage_resolution': written(st.sampled_from((1, 60))),
    'max_series': written(st.integers(0, 10**6)),
    'idle_after': st.sampled_from((('90', 90), ('1h', '1h'))),
    'exclude': st.lists(escaped(inner), min_size=1, max_size=4).map(
        lambda several: (' , '.join(text for text, _ in several), [value for _, value in several])
    ),
    'max_buffered': written(st.integers(0, 10**6)),
    'spool': written(st.just('/var/lib/shop/metrics')),
    'max_spooled_bytes': written(st.integers(1, 10**9)),
    'service': written(plain),
    'environment': written(plain),
    'exit_timeout': written(st.floats(0, 1e9)),
    'in_forks': switches,
    'handle_sigterm': switches,
    'self_metrics': switches,
}
"""Keyword → texts of its variable, with the values that they stand for."""

BESIDE: dict[str, dict[str, Any]] = {'environment': {'service': 'shop'}}
"""What a keyword is allowed beside."""


def test_variables_are_those_of_all_keywords_that_can_be_written() -> None:
    """A keyword that is new has a variable, or is among those whose values are no texts."""
    assert set(VARIABLES) == set(TEXTS) == set(DEFAULTS) - NOT_TEXTUAL
    names = {**{keyword: keyword for keyword in VARIABLES}, 'extra_dimensions': 'dimensions'}
    assert dict(VARIABLES) == {keyword: f'AWS_SATELLA_{names[keyword].upper()}' for keyword in VARIABLES}


@pytest.mark.parametrize('keyword', TEXTS)
@given(data=st.data(), around=st.sampled_from(('', ' ', '\t', '\n')))
def test_text_means_what_the_value_means(keyword: str, data: st.DataObject, around: str) -> None:
    """Each keyword that is read from text is what it would be if the value were given. Blanks around do not count."""
    text, value = data.draw(TEXTS[keyword])
    beside = {} if keyword == 'namespace' else {'namespace': 'N', **BESIDE.get(keyword, {})}
    environ = {VARIABLES[keyword]: f'{around}{text}{around}'}
    assert keywords(environ)[keyword] == getattr(bind(**{keyword: value, **beside}), keyword)
    found = bind_settings((), beside, environ).keywords
    assert found == bind(**{keyword: value, **beside}).keywords
    assert list(found) == list(DEFAULTS)
    assert not list(faults(environ))


@given(pairs_of(labels, inner), st.lists(st.sampled_from(('', ' ', ',')), max_size=2))
@example(('a=b=c', {'a': 'b=c'}), [])
def test_dimensions_are_read_as_opentelemetry_reads_attributes(pairs: tuple[str, Any], more: list[str]) -> None:
    """The same text gives the same pairs as the SDK of OpenTelemetry finds in ``OTEL_RESOURCE_ATTRIBUTES``."""
    text, mapping = pairs
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('OTEL_RESOURCE_ATTRIBUTES', text)
        oracle = dict(OTELResourceDetector().detect().attributes)
    environ = {'AWS_SATELLA_DIMENSIONS': ','.join([text, *more])}
    assert keywords(environ)['extra_dimensions'] == oracle == mapping


@given(st.dictionaries(labels, inner, min_size=1, max_size=5))
def test_dimensions_come_back_as_they_were_written(mapping: Mapping[str, str]) -> None:
    """Any dimensions can be written, names as they are and values escaped as in URLs, and are read as they were."""
    text = ','.join(f'{name}={quote(value, safe="")}' for name, value in mapping.items())
    assert keywords({'AWS_SATELLA_DIMENSIONS': text}) == {'extra_dimensions': mapping}


PAIRS = "pairs such as 'name=value', separated by commas"
ESCAPES = "'%' before the two hexadecimal digits of a byte of UTF-8 only; the character itself is %25"
SWITCHES = '1, true, yes, on; or 0, false, no, off'

MALFORMED: list[tuple[str, str, str, object, str]] = [
    ('AWS_SATELLA_DIMENSIONS', 'stage', 'AWS_SATELLA_DIMENSIONS', 'stage', PAIRS),
    ('AWS_SATELLA_DIMENSIONS', 'a=b, =c', 'AWS_SATELLA_DIMENSIONS', '=c', PAIRS),
    ('AWS_SATELLA_DIMENSIONS', 'a=b,c=100%', 'AWS_SATELLA_DIMENSIONS', 'c=100%', ESCAPES),
    ('AWS_SATELLA_DIMENSIONS', 'a=b,c=%F0%28', 'AWS_SATELLA_DIMENSIONS', 'c=%F0%28', ESCAPES),
    ('AWS_SATELLA_DIMENSIONS', 'a=b,c=', "AWS_SATELLA_DIMENSIONS['c']", '', VALUES),
    ('AWS_SATELLA_DIMENSIONS', ':a=b', 'AWS_SATELLA_DIMENSIONS', ':a', NAMES),
    (
        'AWS_SATELLA_UNITS',
        'a=Bytes,b=bytes',
        "AWS_SATELLA_UNITS['b']",
        'bytes',
        f"{', '.join(limits.UNITS)}. Did you mean 'Bytes'?",
    ),
    ('AWS_SATELLA_EXCLUDE', 'a.*,b%', 'AWS_SATELLA_EXCLUDE', 'b%', ESCAPES),
    ('AWS_SATELLA_NAMESPACE', 'AWS/Shop', 'AWS_SATELLA_NAMESPACE', 'AWS/Shop', NAMESPACES),
    ('AWS_SATELLA_INTERVAL', 'soon', 'AWS_SATELLA_INTERVAL', 'soon', INTERVALS),
    ('AWS_SATELLA_INTERVAL', '0', 'AWS_SATELLA_INTERVAL', '0', INTERVALS),
    ('AWS_SATELLA_MAX_SEND_AT_ONCE', 'many', 'AWS_SATELLA_MAX_SEND_AT_ONCE', 'many', 'a whole number'),
    ('AWS_SATELLA_MAX_SEND_AT_ONCE', '1001', 'AWS_SATELLA_MAX_SEND_AT_ONCE', 1001, 'a whole number from 1 to 1000'),
    ('AWS_SATELLA_EXIT_TIMEOUT', '2s', 'AWS_SATELLA_EXIT_TIMEOUT', '2s', 'a number'),
    ('AWS_SATELLA_EXIT_TIMEOUT', '-1', 'AWS_SATELLA_EXIT_TIMEOUT', -1.0, SECONDS),
    (
        'AWS_SATELLA_TEMPORALITY',
        'detla',
        'AWS_SATELLA_TEMPORALITY',
        'detla',
        "'cumulative' or 'delta'. Did you mean 'delta'?",
    ),
    ('AWS_SATELLA_IN_FORKS', 'maybe', 'AWS_SATELLA_IN_FORKS', 'maybe', SWITCHES),
    ('AWS_SATELLA_DESTINATION', 'http://a:4318', 'AWS_SATELLA_DESTINATION', 'http://a:4318', DESTINATIONS),
    ('AWS_SATELLA_DISABLED', '2', 'AWS_SATELLA_DISABLED', '2', SWITCHES),
]


@pytest.mark.parametrize(('variable', 'text', 'named', 'part', 'allowed'), MALFORMED)
def test_error_names_the_variable_and_the_part(
    variable: str, text: str, named: str, part: object, allowed: str
) -> None:
    """What is wrong in a variable is an error with its name, with the part that is wrong, and with what is allowed."""
    (error,) = faults({variable: text})
    assert isinstance(error, ArgumentError)
    assert (error.argument, error.value, error.allowed) == (named, part, allowed)
    if variable != 'AWS_SATELLA_DISABLED':
        with pytest.raises(ArgumentError) as raised:
            bind_settings(('N',) if 'NAMESPACE' not in variable else (), {}, {variable: text})
        assert str(raised.value) == str(error) == f'{named}: {part!r} is not allowed; allowed: {allowed}'


@pytest.mark.parametrize(
    ('environ', 'named'),
    [
        ({'AWS_SATELLA_ENVIRONMENT': 'live'}, 'AWS_SATELLA_ENVIRONMENT'),
        ({'AWS_SATELLA_DIMENSIONS': 'a=b,c=d', 'AWS_SATELLA_MAX_DIMENSIONS': '1'}, 'AWS_SATELLA_DIMENSIONS'),
    ],
)
def test_error_names_the_variable_that_does_not_fit(environ: Mapping[str, str], named: str) -> None:
    """A variable may be wrong only beside others. The error has its name; where the argument was given, it has that of
    the argument."""
    with pytest.raises(ArgumentError) as raised:
        bind_settings(('N',), {}, environ)
    assert raised.value.argument == named
    given = {keyword: value for keyword, value in keywords(environ).items() if VARIABLES[keyword] == named}
    with pytest.raises(ArgumentError) as raised:
        bind_settings(('N',), given, environ)
    assert [raised.value.argument] == list(given)


@pytest.mark.parametrize('keyword', TEXTS)
@given(data=st.data())
def test_keyword_that_is_given_goes_before_its_variable(keyword: str, data: st.DataObject) -> None:
    """A variable is looked at only where its keyword is not given. An explicit default counts as given."""
    default = 'N' if keyword == 'namespace' else DEFAULTS[keyword]
    given = {'namespace': 'N', keyword: default}
    text, _ = data.draw(TEXTS[keyword])
    for said in (text, '%'):
        assert bind_settings((), given, {VARIABLES[keyword]: said}).keywords == bind(**given).keywords
    assert keywords({VARIABLES[keyword]: '%'}, given) == {}
    assert not list(faults({VARIABLES[keyword]: '%'}, given))


@given(
    st.dictionaries(st.sampled_from([*VARIABLES.values(), 'AWS_SATELLA_DISABLED']), st.sampled_from(('', ' ', '\n')))
)
def test_empty_variable_is_none(environ: Mapping[str, str]) -> None:
    """A variable that is empty, or blank, is not set."""
    assert keywords(environ) == {}
    assert not is_disabled(environ)
    assert not list(faults(environ))


def test_arguments_by_position_count_as_given() -> None:
    """What is given by position is given."""
    environ = {'AWS_SATELLA_NAMESPACE': 'E', 'AWS_SATELLA_DIMENSIONS': 'a=e', 'AWS_SATELLA_INTERVAL': '5s'}
    bound = bind_settings(('N', {'a': 'b'}), {}, environ)
    assert (bound.namespace, bound.extra_dimensions, bound.interval) == ('N', {'a': 'b'}, 5.0)


def test_settings_alone_may_lack_a_namespace() -> None:
    """The namespace is the one argument without a default; None leaves it to the environment, where that has a say."""
    environ = {'AWS_SATELLA_NAMESPACE': 'E'}
    assert bind_settings((), {}, environ).namespace == bind_settings((None,), {}, environ).namespace == 'E'
    for call in (lambda: bind_settings((), {}, {}), lambda: bind_as(Settings, (None,), {}), bind):
        with pytest.raises(ArgumentTypeError, match=r'^namespace: None is missing'):
            call()
    with pytest.raises(ArgumentTypeError, match=r'^namespace: None is of type NoneType'):
        bind(None)


@pytest.mark.parametrize(('texts', 'disabled'), [(YES, True), (NO, False)])
def test_disabled_variable_turns_the_export_off(texts: tuple[str, ...], disabled: bool) -> None:
    """``AWS_SATELLA_DISABLED`` is yes or no, as any switch is. It is no argument."""
    for text in texts:
        environ = {'AWS_SATELLA_DISABLED': f' {text}'}
        assert is_disabled(environ) is disabled
        assert keywords(environ) == {}

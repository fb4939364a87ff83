"""Where a destination is: what the argument and the variables of the environment say."""

from __future__ import annotations

import string
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.util.re import parse_env_headers

from aws_satella.pure import ArgumentError
from aws_satella.pure.receivers import Receiver, destination, receiver

LOCAL = 'http://localhost:4318/v1/metrics'
METRICS = 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'
KEY = {'OTEL_EXPORTER_OTLP_HEADERS': 'Authorization=Bearer%20vendor'}

hosts = st.sampled_from(('localhost', 'collector', '127.0.0.1', '[::1]', 'otlp.example.com'))
paths = st.sampled_from(('/', '/v1/metrics', '/api/v2/otlp/v1/metrics', '/v1/metrics?tenant=a'))


@given(st.sampled_from(('http', 'https')), hosts, st.none() | st.integers(1, 65_535), paths)
def test_url_is_taken_as_it_is(scheme: str, host: str, port: int | None, path: str) -> None:
    """Any URL with a host and a path is a receiver, which wants no signature and may be anywhere."""
    url = f'{scheme}://{host}{f":{port}" if port else ""}{path}'
    assert destination('destination', url) == url
    assert receiver(url, {}) == Receiver(url, is_signed=False)


@pytest.mark.parametrize(
    'url',
    [
        *('', 'OTLP', 'ftp://a/b', 'http:///v1/metrics', 'http://', 'localhost:4318/v1/metrics'),
        *('http://a:0/v1', 'http://a:x/v1', 'http://a:70000/v1', 'http://[::1/v1', 'http://a/ b', 'http://a/\n'),
        *(
            'http://a/ą',
            'http://user@a/v1',
            'http://user:word@a/v1',
            'http://:word@a/v1',
            'http://a/v1#part',
            'http://a:4318',
        ),
        *('http://monitoring.eu-west-1.amazonaws.com/v1/metrics', 'http://monitoring.cn-north-1.amazonaws.com.cn/v1'),
        'http://monitoring.eu-west-1.amazonaws.com./v1/metrics',
    ],
)
def test_destination_is_a_url_of_a_receiver_or_refused(url: str) -> None:
    """No host, no path, another protocol, a password, which belongs into a header, or a host of AWS without TLS."""
    with pytest.raises(ArgumentError, match=r'^destination: .*allowed: '):
        destination('destination', url)


@given(st.dictionaries(st.sampled_from(('OTEL_EXPORTER_OTLP_ENDPOINT', *KEY)), st.sampled_from((LOCAL, 'a=b'))))
def test_variables_for_all_signals_do_not_redirect_cloudwatch(environ: Mapping[str, str]) -> None:
    """The endpoint and the headers that others use for traces leave 'otlp' alone: a vendor's key must not go to AWS."""
    assert receiver('otlp', environ) == Receiver() == ('', '', True, {}, None, 10.0, '')
    assert receiver('otlp', {**environ, METRICS: ' '}) == Receiver()


def test_variable_for_metrics_redirects() -> None:
    """The variable that is for metrics alone says where 'otlp' goes, as it is; headers are of that receiver then. A
    destination that is a URL is not redirected."""
    found = receiver('otlp', {METRICS: LOCAL, **KEY})
    assert found == Receiver(LOCAL, is_signed=False, headers={'Authorization': 'Bearer vendor'}, variable=METRICS)
    assert receiver('otlp', {METRICS: 'http://a:4318'}).url == 'http://a:4318'
    assert receiver('https://b/v1/metrics', {METRICS: LOCAL}).url == 'https://b/v1/metrics'


@pytest.mark.parametrize('value', ['a', 'ftp://a/b', 'http://monitoring.eu-west-1.amazonaws.com/v1/metrics'])
def test_variable_that_is_no_url_is_refused_by_name(value: str) -> None:
    """The error has the name of the variable in place of an argument."""
    with pytest.raises(ArgumentError) as raised:
        receiver('otlp', {METRICS: value})
    assert (raised.value.argument, raised.value.value) == (METRICS, value)


@pytest.mark.parametrize(
    ('host', 'region'),
    [
        ('monitoring.eu-west-1.amazonaws.com', 'eu-west-1'),
        ('monitoring.us-gov-west-1.amazonaws.com', 'us-gov-west-1'),
        ('monitoring.eu-west-1.amazonaws.com.example.com', ''),
        ('otlp.monitoring.eu-west-1.amazonaws.com', ''),
        ('xray.eu-west-1.amazonaws.com', ''),
    ],
)
def test_redirection_to_cloudwatch_is_signed_for_its_region(host: str, region: str) -> None:
    """Requests to the endpoint of another region are signed for that region. A URL that is the destination itself is
    not: with a key in a header, CloudWatch takes requests without a signature."""
    url = f'https://{host}/v1/metrics'
    redirected = receiver('otlp', {METRICS: url})
    assert (redirected.is_signed, redirected.region) == (bool(region), region)
    assert not receiver(url, {}).is_signed
    assert not receiver('otlp', {METRICS: url, **KEY}).is_signed


names = st.text(string.ascii_letters + string.digits + '-_.', min_size=1, max_size=8)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.strip)
headers = st.lists(st.tuples(names, values), max_size=4, unique_by=lambda pair: pair[0].lower()).map(dict)


@given(headers, headers)
@example({'API-Key': 'x', 'a': 'y'}, {'api-key': 'z'})
def test_headers_are_what_opentelemetry_reads(all_signals: Mapping[str, str], of_metrics: Mapping[str, str]) -> None:
    """Pairs with values as in URLs. What is set for metrics goes before what is set for all signals, and a name is one
    whatever its case."""
    environ = {
        'OTEL_EXPORTER_OTLP_HEADERS': ','.join(f'{name}={quote(value)}' for name, value in all_signals.items()),
        'OTEL_EXPORTER_OTLP_METRICS_HEADERS': ', '.join(f'{name}={quote(value)}' for name, value in of_metrics.items()),
    }
    found = receiver(LOCAL, environ).headers
    expected = [dict(parse_env_headers(environ[name], liberal=True)) for name in environ]
    assert {name.lower(): value for name, value in found.items()} == {**expected[0], **expected[1]}
    assert len(found) == len({**expected[0], **expected[1]})


@pytest.mark.parametrize('value', ['sesame', 'a b=c', '=c', 'a=%0d%0aX: y', 'a=b,sesame', 'ą=c'])
def test_header_that_is_none_is_refused_without_its_value(value: str) -> None:
    """The error names the variable, and keeps what may be a secret to itself."""
    with pytest.raises(ArgumentError) as raised:
        receiver(LOCAL, {'OTEL_EXPORTER_OTLP_HEADERS': value})
    assert str(raised.value) == (
        "OTEL_EXPORTER_OTLP_HEADERS: '...' is not allowed; allowed: pairs such as 'api-key=value', separated by "
        'commas, with special characters as in URLs'
    )


@pytest.mark.parametrize('variable', ['OTEL_EXPORTER_OTLP_TIMEOUT', 'OTEL_EXPORTER_OTLP_METRICS_TIMEOUT'])
@given(milliseconds=st.integers(1, 10**9))
def test_timeout_is_in_milliseconds(variable: str, milliseconds: int) -> None:
    """Either variable says how long to wait; that of the metrics goes first. The default is ten seconds."""
    assert receiver(LOCAL, {variable: str(milliseconds)}).timeout == milliseconds / 1000
    both = {'OTEL_EXPORTER_OTLP_TIMEOUT': '1', 'OTEL_EXPORTER_OTLP_METRICS_TIMEOUT': '2000'}
    assert receiver(LOCAL, both).timeout == 2
    assert receiver(LOCAL, {variable: ' '}).timeout == 10


@pytest.mark.parametrize('value', ['soon', '0', '-1', '1e12', 'nan', 'inf'])
def test_timeout_that_is_none_is_refused(value: str) -> None:
    """Zero would never wait, and the library of the client takes no negative number."""
    with pytest.raises(ArgumentError) as raised:
        receiver(LOCAL, {'OTEL_EXPORTER_OTLP_TIMEOUT': value})
    assert str(raised.value) == (
        f"OTEL_EXPORTER_OTLP_TIMEOUT: '{value}' is not allowed; allowed: a number of milliseconds, more than 0"
    )


def test_certificate() -> None:
    """The path of the certificates to trust; that of the metrics goes first."""
    environ = {'OTEL_EXPORTER_OTLP_CERTIFICATE': '/a.pem'}
    assert receiver(LOCAL, environ).certificate == '/a.pem'
    assert receiver(LOCAL, {**environ, 'OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE': '/b.pem'}).certificate == '/b.pem'


def test_receiver_is_shown_without_what_may_be_secret() -> None:
    """The log has where the data go. A query may have a key in it."""
    shown = str(receiver('https://a.example.com:4318/v1/metrics?key=secret', {}))
    assert shown == 'https://a.example.com:4318/v1/metrics'
    assert str(receiver('https://a.example.com/v1/metrics?key=secret', {})) == 'https://a.example.com/v1/metrics'
    assert str(receiver('http://[::1]:4318/v1/metrics', {})) == 'http://[::1]:4318/v1/metrics'
    assert str(receiver('otlp', {})) == "CloudWatch's OTLP endpoint"
    assert urlsplit(shown).port == 4318

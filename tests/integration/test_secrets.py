"""The log shows no secrets, names of metrics but nothing else that is exported, and nothing bound to a callback."""

from __future__ import annotations

import builtins
import functools
import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.endpoint import OK, Endpoint, Request, error
from support.exporters import end
from support.moto import REGION
from support.waiting import wait_for

from aws_satella import AWSSatellaExporterThread, InitializationError
from aws_satella.effects.background import BackgroundStart
from aws_satella.effects.complaints import say
from aws_satella.effects.destinations import otlp as otlp_destination

TOKEN = 'IQoJb3JpZ2luX2VjEXAMPLE' + 'aB3+/' * 60
PASSWORD = 'correct-horse'
KEY = 'AKIAIOSFODNN7EXAMPLE'


class _Log:
    """What a program that prints its log gets, tracebacks included."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def assert_no_secret(self) -> None:
        for secret in (TOKEN[30:60], 'IQoJ', PASSWORD, KEY[4:]):
            assert secret not in self.text


@pytest.fixture
def log() -> Iterator[_Log]:
    """The log at DEBUG as text."""
    stream = io.StringIO()
    logger, handler = logging.getLogger('aws_satella'), logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter('%(levelname)s %(message)s'))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel('DEBUG')
    yield _Log(stream)
    logger.removeHandler(handler)
    logger.setLevel(level)


def _echo(request: Request) -> Any:
    """What AWS says of a wrong signature: all the headers that it got."""
    quoted = '\n'.join(f'{name.lower()}:{value}' for name, value in sorted(request.headers.items()))
    message = (
        'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access '
        'Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this '
        f"request should have been\n'POST\n/\n\n{quoted}\n'\n\nThe String-to-Sign should have been\n'AWS4'\n"
    )
    return error('SignatureDoesNotMatch', 403, message)


def _signing_client(endpoint: Endpoint) -> Any:
    session = boto3.Session(KEY, 'testing', TOKEN, region_name=REGION)
    return session.client('cloudwatch', endpoint_url=endpoint.url, config=Config(retries={'total_max_attempts': 1}))


CONTENT = {
    'header': 'h34d3r-of-a-vendor',
    'attribute': 'attribute-of-a-resource',
    'extra': 'value-of-an-extra-dimension',
    'label': 'name-of-a-label',
    'value': 'value-of-a-label',
    'number': '424242.125',
    'bytes': 'bytes-of-the-environment',
}
"""What an export has to do with, and no log has to show."""


@pytest.mark.parametrize('destination', ['cloudwatch', 'otlp'])
def test_exporter_at_debug_shows_no_content(
    destination: str, endpoint: Endpoint, log: _Log, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From its start to its end, through an outage, discards, a spool and success, the log has neither labels, nor
    values, nor extra dimensions, nor headers and attributes of the environment, nor credentials."""
    monkeypatch.setenv('OTEL_EXPORTER_OTLP_HEADERS', f'api-key={CONTENT["header"]}')
    monkeypatch.setenv('OTEL_RESOURCE_ATTRIBUTES', f'team={CONTENT["attribute"]},{CONTENT["bytes"]}')
    monkeypatch.setenv('AWS_MAX_ATTEMPTS', '1')
    answers = iter([error('ServiceUnavailable', 503), error('InvalidParameterValue', 400)])
    endpoint.behave = lambda _request: next(answers, OK)
    otlp_destination.tell_of_environment.cache_clear()
    metric = getMetric('orders', 'float')
    metric.runtime(float(CONTENT['number']), **{CONTENT['label']: CONTENT['value']})
    metric.runtime(2, **{CONTENT['label']: CONTENT['value'] * 100})
    getMetric('blank', 'float').runtime(float('nan'), **{CONTENT['label']: CONTENT['value']})
    to: dict[str, Any] = {'destination': f'{endpoint.url}/v1/metrics'} if destination == 'otlp' else {}
    made: dict[str, Any] = {} if to else {'client_factory': lambda: _signing_client(endpoint)}
    arguments = {**to, **made, 'extra_dimensions': {'customer': CONTENT['extra']}, 'spool': tmp_path / 'spool'}
    exporter = AWSSatellaExporterThread('Test', interval=0.1, **arguments)
    exporter.start()
    wait_for(lambda: 'Sent ' in log.text and 'is discarded' in log.text, 'a success')
    end(exporter)
    assert {name for name, text in CONTENT.items() if text in log.text} == set()
    log.assert_no_secret()
    for line in ('Exporting metrics: ', 'A request to ', 'Exports to ', 'The first export was taken: '):
        assert line in log.text
    arrived = str([(request.data, request.headers) for request in endpoint.received])
    shown = {'extra', 'label', 'value', 'number', *(('header', 'attribute') if to else ())}
    assert {name for name, text in CONTENT.items() if text in arrived} == shown


def _fails(**arguments: Any) -> None:
    """One export that fails."""
    getMetric('orders', 'counter').runtime(1)
    exporter = AWSSatellaExporterThread('Test', **arguments)
    exporter.loop()
    assert exporter.stats.failed_requests == 1
    exporter.cloudwatch.close()  # type: ignore[attr-defined]  # a client of boto3


def test_signature_error_is_logged_without_the_headers_that_it_quotes(endpoint: Endpoint, log: _Log) -> None:
    """The log has code, status and reason. The callback gets the whole exception."""
    endpoint.behave = _echo
    failures: list[Any] = []
    _fails(client_factory=lambda: _signing_client(endpoint), call_on_metric_upload_fails=failures.append)
    assert endpoint.received[0].headers['X-Amz-Security-Token'] == TOKEN
    assert isinstance(failures[0], ClientError)
    assert TOKEN in str(failures[0])
    log.assert_no_secret()
    (line,) = [line for line in log.text.splitlines() if line.startswith('WARNING')]
    assert 'SignatureDoesNotMatch' in line
    assert 'does not match the signature' in line
    assert line.endswith(', status 403')
    assert len(line) < 500


def test_traceback_quotes_no_headers_either(endpoint: Endpoint, log: _Log) -> None:
    """A callback that raises what it got, or something because of it, is logged with a masked traceback."""
    endpoint.behave = _echo

    def fail(failure: Exception) -> None:
        raise LookupError('the callback has a fault') from failure

    _fails(client_factory=lambda: _signing_client(endpoint), call_on_metric_upload_fails=fail)
    log.assert_no_secret()
    assert f'ERROR The callback {fail.__module__}.{fail.__qualname__} failed' in log.text
    assert 'LookupError: the callback has a fault' in log.text
    assert 'botocore.exceptions.ClientError: An error occurred (SignatureDoesNotMatch)' in log.text
    assert 'in fail' in log.text, 'the frames are shown'


@pytest.mark.skipif(sys.version_info < (3, 11), reason='there are no notes and no groups')
def test_notes_and_groups_are_masked_too(log: _Log) -> None:
    """A traceback shows the notes of an error, and the members of a group with their causes."""
    fault = LookupError('a fault')
    fault.add_note(f'password={PASSWORD}')  # type: ignore[attr-defined,unused-ignore]  # not in Python 3.10
    groups: Any = vars(builtins)
    cause = ValueError(f'x-amz-security-token:{TOKEN}')
    cause.__cause__ = fault
    say('ERROR', 'Something failed', exc_info=groups['ExceptionGroup']('several', [cause]))
    log.assert_no_secret()
    assert 'ExceptionGroup: several' in log.text


def test_traceback_without_secrets_is_the_exception_itself(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """Log handlers that look at the exception find the one that was raised."""
    endpoint.behave = lambda _request: error('AccessDenied', 403, 'no')
    fault = LookupError('a fault')

    def fail(_failure: Exception) -> None:
        raise fault

    _fails(client_factory=endpoint.client, call_on_metric_upload_fails=fail)
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [fault]


@pytest.mark.parametrize('where', ['endpoint', 'proxy'])
def test_urls_are_logged_without_user_and_password(where: str, log: _Log) -> None:
    """An endpoint or a proxy that does not answer is named as it is, less what is before its host."""
    url = f'http://somebody:{PASSWORD}@127.0.0.1:1'
    failures: list[Exception] = []
    config = Config(retries={'total_max_attempts': 1}, proxies={'http': url} if where == 'proxy' else None)

    def client() -> Any:
        target = url if where == 'endpoint' else 'http://127.0.0.2:1'
        return boto3.client('cloudwatch', endpoint_url=target, config=config)

    _fails(client_factory=client, call_on_metric_upload_fails=failures.append)
    log.assert_no_secret()
    assert '127.0.0.1:1' in log.text
    if where == 'endpoint':
        assert isinstance(failures[0], EndpointConnectionError)
        assert PASSWORD in str(failures[0])
        assert '"http://127.0.0.1:1/"' in log.text


def test_client_that_cannot_be_made_does_not_show_the_password(monkeypatch: pytest.MonkeyPatch, log: _Log) -> None:
    """Neither its error does, nor the log of the start beside the requests of a site, its traceback included."""
    monkeypatch.setenv('AWS_ENDPOINT_URL', f'somebody:{PASSWORD}@host.example.com')
    with pytest.raises(InitializationError, match=r'Invalid endpoint: host\.example\.com$') as raised:
        AWSSatellaExporterThread('Test')
    assert PASSWORD not in str(raised.value)
    BackgroundStart({'namespace': 'Test'}).start()
    wait_for(lambda: 'Traceback' in log.text and 'InitializationError' in log.text, 'the log line')
    log.assert_no_secret()


def _alarm(_password: str, _failure: Exception) -> None:
    raise LookupError('injected')


class _Alarms:
    def __init__(self) -> None:
        self.password = PASSWORD

    def __repr__(self) -> str:
        return f'Alarms({self.password})'

    def raises(self, _failure: Exception) -> None:
        raise LookupError('injected')

    def __call__(self, failure: Exception) -> None:
        self.raises(failure)


@pytest.mark.parametrize(
    ('callback', 'name'),
    [
        (functools.partial(_alarm, PASSWORD), '_alarm'),
        (functools.partial(functools.partial(_Alarms.raises, _Alarms())), '_Alarms.raises'),
        (_Alarms().raises, '_Alarms.raises'),
        (_Alarms(), '_Alarms'),
    ],
    ids=['partial', 'partial of partial', 'method', 'instance'],
)
def test_callbacks_are_logged_by_name(callback: Any, name: str, endpoint: Endpoint, log: _Log) -> None:
    """Module and name, without the arguments that are bound to them."""
    endpoint.behave = lambda _request: error('AccessDenied', 403, 'no')
    _fails(client_factory=endpoint.client, call_on_metric_upload_fails=callback)
    log.assert_no_secret()
    (line,) = [line for line in log.text.splitlines() if line.startswith('ERROR')]
    assert f'test_secrets.{name} ' in line


def test_program_prints_no_password(endpoint: Endpoint) -> None:
    """A real process with an endpoint that does not answer, and the log on its standard error."""
    url = f'http://somebody:{PASSWORD}@127.0.0.1:1/'
    ended = scripts.run(scripts.program('secrets_.export_at_debug'), url, AWS_MAX_ATTEMPTS='1')
    assert ended.stdout.strip() == '1'
    assert 'Could not connect to the endpoint URL: "http://127.0.0.1:1/"' in ended.stderr
    assert PASSWORD not in ended.stderr

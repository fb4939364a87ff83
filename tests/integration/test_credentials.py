"""Credentials that come after the exporter has started are found without a restart."""

from __future__ import annotations

import datetime
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.endpoint import Endpoint
from support.exporters import DEADLINE, exporting
from support.moto import Moto
from support.waiting import wait_for
from support.worlds import MockWorld

KEYS = '[default]\naws_access_key_id = late\naws_secret_access_key = late\n'


class _MetadataService:
    """The metadata service of EC2 on loopback: it has a role only once :attr:`there` is set."""

    def __init__(self) -> None:
        self.there = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers.get('Content-Length', 0)))
                self._answer('token')

            def do_GET(self) -> None:
                if not service.there.is_set():
                    self.send_error(404)
                else:
                    self._answer('role' if self.path.endswith('/security-credentials/') else _credentials())

            def _answer(self, text: str) -> None:
                self.send_response(200)
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}/'


def _credentials() -> str:
    expiration = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=6)
    return json.dumps(
        {
            'Code': 'Success',
            'AccessKeyId': 'late',
            'SecretAccessKey': 'late',
            'Token': 'late',
            'Expiration': expiration.strftime('%Y-%m-%dT%H:%M:%SZ'),
        }
    )


@contextmanager
def _metadata_service() -> Iterator[_MetadataService]:
    service = _MetadataService()
    thread = threading.Thread(target=service.server.serve_forever, kwargs={'poll_interval': 0.02})
    thread.start()
    try:
        yield service
    finally:
        service.server.shutdown()
        service.server.server_close()
        thread.join()


def _run(endpoint: Endpoint, expected: str, appear: Callable[[], object], **environment: str) -> None:
    """Run the program until it has failed twice for want of credentials, let them appear, and see it send."""
    program = scripts.program('credentials.wait_for_credentials')
    with scripts.start(program, endpoint.url, HOME='/nonexistent', **environment) as process:
        try:
            assert process.stdout is not None
            assert [process.stdout.readline().strip() for _ in range(2)] == [expected] * 2
            assert endpoint.received == []
            appear()
            wait_for(lambda: endpoint.accepted, 'a request with credentials', 60)
            out, err = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    assert out.split()[-1] == 'sent'
    assert set(out.split()[:-1]) <= {expected}
    assert 'Credential=late/' in endpoint.accepted[0].headers['Authorization'] or environment.get('AWS_ROLE_ARN')
    assert err.count('Exports to CloudWatch fail') == 1
    assert {datum['MetricName'] for datum in endpoint.data} == {'orders'}


def test_file_that_appears_is_found(endpoint: Endpoint, tmp_path: Path) -> None:
    """A client that found no credentials file never looks again, so another client is made."""
    file = tmp_path / 'credentials'
    _run(endpoint, 'NoCredentialsError', lambda: file.write_text(KEYS), AWS_SHARED_CREDENTIALS_FILE=str(file))


def test_role_of_the_instance_that_comes_late_is_found(endpoint: Endpoint) -> None:
    """The metadata service has no role while the program starts."""
    with _metadata_service() as service:
        _run(
            endpoint,
            'NoCredentialsError',
            service.there.set,
            AWS_EC2_METADATA_DISABLED='false',
            AWS_EC2_METADATA_SERVICE_ENDPOINT=service.url,
        )


def test_web_identity_token_that_comes_late_is_found(endpoint: Endpoint, moto: Moto, tmp_path: Path) -> None:
    """The file of the token is not mounted while the program starts. botocore looks for it with every request."""
    file = tmp_path / 'token'
    _run(
        endpoint,
        'FileNotFoundError',
        lambda: file.write_text('token'),
        AWS_WEB_IDENTITY_TOKEN_FILE=str(file),
        AWS_ROLE_ARN='arn:aws:iam::123456789012:role/Metrics',
        AWS_ENDPOINT_URL_STS=moto.url,
    )


@pytest.fixture
def late_file(tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, world: MockWorld) -> Path:
    """Where credentials will be. There are no others, and no attempt but those that the test asks for."""
    for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'):
        monkeypatch.delenv(name)
    monkeypatch.setenv('AWS_SHARED_CREDENTIALS_FILE', str(tmp_path / 'credentials'))
    monkeypatch.setenv('AWS_CONFIG_FILE', str(tmp_path / 'config'))
    monkeypatch.setenv('AWS_ENDPOINT_URL', endpoint.url)
    world.stop()  # so that no back-off ends
    getMetric('orders', 'counter').runtime(1)
    return tmp_path / 'credentials'


def _lazy_client() -> Any:
    """A client of a session of its own."""
    return boto3.session.Session().client('cloudwatch')


@pytest.mark.parametrize('factory', [None, _lazy_client])
def test_flush_finds_credentials_at_once(endpoint: Endpoint, late_file: Path, factory: Any) -> None:
    """The client of the default, or of a ``client_factory``, is made again before the next attempt."""
    failures: list[Exception] = []
    with exporting(endpoint, 3600, client_factory=factory, call_on_metric_upload_fails=failures.append) as exporter:
        before = exporter.cloudwatch
        wait_for(lambda: failures, 'the first failure', DEADLINE)
        assert exporter.flush(DEADLINE) is False
        late_file.write_text(KEYS)
        assert exporter.flush(DEADLINE) is True
        assert exporter.cloudwatch is not before
        assert b'": ' not in endpoint.accepted[-1].wire, 'botocore has serialized the data'
        found = exporter.cloudwatch
        assert exporter.flush(DEADLINE) is True
        assert exporter.cloudwatch is found, 'one with credentials is kept'
        exporter.cloudwatch.close()  # type: ignore[attr-defined]  # a client of boto3
    assert {type(error) for error in failures} == {NoCredentialsError}
    assert len(failures) == exporter.stats.failed_requests == 2
    assert (exporter.stats.dropped, exporter.stats.buffered) == (0, 0)


def test_client_of_the_user_stays(endpoint: Endpoint, late_file: Path) -> None:
    """The exporter replaces no client that was assigned to it."""
    failures: list[Exception] = []
    client = _lazy_client()
    with exporting(endpoint, 3600) as exporter:
        exporter.flush(DEADLINE)
    with exporting(endpoint, 3600, call_on_metric_upload_fails=failures.append) as exporter:
        exporter.cloudwatch = client
        exporter.flush(DEADLINE)
        late_file.write_text(KEYS)
        assert exporter.flush(DEADLINE) is False
        assert exporter.cloudwatch is client
    assert {type(error) for error in failures} == {NoCredentialsError}


def test_client_stays_where_it_cannot_be_made_again(
    endpoint: Endpoint, late_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, and each attempt tries again to make one."""
    caplog.set_level(logging.INFO, 'aws_satella')
    clients: list[Any] = [_lazy_client()]
    calls = []

    def factory() -> Any:
        calls.append(1)
        return clients.pop() if clients else boto3.client('no-such-service')

    with exporting(endpoint, 3600, client_factory=factory) as exporter:
        before = exporter.cloudwatch
        for _ in range(3):
            assert exporter.flush(DEADLINE) is False
        assert exporter.cloudwatch is before
        late_file.write_text(KEYS)
        clients.append(_lazy_client())
        assert exporter.flush(DEADLINE) is True
        assert len(calls) >= 4
        exporter.cloudwatch.close()  # type: ignore[attr-defined]  # a client of boto3
    lines = [record.getMessage() for record in caplog.records if 'could not be made again' in record.getMessage()]
    assert len(lines) == 1
    assert 'UnknownServiceError' in lines[0] or 'Unknown service' in lines[0]

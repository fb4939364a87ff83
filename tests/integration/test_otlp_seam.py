"""The way of OTLP through a client of boto3: what arrives, over real HTTP, and what does not."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.model
import pytest
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError, HTTPClientError
from botocore.session import Session
from botocore.stub import ANY, Stubber
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from satella.instrumentation.metrics import getMetric
from support.endpoint import OK as OK_OF_CLASSIC
from support.endpoint import Endpoint, endpoint, error
from support.listener import RESET
from support.moto import REGION
from support.otlp import OtlpEndpoint, otlp_endpoint
from support.otlp_replies import OK, failure, partial_success
from support.sigv4 import Secret

from aws_satella import ArgumentError, ArgumentTypeError, AWSSatellaExporterThread, export_once
from aws_satella.effects.destinations import otlp as otlp_destination

METRICS_ENDPOINT = 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'


@pytest.fixture
def receiver() -> Iterator[OtlpEndpoint]:
    """A receiver that must not be sent a signature."""
    with otlp_endpoint(unsigned=True) as opened:
        yield opened
        assert opened.violations == []


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No region, no credentials, and a profile that does not exist."""
    for name in ('AWS_DEFAULT_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'):
        monkeypatch.delenv(name)
    monkeypatch.setenv('AWS_CONFIG_FILE', str(tmp_path / 'none'))
    monkeypatch.setenv('AWS_PROFILE', 'missing')


def _exporter(client: Any, **more: Any) -> AWSSatellaExporterThread:
    settings = {'destination': 'otlp', 'temporality': 'delta', 'client_factory': lambda: client, **more}
    return AWSSatellaExporterThread('Shop', **settings)


def _record(number: int = 3, size: int = 10) -> None:
    for index in range(number):
        getMetric(f'm{index}', 'counter').runtime(index + 1, text='x' * size)


def _assert_arrived(endpoint: OtlpEndpoint, number: int = 3) -> None:
    assert {name: endpoint.total(name) for name in {point.name for point in endpoint.points}} == {
        **{f'm{index}': index + 1 for index in range(number)},
        **{f'm{index}.sum': index + 1 for index in range(number)},
    }


# --- the user's client


@pytest.mark.parametrize('size', [10, 1_000])
@pytest.mark.parametrize('path', ['', '/', '/a/path', '/a/path/'])
def test_request_goes_to_the_otlp_path_of_the_endpoint_and_is_signed(path: str, size: int) -> None:
    """Whatever the path of the endpoint, and whether the body is compressed. The signature is that of what was sent."""
    _record(6, size)
    with otlp_endpoint() as otlp:
        client = boto3.client('cloudwatch', endpoint_url=otlp.url + path)
        exporter = _exporter(client)
        exporter.loop()
        client.close()
        assert otlp.violations == []
        (request,) = otlp.received
        assert request.path == path.rstrip('/') + '/v1/metrics'
        assert (request.headers.get('content-encoding') == 'gzip') is (request.size >= 10_240)
        assert exporter.stats.sent == len(otlp.points) == 12
        _assert_arrived(otlp, 6)


@pytest.mark.parametrize(
    ('settings', 'size', 'compressed'),
    [
        ({'request_min_compression_size_bytes': 1}, 10, True),
        ({'request_min_compression_size_bytes': 1_000_000}, 1_000, False),
        ({'disable_request_compression': True}, 1_000, False),
    ],
)
def test_bodies_are_compressed_as_the_client_is_configured_to(
    otlp: OtlpEndpoint, settings: dict[str, Any], size: int, compressed: bool
) -> None:
    """At the level that costs least, from the size that botocore is told."""
    _record(6, size)
    _exporter(otlp.client(**settings)).loop()
    (request,) = otlp.received
    assert (request.headers.get('content-encoding') == 'gzip') is compressed
    if compressed:
        assert request.wire[8] == 4  # what gzip says of the fastest level, RFC 1952, 2.3.1


def test_endpoint_of_the_environment_is_used(otlp: OtlpEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """``AWS_ENDPOINT_URL_CLOUDWATCH`` is a setting of boto3, so it holds here, too."""
    monkeypatch.setenv('AWS_ENDPOINT_URL_CLOUDWATCH', otlp.url)
    _record()
    assert export_once('Shop', destination='otlp', temporality='delta').sent == 6
    _assert_arrived(otlp)


@pytest.mark.parametrize('mode', ['legacy', 'standard', 'adaptive'])
def test_attempts_of_botocore_are_signed_anew(otlp: OtlpEndpoint, mode: str) -> None:
    """A 503 is tried again by botocore, twice, each time with the whole body and a signature that is true."""
    _record(6, 1_000)
    replies = [failure(503), failure(503)]
    otlp.behave = lambda _request: replies.pop() if replies else OK
    exporter = _exporter(otlp.client(retries={'total_max_attempts': 3, 'mode': mode}))
    exporter.loop()
    assert len(otlp.received) == 3
    assert (exporter.stats.sent, exporter.stats.failed_requests) == (12, 0)
    _assert_arrived(otlp, 6)


def test_credentials_may_change_between_two_requests(otlp: OtlpEndpoint) -> None:
    """Credentials that botocore refreshes, with a token, sign the next request."""
    otlp.secrets = {f'key{number}': Secret(f'word{number}', f'token{number}') for number in range(3)}
    refreshed = [0]

    def refresh() -> dict[str, str]:
        number, refreshed[0] = refreshed[0], refreshed[0] + 1
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=60)
        keys = {'access_key': f'key{number}', 'secret_key': f'word{number}', 'token': f'token{number}'}
        return {**keys, 'expiry_time': soon.isoformat()}

    session = Session()
    session._credentials = RefreshableCredentials.create_from_metadata(refresh(), refresh, 'test')
    client = session.create_client('cloudwatch', REGION, endpoint_url=otlp.url)
    exporter = _exporter(client)
    for _ in range(2):
        getMetric('work', 'counter').runtime(1)
        exporter.loop()
    client.close()
    assert refreshed[0] == 3
    assert otlp.total('work') == 2


def test_unsigned_client_sends_without_a_signature(receiver: OtlpEndpoint) -> None:
    """A client that was made to sign nothing, for a proxy that signs, is honoured."""
    _record()
    _exporter(receiver.client(signature_version=UNSIGNED)).loop()
    _assert_arrived(receiver)


def test_proxies_are_used(otlp: OtlpEndpoint) -> None:
    """``Config(proxies=...)`` holds: the proxy gets the whole URL."""
    _record()
    proxied = Config(proxies={'http': otlp.url})
    client = boto3.client('cloudwatch', endpoint_url='http://cloudwatch.test', config=proxied)
    _exporter(client).loop()
    client.close()
    (request,) = otlp.received
    assert request.path == 'http://cloudwatch.test/v1/metrics'
    _assert_arrived(otlp)


HOSTS: dict[str, tuple[dict[str, Any], str, str]] = {
    'a region': ({'region_name': 'eu-west-1'}, 'monitoring.eu-west-1.amazonaws.com', 'eu-west-1'),
    'China': ({'region_name': 'cn-north-1'}, 'monitoring.cn-north-1.amazonaws.com.cn', 'cn-north-1'),
    'GovCloud': ({'region_name': 'us-gov-west-1'}, 'monitoring.us-gov-west-1.amazonaws.com', 'us-gov-west-1'),
    'FIPS': (
        {'region_name': 'us-east-1', 'config': Config(use_fips_endpoint=True)},
        'monitoring-fips.us-east-1.amazonaws.com',
        'us-east-1',
    ),
    'a VPC endpoint': (
        {'region_name': 'eu-west-1', 'endpoint_url': 'https://vpce-0a-1b.monitoring.eu-west-1.vpce.amazonaws.com'},
        'vpce-0a-1b.monitoring.eu-west-1.vpce.amazonaws.com',
        'eu-west-1',
    ),
}


class _Raw:
    """The body of a reply."""

    def stream(self, **_: Any) -> list[bytes]:
        return []


def _requests_of(client: BaseClient) -> list[Any]:
    """The requests that a client would send: they are answered before they leave."""
    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 200, {'Content-Type': 'application/x-protobuf'}, _Raw())

    client.meta.events.register('before-send', answer)
    return sent


@pytest.mark.parametrize('where', HOSTS)
def test_host_is_that_of_the_client(where: str) -> None:
    """Partitions, FIPS and VPC endpoints are what the client says: botocore resolves and signs for them."""
    options, host, region = HOSTS[where]
    client: Any = boto3.client('cloudwatch', **options)
    sent = _requests_of(client)
    _record()
    exporter = _exporter(client)
    exporter.loop()
    (request,) = sent
    assert request.url == f'https://{host}/v1/metrics'
    assert f'/{region}/monitoring/aws4_request' in str(request.headers['Authorization'])
    assert exporter.stats.sent == 6


# --- what else uses the client


def test_calls_of_user_code_on_the_same_client_are_its_own(endpoint: Endpoint) -> None:
    """Before, between and after exports, and in a handler of a request of ours, put_metric_data is PutMetricData."""
    client = endpoint.client()
    calls: list[Any] = []

    def own_call(name: str) -> None:
        calls.append(client.put_metric_data(Namespace='Mine', MetricData=[{'MetricName': name, 'Value': 1}]))

    def inside(**_: Any) -> None:
        if not inside_once:
            inside_once.append(True)
            own_call('inside')

    inside_once: list[bool] = []
    own_call('before')
    exporter = _exporter(client)
    own_call('made')
    getMetric('work', 'counter').runtime(1)
    client.meta.events.register('before-parameter-build.cloudwatch.PutMetricData', inside)
    exporter.loop()
    own_call('after')
    assert [datum['MetricName'] for datum in endpoint.data] == ['before', 'made', 'inside', 'work', 'after']
    kinds = [request.headers['Content-Type'] for request in endpoint.received]
    assert [kind for kind in kinds if 'json' not in kind] == ['application/x-protobuf']
    assert all(call['ResponseMetadata']['HTTPStatusCode'] == 200 for call in calls)
    assert exporter.stats.sent == 1


@pytest.mark.parametrize('event', ['request-created', 'before-sign', 'before-send'])
@pytest.mark.parametrize('reply', ['taken', 'refused', 'none'])
def test_handler_may_call_in_the_midst_of_a_request(endpoint: Endpoint, event: str, reply: str) -> None:
    """A call of user code on the same client, between a request of ours and its reply, gets its own reply, or its own
    error. Ours is read for what it is, so nothing is sent again."""
    client = endpoint.client()
    outcomes: list[str] = []

    def call(request: Any, **_: Any) -> None:
        if 'protobuf' in str(request.headers['Content-Type']):
            try:
                client.put_metric_data(Namespace='Mine', MetricData=[{'MetricName': 'inside', 'Value': 1}])
                outcomes.append('taken')
            except ClientError:
                outcomes.append('refused')
            except HTTPClientError:
                outcomes.append('none')

    mine: Any = {'taken': OK_OF_CLASSIC, 'refused': error('InvalidParameterValue'), 'none': RESET}[reply]
    endpoint.behave = lambda request: mine if request.namespace == 'Mine' else OK_OF_CLASSIC
    exporter = _exporter(client)
    client.meta.events.register(event, call)
    getMetric('work', 'counter').runtime(1)
    exporter.loop()
    assert outcomes == [reply]
    assert (exporter.stats.sent, exporter.stats.failed_requests) == (1, 0)
    assert [datum['MetricName'] for datum in endpoint.data if datum['MetricName'] != 'inside'] == ['work']


def test_both_forms_go_through_one_client(endpoint: Endpoint) -> None:
    """Two exporters side by side, one of each form: each sends its own."""
    client = endpoint.client()
    getMetric('work', 'counter').runtime(1)
    classic = AWSSatellaExporterThread('Shop', temporality='delta', client_factory=lambda: client)
    for exporter in (_exporter(client), classic, _exporter(client)):
        exporter.loop()
        assert exporter.stats.sent == 1
    kinds = [request.headers['Content-Type'] for request in endpoint.received]
    assert kinds == ['application/x-protobuf', 'application/x-amz-json-1.0', 'application/x-protobuf']


def test_handler_that_answers_the_stub_takes_nothing(otlp: OtlpEndpoint) -> None:
    """What answers before a request is made cannot have taken the points, which stay."""
    client = otlp.client()
    exporter = _exporter(client)
    _record()
    with Stubber(client) as stubber:
        stubber.add_response('put_metric_data', {}, {'Namespace': 'Shop', 'MetricData': ANY})
        exporter.loop()
    assert (exporter.stats.sent, exporter.stats.buffered) == (0, 6)
    exporter.loop()
    _assert_arrived(otlp)


def test_stub_that_is_sent_takes_nothing() -> None:
    """A handler that copies the data sends the stub alone, as PutMetricData. A server that takes it has no points."""

    def copy(params: Any, **_: Any) -> None:
        params['MetricData'] = [dict(datum) for datum in params['MetricData']]

    with endpoint() as classic:
        client = classic.client()
        client.meta.events.register('before-parameter-build', copy)
        exporter = _exporter(client)
        _record()
        exporter.loop()
        assert len(classic.accepted) == 1
        assert (exporter.stats.sent, exporter.stats.buffered) == (0, 6)


def test_export_in_the_midst_of_a_request_leaves_its_reply(otlp: OtlpEndpoint, receiver: OtlpEndpoint) -> None:
    """A handler of user code may export elsewhere. The reply to the request of the exporter is read for what it is."""
    client = otlp.client()
    elsewhere: list[int] = []

    def export(**_: Any) -> None:
        elsewhere.append(export_once('Other', destination=receiver.metrics_url, temporality='delta').sent)

    client.meta.events.register('before-send', export)
    otlp.behave = lambda _request: partial_success(2, 'too late')
    exporter = _exporter(client)
    _record()
    exporter.loop()
    assert elsewhere == [6]
    assert (exporter.stats.sent, exporter.stats.discarded, exporter.stats.buffered) == (4, 2, 0)


# --- clients that will not do


class _Foreign:
    def put_metric_data(self, **_: Any) -> None:
        raise AssertionError


def _cbor(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(botocore.model.ServiceModel, 'resolved_protocol', 'smithy-rpc-v2-cbor')
    return boto3.client('cloudwatch')


@pytest.mark.parametrize('make', [lambda _: _Foreign(), _cbor], ids=['no client of botocore', 'CBOR'])
def test_client_that_cannot_send_it_is_refused_at_once(
    make: Callable[[pytest.MonkeyPatch], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its requests could not be made those of OTLP, or its replies not be read."""
    client = make(monkeypatch)
    with pytest.raises(ArgumentTypeError, match=r"^client_factory: .*boto3.client\('cloudwatch'\)"):
        _exporter(client)
    with pytest.raises(ArgumentTypeError, match=r'^client_factory: '):
        export_once('Shop', destination='otlp', client_factory=lambda: client)


def test_client_that_is_put_in_later_is_checked_then(otlp: OtlpEndpoint) -> None:
    """An assignment that would stop the exports is an error of the assignment."""
    exporter = _exporter(otlp.client())
    with pytest.raises(ArgumentTypeError, match=r'^client_factory: '):
        exporter.cloudwatch = _Foreign()
    exporter.cloudwatch = otlp.client()
    _record()
    exporter.loop()
    _assert_arrived(otlp)


def test_class_that_sends_itself_has_no_form_but_the_classic_one() -> None:
    """``send_metrics`` gets dictionaries, and OTLP has none."""

    class Own(AWSSatellaExporterThread):
        def send_metrics(self, data: list[Any]) -> None:
            """Send nothing."""

    with pytest.raises(ArgumentError, match=r"^destination: 'otlp' .*'cloudwatch'"):
        Own('Shop', destination='otlp')


# --- other receivers


@pytest.mark.usefixtures('no_aws')
def test_receiver_needs_nothing_of_aws(receiver: OtlpEndpoint) -> None:
    """No region, no credentials, no profile; and what is sent has no signature."""
    _record()
    assert export_once('Shop', destination=receiver.metrics_url, temporality='delta').sent == 6
    _assert_arrived(receiver)


def test_log_calls_a_receiver_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    """An outage of a receiver is none of CloudWatch. A query of its URL, which may have a key in it, is left out."""
    url = 'http://127.0.0.1:1/v1/%20metrics'
    _record()
    stats = export_once('Shop', destination=f'{url}?key=secret')
    assert stats.failed_requests == 1
    assert [record.getMessage().startswith(f'Exports to {url} fail; ') for record in caplog.records] == [True]
    assert 'secret' not in caplog.text


@pytest.mark.usefixtures('no_aws')
def test_headers_of_the_environment_are_sent_to_a_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in a header is how CloudWatch and vendors know who sends without a signature."""
    monkeypatch.setenv('OTEL_EXPORTER_OTLP_METRICS_HEADERS', 'Authorization=Bearer%20key,x-tenant=a')
    _record()
    with otlp_endpoint(unsigned=True, required={'authorization': 'Bearer key', 'x-tenant': 'a'}) as opened:
        export_once('Shop', destination=opened.metrics_url, temporality='delta')
        assert opened.violations == []
        _assert_arrived(opened)


def test_headers_for_others_do_not_go_to_cloudwatch(otlp: OtlpEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of a vendor, set for traces, stays out of requests to AWS."""
    monkeypatch.setenv('OTEL_EXPORTER_OTLP_HEADERS', 'Authorization=Bearer%20key,api-key=secret')
    monkeypatch.setenv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:1')
    _record()
    _exporter(otlp.client()).loop()
    (request,) = otlp.received
    assert 'api-key' not in request.headers
    assert request.headers['authorization'].startswith('AWS4-HMAC-SHA256')
    _assert_arrived(otlp)


def test_variable_redirects_to_a_receiver(
    receiver: OtlpEndpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is for CloudWatch goes there unsigned, and the log has it, once."""
    otlp_destination.tell_of_environment.cache_clear()
    caplog.set_level('INFO', 'aws_satella')
    monkeypatch.setenv(METRICS_ENDPOINT, receiver.metrics_url)
    _record()
    for _ in range(2):
        export_once('Shop', destination='otlp', temporality='delta')
    _assert_arrived(receiver)
    said = [record.getMessage() for record in caplog.records if record.levelname == 'INFO']
    assert said == [f'{METRICS_ENDPOINT} is set: metrics go to {receiver.metrics_url}']


def test_redirection_to_cloudwatch_is_signed_for_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's client has the credentials, and the URL has the region."""
    monkeypatch.setenv(METRICS_ENDPOINT, 'https://monitoring.ap-south-1.amazonaws.com/v1/metrics')
    client: Any = boto3.client('cloudwatch', region_name='eu-west-1')
    sent = _requests_of(client)
    _record()
    _exporter(client).loop()
    (request,) = sent
    assert request.url == 'https://monitoring.ap-south-1.amazonaws.com/v1/metrics'
    assert '/ap-south-1/monitoring/aws4_request' in str(request.headers['Authorization'])


def test_nobody_but_aws_gets_a_signature(receiver: OtlpEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from a client that is assigned, nor from one that was made before the variable was set."""
    _record()
    to_url = AWSSatellaExporterThread('Other', temporality='delta', destination=receiver.metrics_url)
    to_url.cloudwatch = receiver.client()
    redirected = _exporter(receiver.client())
    monkeypatch.setenv(METRICS_ENDPOINT, receiver.metrics_url)
    for exporter in (to_url, redirected):
        exporter.loop()
        assert exporter.stats.sent == 6


def test_variable_that_cannot_be_is_an_error_of_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the metrics would never arrive, the start says so, and names the variable."""
    monkeypatch.setenv(METRICS_ENDPOINT, 'collector:4318')
    with pytest.raises(ArgumentError, match=f'^{METRICS_ENDPOINT}: '):
        AWSSatellaExporterThread('Shop', destination='otlp')


def test_resource_attributes_that_are_none_are_told(
    otlp: OtlpEndpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They are ignored alone, and the log has their positions, once."""
    otlp_destination.tell_of_environment.cache_clear()
    monkeypatch.setenv('OTEL_RESOURCE_ATTRIBUTES', 'k8s.pod.name=web-1,secret')
    getMetric('work', 'counter').runtime(1)
    for _ in range(2):
        _exporter(otlp.client()).loop()
    (point, _) = otlp.named('work')
    assert point.resource['k8s.pod.name'] == 'web-1'
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.endswith('ignored: 2')
    assert 'secret' not in said


def test_name_of_the_service_that_is_too_long_is_told(
    otlp: OtlpEndpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is ignored, since it would have all points refused, and the log has it, once."""
    otlp_destination.tell_of_environment.cache_clear()
    monkeypatch.setenv('OTEL_SERVICE_NAME', 'x' * 1_025)
    _record()
    for _ in range(2):
        _exporter(otlp.client()).loop()
    assert {point.resource['service.name'] for point in otlp.points} == {'Shop'}
    said = [record.getMessage() for record in caplog.records]
    assert said == ['OTEL_SERVICE_NAME is longer than CloudWatch takes, and is ignored']


def _certificate(directory: Path) -> Path:
    """A certificate for this machine, which nobody else trusts, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'localhost')])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName('localhost')]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path = directory / 'certificate.pem'
    path.write_bytes(pem)
    return path


@pytest.mark.usefixtures('no_aws')
def test_receiver_with_a_certificate_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``OTEL_EXPORTER_OTLP_CERTIFICATE`` says whom to trust. Without it nothing is sent."""
    certificate = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    getMetric('work', 'counter').runtime(1)
    with otlp_endpoint(unsigned=True) as opened:
        opened._server.socket = context.wrap_socket(opened._server.socket, server_side=True)
        url = f'https://localhost:{opened.port}/v1/metrics'
        stats = export_once('Shop', destination=url, temporality='delta')
        assert (stats.sent, stats.buffered) == (0, 1)
        monkeypatch.setenv('OTEL_EXPORTER_OTLP_CERTIFICATE', str(certificate))
        assert not export_once('Shop', destination=url, temporality='delta').buffered
        assert opened.total('work') == 1


@pytest.mark.usefixtures('no_aws')
def test_certificate_that_is_missing_is_told_at_once(receiver: OtlpEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that leads nowhere would fail every request."""
    monkeypatch.setenv('OTEL_EXPORTER_OTLP_CERTIFICATE', '/nowhere.pem')
    with pytest.raises(ArgumentError, match=r'^OTEL_EXPORTER_OTLP_CERTIFICATE: .*nowhere\.pem'):
        AWSSatellaExporterThread('Shop', destination=receiver.metrics_url.replace('http:', 'https:'))


@pytest.mark.usefixtures('no_aws')
def test_timeout_of_the_environment_holds(receiver: OtlpEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that does not answer is waited for as long as ``OTEL_EXPORTER_OTLP_TIMEOUT`` says, in milliseconds."""
    monkeypatch.setenv('OTEL_EXPORTER_OTLP_TIMEOUT', '50')
    exporter = AWSSatellaExporterThread('Shop', destination=receiver.metrics_url)
    config = exporter.cloudwatch.meta.config  # type: ignore[attr-defined]  # it is a client of botocore
    assert (config.connect_timeout, config.read_timeout) == (0.05, 0.05)

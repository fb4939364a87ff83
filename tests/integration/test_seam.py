"""The way of a ready body through botocore: what arrives, over real HTTP, whatever else is registered at the client."""

from __future__ import annotations

import copy
import gzip
import hashlib
import hmac
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import botocore.model
import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ParamValidationError
from botocore.stub import ANY, Stubber
from moto import mock_aws
from satella.instrumentation.metrics import MetricData, getMetric
from support.endpoint import OK, RESET, Endpoint, Reply, Request, error
from support.endpoint import endpoint as open_endpoint
from support.exporters import DEADLINE, assert_conserved, exporting
from support.moto import Moto, session
from support.switching import switching_every
from support.waiting import wait_for
from support.worlds import MockWorld

from aws_satella import ArgumentTypeError, AWSSatellaExporterThread
from aws_satella.effects.destinations.cloudwatch import MAX_BYTES_AS_DICTIONARIES
from aws_satella.effects.destinations.encoded import STUB, Encoded
from aws_satella.effects.destinations.outcomes import describe
from aws_satella.pure.replies import Verdict, verdict

STUB_NAME = 'aws_satella.encoded'


class Wrapper:
    """A client that is no boto3 client, though it uses one."""

    def __init__(self, client: Any) -> None:
        self.lists: list[Any] = []
        self._client = client

    def put_metric_data(self, **params: Any) -> Any:
        self.lists.append(params['MetricData'])
        return self._client.put_metric_data(**params)


def _exporter(client: Any, **more: Any) -> AWSSatellaExporterThread:
    return AWSSatellaExporterThread('Test', client_factory=lambda: client, **{'max_send_at_once': 1000, **more})


def _record(number: int = 1, size: int = 0) -> None:
    """So many series; each takes at least so many bytes."""
    for index in range(number):
        filling = {f'l{each}': 'x' * 1000 for each in range(size // 1000)}
        getMetric(f'm{index:05}', 'int').runtime(index, **filling)


def _names(data: list[Any]) -> list[str]:
    return [datum['MetricName'] for datum in data]


def _is_ready(request: Request) -> bool:
    """Whether the body is the one that was encoded; botocore's own has spaces in it."""
    body = gzip.decompress(request.wire) if request.headers.get('Content-Encoding') == 'gzip' else request.wire
    return body.startswith(b'{"Namespace":"')


def _assert_arrived(exporter: AWSSatellaExporterThread, endpoint: Endpoint, names: list[str]) -> None:
    """Each of them once, and no stub in any attempt."""
    assert _names(endpoint.data) == names
    assert not any(STUB_NAME in _names(request.data) for request in endpoint.received)
    assert exporter.stats.discarded == exporter.stats.dropped == 0
    assert_conserved(exporter, endpoint, len(names))


# --- what is on the wire


def _everything() -> None:
    getMetric('counter', 'counter').runtime(3, country='pl', city='Łódź "x"\\')
    getMetric('float', 'float').runtime(-2.5e-30)
    getMetric('large', 'float').runtime(1e100)
    for value in (0.003, 0.02, 0.7, 12):
        getMetric('histogram', 'histogram').runtime(value)
        getMetric('summary', 'summary').runtime(value, path='/')


@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
@pytest.mark.parametrize('resolution', [1, 60])
def test_request_is_the_one_that_botocore_makes_of_dictionaries(
    endpoint: Endpoint, temporality: str, resolution: int, world: MockWorld
) -> None:
    """The same parameters and headers, but for the time, the signature and the identity of the call."""
    world.stop()  # all cycles have the same timestamp, so that their data can be compared
    client = endpoint.client()
    exporters = [
        _exporter(client, temporality=temporality, storage_resolution=resolution),
        _exporter(Wrapper(client), temporality=temporality, storage_resolution=resolution),
    ]
    _everything()
    for exporter in exporters:
        exporter.loop()
    ready, ordinary = endpoint.received
    assert _is_ready(ready)
    assert not _is_ready(ordinary)
    assert ready.namespace == ordinary.namespace == 'Test'
    assert ready.data == ordinary.data
    assert len(ready.data) > 3
    assert ready.size < ordinary.size
    varies = {'Content-Length', 'X-Amz-Date', 'Authorization', 'amz-sdk-invocation-id'}
    assert {name: value for name, value in ready.headers.items() if name not in varies} == {
        name: value for name, value in ordinary.headers.items() if name not in varies
    }
    assert ready.headers.keys() == ordinary.headers.keys()


@pytest.mark.parametrize(
    ('settings', 'size', 'compressed'),
    [
        ({}, 20_000, True),
        ({}, 500, False),
        ({'request_min_compression_size_bytes': 1}, 500, True),
        ({'request_min_compression_size_bytes': 1_000_000}, 20_000, False),
        ({'disable_request_compression': True}, 20_000, False),
        ({'disable_request_compression': True, 'request_min_compression_size_bytes': 1}, 500, False),
    ],
)
def test_bodies_are_compressed_as_the_client_is_configured_to(
    endpoint: Endpoint, settings: dict[str, Any], size: int, compressed: bool, world: MockWorld
) -> None:
    """As botocore compresses the same data as dictionaries, though at the level that costs least."""
    world.stop()  # all cycles have the same timestamp, so that their data can be compared
    _record(max(1, size // 5000), 5000 if size > 5000 else 0)
    client = endpoint.client(**settings)
    exporter = _exporter(client)
    exporter.loop()
    _exporter(Wrapper(client)).loop()
    ready, ordinary = endpoint.received
    assert _is_ready(ready)
    for request in (ready, ordinary):
        assert (request.headers.get('Content-Encoding') == 'gzip') is compressed
        assert int(request.headers['Content-Length']) == len(request.wire)
    assert ready.data == ordinary.data
    if compressed:
        assert ready.wire[8] == 4  # what gzip says of the fastest level, RFC 1952, 2.3.1


@pytest.mark.parametrize('above', [0, 1])
def test_threshold_of_compression_is_exact(endpoint: Endpoint, above: int) -> None:
    """A body of just so many bytes is compressed, one that is a byte smaller is not."""
    _record(4, 3000)
    _exporter(endpoint.client(disable_request_compression=True)).loop()
    (plain,) = endpoint.received
    _exporter(endpoint.client(request_min_compression_size_bytes=plain.size + above)).loop()
    request = endpoint.received[-1]
    assert request.size == plain.size
    assert (request.headers.get('Content-Encoding') == 'gzip') is (above == 0)


def _signature(request: Request, secret: str) -> str:
    """Signature version 4, as AWS computes it from what it receives.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    fields = dict(field.split('=', 1) for field in request.headers['Authorization'].split(' ', 1)[1].split(', '))
    scope = fields['Credential'].split('/', 1)[1]
    headers = {name.lower(): ' '.join(value.split()) for name, value in request.headers.items()}
    signed = ''.join(f'{name}:{headers[name]}\n' for name in fields['SignedHeaders'].split(';'))
    digest = hashlib.sha256(request.wire).hexdigest()
    canonical = '\n'.join(['POST', request.path, '', signed, fields['SignedHeaders'], digest])
    to_sign = '\n'.join(
        ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f'AWS4{secret}'.encode()
    for part in (*scope.split('/'), to_sign):
        key = hmac.digest(key, part.encode(), 'sha256')
    assert 'content-type' in fields['SignedHeaders']
    return key.hex()


@pytest.mark.parametrize('size', [500, 20_000])
@pytest.mark.parametrize('path', ['/', '/a/path'])
def test_signature_is_that_of_the_body_that_is_sent(endpoint: Endpoint, size: int, path: str) -> None:
    """In every attempt, compressed or not, whatever the path of the endpoint."""
    _record(4, size // 4)
    endpoint.behave = lambda request: Reply(500) if len(endpoint.received) == 1 else OK
    settings = Config(retries={'max_attempts': 2})
    client = session().client('cloudwatch', endpoint_url=endpoint.url + path.rstrip('/'), config=settings)
    exporter = _exporter(client)
    exporter.loop()
    assert len(endpoint.received) == 2
    for request in endpoint.received:
        assert _is_ready(request)
        assert request.path == path
        assert request.headers['Authorization'].endswith(f'Signature={_signature(request, "testing")}')
    _assert_arrived(exporter, endpoint, _names(endpoint.received[0].data))
    client.close()


@pytest.mark.parametrize('mode', ['legacy', 'standard', 'adaptive'])
@pytest.mark.parametrize('failure', [Reply(500), Reply(503), RESET, error('Throttling')])
def test_attempts_carry_the_whole_body(endpoint: Endpoint, mode: str, failure: Reply | str) -> None:
    """botocore tries again, in any of its modes, with the same body; and what arrives counts once."""
    _record(6, 2000)
    endpoint.behave = lambda _request: failure if len(endpoint.received) == 1 else OK
    retries = {'mode': mode, 'total_max_attempts': 3}
    exporter = _exporter(endpoint.client(retries=retries, request_min_compression_size_bytes=1))
    exporter.loop()
    first, second = endpoint.received
    assert first.wire == second.wire
    assert first.headers['Content-Encoding'] == second.headers['Content-Encoding'] == 'gzip'
    assert all(map(_is_ready, endpoint.received))
    assert exporter.stats.failed_requests == 0
    _assert_arrived(exporter, endpoint, [f'm{index:05}' for index in range(6)])


def test_request_that_no_attempt_brought_is_sent_by_the_next_export(endpoint: Endpoint) -> None:
    """It failed as a call fails that was made with dictionaries, and nothing of it is lost."""
    _record(3)
    endpoint.behave = lambda _request: Reply(503)
    exporter = _exporter(endpoint.client(retries={'mode': 'standard', 'total_max_attempts': 2}))
    exporter.loop()
    assert len(endpoint.received) == 2
    assert exporter.stats.failed_requests == 1
    endpoint.behave = lambda _request: OK
    getMetric().reset()
    exporter.loop()
    _assert_arrived(exporter, endpoint, ['m00000', 'm00001', 'm00002'])
    assert all(map(_is_ready, endpoint.received))


# --- the ways to the endpoint


def test_endpoint_of_the_environment_is_used(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exporter's own client is one of boto3's, and gets ready bodies."""
    monkeypatch.setenv('AWS_ENDPOINT_URL_CLOUDWATCH', f'{endpoint.url}/of/the/environment')
    _record()
    exporter = AWSSatellaExporterThread('Test')
    exporter.loop()
    (request,) = endpoint.received
    assert request.path == '/of/the/environment'
    assert _is_ready(request)
    _assert_arrived(exporter, endpoint, ['m00000'])
    exporter.cloudwatch.close()  # type: ignore[attr-defined]  # a client of boto3


class _Forwarding(BaseHTTPRequestHandler):
    """Does what a proxy does with a request of plain HTTP."""

    def do_POST(self) -> None:
        self.server.passed.append(self.path)  # type: ignore[attr-defined]  # an attribute of ours
        body = self.rfile.read(int(self.headers['Content-Length']))
        host, _, path = self.path.removeprefix('http://').partition('/')
        upstream = http.client.HTTPConnection(host, timeout=10)
        upstream.request('POST', f'/{path}', body, dict(self.headers))
        reply = upstream.getresponse()
        content = reply.read()
        upstream.close()
        self.send_response(reply.status)
        self.send_header('Content-Type', reply.headers['Content-Type'])
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def _proxy() -> Iterator[tuple[str, list[str]]]:
    """A proxy on loopback: its address, and the addresses of all requests that it passed on."""
    server = ThreadingHTTPServer(('127.0.0.1', 0), _Forwarding)
    passed: list[str] = []
    server.passed = passed  # type: ignore[attr-defined]  # an attribute of ours
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True)
    thread.start()
    try:
        yield f'http://127.0.0.1:{server.server_port}', passed
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_proxies_are_used(endpoint: Endpoint) -> None:
    """``Config(proxies=...)`` of the client holds for ready bodies."""
    _record(5, 4000)
    with _proxy() as (url, passed):
        client = endpoint.client(proxies={'http': url})
        exporter = _exporter(client)
        exporter.loop()
        client.close()
    assert passed == [f'{endpoint.url}/']
    (request,) = endpoint.received
    assert _is_ready(request)
    assert request.headers['Content-Encoding'] == 'gzip'
    _assert_arrived(exporter, endpoint, [f'm{index:05}' for index in range(5)])


@pytest.mark.parametrize('size', [0, 10_000])
def test_moto_in_the_process_has_the_data(size: int) -> None:
    """``mock_aws`` answers below the handlers of the client, and sees what is sent."""
    _record(5, size)
    with mock_aws():
        exporter = AWSSatellaExporterThread('Test', max_send_at_once=1000)
        exporter.loop()
        listed = boto3.client('cloudwatch').list_metrics(Namespace='Test')['Metrics']
    assert sorted(_names(listed)) == [f'm{index:05}' for index in range(5)]
    assert exporter.stats.sent == 5


@pytest.mark.parametrize('size', [0, 10_000])
def test_motos_server_has_the_data(moto: Moto, size: int) -> None:
    """The same over HTTP."""
    _record(5, size)
    exporter = _exporter(moto.client())
    exporter.loop()
    assert sorted(datum.name for datum in moto.data) == [f'm{index:05}' for index in range(5)]
    assert exporter.stats.sent == 5


def test_request_is_the_same_without_validation_of_parameters(endpoint: Endpoint) -> None:
    """``Config(parameter_validation=False)``."""
    _record(3)
    exporter = _exporter(endpoint.client(parameter_validation=False))
    exporter.loop()
    assert all(map(_is_ready, endpoint.received))
    _assert_arrived(exporter, endpoint, ['m00000', 'm00001', 'm00002'])


# --- Stubber


@pytest.mark.parametrize('before', [True, False])
def test_stubber_answers(endpoint: Endpoint, before: bool) -> None:
    """One response for one request, whether the stubber was there before the exporter or came after."""
    _record(3)
    client = endpoint.client()
    exporter = None if before else _exporter(client)
    if exporter is not None:
        exporter.loop()
    with Stubber(client) as stubber:
        stubber.add_response('put_metric_data', {})
        exporter = exporter or _exporter(client)
        exporter.loop()
        stubber.assert_no_pending_responses()
        assert exporter.stats.failed_requests == 0
        stubber.add_client_error('put_metric_data', 'InternalServiceFault', http_status_code=500)
        exporter.loop()
        assert exporter.stats.failed_requests == 2  # the second has no response at all
    exporter.loop()
    assert exporter.stats.buffered == 0
    assert all(map(_is_ready, endpoint.received))


def test_stubber_is_shown_the_data(endpoint: Endpoint) -> None:
    """Its expected parameters are compared with the dictionaries; a difference is an error, and loses nothing."""
    _record(2)
    client = endpoint.client()
    exporter = _exporter(client)
    common = {'Dimensions': [], 'Unit': 'None', 'Timestamp': ANY}
    data = [{'MetricName': 'm00000', 'Value': 0.0, **common}, {'MetricName': 'm00001', 'Value': 1.0, **common}]
    with Stubber(client) as stubber:
        stubber.add_response('put_metric_data', {}, {'Namespace': 'Test', 'MetricData': data})
        exporter.loop()
        stubber.assert_no_pending_responses()
        assert exporter.stats.sent == 2
        stubber.add_response('put_metric_data', {}, {'Namespace': 'Test', 'MetricData': data[:1]})
        exporter.loop()
    assert exporter.stats.sent == 2
    assert exporter.stats.buffered == 2
    assert exporter.stats.failed_requests == 2  # it was tried again at once


# --- handlers of user code

WHERE = ('{}.*.*', '{}.cloudwatch.PutMetricData', '{}')
"""The nodes of an event, in the order in which they are called."""
WHEN = ('before', 'after')
"""Whether a handler is registered before the exporter sees the client, or after."""
SECTIONS = ('register_first', 'register', 'register_last')

Place = tuple[str, str, str]
PLACES = [(where, section, when) for where in WHERE for section in SECTIONS for when in WHEN]

BLIND: dict[str, set[Place]] = {
    'before-parameter-build': {('{}', 'register_last', 'after')},
    'before-call': {('{}.*.*', 'register_first', 'before'), ('{}', 'register_last', 'after')},
    'request-created': {('{}.*.*', 'register_first', 'before')},
}
"""Where the stub is all that a handler sees: the place is outside of the handlers of the seam. What is registered first
is called first, also among those that are to be first."""


def _with_handler(client: Any, event: str, place: Place, handler: Callable[..., Any]) -> AWSSatellaExporterThread:
    """An exporter of the client, which has the handler at that place."""
    where, section, when = place
    exporter = _exporter(client)
    if when == 'before':
        getattr(client.meta.events, section)(where.format(event), handler)
    exporter.delivery._current_destination()  # makes the seam, which the first export would do
    if when == 'after':
        getattr(client.meta.events, section)(where.format(event), handler)
    return exporter


def _shown(kwargs: dict[str, Any]) -> list[str]:
    """The names of metrics that a handler of any event was shown."""
    if 'request' in kwargs:
        request = kwargs['request']
        body, headers = request.body, request.headers
    elif 'MetricData' in kwargs['params']:
        return _names(kwargs['params']['MetricData'])
    else:
        body, headers = kwargs['params']['body'], kwargs['params']['headers']
    if headers.get('Content-Encoding') in ('gzip', b'gzip'):
        body = gzip.decompress(body)
    return _names(json.loads(body)['MetricData'])


PARAMETERS = ('provide-client-params', 'before-parameter-build')
BODIES = ('before-call', 'request-created', 'before-sign', 'before-send')


def _cases(*events: str) -> list[Any]:
    return [(event, place) for event in events for place in PLACES]


@pytest.mark.parametrize('size', [0, 9_000])
@pytest.mark.parametrize(('event', 'place'), _cases(*PARAMETERS, *BODIES))
def test_handler_that_looks_sees_the_data(endpoint: Endpoint, event: str, place: Place, size: int) -> None:
    """What botocore would have shown it; and the data arrive. Where it is blind, it does no harm."""
    _record(2, size)
    seen: list[list[str]] = []

    def look(**kwargs: Any) -> None:
        seen.append(_shown(kwargs))

    exporter = _with_handler(endpoint.client(), event, place, look)
    exporter.loop()
    blind = place in BLIND.get(event, ())
    assert seen == [[STUB_NAME] if blind else ['m00000', 'm00001']]
    assert len(endpoint.received) == 1
    assert _is_ready(endpoint.received[0]) is (event not in PARAMETERS or blind)
    _assert_arrived(exporter, endpoint, ['m00000', 'm00001'])


def _rename(params: Any) -> None:
    for datum in params['MetricData']:
        datum['MetricName'] = f'changed-{datum["MetricName"]}'


def _add_dimension(params: Any) -> None:
    for datum in params['MetricData']:
        datum['Dimensions'] = [{'Name': 'by', 'Value': 'handler'}]


def _raise_resolution(params: Any) -> None:
    for datum in params['MetricData']:
        datum['StorageResolution'] = 1


def _append(params: Any) -> None:
    params['MetricData'].append({'MetricName': 'added', 'Value': 1.0})


def _filter(params: Any) -> None:
    params['MetricData'] = [datum for datum in params['MetricData'] if datum['MetricName'] != 'm00000']


def _replace(params: Any) -> None:
    params['MetricData'] = [{**datum, 'Unit': 'Count'} for datum in params['MetricData']]


def _copy(params: Any) -> None:
    params['MetricData'] = copy.deepcopy(params['MetricData'])


def _namespace(params: Any) -> None:
    params['Namespace'] = 'Other'


def _strict(params: Any) -> None:
    params['StrictEntityValidation'] = False


CHANGES: dict[Callable[[Any], None], Callable[[dict[str, Any]], bool]] = {
    _rename: lambda sent: _names(sent['MetricData']) == ['changed-m00000', 'changed-m00001'],
    _add_dimension: lambda sent: all(datum['Dimensions'][0]['Value'] == 'handler' for datum in sent['MetricData']),
    _raise_resolution: lambda sent: all(datum['StorageResolution'] == 1 for datum in sent['MetricData']),
    _append: lambda sent: _names(sent['MetricData']) == ['m00000', 'm00001', 'added'],
    _filter: lambda sent: _names(sent['MetricData']) == ['m00001'],
    _replace: lambda sent: all(datum['Unit'] == 'Count' for datum in sent['MetricData']),
    _copy: lambda sent: _names(sent['MetricData']) == ['m00000', 'm00001'],
    _namespace: lambda sent: sent['Namespace'] == 'Other' and _names(sent['MetricData']) == ['m00000', 'm00001'],
    _strict: lambda sent: sent['StrictEntityValidation'] is False and len(sent['MetricData']) == 2,
}
"""What a handler does to the parameters → how to tell that it was honoured."""


@pytest.mark.parametrize('change', CHANGES)
@pytest.mark.parametrize(('event', 'place'), _cases(*PARAMETERS))
def test_handler_that_changes_parameters_is_honoured(
    endpoint: Endpoint, event: str, place: Place, change: Callable[[Any], None]
) -> None:
    """Even one that is blind, since a stub that was changed is never replaced: the data go again as dictionaries."""
    _record(2)
    client = endpoint.client()
    exporter = _with_handler(client, event, place, lambda params, **_: change(params))
    exporter.loop()
    (request,) = endpoint.received
    assert CHANGES[change](json.loads(request.wire))
    assert STUB_NAME not in _names(request.data)
    assert exporter.stats.sent == 2
    assert exporter.stats.failed_requests == exporter.stats.buffered == 0
    assert STUB == {'MetricName': STUB_NAME, 'StorageResolution': 2}


def test_handler_may_return_parameters_of_its_own(endpoint: Endpoint) -> None:
    """``provide-client-params`` takes what is returned, which may hold the same list or a copy."""
    _record(2)
    for make in (dict, copy.copy, copy.deepcopy):
        client = endpoint.client()
        client.meta.events.register('provide-client-params', lambda params, make=make, **_: make(params))
        exporter = _exporter(client)
        exporter.loop()
        _assert_arrived(exporter, endpoint, ['m00000', 'm00001'])
        endpoint.received.clear()
        endpoint.accepted.clear()


def _change_body(kwargs: dict[str, Any]) -> None:
    """Rename in the body of a request, which keeps its length: headers may have been made already."""

    def changed(content: bytes) -> bytes:
        return content.replace(b'"m0', b'"n0').replace(b'aws_satella.encoded', b'bws_satella.encoded')

    if 'request' not in kwargs:
        kwargs['params']['body'] = changed(kwargs['params']['body'])
    elif hasattr(kwargs['request'], 'data'):
        kwargs['request'].data = changed(kwargs['request'].data)
    else:
        kwargs['request'].body = changed(kwargs['request'].body)


@pytest.mark.parametrize(('event', 'place'), _cases(*BODIES))
def test_handler_that_changes_the_body_is_honoured(endpoint: Endpoint, event: str, place: Place) -> None:
    """Wherever it is: where it has the stub only, the data go again, as dictionaries, past it."""
    _record(2)
    exporter = _with_handler(endpoint.client(), event, place, lambda **kwargs: _change_body(kwargs))
    exporter.loop()
    _assert_arrived(exporter, endpoint, ['n00000', 'n00001'])
    assert exporter.stats.failed_requests == 0


@pytest.mark.parametrize('place', PLACES)
def test_headers_that_a_handler_makes_of_the_body_are_true(endpoint: Endpoint, place: Place) -> None:
    """A digest or a length, made in ``before-call``, is that of the body that arrives, unless the handler is blind."""
    _record(2)

    def digest(params: Any, **_: Any) -> None:
        params['headers']['X-Digest'] = hashlib.sha256(params['body']).hexdigest()

    exporter = _with_handler(endpoint.client(), 'before-call', place, digest)
    exporter.loop()
    (request,) = endpoint.received
    matches = request.headers['X-Digest'] == hashlib.sha256(request.wire).hexdigest()
    assert matches is (place not in BLIND['before-call'])
    _assert_arrived(exporter, endpoint, ['m00000', 'm00001'])


class _Raw:
    """What urllib3 gives for a reply."""

    def stream(self) -> Iterator[bytes]:
        yield b'{}'


@pytest.mark.parametrize(('event', 'place'), _cases('before-call', 'before-send'))
def test_answer_of_a_handler_is_of_what_it_was_given(endpoint: Endpoint, event: str, place: Place) -> None:
    """A handler may send the body elsewhere and answer itself. Then nothing counts as sent that it was not given."""
    _record(2)
    taken: list[list[str]] = []

    def answer(**kwargs: Any) -> Any:
        taken.append(_shown(kwargs))
        response = AWSResponse('http://nowhere', 200, {'Content-Type': 'application/x-amz-json-1.0'}, _Raw())
        return (response, {}) if event == 'before-call' else response

    exporter = _with_handler(endpoint.client(), event, place, answer)
    exporter.loop()
    assert endpoint.received == []
    assert exporter.stats.sent == 2
    blind = [[STUB_NAME]] if place in BLIND.get(event, ()) else []
    assert taken == [*blind, ['m00000', 'm00001']]


def test_answer_is_given_to_what_a_blind_handler_changed(endpoint: Endpoint) -> None:
    """Whoever answers has the changed data in hand, not those that were ready before the change."""
    _record(2)
    answered: list[Any] = []

    def answer(params: Any, **_: Any) -> Any:
        answered.append(json.loads(params['body']))
        return AWSResponse('http://nowhere', 200, {}, _Raw()), {}

    client = endpoint.client()
    exporter = _with_handler(client, 'before-call', ('{}', 'register', 'before'), answer)
    client.meta.events.register_last('before-parameter-build', lambda params, **_: _namespace(params))
    exporter.loop()
    assert [each['Namespace'] for each in answered] == ['Other']
    assert _names(answered[0]['MetricData']) == ['m00000', 'm00001']
    assert exporter.stats.sent == 2


@pytest.mark.parametrize(('event', 'place'), _cases(*PARAMETERS, *BODIES))
def test_handler_that_raises_loses_nothing(endpoint: Endpoint, event: str, place: Place) -> None:
    """The call fails, is reported with the handler's own exception, and goes out when the handler is gone."""
    _record(2)
    failures: list[Exception] = []
    broken = [True]

    def fail(**_: Any) -> None:
        if broken:
            raise ConnectionRefusedError('handler')

    exporter = _with_handler(endpoint.client(), event, place, fail)
    exporter.call_on_metric_upload_fails = failures.append
    exporter.loop()
    assert exporter.stats.buffered == 2
    assert [str(failure) for failure in failures]
    assert all('handler' in str(failure) for failure in failures)
    broken.clear()
    getMetric().reset()
    exporter.loop()
    _assert_arrived(exporter, endpoint, ['m00000', 'm00001'])


def test_handler_may_give_the_list_to_another_thread(endpoint: Endpoint) -> None:
    """Which looks at any moment of the call: it sees the data, and they arrive as they are."""
    _record(20)
    lists: list[Any] = []
    seen: list[list[str]] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set() or lists:
            if lists:
                seen.append(_names(lists.pop()))

    client = endpoint.client()
    client.meta.events.register('before-parameter-build', lambda params, **_: lists.append(params['MetricData']))
    exporter = _exporter(client)
    looker = threading.Thread(target=look, daemon=True)
    names = [f'm{index:05}' for index in range(20)]
    with switching_every(1e-5):
        looker.start()
        for _ in range(50):
            exporter.loop()
        over.set()
        looker.join(DEADLINE)
    assert seen == [names] * 50
    _assert_arrived(exporter, endpoint, names * 50)


@pytest.mark.parametrize('change', CHANGES)
def test_handler_may_come_and_go(endpoint: Endpoint, change: Callable[[Any], None]) -> None:
    """What it looked at or changed is sent the ordinary way; what comes before and after it is ready."""
    _record(2)
    client = endpoint.client()
    exporter = _exporter(client)
    exporter.loop()

    def handle(params: Any, **_: Any) -> None:
        change(params)

    client.meta.events.register('before-parameter-build.cloudwatch.PutMetricData', handle)
    exporter.loop()
    client.meta.events.unregister('before-parameter-build.cloudwatch.PutMetricData', handle)
    exporter.loop()
    assert [_is_ready(request) for request in endpoint.received] == [True, change is _namespace, True]
    assert CHANGES[change](json.loads(endpoint.received[1].wire))
    assert _names(endpoint.received[2].data) == ['m00000', 'm00001']
    assert exporter.stats.sent == 6


def test_parameter_that_botocore_refuses_is_a_refusal(endpoint: Endpoint) -> None:
    """A handler that adds an unknown parameter makes botocore's validation fail, as it would have without the seam."""
    _record(2)
    client = endpoint.client()
    failures: list[Exception] = []
    client.meta.events.register(
        'before-parameter-build', lambda params, **_: params.update(Namespace=5, StrictEntityValidation=False)
    )
    exporter = _exporter(client, call_on_metric_upload_fails=failures.append)
    exporter.loop()
    assert endpoint.received == []
    assert isinstance(failures[0], ParamValidationError)
    assert exporter.stats.sent == 0


def test_namespace_that_is_no_text_is_left_to_botocore(endpoint: Endpoint) -> None:
    """Its error is the one that is reported."""
    _record(1)
    client = endpoint.client()
    failures: list[Exception] = []
    client.meta.events.register('before-parameter-build', lambda params, **_: params.update(Namespace=5))
    _exporter(client, call_on_metric_upload_fails=failures.append).loop()
    assert isinstance(failures[0], ParamValidationError)


# --- the stub


def test_stub_is_refused() -> None:
    """It has no value, and a resolution that CloudWatch does not know: should it ever arrive, it is not taken.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
    """
    assert not STUB.keys() & {'Value', 'Values', 'StatisticValues'}
    assert STUB['StorageResolution'] not in (1, 60)


def test_stub_that_arrives_counts_as_nothing(endpoint: Endpoint) -> None:
    """Where user code has removed the handler that puts the body in, CloudWatch refuses, and nothing was sent."""
    _record(2)
    client = endpoint.client()
    failures: list[Exception] = []
    exporter = _exporter(client, call_on_metric_upload_fails=failures.append)
    exporter.delivery._current_destination()
    ours = {'put': 'request-created.*.*', 'check': 'after-call.*.*', 'show': 'before-call.*.*', 'hide': 'before-call'}
    for name, event in ours.items():
        client.meta.events.unregister(event, unique_id=f'aws-satella-{name}')
    endpoint.behave = lambda request: error('InvalidParameterValue') if STUB_NAME in _names(request.data) else OK
    exporter.loop()
    assert endpoint.received
    assert endpoint.data == []
    assert exporter.stats.sent == 0
    assert verdict(describe(failures[0], 0.0)) is Verdict.SPLIT


# --- one client, many users


def test_calls_of_user_code_on_the_same_client_are_its_own(endpoint: Endpoint) -> None:
    """Other operations, and its own data, in other threads at the same time: each arrives once, as it was given."""
    _record(20)
    client = endpoint.client(max_pool_connections=20)
    exporters = [_exporter(client) for _ in range(2)]
    errors: list[BaseException] = []

    def use(number: int) -> None:
        try:
            for index in range(40):
                datum = {'MetricName': f'mine-{number}-{index}', 'Value': 1.0}
                client.put_metric_data(Namespace='Mine', MetricData=[datum])
                client.list_metrics(Namespace='Mine')
        except BaseException as failure:
            errors.append(failure)

    def export(exporter: AWSSatellaExporterThread) -> None:
        for _ in range(40):
            exporter.loop()

    threads = [threading.Thread(target=use, args=(number,), daemon=True) for number in range(2)]
    threads += [threading.Thread(target=export, args=(exporter,), daemon=True) for exporter in exporters]
    with switching_every(1e-4):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert errors == []
    mine = [_names(request.data) for request in endpoint.received if request.namespace == 'Mine' and request.data]
    assert sorted(mine) == sorted([f'mine-{number}-{index}'] for number in range(2) for index in range(40))
    ours = [request for request in endpoint.received if request.namespace == 'Test']
    assert [_names(request.data) for request in ours] == [[f'm{index:05}' for index in range(20)]] * 80
    assert all(map(_is_ready, ours))
    assert [exporter.stats.sent for exporter in exporters] == [800, 800]
    listings = [request for request in endpoint.received if request.headers['X-Amz-Target'].endswith('.ListMetrics')]
    assert len(listings) == 80


def test_handlers_are_registered_once_a_client(endpoint: Endpoint) -> None:
    """However many exporters share it, and however often they are given it."""
    _record()
    client, other = endpoint.client(), endpoint.client()
    registered: list[str] = []
    for method in ('register', 'register_first', 'register_last'):
        _spy(client, method, registered)
    exporters = [_exporter(client) for _ in range(3)]
    for exporter in exporters:
        exporter.loop()
        exporter.cloudwatch = other
        exporter.loop()
        exporter.cloudwatch = client
        exporter.loop()
    assert len(registered) > len(set(registered))  # asked for again and again
    handlers = client.meta.events._emitter._handlers  # a look at what came of it: botocore has no other way
    for event in ('before-parameter-build', 'before-call', 'request-created', 'after-call'):
        found = handlers.prefix_search(f'{event}.cloudwatch.PutMetricData')
        ours = [handler for handler in found if handler.__module__.startswith('aws_satella')]
        assert len(ours) == (2 if event == 'before-call' else 1)
    assert len(endpoint.received) == 9
    assert all(map(_is_ready, endpoint.received))


def _spy(client: Any, method: str, registered: list[str]) -> None:
    original = getattr(client.meta.events, method)

    def spied(*args: Any, **kwargs: Any) -> None:
        registered.append(str(kwargs.get('unique_id')))
        original(*args, **kwargs)

    setattr(client.meta.events, method, spied)


def test_other_clients_of_the_session_are_left_alone(endpoint: Endpoint) -> None:
    """They have no handler of ours, so that an encoded list is no more than a list to them."""
    _record()
    exporter = _exporter(endpoint.client())
    exporter.loop()
    other = endpoint.client()
    other.put_metric_data(Namespace='Mine', MetricData=Encoded(['{"MetricName":"mine","Value":1.0}']))
    ours, theirs = endpoint.received
    assert _is_ready(ours)
    assert not _is_ready(theirs)
    assert theirs.data == [{'MetricName': 'mine', 'Value': 1.0}]


def test_client_of_a_running_exporter_may_be_replaced(endpoint: Endpoint) -> None:
    """By a client of another endpoint, and by one that is none of boto3: all arrives, at one or the other."""
    ticks = iter(range(1_000_000))
    getMetric('tick', 'callable', value_getter=lambda: next(ticks))
    with open_endpoint() as second, exporting(endpoint, 0.05) as exporter:
        wait_for(lambda: endpoint.received, 'the first client', DEADLINE)
        exporter.cloudwatch = second.client()
        wait_for(lambda: second.received, 'the second client', DEADLINE)
        wrapper = Wrapper(endpoint.client())
        exporter.cloudwatch = wrapper
        wait_for(lambda: wrapper.lists, 'the wrapper', DEADLINE)
        exporter.terminate().join(DEADLINE)
        assert all(map(_is_ready, second.received))
        assert _is_ready(endpoint.received[0])
        assert not _is_ready(endpoint.received[-1])
        assert all(type(each) is list for each in wrapper.lists)
        values = sorted(datum['Value'] for datum in (*endpoint.data, *second.data))
        assert values == list(range(len(values)))
        assert exporter.stats.sent == len(values)


# --- dictionaries


def _protocols(monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    """Have botocore choose the protocol for new clients: what it prefers is a constant of its own."""
    monkeypatch.setattr(botocore.model, 'PRIORITY_ORDERED_SUPPORTED_PROTOCOLS', (protocol,))


XML = b'<PutMetricDataResponse><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PutMetricDataResponse>'
REPLIES = {
    'query': Reply(200, XML),
    'smithy-rpc-v2-cbor': Reply(200, b'\xa0', (('smithy-protocol', 'rpc-v2-cbor'),)),
    'json': OK,
}


@pytest.mark.parametrize('protocol', REPLIES)
def test_client_of_another_protocol_gets_dictionaries(
    endpoint: Endpoint, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first call on, and at most 100,000 bytes of them a request: other protocols make more of them."""
    _protocols(monkeypatch, protocol)
    endpoint.behave = lambda _request: REPLIES[protocol]
    _record(60, 9_000)
    exporter = _exporter(endpoint.client())
    names = [f'm{index:05}' for index in range(60)]
    for cycle in (1, 2):
        exporter.loop()
        _assert_arrived(exporter, endpoint, names * cycle)
    assert exporter.stats.failed_requests == 0
    if protocol == 'json':
        assert [len(request) for request in endpoint.received] == [60, 60]
        assert all(map(_is_ready, endpoint.received))
    else:
        item = 9_000 + 9 * 20
        assert all(len(request) * item <= MAX_BYTES_AS_DICTIONARIES for request in endpoint.received)
        assert len(endpoint.received) < 20


@pytest.mark.parametrize('event', ['before-call', 'request-created'])
@pytest.mark.parametrize('when', WHEN)
def test_content_type_that_is_not_json_makes_dictionaries(endpoint: Endpoint, event: str, when: str) -> None:
    """Where a handler says that it is something else, the seam has no body for it, and botocore's is sent."""
    _record(3)

    def relabel(params: Any = None, request: Any = None, **_: Any) -> None:
        headers = params['headers'] if params else request.headers
        del headers['Content-Type']
        headers['Content-Type'] = 'text/x-other'

    exporter = _with_handler(endpoint.client(), event, ('{}.*.*', 'register_first', when), relabel)
    for cycle in (1, 2):
        exporter.loop()
        assert exporter.stats.sent == 3 * cycle
    put_in_before = (event, when) == ('request-created', 'after')
    assert [_is_ready(request) for request in endpoint.received] == [put_in_before] * 2
    assert not any(STUB_NAME in _names(request.data) for request in endpoint.received)


def test_pieces_of_a_refused_request_are_cut_for_dictionaries(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in halves for its turn is made smaller once the client gets dictionaries."""
    _record(60, 9_000)
    exporter = _exporter(endpoint.client())
    replies = iter([error('InvalidParameterValue'), Reply(503)])
    endpoint.behave = lambda _request: next(replies)
    exporter.loop()
    assert [len(request) for request in endpoint.received] == [60, 30]
    endpoint.behave = lambda _request: REPLIES['query']
    _protocols(monkeypatch, 'query')
    exporter.cloudwatch = endpoint.client()
    getMetric().reset()
    exporter.loop()
    _assert_arrived(exporter, endpoint, [f'm{index:05}' for index in range(60)])
    assert max(len(request) for request in endpoint.accepted) == 10


def test_wrapper_gets_dictionaries(endpoint: Endpoint) -> None:
    """Plain lists, of at most 100,000 bytes of items."""
    _record(60, 9_000)
    wrapper = Wrapper(endpoint.client())
    exporter = _exporter(wrapper)
    exporter.loop()
    assert all(type(each) is list for each in wrapper.lists)
    assert all(type(datum) is dict for each in wrapper.lists for datum in each)
    assert [len(each) for each in wrapper.lists] == [10] * 6
    assert not any(map(_is_ready, endpoint.received))
    _assert_arrived(exporter, endpoint, [f'm{index:05}' for index in range(60)])


def test_subclass_that_sends_itself_gets_dictionaries(endpoint: Endpoint) -> None:
    """At most 100,000 bytes of items, since botocore serializes them."""
    _record(60, 9_000)
    lists: list[Any] = []

    class Own(AWSSatellaExporterThread):
        def send_metrics(self, data: Any) -> None:
            lists.append(data)
            super().send_metrics(data)

    exporter = Own('Test', max_send_at_once=1000, client_factory=endpoint.client)
    exporter.loop()
    assert [type(each) for each in lists] == [list] * 6
    assert not any(map(_is_ready, endpoint.received))
    _assert_arrived(exporter, endpoint, [f'm{index:05}' for index in range(60)])


# --- asynchronous clients


class AsyncClient:
    """What an asynchronous client looks like from outside."""

    def __init__(self) -> None:
        self.called = 0

    async def put_metric_data(self, **_: Any) -> dict[str, Any]:
        self.called += 1
        return {}


def _async_base_client() -> Any:
    """A client of botocore's classes whose calls are coroutines, as aiobotocore's are."""
    client = session().client('cloudwatch')

    async def _make_api_call(self: Any, _operation: str, _params: Any) -> dict[str, Any]:
        return {}

    client.__class__ = type('CloudWatch', (type(client),), {'_make_api_call': _make_api_call})
    assert isinstance(client, BaseClient)
    return client


def test_asynchronous_boto3_client_is_an_error_at_construction() -> None:
    """Which says that it must be synchronous, and names the argument."""
    with pytest.raises(ArgumentTypeError, match='synchronous client') as caught:
        AWSSatellaExporterThread('Test', client_factory=_async_base_client)
    assert caught.value.argument == 'client_factory'


@pytest.mark.parametrize('make', [AsyncClient, _async_base_client])
@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
def test_call_that_returns_an_awaitable_is_an_error(
    endpoint: Endpoint, make: Callable[[], Any], temporality: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so, nothing counts as sent, and what waits goes out by the client that replaces it."""
    getMetric('m', 'counter').runtime(2)
    failures: list[Exception] = []
    discarded: list[MetricData] = []
    exporter = _exporter(
        endpoint.client(),
        temporality=temporality,
        call_on_metric_upload_fails=failures.append,
        call_on_discarded_metric=discarded.append,
    )
    exporter.cloudwatch = make()
    exporter.loop()
    (failure,) = failures
    assert isinstance(failure, ArgumentTypeError)
    assert 'a client whose calls are synchronous' in str(failure)
    assert 'a client whose calls are synchronous' in caplog.text
    assert exporter.stats.sent == 0
    assert exporter.stats.buffered == 1
    exporter.cloudwatch = endpoint.client()
    getMetric().reset()
    exporter.loop()
    _assert_arrived(exporter, endpoint, ['m'])
    assert discarded == []


# --- instrumentation


def test_opentelemetry_traces_the_calls(endpoint: Endpoint) -> None:
    """Its instrumentation of botocore wraps the call: spans appear, its header is sent, and so are the data."""
    botocore_instrumentation = pytest.importorskip('opentelemetry.instrumentation.botocore')
    from opentelemetry.sdk.trace import TracerProvider  # not installed with every botocore
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    hooked: list[Any] = []
    instrumentor = botocore_instrumentation.BotocoreInstrumentor()
    instrumentor.instrument(
        tracer_provider=provider, request_hook=lambda _span, _service, _operation, params: hooked.append(params)
    )
    try:
        _record(5, 4000)
        exporter = _exporter(endpoint.client())
        exporter.loop()
        endpoint.behave = lambda _request: Reply(503)
        exporter.loop()
    finally:
        instrumentor.uninstrument()
        provider.shutdown()
    sent, failed, again = spans.get_finished_spans()
    assert sent.name == failed.name == again.name == 'CloudWatch.PutMetricData'
    assert [(each.attributes or {})['http.status_code'] for each in (sent, failed)] == [200, 503]
    assert all(_is_ready(request) and request.headers['X-Amzn-Trace-Id'] for request in endpoint.received)
    assert _names(endpoint.data) == [f'm{index:05}' for index in range(5)]
    assert exporter.stats.sent == exporter.stats.buffered == 5
    assert [_names(params['MetricData']) for params in hooked] == [_names(endpoint.data)] * 3

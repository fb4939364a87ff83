"""The stand-in of CloudWatch's OTLP endpoint: it takes what is right, and sees each thing that is wrong.

botocore signs the requests, and the official classes write those that the encoder would not make.
"""

from __future__ import annotations

import gzip
import http.client
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from support.listener import RESET, Reply
from support.moto import REGION
from support.otlp import OtlpEndpoint, otlp_endpoint
from support.otlp_points import Point, place
from support.otlp_replies import OK, PROTOBUF, failure, partial_success
from support.sigv4 import Secret

from aws_satella.pure import CounterReading, DataPoint, Kind
from aws_satella.pure.formats.attributes import Attributes
from aws_satella.pure.formats.otlp import Encoder, Item, body, envelope
from aws_satella.pure.formats.otlp_replies import error_message, rejection
from aws_satella.pure.points import Histogram, Samples
from aws_satella.pure.rejections import Rejection

NOW = 1_700_000_060
SECOND = 10**9
RESOURCE = {'service.name': 'shop', 'service.instance.id': 'a', 'process.pid': '7'}
CREDENTIALS = Credentials('testing', 'testing')
HEADERS = {'Content-Type': PROTOBUF}


class Answer(NamedTuple):
    """What a request was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@pytest.fixture
def otlp() -> Iterator[OtlpEndpoint]:
    """A stand-in at the time of the points below."""
    with otlp_endpoint(clock=lambda: NOW) as opened:
        yield opened


def post(endpoint: OtlpEndpoint, request: AWSRequest) -> Answer:
    """Send a request as it is."""
    connection = http.client.HTTPConnection('127.0.0.1', endpoint.port, timeout=20)
    try:
        connection.request(request.method, request.url.removeprefix(endpoint.url), request.data, dict(request.headers))
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.headers), answer.read())
    finally:
        connection.close()


def unsigned(endpoint: OtlpEndpoint, content: bytes, path: str = '/v1/metrics', **headers: str) -> AWSRequest:
    """A request without a signature."""
    named = {name.replace('_', '-'): value for name, value in headers.items()}
    return AWSRequest('POST', endpoint.url + path, headers={**HEADERS, **named}, data=content)


def signed(
    endpoint: OtlpEndpoint,
    content: bytes,
    *,
    credentials: Credentials = CREDENTIALS,
    service: str = 'monitoring',
    region: str = REGION,
    path: str = '/v1/metrics',
    **headers: str,
) -> AWSRequest:
    """A request that botocore has signed."""
    request = unsigned(endpoint, content, path, **headers)
    SigV4Auth(credentials, service, region).add_auth(request)
    return request


def send(endpoint: OtlpEndpoint, content: bytes, **options: Any) -> Answer:
    """Sign a body, and send it."""
    return post(endpoint, signed(endpoint, content, **options))


def encoded(
    *points: Any, start: float = NOW - 60, at: float = NOW, temporality: str = 'delta', **resource: str
) -> bytes:
    """The body of a request that the encoder makes of points."""
    said = {**RESOURCE, **{name.replace('_', '.'): value for name, value in resource.items()}}
    items = Encoder(Attributes(said), start, at, temporality).encode(points)
    return body(envelope('N', said, '3.1.0'), [item for item in items if isinstance(item, Item)])


def counter(name: str, value: float, labels: Mapping[str, object] | None = None) -> CounterReading:
    """A counter."""
    return CounterReading(name, value, labels or {}, None)


def one_of_each() -> list[Any]:
    """A point of each kind."""
    return [
        counter('orders', 3, {'country': 'pl'}),
        counter('stock', -2),
        DataPoint('level', -7, {'pool': 'a'}),
        DataPoint('checkout', Histogram((1.0, 2.0), (1, 0, 2), 4, 5.5), {}, Kind.HISTOGRAM),
        DataPoint('query', Samples((0.5, -1.0, 0.0), (1, 2, 3), -1.5, True), {}, Kind.SAMPLES),
    ]


# --- what is right


@pytest.mark.parametrize('temporality', ['delta', 'cumulative'])
@pytest.mark.parametrize('compressed', [True, False])
@pytest.mark.parametrize('path', ['/v1/metrics', '/some/pre%20fix/v1/metrics'])
def test_request_of_the_encoder_that_botocore_signs_is_taken(
    otlp: OtlpEndpoint, path: str, compressed: bool, temporality: str
) -> None:
    """All kinds of points, below any path, compressed or not, with an empty reply."""
    content = encoded(*one_of_each(), temporality=temporality)
    if compressed:
        answer = send(otlp, gzip.compress(content), path=path, Content_Encoding='gzip')
    else:
        answer = send(otlp, content, path=path)
    assert otlp.violations == []
    assert (answer.status, answer.body, answer.headers['Content-Type']) == (200, b'', PROTOBUF)
    (request,) = otlp.accepted
    assert otlp.received == otlp.accepted
    assert (len(request), request.size, request.path) == (5, len(content), path)
    assert list(request.points) == otlp.points


def test_points_are_given_back_as_they_were_sent(otlp: OtlpEndpoint) -> None:
    """Name, attributes, kind, times, values, unit and resource, with their places in the request."""
    send(otlp, encoded(*one_of_each()))
    assert otlp.violations == []
    orders, stock, level, checkout, query = otlp.points
    common: dict[str, Any] = {'resource': RESOURCE, 'scope': 'aws-satella', 'others': orders.others}
    start, at = (NOW - 60) * SECOND, NOW * SECOND
    country = {'country': 'pl'}
    assert orders == Point('orders', country, 'sum', 'delta', True, '', start, at, 3.0, place=place(1, 1), **common)
    assert stock == Point('stock', {}, 'sum', 'delta', False, '', start, at, -2.0, place=place(2, 1), **common)
    assert level == Point('level', {'pool': 'a'}, 'gauge', '', False, '', 0, at, -7.0, place=place(3, 1), **common)
    assert (checkout.count, checkout.sum, checkout.bounds) == (4, 5.5, tuple(checkout.official.explicit_bounds))
    assert checkout.buckets == (2, 0, 2)
    assert (query.kind, query.count, query.sum, query.value) == ('exponential_histogram', 6, -1.5, None)


def test_counters_are_added_up_over_time_series_and_processes(otlp: OtlpEndpoint) -> None:
    """A total is that of all series with some attributes. Of what is no delta sum there is none."""
    send(otlp, encoded(counter('orders', 3, {'country': 'pl', 'host': 'x'}), counter('orders', 4, {'country': 'de'})))
    send(otlp, encoded(counter('orders', 5, {'country': 'pl', 'host': 'x'}), start=NOW, at=NOW + 60))
    send(otlp, encoded(counter('orders', 6, {'country': 'pl', 'host': 'x'}), service_instance_id='b'))
    send(otlp, encoded(DataPoint('level', 7, {})))
    assert otlp.violations == []
    assert (otlp.total('orders'), otlp.total('orders', country='pl'), otlp.total('orders', country='cz')) == (18, 14, 0)
    with pytest.raises(AssertionError, match='level is no delta sum'):
        otlp.total('level')
    assert sorted(len(points) for points in otlp.series.values()) == [1, 1, 1, 2]
    assert {each.resource for each in otlp.series} == {
        frozenset({**RESOURCE, 'service.instance.id': instance}.items()) for instance in 'ab'
    }
    assert [point.value for point in otlp.named('orders', country='de')] == [4]


# --- signatures


def test_session_token_belongs_to_its_key(otlp: OtlpEndpoint) -> None:
    """Credentials that have one must send it, and what is known may change meanwhile."""
    otlp.secrets = {'temporary': Secret('secret', 'token')}
    content = encoded(counter('orders', 1))
    for token, status in (('token', 200), ('other', 403), (None, 403)):
        assert send(otlp, content, credentials=Credentials('temporary', 'secret', token)).status == status
    assert send(otlp, content).status == 403
    otlp.secrets = {'testing': Secret('testing')}
    assert send(otlp, encoded(counter('orders', 1), start=NOW, at=NOW + 1)).status == 200
    assert send(otlp, content, credentials=Credentials('testing', 'testing', 'token')).status == 403
    assert [each.partition(':')[0] for each in otlp.violations] == ['InvalidClientTokenId'] * 4


def _changed(name: str, change: Callable[[str], str | None]) -> Callable[[AWSRequest], None]:
    """Change a header after it was signed, or take it away."""

    def tamper(request: AWSRequest) -> None:
        value = change(request.headers[name])
        del request.headers[name]
        if value is not None:
            request.headers[name] = value

    return tamper


def _change_body(request: AWSRequest) -> None:
    request.data = request.data[:-1] + b'\x00'


def _change_path(request: AWSRequest) -> None:
    request.url = request.url.replace('/v1', '/x/v1')


def _add_query(request: AWSRequest) -> None:
    request.url += '?a=b'


def _add_header(request: AWSRequest) -> None:
    request.headers['X-Amz-Extra'] = '1'


def _other_end(value: str) -> str:
    return value[:-1] + ('0' if value[-1] != '0' else '1')


@pytest.mark.parametrize(
    ('tamper', 'message'),
    [
        (_changed('Authorization', lambda value: None), 'MissingAuthenticationToken'),
        (_changed('Authorization', lambda value: 'Bearer key'), 'MissingAuthenticationToken'),
        (_changed('Authorization', lambda value: value[:-1]), 'MissingAuthenticationToken'),
        (_changed('Authorization', _other_end), 'the signature is not that of the request'),
        (_changed('Authorization', lambda value: value.replace('testing/2', 'testing/3')), 'X-Amz-Date of another day'),
        (_changed('Authorization', lambda value: value.replace('testing/', 'tester/')), 'tester is not known'),
        (_changed('Authorization', lambda value: value.replace('host;', '')), 'host is not signed'),
        (_changed('Authorization', lambda value: value.replace('host;', 'host;other;')), 'other is signed, and is not'),
        (_changed('Authorization', lambda value: value.replace('host;', 'zzzz;')), 'not in order'),
        (_changed('X-Amz-Date', lambda value: None), 'no X-Amz-Date'),
        (_changed('X-Amz-Date', lambda value: '2020' + value[4:]), 'signed at 2020'),
        (_changed('Content-Type', lambda value: value + '; v=1'), 'the signature is not that of the request'),
        (_change_body, 'the signature is not that of the request'),
        (_change_path, 'the signature is not that of the request'),
        (_add_query, 'the signature is not that of the request'),
        (_add_header, 'x-amz-extra is not signed'),
    ],
)
def test_request_that_was_changed_after_it_was_signed_is_refused(
    otlp: OtlpEndpoint, tamper: Callable[[AWSRequest], None], message: str
) -> None:
    """A signature is good for its request, and for nothing else."""
    request = signed(otlp, encoded(counter('orders', 1)))
    tamper(request)
    answer = post(otlp, request)
    (violation,) = otlp.violations
    assert message in violation
    assert (answer.status, error_message(answer.body)) == (403, violation)
    assert (otlp.accepted, otlp.points, len(otlp.received)) == ([], [], 1)


def test_signature_with_any_byte_changed_is_refused(otlp: OtlpEndpoint) -> None:
    """Each of its 64 digits counts."""
    content = encoded(counter('orders', 1))
    for place_of_digit in range(1, 65):
        request = signed(otlp, content)
        value = request.headers['Authorization']
        start, end = value[:-place_of_digit], value[len(value) - place_of_digit :]
        del request.headers['Authorization']
        request.headers['Authorization'] = start + ('0' if end[0] != '0' else '1') + end[1:]
        assert post(otlp, request).status == 403
    assert len(otlp.violations) == 64
    assert otlp.points == []


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'region': 'eu-west-1'}, 'credential scoped to eu-west-1/monitoring'),
        ({'service': 'cloudwatch'}, f'credential scoped to {REGION}/cloudwatch'),
        ({'credentials': Credentials('testing', 'wrong')}, 'the signature is not that of the request'),
        ({'X_Amz_Content_SHA256': 'UNSIGNED-PAYLOAD'}, 'X-Amz-Content-SHA256 is not the hash of the body'),
    ],
)
def test_signature_of_something_else_is_refused(otlp: OtlpEndpoint, options: dict[str, Any], message: str) -> None:
    """Another region or service, another secret, or a body that was not signed."""
    assert send(otlp, encoded(counter('orders', 1)), **options).status == 403
    (violation,) = otlp.violations
    assert violation.startswith(f'SignatureDoesNotMatch: {message}')


def test_plain_receiver_gets_no_credentials() -> None:
    """Where nothing may be signed, what is signed is refused; headers that are required must be there."""
    content = encoded(counter('orders', 1))
    with otlp_endpoint(unsigned=True, required={'x-api-key': 'abc'}, clock=lambda: NOW) as plain:
        assert send(plain, content, x_api_key='abc').status == 401
        assert post(plain, unsigned(plain, content, X_Amz_Security_Token='token', x_api_key='abc')).status == 401
        assert post(plain, unsigned(plain, content)).status == 401
        assert post(plain, unsigned(plain, content, x_api_key='abd')).status == 401
        assert len(plain.violations) == 4
        assert post(plain, unsigned(plain, content, x_api_key='abc')).status == 200
        assert len(plain.violations) == 4
        assert plain.total('orders') == 1
    with otlp_endpoint(unsigned=True, required={'authorization': 'Bearer abc'}, clock=lambda: NOW) as with_key:
        assert post(with_key, unsigned(with_key, content, Authorization='Bearer abc')).status == 200
        assert with_key.violations == []


# --- requests


@pytest.mark.parametrize(
    ('options', 'status', 'message'),
    [
        ({'path': '/'}, 404, 'nothing is at /'),
        ({'path': '/v1/metrics/x'}, 404, 'nothing is at /v1/metrics/x'),
        ({'Content_Type': 'application/json'}, 415, 'Content-Type application/json'),
        ({'Content_Encoding': 'deflate'}, 415, 'Content-Encoding deflate'),
        ({'Content_Encoding': 'gzip'}, 400, 'the body is no gzip: '),
        ({'X_Amz_Target': 'GraniteServiceVersion20100801.PutMetricData'}, 400, 'x-amz-target is of another protocol'),
        ({'x_amzn_query_mode': 'true'}, 400, 'x-amzn-query-mode is of another protocol'),
        ({'Smithy_Protocol': 'rpc-v2-cbor'}, 400, 'smithy-protocol is of another protocol'),
    ],
)
def test_request_that_is_none_of_otlp_is_refused(
    otlp: OtlpEndpoint, options: dict[str, Any], status: int, message: str
) -> None:
    """Path, type and encoding must be right, and nothing may be left of the protocols of PutMetricData."""
    assert send(otlp, encoded(counter('orders', 1)), **options).status == status
    (violation,) = otlp.violations
    assert message in violation


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'{}', 'cannot be decoded'),
        (encoded(counter('orders', 1))[:-1], 'cannot be decoded'),
        (encoded(counter('xyz', 1)).replace(b'xyz', b'x\xed\xa0'), 'cannot be decoded'),
        (encoded(counter('orders', 1)) + b'\x7a\x01x', 'unknown'),
        (encoded(), 'no metric'),
        (b'', 'no metric'),
    ],
)
def test_body_that_is_no_request_is_refused(otlp: OtlpEndpoint, content: bytes, message: str) -> None:
    """What is cut off, is no UTF-8, has unknown fields, or has nothing in it."""
    answer = send(otlp, content)
    assert answer.status == 400
    (violation,) = otlp.violations
    assert message in violation
    assert error_message(answer.body) == violation


@pytest.mark.parametrize(('number', 'status'), [(1_000, 200), (1_001, 400)])
def test_request_has_at_most_a_thousand_points(otlp: OtlpEndpoint, number: int, status: int) -> None:
    """All metrics together; a histogram is one."""
    histogram = Histogram((1.0,), (1, 2), 3, 4.0)
    some = [counter(f'm{index}', 1) for index in range(number - 500)]
    others = [DataPoint('h', histogram, {'n': index}, Kind.HISTOGRAM) for index in range(500)]
    assert send(otlp, encoded(*some, *others)).status == status
    assert otlp.violations == ([f'{number} points'] if status == 400 else [])
    assert len(otlp.points) == (number if status == 200 else 0)


@pytest.mark.parametrize(('size', 'status'), [(1_000_000, 200), (1_000_001, 400)])
def test_request_has_at_most_a_megabyte(otlp: OtlpEndpoint, size: int, status: int) -> None:
    """Before compression."""
    points = [counter('m', 1, {'n': index, **{f'l{n}': 'v' * 1_000 for n in range(20)}}) for index in range(49)]
    start = len(encoded(*points, counter('fill', 1)))
    labels = {f'f{index:02}': 'v' * 1_000 for index in range((size - start) // 1_020)}
    labels['rest'] = 'v' * (size - len(encoded(*points, counter('fill', 1, {**labels, 'rest': 'v' * 200}))) + 200)
    content = encoded(*points, counter('fill', 1, labels))
    assert len(content) == size
    assert send(otlp, gzip.compress(content, 1), Content_Encoding='gzip').status == status
    assert otlp.violations == ([] if status == 200 else [f'{size} bytes'])


# --- points


def official(*names: str) -> Any:
    """A request of the official classes with a metric of each name, without data."""
    request: Any = ExportMetricsServiceRequest()
    around = request.resource_metrics.add()
    around.resource.attributes.add(key='service.name').value.string_value = 'shop'
    scope = around.scope_metrics.add()
    for name in names:
        scope.metrics.add(name=name)
    return request


def _metrics(request: Any) -> Any:
    return request.resource_metrics[0].scope_metrics[0].metrics


def _times(point: Any) -> Any:
    point.start_time_unix_nano, point.time_unix_nano = (NOW - 60) * SECOND, NOW * SECOND
    return point


def gauge(metric: Any) -> Any:
    """A good gauge; a point of it."""
    point = _times(metric.gauge.data_points.add())
    point.as_double = 1.0
    return point


def delta_sum(metric: Any) -> Any:
    """A good counter; a point of it."""
    metric.sum.aggregation_temporality, metric.sum.is_monotonic = 1, True
    point = _times(metric.sum.data_points.add())
    point.as_double = 1.0
    return point


def histogram(metric: Any) -> Any:
    """A good histogram; a point of it."""
    metric.histogram.aggregation_temporality = 1
    point = _times(metric.histogram.data_points.add())
    point.count, point.sum = 3, 4.5
    point.bucket_counts.extend((1, 0, 2))
    point.explicit_bounds.extend((1.0, 2.0))
    return point


def exponential(metric: Any) -> Any:
    """A good exponential histogram; a point of it."""
    metric.exponential_histogram.aggregation_temporality = 1
    point = _times(metric.exponential_histogram.data_points.add())
    point.count, point.zero_count = 6, 1
    point.positive.bucket_counts.extend((1, 2))
    point.negative.bucket_counts.extend((2,))
    return point


def _label(name: str = 'l', value: str = 'v', number: int = 1) -> Callable[[Any, Any], None]:
    def change(_metric: Any, point: Any) -> None:
        for index in range(number):
            point.attributes.add(key=f'{name}{index or ""}').value.string_value = value

    return change


def _whole_label(_metric: Any, point: Any) -> None:
    point.attributes.add(key='n').value.int_value = 7


def _same_label_twice(_metric: Any, point: Any) -> None:
    for value in 'ab':
        point.attributes.add(key='n').value.string_value = value


def _at(seconds: float) -> Callable[[Any, Any], None]:
    def change(_metric: Any, point: Any) -> None:
        point.time_unix_nano = int((NOW + seconds) * SECOND)
        point.start_time_unix_nano = point.time_unix_nano - SECOND

    return change


def _set(**values: Any) -> Callable[[Any, Any], None]:
    def change(_metric: Any, point: Any) -> None:
        for name, value in values.items():
            setattr(point, name, value)

    return change


def _rename(metric: Any, _point: Any) -> None:
    metric.name = ' '


def _no_temporality(metric: Any, _point: Any) -> None:
    getattr(metric, metric.WhichOneof('data')).aggregation_temporality = 0


def _no_value(_metric: Any, point: Any) -> None:
    point.ClearField('as_double')


def _bounds(*bounds: float) -> Callable[[Any, Any], None]:
    def change(_metric: Any, point: Any) -> None:
        point.explicit_bounds[:] = bounds

    return change


def summary(metric: Any) -> Any:
    """A summary, which the endpoint does not take; a point of it."""
    return _times(metric.summary.data_points.add())


def _nothing(_metric: Any, _point: Any) -> None:
    pass


LABELS_BESIDE = len('service.name') + len('shop') + len('name') + len('version')
"""Bytes of the labels that each of these points has from its resource and its scope, whose texts are empty."""

BAD = [
    (summary, _nothing, 'summary is no type'),
    (gauge, _rename, 'no name'),
    (gauge, _whole_label, 'no text'),
    (gauge, _same_label_twice, 'there twice'),
    (gauge, _label(number=148), '151 labels'),
    (gauge, _label('a' * 3, 'v' * 1_000, 40), 'bytes of labels'),
    (gauge, _label(value='v' * 1_025), '1025 characters'),
    (gauge, _label(' '), 'without a name'),
    (delta_sum, _at(601), '601 s ahead'),
    (delta_sum, _at(-14 * 86_400 - 1), '1209601 s ago'),
    (histogram, _set(start_time_unix_nano=NOW * SECOND + 1), 'starts 1 ns after'),
    (histogram, _set(start_time_unix_nano=0), 'when it starts'),
    (histogram, _no_temporality, 'no temporality'),
    (delta_sum, _no_temporality, 'no temporality'),
    (exponential, _no_temporality, 'no temporality'),
    (delta_sum, _set(as_double=-1e-9), 'a monotonic sum decreases'),
    (delta_sum, _set(as_int=-1), 'a monotonic sum decreases'),
    (gauge, _set(as_double=float('nan')), 'no number'),
    (delta_sum, _set(as_double=float('inf')), 'no number'),
    (gauge, _no_value, 'no number'),
    (histogram, _set(count=4), 'the count is 4, and 3 are in buckets'),
    (histogram, _bounds(1.0), '3 buckets, 1 bounds'),
    (histogram, _bounds(2.0, 1.0), 'do not rise'),
    (histogram, _bounds(1.0, 1.0), 'do not rise'),
    (histogram, _bounds(1.0, float('inf')), 'do not rise'),
    (histogram, _set(sum=float('nan')), 'the sum nan is no number'),
    (exponential, _set(sum=float('inf')), 'the sum inf is no number'),
    (exponential, _set(count=5), 'the count is 5, and 6 are in buckets'),
    (exponential, _set(zero_count=0), 'the count is 6, and 5 are in buckets'),
]
GOOD = [
    *((make, _nothing) for make in (gauge, delta_sum, histogram, exponential)),
    (gauge, _label(number=147)),
    (gauge, _label('a' * 3, 'v' * 1_000, 39)),
    (gauge, _label(value='ą' * 1_024)),
    (delta_sum, _at(600)),
    (delta_sum, _at(-14 * 86_400)),
    (gauge, _set(as_double=-1.0)),
    (gauge, _set(start_time_unix_nano=0)),
    (histogram, _set(start_time_unix_nano=NOW * SECOND)),
]


@pytest.mark.parametrize(('make', 'change'), GOOD)
def test_point_within_all_limits_is_taken(
    otlp: OtlpEndpoint, make: Callable[[Any], Any], change: Callable[[Any, Any], None]
) -> None:
    """A point of each kind, and what is just allowed."""
    request = official('m')
    (metric,) = _metrics(request)
    change(metric, make(metric))
    assert send(otlp, request.SerializeToString()).status == 200
    assert otlp.violations == []
    assert len(otlp.points) == 1


@pytest.mark.parametrize(('make', 'change', 'message'), BAD)
def test_point_that_breaks_a_rule_is_rejected(
    otlp: OtlpEndpoint, make: Callable[[Any], Any], change: Callable[[Any, Any], None], message: str
) -> None:
    """It costs itself alone: the reply names it, and the others are taken. Alone, it is refused."""
    request = official('good', 'bad', 'fine')
    first, bad, last = _metrics(request)
    gauge(first)
    gauge(last)
    change(bad, make(bad))
    answer = send(otlp, request.SerializeToString())
    (violation,) = otlp.violations
    assert message in violation
    assert answer.status == 200
    assert rejection(answer.body) == Rejection(1, f'{place(2, 1)}: {violation}')
    assert [point.name for point in otlp.points] == ['good', 'fine']
    del _metrics(request)[2], _metrics(request)[0]
    answer = send(otlp, request.SerializeToString())
    assert (answer.status, error_message(answer.body)) == (400, f'{place(1, 1)}: {violation}')
    assert len(otlp.points) == 2


@pytest.mark.parametrize('where', ['resource', 'scope'])
def test_labels_of_the_resource_and_the_scope_are_text(otlp: OtlpEndpoint, where: str) -> None:
    """They are labels of each of its points, by the same rules."""
    request = official('m')
    gauge(_metrics(request)[0])
    around = request.resource_metrics[0]
    owner = around.resource if where == 'resource' else around.scope_metrics[0].scope
    owner.attributes.add(key='n').value.int_value = 7
    assert send(otlp, request.SerializeToString()).status == 400
    (violation,) = otlp.violations
    assert 'no text' in violation


def test_bytes_of_all_labels_count(otlp: OtlpEndpoint) -> None:
    """40,000 bytes, names and values, with those of resource and scope."""
    for size, status in ((40_000, 200), (40_001, 400)):
        request = official('m')
        point = gauge(_metrics(request)[0])
        _label('a', 'v' * 1_000, 39)(None, point)
        left = size - LABELS_BESIDE - sum(len(each.key) + len(each.value.string_value) for each in point.attributes)
        _label('z', 'v' * (left - 1))(None, point)
        assert send(otlp, request.SerializeToString()).status == status
    assert otlp.violations == ['m: 40001 bytes of labels']


@pytest.mark.parametrize(
    ('again', 'is_equal'),
    [
        (counter('orders', 2, {'country': 'pl'}), True),
        (counter('orders', -2, {'country': 'pl'}), True),
        (counter('orders', 2, {'country': 'de'}), False),
        (counter('orders', 2), False),
        (counter('stock', 2, {'country': 'pl'}), False),
        (DataPoint('orders', 2, {'country': 'pl'}), False),
    ],
)
def test_equal_series_in_a_request(otlp: OtlpEndpoint, again: Any, is_equal: bool) -> None:
    """Name, attributes and kind tell series apart, and not whether they are monotonic. The second one is rejected."""
    items = encoded(counter('orders', 1, {'country': 'pl'})), encoded(again)
    both: Any = ExportMetricsServiceRequest.FromString(items[0])
    _metrics(both).extend(_metrics(ExportMetricsServiceRequest.FromString(items[1])))
    assert send(otlp, both.SerializeToString()).status == 200
    assert otlp.violations == (['orders: a series is in the request twice'] if is_equal else [])
    assert len(otlp.points) == 2 - is_equal


# --- windows


def _sent(otlp: OtlpEndpoint, start: float, end: float, point: Any = None, **resource: str) -> int:
    """Send one point with this window, in seconds from now."""
    one = counter('orders', 1) if point is None else point
    return send(otlp, encoded(one, start=NOW + start, at=NOW + end, **resource)).status


@pytest.mark.parametrize(('start', 'end'), [(-41, -39), (-30, -25), (-11, 0), (-60, 0), (-40, -10), (-10, -10)])
def test_windows_of_a_series_that_overlap_are_rejected(otlp: OtlpEndpoint, start: float, end: float) -> None:
    """A window that covers what another request has covered is rejected, however long ago that was."""
    assert _sent(otlp, -40, -10) == 200
    assert _sent(otlp, -10, -5, counter('other', 1)) == 200
    assert otlp.violations == []
    assert _sent(otlp, start, end) == 400
    (violation,) = otlp.violations
    assert 'overlaps' in violation
    assert otlp.total('orders') == 1


def test_windows_that_do_not_overlap(otlp: OtlpEndpoint) -> None:
    """Those that follow each other, with or without a gap, in any order; and those of other processes and series."""
    for start, end in ((-40, -30), (-30, -20), (-5, 0), (-20, -10), (-60, -50)):
        assert _sent(otlp, start, end) == 200
        assert _sent(otlp, start, end, service_instance_id='b') == 200
        assert _sent(otlp, start, end, counter('orders', 1, {'country': 'pl'})) == 200
    assert otlp.violations == []


def test_processes_do_not_share_an_identifier(otlp: OtlpEndpoint) -> None:
    """A child that has its parent's service.instance.id counts as its parent, whatever its pid."""
    assert _sent(otlp, -40, -10) == 200
    assert _sent(otlp, -40, -10, process_pid='8') == 400
    assert len(otlp.violations) == 1


def test_level_is_sent_once_for_each_time(otlp: OtlpEndpoint) -> None:
    """A gauge, and what is cumulative, covers one moment."""
    level = DataPoint('level', 1, {})
    assert [_sent(otlp, -40, end, level) for end in (-10, -5, -10)] == [200, 200, 400]
    rising = [encoded(counter('m', 1), start=NOW - 40, at=NOW + end, temporality='cumulative') for end in (-10, -5)]
    assert [send(otlp, each).status for each in (*rising, rising[0])] == [200, 200, 400]
    assert len(otlp.violations) == 2


def test_windows_of_one_request(otlp: OtlpEndpoint) -> None:
    """Cycles that were saved up may come in one request, where their windows do not overlap."""
    for first, second, number in ((-40, -30, 2), (-9, -10, 1)):
        both: Any = ExportMetricsServiceRequest.FromString(
            encoded(counter('orders', 1), start=NOW + first - 10, at=NOW + first)
        )
        other = encoded(counter('orders', 1), start=NOW + second - 10, at=NOW + second)
        _metrics(both).extend(_metrics(ExportMetricsServiceRequest.FromString(other)))
        before = len(otlp.points)
        assert send(otlp, both.SerializeToString()).status == 200
        assert len(otlp.points) - before == number
    assert len(otlp.violations) == 1


@pytest.mark.parametrize(
    'reply',
    [
        failure(503, 'later'),
        RESET,
        Reply(200, b'<html>', content_type=PROTOBUF),
        Reply(200, b'', content_type='text/html'),
        Reply(200, b'', content_type=None),
    ],
)
def test_window_that_was_not_taken_may_come_again(otlp: OtlpEndpoint, reply: Reply | str) -> None:
    """After an error, no reply or a 200 that is no reply of OTLP, the same window is no overlap."""
    content = encoded(counter('orders', 1))
    otlp.behave = lambda _request: reply
    if reply == RESET:
        with pytest.raises(ConnectionError):
            send(otlp, content)
    else:
        assert isinstance(reply, Reply)
        assert send(otlp, content)[::2] == (reply.status, reply.body)
    assert (otlp.accepted, otlp.points) == ([], [])
    otlp.behave = lambda _request: OK
    assert send(otlp, content).status == 200
    assert otlp.violations == []
    assert (len(otlp.received), len(otlp.accepted), otlp.total('orders')) == (2, 1, 1)


# --- replies


def _three() -> bytes:
    return encoded(counter('a', 1), counter('a', 2, {'l': 'x'}), counter('b', 4))


@pytest.mark.parametrize(
    ('number', 'message', 'taken'),
    [
        (0, 'a warning about ' + place(1, 1), [1, 2, 4]),
        (1, f'{place(1, 2)}: no', [1, 4]),
        (2, f'{place(2, 1)}: no', [1]),
        (2, f'{place(1, 1)}, {place(2, 1)}', [2]),
        (1, '', [1, 2]),
        (3, 'none', []),
        (7, 'none', []),
    ],
)
def test_partial_success_can_be_told(otlp: OtlpEndpoint, number: int, message: str, taken: list[float]) -> None:
    """The points that it names are not taken, and then as many of the last as are left; a warning rejects none."""
    otlp.behave = lambda _request: partial_success(number, message)
    answer = send(otlp, _three())
    assert (answer.status, answer.headers['Content-Type']) == (200, PROTOBUF)
    assert rejection(answer.body) == Rejection(number, message)
    assert [point.value for point in otlp.points] == taken
    assert len(otlp.accepted) == 1
    assert otlp.violations == []


@pytest.mark.parametrize('retry_after', [None, 7, 'Wed, 21 Oct 2026 07:28:00 GMT'])
def test_error_can_be_told(otlp: OtlpEndpoint, retry_after: float | str | None) -> None:
    """An error has the status and the message that were given, and may say when to come again."""
    otlp.behave = lambda request: failure(429, f'{len(request)} are too many', retry_after)
    answer = send(otlp, _three())
    assert (answer.status, error_message(answer.body)) == (429, '3 are too many')
    assert answer.headers.get('Retry-After') == (None if retry_after is None else str(retry_after))
    assert (otlp.accepted, otlp.violations) == ([], [])


def test_reply_that_is_told_takes_nothing_that_breaks_a_rule(otlp: OtlpEndpoint) -> None:
    """A partial success gives way to a refusal; an outage does not, and violations are seen in it."""
    bad = encoded(counter('m', 1), at=NOW + 3_600)
    otlp.behave = lambda _request: partial_success(0, 'a warning')
    assert send(otlp, bad).status == 400
    assert send(otlp, encoded(counter('m', 1)), region='eu-west-1').status == 403
    otlp.behave = lambda _request: failure(503)
    assert send(otlp, bad).status == 503
    assert send(otlp, encoded(counter('m', 1)), region='eu-west-1').status == 503
    assert (len(otlp.violations), otlp.points) == (4, [])


def test_stand_in_goes_away_and_comes_back(otlp: OtlpEndpoint) -> None:
    """As the stand-in of PutMetricData does."""
    otlp.go_away()
    with pytest.raises(ConnectionError):
        send(otlp, _three())
    otlp.come_back()
    assert send(otlp, _three()).status == 200
    assert otlp.metrics_url == f'http://127.0.0.1:{otlp.port}/v1/metrics'
    assert len(otlp.points) == 3

"""What a reply means: what counts as sent, and what a failed send asks for."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from unittest.mock import MagicMock

import botocore.exceptions
import botocore.parsers
import pytest
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker
from hypothesis import given
from hypothesis import strategies as st
from property.cloudwatch import OPERATION, SERVICE

from aws_satella.pure.formats.protobuf import text, varint
from aws_satella.pure.replies import (
    MISSING_CREDENTIALS,
    OTLP_BODY,
    UNKNOWN,
    VERDICTS,
    Failure,
    Verdict,
    asks_for_new_client,
    content_type,
    is_success,
    is_too_large,
    rejected_by,
    remark_of,
    retry_after,
    status,
    verdict,
)

PARTIAL = text(1, varint(1, 2) + text(2, b'no'))
"""A reply of OTLP that rejects two points."""

STATUSES = (0, 200, 302, 400, 401, 403, 404, 408, 413, 421, 429, 500, 502, 503, 504, 599)
REFUSALS = {
    'InvalidFormat',
    'InvalidFormatFault',
    'InvalidParameterCombination',
    'InvalidParameterCombinationException',
    'InvalidParameterValue',
    'InvalidParameterValueException',
    'MalformedInputException',
    'MissingParameter',
    'MissingRequiredParameter',
    'MissingRequiredParameterException',
    'ParamValidationError',
    'RequestEntityTooLarge',
    'RequestEntityTooLargeException',
    'SerializationException',
    'ValidationError',
    'ValidationException',
}
PASSING = {
    'AccessDenied',
    'AccessDeniedException',
    'BandwidthLimitExceeded',
    'EC2ThrottledException',
    'ExpiredToken',
    'ExpiredTokenException',
    'IncompleteSignature',
    'InternalFailure',
    'InternalServiceError',
    'InternalServiceFault',
    'InvalidAction',
    'InvalidClientTokenId',
    'InvalidSignatureException',
    'LimitExceeded',
    'LimitExceededException',
    'MissingAuthenticationToken',
    'MissingAuthenticationTokenException',
    'NotAuthorized',
    'OptInRequired',
    'PriorRequestNotComplete',
    'ProvisionedThroughputExceededException',
    'RequestAbortedException',
    'RequestExpired',
    'RequestLimitExceeded',
    'RequestThrottled',
    'RequestThrottledException',
    'RequestTimeTooSkewed',
    'RequestTimeout',
    'RequestTimeoutException',
    'ServiceUnavailable',
    'SignatureDoesNotMatch',
    'SlowDown',
    'SubscriptionRequiredException',
    'ThrottledException',
    'Throttling',
    'ThrottlingException',
    'TooManyRequestsException',
    'TransactionInProgressException',
    'UnknownOperationException',
    'UnrecognizedClientException',
}


def _expected(code: str, status: int) -> Verdict:
    """The rules, one after the other."""
    if status == 413:
        return Verdict.SPLIT
    if status >= 500:
        return Verdict.RETRY
    if code in REFUSALS:
        return Verdict.SPLIT
    if code in PASSING or code == '' or code.isdigit() or status != 400:
        return Verdict.RETRY
    return Verdict.SPLIT


@pytest.mark.parametrize('code', sorted({*VERDICTS, *PASSING, *REFUSALS, '', '400', '503', 'UnknownCode'}))
def test_verdict_is_that_of_the_code_and_the_status(code: str) -> None:
    """A fault of the server is temporary, and a request that is too large is split. Otherwise the code decides. With an
    unknown code, the status 400 is a refusal, and all others are temporary."""
    expected = {status: _expected(code, status) for status in STATUSES}
    assert {status: verdict(Failure(code, status, 'whatever')) for status in STATUSES} == expected


def test_codes_of_the_table_are_all_tried() -> None:
    """Every code of the table is in one of the two sets of this test, so that each is tried."""
    assert set(VERDICTS) == PASSING | REFUSALS
    assert not PASSING & REFUSALS


@pytest.mark.parametrize('code', sorted(REFUSALS))
def test_refusal_is_split(code: str) -> None:
    """A refusal for what is in the data will not pass, so the request is split."""
    assert verdict(Failure(code, 400)) is Verdict.SPLIT


@pytest.mark.parametrize('code', sorted(PASSING))
def test_verdict_on_what_may_pass_is_to_retry(code: str) -> None:
    """Credentials, permissions and throttling change; the data are kept."""
    assert verdict(Failure(code, 400)) is Verdict.RETRY


BOTOCORE_RETRIES = {
    *ThrottledRetryableChecker._THROTTLED_ERROR_CODES,
    *TransientRetryableChecker._TRANSIENT_ERROR_CODES,
}


@pytest.mark.parametrize('code', sorted(BOTOCORE_RETRIES))
def test_verdict_on_what_botocore_sends_again_is_to_retry(code: str) -> None:
    """Whatever botocore takes for throttling or for a passing error is no refusal here, with any status but 413. A code
    that a later botocore adds has to get a row."""
    assert VERDICTS.get(code) is Verdict.RETRY
    assert {verdict(Failure(code, status)) for status in STATUSES if status != 413} == {Verdict.RETRY}


@pytest.mark.parametrize('code', sorted({*VERDICTS, '', 'UnknownCode'}))
def test_refusal_for_the_size_is_told_from_others(code: str) -> None:
    """The status 413 says it, whatever the code, and so do the codes of the same name."""
    assert is_too_large(Failure(code, 413))
    assert is_too_large(Failure(code, 400)) == (code in {'RequestEntityTooLarge', 'RequestEntityTooLargeException'})


def test_verdict_on_no_reply_is_no_refusal() -> None:
    """A network that is down says nothing about the data."""
    assert UNKNOWN == Failure() == ('', 0, '', 0.0, False)
    assert verdict(Failure()) is Verdict.RETRY
    assert verdict(Failure(message='Connection reset')) is Verdict.RETRY


@given(st.text(max_size=30), st.integers(0, 999), st.text(max_size=60))
def test_verdict_is_there_for_any_failure(code: str, status: int, message: str) -> None:
    """Any failure has a verdict, the same each time."""
    failure = Failure(code, status, message)
    assert verdict(failure) is _expected(code, status) is verdict(failure)


class _Hostile(dict[str, object]):
    """A mapping of user code."""

    def get(self, *_: object) -> object:
        raise RuntimeError('injected')


AWS_TYPES = ('application/x-amz-json-1.0', 'application/x-amz-json-1.1', 'text/xml', 'application/cbor')
OTHER_TYPES = ('text/html', 'text/plain', 'application/json', 'application/octet-stream', 'text', '', 'html/text/xml')
content_types = st.builds(
    lambda known, parameter: (known in AWS_TYPES, known + parameter),
    st.sampled_from(AWS_TYPES + OTHER_TYPES),
    st.sampled_from(('', ';charset=utf-8', '; charset=UTF-8')),
)


@given(
    st.one_of(st.none(), content_types),
    st.one_of(st.none(), st.just(''), st.uuids().map(str)),
    st.sampled_from((200, 201, 204, 299)),
    st.dictionaries(st.sampled_from(('server', 'date', 'content-length')), st.text(max_size=5)),
)
def test_reply_of_aws_is_a_success(
    content: tuple[bool, str] | None, request_id: str | None, status: int, headers: dict[str, str]
) -> None:
    """It has a request id or a content type of AWS. What a portal or a proxy says has neither."""
    metadata: dict[str, object] = {'HTTPStatusCode': status, 'HTTPHeaders': headers, 'RetryAttempts': 0}
    if content is not None:
        headers['content-type'] = content[1]
    if request_id is not None:
        metadata['RequestId'] = request_id
    expected = bool(request_id) or (content is not None and content[0])
    assert is_success({'ResponseMetadata': metadata}) is expected


@pytest.mark.parametrize(
    'reply',
    [
        *(None, {}, 'anything', MagicMock(), MagicMock(spec=dict), [], _Hostile(ResponseMetadata={})),
        *({'ResponseMetadata': stub} for stub in (None, {}, MagicMock(), {'HTTPStatusCode': 200}, _Hostile())),
    ],
    ids=lambda reply: type(reply).__name__,
)
def test_stub_is_a_success(reply: object) -> None:
    """What has no headers never was in a network: mocks, stubs and wrappers return it. Nothing raises."""
    assert is_success(reply) is True


@pytest.mark.parametrize(
    ('metadata', 'expected'),
    [
        ({'HTTPStatusCode': 204, 'HTTPHeaders': {'content-type': ' text/XML '}}, (204, 'text/XML')),
        ({'HTTPStatusCode': '204', 'HTTPHeaders': {'content-type': b'text/xml'}}, (0, '')),
        ({'HTTPHeaders': {}}, (0, '')),
        (None, (0, '')),
    ],
)
def test_status_and_content_type_are_those_of_botocore(metadata: object, expected: tuple[int, str]) -> None:
    """What a reply does not have, or has of another type, is 0 or empty."""
    reply = {'ResponseMetadata': metadata}
    assert (status(reply), content_type(reply)) == expected


def test_missing_credentials_ask_for_a_new_client() -> None:
    """Each such error is one of botocore, may pass, and never comes from a reply."""
    for code in MISSING_CREDENTIALS:
        assert issubclass(getattr(botocore.exceptions, code), botocore.exceptions.BotoCoreError)
        assert asks_for_new_client(Failure(code)) is True
        assert asks_for_new_client(Failure(code, 400)) is False
        assert verdict(Failure(code)) is Verdict.RETRY
    for code in ('', 'EndpointConnectionError', 'ReadTimeoutError', 'AccessDenied', 'ExpiredToken'):
        assert asks_for_new_client(Failure(code)) is False


def test_errors_of_the_model_are_in_the_table() -> None:
    """Each error of PutMetricData in the service model has a verdict, under both names that an error has."""
    assert OPERATION.error_shapes
    for shape in OPERATION.error_shapes:
        for code in {shape.name, shape.metadata.get('error', {}).get('code', shape.name)}:
            expected = Verdict.RETRY if code.startswith('Internal') else Verdict.SPLIT
            status = shape.metadata.get('error', {}).get('httpStatusCode', 400)
            assert verdict(Failure(code, status)) is expected
    assert SERVICE.resolved_protocol in botocore.parsers.PROTOCOL_PARSERS


# --- when to come back

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
seconds = st.integers(-(10**6), 10**6)


def _date(ahead: int, hours_from_utc: int = 0) -> str:
    return format_datetime((NOW + timedelta(seconds=ahead)).astimezone(timezone(timedelta(hours=hours_from_utc))))


@given(st.integers(0, 10**30), st.text(' \t', max_size=2))
def test_seconds_to_wait(number: int, blanks: str) -> None:
    """``Retry-After`` in seconds is taken as it is, up to five minutes."""
    assert retry_after({'retry-after': f'{blanks}{number}{blanks}'}, NOW.timestamp()) == min(number, 300)


@given(ahead=seconds, skew=seconds, dated=st.booleans(), zone=st.integers(-12, 12))
def test_date_to_wait_for(ahead: int, skew: int, dated: bool, zone: int) -> None:
    """A date is as far ahead as the reply says that it is, whatever the clock of this machine; where the reply has no
    date, as the clock says. The time zone is the one that the date names."""
    headers = {'retry-after': _date(ahead, zone), **({'date': _date(0)} if dated else {})}
    now = NOW.timestamp() + skew
    assert retry_after(headers, now) == min(max(ahead - (0 if dated else skew), 0), 300)


def test_date_without_a_time_zone_is_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """The zone '-0000', of which Python makes a date without one, is not that of this machine."""
    try:
        with monkeypatch.context() as patched:
            patched.setenv('TZ', 'XYZ-9')
            time.tzset()
            assert retry_after({'retry-after': 'Sun, 01 Mar 2026 12:00:10 -0000'}, NOW.timestamp()) == 10
    finally:
        time.tzset()


@given(st.text())
@pytest.mark.parametrize('value', ['', '-1', '1.5', 'soon', '²', 'Wed, 99 Oct 2015 07:28:00 GMT', 'Wed, 21 Oct 99999'])
def test_retry_after_that_says_nothing_is_no_wish(value: str, date: str) -> None:
    """A value that is neither seconds nor a date is no wish, and a date of the reply that is none is not used."""
    assert retry_after({'retry-after': value, 'date': date}, NOW.timestamp()) == 0
    assert retry_after({'date': date}, NOW.timestamp()) == 0
    assert 0 <= retry_after({'retry-after': date}, NOW.timestamp()) <= 300


@pytest.mark.parametrize(
    ('body', 'kind', 'expected'),
    [
        (b'', '', (0, '')),
        (b'', 'text/plain', (0, '')),
        (b'', 'application/x-protobuf', (0, '')),
        (PARTIAL, 'application/x-protobuf', (2, 'no')),
        (PARTIAL, '', (2, 'no')),
        (b'{}', 'application/json', (0, '')),
        (b'{"partialSuccess": {}}', 'application/json; charset=utf-8', (0, '')),
        (b'{"partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "no"}}', 'application/json', (2, 'no')),
        (b'{"partialSuccess": {"rejectedDataPoints": -2}}', 'application/json', (0, '')),
        (b'', 'text/html', None),
        (b'', 'application/xhtml+xml', None),
        (b'<html>Welcome</html>', 'text/html; charset=utf-8', None),
        (b'<html>Welcome</html>', '', None),
        (b'OK', 'text/plain', None),
        (b'[]', 'application/json', None),
        (b'{', 'application/json', None),
        (b'{"partialSuccess": {"rejectedDataPoints": "x"}}', 'application/json', None),
    ],
)
def test_reply_of_otlp(body: bytes, kind: str, expected: tuple[int, str] | None) -> None:
    """A reply of OTLP counts where its body is one, in either encoding, or empty; never the page of a captive portal.
    What it rejects is as many of the items as it says, and what it says besides is a remark."""
    metadata = {'HTTPStatusCode': 200, 'HTTPHeaders': {'content-type': kind}}
    reply = {OTLP_BODY: body, 'ResponseMetadata': metadata}
    assert is_success(reply) == (expected is not None)
    number, message = expected or (0, '')
    assert rejected_by(reply, ['a', 'b', 'c']).number == number
    assert rejected_by(reply, ['a']).number == min(number, 1)
    assert remark_of(reply) == message


@pytest.mark.parametrize('reply', [None, {}, 'reply', {'ResponseMetadata': {}}, {OTLP_BODY: 'text'}])
def test_reply_of_another_form_rejects_nothing(reply: object) -> None:
    """What is no reply of OTLP has no items that were not taken, and no remark."""
    assert (rejected_by(reply, ['a']).number, remark_of(reply)) == (0, '')

"""What a failed send means."""

from __future__ import annotations

import botocore.parsers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.cloudwatch import OPERATION, SERVICE

from aws_satella.pure.replies import VERDICTS, Failure, Verdict, verdict

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
    'NotAuthorized',
    'OptInRequired',
    'RequestExpired',
    'RequestLimitExceeded',
    'RequestTimeTooSkewed',
    'RequestTimeout',
    'ServiceUnavailable',
    'SignatureDoesNotMatch',
    'Throttling',
    'ThrottlingException',
    'TooManyRequestsException',
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
def test_every_code_with_every_status(code: str) -> None:
    """A fault of the server is temporary, and a request that is too large is split. Otherwise the code decides. With an
    unknown code, the status 400 is a refusal, and all others are temporary."""
    expected = {status: _expected(code, status) for status in STATUSES}
    assert {status: verdict(Failure(code, status, 'whatever')) for status in STATUSES} == expected


def test_every_code_of_the_table_is_written_down_twice() -> None:
    """Every code of the table is in one of the two sets of this test, so that each is tried."""
    assert set(VERDICTS) == PASSING | REFUSALS
    assert not PASSING & REFUSALS


@pytest.mark.parametrize('code', sorted(REFUSALS))
def test_a_refusal_is_split(code: str) -> None:
    """A refusal for what is in the data will not pass, so the request is split."""
    assert verdict(Failure(code, 400)) is Verdict.SPLIT


@pytest.mark.parametrize('code', sorted(PASSING))
def test_what_may_pass_is_kept(code: str) -> None:
    """Credentials, permissions and throttling change; the data are kept."""
    assert verdict(Failure(code, 400)) is Verdict.RETRY


def test_no_reply_is_no_refusal() -> None:
    """A network that is down says nothing about the data."""
    assert verdict(Failure()) is Verdict.RETRY
    assert verdict(Failure(message='Connection reset')) is Verdict.RETRY


@given(st.text(max_size=30), st.integers(0, 999), st.text(max_size=60))
def test_there_is_always_a_verdict(code: str, status: int, message: str) -> None:
    """Any failure has a verdict, the same each time."""
    failure = Failure(code, status, message)
    assert verdict(failure) is _expected(code, status) is verdict(failure)


def test_the_errors_of_the_model_are_in_the_table() -> None:
    """Each error of PutMetricData in the service model has a verdict, under both names that an error has."""
    assert OPERATION.error_shapes
    for shape in OPERATION.error_shapes:
        for code in {shape.name, shape.metadata.get('error', {}).get('code', shape.name)}:
            expected = Verdict.RETRY if code.startswith('Internal') else Verdict.SPLIT
            status = shape.metadata.get('error', {}).get('httpStatusCode', 400)
            assert verdict(Failure(code, status)) is expected
    assert SERVICE.resolved_protocol in botocore.parsers.PROTOCOL_PARSERS

"""What a reply means: whether it counts as sent, and one table from a failed send to what is to be done.

What may live here: knowledge of CloudWatch replies. What may not: exceptions of botocore, which the effects layer
describes as a :class:`Failure`; retries and queues, which act on the :class:`Verdict`.

Temporary errors lose nothing: a network that is down, a fault of the server, throttling, but also credentials that are
missing or expired and permissions that are not granted (yet). What CloudWatch refuses for the data in it would be
refused for ever, so such a request is split until the culprit is alone. To add an error code: give it a row in
:data:`VERDICTS`. What botocore itself sends again has a row.

Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html (Errors) and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

from aws_satella.pure.rejections import NOTHING_REJECTED, Rejected, Rejection


class Verdict(enum.Enum):
    """What is to be done with the data of a request that failed."""

    RETRY = enum.auto()
    """Keep them, and try again later."""
    SPLIT = enum.auto()
    """They are refused: find the culprit."""


class Failure(NamedTuple):
    """A failed send, as plain values."""

    code: str = ''
    """The error code of the reply, or the class of an error of botocore; empty where there is neither."""
    status: int = 0
    """The HTTP status of the reply; 0 where there was none."""
    message: str = ''
    """What the reply says."""
    retry_after: float = 0.0
    """For how many seconds the reply asks to send nothing."""
    timed_out: bool = False
    """Whether there was no reply in the time that the client waits for one."""


UNKNOWN: Final = Failure()
"""A failure that says nothing of itself."""


CONTENT_TYPES: Final = ('application/x-amz-json-', 'text/xml', 'application/cbor')
"""Prefixes of the content types of AWS protocols: JSON, Query, and RPC v2 CBOR."""


def is_success(reply: object) -> bool:
    """Whether what the client returned counts as sent.

    The page of a captive portal or of a proxy has the status 200 too, and botocore takes it for an empty reply. So a
    reply of the network must have a request id, or a content type of AWS. What has no headers at all never was in a
    network: it comes from a stub, a mock or a wrapper, and counts.

    A reply of OTLP counts where it is one. Only plain dictionaries are looked at, as botocore makes them: others may
    run user code.
    """
    if said_in_otlp(reply) is not None:
        return _rejection(reply) is not None
    metadata = _value(reply, 'ResponseMetadata')
    headers = _value(metadata, 'HTTPHeaders')
    if type(headers) is not dict or _value(metadata, 'RequestId'):
        return True
    return content_type(reply).lower().startswith(CONTENT_TYPES)


OTLP_BODY: Final = 'aws_satella.otlp'
"""Where what the client returned has the body of a reply of OTLP, which botocore cannot read."""


def said_in_otlp(reply: object) -> bytes | None:
    """The body of a reply of OTLP; None for a reply of another form."""
    found = _value(reply, OTLP_BODY)
    return found if type(found) is bytes else None


def _otlp_replies() -> Any:
    """How replies of OTLP are read. A program that gets none starts faster without it."""
    from aws_satella.pure.formats import otlp_replies

    return otlp_replies


def _rejection(reply: object) -> Rejection | None:
    """What a reply of OTLP says; None where it is none."""
    said = said_in_otlp(reply)
    if said is None:
        return None
    found: Rejection | None = _otlp_replies().rejection(said, content_type(reply).lower())
    return found


def rejected_by(reply: object, items: Sequence[Any]) -> Rejected:
    """Which items of a request its reply rejects, though it counts as success: only one of OTLP rejects any."""
    said = _rejection(reply)
    if said is None:
        return NOTHING_REJECTED
    found: Rejected = _otlp_replies().rejected(said, items)
    return found


def remark_of(reply: object) -> str:
    """What a reply that counts as success says besides; empty for nothing."""
    said = _rejection(reply)
    return '' if said is None else said.message


def content_type(reply: object) -> str:
    """The content type of what botocore returned; empty where there is none."""
    found = _value(_value(_value(reply, 'ResponseMetadata'), 'HTTPHeaders'), 'content-type')
    return found.strip() if type(found) is str else ''


def status(reply: object) -> int:
    """The HTTP status of what botocore returned; 0 where there is none."""
    found = _value(_value(reply, 'ResponseMetadata'), 'HTTPStatusCode')
    return found if type(found) is int else 0


def _value(mapping: object, key: str) -> object:
    return mapping.get(key) if type(mapping) is dict else None


MISSING_CREDENTIALS: Final = {
    'CredentialRetrievalError',
    'LoginError',
    'LoginInsufficientPermissions',
    'LoginRefreshRequired',
    'LoginTokenLoadError',
    'MetadataRetrievalError',
    'NoAuthTokenError',
    'NoCredentialsError',
    'PartialCredentialsError',
    'SSOError',
    'SSOTokenLoadError',
    'TokenRetrievalError',
    'UnauthorizedSSOTokenError',
}
"""Errors of botocore by which a client says that it has no credentials, before anything is sent."""


def asks_for_new_client(failure: Failure) -> bool:
    """Whether the client should be made again before the next attempt.

    A client that found no credentials when it was made never looks for them again. A new one does.
    """
    return not failure.status and failure.code in MISSING_CREDENTIALS


VERDICTS: Mapping[str, Verdict] = {
    # Errors of CloudWatch itself, and of its protocols: the data are at fault.
    'InvalidFormat': Verdict.SPLIT,
    'InvalidFormatFault': Verdict.SPLIT,
    'InvalidParameterCombination': Verdict.SPLIT,
    'InvalidParameterCombinationException': Verdict.SPLIT,
    'InvalidParameterValue': Verdict.SPLIT,
    'InvalidParameterValueException': Verdict.SPLIT,
    'MalformedInputException': Verdict.SPLIT,
    'MissingParameter': Verdict.SPLIT,
    'MissingRequiredParameter': Verdict.SPLIT,
    'MissingRequiredParameterException': Verdict.SPLIT,
    'ParamValidationError': Verdict.SPLIT,  # botocore's own validation, before anything is sent
    'RequestEntityTooLarge': Verdict.SPLIT,
    'RequestEntityTooLargeException': Verdict.SPLIT,
    'SerializationException': Verdict.SPLIT,
    'ValidationError': Verdict.SPLIT,
    'ValidationException': Verdict.SPLIT,
    # Common to all services: the data are not at fault, though the status may be 400.
    'AccessDenied': Verdict.RETRY,
    'AccessDeniedException': Verdict.RETRY,
    'BandwidthLimitExceeded': Verdict.RETRY,
    'EC2ThrottledException': Verdict.RETRY,
    'ExpiredToken': Verdict.RETRY,
    'ExpiredTokenException': Verdict.RETRY,
    'IncompleteSignature': Verdict.RETRY,
    'InternalFailure': Verdict.RETRY,
    'InternalServiceError': Verdict.RETRY,
    'InternalServiceFault': Verdict.RETRY,
    'InvalidAction': Verdict.RETRY,
    'InvalidClientTokenId': Verdict.RETRY,
    'InvalidSignatureException': Verdict.RETRY,
    'LimitExceeded': Verdict.RETRY,
    'LimitExceededException': Verdict.RETRY,
    'MissingAuthenticationToken': Verdict.RETRY,
    'MissingAuthenticationTokenException': Verdict.RETRY,
    'NotAuthorized': Verdict.RETRY,
    'OptInRequired': Verdict.RETRY,
    'PriorRequestNotComplete': Verdict.RETRY,
    'ProvisionedThroughputExceededException': Verdict.RETRY,
    'RequestAbortedException': Verdict.RETRY,
    'RequestExpired': Verdict.RETRY,
    'RequestLimitExceeded': Verdict.RETRY,
    'RequestThrottled': Verdict.RETRY,
    'RequestThrottledException': Verdict.RETRY,
    'RequestTimeTooSkewed': Verdict.RETRY,
    'RequestTimeout': Verdict.RETRY,
    'RequestTimeoutException': Verdict.RETRY,
    'ServiceUnavailable': Verdict.RETRY,
    'SignatureDoesNotMatch': Verdict.RETRY,
    'SlowDown': Verdict.RETRY,
    'SubscriptionRequiredException': Verdict.RETRY,
    'ThrottledException': Verdict.RETRY,
    'Throttling': Verdict.RETRY,
    'ThrottlingException': Verdict.RETRY,
    'TooManyRequestsException': Verdict.RETRY,
    'TransactionInProgressException': Verdict.RETRY,
    'UnknownOperationException': Verdict.RETRY,
    'UnrecognizedClientException': Verdict.RETRY,
}
"""Error code → verdict, where the status says no more."""

CONTENT_TOO_LARGE: Final = 413
"""The HTTP status of a request that is too large. A proxy may give it too, with any code."""


TOO_LARGE: Final = frozenset({'RequestEntityTooLarge', 'RequestEntityTooLargeException'})
"""The codes of the same."""


def is_too_large(failure: Failure) -> bool:
    """Whether a request was refused for its size, so that no datum in it need be at fault."""
    return failure.status == CONTENT_TOO_LARGE or failure.code in TOO_LARGE


def verdict(failure: Failure) -> Verdict:
    """What is to be done about a failed send.

    The status decides where it says that the server is at fault, or that the request is too large; otherwise the code.
    An error that is in no table and has the status 400 is taken for a refusal, since data that are kept hold up all
    that come after them. Any other failure, such as the page of a proxy (botocore then gives the status for the code),
    is taken to be temporary: the outbox bounds what that may cost.
    """
    if failure.status == CONTENT_TOO_LARGE:
        return Verdict.SPLIT
    if failure.status >= 500:
        return Verdict.RETRY
    refused = failure.status == 400 and failure.code != '' and not failure.code.isdigit()
    return VERDICTS.get(failure.code, Verdict.SPLIT if refused else Verdict.RETRY)


MAX_RETRY_AFTER_SECONDS: Final = 300.0
"""How much of a ``Retry-After`` is honoured. A proxy may ask for a day."""


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds for which a reply asks to send nothing, by its ``Retry-After``: at most five minutes; 0 for none.

    A date in it is compared with the date of the reply itself where that has one, since the clock of this machine may
    be wrong.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after

    :param headers: of the reply, with names in lower case
    :param now: UNIX seconds
    """
    value = headers.get('retry-after', '').strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:20]), MAX_RETRY_AFTER_SECONDS))
    until = _http_date(value)
    if until is None:
        return 0.0
    date = _http_date(headers.get('date', ''))
    return min(max(0.0, until - (now if date is None else date)), MAX_RETRY_AFTER_SECONDS)


def _http_date(value: str) -> float | None:
    """The UNIX seconds of a date in a header; None where it is none."""
    try:
        date: datetime = parsedate_to_datetime(value)
        return (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None

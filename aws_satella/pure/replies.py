"""What a failed send means: one table from the reply to what is to be done.

What may live here: knowledge of CloudWatch errors. What may not: exceptions of botocore, which the effects layer
describes as a :class:`Failure`; retries and queues, which act on the :class:`Verdict`.

Temporary errors lose nothing: a network that is down, a fault of the server, throttling, but also credentials that are
missing or expired and permissions that are not granted (yet). What CloudWatch refuses for the data in it would be
refused for ever, so such a request is split until the culprit is alone. To add an error code: give it a row in
:data:`VERDICTS`.

Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html (Errors) and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, NamedTuple


class Verdict(enum.Enum):
    """What is to be done with the data of a request that failed."""

    RETRY = 'keep them, and try again later'
    SPLIT = 'they are refused: find the culprit'


class Failure(NamedTuple):
    """A failed send, as plain values."""

    code: str = ''
    """The error code of the reply; empty where there was no reply that could be understood."""
    status: int = 0
    """The HTTP status of the reply; 0 where there was none."""
    message: str = ''
    """What the reply says."""


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
    'NotAuthorized': Verdict.RETRY,
    'OptInRequired': Verdict.RETRY,
    'RequestExpired': Verdict.RETRY,
    'RequestLimitExceeded': Verdict.RETRY,
    'RequestTimeout': Verdict.RETRY,
    'RequestTimeTooSkewed': Verdict.RETRY,
    'ServiceUnavailable': Verdict.RETRY,
    'SignatureDoesNotMatch': Verdict.RETRY,
    'Throttling': Verdict.RETRY,
    'ThrottlingException': Verdict.RETRY,
    'TooManyRequestsException': Verdict.RETRY,
    'UnrecognizedClientException': Verdict.RETRY,
}
"""Error code → verdict, where the status says no more."""

CONTENT_TOO_LARGE: Final = 413
"""The HTTP status of a request that is too large. A proxy may give it too, with any code."""


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

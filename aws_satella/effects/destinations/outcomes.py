"""What became of a send, as plain values: what counts as success, and what a failure says."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    ParamValidationError,
    ReadTimeoutError,
)

from aws_satella.pure.replies import Failure, content_type, is_success, retry_after, status


class UnexpectedReplyError(RuntimeError):
    """A reply with a status of success that did not come from CloudWatch, but from a captive portal or a proxy.

    :param reply: what the client returned
    """

    def __init__(self, reply: object) -> None:
        what = f'status {status(reply)}, content type {content_type(reply) or "missing"}'
        super().__init__(f'The reply did not come from CloudWatch: {what}')


class NotTakenError(RuntimeError):
    """What a destination said of a datum that it rejects in a request that it took."""


def expect_success(reply: object) -> None:
    """Raise unless what the client returned counts as sent.

    :raises UnexpectedReplyError: it does not
    """
    if not is_success(reply):
        raise UnexpectedReplyError(reply)


def describe(error: BaseException, now: float) -> Failure:
    """What a failed send says, as plain values. An error that is neither a reply nor of botocore says nothing.

    :param now: UNIX seconds
    """
    if isinstance(error, ParamValidationError):
        return Failure('ParamValidationError', message=str(error))
    timed_out = isinstance(error, (ConnectTimeoutError, ReadTimeoutError, TimeoutError))
    if isinstance(error, BotoCoreError):
        return Failure(type(error).__name__, message=str(error), timed_out=timed_out)
    if not isinstance(error, ClientError):
        return Failure(timed_out=timed_out)
    try:
        details, metadata = error.response.get('Error', {}), error.response.get('ResponseMetadata', {})
        status = int(metadata.get('HTTPStatusCode', 0))
        return Failure(str(details.get('Code', '')), status, str(details.get('Message', '')), _pause(metadata, now))
    except Exception:  # botocore passes on any form that a reply may have
        return Failure()


def _pause(metadata: Any, now: float) -> float:
    """Seconds for which a reply asks to send nothing."""
    try:
        return retry_after(metadata['HTTPHeaders'], now)
    except Exception:  # as above
        return 0.0

"""The receiver's side of AWS Signature Version 4: whether a request was signed with a known key, for here and now.

Written from AWS's description, without botocore, which signs the requests that the tests send.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

ALGORITHM = 'AWS4-HMAC-SHA256'
MAX_SKEW_SECONDS = 5 * 60
"""How far the time of a signature may be from that of AWS."""

_AUTHORIZATION = re.compile(
    rf'{ALGORITHM} '
    r'Credential=(?P<key>[^/, ]+)/(?P<date>\d{8})/(?P<region>[^/, ]+)/(?P<service>[^/, ]+)/aws4_request, ?'
    r'SignedHeaders=(?P<signed>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})'
)


class DeniedError(Exception):
    """AWS would answer with 403. The message begins with the code of the error."""


@dataclass(frozen=True)
class Secret:
    """What belongs to an access key."""

    key: str
    token: str | None = None
    """The session token of temporary credentials."""


class Scope(NamedTuple):
    """Where a signature is good for."""

    region: str
    service: str


@dataclass(frozen=True)
class Signed:
    """A request as it arrived."""

    method: str
    target: str
    """Of the request line."""
    headers: Mapping[str, str]
    """By their names in lower case; values of one name are joined by commas."""
    body: bytes
    """As it was sent, so after compression."""


def verify(request: Signed, secrets: Mapping[str, Secret], scope: Scope, now: float) -> None:
    """Check the signature of a request.

    :param secrets: by access key
    :param now: in UNIX seconds
    :raises DeniedError: it is not signed, or wrongly
    """
    claim = _AUTHORIZATION.fullmatch(request.headers.get('authorization', ''))
    if claim is None:
        raise DeniedError('MissingAuthenticationToken: no Authorization header of Signature Version 4')
    _check_scope(claim, scope)
    _check_time(request, claim['date'], now)
    secret = secrets.get(claim['key'])
    if secret is None:
        raise DeniedError(f'InvalidClientTokenId: the access key {claim["key"]} is not known')
    if request.headers.get('x-amz-security-token') != secret.token:
        raise DeniedError('InvalidClientTokenId: the session token is not that of the access key')
    signed = claim['signed'].split(';')
    _check_signed_headers(request, signed)
    _check_payload(request)
    if not hmac.compare_digest(_signature(request, signed, claim['date'], secret, scope), claim['signature']):
        raise DeniedError('SignatureDoesNotMatch: the signature is not that of the request')


def _check_scope(claim: re.Match[str], scope: Scope) -> None:
    if (claim['region'], claim['service']) != scope:
        raise DeniedError(f'SignatureDoesNotMatch: credential scoped to {claim["region"]}/{claim["service"]}')


def _check_time(request: Signed, date: str, now: float) -> None:
    try:
        signed_at = datetime.strptime(request.headers.get('x-amz-date', ''), '%Y%m%dT%H%M%S%z')
    except ValueError:
        raise DeniedError('IncompleteSignature: no X-Amz-Date') from None
    if abs(signed_at.timestamp() - now) > MAX_SKEW_SECONDS:
        raise DeniedError(f'SignatureDoesNotMatch: signed at {signed_at}, which is not now')
    if f'{signed_at:%Y%m%d}' != date:
        raise DeniedError(f'SignatureDoesNotMatch: credential of {date}, X-Amz-Date of another day')


def _check_signed_headers(request: Signed, signed: list[str]) -> None:
    """Host and all that begins with X-Amz- must be signed, in order, and be there."""
    if signed != sorted(set(signed)):
        raise DeniedError('IncompleteSignature: the signed headers are not in order')
    demanded = {'host', *(name for name in request.headers if name.startswith('x-amz-'))}
    for name in sorted(demanded - set(signed)):
        raise DeniedError(f'SignatureDoesNotMatch: {name} is not signed')
    for name in sorted(set(signed) - set(request.headers)):
        raise DeniedError(f'SignatureDoesNotMatch: {name} is signed, and is not there')


def _check_payload(request: Signed) -> None:
    """The hash of the body may be told in a header, too."""
    told = request.headers.get('x-amz-content-sha256')
    if told not in (None, _sha256(request.body)):
        raise DeniedError('SignatureDoesNotMatch: X-Amz-Content-SHA256 is not the hash of the body')


def _signature(request: Signed, signed: Iterable[str], date: str, secret: Secret, scope: Scope) -> str:
    canonical = _canonical(request, signed)
    parts = (date, *scope, 'aws4_request')
    text = '\n'.join((ALGORITHM, request.headers['x-amz-date'], '/'.join(parts), _sha256(canonical.encode())))
    key = b'AWS4' + secret.key.encode()
    for part in parts:
        key = hmac.digest(key, part.encode(), 'sha256')
    return hmac.digest(key, text.encode(), 'sha256').hex()


def _canonical(request: Signed, signed: Iterable[str]) -> str:
    target = urlsplit(request.target)
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in parse_qsl(target.query, True))
    headers = {name: ' '.join(request.headers[name].split()) for name in signed}
    return '\n'.join(
        (
            request.method,
            quote(target.path or '/', safe='/-_.~'),  # what was encoded on the wire already is encoded once more
            '&'.join(f'{name}={value}' for name, value in pairs),
            *(f'{name}:{value}' for name, value in headers.items()),
            '',
            ';'.join(headers),
            _sha256(request.body),
        )
    )


def _encoded(text: str) -> str:
    return quote(text, safe='-_.~')


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

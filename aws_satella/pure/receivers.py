"""Where a destination is: the argument ``destination``, and the variables of the environment that have a say in it.

What may live here: what the texts mean. What may not: how a request gets there.

Sources: https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from aws_satella.pure.errors import ArgumentError, ArgumentTypeError
from aws_satella.pure.forms import CLOUDWATCH, OTLP

ALLOWED: Final = (
    "'cloudwatch', 'otlp', or the URL of an OTLP receiver with its path, such as 'http://localhost:4318/v1/metrics'; "
    'https for a host of AWS'
)

ENDPOINT: Final = 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'
HEADERS: Final = ('OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_METRICS_HEADERS')
CERTIFICATES: Final = ('OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE', 'OTEL_EXPORTER_OTLP_CERTIFICATE')
TIMEOUTS: Final = ('OTEL_EXPORTER_OTLP_METRICS_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT')

DEFAULT_TIMEOUT_SECONDS: Final = 10.0

_CLOUDWATCH_HOST: Final = re.compile(r'monitoring\.([a-z0-9-]+)\.amazonaws\.com')
_AWS_HOST: Final = re.compile(r'(.+\.)?(amazonaws\.com(\.cn)?|api\.aws)')
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Receiver(NamedTuple):
    """A receiver of OTLP."""

    url: str = ''
    """Where requests go; empty for the endpoint of the user's client."""
    region: str = ''
    """The region of CloudWatch that the URL is of; empty where it is the client's."""
    is_signed: bool = True
    """Whether requests go through the user's client, which signs them."""
    headers: Mapping[str, str] = {}
    """What every request has besides."""
    certificate: str | None = None
    """The path of the certificates to trust; None for those of the platform."""
    timeout: float = DEFAULT_TIMEOUT_SECONDS
    """Seconds to wait for a connection, and for a reply."""
    variable: str = ''
    """The variable of the environment that redirects to it."""

    def __str__(self) -> str:
        return self.url.split('?')[0] or "CloudWatch's OTLP endpoint"


def destination(argument: str, value: Any) -> str:
    """The name of a destination, or the URL of a receiver of OTLP."""
    if not isinstance(value, str):
        raise ArgumentTypeError(argument, value, ALLOWED)
    if value in (CLOUDWATCH, OTLP):
        return value
    return _url(argument, value)


def _url(argument: str, value: str, *, needs_path: bool = True) -> str:
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or '', parts.port
    except ValueError:
        host, port = '', None
    is_url = bool(host) and port != 0 and value.isascii() and value.isprintable() and ' ' not in value
    if not is_url or parts.scheme not in ('http', 'https') or '@' in parts.netloc or parts.fragment:
        raise ArgumentError(argument, value, ALLOWED)
    if (needs_path and not parts.path) or (parts.scheme == 'http' and _AWS_HOST.fullmatch(host.rstrip('.'))):
        raise ArgumentError(argument, value, ALLOWED)
    return value


def receiver(destination: str, environ: Mapping[str, str]) -> Receiver:
    """The receiver of OTLP that a destination is.

    Only ``OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`` redirects 'otlp'. The variables for all signals are set for traces,
    often, and their headers may have the key of a vendor, which must not go to AWS.

    :param destination: 'otlp', or a URL
    :param environ: the environment of the process
    :raises ArgumentError: a variable has a value that is not allowed
    """
    url, variable = destination, ''
    if destination == OTLP:
        url = environ.get(ENDPOINT, '').strip()
        variable = ENDPOINT
        if not url:
            return Receiver()
        _url(ENDPOINT, url, needs_path=False)
    headers = _headers(environ)
    host = _CLOUDWATCH_HOST.fullmatch(urlsplit(url).hostname or '')
    is_signed = bool(variable and host) and 'authorization' not in map(str.lower, headers)
    region = host[1] if host else ''
    certificate = next((environ[name] for name in CERTIFICATES if environ.get(name)), None)
    return Receiver(url, region, is_signed, headers, certificate, _timeout(environ), variable)


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    """The headers of every request. What is said of metrics goes before what is said of all signals."""
    found: dict[str, str] = {}
    for variable in HEADERS:
        for pair in filter(str.strip, environ.get(variable, '').split(',')):
            name, equals, value = pair.partition('=')
            name, value = unquote(name.strip()), unquote(value.strip())
            if not equals or not _HEADER_NAME.fullmatch(name) or not value.isprintable():
                allowed = "pairs such as 'api-key=value', separated by commas, with special characters as in URLs"
                raise ArgumentError(variable, '...', allowed)  # it may be a secret
            found = {other: said for other, said in found.items() if other.lower() != name.lower()}
            found[name] = value
    return found


def _timeout(environ: Mapping[str, str]) -> float:
    for variable in TIMEOUTS:
        text = environ.get(variable, '').strip()
        if text:
            try:
                milliseconds = float(text)
            except ValueError:
                milliseconds = 0.0
            if not 0 < milliseconds < 1e12:
                raise ArgumentError(variable, text, 'a number of milliseconds, more than 0')
            return milliseconds / 1000
    return DEFAULT_TIMEOUT_SECONDS

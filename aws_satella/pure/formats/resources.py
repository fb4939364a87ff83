"""The resource of OTLP: what the metrics of a process belong to.

What may live here: which attributes a resource has. What may not: how the process is found out.

Sources: https://opentelemetry.io/docs/specs/semconv/resource/ and
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from aws_satella.pure import limits
from aws_satella.pure.formats.attributes import utf8
from aws_satella.pure.formats.otlp import VERSION

SERVICE_NAME: Final = 'OTEL_SERVICE_NAME'
RESOURCE_ATTRIBUTES: Final = 'OTEL_RESOURCE_ATTRIBUTES'


class Host(NamedTuple):
    """A process, as others know it."""

    instance: str
    """What no other process has."""
    pid: int
    name: str
    """Of its host."""
    version: str
    """Of this library."""


def resource(
    namespace: str,
    host: Host,
    environ: Mapping[str, str],
    service: str | None = None,
    environment: str | None = None,
    dimensions: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The attributes of a resource.

    The name of the service is the namespace, unless the environment or the argument ``service`` says otherwise. What
    tells processes apart is never taken from the environment, which they have in common.

    :param namespace: the namespace
    :param host: the process
    :param environ: the environment of the process
    :param service: the name of the service
    :param environment: where it is deployed
    :param dimensions: what every series gets
    """
    return {
        'service.name': namespace,
        'host.name': host.name,
        **said_of_resource(environ).attributes,
        **_named(environ),
        **({'service.name': service} if service is not None else {}),
        **({'deployment.environment.name': environment} if environment is not None else {}),
        'process.pid': str(host.pid),
        'telemetry.sdk.language': 'python',
        'telemetry.sdk.name': 'aws-satella',
        VERSION: host.version,
        **(dimensions or {}),
        'service.instance.id': host.instance,
    }


def _named(environ: Mapping[str, str]) -> dict[str, str]:
    name = _text(environ.get(SERVICE_NAME, ''))
    return {'service.name': name} if name.strip() and not is_name_too_long(environ) else {}


def is_name_too_long(environ: Mapping[str, str]) -> bool:
    """Whether ``OTEL_SERVICE_NAME`` is ignored, because every request would be refused for it."""
    return len(_text(environ.get(SERVICE_NAME, ''))) > limits.MAX_OTLP_LABEL_VALUE_LENGTH


def _text(characters: str) -> str:
    """As it is sent. Bytes of the environment that are no text are lone surrogates, and are escaped."""
    return utf8(characters).decode()


class Said(NamedTuple):
    """What ``OTEL_RESOURCE_ATTRIBUTES`` says."""

    attributes: dict[str, str]
    ignored: list[int]
    """The positions, from 1, of what is no pair, or has a value that is too long. It may be a secret that was put into
    the wrong variable, so its text is left out."""


def said_of_resource(environ: Mapping[str, str]) -> Said:
    """The attributes that ``OTEL_RESOURCE_ATTRIBUTES`` has: pairs such as 'name=value', separated by commas."""
    found, ignored = dict[str, str](), list[int]()
    for position, pair in enumerate(environ.get(RESOURCE_ATTRIBUTES, '').split(','), start=1):
        name, equals, value = pair.partition('=')
        name, value = _text(name.strip()), _text(unquote(value.strip()))
        if equals and name and len(value) <= limits.MAX_OTLP_LABEL_VALUE_LENGTH:
            found[name] = value
        elif pair.strip():
            ignored.append(position)
    return Said(found, ignored)

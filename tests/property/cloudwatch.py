"""What CloudWatch takes: its rules as the API reference has them, and botocore's own view of a request.

Written without a look at :mod:`aws_satella.pure.limits`, so that a wrong number there is found here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import botocore.session
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator

SERVICE: Any = botocore.session.get_session().get_service_model('cloudwatch')
OPERATION: Any = SERVICE.operation_model('PutMetricData')
UNITS = frozenset(SERVICE.shape_for('StandardUnit').enum)

_SERIALIZER: Any = create_serializer(SERVICE.resolved_protocol, include_validation=False)
_VALIDATOR: Any = ParamValidator()
_PRINTABLE = re.compile(r'[ -~]*[!-~][ -~]*')


def body(payload: Mapping[str, Any]) -> bytes:
    """What botocore sends, before compression."""
    sent: bytes = _SERIALIZER.serialize_to_request(dict(payload), OPERATION)['body']
    return sent


def violations(payload: Mapping[str, Any]) -> list[str]:
    """Every rule that a request breaks: CloudWatch's, and botocore's own."""
    return list(_violations(payload))


def _violations(payload: Mapping[str, Any]) -> Iterator[str]:
    report = _VALIDATOR.validate(dict(payload), OPERATION.input_shape)
    if report.has_errors():
        yield report.generate_report()
    if payload.keys() != {'Namespace', 'MetricData'}:
        yield f'members: {payload.keys()}'
    namespace = payload['Namespace']
    if not _text(namespace, 255) or namespace.startswith((':', 'AWS/')):
        yield f'namespace: {namespace!r}'
    if not 1 <= len(payload['MetricData']) <= 1000:
        yield f'number of data: {len(payload["MetricData"])}'
    if len(body(payload)) > 1_000_000:
        yield f'bytes: {len(body(payload))}'
    for datum in payload['MetricData']:
        yield from datum_violations(datum)


def datum_violations(datum: Mapping[str, Any]) -> Iterator[str]:
    """Every rule of CloudWatch's that one datum breaks."""
    if not _text(datum['MetricName'], 255):
        yield f'name: {datum["MetricName"]!r}'
    names = [dimension['Name'] for dimension in datum['Dimensions']]
    if len(names) > 30 or len(set(names)) != len(names):
        yield f'dimensions: {names}'
    for dimension in datum['Dimensions']:
        name, value = dimension['Name'], dimension['Value']
        if not _text(name, 255) or name.startswith(':') or not _text(value, 1024):
            yield f'dimension: {dimension}'
    if datum.get('Unit', 'None') not in UNITS:
        yield f'unit: {datum["Unit"]}'
    if datum.get('StorageResolution', 60) not in (1, 60):
        yield f'resolution: {datum["StorageResolution"]}'
    timestamp = datum.get('Timestamp')
    if timestamp is not None and not (isinstance(timestamp, datetime) and timestamp.tzinfo):
        yield f'timestamp: {timestamp!r}'
    yield from _value_violations(datum)


def _value_violations(datum: Mapping[str, Any]) -> Iterator[str]:
    if ('Value' in datum) == ('Values' in datum) or ('Values' in datum) != ('Counts' in datum):
        yield f'members: {datum.keys()}'
    values, counts = datum.get('Values', [datum.get('Value')]), datum.get('Counts', [1.0])
    if len(values) != len(counts) or not 1 <= len(values) <= 150:
        yield f'{len(values)} values, {len(counts)} counts'
    if len(set(values)) != len(values):
        yield f'values that are listed twice: {values}'
    for value in values:
        if type(value) is not float or not math.isfinite(value) or abs(value) > 2**360:
            yield f'value: {value!r}'
    for count in counts:
        if type(count) is not float or not 0 < count < math.inf:
            yield f'count: {count!r}'


def _text(value: object, most: int) -> bool:
    return isinstance(value, str) and len(value) <= most and _PRINTABLE.fullmatch(value) is not None

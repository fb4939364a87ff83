"""The resource of OTLP: what the metrics of a process belong to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import OTELResourceDetector
from property.texts import plain

from aws_satella.pure import limits
from aws_satella.pure.formats.resources import Host, is_name_too_long, resource, said_of_resource

HOST = Host('id', 7, 'web-1', '3.1.0')
OF_PROCESS = {
    'host.name': 'web-1',
    'process.pid': '7',
    'telemetry.sdk.language': 'python',
    'telemetry.sdk.name': 'aws-satella',
    'telemetry.sdk.version': '3.1.0',
    'service.instance.id': 'id',
}

texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
lists = st.lists(texts | st.sampled_from(('service.name=a', 'k8s.pod.name=b%2Cc', 'a = b ', '=c', 'd=')), max_size=4)


@given(lists.map(','.join), st.none() | plain)
def test_environment_is_read_as_opentelemetry_does(attributes: str, name: str | None) -> None:
    """Attributes and name are those that the OpenTelemetry SDK finds. An attribute without a name is none."""
    environ = {'OTEL_RESOURCE_ATTRIBUTES': attributes, **({} if name is None else {'OTEL_SERVICE_NAME': name})}
    with mock.patch.dict(os.environ, environ, clear=True):
        expected = dict(OTELResourceDetector().detect().attributes)
    expected.pop('', None)
    if not (name or 'x').strip():  # a blank name is none here
        expected.pop('service.name', None)
        expected |= {key: value for key, value in said_of_resource(environ).attributes.items() if key == 'service.name'}
    fixed = {'service.name': 'Shop', **OF_PROCESS}
    found = resource('Shop', HOST, environ)
    taken = {each: found[each] for each in ('process.pid', 'service.instance.id', *OF_PROCESS) if each != 'host.name'}
    assert found == {**fixed, **expected, **taken}


@given(st.lists(st.sampled_from(('a=b', 'no pair', '=c', ' ', 'd=' + 'x' * 1_025, 'e=' + 'x' * 1_024)), max_size=5))
def test_attributes_that_are_ignored_are_told(pairs: list[str]) -> None:
    """What is no pair, or too long for CloudWatch, is ignored alone, and its position tells which it is. Without the
    variable there is nothing to ignore."""
    assert said_of_resource({}) == ({}, [])
    said = said_of_resource({'OTEL_RESOURCE_ATTRIBUTES': ','.join(pairs)})
    bad = ('no pair', '=c', 'd=' + 'x' * (limits.MAX_OTLP_LABEL_VALUE_LENGTH + 1))
    assert said.ignored == [position for position, each in enumerate(pairs, start=1) if each in bad]
    assert said.attributes == dict(each.split('=') for each in pairs if each.strip() and each not in bad)


def test_name_that_is_too_long_is_ignored() -> None:
    """A point whose labels are too long is refused, and these would be labels of all points."""
    for name, expected in (('x' * 1_024, 'x' * 1_024), ('x' * 1_025, 'Shop'), ('\udcff' * 171, 'Shop')):
        environ = {'OTEL_SERVICE_NAME': name}
        assert resource('Shop', HOST, environ)['service.name'] == expected
        assert is_name_too_long(environ) is (expected == 'Shop')


def test_bytes_that_are_no_text_are_escaped() -> None:
    """What is too long is so as it is sent, and two names that become equal are one."""
    long = 'long=' + '\udcff' * 171
    said = said_of_resource({'OTEL_RESOURCE_ATTRIBUTES': 'a=\udcff,\udcff=b,\\udcff=c,' + long})
    assert said.attributes == {'a': '\\udcff', '\\udcff': 'c'}
    assert said.ignored == [4]


services = st.none() | plain


@given(services, services, st.dictionaries(st.sampled_from(('region', 'service.instance.id', 'service.name')), plain))
def test_resource_has_what_the_program_says_before_the_environment(
    service: str | None, environment: str | None, dimensions: Mapping[str, str]
) -> None:
    """An argument overrides the environment, and a dimension both. Only what tells processes apart is nobody's choice:
    the processes of a program have their environment and arguments in common."""
    environ = {'OTEL_SERVICE_NAME': 'otel', 'OTEL_RESOURCE_ATTRIBUTES': 'deployment.environment.name=prod,x=y'}
    expected = {'service.name': service or 'otel', 'deployment.environment.name': environment or 'prod', 'x': 'y'}
    found = resource('Shop', HOST, environ, service, environment, dimensions)
    assert found == {**OF_PROCESS, **expected, **dimensions, 'service.instance.id': 'id'}

"""What the page on containers shows: the manifest and the task definition are valid, and say what the page says."""

from __future__ import annotations

import json
import re
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.validate import ParamValidator
from gunicorn.app.wsgiapp import WSGIApplication
from support.programs import DOCS, blocks, program

from aws_satella.pure import Arguments

PAGE = 'containers.md'
EXIT_TIMEOUT = Arguments('Shop').exit_timeout


def deployment() -> dict[str, Any]:
    (manifest,) = yaml.safe_load_all(program(PAGE, 'kind: Deployment', 'yaml'))
    return dict(manifest)


def task_definition() -> dict[str, Any]:
    return dict(json.loads(program(PAGE, 'containerDefinitions', 'json')))


def settings_of(command: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What gunicorn makes of a command line."""
    monkeypatch.setattr('sys.argv', command)
    settings = WSGIApplication().cfg.settings
    return {name: setting.get() for name, setting in settings.items()}


def commands() -> dict[str, tuple[list[str], float]]:
    """The commands that are shown, each with its grace period."""
    pod = deployment()['spec']['template']['spec']
    (container,) = task_definition()['containerDefinitions']
    return {
        'Kubernetes': (pod['containers'][0]['command'], pod['terminationGracePeriodSeconds']),
        'ECS': (container['command'], container['stopTimeout']),
    }


@pytest.mark.parametrize('platform', ['Kubernetes', 'ECS'])
def test_grace_period_is_longer_than_that_of_the_server(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is one of gunicorn, is started without a shell, and has less time than its container."""
    command, grace = commands()[platform]
    assert command[0] == 'gunicorn'
    assert all(isinstance(argument, str) for argument in command)
    settings = settings_of(command, monkeypatch)
    assert settings['workers'] == 4
    assert settings['graceful_timeout'] + EXIT_TIMEOUT < grace


def test_manifest() -> None:
    """It has what the page names: an account, the region, the name of the pod, and probes of the process."""
    manifest = deployment()
    assert (manifest['apiVersion'], manifest['kind']) == ('apps/v1', 'Deployment')
    spec = manifest['spec']
    assert spec['selector']['matchLabels'] == spec['template']['metadata']['labels']
    pod = spec['template']['spec']
    assert pod['serviceAccountName']
    (container,) = pod['containers']
    environment = {each['name']: each for each in container['env']}
    assert environment['AWS_DEFAULT_REGION']['value'] == 'eu-central-1'
    assert environment['POD_NAME']['valueFrom']['fieldRef']['fieldPath'] == 'metadata.name'
    assert environment.keys() >= {'STAGE'}
    ports = {port['containerPort'] for port in container['ports']}
    for probe in ('readinessProbe', 'livenessProbe'):
        assert container[probe]['httpGet']['port'] in ports


def test_variables_are_those_that_the_program_reads() -> None:
    """The dimensions of the page come from the environment of the manifest."""
    (container,) = deployment()['spec']['template']['spec']['containers']
    read = {name for block in blocks(PAGE, 'python') for name in ('STAGE', 'POD_NAME') if f"environ['{name}']" in block}
    assert read == {'STAGE', 'POD_NAME'} <= {each['name'] for each in container['env']}


def test_task_definition_is_accepted() -> None:
    """Its fields and their types are those of ECS, as the model that boto3 ships has them."""
    definition = task_definition()
    model = botocore.session.get_session().get_service_model('ecs')
    shape = model.operation_model('RegisterTaskDefinition').input_shape
    report = ParamValidator().validate(definition, shape)
    assert not report.has_errors(), report.generate_report()
    assert definition['taskRoleArn'] != definition['executionRoleArn']
    (container,) = definition['containerDefinitions']
    assert container['stopTimeout'] <= 120
    assert {'name': 'AWS_DEFAULT_REGION', 'value': 'eu-central-1'} in container['environment']
    assert container.keys() <= set(shape.members['containerDefinitions'].member.members)
    assert definition.keys() <= set(shape.members)


def test_boto3_reads_the_region_that_the_page_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not the other variable."""
    monkeypatch.delenv('AWS_DEFAULT_REGION', raising=False)
    monkeypatch.setenv('AWS_CONFIG_FILE', '/dev/null')
    monkeypatch.setenv('AWS_REGION', 'us-east-2')
    assert botocore.session.Session().get_config_variable('region') is None
    monkeypatch.setenv('AWS_DEFAULT_REGION', 'eu-central-1')
    assert botocore.session.Session().get_config_variable('region') == 'eu-central-1'


def test_command_of_the_image_is_a_list() -> None:
    """A list starts no shell."""
    (arguments,) = re.findall(r'^ *CMD (.*)$', (DOCS / PAGE).read_text(), re.MULTILINE)
    assert json.loads(arguments)[0] == 'gunicorn'

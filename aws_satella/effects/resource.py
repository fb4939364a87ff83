"""What the metrics of this process belong to: its host, its number, its environment.

What may live here: how they are found out. What may not: which attributes are made of them.
"""

from __future__ import annotations

import os
import socket
import uuid
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from aws_satella.effects.identity import Identity, identity
from aws_satella.effects.world import REAL
from aws_satella.pure.plan import Plan

RECORDING_BEGAN: Final = REAL.wall()
"""When this process, or the one that it was forked from, began to record, in UNIX seconds."""

_instances: dict[Identity, str] = {}
"""Process → its instance id."""


def instance_id() -> str:
    """What tells this process from all others, of all hosts: made once, and anew after a fork."""
    this = identity()
    if this not in _instances:
        _instances.clear()
    return _instances.setdefault(this, str(uuid.uuid4()))


def resource_of(plan: Plan) -> dict[str, str]:
    """The resource of the metrics that this process exports by a plan."""
    # A program that sends nothing over OTLP starts faster without it.
    from aws_satella.pure.formats.resources import Host, resource

    host = Host(instance_id(), os.getpid(), socket.gethostname(), _version())
    return resource(
        plan.namespace, host, os.environ, plan.service, plan.environment, plan.common_dimensions(os.getpid())
    )


@cache
def _version() -> str:
    """The version of this library; empty where it was not installed, but copied."""
    try:
        return version('aws-satella')
    except PackageNotFoundError:
        return ''

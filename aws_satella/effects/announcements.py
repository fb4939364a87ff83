"""The two lines of an exporter that works: one at its start, one when its first export was taken.

What may live here: what they say, and what they call the receiver. What may not: when.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from aws_satella.effects.complaints import RECEIVER, Complaints
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.batches import Batch
from aws_satella.pure.errors import ArgumentError
from aws_satella.pure.forms import CLOUDWATCH
from aws_satella.pure.receivers import receiver


class Target(NamedTuple):
    """Where data go."""

    region: str
    endpoint: str
    """Without user name, password and query."""
    is_cloudwatch: bool = True
    """Whether CloudWatch has a price for them."""


NOT_TOLD: Final = Target('unknown', 'unknown')
"""A client of user code tells nothing."""


def target_of_client(client: Any, tolerate: type[BaseException] = Exception) -> Target:
    """Where a client sends to.

    :param tolerate: what a client of user code may raise
    """
    try:
        url = client.meta.endpoint_url
        if isinstance(url, str):
            parts = urlsplit(url)
            port = f':{parts.port}' if parts.port else ''
            host = f'[{parts.hostname}]' if ':' in (parts.hostname or '') else parts.hostname
            return Target(str(client.meta.region_name), f'{parts.scheme}://{host}{port}{parts.path}')
    except tolerate:  # a client of user code may have no such attributes
        return NOT_TOLD
    return NOT_TOLD  # a mock would count what was asked of it


def _target_of(arguments: Arguments, client: Any, complaints: Complaints) -> Target:
    """Where an exporter sends to."""
    found = target_of_client(client, complaints.tolerate)
    if arguments.destination == CLOUDWATCH:
        return found
    try:
        other = receiver(arguments.destination, os.environ)
    except ArgumentError:  # which is raised where the client is made
        return found
    if not other.url:
        return found
    return Target(other.region or 'none', str(other), is_cloudwatch=bool(other.region))


def name_of_receiver(destination: str) -> str:
    """What the log calls it. A fork waits for this, so no file is looked for."""
    if destination == CLOUDWATCH:
        return RECEIVER
    try:
        target = receiver(destination, os.environ)
    except ArgumentError:  # which is raised where the client is made
        return RECEIVER
    return str(target) if target.url else RECEIVER


def tell_of_start(arguments: Arguments, client: Any, complaints: Complaints) -> None:
    """Say what is exported, how often, and where it goes."""
    if not complaints.is_heard('INFO'):
        return
    target = _target_of(arguments, client, complaints)
    message = 'Exporting metrics: namespace %s, destination %s, region %s, endpoint %s, every %g s, temporality %s'
    destination = arguments.destination.split('?')[0]
    values = (arguments.namespace, destination, target.region, target.endpoint, arguments.interval)
    complaints.say('INFO', message, *values, arguments.temporality)


def tell_of_success(arguments: Arguments, client: Any, batches: Sequence[Batch], complaints: Complaints) -> None:
    """Say how much the first export was, and what a month of it would cost.

    :param batches: what was sent, all in one envelope
    """
    if not complaints.is_heard('INFO'):
        return
    from aws_satella.pure.bill import preview_of_items  # a program whose log is at WARNING does without it

    items = [item for batch in batches for item in batch.items]
    sent = preview_of_items(arguments.plan, batches[0].envelope, items, interval=float(arguments.interval))
    if not _target_of(arguments, client, complaints).is_cloudwatch:
        complaints.say('INFO', 'The first export was taken: %d series in %d requests', sent.series, sent.requests)
        return
    message = (
        'The first export was taken: %d series in %d requests; a month of it costs about %.2f USD, an estimate by list '
        'prices, for this process alone'
    )
    complaints.say('INFO', message, sent.series, sent.requests, sent.cost)

"""The client of an exporter: how it is made, and when it is made again."""

from __future__ import annotations

import inspect
from typing import Any, Final, NoReturn

import boto3

from aws_satella.effects.complaints import Complaints
from aws_satella.effects.destinations.lazily import over_otlp
from aws_satella.effects.identity import identity
from aws_satella.pure.arguments import Arguments, ClientFactory
from aws_satella.pure.errors import ArgumentTypeError
from aws_satella.pure.formats.putmetricdata import CloudWatchClient
from aws_satella.pure.forms import CLOUDWATCH
from aws_satella.pure.redaction import masked


class InitializationError(RuntimeError):
    """Exception raised when the exporter cannot be set up: no region, a bad profile, no thread to be had."""


InitializationError.__module__ = 'aws_satella'  # its public path, which tracebacks show


def make_client(arguments: Arguments) -> CloudWatchClient:
    """Make the client of an exporter: by the factory in its arguments, or ``boto3.client('cloudwatch')``, so that the
    boto3 configuration applies. A receiver of OTLP that wants no signature gets one of its own.

    :raises InitializationError: for anything that was raised, chained
    :raises ArgumentError: a variable of the environment that says where OTLP goes has a value that is not allowed
    :raises ArgumentTypeError: the client is asynchronous, or cannot send OTLP
    """
    if arguments.destination == CLOUDWATCH:
        return _made_by(arguments.client_factory)
    otlp = over_otlp()
    target = otlp.receiver_of(arguments.destination)
    otlp.tell_of_environment(str(target), target.variable, identity())
    if not target.is_signed:
        try:
            own: CloudWatchClient = otlp.make_own_client(target)
        except Exception as error:
            raise _not_made(str(error)) from error
        return own
    client = _made_by(arguments.client_factory)
    otlp.check_client(client)
    return client


def _made_by(factory: ClientFactory | None) -> CloudWatchClient:
    try:
        client: CloudWatchClient = _SESSIONS.client() if factory is None else factory()
    except Exception as error:
        empty = factory is None and getattr(boto3.DEFAULT_SESSION, 'region_name', None) == ''
        raise _not_made(EMPTY_REGION if empty else str(error)) from error
    if inspect.iscoroutinefunction(getattr(type(client), '_make_api_call', None)):
        raise ArgumentTypeError('client_factory', client, "a synchronous client, such as boto3.client('cloudwatch')")
    if getattr(getattr(client, 'meta', None), 'region_name', None) == '':
        raise _not_made(EMPTY_REGION)
    return client


class _Sessions:
    """Makes clients of the default session of boto3, as ``boto3.client()`` does.

    A fork copies the locks of that session, and one of them may be held by a thread of the parent, which refreshes
    credentials. So a process does not use a default session that this package has made in its parent.
    """

    def __init__(self) -> None:
        self._made: object = None
        """The default session, where boto3 made it for a client of this package."""
        self._made_in = identity()

    def client(self) -> CloudWatchClient:
        """Make a client of CloudWatch."""
        default = boto3.DEFAULT_SESSION
        if default is not None and default is self._made and self._made_in != identity():
            made: CloudWatchClient = boto3.session.Session().client('cloudwatch')
            return made
        client: CloudWatchClient = boto3.client('cloudwatch')
        if default is None:
            self._made, self._made_in = boto3.DEFAULT_SESSION, identity()
        return client


_SESSIONS: Final = _Sessions()

EMPTY_REGION: Final = 'the region is empty; set AWS_DEFAULT_REGION, or region in ~/.aws/config'


def _not_made(why: str) -> InitializationError:
    return InitializationError(f'The CloudWatch client could not be made: {masked(why)}')


class _NoClient:
    """Stands for a client that is still to be made."""

    def put_metric_data(self, **_: Any) -> NoReturn:
        """There is nothing to send it with."""
        raise _not_made('it was not made yet')


NO_CLIENT: Final = _NoClient()


class MadeClient:
    """What became of a client that a factory has made. User code may have replaced it since.

    A client of boto3 looks for credentials while it is made. If it finds none, it never looks again.

    :param client: what the factory has made
    """

    def __init__(self, client: CloudWatchClient) -> None:
        self._client = client
        self.lacks_credentials = False
        """Whether it had none for the last request."""
        self.is_of_parent = False
        """Whether it was made before a fork, so that it must not be used."""

    def again(self, used: CloudWatchClient, arguments: Arguments) -> CloudWatchClient:
        """Make another client, unless the one in use is of user code.

        :return: the client to use
        :raises InitializationError: it cannot be made
        """
        if used is self._client:
            used = self._client = make_client(arguments)
        self.is_of_parent = False
        return used

    def forked(self, used: CloudWatchClient) -> MadeClient:
        """The same in a forked child, which makes one of its own, unless the one in use is of user code."""
        child = MadeClient(self._client)
        child.is_of_parent = used is self._client
        return child

    def with_credentials(
        self, used: CloudWatchClient, arguments: Arguments, complaints: Complaints
    ) -> CloudWatchClient:
        """Make another client, because the one before had no credentials. If that fails, that one stays in use.

        :return: the client to use
        """
        try:
            client = self.again(used, arguments)
        except complaints.tolerate as error:
            message = 'The client has no credentials, and could not be made again: %s'
            complaints.say_once('no client', 'WARNING', message, complaints.shown(error))
            return used
        self.lacks_credentials = False
        complaints.forget('no client')
        return client

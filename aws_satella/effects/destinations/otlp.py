"""CloudWatch's OTLP endpoint, and any other receiver of OTLP over HTTP: one send.

Requests go through a client of boto3, since that has what it takes: credentials, the signer, endpoints, proxies,
retries. A call of ``put_metric_data`` is marked by what is given for its data (:class:`_Marked`), and event handlers on
the client make of its request one of OTLP. All other calls on that client are left alone.
"""

from __future__ import annotations

import gzip
import json
import os
import threading
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import botocore.session
from botocore import UNSIGNED
from botocore.client import BaseClient
from botocore.config import Config

from aws_satella.effects.complaints import say
from aws_satella.effects.destinations.cloudwatch import COMPRESSION_LEVEL
from aws_satella.effects.destinations.encoded import stubs
from aws_satella.effects.destinations.outcomes import UnexpectedReplyError
from aws_satella.effects.identity import Identity
from aws_satella.pure.batches import Batch, Room
from aws_satella.pure.errors import ArgumentError, ArgumentTypeError
from aws_satella.pure.formats import otlp
from aws_satella.pure.formats.otlp_replies import PAGES, error_message
from aws_satella.pure.formats.putmetricdata import CloudWatchClient
from aws_satella.pure.formats.resources import RESOURCE_ATTRIBUTES, SERVICE_NAME, is_name_too_long, said_of_resource
from aws_satella.pure.receivers import CERTIFICATES, Receiver, receiver
from aws_satella.pure.replies import OTLP_BODY, is_success, said_in_otlp, status

PATH: Final = '/v1/metrics'

CONTENT_TYPE: Final = 'application/x-protobuf'

CONTEXT_KEY: Final = 'aws_satella_otlp'
"""Where the body of a call waits in its context."""

HEADERS_OF_THE_PROTOCOL: Final = ('X-Amz-Target', 'x-amzn-query-mode', 'Smithy-Protocol', 'Content-Encoding')
"""What a request of PutMetricData has, and one of OTLP must not have."""

REFUSED: Final = 'BadRequest'
"""The code of an error with the status 400 that has none of its own."""

ANY_REGION: Final = 'us-east-1'
"""A client has to have one, though nothing comes of it where its requests are unsigned and have a URL."""

BOTO3_CLIENT: Final = "a client such as boto3.client('cloudwatch'), whose protocol is JSON, with destination='otlp'"


class _Body:
    """A body that is ready to be sent, and the receiver of it."""

    def __init__(self, content: bytes, receiver: Receiver) -> None:
        self.content = content
        self.receiver = receiver
        self.is_compressed = False
        self.is_in = False
        """Whether it was put into a request."""


class _Marked(list[Any]):
    """What is given for the data of a call that is to become one of OTLP. To user code it is a list with a stub."""

    def __init__(self, body: _Body) -> None:
        super().__init__(stubs())
        self.body = body


class _Sending(threading.local):
    """What a thread is just sending: the event before a reply is parsed does not tell of which call it is."""

    body: _Body | None = None
    nested = 0
    """How many calls of handlers of user code, on a client of ours, are under way in the midst of that."""


_SENDING: Final = _Sending()


class _Seam:
    """Makes requests of OTLP of the marked calls on one client. Events are handled as in the seam of PutMetricData.

    :param client: a boto3 client of CloudWatch
    """

    def __init__(self, client: BaseClient) -> None:
        config = client.meta.config
        self._min_compressed_bytes: float = (
            float('inf') if config.disable_request_compression else config.request_min_compression_size_bytes
        )
        events = client.meta.events
        events.register_last('before-parameter-build', self._take, unique_id='aws-satella-otlp-take')
        events.register_first('choose-signer.*.*', self._choose_signer, unique_id='aws-satella-otlp-sign')
        events.register_first('request-created.*.*', self._put, unique_id='aws-satella-otlp-put')
        events.register_first('before-parse.*.*', self._read, unique_id='aws-satella-otlp-read')
        events.register_last('response-received.*.*', self._leave, unique_id='aws-satella-otlp-leave')
        events.register_first('after-call.*.*', self._check, unique_id='aws-satella-otlp-check')

    def _take(self, params: Any, context: Any, **_: Any) -> None:
        """Recognise a marked call."""
        data = params.get('MetricData') if isinstance(params, dict) else None
        if isinstance(data, _Marked):
            context[CONTEXT_KEY] = data.body
            params['MetricData'] = stubs()

    def _choose_signer(self, context: Any, **_: Any) -> Any:
        """Leave a request unsigned if its receiver is not of AWS. None lets the client choose."""
        body: _Body | None = context.get(CONTEXT_KEY)
        return None if body is None or body.receiver.is_signed else UNSIGNED

    def _put(self, request: Any, **_: Any) -> None:
        """Make the request of an attempt one of OTLP, before it is signed."""
        body: _Body | None = request.context.get(CONTEXT_KEY)
        if body is None:
            _SENDING.nested += _SENDING.body is not None
            return
        _SENDING.body, _SENDING.nested = body, 0
        if 'json' not in str(request.headers.get('Content-Type')):
            raise ArgumentTypeError('client_factory', request.headers.get('Content-Type'), BOTO3_CLIENT)
        if not body.is_compressed and len(body.content) >= self._min_compressed_bytes:
            body.content, body.is_compressed = gzip.compress(body.content, COMPRESSION_LEVEL), True
        for name in HEADERS_OF_THE_PROTOCOL:
            del request.headers[name]
        if body.is_compressed:
            request.headers['Content-Encoding'] = 'gzip'
        for name, value in body.receiver.headers.items():
            del request.headers[name]
            request.headers[name] = value
        del request.headers['Content-Type']
        request.headers['Content-Type'] = CONTENT_TYPE
        request.url = body.receiver.url or _with_path(request.url)
        request.data = body.content
        if body.receiver.region:
            request.context['signing'] = {**request.context.get('signing', {}), 'region': body.receiver.region}
        body.is_in = True

    def _read(self, response_dict: Any, customized_response_dict: Any, **_: Any) -> None:
        """Keep the reply, and give botocore one that it can read."""
        if _SENDING.body is None or _SENDING.nested:
            return
        content: bytes = response_dict['body']
        if response_dict['status_code'] < 300:
            customized_response_dict[OTLP_BODY] = content
            response_dict['body'] = b'{}'
        else:
            headers = response_dict['headers']
            kind = str(headers.get('Content-Type', '')).lower()
            if not (kind.startswith(PAGES) or (b'"__type"' in content and 'json' in kind)):
                response_dict['body'] = _error_in_json(response_dict['status_code'], headers, content)

    def _leave(self, context: Any, **_: Any) -> None:
        """The reply to a nested call was read, or there is none."""
        if CONTEXT_KEY not in context and _SENDING.nested:
            _SENDING.nested -= 1

    def _check(self, context: Any, **_: Any) -> None:
        """Refuse a reply of a handler that has answered the stub."""
        body: _Body | None = context.get(CONTEXT_KEY)
        if body is not None and not body.is_in:
            raise ArgumentTypeError('client_factory', 'a handler that answers', BOTO3_CLIENT)


def _error_in_json(status: int, headers: Any, content: bytes) -> bytes:
    """An error as AWS has it in JSON. A code with the status 400 tells that the request itself was refused."""
    said = {'message': error_message(content)}
    code = headers.get('x-amzn-errortype') or (REFUSED if status == HTTPStatus.BAD_REQUEST else None)
    return json.dumps({'__type': code, **said} if code else said).encode()


def _with_path(url: str) -> str:
    """The URL of the OTLP endpoint at the host, and below the path, of an endpoint."""
    scheme, host, path, _, _ = urlsplit(url)
    return urlunsplit((scheme, host, path.rstrip('/') + PATH, '', ''))


def receiver_of(destination: str) -> Receiver:
    """The receiver of OTLP that a destination is in the environment of this process.

    :raises ArgumentError: a variable of the environment has a value that is not allowed
    """
    found = receiver(destination, os.environ)
    if found.certificate is not None and not Path(found.certificate).is_file():
        raise ArgumentError(CERTIFICATES[-1], found.certificate, 'the path of a file')
    return found


@cache
def tell_of_environment(target: str, variable: str, _process: Identity) -> None:
    """Say once a process what the environment has changed, or should have."""
    if variable:
        say('INFO', '%s is set: metrics go to %s', variable, target)
    if is_name_too_long(os.environ):
        say('WARNING', '%s is longer than CloudWatch takes, and is ignored', SERVICE_NAME)
    ignored = said_of_resource(os.environ).ignored
    if ignored:
        message = "These parts of %s are no pairs such as 'name=value', or too long, and are ignored: %s"
        say('WARNING', message, RESOURCE_ATTRIBUTES, ', '.join(map(str, ignored)))


def check_client(client: CloudWatchClient) -> None:
    """Check that requests of OTLP can go through a client.

    :raises ArgumentTypeError: they can not
    """
    if not isinstance(client, BaseClient) or client.meta.service_model.resolved_protocol != 'json':
        raise ArgumentTypeError('client_factory', client, BOTO3_CLIENT)


NO_CONFIGURATION: Final = {'profile': (None, None, None, None), 'config_file': (None, None, os.devnull, None)}
"""Variables of a session of botocore that reads no profile and no file: one that is wrong is no matter of OTLP."""


def make_own_client(target: Receiver) -> CloudWatchClient:
    """Make a client for a receiver that wants no signature. It needs no region, no credentials and no configuration.

    :param target: where its requests go
    """
    session = botocore.session.Session(NO_CONFIGURATION)
    parts = urlsplit(target.url)
    config = Config(
        signature_version=UNSIGNED,
        connect_timeout=target.timeout,
        read_timeout=target.timeout,
        use_fips_endpoint=False,
        use_dualstack_endpoint=False,
    )
    client: CloudWatchClient = session.create_client(
        'cloudwatch',
        region_name=ANY_REGION,
        endpoint_url=urlunsplit((parts.scheme, parts.netloc, '', '', '')),
        verify=target.certificate,
        config=config,
    )
    return client


class Otlp:
    """Sends requests through one client.

    :param client: a boto3 client of CloudWatch
    :param destination: where they go
    :raises ArgumentTypeError: they cannot go through this client
    """

    def __init__(self, client: CloudWatchClient, destination: str) -> None:
        check_client(client)
        self.client = client
        self._receiver = receiver_of(destination)
        _Seam(client)

    def room(self, max_items: int, envelope: Any, *, by_user: bool = False) -> Room:  # noqa: ARG002  # no user code sends it
        """What a request in this envelope may hold."""
        return Room(max_items, otlp.item_bytes(envelope, max_items))

    def send(self, request: Batch, replies: list[object]) -> None:
        """Send one request.

        :param request: what is sent
        :param replies: what the client gives is appended in the step that calls it, so that no exception comes in
            between
        """
        envelope: Any = request.envelope
        body = _Body(otlp.body(envelope, request.items), self._receiver)
        before = _SENDING.body, _SENDING.nested  # a handler of user code may export in the midst of another request
        try:
            replies.append(self.client.put_metric_data(Namespace=envelope.namespace, MetricData=_Marked(body)))
        finally:
            _SENDING.body, _SENDING.nested = before
        # One that stays in the list is not counted either. Where a handler has replaced the data, the stub was sent.
        if not is_success(replies[-1]) or (status(replies[-1]) and said_in_otlp(replies[-1]) is None):
            raise UnexpectedReplyError(replies.pop())

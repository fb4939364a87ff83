"""CloudWatch by PutMetricData: one send.

Validating and serialising metric data in botocore took nine tenths of the CPU time of an export. So the data travel
through the user's own client as :class:`Encoded`, and event handlers on that client (:class:`_Seam`) put the ready body
into the request. Everything else stays with botocore: signing, endpoints, proxies, retries, compression settings.
"""

from __future__ import annotations

import gzip
import inspect
import json
from collections.abc import Sequence
from typing import Any, Final

from botocore.client import BaseClient

from aws_satella.effects.destinations.encoded import STUB, Encoded, stubs
from aws_satella.effects.destinations.outcomes import UnexpectedReplyError
from aws_satella.pure.batches import Batch, Room
from aws_satella.pure.errors import ArgumentTypeError
from aws_satella.pure.formats import putmetricdata
from aws_satella.pure.formats.putmetricdata import CloudWatchClient, Entity, Envelope, MetricDatum
from aws_satella.pure.replies import is_success

MAX_BYTES_AS_DICTIONARIES: Final = 100_000
"""Bytes of items in a request that botocore serialises: other protocols than JSON take up to nine times as many."""

COMPRESSION_LEVEL: Final = 1
"""Of gzip. Higher levels take several times as long for a few bytes less."""

CONTEXT_KEY: Final = 'aws_satella'
"""Where the body of a call waits in its context."""


class UnusableBodyError(Exception):
    """A ready body cannot be put in: the client does not send JSON, or a handler changed or answered the stub."""


class _Body:
    """A body that is ready to be sent, in the context of a call.

    :param envelope: what the data are sent in
    :param holder: the part of the parameters of the call in which stubs take the place of the data
    :param items: the data
    """

    def __init__(self, envelope: Envelope, holder: dict[str, Any], items: Sequence[str]) -> None:
        self.content = putmetricdata.body(envelope, items)
        self.is_compressed = False
        self.is_in = False
        """Whether handlers, and the endpoint, find this body in the request."""
        self.stub: Any = None
        """What botocore made of the stubs."""
        self._envelope = envelope
        self._holder, self._data = holder, holder['MetricData']
        self._stubs = holder['MetricData'] = stubs()

    def give_back(self) -> bool:
        """Put the data back, for user code that kept the parameters. False where a handler has replaced the stubs."""
        if self._holder.get('MetricData') is not self._stubs:
            return False
        self._holder['MetricData'] = self._data
        return True

    def fits(self, headers: Any, content: Any) -> bool:
        """Whether the content is still what botocore makes of the stubs. Handlers may have changed it."""
        if 'json' not in str(headers.get('Content-Type')):
            return False
        try:
            content = gzip.decompress(content) if headers.get('Content-Encoding') == 'gzip' else content
            return bool(json.loads(content) == putmetricdata.parameters(self._envelope, [STUB]))
        except Exception:  # a handler may have left anything there
            return False


def _holder_of(params: Any) -> dict[str, Any]:
    """The part of the parameters of a call that has the data."""
    if not isinstance(params, dict):
        return {}
    entities = params.get('EntityMetricData')
    if isinstance(entities, list) and len(entities) == 1 and isinstance(entities[0], dict):
        return entities[0]
    return params


def _envelope_of(params: dict[str, Any], data: Any) -> Envelope | None:
    """The envelope of a call whose body is ready. A handler of user code may have added parameters, which botocore then
    serialises: None."""
    try:
        entity = None
        if 'EntityMetricData' in params:
            (said,) = params['EntityMetricData']
            key_attributes = said['Entity']['KeyAttributes']
            entity = Entity(key_attributes['Name'], key_attributes['Environment'])
        envelope = Envelope(params['Namespace'], entity)
    except (LookupError, TypeError, ValueError):
        return None
    texts = (envelope.namespace, *(entity or ()))
    # The data are compared by their identity: a look at them would open them.
    is_whole = _without_data(params) == _without_data(putmetricdata.parameters(envelope, data))
    return envelope if is_whole and all(isinstance(text, str) for text in texts) else None


def _without_data(params: dict[str, Any]) -> Any:
    """Parameters in which each list of data is its identity."""
    return {
        name: id(value)
        if name == 'MetricData'
        else [_without_data(each) for each in value]
        if name == 'EntityMetricData'
        else value
        for name, value in params.items()
    }


class _Seam:
    """Puts ready bodies into the requests of one client.

    Event handlers of botocore run by node: wildcards (``*.*`` before all others), the exact event, the bare event. On
    ``before-parameter-build`` this seam comes last, so that handlers of user code see the data. Handlers of
    ``before-call`` may look at the body, change it, or answer it (``Stubber`` does), so it is in the request while they
    run. It is removed before botocore compresses, because the gzip level of botocore takes several times as long as
    level 1. On ``request-created`` it comes before the signing, once an attempt. A reply to the stub is no success.

    :param client: a boto3 client of CloudWatch
    """

    def __init__(self, client: BaseClient) -> None:
        config = client.meta.config
        self._min_compressed_bytes: float = (
            float('inf') if config.disable_request_compression else config.request_min_compression_size_bytes
        )
        events = client.meta.events  # a handler whose id is registered already is ignored
        events.register_last('before-parameter-build', self._take, unique_id='aws-satella-take')
        events.register_first('before-call.*.*', self._show, unique_id='aws-satella-show')
        events.register_last('before-call', self._hide, unique_id='aws-satella-hide')
        events.register_first('request-created.*.*', self._put, unique_id='aws-satella-put')
        events.register_first('after-call.*.*', self._check, unique_id='aws-satella-check')

    def _take(self, params: Any, context: Any, **_: Any) -> None:
        """Take unopened items out of the parameters, so that botocore serializes a stub only."""
        holder = _holder_of(params)
        data = holder.get('MetricData')
        items = data.unopened if isinstance(data, Encoded) else None
        envelope = None if items is None else _envelope_of(params, data)
        if items is not None and envelope is not None:
            context[CONTEXT_KEY] = _Body(envelope, holder, items)

    def _show(self, params: Any, context: Any, **_: Any) -> None:
        """Put the ready body in, for handlers of ``before-call``."""
        body: _Body | None = context.get(CONTEXT_KEY)
        if body is not None:
            if not (body.give_back() and body.fits(params['headers'], params['body'])):
                raise UnusableBodyError
            body.stub, params['body'], body.is_in = params['body'], body.content, True

    def _hide(self, params: Any, context: Any, **_: Any) -> None:
        """Take the ready body out again. If a handler has changed it, botocore sends the changed one."""
        body: _Body | None = context.get(CONTEXT_KEY)
        if body is not None:
            if params['body'] == body.content:
                params['body'], body.is_in = body.stub, False
            else:
                del context[CONTEXT_KEY]

    def _put(self, request: Any, **_: Any) -> None:
        """Put the ready body into the request of an attempt."""
        body: _Body | None = request.context.get(CONTEXT_KEY)
        if body is None:
            return
        if not body.fits(request.headers, request.data):
            raise UnusableBodyError
        if not body.is_compressed and len(body.content) >= self._min_compressed_bytes:
            body.content = gzip.compress(body.content, COMPRESSION_LEVEL)
            body.is_compressed = True
        body.is_in = True
        del request.headers['Content-Encoding']
        if body.is_compressed:
            request.headers['Content-Encoding'] = 'gzip'
        request.data = body.content

    def _check(self, context: Any, **_: Any) -> None:
        """Refuse a reply of a handler that came before this seam and so had the stub only."""
        body: _Body | None = context.get(CONTEXT_KEY)
        if body is not None and not body.is_in:
            raise UnusableBodyError


class PutMetricData:
    """Sends requests through one client.

    :param client: a boto3 client of CloudWatch, or an object with its ``put_metric_data``
    """

    def __init__(self, client: CloudWatchClient) -> None:
        self.client = client
        self._encodes = isinstance(client, BaseClient)
        if self._encodes:
            _Seam(client)

    def room(self, max_items: int, envelope: Any, *, by_user: bool = False) -> Room:
        """What a request in this envelope may hold.

        :param by_user: whether user code sends it, as dictionaries
        """
        ready = self._encodes and not by_user
        return Room(max_items, putmetricdata.item_bytes(envelope, max_items) if ready else MAX_BYTES_AS_DICTIONARIES)

    def send(self, request: Batch, replies: list[object]) -> None:
        """Send one request.

        :param request: what is sent
        :param replies: what the client gives is appended in the step that calls it, so that no exception comes in
            between
        :raises UnusableBodyError: the client gets dictionaries from now on, so that :meth:`room` has become less.
            Nothing was sent.
        """
        if not self._encodes:
            self._call(request, putmetricdata.decode(request.items), replies)
            return
        try:
            self._call(request, Encoded(request.items), replies)
        except UnusableBodyError:
            self._encodes = False
            raise

    def _call(self, request: Batch, data: list[MetricDatum], replies: list[object]) -> None:
        envelope: Any = request.envelope
        replies.append(self.client.put_metric_data(**putmetricdata.parameters(envelope, data)))
        if inspect.isawaitable(replies[-1]):
            close = getattr(replies.pop(), 'close', None)
            if close is not None:
                close()  # otherwise Python warns that the coroutine was never awaited
            raise ArgumentTypeError('client_factory', self.client, 'a client whose calls are synchronous')
        if not is_success(replies[-1]):  # one that stays in the list is not counted either
            raise UnexpectedReplyError(replies.pop())

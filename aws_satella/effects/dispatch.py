"""One request in a thread of its own, so that its caller can stop waiting for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from aws_satella.pure.batches import Batch


class Dispatch:
    """A request that is being sent.

    Its thread touches nothing but the socket and the list of replies. What the reply means is decided by the thread
    that exports, now or in a later call, so that a reply is neither lost nor counted twice.

    :param request: what is sent
    :param replies: what the reply is appended to
    :param send: makes the call
    """

    def __init__(self, request: Batch, replies: list[object], send: Callable[[], None]) -> None:
        self.request = request
        self.replies = replies
        self.done = threading.Event()
        self._send = send
        self._error: BaseException | None = None
        self._beginning = threading.Lock()
        self._has_begun = False
        self._thread: int | None = None

    @property
    def is_current(self) -> bool:
        """Whether this is called by the client, or by a log handler of it, in the middle of the request."""
        return self._thread == threading.get_ident() and not self.done.is_set()

    def start(self) -> None:
        """Send the request. Where the platform has no thread to give, as at the end of the interpreter, send it here.

        An exception in here, such as KeyboardInterrupt, leaves a request that is on its way, or that is never sent.
        """
        try:
            threading.Thread(target=self._run, name='aws-satella-request', daemon=True).start()
        except RuntimeError:
            self._run()
        except BaseException:
            if self._begins():
                self.done.set()
            raise

    def result(self) -> None:
        """Raise what the call has raised."""
        if self._error is not None:
            raise self._error

    def _begins(self) -> bool:
        """True for the first who asks."""
        with self._beginning:
            begins, self._has_begun = not self._has_begun, True
            return begins

    def _run(self) -> None:
        if not self._begins():
            return
        self._thread = threading.get_ident()
        try:
            self._send()
        except BaseException as error:
            self._error = error
        finally:
            self.done.set()

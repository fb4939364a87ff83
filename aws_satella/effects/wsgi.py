"""The wrapper of a WSGI application.

https://peps.python.org/pep-3333/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from aws_satella.effects.background import BackgroundStart
from aws_satella.effects.process import is_running
from aws_satella.pure.signatures import document, wrapper_takes_settings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Exporter:
    """Wraps a WSGI application: the exporter of each process starts with its first request, and beside it.

    An exporter that cannot be started is logged, tried again a minute later, and breaks no request.

    Arguments that are not given are taken from environment variables. ``AWS_SATELLA_DISABLED=1`` starts nothing.

    :param app: the application
    :arguments:
    :raises ArgumentError: an argument has a value that is not allowed
    :raises ArgumentTypeError: an argument is missing, unknown, or of the wrong type
    """

    @wrapper_takes_settings
    def __init__(self, app: Application, *args: Any, **kwargs: Any) -> None:
        self._app = app
        self._background = BackgroundStart.of(*args, **kwargs)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve a request."""
        if not is_running():
            self._background.start()
        return self._app(environ, start_response)


document(Exporter)

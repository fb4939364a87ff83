"""A WSGI application that starts the exporter where it is imported, more than once."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from programs.served import answer, hits, start

logging.basicConfig(level='WARNING')  # says which logger a line is from
logging.critical('threads %s', getattr(sys.modules.get('uwsgi'), 'has_threads', None))
hits.runtime(1, where='import')
for _ in range(2):
    start()


def page(environ: object, start_response: Any) -> list[bytes]:
    start_response('200 OK', [])
    return [json.dumps(answer()).encode()]


def starting_page(environ: object, start_response: Any) -> list[bytes]:
    """The same; it starts the exporter, too."""
    start()
    return page(environ, start_response)

"""Runs the code of the README with nothing but the installed package, and looks at what arrives.

``tox.ini`` runs it with each Python. It needs only the standard library, and takes the README beside it.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

README = Path(__file__).parents[1] / 'README.md'
EXPECTED = (b'shop.orders', b'shop.checkout', b'"Namespace":"Shop"')
SECONDS = 60


def program() -> str:
    """All Python of the README, as one program."""
    return '\n'.join(re.findall(r'^```python\n(.*?)^```', README.read_text(encoding='utf-8'), re.DOTALL | re.MULTILINE))


@contextmanager
def cloudwatch() -> Iterator[tuple[str, list[bytes]]]:
    """An endpoint that takes everything: its URL, and the bodies of the requests."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers['Content-Length']))
            bodies.append(gzip.decompress(body) if self.headers['Content-Encoding'] == 'gzip' else body)
            self.send_response(200)
            self.send_header('Content-Type', self.headers['Content-Type'])
            self.send_header('x-amzn-RequestId', 'readme')
            self.end_headers()
            self.wfile.write(b'{}')

        def log_message(self, *_: object) -> None:
            """Say nothing of a request."""

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.server_port}', bodies
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    """Run the program, and compare what it sends with what the README promises."""
    with cloudwatch() as (url, bodies):
        settings = {
            'AWS_ENDPOINT_URL': url,
            'AWS_DEFAULT_REGION': 'eu-west-1',
            'AWS_ACCESS_KEY_ID': 'readme',
            'AWS_SECRET_ACCESS_KEY': 'readme',
        }
        command = [sys.executable, '-c', program()]
        subprocess.run(command, env={**os.environ, **settings}, check=True, timeout=SECONDS)
    sent = b''.join(bodies).replace(b'": "', b'":"')
    if missing := [each.decode() for each in EXPECTED if each not in sent]:
        sys.exit(f'{sys.version}: the README promises {missing}, and what was sent is {sent!r}')
    print(f'Python {sys.version.split()[0]}: the code of the README sends what it promises')


if __name__ == '__main__':
    main()

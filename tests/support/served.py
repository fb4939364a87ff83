"""Programs of servers: each counts what it answers or does, and exports it in delta, at the beginning and at the end.

The interval is longer than any test, so that what arrives last arrives with the end.
"""

from __future__ import annotations

from pathlib import Path

PROGRAM = """
import json, logging, os
import aws_satella
from satella.instrumentation.metrics import getMetric

logging.basicConfig(level='WARNING')  # says which logger a line is from
work = getMetric('work', 'counter')

def start(**more):
    aws_satella.start_if_not_started(
        'Forks', add_pid='pid', interval=3600, temporality='delta', exit_timeout=20, **more
    )

work.runtime(1, who='import')
start()
"""

CELERY = (
    PROGRAM
    + """
import pathlib, sys
from celery import Celery, signals

here = pathlib.Path(__file__).parent
app = Celery('forking', broker='filesystem://', set_as_current=True)
app.conf.broker_transport_options = {
    name: str(here) for name in ('data_folder_in', 'data_folder_out', 'control_folder', 'processed_folder')
}
app.conf.worker_hijack_root_logger = False

@app.task
def count(number):
    work.runtime(1, who='task')
    (here / f'{number}.done').write_text(str(os.getpid()))

@signals.worker_ready.connect
def ready(**_):  # in the parent, which has the tasks done by its children
    for number in range(4):
        count.delay(number)

@signals.worker_process_shutdown.connect
def end(**_):
    assert aws_satella.flush()
"""
)
"""Its module is ``forking``."""

CELERY_WORKER = [
    *('celery', '--app', 'forking', 'worker', '--pool', 'prefork', '--concurrency', '2'),
    *('--without-gossip', '--without-mingle', '--without-heartbeat'),
]


def done_by(folder: Path) -> list[str]:
    """Who has done each of the tasks."""
    return [text for text in map(Path.read_text, folder.glob('*.done')) if text]


# --- sites whose application is wrapped

HEAD = """
import json, os
from satella.instrumentation.metrics import getMetric
from aws_satella.contrib.{protocol} import Exporter

hits = getMetric('hits', 'counter')
SHOP = dict(namespace='Shop', add_pid='pid', interval=3600, temporality='delta', exit_timeout=20)
"""

FASTAPI = (
    HEAD.format(protocol='asgi')
    + """
from fastapi import FastAPI

app = FastAPI()

@app.get('/')
def page() -> dict[str, int]:
    hits.runtime(1, where='page')
    return {'pid': os.getpid()}

app = Exporter(app, **SHOP)
"""
)

STARLETTE = (
    HEAD.format(protocol='asgi')
    + """
from contextlib import asynccontextmanager
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

async def page(request):
    hits.runtime(1, where='page')
    return JSONResponse({'pid': os.getpid(), 'state': request.state.word})

@asynccontextmanager
async def lifespan(app):
    hits.runtime(1, where='startup')
    yield {'word': 'state'}
    hits.runtime(1, where='shutdown')

app = Exporter(Starlette(routes=[Route('/', page)], lifespan=lifespan), **SHOP)
"""
)

NO_LIFESPAN = (
    HEAD.format(protocol='asgi')
    + """
async def app(scope, receive, send):
    if scope['type'] != 'http':
        raise ValueError(f'Only HTTP, and no {scope["type"]}')
    hits.runtime(1, where='page')
    body = json.dumps({'pid': os.getpid()}).encode()
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'%d' % len(body))]})
    await send({'type': 'http.response.body', 'body': body})

app = Exporter(app, **SHOP)
"""
)

FLASK = (
    HEAD.format(protocol='wsgi')
    + """
from flask import Flask

app = Flask(__name__)

@app.get('/')
def page():
    hits.runtime(1, where='page')
    return {'pid': os.getpid()}

app.wsgi_app = Exporter(app.wsgi_app, **SHOP)
"""
)

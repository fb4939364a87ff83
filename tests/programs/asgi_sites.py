"""Sites whose ASGI application is wrapped."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from aws_satella.contrib.asgi import Exporter
from programs.served import SHOP, answer, hits

site = FastAPI()
site.get('/')(answer)


async def page(request: Request) -> JSONResponse:
    return JSONResponse({**answer(), 'state': request.state.word})


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[dict[str, str]]:
    hits.runtime(1, where='startup')
    yield {'word': 'state'}
    hits.runtime(1, where='shutdown')


async def only_http(scope: Any, receive: Any, send: Any) -> None:
    if scope['type'] != 'http':
        raise ValueError(f'Only HTTP, and no {scope["type"]}')
    body = json.dumps(answer()).encode()
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'%d' % len(body))]})
    await send({'type': 'http.response.body', 'body': body})


fastapi = Exporter(site, **SHOP)
starlette = Exporter(Starlette(routes=[Route('/', page)], lifespan=lifespan), **SHOP)
no_lifespan = Exporter(only_http, **SHOP)

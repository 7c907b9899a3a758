"""The API over HTTP and TLS, with the troubles that are set."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from lab.api import access, status
from lab.api import exec as execution
from lab.api.answers import Reply, Request, Served, World, answer, refusal
from lab.api.paths import asked

if TYPE_CHECKING:
    from lab.api.trouble import Trouble, Troubles
    from lab.cluster.manager import Cluster

_MAX_BODY = 3 << 20  # bytes of a request, as the API server limits them
_GARBAGE = b"\x1f\x8b\x00<html>upstream request timeout</html>\xff\xfe"


def application(world: World, cluster: Cluster, troubles: Troubles) -> web.Application:
    """The API server as an aiohttp application."""

    async def handle(request: web.Request) -> web.StreamResponse:
        trouble = troubles.take(request.path, request.method, execution.node_of(world, request.path, request.method))
        if trouble is not None and not trouble.kind.startswith("exec-"):
            return await _troubled(world, cluster, request, trouble)
        return await _answered(world, cluster, request, trouble)

    app = web.Application(client_max_size=_MAX_BODY)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


async def _answered(
    world: World, cluster: Cluster, request: web.Request, trouble: Trouble | None = None
) -> web.StreamResponse:
    if not execution.is_exec(asked(request.method, request.path, {})):
        return _response(answer(world, await _read(request)))
    user, code = "-", 101
    try:
        user = access.user_of(request.headers.get("Authorization"), world.tokens)
        return await execution.answer(world, cluster, user, request, trouble)
    except status.RefusedError as refused:
        code = refused.code
        return _response(refusal(refused))
    finally:
        world.served.append(Served(user, request.method, request.path, dict(request.query), code))


async def _read(request: web.Request) -> Request:
    return Request(
        method=request.method,
        path=request.path,
        query=dict(request.query),
        authorization=request.headers.get("Authorization"),
        body=await request.read(),
    )


def _response(reply: Reply) -> web.Response:
    headers = {"Cache-Control": "no-cache, private"} | reply.headers
    if reply.content_type == "text/plain":
        headers["Content-Type"] = "text/plain; charset=utf-8"
    else:
        headers["Content-Type"] = reply.content_type
    return web.Response(status=reply.code, body=reply.body, headers=headers)


async def _troubled(world: World, cluster: Cluster, request: web.Request, trouble: Trouble) -> web.StreamResponse:
    if trouble.kind == "hang":
        await asyncio.Event().wait()  # until the client leaves or the server ends: both cancel the handler
    if trouble.kind == "delay":
        await asyncio.sleep(trouble.seconds)
        return await _answered(world, cluster, request)
    if trouble.kind == "drop" and request.transport is not None:
        request.transport.abort()
        return web.Response()
    if trouble.kind == "status":
        headers = {} if trouble.retry_after is None else {"Retry-After": str(trouble.retry_after)}
        return _response(refusal(status.RefusedError(status.told_to_fail(trouble.code, trouble.text), headers)))
    reply = answer(world, await _read(request))
    if trouble.kind == "garbage":
        return web.Response(body=_GARBAGE, headers={"Content-Type": "application/json"})
    return await _cut(request, reply)


async def _cut(request: web.Request, reply: Reply) -> web.StreamResponse:
    """Promise the whole body, send half, hang up."""
    headers = {"Content-Type": reply.content_type, "Content-Length": str(len(reply.body))}
    response = web.StreamResponse(status=reply.code, headers=headers)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response

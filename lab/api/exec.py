"""exec: a websocket on which a program's streams are channels, frame for frame as recorded from an API server.

Channels: 0 standard input, 1 output, 2 error, 3 a Status at the end; v5.channel.k8s.io adds 255, which closes one.
What is wrong with the request is an HTTP answer; what is wrong with the container comes on channel 3, behind the
upgrade. When the client leaves, the program is not killed: its input ends and its output breaks, as with a kubelet.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import WSMsgType, web

from lab.api import access, status
from lab.api.paths import Asked, asked
from lab.api.status import RefusedError
from lab.cluster.exec import ExecError, begin
from lab.cluster.nodes import KUBELET_PORT
from lab.objects import key, kind_of

if TYPE_CHECKING:
    from lab.api.answers import World
    from lab.api.trouble import Trouble
    from lab.cluster.exec import Program
    from lab.cluster.manager import Cluster
    from lab.objects import Json

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, CLOSE = 0, 1, 2, 3, 255
_FRAME = 32768  # bytes of output in one frame, at most
_SUCCESS = b'{"metadata":{},"status":"Success"}'
_NOISE = "\x00\x1b[31mlab noise\r\n" * 100


class Order(msgspec.Struct, frozen=True):
    """What is to be run, and which streams the client wants."""

    pod: dict[str, Any]
    container: str
    command: tuple[str, ...]
    stdin: bool
    stdout: bool
    stderr: bool


def is_exec(what: Asked) -> bool:
    """Whether a request is for an exec."""
    return what.verb in ("get", "create") and (what.group, what.resource, what.subresource) == ("", "pods", "exec")


def node_of(world: World, path: str, method: str) -> str:
    """The node of the pod that an exec goes to; "" for any other request."""
    what = asked(method, path, {})
    pod = world.store.objects.get(key("pods", what.name, what.namespace)) if is_exec(what) else None
    node: str = pod["spec"].get("nodeName", "") if pod else ""
    return node


async def answer(
    world: World, cluster: Cluster, user: str, request: web.Request, trouble: Trouble | None
) -> web.StreamResponse:
    """Carry out an exec. RefusedError before the upgrade."""
    what = asked(request.method, request.path, {})
    access.allow(world, user, what)
    access.allow(world, user, msgspec.structs.replace(what, verb="create"))
    order = _ordered(world, what, request)
    node = str(order.pod["spec"]["nodeName"])
    refused = ""
    if cluster.nodes.dead(node):
        refused = f"dial tcp {cluster.network.host_ips(node)[0]}:{KUBELET_PORT}: connect: connection refused"
        if node not in cluster.on_channel:
            raise RefusedError(_bare(500, f"error dialing backend: {refused}"))
        refused = (
            f'error sending request: Post "https://{cluster.network.host_ips(node)[0]}:{KUBELET_PORT}/exec": {refused}'
        )
    if "websocket" not in request.headers.get("Upgrade", "").lower():
        raise RefusedError(status.bad_request("Upgrade request required"))
    offered = [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if not set(offered) & set(PROTOCOLS):
        return web.Response(status=403)
    socket = web.WebSocketResponse(protocols=PROTOCOLS, compress=False, max_msg_size=0, timeout=0.5)
    await socket.prepare(request)
    session = _Session(socket, request, order, trouble)
    with suppress(ConnectionError):  # the client has left
        await session.run(cluster, refused)
    return socket


def _bare(code: int, message: str) -> Json:
    """A Status without a reason: what becomes of an error that is no API error."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code}


def _ordered(world: World, what: Asked, request: web.Request) -> Order:
    """RefusedError: no such pod (404); no such container, none named of several, no node yet, no stream (400)."""
    pod = world.store.objects.get(key("pods", what.name, what.namespace))
    if pod is None:
        raise RefusedError(status.not_found(kind_of("pods"), what.name))
    names = [each["name"] for each in pod["spec"]["containers"]]
    container = request.query.get("container", "")
    if not container and len(names) > 1:
        told = f"a container name must be specified for pod {what.name}, choose one of: [{' '.join(names)}]"
        raise RefusedError(status.bad_request(told))
    container = container or names[0]
    if container not in names:
        raise RefusedError(status.bad_request(f"container {container} is not valid for pod {what.name}"))
    if not pod["spec"].get("nodeName"):
        raise RefusedError(status.bad_request(f"pod {what.name} does not have a host assigned"))
    streams = [request.query.get(name, "").lower() in ("1", "true") for name in ("stdin", "stdout", "stderr")]
    if not any(streams):
        raise RefusedError(status.bad_request("you must specify at least 1 of stdin, stdout, stderr"))
    command = tuple(request.query.getall("command", []))
    if not command:
        raise RefusedError(status.bad_request("you must specify at least one command for the container"))
    return Order(pod, container, command, *streams)


class _Session:
    """One exec behind its upgrade."""

    def __init__(
        self, socket: web.WebSocketResponse, request: web.Request, order: Order, trouble: Trouble | None
    ) -> None:
        self._socket = socket
        self._request = request
        self._order = order
        self._trouble = trouble if trouble is not None and trouble.kind.startswith("exec-") else None
        self._sent = 0

    async def run(self, cluster: Cluster, refused: str) -> None:
        """From the first, empty frame to the close frame."""
        if self._order.stdout:
            await self._send(STDOUT, b"")
        if self._trouble is not None and self._trouble.kind == "exec-exit":
            await self._send(STDERR, self._trouble.text.encode())
            await self._finish(_exited(self._trouble.code))
            return
        try:
            if refused:
                raise ExecError(refused)  # noqa: TRY301
            program = await begin(
                cluster, self._order.pod, self._order.container, self._order.command, self._order.stdin
            )
        except ExecError as error:
            await self._finish(_failed(str(error)))
            return
        reading = asyncio.create_task(self._stdin(program))
        try:
            await self._carry(program)
        finally:
            reading.cancel()
            program.let_go()

    async def _carry(self, program: Program) -> None:
        errors = asyncio.create_task(self._errors(program))
        try:
            whole = await self._output(program)
            if whole:
                await errors
                code = await program.wait()
                await self._finish(_exited(code) if code else _SUCCESS)
        finally:
            errors.cancel()
            await asyncio.gather(errors, return_exceptions=True)

    async def _finish(self, told: bytes) -> None:
        await self._send(ERROR, told)
        await self._socket.close()

    async def _send(self, channel: int, data: bytes) -> None:
        await self._socket.send_bytes(bytes([channel]) + data)

    async def _stdin(self, program: Program) -> None:
        """Carry what the client sends to the program, until one of them ends."""
        async for message in self._socket:
            if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                break
            data: bytes = message.data.encode() if isinstance(message.data, str) else message.data
            if data[:1] == bytes([STDIN]):
                await program.write(data[1:])
            elif data[:2] == bytes([CLOSE, STDIN]) and self._socket.ws_protocol == PROTOCOLS[0]:
                program.end_input()
        program.let_go()
        if self._request.transport is not None:
            self._request.transport.close()

    async def _errors(self, program: Program) -> None:
        async for data in program.errors(_FRAME):
            if self._order.stderr:
                await self._send(STDERR, data)

    async def _output(self, program: Program) -> bool:
        """Carry the program's output to the client; False if a trouble ended the connection."""
        trouble = self._trouble
        size = max(trouble.after, 1) if trouble is not None and trouble.kind == "exec-trickle" else _FRAME
        async for data in program.output(size):
            rest = data
            if trouble is not None and trouble.kind != "exec-trickle" and self._sent + len(data) >= trouble.after:
                spared = trouble.after - self._sent
                await self._stdout(data[:spared])
                if not await self._strike(trouble):
                    return False
                rest, trouble = data[spared:], None
            await self._stdout(rest)
            if trouble is not None and trouble.kind == "exec-trickle":
                await asyncio.sleep(trouble.seconds)
        return trouble is None or trouble.kind == "exec-trickle" or await self._strike(trouble)

    async def _stdout(self, data: bytes) -> None:
        if data and self._order.stdout:
            await self._send(STDOUT, data)
        self._sent += len(data)

    async def _strike(self, trouble: Trouble) -> bool:
        """The trouble happens; whether the exec goes on behind it."""
        if trouble.kind == "exec-delay":
            await asyncio.sleep(trouble.seconds)
        elif trouble.kind == "exec-garbage":
            await self._send(STDOUT, (trouble.text or _NOISE).encode())
        elif trouble.kind == "exec-drop" and self._request.transport is not None:
            self._request.transport.abort()
        elif trouble.kind == "exec-truncate":
            await self._socket.close()
        elif trouble.kind == "exec-hang":
            await asyncio.Event().wait()  # until the client leaves or the server ends: both cancel this
        elif trouble.kind == "exec-endless":
            await self._endless((trouble.text or _NOISE).encode())
        return trouble.kind in ("exec-delay", "exec-garbage")

    async def _endless(self, piece: bytes) -> None:
        frame = (piece * (_FRAME // len(piece) + 1))[:_FRAME]
        while not self._socket.closed:
            await self._send(STDOUT, frame)
            await asyncio.sleep(0)


def _exited(code: int) -> bytes:
    told = f"command terminated with non-zero exit code: command terminated with exit code {code}"
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return msgspec.json.encode(
        {
            "metadata": {},
            "status": "Failure",
            "message": told,
            "reason": "NonZeroExitCode",
            "details": {"causes": causes},
        }
    )


def _failed(why: str) -> bytes:
    shown = status.internal(why)
    return msgspec.json.encode(
        {name: shown[name] for name in ("metadata", "status", "message", "reason", "details", "code")}
    )

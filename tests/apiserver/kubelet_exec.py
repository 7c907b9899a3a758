"""The kubelets' server: exec by SPDY, which the API server makes of a websocket that speaks v5, and by the websocket
itself in v4, which it passes on.

A command runs on this machine, behind the words that lead into its node's namespaces.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import trustme

from fixtures.api import connect
from fixtures.api.session import RefusedError
from fixtures.deploy.places import PODS
from lab.tools import SYSTEM_PATH
from tests.apiserver.channels import STREAMS, Channels, accepted
from tests.apiserver.server import ADMIN, RealApi
from tests.apiserver.spdy import Spdy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fixtures.api import Api

    Wire = Spdy | Channels

PROTOCOL = b"v4.channel.k8s.io"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
KEY = b"sec-websocket-key: "
HERE = {"type": "ExternalDNS", "address": "127.0.0.1"}  # the type that the API server is told to prefer
LIMIT = 30.0  # seconds of silence after which a connection is given up
SUCCESS = {"metadata": {}, "status": "Success"}


class ExecServer:
    """Serves all nodes. `enter` gives the words that lead into a node; `execs` counts what was asked for.

    A command ends by itself, or with the server: an API server does not say that its client has left, but for the end
    of the input.
    """

    def __init__(self, api: Api, enter: Callable[[str], Sequence[str]]) -> None:
        self.execs = 0
        self.failures: list[BaseException] = []
        self._api = api
        self._enter = enter
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(self._context)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._running: set[subprocess.Popen[bytes]] = set()
        self._threads = [threading.Thread(target=self._serve, name="kubelet server")]
        self._threads[0].start()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for process in list(self._running):
            _kill(process)
        for thread in self._threads:
            thread.join(LIMIT)

    def _serve(self) -> None:
        while True:
            try:
                plug, _ = self._socket.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._one, args=(plug,), name="kubelet connection"))
            self._threads[-1].start()

    def _one(self, raw: socket.socket) -> None:
        raw.settimeout(LIMIT)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with suppress(OSError, EOFError), self._context.wrap_socket(raw, server_side=True) as plug:
                self._exec(plug, _request(plug))
        except Exception as error:  # told by whoever stops the server
            self.failures.append(error)

    def _exec(self, plug: ssl.SSLSocket, request: bytes) -> None:
        asked = urlsplit(request.split(b" ")[1].decode())
        query = parse_qs(asked.query, keep_blank_values=True)
        _, verb, namespace, pod, _container = asked.path.split("/")
        try:
            found = json.loads(self._api.get(PODS.path(namespace, pod)).body)
        except RefusedError:
            plug.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        assert verb == "exec"
        self.execs += 1
        wanted = [name for name in ("input", "output", "error") if query.get(name) == ["1"]]
        wire, streams = _upgraded(plug, request, wanted)
        process = _started([*self._enter(found["spec"]["nodeName"]), *query["command"]])
        self._running.add(process)
        try:
            _serve(wire, streams, process)
        finally:
            self._running.discard(process)


def _request(plug: ssl.SSLSocket) -> bytes:
    """A request without its body."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = plug.recv(1)  # not a byte of what follows the upgrade may be taken
        if not piece:
            raise EOFError
        head += piece
    return head


def _upgraded(plug: ssl.SSLSocket, request: bytes, wanted: Sequence[str]) -> tuple[Wire, dict[str, int]]:
    """The connection in the protocol that was asked for, and its streams by name; the status' is nameless."""
    headers = dict(line.lower().split(b": ", 1) for line in request.split(b"\r\n")[1:-2])
    if headers[b"upgrade"] == b"websocket":
        key = next(line.split(b": ")[1] for line in request.split(b"\r\n") if line.lower().startswith(KEY))
        told = b"Upgrade: websocket\r\nSec-WebSocket-Accept: " + accepted(key) + b"\r\nSec-WebSocket-Protocol: "
        plug.sendall(SWITCHING + told + PROTOCOL + b"\r\n\r\n")
        return Channels(plug), {name: STREAMS[name] for name in ("", *wanted)}
    told = b"Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: "
    plug.sendall(SWITCHING + told + PROTOCOL + b"\r\n\r\n")
    spdy = Spdy(plug)
    return spdy, dict(zip(("", *wanted), spdy.opened(len(wanted) + 1), strict=True))


def _started(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env={"PATH": SYSTEM_PATH, "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _serve(wire: Wire, streams: dict[str, int], process: subprocess.Popen[bytes]) -> None:
    """Carry a command's streams to its end."""
    feeder = threading.Thread(target=_feed, args=(wire, streams.get("input"), process), name="kubelet stdin")
    errors = threading.Thread(target=_carry, args=(wire, streams.get("error"), process.stderr), name="kubelet stderr")
    feeder.start()
    errors.start()
    _carry(wire, streams.get("output"), process.stdout)
    errors.join()
    code = process.wait()
    with suppress(OSError):
        wire.send(streams[""], json.dumps(_status(code)).encode(), end=True)
    feeder.join(LIMIT)


def _carry(wire: Wire, stream: int | None, source: Any) -> None:
    """A pipe to a stream; what nobody takes any more is lost."""
    with source, suppress(OSError):
        while piece := source.read(1 << 15):
            if stream is not None:
                wire.send(stream, piece)
        if stream is not None:
            wire.send(stream, b"", end=True)


def _feed(wire: Wire, stream: int | None, process: subprocess.Popen[bytes]) -> None:
    """The client's input to the program, and its end. When the API server hangs up, the program is ended."""
    assert process.stdin
    for which, data, end in wire.received():
        with suppress(OSError, ValueError):  # it reads no more
            if which == stream and data:
                process.stdin.write(data)
            if which == stream and end:
                process.stdin.close()
    with suppress(OSError):
        process.stdin.close()
    _kill(process)


def _status(code: int) -> dict[str, Any]:
    if code == 0:
        return SUCCESS
    shown = str(code if code > 0 else 128 - code)
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: command terminated with exit code {shown}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": shown}]},
    }


@contextmanager
def exec_server(up: RealApi, enter: Callable[[str], Sequence[str]]) -> Iterator[ExecServer]:
    """Kubelets that the API server finds for all nodes, for as long as the body runs."""
    api = connect(up.kubeconfig, ADMIN)
    server = ExecServer(api, enter)
    nodes = json.loads(api.get("/api/v1/nodes").body)["items"]
    try:
        for node in nodes:
            others = [each for each in node["status"]["addresses"] if each != HERE]
            _status_of(api, node, [*others, HERE], server.port)
        yield server
    finally:
        for node in nodes:
            port = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]
            _status_of(api, node, node["status"]["addresses"], port)
        server.close()
        api.close()
    assert server.failures == []


def _status_of(api: Api, node: dict[str, Any], addresses: list[dict[str, str]], port: int) -> None:
    told = {"addresses": addresses, "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}
    api.merge(f"/api/v1/nodes/{node['metadata']['name']}/status", {"status": told})

"""A server that does with an exec what a test tells it to, byte by byte: the other end of `fixtures.api.exec`."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import urllib3

from fixtures.api.exec import Container
from fixtures.api.session import Api
from fixtures.api.transport import Transport
from tests.unit.listener import Listener, exactly
from tests.unit.recorded_answers import recorded

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    Act = Callable[["Peer"], None]

WHERE = Container("kube-system", "calico-node-x7x2p", "calico-node", "worker1")
SUCCESS = b'{"metadata":{},"status":"Success"}'
TEXT, BINARY, CLOSE, PING, PONG, CONTINUED = 1, 2, 8, 9, 10, 0
V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"


class Peer:
    """One connection, with what the client asked for."""

    def __init__(self, plug: socket.socket) -> None:
        self.plug = plug
        self.request = b""
        while not self.request.endswith(b"\r\n\r\n") and (piece := plug.recv(65536)):
            self.request += piece

    def upgrade(self, protocol: str = V5) -> None:
        key = next(
            line.split(b": ")[1]
            for line in self.request.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
        self.plug.sendall(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n".encode()
        )

    def send(self, *frames: bytes) -> None:
        self.plug.sendall(b"".join(frames))

    def take(self) -> tuple[int, bytes]:
        """The client's next frame, unmasked: opcode and payload. EOFError: it has gone."""
        first, second = exactly(self.plug, 2)
        assert second & 0x80, "a client masks what it sends"
        size = second & 0x7F
        if size > 125:
            size = struct.unpack("!H" if size == 126 else "!Q", exactly(self.plug, 2 if size == 126 else 8))[0]
        mask = exactly(self.plug, 4)
        return first & 15, bytes(byte ^ mask[place % 4] for place, byte in enumerate(exactly(self.plug, size)))


def frame(payload: bytes, opcode: int = BINARY, *, fin: bool = True, size: int | None = None, flags: int = 0) -> bytes:
    """One frame of a server; `size` lies about the length."""
    length = len(payload) if size is None else size
    head = bytes([(0x80 if fin else 0) | flags | opcode])
    if length < 126:
        return head + bytes([length]) + payload
    return head + (struct.pack("!BH", 126, length) if length < 65536 else struct.pack("!BQ", 127, length)) + payload


def out(text: bytes) -> bytes:
    return frame(b"\x01" + text)


def complaint(text: bytes) -> bytes:
    return frame(b"\x02" + text)


def status(body: bytes = SUCCESS) -> bytes:
    return frame(b"\x03" + body)


def failure(message: str, **rest: Any) -> bytes:
    return status(json.dumps({"metadata": {}, "status": "Failure", "message": message, **rest}).encode())


def leave(code: int = 1000, reason: bytes = b"") -> bytes:
    return frame(struct.pack("!H", code) + reason, CLOSE)


def says(*frames: bytes, protocol: str = V5) -> Act:
    """Upgrade, send the frames, and hang up."""

    def act(peer: Peer) -> None:
        peer.upgrade(protocol)
        peer.send(*frames)

    return act


def answers(status_line: str, body: bytes | str, *headers: str) -> Act:
    """Refuse the upgrade."""
    raw = body if isinstance(body, bytes) else json.dumps({"kind": "Status", "message": body}).encode()

    def act(peer: Peer) -> None:
        lines = [f"HTTP/1.1 {status_line}", f"Content-Length: {len(raw)}", *headers, "", ""]
        peer.send("\r\n".join(lines).encode() + raw)

    return act


def replays(name: str) -> Act:
    """An answer as a real API server gave it."""
    kept = recorded(f"{name}.json")
    return answers(f"{kept['status']} Refused", json.dumps(kept["body"]).encode())


def drops(_peer: Peer) -> None:
    """Hang up without an answer."""


class Server(Listener):
    """Does with each connection what the next of its acts says; the last one for all further ones."""

    def __init__(self, acts: Sequence[Act], context: ssl.SSLContext | None = None) -> None:
        self.acts = acts
        self.requests: list[str] = []
        self.failures: list[BaseException] = []
        self._context = context
        super().__init__()
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"

    def serve(self, plug: socket.socket, number: int) -> None:
        plug.settimeout(20)
        plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as Go does
        try:
            with suppress(OSError, EOFError):
                if self._context:
                    plug = self._context.wrap_socket(plug, server_side=True)
                peer = Peer(plug)
                self.requests.append(peer.request.decode())
                self.acts[min(number, len(self.acts)) - 1](peer)
        except BaseException as error:
            self.failures.append(error)
        finally:
            plug.close()

    def close(self) -> None:
        super().close()
        assert not self.failures


def api(url: str, pauses: list[float] | None = None) -> Api:
    """A connection without the kubernetes client's configuration around it."""
    setting = {"BearerToken": {"in": "header", "key": "authorization", "value": "Bearer verysecrettoken"}}
    client = SimpleNamespace(
        configuration=SimpleNamespace(host=url, auth_settings=lambda: setting),
        default_headers={"User-Agent": "x", "Impersonate-User": "auditor"},
        rest_client=SimpleNamespace(pool_manager=urllib3.PoolManager()),
    )
    return Api("here", Transport(client), pause=(pauses if pauses is not None else []).append)

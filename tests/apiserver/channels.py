"""The server's end of a websocket that an API server passes on as it is: v4.channel.k8s.io, whose streams are numbers.

The interface is that of `tests.apiserver.spdy`; a stream cannot be ended by itself in v4.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.unit.listener import exactly

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

STREAMS = {"input": 0, "output": 1, "error": 2, "": 3}
PIECE = 32 << 10  # bytes of one message
BINARY, CLOSE = 2, 8
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


def accepted(key: bytes) -> bytes:
    """The answer to a Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1(key + _MAGIC).digest())


class Channels:
    """One connection behind its upgrade. Several threads may send; one reads."""

    def __init__(self, plug: socket.socket) -> None:
        self._plug = plug
        self._lock = threading.Lock()

    def received(self) -> Iterator[tuple[int, bytes, bool]]:
        """What comes, as `Spdy.received`."""
        with suppress(EOFError, OSError):
            while True:
                opcode, payload = self._frame()
                if opcode == CLOSE:
                    return
                if payload:
                    yield payload[0], payload[1:], False

    def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Bytes on a stream; the status is the connection's last word."""
        for start in range(0, len(data), PIECE):
            self._send(BINARY, bytes([stream]) + data[start : start + PIECE])
        if end and stream == STREAMS[""]:
            self._send(CLOSE, struct.pack("!H", 1000))

    def _send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        head = bytes([0x80 | opcode, size]) if size < 126 else struct.pack("!BBH", 0x80 | opcode, 126, size)
        with self._lock:
            self._plug.sendall(head + payload)

    def _frame(self) -> tuple[int, bytes]:
        first, second = exactly(self._plug, 2)
        size = second & 0x7F
        if size > 125:
            size = struct.unpack("!H" if size == 126 else "!Q", exactly(self._plug, 2 if size == 126 else 8))[0]
        mask = exactly(self._plug, 4) if second & 0x80 else bytes(4)
        payload = exactly(self._plug, size)
        whole = int.from_bytes(payload, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        return first & 15, whole.to_bytes(size, "big")

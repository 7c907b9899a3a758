"""The server's end of SPDY/3.1 as a kubelet speaks it with an API server: streams of bytes over one connection.

draft-mbelshe-httpbis-spdy-00, without what Kubernetes makes no use of: priorities, flow control, headers. The streams'
headers are not read: the API server opens them in a fixed order (client-go, tools/remotecommand/v2.go).
"""

from __future__ import annotations

import struct
import threading
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.unit.listener import exactly

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY = 1, 2, 3, 6, 7
FIN = 1
PIECE = 32 << 10  # bytes of one data frame
_CONTROL = 0x8003  # version 3


class Spdy:
    """One connection behind its upgrade. Several threads may send; one reads."""

    def __init__(self, plug: socket.socket) -> None:
        self._plug = plug
        self._lock = threading.Lock()
        self._packer = zlib.compressobj()

    def opened(self, count: int) -> list[int]:
        """The ids of the first `count` streams that the other side opens, in its order, each of them replied to."""
        made: list[int] = []
        while len(made) < count:
            kind, _, body = self._control()
            if kind == SYN_STREAM:
                made.append(struct.unpack_from("!I", body)[0])
                with self._lock:
                    none = self._packer.compress(struct.pack("!I", 0)) + self._packer.flush(zlib.Z_SYNC_FLUSH)
                    self._send_control(SYN_REPLY, struct.pack("!I", made[-1]) + none)
        return made

    def received(self) -> Iterator[tuple[int, bytes, bool]]:
        """What comes: stream, bytes, and whether the stream ends with them; until the other side leaves."""
        with suppress(EOFError, OSError):
            while True:
                first, second = struct.unpack("!II", exactly(self._plug, 8))
                body = exactly(self._plug, second & 0xFFFFFF)
                if not first >> 31:
                    yield first, body, bool(second >> 24 & FIN)
                elif first & 0xFFFF == GOAWAY:
                    return
                else:
                    self._answer(first & 0xFFFF, body)

    def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Bytes on a stream, and its end."""
        pieces = [data[start : start + PIECE] for start in range(0, len(data), PIECE)] or [b""]
        for number, piece in enumerate(pieces, 1):
            last = FIN if end and number == len(pieces) else 0
            with self._lock:
                self._plug.sendall(struct.pack("!II", stream, last << 24 | len(piece)) + piece)

    def _control(self) -> tuple[int, int, bytes]:
        """The next control frame. EOFError, ValueError: there is none."""
        first, second = struct.unpack("!II", exactly(self._plug, 8))
        body = exactly(self._plug, second & 0xFFFFFF)
        if first >> 16 != _CONTROL:
            raise ValueError(f"no control frame of SPDY/3: {first:#x}")
        self._answer(first & 0xFFFF, body)
        return first & 0xFFFF, second >> 24, body

    def _answer(self, kind: int, body: bytes) -> None:
        if kind == PING:
            with self._lock:
                self._send_control(PING, body)

    def _send_control(self, kind: int, body: bytes) -> None:
        self._plug.sendall(struct.pack("!HHI", _CONTROL, kind, len(body)) + body)

"""What the servers that tests talk to have in common: a port of this machine, a thread for each connection, reads."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

LIMIT = 20.0  # seconds that a connection may take to end


class Listener:
    """Takes connections until it is closed; what is done with each is `serve`'s affair."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def serve(self, plug: socket.socket, number: int) -> None:
        """One connection, of which this is the `number`th from 1; it is closed here."""
        raise AssertionError("a listener serves nothing by itself")

    def _accept(self) -> None:
        while True:
            try:
                plug, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(plug, len(self._threads)))
            self._threads.append(thread)
            thread.start()

    def finish(self) -> None:
        """Wait until every connection so far has been served to its end."""
        for thread in self._threads[1:]:
            thread.join(LIMIT)

    def close(self) -> None:
        """Take no more connections, and wait for the ends of those that are open."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(LIMIT)


def exactly(plug: socket.socket, size: int) -> bytes:
    """That many bytes. EOFError: the other side left before them."""
    found = bytearray()
    while len(found) < size:
        piece = plug.recv(size - len(found))
        if not piece:
            raise EOFError
        found += piece
    return bytes(found)

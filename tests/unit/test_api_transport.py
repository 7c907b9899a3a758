"""What a server can answer that no API server should: none of it is taken for an answer, and each has its sentence."""

from __future__ import annotations

import gzip
import socket
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import urllib3

from fixtures.api import transport
from fixtures.api.session import ATTEMPTS, Api, RefusedError
from fixtures.api.transport import Transport
from fixtures.errors import UnobservableError

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = b'{"kind":"PodList","items":[]}'


class Server:
    """Answers each connection with the next of its scripted byte strings, and closes it."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers
        self.requests: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer:
                self.requests.append(peer.recv(65536).decode())
                answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
                try:
                    peer.sendall(answer)
                except OSError:
                    continue

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


def http(status: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {size}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def api(url: str, pauses: list[float] | None = None) -> Api:
    setting = {"BearerToken": {"in": "header", "key": "authorization", "value": "Bearer verysecrettoken"}}
    client = SimpleNamespace(
        configuration=SimpleNamespace(host=url, auth_settings=lambda: setting),
        rest_client=SimpleNamespace(pool_manager=urllib3.PoolManager()),
    )
    return Api("here", Transport(client), pause=(pauses if pauses is not None else []).append)


@pytest.fixture
def serve() -> Iterator[object]:
    servers: list[Server] = []

    def start(*answers: bytes) -> Server:
        servers.append(Server(list(answers)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def test_a_whole_answer_is_returned_and_the_credentials_go_with_the_question(serve) -> None:  # type: ignore[no-untyped-def]
    server = serve(http("200 OK", PAGE))
    assert api(server.url).get("/api/v1/pods", {"limit": 500}).body == PAGE
    assert server.requests[0].startswith("GET /api/v1/pods?limit=500 HTTP/1.1\r\n")
    assert "authorization: Bearer verysecrettoken" in server.requests[0]


def test_a_compressed_answer_is_unpacked(serve) -> None:  # type: ignore[no-untyped-def]
    server = serve(http("200 OK", gzip.compress(PAGE), "Content-Encoding: gzip"))
    assert api(server.url).get("/api/v1/pods").body == PAGE


CUT = [
    pytest.param(http("200 OK", PAGE[:10], length=len(PAGE)), id="shorter than its length"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + PAGE, id="cut within a chunk"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(PAGE), PAGE), id="no last chunk"
    ),
    pytest.param(b"", id="closed without a word"),
    pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="no HTTP"),
    pytest.param(http("200 OK", gzip.compress(PAGE)[:-9], "Content-Encoding: gzip"), id="gzip cut"),
    pytest.param(http("503 Service Unavailable", b'{"message":"etcd is down"}'), id="unavailable"),
    pytest.param(http("429 Too Many Requests", b"{}"), id="too many requests"),
]


@pytest.mark.parametrize("answer", CUT)
def test_what_is_not_whole_is_asked_for_again_and_then_an_error(serve, answer: bytes) -> None:  # type: ignore[no-untyped-def]
    pauses: list[float] = []
    server = serve(answer)
    with pytest.raises(UnobservableError, match=rf"gave no answer to GET /x in {ATTEMPTS} attempts") as caught:
        api(server.url, pauses).get("/x")
    assert "verysecrettoken" not in str(caught.value)
    assert pauses == [0.5, 1.0, 2.0, 4.0]
    assert len(server.requests) == ATTEMPTS
    pauses.clear()
    assert api(serve(answer, http("200 OK", PAGE)).url, pauses).get("/x").body == PAGE
    assert len(pauses) == 1


def test_the_server_says_how_long_to_wait_but_not_for_ever(serve) -> None:  # type: ignore[no-untyped-def]
    pauses: list[float] = []
    busy = [http("429 Too Many Requests", b"{}", f"Retry-After: {wait}") for wait in ("7", "86400", "soon")]
    api(serve(*busy, http("200 OK", PAGE)).url, pauses).get("/x")
    assert pauses == [7.0, 30.0, 2.0]


def test_nobody_listening_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UnobservableError, match="Connection refused"):
        api(url).get("/x")


def test_a_redirect_is_not_followed(serve) -> None:  # type: ignore[no-untyped-def]
    server = serve(http("302 Found", b"", "Location: http://127.0.0.1:1/login"))
    with pytest.raises(UnobservableError, match="redirect"):
        api(server.url).get("/x")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        ("401 Unauthorized", b'{"kind":"Status","message":"Unauthorized"}', "Unauthorized"),
        ("403 Forbidden", b"<html>\n<b>no\x1b[31m</b>", r"<html>\n<b>no\x1b[31m</b>"),
        ("404 Not Found", b"404 page not found\n", "404 page not found"),
        ("400 Bad Request", b'{"message":"token: abcdefghij"}', "token: (removed)"),
        ("400 Bad Request", b"[" * 100_000, "[" * 200),
    ],
)
def test_a_refusal_is_passed_on_with_what_was_said_made_safe(serve, status: str, body: bytes, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RefusedError) as caught:
        api(serve(http(status, body)).url).get("/x")
    assert (caught.value.status, caught.value.message) == (int(status[:3]), said)


def test_an_endless_answer_is_ended(serve, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(transport, "MAX_BODY", 1 << 20)
    server = serve(http("200 OK", b" " * (4 << 20)))
    with pytest.raises(UnobservableError, match="larger than 1 MiB"):
        api(server.url).get("/x")


def test_a_compressed_bomb_is_ended(serve, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(transport, "MAX_BODY", 1 << 20)
    server = serve(http("200 OK", gzip.compress(bytes(64 << 20)), "Content-Encoding: gzip"))
    with pytest.raises(UnobservableError, match="larger than 1 MiB"):
        api(server.url).get("/x")


def test_an_answer_that_trickles_past_its_time_is_dropped(serve, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(transport, "TOTAL_SECONDS", -1.0)
    with pytest.raises(UnobservableError, match="not whole after"):
        api(serve(http("200 OK", PAGE)).url).get("/x")


def test_silence_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UnobservableError, match="nothing came"):
        api(f"http://127.0.0.1:{silent.getsockname()[1]}").get("/x")


def test_a_password_in_the_address_is_not_shown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(UnobservableError) as caught:
        api(f"http://me:hunter22@127.0.0.1:{port}").get("/x")
    assert "hunter22" not in str(caught.value)

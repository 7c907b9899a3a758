"""An exec goes the way that the kubernetes client is configured: its certificates, its proxy, its credentials."""

from __future__ import annotations

import base64
import socket
import ssl
import tempfile
import threading
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import trustme
import yaml  # type: ignore[import-untyped]

from fixtures.api import connect
from fixtures.api.exec import exec_stream
from fixtures.api.exec_words import ExecError
from fixtures.errors import UsageError
from tests.unit import exec_server as end
from tests.unit.exec_server import WHERE, Server
from tests.unit.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fixtures.api import Api

    Keep = Callable[[Any], Any]
    Reach = Callable[..., bytes]

GOOD = end.says(end.out(b"fine"), end.status(), end.leave())
NAME = "kubernetes.default.svc"


class Proxy(Listener):
    """An HTTP proxy: notes what it was asked, and opens the tunnel, refuses it, or answers without end."""

    def __init__(self, answer: str = "200 Connection established") -> None:
        self.asked: list[str] = []
        self._answer = answer
        super().__init__()
        self.url = f"http://someone:pr0xysecret@127.0.0.1:{self.port}"

    def serve(self, plug: socket.socket, number: int) -> None:
        with plug as near:
            request = b""
            while b"\r\n\r\n" not in request:
                request += near.recv(65536)
            self.asked.append(request.decode())
            if not self._answer:
                with suppress(OSError):
                    while True:
                        near.sendall(b"H")
                        time.sleep(0.02)  # a trickle
                return
            near.sendall(f"HTTP/1.1 {self._answer}\r\n\r\n".encode())
            if self._answer.startswith("200"):
                host, _, port = request.split(b" ")[1].decode().rpartition(":")
                with socket.create_connection((host, int(port))) as far:
                    back = threading.Thread(target=_copy, args=(far, near))
                    back.start()
                    _copy(near, far)
                    back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def closing() -> Iterator[Keep]:
    opened: list[Any] = []

    def keep(thing: Any) -> Any:
        opened.append(thing)
        return thing

    yield keep
    for thing in opened:
        thing.close()


@pytest.fixture
def server(authority: trustme.CA, closing: Keep) -> Server:
    """One that takes only clients with a certificate, and has one for another name than its address."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(NAME).configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    made: Server = closing(Server([GOOD], context))
    return made


@pytest.fixture
def reach(tmp_path: Path, server: Server, authority: trustme.CA) -> Reach:
    """What an exec by that server brings, for the name that it has in the kubeconfig, and by its authority there."""
    return lambda name=NAME, ca=authority: run(api(tmp_path, server, authority.issue_cert("someone"), name, ca))


def api(tmp_path: Path, server: Server, issued: trustme.LeafCert, name: str, ca: trustme.CA) -> Api:
    """As `connect` makes it out of a kubeconfig with certificates and a token."""
    cluster = {
        "server": server.url,
        "tls-server-name": name,
        "certificate-authority-data": _text(ca.cert_pem.bytes()),
    }
    user = {
        "client-certificate-data": _text(b"".join(blob.bytes() for blob in issued.cert_chain_pems)),
        "client-key-data": _text(issued.private_key_pem.bytes()),
        "token": "verysecrettoken",
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(document))
    return connect(tmp_path / "config", None)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def run(through: Api) -> bytes:
    try:
        return b"".join(exec_stream(through, WHERE, ("ip",), b"some input", 20.0))
    finally:
        through.close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_certificates_and_token_of_the_kubeconfig(reach: Reach, server: Server) -> None:
    assert reach() == b"fine"
    assert "authorization: bearer verysecrettoken" in server.requests[0].lower()


def test_nothing_of_the_kubeconfig_stays_on_the_disk(
    reach: Reach, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    written: list[Path] = []
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    load = ssl.SSLContext.load_cert_chain

    def noted(context: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        written.extend(folder.iterdir())
        load(context, *args, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", noted)
    assert reach() == b"fine"
    assert len(written) == 3  # the client's own way: authority, certificate, key
    assert list(folder.iterdir()) == []
    assert len(server.requests) == 1


def test_a_key_of_another_certificate_is_a_usage_error(tmp_path: Path, server: Server, authority: trustme.CA) -> None:
    other = authority.issue_cert("someone")
    mixed = SimpleNamespace(
        cert_chain_pems=authority.issue_cert("someone").cert_chain_pems, private_key_pem=other.private_key_pem
    )
    with pytest.raises(UsageError, match="the certificates of the kubeconfig cannot be used") as error:
        api(tmp_path, server, mixed, NAME, authority)  # type: ignore[arg-type]
    assert "client-key(-data)" in error.value.remedy


@pytest.mark.parametrize(("name", "foreign"), [("other.name", False), (NAME, True)])
def test_a_server_that_is_not_trusted_is_told_nothing(
    reach: Reach, server: Server, authority: trustme.CA, name: str, *, foreign: bool
) -> None:
    with pytest.raises(ExecError) as error:
        reach(name, trustme.CA() if foreign else authority)
    assert "no trusted connection to the API server" in error.value.reason
    assert "certificate-authority-data" in error.value.remedy
    assert server.requests == []


def test_through_the_proxy_of_the_environment(
    reach: Reach, server: Server, closing: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = closing(Proxy())
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    assert reach() == b"fine"
    assert proxy.asked[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1")
    assert "verysecrettoken" not in "".join(proxy.asked)
    assert "proxy-authorization: basic c29tzw9uztpwcjb4exnly3jlda==" in proxy.asked[0].lower()


def test_around_the_proxy_where_no_proxy_says_so(reach: Reach, closing: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = closing(Proxy())
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,127.0.0.1")
    assert reach() == b"fine"
    assert proxy.asked == []


def test_a_proxy_that_refuses_is_named_as_the_cause_without_its_password(
    reach: Reach, closing: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = closing(Proxy("407 Proxy Authentication Required"))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setattr("fixtures.api.exec.ATTEMPTS", 1)
    with pytest.raises(ExecError) as error:
        reach()
    assert "the proxy refuses the connection: 407 Proxy Authentication Required" in error.value.reason
    assert "pr0xysecret" not in str(error.value)


def test_a_proxy_that_trickles_does_not_outlive_the_time(
    reach: Reach, server: Server, closing: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", closing(Proxy("")).url)
    monkeypatch.setattr("fixtures.api.transport.CONNECT_SECONDS", 0.3)
    monkeypatch.setattr("fixtures.api.exec.ATTEMPTS", 1)
    with pytest.raises(ExecError) as error:
        reach()
    assert "what answers as the proxy speaks no HTTP" in error.value.reason
    assert server.requests == []


def test_a_plain_server_behind_a_proxy_is_reached_by_a_tunnel(closing: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain requests are forwarded by a proxy, which would drop the upgrade."""
    import urllib3

    proxy, server = closing(Proxy()), closing(Server([GOOD]))
    through = end.api(server.url)
    monkeypatch.setattr(through.transport, "_pool", urllib3.ProxyManager(proxy.url))
    assert run(through) == b"fine"
    assert proxy.asked[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1")

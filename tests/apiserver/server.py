"""A real API server, without kubelets: etcd, kube-apiserver, and kube-controller-manager where it lies beside them.

The folder is the one that envtest uses: KUBEBUILDER_ASSETS.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fixtures.api import connect
from fixtures.api.transport import DroppedError
from fixtures.errors import ToldError
from lab.tools import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ASSETS = "KUBEBUILDER_ASSETS"
NEEDED = ("etcd", "kube-apiserver")
CONTROLLERS = "kube-controller-manager"  # not among envtest's, and optional
ADMIN, RUNNER, NOBODY = "admin", "runner", "nobody"
GROUPS = {ADMIN: "system:masters", RUNNER: "", NOBODY: ""}


def assets() -> Path | None:
    """The folder with the programs; None where there is none."""
    folder = Path(os.environ.get(ASSETS) or "/nonexistent")
    return folder if all((folder / name).is_file() for name in NEEDED) else None


class RealApi(msgspec.Struct, frozen=True):
    """An API server that is up. Its kubeconfig has a context for each user of GROUPS."""

    folder: Path
    controllers: bool

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"


@contextmanager
def real_api(programs: Path, folder: Path) -> Iterator[RealApi]:
    """Bring it up and, at the end, down."""
    client, peer, secure, other = _free_ports(4)
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "sa.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    tokens = {user: secrets.token_urlsafe(24) for user in GROUPS}
    lines = [f'{tokens[user]},{user},{user},"{group}"\n' for user, group in GROUPS.items()]
    (folder / "tokens.csv").write_text("".join(lines))
    (folder / "kubeconfig").write_text(_kubeconfig(f"https://127.0.0.1:{secure}", authority.cert_pem.bytes(), tokens))
    etcd: list[str | Path] = [
        *(programs / "etcd", "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--log-level=error"),
        *(
            "--listen-client-urls",
            f"http://127.0.0.1:{client}",
            "--advertise-client-urls",
            f"http://127.0.0.1:{client}",
        ),
        *("--listen-peer-urls", f"http://127.0.0.1:{peer}"),
    ]
    server: list[str | Path] = [
        *(programs / "kube-apiserver", "--etcd-servers", f"http://127.0.0.1:{client}"),
        *("--bind-address=127.0.0.1", f"--secure-port={secure}", "--service-cluster-ip-range=10.96.0.0/16"),
        *(f"--tls-cert-file={folder}/server.pem", f"--tls-private-key-file={folder}/server.pem"),
        *(f"--token-auth-file={folder}/tokens.csv", "--authorization-mode=RBAC", "--allow-privileged"),
        "--disable-admission-plugins=ServiceAccount",  # the lab names accounts that nobody made
        *("--service-account-issuer=https://127.0.0.1", f"--service-account-key-file={folder}/sa.key"),
        f"--service-account-signing-key-file={folder}/sa.key",
    ]
    has_controllers = (programs / CONTROLLERS).is_file()
    controllers: list[str | Path] = [
        *(
            programs / CONTROLLERS,
            f"--kubeconfig={folder}/kubeconfig",
            f"--secure-port={other}",
            "--leader-elect=false",
        ),
        f"--service-account-private-key-file={folder}/sa.key",
    ]
    with ExitStack() as stack:
        stack.enter_context(_running(etcd, folder / "etcd.log"))
        stack.enter_context(_running(server, folder / "apiserver.log"))
        wait_until("the API server", lambda: _ready(folder / "kubeconfig"), 60.0, 0.2)
        if has_controllers:
            stack.enter_context(_running(controllers, folder / "controllers.log"))
        yield RealApi(folder, has_controllers)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def _running(command: list[str | Path], log: Path) -> Iterator[None]:
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.kill()


def _ready(kubeconfig: Path) -> bool:
    """Whether the server's start is over: asked once a call, with the suite's own client."""
    api = connect(kubeconfig, ADMIN)
    try:
        return api.transport.get("/readyz").status == 200
    except (DroppedError, ToldError):
        return False
    finally:
        api.close()


def _kubeconfig(server: str, authority: bytes, tokens: dict[str, str]) -> str:
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(authority).decode()}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "real", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}} for user, token in tokens.items()],
        "contexts": [{"name": user, "context": {"cluster": "real", "user": user}} for user in tokens],
        "current-context": ADMIN,
    }
    return json.dumps(config)

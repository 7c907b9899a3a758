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
from typing import TYPE_CHECKING, Any

import msgspec
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fixtures.api import connect
from fixtures.api.transport import DroppedError
from fixtures.errors import ToldError
from lab.tools import wait_until

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ASSETS = "KUBEBUILDER_ASSETS"
NEEDED = ("etcd", "kube-apiserver")
CONTROLLERS = "kube-controller-manager"  # not among envtest's, and optional
ADMIN, RUNNER, READER, NOBODY = "admin", "runner", "reader", "nobody"
GROUPS = {ADMIN: "system:masters", RUNNER: "", READER: "", NOBODY: ""}
# Those that a run relies on. The others would take nodes without kubelets for lost, and the lab's pods for orphans.
RUNNING = ("daemonset", "garbage-collector", "job", "namespace", "serviceaccount", "ttl-after-finished")


def assets() -> Path | None:
    """The folder with the programs; None where there is none."""
    folder = Path(os.environ.get(ASSETS) or "/nonexistent")
    return folder if all((folder / name).is_file() for name in NEEDED) else None


class RealApi(msgspec.Struct, frozen=True):
    """An API server that is up. Its kubeconfig has a context for each user of GROUPS.

    `etcd`: the URL of its datastore, which keeps objects as JSON. `has_controllers`: they can be run beside it.
    """

    folder: Path
    programs: Path
    etcd: str

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def has_controllers(self) -> bool:
        return (self.programs / CONTROLLERS).is_file()

    def audited(self) -> list[Any]:
        """What RUNNER has asked so far: audit.k8s.io/v1 Events, oldest first."""
        lines = (self.folder / "audit.log").read_bytes().splitlines()
        return [msgspec.json.decode(line) for line in lines]


@contextmanager
def real_api(programs: Path, folder: Path, exempt: Collection[str]) -> Iterator[RealApi]:
    """Bring it up and, at the end, down. Its Pod Security default is `restricted`, but for the namespaces `exempt`."""
    client, peer, secure = _free_ports(3)
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    _write_key(folder / "sa.key")
    tokens = {user: secrets.token_urlsafe(24) for user in GROUPS}
    lines = [f'{tokens[user]},{user},{user},"{group}"\n' for user, group in GROUPS.items()]
    (folder / "tokens.csv").write_text("".join(lines))
    (folder / "kubeconfig").write_text(_kubeconfig(f"https://127.0.0.1:{secure}", authority.cert_pem.bytes(), tokens))
    (folder / "admission.json").write_text(json.dumps(_admission(exempt)))
    (folder / "audit.json").write_text(json.dumps(_AUDIT))
    store = f"http://127.0.0.1:{client}"
    etcd = [
        f"--data-dir={folder}/etcd",
        *("--unsafe-no-fsync", "--log-level=error", f"--listen-peer-urls=http://127.0.0.1:{peer}"),
        *(f"--listen-client-urls={store}", f"--advertise-client-urls={store}"),
    ]
    server = [
        *(f"--etcd-servers={store}", "--storage-media-type=application/json"),
        "--watch-cache-sizes=nodes#0",  # these pages come from etcd; the others' from memory, which forgets later
        *("--bind-address=127.0.0.1", f"--secure-port={secure}", "--service-cluster-ip-range=10.96.0.0/16"),
        *(f"--tls-cert-file={folder}/server.pem", f"--tls-private-key-file={folder}/server.pem"),
        *(f"--token-auth-file={folder}/tokens.csv", "--authorization-mode=RBAC", "--allow-privileged"),
        *("--service-account-issuer=https://127.0.0.1", f"--service-account-key-file={folder}/sa.key"),
        f"--service-account-signing-key-file={folder}/sa.key",
        f"--admission-control-config-file={folder}/admission.json",
        *(f"--audit-policy-file={folder}/audit.json", f"--audit-log-path={folder}/audit.log"),
        "--disable-admission-plugins=TaintNodesByCondition",  # it taints new nodes until a controller sees them ready
        "--kubelet-preferred-address-types=ExternalDNS,InternalIP",  # where tests have a kubelet on this machine
    ]
    up = RealApi(folder, programs, store)
    with ExitStack() as stack:
        stack.enter_context(_running(programs / "etcd", etcd, folder / "etcd.log"))
        stack.enter_context(_running(programs / "kube-apiserver", server, folder / "apiserver.log"))
        wait_until("the API server", lambda: _ready(up.kubeconfig), 60.0, 0.2)
        yield up


@contextmanager
def controllers(up: RealApi) -> Iterator[None]:
    """Run the controllers beside it."""
    options = [
        *(f"--kubeconfig={up.kubeconfig}", f"--secure-port={_free_ports(1)[0]}", "--leader-elect=false"),
        *(f"--service-account-private-key-file={up.folder}/sa.key", f"--root-ca-file={up.folder}/server.pem"),
        "--controllers=" + ",".join(f"{name}-controller" for name in RUNNING),
    ]
    with _running(up.programs / CONTROLLERS, options, up.folder / "controllers.log"):
        yield


_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [RUNNER]}, {"level": "None"}],
}


def _admission(exempt: Collection[str]) -> dict[str, Any]:
    security = {
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": dict.fromkeys(("enforce", "audit", "warn"), "restricted"),
        "exemptions": {"namespaces": sorted(exempt)},
    }
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": "PodSecurity", "configuration": security}],
    }


def _write_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form))


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def _running(program: Path, options: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as out, subprocess.Popen([program, *options], stdout=out, stderr=out) as process:
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

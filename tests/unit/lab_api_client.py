"""The lab's API server as a process, and what the tests need of a client: the real one, and bare websockets."""

from __future__ import annotations

import json
import re
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import kubernetes
import urllib3
import websocket
from kubernetes.stream import stream

from lab.api.launch import end, launch
from lab.tools import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lab.objects import Json

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
SLEEPS = ["python3", "-c", "import time; time.sleep(600)"]


class Client:
    """A client with a context's credentials: the kubernetes client's APIs, and plain requests."""

    def __init__(self, state_dir: Path, context: str = "lab") -> None:
        self.kubeconfig = state_dir / "kubeconfig"
        self._context = context
        self.api = self.fresh()
        self.core = kubernetes.client.CoreV1Api(self.api)
        self.apps = kubernetes.client.AppsV1Api(self.api)
        self.batch = kubernetes.client.BatchV1Api(self.api)

    def fresh(self) -> Any:
        """A client of its own: one that execs cannot do anything else."""
        made = kubernetes.config.new_client_from_config(str(self.kubeconfig), self._context)
        made.rest_client.pool_manager.connection_pool_kw["retries"] = urllib3.Retry(False)
        return made

    def close(self) -> None:
        self.api.rest_client.pool_manager.clear()

    def send(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """A request as it is; the code and the answer's JSON."""
        config = self.api.configuration
        pool = urllib3.PoolManager(ca_certs=config.ssl_ca_cert, retries=False)
        with pool:
            text = None if body is None else json.dumps(body)
            headers = {"Authorization": self._authorization(), "Content-Type": "application/json"}
            reply = pool.request(method, f"{config.host}{path}", body=text, headers=headers)
            return reply.status, json.loads(reply.data) if reply.data[:1] == b"{" else reply.data

    def exec(self, pod: str, namespace: str, command: Sequence[str], stdin: bytes | None = None, **more: str) -> Any:
        """The kubernetes client's own exec, run to its end; its object, with the channels unread."""
        call = kubernetes.client.CoreV1Api(self.fresh()).connect_get_namespaced_pod_exec
        done = stream(
            call, pod, namespace, command=list(command), stdin=stdin is not None, stdout=True, stderr=True, tty=False,
            _preload_content=False, binary=True, **more,
        )  # fmt: skip
        if stdin is not None:
            done.write_stdin(stdin)
            done.close_channel(0)
        done.run_forever(timeout=20)
        done.sock.shutdown()
        return done

    def frames(
        self,
        path: str,
        command: Sequence[str],
        *,
        protocols: Sequence[str] = (V5,),
        stdin: bytes | None = None,
        closed: bool = False,
        **query: str,
    ) -> tuple[str, list[Json]]:
        """An exec's frames, in the shape of the recording, and the protocol that the server chose."""
        with self.socket(path, command, protocols=protocols, stdin=stdin is not None, **query) as plug:
            if stdin is not None:
                plug.send_binary(b"\0" + stdin)
            if closed:
                plug.send_binary(b"\xff\0")
            return plug.getsubprotocol(), list(_frames(plug))

    @contextmanager
    def socket(
        self, path: str, command: Sequence[str], *, protocols: Sequence[str] = (V5,), stdin: bool = False, **query: str
    ) -> Iterator[Any]:
        """An exec's websocket. websocket.WebSocketBadStatusException if there is no upgrade."""
        asked = [*(("command", word) for word in command), ("stdout", "1"), ("stderr", "1"), *query.items()]
        asked += [("stdin", "1")] if stdin else []
        config = self.api.configuration
        tls = {"ca_certs": config.ssl_ca_cert, "cert_reqs": ssl.CERT_REQUIRED}
        plug: Any = websocket.create_connection(
            f"{config.host.replace('http', 'ws', 1)}{path}?{urlencode(asked)}",
            sslopt=tls,
            header=[f"Authorization: {self._authorization()}"],
            subprotocols=list(protocols),
            timeout=20,
        )
        try:
            yield plug
        finally:
            plug.shutdown()

    def _authorization(self) -> str:
        config = self.api.configuration
        return str(config.get_api_key_with_prefix("authorization") or config.get_api_key_with_prefix("BearerToken"))


@contextmanager
def serving(directory: Path) -> Iterator[Path]:
    """The API server without a lab, its state in the directory; what it had to complain of fails the test."""
    process = launch(directory)
    try:
        yield directory
    finally:
        end(process)
    assert (directory / "api.log").read_text() == ""


@contextmanager
def connected(state_dir: Path) -> Iterator[Client]:
    """A client of that server."""
    made = Client(state_dir)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def namespace(client: Client, text: str) -> Iterator[str]:
    """A namespace named after a text, with its service account; afterwards it is gone with everything in it."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower())[:60].strip("-")
    client.core.create_namespace({"metadata": {"name": name}})
    until("the account", lambda: client.core.list_namespaced_service_account(name).items)
    yield name
    if not gone(lambda: client.core.read_namespace(name)):
        client.core.delete_namespace(name)
    until("the namespace to go", lambda: gone(lambda: client.core.read_namespace(name)))
    assert pods(client, name) == []


def _frames(plug: Any) -> Iterator[Json]:
    while True:
        code, frame = plug.recv_data_frame(True)
        if code == websocket.ABNF.OPCODE_CLOSE:
            yield {"opcode": "close", "code": int.from_bytes(frame.data[:2], "big"), "reason": frame.data[2:].decode()}
            return
        if code in (websocket.ABNF.OPCODE_BINARY, websocket.ABNF.OPCODE_TEXT):
            yield {"opcode": code, "channel": frame.data[0], "payload": bytes(frame.data[1:])}


def output(frames: Sequence[Json], channel: int = 1) -> bytes:
    """What a channel brought."""
    return b"".join(frame["payload"] for frame in frames if frame.get("channel") == channel)


def until(what: str, ready: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What `ready` returns once it is something."""
    found: list[Any] = []

    def look() -> bool:
        found[:] = [ready()]
        return bool(found[0])

    wait_until(what, look, seconds, pause=0.01)
    return found[0]


def gone(call: Callable[[], object]) -> bool:
    """Whether a read answers 404."""
    try:
        call()
    except kubernetes.client.ApiException as error:
        if error.status == 404:
            return True
        raise
    return False


def daemon_set(name: str = "probe", **spec: object) -> Json:
    """A DaemonSet of the kind that a diagnosis runs."""
    container = {
        "name": "p",
        "image": "localhost/python:3.11",
        "command": SLEEPS,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN", "SYS_PTRACE"]},
        },
    }
    pod: Json = {
        "hostPID": True,
        "hostNetwork": True,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    template = {"metadata": {"labels": {"run": name}}, "spec": pod | spec}
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"run": name}}, "template": template}}


def pods(client: Client, namespace: str) -> list[Json]:
    return client.send("GET", f"/api/v1/namespaces/{namespace}/pods")[1]["items"]  # type: ignore[no-any-return]


def phases(client: Client, namespace: str) -> list[str]:
    return [pod["status"]["phase"] for pod in pods(client, namespace)]


def waiting(client: Client, namespace: str) -> Json:
    """What the first container of the first pod waits for."""
    found = pods(client, namespace)
    states = found[0]["status"].get("containerStatuses") if found else None
    return (states[0]["state"].get("waiting") or {}) if states else {}


def told(client: Client, namespace: str) -> set[tuple[str, str]]:
    """Reasons and messages of the namespace's events."""
    items = client.send("GET", f"/api/v1/namespaces/{namespace}/events")[1]["items"]
    return {(item["reason"], item["message"]) for item in items}


def running(client: Client, namespace: str, name: str = "probe") -> bool:
    status = client.apps.read_namespaced_daemon_set(name, namespace).status
    return bool(status.number_ready == status.desired_number_scheduled == 3)


def one_pod(name: str = "one", **spec: object) -> Json:
    container = {"name": "c", "image": "localhost/python:3.11", "command": SLEEPS}
    return {
        "metadata": {"name": name},
        "spec": {"hostPID": True, "nodeName": "worker1", "containers": [container]} | spec,
    }

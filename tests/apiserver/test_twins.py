"""The lab's API server answers as a real one does: the same status, reason and message to the same request, the same
object with the same defaults.

What the lab does not look at is not asked here: the types of fields, unknown ones, and what Go's parsers say of them.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
import pytest

from fixtures.api import connect
from fixtures.api.exec_socket import ExecSocket
from fixtures.deploy import manifests
from fixtures.deploy.manifests import Platform
from fixtures.deploy.places import ACCOUNTS, DAEMON_SETS, EVENTS, JOBS, NAMESPACES, PODS
from fixtures.deploy.plan import Plan, objects
from fixtures.deploy.settings import ProbeSettings
from lab import topology
from lab.api.launch import end, launch
from lab.tools import wait_until
from tests.apiserver.kubelet_exec import exec_server
from tests.apiserver.load import end_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.api import Api
    from tests.apiserver.server import RealApi

SPACE = "yaobank"
RUN = "0123456789"
SETTINGS = ProbeSettings(namespace=SPACE)
OWNER = manifests.owner_of({"metadata": {"name": "lease", "uid": RUN}})
LEASE = manifests.lease(SETTINGS, RUN)
ACCOUNT, DAEMON_SET = objects(SETTINGS, RUN, Plan(Platform(), (manifests.Aim(""),)), OWNER)
STRICT, DRY = {"fieldValidation": "Strict"}, {"dryRun": "All"}
# Another one each time
VOLATILE = {"uid", "resourceVersion", "creationTimestamp", "managedFields"} | {
    "batch.kubernetes.io/controller-uid",
    "controller-uid",
}
EXEC = "/api/v1/namespaces/kube-system/pods/{}/exec"
REVIEW = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}


def _but(obj: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An object with other fields in its spec, or in its metadata (`meta_...`)."""
    meta = {name.removeprefix("meta_"): value for name, value in fields.items() if name.startswith("meta_")}
    spec = {name: value for name, value in fields.items() if not name.startswith("meta_")}
    changed = obj | {"metadata": obj["metadata"] | meta}
    return changed | ({"spec": obj["spec"] | spec} if spec else {})


def _pod(**fields: Any) -> dict[str, Any]:
    """The DaemonSet's template with other fields in the pods' spec."""
    template = DAEMON_SET["spec"]["template"]
    return _but(DAEMON_SET, template=template | {"spec": template["spec"] | fields})


def _container(**fields: Any) -> dict[str, Any]:
    (container,) = DAEMON_SET["spec"]["template"]["spec"]["containers"]
    return _pod(containers=[container | fields])


ROWS: dict[str, tuple[str, str, dict[str, Any], Any]] = {
    "no such pod": ("GET", PODS.path(SPACE, "none"), {}, None),
    "no such namespace": ("GET", f"{NAMESPACES}/none", {}, None),
    "no such resource": ("GET", "/api/v1/nothings", {}, None),
    "no such resource of a group": ("GET", "/apis/apps/v1/nothings/none", {}, None),
    "no such group": ("GET", "/apis/projectcalico.org/v3", {}, None),
    "no such pool": ("GET", "/apis/crd.projectcalico.org/v1/ippools/none", {}, None),
    "no such kind of Calico's": ("GET", "/apis/crd.projectcalico.org/v1/nothings", {}, None),
    "no such path": ("GET", "/nothing", {}, None),
    "list of an empty namespace": ("GET", PODS.path("nowhere"), {}, None),
    "odd continue": ("GET", PODS.everywhere(), {"limit": 1, "continue": "nonsense"}, None),
    "odd limit": ("GET", PODS.everywhere(), {"limit": "many"}, None),
    "delete what is not there": ("DELETE", JOBS.path(SPACE, "none"), {}, None),
    "patch what is not there": ("PATCH", JOBS.path(SPACE, "none"), {}, {"spec": {}}),
    "job": ("POST", JOBS.path(SPACE), STRICT | DRY, LEASE),
    "account": ("POST", ACCOUNTS.path(SPACE), STRICT | DRY, ACCOUNT),
    "daemon set": ("POST", DAEMON_SETS.path(SPACE), STRICT | DRY, DAEMON_SET),
    "in no namespace": ("POST", JOBS.path("nowhere"), {}, _but(LEASE, meta_namespace="nowhere")),
    "in another namespace": ("POST", JOBS.path("default"), {}, LEASE),
    "that is there": ("POST", NAMESPACES, {}, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}),
    "odd name": ("POST", ACCOUNTS.path(SPACE), {}, _but(ACCOUNT, meta_name="Odd_Name")),
    "no name": ("POST", ACCOUNTS.path(SPACE), {}, _but(ACCOUNT, meta_name="")),
    "odd label": ("POST", ACCOUNTS.path(SPACE), {}, _but(ACCOUNT, meta_labels={"a": "b c"})),
    "odd pull policy": ("POST", DAEMON_SETS.path(SPACE), {}, _container(imagePullPolicy="Sometimes")),
    "no image": ("POST", DAEMON_SETS.path(SPACE), {}, _container(image="")),
    "odd restart policy": ("POST", DAEMON_SETS.path(SPACE), {}, _pod(restartPolicy="Never")),
    "selector that does not match": (
        "POST",
        DAEMON_SETS.path(SPACE),
        {},
        _but(DAEMON_SET, selector={"matchLabels": {"a": "b"}}),
    ),
    "negative number": ("POST", JOBS.path(SPACE), {}, _but(LEASE, activeDeadlineSeconds=-1)),
    "exec without upgrade": ("GET", EXEC.format("calico-node-8lv4l"), {"command": "true", "stdout": 1}, None),
    "exec in no pod": ("GET", EXEC.format("none"), {"command": "true", "stdout": 1}, None),
    "exec in no container": (
        "GET",
        EXEC.format("calico-node-8lv4l"),
        {"command": "true", "stdout": 1, "container": "other"},
        None,
    ),
    "review": (
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {},
        REVIEW | {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}},
    ),
}


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The lab's server with the same topology."""
    state = tmp_path_factory.mktemp("twin")
    process = launch(state, topology.DEFAULT)
    api = connect(state / "kubeconfig", None)
    try:
        yield api
    finally:
        api.close()
        end(process)


def _steady(value: Any) -> Any:
    """An object without what is another one each time."""
    if isinstance(value, dict):
        return {name: _steady(inner) for name, inner in value.items() if name not in VOLATILE}
    return [_steady(inner) for inner in value] if isinstance(value, list) else value


def _answer(api: Api, method: str, path: str, query: dict[str, Any], body: Any) -> Any:
    raw = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
    content = "application/merge-patch+json" if method == "PATCH" else "application/json"
    answer = api.transport.send(method, path, query, raw, content)
    try:
        told = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return answer.status, answer.body
    if told.get("kind") == "Status":
        return answer.status, {name: told.get(name) for name in ("status", "reason", "message", "details", "code")}
    return answer.status, _steady(told)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_same_answer(admin: Api, twin: Api, row: tuple[str, str, dict[str, Any], Any]) -> None:
    assert _answer(twin, *row) == _answer(admin, *row)


def _channels(api: Api, command: tuple[str, ...], sent: bytes) -> dict[int, bytes]:
    """What comes on each channel of an exec, and which protocol was spoken (as channel 99)."""
    query = [("container", "calico-node"), *(("command", word) for word in command)]
    query += [(name, "true") for name in ("stdin", "stdout", "stderr")]
    deadline = time.monotonic() + 20.0
    plug = ExecSocket(api.transport.dial(EXEC.format("calico-node-8lv4l"), urlencode(query), 20.0), deadline)
    found: dict[int, bytes] = {99: plug.protocol.encode()}
    try:
        plug.send(bytes([0]) + sent)
        plug.send(bytes([255, 0]))
        for message in plug.messages():
            found[message[0]] = found.get(message[0], b"") + message[1:]
    finally:
        plug.close()
    assert plug.closed is not None
    return found | {98: str(plug.closed.code).encode()}


COMMANDS = {
    "success": ("cat",),
    "exit status": ("sh", "-c", "cat; echo no good >&2; exit 3"),
    "signal": ("sh", "-c", "kill -9 $$"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_same_exec(real: RealApi, admin: Api, twin: Api, command: tuple[str, ...]) -> None:
    with exec_server(real, lambda _node: ()):
        assert _channels(twin, command, b"sent\0") == _channels(admin, command, b"sent\0")


def _refused(api: Api, level: str) -> dict[str, Any]:
    """What the DaemonSet controller says where Pod Security refuses its pods."""
    space = f"enforcing-{level}"
    labels = {"pod-security.kubernetes.io/enforce": level}
    api.post(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "labels": labels}})
    try:
        api.post(ACCOUNTS.path(space), _but(ACCOUNT, meta_namespace=space, meta_ownerReferences=[]))
        api.post(DAEMON_SETS.path(space), _but(DAEMON_SET, meta_namespace=space, meta_ownerReferences=[]))
        wait_until("the controller has tried", lambda: bool(_events(api, space)), 20.0)
        event = _events(api, space)[0]
        event["message"] = re.sub(r'pods "[^"]*"', "a pod", event["message"])
        return {name: event[name] for name in ("type", "reason", "message", "source", "reportingComponent")} | {
            name: event["involvedObject"][name] for name in ("kind", "apiVersion", "name")
        }
    finally:
        api.delete(DAEMON_SETS.path(space, DAEMON_SET["metadata"]["name"]))
        end_namespace(api, space)


def _events(api: Api, space: str) -> list[Any]:
    found: list[Any] = msgspec.json.decode(api.get(EVENTS.path(space)).body)["items"] or []
    return found


@pytest.mark.usefixtures("controlled")
@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_same_words_of_the_controller(admin: Api, twin: Api, level: str) -> None:
    assert _refused(twin, level) == _refused(admin, level)

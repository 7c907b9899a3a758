"""The lab's API server without a socket: asking it, and reading what it answers beside what was recorded."""

from __future__ import annotations

import copy
import json
import re
from datetime import UTC, datetime
from typing import Any

from lab.api.access import ADMIN, RESTRICTED
from lab.api.answers import Reply, Request, World, answer
from lab.api.store import Store
from lab.objects import Json, build, key_of
from lab.topology import load
from tests.unit.recorded_answers import recorded

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
PROBE = "/apis/apps/v1/namespaces/apir/daemonsets"
UNTOLD = {"uid": "u", "resourceVersion": "1", "creationTimestamp": "t", "managedFields": [], "time": "t"}


def plain(value: Any) -> Any:
    """A recorded or made value without what differs from run to run."""
    if isinstance(value, dict):
        kept = {name: UNTOLD[name] if name in UNTOLD else plain(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if name != "managedFields"}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return re.sub(r"kube-api-access-\w{5}", "kube-api-access-x", value) if isinstance(value, str) else value


def world(level: str = "privileged") -> World:
    """A server with the namespace of the recordings, Pod Security enforced in it."""
    made = World(Store(build(load(), NOW)), {"all": ADMIN, "less": RESTRICTED})
    labels = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn")}
    for name in ("apir", "apir2"):
        namespace = {"metadata": {"name": name, "labels": labels if name == "apir" else {}}}
        assert post(made, "/api/v1/namespaces", namespace).code == 201
        account = {
            "kind": "ServiceAccount",
            "apiVersion": "v1",
            "metadata": {"name": "default", "namespace": name, "uid": "sa"},
        }
        made.store.create(key_of(account), account)
    return made


def send(there: World, method: str, path: str, body: object = None, *, token: str = "all", **query: str) -> Reply:
    text = b"" if body is None else json.dumps(body).encode()
    return answer(there, Request(method, path, query, f"Bearer {token}", text))


def post(there: World, path: str, body: object, *, token: str = "all", **query: str) -> Reply:
    return send(there, "POST", path, body, token=token, **query)


def told(reply: Reply) -> tuple[int, str]:
    return reply.code, json.loads(reply.body)["message"]


def pod(**spec: object) -> Json:
    return {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x"}], **spec}}


def daemon_set(name: str = "probe", **spec: object) -> Json:
    made = copy.deepcopy(recorded("daemonset-warned.json")["request"]["body"])
    made["metadata"]["name"] = name
    made["spec"] |= spec
    return made  # type: ignore[no-any-return]

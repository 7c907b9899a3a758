"""The lab's objects in a real API server: what it accepts of them is what it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fixtures.api.session import RefusedError
from lab.objects import KINDS, Json, Kind, key, key_of, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fixtures.api import Api

SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "selfLink", "deletionTimestamp")
WITHOUT = ("daemonsets", "jobs", "events")  # controllers that are up would act on them
OWN_SERVICE = key("services", "kubernetes", "default")  # every server makes it itself
ORDER = ("customresourcedefinitions", "namespaces", "nodes", "serviceaccounts")


def definition(kind: Kind) -> Json:
    """A CustomResourceDefinition that keeps whatever is in an object."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": kind.version, "served": True, "storage": True, "schema": schema}
    names = {"plural": kind.plural, "singular": kind.singular, "kind": kind.kind, "listKind": f"{kind.kind}List"}
    scope = "Namespaced" if kind.namespaced else "Cluster"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {"group": kind.group, "names": names, "scope": scope, "versions": [version]},
    }


def load(api: Api, objects: Iterable[Json]) -> None:
    """Create what the lab holds. Pods and nodes get their status as a kubelet would write it."""
    for kind in KINDS:
        if kind.custom:
            _create(api, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition(kind))
    kept = [obj for obj in objects if key_of(obj).plural not in WITHOUT and key_of(obj) != OWN_SERVICE]
    kept += _accounts(kept)
    for obj in sorted(kept, key=lambda obj: _rank(key_of(obj).plural)):
        put(api, obj)


def _accounts(objects: Iterable[Json]) -> list[Json]:
    """The ServiceAccounts that the pods name: an API server lets no pod in without its own."""
    pods = [obj for obj in objects if obj["kind"] == "Pod"]
    names = {(pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName") or "default") for pod in pods}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}}
        for namespace, name in sorted(names)
    ]


def put(api: Api, obj: Json) -> None:
    """Create one object with its status."""
    at = key_of(obj)
    kind = kind_of(at.plural, at.group)
    path = folder(kind, at.namespace)
    metadata = {name: value for name, value in obj["metadata"].items() if name not in (*SERVERS_OWN, "ownerReferences")}
    _create(api, path, obj | {"metadata": metadata})
    if "status" in obj and kind.plural in ("pods", "nodes"):
        api.merge(f"{path}/{at.name}/status", {"status": obj["status"]})


def folder(kind: Kind, namespace: str = "") -> str:
    """Where objects of a kind are created."""
    group = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
    return f"{group}/namespaces/{namespace}/{kind.plural}" if namespace else f"{group}/{kind.plural}"


def _rank(plural: str) -> int:
    return ORDER.index(plural) if plural in ORDER else len(ORDER)


def _create(api: Api, path: str, obj: Json) -> None:
    """A definition is served a moment after it was made."""
    for _ in range(50):
        try:
            api.post(path, obj)
        except RefusedError as error:
            if error.status == 409 and "already exists" in error.message:
                return
            if error.status != 404:
                raise
            api.pause(0.2)
        else:
            return
    raise AssertionError(f"{path} does not take {obj['metadata']}")


def end_namespace(api: Api, name: str) -> None:
    """Remove an empty namespace at once, its controller running or not: that one's last word is said here."""
    path = f"/api/v1/namespaces/{name}"
    api.delete(path)
    last = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {"finalizers": []}}
    api.transport.send("PUT", f"{path}/finalize", body=msgspec.json.encode(last))

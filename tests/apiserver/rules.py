"""deploy/rbac.yaml in a real API server, for a user of the tests."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import yaml  # type: ignore[import-untyped]  # of the kubernetes client

from fixtures.api.session import RefusedError
from tests.e2e.suite import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fixtures.api import Api

FILE = PROJECT / "deploy" / "rbac.yaml"
GROUP = "/apis/rbac.authorization.k8s.io/v1"
PLURALS = {
    "Role": "roles",
    "ClusterRole": "clusterroles",
    "RoleBinding": "rolebindings",
    "ClusterRoleBinding": "clusterrolebindings",
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
}
Json = dict[str, Any]


def documents() -> list[Json]:
    """The file's objects."""
    return [document for document in yaml.safe_load_all(FILE.read_text()) if document]


def role(name: str, kind: str = "") -> Json:
    """One of its roles."""
    found = [each for each in documents() if each["metadata"]["name"] == name and each["kind"].endswith("Role")]
    return next(each for each in found if not kind or each["kind"] == kind)


def path_of(obj: Json, *, named: bool = True) -> str:
    """Where an object is, or is created."""
    root = GROUP if obj["apiVersion"].startswith("rbac.") else "/api/v1"
    namespace = obj["metadata"].get("namespace")
    space = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{space}/{PLURALS[obj['kind']]}" + (f"/{obj['metadata']['name']}" if named else "")


def user(name: str) -> Json:
    """A subject of a binding."""
    return {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name}


def binding(of: Json, who: str, namespace: str = "") -> Json:
    """A binding of a role to a user, in the whole cluster or in one namespace."""
    metadata = {"name": f"test-{of['metadata']['name']}"} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": of["kind"],
            "name": of["metadata"]["name"],
        },
        "subjects": [user(who)],
    }


@contextmanager
def applied(api: Api, objects: Sequence[Json]) -> Iterator[None]:
    """The objects are there for as long as the body runs; they are removed in the opposite order."""
    made: list[Json] = []
    try:
        for obj in objects:
            api.post(path_of(obj, named=False), obj)
            made.append(obj)
        yield
    finally:
        for obj in reversed(made):
            api.delete(path_of(obj))


def file_for(who: str) -> list[Json]:
    """The file, with a user as one more subject of its bindings."""
    return [each | {"subjects": [*each["subjects"], user(who)]} if "subjects" in each else each for each in documents()]


@contextmanager
def without(api: Api, of: Json, rules: Sequence[Json]) -> Iterator[None]:
    """A role with these rules alone, for as long as the body runs."""
    api.merge(path_of(of), {"rules": list(rules)})
    try:
        yield
    finally:
        api.merge(path_of(of), {"rules": of["rules"]})


@contextmanager
def unbound(api: Api, name: str) -> Iterator[None]:
    """One of the server's own ClusterRoleBindings is away for as long as the body runs."""
    path = f"{GROUP}/clusterrolebindings"
    found = msgspec.json.decode(api.get(f"{path}/{name}").body)
    kept = {field: found[field] for field in ("apiVersion", "kind", "roleRef", "subjects")}
    api.delete(f"{path}/{name}")
    try:
        yield
    finally:
        api.post(path, kept | {"metadata": {"name": name}})


def is_there(api: Api, path: str) -> bool:
    """Whether an object is there."""
    try:
        api.get(path)
    except RefusedError as error:
        if error.status != 404:
            raise
        return False
    return True

"""Roles and bindings on the lab's API server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.api.rbac import Grants, groups_of
from lab.objects import key_of
from tests.unit.lab_api_asking import post, send, told, world

if TYPE_CHECKING:
    from lab.api.answers import World
    from lab.objects import Json

RBAC = "rbac.authorization.k8s.io"
ME = "system:serviceaccount:tools:runner"


def role(name: str, *rules: Json, namespace: str = "") -> Json:
    kind = "Role" if namespace else "ClusterRole"
    meta = {"name": name, "uid": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": meta, "rules": list(rules)}


def bound(of: Json, subject: Json, namespace: str = "") -> Json:
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    meta = {"name": f"b-{of['metadata']['name']}", "uid": "b"} | ({"namespace": namespace} if namespace else {})
    ref = {"apiGroup": RBAC, "kind": of["kind"], "name": of["metadata"]["name"]}
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": meta, "roleRef": ref, "subjects": [subject]}


def ruled(*objects: Json) -> World:
    """A server on which the token `less` is ME, who may what these roles and bindings give."""
    there = world()
    there.tokens["less"] = ME
    there.grants = Grants(there.store, ME, groups_of(ME))
    for obj in objects:
        there.store.create(key_of(obj), obj)
    return there


SELF = {"kind": "ServiceAccount", "name": "runner", "namespace": "tools"}
LISTS = {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["list"]}
ONE = LISTS | {"verbs": ["get"], "resources": ["namespaces"], "resourceNames": ["apir"]}
APPS = LISTS | {"apiGroups": ["apps"], "resources": ["*"]}
GROUP = {"kind": "Group", "name": "system:serviceaccounts:tools"}
PODS = "/api/v1/namespaces/apir/pods"
EXEC = {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create", "get"]}


@pytest.mark.parametrize(
    ("objects", "path", "code"),
    [
        ((), "/api/v1/nodes", 403),
        ((role("r", LISTS),), "/api/v1/nodes", 403),  # bound to nobody
        ((role("r", LISTS), bound(role("r"), SELF)), "/api/v1/nodes", 200),
        ((role("r", LISTS), bound(role("r"), SELF)), PODS, 200),
        ((role("r", LISTS), bound(role("r"), SELF)), "/api/v1/services", 403),
        ((role("r", LISTS), bound(role("r"), SELF)), "/api/v1/namespaces/apir/pods/p", 403),  # get is not list
        ((role("r", LISTS), bound(role("r"), SELF, "apir")), PODS, 200),
        ((role("r", LISTS), bound(role("r"), SELF, "apir")), "/api/v1/namespaces/apir2/pods", 403),
        ((role("r", LISTS), bound(role("r"), SELF, "apir")), "/api/v1/pods", 403),
        ((role("r", LISTS, namespace="apir"), bound(role("r", namespace="apir"), SELF, "apir")), PODS, 200),
        ((role("r", LISTS), bound(role("r"), {"kind": "User", "name": ME})), "/api/v1/nodes", 200),
        ((role("r", LISTS), bound(role("r"), GROUP)), "/api/v1/nodes", 200),
        ((role("r", LISTS), bound(role("r"), {"kind": "Group", "name": "system:masters"})), "/api/v1/nodes", 403),
        ((role("r", LISTS), bound(role("r"), SELF | {"namespace": "other"})), "/api/v1/nodes", 403),
        ((role("r", LISTS | {"resources": ["*"]}), bound(role("r"), SELF)), "/api/v1/services", 200),
        ((role("r", APPS), bound(role("r"), SELF)), "/api/v1/nodes", 403),
        (
            (role("r", ONE), bound(role("r"), SELF)),
            "/api/v1/namespaces/apir",
            200,
        ),
        (
            (role("r", ONE), bound(role("r"), SELF)),
            "/api/v1/namespaces/apir2",
            403,
        ),
        ((), "/version", 200),
    ],
)  # fmt: skip
def test_roles_and_bindings_decide(objects: tuple[Json, ...], path: str, code: int) -> None:
    assert send(ruled(*objects), "GET", path, token="less").code == code


def test_a_review_tells_who_allowed_it() -> None:
    there = ruled(role("r", EXEC), bound(role("r"), SELF, "apir"))
    for namespace, allowed in (("apir", True), ("apir2", False)):
        attributes = {"verb": "create", "resource": "pods", "subresource": "exec", "namespace": namespace}
        review = {"spec": {"resourceAttributes": attributes}}
        reply = post(there, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review, token="less")
        verdict = json.loads(reply.body)["status"]
        assert verdict["allowed"] is allowed
    assert json.loads(
        post(there, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
             {"spec": {"resourceAttributes": attributes | {"namespace": "apir"}}}, token="less").body
    )["status"]["reason"] == (
        'RBAC: allowed by RoleBinding "b-r/apir" of ClusterRole "r" to ServiceAccount "runner/tools"'
    )  # fmt: skip


def test_nobody_binds_more_than_he_has() -> None:
    makes = {"apiGroups": [RBAC], "resources": ["rolebindings"], "verbs": ["create"]}
    path = f"/apis/{RBAC}/v1/namespaces/apir/rolebindings"
    there = ruled(role("mine", makes), bound(role("mine"), SELF), role("scc", EXEC))
    binding = bound(role("scc"), SELF) | {"kind": "RoleBinding", "metadata": {"name": "grab"}}
    code, message = told(post(there, path, binding, token="less"))
    assert code == 403
    assert f'user "{ME}" (groups=["system:serviceaccounts", ' in message
    assert message.endswith('{APIGroups:[""], Resources:["pods/exec"], Verbs:["create", "get"]}')
    absent = binding | {"roleRef": {"kind": "ClusterRole", "name": "no"}}
    assert post(there, path, absent, token="less").code == 404
    may_bind = {"apiGroups": [RBAC], "resources": ["clusterroles"], "resourceNames": ["scc"], "verbs": ["bind"]}
    for more in (role("binder", may_bind), role("has", EXEC)):
        there = ruled(role("mine", makes), bound(role("mine"), SELF), role("scc", EXEC), more, bound(more, SELF))
        made = post(there, path, binding, token="less")
        assert made.code == 201
        assert json.loads(made.body)["roleRef"]["apiGroup"] == RBAC

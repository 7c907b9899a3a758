"""A real API server takes every object of a run as it is: no field unknown, none warned of, none filled in against
what was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from fixtures.api import connect, list_cluster
from fixtures.deploy import manifests
from fixtures.deploy.manifests import Platform
from fixtures.deploy.places import ACCOUNTS, BINDINGS, DAEMON_SETS, JOBS, NAMESPACES, Kind
from fixtures.deploy.plan import Plan, objects, plan
from fixtures.deploy.settings import SCC, ProbeSettings
from tests.apiserver.load import end_namespace
from tests.apiserver.rules import applied
from tests.apiserver.server import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.api import Api
    from fixtures.api.transport import Answer
    from tests.apiserver.server import RealApi

KINDS = {"Job": JOBS, "ServiceAccount": ACCOUNTS, "RoleBinding": BINDINGS, "DaemonSet": DAEMON_SETS}
STRICT = {"fieldValidation": "Strict"}
RUN = "0123456789"
OWNER = manifests.owner_of({"metadata": {"name": "calico-conformance-lease-0123456789", "uid": RUN}})
VARIANTS: dict[str, dict[str, object]] = {
    "defaults": {},
    "without packets": {"packets": False},
    "kept": {"keep": True, "idle_seconds": 1800},
    "openshift": {"openshift": True},
    "pull secret": {"pull_secret": "registry-login", "pull_policy": "Always"},
    "no priority class": {"priority_class": ""},
    "another class": {"priority_class": "system-cluster-critical"},
    "another image": {
        "registry": "mirror.example.com:5000/hub",
        "image": "docker.io/library/python@sha256:" + "0" * 64,
    },
}


def _settings(variant: dict[str, object]) -> ProbeSettings:
    return msgspec.structs.replace(ProbeSettings(namespace="objects"), **variant)


@pytest.fixture(scope="module")
def space(real: RealApi) -> Iterator[None]:
    """A namespace as a run makes it, and what OpenShift has."""
    api = connect(real.kubeconfig, ADMIN)
    wanted = manifests.namespace(_settings({}), RUN)
    answer = api.transport.send("POST", NAMESPACES, STRICT, msgspec.json.encode(wanted))
    assert (answer.status, answer.headers.get("warning")) == (201, None), answer.body
    constraint = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": SCC}}
    with applied(api, [constraint | {"rules": []}]):
        yield
    end_namespace(api, "objects")
    api.close()


def _take(api: Api, wanted: dict[str, Any]) -> dict[str, Any]:
    """The object as the server would have it: it is accepted strictly, and without a warning."""
    answer = _ask(api, wanted)
    assert (answer.status, answer.headers.get("warning")) == (201, None), answer.body
    made: dict[str, Any] = msgspec.json.decode(answer.body)
    return made


def _ask(api: Api, wanted: dict[str, Any], namespace: str = "objects") -> Answer:
    kind: Kind = KINDS[wanted["kind"]]
    query = STRICT | {"dryRun": "All"}
    return api.transport.send("POST", kind.path(namespace), query, msgspec.json.encode(wanted))


def _within(wanted: Any, made: Any, where: str = "") -> Iterator[str]:
    """Where the server's object differs from what was asked for. What it adds is its own affair."""
    if isinstance(wanted, dict) and isinstance(made, dict):
        for name, value in wanted.items():
            yield from _within(value, made.get(name), f"{where}.{name}")
    elif isinstance(wanted, list) and isinstance(made, list) and len(wanted) == len(made):
        for number, (one, other) in enumerate(zip(wanted, made, strict=True)):
            yield from _within(one, other, f"{where}[{number}]")
    elif wanted != made and not (wanted in ("", False, 0) and made is None):
        yield f"{where}: {wanted!r} became {made!r}"


@pytest.mark.usefixtures("space")
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("selected", [False, True], ids=["all nodes", "selected nodes"])
def test_objects_are_taken_as_they_are(admin: Api, variant: dict[str, object], selected: bool) -> None:
    settings = _settings(variant)
    nodes = list(list_cluster(admin).nodes)
    made = plan(admin, nodes[:2] if selected else nodes, selected=selected)
    wanted = [manifests.lease(settings, RUN), *objects(settings, RUN, made, OWNER)]
    assert [obj["kind"] for obj in wanted if obj["kind"] != "RoleBinding"] == ["Job", "ServiceAccount", "DaemonSet"]
    for obj in wanted:
        assert list(_within(obj, _take(admin, obj))) == []


@pytest.mark.usefixtures("space")
def test_nodes_without_calico_get_a_daemon_set_of_their_own(admin: Api) -> None:
    nodes = list(list_cluster(admin).nodes)
    bare = msgspec.structs.replace(nodes[0], name="bare")
    made = plan(admin, [*nodes, bare], selected=False)
    assert [aim.suffix for aim in made.aims] == ["", "-bare"]
    for obj in objects(_settings({}), RUN, made, OWNER):
        assert list(_within(obj, _take(admin, obj))) == []


@pytest.mark.usefixtures("space")
def test_objects_for_older_servers_are_taken_and_told_as_old(admin: Api) -> None:
    made = Plan(Platform(minor=29), plan(admin, list(list_cluster(admin).nodes), selected=False).aims)
    daemon_set = objects(_settings({}), RUN, made, OWNER)[-1]
    answer = _ask(admin, daemon_set)
    assert answer.status == 201
    assert "deprecated since v1.30" in answer.headers["warning"]


def test_warnings_and_unknown_fields_would_be_seen(admin: Api) -> None:
    made = plan(admin, list(list_cluster(admin).nodes), selected=False)
    settings = _settings({"namespace": "default"})
    daemon_set = objects(settings, RUN, made, OWNER)[-1]
    odd = _ask(admin, daemon_set | {"spec": daemon_set["spec"] | {"replicas": 3}}, "default")
    assert odd.status == 400
    assert b'unknown field \\"spec.replicas\\"' in odd.body
    admin.post(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "unlabelled"}})
    try:
        plain = daemon_set | {"metadata": daemon_set["metadata"] | {"namespace": "unlabelled"}}
        assert "would violate PodSecurity" in _ask(admin, plain, "unlabelled").headers["warning"]
        lease = manifests.lease(_settings({"namespace": "unlabelled"}), RUN)
        assert _ask(admin, lease, "unlabelled").headers.get("warning") is None  # its template keeps to `restricted`
    finally:
        end_namespace(admin, "unlabelled")

"""deploy/rbac.yaml is made of the table, and is what Kubernetes takes for roles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # of the kubernetes client

from fixtures.api.listing import path
from fixtures.decode.resources import RESOURCES, V1
from fixtures.permissions import OWN, asked, reading
from fixtures.rbac_file import document
from gate.ways import WAYS

FILE = Path(__file__).parents[2] / "deploy" / "rbac.yaml"


def test_file_is_that_of_the_table() -> None:
    assert FILE.read_text() == document(), "make it anew: python -m fixtures.rbac_file > deploy/rbac.yaml"


def _documents() -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(document()) if found]


def _rules(role: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (verb, rule["apiGroups"][0], rule["resources"][0])
        for rule in role["rules"]
        for verb in rule["verbs"]
        if len(rule["apiGroups"]) == len(rule["resources"]) == 1
    }


def test_roles_hold_the_table_and_no_more() -> None:
    roles = {
        found["metadata"]["name"]: _rules(found) for found in _documents() if found["kind"] in ("Role", "ClusterRole")
    }

    def of(entries: Any) -> set[tuple[str, str, str]]:
        return {(verb, entry.group, entry.resource) for entry in entries for verb in entry.verbs}

    assert roles["calico-conformance-read"] == of(reading())
    assert roles["calico-conformance-kube"] == of(asked("kube"))
    assert roles["calico-conformance-calico-node"] == of(asked("calico-node"))


def test_only_what_is_bound_is_granted() -> None:
    bound = {found["roleRef"]["name"] for found in _documents() if found["kind"].endswith("Binding")}
    assert bound == {"calico-conformance-read", "calico-conformance-kube"}


def test_reading_never_writes_and_covers_every_list() -> None:
    assert {verb for entry in reading() for verb in entry.verbs} == {"list"}
    listed = {path(resource, V1).rpartition("/")[2] for resource in RESOURCES}
    assert listed <= {entry.resource for entry in reading()}


def test_every_way_is_in_the_table() -> None:
    assert set(OWN) == set(WAYS)

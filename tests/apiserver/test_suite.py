"""The whole suite through a real API server: the lab's nodes and network, Kubernetes' own control plane, and a user who
may do what deploy/rbac.yaml allows, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fixtures.deploy.settings import NAMESPACE
from fixtures.permissions import CALICO_NODE, KUBE, MAKES_NAMESPACE, OPENSHIFT, reading
from lab import faults, topology
from tests.apiserver.kubelet import kubelets
from tests.apiserver.kubelet_exec import ExecServer, exec_server
from tests.apiserver.rules import applied, binding, role
from tests.apiserver.server import RUNNER
from tests.e2e.suite import Run, judged, run
from tests.lab.conftest import lab_up
from tests.lab.kube_lab import left

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fixtures.api import Api
    from fixtures.permissions import Permission
    from lab.state import Lab
    from tests.apiserver.server import RealApi

pytestmark = pytest.mark.root
REVIEWS = "selfsubjectaccessreviews"  # every user may ask what he may do


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with lab_up("realapi", topology.DEFAULT) as made:
        yield made


@pytest.fixture(scope="module")
def server(controlled: RealApi, file: None, lab: Lab) -> Iterator[ExecServer]:
    """The nodes' kubelets, which lead into the lab's namespaces."""
    pids = {name: node.pid for name, node in lab.state().nodes.items()}

    def enter(node: str) -> tuple[str, ...]:
        return "nsenter", f"--target={pids[node]}", "--mount", "--net", "--"

    with kubelets(controlled), exec_server(controlled, enter) as made:
        yield made


def _run(real: RealApi, out: Path, *options: str) -> Run:
    return run(out, f"--kubeconfig={real.kubeconfig}", f"--context={RUNNER}", "--settle=0", *options)


def _asked(events: Iterable[Any]) -> set[tuple[str, str, str]]:
    """Verb, group and resource of what was asked for, as it was authorised. Discovery is for everybody."""
    found = set()
    for event in events:
        what = event.get("objectRef")
        if what is not None and what["resource"] != REVIEWS:
            resource = "/".join(filter(None, (what["resource"], what.get("subresource"))))
            found.add((event["verb"], what.get("apiGroup", ""), resource))
    return found


def _granted(entries: Iterable[Permission], *but: str) -> set[tuple[str, str, str]]:
    return {(verb, entry.group, entry.resource) for entry in entries if entry.when not in but for verb in entry.verbs}


NOT_SERVED = "projectcalico.org"
READING = {triple for triple in _granted(entry for entry in reading() if not entry.when) if triple[1] != NOT_SERVED}
LATER = {
    ("patch", "batch", "jobs"),  # the lease is renewed every minute, and this run is shorter
    ("create", "", "pods/exec"),  # what servers from 1.35 on ask for a websocket, which is a GET
}


def test_lab_conforms_by_the_rules_of_the_file_each_of_which_is_used(
    controlled: RealApi, server: ExecServer, lab: Lab, admin: Api, tmp_path: Path
) -> None:
    before = len(controlled.audited())
    done = judged(_run(controlled, tmp_path), 0, "The cluster conforms", "by way of kube")
    assert done.document["unobserved"] == done.document["unasked"] == []
    assert left(admin) == set()
    events = controlled.audited()[before:]
    assert _asked(events) | LATER == READING | _granted(KUBE, MAKES_NAMESPACE, OPENSHIFT)
    assert {event["responseStatus"]["code"] for event in events} <= {101, 200, 201, 404}  # v3's group is not there
    writes = [event for event in events if event["verb"] not in ("get", "list")]
    foreign = [
        event["requestURI"]
        for event in writes
        if event["objectRef"]["resource"] != REVIEWS
        and not (
            event["objectRef"]["namespace"] == NAMESPACE
            and event["objectRef"]["name"].startswith("calico-conformance-")
        )
    ]
    assert foreign == []


def test_fault_is_found_as_by_the_lab_way(controlled: RealApi, server: ExecServer, lab: Lab, tmp_path: Path) -> None:
    with faults.broken(lab, "F37"):
        found = judged(_run(controlled, tmp_path / "real", "--packets=off"), 1)
        known = run(tmp_path / "lab", f"--kubeconfig={lab.kubeconfig}", "--reach=lab", "--settle=0", "--packets=off")
    assert found.ids == known.ids != set()


def test_calico_node_way_needs_its_one_rule(
    controlled: RealApi, server: ExecServer, admin: Api, tmp_path: Path
) -> None:
    before = len(controlled.audited())
    with applied(admin, [binding(role("calico-conformance-calico-node"), RUNNER, "kube-system")]):
        judged(_run(controlled, tmp_path, "--reach=calico-node"), 0, "by way of calico-node")
    asked = _asked(controlled.audited()[before:])
    assert asked | {("create", "", "pods/exec")} == READING | _granted(CALICO_NODE)

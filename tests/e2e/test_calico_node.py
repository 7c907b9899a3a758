"""`--reach calico-node`, as a user runs it: what it sees is judged as by every other way in, what it cannot see is not
asked and said so, and what stands in its way is one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml  # type: ignore[import-untyped]

from fixtures.api import connect
from fixtures.reach.calico_node_pods import calico_node_pods
from lab import faults
from lab.api.control import Control
from lab.api.trouble import Trouble
from tests.e2e.suite import PROJECT, Run, finished, judged, run, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.state import Lab

INSIDE = "the way in (calico-node) cannot see what is inside a pod's network namespace"
PACKETS = "the way in (calico-node) cannot send packets"

ROLES = PROJECT / "deploy" / "rbac.yaml"
RUNNER = "system:serviceaccount:calico-conformance:calico-conformance-runner"
BINDING = {  # as the file's comment says
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "calico-conformance", "namespace": "kube-system"},
    "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "calico-conformance-calico-node",
    },
    "subjects": [
        {"kind": "ServiceAccount", "name": "calico-conformance-runner", "namespace": "calico-conformance"},
    ],
}


def _look(lab: Lab, out: Path, *options: str, reach: str = "calico-node", context: str = "lab") -> Run:
    given = (f"--kubeconfig={lab.kubeconfig}", f"--context={context}", f"--reach={reach}", *options)
    return run(out, "--settle=0", *given)


@pytest.fixture
def control(lab: Lab) -> Iterator[Control]:
    door = Control(lab.directory)
    yield door
    door.well()
    door.allow_all()


def test_a_healthy_lab_conforms_and_what_was_not_asked_is_said(lab: Lab, tmp_path: Path) -> None:
    kept = tmp_path / "kept.zst"
    done = judged(_look(lab, tmp_path / "live", "-n2", f"--record={kept}"), 0, "The cluster conforms", INSIDE, PACKETS)
    assert done.ids == set()
    assert done.document["unobserved"] == []
    assert {entry["reason"] for entry in done.document["unasked"]} == {INSIDE, PACKETS}
    asked = {check["check"] for check in done.document["checks"] if check["passed"]}
    assert asked >= {
        "host_route_leads_to_its_pod",
        "node_routes_every_other_nodes_blocks",
        "bgp_sessions_are_established",
    }
    assert "pod_has_eth0_and_it_is_up" not in asked
    again = judged(run(tmp_path / "again", f"--replay={kept}"), 0)
    assert again.findings_bytes == done.findings_bytes


@pytest.mark.parametrize("fault", ["F19", "F28", "F37", "F15"])
def test_a_fault_of_the_host_is_found_as_by_the_probe(lab: Lab, tmp_path: Path, fault: str) -> None:
    with faults.broken(lab, fault):
        wanted = _look(lab, tmp_path / "lab", "--packets=off", reach="lab")
        found = judged(_look(lab, tmp_path / "calico-node"), 1)
    assert found.ids == wanted.ids
    assert found.ids


def test_a_fault_inside_a_pod_is_not_asked_for(lab: Lab, tmp_path: Path) -> None:
    with faults.broken(lab, "F1"):
        done = judged(_look(lab, tmp_path), 0, INSIDE)
    assert done.ids == set()


def test_a_node_whose_pod_is_gone_is_one_line(lab: Lab, control: Control, tmp_path: Path) -> None:
    control.kubelet("worker2", dead=True)
    done = judged(_look(lab, tmp_path), 6, "worker2: node worker2, container calico-node of pod", "TCP port 10250")
    assert done.document["unreachable"] == ["worker2"]
    assert done.ids == set()


def test_exec_that_is_not_allowed_is_told_as_the_rule_to_add_before_anything_else(
    lab: Lab, control: Control, tmp_path: Path
) -> None:
    control.deny("", "pods/exec", "create", "")
    before = len(control.served())
    done = _look(lab, tmp_path, context="lab-restricted")
    assert done.code not in {0, 1}, done.said
    assert "not allowed to create pods/exec" in done.said
    assert '- {apiGroups: [""], resources: ["pods/exec"], verbs: ["create"]}' in done.said
    assert not [entry for entry in control.served()[before:] if entry.path.endswith("/exec")]


def test_a_list_that_is_forbidden_and_few_need_is_said_as_not_asked(lab: Lab, control: Control, tmp_path: Path) -> None:
    control.deny("", "services")
    control.deny("crd.projectcalico.org", "bgpfilters")
    done = judged(_look(lab, tmp_path, context="lab-restricted"), 0, 'resources: ["services"], verbs: ["list"]')
    told = {entry["reason"].partition(";")[0] for entry in done.document["unasked"]}
    assert told >= {"not allowed to list services", "not allowed to list bgpfilters"}


def test_a_dry_run_asks_the_same_and_shows_what_would_be_run(lab: Lab, control: Control, tmp_path: Path) -> None:
    options = (f"--kubeconfig={lab.kubeconfig}", "--context=lab-restricted", "--reach=calico-node", "--dry-run")
    shown = finished(started(tmp_path, *options), tmp_path)
    assert shown.code == 5, shown.said
    assert "# worker1: kubectl -n kube-system exec -i calico-node-" in shown.said
    assert "#   $limit birdcl -s" in shown.said.replace("#       ", "#   ")
    assert "create/get pods/exec" in shown.said
    control.deny("", "pods/exec")
    refused = finished(started(tmp_path, *options), tmp_path)
    assert refused.code == 6, refused.said
    assert '- {apiGroups: [""], resources: ["pods/exec"], verbs: ["create", "get"]}' in refused.said


def test_the_published_roles_are_enough(lab: Lab, control: Control, tmp_path: Path) -> None:
    published = [entry for entry in yaml.safe_load_all(ROLES.read_text()) if entry]
    control.rbac([*published, BINDING], RUNNER)
    done = judged(_look(lab, tmp_path, context="lab-restricted"), 0, "The cluster conforms")
    assert done.document["unobserved"] == []


def test_an_answer_that_was_cut_is_no_answer(lab: Lab, control: Control, tmp_path: Path) -> None:
    control.trouble(Trouble("exec-drop", node="worker1", after=20_000, times=0))
    done = judged(_look(lab, tmp_path), 6, "the connection was cut before the command's end was told")
    assert done.document["unreachable"] == ["worker1"]
    assert done.ids == set()


def test_without_any_calico_node_pod_another_way_is_named(served: Control, tmp_path: Path) -> None:
    api = connect(served.state_dir / "kubeconfig", "lab")
    for pod in calico_node_pods(api).values():
        served.delete("pods", pod.name, pod.namespace)
    done = run(tmp_path, f"--kubeconfig={served.state_dir / 'kubeconfig'}", "--context=lab", "--reach=calico-node")
    assert done.code not in {0, 1}, done.said
    assert "none of the 3 nodes has a calico-node pod (label k8s-app=calico-node)" in done.said
    assert "--reach ssh" in done.said

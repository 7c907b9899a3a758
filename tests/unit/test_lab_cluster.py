"""The lab's DaemonSet controller and nodes, beside what was recorded."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import kubernetes
import pytest

from lab.api.admission import Refusal
from tests.unit import lab_cluster
from tests.unit.lab_api_asking import plain
from tests.unit.lab_api_client import (
    Client,
    daemon_set,
    gone,
    pods,
    running,
    told,
    until,
)
from tests.unit.recorded_answers import recorded

if TYPE_CHECKING:
    from pathlib import Path

    from lab.api.control import Control
    from lab.objects import Json

NODES = {"host1", "worker1", "worker2"}
state_dir, client, control, here = lab_cluster.state_dir, lab_cluster.client, lab_cluster.control, lab_cluster.here


def test_a_daemon_set_runs_on_every_node(client: Client, here: str) -> None:
    made = client.apps.create_namespaced_daemon_set(here, daemon_set())
    assert made.status.desired_number_scheduled == 0  # the controller has not seen it yet
    until("its pods", lambda: running(client, here))
    found = pods(client, here)
    assert {pod["spec"]["nodeName"] for pod in found} == NODES
    owner = found[0]["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("DaemonSet", made.metadata.uid, True)
    assert set(found[0]["metadata"]["labels"]) == {"run", "controller-revision-hash", "pod-template-generation"}
    status = client.send("GET", f"/apis/apps/v1/namespaces/{here}/daemonsets/probe")[1]["status"]
    assert status == {
        "currentNumberScheduled": 3, "numberMisscheduled": 0, "desiredNumberScheduled": 3, "numberReady": 3,
        "observedGeneration": 1, "updatedNumberScheduled": 3, "numberAvailable": 3,
    }  # fmt: skip
    reasons = {reason for reason, _ in told(client, here)}
    assert reasons == {"SuccessfulCreate", "Scheduled", "Pulled", "Created", "Started"}


def test_the_clients_own_models_go_and_come(client: Client, here: str) -> None:
    body = kubernetes.client.V1DaemonSet.from_dict(daemon_set() | {"apiVersion": "apps/v1", "kind": "DaemonSet"})
    made = client.apps.create_namespaced_daemon_set(here, body)
    asked, given = body.spec.template.spec.containers[0], made.spec.template.spec.containers[0]
    assert given.security_context == asked.security_context
    assert (asked.image_pull_policy, given.image_pull_policy) == (None, "IfNotPresent")
    until("its pods", lambda: running(client, here))
    listed = client.core.list_namespaced_pod(
        here, label_selector="run=probe", field_selector="spec.nodeName=host1"
    ).items
    assert [pod.status.host_ip for pod in listed] == ["10.0.0.10"]
    preconditions = kubernetes.client.V1Preconditions(uid=made.metadata.uid)
    options = kubernetes.client.V1DeleteOptions(propagation_policy="Background", preconditions=preconditions)
    client.apps.delete_namespaced_daemon_set("probe", here, body=options)
    until("them to go", lambda: not pods(client, here))


def test_a_deleted_pod_is_made_again_and_its_process_is_gone(client: Client, here: str, state_dir: Path) -> None:
    body = daemon_set()
    program = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    body["spec"]["template"]["spec"]["containers"][0]["command"] = ["python3", "-c", program]
    client.apps.create_namespaced_daemon_set(here, body)
    until("its pods", lambda: running(client, here))
    first = pods(client, here)[0]["metadata"]
    log = state_dir / "containers" / f"{here}_{first['name']}_p.log"
    pid = int(until("its number", lambda: log.exists() and log.read_text()))
    assert os.path.exists(f"/proc/{pid}")  # noqa: PTH110
    client.core.delete_namespaced_pod(first["name"], here)
    until("another one", lambda: first["uid"] not in {pod["metadata"]["uid"] for pod in pods(client, here)})
    assert not os.path.exists(f"/proc/{pid}")  # noqa: PTH110
    until("it to run", lambda: running(client, here))


@pytest.mark.parametrize(
    ("spec", "nodes"),
    [
        ({"tolerations": []}, {"worker1", "worker2"}),
        ({"nodeSelector": {"kubernetes.io/hostname": "worker2"}}, {"worker2"}),
        ({"nodeSelector": {"nothing": "x"}}, set()),
    ],
)
def test_a_daemon_set_runs_where_it_may(client: Client, here: str, spec: Json, nodes: set[str]) -> None:
    client.apps.create_namespaced_daemon_set(here, daemon_set(**spec))
    until("the status", lambda: client.apps.read_namespaced_daemon_set("probe", here).status.observed_generation)
    assert {pod["spec"]["nodeName"] for pod in pods(client, here)} == nodes
    assert client.apps.read_namespaced_daemon_set("probe", here).status.desired_number_scheduled == len(nodes)


def test_a_refused_daemon_set_says_so_as_recorded(client: Client, control: Control) -> None:
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    client.core.create_namespace({"metadata": {"name": "apir", "labels": labels}})
    until("the account", lambda: client.core.list_namespaced_service_account("apir").items)
    client.send(
        "POST", "/apis/apps/v1/namespaces/apir/daemonsets", recorded("daemonset-warned.json")["request"]["body"]
    )
    until("the refusals", lambda: len(told(client, "apir")) > 3)
    _, mine = client.send("GET", "/apis/apps/v1/namespaces/apir/daemonsets/probe")
    theirs = recorded("daemonset-status-refused.json")["body"]
    # Somebody who tolerates nothing is not wanted on the control plane; the recorded one had no taint.
    wanted = {name: count - 1 if count == 3 else count for name, count in theirs["status"].items()}
    assert plain(mine | {"status": {}}) == plain(theirs | {"status": {}})
    assert mine["status"] == wanted
    _, events = client.send("GET", "/api/v1/namespaces/apir/events?limit=3")
    shapes = [alike(event) for event in events["items"]]
    assert shapes == [alike(event) for event in recorded("events-refused.json")["body"]["items"]]
    assert events["metadata"]["continue"]
    client.core.delete_namespace("apir")
    until("it to go", lambda: gone(lambda: client.core.read_namespace("apir")))


def alike(event: Json) -> Json:
    made = plain(event)
    made["metadata"]["name"] = re.sub(r"\.[0-9a-f]{16}$", ".x", made["metadata"]["name"])
    made["message"] = re.sub(r"probe-\w{5}", "probe-x", made["message"])
    return made | {"firstTimestamp": "t", "lastTimestamp": "t"}  # type: ignore[no-any-return]


def test_a_quota_lifts_and_the_pods_come(client: Client, control: Control, here: str) -> None:
    control.refuse(Refusal("quota", "pods", here))
    client.apps.create_namespaced_daemon_set(here, daemon_set())
    until("the refusal", lambda: any("exceeded quota" in message for _, message in told(client, here)))
    assert pods(client, here) == []
    control.admit_all()
    until("its pods", lambda: running(client, here))


def test_a_dead_kubelet_starts_and_ends_nothing(client: Client, control: Control, here: str) -> None:
    control.kubelet("worker1", noticed=True)
    ready = [each for each in client.core.read_node("worker1").status.conditions if each.type == "Ready"]
    assert (ready[0].status, ready[0].reason) == ("Unknown", "NodeStatusUnknown")
    client.apps.create_namespaced_daemon_set(here, daemon_set())
    until("the others", lambda: client.apps.read_namespaced_daemon_set("probe", here).status.number_ready == 2)
    late = {pod["status"]["phase"] for pod in pods(client, here) if pod["spec"]["nodeName"] == "worker1"}
    assert late == {"Pending"}
    control.kubelet("worker1", dead=False)
    until("its pods", lambda: running(client, here))
    assert client.core.read_node("worker1").spec.taints is None


def test_a_node_may_be_slow(client: Client, control: Control, here: str) -> None:
    control.kubelet("worker1", dead=False, start_seconds=600.0)
    client.apps.create_namespaced_daemon_set(here, daemon_set())
    until("the others", lambda: client.apps.read_namespaced_daemon_set("probe", here).status.number_ready == 2)
    until("its creation", lambda: waiting_on(client, here, "worker1") == "ContainerCreating")


def waiting_on(client: Client, here: str, node: str) -> str:
    found = [pod for pod in pods(client, here) if pod["spec"]["nodeName"] == node]
    states = found[0]["status"].get("containerStatuses") or [{"state": {}}]
    return str(states[0]["state"].get("waiting", {}).get("reason", ""))


def test_a_node_that_comes_gets_its_pod_and_keeps_it_pending(client: Client, control: Control, here: str) -> None:
    """A Node object that somebody adds has no kubelet."""
    client.apps.create_namespaced_daemon_set(here, daemon_set())
    until("its pods", lambda: running(client, here))
    node = control.get("nodes", "worker2")
    control.create(node | {"metadata": node["metadata"] | {"name": "ghost", "uid": "ghost"}})
    try:
        until(
            "one more",
            lambda: client.apps.read_namespaced_daemon_set("probe", here).status.desired_number_scheduled == 4,
        )
        until("its pod", lambda: len(pods(client, here)) == 4)
        ghost = next(pod for pod in pods(client, here) if pod["spec"].get("nodeName") == "ghost")
        assert ghost["status"]["phase"] == "Pending"
        client.core.delete_namespaced_pod(ghost["metadata"]["name"], here, grace_period_seconds=0)
    finally:
        control.delete("nodes", "ghost")
    until("the fourth to go", lambda: running(client, here))

"""How things end on the lab's cluster: jobs and their time to live, owners, the collector; and who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit import lab_cluster
from tests.unit.lab_api_client import (
    Client,
    daemon_set,
    gone,
    phases,
    pods,
    running,
    told,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

    from lab.api.control import Control
    from lab.objects import Json

state_dir, client, control, here = lab_cluster.state_dir, lab_cluster.client, lab_cluster.control, lab_cluster.here


def job(command: list[str], **spec: object) -> Json:
    container = {"name": "c", "image": "a/python:1", "command": command}
    pod = {"hostNetwork": True, "restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 0}
    return {"metadata": {"name": "j"}, "spec": {"backoffLimit": 0, "template": {"spec": pod}} | spec}


def condition(client: Client, here: str) -> tuple[str, str] | None:
    conditions = client.batch.read_namespaced_job("j", here).status.conditions or []
    return (conditions[-1].type, conditions[-1].reason) if conditions else None


TOO_MANY = (
    ("Failed", "BackoffLimitExceeded"),
    ("BackoffLimitExceeded", "Job has reached the specified backoff limit"),
)
TOO_LATE = (
    ("Failed", "DeadlineExceeded"),
    ("DeadlineExceeded", "Job was active longer than specified deadline"),
)


@pytest.mark.parametrize(
    ("command", "spec", "ending", "event"),
    [
        (["true"], {}, ("Complete", "CompletionsReached"), ("Completed", "Job completed")),
        (["false"], {}, *TOO_MANY),
        (["nothing"], {}, *TOO_MANY),
        (["sleep", "600"], {"activeDeadlineSeconds": 1}, *TOO_LATE),
        (["true"], {"parallelism": 0, "activeDeadlineSeconds": 1}, *TOO_LATE),
    ],
)  # fmt: skip
def test_jobs_end(
    client: Client, here: str, command: list[str], spec: Json, ending: tuple[str, str], event: tuple[str, str]
) -> None:
    client.batch.create_namespaced_job(here, job(command, **spec))
    assert until("its end", lambda: condition(client, here)) == ending
    assert event in told(client, here)
    until("no pod to run", lambda: not set(phases(client, here)) & {"Running", "Pending"})


def test_a_job_that_is_over_goes_with_what_it_owns(client: Client, here: str) -> None:
    """A lease: when its time is over, everything that it owns is collected."""
    made = client.batch.create_namespaced_job(
        here, job(["true"], parallelism=0, activeDeadlineSeconds=1, ttlSecondsAfterFinished=0)
    )
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": made.metadata.uid}
    body = daemon_set()
    body["metadata"]["ownerReferences"] = [owner]
    client.apps.create_namespaced_daemon_set(here, body)
    until("its pods", lambda: pods(client, here))
    until("the job to go", lambda: gone(lambda: client.batch.read_namespaced_job("j", here)))
    until(
        "the rest to go",
        lambda: gone(lambda: client.apps.read_namespaced_daemon_set("probe", here)) and not pods(client, here),
    )


def test_what_nobody_owns_any_more_is_collected(client: Client, here: str) -> None:
    account = client.core.create_namespaced_service_account(here, {"metadata": {"name": "root"}})
    owners = [{"apiVersion": "v1", "kind": "ServiceAccount", "name": "root", "uid": account.metadata.uid}]
    never = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "name": "root", "uid": "00000000-0000-0000-0000-000000000000"}
    ]
    for name, references in (("stays", owners + never), ("goes", never), ("free", [])):
        path = f"/api/v1/namespaces/{here}/configmaps"
        client.send("POST", path, {"metadata": {"name": name, "ownerReferences": references}})
    until("the orphan to go", lambda: gone(lambda: client.core.read_namespaced_config_map("goes", here)))
    assert not gone(lambda: client.core.read_namespaced_config_map("stays", here))
    client.core.delete_namespaced_service_account("root", here)
    until("its own to go", lambda: gone(lambda: client.core.read_namespaced_config_map("stays", here)))
    assert not gone(lambda: client.core.read_namespaced_config_map("free", here))


def test_foreground_goes_behind_its_pods(client: Client, here: str) -> None:
    client.apps.create_namespaced_daemon_set(here, daemon_set(terminationGracePeriodSeconds=1))
    until("its pods", lambda: running(client, here))
    client.apps.delete_namespaced_daemon_set("probe", here, propagation_policy="Foreground")
    until("it to go", lambda: gone(lambda: client.apps.read_namespaced_daemon_set("probe", here)))
    assert pods(client, here) == []


def test_the_file_of_roles_brings_its_namespace(
    client: Client, control: Control, state_dir: Path, tmp_path: Path
) -> None:
    documents = """
apiVersion: v1
kind: Namespace
metadata: {name: tools}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: runner, namespace: tools}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: lists}
rules: [{apiGroups: [""], resources: ["nodes"], verbs: ["list"]}]
"""
    (tmp_path / "rbac.yaml").write_text(documents)
    user = "system:serviceaccount:tools:runner"
    weak = Client(state_dir, "lab-restricted")
    control.rbac(tmp_path / "rbac.yaml", user)
    code, body = weak.send("GET", "/api/v1/nodes")
    assert (code, body["message"]) == (
        403, f'nodes is forbidden: User "{user}" cannot list resource "nodes" in API group "" at the cluster scope'
    )  # fmt: skip
    control.rbac(tmp_path / "rbac.yaml", user, bind=["lists"])
    assert weak.send("GET", "/api/v1/nodes")[0] == 200
    assert weak.send("GET", "/api/v1/pods")[0] == 403
    control.deny("", "nodes")
    assert weak.send("GET", "/api/v1/nodes")[0] == 403
    control.well()
    assert weak.send("GET", "/api/v1/pods")[0] == 200
    until("the namespace to go", lambda: gone(lambda: client.core.read_namespace("tools")))
    weak.close()

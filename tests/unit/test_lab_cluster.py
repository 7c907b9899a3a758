"""The lab's controllers and kubelets: what becomes of what clients make, compared with what was recorded."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from lab.api.admission import Refusal
from lab.api.control import Control
from lab.api.launch import end, launch
from lab.cluster import scheduling
from lab.cluster.images import Image, Images, canonical
from tests.unit.lab_api_asking import plain
from tests.unit.lab_api_client import SLEEPS, Client, daemon_set, gone, until
from tests.unit.recorded_answers import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.objects import Json

NODES = {"host1", "worker1", "worker2"}


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("cluster")
    process = launch(directory)
    try:
        yield directory
    finally:
        end(process)
    assert (directory / "api.log").read_text() == ""


@pytest.fixture(scope="module")
def client(state_dir: Path) -> Iterator[Client]:
    made = Client(state_dir)
    yield made
    made.close()


@pytest.fixture
def control(state_dir: Path) -> Iterator[Control]:
    door = Control(state_dir)
    yield door
    door.well()


@pytest.fixture
def here(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, with its service account; afterwards it is gone with everything in it."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    client.core.create_namespace({"metadata": {"name": name}})
    until("the account", lambda: client.core.list_namespaced_service_account(name).items)
    yield name
    if not gone(lambda: client.core.read_namespace(name)):
        client.core.delete_namespace(name)
    until("the namespace to go", lambda: gone(lambda: client.core.read_namespace(name)))
    assert client.send("GET", f"/api/v1/namespaces/{name}/pods")[1]["items"] == []


def pods(client: Client, namespace: str) -> list[Json]:
    return client.send("GET", f"/api/v1/namespaces/{namespace}/pods")[1]["items"]  # type: ignore[no-any-return]


def phases(client: Client, namespace: str) -> list[str]:
    return [pod["status"]["phase"] for pod in pods(client, namespace)]


def waiting(client: Client, namespace: str) -> Json:
    """What the first container of the first pod waits for."""
    found = pods(client, namespace)
    states = found[0]["status"].get("containerStatuses") if found else None
    return (states[0]["state"].get("waiting") or {}) if states else {}


def told(client: Client, namespace: str) -> set[tuple[str, str]]:
    """Reasons and messages of the namespace's events."""
    items = client.send("GET", f"/api/v1/namespaces/{namespace}/events")[1]["items"]
    return {(item["reason"], item["message"]) for item in items}


def running(client: Client, namespace: str, name: str = "probe") -> bool:
    status = client.apps.read_namespaced_daemon_set(name, namespace).status
    return bool(status.number_ready == status.desired_number_scheduled == len(NODES))


def one_pod(name: str = "one", **spec: object) -> Json:
    container = {"name": "c", "image": "localhost/python:3.11", "command": SLEEPS}
    return {
        "metadata": {"name": name},
        "spec": {"hostPID": True, "nodeName": "worker1", "containers": [container]} | spec,
    }


def same_container(value: Any) -> Any:
    """Without identifiers of containers and images, and with states in no order of their times."""
    text = json.dumps(plain(value), sort_keys=True)
    text = re.sub(r"(containerd://|sha256:)[0-9a-f]{64}", r"\1x", text)
    return json.loads(re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "t", text))


@pytest.mark.parametrize(("name", "ready"), [("pod-running", "Running"), ("pod-image-missing", "ErrImageNeverPull")])
def test_pods_become_what_was_recorded(client: Client, here: str, name: str, ready: str) -> None:
    theirs = recorded(f"{name}.json")["body"]
    fields = ("hostPID", "hostNetwork", "nodeName", "tolerations")
    asked = {field: theirs["spec"][field] for field in fields}
    container = {key: value for key, value in theirs["spec"]["containers"][0].items() if key != "volumeMounts"}
    body = {"metadata": {"name": theirs["metadata"]["name"]}, "spec": asked | {"containers": [container]}}
    assert client.send("POST", f"/api/v1/namespaces/{here}/pods", body)[0] == 201
    until(ready, lambda: ready in (*phases(client, here), waiting(client, here).get("reason")))
    _, mine = client.send("GET", f"/api/v1/namespaces/{here}/pods/{theirs['metadata']['name']}")
    theirs["metadata"]["namespace"] = here
    assert same_container(mine) == same_container(theirs)


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


def test_a_deleted_pod_is_made_again_and_its_process_is_gone(client: Client, here: str) -> None:
    client.apps.create_namespaced_daemon_set(here, daemon_set())
    until("its pods", lambda: running(client, here))
    name = pods(client, here)[0]["metadata"]["name"]
    pid = int(
        client.exec(name, here, ["sh", "-c", "echo $PPID; ps -o pid= -C python3 | head -1"]).read_channel(1).split()[0]
    )
    assert pid > 1
    uid = pods(client, here)[0]["metadata"]["uid"]
    client.core.delete_namespaced_pod(name, here)
    until(
        "another one",
        lambda: uid not in {pod["metadata"]["uid"] for pod in pods(client, here)} and running(client, here),
    )


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


TERMS = "requiredDuringSchedulingIgnoredDuringExecution"


@pytest.mark.parametrize(
    ("terms", "fits"),
    [
        ([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}], True),
        ([{"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["n"]}]}], False),
        ([{"matchExpressions": [{"key": "os", "operator": "In", "values": ["linux"]}]}], True),
        ([{"matchExpressions": [{"key": "os", "operator": "NotIn", "values": ["windows"]}]}], True),
        ([{"matchExpressions": [{"key": "type", "operator": "DoesNotExist"}]}], True),
        ([{"matchExpressions": [{"key": "os", "operator": "Exists"}, {"key": "type", "operator": "Exists"}]}], False),
        ([{"matchExpressions": [{"key": key, "operator": "Exists"}]} for key in ("type", "os")], True),
        ([{"matchExpressions": [{"key": "cpus", "operator": "Gt", "values": ["3"]}]}], True),
        ([{"matchExpressions": [{"key": "cpus", "operator": "Lt", "values": ["3"]}]}], False),
        ([{"matchExpressions": [{"key": "os", "operator": "Gt", "values": ["3"]}]}], False),
        ([{}], False),
    ],
)  # fmt: skip
def test_affinity(terms: list[Json], fits: bool) -> None:
    node = {"metadata": {"name": "n", "labels": {"os": "linux", "cpus": "4"}}, "spec": {}}
    spec = {"affinity": {"nodeAffinity": {TERMS: {"nodeSelectorTerms": terms}}}}
    assert scheduling.fits(spec, node) is fits


@pytest.mark.parametrize(
    ("tolerations", "taints", "cordoned", "kept_away"),
    [
        ([], [], False, 0),
        ([], [], True, 1),
        ([{"operator": "Exists"}], [{"key": "a", "effect": "NoExecute"}], True, 0),
        ([{"key": "a", "value": "b"}], [{"key": "a", "value": "b", "effect": "NoSchedule"}], False, 0),
        ([{"key": "a", "value": "c"}], [{"key": "a", "value": "b", "effect": "NoSchedule"}], False, 1),
        ([{"key": "a", "operator": "Exists", "effect": "NoExecute"}], [{"key": "a", "effect": "NoSchedule"}], False, 1),
        ([], [{"key": "a", "effect": "PreferNoSchedule"}], False, 0),
    ],
)
def test_taints(tolerations: list[Json], taints: list[Json], cordoned: bool, kept_away: int) -> None:
    node = {"metadata": {"name": "n"}, "spec": {"taints": taints, "unschedulable": cordoned}}
    assert len(scheduling.untolerated(tolerations, node)) == kept_away


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


BACK_OFF = 'Back-off pulling image "nowhere:1": ErrImagePull: rpc'
DENIED = Image("my.io/*", error="pull access denied")
NOWHERE = "docker.io/library/nowhere:1"
NOT_FOUND = (
    f'rpc error: code = NotFound desc = failed to pull and unpack image "{NOWHERE}": '
    f'failed to resolve reference "{NOWHERE}": {NOWHERE}: not found'
)


@pytest.mark.parametrize(
    ("image", "policy", "rule", "reason", "message"),
    [
        ("nowhere:1", "IfNotPresent", None, "ErrImagePull", NOT_FOUND),
        ("nowhere:1", "IfNotPresent", None, "ImagePullBackOff", BACK_OFF),
        ("my.io/python:1", "Always", DENIED, "ErrImagePull", "pull access denied"),
        ("busybox:1", "IfNotPresent", None, "RunContainerError", "executable file not found in $PATH: unknown"),
        ("busybox:1", "IfNotPresent", None, "CrashLoopBackOff", "back-off 10s restarting failed container=c pod=one_"),
    ],
)  # fmt: skip
def test_images_that_do_not_serve(
    client: Client, control: Control, here: str, image: str, policy: str, rule: Image | None, reason: str, message: str
) -> None:
    if rule:
        control.image(rule)
    body = one_pod()
    body["spec"]["containers"][0] |= {"image": image, "imagePullPolicy": policy}
    client.core.create_namespaced_pod(here, body)
    seen = until(reason, lambda: found if (found := _ever(client, here, reason)) else None)
    assert message in seen


def _ever(client: Client, here: str, reason: str) -> str:
    """What is told of a reason, in the status or, where it passes quickly, in the status before it or the events."""
    found = pods(client, here)
    status = (found[0]["status"].get("containerStatuses") or [{}])[0] if found else {}
    now = status.get("state", {}).get("waiting", {})
    if now.get("reason") == reason:
        return str(now.get("message", ""))
    last = status.get("lastState", {}).get("terminated", {})
    if reason == "RunContainerError" and last.get("reason") == "StartError":
        assert (last["exitCode"], last["startedAt"]) == (128, "1970-01-01T00:00:00Z")
        return str(last["message"])
    return ""


def test_what_is_known_of_images() -> None:
    images = Images()
    assert images.find("docker.io/library/python:3.13-slim").python
    assert not images.find("docker.io/calico/node:v3.30.7").python
    assert images.find("unheard.of/x").error == "not found"
    images.add(Image("unheard.of/*"))
    assert images.find("unheard.of/x") == Image("unheard.of/*")
    names = {"a": "docker.io/library/a", "b/a": "docker.io/b/a", "localhost/a": "localhost/a", "r.io:5/a": "r.io:5/a"}
    assert {name: canonical(name) for name in names} == names


def test_a_container_that_ends_is_started_again(client: Client, here: str) -> None:
    body = one_pod()
    body["spec"]["containers"][0]["command"] = ["python3", "-c", "raise SystemExit(4)"]
    client.core.create_namespaced_pod(here, body)
    until("the pause", lambda: waiting(client, here).get("reason") == "CrashLoopBackOff")
    status = pods(client, here)[0]["status"]["containerStatuses"][0]
    ended = status["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], status["restartCount"]) == (4, "Error", 1)
    assert pods(client, here)[0]["status"]["phase"] == "Running"


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


def test_grace_is_for_who_ignores_the_signal(client: Client, here: str, state_dir: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    body = one_pod(terminationGracePeriodSeconds=1)
    body["spec"]["containers"][0]["command"] = ["python3", "-c", deaf]
    client.core.create_namespaced_pod(here, body)
    log = state_dir / "containers" / f"{here}_one_c.log"
    until("it to be deaf", lambda: log.exists() and log.read_text() == "deaf\n")
    client.core.delete_namespaced_pod("one", here)
    assert pods(client, here)[0]["metadata"]["deletionTimestamp"]
    until("it to go", lambda: not pods(client, here))


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace takes root")
def test_a_pod_without_the_hosts_processes_is_alone(client: Client, here: str) -> None:
    """Its command is process 1, as in a container: it gets no signal that it does not ask for."""
    client.core.create_namespaced_pod(here, one_pod(hostPID=False, hostNetwork=True))
    until("it to run", lambda: phases(client, here) == ["Running"])
    listed = client.exec("one", here, ["sh", "-c", "ls /proc | grep -c '^[0-9]'; cat /proc/1/cmdline"]).read_channel(1)
    count, _, command = listed.partition(b"\n")
    assert int(count) < 6
    assert command.startswith(b"python3\0")
    done = client.exec("one", here, ["sh", "-c", "kill -9 $$"])
    assert done.returncode == 137
    client.core.delete_namespaced_pod("one", here, grace_period_seconds=0)


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


def test_a_pod_that_fits_nowhere_says_why(client: Client, here: str) -> None:
    body = one_pod(nodeSelector={"disk": "fast"})
    del body["spec"]["nodeName"]
    client.core.create_namespaced_pod(here, body)
    until("the verdict", lambda: told(client, here))
    state = pods(client, here)[0]["status"]
    assert state["conditions"][0]["reason"] == "Unschedulable"
    assert (
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
        in state["conditions"][0]["message"]
    )


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

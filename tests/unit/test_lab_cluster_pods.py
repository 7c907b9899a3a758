"""The lab's kubelets: what becomes of clients' pods, compared with what was recorded."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab.cluster.images import Image, Images, canonical
from tests.unit import lab_cluster
from tests.unit.lab_api_asking import plain
from tests.unit.lab_api_client import (
    Client,
    one_pod,
    phases,
    pods,
    told,
    until,
    waiting,
)
from tests.unit.recorded_answers import recorded

if TYPE_CHECKING:
    from lab.api.control import Control

state_dir, client, control, here = lab_cluster.state_dir, lab_cluster.client, lab_cluster.control, lab_cluster.here


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


@pytest.mark.parametrize("grace", [0, 1])
def test_a_pod_that_is_deleted_while_it_starts_leaves_no_process(client: Client, here: str, grace: int) -> None:
    mark = f"86{os.getpid()}{grace}"
    for number in range(8):
        body = one_pod(f"brief{number}", hostNetwork=True)
        body["spec"]["containers"][0]["command"] = ["sleep", mark]
        client.core.create_namespaced_pod(here, body)
        client.core.delete_namespaced_pod(f"brief{number}", here, grace_period_seconds=grace)
    until("them to go", lambda: not pods(client, here))
    until("their processes to go", lambda: not sleeping(mark))


def sleeping(mark: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            if path.read_bytes().split(b"\0")[-2:-1] == [mark.encode()]:
                found.append(path.parent.name)
    return found


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


def test_ipam_gives_a_pod_its_address_and_takes_it_back(client: Client, control: Control, here: str) -> None:
    free = control.free_addresses("worker2")
    client.core.create_namespaced_pod(here, one_pod(nodeName="worker2", terminationGracePeriodSeconds=1))
    until("it to run", lambda: phases(client, here) == ["Running"])
    pod = pods(client, here)[0]
    assert (pod["status"]["podIP"], pod["status"]["hostIP"]) == (free[0], "10.0.0.12")
    notes = pod["metadata"]["annotations"]
    assert notes["cni.projectcalico.org/podIPs"] == f"{free[0]}/32"
    handle = control.get("ipamhandles", f"k8s-pod-network.{notes['cni.projectcalico.org/containerID']}")
    assert handle["spec"]["handleID"].endswith(notes["cni.projectcalico.org/containerID"])
    assert control.free_addresses("worker2") == free[1:]
    client.core.delete_namespaced_pod("one", here)
    until("it to go", lambda: not pods(client, here))
    assert set(control.free_addresses("worker2")) == set(free)


def test_a_node_without_addresses_starts_no_pod(client: Client, here: str) -> None:
    client.core.create_namespaced_pod(here, one_pod(nodeName="host1"))
    until("the refusal", lambda: "FailedCreatePodSandBox" in {reason for reason, _ in told(client, here)})
    assert waiting(client, here)["reason"] == "ContainerCreating"


def test_a_pull_secret_that_is_not_there_is_mentioned(client: Client, here: str) -> None:
    client.core.create_namespaced_pod(here, one_pod(imagePullSecrets=[{"name": "regcred"}], hostNetwork=True))
    until("it to run", lambda: phases(client, here) == ["Running"])
    assert any("image pull secrets (regcred)" in message for _, message in told(client, here))


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

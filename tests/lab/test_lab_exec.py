"""Clients' pods on a lab's nodes: real processes in the nodes' namespaces, entered by exec through the API server."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from lab import lifecycle, topology
from lab.api.control import Control
from lab.processes import marked
from lab.tools import in_netns, run
from tests.lab.conftest import own_lab
from tests.unit.lab_api_client import SLEEPS, Client, daemon_set, gone, output, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.objects import Json
    from lab.state import Lab

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="a lab takes root"),
]
NAMESPACE = "diagnosis"
ALL = ("/var/run/calico", "/var/lib/calico", "/etc/cni/net.d")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of this module's own: the last test takes its API server away."""
    with own_lab("exec") as name:
        lifecycle.up(name, topology.load(topology.DEFAULT))
        yield name


@pytest.fixture(scope="module")
def client(lab: Lab) -> Iterator[Client]:
    made = Client(lab.directory)
    made.core.create_namespace({"metadata": {"name": NAMESPACE}})
    until("the account", lambda: made.core.list_namespaced_service_account(NAMESPACE).items)
    yield made
    made.close()


def mounting(name: str, paths: tuple[str, ...], **spec: object) -> Json:
    """A DaemonSet that mounts these of the host's folders."""
    body = daemon_set(name, **spec)
    pod = body["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": f"v{number}", "hostPath": {"path": path}} for number, path in enumerate(paths)]
    mounts = [{"name": f"v{number}", "mountPath": path, "readOnly": True} for number, path in enumerate(paths)]
    pod["containers"][0]["volumeMounts"] = mounts
    return body


def made(client: Client, body: Json) -> dict[str, str]:
    """Its pods, by their nodes, once all run."""
    client.apps.create_namespaced_daemon_set(NAMESPACE, body)
    name = body["metadata"]["name"]
    until("its pods", lambda: client.apps.read_namespaced_daemon_set(name, NAMESPACE).status.number_ready == 3)
    found = client.core.list_namespaced_pod(NAMESPACE, label_selector=f"run={name}").items
    return {pod.spec.node_name: pod.metadata.name for pod in found}


def ran(client: Client, pod: str, *command: str, namespace: str = NAMESPACE) -> bytes:
    """What a command says in a pod."""
    return output(client.frames(f"/api/v1/namespaces/{namespace}/pods/{pod}/exec", command)[1])


@pytest.fixture(scope="module")
def pods(client: Client) -> dict[str, str]:
    return made(client, mounting("probe", ALL))


def test_a_pod_is_on_its_node(client: Client, pods: dict[str, str], lab: Lab) -> None:
    for node, pod in pods.items():
        links = {link["ifname"] for link in json.loads(ran(client, pod, "ip", "-j", "link"))}
        real = {link["ifname"] for link in json.loads(run(["ip", "-n", lab.node(node).netns, "-j", "link"]))}
        assert links == real
        assert b"BIRD" in ran(client, pod, "birdcl", "-s", "/var/run/calico/bird.ctl", "show", "status")
        assert ran(client, pod, "cat", "/var/lib/calico/nodename").decode() == node
        assert b"10-calico.conflist" in ran(client, pod, "ls", "/etc/cni/net.d")
    seen = ran(client, pods["worker1"], "ls", "/proc").split()
    assert str(os.getpid()).encode() in seen  # hostPID


def test_what_is_not_mounted_is_not_there(client: Client, lab: Lab) -> None:
    bare = made(client, mounting("bare", ("/run/calico",)))["worker1"]
    assert b"bird.ctl" in ran(client, bare, "ls", "/var/run/calico")
    assert ran(client, bare, "ls", "/var/lib/calico", "/etc/cni/net.d").split() == [
        b"/etc/cni/net.d:",
        b"/var/lib/calico:",
    ]
    assert (lab.node_directory("worker1") / "cni" / "10-calico.conflist").exists()


@pytest.mark.parametrize("path", ["/canary", "/var/run/calico/canary", "/etc/cni/net.d/canary"])
def test_nothing_can_be_written(client: Client, pods: dict[str, str], path: str) -> None:
    done = client.exec(pods["worker1"], NAMESPACE, ["touch", path])
    assert b"Read-only file system" in done.read_channel(2)
    assert done.returncode == 1


def test_capabilities_are_those_asked_for(client: Client, pods: dict[str, str]) -> None:
    held = ran(client, pods["worker1"], "sh", "-c", "grep -h Cap /proc/self/status; grep NoNew /proc/self/status")
    told = dict(line.split(b":\t") for line in held.splitlines())
    wanted = 1 << 19 | 1 << 21  # CAP_SYS_PTRACE, CAP_SYS_ADMIN
    assert {int(told[name], 16) for name in (b"CapPrm", b"CapEff", b"CapBnd")} == {wanted}
    assert told[b"NoNewPrivs"] == b"1"
    refused = client.exec(pods["worker1"], NAMESPACE, ["ip", "link", "add", "canary", "type", "dummy"])
    assert b"Operation not permitted" in refused.read_channel(2)
    assert refused.returncode == 2


def test_a_folder_may_appear_at_another_place(client: Client) -> None:
    body = mounting("moved", ("/etc/cni/net.d",))
    body["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["mountPath"] = "/var/lib/calico"
    pod = made(client, body)["worker1"]
    assert ran(client, pod, "ls", "/var/lib/calico", "/etc/cni/net.d") == (
        b"/etc/cni/net.d:\n\n/var/lib/calico:\n10-calico.conflist\n"
    )
    client.apps.delete_namespaced_daemon_set("moved", NAMESPACE)


@pytest.mark.parametrize(
    ("path", "mounted", "reason", "message"),
    [
        (
            "/run/calico",
            "/host/run/calico",
            "Failed",
            "the lab mounts /run/calico at folders it has: not /host/run/calico",
        ),
        ("/run/nothing", "/run", "FailedMount", "hostPath type check failed: /run/nothing is not a directory"),
    ],
)
def test_a_mount_that_cannot_be_is_told(client: Client, path: str, mounted: str, reason: str, message: str) -> None:
    body = mounting("bad", (path,))
    body["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["mountPath"] = mounted
    body["spec"]["template"]["spec"]["volumes"][0]["hostPath"]["type"] = "Directory"
    client.apps.create_namespaced_daemon_set(NAMESPACE, body)

    def told() -> bool:
        events = client.core.list_namespaced_event(NAMESPACE, field_selector=f"reason={reason}").items
        return any(message in event.message for event in events)

    until("the event", told)
    client.apps.delete_namespaced_daemon_set("bad", NAMESPACE)


@pytest.mark.parametrize(
    ("by", "spares"),
    [
        ("apparmor", {"appArmorProfile": {"type": "Unconfined"}}),
        ("selinux", {"seLinuxOptions": {"type": "spc_t"}}),
    ],
)
def test_a_node_may_confine_who_does_not_ask_to_be_spared(
    client: Client, lab: Lab, by: Literal["apparmor", "selinux"], spares: Json
) -> None:
    Control(lab.directory).confine(by)
    look = ["python3", "-c", f"import os; print(os.readlink('/proc/{os.getpid()}/ns/net'))"]
    for name, context in (("confined", {}), ("spared", spares)):
        body = mounting(f"{name}-{by}", ())
        body["spec"]["template"]["spec"]["containers"][0]["securityContext"] |= context
        done = client.exec(made(client, body)["worker1"], NAMESPACE, look)
        assert done.read_channel(1).startswith(b"net:[") is (name == "spared")
        assert (b"Permission denied" in done.read_channel(2)) is (name == "confined")
        client.apps.delete_namespaced_daemon_set(f"{name}-{by}", NAMESPACE)
    Control(lab.directory).well()


def test_calico_node_sees_the_nodes_side_alone(client: Client, lab: Lab) -> None:
    found = client.core.list_namespaced_pod("kube-system", label_selector="k8s-app=calico-node").items
    pod = next(each.metadata.name for each in found if each.spec.node_name == "worker1")
    links = json.loads(ran(client, pod, "ip", "-j", "link", namespace="kube-system"))
    assert {link["ifname"] for link in links} >= {"ens160", "lo"}
    assert b"Established" in ran(
        client, pod, "birdcl", "-s", "/var/run/calico/bird.ctl", "show", "protocols", namespace="kube-system"
    )
    seen = ran(client, pod, "sh", "-c", "ls /proc | grep -c '^[0-9]*$'; ls /run/netns", namespace="kube-system")
    assert int(seen.split()[0]) < 6
    assert lab.node("worker1").netns.encode() not in seen


def test_a_pod_of_the_topology_is_entered_in_its_own_network(client: Client, lab: Lab) -> None:
    addresses = json.loads(ran(client, "lodger", "ip", "-j", "addr", namespace="borrow"))
    assert [each["local"] for link in addresses if link["ifname"] == "eth0" for each in link["addr_info"]] == [
        "10.48.0.100"
    ]


def test_a_pod_with_an_address_of_its_own_is_wired(client: Client, lab: Lab) -> None:
    pod = {"containers": [{"name": "c", "image": "a/python:1", "command": SLEEPS}], "nodeName": "worker1"}
    client.core.create_namespaced_pod(NAMESPACE, {"metadata": {"name": "guest"}, "spec": pod})
    until("it to run", lambda: client.core.read_namespaced_pod("guest", NAMESPACE).status.phase == "Running")
    obj = client.core.read_namespaced_pod("guest", NAMESPACE)
    address = obj.status.pod_ip
    assert obj.metadata.annotations["cni.projectcalico.org/podIP"] == f"{address}/32"
    inside = json.loads(ran(client, "guest", "ip", "-j", "-4", "addr", "show", "eth0"))
    assert inside[0]["addr_info"][0]["local"] == address
    route = json.loads(run(["ip", "-n", lab.node("worker1").netns, "-j", "route", "show", f"{address}/32"]))
    assert route[0]["dev"].startswith("cali")
    assert (
        in_netns(lab.node("worker2").netns, lambda: knocked(address)) == errno.ECONNREFUSED
    )  # its own kernel's answer
    client.core.delete_namespaced_pod("guest", NAMESPACE, grace_period_seconds=1)
    until("it to go", lambda: gone(lambda: client.core.read_namespaced_pod("guest", NAMESPACE)))
    assert run(["ip", "-n", lab.node("worker1").netns, "route", "show", f"{address}/32"]) == ""
    assert route[0]["dev"] not in run(["ip", "-n", lab.node("worker1").netns, "link"])


def knocked(address: str) -> int:
    with socket.socket() as knocking:
        knocking.settimeout(5.0)
        return knocking.connect_ex((address, 9))


def test_everything_dies_with_the_server(client: Client, pods: dict[str, str], lab: Lab) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pods['worker1']}/exec"
    with client.socket(path, ["sh", "-c", "echo; exec sleep 601"]) as plug:
        assert plug.recv() == b"\1"
        assert plug.recv() == b"\1\n"
        before = set(marked(lab.name))
        api = lab.state().api_pid
        theirs = {pid for pid in before if b"time.sleep(600)" in cmdline(pid) or b"601" in cmdline(pid)}
        assert len(theirs) >= 4  # three pods and the exec
        os.kill(api, signal.SIGKILL)
        until("its processes to end", lambda: not theirs & set(marked(lab.name)))
    lifecycle.down(lab)
    assert marked(lab.name) == []


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""

"""Whose a network namespace is, sysctls, and what the probe says where it may not look."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.probe_program import BOOTSTRAP, payload
from fixtures.probe_reply import node_facts
from tests.lab.probe_spaces import answer, inside, ip, observe, process_in, pythons, run, spaces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.node import NodeFacts

pytestmark = pytest.mark.root

UID = "1e8a0f52-6f0c-4a57-9c5e-8c6c5a0f2f11"
NODES = ("one", "two", "switch", "pod1", "pod2", "alone")


@pytest.fixture(scope="module")
def machine() -> Iterator[dict[str, str]]:
    """Two nodes of one machine, joined by a switch, each with a pod; and a namespace that is connected to neither."""
    with spaces(*NODES) as names:
        found = dict(zip(NODES, names, strict=True))
        for number, node in ((1, "one"), (2, "two")):
            ip(
                found[node],
                f"link add ens160 type veth peer name port{number} netns {found['switch']}",
                f"addr add 10.0.0.{number}/24 dev ens160",
                "link set ens160 up",
                f"link add cali{number:011x} type veth peer name eth0 netns {found[f'pod{number}']}",
                f"link set cali{number:011x} up",
            )
            ip(found["switch"], f"link set port{number} up")
            ip(found[f"pod{number}"], "link set eth0 up", f"addr add 10.48.0.{number}/32 dev eth0")
        yield found


@pytest.mark.parametrize(("node", "pod"), [("one", "pod1"), ("two", "pod2")])
def test_a_node_sees_its_own_pods_and_no_others(machine: dict[str, str], node: str, pod: str) -> None:
    facts = observe(machine[node])
    assert facts.problems == ()
    assert [found.name for found in facts.pods] == [machine[pod]]
    inner = facts.pods[0]
    outer = next(link for link in facts.host.links if link.name.startswith("cali"))
    eth0 = inner.link("eth0")
    assert eth0 is not None
    assert (outer.peer_index, outer.peer_nsid) == (eth0.index, inner.nsid)
    assert (eth0.peer_index, eth0.peer_nsid) == (outer.index, inner.host_nsid)


def cgroup_root() -> tuple[Path, str]:
    """A cgroup folder that can be written, and the procs file's name."""
    for folder in (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup")):
        if (folder / "cgroup.procs").exists() and os.access(folder, os.W_OK):
            return folder, "cgroup.procs"
    raise AssertionError("no cgroup hierarchy can be written here")


@pytest.mark.parametrize(
    "path",
    [f"kubepods/burstable/pod{UID}", f"kubepods-besteffort-pod{UID.replace('-', '_')}.slice"],
    ids=["fs", "systemd"],
)
def test_a_process_with_a_pod_uid_makes_its_namespace_that_pods(machine: dict[str, str], path: str) -> None:
    """Also where the pod's link is gone; and for the node that has asked for that UID alone."""
    root, procs = cgroup_root()
    folder = root / f"cctest{os.getpid()}" / path
    folder.mkdir(parents=True)
    try:
        with process_in(machine["alone"]) as pid:
            (folder / procs).write_text(str(pid))
            asked = observe(machine["one"], pod_uids=[UID])
            other = observe(machine["two"], pod_uids=["00000000-0000-0000-0000-000000000000"])
    finally:
        while folder != root:
            folder.rmdir()
            folder = folder.parent
    assert {found.name: found.uids for found in asked.pods} == {machine["pod1"]: (), machine["alone"]: (UID,)}
    alone = next(found for found in asked.pods if found.uids)
    assert (alone.nsid, alone.host_nsid) == (None, None)
    assert [found.name for found in other.pods] == [machine["pod2"]]


@contextmanager
def namespace_of_a_process(node: str) -> Iterator[int]:
    """A pod whose namespace nothing but its process holds: the process's PID."""
    with process_in(node, ("unshare", "--net", "sleep", "infinity")) as pid:
        while Path(f"/proc/{pid}/comm").read_text() != "sleep\n":
            os.sched_yield()  # until it is in its namespace: a few milliseconds
        ip(node, f"link add calitest type veth peer name eth0 netns {pid}")
        try:
            yield pid
        finally:
            ip(node, "link del calitest")


def test_a_namespace_without_a_mount_is_found_by_its_process(machine: dict[str, str]) -> None:
    with namespace_of_a_process(machine["one"]) as pid:
        facts = observe(machine["one"])
    assert {found.name for found in facts.pods} == {machine["pod1"], f"pid-{pid}"}


def proc_sys(namespace: str, keys: list[str]) -> dict[str, str]:
    """The values as /proc/sys/net shows them inside; a key's `/` is a dot of the interface's name (sysctl(8))."""
    paths = ["/proc/sys/" + key.translate(str.maketrans("./", "/.")) for key in keys]
    return dict(zip(keys, inside(namespace, "cat", *paths).decode().splitlines(), strict=True))


def test_sysctls_equal_proc_sys_in_the_namespace(machine: dict[str, str]) -> None:
    one, pod = machine["one"], machine["pod1"]
    cali = "cali00000000001"
    for name, value in (
        (f"net.ipv4.conf.{cali}.proxy_arp", 1),
        (f"net.ipv4.conf.{cali}.rp_filter", 2),
        (f"net.ipv4.conf.{cali}.route_localnet", 1),
        (f"net.ipv4.conf.{cali}.accept_local", 1),
        (f"net.ipv4.conf.{cali}.proxy_arp_pvlan", 1),
        (f"net.ipv4.conf.{cali}.arp_ignore", 3),
        (f"net.ipv4.conf.{cali}.arp_announce", 2),
        (f"net.ipv4.conf.{cali}.send_redirects", 0),
        (f"net.ipv4.neigh.{cali}.proxy_delay", 0),
        (f"net.ipv6.conf.{cali}.proxy_ndp", 1),
        (f"net.ipv6.conf.{cali}.accept_ra", 2),
        (f"net.ipv6.conf.{cali}.forwarding", 1),
        ("net.ipv4.ip_forward", 1),
        ("net.ipv6.conf.default.disable_ipv6", 1),
    ):
        inside(one, "sysctl", "-qw", f"{name}={value}")
    inside(pod, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1", "net.ipv4.conf.all.rp_filter=1")
    ip(one, "link add a.b type ifb")
    try:
        facts = observe(one)
        for namespace, sysctls in ((one, facts.host.sysctls), (pod, facts.pods[0].sysctls)):
            assert sysctls == proc_sys(namespace, list(sysctls))
    finally:
        ip(one, "link del a.b")
    assert facts.host.sysctls[f"net.ipv4.conf.{cali}.proxy_arp"] == "1"
    assert facts.host.sysctls[f"net.ipv4.neigh.{cali}.proxy_delay"] == "0"
    assert facts.host.sysctls["net.ipv4.conf.a/b.rp_filter"] == "0"
    assert facts.pods[0].sysctls["net.ipv6.conf.eth0.disable_ipv6"] == "1"
    assert {"net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter"} <= set(facts.pods[0].sysctls)


def test_a_name_that_is_no_utf8_is_shown_escaped(machine: dict[str, str]) -> None:
    one = machine["one"]
    name = os.fsdecode(b"b\xff\xfed")
    run("ip", "-n", one, "link", "add", "name", name, "type", "ifb")
    try:
        facts = observe(one)
    finally:
        run("ip", "-n", one, "link", "del", name)
    assert facts.host.link("b\\xff\\xfed") is not None
    assert facts.host.sysctls["net.ipv4.neigh.b\\xff\\xfed.proxy_delay"] == "80"
    assert facts.problems == ()


@pytest.mark.parametrize("python", pythons(), ids=lambda path: path.replace("/", "-").strip("-"))
def test_every_python_at_hand_sees_the_same(machine: dict[str, str], python: str) -> None:
    one = machine["one"]
    reference = observe(one)
    found = node_facts(one, [answer(one, python)])
    assert (found.host.routes, found.host.links, found.host.addresses, found.host.rules, found.host.sysctls) == (
        reference.host.routes,
        reference.host.links,
        reference.host.addresses,
        reference.host.rules,
        reference.host.sysctls,
    )
    assert [(pod.name, pod.links, pod.routes) for pod in found.pods] == [
        (pod.name, pod.links, pod.routes) for pod in reference.pods
    ]
    assert found.problems == ()


def observe_without(namespace: str, capability: str) -> NodeFacts:
    """One look by a probe that has all capabilities but one."""
    enter = ["nsenter", f"--net=/run/netns/{namespace}", "setpriv", f"--bounding-set=-{capability}"]
    done = subprocess.run(
        [*enter, f"--inh-caps=-{capability}", sys.executable, *BOOTSTRAP],
        input=payload({"do": "observe", "node": namespace}),
        check=True,
        stdout=subprocess.PIPE,
    )
    return node_facts(namespace, [done.stdout])


def test_a_pod_that_may_not_be_entered_is_told(machine: dict[str, str]) -> None:
    """CAP_SYS_ADMIN joins a namespace. The node's own facts are whole without it."""
    facts = observe_without(machine["one"], "sys_admin")
    assert facts.pods == ()
    assert facts.host.routes == observe(machine["one"]).host.routes
    assert [(problem.fact, problem.where) for problem in facts.problems] == [("namespaces", machine["pod1"])]
    assert "EPERM" in facts.problems[0].reason


def test_a_pod_whose_processes_may_not_be_read_is_told(machine: dict[str, str]) -> None:
    """CAP_SYS_PTRACE shows another process's namespace. What it hides matters only where a link leads there."""
    one = machine["one"]
    assert observe_without(one, "sys_ptrace").problems == ()
    with namespace_of_a_process(one):
        facts = observe_without(one, "sys_ptrace")
    assert [found.name for found in facts.pods] == [machine["pod1"]]
    assert [problem.fact for problem in facts.problems] == ["namespaces"]
    assert "CAP_SYS_PTRACE" in facts.problems[0].reason


def test_next_hop_objects_whose_hops_are_hidden_are_a_problem(machine: dict[str, str]) -> None:
    two = machine["two"]
    run("ip", "-n", two, "nexthop", "add", "id", "7", "via", "10.0.0.9", "dev", "ens160")
    ip(two, "route add 10.70.0.0/16 nhid 7")
    try:
        shown = {route.dst: route for route in observe(two).host.routes}["10.70.0.0/16"]
        inside(two, "sysctl", "-qw", "net.ipv4.nexthop_compat_mode=0")
        hidden = observe(two)
    finally:
        inside(two, "sysctl", "-qw", "net.ipv4.nexthop_compat_mode=1")
        ip(two, "route del 10.70.0.0/16")
    assert [(hop.gateway, hop.dev) for hop in shown.hops] == [("10.0.0.9", "ens160")]
    assert [route.hops for route in hidden.host.routes if route.dst == "10.70.0.0/16"] == [()]
    assert [problem.fact for problem in hidden.problems] == ["routes"]

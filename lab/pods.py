"""Pods on the network: made as the CNI plugin makes them, and taken away."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from . import cgroups, network
from .objects import container_id
from .processes import end, spawn, start_sleeper
from .state import PodRun
from .tools import LabError, ip_batch, run, write_sysctls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .state import Lab, NodeRun, State
    from .topology import LabPod, Topology


def has_process(pod: LabPod) -> bool:
    """Whether anything of the pod runs on a node: it is wired, or lives in its node's namespace."""
    return pod.wired or (pod.state == "host-network" and pod.node is not None)


def namespaces(lab: Lab, topology: Topology, pods: Sequence[LabPod]) -> list[str]:
    """Commands that make the pods' namespaces and the pairs into them."""
    wired = [pod for pod in pods if pod.wired]
    lines = [f"netns add {network.pod_netns(lab.name, pod.key)}" for pod in wired]
    return lines + [network.pod_link(lab.name, pod, network.mtu(topology)) for pod in wired]


def wire(lab: Lab, topology: Topology, pods: Sequence[LabPod]) -> None:
    """Configure both ends of pods whose pairs exist."""
    wired = [pod for pod in pods if pod.wired]
    for pod in wired:
        netns = network.pod_netns(lab.name, pod.key)
        write_sysctls(netns, network.pod_inside_sysctls(pod))
        write_sysctls(network.node_netns(lab.name, str(pod.node)), network.pod_host_sysctls(pod))
    for node in sorted({str(pod.node) for pod in wired}):
        lines = [line for pod in wired if pod.node == node for line in network.pod_host(topology, pod)]
        ip_batch(lines, network.node_netns(lab.name, node))
    for pod in wired:
        ip_batch(network.pod_inside(pod), network.pod_netns(lab.name, pod.key))


def start(lab: Lab, nodes: dict[str, NodeRun], pods: Sequence[LabPod]) -> dict[str, PodRun]:
    """Start the process of each pod that has one, in a cgroup that carries its UID."""
    runs = {}
    for pod in pods:
        if not has_process(pod):
            continue
        node = str(pod.node)
        if pod.wired:
            netns = network.pod_netns(lab.name, pod.key)
            pid = start_sleeper(lab.name, netns)
        else:
            netns = ""
            pid = spawn(lab.name, ["nsenter", f"--net=/run/netns/{nodes[node].netns}", "sleep", "infinity"])
        runs[pod.key] = PodRun(node=node, netns=netns, pid=pid, cgroup=_cgroup(lab, pod, pid))
    return runs


def _cgroup(lab: Lab, pod: LabPod, pid: int) -> str:
    return cgroups.place(lab.name, pod.uid, container_id(pod.namespace, pod.name, "main"), pid)


def attach(lab: Lab, state: State, pod: LabPod) -> dict[str, PodRun]:
    """Make one pod's network and process."""
    ip_batch(namespaces(lab, state.topology, [pod]))
    wire(lab, state.topology, [pod])
    return start(lab, state.nodes, [pod])


def detach(pod: LabPod, ran: PodRun, node: NodeRun) -> None:
    """Take one pod's process, link, routes and namespace away."""
    end([ran.pid])
    cgroups.discard(ran.cgroup)
    if ran.netns:
        with suppress(LabError):  # a fault may have removed the link already
            run(["ip", "-n", node.netns, "link", "del", pod.host_interface])
        run(["ip", "netns", "del", ran.netns])

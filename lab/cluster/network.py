"""Addresses of clients' pods: their node's own with the host network, else one that IPAM gives, wired as the CNI
plugin wires it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.objects import container_id, free_addresses, key, with_addresses, without_addresses
from lab.state import Lab, locked
from lab.tools import LabError, ip_batch, run
from lab.topology import LabPod
from model.ip import host_prefix

if TYPE_CHECKING:
    from lab.api.answers import World
    from lab.cluster.events import Recorder
    from lab.cluster.nodes import Nodes
    from lab.objects import Json, Key

_AGAIN = 2.0  # seconds until a sandbox that came to nothing is tried again


class PodNetwork:
    """What pods' sandboxes get, and give back."""

    def __init__(self, world: World, nodes: Nodes, events: Recorder) -> None:
        self._world = world
        self._nodes = nodes
        self._events = events
        self._wired: dict[Key, LabPod] = {}

    def host_ips(self, node: str) -> list[str]:
        """The node's addresses, the first one first; of a node that is gone, none that one could use."""
        found = self._world.store.objects.get(key("nodes", node))
        listed = found["status"]["addresses"] if found else []
        return [each["address"] for each in listed if each["type"] == "InternalIP"] or [""]

    async def attach(self, at: Key, pod: Json) -> tuple[list[str], str]:
        """The pod's addresses, and the file of its network namespace ("" for the node's)."""
        node = pod["spec"]["nodeName"]
        if pod["spec"].get("hostNetwork"):
            return self.host_ips(node), ""
        while not (free := free_addresses(self._world.store.objects, node)):
            told = (
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "
                f'"{container_id(at.namespace, at.name)}": plugin type="calico" failed (add): '
                "Assigned 0 out of 1 requested IPv4 addresses; no blocks with free addresses on this node"
            )
            self._events.record(pod, "FailedCreatePodSandBox", told, component="kubelet", warning=True, host=node)
            await asyncio.sleep(_AGAIN)
        made = LabPod(at.namespace, at.name, node, (free[0],), lab=self._nodes.state_dir.name)
        self._world.store.apply(with_addresses(self._world.store.objects, made, datetime.now(UTC)))
        self._wired[at] = made
        self._note(at, made)
        if self._nodes.keeper(node) is None:
            return [free[0]], ""
        return [free[0]], await asyncio.to_thread(_connect, Lab(made.lab), made)

    def release(self, at: Key) -> None:
        """Give back what `attach` gave."""
        made = self._wired.pop(at, None)
        if made is None:
            return
        if self._nodes.keeper(str(made.node)) is not None:
            _disconnect(Lab(made.lab), made)
        self._world.store.apply(without_addresses(self._world.store.objects, at.namespace, at.name))
        self._note(at, made, held=False)

    def _note(self, at: Key, made: LabPod, *, held: bool = True) -> None:
        """The annotations that the CNI plugin writes: after its DEL the addresses are empty (k8s.go)."""
        pod = self._world.store.objects.get(at)
        if pod is None:
            return
        told = ",".join(host_prefix(address) for address in made.addresses) if held else ""
        notes = {
            "cni.projectcalico.org/containerID": container_id(at.namespace, at.name),
            "cni.projectcalico.org/podIP": told.partition(",")[0],
            "cni.projectcalico.org/podIPs": told,
        }
        annotations = (pod["metadata"].get("annotations") or {}) | notes
        self._world.store.replace(at, pod | {"metadata": pod["metadata"] | {"annotations": annotations}})


def _connect(lab: Lab, pod: LabPod) -> str:
    """Make the pod's namespace and both ends of its pair; the namespace's file."""
    from lab import network, pods  # late: an API server alone needs no network

    name = network.pod_netns(lab.name, pod.key)
    with locked(lab):
        with (lab.directory / "namespaces").open("a") as names:
            names.write(f"\n{name}")  # before there is one: a crash must not leave it behind
        topology = lab.state().topology
        ip_batch(pods.namespaces(lab, topology, [pod]))
        pods.wire(lab, topology, [pod])
    return f"/run/netns/{name}"


def _disconnect(lab: Lab, pod: LabPod) -> None:
    from lab import network

    with suppress(LabError):  # a fault, or the end of the lab, may have been quicker
        run(["ip", "-n", lab.node(str(pod.node)).netns, "link", "del", pod.host_interface])
    with suppress(LabError):
        run(["ip", "netns", "del", network.pod_netns(lab.name, pod.key)])

"""A topology as the API objects that Kubernetes and Calico would hold for it, and what changes as pods come and go.

Pure: every function answers with another mapping. Blocks, handles, DaemonSets and namespaces stay consistent with the
pods. What a change makes gets its resourceVersion from the store that it is applied to. Fields that the API server
keeps for itself (managedFields) are left out, as kubectl leaves them out.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

from lab.objects.cluster import (
    counted,
    daemon_set_object,
    kubernetes_service,
    namespace_object,
    node_object,
    peer_object,
    settings,
)
from lab.objects.identity import cidr_name, handle_id, suffix
from lab.objects.ipam import (
    affinity_object,
    allocated,
    block_object,
    handle_object,
    pool_object,
    released,
    was_used,
)
from lab.objects.kinds import Json, Key, Objects, key, key_of
from lab.objects.pods import pod_object
from lab.topology import LabBlock, LabNode, LabPod, Topology
from model.ip import address

_SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_LENGTHS = {
    4: range(32, 15, -1),
    6: range(128, 111, -1),
}  # of blocks: blockSize 20 to 32, 116 to 128, and some to spare
_FIRST_VERSION = 1000
_Draft = dict[Key, Json]


def build(topology: Topology, now: datetime) -> Objects:
    """Everything the API holds at the start, made a day before `now` (UTC), with a calico-node pod on every node.

    resourceVersions are numbers as text, rising in the order of the mapping. ValueError where the topology contradicts
    itself: an address outside every block or given twice, a pod on a node that there is not.
    """
    created = now - timedelta(days=1)
    draft: _Draft = {}
    for name in _SYSTEM_NAMESPACES:
        _put(draft, namespace_object(name, created))
    _put(draft, kubernetes_service(created))
    for obj in settings(topology, created):
        _put(draft, obj)
    for node in topology.nodes:
        _put(draft, node_object(node, topology, created, now))
    for pool in topology.pools:
        _put(draft, pool_object(pool, created))
    for block in topology.blocks:
        _put_block(draft, block, created)
    for peer in topology.peers:
        _put(draft, peer_object(peer, created))
    for node in topology.nodes:
        _put_tunnels(draft, node, created)
    for pod in (*_calico_nodes(topology), *topology.pods):
        _put_pod(draft, pod, created, now)
    for version, obj in zip(itertools.count(_FIRST_VERSION), draft.values(), strict=False):
        obj["metadata"]["resourceVersion"] = str(version)
    return draft


def with_pod(objects: Objects, pod: LabPod, now: datetime) -> Objects:
    """The objects after the pod appeared, or changed its state or addresses: then it keeps UID and age, and what it
    held before is released. ValueError if an address is in no block or not free, or its node is none."""
    draft = dict(objects)
    before = draft.get(key("pods", pod.name, pod.namespace))
    created = now
    if before is not None:
        created = datetime.strptime(before["metadata"]["creationTimestamp"], "%Y-%m-%dT%H:%M:%S%z")
        _drop_pod(draft, pod.namespace, pod.name)
    _put_pod(draft, pod, created, now)
    return draft


def without_pod(objects: Objects, namespace: str, name: str) -> Objects:
    """The objects after the pod was deleted and its addresses were freed. KeyError if there is no such pod."""
    draft = dict(objects)
    _drop_pod(draft, namespace, name)
    return draft


def with_block(objects: Objects, block: LabBlock, now: datetime) -> Objects:
    """The objects after a node claimed a block. ValueError if it is claimed already or is no block."""
    if key("ipamblocks", cidr_name(block.cidr)) in objects:
        raise ValueError(f"block {block.cidr} is claimed already")
    draft = dict(objects)
    _put_block(draft, block, now)
    return draft


def with_addresses(objects: Objects, pod: LabPod, now: datetime) -> Objects:
    """The objects after IPAM gave a pod its addresses, whose object is another's to make. ValueError if an address is
    in no block or not free."""
    draft = dict(objects)
    _assign(draft, pod, now)
    return draft


def without_addresses(objects: Objects, namespace: str, name: str) -> Objects:
    """The objects after IPAM freed what a pod had."""
    draft = dict(objects)
    _release(draft, namespace, name)
    return draft


def free_addresses(objects: Objects, node: str) -> list[str]:
    """What IPAM would give the node's next pods, in its order: the free addresses of its own blocks."""
    found = []
    for obj in _of(objects, "ipamblocks"):
        spec = obj["spec"]
        if spec["affinity"] == f"host:{node}":
            base = address(spec["cidr"].partition("/")[0])
            found += [str(base + ordinal) for ordinal in spec["unallocated"]]
    return found


def _of(objects: Objects, plural: str) -> list[Json]:
    return [obj for at, obj in objects.items() if at.plural == plural]


def _calico_nodes(topology: Topology) -> list[LabPod]:
    named = {pod.node for pod in topology.pods if pod.daemon_set == "calico-node"}
    return [
        LabPod(
            namespace="kube-system",
            name=f"calico-node-{suffix(node.name)}",
            node=node.name,
            addresses=tuple(uplink.address for uplink in node.uplinks),
            state="host-network",
            daemon_set="calico-node",
        )
        for node in topology.nodes
        if node.name not in named
    ]


def _put(draft: _Draft, obj: Json) -> None:
    at = key_of(obj)
    if at in draft and at.plural != "namespaces":
        raise ValueError(f"{at.plural} {at.namespace}/{at.name} is there twice")
    draft.setdefault(at, obj)


def _put_block(draft: _Draft, block: LabBlock, created: datetime) -> None:
    strict = bool(draft[key("ipamconfigs", "default")]["spec"]["strictAffinity"])
    _put(draft, block_object(block, created, strict=strict))
    _put(draft, affinity_object(block, created))


def _put_tunnels(draft: _Draft, node: LabNode, created: datetime) -> None:
    """The allocations of the node's tunnel addresses, as calico-node makes them (allocateip.go)."""
    kinds = ((node.vxlan, "vxlan", "vxlanTunnelAddress"), (node.vxlan6, "vxlan-v6", "vxlanV6TunnelAddress"))
    for ip, word, kind in kinds:
        if ip is None:
            continue
        at = _block_of(draft, ip)
        if at is None:
            raise ValueError(f"node {node.name} has tunnel address {ip}, which is in no block of the topology")
        handle = f"{word}-tunnel-addr-{node.name}"
        draft[at] = allocated(draft[at], ip, handle, {"node": node.name, "type": kind})
        _put(draft, handle_object(handle, {draft[at]["spec"]["cidr"]: 1}, created))


def _put_pod(draft: _Draft, pod: LabPod, created: datetime, now: datetime) -> None:
    release = draft[key("clusterinformations", "default")]["spec"]["calicoVersion"]
    _put(draft, namespace_object(pod.namespace, created))
    if pod.daemon_set:
        host_network = pod.state == "host-network"
        at = key("daemonsets", pod.daemon_set, pod.namespace)
        if at not in draft:
            made = daemon_set_object(pod.namespace, pod.daemon_set, release, created, host_network=host_network)
            draft[at] = made
        draft[at] = counted(draft[at], 1)
    host_ip = None
    if pod.node is not None:
        if key("nodes", pod.node) not in draft:
            raise ValueError(f"pod {pod.key} is on {pod.node}, and there is no such node")
        host_ip = draft[key("nodes", pod.node)]["status"]["addresses"][0]["address"]
    _put(draft, pod_object(pod, host_ip, release, created, now))
    if pod.state != "host-network":
        _assign(draft, pod, created)


def _assign(draft: _Draft, pod: LabPod, created: datetime) -> None:
    """What the pod's addresses leave in IPAM: allocations and a handle, or freed ordinals of a finished pod."""
    handle = handle_id(pod.namespace, pod.name)
    held: dict[str, int] = {}
    for ip in pod.addresses:
        at = _block_of(draft, ip)
        if at is None:
            raise ValueError(f"pod {pod.key} has {ip}, which is in no block of the topology")
        if pod.state in ("completed", "failed"):
            draft[at] = was_used(draft[at], ip)
            continue
        secondary = {"namespace": pod.namespace, "node": pod.node or "", "pod": pod.name}
        draft[at] = allocated(draft[at], ip, handle, secondary, created)
        cidr = draft[at]["spec"]["cidr"]
        held[cidr] = held.get(cidr, 0) + 1
    if held:
        _put(draft, handle_object(handle, held, created))


def _block_of(draft: _Draft, ip: str) -> Key | None:
    """The block that holds the address, found by the names that its prefixes would have."""
    parsed = address(ip)
    for length in _LENGTHS[parsed.version]:
        shift = parsed.max_prefixlen - length
        base = type(parsed)(int(parsed) >> shift << shift)
        at = key("ipamblocks", cidr_name(f"{base}/{length}"))
        if at in draft:
            return at
    return None


def _drop_pod(draft: _Draft, namespace: str, name: str) -> None:
    pod = draft.pop(key("pods", name, namespace))
    for owner in pod["metadata"].get("ownerReferences", []):
        at = key("daemonsets", owner["name"], namespace)
        if owner["kind"] == "DaemonSet" and at in draft:
            draft[at] = counted(draft[at], -1)
    _release(draft, namespace, name)


def _release(draft: _Draft, namespace: str, name: str) -> None:
    handle = handle_id(namespace, name)
    record = draft.pop(key("ipamhandles", handle), None)
    for cidr in record["spec"]["block"] if record else ():
        at = key("ipamblocks", cidr_name(cidr))
        if at in draft:
            draft[at] = released(draft[at], handle)

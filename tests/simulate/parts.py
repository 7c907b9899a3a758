"""The parts that specs are put together from: usual nodes, pools and pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.simulate.spec import ClusterSpec, NodeSpec, PeerSpec, PodSpec, PodState, PoolSpec, RouterSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

Families = tuple[int, ...]
V4: Families = (4,)
V6: Families = (6,)
DUAL: Families = (4, 6)
DEFAULT_SIZE = {4: 26, 6: 122}
WORKLOAD_CIDR = {4: "10.48.0.0/16", 6: "fd00:48::/104"}
LIVE = (PodState.RUNNING, PodState.CRASHING, PodState.INITIALISING, PodState.TERMINATING)


def flat(families: Families, count: int = 3, **fields: Any) -> tuple[NodeSpec, ...]:
    """Nodes in one subnet."""
    return tuple(
        _node(f"node{i + 1}", families, f"10.0.0.{11 + i}/24", f"fd00:10::{11 + i:x}/64", fields) for i in range(count)
    )


def racks(families: Families, count: int = 3, **fields: Any) -> tuple[NodeSpec, ...]:
    """Nodes in two subnets with a router between: the last of them is alone in the second one."""
    found = []
    for i in range(count):
        rack = 2 if i == count - 1 else 1
        labels = {"rack": "ab"[rack - 1]}
        v4, v6 = f"10.0.{rack}.{11 + i}/24", f"fd00:1{rack}::{11 + i:x}/64"
        found.append(_node(f"node{i + 1}", families, v4, v6, {"labels": labels, **fields}))
    return tuple(found)


def workload_pools(families: Families, sizes: dict[int, int] | None = None, **fields: Any) -> tuple[PoolSpec, ...]:
    """One pool a family. IPv6 knows no IPIP: there the pool has no encapsulation instead."""
    found = []
    for family in families:
        own = {key: value for key, value in fields.items() if family == 4 or key != "ipip"}
        size = (sizes or DEFAULT_SIZE)[family]
        found.append(PoolSpec(f"workloads-v{family}", WORKLOAD_CIDR[family], size, **own))
    return tuple(found)


def usual_pods(nodes: Sequence[NodeSpec], each: int = 2) -> tuple[PodSpec, ...]:
    """Running pods on every node, and on the first one a pod in every state of its life."""
    places = [node.name for node in nodes if node.os == "linux" and not node.virtual]
    running = [PodSpec(f"app-{n}-{k}", name, talks=k == 0) for n, name in enumerate(places) for k in range(each)]
    states = [PodSpec(f"one-{state.value}", places[0], "states", state) for state in PodState]
    return tuple(running + states)


def cluster(name: str, nodes: Sequence[NodeSpec], pools: Sequence[PoolSpec], **fields: Any) -> ClusterSpec:
    """A cluster with the usual pods, unless others are given."""
    return ClusterSpec(name, tuple(nodes), tuple(pools), **{"pods": usual_pods(nodes), **fields})


def top_of_rack(addresses: dict[str, Sequence[tuple[str, int]]], **fields: Any) -> dict[str, Any]:
    """ToR routers by rack, their BGPPeers, and no mesh."""
    routers, peers = [], []
    for rack, entries in addresses.items():
        for k, (address, number) in enumerate(entries):
            name = f"tor-{rack}{k}"
            routers.append(RouterSpec(name, address, number, **fields))
            spec: dict[str, object] = {"peerIP": address, "asNumber": number, "nodeSelector": f"rack == '{rack}'"}
            peers.append(PeerSpec(name, spec))
    return {"routers": tuple(routers), "peers": tuple(peers), "bgp": {"nodeToNodeMeshEnabled": False}}


def _node(name: str, families: Families, v4: str, v6: str, fields: dict[str, Any]) -> NodeSpec:
    return NodeSpec(name, v4 if 4 in families else None, v6 if 6 in families else None, **fields)

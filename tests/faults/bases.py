"""The healthy clusters that the faults are made in: three nodes (two in one rack, one in another), two pods on each."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from tests.simulate.parts import DUAL, V4, flat, racks, workload_pools
from tests.simulate.run import simulate
from tests.simulate.spec import ClusterSpec, NodeSpec, PeerSpec, PodSpec, PoolSpec

if TYPE_CHECKING:
    from model.snapshot import Snapshot

PODS = tuple(PodSpec(f"{name}{k}", f"node{n}") for n, name in enumerate("abc", 1) for k in range(2))
TALKING = tuple(msgspec.structs.replace(pod, talks=True) for pod in PODS)
FELIX_ALL: dict[str, Any] = {"felix": {"programClusterRoutes": "Enabled"}, "bgp": {"programClusterRoutes": "Disabled"}}


def _cluster(name: str, nodes: tuple[NodeSpec, ...], pools: tuple[PoolSpec, ...], **fields: Any) -> ClusterSpec:
    return ClusterSpec(name, nodes, pools, **{"pods": PODS, **fields})


def _borrowing(name: str, **mode: Any) -> ClusterSpec:
    """Two blocks for three nodes: the third one borrows from the first two."""
    pools = (PoolSpec("small", "10.49.0.0/28", 29, uses=("Workload",), **mode),)
    tunnels = (PoolSpec("tunnels", "10.52.0.0/24", 28, uses=("Tunnel",), **mode),) if mode else ()
    return _cluster(name, flat(V4), (*pools, *tunnels))


def _nodes_in_pool() -> ClusterSpec:
    """Not healthy: the nodes' subnet is a part of the pool, which IPAM has not come to."""
    nodes = tuple(NodeSpec(f"node{k}", f"10.48.0.{10 + k}/24") for k in (1, 2, 3))
    return _cluster("nodes-in-pool", nodes, workload_pools(V4, vxlan="Always"))


def _reflected() -> ClusterSpec:
    """No mesh: the third node reflects the routes of the first two."""
    one, two, three = flat(V4)
    three = msgspec.structs.replace(three, cluster_id="244.0.0.1", labels={"rr": "true"})
    peer = PeerSpec("to-reflectors", {"nodeSelector": "all()", "peerSelector": "rr == 'true'"})
    no_mesh: dict[str, object] = {"nodeToNodeMeshEnabled": False}
    return _cluster("reflected", (one, two, three), workload_pools(V4), peers=(peer,), bgp=no_mesh)


def _borrowed_tunnel() -> ClusterSpec:
    """The third node came when every block had an owner: its tunnel's address is borrowed."""
    nodes = (*flat(V4, 2), NodeSpec("node3", "10.0.0.13/24", late=True))
    pods = tuple(PodSpec(f"{name}0", node) for name, node in zip("ab", ("node1", "node2"), strict=True))
    return _cluster("borrowed-tunnel", nodes, (PoolSpec("small", "10.49.0.0/28", 29, vxlan="Always"),), pods=pods)


SPECS = {
    spec.name: spec
    for spec in (
        _cluster("noencap", flat(V4), workload_pools(V4)),
        _cluster("talking", flat(V4), workload_pools(V4), pods=TALKING),
        _cluster("router-pods", flat(V4), workload_pools(V4), ip_forwarding_in_pods=True),
        _cluster("noencap-dual", flat(DUAL), workload_pools(DUAL)),
        _cluster("noencap-felix", flat(V4), workload_pools(V4), **FELIX_ALL),
        _cluster("vxlan", racks(V4), workload_pools(V4, vxlan="Always")),
        _cluster("vxlan-dual", racks(DUAL), workload_pools(DUAL, vxlan="Always")),
        _cluster("vxlan-cross", racks(V4), workload_pools(V4, vxlan="CrossSubnet")),
        _cluster("ipip-bird", racks(V4), workload_pools(V4, ipip="Always"), release="v3.30"),
        _cluster("ipip-felix", racks(V4), workload_pools(V4, ipip="Always")),
        _cluster("ipip-cross", racks(V4), workload_pools(V4, ipip="CrossSubnet")),
        _cluster("single-addresses", flat(V4), workload_pools(V4, {4: 32})),
        _cluster("wireguard", flat(V4), workload_pools(V4), felix={"wireguardEnabled": True}),
        _nodes_in_pool(),
        _reflected(),
        _borrowing("borrowed"),
        _borrowing("borrowed-vxlan", vxlan="Always"),
        _borrowed_tunnel(),
    )
}


@cache
def base(name: str) -> Snapshot:
    """The healthy snapshot of that name. KeyError."""
    return simulate(SPECS[name])

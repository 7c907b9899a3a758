"""What happens to addresses and pools in a cluster's life: borrowing, host-local, services' blocks, upgrades."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from tests.simulate.parts import DUAL, V4, V6, Families, cluster, flat, racks, usual_pods, workload_pools
from tests.simulate.releases import RELEASES
from tests.simulate.spec import ClusterSpec, NodeSpec, PodSpec, PodState, PoolSpec, ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

SOME = ("v3.26", "v3.31", "v3.32", "v3.33", "v3.34")
FELIX_ALL: dict[str, Any] = {"felix": {"programClusterRoutes": "Enabled"}, "bgp": {"programClusterRoutes": "Disabled"}}
CLASSES: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("noencap-default", {}, {}),
    ("noencap-felix", {}, FELIX_ALL),
    ("ipip-default", {"ipip": "Always"}, {}),
    ("ipip-cross", {"ipip": "CrossSubnet"}, {}),
    ("vxlan", {"vxlan": "Always"}, {}),
    ("vxlan-cross", {"vxlan": "CrossSubnet"}, {}),
)
SMALL = {4: ("10.49.0.0/28", 29), 6: ("fd00:49::/125", 126)}


def life() -> Iterator[ClusterSpec]:
    """All of them."""
    for release, (name, mode, fields) in itertools.product(SOME, CLASSES):
        if fields and release in {"v3.26", "v3.31"}:
            continue
        for families in (V4,) if "ipip" in mode else (V4, V6, DUAL):
            suffix = f"{name}/{release}/{'+'.join(map(str, families))}"
            yield _borrowed(suffix, release, families, mode, fields)
            yield _released(suffix, release, families, mode, fields)
            yield _disabled(suffix, release, families, mode, fields)
        yield from _host_local(f"{name}/{release}", release, mode, fields)
    for release in SOME:
        yield from _tunnels(release)
        yield from _kinds_of_nodes(release)
        yield _several(release)
        yield _balanced(release)
    yield from _upgrades()


def deleted_pools() -> Iterator[ClusterSpec]:
    """Not healthy, and so no part of the matrix: pools that were deleted under their pods."""
    for release, (name, mode, fields) in itertools.product(("v3.32", "v3.33"), CLASSES):
        pools = (*workload_pools(V4), PoolSpec("gone", "10.60.0.0/24", 28, automatic=False, deleted=True, **mode))
        nodes = flat(V4)
        pods = tuple(PodSpec(f"orphan-{node.name}", node.name, pools=("gone",)) for node in nodes)
        yield cluster(f"deleted/{name}/{release}", nodes, pools, pods=pods, release=release, **fields)


def _borrowed(
    suffix: str, release: str, families: Families, mode: dict[str, Any], fields: dict[str, Any]
) -> ClusterSpec:
    """Two blocks for three nodes: the third one borrows, and so does the first when its own is full."""
    nodes = racks(families)
    tunnels = () if not mode else tuple(_tunnel_pool(family, mode) for family in families)
    pools = tuple(
        PoolSpec(
            f"small-v{family}", *SMALL[family], uses=("Workload",), **(mode if family == 4 or "vxlan" in mode else {})
        )
        for family in families
    )
    rooms = {4: 8, 6: 4}
    full = min(rooms[family] for family in families)
    order = ["node1", "node2", *["node1"] * full, "node3"]
    pods = tuple(PodSpec(f"app-{k}", name) for k, name in enumerate(order[: 2 * full]))
    return cluster(f"borrowed/{suffix}", nodes, (*pools, *tunnels), pods=pods, release=release, **fields)


def _tunnel_pool(family: int, mode: dict[str, Any]) -> PoolSpec:
    cidr, size = ("10.52.0.0/24", 28) if family == 4 else ("fd00:52::/112", 124)
    return PoolSpec(
        f"tunnels-v{family}", cidr, size, uses=("Tunnel",), **(mode if family == 4 or "vxlan" in mode else {})
    )


def _released(
    suffix: str, release: str, families: Families, mode: dict[str, Any], fields: dict[str, Any]
) -> ClusterSpec:
    """A block that lost its affinity while addresses of it were in use."""
    released = tuple(("node1", f"workloads-v{family}") for family in families)
    pools = workload_pools(families, **{"uses": ("Workload",), **mode})
    tunnels = () if not mode else tuple(_tunnel_pool(family, mode) for family in families)
    name = f"no-affinity/{suffix}"
    return cluster(name, racks(families), (*pools, *tunnels), released=released, release=release, **fields)


def _disabled(
    suffix: str, release: str, families: Families, mode: dict[str, Any], fields: dict[str, Any]
) -> ClusterSpec:
    """A disabled pool keeps everything; one that BGP must not export loses its routes elsewhere, if they are BIRD's."""
    pools = workload_pools(families, **{"disabled_later": True, "no_export": True, **mode})
    return cluster(f"disabled-no-export/{suffix}", racks(families), pools, release=release, **fields)


def _host_local(name: str, release: str, mode: dict[str, Any], fields: dict[str, Any]) -> Iterator[ClusterSpec]:
    """The CNI plugin takes addresses from the node's podCIDR. (What VXLAN does then is not specified.)"""
    if "vxlan" in mode:
        return
    nodes = racks(V4)
    cidrs = {node.name: (f"10.48.{k}.0/24",) for k, node in enumerate(nodes)}
    pools = workload_pools(V4, **mode)
    yield cluster(f"host-local/{name}", nodes, pools, host_local=True, pod_cidrs=cidrs, release=release, **fields)


def _tunnels(release: str) -> Iterator[ClusterSpec]:
    """Where a tunnel's own address is no ordinary one: borrowed, or a block by itself."""
    modes: tuple[tuple[str, dict[str, Any]], ...] = (("vxlan", {"vxlan": "Always"}), ("ipip", {"ipip": "Always"}))
    for name, mode in modes:
        nodes = (*flat(V4, 2), NodeSpec("node3", "10.0.0.13/24", late=True))
        pool = PoolSpec("workloads-v4", "10.49.0.0/28", 29, **mode)
        pods = tuple(PodSpec(f"app-{k}", f"node{1 + k % 2}") for k in range(6))
        yield cluster(f"borrowed-tunnel/{name}/{release}", nodes, (pool,), pods=pods, release=release)
        alone = PoolSpec("tunnels-v4", "10.52.0.0/24", 32, uses=("Tunnel",), **mode)
        pools = (*workload_pools(V4, uses=("Workload",), **mode), alone)
        yield cluster(f"tunnel-blocks-of-one/{name}/{release}", flat(V4), pools, release=release)


def _kinds_of_nodes(release: str) -> Iterator[ClusterSpec]:
    """Windows and virtual nodes, a single one, clouds' /32."""
    nodes = (*flat(V4), NodeSpec("win1", "10.0.0.31/24", os="windows", wireguard=False))
    pools = workload_pools(V4, vxlan="Always")
    pods = (*usual_pods(nodes), PodSpec("iis", "win1"))
    fields: dict[str, Any] = {"backend": "vxlan", "strict_affinity": True, "release": release}
    yield cluster(f"windows/vxlan/{release}", nodes, pools, pods=pods, **fields)
    virtual = (*flat(V4), NodeSpec("aci", virtual=True))
    yield cluster(f"virtual-node/noencap/{release}", virtual, workload_pools(V4), release=release)
    modes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("noencap", {}),
        ("vxlan", {"vxlan": "CrossSubnet"}),
        ("ipip", {"ipip": "CrossSubnet"}),
    )
    for name, mode in modes:
        yield cluster(f"single-node/{name}/{release}", flat(DUAL, 1), workload_pools(DUAL, **mode), release=release)
        alone = tuple(NodeSpec(f"node{k}", f"10.0.0.{10 + k}/32") for k in (1, 2, 3))
        yield cluster(f"cloud-32/{name}/{release}", alone, workload_pools(V4, **mode), release=release)


def _several(release: str) -> ClusterSpec:
    """Pools of every kind side by side, some later than some pods, whose MTU stays."""
    pools = (
        *workload_pools(DUAL),
        PoolSpec("vxlan", "10.51.0.0/24", 28, vxlan="Always", automatic=False, later=True),
        PoolSpec("vxlan6", "fd00:51::/112", 124, vxlan="CrossSubnet", automatic=False, later=True),
        PoolSpec("ipip", "10.53.0.0/24", 29, ipip="CrossSubnet", automatic=False, later=True),
        PoolSpec("hosts", "10.54.0.0/24", 32, automatic=False),
    )
    nodes = racks(DUAL)
    named = itertools.product((node.name for node in nodes), ("vxlan", "ipip", "hosts"))
    pods = [PodSpec(f"{pool}-{k}", node, pools=(pool,)) for k, (node, pool) in enumerate(named)]
    old = [PodSpec(f"old-{node.name}", node.name, old=True) for node in nodes]
    both = [PodSpec(f"dual-{node.name}", node.name, pools=("vxlan", "vxlan6")) for node in nodes]
    every = (*old, *pods, *both, *usual_pods(nodes, 1))
    return cluster(f"several-pools/all/{release}", nodes, pools, pods=every, release=release)


def _balanced(release: str) -> ClusterSpec:
    """A pool for services: its block is no node's."""
    pools = (*workload_pools(V4), PoolSpec("balancer", "192.168.77.0/24", 26, uses=("LoadBalancer",)))
    services = tuple(
        ServiceSpec(f"web-{k}", f"10.96.0.{20 + k}", load_balancer_ips=(f"192.168.77.{5 + k}",), ipam_pool="balancer")
        for k in range(2)
    )
    return cluster(f"load-balancer-pool/virtual/{release}", flat(V4), pools, services=services, release=release)


def _upgrades() -> Iterator[ClusterSpec]:
    """Half of the nodes have the next release already."""
    for before, after in itertools.pairwise(RELEASES):
        for name, mode, fields in CLASSES:
            if fields:
                continue
            nodes = tuple(
                NodeSpec(f"node{k}", f"10.0.0.{10 + k}/24", release=after if k % 2 else before) for k in (1, 2, 3, 4)
            )
            pods = tuple(PodSpec(f"app-{k}", f"node{1 + k % 4}", state=PodState.RUNNING) for k in range(8))
            pools = workload_pools(V4, **mode)
            yield cluster(f"upgrade/{name}/{before}-{after}", nodes, pools, pods=pods, release=before)

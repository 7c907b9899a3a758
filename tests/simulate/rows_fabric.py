"""Topologies of BGP, and what is advertised beside blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tests.simulate.parts import DUAL, V4, V6, cluster, flat, racks, top_of_rack, workload_pools
from tests.simulate.services import EXCLUDED
from tests.simulate.spec import ClusterSpec, NodeSpec, PeerSpec, ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

SOME = ("v3.26", "v3.31", "v3.32", "v3.33", "v3.34")
MODES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("noencap", {}),
    ("ipip", {"ipip": "CrossSubnet"}),
    ("vxlan", {"vxlan": "CrossSubnet"}),
)


def fabric() -> Iterator[ClusterSpec]:
    """All of them."""
    for release in SOME:
        for name, mode in MODES:
            yield from _reflectors(f"{name}/{release}", release, mode)
            yield from _external(f"{name}/{release}", release, mode)
        yield from _aggregate(release)
        yield from _services(release)


def _reflectors(suffix: str, release: str, mode: dict[str, Any]) -> Iterator[ClusterSpec]:
    """No mesh; one reflector, or two of one cluster ID."""
    for count in (1, 2):
        nodes = [
            msgspec.structs.replace(node, cluster_id="244.0.0.1", labels={**node.labels, "rr": "true"})
            if k < count
            else node
            for k, node in enumerate(racks(DUAL, 4))
        ]
        peer = PeerSpec("to-reflectors", {"nodeSelector": "all()", "peerSelector": "rr == 'true'"})
        fields: dict[str, Any] = {"peers": (peer,), "bgp": {"nodeToNodeMeshEnabled": False}, "statuses": True}
        name = f"reflectors-{count}/{suffix}"
        yield cluster(name, nodes, workload_pools(DUAL, **mode), release=release, **fields)


def _external(suffix: str, release: str, mode: dict[str, Any]) -> Iterator[ClusterSpec]:
    """Every node has its own AS: in a mesh, or with one or two ToR routers."""
    own_as = tuple(msgspec.structs.replace(node, as_number=64601 + k) for k, node in enumerate(racks(V4)))
    pools = workload_pools(V4, **mode)
    yield cluster(f"ebgp-mesh/{suffix}", own_as, pools, release=release)
    one = top_of_rack({"a": [("10.0.1.254", 64701)], "b": [("10.0.2.254", 64702)]})
    yield cluster(f"tor/{suffix}", own_as, pools, release=release, **one)
    two = top_of_rack(
        {"a": [("10.0.1.254", 64701), ("10.0.1.253", 64703)], "b": [("10.0.2.254", 64702), ("10.0.2.253", 64704)]}
    )
    yield cluster(f"dual-tor/{suffix}", own_as, pools, release=release, **two)


def _aggregate(release: str) -> Iterator[ClusterSpec]:
    """The fabric tells the nodes one route for all pods, or only a default route, and none for a block."""
    nodes = tuple(msgspec.structs.replace(node, as_number=64601 + k) for k, node in enumerate(racks(V4)))
    for name, prefix in (("aggregate", "10.48.0.0/16"), ("default", "0.0.0.0/0")):
        routers = top_of_rack(
            {"a": [("10.0.1.254", 64701)], "b": [("10.0.2.254", 64702)]}, announces=(prefix,), transit=False
        )
        yield cluster(f"fabric-{name}/noencap/{release}", nodes, workload_pools(V4), release=release, **routers)
    loopback = PeerSpec(
        "tor-a0", {"peerIP": "10.99.0.1", "asNumber": 64701, "nodeSelector": "rack == 'a'", "reachableBy": "10.0.1.254"}
    )
    routers = top_of_rack({"a": [("10.99.0.1", 64701)]}, announces=("10.200.0.0/16",))
    routers |= {"peers": (loopback,), "bgp": {}}
    yield cluster(f"reachable-by/noencap/{release}", racks(V4), workload_pools(V4), release=release, **routers)


def _services(release: str) -> Iterator[ClusterSpec]:
    """Ranges, single addresses, addresses one by one, local ones, and nodes that are left out."""
    services = (
        ServiceSpec("ranged", "10.96.7.1", ("198.18.0.7",), ("198.19.0.9",), local=True, endpoints=("node1",)),
        ServiceSpec("single-external", "10.96.7.2", ("198.18.1.1",)),
        ServiceSpec("single-balanced", "10.96.7.3", load_balancer_ips=("198.19.1.1",)),
        ServiceSpec("single-local", "10.96.7.4", ("198.18.1.2",), local=True, endpoints=("node1", "node2")),
    )
    bgp: dict[str, object] = {
        "serviceClusterIPs": [{"cidr": "10.96.0.0/16"}],
        "serviceExternalIPs": [{"cidr": text} for text in ("198.18.0.0/24", "198.18.1.1/32", "198.18.1.2/32")],
        "serviceLoadBalancerIPs": [{"cidr": text} for text in ("198.19.0.0/24", "198.19.1.1/32")],
    }
    pools = workload_pools(V4)
    fields: dict[str, Any] = {"services": services, "release": release}
    yield cluster(f"services/ranges/{release}", flat(V4), pools, bgp=bgp, **fields)
    apart = {**bgp, "serviceLoadBalancerAggregation": "Disabled"}
    if release != "v3.26":
        yield cluster(f"services/one-by-one/{release}", flat(V4), pools, bgp=apart, **fields)
    left_out = NodeSpec("node4", "10.0.0.14/24", labels={EXCLUDED: ""})
    yield cluster(f"services/excluded/{release}", (*flat(V4), left_out), pools, bgp=bgp, **fields)
    six = ServiceSpec("six", "fd00:96::7", ("fd00:1918::1",))
    own: dict[str, object] = {"serviceExternalIPs": [{"cidr": "fd00:1918::1/128"}]}
    yield cluster(f"services/ipv6/{release}", flat(V6), workload_pools(V6), services=(six,), bgp=own, release=release)

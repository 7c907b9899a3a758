"""Settings that change how routes, links or sysctls look, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tests.simulate.parts import DUAL, V4, Families, cluster, flat, racks, usual_pods, workload_pools
from tests.simulate.releases import minor
from tests.simulate.spec import ClusterSpec, NodeSpec, PodSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

SOME = ("v3.26", "v3.31", "v3.32", "v3.33", "v3.34")
MODES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("noencap", {}),
    ("ipip", {"ipip": "Always"}),
    ("vxlan", {"vxlan": "Always"}),
    ("vxlan-cross", {"vxlan": "CrossSubnet"}),
)
FELIX: tuple[tuple[str, dict[str, object]], ...] = (
    ("device-route-protocol", {"deviceRouteProtocol": 80}),
    ("device-route-protocol-other", {"deviceRouteProtocol": 42}),
    ("foreign-routes-stay", {"deviceRouteProtocol": 80, "removeExternalRoutes": False}),
    ("foreign-routes-stay-boot", {"removeExternalRoutes": False}),
    ("interface-prefix", {"interfacePrefix": "eni,cali"}),
    ("mtus", {"ipipMTU": 1400, "vxlanMTU": 1410, "vxlanMTUV6": 1390}),
    ("vxlan-port", {"vxlanPort": 8472, "vxlanVNI": 77}),
    ("forwarding-left-alone", {"ipForwarding": "Disabled"}),
    ("unknown-owner-value", {"programClusterRoutes": "Sometimes"}),
)
BPF: tuple[tuple[str, dict[str, object]], ...] = (
    ("bpf", {"bpfEnabled": True}),
    ("bpf-host-address", {"bpfEnabled": True, "bpfOverlayHostSourceIP": "HostAddress"}),
)


def settings() -> Iterator[ClusterSpec]:
    """All of them."""
    for release in SOME:
        for mode_name, mode in MODES:
            for name, felix in (*FELIX, *BPF):
                pools = workload_pools(DUAL, **mode)
                yield cluster(f"{name}/{mode_name}/{release}", racks(DUAL), pools, felix=felix, release=release)
            yield from _source_address(f"{mode_name}/{release}", release, mode)
            yield from _wireguard(f"{mode_name}/{release}", release, mode)
            yield _environment(f"{mode_name}/{release}", release, mode)
        yield from _priorities(release)
        yield _devices(release)
        yield from _by_release(release)


def _source_address(suffix: str, release: str, mode: dict[str, Any]) -> Iterator[ClusterSpec]:
    """deviceRouteSourceAddress, node by node."""
    if minor(release) < 32:
        return
    nodes = tuple(
        msgspec.structs.replace(node, felix={"deviceRouteSourceAddress": (node.v4 or "").partition("/")[0]})
        for node in racks(V4)
    )
    yield cluster(f"source-address/{suffix}", nodes, workload_pools(V4, **mode), release=release)


def _wireguard(suffix: str, release: str, mode: dict[str, Any]) -> Iterator[ClusterSpec]:
    """On every node, and on all but one."""
    felix: dict[str, object] = {"wireguardEnabled": True}
    cases: tuple[tuple[str, Families, dict[str, object]], ...] = (
        ("v4", V4, felix),
        ("both", DUAL, {**felix, "wireguardEnabledV6": True}),
    )
    for name, families, config in cases:
        nodes = racks(families)
        pools = workload_pools(families, **mode)
        yield cluster(f"wireguard-{name}/{suffix}", nodes, pools, felix=config, release=release)
        some = (*nodes[:2], msgspec.structs.replace(nodes[2], wireguard=False))
        yield cluster(f"wireguard-some-{name}/{suffix}", some, pools, felix=config, release=release)


def _environment(suffix: str, release: str, mode: dict[str, Any]) -> ClusterSpec:
    """What the hosts bring along: jumbo frames, strict reverse paths, no IPv6, other names, a loaded module."""
    nodes = flat(V4, uplink="bond0.7", mtu=9000, ipip_module=True)
    fields: dict[str, Any] = {"rp_filter": 1, "ipv6_support": False, "agents_listed": False}
    return cluster(f"environment/{suffix}", nodes, workload_pools(V4, **mode), release=release, **fields)


def _priorities(release: str) -> Iterator[ClusterSpec]:
    """Metrics that both sides were told."""
    if minor(release) < 32:
        return
    values: dict[str, object] = {"ipv4NormalRoutePriority": 2048, "ipv6NormalRoutePriority": 3072}
    for name, mode in MODES:
        pools = workload_pools(DUAL, **mode)
        yield cluster(f"priorities/{name}/{release}", racks(DUAL), pools, felix=values, bgp=values, release=release)


def _devices(release: str) -> ClusterSpec:
    """Pods' own wishes: a MAC, spoofing, forwarding; netkit links where the release knows them."""
    nodes = flat(DUAL)
    own = PodSpec("own-mac", "node1", hw_addr="1c:0c:0a:c0:ff:ee")
    spoofer = PodSpec("spoofer", "node2", annotations={"cni.projectcalico.org/allowedSourcePrefixes": '["8.8.8.8/32"]'})
    fields: dict[str, Any] = {
        "pods": (*usual_pods(nodes), own, spoofer),
        "netkit": minor(release) >= 33,
        "ip_forwarding_in_pods": True,
        "rp_filter": 1,
    }
    return cluster(f"devices/noencap/{release}", nodes, workload_pools(DUAL), release=release, **fields)


def _by_release(release: str) -> Iterator[ClusterSpec]:
    """What only some releases do: needless VTEP routes, an owner that is set for one node alone."""
    if minor(release) <= 31:
        pools = workload_pools(V4, vxlan="Always")
        yield cluster(f"vtep-routes/vxlan/{release}", flat(V4), pools, vtep_routes=True, release=release)
    if minor(release) >= 33:
        nodes = [
            *flat(V4, 2),
            NodeSpec("node3", "10.0.0.13/24", felix={"programClusterRoutes": "EnabledIPIPOnly"}),
        ]
        fields: dict[str, Any] = {
            "felix": {"programClusterRoutes": "EnabledIPIPOnly"},
            "bgp": {"programClusterRoutes": "EnabledNoEncapOnly"},
        }
        pools = workload_pools(V4, ipip="Always")
        yield cluster(f"owner-of-one-node/ipip/{release}", nodes, pools, release=release, **fields)
    if minor(release) >= 30:
        felix: dict[str, object] = {"routeSource": "WorkloadIPs"}
        pools = workload_pools(V4, vxlan="Always")
        yield cluster(
            f"workload-routes/vxlan/{release}", flat(V4), pools, felix=felix, backend="vxlan", release=release
        )

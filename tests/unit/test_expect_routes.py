"""What a node must route, blackhole and peer with, from the datastore alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from expect.allocations import allocations, free_addresses
from expect.bgp import bird_needed, mesh_peers
from expect.cluster_routes import Destination, own_blackholes, remote_blocks, remote_borrowed
from expect.host_routes import device_route_protocol, host_route
from expect.ownership import Owner
from expect.services import advertises
from expect.world import World
from model import net
from model.cluster import AllocationAttribute, IPPool
from tests.unit.builders import BLOCK1, BLOCK2, BORROWED, BORROWER, FREE, NODES, block, held_by
from tests.unit.scenes import Scene, scene

if TYPE_CHECKING:
    from collections.abc import Iterable

Vary = Callable[[Scene], None]
SEEN = frozenset(NODES)


def world(vary: Vary | None = None) -> World:
    cluster = scene()
    if vary:
        vary(cluster)
    return World(cluster.look())


def by_prefix(items: Iterable[Destination]) -> dict[str, Destination]:
    return {item.prefix: item for item in items}


def test_a_node_reaches_the_blocks_of_the_others_by_their_addresses() -> None:
    found = by_prefix(remote_blocks(world(), "worker1", SEEN))
    assert {prefix: (item.node, [way.gateway for way in item.ways]) for prefix, item in found.items()} == {
        BLOCK2: ("worker2", ["10.0.0.12"]),
        "fd00:10:48::80/122": ("worker2", ["fd00:10::c"]),
    }
    one = found[BLOCK2]
    assert (one.optional, one.unknown, one.pool and one.pool.cidr) == ("", "", "10.48.0.0/16")
    assert one.because == "IPAMBlock 10-48-0-128-26 has affinity host:worker2"
    assert one.ownership.owners == {Owner.BIRD}


def test_a_node_without_blocks_reaches_all_of_them() -> None:
    assert len(by_prefix(remote_blocks(world(), "host1", SEEN))) == 4


NOT_ROUTED: list[tuple[str, Vary]] = [
    ("no owner", lambda cluster: cluster.api("blocks", BLOCK2, affinity=None)),
    ("a virtual owner", lambda cluster: cluster.api("blocks", BLOCK2, affinity="virtual:load-balancer")),
    ("an owner that is gone", lambda cluster: cluster.api("blocks", BLOCK2, affinity="host:gone")),
    ("its own", lambda cluster: cluster.api("blocks", BLOCK2, affinity="host:worker1")),
    ("deleted", lambda cluster: cluster.api("blocks", BLOCK2, deleted=True)),
]


@pytest.mark.parametrize("vary", [row[1] for row in NOT_ROUTED], ids=[row[0] for row in NOT_ROUTED])
def test_blocks_that_no_other_node_owns_are_not_expected(vary: Vary) -> None:
    assert BLOCK2 not in by_prefix(remote_blocks(world(vary), "worker1", SEEN))


def test_a_disabled_pool_changes_nothing() -> None:
    vary: Vary = lambda cluster: cluster.api("pools", "default-ipv4-ippool", disabled=True)  # noqa: E731
    assert by_prefix(remote_blocks(world(vary), "worker1", SEEN))[BLOCK2].optional == ""


def test_a_block_of_a_deleted_pool_stays_birds() -> None:
    found = by_prefix(remote_blocks(world(lambda cluster: cluster.drop("pools", "default-ipv4-ippool")), "host1", SEEN))
    assert found[BLOCK2].pool is None
    assert found[BLOCK2].ownership.owners == {Owner.BIRD}
    assert found[BLOCK2].optional == ""


OPTIONAL: list[tuple[str, Vary, str]] = [
    (
        "claimed",
        lambda cluster: cluster.api("affinities", "worker2-10-48-0-128-26", state="pending"),
        "claimed or released",
    ),
    ("moved", lambda cluster: cluster.api_later("blocks", BLOCK2, affinity="host:host1"), "claimed or released"),
    ("its node", lambda cluster: cluster.api_later("nodes", "worker2", bgp_ipv4="10.0.0.9/24"), "worker2 changed"),
    ("no BGP here", lambda cluster: cluster.api("nodes", "worker1", bgp_ipv4=None), "node worker1 has no BGP address"),
    (
        "not exported",
        lambda cluster: cluster.api("pools", "default-ipv4-ippool", disable_bgp_export=True),
        "IPPool default-ipv4-ippool has disableBGPExport",
    ),
    ("WireGuard", lambda cluster: encrypted(cluster, "worker1", "worker2"), "WireGuard carries the traffic"),
    (
        "Felix, by workload",
        lambda cluster: felix_owns(cluster, routeSource="WorkloadIPs"),
        "routeSource is WorkloadIPs",
    ),
    ("two programmers", lambda cluster: both_own(cluster), "both Felix and BIRD program it"),
]


def encrypted(cluster: Scene, *names: str) -> None:
    """WireGuard for IPv4, and a key of each of these nodes."""
    cluster.settings("felix", wireguardEnabled=True)
    for name in names:
        cluster.api("nodes", name, wireguard_key="key")


def felix_owns(cluster: Scene, **spec: object) -> None:
    """Felix programs the unencapsulated pool of IPv4, in v3.33."""
    both_own(cluster, **spec)
    cluster.settings("bgp", programClusterRoutes="Disabled")


def felix_owns_without_export(cluster: Scene) -> None:
    felix_owns(cluster)
    cluster.api("pools", "default-ipv4-ippool", disable_bgp_export=True)


def nobody_owns(cluster: Scene) -> None:
    felix_owns(cluster)
    cluster.relist(felix=())
    cluster.settings("felix", programClusterRoutes="Disabled")


def both_own(cluster: Scene, **spec: object) -> None:
    for name in NODES:
        cluster.api("pods", f"kube-system/calico-node-{name}", images=("calico/node:v3.33.0",))
    cluster.settings("felix", programClusterRoutes="Enabled", **spec)
    cluster.drop("pools", "default-ipv6-ippool")


@pytest.mark.parametrize(("vary", "reason"), [row[1:] for row in OPTIONAL], ids=[row[0] for row in OPTIONAL])
def test_a_route_is_optional_for_a_named_reason_only(vary: Vary, reason: str) -> None:
    found = by_prefix(remote_blocks(world(vary), "worker1", SEEN))
    assert reason in found[BLOCK2].optional
    node_alone = "worker2 changed" in reason
    assert bool(found["fd00:10:48::80/122"].optional) is node_alone


NOT_OPTIONAL: list[tuple[str, Vary]] = [
    ("WireGuard here alone", lambda cluster: encrypted(cluster, "worker1")),
    ("WireGuard there alone", lambda cluster: encrypted(cluster, "worker2")),
    ("keys without WireGuard", lambda cluster: cluster.api("nodes", "worker1", wireguard_key="key")),
    (
        "Felix does not go by disableBGPExport",
        felix_owns_without_export,
    ),
    ("a node that is not ready", lambda cluster: cluster.api("nodes", "worker2", ready=False)),
]


@pytest.mark.parametrize("vary", [row[1] for row in NOT_OPTIONAL], ids=[row[0] for row in NOT_OPTIONAL])
def test_a_route_is_needed_otherwise(vary: Vary) -> None:
    assert by_prefix(remote_blocks(world(vary), "worker1", SEEN))[BLOCK2].optional == ""


UNKNOWN: list[tuple[str, Vary, str]] = [
    (
        "no BGP there",
        lambda c: c.api("nodes", "worker2", bgp_ipv4=None),
        "node worker2 has no address that BIRD on worker1",
    ),
    (
        "nobody programs it",
        nobody_owns,
        "nobody programs it: no encapsulation in v3.33",
    ),
    (
        "no VTEP",
        lambda c: c.api("pools", "default-ipv4-ippool", vxlan_mode="Always"),
        "node worker2 has no VXLAN tunnel address",
    ),
]


@pytest.mark.parametrize(("vary", "reason"), [row[1:] for row in UNKNOWN], ids=[row[0] for row in UNKNOWN])
def test_where_a_route_should_lead_may_be_unknown(vary: Vary, reason: str) -> None:
    found = by_prefix(remote_blocks(world(vary), "worker1", SEEN))[BLOCK2]
    assert found.ways == ()
    assert found.unknown.startswith(reason)


def test_a_node_that_was_not_observed_may_announce_nothing() -> None:
    found = by_prefix(remote_blocks(world(), "worker1", frozenset({"worker1", "host1"})))
    assert "could not be observed" in found[BLOCK2].optional


def test_an_unused_single_address_block_may_be_announced_by_nobody() -> None:
    def vary(cluster: Scene) -> None:
        cluster.add("blocks", block("10.48.9.1/32", "worker2"), block("10.48.9.2/32", "worker2"))
        cluster.allocate("10.48.9.2", held_by("a/b", "worker2"))

    found = by_prefix(remote_blocks(world(vary), "worker1", SEEN))
    assert found["10.48.9.1/32"].optional == "nothing uses this single-address block: its node announces nothing"
    assert found["10.48.9.2/32"].optional == ""


@pytest.mark.parametrize(("me", "wanted"), [("worker1", [BORROWED]), ("host1", [BORROWED]), ("worker2", [])])
def test_a_borrowed_address_leads_to_its_borrower_from_everywhere_else(me: str, wanted: list[str]) -> None:
    found = by_prefix(remote_borrowed(world(), me, SEEN))
    assert list(found) == wanted
    for item in found.values():
        assert (item.node, [way.gateway for way in item.ways], item.optional) == ("worker2", ["10.0.0.12"], "")
        assert BORROWER in item.because


def _given(**secondary: str) -> Vary:
    return lambda cluster: cluster.allocate(FREE, AllocationAttribute("h", dict(secondary)))


BORROWINGS: list[tuple[str, Vary, str | None]] = [
    ("nobody's", _given(node="worker2"), "no live pod has it"),
    ("a tunnel's", _given(node="worker2", type="vxlanTunnelAddress"), ""),
    ("of a node that is gone", _given(node="gone"), None),
    ("a pod that came", lambda cluster: cluster.api_later("pods", BORROWER, ips=(FREE,)), None),
]


@pytest.mark.parametrize(("vary", "optional"), [row[1:] for row in BORROWINGS], ids=[row[0] for row in BORROWINGS])
def test_a_borrowed_address_that_nobody_announces_is_optional(vary: Vary, optional: str | None) -> None:
    found = by_prefix(remote_borrowed(world(vary), "worker1", SEEN)).get(f"{FREE}/32")
    if optional is None:
        assert found is None
    else:
        assert found is not None
        assert found.optional.startswith(optional)
        assert bool(found.optional) is bool(optional)


def test_a_borrowed_address_in_flux_is_optional() -> None:
    found = by_prefix(remote_borrowed(world(lambda c: c.api_later("pods", BORROWER, phase="Failed")), "worker1", SEEN))
    assert found[BORROWED].optional == "its pod came or went while it was looked at"


def test_own_blocks_are_blackholed() -> None:
    found = {item.prefix: item for item in own_blackholes(world(), "worker1")}
    assert list(found) == [BLOCK1, "fd00:10:48::40/122"]
    assert found[BLOCK1].because.startswith(
        "IPAMBlock 10-48-0-64-26 has affinity host:worker1; no encapsulation in v3.30"
    )
    assert not any(item.optional for item in found.values())
    assert list(own_blackholes(world(), "host1")) == []


BLACKHOLES: list[tuple[str, Vary, str | None]] = [
    ("unused", lambda cluster: cluster.add("blocks", block("10.48.9.0/26", "worker1")), ""),
    ("a single address", lambda cluster: cluster.add("blocks", block("10.48.9.0/32", "worker1")), None),
    ("a single IPv6 address", lambda cluster: cluster.add("blocks", block("fd00:10:48::9/128", "worker1")), None),
    ("nobody's", lambda cluster: cluster.add("blocks", block("10.48.9.0/26", None)), None),
    ("virtual", lambda c: c.add("blocks", block("10.48.9.0/26", None, affinity="virtual:load-balancer")), None),
]


@pytest.mark.parametrize(("vary", "optional"), [row[1:] for row in BLACKHOLES], ids=[row[0] for row in BLACKHOLES])
def test_which_blocks_are_blackholed(vary: Vary, optional: str | None) -> None:
    found = {item.prefix: item.optional for item in own_blackholes(world(vary), "worker1")}
    extra = {prefix: text for prefix, text in found.items() if prefix not in {BLOCK1, "fd00:10:48::40/122"}}
    assert list(extra.values()) == ([] if optional is None else [optional])


def test_a_blackhole_of_a_block_that_is_being_claimed_is_optional() -> None:
    vary: Vary = lambda cluster: cluster.api("affinities", "worker1-10-48-0-64-26", state="pending")  # noqa: E731
    found = {item.prefix: item.optional for item in own_blackholes(world(vary), "worker1")}
    assert found == {BLOCK1: "its affinity is being claimed or released", "fd00:10:48::40/122": ""}


HOST_ROUTES: list[tuple[str, dict[str, Any], set[int], set[int]]] = [
    ("10.48.0.67/32", {}, {0, 512, 1024}, {3}),
    ("10.48.0.67/32", {"ipv4NormalRoutePriority": 900}, {0, 512, 900}, {3}),
    ("10.48.0.67/32", {"ipv4ElevatedRoutePriority": 99}, {0, 99, 1024}, {3}),
    ("10.48.0.67/32", {"ipv6NormalRoutePriority": 900}, {0, 512, 1024}, {3}),
    ("10.48.0.67/32", {"deviceRouteProtocol": 80}, {0, 512, 1024}, {3, 80}),
    ("10.48.0.67/32", {"deviceRouteProtocol": True, "ipv4NormalRoutePriority": "9"}, {0, 512, 1024}, {3}),
    ("fd00::1/128", {}, {512, 1024}, {3}),
    ("fd00::1/128", {"ipv6NormalRoutePriority": 900, "ipv6ElevatedRoutePriority": 99}, {99, 900, 1024}, {3}),
]


@pytest.mark.parametrize(("prefix", "spec", "metrics", "protocols"), HOST_ROUTES)
def test_the_shapes_of_a_host_route(prefix: str, spec: dict[str, Any], metrics: set[int], protocols: set[int]) -> None:
    got = host_route(world(lambda cluster: cluster.settings("felix", **spec)), "worker1", prefix, "cali1")
    assert (got.dst, got.dev) == (prefix, "cali1")
    assert got.scope == (net.SCOPE_GLOBAL if ":" in prefix else net.SCOPE_LINK)
    assert got.metrics == metrics
    assert got.protocols == protocols
    assert {source for metric in metrics for source in got.sources(metric)} == {None}


def test_a_source_of_device_routes_may_be_set_for_each_family() -> None:
    def vary(cluster: Scene) -> None:
        cluster.settings("felix", deviceRouteSourceAddress="10.0.0.11", deviceRouteSourceAddressIPv6="")

    four = host_route(world(vary), "worker1", "10.48.0.67/32", "c")
    assert four.sources(0) == {None, "10.0.0.11"}
    assert four.sources(1024) == {"10.0.0.11"}
    assert host_route(world(vary), "worker1", "fd00::1/128", "c").sources(1024) == {None}


def test_the_protocol_of_device_routes_is_the_nodes_own() -> None:
    found = world(lambda cluster: cluster.settings("felix", "node.worker2", deviceRouteProtocol=99))
    assert (device_route_protocol(found, "worker1"), device_route_protocol(found, "worker2")) == (3, 99)


PEERS: list[tuple[str, Vary, str, int, list[str]]] = [
    ("IPv4", lambda cluster: None, "worker1", 4, ["10.0.0.10", "10.0.0.12"]),
    ("IPv6", lambda cluster: None, "worker1", 6, ["fd00:10::a", "fd00:10::c"]),
    ("no mesh", lambda c: c.settings("bgp", nodeToNodeMeshEnabled=False), "worker1", 4, []),
    (
        "a mesh said aloud",
        lambda c: c.settings("bgp", nodeToNodeMeshEnabled=True),
        "host1",
        4,
        ["10.0.0.11", "10.0.0.12"],
    ),
    ("no address here", lambda c: c.api("nodes", "worker1", bgp_ipv4=None), "worker1", 4, []),
    ("no address there", lambda c: c.api("nodes", "host1", bgp_ipv4=None), "worker1", 4, ["10.0.0.12"]),
    (
        "a reflector there",
        lambda c: c.api("nodes", "host1", route_reflector_id="244.0.0.1"),
        "worker1",
        4,
        ["10.0.0.12"],
    ),
    ("a reflector here", lambda c: c.api("nodes", "worker1", route_reflector_id="244.0.0.1"), "worker1", 4, []),
]


@pytest.mark.parametrize(("vary", "me", "family", "wanted"), [row[1:] for row in PEERS], ids=[row[0] for row in PEERS])
def test_the_mesh_is_every_node_with_a_bgp_address(vary: Vary, me: str, family: int, wanted: list[str]) -> None:
    found = list(mesh_peers(world(vary), me, family))
    assert [peer.address for peer in found] == wanted
    for peer in found:
        assert peer.because == f"the node-to-node mesh is on; node {peer.node} has BGP address {peer.address}/" + (
            "24" if family == 4 else "64"
        )


NEEDED: list[tuple[str, Vary, str | None]] = [
    ("unencapsulated", lambda cluster: None, "IPPool default-ipv4-ippool: no encapsulation in v3.30"),
    ("VXLAN alone", lambda c: c.relist(pools=(IPPool("v", "10.48.0.0/16", 26, "Never", "Always"),)), None),
    ("VXLAN and another", lambda c: c.api("pools", "default-ipv4-ippool", vxlan_mode="Always"), "default-ipv6-ippool"),
    ("no pool", lambda c: c.relist(pools=()), None),
    ("IPIP", lambda c: c.relist(pools=(IPPool("i", "10.48.0.0/16", 26, "Always"),)), "IPPool i: ipip in v3.30"),
]


@pytest.mark.parametrize(("vary", "because"), [row[1:] for row in NEEDED], ids=[row[0] for row in NEEDED])
def test_bird_is_needed_where_it_programs_a_pool(vary: Vary, because: str | None) -> None:
    found = bird_needed(world(vary), "worker1")
    assert found is None if because is None else found is not None and because in found


ADVERTISED: list[tuple[dict[str, Any], str, bool]] = [
    ({"serviceClusterIPs": [{"cidr": "10.96.0.0/12"}]}, "10.96.0.1", True),
    ({"serviceClusterIPs": [{"cidr": "10.96.0.0/12"}]}, "10.112.0.1", False),
    ({"serviceExternalIPs": [{"cidr": "192.0.2.0/24"}, {"cidr": "198.51.100.7/32"}]}, "198.51.100.7", True),
    ({"serviceLoadBalancerIPs": [{"cidr": "10.48.5.0/24"}]}, "10.48.5.9/32", True),
    ({"serviceLoadBalancerIPs": [{"cidr": "10.48.5.0/24"}]}, "10.48.0.0/16", False),
    ({"serviceClusterIPs": []}, "10.96.0.1", False),
    ({"serviceClusterIPs": "10.96.0.0/12"}, "10.96.0.1", False),
    ({"serviceClusterIPs": [{"cidr": None}, "10.96.0.0/12", {}]}, "10.96.0.1", False),
    ({}, "10.96.0.1", False),
]


@pytest.mark.parametrize(("spec", "prefix", "wanted"), ADVERTISED)
def test_a_prefix_is_advertised_when_a_range_holds_it(spec: dict[str, Any], prefix: str, wanted: bool) -> None:
    assert advertises(world(lambda cluster: cluster.settings("bgp", **spec)), prefix) is wanted


def test_the_allocations_of_a_block_are_told_with_their_owner() -> None:
    attributes = (
        held_by("shop/web-0", "worker1"),
        AllocationAttribute("vxlan-tunnel-addr-worker1", {"node": "worker1", "type": "vxlanTunnelAddress"}),
        AllocationAttribute("windows-reserved-ipam-handle"),
        AllocationAttribute(None, {}, "2026-01-01T00:00:00Z"),
        AllocationAttribute("h", {"pod": "web-1"}),
    )
    given = (0, 1, None, 2, 3, 4, 9, 2)
    some = block("10.48.9.0/29", "worker1", allocations=given, attributes=attributes)
    rows = [
        (item.address[8:], item.handle, item.node, item.pod, item.type, item.released) for item in allocations(some)
    ]
    assert rows == [
        ("0", "k8s-pod-network.shop/web-0", "worker1", "shop/web-0", None, False),
        ("1", "vxlan-tunnel-addr-worker1", "worker1", None, "vxlanTunnelAddress", False),
        ("3", "windows-reserved-ipam-handle", None, None, None, False),
        ("4", None, None, None, None, True),
        ("5", "h", None, None, None, False),
        ("6", None, None, None, None, False),
        ("7", "windows-reserved-ipam-handle", None, None, None, False),
    ]
    assert {item.block for item in allocations(some)} == {"10.48.9.0/29"}
    assert list(free_addresses(some)) == ["10.48.9.2"]


def test_ordinals_beyond_the_prefix_are_no_addresses() -> None:
    damaged = block(
        "10.48.9.0/30", "worker1", allocations=(None, 0, None, None, 0, None), attributes=(AllocationAttribute("h"),)
    )
    assert [item.address for item in allocations(damaged)] == ["10.48.9.1"]
    assert list(free_addresses(damaged)) == ["10.48.9.0", "10.48.9.2", "10.48.9.3"]
    assert [item.address for item in allocations(block("10.48.9.0/30", "w", allocations=(0,), attributes=()))] == [
        "10.48.9.0"
    ]

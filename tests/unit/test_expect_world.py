"""The cluster as the expectations read it: blocks, owners, borrowers, pods, releases, settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from expect.ownership import Owner, RouteClass
from expect.world import World, route_class
from model.cluster import AllocationAttribute, IPPool, Settings
from tests.unit.builders import (
    BLOCK1,
    BLOCK2,
    BORROWER,
    CUSTOMER,
    DATABASE,
    DUAL,
    FREE,
    LEAVING,
    OWNERS,
    affinity,
    block,
    held_by,
    pod,
)
from tests.unit.scenes import Scene, scene

if TYPE_CHECKING:
    from collections.abc import Callable


def world(vary: Callable[[Scene], None] | None = None) -> World:
    cluster = scene()
    if vary:
        vary(cluster)
    return World(cluster.look())


def test_blocks_have_the_owner_of_their_affinity_and_the_pool_that_holds_them() -> None:
    blocks = world().blocks
    assert {cidr: item.node for cidr, item in blocks.items()} == OWNERS
    assert all(item.settled and not item.virtual for item in blocks.values())
    assert {cidr: item.pool.name for cidr, item in blocks.items() if item.pool} == {
        cidr: "default-ipv6-ippool" if ":" in cidr else "default-ipv4-ippool" for cidr in OWNERS
    }
    assert blocks[BLOCK1].because == "IPAMBlock 10-48-0-64-26 has affinity host:worker1"


def test_blocks_stand_in_the_order_of_their_prefixes() -> None:
    def vary(cluster: Scene) -> None:
        cluster.add("blocks", block("10.48.0.0/26", "host1"), block("9.0.0.0/26", "host1"))

    assert list(world(vary).blocks)[:3] == ["9.0.0.0/26", "10.48.0.0/26", BLOCK1]


AFFINITIES: list[tuple[str | None, str | None, bool]] = [
    ("host:worker1", "worker1", False),
    ("host:a:b", "a:b", False),
    ("virtual:load-balancer", None, True),
    (None, None, False),
    ("", None, False),
]


@pytest.mark.parametrize(("text", "node", "virtual"), AFFINITIES)
def test_an_affinity_names_a_host_a_virtual_owner_or_nobody(text: str | None, node: str | None, virtual: bool) -> None:
    found = world(lambda cluster: cluster.api("blocks", BLOCK1, affinity=text)).blocks[BLOCK1]
    assert (found.node, found.virtual) == (node, virtual)
    assert found.because.endswith(f"has affinity {text or 'none'}")


def _claimed(state: str) -> Callable[[Scene], None]:
    return lambda cluster: cluster.api("affinities", "worker1-10-48-0-64-26", state=state)


SETTLED: list[tuple[str, Callable[[Scene], None], bool]] = [
    ("confirmed", _claimed("confirmed"), True),
    ("no state is confirmed", _claimed(""), True),
    ("pending", _claimed("pending"), False),
    ("being released", _claimed("pendingDeletion"), False),
    (
        "somebody else's claim beside the owner's",
        lambda cluster: cluster.add("affinities", affinity(BLOCK1, "worker2", "pending")),
        True,
    ),
    (
        "a claim, and nobody owns it",
        lambda cluster: cluster.vary(
            lambda c: c.api("blocks", BLOCK1, affinity=None),
            lambda c: c.add("affinities", affinity(BLOCK1, "worker2", "pending")),
        ),
        False,
    ),
    (
        "a deleted claim",
        lambda cluster: cluster.add("affinities", affinity(BLOCK1, "worker2", "pending", deleted=True)),
        True,
    ),
    (
        "a virtual claim",
        lambda cluster: cluster.add("affinities", affinity(BLOCK1, "lb", "pending", type="virtual")),
        True,
    ),
    ("another block's claim", lambda cluster: cluster.add("affinities", affinity(BLOCK2, "host1", "pending")), True),
    ("changed hands", lambda cluster: cluster.api_later("blocks", BLOCK1, affinity="host:worker2"), False),
    ("was deleted", lambda cluster: cluster.drop_later("blocks", BLOCK1), False),
    (
        "changed in nothing that matters",
        lambda cluster: cluster.api_later("blocks", BLOCK1, resource_version="8"),
        True,
    ),
]


@pytest.mark.parametrize(("vary", "settled"), [row[1:] for row in SETTLED], ids=[row[0] for row in SETTLED])
def test_a_block_is_settled_when_nobody_claims_or_releases_it(vary: Callable[[Scene], None], settled: bool) -> None:
    assert world(vary).blocks[BLOCK1].settled is settled


def test_a_deleted_block_is_none() -> None:
    found = world(lambda cluster: cluster.api("blocks", BLOCK1, deleted=True))
    assert BLOCK1 not in found.blocks
    assert CUSTOMER not in {item.pod for item in found.allocations.values()}
    assert found.block_of("10.48.0.67") is None
    assert [item.cidr for item in found.blocks_by_node["worker1"]] == ["fd00:10:48::40/122"]


def test_deleted_and_virtual_affinities_are_no_hosts() -> None:
    def vary(cluster: Scene) -> None:
        cluster.add("affinities", affinity(BLOCK1, "x", deleted=True), affinity(BLOCK1, "y", type="virtual"))

    assert [item.node for item in world(vary).affinities[BLOCK1]] == ["worker1"]


INSIDE = [
    ("10.48.0.64", BLOCK1),
    ("10.48.0.127", BLOCK1),
    ("10.48.0.128", BLOCK2),
    ("10.48.0.63", None),
    ("10.48.0.192", None),
    ("1.1.1.1", None),
    ("fd00:10:48::7f", "fd00:10:48::40/122"),
    ("fd00:10:48::1", None),
    ("::1", None),
    ("255.255.255.255", None),
]


@pytest.mark.parametrize(("address", "cidr"), INSIDE)
def test_the_block_of_an_address(address: str, cidr: str | None) -> None:
    found = world().block_of(address)
    assert (found.cidr if found else None) == cidr


def test_no_blocks_hold_no_address() -> None:
    empty = world(lambda cluster: cluster.relist(blocks=()))
    assert empty.block_of("10.48.0.67") is None
    assert empty.blocks_by_node == {}


def test_live_pods_by_their_addresses() -> None:
    found = world().pods_by_address
    assert {address: [item.key for item in pods] for address, pods in found.items()} == {
        "10.48.0.67": [CUSTOMER],
        "10.48.0.68": [DUAL],
        "fd00:10:48::44": [DUAL],
        "10.48.0.72": [LEAVING],
        "10.48.0.130": [DATABASE],
        "10.48.0.70": [BORROWER],
        "fd00:10:48::82": ["yaobank/six-0"],
    }


def test_two_pods_can_show_one_address() -> None:
    found = world(lambda cluster: cluster.api("pods", DATABASE, ips=("10.48.0.67",)))
    assert {item.key for item in found.pods_by_address["10.48.0.67"]} == {CUSTOMER, DATABASE}


def test_a_nodes_pods_are_all_of_them_in_order() -> None:
    keys = [item.key for item in world().pods_by_node["worker2"]]
    assert keys == sorted([DATABASE, BORROWER, "yaobank/six-0", "batch/failed", "kube-system/calico-node-worker2"])


def test_node_addresses_are_those_that_calico_knows_a_node_by() -> None:
    def vary(cluster: Scene) -> None:
        cluster.api("nodes", "host1", bgp_ipv4="10.1.0.1/24", bgp_ipv6=None, external_ips=("198.51.100.7",))

    found = world(vary).node_addresses
    mine = {address for address, name in found.items() if name == "host1"}
    assert mine == {"10.0.0.10", "fd00:10::a", "10.1.0.1", "198.51.100.7"}
    assert found["10.0.0.12"] == "worker2"


def _allocate(address: str, attribute: AllocationAttribute | None) -> Callable[[Scene], None]:
    return lambda cluster: cluster.allocate(address, attribute)


def _node(value: str, **fields: str) -> AllocationAttribute:
    return AllocationAttribute("handle", {"node": value, **fields})


BORROWINGS: list[tuple[str, Callable[[Scene], None], str | None]] = [
    ("another node's", _allocate(FREE, held_by(DATABASE, "worker2")), "worker2"),
    ("its own node's", _allocate(FREE, held_by(CUSTOMER, "worker1")), None),
    ("a tunnel's", _allocate(FREE, _node("worker2", type="vxlanTunnelAddress")), "worker2"),
    ("a node that is gone", _allocate(FREE, _node("gone")), "gone"),
    ("no node attribute", _allocate(FREE, AllocationAttribute("handle", {"pod": "x", "namespace": "y"})), None),
    ("an empty node attribute", _allocate(FREE, _node("")), None),
    ("reserved", _allocate(FREE, AllocationAttribute("windows-reserved-ipam-handle")), None),
    ("cooling down", _allocate(FREE, AllocationAttribute(None, {"node": "worker2"}, "2026-01-01T00:00:00Z")), None),
    ("free", _allocate("10.48.0.70", None), None),
]


@pytest.mark.parametrize(("vary", "borrower"), [row[1:] for row in BORROWINGS], ids=[row[0] for row in BORROWINGS])
def test_an_address_is_borrowed_when_its_node_is_known_and_not_the_blocks(
    vary: Callable[[Scene], None], borrower: str | None
) -> None:
    found = world(vary).borrowed.get(FREE)
    assert (found.borrower if found else None) == borrower


def test_the_healthy_cluster_has_one_borrowed_address() -> None:
    (found,) = world().borrowed.values()
    assert (found.address, found.borrower, found.block.cidr) == ("10.48.0.70", "worker2", BLOCK1)
    assert found.because == (
        f"IPAMBlock 10-48-0-64-26 (host:worker1) allocates 10.48.0.70 to pod {BORROWER} on worker2"
    )


def test_every_address_of_a_block_without_affinity_is_borrowed() -> None:
    found = world(lambda cluster: cluster.api("blocks", BLOCK1, affinity=None)).borrowed
    assert {item.address: item.borrower for item in found.values()} == {
        "10.48.0.67": "worker1",
        "10.48.0.68": "worker1",
        "10.48.0.72": "worker1",
        "10.48.0.70": "worker2",
    }
    assert "(no affinity)" in found["10.48.0.67"].because


def test_who_holds_a_borrowed_address_without_a_pod_is_named_by_its_kind() -> None:
    tunnel = world(_allocate(FREE, _node("worker2", type="ipipTunnelAddress"))).borrowed[FREE]
    assert f"allocates {FREE} to ipipTunnelAddress on worker2" in tunnel.because
    other = world(_allocate(FREE, _node("worker2"))).borrowed[FREE]
    assert f"allocates {FREE} to handle on worker2" in other.because


def test_a_nodes_release_is_its_own_agents() -> None:
    def vary(cluster: Scene) -> None:
        cluster.api("pods", "kube-system/calico-node-worker2", images=("docker.io/calico/node:v3.33.0",))
        cluster.api("pods", "kube-system/calico-node-host1", phase="Failed", images=("docker.io/calico/node:v3.20.0",))

    found = world(vary)
    assert [str(found.release(name)) for name in ("worker1", "worker2", "host1", "new")] == [
        "v3.30", "v3.33", "v3.30", "v3.30"
    ]  # fmt: skip


def test_a_setting_of_the_node_comes_before_the_default() -> None:
    def vary(cluster: Scene) -> None:
        cluster.settings("felix", "default", programClusterRoutes="Disabled", deviceRouteProtocol=80)
        cluster.settings("felix", "node.worker2", programClusterRoutes="Enabled")
        cluster.settings("felix", "node.worker2x", deviceRouteProtocol=99)
        cluster.settings("bgp", "node.worker2", programClusterRoutes="Enabled")
        cluster.settings("bgp", "default", asNumber=64500)

    found = world(vary)
    assert found.felix("worker1", "programClusterRoutes") == "Disabled"
    assert found.felix("worker2", "programClusterRoutes") == "Enabled"
    assert found.felix("worker2", "deviceRouteProtocol") == 80
    assert found.felix("worker2", "routeSource") is None
    assert found.bgp("asNumber") == 64500
    assert found.bgp("programClusterRoutes") is None


def test_ownership_is_each_nodes_own() -> None:
    def vary(cluster: Scene) -> None:
        cluster.api("pods", "kube-system/calico-node-worker2", images=("docker.io/calico/node:v3.33.0",))
        cluster.settings("felix", "node.worker2", programClusterRoutes="Enabled")
        cluster.settings("bgp", programClusterRoutes="Disabled")

    found = world(vary)
    pool = found.cluster.pools[0]
    assert found.owner(pool, "worker1").owners == {Owner.BIRD}
    assert found.owner(pool, "worker2").owners == {Owner.FELIX}
    assert found.owner(None, "worker1").owners == {Owner.BIRD}


CLASSES = [
    ("Never", "Never", RouteClass.NO_ENCAP),
    ("Always", "Never", RouteClass.IPIP),
    ("CrossSubnet", "Never", RouteClass.IPIP),
    ("Never", "Always", RouteClass.VXLAN),
    ("Never", "CrossSubnet", RouteClass.VXLAN),
    ("Always", "Always", RouteClass.VXLAN),
]


@pytest.mark.parametrize(("ipip", "vxlan", "wanted"), CLASSES)
def test_a_pools_class_is_its_encapsulation(ipip: str, vxlan: str, wanted: RouteClass) -> None:
    assert route_class(IPPool("p", "10.0.0.0/8", 26, ipip, vxlan)) is wanted
    assert route_class(None) is RouteClass.NO_ENCAP


def test_the_pool_of_a_prefix_holds_all_of_it() -> None:
    found = world()
    names = {prefix: found.pool_of(prefix) for prefix in ("10.48.0.0/16", "10.48.9.9", "10.0.0.0/8", "fd00:10:48::1")}
    assert {prefix: pool.name if pool else None for prefix, pool in names.items()} == {
        "10.48.0.0/16": "default-ipv4-ippool",
        "10.48.9.9": "default-ipv4-ippool",
        "10.0.0.0/8": None,
        "fd00:10:48::1": "default-ipv6-ippool",
    }


def test_pods_without_a_network_are_not_networked() -> None:
    found = world()
    assert found.is_networked(pod("a/b", "worker1", ("10.48.0.67",)))
    assert found.is_networked(pod("a/b", "worker1", ("10.48.0.67",), deleting=True))
    assert not found.is_networked(pod("a/b", "worker1", ("10.48.0.67",), phase="Failed"))


def test_settings_without_the_field_are_unset() -> None:
    assert Settings("default", {}).get("asNumber") is None

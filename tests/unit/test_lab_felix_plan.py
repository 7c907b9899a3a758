"""What the lab's Felix would program, and who programs at all, by release, setting and mode."""

from __future__ import annotations

import pytest

from lab.bird_config import bird_config, tor_config
from lab.bird_peers import selects, sessions_of
from lab.bird_routes import expected_routes
from lab.datastore import Datastore, FelixBlock, FelixNode
from lab.felix_plan import desired, tunnel_mac
from lab.network import bgp_metric, mtu, next_hop
from lab.owners import bird_programs, felix_programs
from lab.topology import LabBlock, LabNode, LabPeer, LabPod, LabPool, Topology

NEAR, FAR = "10.0.1.11/24", "10.0.2.12/24"
POOL = "10.51.0.0/16"


def _topology(release: str = "v3.32.1", **fields: object) -> Topology:
    given: dict[str, object] = {
        "nodes": (
            LabNode("a", "10.0.1.10", gateway="10.0.1.254"),
            LabNode("b", "10.0.1.11", gateway="10.0.1.254"),
            LabNode("c", "10.0.2.12", gateway="10.0.2.254"),
        ),
        "pools": (LabPool("p", POOL, vxlan_mode="Always"),),
        "blocks": (),
        "pods": (),
        "release": release,
    }
    return Topology(**(given | fields))  # type: ignore[arg-type]


def _store(mode: str, *blocks: FelixBlock) -> Datastore:
    nodes = {
        "a": FelixNode("a", {4: "10.0.1.10/24"}, {4: "10.51.0.64"}),
        "b": FelixNode("b", {4: NEAR}, {4: "10.51.0.128"}),
        "c": FelixNode("c", {4: FAR}, {4: "10.51.0.192"}),
        "bare": FelixNode("bare", {4: "10.0.1.99/24"}, {}),
    }
    return Datastore(nodes, {POOL: mode}, blocks)


@pytest.mark.parametrize(
    ("release", "felix", "bgp", "owners"),
    [
        ("v3.30.7", {}, {}, (False, True)),
        ("v3.31.4", {"programClusterRoutes": "Enabled"}, {}, (True, True)),
        ("v3.32.1", {}, {}, (False, True)),
        ("v3.32.1", {"programClusterRoutes": "Enabled"}, {"programClusterRoutes": "Disabled"}, (True, False)),
        ("v3.33.0", {}, {}, (False, True)),
        (
            "v3.33.0",
            {"programClusterRoutes": "EnabledNoEncapOnly"},
            {"programClusterRoutes": "Disabled"},
            (True, False),
        ),
        ("v3.33.0", {"programClusterRoutes": "Disabled"}, {"programClusterRoutes": "EnabledIPIPOnly"}, (False, False)),
    ],
)
def test_owners_of_an_unencapsulated_pool(
    release: str, felix: dict[str, object], bgp: dict[str, object], owners: tuple[bool, bool]
) -> None:
    pool = LabPool("p", POOL)
    topology = _topology(release, pools=(pool,), felix=felix, bgp=bgp)
    assert (felix_programs(topology, pool), bird_programs(topology, pool)) == owners
    quiet = _topology(release, pools=(pool,), felix=felix, bgp=bgp, backend="vxlan")
    assert (felix_programs(quiet, pool), bird_programs(quiet, pool)) == (owners[0], False)


def test_a_vxlan_pool_is_felixs_in_every_release() -> None:
    pool = LabPool("p", POOL, vxlan_mode="CrossSubnet")
    for release in ("v3.26.0", "v3.30.7", "v3.33.0"):
        topology = _topology(release, pools=(pool,))
        assert (felix_programs(topology, pool), bird_programs(topology, pool)) == (True, False)


@pytest.mark.parametrize(
    ("release", "mode", "node", "way"),
    [
        ("v3.30.7", "Always", "b", "via 10.51.0.128 dev vxlan.calico proto 3 onlink"),
        ("v3.32.1", "Always", "b", "via 10.51.0.128 dev vxlan.calico proto 3 onlink mtu 1450"),
        ("v3.32.1", "CrossSubnet", "b", "via 10.0.1.11 dev ens160 proto 80 onlink"),
        ("v3.32.1", "CrossSubnet", "c", "via 10.51.0.192 dev vxlan.calico proto 3 onlink mtu 1450"),
    ],
)
def test_way_to_a_block(release: str, mode: str, node: str, way: str) -> None:
    topology = _topology(release, pools=(LabPool("p", POOL, vxlan_mode=mode),))
    planned = desired(topology, _store(mode, FelixBlock("10.51.3.0/26", node, ())), "a")
    assert planned.routes == {"10.51.3.0/26": f"10.51.3.0/26 {way}"}


def test_blackholes_borrowed_addresses_and_what_cannot_be_reached() -> None:
    blocks = (
        FelixBlock("10.51.0.64/26", "a", (("10.51.0.70", "b"), ("10.51.0.192", "c"), ("10.51.0.71", "gone"))),
        FelixBlock("10.51.0.128/26", "b", ()),  # its first address is the tunnel's
        FelixBlock("10.51.9.0/32", "a", ()),
        FelixBlock("10.51.9.1/32", "b", ()),
        FelixBlock("10.51.4.0/26", "bare", ()),
        FelixBlock("10.51.5.0/26", None, ()),
        FelixBlock("10.99.0.0/26", "b", ()),
    )
    planned = desired(_topology(), _store("Always", *blocks), "a")
    assert planned.routes == {
        "10.51.0.64/26": "blackhole 10.51.0.64/26 proto 80",
        "10.51.0.70": "10.51.0.70/32 via 10.51.0.128 dev vxlan.calico proto 3 onlink mtu 1450",
        "10.51.0.192": "10.51.0.192/32 dev vxlan.calico proto 3 scope link mtu 1450",
        "10.51.0.128/26": "10.51.0.128/26 via 10.51.0.128 dev vxlan.calico proto 3 onlink mtu 1450",
        "10.51.9.1": "10.51.9.1/32 via 10.51.0.128 dev vxlan.calico proto 3 onlink mtu 1450",
    }
    (device,) = planned.devices
    assert (device.name, device.mac, device.local, device.address, device.mtu) == (
        "vxlan.calico",
        "66:86:f7:e4:37:fa",
        "10.0.1.10",
        "10.51.0.64",
        1450,
    )
    assert {(each.tunnel, each.address) for each in planned.endpoints} == {
        ("10.51.0.128", "10.0.1.11"),
        ("10.51.0.192", "10.0.2.12"),
    }


def test_a_tunnel_address_that_is_a_block_has_a_route_without_a_gateway() -> None:
    planned = desired(_topology(), _store("Always", FelixBlock("10.51.0.128/32", "b", ())), "a")
    assert planned.routes == {"10.51.0.128": "10.51.0.128/32 dev vxlan.calico proto 3 scope link mtu 1450"}


def test_each_family_has_a_mac_of_its_own() -> None:
    assert tunnel_mac("a", 4) != tunnel_mac("a", 6)


def test_selectors() -> None:
    node = LabNode("a", "10.0.0.1", labels={"rack": "one"})
    truths = ["all()", "has(rack)", "rack == 'one'", "!has(other)", "!rack == 'two'"]
    assert all(selects(text, node) for text in truths)
    assert not any(selects(text, node) for text in ["has(other)", "rack == 'two'", "!all()"])
    with pytest.raises(ValueError, match="does not read the selector"):
        selects("rack in {'one'}", node)


def test_reflector_has_its_clients_and_they_have_only_it() -> None:
    nodes = (
        LabNode("a", "10.0.0.1", reflector="244.0.0.1", labels={"rr": "true"}),
        LabNode("b", "10.0.0.2"),
        LabNode("c", "10.0.0.3"),
    )
    topology = _topology(
        nodes=nodes, peers=(LabPeer("rr", peer_selector="has(rr)"),), bgp={"nodeToNodeMeshEnabled": False}
    )
    assert [each.remote for each in sessions_of(topology, nodes[0], 4)] == ["10.0.0.2", "10.0.0.3"]
    assert [(each.name, each.passive) for each in sessions_of(topology, nodes[1], 4)] == [("Node_10_0_0_1", False)]
    assert "rr client;\n  rr cluster id 244.0.0.1;" in bird_config(topology, "a")
    assert "rr client" not in bird_config(topology, "b")


def test_nodes_of_the_mesh_have_no_session_to_a_reflector_that_no_peer_asks_for() -> None:
    nodes = (LabNode("a", "10.0.0.1", reflector="244.0.0.1"), LabNode("b", "10.0.0.2"), LabNode("c", "10.0.0.3"))
    topology = _topology(nodes=nodes)
    assert sessions_of(topology, nodes[0], 4) == []
    assert [each.remote for each in sessions_of(topology, nodes[1], 4)] == ["10.0.0.3"]


def test_router_speaks_to_each_node_from_its_own_subnet() -> None:
    text = tor_config(_topology(tor_as=64600))
    assert text.count("local 10.0.1.254 as 64600;") == 2
    assert "local 10.0.2.254 as 64600;\n  neighbor 10.0.2.12 as 64512;" in text


def test_metric_of_what_another_as_announces() -> None:
    assert bgp_metric(_topology("v3.31.4", tor_as=64600)) == 0
    assert bgp_metric(_topology("v3.32.1")) == 1024
    assert bgp_metric(_topology("v3.32.1", tor_as=64600)) == 2147483547


def test_next_hop_is_the_router_across_subnets() -> None:
    topology = _topology()
    assert next_hop(topology, "a", "b", 4) == "10.0.1.11"
    assert next_hop(topology, "a", "c", 4) == "10.0.1.254"
    with pytest.raises(ValueError, match="has no IPv6 address"):
        next_hop(topology, "a", "b", 6)


def test_mtu_leaves_room_for_the_widest_encapsulation() -> None:
    assert mtu(_topology(pools=(LabPool("p", POOL),))) == 1500
    assert mtu(_topology()) == 1450
    six = LabPool("six", "fd00::/64", 122, vxlan_mode="Always")
    assert mtu(_topology(pools=(LabPool("p", POOL, vxlan_mode="Always"), six))) == 1430


def test_single_address_blocks_are_announced_while_a_pod_is_there() -> None:
    topology = _topology(
        pools=(LabPool("p", POOL, 32),),
        blocks=(LabBlock("10.51.0.1/32", "b"), LabBlock("10.51.0.2/32", "b")),
        pods=(LabPod("x", "one", "b", ("10.51.0.1",)),),
    )
    assert expected_routes(topology, "a") == {"10.51.0.1 via 10.0.1.11"}
    assert expected_routes(topology, "b") == set()


def test_a_node_of_ipv6_alone_has_a_router_id_and_no_ipv4_session() -> None:
    nodes = tuple(LabNode(name, f"fd00::{name}", 64, "fd00::fe") for name in ("a", "b"))
    topology = _topology(nodes=nodes, pools=(LabPool("six", "fd00:1::/64", 122),))
    four, six = (bird_config(topology, "a", (), family) for family in (4, 6))
    assert "protocol bgp" not in four
    assert "template bgp" not in four
    assert four.splitlines()[0] == six.splitlines()[0] == "router id 202.151.129.18;"
    assert "local fd00::a as 64512;\n  neighbor fd00::b as 64512;" in six
    assert "metric 1024;" in six

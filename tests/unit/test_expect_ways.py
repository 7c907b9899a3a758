"""The decision table of calico-state §10: how a route to another node's prefix must look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expect.ownership import Owner
from expect.tunnels import endpoints, tunnel_mac, tunnels
from expect.ways import By, Way, ways
from expect.world import World
from model.cluster import IPPool, Node
from tests.unit.builders import NODES
from tests.unit.scenes import Scene, scene

if TYPE_CHECKING:
    from collections.abc import Callable

V4, V6 = "10.48.0.128/26", "fd00:10:48::80/122"
TUNNEL, NODE, ROUTE = By.TUNNEL, By.NODE, By.ROUTE
FELIX, BIRD = Owner.FELIX, Owner.BIRD
FELIX_ALONE = {"felix": "Enabled", "bgp": "Disabled"}
BIRD_ALONE = {"felix": "Disabled", "bgp": "Enabled"}
BOTH = {"felix": "Enabled", "bgp": "Enabled"}
NEITHER = {"felix": "Disabled", "bgp": "Disabled"}
DEFAULT: dict[str, str] = {}


def world(
    ipip: str, vxlan: str, fields: dict[str, str], *, near: bool = True, release: str = "v3.33.0", **spec: Any
) -> World:
    cluster = scene()
    pools = (IPPool("v4", "10.48.0.0/16", 26, ipip, vxlan), IPPool("v6", "fd00:10:48::/64", 122, ipip, vxlan))
    cluster.relist(pools=pools)
    for name, number in NODES.items():
        cluster.api("pods", f"kube-system/calico-node-{name}", images=(f"calico/node:{release}",))
        cluster.api("nodes", name, vxlan_tunnel=f"10.48.9.{number}", vxlan_tunnel_v6=f"fd00:10:48::9:{number:x}")
    if not near:
        cluster.api("nodes", "worker2", bgp_ipv4="10.1.0.12/24", bgp_ipv6="fd00:11::c/64")
    cluster.settings("felix", **{**({"programClusterRoutes": fields["felix"]} if fields else {}), **spec})
    if fields:
        cluster.settings("bgp", programClusterRoutes=fields["bgp"])
    return World(cluster.look())


def found(view: World, prefix: str = V4) -> tuple[Way, ...]:
    return ways(view, "worker1", view.nodes["worker2"], prefix, view.pool_of(prefix))


# pool modes, the two fields, same subnet: who, how, gateway, device of the tunnel, protocol
ROWS: list[tuple[str, str, dict[str, str], bool, list[tuple[Owner, By, str, tuple[str, ...], int]]]] = [
    ("Never", "Always", DEFAULT, True, [(FELIX, TUNNEL, "10.48.9.12", ("vxlan.calico",), 3)]),
    ("Never", "Always", NEITHER, False, [(FELIX, TUNNEL, "10.48.9.12", ("vxlan.calico",), 3)]),
    ("Never", "CrossSubnet", BIRD_ALONE, True, [(FELIX, NODE, "10.0.0.12", (), 80)]),
    ("Never", "CrossSubnet", DEFAULT, False, [(FELIX, TUNNEL, "10.48.9.12", ("vxlan.calico",), 3)]),
    ("Always", "Never", DEFAULT, True, [(FELIX, TUNNEL, "10.0.0.12", ("tunl0",), 80)]),
    ("Always", "Never", FELIX_ALONE, False, [(FELIX, TUNNEL, "10.1.0.12", ("tunl0",), 80)]),
    ("CrossSubnet", "Never", DEFAULT, True, [(FELIX, NODE, "10.0.0.12", (), 80)]),
    ("CrossSubnet", "Never", DEFAULT, False, [(FELIX, TUNNEL, "10.1.0.12", ("tunl0",), 80)]),
    ("Always", "Never", BIRD_ALONE, True, [(BIRD, TUNNEL, "10.0.0.12", ("tunl0",), 12)]),
    ("Always", "Never", BIRD_ALONE, False, [(BIRD, TUNNEL, "10.1.0.12", ("tunl0",), 12)]),
    ("CrossSubnet", "Never", BIRD_ALONE, True, [(BIRD, ROUTE, "10.0.0.12", (), 12)]),
    ("CrossSubnet", "Never", BIRD_ALONE, False, [(BIRD, TUNNEL, "10.1.0.12", ("tunl0",), 12)]),
    ("Never", "Never", DEFAULT, True, [(BIRD, ROUTE, "10.0.0.12", (), 12)]),
    ("Never", "Never", DEFAULT, False, [(BIRD, ROUTE, "10.1.0.12", (), 12)]),
    ("Never", "Never", FELIX_ALONE, True, [(FELIX, NODE, "10.0.0.12", (), 80)]),
    ("Never", "Never", FELIX_ALONE, False, [(FELIX, NODE, "10.1.0.12", (), 80)]),
    ("Never", "Never", BOTH, True, [(BIRD, ROUTE, "10.0.0.12", (), 12), (FELIX, NODE, "10.0.0.12", (), 80)]),
    (
        "Always",
        "Never",
        BOTH,
        True,
        [(BIRD, TUNNEL, "10.0.0.12", ("tunl0",), 12), (FELIX, TUNNEL, "10.0.0.12", ("tunl0",), 80)],
    ),
    ("Never", "Never", NEITHER, True, []),
    ("Always", "Never", NEITHER, True, []),
]


@pytest.mark.parametrize(("ipip", "vxlan", "fields", "near", "wanted"), ROWS)
def test_the_decision_table(
    ipip: str,
    vxlan: str,
    fields: dict[str, str],
    near: bool,
    wanted: list[tuple[Owner, By, str, tuple[str, ...], int]],
) -> None:
    got = found(world(ipip, vxlan, fields, near=near))
    assert [(way.owner, way.by, way.gateway, way.devices, *way.protocols) for way in got] == wanted
    assert all(way.metrics == (None if way.owner is BIRD else {0}) for way in got)
    assert not any(way.external for way in got)


def test_before_v3_31_bird_owns_ipip() -> None:
    (way,) = found(world("Always", "Never", FELIX_ALONE, release="v3.30.0"))
    assert (way.owner, way.by, way.protocol) == (BIRD, TUNNEL, "bird")


SIX: list[tuple[str, str, dict[str, str], bool, list[tuple[Owner, By, str, tuple[str, ...]]]]] = [
    ("Never", "Always", DEFAULT, True, [(FELIX, TUNNEL, "fd00:10:48::9:c", ("vxlan-v6.calico",))]),
    ("Never", "CrossSubnet", DEFAULT, True, [(FELIX, NODE, "fd00:10::c", ())]),
    ("Never", "CrossSubnet", DEFAULT, False, [(FELIX, TUNNEL, "fd00:10:48::9:c", ("vxlan-v6.calico",))]),
    ("Never", "Never", DEFAULT, True, [(BIRD, ROUTE, "fd00:10::c", ())]),
    ("Never", "Never", FELIX_ALONE, False, [(FELIX, NODE, "fd00:11::c", ())]),
]


@pytest.mark.parametrize(("ipip", "vxlan", "fields", "near", "wanted"), SIX)
def test_the_decision_table_for_ipv6(
    ipip: str, vxlan: str, fields: dict[str, str], near: bool, wanted: list[tuple[Owner, By, str, tuple[str, ...]]]
) -> None:
    got = found(world(ipip, vxlan, fields, near=near), V6)
    assert [(way.owner, way.by, way.gateway, way.devices) for way in got] == wanted
    assert all(way.metrics == (None if way.owner is BIRD else {1024}) for way in got)


PROTOCOLS = [
    ("Never", "Always", 99, {99}),
    ("Never", "CrossSubnet", 99, {99}),
    ("Never", "CrossSubnet", 3, {80}),
    ("Never", "Always", 3, {3}),
    ("Always", "Never", 99, {99}),
]


@pytest.mark.parametrize(("ipip", "vxlan", "number", "wanted"), PROTOCOLS)
def test_device_route_protocol_marks_felix_routes(ipip: str, vxlan: str, number: int, wanted: set[int]) -> None:
    (way,) = found(world(ipip, vxlan, DEFAULT, deviceRouteProtocol=number))
    assert way.protocols == wanted


def test_bpf_shares_one_vxlan_device_between_the_families() -> None:
    (way,) = found(world("Never", "Always", DEFAULT, bpfEnabled=True), V6)
    assert way.devices == ("vxlan.calico", "vxlan-v6.calico")


def varied(vary: Callable[[Scene], None]) -> World:
    cluster = scene()
    vary(cluster)
    return World(cluster.look())


EXTERNAL: list[tuple[str, Callable[[Scene], None], bool]] = [
    ("the default AS", lambda cluster: None, False),
    ("the same AS said aloud", lambda cluster: cluster.api("nodes", "worker2", as_number="64512"), False),
    ("the cluster's own AS", lambda cluster: cluster.settings("bgp", asNumber=64500), False),
    ("another AS", lambda cluster: cluster.api("nodes", "worker2", as_number="64513"), True),
    ("an external peer", lambda cluster: cluster.settings("peers", "tor", asNumber=65000), True),
    ("an internal peer", lambda cluster: cluster.settings("peers", "rr", asNumber=64512), False),
    ("a peer by selector", lambda cluster: cluster.settings("peers", "rr", peerSelector="all()"), False),
]


@pytest.mark.parametrize(("vary", "wanted"), [row[1:] for row in EXTERNAL], ids=[row[0] for row in EXTERNAL])
def test_an_external_speaker_may_stand_between(vary: Callable[[Scene], None], wanted: bool) -> None:
    (way,) = found(varied(vary))
    assert way.external is wanted


SUBNETS = [
    ("10.0.0.11/24", "10.0.0.12", True),
    ("10.0.0.11/24", "10.0.1.12", False),
    ("10.0.0.11/16", "10.0.1.12", True),
    ("10.0.0.11/32", "10.0.0.12", False),
    (None, "10.0.0.12", False),
    ("10.0.0.11/24", "fd00:10::c", True),
    ("10.0.0.11/24", "fd00:11::c", False),
]


@pytest.mark.parametrize(("mine", "address", "wanted"), SUBNETS)
def test_a_subnet_is_shared_by_the_nodes_own_mask(mine: str | None, address: str, wanted: bool) -> None:
    view = varied(lambda cluster: cluster.api("nodes", "worker1", bgp_ipv4=mine))
    assert view.same_subnet("worker1", address) is wanted


FELIX_KNOWS: list[tuple[dict[str, Any], int, str | None]] = [
    ({}, 4, "10.0.0.12"),
    ({"bgp_ipv4": "10.9.0.1/24"}, 4, "10.9.0.1"),
    ({"bgp_ipv4": None}, 4, "10.0.0.12"),
    ({"bgp_ipv4": None, "internal_ips": ("fd00::1",), "external_ips": ("192.0.2.7",)}, 4, "192.0.2.7"),
    ({"bgp_ipv4": None, "internal_ips": (), "external_ips": ()}, 4, None),
    ({"bgp_ipv6": None}, 6, "fd00:10::c"),
]


@pytest.mark.parametrize(("fields", "family", "wanted"), FELIX_KNOWS)
def test_felix_knows_a_node_by_bgp_internal_external_address(
    fields: dict[str, Any], family: int, wanted: str | None
) -> None:
    view = varied(lambda cluster: cluster.api("nodes", "worker2", **fields))
    assert view.felix_address(view.nodes["worker2"], family) == wanted
    bgp = fields.get("bgp_ipv4", "10.0.0.12/24") if family == 4 else fields.get("bgp_ipv6", "fd00:10::c/64")
    assert view.speaks_from(view.nodes["worker2"], family) == (bgp.partition("/")[0] if bgp else None)


def test_bird_needs_a_bgp_address_and_felix_any() -> None:
    def vary(cluster: Scene) -> None:
        cluster.api("nodes", "worker2", bgp_ipv4=None)

    assert found(varied(vary)) == ()


def test_without_a_tunnel_address_there_is_no_way_through_vxlan() -> None:
    cluster = scene()
    cluster.api("pools", "default-ipv4-ippool", vxlan_mode="Always")
    assert found(World(cluster.look())) == ()


DISABLED = [("vxlanEnabled", "Never", "Always"), ("ipipEnabled", "Always", "Never")]


@pytest.mark.parametrize(("field", "ipip", "vxlan"), DISABLED)
def test_a_disabled_encapsulation_has_no_programmer(field: str, ipip: str, vxlan: str) -> None:
    spec: dict[str, Any] = {field: False}
    view = world(ipip, vxlan, DEFAULT, **spec)
    assert view.owner(view.cluster.pools[0], "worker1").owners == frozenset()
    assert f"{field} is false" in view.owner(view.cluster.pools[0], "worker1").because
    assert list(tunnels(view, "worker1")) == []


def test_the_tunnels_of_a_node_are_one_for_each_encapsulation_and_family() -> None:
    view = world("Never", "Always", DEFAULT)
    four, six = tunnels(view, "worker1")
    assert (four.names, four.family, four.address, four.local) == (("vxlan.calico",), 4, "10.48.9.11", "10.0.0.11")
    assert (six.names, six.family, six.address, six.local) == (("vxlan-v6.calico",), 6, "fd00:10:48::9:b", "fd00:10::b")
    assert (four.vni, four.port, four.mtu, four.overhead, six.overhead) == (4096, 4789, None, 50, 70)
    assert (four.addressless, four.because) == (False, "IPPool v4 uses vxlan")


def test_a_tunnel_is_as_the_configuration_says() -> None:
    view = world("Never", "Always", DEFAULT, vxlanVNI=7, vxlanPort=9, vxlanMTU=1400, vxlanMTUV6=1380, bpfEnabled=True)
    four, six = tunnels(view, "worker1")
    assert (four.vni, four.port, four.mtu, six.mtu, four.addressless) == (7, 9, 1400, 1380, True)


def test_ipip_has_its_tunnel_whoever_programs_the_routes() -> None:
    for fields in (FELIX_ALONE, BIRD_ALONE, NEITHER):
        first = next(iter(tunnels(world("Always", "Never", fields, ipipMTU=1440), "worker1")))
        assert (first.names, first.overhead, first.mtu) == (("tunl0",), 20, 1440)


def test_no_encapsulation_needs_no_tunnel() -> None:
    assert list(tunnels(world("Never", "Never", DEFAULT), "worker1")) == []


MACS = [
    (Node("n", "u", "1", vxlan_mac="AA:bb:cc:dd:ee:ff"), 4, "aa:bb:cc:dd:ee:ff"),
    (Node("n", "u", "1", vxlan_mac_v6="AA:bb:cc:dd:ee:00"), 6, "aa:bb:cc:dd:ee:00"),
]


@pytest.mark.parametrize(("node", "family", "mac"), MACS)
def test_a_stored_mac_counts(node: Node, family: int, mac: str) -> None:
    assert tunnel_mac(node, family) == mac


def test_a_mac_follows_from_the_nodes_name() -> None:
    """As recorded on a real node named worker1: 66:3c:05:84:20:98."""
    assert tunnel_mac(Node("worker1", "u", "1"), 4) == "66:3c:05:84:20:98"
    assert tunnel_mac(Node("worker1", "u", "1"), 6) != tunnel_mac(Node("worker1", "u", "1"), 4)


def test_a_vxlan_device_knows_the_other_nodes_that_have_a_tunnel() -> None:
    cluster = scene()
    cluster.api("nodes", "worker2", vxlan_tunnel="10.48.9.12")
    cluster.api("nodes", "host1", vxlan_tunnel="10.48.9.10")
    assert [(end.node, end.tunnel, end.address) for end in endpoints(World(cluster.look()), "worker1", 4)] == [
        ("host1", "10.48.9.10", "10.0.0.10"),
        ("worker2", "10.48.9.12", "10.0.0.12"),
    ]
    assert list(endpoints(World(cluster.look()), "worker1", 6)) == []
    cluster.api_later("nodes", "host1", vxlan_tunnel="10.48.9.99")
    assert [end.node for end in endpoints(World(cluster.look()), "worker1", 4)] == ["worker2"]

"""The sessions of a node, from BGPConfiguration, the nodes and the BGPPeers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import structs

from checks.bgp_view import is_fresh
from expect.bgp import bird_announces, expected_sessions
from expect.bgp_peers import Peer, as_number, faults, session_name, split_port
from expect.world import World
from model.cluster import NodeStatus, Settings
from tests.unit.builders import CUSTOMER, NODES
from tests.unit.scenes import Scene, scene

Vary = Callable[[Scene], None]
H1, W1, W2 = "host1", "worker1", "worker2"
TOR = "10.0.0.254"


def world(*varies: Vary) -> World:
    cluster = scene()
    for vary in varies:
        vary(cluster)
    return World(cluster.look())


def peer(name: str = "p", /, **spec: object) -> Vary:
    return lambda c: c.settings("peers", name, **spec)


def bgp(name: str = "default", /, **spec: object) -> Vary:
    return lambda c: c.settings("bgp", name, **spec)


def node(name: str, **fields: object) -> Vary:
    return lambda c: c.api("nodes", name, **fields)


def labels(name: str, **values: str) -> Vary:
    return node(name, labels=values)


NO_MESH = bgp(nodeToNodeMeshEnabled=False)
MESH = {W1: ["Mesh_10_0_0_10", "Mesh_10_0_0_12"]}
ROWS: list[tuple[str, tuple[Vary, ...], dict[str, list[str]]]] = [
    ("the mesh", (), {**MESH, H1: ["Mesh_10_0_0_11", "Mesh_10_0_0_12"], W2: ["Mesh_10_0_0_10", "Mesh_10_0_0_11"]}),
    ("no mesh", (NO_MESH,), {W1: [], H1: [], W2: []}),
    (
        "reflectors by a selector",
        (
            NO_MESH,
            node(H1, route_reflector_id="1.0.0.1", labels={"rr": ""}),
            peer(nodeSelector="all()", peerSelector="has(rr)"),
        ),
        {W1: ["Node_10_0_0_10"], W2: ["Node_10_0_0_10"], H1: ["Node_10_0_0_11", "Node_10_0_0_12"]},
    ),
    (
        "a global peering with reflectors",
        (NO_MESH, labels(H1, rr=""), peer(peerSelector="has(rr)")),
        {W1: ["Global_10_0_0_10"], W2: ["Global_10_0_0_10"], H1: ["Node_10_0_0_11", "Node_10_0_0_12"]},
    ),
    (
        "a reflector beside the mesh",
        (
            node(H1, route_reflector_id="1.0.0.1"),
            labels(W1, near=""),
            peer(nodeSelector="has(near)", peerIP="10.0.0.10"),
        ),
        {W1: ["Node_10_0_0_10", "Mesh_10_0_0_12"], W2: ["Mesh_10_0_0_11"], H1: ["Node_10_0_0_11"]},
    ),
    ("a router of all", (peer(peerIP=TOR),), {W1: ["Global_10_0_0_254", *MESH[W1]]}),
    ("a router of one", (NO_MESH, peer(peerIP=TOR, node=W1)), {W1: ["Node_10_0_0_254"], W2: []}),
    (
        "a router of some",
        (NO_MESH, labels(W2, r="a"), peer(peerIP=TOR, nodeSelector="r == 'a'")),
        {W1: [], W2: ["Node_10_0_0_254"]},
    ),
    ("the selector stands above the node", (NO_MESH, peer(peerIP=TOR, nodeSelector="has(r)", node=W1)), {W1: []}),
    ("a router at a port", (NO_MESH, peer(peerIP=f"{TOR}:1790")), {W1: ["Global_10_0_0_254_port_1790"]}),
    (
        "the port of the cluster is no router's",
        (NO_MESH, bgp(listenPort=1790), peer(peerIP=TOR)),
        {W1: ["Global_10_0_0_254"]},
    ),
    ("a router of the other family", (NO_MESH, peer(peerIP="fd00:10::fe")), {W1: []}),
    (
        "one node by its address",
        (NO_MESH, peer(peerIP="10.0.0.12", asNumber=64512, node=W1)),
        {W1: ["Node_10_0_0_12"], W2: ["Node_10_0_0_11"], H1: []},
    ),
    (
        "one node by its address and another AS",
        (NO_MESH, peer(peerIP="10.0.0.12", asNumber=64999, node=W1)),
        {W1: ["Node_10_0_0_12"], W2: []},
    ),
    (
        "one node by its address and another port",
        (NO_MESH, bgp("node.worker2", listenPort=180), peer(peerIP="10.0.0.12:181", node=W1)),
        {W1: ["Node_10_0_0_12_port_181"], W2: []},
    ),
    (
        "nodes that listen elsewhere",
        (
            bgp(nodeToNodeMeshEnabled=False, listenPort=1790),
            bgp("node.worker2", listenPort=180),
            labels(W2, rr=""),
            peer(peerSelector="has(rr)", nodeSelector="!has(rr)"),
        ),
        {W1: ["Node_10_0_0_12_port_180"], W2: ["Node_10_0_0_10_port_1790", "Node_10_0_0_11_port_1790"]},
    ),
    (
        "one node by its address that listens elsewhere",
        (NO_MESH, bgp("node.worker2", listenPort=180), peer(peerIP="10.0.0.12", node=W1)),
        {W1: ["Node_10_0_0_12_port_180"], W2: ["Node_10_0_0_11"]},
    ),
    (
        "a global one goes before a node's",
        (NO_MESH, peer("a", peerIP=TOR, node=W1), peer("b", peerIP=TOR)),
        {W1: ["Global_10_0_0_254"], W2: ["Global_10_0_0_254"]},
    ),
    (
        "two at two ports",
        (NO_MESH, peer("a", peerIP=TOR), peer("b", peerIP=f"{TOR}:180")),
        {W1: ["Global_10_0_0_254", "Global_10_0_0_254_port_180"]},
    ),
    (
        "a node that does not speak",
        (NO_MESH, node(W2, bgp_ipv4=None), peer(peerSelector="all()")),
        {W1: ["Global_10_0_0_10"], W2: []},
    ),
    (
        "what cannot be read",
        (
            NO_MESH,
            peer(peerIP="tor"),
            peer("b", peerIP=TOR, nodeSelector="has("),
            peer("c", peerIP=TOR, reachableBy="::1"),
            peer("d", peerSelector="rr"),
        ),
        {W1: []},
    ),
    ("an empty one", (NO_MESH, peer()), {W1: []}),
]


def names(found: tuple[Peer, ...]) -> list[str]:
    return [item.name for item in found]


@pytest.mark.parametrize(("varies", "wanted"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_sessions_are_those_that_confd_writes(varies: tuple[Vary, ...], wanted: dict[str, list[str]]) -> None:
    where = world(*varies)
    found = {name: expected_sessions(where, name, 4) for name in wanted}
    assert {name: sorted(names(items)) for name, items in found.items()} == {
        name: sorted(items) for name, items in wanted.items()
    }
    for item in (one for items in found.values() for one in items):
        assert item.name == session_name(item.name.partition("_")[0], item.address, item.port)
        assert item.because
        assert item.optional == ""


def test_both_families_have_their_own_sessions() -> None:
    where = world(NO_MESH, labels(W2, rr=""), peer(peerSelector="has(rr)"))
    assert names(expected_sessions(where, W1, 6)) == ["Global_fd00_10__c"]
    assert names(expected_sessions(where, W2, 6)) == ["Node_fd00_10__a", "Node_fd00_10__b"]
    assert names(expected_sessions(world(NO_MESH, peer(peerIP="[FD00:10::FE]:180")), W1, 6)) == [
        "Global_fd00_10__fe_port_180"
    ]


def test_each_session_has_the_as_number_of_its_peer_and_its_reason() -> None:
    where = world(
        bgp(asNumber=64600), node(W2, as_number="1.10"), peer("tor", peerIP=TOR, asNumber=64701), labels(W1, a="b")
    )
    found = {item.address: item for item in expected_sessions(where, W1, 4)}
    assert {address: item.as_number for address, item in found.items()} == {
        "10.0.0.10": 64600,
        "10.0.0.12": 65546,
        TOR: 64701,
    }
    assert found[TOR].because == "BGPPeer tor: it is for every node, its peerIP is 10.0.0.254"
    assert (found[TOR].node, found["10.0.0.12"].node) == ("", W2)
    mutual = world(NO_MESH, peer("p", peerIP="10.0.0.12", node=W1))
    (back,) = expected_sessions(mutual, W2, 4)
    assert back.because == "BGPPeer p names worker2: its node is worker1, and peerings between nodes are mutual"


OBJECTS = [(("", None), "10.0.0.1"), (("", 180), "10.0.0.1:180"), ((W1, 180), "10.0.0.1")]


@pytest.mark.parametrize(("fields", "wanted"), OBJECTS)
def test_a_finding_calls_a_session_by_its_address(fields: tuple[str, int | None], wanted: str) -> None:
    assert Peer("10.0.0.1", fields[0], "", port=fields[1]).object == wanted
    assert Peer("fd00::1", "", "", port=180).object == "[fd00::1]:180"


OPTIONAL: list[tuple[str, tuple[Vary, ...], str, str]] = [
    ("Windows", (node(W2, os="windows"),), "10.0.0.12", "node worker2 runs windows"),
    ("virtual", (labels(W2, type="virtual-kubelet"),), "10.0.0.12", "node worker2 is virtual"),
    (
        "another backend",
        (lambda c: c.api("pods", "kube-system/calico-node-worker2", backend="vxlan"),),
        "10.0.0.12",
        "the networking backend of node worker2 runs no BIRD",
    ),
    (
        "another address",
        (lambda c: c.api_later("nodes", W2, bgp_ipv4="10.0.0.99/24"),),
        "10.0.0.12",
        "the nodes changed",
    ),
    (
        "its new address",
        (lambda c: c.api_later("nodes", W2, bgp_ipv4="10.0.0.99/24"),),
        "10.0.0.99",
        "the nodes changed",
    ),
    ("its IPv6 changes", (lambda c: c.api_later("nodes", W2, bgp_ipv6=None),), "10.0.0.12", "node worker2 changed"),
    (
        "becomes a reflector",
        (lambda c: c.api_later("nodes", W2, route_reflector_id="1.0.0.1"),),
        "10.0.0.12",
        "the nodes changed",
    ),
    ("leaves", (lambda c: c.drop_later("nodes", W2),), "10.0.0.12", "the nodes changed"),
    ("this node leaves", (lambda c: c.drop_later("nodes", W1),), "10.0.0.12", "the nodes changed"),
    (
        "is selected no more",
        (NO_MESH, labels(W2, rr=""), peer(peerSelector="has(rr)"), lambda c: c.api_later("nodes", W2, labels={})),
        "10.0.0.12",
        "the nodes changed",
    ),
]


@pytest.mark.parametrize(("varies", "address", "why"), [row[1:] for row in OPTIONAL], ids=[row[0] for row in OPTIONAL])
def test_what_nobody_can_demand_is_optional(varies: tuple[Vary, ...], address: str, why: str) -> None:
    found = {item.address: item.optional for item in expected_sessions(world(*varies), W1, 4)}
    assert why in found[address]
    changed = "changed" in why and why.startswith("the nodes")
    assert changed or [other for other, reason in found.items() if reason] == [address]


def speakers(selector: str, *more: Vary) -> dict[str, str]:
    here = (
        NO_MESH,
        peer(localWorkloadSelector=selector),
        lambda c: c.api("pods", CUSTOMER, labels={"app": "bgp"}),
        *more,
    )
    return {item.name: item.optional for item in expected_sessions(world(*here), W1, 4)}


def test_pods_are_peers_of_their_own_node() -> None:
    assert speakers("app == 'bgp'") == {"Local_Workload_10_48_0_67": ""}
    assert speakers("projectcalico.org/namespace == 'yaobank'").keys() == {
        "Local_Workload_10_48_0_67",
        "Local_Workload_10_48_0_68",
        "Local_Workload_10_48_0_72",
    }
    assert speakers("app == 'other'") == {}
    assert speakers("app = 'bgp'") == {}
    assert speakers("pcns. = 'x'") == {}
    six = expected_sessions(world(NO_MESH, peer(localWorkloadSelector="all()")), W1, 6)
    assert [(item.name, item.local, item.node) for item in six] == [("Local_Workload_fd00_10_48__44", True, "")]


def test_pods_that_cannot_be_told_or_come_and_go_are_optional_peers() -> None:
    assert "labels that are not listed" in speakers("pcns.env == 'x'")["Local_Workload_10_48_0_67"]
    unready = speakers("app == 'bgp'", lambda c: c.api("pods", CUSTOMER, ready=False))
    assert "coming or going" in unready["Local_Workload_10_48_0_67"]
    leaving = speakers("projectcalico.org/namespace == 'yaobank'")
    assert "coming or going" in leaving["Local_Workload_10_48_0_72"]
    changing = speakers("app == 'bgp'", lambda c: c.api_later("pods", CUSTOMER, phase="Succeeded"))
    assert "coming or going" in changing["Local_Workload_10_48_0_67"]


def test_pods_are_no_peers_before_their_release() -> None:
    older: Vary = lambda c: c.api("pods", "kube-system/calico-node-worker1", images=("docker.io/calico/node:v3.29.1",))  # noqa: E731
    assert speakers("app == 'bgp'", older) == {}


def test_bird_announces_to_routers_and_services_of_the_family() -> None:
    where = world(bgp(serviceExternalIPs=[{"cidr": "198.51.100.0/24"}, "x", {}]), peer("tor", peerIP=TOR, node=W1))
    four = expected_sessions(where, W1, 4)
    assert (
        bird_announces(where, W1, 4, four)
        == "BGPPeer tor: its node is worker1, its peerIP is 10.0.0.254: BIRD announces to 10.0.0.254"
    )
    assert bird_announces(where, W1, 4, ()) == "BGPConfiguration serviceExternalIPs: BIRD announces services"
    assert bird_announces(where, W1, 6, ()) is None
    silent = world(peer(peerIP=TOR), lambda c: c.api("pods", "kube-system/calico-node-worker1", backend="none"))
    assert bird_announces(silent, W1, 4, four) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("64512", 64512),
        (64512, 64512),
        ("1.10", 65546),
        ("0.7", 7),
        (None, None),
        ("", None),
        ("x", None),
        ("1.x", None),
    ],
)
def test_as_numbers_are_read_in_both_notations(text: object, wanted: int | None) -> None:
    assert as_number(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("10.0.0.1", ("10.0.0.1", None)),
        ("10.0.0.1:179", ("10.0.0.1", 179)),
        ("fd00::1", ("fd00::1", None)),
        ("[fd00::1]:179", ("fd00::1", 179)),
        ("[fd00::1]", ("[fd00::1]", None)),
        ("10.0.0.1:bgp", ("10.0.0.1:bgp", None)),
    ],
)
def test_a_port_is_split_from_its_address(text: str, wanted: tuple[str, int | None]) -> None:
    assert split_port(text) == wanted


def test_a_bgp_peer_without_a_fault_has_none() -> None:
    assert list(faults(Settings("p", {"peerSelector": "all()", "peerIP": "nonsense"}))) == []
    assert [field for field, _ in faults(Settings("p", {"peerIP": "[fd00::1]"}))] == ["peerIP"]


FRESH = [
    ("2026-01-01T00:00:00Z", True),
    ("2026-01-01T00:04:59Z", True),
    ("2025-12-31T23:55:00Z", True),
    ("2025-12-31T23:54:59Z", False),
    ("2026-01-01T01:00:00+01:00", True),
    ("2026-01-01T00:00:00", True),
    ("yesterday", False),
    ("", False),
]


@pytest.mark.parametrize(("written", "wanted"), FRESH)
def test_a_status_is_fresh_for_minutes(written: str, wanted: bool) -> None:
    status = NodeStatus("st", W1, written)
    assert is_fresh(status, "2026-01-01T00:00:00Z") is wanted
    assert not is_fresh(structs.replace(status, last_updated="2026-01-01T00:00:00Z"), "")


def test_the_sessions_of_the_mesh_are_mutual() -> None:
    where = world(node(H1, bgp_ipv6=None))
    for family in (4, 6):
        pairs = {(name, item.node) for name in NODES for item in expected_sessions(where, name, family)}
        assert pairs
        assert pairs == {(other, one) for one, other in pairs}

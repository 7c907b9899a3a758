"""By which way a block is tried: as its pool's own packets go, or not at all, and then with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from fixtures.packets.plan import NODE_PACKETS, Leg, Plan, make_plan
from fixtures.packets.steps import steps_of, watch_request
from model import net
from model.cluster import IPPool, Node
from model.net import Address, Link, Neighbour, Vxlan
from tests.unit.test_packets_plan import B1, block, facts, look, node, pod

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.cluster import Look
    from model.node import NodeFacts

NAMES = ("w1", "w2", "w3")
MACS = {name: f"66:00:00:00:00:0{name[1]}" for name in NAMES}
ALWAYS = IPPool("p", "10.48.0.0/16", 26, vxlan_mode="Always")
CROSSING = IPPool("p", "10.48.0.0/16", 26, vxlan_mode="CrossSubnet")
IPIP = IPPool("p", "10.48.0.0/16", 26, ipip_mode="Always")
IPIP_CROSSING = IPPool("p", "10.48.0.0/16", 26, ipip_mode="CrossSubnet")


def nodes(**changed: dict[str, Any]) -> tuple[Node, ...]:
    """Three nodes with tunnel addresses, some of them otherwise."""
    return tuple(
        node(number, **{"vxlan_tunnel": f"10.48.9.{number}", **changed.get(f"w{number}", {})}) for number in (1, 2, 3)
    )


def seen(name: str) -> NodeFacts:
    """A node with its VXLAN device, which knows the others'."""
    known = facts(name)
    others = [each for each in NAMES if each != name]
    entries = [
        Neighbour(net.FAMILY_BRIDGE, "vxlan.calico", None, MACS[other], 0x80, f"10.0.0.{other[1]}") for other in others
    ]
    device = Link(
        9, "vxlan.calico", "vxlan", True, True, MACS[name], 1450, vxlan=Vxlan(4096, 4789, f"10.0.0.{name[1]}")
    )
    host = structs.replace(
        known.host,
        links=(*known.host.links, device),
        addresses=(*known.host.addresses, Address("vxlan.calico", f"10.48.9.{name[1]}", 32, 0)),
        neighbours=(*known.host.neighbours, *entries),
    )
    return structs.replace(known, host=host)


def plan(given: Look, read: Callable[[str], NodeFacts] = seen) -> Plan:
    return make_plan(given, read, NAMES, run_id="r1")


def without(name: str, kind: str, dev: str = "vxlan.calico", **fields: object) -> Callable[[str], NodeFacts]:
    """What is seen of the nodes, one of them without its entries of that device, or with others."""

    def read(asked: str) -> NodeFacts:
        known = seen(asked)
        if asked != name:
            return known
        items = getattr(known.host, kind)
        key = "name" if kind == "links" else "dev"
        kept = [
            structs.replace(item, **fields) if getattr(item, key) == dev else item
            for item in items
            if fields or getattr(item, key) != dev
        ]
        return structs.replace(known, host=structs.replace(known.host, **{kind: tuple(kept)}))

    return read


def only(made: Plan) -> Leg:
    (leg,) = made.legs
    assert made.untried == ()
    return leg


def test_a_pool_in_vxlan_is_tried_from_tunnel_to_tunnel() -> None:
    leg = only(plan(look(B1, nodes=nodes(), pools=(ALWAYS,))))
    assert (leg.sender.name, leg.sender.address, leg.hop.dev) == ("w2", "10.48.9.2", "vxlan.calico")
    assert (leg.owner.uplink, leg.owner.carrier, leg.hop.mac, leg.hop.direct) == (
        "vxlan.calico",
        "VXLAN",
        MACS["w1"],
        True,
    )
    steps = steps_of("r1", leg)
    frames = {(packet.ttl, packet.source, packet.from_mac, packet.to_mac) for step in steps for packet in step.wanted}
    assert frames == {(1, "10.48.9.2", MACS["w2"], MACS["w1"])}
    lookups: Any = watch_request("r1", [leg], [steps], 60)["lookups"]
    assert [(batch["iif"], batch["source"]) for batch in lookups] == [("vxlan.calico", "10.48.9.2")]


@pytest.mark.parametrize(
    ("pool", "far", "carrier"),
    [
        (CROSSING, False, ""),
        (CROSSING, True, "VXLAN"),
        (IPIP_CROSSING, False, ""),
        (structs.replace(IPIP, vxlan_mode="Always"), False, "VXLAN"),
    ],
    ids=["near", "far", "IPIP, near", "both modes"],
)
def test_the_subnet_decides_where_the_pool_asks_for_it(pool: IPPool, far: bool, carrier: str) -> None:
    others = {"bgp_ipv4": "10.0.0.2/31"} if far else {}
    given = look(B1, nodes=nodes(w2=others, w3={**others, "bgp_ipv4": "10.0.0.3/31"} if far else {}), pools=(pool,))
    assert only(plan(given)).owner.carrier == carrier


@pytest.mark.parametrize(
    ("pool", "changed", "words"),
    [
        (IPIP, {}, "w2 sends to w1 is carried by IPIP"),
        (IPIP_CROSSING, {"w2": {"bgp_ipv4": "10.0.0.2/31"}, "w3": {"bgp_ipv4": "10.0.0.3/31"}}, "carried by IPIP"),
        (ALWAYS, {name: {"wireguard_key": "k"} for name in NAMES}, "WireGuard encrypts what w2 sends to w1"),
    ],
    ids=["IPIP", "IPIP across subnets", "WireGuard"],
)
def test_what_no_frame_can_be_put_into_does_not_apply(
    pool: IPPool, changed: dict[str, dict[str, Any]], words: str
) -> None:
    made = plan(look(B1, nodes=nodes(**changed), pools=(pool,)))
    ((said, applies),) = [(item.reason, item.applies) for item in made.untried]
    assert words in said
    assert not applies
    assert made.legs == ()


@pytest.mark.parametrize("name", NAMES[:2])
@pytest.mark.parametrize("tunnel", ["10.48.9.1", None], ids=["address", "no address"])
def test_where_a_program_chooses_the_remote_end_it_does_not_apply(name: str, tunnel: str | None) -> None:
    given = look(B1, nodes=nodes(w1={"vxlan_tunnel": tunnel})[:2], pools=(ALWAYS,))
    read = {each: without(each, "links", vxlan=Vxlan(external=True))(each) for each in NAMES[:2]}
    made = make_plan(given, read.__getitem__, NAMES[:2], run_id="r1")
    assert [(item.reason, item.applies) for item in made.untried] == [
        ("a program chooses the remote end of what w1 sends by vxlan.calico (eBPF)", False)
    ]
    mixed = {**read, name: seen(name)}
    assert make_plan(given, mixed.__getitem__, NAMES[:2], run_id="r1").legs == ()


def test_a_node_without_a_key_of_wireguards_sends_as_ever() -> None:
    keys = {name: {"wireguard_key": "k"} for name in ("w1", "w2")}
    assert only(plan(look(B1, nodes=nodes(**keys), pools=(ALWAYS,)))).sender.name == "w3"
    six = {name: {"wireguard_key_v6": "k"} for name in NAMES}
    assert only(plan(look(B1, nodes=nodes(**six), pools=(ALWAYS,)))).sender.name == "w2"


@pytest.mark.parametrize(
    ("changed", "read", "words"),
    [
        ({"vxlan_tunnel": None}, seen, "its Node object shows no IPv4 address of the VXLAN tunnel"),
        ({"vxlan_tunnel": "10.48.9.9"}, seen, "none of its VXLAN devices has the tunnel address 10.48.9.9"),
        ({}, without("w1", "links"), "none of its VXLAN devices has the tunnel address 10.48.9.1"),
        ({}, without("w1", "addresses"), "none of its VXLAN devices has the tunnel address 10.48.9.1"),
        ({}, without("w1", "links", up=False), "its vxlan.calico is down"),
        ({}, without("w1", "links", mac=""), "its vxlan.calico is without a link-layer address"),
    ],
    ids=["no address", "another", "no device", "not on it", "down", "no MAC"],
)
def test_an_owner_without_its_end_of_the_tunnel_could_not_be_tried(
    changed: dict[str, Any], read: Callable[[str], NodeFacts], words: str
) -> None:
    made = plan(look(B1, nodes=nodes(w1=changed), pools=(ALWAYS,)), read)
    ((said, applies, asked),) = [(item.reason, item.applies, item.asked) for item in made.untried]
    assert said.startswith(f"w1: {words}")
    assert (applies, asked, made.legs) == (True, True, ())


def test_a_sender_without_its_end_of_the_tunnel_is_passed_over() -> None:
    given = look(B1, nodes=nodes(), pools=(ALWAYS,))
    assert only(plan(given, without("w2", "links"))).sender.name == "w3"


def test_a_sender_whose_frames_would_go_astray_is_the_last_choice() -> None:
    given = look(B1, nodes=nodes(), pools=(ALWAYS,))
    astray = without("w2", "neighbours", dst="10.0.0.99")
    assert only(plan(given, astray)).sender.name == "w3"
    alone = look(B1, nodes=nodes()[:2], pools=(ALWAYS,))
    assert only(make_plan(alone, astray, ("w1", "w2"), run_id="r1")).sender.name == "w2"


def test_pools_of_both_kinds_share_what_a_node_may_send() -> None:
    pools = (ALWAYS, IPPool("q", "10.49.0.0/16", 26))
    blocks = [block(f"10.{second}.1.{part * 64}/26", "w1") for second in (48, 49) for part in range(3)]
    made = plan(look(*blocks, nodes=nodes(), pools=pools, pods=(pod("w1", "10.48.1.3"),)))
    assert {leg.owner.carrier for leg in made.legs} == {"", "VXLAN"}
    for leg in made.legs:
        assert {shot.block.split(".")[1] for shot in leg.shots} == ({"48"} if leg.owner.carrier else {"49"})
    assert sum(leg.packets for leg in made.legs) <= NODE_PACKETS
    assert {item.asked for item in made.untried} == {False}

"""Rows E, the second part: addresses, subnets and tunnels of the nodes."""

from __future__ import annotations

from model import net
from tests.faults.changes import (
    every,
    host,
    no_session,
    replace,
)
from tests.faults.changes_api import of, settings, without_address
from tests.faults.changes_net import (
    add,
    address,
    drop,
    link,
    neighbours,
    no_address,
    sysctls,
    to,
    turn,
)
from tests.faults.places import (
    A0,
    A1,
    BLOCK2,
    BLOCK3,
    LINK,
    LINK1,
    MAC2,
    MAC3,
    OTHER_MAC,
    RACK1,
    RACK2,
    RACK3,
    VTEP2,
    VTEP3,
)
from tests.faults.row import (
    ALLOCATION,
    ARP,
    BGP_ADDRESS,
    BLOCK_ROUTES,
    BORROWED,
    DEVICES,
    FDB,
    FORWARDS,
    LEFTOVER,
    LENGTH,
    NODE_IN_POOL,
    PRIORITIES,
    WIREGUARD,
    Case,
    Row,
    found,
    on,
)

_V6_2, _V6_3 = "fd00:48::5d:a540/122", "fd00:48::db:6ac0/122"


def _wrong_entry(item: net.Neighbour) -> net.Neighbour:
    bridge = item.family == net.FAMILY_BRIDGE and item.mac == MAC3
    return replace(item, dst=RACK2) if bridge else item


def _other_port(item: net.Neighbour) -> net.Neighbour:
    return replace(item, port=9999) if item.family == net.FAMILY_BRIDGE and item.mac == MAC3 else item


def _wrong_neighbour(item: net.Neighbour) -> net.Neighbour:
    return replace(item, mac=MAC2) if item.address == VTEP3 else item


def _forget_vtep(item: net.Neighbour) -> net.Neighbour | None:
    return None if item.dev == "vxlan.calico" and item.mac == MAC3 else item


ROWS = (
    Row(
        "F47",
        "the node's address is on none of its interfaces any more: Felix finds no parent, and its routes are lost",
        (BGP_ADDRESS, BLOCK_ROUTES),
        (
            Case(
                "vxlan-cross",
                host("node1", no_address("ens160", RACK1), address("ens160", "10.0.1.99/24"), drop(to(BLOCK2))),
                found((BGP_ADDRESS, "node1", "ipv4"), (BLOCK_ROUTES, "node1", BLOCK2)),
            ),
        ),
    ),
    Row(
        "F48",
        "a node has no tunnel address: the others have no route to its blocks",
        (DEVICES,),
        (
            Case(
                "vxlan",
                every(
                    of("nodes", "node3", vxlan_tunnel=None),
                    without_address(VTEP3),
                    host("node3", no_address("vxlan.calico", VTEP3)),
                    *(host(name, drop(to(BLOCK3)), neighbours(_forget_vtep)) for name in ("node1", "node2")),
                ),
                found((DEVICES, "node3", "vxlan.calico/object")),
            ),
        ),
    ),
    Row(
        "F49",
        "a VXLAN forwarding entry or neighbour is stale: packets for one node are sent to another, or nowhere",
        (FDB,),
        (
            Case(
                "vxlan",
                host("node1", neighbours(_wrong_entry)),
                found((FDB, "node1", "vxlan.calico/node3/fdb")),
                "forwarding entry",
            ),
            Case(
                "vxlan",
                host("node1", neighbours(_wrong_neighbour)),
                found((FDB, "node1", "vxlan.calico/node3/neighbour")),
                "neighbour",
            ),
            Case(
                "vxlan",
                host("node1", neighbours(_other_port)),
                found((FDB, "node1", "vxlan.calico/node3/fdb")),
                "forwarding entry with a port of its own",
            ),
        ),
        recorded=("labelled/fault-20-vxlan-fdb-missing",),
    ),
    Row(
        "F50",
        "udev changed the MAC of vxlan.calico: the others send to the one that Felix computed",
        (DEVICES,),
        (
            Case(
                "vxlan",
                host("node1", link("vxlan.calico", mac=OTHER_MAC)),
                found((DEVICES, "node1", "vxlan.calico/mac")),
            ),
        ),
    ),
    Row(
        "F51",
        "a tunnel's address is borrowed, and the others have no route of its own to it",
        (BORROWED,),
        (
            Case(
                "borrowed-tunnel",
                every(*(host(name, drop(to("10.49.0.2/32"))) for name in ("node1", "node2"))),
                found(*((BORROWED, name, "10.49.0.2/32") for name in ("node1", "node2"))),
            ),
        ),
    ),
    Row(
        "F52",
        "the nodes' own network lies in a pool: the tunnel's packets are sent into the tunnel",
        (NODE_IN_POOL, LEFTOVER),
        (
            Case(
                "nodes-in-pool",
                lambda snapshot: snapshot,
                found((NODE_IN_POOL, "", "workloads-v4/nodes")),
                "so far without harm",
            ),
            Case(
                "nodes-in-pool",
                host(
                    "node1",
                    add(
                        net.Route(
                            "10.48.0.12/32",
                            net.UNICAST,
                            net.MAIN,
                            net.PROTO_BOOT,
                            net.SCOPE_GLOBAL,
                            0,
                            (net.Hop("10.48.0.12", "vxlan.calico", net.HOP_ONLINK),),
                        )
                    ),
                ),
                found((NODE_IN_POOL, "", "workloads-v4/nodes"), (LEFTOVER, "node1", "10.48.0.12/32")),
                "a route to a node by the tunnel",
            ),
        ),
    ),
    Row(
        "F53",
        "the kernel does not forward IPv6: Felix's routes by vxlan-v6.calico fail",
        (BLOCK_ROUTES,),
        (
            Case(
                "vxlan-dual",
                host(
                    "node1",
                    drop(to(_V6_2, _V6_3)),
                    sysctls(
                        {
                            f"net.ipv6.conf.{name}.forwarding": "0"
                            for name in ("all", "ens160", LINK, LINK1, "vxlan/calico", "vxlan-v6/calico")
                        }
                    ),
                ),
                found(
                    (FORWARDS, "node1", "net.ipv6.conf.all.forwarding"),
                    *on(BLOCK_ROUTES, "node1", _V6_2, _V6_3),
                    (ARP, "node1", f"{A0}/net.ipv6.conf.{LINK}.forwarding"),
                    (ARP, "node1", f"{A1}/net.ipv6.conf.{LINK1}.forwarding"),
                ),
            ),
        ),
    ),
    Row(
        "F55",
        "Calico takes a wrong length for the node's subnet, or programs by an older one",
        (LENGTH, BLOCK_ROUTES),
        (
            Case(
                "vxlan-cross",
                every(
                    of("nodes", "node1", bgp_ipv4=f"{RACK1}/16"),
                    host(
                        "node1",
                        turn(to(BLOCK3), hops=(net.Hop(RACK3, "ens160", net.HOP_ONLINK),), protocol=80, mtu=None),
                    ),
                ),
                found((LENGTH, "node1", "ipv4/length")),
                "too wide",
            ),
            Case(
                "vxlan-cross",
                every(
                    of("nodes", "node1", bgp_ipv4=f"{RACK1}/32"),
                    host(
                        "node1",
                        turn(
                            to(BLOCK2),
                            hops=(net.Hop(VTEP2, "vxlan.calico", net.HOP_ONLINK),),
                            protocol=net.PROTO_BOOT,
                            mtu=1450,
                        ),
                    ),
                ),
                found((LENGTH, "node1", "ipv4/length")),
                "too narrow",
            ),
            Case(
                "vxlan-cross",
                host(
                    "node1",
                    turn(to(BLOCK3), hops=(net.Hop(RACK3, "ens160", net.HOP_ONLINK),), protocol=80, mtu=None),
                ),
                found((BLOCK_ROUTES, "node1", BLOCK3)),
                "an older one",
            ),
        ),
    ),
    Row(
        "F56",
        "WireGuard's table or rule is missing: nothing leads to the encrypted peers any more",
        (WIREGUARD,),
        (
            Case(
                "wireguard",
                host("node1", lambda space: replace(space, rules=tuple(r for r in space.rules if r.table != 1))),
                found(*on(WIREGUARD, "node1", f"wireguard/{BLOCK2}", f"wireguard/{BLOCK3}")),
                "rule",
            ),
            Case(
                "wireguard",
                host("node1", drop(lambda route: route.table == 1)),
                found(*on(WIREGUARD, "node1", f"wireguard/{BLOCK2}", f"wireguard/{BLOCK3}")),
                "table",
            ),
        ),
    ),
    Row(
        "F57",
        "a node was removed and added again under its name: its Node object has lost its tunnel's address",
        (DEVICES,),
        (
            Case(
                "vxlan",
                every(
                    of("nodes", "node3", uid="00000000-0000-4000-a000-000000000003", vxlan_tunnel=None, bgp_ipv4=None),
                    *(host(name, drop(to(BLOCK3)), neighbours(_forget_vtep)) for name in ("node1", "node2")),
                    *(no_session(name, RACK3) for name in ("node1", "node2")),
                    *(no_session("node3", address) for address in (RACK1, RACK2)),
                ),
                found(
                    (DEVICES, "node3", "vxlan.calico/object"),
                    (LEFTOVER, "node3", f"{VTEP3}/32"),
                    (ALLOCATION, "", f"{BLOCK3}/held by a tunnel that no node has"),
                ),
            ),
        ),
    ),
    Row(
        "F58",
        "FelixConfiguration and BGPConfiguration have different route priorities",
        (PRIORITIES,),
        (
            Case(
                "noencap",
                settings("bgp", ipv4NormalRoutePriority=2048),
                found((PRIORITIES, "", "ipv4NormalRoutePriority/1024-2048")),
            ),
        ),
    ),
)

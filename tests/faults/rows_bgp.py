"""Rows E, the first part: routes to the other nodes' blocks, and BGP, which brings them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import net
from model.cluster import Settings
from tests.faults.changes import (
    dead_bird,
    every,
    host,
    no_session,
    replace,
    session,
    unlooked,
)
from tests.faults.changes_api import api, of, with_filter, with_new
from tests.faults.changes_net import (
    add,
    address,
    drop,
    link,
    new_link,
    no_address,
    no_link,
    to,
    turn,
    via,
)
from tests.faults.places import (
    BLOCK1,
    BLOCK2,
    BLOCK3,
    NODE1,
    NODE2,
    NODE3,
    OTHER_MAC,
    RACK2,
    RACK3,
    VTEP3,
)
from tests.faults.row import (
    BGP_ADDRESS,
    BIRD,
    BLOCK_OWNER,
    BLOCK_ROUTES,
    DEVICES,
    LEFTOVER,
    PEERS,
    SESSIONS,
    Case,
    Row,
    found,
    on,
)
from tests.faults.rows_blackhole import ROWS as BLACKHOLE_ROWS

if TYPE_CHECKING:
    from model.cluster import Cluster
    from model.snapshot import Snapshot

_ACTIVE = ("start", "Active        Socket: Connection refused")
_TWO_OWNERS = next(row for row in BLACKHOLE_ROWS if row.id == "F29").cases[0]


def _left(snapshot: Snapshot) -> Snapshot:
    """Node3 left and IPAM let its block go; BIRD on node1 has died and can withdraw nothing."""

    def forget(cluster: Cluster) -> Cluster:
        gone = {name for item in cluster.blocks if item.cidr == BLOCK3 for name in (item.cidr,)}
        return replace(
            cluster,
            nodes=tuple(item for item in cluster.nodes if item.name != "node3"),
            pods=tuple(item for item in cluster.pods if item.node != "node3"),
            blocks=tuple(item for item in cluster.blocks if item.cidr not in gone),
            affinities=tuple(item for item in cluster.affinities if item.cidr not in gone),
            handles=tuple(item for item in cluster.handles if not gone & item.blocks.keys()),
        )

    change = every(
        api(forget),
        unlooked("node3"),
        dead_bird("node1"),
        no_session("node2", NODE3),
        session("node2", NODE1, *_ACTIVE),
        host("node2", drop(to(BLOCK3))),
    )
    return change(snapshot)


_DOWN = every(
    session("node1", NODE2, *_ACTIVE),
    session("node2", NODE1, *_ACTIVE),
    host("node1", drop(to(BLOCK2))),
    host("node2", drop(to(BLOCK1))),
)

ROWS = (
    Row(
        "F37",
        "a BGP session is down, or BIRD itself: routes of the other node are missing when graceful restart is over",
        (SESSIONS, BIRD, BLOCK_ROUTES, PEERS),
        (
            Case(
                "noencap",
                _DOWN,
                found(
                    (SESSIONS, "node1", NODE2),
                    (SESSIONS, "node2", NODE1),
                    (BLOCK_ROUTES, "node1", BLOCK2),
                    (BLOCK_ROUTES, "node2", BLOCK1),
                ),
            ),
            Case(
                "noencap",
                every(
                    session("node1", NODE2, *_ACTIVE),
                    session("node3", NODE2, *_ACTIVE),
                    dead_bird("node2"),
                ),
                found((BIRD, "node2", "bird"), (SESSIONS, "node1", NODE2), (SESSIONS, "node3", NODE2)),
                "BIRD has died, within graceful restart",
            ),
            Case(
                "noencap",
                with_new("peers", Settings("tor", {"peerIP": "10.0.0.254.1", "asNumber": "64513"})),
                found((PEERS, "", "tor/peerIP")),
                "a BGPPeer that makes none",
            ),
        ),
        lab=("F37", "bird-killed"),
        recorded=("labelled/fault-15-bgp-session-disabled", "labelled/fault-16b-bird-dead-140s"),
    ),
    Row(
        "F38",
        "calico-node detected a wrong address of the node (docker0, a virtual address, one that is gone)",
        (BGP_ADDRESS, SESSIONS),
        (
            Case(
                "noencap",
                every(
                    of("nodes", "node3", bgp_ipv4="10.0.0.99/24"),
                    *(
                        every(
                            no_session(name, NODE3),
                            host(name, drop(to(BLOCK3))),
                        )
                        for name in ("node1", "node2")
                    ),
                    session("node3", NODE1, *_ACTIVE),
                    session("node3", NODE2, *_ACTIVE),
                    host("node3", drop(to(BLOCK1, BLOCK2))),
                ),
                found(
                    (BGP_ADDRESS, "node3", "ipv4"),
                    *((SESSIONS, name, "10.0.0.99") for name in ("node1", "node2")),
                    *((SESSIONS, "node3", address) for address in (NODE1, NODE2)),
                    *((BLOCK_ROUTES, name, BLOCK3) for name in ("node1", "node2")),
                    *on(BLOCK_ROUTES, "node3", BLOCK1, BLOCK2),
                ),
                "on no interface",
            ),
            Case(
                "noencap",
                every(
                    of("nodes", "node3", bgp_ipv4="172.17.0.1/16"),
                    *(
                        every(
                            no_session(name, NODE3),
                            host(name, drop(to(BLOCK3))),
                        )
                        for name in ("node1", "node2")
                    ),
                    session("node3", NODE1, *_ACTIVE),
                    session("node3", NODE2, *_ACTIVE),
                    host(
                        "node3",
                        drop(to(BLOCK1, BLOCK2)),
                        new_link(net.Link(80, "docker0", "bridge", True, False, OTHER_MAC, 1500)),
                        address("docker0", "172.17.0.1/16"),
                    ),
                ),
                found(
                    *((SESSIONS, name, "172.17.0.1") for name in ("node1", "node2")),
                    *((SESSIONS, "node3", address) for address in (NODE1, NODE2)),
                    *((BLOCK_ROUTES, name, BLOCK3) for name in ("node1", "node2")),
                    *on(BLOCK_ROUTES, "node3", BLOCK1, BLOCK2),
                ),
                "of docker0",
            ),
        ),
    ),
    Row(
        "F39",
        "BIRD cannot resolve the next hop: it programs an unreachable route",
        (BLOCK_ROUTES,),
        (
            Case(
                "noencap",
                host("node1", turn(to(BLOCK2), type=net.UNREACHABLE, hops=())),
                found((BLOCK_ROUTES, "node1", BLOCK2)),
            ),
        ),
        lab=("F39",),
    ),
    Row(
        "F40",
        "tunl0 is missing: BIRD programs the routes of an IPIP pool without encapsulation",
        (DEVICES, BLOCK_ROUTES),
        (
            Case(
                "ipip-bird",
                host(
                    "node1",
                    no_link("tunl0"),
                    add(via(BLOCK2, RACK2, "ens160", metric=0), via(BLOCK3, "10.0.1.254", "ens160", metric=0)),
                ),
                found((DEVICES, "node1", "tunl0"), *on(BLOCK_ROUTES, "node1", BLOCK2, BLOCK3)),
            ),
            Case(
                "ipip-bird",
                host("node1", turn(to(BLOCK2), hops=(net.Hop(RACK2, "ens160"),))),
                found((BLOCK_ROUTES, "node1", BLOCK2)),
                "stale",
            ),
        ),
    ),
    Row(
        "F41",
        "the tunnel device is down, or has no address: routes by it are gone, or packets have a wrong source",
        (DEVICES,),
        (
            Case(
                "vxlan",
                host(
                    "node1",
                    link("vxlan.calico", up=False, carrier=False),
                    drop(to(BLOCK2, BLOCK3)),
                ),
                found((DEVICES, "node1", "vxlan.calico/state"), *on(BLOCK_ROUTES, "node1", BLOCK2, BLOCK3)),
                "down",
            ),
            Case(
                "ipip-bird",
                host("node1", no_address("tunl0", "10.48.202.64")),
                found((DEVICES, "node1", "tunl0/address")),
                "no address",
            ),
        ),
    ),
    Row(
        "F42",
        "a route to a node that left stays, for BIRD has died",
        (LEFTOVER,),
        (
            Case(
                "noencap",
                _left,
                found((LEFTOVER, "node1", BLOCK3), (BIRD, "node1", "bird"), (SESSIONS, "node2", NODE1)),
            ),
        ),
        lab=("F42",),
    ),
    Row(
        "F43",
        "the route to a block leads to another node than its owner",
        (BLOCK_ROUTES,),
        (
            Case(
                "noencap",
                host("node1", turn(to(BLOCK2), hops=(net.Hop(NODE3, "ens160"),))),
                found((BLOCK_ROUTES, "node1", BLOCK2)),
            ),
            Case(
                "vxlan",
                host("node1", turn(to(BLOCK2), hops=(net.Hop(VTEP3, "vxlan.calico", net.HOP_ONLINK),))),
                found((BLOCK_ROUTES, "node1", BLOCK2)),
                "VXLAN",
            ),
        ),
        lab=("F43",),
    ),
    Row(
        "F44",
        "a route with two next hops, for two nodes announce the block",
        (BLOCK_ROUTES, BLOCK_OWNER),
        (_TWO_OWNERS,),
    ),
    Row(
        "F45",
        "the gateway of a BIRD route by tunl0 was changed: BIRD compares the interface only and never repairs it",
        (BLOCK_ROUTES,),
        (
            Case(
                "ipip-bird",
                host("node1", turn(to(BLOCK2), hops=(net.Hop(RACK3, "tunl0", net.HOP_ONLINK),))),
                found((BLOCK_ROUTES, "node1", BLOCK2)),
            ),
        ),
    ),
    Row(
        "F46",
        "a pool is not exported, or a BGPFilter withholds its blocks",
        (BLOCK_ROUTES,),
        (
            Case(
                "noencap",
                every(
                    of("pools", "10.48.0.0/16", disable_bgp_export=True),
                    host("node1", drop(to(BLOCK2, BLOCK3))),
                    host("node2", drop(to(BLOCK1, BLOCK3))),
                    host("node3", drop(to(BLOCK1, BLOCK2))),
                ),
                found(),
                "disableBGPExport: by design, and no finding",
            ),
            Case(
                "reflected",
                every(
                    with_filter({"action": "Reject", "matchOperator": "Equal", "cidr": BLOCK2}),
                    host("node1", drop(to(BLOCK2))),
                ),
                found(),
                "BGPFilter: by design, and no finding",
            ),
            Case(
                "reflected",
                every(
                    with_filter({"action": "Accept", "matchOperator": "In", "cidr": BLOCK2}, {"action": "Reject"}),
                    host("node1", drop(to(BLOCK2, BLOCK3))),
                ),
                found((BLOCK_ROUTES, "node1", BLOCK2)),
                "one block that the filter lets pass",
            ),
            Case(
                "noencap",
                host("node1", drop(to(BLOCK2))),
                found((BLOCK_ROUTES, "node1", BLOCK2)),
                "withheld without a word in the configuration",
            ),
        ),
    ),
)

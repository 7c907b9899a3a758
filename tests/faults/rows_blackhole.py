"""Rows D: blackholes, borrowed addresses at home, and who programs."""

from __future__ import annotations

from model import net
from model.cluster import BlockAffinity
from tests.faults.changes import (
    dead_bird,
    every,
    host,
)
from tests.faults.changes_api import settings, with_new
from tests.faults.changes_net import (
    add,
    drop,
    dropped,
    to,
    turn,
    via,
)
from tests.faults.places import (
    BLOCK1,
    BLOCK2,
    BLOCK3,
    EMPTY,
    NODE1,
    NODE2,
)
from tests.faults.row import (
    BIRD,
    BLACKHOLES,
    BLOCK_OWNER,
    BLOCK_ROUTES,
    BORROWED,
    DROPS,
    LEFTOVER,
    OWNERS,
    Case,
    Row,
    found,
)

ROWS = (
    Row(
        "F28",
        "the node's own block has no blackhole: packets to free addresses loop by the default route",
        (BLACKHOLES, DROPS),
        (
            Case("noencap", host("node1", drop(to(BLOCK1))), found((BLACKHOLES, "node1", BLOCK1))),
            Case("vxlan", host("node1", drop(to(BLOCK1))), found((BLACKHOLES, "node1", BLOCK1)), "Felix's"),
        ),
        lab=("F28", "drop-unreachable", "drop-prohibit"),
        recorded=("labelled/fault-03-own-blackhole-missing",),
    ),
    Row(
        "F29",
        "a second node blackholes the block: a stale affinity names it",
        (BLACKHOLES, BLOCK_OWNER),
        (
            Case(
                "noencap",
                every(
                    with_new("affinities", BlockAffinity("node2-stale", "node2", BLOCK1, "confirmed")),
                    host("node2", drop(to(BLOCK1)), add(dropped(BLOCK1))),
                    host(
                        "node3",
                        turn(to(BLOCK1), hops=(net.Hop(NODE1, "ens160"), net.Hop(NODE2, "ens160"))),
                    ),
                ),
                found(
                    (BLACKHOLES, "node2", BLOCK1),
                    (BLOCK_OWNER, "", BLOCK1),
                    (BLOCK_ROUTES, "node2", BLOCK1),
                    (BLOCK_ROUTES, "node3", BLOCK1),
                ),
            ),
            Case(
                "noencap",
                every(
                    with_new("affinities", BlockAffinity("node2-stale", "node2", BLOCK1, "pending")),
                    host("node2", drop(to(BLOCK1)), add(dropped(BLOCK1))),
                    host(
                        "node3",
                        turn(to(BLOCK1), hops=(net.Hop(NODE1, "ens160"), net.Hop(NODE2, "ens160"))),
                    ),
                ),
                found(
                    (BLACKHOLES, "node2", BLOCK1),
                    (BLOCK_ROUTES, "node2", BLOCK1),
                    (BLOCK_ROUTES, "node3", BLOCK1),
                ),
                "pending since long",
            ),
        ),
        lab=("F29",),
    ),
    Row(
        "F30",
        "an affinity without a block: BIRD announces and blackholes a prefix that holds nothing",
        (BLACKHOLES, BLOCK_OWNER),
        (
            Case(
                "noencap",
                every(
                    with_new("affinities", BlockAffinity("node1-empty", "node1", EMPTY, "confirmed")),
                    host("node1", add(dropped(EMPTY))),
                    host("node2", add(via(EMPTY, NODE1, "ens160"))),
                    host("node3", add(via(EMPTY, NODE1, "ens160"))),
                ),
                found(
                    (BLACKHOLES, "node1", EMPTY),
                    (BLOCK_OWNER, "", EMPTY),
                    (LEFTOVER, "node2", EMPTY),
                    (LEFTOVER, "node3", EMPTY),
                ),
            ),
        ),
    ),
    Row(
        "F31",
        "the block was released and its blackhole is still there",
        (BLACKHOLES, LEFTOVER),
        (
            Case(
                "noencap-felix",
                host("node1", add(dropped(EMPTY, net.PROTO_FELIX))),
                found((BLACKHOLES, "node1", EMPTY)),
                "Felix's",
            ),
            Case(
                "noencap",
                every(
                    dead_bird("node1"),
                    host("node1", add(dropped(EMPTY), via("10.48.78.0/26", NODE2, "ens160"))),
                ),
                found(
                    (BLACKHOLES, "node1", EMPTY),
                    (LEFTOVER, "node1", "10.48.78.0/26"),
                    (BIRD, "node1", "bird"),
                ),
                "BIRD's, which has died",
            ),
        ),
    ),
    Row(
        "F32",
        "a range of services overlaps a pool, and its blackhole reaches the kernel",
        (BLACKHOLES,),
        (
            Case(
                "noencap",
                every(
                    settings("bgp", serviceClusterIPs=[{"cidr": "10.48.128.0/20"}]),
                    *(host(name, add(dropped("10.48.128.0/20"))) for name in ("node1", "node2", "node3")),
                ),
                found(*((BLACKHOLES, name, "10.48.128.0/20") for name in ("node1", "node2", "node3"))),
            ),
        ),
        note="outside every pool such a blackhole drops what no pod has, and is none of this suite's business (R8)",
    ),
    Row(
        "F34",
        "the block's owner has no route to an address that another node has borrowed: its blackhole drops the traffic",
        (BORROWED,),
        (
            Case(
                "borrowed",
                host("node2", drop(to("10.49.0.2/32"))),
                found((BORROWED, "node2", "10.49.0.2/32")),
            ),
        ),
        lab=("F34",),
        recorded=("labelled/fault-06-borrowed-missing-on-owner", "pool-deleted", "duplicate-host-route"),
    ),
    Row(
        "F35",
        "Felix and BIRD both program the unencapsulated routes",
        (OWNERS,),
        (
            Case(
                "noencap",
                every(
                    settings("felix", programClusterRoutes="Enabled"),
                    host(
                        "node1",
                        turn(to(BLOCK2), protocol=80, metric=0, hops=(net.Hop(NODE2, "ens160", net.HOP_ONLINK),)),
                        turn(to(BLOCK1), protocol=80),
                    ),
                ),
                found((OWNERS, "", "no encapsulation/both")),
            ),
        ),
    ),
    Row(
        "F36",
        "neither Felix nor BIRD programs the unencapsulated routes",
        (OWNERS,),
        (
            Case(
                "noencap",
                every(
                    settings("bgp", programClusterRoutes="Disabled"),
                    *(host(name, drop(to(BLOCK1, BLOCK2, BLOCK3))) for name in ("node1", "node2", "node3")),
                ),
                found((OWNERS, "", "no encapsulation/neither")),
            ),
        ),
        recorded=("no-owner",),
    ),
)

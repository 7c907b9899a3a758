"""Rows C (the node's routes to its own pods) and D (blackholes, and who programs)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import net
from model.cluster import BlockAffinity
from tests.faults.changes import (
    add,
    address,
    dead_bird,
    drop,
    dropped,
    every,
    host,
    inside,
    no_address,
    of,
    pod,
    replace,
    settings,
    to,
    turn,
    via,
    with_new,
    without,
    workload,
)
from tests.faults.row import (
    BIRD,
    BLACKHOLES,
    BLOCK_OWNER,
    BLOCK_ROUTES,
    BORROWED,
    DROPS,
    ETH0_ADDRESS,
    HOLDER,
    HOST_ROUTE,
    LEFTOVER,
    LOOKUP,
    ONE_POD,
    OWNERS,
    SESSIONS,
    Case,
    Row,
    found,
    on,
)
from tests.faults.rows_pods import A0, A1, BLOCK1, IP, LINK, LINK1

if TYPE_CHECKING:
    from model.snapshot import Snapshot

BLOCK2, BLOCK3 = "10.48.165.64/26", "10.48.106.192/26"
NODE1, NODE2, NODE3 = "10.0.0.11", "10.0.0.12", "10.0.0.13"
EMPTY = "10.48.77.0/26"  # a prefix of the pool that is no block
IP1 = "10.48.202.65"  # A1's in noencap
SINGLE = "10.48.95.41"  # A0's in single-addresses, a block by itself


def _same_address(snapshot: Snapshot) -> Snapshot:
    """A1 has A0's address: IPAM gave it away again while A0 lived; the kernel keeps one route."""
    change = every(
        of("pods", A1, ips=(IP,)),
        inside(A1, no_address("eth0", IP1), address("eth0", f"{IP}/32")),
        host("node1", drop(to(f"{IP1}/32")), turn(to(f"{IP}/32"), hops=(net.Hop(None, LINK1),))),
    )
    return change(snapshot)


def _not_yet_networked(snapshot: Snapshot) -> Snapshot:
    """The CNI plugin cannot add its route (EEXIST) and undoes the rest; the pod waits."""
    owner = pod(snapshot, A0)
    waits = {
        key: value for key, value in owner.annotations.items() if not key.startswith("cni.projectcalico.org/podIP")
    }
    change = every(
        of("pods", A0, ips=(), phase="Pending", ready=False, annotations=waits),
        host("node1", drop(to(f"{SINGLE}/32")), add(dropped(f"{SINGLE}/32"))),
    )
    return change(snapshot)


_WORKLOAD_ROUTES = (
    Row(
        "F19",
        "the node has no route to a pod of its own: packets fall into the block's blackhole",
        (HOST_ROUTE,),
        (
            Case(
                "noencap",
                host("node1", drop(to(f"{IP}/32"))),
                found((HOST_ROUTE, "node1", f"{A0}/{IP}/32")),
            ),
        ),
        lab=("F19",),
    ),
    Row(
        "F20",
        "Felix removed pods' routes, for it read a stale datastore: the same state as F19, of several pods",
        (HOST_ROUTE,),
        (
            Case(
                "noencap",
                host("node1", drop(to(f"{IP}/32", f"{IP1}/32"))),
                found(*on(HOST_ROUTE, "node1", f"{A0}/{IP}/32", f"{A1}/{IP1}/32")),
            ),
        ),
        note="the cause stands in Felix's log alone",
    ),
    Row(
        "F21",
        "the route to a pod leads to another pod's interface",
        (HOST_ROUTE,),
        (
            Case(
                "noencap",
                host("node1", turn(to(f"{IP}/32"), hops=(net.Hop(None, LINK1),))),
                found((HOST_ROUTE, "node1", f"{A0}/{IP}/32")),
            ),
        ),
        lab=("F21",),
    ),
    Row(
        "F22",
        "a route to a pod that is gone",
        (LEFTOVER,),
        (
            Case(
                "noencap",
                host("node1", add(workload("10.48.202.90/32", LINK))),
                found((LEFTOVER, "node1", "10.48.202.90/32")),
            ),
        ),
        lab=("F22",),
    ),
    Row(
        "F23",
        "a route with a lower metric, or a policy rule, takes a pod's traffic before its own route",
        (LOOKUP,),
        (
            Case(
                "noencap",
                host("node1", add(via(f"{IP}/32", NODE2, "ens160", net.PROTO_STATIC, 10))),
                found((LOOKUP, "node1", f"{A0}/{IP}/32"), (HOST_ROUTE, "node1", f"{A0}/{IP}/32")),
                "metric",
            ),
            Case(
                "noencap",
                host(
                    "node1",
                    add(replace(via(f"{IP}/32", NODE2, "ens160", net.PROTO_STATIC, 0), table=100)),
                    lambda space: replace(
                        space, rules=(*space.rules, net.Rule(4, 100, net.RULE_TO_TABLE, 100, dst=f"{IP}/32"))
                    ),
                ),
                found((LOOKUP, "node1", f"{A0}/{IP}/32"), (LEFTOVER, "node1", f"{IP}/32")),
                "rule",
            ),
        ),
        lab=("F23-rule",),
    ),
    Row(
        "F24",
        "a blackhole stands at a single-address block of the node: the CNI plugin cannot add its pod's route",
        (BLACKHOLES, LOOKUP),
        (
            Case(
                "single-addresses",
                host("node1", add(dropped(f"{SINGLE}/32"))),
                found(
                    (BLACKHOLES, "node1", f"{SINGLE}/32"),
                    (HOST_ROUTE, "node1", f"{A0}/{SINGLE}/32"),
                    (LOOKUP, "node1", f"{A0}/{SINGLE}/32"),
                ),
                "with a pod",
            ),
        ),
    ),
    Row(
        "F25",
        "Felix believes to be another host (FELIX_FELIXHOSTNAME): it programs no route to any pod of the node",
        (HOST_ROUTE,),
        (
            Case(
                "noencap",
                host("node1", drop(to(f"{IP}/32", f"{IP1}/32"))),
                found(*on(HOST_ROUTE, "node1", f"{A0}/{IP}/32", f"{A1}/{IP1}/32")),
            ),
        ),
        note="seen by its effect on every pod of the node; the name itself stands in calico-node's environment alone",
    ),
    Row(
        "F26",
        "two pods have the same address, or a pod has a tunnel's",
        (ONE_POD, HOLDER, LEFTOVER),
        (
            Case(
                "noencap",
                _same_address,
                found(),
                "two pods",
            ),
        ),
        lab=("F26",),
        recorded=("labelled/fault-24b-duplicate-ip-spread",),
    ),
    Row(
        "F27",
        "the route to a pod has been replaced by a static one through a gateway, or stands in a table nobody asks",
        (HOST_ROUTE,),
        (
            Case(
                "noencap",
                host("node1", turn(to(f"{IP}/32"), hops=(net.Hop("10.0.0.254", "ens160"),), scope=0, protocol=4)),
                found((HOST_ROUTE, "node1", f"{A0}/{IP}/32")),
                "gateway",
            ),
            Case(
                "noencap",
                host("node1", turn(to(f"{IP}/32"), table=100)),
                found((HOST_ROUTE, "node1", f"{A0}/{IP}/32")),
                "table",
            ),
        ),
    ),
)

_OWN_BLOCKS = (
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
        (BLACKHOLES, BLOCK_OWNER, BLOCK_ROUTES),
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
        (BLACKHOLES, BLOCK_OWNER, LEFTOVER),
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
                    *(
                        host(name, drop(to(BLOCK1, BLOCK2, BLOCK3)))
                        for name in ("node1", "node2", "node3")
                    ),
                ),
                found((OWNERS, "", "no encapsulation/neither")),
            ),
        ),
        recorded=("no-owner",),
    ),
)

ROWS = (*_WORKLOAD_ROUTES, *_OWN_BLOCKS)

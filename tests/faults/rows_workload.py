"""Rows C: the node's routes to its own pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import net
from tests.faults.changes import (
    every,
    facts,
    host,
    inside,
    replace,
    without_namespace,
)
from tests.faults.changes_api import of, without_address
from tests.faults.changes_net import (
    add,
    address,
    drop,
    dropped,
    no_address,
    no_link,
    to,
    turn,
    via,
    workload,
)
from tests.faults.places import (
    A0,
    A1,
    BLOCK1,
    BLOCK2,
    IP,
    IP1,
    LINK,
    LINK1,
    LINK_B0,
    NODE2,
    SINGLE,
)
from tests.faults.row import (
    ALLOCATION,
    BLACKHOLES,
    HOLDER,
    HOST_ROUTE,
    LEFTOVER,
    LOOKUP,
    ONE_POD,
    Case,
    Row,
    found,
    on,
)

if TYPE_CHECKING:
    from model.snapshot import Snapshot


def _same_address(snapshot: Snapshot) -> Snapshot:
    """A1 has A0's address: IPAM gave it away again while A0 lived; the kernel keeps one route."""
    change = every(
        of("pods", A1, ips=(IP,)),
        inside(A1, no_address("eth0", IP1), address("eth0", f"{IP}/32")),
        host("node1", drop(to(f"{IP1}/32")), turn(to(f"{IP}/32"), hops=(net.Hop(None, LINK1),))),
    )
    return change(snapshot)


def _same_address_elsewhere(snapshot: Snapshot) -> Snapshot:
    """B0 has A0's address: its node announces it like a borrowed one; A0's node keeps its own route."""
    change = every(
        of("pods", "default/b0", ips=(IP,)),
        inside("default/b0", no_address("eth0", "10.48.165.64"), address("eth0", f"{IP}/32")),
        host("node2", drop(to("10.48.165.64/32")), add(workload(f"{IP}/32", LINK_B0))),
        host("node3", add(via(f"{IP}/32", NODE2, "ens160"))),
    )
    return change(snapshot)


def _tunnels_address(snapshot: Snapshot) -> Snapshot:
    """B0 has the address of its own node's tunnel: the kernel takes all packets to it for its own."""
    change = every(
        of("pods", "default/b0", ips=("10.48.165.64",)),
        inside("default/b0", no_address("eth0", "10.48.165.65"), address("eth0", "10.48.165.64/32")),
        host("node2", turn(to("10.48.165.65/32"), dst="10.48.165.64/32")),
    )
    return change(snapshot)


def _not_yet_networked(snapshot: Snapshot) -> Snapshot:
    """The CNI plugin cannot add its route (EEXIST) and undoes the rest; the pod waits. BIRD announces the blackhole."""
    change = every(
        without_namespace(A0),
        host("node1", no_link(LINK), add(dropped(f"{SINGLE}/32"))),
        of("pods", A0, ips=(), phase="Pending", ready=False, annotations={}),
        without_address(SINGLE),
    )
    return change(snapshot)


ROWS = (
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
                found(
                    (LOOKUP, "node1", f"{A0}/{IP}/32"),
                    (HOST_ROUTE, "node1", f"{A0}/{IP}/32"),
                    (LEFTOVER, "node1", f"{IP}/32"),
                ),
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
            Case(
                "single-addresses",
                _not_yet_networked,
                found((BLACKHOLES, "node1", f"{SINGLE}/32")),
                "its pod waits",
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
                found(
                    (ONE_POD, "", IP),
                    (HOST_ROUTE, "node1", f"{A0}/{IP}/32"),
                    (ALLOCATION, "", f"{BLOCK1}/held by a pod that is not there"),
                ),
                "two pods of a node",
            ),
            Case(
                "noencap",
                _same_address_elsewhere,
                found(
                    (ONE_POD, "", IP),
                    (LEFTOVER, "node3", f"{IP}/32"),
                    (ALLOCATION, "", f"{BLOCK2}/held by a pod that is not there"),
                ),
                "two pods of two nodes",
            ),
            Case(
                "vxlan",
                _tunnels_address,
                found(
                    (ONE_POD, "", "10.48.165.64/allocation"),
                    (LOOKUP, "node2", "default/b0/10.48.165.64/32"),
                    (ALLOCATION, "", f"{BLOCK2}/held by a pod that is not there"),
                ),
                "a pod and its node's tunnel",
            ),
            Case(
                "noencap",
                facts(
                    "node2",
                    lambda seen: replace(
                        seen,
                        pods=(
                            *seen.pods,
                            net.Namespace("stray", addresses=(net.Address("eth0", IP, 32, net.SCOPE_GLOBAL),)),
                        ),
                    ),
                ),
                found((HOLDER, "node2", IP)),
                "a namespace of nobody",
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
                found((HOST_ROUTE, "node1", f"{A0}/{IP}/32"), (LEFTOVER, "node1", f"{IP}/32")),
                "gateway",
            ),
            Case(
                "noencap",
                host("node1", turn(to(f"{IP}/32"), table=100)),
                found((HOST_ROUTE, "node1", f"{A0}/{IP}/32"), (LEFTOVER, "node1", f"{IP}/32")),
                "table",
            ),
        ),
    ),
)

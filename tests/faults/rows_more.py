"""Rows X: faults that calico-state has no row for. Nobody reported them; changing every recorded fact showed them."""

from __future__ import annotations

from model import net
from tests.faults.changes import host, inside
from tests.faults.changes_net import add, dropped, link, more_neighbours, more_rules
from tests.faults.places import (
    A0,
    BLOCK2,
    IP,
    LINK,
    MAC3,
    NODE2,
    NODE3,
    OTHER_MAC,
)
from tests.faults.row import (
    BLOCK_ROUTES,
    EGRESS,
    ETH0,
    FIXED,
    LOOKUP,
    ON_SUBNET,
    PEER,
    TO_NODES,
    Case,
    Row,
    found,
    on,
)

MORE_IDS = ("X1", "X2", "X3", "X4", "X5")
_ELSEWHERE = net.Route(
    "0.0.0.0/0", net.UNICAST, 77, net.PROTO_STATIC, net.SCOPE_GLOBAL, 0, (net.Hop("10.0.0.254", "ens160"),)
)
_RULE = net.Rule(4, 100, net.RULE_TO_TABLE, 77)
_DROP = net.Rule(4, 100, net.RULE_BLACKHOLE, 0)


def _rule(rule: net.Rule, **selectors: object) -> net.Rule:
    return net.Rule(rule.family, rule.priority, rule.action, rule.table, **selectors)  # type: ignore[arg-type]


ROWS = (
    Row(
        "X1",
        "a policy rule takes packets of a pod or to one away: all of them, or those of certain ports or of a TOS",
        (EGRESS, LOOKUP, BLOCK_ROUTES),
        (
            Case(
                "noencap",
                host("node1", more_rules(_rule(_DROP, src=f"{IP}/32"))),
                found((EGRESS, "node1", f"{A0}/from-{IP}")),
                "what a pod sends is dropped",
            ),
            Case(
                "noencap",
                host("node1", more_rules(_rule(_DROP, iif=LINK, other=("dport", "ipproto")))),
                found((EGRESS, "node1", f"{A0}/from-{IP}")),
                "what a pod sends to certain ports is dropped",
            ),
            Case(
                "noencap",
                host("node1", more_rules(_rule(_RULE, dst=f"{IP}/32", tos=16)), add(_ELSEWHERE)),
                found((LOOKUP, "node1", f"{A0}/{IP}/32")),
                "to a pod, of a TOS",
            ),
            Case(
                "noencap",
                host("node1", more_rules(_rule(_RULE, dst=BLOCK2, other=("dport",))), add(_ELSEWHERE)),
                found(*on(BLOCK_ROUTES, "node1", BLOCK2)),
                "to a block, of certain ports",
            ),
            Case(
                "noencap",
                host("node1", more_rules(_rule(_RULE, fwmark=0x80, fwmask=0x80)), add(_ELSEWHERE)),
                found(),
                "those that somebody marked: his affair, and no finding",
            ),
        ),
        lab=("X1",),
    ),
    Row(
        "X2",
        "a node cannot find another one on their subnet: ARP is off, or a fixed neighbour entry has a wrong MAC",
        (ON_SUBNET,),
        (
            Case(
                "noencap",
                host("node1", link("ens160", noarp=True)),
                found((ON_SUBNET, "node1", "ens160/arp")),
                "ARP is off",
            ),
            Case(
                "noencap",
                host("node1", more_neighbours(net.Neighbour(4, "ens160", NODE2, OTHER_MAC, net.NUD_PERMANENT))),
                found((ON_SUBNET, "node1", f"node2/{NODE2}")),
                "a wrong MAC",
            ),
        ),
        lab=("X2",),
    ),
    Row(
        "X3",
        "a fixed neighbour entry gives the pod, or its gateway, another MAC than the pair's",
        (FIXED,),
        (
            Case(
                "noencap",
                host("node1", more_neighbours(net.Neighbour(4, LINK, IP, MAC3, net.NUD_PERMANENT))),
                found((FIXED, "node1", f"{A0}/neighbour-{IP}")),
                "on the node",
            ),
            Case(
                "noencap",
                inside(A0, more_neighbours(net.Neighbour(4, "eth0", "169.254.1.1", MAC3, net.NUD_PERMANENT))),
                found((FIXED, "node1", f"{A0}/neighbour-169.254.1.1")),
                "in the pod",
            ),
        ),
        lab=("X3",),
    ),
    Row(
        "X4",
        "ARP is off at one end of the pod's pair",
        (ETH0, PEER),
        (
            Case("noencap", inside(A0, link("eth0", noarp=True)), found((ETH0, "node1", A0)), "in the pod"),
            Case("noencap", host("node1", link(LINK, noarp=True)), found((PEER, "node1", A0)), "on the node"),
        ),
        lab=("X4",),
    ),
    Row(
        "X5",
        "a node's rules or routes drop what it sends to another node",
        (TO_NODES,),
        (
            Case(
                "noencap",
                host("node1", more_rules(_rule(_DROP, dst="10.48.0.0/16", invert=True))),
                found(*on(TO_NODES, "node1", f"node2/{NODE2}", f"node3/{NODE3}")),
                "a rule for all but the pool",
            ),
            Case(
                "noencap",
                host("node1", add(dropped(f"{NODE2}/32", net.PROTO_STATIC, net.PROHIBIT))),
                found((TO_NODES, "node1", f"node2/{NODE2}")),
                "a route",
            ),
        ),
    ),
)

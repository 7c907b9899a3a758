"""Rows X: faults that calico-state has no row for. Nobody reported them; changing every recorded fact showed them."""

from __future__ import annotations

from msgspec.structs import replace

from model import net
from tests.faults.changes import every, host, inside
from tests.faults.changes_net import (
    add,
    address,
    drop,
    dropped,
    link,
    more_neighbours,
    more_rules,
    new_link,
    sysctls,
    to,
    via,
)
from tests.faults.places import (
    A0,
    A1,
    BLOCK2,
    IP,
    IP1,
    LINK,
    MAC3,
    NODE1,
    NODE2,
    NODE3,
    OTHER_MAC,
    RACK1,
    RACK3,
    V4,
)
from tests.faults.row import (
    ARP,
    BLOCK_ROUTES,
    EGRESS,
    ETH0,
    ETH0_ADDRESS,
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

MORE_IDS = ("X1", "X2", "X3", "X4", "X5", "X6", "X7", "X8")
_ELSEWHERE = net.Route(
    "0.0.0.0/0", net.UNICAST, 77, net.PROTO_STATIC, net.SCOPE_GLOBAL, 0, (net.Hop("10.0.0.254", "ens160"),)
)
_RULE = net.Rule(4, 100, net.RULE_TO_TABLE, 77)
_DROP = net.Rule(4, 100, net.RULE_BLACKHOLE, 0)
_BRIDGE = net.Link(99, "br9", "bridge", True, False, OTHER_MAC, 1500)


def _first(space: net.Namespace) -> net.Namespace:
    """The last address becomes the first."""
    return replace(space, addresses=(space.addresses[-1], *space.addresses[:-1]))


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
                found((EGRESS, "node1", f"{A0}/from-{IP}"), (ARP, "node1", f"{A0}/route-169.254.1.1")),
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
        "a node cannot find another one on their subnet: ARP is off or left unanswered, a bridge has its interface, "
        "two nodes have one MAC, or a fixed neighbour entry has a wrong one",
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
            Case(
                "noencap",
                host("node1", sysctls({"net.ipv4.conf.ens160.arp_ignore": "8"})),
                found((ON_SUBNET, "node1", "ens160/arp")),
                "ARP is left unanswered",
            ),
            Case(
                "noencap",
                host("node1", new_link(_BRIDGE), link("ens160", master="br9")),
                found((ON_SUBNET, "node1", "ens160/master")),
                "a bridge has its interface",
            ),
            Case(
                "noencap",
                every(
                    host("node1", link("ens160", mac=OTHER_MAC)),
                    host("node2", link("ens160", mac=OTHER_MAC)),
                    host("node1", more_neighbours(net.Neighbour(4, "ens160", NODE2, None, net.NUD_FAILED))),
                ),
                found((ON_SUBNET, "node1", f"node2/{NODE2}")),
                "two nodes with one MAC",
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
            Case(
                "noencap",
                host("node1", more_neighbours(net.Neighbour(4, LINK, IP, MAC3, net.NUD_NOARP))),
                found((FIXED, "node1", f"{A0}/neighbour-{IP}")),
                "on the node, NOARP",
            ),
            Case(
                "noencap",
                inside(A0, more_neighbours(net.Neighbour(4, "eth0", "169.254.1.1", MAC3, net.NUD_NOARP))),
                found((FIXED, "node1", f"{A0}/neighbour-169.254.1.1")),
                "in the pod, NOARP",
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
        "a node's rules or routes drop what it sends to another node, or take it for the node's own",
        (TO_NODES,),
        (
            Case(
                "noencap",
                host("node1", more_rules(_rule(_DROP, dst="10.48.0.0/16", invert=True))),
                found(
                    *on(TO_NODES, "node1", f"node2/{NODE2}", f"node3/{NODE3}"),
                    *on(ARP, "node1", f"{A0}/route-169.254.1.1", f"{A1}/route-169.254.1.1"),
                ),
                "a rule for all but the pool",
            ),
            Case(
                "noencap",
                host("node1", add(dropped(f"{NODE2}/32", net.PROTO_STATIC, net.PROHIBIT))),
                found((TO_NODES, "node1", f"node2/{NODE2}")),
                "a route",
            ),
            Case(
                "noencap",
                host("node1", address("lo", f"{NODE2}/32")),
                found((TO_NODES, "node1", f"node2/{NODE2}")),
                "it has the other's address itself",
            ),
        ),
    ),
    Row(
        "X6",
        "the node has no route to 169.254.1.1, so it answers no ARP for it by proxy: all its pods lose their gateway",
        (ARP,),
        (
            Case(
                "noencap",
                host("node1", drop(to(V4))),
                found(*on(ARP, "node1", f"{A0}/route-169.254.1.1", f"{A1}/route-169.254.1.1")),
                "no default route",
            ),
            Case(
                "noencap",
                host("node1", add(dropped("169.254.0.0/16", net.PROTO_STATIC))),
                found(*on(ARP, "node1", f"{A0}/route-169.254.1.1", f"{A1}/route-169.254.1.1")),
                "a blackhole for link-local addresses",
            ),
            Case(
                "noencap",
                host("node1", more_rules(_rule(_DROP, dst="169.254.0.0/16", iif=LINK))),
                found((ARP, "node1", f"{A0}/route-169.254.1.1")),
                "a rule",
            ),
        ),
    ),
    Row(
        "X7",
        "a node's way to another node leads nowhere: an interface that is dead or on another network, a silent gateway",
        (TO_NODES,),
        (
            Case(
                "vxlan-cross",
                host("node1", new_link(_BRIDGE), add(via(f"{RACK3}/32", None, "br9", net.PROTO_BOOT, 0))),
                found((TO_NODES, "node1", f"node3/{RACK3}")),
                "a bridge without ports",
            ),
            Case(
                "vxlan-cross",
                host("node1", more_neighbours(net.Neighbour(4, "ens160", "10.0.1.254", None, net.NUD_FAILED))),
                found((TO_NODES, "node1", "ens160/10.0.1.254")),
                "the gateway does not answer",
            ),
            Case(
                "vxlan-cross",
                host(
                    "node1", more_rules(_rule(_DROP, other=("ipproto", "dport"), src=f"{RACK1}/32", dst=f"{RACK3}/32"))
                ),
                found((TO_NODES, "node1", f"node3/{RACK3}")),
                "a rule drops what comes from its own address, of certain ports",
            ),
        ),
    ),
    Row(
        "X8",
        "a pod holds an address beside its own that it answers in another's place, or that it sends from",
        (ETH0_ADDRESS,),
        (
            Case(
                "noencap",
                inside(A0, address("lo", f"{NODE1}/32")),
                found((ETH0_ADDRESS, "node1", f"{A0}/{NODE1}/32")),
                "its node's",
            ),
            Case(
                "noencap",
                inside(A0, address("lo", f"{IP1}/32")),
                found((ETH0_ADDRESS, "node1", f"{A0}/{IP1}/32")),
                "another pod's",
            ),
            Case(
                "noencap",
                inside(A0, address("eth0", "172.30.0.1/32"), _first),
                found((ETH0_ADDRESS, "node1", f"{A0}/172.30.0.1/32")),
                "the application's, before its own",
            ),
        ),
    ),
)

"""One cause, one headline, where one fault strikes many pods, blocks or nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from checks.run import catalogue, judge
from model import net
from model.verdict import Severity
from reports.summary import summarise
from tests.faults.bases import base
from tests.faults.changes import dead_bird, every, host, inside, session
from tests.faults.changes_api import of
from tests.faults.changes_net import (
    add,
    address,
    drop,
    link,
    more_neighbours,
    more_rules,
    sysctls,
    to,
    turn,
    via,
)
from tests.faults.places import A0, A1, BLOCK1, BLOCK2, BLOCK3, LINK, LINK1, NODE1, NODE2, NODE3, OTHER_MAC, V4

if TYPE_CHECKING:
    from reports.values import Cause
    from tests.faults.changes import Change

ACTIVE = ("start", "Active        Socket: Connection refused")
POOL = "10.48.0.0/16"
ELSEWHERE = net.Route(
    "0.0.0.0/0", net.UNICAST, 77, net.PROTO_STATIC, net.SCOPE_GLOBAL, 0, (net.Hop("10.0.0.254", "ens160"),)
)
CUT_OFF = (  # node3 from the two others
    *(session(node, NODE3, *ACTIVE) for node in ("node1", "node2")),
    *(session("node3", far, *ACTIVE) for far in (NODE1, NODE2)),
    *(host(node, drop(to(BLOCK3))) for node in ("node1", "node2")),
    host("node3", drop(to(BLOCK1, BLOCK2))),
)
DROPPED = net.Route("0.0.0.0/0", net.BLACKHOLE, 78, net.PROTO_STATIC, net.SCOPE_GLOBAL, 0, ())


class Wide(NamedTuple):
    base: str
    change: Change
    headline: str
    findings: int
    severity: Severity = Severity.BROKEN


def spread(metric: int) -> Wide:
    """Somebody's route to node2's block by two nodes, which BIRD tells to node3."""
    hops = (net.Hop(NODE2, "ens160"), net.Hop(NODE3, "ens160"))
    two_ways = net.Route(BLOCK2, net.UNICAST, net.MAIN, net.PROTO_STATIC, net.SCOPE_GLOBAL, metric, hops)
    return Wide(
        "noencap",
        every(host("node1", add(two_ways)), host("node3", turn(to(BLOCK2), hops=(net.Hop(NODE1, "ens160"),)))),
        f"node1: route {BLOCK2} to node2 is wrong: 1 route wrong on node3",
        2,
    )


CASES: dict[str, Wide] = {
    "a node that is not ready has no sessions": Wide(
        "noencap",
        every(of("nodes", "node3", ready=False), *CUT_OFF),
        "node3 is not Ready: 2 sessions down",
        4,
        Severity.WRONG,
    ),
    "BIRD has died on a node that is not ready": Wide(
        "noencap",
        every(of("nodes", "node3", ready=False), *CUT_OFF[:2], *CUT_OFF[4:6], dead_bird("node3")),
        "node3: BIRD does not answer: 2 sessions to it down",
        3,
    ),
    "a node's ARP is off": Wide(
        "noencap",
        every(host("node3", link("ens160", noarp=True)), *CUT_OFF),
        "node3: ARP is off on ens160: 4 routes missing on 3 nodes, 4 sessions down",
        9,
    ),
    "a node has another one's address": Wide(
        "noencap",
        every(
            host("node1", address("lo", f"{NODE2}/32"), turn(to(BLOCK2), type=net.UNREACHABLE, hops=())),
            session("node1", NODE2, *ACTIVE),
            session("node2", NODE1, *ACTIVE),
            host("node2", drop(to(BLOCK1))),
        ),
        f"node1: takes {NODE2} for its own, which is node2's: 2 sessions down, 1 route to it missing on node2, "
        "1 route wrong",
        5,
    ),
    "a node announces an address that it does not have": Wide(
        "noencap",
        of("nodes", "node2", bgp_ipv4="10.0.0.99/24"),
        "node2: no interface has its BGP address 10.0.0.99: 4 sessions to it down, 2 routes to it wrong on 2 nodes",
        7,
    ),
    "a wrong MAC between two nodes": Wide(
        "noencap",
        every(
            host("node1", more_neighbours(net.Neighbour(4, "ens160", NODE2, OTHER_MAC, net.NUD_PERMANENT))),
            session("node1", NODE2, *ACTIVE),
            session("node2", NODE1, *ACTIVE),
            host("node1", drop(to(BLOCK2))),
            host("node2", drop(to(BLOCK1))),
        ),
        "node1: wrong fixed MAC address of node2: 2 routes missing on 2 nodes, 2 sessions down",
        5,
    ),
    "a rule for packets to the pool": Wide(
        "noencap",
        host("node1", more_rules(net.Rule(4, 100, net.RULE_TO_TABLE, 77, dst=POOL)), add(ELSEWHERE)),
        "node1: policy rule 100 takes packets away: 2 lookups diverted, 1 route wrong",
        4,
    ),
    "a rule for what is of one TOS": Wide(
        "noencap",
        host("node1", more_rules(net.Rule(4, 100, net.RULE_TO_TABLE, 77, dst=POOL, tos=8)), add(ELSEWHERE)),
        "",
        4,
    ),
    "a rule that drops what all pods send": Wide(
        "noencap",
        host("node1", more_rules(net.Rule(4, 100, net.RULE_TO_TABLE, 78, src=POOL)), add(DROPPED)),
        "node1: policy rule 100 takes packets away: 2 lookups diverted, 2 pods' own traffic dropped, "
        "2 routes wrong, 1 pod without an answer from its gateway",
        8,
    ),
    "no default route": Wide(
        "noencap",
        host("node1", drop(to(V4))),
        "node1: no route to the pods' gateway 169.254.1.1, so it answers no ARP for it: "
        "1 pod without an answer from its gateway",
        2,
    ),
    "an address of the pool on an interface": Wide(
        "noencap",
        host(
            "node1",
            address("ens160", "10.48.77.1/24", broadcast="10.48.77.255"),
            add(
                net.Route(
                    "10.48.77.255/32",
                    net.BROADCAST,
                    net.LOCAL,
                    net.PROTO_KERNEL,
                    net.SCOPE_LINK,
                    0,
                    (net.Hop(None, "ens160"),),
                )
            ),
        ),
        "",
        3,
        Severity.WRONG,
    ),
    "somebody's second route to a block, which BIRD spreads": spread(2000),
    "somebody's better route to a block, which BIRD spreads": spread(10),
    "another route beside a blackhole, which BIRD spreads": Wide(
        "noencap",
        every(
            host("node1", add(via(BLOCK1, NODE3, "ens160", net.PROTO_STATIC, 5000))),
            host("node2", turn(to(BLOCK1), hops=(net.Hop(NODE3, "ens160"),))),
        ),
        f"node1: blackhole {BLOCK1} is not as expected: 1 route to it wrong on node2",
        2,
    ),
    "a network manager takes all host interfaces": Wide(
        "noencap",
        host(
            "node1",
            address(LINK, "169.254.7.7/16", scope=net.SCOPE_LINK),
            address(LINK1, "169.254.7.8/16", scope=net.SCOPE_LINK),
            link(LINK, mac=OTHER_MAC),
            link(LINK1, mac=OTHER_MAC),
        ),
        "",
        8,
        Severity.BROKEN,
    ),
    "udev changes all MAC addresses": Wide(
        "noencap",
        host("node1", link(LINK, mac=OTHER_MAC), link(LINK1, mac=OTHER_MAC)),
        "",
        2,
        Severity.HOUSEKEEPING,
    ),
    "the CNI configuration was changed under the pods": Wide(
        "router-pods",
        every(
            inside(A0, sysctls({"net.ipv4.ip_forward": "0"})),
            inside(A1, sysctls({"net.ipv4.ip_forward": "0"})),
        ),
        "",
        2,
        Severity.WRONG,
    ),
    "another mask on the interface": Wide(
        "ipip-cross",
        every(
            of("nodes", "node1", bgp_ipv4="10.0.1.11/16"),
            host("node1", turn(to(BLOCK3), hops=(net.Hop("10.0.1.254", "ens160"),), protocol=net.PROTO_FELIX)),
        ),
        "",
        2,
    ),
}


def causes(case: Wide) -> tuple[Cause, ...]:
    snapshot = case.change(base(case.base))
    return summarise(list(judge(snapshot)), snapshot.header, catalogue=catalogue()).causes


@pytest.mark.parametrize("name", list(CASES))
def test_it_is_one_cause(name: str) -> None:
    case = CASES[name]
    found = causes(case)
    assert len(found) == 1, [cause.headline for cause in found]
    (cause,) = found
    assert (1 + len(cause.consequences), cause.severity) == (case.findings, case.severity)
    if case.headline:
        assert cause.headline == case.headline

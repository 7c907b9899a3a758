"""The checks of neighbour entries, between a pod and its node and between nodes: every message, and their absence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from model import net
from model.cluster import Node
from model.net import Neighbour
from tests.unit.builders import CALI, CUSTOMER, DUAL, LEAVING, LINK_LOCAL, route, rule, via
from tests.unit.tables import BROKEN, INAPPLICABLE, UNOBSERVED, WRONG, Row, heard, told, untold
from tests.unit.vary import both

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

W1, W2 = "worker1", "worker2"
GATEWAY, ADDRESS = "169.254.1.1", "10.48.0.67"
OTHER = "02:00:00:00:00:99"
FAILED, INCOMPLETE, REACHABLE, PERMANENT = net.NUD_FAILED, net.NUD_INCOMPLETE, 0x02, net.NUD_PERMANENT


def unread(fact: str) -> Callable[[Scene], None]:
    return lambda c: c.unread(W1, fact)


def on_node(address: str, state: int, mac: str | None = OTHER, dev: str = CALI) -> Callable[[Scene], None]:
    family = 6 if ":" in address else 4
    return lambda c: c.node(W1).add("neighbours", Neighbour(family, dev, address, mac, state))


def in_pod(address: str, state: int, mac: str | None = OTHER, key: str = CUSTOMER) -> Callable[[Scene], None]:
    family = 6 if ":" in address else 4
    return lambda c: c.inside(key).add("neighbours", Neighbour(family, "eth0", address, mac, state))


def uplink(node: str = W1, **fields: object) -> Callable[[Scene], None]:
    return lambda c: c.node(node).link("ens160", **fields)


def sysctls(values: dict[str, str]) -> Callable[[Scene], None]:
    return lambda c: c.node(W1).set(sysctls={**c.node(W1).now.sysctls, **values})


def enslaved(kind: str) -> Callable[[Scene], None]:
    master = net.Link(99, "br9", kind, True, True, OTHER, 1500)
    return both(uplink(master="br9"), lambda c: c.node(W1).add("links", master))


def knows(node: str, address: str, mac: str) -> Callable[[Scene], None]:
    """A node has learnt a MAC address."""
    return lambda c: c.node(node).add("neighbours", Neighbour(4, "ens160", address, mac, REACHABLE))


def no_eth0(cluster: Scene) -> None:
    cluster.inside(CUSTOMER).drop("links", lambda item: item.name == "eth0")


def no_address(cluster: Scene) -> None:
    cluster.node(W1).drop("addresses", lambda item: item.dev == "ens160")


def unseen(cluster: Scene) -> None:
    """worker2 was not looked at."""
    del cluster.facts[W2]


def far(mac: str) -> Callable[[Scene], None]:
    """worker2's own MAC."""
    return uplink(W2, mac=mac)


MAC2 = "46:00:00:00:00:02"
PODS = {(W1, CUSTOMER, UNOBSERVED), (W1, DUAL, UNOBSERVED), (W1, LEAVING, UNOBSERVED)}
FIXED = "no_fixed_neighbour_misleads"
FIXED_ROWS = [
    Row("unread", lambda c: c.unread(W1, "neighbours"), PODS, ("neighbours could not be read",)),
    Row("no eth0", no_eth0, {(W1, CUSTOMER, INAPPLICABLE)}, ("one end of its pair is missing",)),
    Row(
        "of the pod",
        on_node(ADDRESS, PERMANENT),
        {(W1, f"{CUSTOMER}/neighbour-{ADDRESS}", BROKEN)},
        (f"{ADDRESS} dev {CALI} lladdr {OTHER} PERMANENT", "or no fixed entry", "is the other end of its pair"),
    ),
    Row(
        "without a MAC",
        on_node(ADDRESS, PERMANENT, None),
        {(W1, f"{CUSTOMER}/neighbour-{ADDRESS}", BROKEN)},
        ("lladdr none PERMANENT", "made by hand: ip neigh del takes it away"),
    ),
    Row("of the gateway", in_pod(GATEWAY, PERMANENT), {(W1, f"{CUSTOMER}/neighbour-{GATEWAY}", BROKEN)}),
    Row(
        "of the gateway for IPv6",
        in_pod(LINK_LOCAL, PERMANENT, key=DUAL),
        {(W1, f"{DUAL}/neighbour-{LINK_LOCAL}", BROKEN)},
    ),
    Row(
        "of the pod, NOARP",
        on_node(ADDRESS, net.NUD_NOARP),
        {(W1, f"{CUSTOMER}/neighbour-{ADDRESS}", BROKEN)},
        (f"{ADDRESS} dev {CALI} lladdr {OTHER} NOARP",),
    ),
    Row(
        "of the gateway, NOARP",
        in_pod(GATEWAY, net.NUD_NOARP),
        {(W1, f"{CUSTOMER}/neighbour-{GATEWAY}", BROKEN)},
    ),
    Row(
        "NOARP as its interface is",
        both(lambda c: c.node(W1).link(CALI, noarp=True), on_node(ADDRESS, net.NUD_NOARP)),
        set(),
    ),
    Row("that ages", on_node(ADDRESS, REACHABLE), set()),
    Row("of another device", on_node(ADDRESS, PERMANENT, dev="ens160"), set()),
    Row("of the pair's MAC", in_pod(GATEWAY, PERMANENT, "EE:ee:ee:ee:ee:ee"), set()),
]

ANSWERS = "pod_and_node_answer_each_other"
ANSWERS_ROWS = [
    Row("unread", lambda c: c.unread(W1, "neighbours"), PODS - {(W1, LEAVING, UNOBSERVED)}, ("neighbours could not",)),
    Row("no eth0", no_eth0, {(W1, CUSTOMER, INAPPLICABLE)}, ("one end of its pair is missing",)),
    Row(
        "the gateway does not answer",
        in_pod(GATEWAY, INCOMPLETE, None),
        {(W1, f"{CUSTOMER}/answer-{GATEWAY}", BROKEN)},
        ("169.254.1.1 dev eth0 INCOMPLETE: nobody answers", "the node answers for its gateway", "proxy_arp is off"),
    ),
    Row(
        "the gateway did not answer",
        in_pod(GATEWAY, FAILED, None),
        {(W1, f"{CUSTOMER}/answer-{GATEWAY}", WRONG)},
        ("169.254.1.1 dev eth0 FAILED: nobody answered", "an answer for 169.254.1.1 on eth0, or no entry"),
    ),
    Row(
        "the pod did not answer",
        on_node(ADDRESS, FAILED, None),
        {(W1, f"{CUSTOMER}/answer-{ADDRESS}", WRONG)},
        (f"{ADDRESS} dev {CALI} FAILED", "it answers for its own address"),
    ),
    Row(
        "the gateway does not answer for IPv6",
        in_pod(LINK_LOCAL, INCOMPLETE, None, DUAL),
        {(W1, f"{DUAL}/answer-{LINK_LOCAL}", BROKEN)},
        ("neighbour discovery is filtered",),
    ),
    Row("somebody else does not answer", in_pod("10.48.0.130", FAILED, None), set()),
    Row("an answer", in_pod(GATEWAY, REACHABLE, "ee:ee:ee:ee:ee:ee"), set()),
    Row("a pod that is being deleted", in_pod(GATEWAY, FAILED, None, LEAVING), set()),
    Row(
        "a virtual machine's",
        both(
            lambda c: c.api("pods", CUSTOMER, labels={"kubevirt.io": "virt-launcher"}), on_node(ADDRESS, FAILED, None)
        ),
        {(W1, CUSTOMER, INAPPLICABLE)},
        ("KubeVirt may have moved its address off eth0",),
    ),
]

NODES = "node_finds_the_others_on_its_subnet"
FOUND = {(W1, f"{W2}/10.0.0.12", BROKEN)}
NODES_ROWS = [
    *(
        Row(fact, unread(fact), {(W1, W1, UNOBSERVED)}, ("could not be read: permission",))
        for fact in ("links", "addresses", "neighbours", "sysctls")
    ),
    Row("no address", no_address, {(W1, W1, INAPPLICABLE)}, ("no interface has its address",)),
    Row("no link", lambda c: c.node(W1).drop("links", lambda item: item.name == "ens160"), {(W1, W1, INAPPLICABLE)}),
    Row(
        "ARP is off",
        both(uplink(noarp=True), on_node("10.0.0.12", net.NUD_NOARP, dev="ens160")),
        {(W1, "ens160/arp", BROKEN)},
        (
            "ens160 is NOARP: it neither asks nor answers",
            "ens160 has the address of node worker1",
            "ip link set ens160 arp on",
            "ARP on ens160",
        ),
    ),
    Row(
        "ARP is left unanswered",
        sysctls({"net.ipv4.conf.ens160.arp_ignore": "8"}),
        {(W1, "ens160/arp", BROKEN)},
        (
            "ARP answered on ens160",
            "net.ipv4.conf.ens160.arp_ignore = 8: it answers for no address of its own",
            "0, 1 and 2 let it answer",
        ),
    ),
    Row(
        "ARP is left unanswered everywhere",
        sysctls({"net.ipv4.conf.all.arp_ignore": "8", "net.ipv4.conf.ens160.arp_ignore": "1"}),
        {(W1, "ens160/arp", BROKEN)},
        ("net.ipv4.conf.all.arp_ignore = 8",),
    ),
    Row(
        "ARP is answered as kube-proxy's strictARP asks for",
        sysctls({"net.ipv4.conf.all.arp_ignore": "1", "net.ipv4.conf.ens160.arp_ignore": "2"}),
        set(),
    ),
    Row(
        "ARP is left unanswered where the node has no address",
        sysctls({f"net.ipv4.conf.{CALI}.arp_ignore": "8"}),
        set(),
    ),
    Row(
        "enslaved",
        enslaved("bridge"),
        {(W1, "ens160/master", BROKEN)},
        (
            "ens160 with its address and without a master",
            "br9 (bridge) has enslaved ens160: what comes in is br9's, ARP included",
            "the other nodes' answers come in there",
            "left the address on it",
        ),
    ),
    Row("in a VRF", enslaved("vrf"), set()),
    Row("ARP is off on a bond", uplink(noarp=True, kind="bond"), {(W1, "ens160/arp", BROKEN)}),
    Row("point to point", uplink(noarp=True, kind="wireguard", mac=""), set()),
    Row("point to point, of no kind", uplink(noarp=True, mac=""), set()),
    Row("a dummy", uplink(noarp=True, kind="dummy"), set()),
    Row("a pod's ARP is off", lambda c: c.node(W1).link(CALI, noarp=True), set()),
    Row(
        "another MAC",
        both(far(MAC2), on_node("10.0.0.12", PERMANENT, dev="ens160")),
        FOUND,
        (
            f"10.0.0.12 lladdr {MAC2}, or no fixed entry",
            f"10.0.0.12 dev ens160 lladdr {OTHER} PERMANENT",
            f"node worker2 has 10.0.0.12 on an interface with MAC {MAC2}",
            "made by hand: ip neigh del 10.0.0.12 dev ens160 takes it away",
        ),
    ),
    Row("no MAC", both(far(MAC2), on_node("10.0.0.12", PERMANENT, None, "ens160")), FOUND, ("lladdr none PERMANENT",)),
    Row("another MAC, NOARP", both(far(MAC2), on_node("10.0.0.12", net.NUD_NOARP, dev="ens160")), FOUND, ("NOARP",)),
    Row(
        "another host's MAC",
        both(far(MAC2), on_node("10.0.0.12", PERMANENT, dev="ens160"), on_node("10.0.0.254", REACHABLE, dev="ens160")),
        {(W1, f"{W2}/10.0.0.12", WRONG)},
        ("another host's, which may pass the packets on",),
    ),
    Row(
        "it does not answer",
        both(far(MAC2), on_node("10.0.0.12", INCOMPLETE, None, "ens160")),
        FOUND,
        (
            "10.0.0.12 dev ens160 INCOMPLETE: nobody answers",
            "an answer from worker2 for 10.0.0.12",
            "was observed, and",
        ),
    ),
    Row(
        "it did not answer",
        both(far(MAC2), on_node("10.0.0.12", FAILED, None, "ens160")),
        {(W1, f"{W2}/10.0.0.12", WRONG)},
        ("FAILED: nobody answered", "the two are cut off from each other"),
    ),
    Row(
        "the same MAC",
        both(far(MAC2.upper()), uplink(mac=MAC2), on_node("10.0.0.12", FAILED, None, "ens160")),
        FOUND,
        ("worker1 and worker2 have the same MAC address on this subnet", "a MAC address of its own"),
    ),
    Row("the same MAC, and an answer (ipvlan)", both(far(MAC2), uplink(mac=MAC2)), set()),
    Row("not looked at, and no answer", both(unseen, on_node("10.0.0.12", FAILED, None, "ens160")), set()),
    Row("its MAC", both(far(MAC2.upper()), on_node("10.0.0.12", PERMANENT, MAC2, "ens160")), set()),
    Row("another MAC that ages", both(far(MAC2), on_node("10.0.0.12", REACHABLE, dev="ens160")), set()),
    Row("of a node that was not looked at", both(unseen, on_node("10.0.0.12", PERMANENT, dev="ens160")), set()),
    Row("of no node", both(far(MAC2), on_node("10.0.0.99", PERMANENT, dev="ens160")), set()),
    Row(
        "of a router, whom another node knows by another MAC",
        both(knows(W2, "10.0.0.254", MAC2), on_node("10.0.0.254", PERMANENT, dev="ens160")),
        {(W1, "router/10.0.0.254", WRONG)},
        (
            f"10.0.0.254 dev ens160 lladdr {OTHER} PERMANENT",
            f"node worker2 has learnt {MAC2} for the router 10.0.0.254 on the same subnet",
            f"10.0.0.254 lladdr {MAC2}, or no fixed entry",
        ),
    ),
    Row(
        "of a router, by whom another node knows it",
        both(knows(W2, "10.0.0.254", OTHER.upper()), on_node("10.0.0.254", PERMANENT, dev="ens160")),
        set(),
    ),
    Row(
        "of a router that two nodes know by two MACs",
        both(
            knows(W2, "10.0.0.254", MAC2),
            knows("host1", "10.0.0.254", "46:00:00:00:00:09"),
            on_node("10.0.0.254", PERMANENT, dev="ens160"),
        ),
        set(),
    ),
    Row(
        "of no router, whom another node knows by another MAC",
        both(knows(W2, "10.0.0.253", MAC2), on_node("10.0.0.253", PERMANENT, dev="ens160")),
        set(),
    ),
    Row("of a router", both(far(MAC2), on_node("10.0.0.254", PERMANENT, dev="ens160")), set()),
    Row("on another device", both(far(MAC2), on_node("10.0.0.12", PERMANENT)), set()),
    Row(
        "in another subnet",
        both(
            far(MAC2),
            lambda c: c.api("nodes", W2, internal_ips=("10.1.0.12",)),
            on_node("10.1.0.12", PERMANENT, dev="ens160"),
        ),
        set(),
    ),
]

REACH = "node_has_a_route_to_every_other_node"


def no_route_to_nodes(cluster: Scene) -> None:
    cluster.node(W1).drop("routes", lambda item: item.dst in {"10.0.0.0/24", "0.0.0.0/0"} and item.table == net.MAIN)


def mine(address: str) -> Callable[[Scene], None]:
    """worker1 takes packets to an address for its own."""
    taken = route(f"{address}/32", via(None, "lo"), type=net.LOCAL_TYPE, table=net.LOCAL, protocol=net.PROTO_KERNEL)
    return lambda c: c.node(W1).add("routes", taken)


def alone(cluster: Scene) -> None:
    for name in ("host1", W2):
        cluster.drop("nodes", name)
        del cluster.facts[name]


def more_link(name: str, kind: str = "", **fields: Any) -> Callable[[Scene], None]:
    """One more interface of worker1."""
    shape = {"up": True, "carrier": True, "mac": OTHER, "mtu": 1500, **fields}
    return lambda c: c.node(W1).add("links", net.Link(index=90, name=name, kind=kind, **shape))


def to_node(dev: str, gateway: str | None = None) -> Callable[[Scene], None]:
    """worker1 sends to worker2 by an interface."""
    return lambda c: c.node(W1).add("routes", route("10.0.0.12/32", via(gateway, dev)))


def by_rule(dev: str, **selectors: Any) -> Callable[[Scene], None]:
    """A rule of worker1 for certain ports, and its table's default route."""
    asks = {"other": ("dport",), **selectors}
    way = route("0.0.0.0/0", via(None, dev), table=77)
    return lambda c: c.vary(
        lambda s: s.node(W1).add("rules", rule(100, 77, **asks)), lambda s: s.node(W1).add("routes", way)
    )


REACH_ROWS = [
    *(
        Row(
            fact,
            unread(fact),
            {(W1, W1, UNOBSERVED)},
            ("routes, rules, addresses, links or neighbours could not be read: permission",),
        )
        for fact in ("routes", "rules", "addresses", "links", "neighbours")
    ),
    Row("no other node", alone, {(W1, W1, INAPPLICABLE)}, ("there is no other node of a pool's family to reach",)),
    Row("no address", no_address, {(W1, W1, INAPPLICABLE)}),
    Row(
        "no route",
        no_route_to_nodes,
        {(W1, "host1/10.0.0.10", BROKEN), (W1, f"{W2}/10.0.0.12", BROKEN)},
        ("no route at all", "a route to 10.0.0.12", "node worker2 has address 10.0.0.12", "is gone"),
    ),
    Row(
        "a rule that drops",
        lambda c: c.node(W1).add("rules", rule(100, 0, action=net.RULE_PROHIBIT, dst="10.0.0.12/32")),
        {(W1, f"{W2}/10.0.0.12", BROKEN)},
        ("prohibit 10.0.0.12", "by rule 100", "ip -4 rule; ip route get 10.0.0.12"),
    ),
    Row(
        "a blackhole for IPv6",
        lambda c: c.node(W1).add("routes", route("fd00:10::c/128")),
        {(W1, f"{W2}/fd00:10::c", BROKEN)},
        ("blackhole fd00:10::c/128",),
    ),
    Row(
        "IPv6, and no pool is",
        both(
            lambda c: c.drop("pools", "default-ipv6-ippool"),
            lambda c: c.node(W1).add("routes", route("fd00:10::c/128")),
        ),
        set(),
    ),
    Row("by a router", lambda c: c.node(W1).no_route("10.0.0.0/24"), set()),
    Row(
        "it has the address itself",
        both(mine("10.0.0.12"), lambda c: c.node(W1).add("addresses", net.Address("lo", "10.0.0.12", 32, 0))),
        {(W1, f"{W2}/10.0.0.12", BROKEN)},
        (
            "local 10.0.0.12/32 dev lo",
            "; 10.0.0.12 is on lo of worker1",
            "the two have one address: take 10.0.0.12 off",
        ),
    ),
    Row("its route says so", mine("10.0.0.12"), {(W1, f"{W2}/10.0.0.12", BROKEN)}, ("a rule or a route made by hand",)),
    Row(
        "of a virtual node on this one",
        lambda c: c.add("nodes", Node("virt1", "u", "1", internal_ips=("10.0.0.11",), ready=True)),
        set(),
    ),
    Row(
        "of a node with the same address",
        lambda c: c.add("nodes", Node("twin", "u", "1", bgp_ipv4="10.0.0.11/24", ready=True)),
        {(W1, "twin/10.0.0.11", BROKEN)},
    ),
    Row(
        "another address than Calico's",
        both(
            lambda c: c.api("nodes", W2, external_ips=("192.0.2.12",)),
            lambda c: c.node(W1).add("routes", route("192.0.2.12/32")),
        ),
        set(),
    ),
    Row(
        "of a node that changes",
        both(
            lambda c: c.node(W1).add("routes", route("10.0.0.12/32")),
            lambda c: c.api_later("nodes", W2, bgp_ipv4="10.0.0.13/24"),
        ),
        set(),
    ),
    Row(
        "by an interface without carrier",
        both(more_link("br9", "bridge", carrier=False), to_node("br9")),
        {(W1, f"{W2}/10.0.0.12", BROKEN)},
        ("10.0.0.12/32 dev br9 proto bird: br9 has no carrier",),
    ),
    Row(
        "by an interface that is down",
        both(more_link("br9", "bridge", up=False), to_node("br9", gateway="10.9.9.9")),
        {(W1, f"{W2}/10.0.0.12", BROKEN)},
        ("br9 is down",),
    ),
    Row(
        "by a dummy",
        both(more_link("dummy0", "dummy", noarp=True), to_node("dummy0")),
        {(W1, f"{W2}/10.0.0.12", BROKEN)},
        ("dummy0 leads nowhere",),
    ),
    Row("by lo", to_node("lo"), {(W1, f"{W2}/10.0.0.12", BROKEN)}, ("lo leads nowhere",)),
    Row(
        "by another network's interface",
        both(more_link("ens192"), to_node("ens192")),
        {(W1, f"{W2}/10.0.0.12", WRONG)},
        ("ens192 has no address of the subnet of 10.0.0.12, and no gateway is named",),
    ),
    Row(
        "by another network's interface, where nobody answers",
        both(more_link("ens192"), to_node("ens192"), on_node("10.0.0.12", FAILED, None, "ens192")),
        {(W1, f"{W2}/10.0.0.12", BROKEN)},
        ("and no gateway is named, and nobody answers there",),
    ),
    Row(
        "by an interface where it has answered",
        both(
            more_link("ens192"), to_node("ens192"), on_node("10.0.0.12", net.NUD_LEARNT, "02:00:00:00:0b:0c", "ens192")
        ),
        set(),
    ),
    Row(
        "by an unnumbered interface",
        both(
            more_link("ens192"),
            to_node("ens192"),
            lambda c: c.node(W1).change("addresses", lambda item: item.dev == "ens160", dev="lo"),
        ),
        set(),
    ),
    Row("by a gateway of another interface", both(more_link("ens192"), to_node("ens192", gateway="10.9.9.9")), set()),
    Row("by a VPN", both(more_link("wg0", "wireguard", mac="", noarp=True), to_node("wg0")), set()),
    Row("by an interface that nobody knows", to_node("ens192"), set()),
    Row(
        "by a second interface on the subnet",
        both(
            more_link("ens192"),
            to_node("ens192"),
            lambda c: c.node(W1).add("addresses", net.Address("ens192", "10.0.0.111", 24, 0)),
        ),
        set(),
    ),
    Row(
        "by two interfaces, one of them dead",
        both(
            more_link("br9", "bridge", carrier=False),
            lambda c: c.node(W1).add("routes", route("10.0.0.12/32", (*via(None, "ens160"), *via(None, "br9")))),
        ),
        {(W1, f"{W2}/10.0.0.12", WRONG)},
        ("br9 has no address of the subnet of 10.0.0.12",),
    ),
    Row(
        "a rule for its own address",
        lambda c: c.node(W1).add("rules", rule(100, 0, action=net.RULE_PROHIBIT, src="10.0.0.11/32")),
        {(W1, "host1/10.0.0.10", BROKEN), (W1, f"{W2}/10.0.0.12", BROKEN)},
        (", by rule 100",),
    ),
    Row(
        "a rule for certain ports drops",
        lambda c: c.node(W1).add(
            "rules", rule(100, 0, action=net.RULE_PROHIBIT, dst="10.0.0.12/32", other=("ipproto", "dport"))
        ),
        {(W1, f"{W2}/10.0.0.12", BROKEN)},
        ("packets of certain ipproto, dport: prohibit 10.0.0.12", ", by rule 100"),
    ),
    Row(
        "a rule for certain ports leads nowhere",
        both(more_link("br9", "bridge", carrier=False), by_rule("br9")),
        {(W1, "host1/10.0.0.10", BROKEN), (W1, f"{W2}/10.0.0.12", BROKEN)},
        ("packets of certain dport: default dev br9 proto bird table 77: br9 has no carrier", ", by rule 100"),
    ),
    Row("a rule for certain ports leads another way", by_rule("ens160"), set()),
    Row(
        "a rule for what is marked leads nowhere",
        both(more_link("br9", "bridge", carrier=False), by_rule("br9", fwmark=1, fwmask=1, dst="10.0.0.12/32")),
        set(),
    ),
    Row(
        "its gateway does not answer",
        both(lambda c: c.node(W1).no_route("10.0.0.0/24"), on_node("10.0.0.254", INCOMPLETE, None, "ens160")),
        {(W1, "ens160/10.0.0.254", BROKEN)},
        (
            "an answer from gateway 10.0.0.254 on ens160",
            "the way to node host1, worker2 goes by 10.0.0.254",
            "10.0.0.254 dev ens160 INCOMPLETE: nobody answers",
            "there is no such router",
        ),
    ),
    Row(
        "its gateway did not answer",
        both(lambda c: c.node(W1).no_route("10.0.0.0/24"), on_node("10.0.0.254", FAILED, None, "ens160")),
        {(W1, "ens160/10.0.0.254", WRONG)},
        ("10.0.0.254 dev ens160 FAILED: nobody answered",),
    ),
    Row("a gateway that is not on the way does not answer", on_node("10.0.0.254", FAILED, None, "ens160"), set()),
]

TABLES = {REACH: REACH_ROWS, FIXED: FIXED_ROWS, ANSWERS: ANSWERS_ROWS, NODES: NODES_ROWS}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


MODULES = {"test_neighbours": [FIXED, ANSWERS], "test_node_neighbours": [NODES], "test_node_ways": [REACH]}


@pytest.mark.parametrize("module", MODULES)
def test_every_message_has_its_row(module: str) -> None:
    assert untold(module, {check: TABLES[check] for check in MODULES[module]}) == []

"""The checks of neighbour entries, between a pod and its node and between nodes: every message, and their absence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from model import net
from model.net import Neighbour
from tests.unit.builders import CALI, CUSTOMER, DUAL, LEAVING, LINK_LOCAL, route, rule
from tests.unit.tables import BROKEN, INAPPLICABLE, UNOBSERVED, WRONG, Row, heard, told, untold

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

W1, W2 = "worker1", "worker2"
GATEWAY, ADDRESS = "169.254.1.1", "10.48.0.67"
OTHER = "02:00:00:00:00:99"
FAILED, INCOMPLETE, REACHABLE, PERMANENT = net.NUD_FAILED, net.NUD_INCOMPLETE, 0x02, net.NUD_PERMANENT


def unread(fact: str) -> Callable[[Scene], None]:
    return lambda c: c.unread(W1, fact)


def both(*varies: Callable[[Scene], None]) -> Callable[[Scene], None]:
    return lambda cluster: cluster.vary(*varies)


def on_node(address: str, state: int, mac: str | None = OTHER, dev: str = CALI) -> Callable[[Scene], None]:
    family = 6 if ":" in address else 4
    return lambda c: c.node(W1).add("neighbours", Neighbour(family, dev, address, mac, state))


def in_pod(address: str, state: int, mac: str | None = OTHER, key: str = CUSTOMER) -> Callable[[Scene], None]:
    family = 6 if ":" in address else 4
    return lambda c: c.inside(key).add("neighbours", Neighbour(family, "eth0", address, mac, state))


def uplink(node: str = W1, **fields: object) -> Callable[[Scene], None]:
    return lambda c: c.node(node).link("ens160", **fields)


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
        (f"{ADDRESS} dev {CALI} lladdr {OTHER} PERMANENT", "or no permanent entry", "is the other end of its pair"),
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
        for fact in ("links", "addresses", "neighbours")
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
    Row("not looked at, and no answer", both(unseen, on_node("10.0.0.12", FAILED, None, "ens160")), set()),
    Row("its MAC", both(far(MAC2.upper()), on_node("10.0.0.12", PERMANENT, MAC2, "ens160")), set()),
    Row("another MAC that ages", both(far(MAC2), on_node("10.0.0.12", REACHABLE, dev="ens160")), set()),
    Row("of a node that was not looked at", both(unseen, on_node("10.0.0.12", PERMANENT, dev="ens160")), set()),
    Row("of no node", both(far(MAC2), on_node("10.0.0.99", PERMANENT, dev="ens160")), set()),
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


def alone(cluster: Scene) -> None:
    for name in ("host1", W2):
        cluster.drop("nodes", name)
        del cluster.facts[name]


REACH_ROWS = [
    *(
        Row(fact, unread(fact), {(W1, W1, UNOBSERVED)}, ("routes, rules or addresses could not be read: permission",))
        for fact in ("routes", "rules", "addresses")
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
]

TABLES = {REACH: REACH_ROWS, FIXED: FIXED_ROWS, ANSWERS: ANSWERS_ROWS, NODES: NODES_ROWS}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


MODULES = {"test_neighbours": [FIXED, ANSWERS], "test_node_neighbours": [NODES, REACH]}


@pytest.mark.parametrize("module", MODULES)
def test_every_message_has_its_row(module: str) -> None:
    assert untold(module, {check: TABLES[check] for check in MODULES[module]}) == []

"""The checks of a pod's host interface and host route: every message, and its absence on the healthy cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from model import net
from model.net import Address, Hop, Link
from tests.unit.builders import (
    CALI,
    CUSTOMER,
    DATABASE,
    DUAL,
    LEAVING,
    POOL,
    SIX,
    cali,
    host_route,
    route,
    rule,
    via,
)
from tests.unit.tables import BROKEN, HOUSEKEEPING, INAPPLICABLE, UNOBSERVED, WRONG, Row, heard, told, untold
from tests.unit.vary import both

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

W1, W2 = "worker1", "worker2"
IP = "10.48.0.67/32"


def link(key: str = CUSTOMER, node: str = W1, /, **fields: object) -> Callable[[Scene], None]:
    return lambda c: c.node(node).link(cali(key), **fields)


def no_link(key: str = CUSTOMER, node: str = W1) -> Callable[[Scene], None]:
    return lambda c: c.node(node).drop("links", lambda item: item.name == cali(key))


def unread(fact: str) -> Callable[[Scene], None]:
    return lambda c: c.unread(W1, fact)


def add(kind: str, *items: object) -> Callable[[Scene], None]:
    return lambda c: c.node(W1).add(kind, *items)


def all_pods(kind: str) -> set[tuple[str, str, str]]:
    return {(W1, key, kind) for key in (CUSTOMER, DUAL, LEAVING)}


INTERFACE = "pod_has_its_host_interface"
INTERFACE_ROWS = [
    Row("unread", unread("links"), all_pods(UNOBSERVED), ("the node's links could not be read: permission denied",)),
    Row("missing", no_link(), {(W1, CUSTOMER, BROKEN)}, (f"no {CALI}", "the pair is gone", f"{CALI}, a veth, up and")),
    Row("missing, being deleted", no_link(LEAVING), set()),
    Row("another kind", link(kind="dummy"), {(W1, CUSTOMER, BROKEN)}, ("its kind is dummy",)),
    Row("no kind", link(kind=""), {(W1, CUSTOMER, BROKEN)}, ("its kind is none",)),
    Row("netkit", link(kind="netkit"), set()),
    Row("down", link(up=False, carrier=False), {(W1, CUSTOMER, BROKEN)}, (f"{CALI}: it is administratively down",)),
    Row("no carrier", link(carrier=False), {(W1, CUSTOMER, BROKEN)}, ("no carrier: eth0 is down or gone",)),
    Row("enslaved", link(master="br0"), {(W1, CUSTOMER, BROKEN)}, ("br0 has enslaved it",)),
    Row("netkit without ARP", link(kind="netkit", noarp=True), set()),
    Row("no ARP", link(noarp=True), {(W1, CUSTOMER, BROKEN)}, ("it does no ARP (NOARP): nobody answers for",)),
    Row("down, being deleted", link(LEAVING, up=False), {(W1, LEAVING, BROKEN)}),
    Row("another's name", link(name="cali00000000000"), {(W1, CUSTOMER, BROKEN)}),
]

OWN_ADDRESS = "host_interface_has_no_address_of_its_own"
FOREIGN = Address(CALI, "169.254.9.9", 16, 0)
OWN_ADDRESS_ROWS = [
    Row("missing", no_link(), {(W1, CUSTOMER, INAPPLICABLE)}, ("it has no host interface",)),
    Row("unread", unread("addresses"), all_pods(UNOBSERVED), ("the node's addresses could not be read",)),
    Row(
        "IPv4",
        add("addresses", FOREIGN),
        {(W1, f"{CUSTOMER}/169.254.9.9/16", WRONG)},
        ("NetworkManager or", f"169.254.9.9/16 on {CALI}", f"no address on {CALI}"),
    ),
    Row(
        "IPv4 link-local scope",
        add("addresses", Address(CALI, "169.254.9.9", 16, 253)),
        {(W1, f"{CUSTOMER}/169.254.9.9/16", WRONG)},
    ),
    Row("IPv6 global", add("addresses", Address(CALI, "fd00::9", 64, 0)), {(W1, f"{CUSTOMER}/fd00::9/64", WRONG)}),
    Row("a second IPv6 link-local", add("addresses", Address(CALI, "fe80::9", 64, 253)), set()),
    Row(
        "local BGP peering",
        both(add("addresses", FOREIGN), lambda c: c.settings("bgp", localWorkloadPeeringIPV4="169.254.9.9")),
        set(),
    ),
    Row(
        "local BGP peering, IPv6",
        both(
            add("addresses", Address(CALI, "fd00::9", 128, 0)),
            lambda c: c.settings("bgp", localWorkloadPeeringIPV6="fd00::9"),
        ),
        set(),
    ),
    Row("another interface", add("addresses", Address("ens160", "169.254.9.9", 16, 0)), set()),
]

PAIR = "pair_joins_the_pod_and_its_host_interface"


def eth0(**fields: object) -> Callable[[Scene], None]:
    return lambda c: c.inside(CUSTOMER).link("eth0", **fields)


def twin(cluster: Scene) -> None:
    cluster.node(W1).add("links", Link(77, "cali0twin", "veth", True, True, "ee:ee:ee:ee:ee:ee", 1500, 2, 1))


PAIR_ROWS = [
    Row("no host end", no_link(), {(W1, CUSTOMER, INAPPLICABLE)}, ("one of the two ends is missing",)),
    Row(
        "no eth0",
        lambda c: c.inside(CUSTOMER).drop("links", lambda item: item.index == 2),
        {(W1, CUSTOMER, INAPPLICABLE)},
    ),
    Row(
        "host end names another",
        link(peer_index=9),
        {(W1, CUSTOMER, BROKEN)},
        (f"{CALI} is paired with index 9", f"{CALI} (index 10) and eth0 (index 2) name each other"),
    ),
    Row("eth0 names another", eth0(peer_index=99), {(W1, CUSTOMER, BROKEN)}, ("eth0 is paired with index 99",)),
    Row(
        "host end in its own namespace",
        link(peer_nsid=None),
        {(W1, CUSTOMER, BROKEN)},
        ("has its pair in the node's own namespace",),
    ),
    Row(
        "host end in another namespace",
        link(peer_nsid=2),
        {(W1, CUSTOMER, BROKEN), (W1, DUAL, BROKEN)},
        ("in namespace 2, the pod's is 1",),
    ),
    Row(
        "eth0 in its own namespace",
        eth0(peer_nsid=None),
        {(W1, CUSTOMER, BROKEN)},
        ("eth0 has its pair in the pod's own namespace",),
    ),
    Row(
        "eth0 in another namespace",
        eth0(peer_nsid=7),
        {(W1, CUSTOMER, BROKEN)},
        ("eth0 has its pair in namespace 7, the node's is 0",),
    ),
    Row(
        "namespaces without numbers",
        both(lambda c: c.inside(CUSTOMER).set(nsid=None, host_nsid=None), link(peer_nsid=9), eth0(peer_nsid=9)),
        set(),
    ),
    Row("a twin", twin, {(W1, CUSTOMER, BROKEN)}, (f"cali0twin and {CALI} name the same pair",)),
    Row(
        "another end is the pair",
        both(
            lambda c: c.inside(CUSTOMER).add("links", Link(3, "eth1", "veth", True, True, "02::1", 1500, 10, 0)),
            link(peer_index=3),
        ),
        {(W1, CUSTOMER, BROKEN)},
        ("; its pair is eth1",),
    ),
]

SYSCTLS = "host_interface_answers_arp_and_forwards"
FORWARDING, ARP = f"net.ipv4.conf.{CALI}.forwarding", f"net.ipv4.conf.{CALI}.proxy_arp"
SIX_FORWARDING = f"net.ipv6.conf.{cali(SIX)}.forwarding"


def sysctl(name: str, value: str | None, node: str = W1) -> Callable[[Scene], None]:
    return lambda c: c.node(node).sysctl(name, value)


NO_GATEWAY = {(W1, f"{key}/route-169.254.1.1", BROKEN) for key in (CUSTOMER, DUAL, LEAVING)}
SYSCTLS_ROWS = [
    Row("missing", no_link(), {(W1, CUSTOMER, INAPPLICABLE)}, ("it has no host interface",)),
    Row("unread", unread("sysctls"), all_pods(UNOBSERVED), ("sysctls, routes or rules could not be read",)),
    Row(
        "proxy_arp 0",
        sysctl(ARP, "0"),
        {(W1, f"{CUSTOMER}/{ARP}", BROKEN)},
        ("nobody answers the pod's ARP", f"{ARP} = 0"),
    ),
    Row("proxy_arp 0, all 1", both(sysctl(ARP, "0"), sysctl("net.ipv4.conf.all.proxy_arp", "1")), set()),
    Row(
        "forwarding 0",
        sysctl(FORWARDING, "0"),
        {(W1, f"{CUSTOMER}/{FORWARDING}", BROKEN)},
        ("the pod's packets go nowhere", "refresh (90 s)"),
    ),
    Row(
        "forwarding 0, all proxy_arp",
        both(sysctl(FORWARDING, "0"), sysctl("net.ipv4.conf.all.proxy_arp", "1")),
        {(W1, f"{CUSTOMER}/{FORWARDING}", BROKEN)},
    ),
    Row("IPv6 forwarding of an IPv4 pod", sysctl(f"net.ipv6.conf.{CALI}.forwarding", "0"), set()),
    Row(
        "IPv6 forwarding",
        sysctl(SIX_FORWARDING, "0", W2),
        {(W2, f"{SIX}/{SIX_FORWARDING}", WRONG)},
        ("is no router to the pod",),
    ),
    Row("IPv4 of an IPv6 pod", sysctl(f"net.ipv4.conf.{cali(SIX)}.proxy_arp", "0", W2), set()),
    Row(
        "dual stack",
        sysctl(f"net.ipv6.conf.{cali(DUAL)}.forwarding", "0"),
        {(W1, f"{DUAL}/net.ipv6.conf.{cali(DUAL)}.forwarding", WRONG)},
    ),
    Row(
        "not read",
        sysctl(ARP, None),
        {(W1, f"{CUSTOMER}/{ARP}", UNOBSERVED)},
        ("was not among the sysctls that were read",),
    ),
    Row("rp_filter is the host's affair", sysctl(f"net.ipv4.conf.{CALI}.rp_filter", "1"), set()),
    Row("routes unread", unread("routes"), all_pods(UNOBSERVED), ("sysctls, routes or rules could not be read",)),
    Row(
        "no default route",
        lambda c: c.node(W1).no_route("0.0.0.0/0"),
        NO_GATEWAY,
        (
            "no route to 169.254.1.1, and no default route",
            "a default route is enough",
            "the node's default route is gone",
        ),
    ),
    Row(
        "no default route, but one for it",
        both(
            lambda c: c.node(W1).no_route("0.0.0.0/0"),
            lambda c: c.node(W1).add("routes", route("169.254.0.0/16", via(None, "ens160"))),
        ),
        set(),
    ),
    Row(
        "link-local addresses are dropped",
        lambda c: c.node(W1).add("routes", route("169.254.0.0/16", type=net.BLACKHOLE)),
        NO_GATEWAY,
        ("blackhole 169.254.0.0/16", "made by hand or by a hardening script"),
    ),
    Row(
        "a rule drops them for one pod",
        lambda c: c.node(W1).add("rules", rule(100, 0, action=net.RULE_PROHIBIT, dst="169.254.0.0/16", iif=CALI)),
        {(W1, f"{CUSTOMER}/route-169.254.1.1", BROKEN)},
        ("prohibit", ", by rule 100", "ip route get 169.254.1.1 from 10.48.0.67 iif"),
    ),
    Row(
        "its route leads back to the pod",
        lambda c: c.node(W1).add("routes", route("169.254.1.1/32", via(None, CALI))),
        {(W1, f"{CUSTOMER}/route-169.254.1.1", BROKEN)},
    ),
    Row(
        "it is an address of the node",
        lambda c: c.node(W1).add("routes", route("169.254.1.1/32", via(None, "lo"), type=net.LOCAL_TYPE)),
        set(),
    ),
]


def migration(cluster: Scene) -> None:
    """The customer's pod and another one are the two ends of a live migration."""
    labels = {"kubevirt.io": "virt-launcher"}
    cluster.api("pods", CUSTOMER, labels=labels)
    cluster.api("pods", DATABASE, labels=labels, ips=("10.48.0.67",))


ENDS = {(W1, CUSTOMER, INAPPLICABLE), (W2, DATABASE, INAPPLICABLE)}
LEADS = "host_route_leads_to_its_pod"
OBJECT = f"{CUSTOMER}/{IP}"


def host(dst: str = IP, node: str = W1, /, **fields: object) -> Callable[[Scene], None]:
    return lambda c: c.node(node).route(dst, **fields)


def no_route(dst: str = IP, node: str = W1) -> Callable[[Scene], None]:
    return lambda c: c.node(node).no_route(dst)


LEADS_ROWS = [
    Row("a migration", migration, ENDS, ("only one end has the route",)),
    Row("unread", unread("routes"), all_pods(UNOBSERVED), ("the node's routes could not be read",)),
    Row(
        "missing",
        no_route(),
        {(W1, OBJECT, BROKEN)},
        (
            "no route to it; packets to it take blackhole 10.48.0.64/26",
            "Felix has no workload endpoint",
            f"{IP} dev {CALI} scope link",
        ),
    ),
    Row(
        "missing, nothing covers it",
        both(no_route(), no_route("10.48.0.64/26"), no_route("0.0.0.0/0")),
        {(W1, OBJECT, BROKEN)},
        ("no route covers it",),
    ),
    Row(
        "missing, the link is down",
        both(no_route(), link(up=False)),
        {(W1, OBJECT, BROKEN)},
        ("the host interface is down or gone",),
    ),
    Row(
        "missing, the link is gone",
        both(no_route(), no_link()),
        {(W1, OBJECT, BROKEN)},
        ("the host interface is down or gone",),
    ),
    Row("missing, being deleted", no_route("10.48.0.72/32"), set()),
    Row("in another table", host(table=100), {(W1, OBJECT, BROKEN)}),
    Row("to another pod", host(hops=via(None, cali(DUAL))), {(W1, OBJECT, BROKEN)}, (f"does not lead to {CALI}",)),
    Row(
        "to another pod, being deleted",
        host("10.48.0.72/32", hops=via(None, cali(DUAL))),
        {(W1, f"{LEAVING}/10.48.0.72/32", BROKEN)},
    ),
    Row("by a gateway", host(hops=via("10.0.0.1", CALI)), {(W1, OBJECT, BROKEN)}),
    Row("two hops", host(hops=(Hop(None, CALI), Hop(None, cali(DUAL)))), {(W1, OBJECT, BROKEN)}),
    Row("blackhole", host(type=net.BLACKHOLE, hops=()), {(W1, OBJECT, BROKEN)}, ("not a unicast route",)),
    Row("scope", host(scope=net.SCOPE_GLOBAL), {(W1, OBJECT, WRONG)}, ("scope global",)),
    Row("a scope of no name", host(scope=9), {(W1, OBJECT, WRONG)}, ("scope 9",)),
    Row("metric", host(metric=20), {(W1, OBJECT, WRONG)}, ("metric 20, not one of 0, 512, 1024",)),
    Row("Felix's metric", host(metric=1024), set()),
    Row("an elevated metric", host(metric=512), set()),
    Row(
        "protocol",
        host(protocol=net.PROTO_STATIC),
        {(W1, OBJECT, WRONG)},
        ("proto static, not boot: not the CNI plugin's",),
    ),
    Row("Felix's protocol", both(host(protocol=80), lambda c: c.settings("felix", deviceRouteProtocol=80)), set()),
    Row("tos", host(tos=16), {(W1, OBJECT, WRONG)}, ("only for some packets",)),
    Row("dead", host(hops=via(None, CALI, net.HOP_DEAD)), {(W1, OBJECT, WRONG)}, ("its interface is dead",)),
    Row("link is down", host(hops=via(None, CALI, net.HOP_LINKDOWN)), {(W1, OBJECT, WRONG)}),
    Row("a source", host(prefsrc="10.0.0.11"), {(W1, OBJECT, WRONG)}, ("with source 10.0.0.11",)),
    Row(
        "Felix's source",
        both(host(prefsrc="10.0.0.11"), lambda c: c.settings("felix", deviceRouteSourceAddress="10.0.0.11")),
        set(),
    ),
    Row(
        "Felix's, without its source",
        both(host(metric=1024), lambda c: c.settings("felix", deviceRouteSourceAddress="10.0.0.11")),
        {(W1, OBJECT, WRONG)},
        ("with source none, expected 10.0.0.11",),
    ),
    Row("mtu", host(mtu=600), {(W1, OBJECT, WRONG)}, ("with mtu 600",)),
    Row(
        "a header of its own",
        host(hops=(net.Hop(None, CALI, encap=1),)),
        {(W1, OBJECT, BROKEN)},
        ("encap mpls dev", "get a header of the route's own (encap)"),
    ),
    Row("hop limit", host(hop_limit=1), {(W1, OBJECT, WRONG)}, ("with hoplimit 1",)),
    Row("the CNI plugin's and Felix's", add("routes", host_route("10.48.0.67", CALI, metric=1024)), set()),
    Row(
        "a second one elsewhere",
        add("routes", host_route("10.48.0.67", cali(DUAL), metric=1024)),
        {(W1, OBJECT, BROKEN)},
    ),
    Row("IPv6", no_route("fd00:10:48::82/128", W2), {(W2, f"{SIX}/fd00:10:48::82/128", BROKEN)}),
    Row(
        "IPv6 scope",
        host("fd00:10:48::82/128", W2, scope=net.SCOPE_LINK),
        {(W2, f"{SIX}/fd00:10:48::82/128", WRONG)},
        ("scope link",),
    ),
    Row(
        "IPv6 without metric",
        host("fd00:10:48::82/128", W2, metric=0),
        {(W2, f"{SIX}/fd00:10:48::82/128", WRONG)},
        ("metric 0, not one of 512, 1024",),
    ),
    Row("dual stack", no_route("fd00:10:48::44/128"), {(W1, f"{DUAL}/fd00:10:48::44/128", BROKEN)}),
]

PARTIAL: list[tuple[str, dict[str, Any], str, str]] = [
    ("TOS", {"tos": 16}, BROKEN, "with TOS 0x10"),
    ("ports", {"other": ("dport", "ipproto")}, BROKEN, "of certain dport, ipproto"),
    ("a user's", {"other": ("uidrange",)}, HOUSEKEEPING, "of certain uidrange"),
    ("a mark", {"fwmark": 7, "fwmask": 255}, HOUSEKEEPING, "with mark 0x7"),
    ("both", {"tos": 8, "other": ("dscp",)}, BROKEN, "with TOS 0x8 and of certain dscp"),
]
WINS = "host_route_wins_the_lookup"
WINS_ROWS = [
    Row("a migration", migration, ENDS, ("the other's route may win",)),
    Row("routes unread", unread("routes"), all_pods(UNOBSERVED), ("the node's routes and rules could not be read",)),
    Row("rules unread", unread("rules"), all_pods(UNOBSERVED)),
    Row("no route", no_route(), {(W1, OBJECT, INAPPLICABLE)}, ("no route of the node leads to it",)),
    Row("no route by the interface", host(hops=via(None, "ens160")), {(W1, OBJECT, INAPPLICABLE)}),
    Row(
        "a rule for all",
        add(
            "rules",
            rule(100, 100),
        ),
        set(),
    ),
    Row(
        "a rule to another table",
        both(add("rules", rule(100, 100)), add("routes", route(POOL, via("10.0.0.254", "ens160"), table=100))),
        {
            (W1, f"{CUSTOMER}/{IP}", BROKEN),
            (W1, f"{DUAL}/10.48.0.68/32", BROKEN),
            (W1, f"{LEAVING}/10.48.0.72/32", BROKEN),
        },
        (
            "wins for packets made on the node",
            "packets to 10.48.0.67 leave by",
            "a policy rule that Calico did not make",
        ),
    ),
    Row(
        "a rule for what comes in",
        both(
            add("rules", rule(100, 100, iif="ens160", dst="10.48.0.67/32")),
            add("routes", route("0.0.0.0/0", via("10.0.0.254", "ens160"), table=100)),
        ),
        {(W1, OBJECT, BROKEN)},
        ("wins for packets coming in by ens160",),
    ),
    Row(
        "a rule for what pods send",
        both(
            add("rules", rule(100, 100, src=POOL, dst="10.48.0.67/32")),
            add("routes", route("0.0.0.0/0", via("10.0.0.254", "ens160"), table=100)),
        ),
        {(W1, OBJECT, BROKEN)},
    ),
    Row(
        "a rule that drops",
        add("rules", rule(100, 0, action=net.RULE_PROHIBIT, dst=IP)),
        {(W1, OBJECT, BROKEN)},
        ("prohibit 10.48.0.67",),
    ),
    *(
        Row(
            f"a rule for some packets to elsewhere: {name}",
            both(
                add("rules", rule(100, 100, dst=IP, **selector)),
                add("routes", route("0.0.0.0/0", via("10.0.0.254", "ens160"), table=100)),
            ),
            {(W1, OBJECT, severity)},
            (f"rule 100 takes packets to 10.48.0.67 {words} to default via 10.0.0.254", "ip -4 route show table 100"),
        )
        for name, selector, severity, words in PARTIAL
    ),
    Row(
        "a rule for the node's own answers",
        both(
            add("rules", rule(100, 100, src="10.0.0.11/32")),
            add("routes", route("0.0.0.0/0", via("10.0.0.254", "ens160"), table=100)),
        ),
        {
            (W1, OBJECT, BROKEN),
            *((W1, f"{key}/{address}/32", BROKEN) for key, address in ((DUAL, "10.48.0.68"), (LEAVING, "10.48.0.72"))),
        },
        ("wins for packets made on the node with source 10.0.0.11", "ip route get 10.48.0.67 from 10.0.0.11"),
    ),
    Row(
        "a rule for some packets that drops",
        add("rules", rule(100, 0, action=net.RULE_BLACKHOLE, dst=IP, tos=16)),
        {(W1, OBJECT, BROKEN)},
        ("with TOS 0x10 to blackhole 10.48.0.67", "ip -4 rule"),
    ),
    Row("a rule for some packets to no route", add("rules", rule(100, 100, dst=IP, tos=16)), set()),
    Row("a rule for some packets to main", add("rules", rule(100, net.MAIN, dst=IP, tos=16)), set()),
    Row(
        "a rule for those whom somebody marked, whatever their address",
        both(
            add("rules", rule(100, 100, fwmark=1, fwmask=1)),
            add("routes", route("0.0.0.0/0", via("10.0.0.254", "ens160"), table=100)),
        ),
        set(),
    ),
    Row(
        "no rule leads to main",
        lambda c: c.node(W1).drop("rules", lambda r: r.family == 4 and r.table == net.MAIN),
        {
            (W1, f"{CUSTOMER}/{IP}", BROKEN),
            (W1, f"{DUAL}/10.48.0.68/32", BROKEN),
            (W1, f"{LEAVING}/10.48.0.72/32", BROKEN),
        },
        ("no route wins",),
    ),
    Row(
        "a lower metric elsewhere",
        both(host(metric=1024), add("routes", host_route("10.48.0.67", cali(DUAL), metric=1))),
        {(W1, OBJECT, BROKEN)},
        (f"dev {cali(DUAL)}",),
    ),
    Row("a higher metric elsewhere", add("routes", host_route("10.48.0.67", cali(DUAL), metric=1)), set()),
    Row(
        "a lower metric by BIRD",
        both(host(metric=1024), add("routes", route(IP, via("10.0.0.12", "ens160"), metric=512))),
        {(W1, OBJECT, BROKEN)},
    ),
    Row(
        "the address is the node's own",
        add("routes", route(IP, via(None, "lo"), type=net.LOCAL_TYPE, table=net.LOCAL)),
        {(W1, OBJECT, BROKEN)},
    ),
    Row(
        "IPv6",
        both(
            lambda c: c.node(W2).add("rules", rule(100, 100, 6)),
            lambda c: c.node(W2).add("routes", route("::/0", via("fd00:10::fe", "ens160"), table=100)),
        ),
        {(W2, f"{SIX}/fd00:10:48::82/128", BROKEN)},
    ),
    Row("the uplink lost its address", lambda c: c.node(W1).drop("addresses", lambda a: a.dev == "ens160"), set()),
]

TABLES = {
    INTERFACE: INTERFACE_ROWS,
    OWN_ADDRESS: OWN_ADDRESS_ROWS,
    PAIR: PAIR_ROWS,
    SYSCTLS: SYSCTLS_ROWS,
    LEADS: LEADS_ROWS,
    WINS: WINS_ROWS,
}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


MODULES = {"test_host_peer": [INTERFACE, OWN_ADDRESS, PAIR, SYSCTLS], "test_host_route": [LEADS, WINS]}


@pytest.mark.parametrize("module", MODULES)
def test_every_message_has_its_row(module: str) -> None:
    assert untold(module, {check: TABLES[check] for check in MODULES[module]}) == []


FLUX: list[Callable[[Scene], None]] = [
    lambda c: c.api_later("pods", CUSTOMER, phase="Succeeded"),
    lambda c: c.api_later("pods", CUSTOMER, deleting=True),
    lambda c: c.api_later("pods", CUSTOMER, uid="another"),
    lambda c: c.drop_later("pods", CUSTOMER),
]


@pytest.mark.parametrize("change", FLUX)
def test_a_pod_in_flux_is_not_judged(change: Callable[[Scene], None]) -> None:
    broken = both(change, no_link(), no_route(), lambda c: c.inside(CUSTOMER).set(links=()))
    for check in TABLES:
        row = Row("", broken, set())
        assert heard(row, check)[0] == frozenset(), check


@pytest.mark.parametrize("fields", [{"phase": "Failed"}, {"host_network": True}, {"ips": ()}, {"node": ""}])
def test_a_pod_without_a_network_is_not_judged(fields: dict[str, object]) -> None:
    gone = both(lambda c: c.api("pods", DATABASE, **fields), no_link(DATABASE, W2), no_route("10.48.0.130/32", W2))
    for check in TABLES:
        assert heard(Row("", gone, set()), check)[0] == frozenset(), check

"""The checks of what is inside a pod: every message, and its absence on the healthy cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from model import net
from model.net import Address, Hop, Link
from model.node import Problem
from tests.unit.builders import CUSTOMER, DUAL, LEAVING, SIX, route, rule, space_name, via
from tests.unit.tables import BROKEN, HOUSEKEEPING, INAPPLICABLE, UNOBSERVED, WRONG, Row, heard, told, untold
from tests.unit.vary import both

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.scenes import Scene

W1, W2 = "worker1", "worker2"
IP, ROUTE = "10.48.0.67/32", "0.0.0.0/0"
GATEWAY = "169.254.1.1/32"


def without_namespace(key: str, node: str = W1) -> Callable[[Scene], None]:
    """The pod's namespace was found by nobody."""

    def vary(cluster: Scene) -> None:
        kept = tuple(space for space in cluster.facts[node].pods if space.name != space_name(key))
        cluster.seen(node, pods=kept)

    return vary


def without_eth0(key: str) -> Callable[[Scene], None]:
    return lambda c: c.inside(key).drop("links", lambda link: link.name == "eth0")


def eth0(key: str = CUSTOMER, **fields: object) -> Callable[[Scene], None]:
    return lambda c: c.inside(key).link("eth0", **fields)


def unread(fact: str, key: str = CUSTOMER) -> Callable[[Scene], None]:
    """A fact of the pod's own namespace could not be read."""

    def vary(cluster: Scene) -> None:
        cluster.seen(W1, problems=(Problem(fact, "permission denied", space_name(key)),))

    return vary


def address(key: str, text: str, **fields: object) -> Callable[[Scene], None]:
    return lambda c: c.inside(key).change("addresses", lambda item: item.address == text, **fields)


def add(key: str, kind: str, *items: object) -> Callable[[Scene], None]:
    return lambda c: c.inside(key).add(kind, *items)


def inside(key: str, dst: str, **fields: object) -> Callable[[Scene], None]:
    """Other fields of a route of the pod's main table."""
    return lambda c: c.inside(key).route(dst, **fields)


def no_route(key: str, dst: str) -> Callable[[Scene], None]:
    return lambda c: c.inside(key).no_route(dst)


def no_addresses(key: str) -> Callable[[Scene], None]:
    return lambda c: c.inside(key).drop("addresses", lambda item: item.dev == "eth0" and item.scope == net.SCOPE_GLOBAL)


def rules(key: str, family: int, priority: int, **fields: object) -> Callable[[Scene], None]:
    """Other fields of a rule."""

    def vary(cluster: Scene) -> None:
        cluster.inside(key).change("rules", lambda r: (r.family, r.priority) == (family, priority), **fields)

    return vary


def no_rule(key: str, family: int, priority: int | None = None) -> Callable[[Scene], None]:
    def vary(cluster: Scene) -> None:
        cluster.inside(key).drop("rules", lambda r: r.family == family and priority in {None, r.priority})

    return vary


def machine(cluster: Scene) -> None:
    """The customer's pod is a virtual machine's."""
    cluster.api("pods", CUSTOMER, labels={"kubevirt.io": "virt-launcher"})


def own_routes(cluster: Scene) -> None:
    """The CNI configuration of worker1 gives pods routes of its own."""
    ipam = '{"type": "host-local", "routes": [{"dst": "10.0.0.0/8"}]}'
    cluster.seen(W1, cni_config=f'{{"type": "calico", "ipam": {ipam}}}')


INTERFACE = "pod_has_eth0_and_it_is_up"
INTERFACE_ROWS = [
    Row("no namespace", without_namespace(CUSTOMER), {(W1, CUSTOMER, BROKEN)}, ("no network namespace on this node",)),
    Row("no namespace, being deleted", without_namespace(LEAVING), set()),
    Row(
        "namespaces unread",
        both(without_namespace(CUSTOMER), lambda c: c.unread(W1, "namespaces")),
        {(W1, CUSTOMER, UNOBSERVED)},
        ("the pods' network namespaces could not be read: permission denied",),
    ),
    Row("no eth0", without_eth0(CUSTOMER), {(W1, CUSTOMER, BROKEN)}, ("no eth0; the namespace holds lo", "made anew")),
    Row("nothing", lambda c: c.inside(CUSTOMER).set(links=()), {(W1, CUSTOMER, BROKEN)}, ("holds nothing",)),
    Row("no eth0, being deleted", without_eth0(LEAVING), set()),
    Row("another kind", eth0(kind="macvlan"), {(W1, CUSTOMER, BROKEN)}, ("its kind is macvlan",)),
    Row("no kind", eth0(kind=""), {(W1, CUSTOMER, BROKEN)}, ("its kind is none",)),
    Row("netkit", eth0(kind="netkit"), set()),
    Row("down", eth0(up=False), {(W1, CUSTOMER, BROKEN)}, ("it is down",)),
    Row("no carrier", eth0(carrier=False), {(W1, CUSTOMER, BROKEN)}, ("it has no carrier",)),
    Row("enslaved", eth0(master="br0"), {(W1, CUSTOMER, BROKEN)}, ("br0 has enslaved it",)),
    Row("netkit without ARP", eth0(kind="netkit", noarp=True), set()),
    Row("no ARP", eth0(noarp=True), {(W1, CUSTOMER, BROKEN)}, ("it does no ARP (NOARP)",)),
    Row(
        "lo is down",
        lambda c: c.inside(CUSTOMER).link("lo", up=False),
        {(W1, f"{CUSTOMER}/lo", WRONG)},
        ("lo up", "neither 127.0.0.1 nor its own address", "brings lo up with the", "loopback plugin did not run"),
    ),
    Row("down, being deleted", eth0(LEAVING, up=False), {(W1, LEAVING, BROKEN)}, ("it is down",)),
]

ADDRESSES = "eth0_has_exactly_the_pods_addresses"
ADDRESSES_ROWS = [
    Row(
        "a virtual machine", machine, {(W1, CUSTOMER, INAPPLICABLE)}, ("KubeVirt may have moved its address off eth0",)
    ),
    Row("no namespace", without_namespace(CUSTOMER), {(W1, CUSTOMER, INAPPLICABLE)}, ("it has no eth0",)),
    Row("no eth0", without_eth0(CUSTOMER), {(W1, CUSTOMER, INAPPLICABLE)}, ("it has no eth0",)),
    Row("unread", unread("addresses"), {(W1, CUSTOMER, UNOBSERVED)}, ("addresses could not be read: permission",)),
    Row("another pod's unread", unread("addresses", DUAL), {(W1, DUAL, UNOBSERVED)}),
    Row("none", no_addresses(CUSTOMER), {(W1, f"{CUSTOMER}/{IP}", BROKEN)}, ("no address on eth0", "scope global on")),
    Row("none, being deleted", no_addresses(LEAVING), set()),
    Row(
        "another",
        address(CUSTOMER, "10.48.0.67", address="10.48.0.66"),
        {(W1, f"{CUSTOMER}/{IP}", BROKEN), (W1, f"{CUSTOMER}/10.48.0.66/32", BROKEN)},
        ("10.48.0.66/32 scope global",),
    ),
    Row(
        "a wider mask",
        address(CUSTOMER, "10.48.0.67", prefixlen=26),
        {(W1, f"{CUSTOMER}/{IP}", BROKEN)},
        ("10.48.0.67/26",),
    ),
    Row(
        "a wider mask, being deleted",
        address(LEAVING, "10.48.0.72", prefixlen=26),
        {(W1, f"{LEAVING}/10.48.0.72/32", BROKEN)},
    ),
    Row(
        "another scope", address(CUSTOMER, "10.48.0.67", scope=253), {(W1, f"{CUSTOMER}/{IP}", BROKEN)}, ("scope link",)
    ),
    Row(
        "a scope of no name", address(CUSTOMER, "10.48.0.67", scope=9), {(W1, f"{CUSTOMER}/{IP}", BROKEN)}, ("scope 9",)
    ),
    Row(
        "a peer",
        address(CUSTOMER, "10.48.0.67", peer="10.0.0.1"),
        {(W1, f"{CUSTOMER}/{IP}", BROKEN)},
        ("peer 10.0.0.1",),
    ),
    Row("on another interface", address(CUSTOMER, "10.48.0.67", dev="net1"), {(W1, f"{CUSTOMER}/{IP}", BROKEN)}),
    Row(
        "a second one of the pool",
        add(CUSTOMER, "addresses", Address("eth0", "10.48.0.66", 32, 0)),
        {(W1, f"{CUSTOMER}/10.48.0.66/32", WRONG)},
        ("no address on eth0 beside 10.48.0.67/32",),
    ),
    Row(
        "a second one of the application",
        add(CUSTOMER, "addresses", Address("eth0", "192.168.7.7", 24, 0)),
        {(W1, f"{CUSTOMER}/192.168.7.7/24", HOUSEKEEPING)},
        ("the application added it",),
    ),
    Row(
        "a second one of the application, before its own",
        lambda c: c.inside(CUSTOMER).set(
            addresses=(Address("eth0", "172.30.0.1", 32, 0), *c.inside(CUSTOMER).now.addresses)
        ),
        {(W1, f"{CUSTOMER}/172.30.0.1/32", BROKEN)},
        ("172.30.0.1/32 scope global, before its own: it sends from that",),
    ),
    Row(
        "a second one of the application, before its own, and the default route names the pod's",
        both(
            lambda c: c.inside(CUSTOMER).set(
                addresses=(Address("eth0", "172.30.0.1", 32, 0), *c.inside(CUSTOMER).now.addresses)
            ),
            lambda c: c.inside(CUSTOMER).route("0.0.0.0/0", prefsrc="10.48.0.67"),
        ),
        {(W1, f"{CUSTOMER}/172.30.0.1/32", HOUSEKEEPING)},
    ),
    Row(
        "a second one of link scope, before its own",
        lambda c: c.inside(CUSTOMER).set(
            addresses=(Address("eth0", "172.30.0.1", 32, 253), *c.inside(CUSTOMER).now.addresses)
        ),
        {(W1, f"{CUSTOMER}/172.30.0.1/32", HOUSEKEEPING)},
    ),
    Row(
        "a node's, on lo",
        add(CUSTOMER, "addresses", Address("lo", "10.0.0.11", 32, 0)),
        {(W1, f"{CUSTOMER}/10.0.0.11/32", BROKEN)},
        ("is the address of node worker1", "on lo: what the pod sends there never leaves it", "on no interface of the"),
    ),
    Row(
        "another pod's, on a bridge",
        add(CUSTOMER, "addresses", Address("br0", "10.48.0.130", 32, 0)),
        {(W1, f"{CUSTOMER}/10.48.0.130/32", BROKEN)},
        ("is the address of pod",),
    ),
    Row(
        "a tunnel's",
        both(
            lambda c: c.api("nodes", W2, vxlan_tunnel="10.48.9.12"),
            add(CUSTOMER, "addresses", Address("lo", "10.48.9.12", 32, 0)),
        ),
        {(W1, f"{CUSTOMER}/10.48.9.12/32", BROKEN)},
        ("is the address of the tunnel of node worker2",),
    ),
    Row("one on another interface", add(CUSTOMER, "addresses", Address("net1", "192.168.7.7", 24, 0)), set()),
    Row(
        "its own twice",
        add(CUSTOMER, "addresses", Address("eth0", "10.48.0.67", 26, 0)),
        {(W1, f"{CUSTOMER}/10.48.0.67/26", WRONG)},
    ),
    Row(
        "dual stack, IPv6 gone",
        lambda c: c.inside(DUAL).drop("addresses", lambda a: a.address == "fd00:10:48::44"),
        {(W1, f"{DUAL}/fd00:10:48::44/128", BROKEN)},
    ),
    Row(
        "dual stack, IPv4 gone",
        lambda c: c.inside(DUAL).drop("addresses", lambda a: a.address == "10.48.0.68"),
        {(W1, f"{DUAL}/10.48.0.68/32", BROKEN)},
    ),
    Row("IPv6 alone, a /64", address(SIX, "fd00:10:48::82", prefixlen=64), {(W2, f"{SIX}/fd00:10:48::82/128", BROKEN)}),
    Row("a second link-local", add(CUSTOMER, "addresses", Address("eth0", "fe80::3", 64, net.SCOPE_LINK)), set()),
    Row("no link-local", lambda c: c.inside(CUSTOMER).drop("addresses", lambda a: a.address == "fe80::2"), set()),
]

MULTUS = "k8s.v1.cni.cncf.io/networks"
DEFAULT4, DEFAULT6 = f"{CUSTOMER}/default-ipv4", f"{SIX}/default-ipv6"
ROUTES = "pod_default_route_leaves_by_eth0"
ROUTES_ROWS = [
    Row("a virtual machine", machine, {(W1, CUSTOMER, INAPPLICABLE)}, ("moved its address and routes off eth0",)),
    Row("routes of its own", own_routes, {(W1, W1, INAPPLICABLE)}, ("gives pods routes of its own (ipam.routes)",)),
    Row("no eth0", without_eth0(CUSTOMER), {(W1, CUSTOMER, INAPPLICABLE)}),
    Row("no namespace", without_namespace(CUSTOMER), {(W1, CUSTOMER, INAPPLICABLE)}),
    Row("unread", unread("routes"), {(W1, CUSTOMER, UNOBSERVED)}, ("routes could not be read",)),
    Row(
        "Multus moved it",
        lambda c: c.api("pods", CUSTOMER, annotations={MULTUS: '[{"name":"a","default-route":["10.9.0.1"]}]'}),
        {(W1, CUSTOMER, INAPPLICABLE)},
        ("puts the default route on another interface",),
    ),
    Row("Multus added a network", lambda c: c.api("pods", CUSTOMER, annotations={MULTUS: '[{"name":"a"}]'}), set()),
    Row(
        "no default",
        no_route(CUSTOMER, ROUTE),
        {(W1, DEFAULT4, BROKEN)},
        ("no default route", "taken down and up inside"),
    ),
    Row("no default, being deleted", no_route(LEAVING, ROUTE), set()),
    Row(
        "another gateway",
        inside(CUSTOMER, ROUTE, hops=via("10.48.0.65", "eth0")),
        {(W1, DEFAULT4, BROKEN)},
        ("via 10.48.0.65",),
    ),
    Row(
        "another gateway, being deleted",
        inside(LEAVING, ROUTE, hops=via("10.48.0.65", "eth0")),
        {(W1, f"{LEAVING}/default-ipv4", BROKEN)},
    ),
    Row("another interface", inside(CUSTOMER, ROUTE, hops=via("169.254.1.1", "net1")), {(W1, DEFAULT4, BROKEN)}),
    Row("no gateway", inside(CUSTOMER, ROUTE, hops=via(None, "eth0")), {(W1, DEFAULT4, BROKEN)}),
    Row(
        "two hops",
        inside(CUSTOMER, ROUTE, hops=(Hop("169.254.1.1", "eth0"), Hop("10.0.0.1", "net1"))),
        {(W1, DEFAULT4, BROKEN)},
    ),
    Row(
        "blackhole",
        inside(CUSTOMER, ROUTE, type=net.BLACKHOLE, hops=()),
        {(W1, DEFAULT4, BROKEN)},
        ("blackhole default",),
    ),
    Row("tos", inside(CUSTOMER, ROUTE, tos=16), {(W1, DEFAULT4, BROKEN)}),
    Row("dead", inside(CUSTOMER, ROUTE, hops=via("169.254.1.1", "eth0", net.HOP_DEAD)), {(W1, DEFAULT4, BROKEN)}),
    Row("mtu", inside(CUSTOMER, ROUTE, mtu=600), {(W1, DEFAULT4, BROKEN)}),
    Row(
        "a header of its own",
        inside(CUSTOMER, ROUTE, hops=(net.Hop("169.254.1.1", "eth0", encap=5),)),
        {(W1, DEFAULT4, BROKEN)},
        ("default encap seg6 via 169.254.1.1",),
    ),
    Row("hop limit", inside(CUSTOMER, ROUTE, hop_limit=1), {(W1, DEFAULT4, BROKEN)}, ("hoplimit 1",)),
    Row("hop limit that is enough", inside(CUSTOMER, ROUTE, hop_limit=64), set()),
    Row("its own source", inside(CUSTOMER, ROUTE, prefsrc="10.48.0.67"), set()),
    Row("another source", inside(CUSTOMER, ROUTE, prefsrc="10.48.0.66"), {(W1, DEFAULT4, BROKEN)}),
    Row("a better one", add(CUSTOMER, "routes", route(ROUTE, via("10.9.0.1", "net1"), metric=0)), set()),
    Row(
        "a worse one, and a better one elsewhere",
        both(inside(CUSTOMER, ROUTE, metric=50), add(CUSTOMER, "routes", route(ROUTE, via("10.9.0.1", "net1")))),
        {(W1, DEFAULT4, BROKEN)},
        ("default via 10.9.0.1 dev net1",),
    ),
    Row("in another table", inside(CUSTOMER, ROUTE, table=100), {(W1, DEFAULT4, BROKEN)}),
    Row("any metric and protocol", inside(CUSTOMER, ROUTE, metric=100, protocol=net.PROTO_STATIC), set()),
    Row(
        "no gateway route",
        no_route(CUSTOMER, GATEWAY),
        {(W1, f"{CUSTOMER}/169.254.1.1", WRONG)},
        ("no route to it", "no new route via"),
    ),
    Row("no gateway route, being deleted", no_route(LEAVING, GATEWAY), set()),
    Row(
        "gateway by another interface",
        inside(CUSTOMER, GATEWAY, hops=via(None, "net1")),
        {(W1, f"{CUSTOMER}/169.254.1.1", BROKEN)},
    ),
    Row(
        "gateway by a gateway",
        inside(CUSTOMER, GATEWAY, hops=via("10.48.0.65", "eth0")),
        {(W1, f"{CUSTOMER}/169.254.1.1", BROKEN)},
    ),
    Row("gateway not on link", inside(CUSTOMER, GATEWAY, scope=0), {(W1, f"{CUSTOMER}/169.254.1.1", BROKEN)}),
    Row(
        "gateway dropped",
        inside(CUSTOMER, GATEWAY, type=net.PROHIBIT, hops=()),
        {(W1, f"{CUSTOMER}/169.254.1.1", BROKEN)},
        ("prohibit",),
    ),
    Row("IPv6 none", no_route(SIX, "::/0"), {(W2, DEFAULT6, BROKEN)}, ("fe80::ecee:eeff:feee:eeee dev eth0",)),
    Row(
        "IPv6 stale gateway",
        inside(SIX, "::/0", hops=via("fe80::1", "eth0")),
        {(W2, DEFAULT6, BROKEN)},
        ("via fe80::1",),
    ),
    Row(
        "IPv6, the host interface lost its address",
        lambda c: c.node(W2).drop("addresses", lambda a: a.address == "fe80::ecee:eeff:feee:eeee"),
        {(W2, DEFAULT6, BROKEN)},
        ("the link-local address of cali",),
    ),
    Row(
        "IPv6, the host interface has another address",
        both(
            lambda c: c.node(W2).change(
                "addresses", lambda a: a.scope == 253 and a.dev != "ens160", address="fe80::77"
            ),
            inside(SIX, "::/0", hops=via("fe80::77", "eth0")),
        ),
        set(),
    ),
    Row("dual stack, IPv6 none", no_route(DUAL, "::/0"), {(W1, f"{DUAL}/default-ipv6", BROKEN)}),
    Row("dual stack, IPv4 none", no_route(DUAL, ROUTE), {(W1, f"{DUAL}/default-ipv4", BROKEN)}),
]


def house(family: int, priority: int, key: str = CUSTOMER) -> str:
    return f"{key}/ipv{family}-rule-{priority}"


def local(dst: str, dev: str = "eth0", **fields: object) -> net.Route:
    shape = {"type": net.LOCAL_TYPE, "table": net.LOCAL, "protocol": net.PROTO_KERNEL, "scope": net.SCOPE_HOST}
    return route(dst, via(None, dev), **{**shape, **fields})


DIVERSIONS = "nothing_else_diverts_the_pods_traffic"
DIVERSIONS_ROWS = [
    Row("a virtual machine", machine, {(W1, CUSTOMER, INAPPLICABLE)}, ("its routes are KubeVirt's",)),
    Row("routes of its own", own_routes, {(W1, key, INAPPLICABLE) for key in (CUSTOMER, DUAL, LEAVING)}),
    Row("no eth0", without_eth0(CUSTOMER), {(W1, CUSTOMER, INAPPLICABLE)}),
    Row("no namespace", without_namespace(CUSTOMER), {(W1, CUSTOMER, INAPPLICABLE)}),
    Row("routes unread", unread("routes"), {(W1, CUSTOMER, UNOBSERVED)}, ("routes and rules could not be read",)),
    Row("rules unread", unread("rules"), {(W1, CUSTOMER, UNOBSERVED)}),
    Row(
        "a route by eth0",
        add(CUSTOMER, "routes", route("8.8.8.0/24", via("169.254.1.2", "eth0"))),
        {(W1, f"{CUSTOMER}/8.8.8.0/24", WRONG)},
        ("no route by eth0 but the default",),
    ),
    Row(
        "a neighbour on link",
        add(CUSTOMER, "routes", route("10.48.0.64/26", via(None, "eth0"), protocol=2)),
        {(W1, f"{CUSTOMER}/10.48.0.64/26", WRONG)},
    ),
    Row(
        "a blackhole",
        add(CUSTOMER, "routes", route("8.8.8.0/24")),
        {(W1, f"{CUSTOMER}/8.8.8.0/24", HOUSEKEEPING)},
        ("blackhole 8.8.8.0/24",),
    ),
    Row(
        "a node's blackhole",
        add(CUSTOMER, "routes", route("10.0.0.12/32")),
        {(W1, f"{CUSTOMER}/10.0.0.12/32", WRONG)},
    ),
    Row(
        "the blackhole of a part of the pool where no block is",
        add(CUSTOMER, "routes", route("10.48.4.0/26")),
        {(W1, f"{CUSTOMER}/10.48.4.0/26", WRONG)},
    ),
    Row("another network", add(CUSTOMER, "routes", route("192.168.7.0/24", via(None, "net1"), protocol=2)), set()),
    Row(
        "the network of the application's own address",
        both(
            add(DUAL, "addresses", Address("eth0", "fd99::1", 128, 0)),
            add(DUAL, "routes", route("fd99::1/128", via(None, "eth0"), protocol=2, metric=256)),
        ),
        set(),
    ),
    Row(
        "the network of an address of the pool",
        both(
            address(CUSTOMER, "10.48.0.67", prefixlen=26),
            add(CUSTOMER, "routes", route("10.48.0.64/26", via(None, "eth0"), protocol=2)),
        ),
        {(W1, f"{CUSTOMER}/10.48.0.64/26", WRONG)},
    ),
    Row(
        "the pool by another interface",
        add(CUSTOMER, "routes", route("10.48.0.0/16", via(None, "tun0"))),
        {(W1, f"{CUSTOMER}/10.48.0.0/16", HOUSEKEEPING)},
        ("a VPN or a sidecar", "pool addresses reached by eth0"),
    ),
    Row(
        "a part of the pool by another interface",
        add(CUSTOMER, "routes", route("10.48.4.0/26", via(None, "tun0"))),
        {(W1, f"{CUSTOMER}/10.48.4.0/26", HOUSEKEEPING)},
    ),
    Row(
        "a block by another interface",
        add(CUSTOMER, "routes", route("10.48.0.128/26", via(None, "tun0"))),
        {(W1, f"{CUSTOMER}/10.48.0.128/26", WRONG)},
    ),
    Row(
        "a block by an interface without carrier",
        both(
            add(CUSTOMER, "links", Link(9, "b9", "bridge", True, False, "02:00:00:00:00:09", 1500)),
            add(CUSTOMER, "routes", route("10.48.0.128/26", via(None, "b9"))),
        ),
        {(W1, f"{CUSTOMER}/10.48.0.128/26", BROKEN)},
    ),
    Row(
        "a pod by another interface",
        add(CUSTOMER, "routes", route("10.48.0.130/32", via(None, "tun0"))),
        {(W1, f"{CUSTOMER}/10.48.0.130/32", WRONG)},
    ),
    Row(
        "a block by another interface, in a sidecar's table",
        add(CUSTOMER, "routes", route("10.48.0.128/26", via(None, "tun0"), table=100)),
        {(W1, f"{CUSTOMER}/10.48.0.128/26", HOUSEKEEPING)},
    ),
    Row(
        "a block's blackhole",
        add(CUSTOMER, "routes", route("10.48.0.128/26")),
        {(W1, f"{CUSTOMER}/10.48.0.128/26", BROKEN)},
    ),
    Row(
        "all pods' blackhole",
        add(CUSTOMER, "routes", route("10.0.0.0/8", type=net.PROHIBIT)),
        {(W1, f"{CUSTOMER}/10.0.0.0/8", BROKEN)},
    ),
    Row(
        "more than the pool by another interface",
        add(CUSTOMER, "routes", route("10.0.0.0/8", via(None, "tun0"))),
        {(W1, f"{CUSTOMER}/10.0.0.0/8", HOUSEKEEPING)},
    ),
    Row(
        "all by a VPN's dead interface, but for the cluster",
        both(
            add(CUSTOMER, "links", Link(9, "tun0", "tun", True, False, "", 1500)),
            add(
                CUSTOMER,
                "routes",
                route("0.0.0.0/1", via(None, "tun0")),
                route("10.48.0.0/16", via("169.254.1.1", "eth0")),
            ),
        ),
        {(W1, f"{CUSTOMER}/0.0.0.0/1", HOUSEKEEPING)},
    ),
    Row(
        "all by a VPN's dead interface",
        both(
            add(CUSTOMER, "links", Link(9, "tun0", "tun", True, False, "", 1500)),
            add(CUSTOMER, "routes", route("0.0.0.0/1", via(None, "tun0"))),
        ),
        {(W1, f"{CUSTOMER}/0.0.0.0/1", BROKEN)},
    ),
    Row(
        "a default in another table",
        add(CUSTOMER, "routes", route(ROUTE, via("1.1.1.1", "eth0"), table=100)),
        {(W1, f"{CUSTOMER}/0.0.0.0/0", WRONG)},
    ),
    Row(
        "another pod's address as its own",
        add(CUSTOMER, "routes", local("10.48.0.130/32")),
        {(W1, f"{CUSTOMER}/10.48.0.130/32", WRONG)},
    ),
    Row(
        "a whole prefix as its own",
        add(CUSTOMER, "routes", local("10.48.0.64/26")),
        {(W1, f"{CUSTOMER}/10.48.0.64/26", WRONG)},
    ),
    Row("the loopback prefix", add(CUSTOMER, "routes", local("127.0.0.0/8", "lo")), set()),
    Row(
        "its own by the wrong interface",
        add(CUSTOMER, "routes", local("10.48.0.67/32", "lo")),
        {(W1, f"{CUSTOMER}/10.48.0.67/32", HOUSEKEEPING)},
    ),
    Row(
        "a local route by hand",
        add(CUSTOMER, "routes", local("10.48.0.67/32", protocol=4)),
        {(W1, f"{CUSTOMER}/10.48.0.67/32", WRONG)},
    ),
    Row(
        "deaf",
        lambda c: c.inside(CUSTOMER).drop("routes", lambda r: r.dst == IP),
        {(W1, f"{CUSTOMER}/local-10.48.0.67", BROKEN)},
        ("the pod does not take packets to itself", "local 10.48.0.67 dev eth0 table local"),
    ),
    Row(
        "deaf because it has no address",
        both(no_addresses(CUSTOMER), lambda c: c.inside(CUSTOMER).drop("routes", lambda r: r.dst == IP)),
        set(),
    ),
    Row(
        "one more rule",
        add(CUSTOMER, "rules", rule(100, 100)),
        {(W1, house(4, 100), HOUSEKEEPING)},
        ("rule 100 to table 100", "Istio"),
    ),
    Row("one more rule of IPv6", add(CUSTOMER, "rules", rule(100, 100, 6)), set()),
    Row(
        "one more rule of IPv6, dual stack",
        add(DUAL, "rules", rule(100, 100, 6)),
        {(W1, house(6, 100, DUAL), HOUSEKEEPING)},
    ),
    Row("main is gone", no_rule(CUSTOMER, 4, 32766), {(W1, house(4, 32766), BROKEN)}, ("no rule 32766 to table main",)),
    Row("local is gone", no_rule(CUSTOMER, 4, 0), {(W1, house(4, 0), BROKEN)}),
    Row("a kernel without policy rules", no_rule(CUSTOMER, 4), set()),
    Row(
        "main without its default",
        rules(CUSTOMER, 4, 32766, suppress_prefixlength=0),
        {(W1, house(4, 32766), WRONG), (W1, house(4, 32766), BROKEN)},
    ),
    Row(
        "main for some",
        rules(SIX, 6, 32766, tos=8),
        {(W2, house(6, 32766, SIX), WRONG), (W2, house(6, 32766, SIX), BROKEN)},
    ),
]

TABLES = {
    INTERFACE: INTERFACE_ROWS,
    ADDRESSES: ADDRESSES_ROWS,
    ROUTES: ROUTES_ROWS,
    DIVERSIONS: DIVERSIONS_ROWS,
}
CASES = [(check, row) for check, rows in TABLES.items() for row in rows]


@pytest.mark.parametrize(("check", "row"), CASES, ids=[f"{check}: {row.name}" for check, row in CASES])
def test_the_check_says_this_and_no_more(check: str, row: Row) -> None:
    assert heard(row, check) == told(row)


MODULES = {
    "test_pod_interface": [INTERFACE],
    "test_pod_addresses": [ADDRESSES],
    "test_pod_routes": [ROUTES],
    "test_pod_diversions": [DIVERSIONS],
}


@pytest.mark.parametrize("module", MODULES)
def test_every_message_has_its_row(module: str) -> None:
    assert untold(module, {check: TABLES[check] for check in MODULES[module]}) == []


def test_a_look_names_the_pods_namespace_or_how_to_find_it() -> None:
    row = Row("", eth0(up=False), {(W1, CUSTOMER, BROKEN)}, (f"nsenter --net=/run/netns/{space_name(CUSTOMER)} ip -d",))
    assert heard(row, INTERFACE) == told(row)
    row = Row("", without_namespace(CUSTOMER), {(W1, CUSTOMER, BROKEN)}, ("on worker1: lsns -t net",))
    assert heard(row, INTERFACE) == told(row)

    def by_path(cluster: Scene) -> None:
        spaces = cluster.facts[W1].pods
        cluster.seen(W1, pods=tuple(structs.replace(space, name=f"/proc/7/ns/{space.nsid}") for space in spaces))
        path = next(space for space in cluster.facts[W1].pods if f"uid-{CUSTOMER}" in space.uids)
        down = structs.replace(path, links=(path.links[0], structs.replace(path.links[1], up=False)))
        cluster.seen(W1, pods=tuple(down if space is path else space for space in cluster.facts[W1].pods))

    row = Row("", by_path, {(W1, CUSTOMER, BROKEN)}, ("nsenter --net=/proc/7/ns/1 ip -d link show eth0",))
    assert heard(row, INTERFACE) == told(row)


def test_a_second_interface_is_nobodys_business() -> None:
    link = Link(3, "net1", "macvlan", True, True, "02:00:00:00:00:01", 1500)
    for check in TABLES:
        row = Row("", add(CUSTOMER, "links", link), set())
        assert heard(row, check) == told(row)

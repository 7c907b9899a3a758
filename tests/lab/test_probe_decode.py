"""The probe's own decoding against pyroute2 and `ip -N -d -j`, on one namespace that holds one of everything."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from pyroute2 import NetNS

from model.net import Address, Hop, Namespace, Neighbour, Route, Vxlan
from tests.lab.probe_by_ip import family_of, ip_link, ip_route, ip_rule
from tests.lab.probe_by_pyroute2 import netlink_address, netlink_link, netlink_neighbour, netlink_route, netlink_rule
from tests.lab.probe_spaces import inside, ip, ip_json, observe, run, spaces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.root

HOSTILE = ("a.b", "$(id)", "it's", 'q"x"', "ünï", "`x`;&|", "None")
LINES = (
    "link add ens160 type veth peer name fabric",
    "link add eth1 type veth peer name fabric1",
    "link add far type veth peer name eth0 netns {pod}",
    "link add br0 type bridge",
    "link add vxlan.calico type vxlan id 4096 dstport 4789 local 10.0.0.11 dev ens160 nolearning",
    "link add vxext type vxlan external dstport 4790",
    "link add vx6 type vxlan id 77 dstport 8472 local fd00::11 dev ens160",
    "link set fabric1 master br0",
    "link set ens160 mtu 1400 up",
    "link set fabric up",
    "link set eth1 up",
    "link set br0 arp off up",
    "link set vx6 arp off",
    "link set vxlan.calico up",
    "link set far address ee:ee:ee:ee:ee:ee up",
    "addr add 10.0.0.11/24 brd + dev ens160",
    "addr add 10.9.0.1 peer 10.9.0.2/32 dev ens160 scope link",
    "addr add 10.0.0.12/24 dev ens160 label ens160:1",
    "addr add fd00::11/64 dev ens160 nodad",
    "addr add fd00:9::1 peer fd00:9::2/128 dev ens160 nodad",
    "addr add 10.51.0.1/32 dev vxlan.calico",
    "route add 10.48.0.64/26 via 10.0.0.254 proto 12",
    "route add 10.48.0.65 dev far scope link",
    "route add 10.48.0.65 dev far scope link metric 1024 proto 80",
    "route add blackhole 10.48.0.128/26 proto 12 metric 1024",
    "route add unreachable 10.48.1.0/26",
    "route add prohibit 10.48.2.0/26 metric 7",
    "route add throw 10.48.3.0/26 table 99",
    "route add blackhole default table 100000",
    "route add default via 10.0.0.254 dev ens160 proto 16 src 10.0.0.11 metric 100 mtu 1300",
    "route add 10.50.0.0/16 nexthop via 10.0.0.253 weight 3 nexthop via 10.0.0.252 dev ens160 onlink",
    "route add 10.51.0.64/26 via 10.51.0.64 dev vxlan.calico onlink proto 80",
    "route add 10.52.0.0/16 via inet6 fd00::99 dev ens160",
    "route add 10.53.0.0/16 via 10.0.0.250 tos 0x10 table 77",
    "route add 10.54.0.0/16 nexthop via inet6 fd00::98 dev ens160 nexthop via 10.0.0.251 weight 2",
    "route add 10.55.0.0/16 via 10.0.0.249 advmss 1200 mtu lock 1250 initcwnd 9",
    "route add local 10.56.0.0/16 dev lo",
    "route add 10.57.0.0/16 via 10.0.0.254 dev ens160 hoplimit 7",
    "route add fd00:58::/64 encap seg6 mode encap segs fd00::77 via fd00::2 dev ens160",
    "route add blackhole fd00:48::/64 proto 12",
    "route add unreachable fd00:49::/64 metric 5",
    "route add fd00:50::/64 via fd00::2 dev ens160 metric 50 mtu 1290",
    "route add ::/0 nexthop via fd00::fe dev ens160 weight 2 nexthop via fd00::fd dev ens160",
    "route add fd00:51::/64 from fd00:52::/64 via fd00::2 dev ens160 table 200",
    "route add fd00:53::1 dev far proto 80 metric 1024 src fd00::11",
    "rule add from 10.0.0.0/8 to 10.3.0.0/16 table 100 pref 100",
    "rule add not from 10.1.0.0/16 table 100000 pref 101",
    "rule add iif far oif ens160 table 77 pref 102",
    "rule add fwmark 0x10/0xff table 77 pref 103",
    "rule add fwmark 0x20 table 77 pref 104",
    "rule add tos 0x10 table 77 pref 105",
    "rule add uidrange 100-200 table 77 pref 106",
    "rule add uidrange 0-5 table 77 pref 117",
    "rule add ipproto tcp sport 100 dport 100-200 table 77 pref 107",
    "rule add tun_id 7 table 77 pref 108",
    "rule add suppress_prefixlength 0 table main pref 109",
    "rule add suppress_ifgroup 5 table main pref 110",
    "rule add goto 32766 pref 111",
    "rule add blackhole from 10.66.0.0/16 pref 112",
    "rule add prohibit from 10.67.0.0/16 pref 113",
    "rule add unreachable from 10.68.0.0/16 pref 114",
    "rule add nop pref 115",
    "rule add goto 40000 pref 116",
    "neigh add 10.0.0.254 lladdr 02:00:00:00:00:fe dev ens160 nud permanent",
    "neigh add 10.51.0.64 lladdr 66:00:00:00:00:01 dev vxlan.calico nud permanent",
    "neigh add fd00::fe lladdr 02:00:00:00:00:fe dev ens160 nud noarp",
)
RULES6 = ("from fd00:52::/64 fwmark 1/1 table 200 pref 100", "to fd00:53::/64 iif far ipproto udp table 200 pref 101")
POD_LINES = (
    "link set eth0 up",
    "addr add 10.48.0.65/32 dev eth0",
    "route add 169.254.1.1 dev eth0 scope link",
    "route add default via 169.254.1.1 dev eth0",
    "neigh add 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee dev eth0 nud permanent",
)


def furnish(node: str, pod: str) -> None:
    """Make one of everything in two namespaces; of the bridges' forwarding entries none."""
    ip(node, *(line.format(pod=pod) for line in LINES))
    for name in HOSTILE:
        run("ip", "-n", node, "link", "add", "name", name, "type", "ifb")
    for rule in RULES6:
        run("ip", "-n", node, "-6", "rule", "add", *rule.split())
    ip(pod, *POD_LINES)


@pytest.fixture(scope="module")
def built() -> Iterator[tuple[str, str]]:
    with spaces("node", "pod") as (node, pod):
        furnish(node, pod)
        for mac, remote in (("66:00:00:00:00:01", "10.0.0.12"), ("00:00:00:00:00:00", "10.0.0.13")):
            inside(node, "bridge", "fdb", "append", mac, "dev", "vxlan.calico", "dst", remote, "self", "permanent")
        inside(
            node, "bridge", "fdb", "append", "66:00:00:00:00:02", "dev", "vx6", "dst", "fd00::12", "self", "permanent"
        )
        inside(node, "bridge", "fdb", "add", "02:00:00:00:00:77", "dev", "fabric1", "master", "static")
        yield node, pod


@pytest.fixture(scope="module")
def seen(built: tuple[str, str]) -> dict[str, Namespace]:
    """The namespaces as the probe sees them, read while nothing changed: two looks agree."""
    node, pod = built
    last = observe(node)
    for _ in range(20):  # carrier and IPv6 addresses follow a link that comes up within moments
        facts = observe(node)
        if (facts.host, facts.pods) == (last.host, last.pods):
            break
        last = facts
    assert facts.problems == ()
    assert [found.name for found in facts.pods] == [pod]
    return {node: facts.host, pod: facts.pods[0]}


@pytest.fixture(params=[0, 1], ids=["node", "pod"])
def pair(request: pytest.FixtureRequest, built: tuple[str, str], seen: dict[str, Namespace]) -> tuple[str, Namespace]:
    name = built[request.param]
    return name, seen[name]


def neighbours_between(name: str, reference: Callable[[], list[Neighbour]]) -> tuple[list[Neighbour], list[Neighbour]]:
    """The probe's neighbours, and the reference's, the same before and after: multicast entries come and go."""
    before = reference()
    for _ in range(20):
        facts = observe(name)
        after = reference()
        if sorted(before, key=repr) == sorted(after, key=repr):
            break
        before = after
    return list(facts.host.neighbours), after


def same(one: Any, other: Any) -> None:
    assert sorted(one, key=repr) == sorted(other, key=repr)


class TestAgainstIp:
    def test_links(self, pair: tuple[str, Namespace]) -> None:
        name, found = pair
        wanted = ip_json(name, "link")
        index = {entry["ifname"]: entry["ifindex"] for entry in wanted}
        same(found.links, [ip_link(entry, index) for entry in wanted])

    def test_addresses(self, pair: tuple[str, Namespace]) -> None:
        name, found = pair
        wanted = [
            Address(
                entry["ifname"],
                address["local"],
                address["prefixlen"],
                int(address["scope"]),
                address.get("address"),
                address.get("broadcast"),
            )
            for entry in ip_json(name, "addr")
            for address in entry["addr_info"]
        ]
        same(found.addresses, wanted)

    def test_routes(self, pair: tuple[str, Namespace]) -> None:
        name, found = pair
        wanted = [ip_route(entry, 4) for entry in ip_json(name, "-4", "route", "show", "table", "all")]
        wanted += [ip_route(entry, 6) for entry in ip_json(name, "-6", "route", "show", "table", "all")]
        same(found.routes, wanted)

    def test_rules(self, pair: tuple[str, Namespace]) -> None:
        name, found = pair
        wanted = [ip_rule(entry, 4) for entry in ip_json(name, "-4", "rule")]
        wanted += [ip_rule(entry, 6) for entry in ip_json(name, "-6", "rule")]
        same(found.rules, wanted)

    def test_neighbours(self, pair: tuple[str, Namespace]) -> None:
        name, _ = pair
        names = {"PERMANENT": 0x80, "NOARP": 0x40, "REACHABLE": 2, "STALE": 4, "FAILED": 0x20, "INCOMPLETE": 1}

        def reference() -> list[Neighbour]:
            return [
                Neighbour(family_of(entry), entry["dev"], entry["dst"], entry.get("lladdr"), names[entry["state"][0]])
                for entry in ip_json(name, "neigh", "show", "nud", "all")
            ]

        found, wanted = neighbours_between(name, reference)
        same([entry for entry in found if entry.family != 7], wanted)


def test_forwarding_database_equals_bridge(built: tuple[str, str], seen: dict[str, Namespace]) -> None:
    """bridge(8) shows one word for a state: permanent before static."""
    node, _ = built
    wanted = [
        (entry["ifname"], entry["mac"], entry.get("state", ""), entry.get("dst"))
        for entry in json.loads(inside(node, "bridge", "-j", "fdb", "show"))
    ]
    entries = [entry for entry in seen[node].neighbours if entry.family == 7]
    words = {0x80: "permanent", 0xC0: "permanent", 0x40: "static", 0x02: ""}
    assert {entry.dst for entry in entries} >= {"10.0.0.12", "10.0.0.13", "fd00::12"}
    same([(entry.dev, entry.mac, words[entry.state], entry.dst) for entry in entries], wanted)


class TestAgainstPyroute2:
    def test_links(self, pair: tuple[str, Namespace]) -> None:
        name, found = pair
        with NetNS(name, flags=0) as netns:
            wanted = list(netns.get_links())
        names = {entry["index"]: entry.get_attr("IFLA_IFNAME") for entry in wanted}
        same(found.links, [netlink_link(entry, names) for entry in wanted])

    def test_addresses(self, pair: tuple[str, Namespace]) -> None:
        name, found = pair
        with NetNS(name, flags=0) as netns:
            names = {entry["index"]: entry.get_attr("IFLA_IFNAME") for entry in netns.get_links()}
            wanted = [netlink_address(entry, names) for entry in netns.get_addr()]
        same(found.addresses, wanted)

    def test_routes(self, pair: tuple[str, Namespace]) -> None:
        name, found = pair
        with NetNS(name, flags=0) as netns:
            names = {entry["index"]: entry.get_attr("IFLA_IFNAME") for entry in netns.get_links()}
            wanted = [netlink_route(entry, names) for entry in netns.get_routes()]
        same(found.routes, wanted)

    def test_rules(self, pair: tuple[str, Namespace]) -> None:
        name, found = pair
        with NetNS(name, flags=0) as netns:
            wanted = [netlink_rule(entry) for family in (2, 10) for entry in netns.get_rules(family=family)]
        same(found.rules, wanted)

    def test_neighbours_and_forwarding_entries(self, pair: tuple[str, Namespace]) -> None:
        name, _ = pair

        def reference() -> list[Neighbour]:
            with NetNS(name, flags=0) as netns:
                names = {entry["index"]: entry.get_attr("IFLA_IFNAME") for entry in netns.get_links()}
                families = (socket.AF_INET, socket.AF_INET6, socket.AF_BRIDGE)
                return [
                    netlink_neighbour(entry, names)
                    for family in families
                    for entry in netns.get_neighbours(family=family)
                ]

        same(*neighbours_between(name, reference))


def test_what_was_built_was_seen(built: tuple[str, str], seen: dict[str, Namespace]) -> None:
    """The comparisons compare something: one of each kind is there, spelt out."""
    node = seen[built[0]]
    routes = {(route.dst, route.metric): route for route in node.routes}
    assert routes["10.48.0.128/26", 1024] == Route("10.48.0.128/26", 6, 254, 12, 0, 1024, ())
    assert routes["10.50.0.0/16", 0].hops == (Hop("10.0.0.253", "ens160", 0, 3), Hop("10.0.0.252", "ens160", 4, 1))
    assert routes["10.52.0.0/16", 0].hops == (Hop("fd00::99", "ens160"),)
    assert routes["10.53.0.0/16", 0].tos == 16
    assert (routes["0.0.0.0/0", 100].mtu, routes["0.0.0.0/0", 100].prefsrc) == (1300, "10.0.0.11")
    assert routes["fd00:51::/64", 1024].src == "fd00:52::/64"
    assert {route.type for route in node.routes} >= set(range(1, 10)) - {4}
    assert routes["10.57.0.0/16", 0].hop_limit == 7
    assert routes["fd00:58::/64", 1024].hops == (Hop("fd00::2", "ens160", encap=5),)
    assert {rule.uids for rule in node.rules} == {None, (100, 200), (0, 5)}
    assert {rule.other for rule in node.rules} >= {
        ("uidrange",),
        ("dport", "ipproto", "sport"),
        ("tun_id",),
        ("suppress_ifgroup",),
    }
    assert {rule.action for rule in node.rules} == {1, 2, 3, 6, 7, 8}
    assert node.link("vxlan.calico") is not None
    assert {link.name for link in node.links} >= set(HOSTILE)
    assert node.link("vxlan.calico").vxlan == Vxlan(4096, 4789, "10.0.0.11", "ens160", False)  # type: ignore[union-attr]

"""What `ip -j`, `bridge` and `ip link` print (iproute2 6.1) → the kernel's numbers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fixtures.dumps import links, names, neighbours, routes
from fixtures.dumps.wire import WireLink, WireNeighbour, WireRoute
from model.net import Address, Hop, Link, Neighbour, Route, Rule, Vxlan

Json = dict[str, Any]

ROUTES: dict[str, tuple[Json, Route]] = {
    "pod": (
        {"dst": "10.48.0.67", "dev": "cali1", "protocol": "boot", "scope": "link", "metric": 1024, "flags": []},
        Route("10.48.0.67/32", 1, 254, 3, 253, 1024, (Hop(None, "cali1"),)),
    ),
    "without -d a boot route has no protocol": (
        {"dst": "10.48.0.67", "dev": "cali1", "scope": "link"},
        Route("10.48.0.67/32", 1, 254, 3, 253, 0, (Hop(None, "cali1"),)),
    ),
    "default": (
        {"dst": "default", "gateway": "10.0.0.254", "dev": "ens160", "protocol": "dhcp", "prefsrc": "10.0.0.11"},
        Route("0.0.0.0/0", 1, 254, 16, 0, 0, (Hop("10.0.0.254", "ens160"),), prefsrc="10.0.0.11"),
    ),
    "default of IPv6": (
        {"dst": "default", "gateway": "fe80::1", "dev": "eth0", "metric": 1024, "pref": "medium"},
        Route("::/0", 1, 254, 3, 0, 1024, (Hop("fe80::1", "eth0"),)),
    ),
    "VXLAN": (
        {
            "type": "unicast", "dst": "10.51.0.224/28", "gateway": "10.51.0.224", "dev": "vxlan.calico",
            "table": "main", "protocol": "80", "flags": ["onlink", "offload"], "metrics": [{"mtu": 1450}],
        },
        Route("10.51.0.224/28", 1, 254, 80, 0, 0, (Hop("10.51.0.224", "vxlan.calico", 4),), mtu=1450),
    ),
    "blackhole": (
        {"type": "blackhole", "dst": "10.48.0.64/26", "protocol": "bird"},
        Route("10.48.0.64/26", 6, 254, 12, 0, 0, ()),
    ),
    "blackhole of IPv6": (
        {"type": "blackhole", "dst": "fd13::/64", "dev": "lo", "metric": 1024, "pref": "medium"},
        Route("fd13::/64", 6, 254, 3, 0, 1024, ()),
    ),
    "throw": ({"type": "throw", "dst": "10.6.0.0/24", "table": "77"}, Route("10.6.0.0/24", 9, 77, 3, 0, 0, ())),
    "everything at once": (
        {
            "dst": "10.3.0.0/24", "tos": "0x10", "gateway": "10.9.0.2", "dev": "d0", "table": "77", "protocol": "openr",
            "metric": 5, "flags": ["dead", "linkdown"],
        },
        Route("10.3.0.0/24", 1, 77, 99, 0, 5, (Hop("10.9.0.2", "d0", 17),), tos=16),
    ),
    "a header of its own, and a hop limit": (
        {
            "dst": "fd58::/64", "encap": "seg6", "dev": "d0", "metric": 1024, "metrics": [{"hoplimit": 7}],
            "pref": "medium",
        },
        Route("fd58::/64", 1, 254, 3, 0, 1024, (Hop(None, "d0", encap=5),), hop_limit=7),
    ),
    "a header that nobody knows": (
        {"dst": "10.58.0.0/16", "encap": "of tomorrow", "dev": "d0"},
        Route("10.58.0.0/16", 1, 254, 3, 0, 0, (Hop(None, "d0", encap=-1),)),
    ),
    "several next hops": (
        {
            "dst": "10.1.0.0/24",
            "nexthops": [
                {"gateway": "10.9.0.2", "dev": "d0", "weight": 3, "flags": ["onlink"]},
                {"via": {"family": "inet6", "host": "fd09::7"}, "dev": "d1", "weight": 1, "flags": []},
            ],
        },
        Route("10.1.0.0/24", 1, 254, 3, 0, 0, (Hop("10.9.0.2", "d0", 4, 3), Hop("fd09::7", "d1"))),
    ),
    "gateway of the other family": (
        {"dst": "10.2.0.0/24", "via": {"family": "inet6", "host": "fd09::7"}, "dev": "d0"},
        Route("10.2.0.0/24", 1, 254, 3, 0, 0, (Hop("fd09::7", "d0"),)),
    ),
    "from a source": (
        {"dst": "fd11::/64", "from": "fd12::/64", "gateway": "fd09::2", "dev": "d0", "pref": "medium"},
        Route("fd11::/64", 1, 254, 3, 0, 0, (Hop("fd09::2", "d0"),), src="fd12::/64"),
    ),
    "local": (
        {"type": "local", "dst": "127.0.0.0/8", "dev": "lo", "table": "local", "protocol": "kernel", "scope": "host"},
        Route("127.0.0.0/8", 2, 255, 2, 254, 0, (Hop(None, "lo"),)),
    ),
}  # fmt: skip


def wire(entries: list[Json]) -> list[WireRoute]:
    return msgspec.convert(entries, list[WireRoute])


@pytest.mark.parametrize(("entry", "expected"), ROUTES.values(), ids=ROUTES)
def test_a_route(entry: Json, expected: Route) -> None:
    assert routes.routes(wire([entry]), None) == (expected,)


def test_ipv6_is_taken_once_and_what_is_twice_in_one_file_stays_so() -> None:
    four = {"dst": "10.0.0.0/24", "dev": "a"}
    six = {"dst": "fe80::/64", "dev": "a"}
    bare = {"dst": "default", "dev": "tun0"}
    both, alone = wire([four, four, bare, six, six]), wire([six, six])
    assert [route.dst for route in routes.routes(both, alone)] == ["10.0.0.0/24"] * 2 + ["0.0.0.0/0"] + [
        "fe80::/64"
    ] * 2
    assert routes.routes(both, None) == routes.routes(both, alone)
    assert [route.dst for route in routes.routes(both, wire([six, bare]))][2:] == ["fe80::/64", "::/0"]
    assert routes.lists_ipv6(both)
    assert not routes.lists_ipv6(wire([four, bare]))


def test_names_of_the_nodes_own_files_are_no_number_of_the_kernels_and_agree() -> None:
    assert names.table("mgmt") == names.table("mgmt") >= 1 << 32
    assert names.table("mgmt") != names.table("storage")
    assert names.protocol("ours") >= 1 << 32
    assert (names.protocol("0x50"), names.table(77), names.scope("200"), names.route_type("anycast")) == (
        80,
        77,
        200,
        4,
    )


RULES: dict[str, tuple[Json, Rule]] = {
    "usual": ({"priority": 0, "src": "all", "table": "local"}, Rule(4, 0, 1, 255)),
    "selectors": (
        {
            "priority": 10, "not": None, "src": "10.1.0.0", "srclen": 16, "dst": "10.2.0.1", "tos": "0x10",
            "fwmark": "0x10", "fwmask": "0xff", "iif": "d0", "table": "77",
        },
        Rule(
            4, 10, 1, 77, src="10.1.0.0/16", dst="10.2.0.1/32", iif="d0", fwmark=16, fwmask=255, tos=16, invert=True
        ),
    ),
    "not modelled": (
        {
            "priority": 21, "src": "all", "oif": "d0", "uid_start": 0, "uid_end": 5, "ipproto": "tcp",
            "sport_start": 80, "sport_end": 90, "dport": 443, "table": "main", "suppress_prefixlen": 0,
        },
        Rule(
            *(4, 21, 1, 254),
            oif="d0",
            suppress_prefixlength=0,
            other=("dport", "ipproto", "sport", "uidrange"),
            uids=(0, 5),
        ),
    ),
    "goto": ({"priority": 12, "src": "all", "goto": 21}, Rule(4, 12, 2, 0, goto=21)),
    "nop": ({"priority": 13, "src": "all", "nop": None}, Rule(4, 13, 3, 0)),
    "blackhole": ({"priority": 14, "src": "all", "action": "blackhole"}, Rule(4, 14, 6, 0)),
    "unreachable": (
        {"priority": 20, "src": "all", "dst": "9.9.9.0", "dstlen": 24, "action": "unreachable"},
        Rule(4, 20, 7, 0, dst="9.9.9.0/24"),
    ),
    "prohibit": ({"priority": 15, "src": "1.2.3.4", "action": "prohibit"}, Rule(4, 15, 8, 0, src="1.2.3.4/32")),
    "mark": (
        {"priority": 18, "src": "all", "fwmark": "0x7", "table": "100", "protocol": "80"},
        Rule(4, 18, 1, 100, fwmark=7, fwmask=0xFFFFFFFF),
    ),
    "l3mdev": ({"priority": 16, "src": "all", "l3mdev": None}, Rule(4, 16, 1, 0, other=("l3mdev",))),
    "tunnel": ({"priority": 17, "src": "all", "tun_id": 5, "table": "9"}, Rule(4, 17, 1, 9, other=("tun_id",))),
    "realms": ({"priority": 17, "flow_from": "1", "flow_to": "2", "table": "9"}, Rule(4, 17, 1, 9, other=("realms",))),
    "detached": ({"priority": 19, "iif": "x", "iif_detached": None, "table": "9"}, Rule(4, 19, 1, 9, iif="x")),
}  # fmt: skip


@pytest.mark.parametrize(("entry", "expected"), RULES.values(), ids=RULES)
def test_a_rule(entry: Json, expected: Rule) -> None:
    assert routes.rules([entry, {}], 4) == (expected,)


def test_links() -> None:
    entries: list[Json] = [
        {"ifindex": 2, "ifname": "ens160", "flags": ["BROADCAST", "UP"], "mtu": 1500, "address": "46:ed:5a:cb:e6:4e"},
        {
            "ifindex": 240, "link_index": 2, "ifname": "cali1", "flags": ["UP", "LOWER_UP"], "mtu": 1450,
            "address": "ee:ee:ee:ee:ee:ee", "link_netnsid": 1, "linkinfo": {"info_kind": "veth"},
        },
        {
            "ifindex": 5, "link": "d1", "ifname": "d0", "flags": [], "mtu": 1500, "master": "br0",
            "linkinfo": {"info_kind": "veth"},
        },
        {"ifindex": 6, "link": "d0", "ifname": "d1", "flags": [], "mtu": 1500, "linkinfo": {"info_kind": "veth"}},
        {},
        {
            "ifindex": 7, "ifname": "vxlan.calico", "flags": [], "mtu": 1450,
            "linkinfo": {
                "info_kind": "vxlan", "info_data": {"id": 4096, "local": "10.0.0.11", "link": "ens160", "port": 4789},
            },
        },
        {
            "ifindex": 8, "ifname": "vx6", "flags": [], "mtu": 1430,
            "linkinfo": {
                "info_kind": "vxlan", "info_data": {"id": 0, "local6": "fd09::1", "port": 4790, "external": True},
            },
        },
        {
            "ifindex": 9, "ifname": "br0", "flags": ["NOARP"], "mtu": 1500,
            "linkinfo": {"info_kind": "bridge", "info_data": {"root_id": "8000.0:0", "id": {}}},
        },
    ]  # fmt: skip
    veth = "veth"
    assert links.links(msgspec.json.decode(msgspec.json.encode(entries), type=list[WireLink])) == (
        Link(2, "ens160", "", True, False, "46:ed:5a:cb:e6:4e", 1500),
        Link(240, "cali1", veth, True, True, "ee:ee:ee:ee:ee:ee", 1450, 2, 1),
        Link(5, "d0", veth, False, False, "", 1500, 6, None, "br0"),
        Link(6, "d1", veth, False, False, "", 1500, 5),
        Link(7, "vxlan.calico", "vxlan", False, False, "", 1450, vxlan=Vxlan(4096, 4789, "10.0.0.11", "ens160")),
        Link(8, "vx6", "vxlan", False, False, "", 1430, vxlan=Vxlan(0, 4790, "fd09::1", None, True)),
        Link(9, "br0", "bridge", False, False, "", 1500, noarp=True),
    )


def test_addresses() -> None:
    info = [
        {"local": "10.9.0.1", "prefixlen": 24, "broadcast": "10.9.0.255", "scope": "global"},
        {"local": "10.8.0.1", "address": "10.8.0.2", "prefixlen": 32, "scope": "link"},
        {"family": "inet6", "local": "::1", "prefixlen": 128, "scope": "host"},
    ]
    found = links.addresses(msgspec.convert([{"ifname": "d0", "addr_info": info}, {}], list[WireLink]))
    assert found == (
        Address("d0", "10.9.0.1", 24, 0, None, "10.9.0.255"),
        Address("d0", "10.8.0.1", 32, 253, "10.8.0.2"),
        Address("d0", "::1", 128, 254),
    )


def test_neighbours_and_forwarding_entries() -> None:
    entries = [
        {"dst": "10.0.0.12", "dev": "ens160", "lladdr": "ee:0f:b7:24:a7:0e", "state": ["REACHABLE"]},
        {"dst": "fe80::1", "dev": "eth0", "state": ["INCOMPLETE"], "router": None},
        {"dst": "10.0.0.9", "dev": "eth0", "lladdr": "02:00:00:00:00:01", "state": ["NOARP", "PERMANENT"]},
        {},
    ]
    assert neighbours.neighbours(msgspec.convert(entries, list[WireNeighbour])) == (
        Neighbour(4, "ens160", "10.0.0.12", "ee:0f:b7:24:a7:0e", 0x02),
        Neighbour(6, "eth0", "fe80::1", None, 0x01),
        Neighbour(4, "eth0", "10.0.0.9", "02:00:00:00:00:01", 0xC0),
    )
    text = (
        "33:33:00:00:00:01 dev ens160 self permanent\n"
        "66:11:22:33:44:55 dev vxlan.calico dst 10.0.0.12 self permanent\n"
        "66:11:22:33:44:66 dev br0 master br0 static\n66:11:22:33:44:77 dev veth1 vlan 1 master br0 stale\n"
        "66:11:22:33:44:88 dev veth2 master br0\nCannot open netlink socket: x\n\n"
    )
    assert neighbours.forwarding(text) == (
        Neighbour(7, "ens160", None, "33:33:00:00:00:01", 0x80),
        Neighbour(7, "vxlan.calico", None, "66:11:22:33:44:55", 0x80, "10.0.0.12"),
        Neighbour(7, "br0", None, "66:11:22:33:44:66", 0x40),
        Neighbour(7, "veth1", None, "66:11:22:33:44:77", 0x04),
        Neighbour(7, "veth2", None, "66:11:22:33:44:88", 0x02),
    )


def test_the_namespaces_of_links_are_read_from_the_text() -> None:
    text = (
        "1: lo: <LOOPBACK,UP> mtu 65536\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
        "2: ens160@if5: <UP> mtu 1500\n    link/ether 46:ed:5a:cb:e6:4e brd ff:ff:ff:ff:ff:ff link-netnsid 0\n"
        "240: cali1@if2: <UP> mtu 1500\n    link/ether ee:ee:ee:ee:ee:ee brd ff:ff:ff:ff:ff:ff link-netns cni-a\n"
        "241: cali2@if2: <UP> mtu 1500\n    link/ether ee:ee:ee:ee:ee:ee brd ff:ff:ff:ff:ff:ff link-netns cni-b "
        "promiscuity 0\n"
    )
    assert links.netns_of_links(text) == {"cali1": "cni-a", "cali2": "cni-b"}

"""What a Linux kernel holds in one network namespace, as rtnetlink reports it.

Numbers are the kernel's own (linux/rtnetlink.h, linux/if_link.h, linux/neighbour.h), never iproute2's names: a name
exists only where rt_protos or rt_tables knows one. Structs are `array_like`: the probe answers rows, and a snapshot
keeps them so; a field is only ever added at the end, with a default.
"""

from __future__ import annotations

import msgspec

MAIN, LOCAL, DEFAULT = 254, 255, 253  # RT_TABLE_*

UNICAST, LOCAL_TYPE, BROADCAST, ANYCAST, MULTICAST, BLACKHOLE, UNREACHABLE, PROHIBIT, THROW = range(1, 10)  # RTN_*
ROUTE_TYPES = {
    UNICAST: "unicast",
    LOCAL_TYPE: "local",
    BROADCAST: "broadcast",
    ANYCAST: "anycast",
    MULTICAST: "multicast",
    BLACKHOLE: "blackhole",
    UNREACHABLE: "unreachable",
    PROHIBIT: "prohibit",
    THROW: "throw",
}

PROTO_KERNEL, PROTO_BOOT, PROTO_STATIC, PROTO_BIRD, PROTO_DHCP, PROTO_FELIX = 2, 3, 4, 12, 16, 80
PROTOCOLS = {
    0: "unspec",
    1: "redirect",
    2: "kernel",
    3: "boot",
    4: "static",
    8: "gated",
    9: "ra",
    10: "mrt",
    11: "zebra",
    12: "bird",
    13: "dnrouted",
    14: "xorp",
    15: "ntk",
    16: "dhcp",
    17: "mrouted",
    18: "keepalived",
    42: "babel",
    186: "bgp",
    187: "isis",
    188: "ospf",
    189: "rip",
    192: "eigrp",
}

SCOPE_GLOBAL, SCOPE_SITE, SCOPE_LINK, SCOPE_HOST, SCOPE_NOWHERE = 0, 200, 253, 254, 255
SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
TABLES = {MAIN: "main", LOCAL: "local", DEFAULT: "default"}

ENCAPS = {  # LWTUNNEL_ENCAP_* (linux/lwtunnel.h)
    1: "mpls",
    2: "ip",
    3: "ila",
    4: "ip6",
    5: "seg6",
    6: "bpf",
    7: "seg6local",
    8: "rpl",
    9: "ioam6",
    10: "xfrm",
}
HOP_DEAD, HOP_ONLINK, HOP_LINKDOWN = 1, 4, 16  # RTNH_F_*

RULE_TO_TABLE, RULE_GOTO, RULE_NOP, RULE_BLACKHOLE, RULE_UNREACHABLE, RULE_PROHIBIT = 1, 2, 3, 6, 7, 8  # FR_ACT_*

FAMILY_BRIDGE = 7  # AF_BRIDGE: forwarding database entries
NUD_INCOMPLETE, NUD_FAILED, NUD_NOARP, NUD_PERMANENT = 0x01, 0x20, 0x40, 0x80
NUD_LEARNT = 0x1E  # REACHABLE, STALE, DELAY, PROBE: somebody answered
NEIGHBOUR_STATES = {  # NUD_*
    0x01: "INCOMPLETE",
    0x02: "REACHABLE",
    0x04: "STALE",
    0x08: "DELAY",
    0x10: "PROBE",
    0x20: "FAILED",
    0x40: "NOARP",
    0x80: "PERMANENT",
}


class Vxlan(msgspec.Struct, frozen=True, array_like=True):
    """IFLA_VXLAN_*: identifier, UDP destination port, local address, underlying interface, collect-metadata mode, and
    the outer packets' TTL."""

    vni: int | None = None
    port: int | None = None
    local: str | None = None
    dev: str | None = None
    external: bool = False
    ttl: int | None = None  # of the outer packets; None: the kernel's own choice


class Link(msgspec.Struct, frozen=True, array_like=True):
    """One interface. `peer_index` is IFLA_LINK, `peer_nsid` IFLA_LINK_NETNSID: the peer's namespace as this one
    numbers it."""

    index: int
    name: str
    kind: str  # IFLA_INFO_KIND: veth, netkit, vxlan, …; "" for a physical one
    up: bool  # IFF_UP: the administrator's wish
    carrier: bool  # IFF_LOWER_UP: the other end is there and up
    mac: str
    mtu: int
    peer_index: int | None = None
    peer_nsid: int | None = None
    master: str | None = None
    vxlan: Vxlan | None = None
    noarp: bool = False  # IFF_NOARP: neither asks nor answers for link-layer addresses (ARP, neighbour discovery)


class Address(msgspec.Struct, frozen=True, array_like=True):
    """One address of an interface."""

    dev: str
    address: str
    prefixlen: int
    scope: int
    peer: str | None = None  # IFA_ADDRESS where it differs from IFA_LOCAL
    broadcast: str | None = None

    @property
    def text(self) -> str:
        return f"{self.address}/{self.prefixlen}"


class Hop(msgspec.Struct, frozen=True, array_like=True):
    """One next hop; `flags` are RTNH_F_* without the volatile offload bits; `weight` counts from 1."""

    gateway: str | None
    dev: str
    flags: int = 0
    weight: int = 1
    encap: int | None = None  # RTA_ENCAP_TYPE: a light-weight tunnel of the route's own


class Route(msgspec.Struct, frozen=True, array_like=True):
    """One route of any table. `dst` always carries its length; no hops for blackhole and its kin (IPv6 shows `dev
    lo`)."""

    dst: str
    type: int
    table: int
    protocol: int
    scope: int
    metric: int
    hops: tuple[Hop, ...]
    prefsrc: str | None = None
    tos: int = 0
    src: str | None = None  # RTA_SRC: source-specific routing, IPv6
    mtu: int | None = None  # RTAX_MTU
    hop_limit: int | None = None  # RTAX_HOPLIMIT: the TTL of what is sent by it, and made here


class Rule(msgspec.Struct, frozen=True, array_like=True):
    """One policy rule. `other` names the selectors that were set and are not modelled (ports, uid range, tunnel id,
    …)."""

    family: int  # 4 or 6
    priority: int
    action: int
    table: int
    src: str | None = None
    dst: str | None = None
    iif: str | None = None
    oif: str | None = None
    fwmark: int = 0
    fwmask: int = 0
    tos: int = 0
    invert: bool = False
    suppress_prefixlength: int | None = None
    goto: int | None = None
    other: tuple[str, ...] = ()
    uids: tuple[int, int] | None = None  # FRA_UID_RANGE, first and last; `other` names it as well

    @property
    def of_some_users(self) -> bool:
        """Whether it means packets of certain processes only. What is forwarded has no process, and counts as root's
        (net/ipv4/route.c: flowi4_uid)."""
        return "uidrange" in self.other and (self.uids is None or self.uids[0] > 0)


class Neighbour(msgspec.Struct, frozen=True, array_like=True):
    """A neighbour (family 4, 6), or an entry of the forwarding database (family FAMILY_BRIDGE: `dst` is the remote
    VTEP)."""

    family: int
    dev: str
    address: str | None
    mac: str | None
    state: int
    dst: str | None = None
    port: int | None = None  # of the forwarding entry alone, where they are not the device's: NDA_PORT, _VNI, _IFINDEX
    vni: int | None = None
    via: str | None = None


class Namespace(msgspec.Struct, frozen=True):
    """One network namespace. `nsid` is the number that the node's own namespace gives it, `host_nsid` the reverse.

    `uids` are the pod UIDs found in the cgroups of its processes; empty where nothing told (a plain dump, no process
    left).
    """

    name: str
    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    sysctls: dict[str, str] = {}
    nsid: int | None = None
    host_nsid: int | None = None
    uids: tuple[str, ...] = ()

    def link(self, name: str) -> Link | None:
        """The interface of that name; None if there is none."""
        return next((link for link in self.links if link.name == name), None)


def protocol_name(number: int) -> str:
    """iproute2's name of a route protocol, or its number."""
    return PROTOCOLS.get(number, str(number))


def table_name(number: int) -> str:
    """iproute2's name of a routing table, or its number."""
    return TABLES.get(number, str(number))


def describe_route(route: Route) -> str:
    """The route as `ip -d route` would print it, with what identifies it: for messages, never compared."""
    words = [] if route.type == UNICAST else [ROUTE_TYPES.get(route.type, str(route.type))]
    words.append("default" if route.dst in {"0.0.0.0/0", "::/0"} else route.dst)
    words += _hops(route.hops)
    words.append(f"proto {protocol_name(route.protocol)}")
    if route.scope != SCOPE_GLOBAL:
        words.append(f"scope {SCOPES.get(route.scope, route.scope)}")
    words += [f"from {route.src}"] if route.src else []
    words += [f"src {route.prefsrc}"] if route.prefsrc else []
    if route.metric:
        words.append(f"metric {route.metric}")
    if route.tos:
        words.append(f"tos {route.tos:#x}")
    words += [f"mtu {route.mtu}"] if route.mtu is not None else []
    words += [f"hoplimit {route.hop_limit}"] if route.hop_limit is not None else []
    if route.table != MAIN:
        words.append(f"table {table_name(route.table)}")
    return " ".join(words)


def _hops(hops: tuple[Hop, ...]) -> list[str]:
    words: list[str] = []
    for hop in hops:
        if len(hops) > 1:
            words.append("nexthop")
        words += [f"encap {ENCAPS.get(hop.encap, hop.encap)}"] if hop.encap else []
        if hop.gateway:
            words.append(f"via {hop.gateway}")
        if hop.dev:
            words.append(f"dev {hop.dev}")
        flags = {HOP_DEAD: "dead", HOP_ONLINK: "onlink", HOP_LINKDOWN: "linkdown"}
        words += [name for bit, name in flags.items() if hop.flags & bit]
        if hop.weight != 1:
            words.append(f"weight {hop.weight}")
    return words

"""A network namespace as the kernel keeps it: what it does by itself when links and addresses come."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import msgspec

from model import ip
from model.net import (
    ANYCAST,
    FAMILY_BRIDGE,
    LOCAL,
    LOCAL_TYPE,
    MAIN,
    MULTICAST,
    PROTO_KERNEL,
    RULE_TO_TABLE,
    SCOPE_GLOBAL,
    SCOPE_HOST,
    SCOPE_LINK,
    UNICAST,
    Address,
    Hop,
    Link,
    Namespace,
    Neighbour,
    Route,
    Rule,
    Vxlan,
)

BROADCAST_TYPE, DEFAULT_TABLE = 3, 253
ETHERNET = {"", "veth", "netkit", "vxlan", "bridge"}  # kinds that get a link-local address from their MAC
CONF4 = {
    "accept_local": "0",
    "arp_announce": "0",
    "arp_ignore": "0",
    "forwarding": "0",
    "proxy_arp": "0",
    "proxy_arp_pvlan": "0",
    "route_localnet": "0",
    "rp_filter": "0",
    "send_redirects": "1",
}
CONF6 = {
    "accept_ra": "1",
    "accept_ra_defrtr": "1",
    "accept_ra_from_local": "0",
    "accept_ra_min_hop_limit": "1",
    "accept_ra_min_lft": "0",
    "accept_ra_mtu": "1",
    "accept_ra_pinfo": "1",
    "accept_ra_rt_info_max_plen": "0",
    "accept_ra_rt_info_min_plen": "0",
    "accept_ra_rtr_pref": "1",
    "disable_ipv6": "0",
    "forwarding": "0",
    "proxy_ndp": "0",
}
PERMANENT, STALE = 0x80, 0x04


@dataclass
class NetNS:
    """One namespace. Routes are told apart as the kernel does: table, destination, metric (IPv6: the device, too)."""

    name: str
    first_index: int = 2
    links: dict[str, Link] = field(default_factory=dict)
    addresses: list[Address] = field(default_factory=list)
    routes: dict[tuple[int, str, int, str], Route] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    neighbours: list[Neighbour] = field(default_factory=list)
    sysctls: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sysctls["net.ipv4.ip_forward"] = "0"
        self.sysctls["net.ipv4.ip_forward_update_priority"] = "1"
        self.sysctls["net.ipv4.ip_forward_use_pmtu"] = "0"
        for scope in ("all", "default"):
            self._conf(scope)
        self.rules += [
            Rule(family, priority, RULE_TO_TABLE, table)
            for family, tables in ((4, (LOCAL, MAIN, DEFAULT_TABLE)), (6, (LOCAL, MAIN)))
            for priority, table in zip((0, 32766, 32767), tables, strict=False)
        ]
        self.add_link(Link(1, "lo", "", up=True, carrier=True, mac="00:00:00:00:00:00", mtu=65536))
        self.add_address("lo", "127.0.0.1/8", SCOPE_HOST)
        self.add_address("lo", "::1/128", SCOPE_HOST)

    def next_index(self) -> int:
        """The index that the next link gets: they are never used again."""
        self.first_index += 1
        return self.first_index - 1

    def add_link(self, link: Link) -> None:
        """A link appears; one that is up gets its link-local address, as far as its kind has any."""
        self.links[link.name] = link
        self._conf(link.name)
        for version in (4, 6):
            self.sysctls[f"net.ipv{version}.neigh.{_key(link.name)}.proxy_delay"] = "80"
        if link.name == "lo" or not link.up or link.kind not in ETHERNET:
            return
        self.add_address(link.name, f"{link_local(link.mac)}/64", SCOPE_LINK)
        self._put(_kernel_route("ff00::/8", link.name, LOCAL, MULTICAST, SCOPE_GLOBAL, 256))
        for group in ("33:33:00:00:00:01", "01:00:5e:00:00:01"):
            self._listen(link.name, group)

    def remove_link(self, name: str) -> None:
        """The link goes, and everything that hangs on it."""
        del self.links[name]
        self.addresses = [entry for entry in self.addresses if entry.dev != name]
        self.neighbours = [entry for entry in self.neighbours if entry.dev != name]
        gone = [key for key, route in self.routes.items() if any(hop.dev == name for hop in route.hops)]
        for key in gone:
            del self.routes[key]
        mark = f".{_key(name)}."
        self.sysctls = {key: value for key, value in self.sysctls.items() if mark not in key}

    def add_address(self, dev: str, text: str, scope: int = SCOPE_GLOBAL) -> None:
        """An address with the routes that the kernel makes for it."""
        bare, length = ip.bare(text), int(text.partition("/")[2])
        self.addresses.append(Address(dev, bare, length, scope))
        network = ip.canonical(text)
        if ip.family(text) == 6:
            self._put(_kernel_route(ip.host_prefix(bare), dev, LOCAL, LOCAL_TYPE, SCOPE_GLOBAL, 0))
            if dev != "lo":
                self._put(_kernel_route(network, dev, MAIN, UNICAST, SCOPE_GLOBAL, 256))
                number = int(ip.address(bare))
                self._listen(dev, "33:33:ff:" + ":".join(f"{number >> shift & 0xFF:02x}" for shift in (16, 8, 0)))
            return
        self._put(_kernel_route(ip.host_prefix(bare), dev, LOCAL, LOCAL_TYPE, SCOPE_HOST, 0, bare))
        if length < 31:
            last = f"{ip.network(text).broadcast_address}/32"
            self._put(_kernel_route(last, dev, LOCAL, BROADCAST_TYPE, SCOPE_LINK, 0, bare))
        if dev == "lo":
            self._put(_kernel_route(network, dev, LOCAL, LOCAL_TYPE, SCOPE_HOST, 0, bare))
        elif length < 32:
            self._put(_kernel_route(network, dev, MAIN, UNICAST, SCOPE_LINK, 0, bare))

    def add_route(self, route: Route) -> None:
        """Add or replace. IPv6 knows no metric 0 (it becomes 1024), and no scope."""
        if ip.family(route.dst) == 6:
            route = msgspec.structs.replace(route, metric=route.metric or 1024, scope=SCOPE_GLOBAL)
        self._put(route)

    def remove_route(self, route: Route) -> None:
        """Delete the route with that key."""
        self.routes.pop(_route_key(route), None)

    def main(self, family: int) -> list[Route]:
        """The main table's routes of one family."""
        return [route for route in self.routes.values() if route.table == MAIN and ip.family(route.dst) == family]

    def set_conf(self, version: int, dev: str, **values: str) -> None:
        """Set `net.ipv<version>.conf.<dev>.*`."""
        for name, value in values.items():
            self.sysctls[f"net.ipv{version}.conf.{_key(dev)}.{name}"] = value

    def enable_forwarding(self, version: int) -> None:
        """Turn on forwarding: the kernel sets it on every link there is, and on those to come."""
        if version == 4:
            self.sysctls["net.ipv4.ip_forward"] = "1"
        for dev in ("all", "default", *self.links):
            self.set_conf(version, dev, forwarding="1")

    def freeze(self, nsid: int | None = None, host_nsid: int | None = None, uids: tuple[str, ...] = ()) -> Namespace:
        """The namespace as a look at it shows it."""
        return Namespace(
            name=self.name,
            links=tuple(self.links.values()),
            addresses=tuple(self.addresses),
            routes=tuple(sorted(self._all_routes(), key=lambda route: (route.table != MAIN, *ip.span(route.dst)))),
            rules=tuple(sorted(self.rules, key=lambda rule: (rule.family, rule.priority))),
            neighbours=(*self.neighbours, *self._router_groups()),
            sysctls=dict(self.sysctls),
            nsid=nsid,
            host_nsid=host_nsid,
            uids=uids,
        )

    def _all_routes(self) -> list[Route]:
        """With the subnet-router anycast address of each IPv6 subnet, where it is a router (RFC 4291, 2.6.1)."""
        anycast = [
            _kernel_route(ip.host_prefix(ip.canonical(entry.text)), entry.dev, LOCAL, ANYCAST, SCOPE_GLOBAL, 0)
            for entry in self.addresses
            if ip.family(entry.address) == 6 and entry.prefixlen < 127 and self._routes_ipv6(entry.dev)
        ]
        return [*self.routes.values(), *anycast]

    def _router_groups(self) -> list[Neighbour]:
        """All routers, and the solicited-node group of those anycast addresses."""
        return [
            Neighbour(FAMILY_BRIDGE, link.name, None, group, PERMANENT)
            for link in self.links.values()
            if link.name != "lo" and link.up and link.kind in {"", "veth", "netkit"} and self._routes_ipv6(link.name)
            for group in ("33:33:00:00:00:02", "33:33:ff:00:00:00")
        ]

    def _routes_ipv6(self, dev: str) -> bool:
        return self.sysctls[f"net.ipv6.conf.{_key(dev)}.forwarding"] == "1"

    def _put(self, route: Route) -> None:
        self.routes[_route_key(route)] = route

    def _listen(self, dev: str, group: str) -> None:
        """A multicast group that the link takes in, as the forwarding database shows it."""
        entry = Neighbour(FAMILY_BRIDGE, dev, None, group, PERMANENT)
        if self.links[dev].kind in {"", "veth", "netkit"} and entry not in self.neighbours:
            self.neighbours.append(entry)

    def _conf(self, scope: str) -> None:
        for version, table in ((4, CONF4), (6, CONF6)):
            for name, value in table.items():
                inherited = self.sysctls.get(f"net.ipv{version}.conf.default.{name}", value)
                self.sysctls[f"net.ipv{version}.conf.{_key(scope)}.{name}"] = inherited


def link_local(mac: str) -> str:
    """The modified EUI-64 address of a MAC (RFC 4291, appendix A)."""
    octets = [int(part, 16) for part in mac.split(":")]
    octets[0] ^= 2
    whole = [*octets[:3], 0xFF, 0xFE, *octets[3:]]
    groups = [f"{whole[i] << 8 | whole[i + 1]:x}" for i in range(0, 8, 2)]
    return str(ip.address("fe80::" + ":".join(groups)))


def random_mac(*seed: str) -> str:
    """A locally administered MAC, the same for the same words."""
    digest = bytearray(hashlib.sha256("/".join(seed).encode()).digest()[:6])
    digest[0] = (digest[0] & 0xFC) | 0x02
    return ":".join(f"{octet:02x}" for octet in digest)


def vxlan_link(index: int, name: str, mac: str, mtu: int, vxlan: Vxlan) -> Link:
    """A VXLAN device that is up."""
    return Link(index, name, "vxlan", up=True, carrier=True, mac=mac, mtu=mtu, vxlan=vxlan)


def _key(dev: str) -> str:
    """As sysctl(8) writes a link's name that has dots."""
    return dev.replace(".", "/")


def _route_key(route: Route) -> tuple[int, str, int, str]:
    own = ip.family(route.dst) == 6 and route.protocol == PROTO_KERNEL
    return route.table, route.dst, route.metric, route.hops[0].dev if own and route.hops else ""


def _kernel_route(
    dst: str, dev: str, table: int, kind: int, scope: int, metric: int, prefsrc: str | None = None
) -> Route:
    return Route(dst, kind, table, PROTO_KERNEL, scope, metric, (Hop(None, dev),), prefsrc)

"""The tunnel devices and what they know of the other nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.flows import delivered, uplink
from expect.ownership import RouteClass
from expect.tunnels import Endpoint, Tunnel, endpoints, tunnels
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import NodeCase


@check(faults=("F40", "F41", "F48", "F50", "F57"))
def test_node_has_its_tunnel_devices(node: NodeCase) -> Verdict:
    """The node has the tunnel device of every encapsulation that a pool uses: up, with its address, its MAC, the VXLAN
    identifier, port and local address that the configuration says, and an MTU that fits.

    tunl0, vxlan.calico, vxlan-v6.calico; their addresses come from IPAM and stand in the Node object (allocateip.go).
    """
    unread = node.unread("links", "addresses", "routes", "rules")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"links, addresses, routes or rules could not be read: {unread}"),))
    verdict = Verdict()
    for tunnel in tunnels(node.world, node.name):
        link = next((link for name in tunnel.names if (link := node.facts.host.link(name))), None)
        verdict += _absent(node, tunnel) if link is None else _device(node, tunnel, link)
    if verdict == Verdict():
        return Verdict(inapplicable=(Gap(node.name, "no pool uses an encapsulation on this node"),))
    return verdict


def _absent(node: NodeCase, tunnel: Tunnel) -> Verdict:
    return Verdict(1, (_difference(node, tunnel, "", tunnel.names[0], "no such interface", Severity.BROKEN),))


def _device(node: NodeCase, tunnel: Tunnel, link: net.Link) -> Verdict:
    faults = [*_state(tunnel, link), *_address(node, tunnel, link), *_mtu(node, tunnel, link)]
    if tunnel.kind is RouteClass.VXLAN:
        faults += _vxlan(node, tunnel, link)
    differences = tuple(_difference(node, tunnel, *fault) for fault in faults)
    return Verdict(examined=3 + (5 if tunnel.kind is RouteClass.VXLAN else 0), differences=differences)


_TTL = 32  # of outer packets: fewer hops than that are a trap; Felix leaves it to the kernel
Fault = tuple[str, str, str, Severity]  # what, expected, found, severity


def _state(tunnel: Tunnel, link: net.Link) -> Iterator[Fault]:
    kinds = {"vxlan"} if tunnel.kind is RouteClass.VXLAN else {"ipip", "sit", ""}
    if not link.up:
        yield "state", f"{link.name} up", "it is administratively down", Severity.BROKEN
    elif not link.carrier:
        yield "state", f"{link.name} up", "it has no carrier", Severity.BROKEN
    if link.master is not None:
        yield "master", f"{link.name} in no other interface", f"enslaved to {link.master}", Severity.BROKEN
    if link.kind not in kinds:
        yield "kind", f"{link.name} of kind {min(kinds - {''})}", link.kind or "none", Severity.BROKEN


def _address(node: NodeCase, tunnel: Tunnel, link: net.Link) -> Iterator[Fault]:
    found = [item for item in node.facts.host.addresses if item.dev == link.name and _counts(item, tunnel.family)]
    if tunnel.address is None:
        if not tunnel.addressless:
            yield "object", f"a tunnel address in Node {node.name}", "none is stored there", Severity.BROKEN
        return
    wanted = ip.host_prefix(tunnel.address)
    if tunnel.addressless and not found:
        return
    if wanted not in {item.text for item in found}:
        text = ", ".join(item.text for item in found) or "no address"
        yield "address", f"{wanted} on {link.name}", text, Severity.BROKEN
    elif not delivered(node, tunnel.address, link.name):
        delivery = f"packets to {tunnel.address} delivered on the node"
        yield "delivery", delivery, "its rules lead elsewhere", Severity.BROKEN
    for item in found:
        if item.text != wanted:
            yield item.text, f"no address but {wanted} on {link.name}", item.text, Severity.WRONG
        elif item.scope != net.SCOPE_GLOBAL:  # then the kernel takes another source for the node's own packets
            scope = net.SCOPES.get(item.scope, str(item.scope))
            yield "scope", f"{wanted} with scope global", f"scope {scope}", Severity.WRONG


def _counts(item: net.Address, family: int) -> bool:
    """Whether it is an address of the family, and not the link-local one that the kernel gives."""
    return ip.family(item.address) == family and not (family == 6 and item.scope == net.SCOPE_LINK)


def _mtu(node: NodeCase, tunnel: Tunnel, link: net.Link) -> Iterator[Fault]:
    parent = node.facts.host.link(uplink(node, tunnel.family) or "")
    most = parent.mtu - tunnel.overhead if parent else None
    if tunnel.addressless:
        return  # the BPF dataplane leaves the MTU to the kernel (int_dataplane.go:909-912)
    if tunnel.mtu is not None and link.mtu != tunnel.mtu:
        yield "mtu", f"mtu {tunnel.mtu} (FelixConfiguration)", f"mtu {link.mtu}", Severity.WRONG
    elif most is not None and link.mtu > most:
        yield "mtu", f"mtu {most} or less on {link.name}", f"mtu {link.mtu}", Severity.WRONG


def _vxlan(node: NodeCase, tunnel: Tunnel, link: net.Link) -> Iterator[Fault]:
    seen = link.vxlan or net.Vxlan()
    if seen.external:
        if not tunnel.addressless:
            yield (
                "external",
                "one identifier",
                "collect-metadata mode, which only the BPF dataplane uses",
                Severity.BROKEN,
            )
        return
    parent = uplink(node, tunnel.family)
    for name, wanted, found in (
        ("identifier", tunnel.vni, seen.vni),
        ("port", tunnel.port, seen.port),
        ("local address", tunnel.local, seen.local),
        ("parent", parent, seen.dev),
    ):
        if wanted is not None and wanted != found:
            yield name, f"{name} {wanted}", f"{name} {found or 'none'}", Severity.BROKEN
    if seen.ttl is not None and seen.ttl < _TTL:
        lost = seen.ttl == 1 and _beyond_a_router(node, tunnel.family)
        yield "ttl", "no ttl of its own", f"ttl {seen.ttl}", Severity.BROKEN if lost else Severity.WRONG
    if link.mac.lower() != tunnel.mac:
        yield "mac", f"MAC {tunnel.mac}", f"MAC {link.mac}", Severity.BROKEN


def _beyond_a_router(node: NodeCase, family: int) -> bool:
    others = (node.world.felix_address(other, family) for other in node.world.cluster.nodes if other.name != node.name)
    return any(address and not node.world.same_subnet(node.name, address) for address in others)


def _difference(node: NodeCase, tunnel: Tunnel, what: str, expected: str, found: str, severity: Severity) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT if what else Kind.MISSING,
        object=f"{tunnel.names[0]}/{what}" if what else tunnel.names[0],
        expected=expected,
        because=f"{tunnel.because}; node {node.name} has tunnel address {tunnel.address or 'none'}",
        found=found,
        look=node.on(f"ip -d addr show dev {tunnel.names[0]}"),
        severity=severity,
        likely="udev or a network manager changes it" if what == "mac" else "",
        about=about(
            device=tunnel.names,
            encap=tunnel.kind,
            setting=what or None,
            state="unusable" if what in {"", "state", "kind", "external"} else None,
        ),
    )


@check(faults=("F49",))
def test_vxlan_device_knows_every_other_node(node: NodeCase) -> Verdict:
    """The VXLAN device has, for every other node, the forwarding entry of its MAC to its address, and the permanent
    neighbour of its tunnel address; and none of a node that does not exist.

    An entry names no port, identifier or interface of its own: Felix's use the device's. vxlan_mgr.go:229-264; the BPF
    dataplane has the neighbours alone (int_dataplane.go:892-894).
    """
    devices = [tunnel for tunnel in tunnels(node.world, node.name) if tunnel.kind is RouteClass.VXLAN]
    unread = node.unread("neighbours", "fdb", "links")
    if unread and devices:
        return Verdict(unobserved=(Gap(node.name, f"neighbours could not be read: {unread}"),))
    verdict = Verdict()
    for tunnel in devices:
        link = next((link for name in tunnel.names if (link := node.facts.host.link(name))), None)
        if link is not None:
            verdict += _endpoints(node, tunnel, link)
    if verdict == Verdict():
        return Verdict(inapplicable=(Gap(node.name, "it has no VXLAN device, or no other node to reach by it"),))
    return verdict


def _endpoints(node: NodeCase, tunnel: Tunnel, link: net.Link) -> Verdict:
    mine = [item for item in node.facts.host.neighbours if item.dev == link.name]
    entries = {(item.mac, item.dst) for item in mine if item.family == net.FAMILY_BRIDGE and item.dst}
    fading = {(item.mac, item.dst) for item in mine if item.family == net.FAMILY_BRIDGE and not _stays(item)}
    odd = {(item.mac, item.dst): text for item in mine if (text := _oddity(item, link))}
    hosts = [item for item in mine if item.family != net.FAMILY_BRIDGE]
    neighbours = {(item.address, item.mac) for item in hosts if _lasting(item)}
    wanted = list(endpoints(node.world, node.name, tunnel.family))
    flow_based = link.vxlan is not None and link.vxlan.external
    differences = []
    for end in wanted:
        if not flow_based and (end.mac, end.address) not in entries:
            found = next((f"{mac} dst {dst}" for mac, dst in sorted(entries, key=str) if mac == end.mac), "no entry")
            differences.append(_entry(node, link, end, f"fdb {end.mac} dst {end.address}", found))
        elif not flow_based and (end.mac, end.address) in fading:
            found = "an entry that ages out"
            differences.append(_entry(node, link, end, f"fdb {end.mac} dst {end.address} permanent", found))
        elif not flow_based and (end.mac, end.address) in odd:
            found = f"{end.mac} dst {end.address} {odd[end.mac, end.address]}"
            differences.append(_entry(node, link, end, f"fdb {end.mac} dst {end.address}", found))
        if (end.tunnel, end.mac) not in neighbours:
            found = next((_shown(item) for item in hosts if item.address == end.tunnel), "no entry")
            differences.append(_entry(node, link, end, f"neighbour {end.tunnel} lladdr {end.mac} PERMANENT", found))
    known = {end.address for end in wanted} | set(node.world.node_addresses)
    differences += [_stale(node, link, mac, dst) for mac, dst in sorted(entries, key=str) if dst not in known]
    return Verdict(examined=2 * len(wanted), differences=tuple(differences))


def _lasting(item: net.Neighbour) -> bool:
    return bool(item.state & net.NUD_PERMANENT)


def _oddity(item: net.Neighbour, link: net.Link) -> str:
    """What a forwarding entry has of its own, where it should go by the device's."""
    lower = link.vxlan.dev if link.vxlan is not None else None
    named = (("port", item.port), ("vni", item.vni), ("via", item.via if item.via != lower else None))
    return " ".join(f"{name} {value}" for name, value in named if value is not None)


def _shown(item: net.Neighbour) -> str:
    state = next((name for bit, name in net.NEIGHBOUR_STATES.items() if item.state & bit), str(item.state))
    return f"{item.address} lladdr {item.mac or 'none'} {state}"


def _stays(item: net.Neighbour) -> bool:
    """Permanent or static: bridge(8)."""
    return bool(item.state & (net.NUD_PERMANENT | net.NUD_NOARP))


def _entry(node: NodeCase, link: net.Link, end: Endpoint, expected: str, found: str) -> Difference:
    return Difference(
        kind=Kind.MISSING if found == "no entry" else Kind.DIFFERENT,
        object=f"{link.name}/{end.node}/{expected.split()[0]}",
        expected=f"{expected} dev {link.name}",
        because=f"node {end.node} has VXLAN tunnel address {end.tunnel} and address {end.address}",
        found=found,
        look=node.on(f"bridge fdb show dev {link.name}; ip neigh show dev {link.name}"),
        severity=Severity.BROKEN,
        likely="Felix has not programmed it, or something flushed the device",
        about=about(device=link.name, node=end.node),
    )


def _stale(node: NodeCase, link: net.Link, mac: str | None, dst: str | None) -> Difference:
    return Difference(
        kind=Kind.UNEXPECTED,
        object=f"{link.name}/{mac}",
        expected="forwarding entries of existing nodes only",
        because=f"no node has address {dst}",
        found=f"fdb {mac} dst {dst}",
        look=node.on(f"bridge fdb show dev {link.name}"),
        severity=Severity.HOUSEKEEPING,
        likely="left behind by a node that is gone",
        about=about(device=link.name),
    )

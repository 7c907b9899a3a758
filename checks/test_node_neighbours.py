"""How a node finds the other nodes: by its routes, and by their MAC addresses on its own subnet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.flows import uplink
from expect.fib import Flow
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import NodeCase

_ASKING = frozenset({"", "veth", "bond", "team", "bridge", "vlan", "macvlan", "ovs"})  # kinds that take ARP for granted
_MAC_COLONS = 5
_FIXED = net.NUD_PERMANENT | net.NUD_NOARP
_UNANSWERED = net.NUD_INCOMPLETE | net.NUD_FAILED
_DROPS = frozenset({net.BLACKHOLE, net.UNREACHABLE, net.PROHIBIT})


@check(faults=("X2",))
def test_node_finds_the_others_on_its_subnet(node: NodeCase) -> Verdict:
    """The interface with the node's address resolves the other nodes by ARP and neighbour discovery, and no fixed
    neighbour entry gives one of them another MAC address than its own.

    ARP can be off only where there is none to do: on a point-to-point interface. A fixed entry (PERMANENT, NOARP) is
    never asked for again; it is compared with the MAC that the other node was seen to have, where both were observed
    and share a subnet. INCOMPLETE: an observed node is asked for now and does not answer; FAILED: it did not answer
    when it was last asked for. Other entries come and go, and are not judged.
    """
    unread = node.unread("links", "addresses", "neighbours")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"links, addresses or neighbours could not be read: {unread}"),))
    names = {uplink(node, family) for family in (4, 6)}
    links = [link for link in node.facts.host.links if link.name in names]
    if not links:
        return Verdict(inapplicable=(Gap(node.name, "no interface has its address, which another check reports"),))
    verdict = Verdict()
    for link in links:
        silent = link.noarp and link.kind in _ASKING and link.mac.count(":") == _MAC_COLONS
        verdict += Verdict(1, (_silent(node, link),)) if silent else Verdict(1) + _fixed(node, link)
    return verdict


def _silent(node: NodeCase, link: net.Link) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{link.name}/arp",
        expected=f"ARP on {link.name}",
        because=f"{link.name} has the address of node {node.name}: the other nodes ask there for its MAC address",
        found=f"{link.name} is NOARP: it neither asks nor answers",
        look=node.on(f"ip link show {link.name}"),
        likely=f"somebody switched it off: ip link set {link.name} arp on",
        about=about(device=link.name, state="silent"),
    )


def _fixed(node: NodeCase, link: net.Link) -> Verdict:
    examined = 0
    differences = []
    for item, name in _entries(node, link):
        mac = node.cluster.mac_of(name, str(item.address))
        if mac is None:
            continue
        examined += 1
        if item.state & _UNANSWERED:
            differences.append(_unanswered(node, item, name))
        elif item.mac is None or item.mac.lower() != mac.lower():
            differences.append(_misleads(node, item, name, mac))
    return Verdict(examined, tuple(differences))


def _entries(node: NodeCase, link: net.Link) -> Iterator[tuple[net.Neighbour, str]]:
    """The fixed and the unanswered entries of other nodes' addresses in a network of the interface, each with the
    node's name."""
    networks = [ip.canonical(item.text) for item in node.facts.host.addresses if item.dev == link.name]
    for item in node.facts.host.neighbours:
        if item.dev != link.name or item.address is None or not item.state & (_FIXED | _UNANSWERED):
            continue
        name = node.world.node_addresses.get(item.address)
        if name not in {None, node.name} and any(ip.contains(network, item.address) for network in networks):
            yield item, str(name)


def _unanswered(node: NodeCase, item: net.Neighbour, name: str) -> Difference:
    now = bool(item.state & net.NUD_INCOMPLETE)
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{name}/{item.address}",
        expected=f"an answer from {name} for {item.address}",
        because=f"node {name} was observed, and has {item.address} on an interface in the same subnet",
        found=f"{item.address} dev {item.dev} {'INCOMPLETE: nobody answers' if now else 'FAILED: nobody answered'}",
        look=node.on(f"ip neigh show {item.address} dev {item.dev}"),
        severity=Severity.BROKEN if now else Severity.WRONG,
        likely="the two are cut off from each other: a switch, a VLAN or a filter; or it was so when last asked",
        about=about(node=name, device=item.dev, family=str(ip.family(str(item.address)))),
    )


def _misleads(node: NodeCase, item: net.Neighbour, name: str, mac: str) -> Difference:
    passed_on = any(
        other.mac == item.mac and other.dev == item.dev and other.address != item.address
        for other in node.facts.host.neighbours
        if item.mac is not None
    )
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{name}/{item.address}",
        expected=f"{item.address} lladdr {mac}, or no fixed entry",
        because=f"node {name} has {item.address} on an interface with MAC {mac}",
        found=f"{item.address} dev {item.dev} lladdr {item.mac or 'none'} "
        f"{'PERMANENT' if item.state & net.NUD_PERMANENT else 'NOARP'}"
        + (": another host's, which may pass the packets on" if passed_on else ""),
        look=node.on(f"ip neigh show {item.address} dev {item.dev}"),
        severity=Severity.WRONG if passed_on else Severity.BROKEN,
        likely=f"made by hand: ip neigh del {item.address} dev {item.dev} takes it away",
        about=about(node=name, device=item.dev, family=str(ip.family(str(item.address)))),
    )


@check(faults=("X5",))
def test_node_has_a_route_to_every_other_node(node: NodeCase) -> Verdict:
    """What the node sends to the address of any other node has a route: its rules and tables neither drop it nor lead
    nowhere.

    BGP, tunnels and the traffic of pods all end there. By which way is the network's own affair. For each family that a
    pool has.
    """
    unread = node.unread("routes", "rules", "addresses")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"routes, rules or addresses could not be read: {unread}"),))
    pools = {ip.family(pool.cidr) for pool in node.world.cluster.pools}
    mine = {family for family in pools if uplink(node, family) is not None}
    wanted = {
        address: name
        for address, name in node.world.node_addresses.items()
        if name not in {node.name, *node.world.flux.nodes}
        and ip.family(address) in mine
        and _known_by(node, name, address)
    }
    if not wanted:
        return Verdict(inapplicable=(Gap(node.name, "there is no other node of a pool's family to reach"),))
    differences = []
    for address, name in wanted.items():
        rule, route = node.fib.decision(Flow(address))
        if route is None or route.type in _DROPS:
            differences.append(_unreachable(node, address, name, rule, route))
    return Verdict(len(wanted), tuple(differences))


def _known_by(node: NodeCase, name: str, address: str) -> bool:
    """Whether Calico reaches a node by an address: its BGP address, or its first one of the family without such."""
    return node.world.felix_address(node.world.nodes[name], ip.family(address)) == address


def _unreachable(node: NodeCase, address: str, name: str, rule: net.Rule | None, route: net.Route | None) -> Difference:
    by = f", by rule {rule.priority}" if rule is not None else ""
    return Difference(
        kind=Kind.MISSING,
        object=f"{name}/{address}",
        expected=f"a route to {address}",
        because=f"node {name} has address {address}",
        found=f"{net.describe_route(route)}{by}" if route else "no route at all",
        look=node.on(f"ip -{ip.family(address)} rule; ip route get {address}"),
        likely="a rule or a route made by hand; or the interface's address, or the default route, is gone",
        about=about(node=name, family=str(ip.family(address))),
    )

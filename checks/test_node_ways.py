"""What a node sends to the other nodes: whether it has a way, and whether the way leads anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from checks.declare import check
from checks.detours import Detour, detours, selects
from checks.entries import shown_unanswered
from checks.flows import node_address, uplink
from checks.hops import dead
from expect.fib import Flow, standard_rules
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from checks.cases import NodeCase

ETHERNET = frozenset({"", "veth", "bond", "team", "bridge", "vlan", "macvlan", "ovs"})  # kinds that do ARP
_MAC_COLONS = 5
_UNANSWERED = net.NUD_INCOMPLETE | net.NUD_FAILED


class _Astray(msgspec.Struct, frozen=True):
    """A way that does not lead to another node: what was found, by which rule, and how bad it is."""

    found: str
    route: net.Route | None
    rule: net.Rule | None
    severity: Severity = Severity.BROKEN


@check(faults=("X5", "X7"))
def test_node_has_a_route_to_every_other_node(node: NodeCase) -> Verdict:
    """What the node sends to the address of any other node has a route: its rules and tables neither drop it, nor
    lead nowhere, nor deliver it on the node itself; the same holds for what it sends from its own address, and for
    packets of a certain kind.

    BGP, tunnels and the traffic of pods all end there. By which way is the network's own affair: but an interface that
    is down, without carrier, or a dummy is none, and nobody answers on an interface that has no address of the other
    node's subnet unless a gateway is named. A gateway on the way answers when it is asked for. For each family that a
    pool has. A node that has the address itself, on whatever interface, takes for its own what is another node's.
    """
    unread = node.unread("routes", "rules", "addresses", "links", "neighbours")
    if unread:
        reason = f"routes, rules, addresses, links or neighbours could not be read: {unread}"
        return Verdict(unobserved=(Gap(node.name, reason),))
    wanted = _wanted(node)
    if not wanted:
        return Verdict(inapplicable=(Gap(node.name, "there is no other node of a pool's family to reach"),))
    links = {link.name: link for link in node.facts.host.links}
    silent = {
        (item.dev, item.address): item
        for item in node.facts.host.neighbours
        if item.address is not None and item.state & _UNANSWERED
    }
    differences = []
    behind: dict[tuple[str, str], list[str]] = {}
    for address, name in wanted.items():
        astray = next(_astray(node, address, links, silent), None)
        if astray is not None:
            differences.append(_unreachable(node, address, name, astray))
        for hop in _gateways(node, address) if silent else ():
            if (hop.dev, hop.gateway) in silent:
                behind.setdefault((hop.dev, str(hop.gateway)), []).append(name)
    differences += [_deaf(node, silent[dev, gateway], names) for (dev, gateway), names in behind.items()]
    return Verdict(len(wanted), tuple(differences))


def _wanted(node: NodeCase) -> dict[str, str]:
    """The addresses by which Calico reaches the other nodes, and their names."""
    pools = {ip.family(pool.cidr) for pool in node.world.cluster.pools}
    mine = {family for family in pools if uplink(node, family) is not None}
    return {
        address: name
        for address, name in node.world.node_addresses.items()
        if name not in {node.name, *node.world.flux.nodes}
        and ip.family(address) in mine
        and _known_by(node, name, address)
        and not (_known_by(node, node.name, address) and not _speaks(node, name, address))
    }


def _known_by(node: NodeCase, name: str, address: str) -> bool:
    """Whether Calico reaches a node by an address: its BGP address, or its first one of the family without such."""
    return node.world.felix_address(node.world.nodes[name], ip.family(address)) == address


def _speaks(node: NodeCase, name: str, address: str) -> bool:
    """Whether an address is a node's BGP address. A virtual node's may be that of the node on which its kubelet
    runs."""
    return node.world.speaks_from(node.world.nodes[name], ip.family(address)) == address


def _astray(
    node: NodeCase,
    address: str,
    links: Mapping[str, net.Link],
    silent: Mapping[tuple[str, str], net.Neighbour],
) -> Iterator[_Astray]:
    """The ways to another node that are none: of any packet, of one from the node's own address, of those that a rule
    means alone."""
    family = ip.family(address)
    flows = [Flow(address)]
    if not node.fib.plain(family):
        flows.append(Flow(address, node_address(node, family)))
    for flow in flows:
        rule, route = node.fib.decision(flow)
        if route is None or route.type != net.UNICAST:
            yield _Astray(net.describe_route(route) if route else "no route at all", route, rule)
        elif why := _dead_end(node, address, route, links, silent):
            yield _Astray(f"{net.describe_route(route)}: {why[0]}", route, rule, why[1])
    for one in detours(node, flows) if _selective(node, family) else ():
        yield from _detour(node, address, one, links, silent)


def _detour(
    node: NodeCase,
    address: str,
    one: Detour,
    links: Mapping[str, net.Link],
    silent: Mapping[tuple[str, str], net.Neighbour],
) -> Iterator[_Astray]:
    """Where a rule leads those of a certain kind; those that somebody has marked, or a user of the node sends, are his
    affair."""
    if one.severity is Severity.HOUSEKEEPING:
        return
    way = net.describe_route(one.route) if one.route else "no route at all"
    said = f"packets {selects(one.rule)}: {way}"
    if one.drops:
        yield _Astray(said, one.route, one.rule)
    elif one.route is not None and (why := _dead_end(node, address, one.route, links, silent)):
        yield _Astray(f"{said}: {why[0]}", one.route, one.rule, why[1])


def _selective(node: NodeCase, family: int) -> bool:
    """Whether a rule means packets of a certain kind."""
    return any(rule.family == family and (rule.tos or rule.other) for rule in node.facts.host.rules)


def _dead_end(
    node: NodeCase,
    address: str,
    route: net.Route,
    links: Mapping[str, net.Link],
    silent: Mapping[tuple[str, str], net.Neighbour],
) -> tuple[str, Severity] | None:
    """Why nothing that takes a route arrives: every one of its next hops is dead, or on an interface where the other
    node cannot be."""
    reasons = [dead(hop, links.get(hop.dev)) for hop in route.hops]
    if reasons and all(reasons):
        return "; ".join(dict.fromkeys(str(why) for why in reasons)), Severity.BROKEN
    for hop in route.hops:
        link = links.get(hop.dev)
        if hop.gateway is None and link is not None and _elsewhere(node, address, link, links):
            answer = "" if (hop.dev, address) not in silent else ", and nobody answers there"
            why = f"{hop.dev} has no address of the subnet of {address}, and no gateway is named{answer}"
            return why, Severity.BROKEN if answer else Severity.WRONG
    return None


def _elsewhere(node: NodeCase, address: str, link: net.Link, links: Mapping[str, net.Link]) -> bool:
    """Whether an interface is an Ethernet where another node cannot be: not the one with the node's own address, and
    with no address of the other's subnet. Where there is no ARP (a VPN), the interface's maker knows who is behind
    it; so he does where the node's own address is on none of the interfaces that it sends by (unnumbered ones), and
    whoever has answered there is there."""
    if not _is_ethernet(link):
        return False
    own = uplink(node, ip.family(address))
    if own is None or link.name == own or own not in links or not _is_ethernet(links[own]):
        return False
    if any(
        item.dev == link.name and item.address == address and item.state & net.NUD_LEARNT
        for item in node.facts.host.neighbours
    ):
        return False
    mine = (ip.canonical(item.text) for item in node.facts.host.addresses if item.dev == link.name)
    return not any(ip.contains(network, address) for network in mine)


def _is_ethernet(link: net.Link) -> bool:
    return link.kind in ETHERNET and not link.noarp and link.name != "lo" and link.mac.count(":") == _MAC_COLONS


def _gateways(node: NodeCase, address: str) -> Iterator[net.Hop]:
    """The next hops on the way that are no nodes: those another check looks at."""
    route = node.fib.lookup(Flow(address))
    for hop in route.hops if route is not None else ():
        if hop.gateway is not None and hop.gateway not in node.world.node_addresses:
            yield hop


def _unreachable(node: NodeCase, address: str, name: str, astray: _Astray) -> Difference:
    by = f", by rule {astray.rule.priority}" if astray.rule is not None else ""
    dev = node.addresses.get(address)
    held = f"; {address} is on {dev} of {node.name}" if dev else ""
    route = astray.route
    taken = route is not None and route.type == net.LOCAL_TYPE
    made = astray.rule if astray.rule not in standard_rules(ip.family(address)) else None
    nowhere = route is None or route.type != net.UNICAST
    return Difference(
        kind=Kind.MISSING if nowhere and not taken else Kind.DIFFERENT,
        object=f"{name}/{address}",
        expected=f"a route to {address}",
        because=f"node {name} has address {address}",
        found=f"{astray.found}{by}{held}" if route else astray.found,
        look=node.on(f"ip -{ip.family(address)} rule; ip route get {address}"),
        severity=astray.severity,
        likely=f"the two have one address: take {address} off {dev} of {node.name}, or give {name} another"
        if dev
        else "a rule or a route made by hand; or the interface's address, or the default route, is gone",
        about=about(
            node=name,
            family=str(ip.family(address)),
            state="taken" if taken else None,
            device=[hop.dev for hop in route.hops] if route is not None else [],
            rule=str(made.priority) if made is not None else None,
        ),
    )


def _deaf(node: NodeCase, item: net.Neighbour, names: list[str]) -> Difference:
    now = bool(item.state & net.NUD_INCOMPLETE)
    shown = f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''}"
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{item.dev}/{item.address}",
        expected=f"an answer from gateway {item.address} on {item.dev}",
        because=f"the way to node {shown} goes by {item.address}",
        found=shown_unanswered(item),
        look=node.on(f"ip neigh show {item.address} dev {item.dev}"),
        severity=Severity.BROKEN if now else Severity.WRONG,
        likely="there is no such router, or it is cut off; or it was so when last asked",
        about=about(node=names, device=item.dev, family=str(ip.family(str(item.address)))),
    )

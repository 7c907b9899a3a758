"""The node's routes to the blocks of the others, and to borrowed addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.claims import of_interest
from checks.declare import check
from checks.detours import deciding, detours, show_rules, worst
from checks.flows import flows_to
from checks.hops import expected_hops, hops_of, unusable
from expect.cluster_routes import Destination, bgp_address, remote_blocks, remote_borrowed
from expect.fib import Flow
from expect.ownership import Owner
from expect.transit import may_pass_on
from expect.ways import By, Way
from expect.world import route_class
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from checks.cases import NodeCase

Fault = tuple[str, Severity]
_ASTRAY = {
    By.TUNNEL: "does not lead into the tunnel to {name}",
    By.NODE: "does not lead straight to {name} ({target})",
    By.ROUTE: "does not lead to {name} ({target})",
}


@check(faults=("F37", "F39", "F40", "F43", "F44", "F45", "F46", "F47", "F53", "F55", "X1"))
def test_node_routes_every_other_nodes_blocks(node: NodeCase) -> Verdict:
    """The node has a route to every IPAM block of every other node, via that node, and traffic takes it.

    Programmed by whoever the configuration says, in the shape of expect/ways.py: `proto bird` with the next hop that
    BIRD resolves, or Felix's by the tunnel or the parent interface. BIRD's metric is what the announcing node's release
    and session make of it (bgp_processor.go:239-252): any is right.
    """
    wanted = remote_blocks(node.world, node.name, node.cluster.reachable)
    return _routes(node, wanted, "no other node owns an IPAM block")


@check(faults=("F34", "F51"))
def test_borrowed_addresses_lead_to_their_borrowers(node: NodeCase) -> Verdict:
    """Every address that another node has borrowed is routed, as a host prefix, to that node: on the block's owner too.

    Without it the block's route takes the traffic to the block's owner, whose blackhole drops it.
    """
    wanted = remote_borrowed(node.world, node.name, node.cluster.reachable)
    return _routes(node, wanted, "no other node has borrowed an address")


def _routes(node: NodeCase, wanted: Iterable[Destination], none: str) -> Verdict:
    unread = node.unread("routes", "rules", "addresses")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"routes, rules or addresses could not be read: {unread}"),))
    by_prefix: dict[str, list[net.Route]] = {}
    for route in node.facts.host.routes:
        if route.table == net.MAIN:
            by_prefix.setdefault(route.dst, []).append(route)
    verdict = Verdict()
    for destination in wanted:
        if destination.unknown:
            verdict += Verdict(inapplicable=(Gap(destination.prefix, destination.unknown),))
        else:
            verdict += _one(node, destination, by_prefix.get(destination.prefix, []))
    return verdict if verdict != Verdict() else Verdict(inapplicable=(Gap(node.name, none),))


def _one(node: NodeCase, destination: Destination, found: list[net.Route]) -> Verdict:
    best = min(found, key=lambda route: route.metric, default=None)
    if destination.optional and (best is None or _in_flux(node, destination)):
        return Verdict(examined=1)
    if best is None and _withdrawn(node, destination):
        reason = f"{destination.node} or {node.name} is not Ready, and no session joins them: BGP has withdrawn it"
        return Verdict(inapplicable=(Gap(destination.prefix, reason),))
    if best is None:
        return Verdict(1) if _by_fabric(node, destination) else Verdict(1, (_missing(node, destination),))
    faults = min((list(_faults(node, way, best)) for way in destination.ways), key=_weight)
    faults += [
        (f"a second route to it: {net.describe_route(route)}", Severity.WRONG)
        for route in found
        if route is not best and hops_of(route) != hops_of(best) and not _second_owners(node, destination, route)
    ]
    if not faults:
        return _diverted(node, destination, best)
    reasons = ", ".join(reason for reason, _ in faults)
    found_text = f"{net.describe_route(best)} ({reasons})"
    by = "BIRD" if all(route.protocol == net.PROTO_BIRD for route in found) else None
    look, severity = node.show_routes(destination.prefix), worst(level for _, level in faults)
    state = "unresolved" if best.type == net.UNREACHABLE else None
    return Verdict(1, (_difference(node, destination, Kind.DIFFERENT, found_text, look, severity, by=by, state=state),))


def _in_flux(node: NodeCase, destination: Destination) -> bool:
    """Whether the prefix changed hands while one looked: then its route may already lead elsewhere."""
    flux = node.world.flux
    moved = destination.prefix in flux.blocks or ip.bare(destination.prefix) in flux.addresses
    return moved or destination.node in flux.nodes


def _second_owners(node: NodeCase, destination: Destination, route: net.Route) -> bool:
    """Whether it is the right route of one of two programmers: that there are two is another check's one finding."""
    ways = destination.ways if len(destination.ownership.owners) > 1 else ()
    return any(not list(_faults(node, way, route)) for way in ways)


def _withdrawn(node: NodeCase, destination: Destination) -> bool:
    """Whether BIRD takes a route away rightly: one of the two nodes is not Ready, and with its session the route ends
    when the hold time is over (calico-state §4.7). The session itself is another check's."""
    other, family = node.world.nodes[destination.node], ip.family(destination.prefix)
    if (other.ready and node.node.ready) or destination.ownership.owners != frozenset({Owner.BIRD}):
        return False
    bird, peer = node.facts.bird(family), bgp_address(other, family)
    return not any(
        peer and protocol.neighbor == ip.bare(peer) and protocol.info.startswith("Established")
        for protocol in (bird.protocols if bird else ())
    )


def _by_fabric(node: NodeCase, destination: Destination) -> bool:
    """Whether a route that an external speaker announces covers the prefix: an aggregate, or a default route, may stand
    for the single blocks (calico-state §4.7)."""
    if not all(way.external for way in destination.ways):
        return False
    announced = {route.dst for route in node.facts.host.routes if _announced(route)}
    won = [node.fib.lookup(Flow(point)) for point in node.fib.points(destination.prefix)]
    return all(route and route.type == net.UNICAST and route.dst in announced for route in won)


def _announced(route: net.Route) -> bool:
    return route.type == net.UNICAST and route.protocol == net.PROTO_BIRD and route.table == net.MAIN


def _weight(faults: list[Fault]) -> tuple[bool, int]:
    """So that of several ways that are right the one is meant that the route comes nearest to."""
    return any(level is Severity.BROKEN for _, level in faults), len(faults)


def _missing(node: NodeCase, destination: Destination) -> Difference:
    won = node.fib.lookup(next(flows_to(node, ip.bare(destination.prefix))))
    found = f"no route to it; packets take {net.describe_route(won) if won else 'no route at all'}"
    look = node.on(f"ip route get {ip.bare(destination.prefix)}")
    return _difference(node, destination, Kind.MISSING, found, look, Severity.BROKEN, _likely(node, destination))


def _likely(node: NodeCase, destination: Destination) -> str:
    """For the engineer's next step: what BIRD says of its session to the owner, or where Felix would say why."""
    if destination.ownership.owners != frozenset({Owner.BIRD}):
        return f"Felix on {node.name} has not programmed it: see the log of its calico-node pod"
    bird = node.facts.bird(ip.family(destination.prefix))
    if bird is not None and not bird.running:
        return "BIRD does not answer on this node"
    peer = bgp_address(node.world.nodes[destination.node], ip.family(destination.prefix))
    for protocol in bird.protocols if bird else ():
        if peer and protocol.neighbor == ip.bare(peer) and not protocol.info.startswith("Established"):
            return f"the BGP session to {destination.node} is not established ({protocol.state} {protocol.info})"
    return f"{destination.node} does not announce it, or a filter keeps it from this kernel"


def _faults(node: NodeCase, way: Way, route: net.Route) -> Iterator[Fault]:
    if route.type != net.UNICAST:
        reason = "BIRD cannot resolve the next hop" if route.type == net.UNREACHABLE else "not a unicast route"
        yield reason, Severity.BROKEN
        return
    if route.tos or route.src:
        yield "only for some packets (tos or source)", Severity.BROKEN
    if unusable(route):
        yield "its next hop is dead", Severity.BROKEN
    if any(hop.encap for hop in route.hops):
        yield "packets by it get a header of the route's own (encap)", Severity.BROKEN
    yield from _astray(node, way, route)
    if route.protocol not in way.protocols:
        yield f"proto {net.protocol_name(route.protocol)}: not {way.owner}'s", Severity.WRONG
    if way.metrics is not None and route.metric not in way.metrics:
        yield f"metric {route.metric}, expected {min(way.metrics) or 'none'}", Severity.WRONG
    yield from _extras(node, way, route)


def _astray(node: NodeCase, way: Way, route: net.Route) -> Iterator[Fault]:
    """Next hops that are not the way. Where a speaker of another AS may stand between, any is but one: another node of
    the cluster that passes on nothing of this one."""
    right = expected_hops(node, way)
    name = _name(node, way)
    if right and hops_of(route) not in right:
        yield _ASTRAY[way.by].format(name=name, target=way.target), Severity.BROKEN
    if not way.external:
        return
    for gateway, _ in sorted(hops_of(route), key=str):
        through = node.world.node_addresses.get(gateway or "")
        if through not in {None, name} and not may_pass_on(node.world, node.name, str(through), name, way.target):
            yield f"{gateway} is node {through}, not {name}, and no BGP session makes it the way there", Severity.BROKEN


def _extras(node: NodeCase, way: Way, route: net.Route) -> Iterator[Fault]:
    """A source or an MTU that its programmer would not set: Felix's are configured, BIRD has none."""
    felix = way.owner is Owner.FELIX
    name = "deviceRouteSourceAddress" if ip.family(route.dst) == 4 else "deviceRouteSourceAddressIPv6"
    source = node.world.felix(node.name, name) if felix else None
    if route.prefsrc != (source or None):
        yield f"source {route.prefsrc or 'none'}, expected {source or 'none'}", Severity.WRONG
    device = next((node.facts.host.link(hop.dev) for hop in route.hops), None)
    tunnel_mtu = device.mtu if device and felix and way.by is By.TUNNEL else None
    bpf = node.world.felix(node.name, "bpfEnabled") is True  # leaves the device's MTU alone (int_dataplane.go:909-912)
    if route.mtu is not None and route.mtu != tunnel_mtu and not (bpf and tunnel_mtu):
        yield f"mtu {route.mtu}, expected {tunnel_mtu or 'none'}", Severity.WRONG
    if route.hop_limit is not None:
        yield f"hoplimit {route.hop_limit}, expected none", Severity.WRONG


def _name(node: NodeCase, way: Way) -> str:
    return node.world.node_addresses.get(way.target, way.target)


def _diverted(node: NodeCase, destination: Destination, best: net.Route) -> Verdict:
    """Whether the local table or a rule's takes the prefix's traffic, or a part of it; more specific routes, and other
    ones inside a pool, are the leftovers' subject."""
    family = ip.family(destination.prefix)
    wide = node.fib.taken_locally(destination.prefix)
    if wide is not None and not of_interest(node, wide):
        found = f"{net.describe_route(best)} (the local table is asked first: {net.describe_route(wide)})"
        look = node.on(f"ip -{family} route show table local; ip route get {ip.bare(destination.prefix)}")
        return Verdict(1, (_difference(node, destination, Kind.DIFFERENT, found, look, Severity.BROKEN),))
    if node.fib.plain(family):
        return Verdict(examined=1)
    flows = [flow for point in node.fib.points(destination.prefix) for flow in flows_to(node, point)]
    for flow in flows:
        won = node.fib.lookup(flow)
        if won is not None and (won.table in {net.MAIN, net.LOCAL} or _wireguard(won)):
            continue
        source = f" from {flow.src}" if flow.src and flow.iif is None else ""
        taken = f"a rule takes packets{source} to {flow.dst} to {net.describe_route(won)}" if won else ""
        found = f"{net.describe_route(best)} ({taken or f'no rule leads packets to {flow.dst} to a route'})"
        look = node.on(f"ip -{family} rule; ip route get {flow.dst}")
        rules = deciding(node, [flow])
        return Verdict(1, (_difference(node, destination, Kind.DIFFERENT, found, look, Severity.BROKEN, rules=rules),))
    astray = [one for one in detours(node, flows) if one.route is None or not _wireguard(one.route)]
    if not astray:
        return Verdict(examined=1)
    found = f"{net.describe_route(best)} ({', '.join(one.text for one in astray)})"
    severity, rules = worst(one.severity for one in astray), [str(one.rule.priority) for one in astray]
    look = show_rules(node, astray)
    return Verdict(1, (_difference(node, destination, Kind.DIFFERENT, found, look, severity, rules=rules),))


def _wireguard(route: net.Route) -> bool:
    """Felix's own table for encrypted traffic (wireguard.go:1086-1155)."""
    return bool(route.hops) and all(hop.dev in {"wireguard.cali", "wg-v6.cali"} for hop in route.hops)


def _difference(
    node: NodeCase,
    destination: Destination,
    kind: Kind,
    found: str,
    look: str,
    severity: Severity,
    likely: str = "",
    by: str | None = None,
    rules: Sequence[str] = (),
    state: str | None = None,
) -> Difference:
    shapes = " or ".join(_shape(node, destination.prefix, way) for way in destination.ways)
    return Difference(
        kind=kind,
        object=destination.prefix,
        expected=shapes,
        because=("its route in the main table is right, and a rule comes before it; " if rules else "")
        + f"{destination.because}; {destination.because_of_pool}; {destination.ownership.because}",
        found=found,
        look=look,
        severity=severity,
        likely=likely,
        about=_about(node, destination, by, rules, state),
    )


def _about(
    node: NodeCase, destination: Destination, by: str | None, rules: Iterable[str], state: str | None
) -> tuple[str, ...]:
    block = node.world.block_of(ip.bare(destination.prefix))
    return about(
        node=destination.node,
        block=block.cidr if block else None,
        owner=destination.ownership.owners,
        encap=route_class(destination.pool),
        device=[device for way in destination.ways for device in way.devices],
        family=str(ip.family(destination.prefix)),
        by=by,
        rule=rules,
        state=state,
    )


def _shape(node: NodeCase, prefix: str, way: Way) -> str:
    for hops in expected_hops(node, way):
        via = " ".join(f"{f'via {gateway} ' if gateway else ''}dev {dev}" for gateway, dev in sorted(hops, key=str))
        return f"{prefix} {via} proto {way.protocol}"
    return f"{prefix} via {_name(node, way)} proto {way.protocol}"

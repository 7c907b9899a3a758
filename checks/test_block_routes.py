"""The node's routes to the blocks of the others, and to borrowed addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.flows import flows_to
from checks.hops import expected_hops, hops_of, unusable
from expect.cluster_routes import Destination, bgp_address, remote_blocks, remote_borrowed
from expect.fib import Flow
from expect.ownership import Owner
from expect.ways import By, Way
from expect.world import route_class
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from checks.cases import NodeCase

Fault = tuple[str, Severity]


@check(faults=("F37", "F39", "F40", "F43", "F44", "F45", "F46", "F47", "F53", "F55"))
def test_node_routes_every_other_nodes_blocks(node: NodeCase) -> Verdict:
    """The node has a route to every IPAM block of every other node, via that node, and traffic takes it.

    Programmed by whoever the configuration says, in the shape of expect/ways.py: `proto bird` with the next hop that
    BIRD resolves, or Felix's by the tunnel or the parent interface. BIRD's metric is what the announcing node's release
    and session make of it (bgp_processor.go:239-252): any is right.
    """
    wanted = remote_blocks(node.world, node.name, node.cluster.observed)
    return _routes(node, wanted, "no other node owns an IPAM block")


@check(faults=("F34", "F51"))
def test_borrowed_addresses_lead_to_their_borrowers(node: NodeCase) -> Verdict:
    """Every address that another node has borrowed is routed, as a host prefix, to that node: on the block's owner too.

    Without it the block's route takes the traffic to the block's owner, whose blackhole drops it.
    """
    wanted = remote_borrowed(node.world, node.name, node.cluster.observed)
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
    if best is None:
        return Verdict(1) if _by_fabric(node, destination) else Verdict(1, (_missing(node, destination),))
    faults = min((list(_faults(node, way, best)) for way in destination.ways), key=_weight)
    faults += [
        (f"a second route to it: {net.describe_route(route)}", Severity.WRONG)
        for route in found
        if route is not best and hops_of(route) != hops_of(best)
    ]
    if not faults:
        faults = list(_diverted(node, destination))
    if not faults:
        return Verdict(examined=1)
    severity = Severity.BROKEN if any(level is Severity.BROKEN for _, level in faults) else Severity.WRONG
    reasons = ", ".join(reason for reason, _ in faults)
    found_text = f"{net.describe_route(best)} ({reasons})"
    by = "BIRD" if best.protocol == net.PROTO_BIRD else None
    return Verdict(1, (_difference(node, destination, Kind.DIFFERENT, found_text, severity, by=by),))


def _in_flux(node: NodeCase, destination: Destination) -> bool:
    """Whether the prefix changed hands while one looked: then its route may already lead elsewhere."""
    flux = node.world.flux
    moved = destination.prefix in flux.blocks or ip.bare(destination.prefix) in flux.addresses
    return moved or destination.node in flux.nodes


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
    return _difference(node, destination, Kind.MISSING, found, Severity.BROKEN, _likely(node, destination))


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
    right = expected_hops(node, way)
    if right and hops_of(route) not in right:
        yield f"does not lead to {_name(node, way)} by {way.by}", Severity.BROKEN
    if route.protocol not in way.protocols:
        yield f"proto {net.protocol_name(route.protocol)}: not {way.owner}'s", Severity.WRONG
    if way.metrics is not None and route.metric not in way.metrics:
        yield f"metric {route.metric}", Severity.WRONG
    yield from _extras(node, way, route)


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


def _name(node: NodeCase, way: Way) -> str:
    return node.world.node_addresses.get(way.target, way.target)


def _diverted(node: NodeCase, destination: Destination) -> Iterator[Fault]:
    """Whether a rule sends the prefix's traffic to another table; more specific routes are the leftovers' subject."""
    if node.fib.plain(ip.family(destination.prefix)):
        return
    for point in node.fib.points(destination.prefix):
        for flow in flows_to(node, point):
            won = node.fib.lookup(flow)
            if won is None:
                yield f"no rule leads packets to {point} to a route", Severity.BROKEN
                return
            if won.table not in {net.MAIN, net.LOCAL} and not _wireguard(won):
                yield f"a rule takes packets to {point} to {net.describe_route(won)}", Severity.BROKEN
                return


def _wireguard(route: net.Route) -> bool:
    """Felix's own table for encrypted traffic (wireguard.go:1086-1155)."""
    return bool(route.hops) and all(hop.dev in {"wireguard.cali", "wg-v6.cali"} for hop in route.hops)


def _difference(
    node: NodeCase,
    destination: Destination,
    kind: Kind,
    found: str,
    severity: Severity,
    likely: str = "",
    by: str | None = None,
) -> Difference:
    shapes = " or ".join(_shape(node, destination.prefix, way) for way in destination.ways)
    return Difference(
        kind=kind,
        object=destination.prefix,
        expected=shapes,
        because=f"{destination.because}; {_pool(destination)}; {destination.ownership.because}",
        found=found,
        look=node.on(f"ip route get {ip.bare(destination.prefix)}"),
        severity=severity,
        likely=likely,
        about=_about(node, destination, by),
    )


def _about(node: NodeCase, destination: Destination, by: str | None) -> tuple[str, ...]:
    block = node.world.block_of(ip.bare(destination.prefix))
    return about(
        node=destination.node,
        block=block.cidr if block else None,
        owner=destination.ownership.owners,
        encap=route_class(destination.pool),
        device=[device for way in destination.ways for device in way.devices],
        family=str(ip.family(destination.prefix)),
        by=by,
    )


def _shape(node: NodeCase, prefix: str, way: Way) -> str:
    for hops in expected_hops(node, way):
        via = " ".join(f"{f'via {gateway} ' if gateway else ''}dev {dev}" for gateway, dev in sorted(hops, key=str))
        return f"{prefix} {via} proto {way.protocol}"
    return f"{prefix} via {_name(node, way)} proto {way.protocol}"


def _pool(destination: Destination) -> str:
    pool = destination.pool
    if pool is None:
        return "no IPPool contains it"
    modes = [f"{name} {mode}" for name, mode in (("ipipMode", pool.ipip_mode), ("vxlanMode", pool.vxlan_mode))]
    return f"IPPool {pool.name} has {' and '.join(mode for mode in modes if 'Never' not in mode) or 'no encapsulation'}"

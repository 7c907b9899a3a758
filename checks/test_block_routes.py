"""The node's routes to the blocks of the others, and to borrowed addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.flows import flows_to, uplink
from checks.scope import not_judged
from expect.cluster_routes import Destination, bgp_address, remote_blocks, remote_borrowed
from expect.fib import Flow
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from checks.cases import NodeCase


@check(faults=("F37", "F39", "F40", "F43", "F44", "F46", "F55"))
def test_node_routes_every_other_nodes_blocks(node: NodeCase) -> Verdict:
    """The node has a route to every IPAM block of every other node, via that node, and traffic takes it.

    `proto bird` with the owner's address as its only next hop where both are in one subnet, else the same way as to the
    owner itself. Any metric: it is what the announcing node's release and session make of it
    (bgp_processor.go:239-252).
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
        gap = _outside(node, destination)
        if gap:
            verdict += Verdict(inapplicable=(gap,))
        else:
            verdict += _one(node, destination, by_prefix.get(destination.prefix, []))
    return verdict if verdict != Verdict() else Verdict(inapplicable=(Gap(node.name, none),))


def _outside(node: NodeCase, destination: Destination) -> Gap | None:
    gap = not_judged(destination.ownership, destination.pool, destination.prefix)
    if gap:
        return gap
    if bgp_address(node.node, ip.family(destination.prefix)) is None:
        return Gap(destination.prefix, f"node {node.name} has no BGP address: BIRD learns nothing there")
    return None


def _one(node: NodeCase, destination: Destination, found: list[net.Route]) -> Verdict:
    best = min(found, key=lambda route: route.metric, default=None)
    if best is None:
        return Verdict(1) if destination.optional else Verdict(1, (_missing(node, destination),))
    faults = list(_faults(node, destination, best))
    faults += [
        (f"a second route to it: {net.describe_route(route)}", Severity.WRONG)
        for route in found
        if route is not best and _hops(route) != _hops(best)
    ]
    if not faults:
        faults = list(_diverted(node, destination))
    if not faults:
        return Verdict(examined=1)
    severity = Severity.BROKEN if any(level is Severity.BROKEN for _, level in faults) else Severity.WRONG
    reasons = ", ".join(reason for reason, _ in faults)
    difference = _difference(node, destination, Kind.DIFFERENT, f"{net.describe_route(best)} ({reasons})", severity)
    return Verdict(1, (difference,))


def _missing(node: NodeCase, destination: Destination) -> Difference:
    won = node.fib.lookup(next(flows_to(node, ip.bare(destination.prefix))))
    found = f"no route to it; packets take {net.describe_route(won) if won else 'no route at all'}"
    return _difference(node, destination, Kind.MISSING, found, Severity.BROKEN, _session(node, destination))


def _session(node: NodeCase, destination: Destination) -> str:
    """What BIRD says of its session to the owner, for the engineer's next step."""
    bird = node.facts.bird(ip.family(destination.prefix))
    if bird is not None and not bird.running:
        return "BIRD does not answer on this node"
    peer = bgp_address(node.world.nodes[destination.node], ip.family(destination.prefix))
    for protocol in bird.protocols if bird else ():
        if peer and protocol.neighbor == ip.bare(peer) and not protocol.info.startswith("Established"):
            return f"the BGP session to {destination.node} is not established ({protocol.state} {protocol.info})"
    return f"{destination.node} does not announce it, or a filter keeps it from this kernel"


def _hops(route: net.Route) -> frozenset[tuple[str | None, str]]:
    return frozenset((hop.gateway, hop.dev) for hop in route.hops)


def _faults(node: NodeCase, destination: Destination, route: net.Route) -> Iterator[tuple[str, Severity]]:
    if route.type != net.UNICAST:
        reason = "BIRD cannot resolve the next hop" if route.type == net.UNREACHABLE else "not a unicast route"
        yield reason, Severity.BROKEN
        return
    if route.tos or route.src:
        yield "only for some packets (tos or source)", Severity.BROKEN
    if any(hop.flags & (net.HOP_DEAD | net.HOP_LINKDOWN) for hop in route.hops):
        yield "its next hop is dead", Severity.BROKEN
    way = _way(node, destination)
    if way is not None and _hops(route) != way:
        yield f"does not lead to {destination.node}", Severity.BROKEN
    if route.prefsrc or route.mtu is not None:
        yield "with a source or an mtu that BIRD does not set", Severity.WRONG
    if route.protocol != net.PROTO_BIRD:
        yield f"proto {net.protocol_name(route.protocol)}: not BIRD's", Severity.WRONG


def _way(node: NodeCase, destination: Destination) -> frozenset[tuple[str | None, str]] | None:
    """The hops that lead to the other node: itself in one subnet (by the configured mask), else the node's way to
    it."""
    if destination.next_hop is None:
        return None
    own = bgp_address(node.node, ip.family(destination.prefix))
    device = uplink(node, ip.family(destination.prefix))
    if own and device and ip.contains(ip.canonical(own), destination.next_hop):
        return frozenset({(destination.next_hop, device)})
    route = node.fib.lookup(Flow(destination.next_hop))
    if route is None or not route.hops:
        return None
    return frozenset((hop.gateway or destination.next_hop, hop.dev) for hop in route.hops)


def _diverted(node: NodeCase, destination: Destination) -> Iterator[tuple[str, Severity]]:
    """Whether a rule sends the prefix's traffic to another table; more specific routes are the leftovers' subject."""
    if node.fib.plain(ip.family(destination.prefix)):
        return
    for point in node.fib.points(destination.prefix):
        for flow in flows_to(node, point):
            won = node.fib.lookup(flow)
            if won is not None and won.table not in {net.MAIN, net.LOCAL}:
                yield f"a rule takes packets to {point} to {net.describe_route(won)}", Severity.BROKEN
                return


def _difference(
    node: NodeCase, destination: Destination, kind: Kind, found: str, severity: Severity, likely: str = ""
) -> Difference:
    way = _way(node, destination)
    via = " ".join(f"via {gateway} dev {dev}" for gateway, dev in sorted(way or (), key=str))
    return Difference(
        kind=kind,
        object=destination.prefix,
        expected=f"{destination.prefix} {via or 'via ' + destination.node} proto bird",
        because=f"{destination.because}; {_pool(destination)}; {destination.ownership.because}",
        found=found,
        look=node.on(f"ip route get {ip.bare(destination.prefix)}"),
        severity=severity,
        likely=likely,
    )


def _pool(destination: Destination) -> str:
    return f"IPPool {destination.pool.name} has no encapsulation" if destination.pool else "no IPPool contains it"

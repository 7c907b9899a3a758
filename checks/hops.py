"""The next hops that a way means on one node, and those that a route has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.flows import uplink
from expect.fib import Flow
from expect.ways import By, Way
from model import ip, net

if TYPE_CHECKING:
    from checks.cases import NodeCase

_SINKS = frozenset({"dummy", "ifb"})  # kinds of interfaces that send nothing to anybody
Hops = frozenset[tuple[str | None, str]]


def hops_of(route: net.Route) -> Hops:
    """Gateway and interface of each next hop."""
    return frozenset((hop.gateway, hop.dev) for hop in route.hops)


def unusable(route: net.Route) -> bool:
    """Whether one of its next hops is marked dead."""
    return any(hop.flags & (net.HOP_DEAD | net.HOP_LINKDOWN) for hop in route.hops)


def dead(hop: net.Hop, link: net.Link | None) -> str | None:
    """Why nothing that is sent by a next hop arrives anywhere; None where it may, and where the interface is not
    known."""
    if link is None:
        return None
    if not link.up:
        return f"{hop.dev} is down"
    if not link.carrier:
        return f"{hop.dev} has no carrier"
    if link.kind in _SINKS or link.name == "lo":
        return f"{hop.dev} leads nowhere"
    return None


def expected_hops(node: NodeCase, way: Way) -> tuple[Hops, ...]:
    """The sets of next hops that are right; none where it cannot be said (an external speaker, no way to the node)."""
    if way.external:
        return ()
    if way.by is By.TUNNEL:
        direct = tuple(frozenset({(way.gateway, device)}) for device in way.devices)
        # A tunnel's own address may be routed by the tunnel as on-link: a borrowed one, or one of a /32 block
        # (vxlan_mgr.go:266-276). Nobody answers there for a pod's.
        endpoint = ip.is_host_prefix(way.prefix) and ip.bare(way.prefix) in node.world.tunnel_addresses
        single = way.devices if endpoint else ()
        return (*direct, *(frozenset({(None, device)}) for device in single))
    device = uplink(node, ip.family(way.target))
    if device is not None and way.by is By.NODE:
        return (frozenset({(way.target, device)}),)
    return hops_to(node, way.target)


def hops_to(node: NodeCase, target: str) -> tuple[Hops, ...]:
    """The way to another node's address: directly in one subnet by the configured mask, else as its packets go."""
    device = uplink(node, ip.family(target))
    if device is not None and node.world.same_subnet(node.name, target):
        return (frozenset({(target, device)}),)
    return _routed(node, target)


def _routed(node: NodeCase, target: str) -> tuple[Hops, ...]:
    route = node.fib.lookup(Flow(target))
    if route is None or not route.hops:
        return ()
    return (frozenset((hop.gateway or target, hop.dev) for hop in route.hops),)

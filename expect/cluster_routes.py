"""What a node must route to the other nodes, and blackhole for itself (calico-state §4, §10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from expect.filters import withheld
from expect.ownership import Owner, Ownership, RouteClass
from expect.ways import Way, felix_protocols, ways
from expect.world import route_class
from model import ip, net
from model.cluster import IPPool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expect.index import Block
    from expect.world import World
    from model.cluster import Node


class Destination(msgspec.Struct, frozen=True):
    """A prefix that a node must reach by another one, and every way that is right.

    `optional` says why its absence would be no fault, "" if it would. Without any way nobody can say where the route
    should lead: then `unknown` says why.
    """

    prefix: str
    node: str
    because: str
    ownership: Ownership
    ways: tuple[Way, ...]
    pool: IPPool | None
    optional: str = ""
    unknown: str = ""

    @property
    def because_of_pool(self) -> str:
        """The pool's mode, for messages."""
        pool = self.pool
        if pool is None:
            return "no IPPool contains it"
        modes = [f"{name} {mode}" for name, mode in (("ipipMode", pool.ipip_mode), ("vxlanMode", pool.vxlan_mode))]
        told = " and ".join(mode for mode in modes if "Never" not in mode)
        return f"IPPool {pool.name} has {told or 'no encapsulation'}"


def bgp_address(node: Node, family: int) -> str | None:
    """The node's BGP address of a family with its length: what BIRD peers with and announces."""
    return node.bgp_ipv4 if family == 4 else node.bgp_ipv6


def remote_blocks(world: World, me: str, observed: frozenset[str]) -> Iterator[Destination]:
    """Every live block that another existing node owns."""
    for block in world.blocks.values():
        if block.node and block.node != me and block.node in world.nodes:
            yield _destination(world, me, observed, block.cidr, block.node, block, block.because)


def remote_borrowed(world: World, me: str, observed: frozenset[str]) -> Iterator[Destination]:
    """Every address that another existing node has borrowed, of whose block ever, this node's own included."""
    for item in world.borrowed.values():
        if item.borrower == me or item.borrower not in world.nodes:
            continue
        live = world.pods_by_address.get(item.address) or item.allocation.type
        optional = "" if live else "no live pod has it: nothing announces it"
        if item.address in world.flux.addresses:
            optional = "its pod came or went while it was looked at"
        prefix = ip.host_prefix(item.address)
        yield _destination(world, me, observed, prefix, item.borrower, item.block, item.because, optional)


def _destination(
    world: World,
    me: str,
    observed: frozenset[str],
    prefix: str,
    node: str,
    block: Block,
    because: str,
    optional: str = "",
) -> Destination:
    other = world.nodes[node]
    ownership = world.owner(block.pool, me)
    found = ways(world, me, other, prefix, block.pool)
    return Destination(
        prefix=prefix,
        node=node,
        because=because,
        ownership=ownership,
        ways=found,
        pool=block.pool,
        optional=optional or _optional(world, me, block, prefix, other, ownership, observed),
        unknown="" if found else _unknown(world, me, block.pool, ownership, other, prefix),
    )


def _unknown(world: World, me: str, pool: IPPool | None, ownership: Ownership, other: Node, prefix: str) -> str:
    if not ownership.owners:
        return f"nobody programs it: {ownership.because}"
    if route_class(pool) is RouteClass.VXLAN and world.felix_address(other, ip.family(prefix)):
        return f"node {other.name} has no VXLAN tunnel address, which another check reports"
    return f"node {other.name} has no address that {' or '.join(sorted(ownership.owners))} on {me} knows it by"


def _optional(
    world: World, me: str, block: Block, prefix: str, other: Node, ownership: Ownership, observed: frozenset[str]
) -> str:
    """Why the route's absence would be no fault: first what holds for anybody, then what holds for BIRD alone."""
    if not block.settled:
        return "its affinity is being claimed or released"
    if other.name in world.flux.nodes:
        return f"node {other.name} changed while it was looked at"
    if ownership.owners != frozenset({Owner.BIRD}):
        return _felix_optional(world, me, ownership)
    if bgp_address(world.nodes[me], ip.family(prefix)) is None:
        return f"node {me} has no BGP address: BIRD learns nothing there"
    if block.pool and block.pool.disable_bgp_export:
        return f"IPPool {block.pool.name} has disableBGPExport"
    if other.name not in observed:
        return f"node {other.name} could not be observed: it may not be announcing"
    if ip.is_host_prefix(block.cidr) and ip.bare(block.cidr) not in world.allocations:
        return "nothing uses this single-address block: its node announces nothing"
    if world.wireguard_between(me, other.name, ip.family(prefix)):
        return "WireGuard carries the traffic between the two nodes"
    return withheld(world, me, other.name, prefix)


def _felix_optional(world: World, me: str, ownership: Ownership) -> str:
    if len(ownership.owners) > 1:
        return "both Felix and BIRD program it, which another check reports"
    if world.felix(me, "routeSource") == "WorkloadIPs":
        return "FelixConfiguration routeSource is WorkloadIPs: Felix routes pods one by one"
    return ""


class Blackhole(msgspec.Struct, frozen=True):
    """A block that its own node must blackhole; `optional` as in Destination; `protocols` are its programmers'
    marks."""

    prefix: str
    because: str
    ownership: Ownership
    pool: IPPool | None
    protocols: frozenset[int]
    optional: str = ""


def own_blackholes(world: World, me: str) -> Iterator[Blackhole]:
    """One for every block that the node owns, used or not; none for single-address blocks (bird_aggr.cfg.template)."""
    for block in world.blocks_by_node.get(me, ()):
        ownership = world.owner(block.pool, me)
        if ip.is_host_prefix(block.cidr) or not ownership.owners:
            continue
        yield Blackhole(
            prefix=block.cidr,
            because=f"{block.because}; {ownership.because}",
            ownership=ownership,
            pool=block.pool,
            protocols=frozenset({net.PROTO_BIRD}) | felix_protocols(world, me),
            optional=_blackhole_optional(world, me, block, ownership),
        )


def _blackhole_optional(world: World, me: str, block: Block, ownership: Ownership) -> str:
    if not block.settled:
        return "its affinity is being claimed or released"
    if Owner.FELIX in ownership.owners and world.felix(me, "routeSource") == "WorkloadIPs":
        return "FelixConfiguration routeSource is WorkloadIPs: Felix sees no blocks"
    if ownership.owners == frozenset({Owner.BIRD}) and ip.family(block.cidr) == 4 and not world.nodes[me].bgp_ipv4:
        return "the node has no BGP address, which another check reports"
    return ""

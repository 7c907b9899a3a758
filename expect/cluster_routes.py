"""What a node must route to the other nodes, and blackhole for itself (calico-state §4, §10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from expect.ownership import Ownership
from model import ip
from model.cluster import IPPool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expect.world import Block, World
    from model.cluster import Node

DEFAULT_AS = "64512"  # BGPConfiguration asNumber


class Destination(msgspec.Struct, frozen=True):
    """A prefix that a node must reach by another one. `optional` says why its absence would be no fault, "" if it
    would.

    `next_hop` is the address that the route must lead to: the other node's BGP address; None where another speaker
    (another AS, a top-of-rack switch) may stand between.
    """

    prefix: str
    node: str
    because: str
    ownership: Ownership
    pool: IPPool | None
    borrowed: bool
    optional: str = ""
    next_hop: str | None = None


def bgp_address(node: Node, family: int) -> str | None:
    """The node's BGP address of a family with its length: what BIRD peers with and announces."""
    return node.bgp_ipv4 if family == 4 else node.bgp_ipv6


def remote_blocks(world: World, me: str, observed: frozenset[str]) -> Iterator[Destination]:
    """Every live block that another existing node owns."""
    for block in world.blocks.values():
        if block.node and block.node != me and block.node in world.nodes:
            unused = ip.is_host_prefix(block.cidr) and block.cidr.partition("/")[0] not in world.allocations
            optional = "nothing uses this single-address block" if unused else ""
            yield _destination(world, me, observed, block.cidr, block.node, block, block.because, optional)


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
        yield _destination(
            world, me, observed, prefix, item.borrower, item.block, item.because, optional, borrowed=True
        )


def _destination(
    world: World,
    me: str,
    observed: frozenset[str],
    prefix: str,
    node: str,
    block: Block,
    because: str,
    optional: str,
    *,
    borrowed: bool = False,
) -> Destination:
    family = ip.family(prefix)
    other = world.nodes[node]
    address = bgp_address(other, family)
    if not optional:
        optional = _optional(world, block, other, observed, has_address=address is not None)
    return Destination(
        prefix=prefix,
        node=node,
        because=because,
        ownership=world.owner(block.pool, me),
        pool=block.pool,
        borrowed=borrowed,
        optional=optional,
        next_hop=ip.bare(address) if address and _same_as(world, me, node) else None,
    )


def _optional(world: World, block: Block, other: Node, observed: frozenset[str], *, has_address: bool) -> str:
    if not block.settled:
        return "its affinity is being claimed or released"
    if other.name in world.flux.nodes:
        return f"node {other.name} changed while it was looked at"
    if not has_address:
        return f"node {other.name} has no BGP address (annotation projectcalico.org/IPv4Address): it announces nothing"
    if block.pool and block.pool.disable_bgp_export:
        return f"IPPool {block.pool.name} has disableBGPExport"
    if other.name not in observed:
        return f"node {other.name} could not be observed: it may not be announcing"
    return ""


def _same_as(world: World, one: str, other: str) -> bool:
    """Whether two nodes speak iBGP, which keeps the next hop; the default AS is BGPConfiguration's."""
    default = str(world.bgp("asNumber") or DEFAULT_AS)
    numbers = {world.nodes[name].as_number or default for name in (one, other) if name in world.nodes}
    return len(numbers) == 1 and not _external_peers(world, default)


def _external_peers(world: World, default: str) -> bool:
    return any(str(peer.get("asNumber") or default) != default for peer in world.cluster.peers)


class Blackhole(msgspec.Struct, frozen=True):
    """A block that its own node must blackhole; `optional` as in Destination."""

    prefix: str
    because: str
    ownership: Ownership
    pool: IPPool | None
    optional: str = ""


def own_blackholes(world: World, me: str) -> Iterator[Blackhole]:
    """One for every block that the node owns, used or not; none for single-address blocks (bird_aggr.cfg.template)."""
    for block in world.blocks_by_node.get(me, ()):
        if ip.is_host_prefix(block.cidr):
            continue
        ownership = world.owner(block.pool, me)
        yield Blackhole(
            prefix=block.cidr,
            because=f"{block.because}; {ownership.because}",
            ownership=ownership,
            pool=block.pool,
            optional="" if block.settled else "its affinity is being claimed or released",
        )

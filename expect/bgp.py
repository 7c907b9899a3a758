"""The BGP sessions that a node must have (calico-state §6): with the node-to-node mesh, one to every other node in
BGP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from expect.cluster_routes import bgp_address
from expect.ownership import Owner
from model import ip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expect.world import World


class Peer(msgspec.Struct, frozen=True):
    """One session: to which address, of which node, and why."""

    address: str
    node: str
    because: str


def mesh_enabled(world: World) -> bool:
    """BGPConfiguration default nodeToNodeMeshEnabled, true if unset."""
    return world.bgp("nodeToNodeMeshEnabled") is not False


def mesh_peers(world: World, me: str, family: int) -> Iterator[Peer]:
    """The mesh peers of a node: all nodes with a BGP address that are no route reflectors
    (bgp_processor.go:296-300)."""
    mine = world.nodes[me]
    if not mesh_enabled(world) or bgp_address(mine, family) is None or mine.route_reflector_id:
        return
    for node in world.nodes.values():
        address = bgp_address(node, family)
        if node.name != me and address and not node.route_reflector_id:
            because = f"the node-to-node mesh is on; node {node.name} has BGP address {address}"
            yield Peer(ip.bare(address), node.name, because)


def bird_needed(world: World, node: str) -> str | None:
    """Why a node must run BIRD: a pool whose cluster routes BIRD programs there; None where none is."""
    for pool in world.cluster.pools:
        ownership = world.owner(pool, node)
        if Owner.BIRD in ownership.owners:
            return f"IPPool {pool.name}: {ownership.because}"
    return None

"""Whether one node of the cluster may stand on the way to another by what BGP makes of the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expect.bgp import expected_sessions
from model import ip

if TYPE_CHECKING:
    from expect.world import World


def may_pass_on(world: World, me: str, through: str, other: str, target: str) -> bool:
    """Whether `me` can have a route to `other` (whose address is `target`) with the node `through` as next hop.

    A speaker puts itself into the next hop only of what it learnt from another AS and passes on to another AS, or by
    nextHopMode Self (RFC 4271 §5.1.3, bgp_processor.go:600-610). So there is a session with it; and where there is one
    with the other node too, that path is the shorter one.
    """
    peers = {peer.node for peer in expected_sessions(world, me, ip.family(target))}
    if through not in peers:
        return False
    if any(peer.get("nextHopMode") == "Self" for peer in world.cluster.peers):
        return True
    return other not in peers and world.as_number(through) != world.as_number(me)

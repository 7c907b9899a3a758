"""Whether an allocated address is in use (calico-state §5.2)."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

from expect.allocations import TUNNEL_TYPES

if TYPE_CHECKING:
    from expect.allocations import Allocation
    from expect.world import World

GRACE = 1350.0  # seconds: leakGracePeriod, 15 minutes, and half of it for the collector's period
_RESERVED = "windows-reserved-ipam-handle"
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)")


def leak(world: World, item: Allocation) -> str | None:
    """What keeps an address although nothing uses it; None for one that is in use, cools down or is reserved."""
    if item.released or item.handle == _RESERVED or world.blocks[item.block].virtual:
        return None
    if (item.handle or "").startswith("lb-"):
        return None
    if item.type in TUNNEL_TYPES:
        return None if world.tunnel_addresses.get(item.address) else "held by a tunnel that no node has"
    if item.node and item.node not in world.nodes:
        return f"held by node {item.node}, which does not exist"
    if item.address in world.pods_by_address or item.address in world.node_addresses:
        return None
    return "held by a pod that is not there"


def young(item: Allocation, taken: str) -> bool:
    """Whether an allocation was made less than the grace time before the observation; unknown counts as older."""
    made, seen = _moment(item.timestamp or ""), _moment(taken)
    return made is not None and seen is not None and (seen - made).total_seconds() < GRACE


def _moment(text: str) -> datetime.datetime | None:
    """Go's time.String and RFC 3339, both in UTC here."""
    found = _STAMP.match(text)
    if found is None:
        return None
    return datetime.datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00")

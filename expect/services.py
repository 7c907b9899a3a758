"""Service addresses that Calico advertises: routes of them are no pod's (calico-state §4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model import ip

if TYPE_CHECKING:
    from expect.world import World

_RANGES = ("serviceClusterIPs", "serviceExternalIPs", "serviceLoadBalancerIPs")


def advertises(world: World, prefix: str) -> bool:
    """Whether a prefix lies in a range that BGPConfiguration advertises for services."""
    return any(ip.contains(cidr, prefix) for name in _RANGES for cidr in _cidrs(world.bgp(name)))


def _cidrs(value: object | None) -> list[str]:
    if not isinstance(value, list):
        return []
    return [entry["cidr"] for entry in value if isinstance(entry, dict) and isinstance(entry.get("cidr"), str)]

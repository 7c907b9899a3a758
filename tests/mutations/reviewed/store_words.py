"""What predicates about objects of the API have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.mutations.mutation import Mutation
    from tests.mutations.scene import Scene


def unadvertised(mutation: Mutation, scene: Scene) -> bool:
    """No service's address is announced, and none is from a pool."""
    fields = ("serviceClusterIPs", "serviceExternalIPs", "serviceLoadBalancerIPs")
    told = any(item.get(field) for item in scene.cluster.bgp for field in fields)
    return not told and not any((block.affinity or "").startswith("virtual:") for block in scene.cluster.blocks)

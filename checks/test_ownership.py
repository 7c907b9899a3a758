"""Whether each class of cluster routes has one programmer."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from checks.declare import check
from expect.ownership import RouteClass
from expect.world import route_class
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from checks.cases import ClusterCase
    from expect.ownership import Ownership


@check(faults=("F35", "F36"))
def test_each_pools_routes_have_one_programmer(cluster: ClusterCase) -> Verdict:
    """For each class of pool that is in use, either Felix or BIRD programs the routes to the other nodes: not both, and
    not neither.

    Both fields `programClusterRoutes` are read on their own, with defaults by release; nothing in Calico rejects a pair
    that does not fit (calico-state §4.1). While it does not, the routes of that class are not accused one by one.
    """
    world = cluster.world
    wrong: dict[tuple[RouteClass, Ownership], list[str]] = defaultdict(list)
    examined = 0
    used = {route_class(block.pool): block.pool for block in world.blocks.values() if block.pool is not None}
    for kind, pool in sorted(used.items(), key=str):
        for node in world.cluster.nodes:
            if node.os != "linux":
                continue
            examined += 1
            ownership = world.owner(pool, node.name)
            if kind is RouteClass.NO_ENCAP and not ownership.owners and not world.bird_runs(node.name):
                continue  # chosen so: a cloud or a fabric routes the pods' prefixes
            if len(ownership.owners) != 1 and not ownership.unavoidable:
                wrong[kind, ownership].append(node.name)
    if not examined:
        return Verdict(inapplicable=(Gap("pools", "no pool has a block"),))
    differences = tuple(_difference(kind, owned, nodes) for (kind, owned), nodes in wrong.items())
    return Verdict(examined=examined, differences=differences)


def _difference(kind: RouteClass, ownership: Ownership, nodes: list[str]) -> Difference:
    both = len(ownership.owners) > 1
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{kind}/{'both' if both else 'neither'}",
        expected="one programmer of cluster routes",
        because=ownership.because,
        found=f"{'Felix and BIRD both' if both else 'neither Felix nor BIRD'} on {', '.join(sorted(nodes)[:5])}"
        f"{' …' if len(nodes) > 5 else ''}",
        look="kubectl get felixconfigurations,bgpconfigurations -o yaml | grep -i programClusterRoutes",
        severity=Severity.WRONG if both else Severity.BROKEN,
        likely="set the two fields as a pair, or leave both unset"
        if both
        else "set one of the two fields, or have the fabric route the pods' prefixes",
        about=about(encap=kind, node=nodes, state="both" if both else "neither"),
    )

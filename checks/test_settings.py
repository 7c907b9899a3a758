"""Settings of the cluster that must fit each other, and the network that it stands in."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from checks.declare import check
from expect.host_routes import NORMAL, normal_priority
from expect.ownership import RouteClass
from expect.world import route_class
from model import ip
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from checks.cases import ClusterCase
    from model.cluster import IPPool


@check(faults=("F52",), severity=Severity.WRONG)
def test_no_nodes_address_lies_in_a_pool(cluster: ClusterCase) -> Verdict:
    """No node has its own address inside an IP pool.

    IPAM can give such an address to a pod. Where the pool is encapsulated, the packets of the tunnel themselves can be
    sent into the tunnel, and the node is cut off (calico#12847).
    """
    world = cluster.world
    inside: dict[str, list[str]] = defaultdict(list)
    for address, name in world.node_addresses.items():
        pool = world.pool_of(address)
        if pool is not None:
            inside[pool.name].append(f"{address} ({name})")
    if not world.cluster.pools or not world.node_addresses:
        return Verdict(inapplicable=(Gap("pools", "there is no pool, or no node has an address"),))
    differences = tuple(_overlap(pool, inside[pool.name]) for pool in world.cluster.pools if pool.name in inside)
    return Verdict(examined=len(world.node_addresses), differences=differences)


def _overlap(pool: IPPool, addresses: list[str]) -> Difference:
    kind = route_class(pool)
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{pool.name}/nodes",
        expected=f"no node's address in {pool.cidr}",
        because=f"IPPool {pool.name} has {pool.cidr}: its addresses are for pods and tunnels",
        found=f"{', '.join(sorted(addresses)[:5])}{' …' if len(addresses) > 5 else ''}",
        look="kubectl get ippools,nodes -o wide",
        severity=Severity.WRONG if kind is RouteClass.NO_ENCAP else Severity.BROKEN,
        likely="the pool overlaps the nodes' network: make another pool outside it and move the pods there",
        about=about(encap=kind),
    )


@check(faults=("F58",), severity=Severity.WRONG)
def test_felix_and_bird_have_the_same_priorities(cluster: ClusterCase) -> Verdict:
    """FelixConfiguration and BGPConfiguration have the same ipv4NormalRoutePriority and ipv6NormalRoutePriority.

    From v3.32 BIRD tells by this number a live-migrating address from an ordinary one (bgp_processor.go:239-252): with
    another number than Felix's it takes ordinary pod routes for migrating ones, or the reverse.
    """
    world = cluster.world
    for name in ("felixconfigurations", "bgpconfigurations"):
        if name in world.cluster.unlisted:
            return Verdict(unobserved=(Gap(name, world.cluster.unlisted[name]),))
    families = sorted({ip.family(pool.cidr) for pool in world.cluster.pools})
    wrong: dict[tuple[int, int, int], list[str]] = defaultdict(list)
    examined = 0
    for node in world.cluster.nodes:
        if node.os != "linux" or not world.bird_runs(node.name) or not world.release(node.name).at_least(32):
            continue
        for family in families:
            examined += 1
            felix = normal_priority(world.felix(node.name, NORMAL[family]))
            bird = normal_priority(world.bgp(NORMAL[family]))
            if felix != bird:
                wrong[family, felix, bird].append(node.name)
    if not examined:
        return Verdict(inapplicable=(Gap("priorities", "no node runs BIRD of v3.32 or newer"),))
    return Verdict(examined, tuple(_priority(*key, nodes) for key, nodes in sorted(wrong.items())))


def _priority(family: int, felix: int, bird: int, nodes: list[str]) -> Difference:
    field = NORMAL[family]
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{field}/{felix}-{bird}",
        expected=f"the same {field} in both",
        because="BIRD compares the metrics of Felix's routes with its own field; 1024 where one is unset",
        found=f"FelixConfiguration {felix}, BGPConfiguration {bird} on {', '.join(nodes[:5])}"
        f"{' …' if len(nodes) > 5 else ''}",
        look=f"kubectl get felixconfigurations,bgpconfigurations -o yaml | grep -i {field}",
        severity=Severity.WRONG,
        likely="the field was set in one of the two objects only",
        about=about(node=nodes, setting=field),
    )

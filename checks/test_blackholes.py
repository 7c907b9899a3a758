"""The blackholes of a node's own blocks."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from checks.claims import passes_on
from checks.declare import check
from checks.detours import detours, show_rules
from checks.flows import flows_to
from expect.cluster_routes import Blackhole, own_blackholes
from expect.world import route_class
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import NodeCase

_DROPS = frozenset({net.BLACKHOLE, net.UNREACHABLE, net.PROHIBIT, net.THROW})


@check(faults=("F24", "F28", "F29", "F30", "F31", "F32"), severity=Severity.WRONG)
def test_node_blackholes_its_own_blocks_and_no_others(node: NodeCase) -> Verdict:
    """The node has a blackhole route for each IPAM block that it owns, and for no other prefix of a pool.

    It drops what is sent to addresses that no pod has, which would otherwise loop by the default route; live pods are
    reached without it. A blackhole for another node's block takes its pods' traffic away. Always of type blackhole;
    none for single-address blocks (bird_aggr.cfg.template:5-17). No rule leads packets of a certain kind past it. Who
    put it there is mentioned when it is neither BIRD nor Felix.
    """
    unread = node.unread("routes")
    if unread:
        return Verdict(unobserved=(Gap(node.name, f"the node's routes could not be read: {unread}"),))
    found: dict[str, list[net.Route]] = defaultdict(list)
    for route in node.facts.host.routes:
        if route.table != net.LOCAL:
            found[route.dst].append(route)
    verdict = Verdict()
    for wanted in own_blackholes(node.world, node.name):
        verdict += _own(node, wanted, found.get(wanted.prefix, [])) + _passed(node, wanted)
    foreign = (*_foreign(node, found), *_in_the_way(node, found))
    verdict += Verdict(examined=len(foreign), differences=foreign)
    if verdict == Verdict():
        return Verdict(inapplicable=(Gap(node.name, "it owns no IPAM block, and nothing of a pool is blackholed"),))
    return verdict


def _own(node: NodeCase, wanted: Blackhole, found: list[net.Route]) -> Verdict:
    main = [route for route in found if route.table == net.MAIN]
    best = min(main, key=lambda route: route.metric, default=None)
    if wanted.optional and (best is None or wanted.prefix in node.world.flux.blocks):
        return Verdict(examined=1)
    if best is None:
        return Verdict(1, (_difference(node, wanted, Kind.MISSING, _without(node, wanted.prefix)),))
    if best.type != net.BLACKHOLE or best.tos or best.src:
        return Verdict(1, (_difference(node, wanted, Kind.DIFFERENT, _listed(main)),))
    others = [route for route in main if route.type != net.BLACKHOLE]
    if others:
        likely = "it takes over as soon as the blackhole is gone"
        return Verdict(1, (_difference(node, wanted, Kind.DIFFERENT, _listed(main), Severity.WRONG, likely),))
    if best.protocol in wanted.protocols:
        return Verdict(examined=1)
    likely = "added by hand: Calico neither keeps nor withdraws it"
    return Verdict(1, (_difference(node, wanted, Kind.DIFFERENT, _listed(main), Severity.HOUSEKEEPING, likely),))


def _passed(node: NodeCase, wanted: Blackhole) -> Verdict:
    """The rules for packets of a certain kind that lead those to a free address of the block past its blackhole."""
    differences = []
    rules = [rule for rule in node.facts.host.rules if rule.dst is not None and ip.contains(wanted.prefix, rule.dst)]
    for target in sorted({ip.bare(str(rule.dst)) for rule in rules} - node.world.allocations.keys()):
        for one in detours(node, flows_to(node, target)):
            if not one.drops and one.severity is not Severity.HOUSEKEEPING and one.rule in rules:
                found = f"{one.text}, past the blackhole"
                told = _difference(node, wanted, Kind.DIFFERENT, found, likely="a policy rule that Calico did not make")
                name = f"{wanted.prefix}/rule-{one.rule.priority}"
                differences.append(msgspec.structs.replace(told, object=name, look=show_rules(node, [one])))
    return Verdict(examined=len(differences), differences=tuple(differences))


def _without(node: NodeCase, prefix: str) -> str:
    points = node.fib.points(prefix)
    unused = next((point for point in points if point not in node.world.allocations), points[0])
    won = node.fib.lookup(next(flows_to(node, unused)))
    return f"no blackhole; packets to its free addresses take {net.describe_route(won) if won else 'no route'}"


def _listed(routes: list[net.Route]) -> str:
    return "; ".join(net.describe_route(route) for route in routes)


def _difference(
    node: NodeCase,
    wanted: Blackhole,
    kind: Kind,
    found: str,
    severity: Severity = Severity.WRONG,
    likely: str = "",
) -> Difference:
    return Difference(
        kind=kind,
        object=wanted.prefix,
        expected=f"blackhole {wanted.prefix} by {' or '.join(sorted(wanted.ownership.owners))}",
        because=wanted.because,
        found=found,
        look=node.show_routes(wanted.prefix),
        severity=severity,
        likely=likely,
        about=about(
            block=wanted.prefix,
            owner=wanted.ownership.owners,
            encap=route_class(wanted.pool),
            family=str(ip.family(wanted.prefix)),
        ),
    )


def _foreign(node: NodeCase, found: dict[str, list[net.Route]]) -> Iterator[Difference]:
    world = node.world
    for prefix, routes in sorted(found.items()):
        drops = [route for route in routes if route.type in _DROPS and not passes_on(route)]
        block = world.blocks.get(prefix)
        if not drops or ip.is_host_prefix(prefix) or (block and (block.node == node.name or not block.settled)):
            continue
        pool = world.pool_of(prefix)
        if (pool is None and block is None) or prefix in world.flux.blocks:
            continue
        if block and all(route.type != net.BLACKHOLE for route in drops):
            continue  # an unreachable route in place of a block route: the check of block routes reports it
        yield Difference(
            kind=Kind.UNEXPECTED,
            object=prefix,
            expected="no blackhole for it on this node",
            because=block.because if block else f"no IPAMBlock has this prefix; it lies in IPPool {pool and pool.name}",
            found=_listed(drops),
            look=node.show_routes(prefix),
            severity=Severity.BROKEN if block else Severity.WRONG,
            likely=_claim(node, prefix) or "left behind by an earlier owner, or added by hand",
            about=about(
                block=prefix,
                node=block.node if block else None,
                encap=route_class(pool),
                family=str(ip.family(prefix)),
                by="BIRD" if all(route.protocol == net.PROTO_BIRD for route in drops) else None,
            ),
        )


def _in_the_way(node: NodeCase, found: dict[str, list[net.Route]]) -> Iterator[Difference]:
    """What stands at the node's own single-address blocks: the CNI plugin's route for the pod does not replace it."""
    for block in node.world.blocks_by_node.get(node.name, ()):
        drops = [route for route in found.get(block.cidr, ()) if route.type in _DROPS and route.table == net.MAIN]
        if not drops or not block.settled or not ip.is_host_prefix(block.cidr):
            continue
        yield Difference(
            kind=Kind.UNEXPECTED,
            object=block.cidr,
            expected="no blackhole for a block of a single address",
            because=f"{block.because}; the route of the pod that gets it has the same prefix",
            found=_listed(drops),
            look=node.show_routes(block.cidr),
            severity=Severity.BROKEN,
            likely="an older release's BIRD left it, or it was added by hand: pods with this address cannot start",
            about=about(block=block.cidr, address=ip.bare(block.cidr), encap=route_class(block.pool)),
        )


def _claim(node: NodeCase, prefix: str) -> str:
    claims = [item for item in node.world.affinities.get(prefix, ()) if item.node == node.name]
    return f"BlockAffinity {claims[0].name} names this node, the IPAMBlock does not" if claims else ""

"""What becomes of the packets that a pod sends, once they are on its node."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

from checks.cases import judged
from checks.declare import check
from checks.detours import deciding, detours, selects, worst
from checks.flows import other_address
from checks.hops import hops_of
from expect.fib import Flow, standard_rules
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import NodeCase, PodCase


class _Lost(msgspec.Struct, frozen=True):
    """Packets that do not go the node's own way, and the one that they go."""

    flow: Flow
    route: str
    severity: Severity = Severity.BROKEN


@check(faults=("X1",))
def test_pods_packets_are_routed_by_its_node(pod: PodCase) -> Verdict:
    """What the pod sends to another node, and to another node's pods, has a route on the pod's node.

    Looked up as the packets come: in by the pod's host interface, from the pod's address. A policy rule for either can
    drop them, or those of a certain kind, although every route is right. Where a rule sends what leaves the cluster
    another way than the node's own (an egress gateway), that is somebody's choice, and not judged; so are rules for
    packets that somebody has marked. What is for the cluster's own pods must not go along, unless it is sent to a node,
    or routers know the pods' addresses (BGPPeer, host-local IPAM).
    """
    unread = pod.node.unread("routes", "rules")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"the node's routes and rules could not be read: {unread}"),))
    examined = 0
    differences: list[Difference] = []
    for prefix in pod.prefixes:
        lost = list(_led_off(pod, ip.bare(prefix)))
        examined += len(lost)
        for flow in _flows(pod, ip.bare(prefix)):
            examined += 1
            won = pod.node.fib.lookup(flow)
            own = pod.node.fib.lookup(Flow(flow.dst))
            if _dropped(won) and not _dropped(own):
                lost.append(_Lost(flow, net.describe_route(won) if won else "no route at all"))
            elif not _dropped(own):
                refused = [one for one in detours(pod.node, [flow]) if one.drops and one.severity is Severity.BROKEN]
                lost += [_Lost(flow, f"{selects(one.rule)}: rule {one.rule.priority} drops them") for one in refused]
        if lost:
            differences.append(_difference(pod, prefix, lost))
    if not examined:
        return Verdict(inapplicable=(Gap(pod.name, "there is no other node to send to"),))
    return Verdict(examined=examined, differences=tuple(differences))


def _flows(pod: PodCase, address: str) -> Iterator[Flow]:
    family = ip.family(address)
    other = other_address(pod.node, family)
    if other:
        yield Flow(other, address, pod.interface)
    for block in pod.node.world.blocks.values():
        if block.node in pod.node.world.nodes and block.node != pod.node.name and ip.family(block.cidr) == family:
            yield Flow(ip.bare(block.cidr), address, pod.interface)
            return


def _led_off(pod: PodCase, address: str) -> Iterator[_Lost]:
    """The first pod of this node, and the first block of another, to which a rule for the pod leads no packet."""
    node, family = pod.node, ip.family(address)
    rules = [rule for rule in node.facts.host.rules if rule.family == family and _means(rule, pod, address)]
    house = standard_rules(family)
    for rule in rules:
        for target, here in _targets(pod, rule) if rule not in house else ():
            flow = Flow(target, address, pod.interface)
            won, own = node.fib.lookup(flow), node.fib.lookup(Flow(target))
            if own is None or _dropped(own) or (won is not None and hops_of(won) == hops_of(own)):
                continue
            if here and _dropped(won):
                yield _Lost(flow, net.describe_route(won) if won else "no route at all")
            elif won is not None and not _dropped(won) and not _returns(node, won):
                yield _Lost(flow, net.describe_route(won), Severity.BROKEN if here else Severity.WRONG)


def _means(rule: net.Rule, pod: PodCase, address: str) -> bool:
    """Whether a rule asks for the pod's address or interface."""
    if rule.src is None and rule.iif is None:
        return False
    return rule.iif in {None, pod.interface} and (rule.src is None or ip.contains(rule.src, address))


def _targets(pod: PodCase, rule: net.Rule) -> Iterator[tuple[str, bool]]:
    """An address of another pod of the node, and one of another node's block, among those that a rule means; and
    whether it is on the node."""
    node, wanted = pod.node, None if rule.invert else rule.dst
    here = (
        address
        for other in node.pods
        if other.key != pod.name and judged(other, node.world)
        for address in other.ips
        if ip.family(address) == rule.family and (wanted is None or ip.contains(wanted, address))
    )
    yield from ((address, True) for address in itertools.islice(here, 1))
    others = (block for block in node.world.blocks.values() if block.node in node.world.nodes)
    for block in others:
        if block.node == node.name or ip.family(block.cidr) != rule.family:
            continue
        if wanted is None or ip.contains(wanted, block.cidr) or ip.contains(block.cidr, wanted):
            inner = block.cidr if wanted is None or ip.contains(wanted, block.cidr) else wanted
            yield ip.bare(inner), False
            return


def _returns(node: NodeCase, route: net.Route) -> bool:
    """Whether whoever is sent to may know the way: a node, or routers that learn the pods' addresses."""
    world = node.world
    knowing = bool(world.cluster.peers) or world.host_local
    return knowing or all(hop.gateway in world.node_addresses for hop in route.hops)


def _dropped(route: net.Route | None) -> bool:
    return route is None or route.type in {net.BLACKHOLE, net.UNREACHABLE, net.PROHIBIT}


def _difference(pod: PodCase, prefix: str, lost: list[_Lost]) -> Difference:
    flow, route = lost[0].flow, lost[0].route
    source = ip.bare(prefix)
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{pod.name}/from-{source}",
        expected=f"packets from {source} to {flow.dst} forwarded by the node's own route",
        because=f"{pod.because}; the node itself has a route to {flow.dst}",
        found="; ".join(dict.fromkeys(f"to {each.flow.dst}: {each.route}" for each in lost)),
        look=pod.node.on(f"ip -{ip.family(prefix)} rule; ip route get {flow.dst} from {source} iif {pod.interface}"),
        severity=worst(each.severity for each in lost),
        likely=f"a policy rule for the pod's address or interface, which Calico did not make ({route})",
        about=about(rule=deciding(pod.node, [flow]) or [str(one.rule.priority) for one in detours(pod.node, [flow])]),
    )

"""What becomes of the packets that a pod sends, once they are on its node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.detours import deciding, detours, selects
from checks.flows import other_address
from expect.fib import Flow
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import PodCase


@check(faults=("X1",))
def test_pods_packets_are_routed_by_its_node(pod: PodCase) -> Verdict:
    """What the pod sends to another node, and to another node's pods, has a route on the pod's node.

    Looked up as the packets come: in by the pod's host interface, from the pod's address. A policy rule for either can
    drop them, or those of a certain kind, although every route is right. Where a rule sends them another way than the
    node's own (an egress gateway), that is somebody's choice, and not judged; so are rules for packets that somebody
    has marked.
    """
    unread = pod.node.unread("routes", "rules")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"the node's routes and rules could not be read: {unread}"),))
    examined = 0
    differences: list[Difference] = []
    for prefix in pod.prefixes:
        lost = []
        for flow in _flows(pod, ip.bare(prefix)):
            examined += 1
            won = pod.node.fib.lookup(flow)
            own = pod.node.fib.lookup(Flow(flow.dst))
            if _dropped(won) and not _dropped(own):
                lost.append((flow, net.describe_route(won) if won else "no route at all"))
            elif not _dropped(own):
                refused = [one for one in detours(pod.node, [flow]) if one.drops and one.severity is Severity.BROKEN]
                lost += [(flow, f"{selects(one.rule)}: rule {one.rule.priority} drops them") for one in refused]
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


def _dropped(route: net.Route | None) -> bool:
    return route is None or route.type in {net.BLACKHOLE, net.UNREACHABLE, net.PROHIBIT}


def _difference(pod: PodCase, prefix: str, lost: list[tuple[Flow, str]]) -> Difference:
    flow, route = lost[0]
    source = ip.bare(prefix)
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{pod.name}/from-{source}",
        expected=f"packets from {source} to {flow.dst} forwarded",
        because=f"{pod.because}; the node itself has a route to {flow.dst}",
        found="; ".join(f"to {each.dst}: {taken}" for each, taken in lost),
        look=pod.node.on(f"ip -{ip.family(prefix)} rule; ip route get {flow.dst} from {source} iif {pod.interface}"),
        likely=f"a policy rule for the pod's address or interface, which Calico did not make ({route})",
        about=about(rule=deciding(pod.node, [flow]) or [str(one.rule.priority) for one in detours(pod.node, [flow])]),
    )

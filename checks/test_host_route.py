"""The node's route to a pod of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.applies import migrates
from checks.declare import check
from checks.detours import deciding, detours, show_rules, worst
from checks.flows import flows_to
from expect.host_routes import HostRoute, host_route
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import PodCase
    from checks.detours import Detour
    from expect.fib import Flow


@check(faults=("F12", "F19", "F20", "F21", "F25", "F27"))
def test_host_route_leads_to_its_pod(pod: PodCase) -> Verdict:
    """The node routes each of the pod's addresses, as a host prefix, to the pod's own host interface, in the main
    table.

    The CNI plugin's entry (no metric) and Felix's (from v3.32 with a metric) may stand side by side for a while: both
    lead to the pod (endpoint_mgr.go:977-1047, dataplane_linux.go:425-493).
    """
    unread = pod.node.unread("routes")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"the node's routes could not be read: {unread}"),))
    if migrates(pod):
        return Verdict(inapplicable=(Gap(pod.name, "it is an end of a live migration: only one end has the route"),))
    verdict = Verdict()
    for prefix in pod.prefixes:
        verdict += _route(pod, host_route(pod.node.world, pod.node.name, prefix, pod.interface))
    return verdict


def _route(pod: PodCase, wanted: HostRoute) -> Verdict:
    found = [route for route in pod.node.facts.host.routes if route.dst == wanted.dst and route.table == net.MAIN]
    wrong = [(route, text) for route in found for text in _faults(route, wanted)]
    if not found and pod.may_lack:
        return Verdict(examined=1)
    if found and not wrong:
        return Verdict(examined=len(found))
    look = pod.node.show_routes(wanted.dst)
    if not found:
        covering = pod.node.fib.lookup(next(flows_to(pod.node, ip.bare(wanted.dst))))
        cover = f"; packets to it take {net.describe_route(covering)}" if covering else "; no route covers it"
        return Verdict(1, (_difference(pod, wanted, Kind.MISSING, f"no route to it{cover}", look, Severity.BROKEN),))
    severity = Severity.BROKEN if any(_misleads(route, wanted) for route, _ in wrong) else Severity.WRONG
    text = "; ".join(f"{net.describe_route(route)} ({reason})" for route, reason in wrong)
    return Verdict(len(found), (_difference(pod, wanted, Kind.DIFFERENT, text, look, severity),))


def _difference(pod: PodCase, wanted: HostRoute, kind: Kind, found: str, look: str, severity: Severity) -> Difference:
    scope = " scope link" if wanted.scope == net.SCOPE_LINK else ""
    return Difference(
        kind=kind,
        object=f"{pod.name}/{wanted.dst}",
        expected=f"{wanted.dst} dev {wanted.dev}{scope}",
        because=pod.because,
        found=found,
        look=look,
        severity=severity,
        likely="the host interface is down or gone"
        if pod.host_link is None or not (pod.host_link.up and pod.host_link.carrier)
        else "Felix has no workload endpoint for the pod, or something removed its route"
        if kind is Kind.MISSING
        else "",
        about=about(address=ip.bare(wanted.dst), family=str(ip.family(wanted.dst))),
    )


def _misleads(route: net.Route, wanted: HostRoute) -> bool:
    ways = [(hop.gateway, hop.dev, bool(hop.encap)) for hop in route.hops]
    return route.type != net.UNICAST or ways != [(None, wanted.dev, False)]


def _faults(route: net.Route, wanted: HostRoute) -> Iterator[str]:
    if route.type != net.UNICAST:
        yield "not a unicast route"
    elif _misleads(route, wanted):
        yield f"does not lead to {wanted.dev}"
    if route.scope != wanted.scope and route.type == net.UNICAST:
        yield f"scope {net.SCOPES.get(route.scope, route.scope)}"
    if route.metric not in wanted.metrics:
        yield f"metric {route.metric}, not one of {', '.join(map(str, sorted(wanted.metrics)))}"
    if route.protocol not in wanted.protocols:
        names = ", ".join(net.protocol_name(number) for number in sorted(wanted.protocols))
        yield f"proto {net.protocol_name(route.protocol)}, not {names}: not the CNI plugin's and not Felix's"
    if route.tos or route.src:
        yield "only for some packets (tos or source)"
    if any(hop.flags & (net.HOP_DEAD | net.HOP_LINKDOWN) for hop in route.hops):
        yield "its interface is dead"
    if route.prefsrc not in wanted.sources(route.metric):
        yield f"with source {route.prefsrc or 'none'}, expected {wanted.source or 'none'}"
    if route.mtu is not None:
        yield f"with mtu {route.mtu}"
    if any(hop.encap for hop in route.hops):
        yield "packets by it get a header of the route's own (encap)"
    if route.hop_limit is not None:
        yield f"with hoplimit {route.hop_limit}"


@check(faults=("F23", "F24", "X1"))
def test_host_route_wins_the_lookup(pod: PodCase) -> Verdict:
    """Packets to the pod that this node makes or forwards leave by the pod's host interface, whatever else its
    tables hold.

    Rules in order of priority, longest prefix, lowest metric: a competitor with a lower metric or a rule to another
    table takes the traffic away from a route that is itself right.
    """
    unread = pod.node.unread("routes", "rules")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"the node's routes and rules could not be read: {unread}"),))
    if migrates(pod):
        return Verdict(inapplicable=(Gap(pod.name, "it is an end of a live migration: the other's route may win"),))
    verdict = Verdict()
    for prefix in pod.prefixes:
        if not any(_leads(route, prefix, pod.interface) for route in pod.node.facts.host.routes):
            reason = "no route of the node leads to it, which another check reports"
            verdict += Verdict(inapplicable=(Gap(f"{pod.name}/{prefix}", reason),))
            continue
        verdict += _lookup(pod, prefix)
    return verdict


def _leads(route: net.Route, prefix: str, dev: str) -> bool:
    return route.dst == prefix and route.table == net.MAIN and any(hop.dev == dev for hop in route.hops)


def _lookup(pod: PodCase, prefix: str) -> Verdict:
    losers: dict[str, Flow] = {}
    flows = list(flows_to(pod.node, ip.bare(prefix)))
    for flow in flows:
        won = pod.node.fib.lookup(flow)
        if not _arrives(pod, won):
            losers.setdefault(net.describe_route(won) if won else "no route", flow)
    found = [f"{route} wins for packets {_origin(flow)}" for route, flow in losers.items()]
    astray = [] if losers else [one for one in detours(pod.node, flows) if not _arrives(pod, one.route)]
    if not losers and not astray:
        return Verdict(examined=len(flows))
    look = f"ip route get {' '.join(_asked(next(iter(losers.values()))))}" if losers else ""
    difference = Difference(
        kind=Kind.DIFFERENT,
        object=f"{pod.name}/{prefix}",
        expected=f"packets to {ip.bare(prefix)} leave by {pod.interface}",
        because=pod.because,
        found="; ".join([*found, *(one.text for one in astray)]),
        look=pod.node.on(look) if look else show_rules(pod.node, astray),
        severity=_severity(astray),
        likely="a route with a lower metric or a policy rule that Calico did not make",
        about=about(
            address=ip.bare(prefix),
            rule=[*deciding(pod.node, losers.values()), *(str(one.rule.priority) for one in astray)],
        ),
    )
    return Verdict(examined=len(flows), differences=(difference,))


def _severity(astray: list[Detour]) -> Severity:
    """Whatever leaves for another place than the pod's interface is lost, if it is not meant to: who sets a mark knows
    why."""
    meant = astray and worst(one.severity for one in astray) is Severity.HOUSEKEEPING
    return Severity.HOUSEKEEPING if meant else Severity.BROKEN


def _arrives(pod: PodCase, route: net.Route | None) -> bool:
    return route is not None and route.type == net.UNICAST and {hop.dev for hop in route.hops} == {pod.interface}


def _asked(flow: Flow) -> Iterator[str]:
    """The words of `ip route get` for a packet."""
    yield flow.dst
    if flow.src is not None:
        yield from ("from", flow.src)
    if flow.iif is not None:
        yield from ("iif", flow.iif)


def _origin(flow: Flow) -> str:
    made = f"made on the node with source {flow.src}" if flow.src else "made on the node"
    return f"coming in by {flow.iif}" if flow.iif else made

"""The pod's own routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.applies import chooses_routes, moves_its_address
from checks.declare import check
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import PodCase

GATEWAY = (
    "169.254.1.1"  # cni-plugin network.go: a link-local address that nobody has; the host answers its ARP by proxy
)
DEFAULTS = {4: "0.0.0.0/0", 6: "::/0"}
_FAR = 32  # routers: no way is longer
MULTUS_NETWORKS = "k8s.v1.cni.cncf.io/networks"


@check(faults=("F1", "F2", "F5", "F6"), needs=frozenset({"pods"}))
def test_pod_default_route_leaves_by_eth0(pod: PodCase) -> Verdict:
    """The pod's default route goes via 169.254.1.1 on eth0, which has a link-scope route of its own; for IPv6 via the
    link-local address of the pod's host interface.

    dataplane_linux.go:275-391. Does not apply where Multus was asked to put the default route elsewhere.
    """
    if pod.namespace is None or pod.eth0 is None:
        return Verdict(inapplicable=(Gap(pod.name, "it has no eth0, which the check of eth0 reports"),))
    unread = pod.unread("routes")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"routes could not be read: {unread}"),))
    if '"default-route"' in pod.pod.annotations.get(MULTUS_NETWORKS, ""):
        gap = Gap(pod.name, f"annotation {MULTUS_NETWORKS} puts the default route on another interface")
        return Verdict(inapplicable=(gap,))
    if chooses_routes(pod.node):
        gap = Gap(pod.node.name, "its CNI configuration gives pods routes of its own (ipam.routes)")
        return Verdict(inapplicable=(gap,))
    if moves_its_address(pod):
        return Verdict(inapplicable=(Gap(pod.name, "KubeVirt may have moved its address and routes off eth0"),))
    routes = [route for route in pod.namespace.routes if route.table == net.MAIN]
    differences: list[Difference] = []
    families = sorted({ip.family(prefix) for prefix in pod.prefixes})
    for family in families:
        differences += _default(pod, routes, family)
        if family == 4:
            differences += _gateway_route(pod, routes)
    return Verdict(examined=len(families) + (4 in families), differences=tuple(differences))


def _gateway(pod: PodCase, family: int) -> str | None:
    if family == 4:
        return GATEWAY
    return next(
        (
            address.address
            for address in pod.node.facts.host.addresses
            if address.dev == pod.interface and address.scope == net.SCOPE_LINK
        ),
        None,
    )


def _default(pod: PodCase, routes: list[net.Route], family: int) -> Iterator[Difference]:
    found = [route for route in routes if route.dst == DEFAULTS[family]]
    best = min(found, key=lambda route: route.metric, default=None)
    gateway = _gateway(pod, family)
    if best is not None and _is_via(pod, best, gateway):
        return
    if best is None and pod.may_lack:
        return
    yield Difference(
        kind=Kind.DIFFERENT if best else Kind.MISSING,
        object=f"{pod.name}/default-ipv{family}",
        expected=f"default via {gateway or 'the link-local address of ' + pod.interface} dev eth0",
        because=f"{pod.because}; the CNI plugin routes everything by the host",
        found="; ".join(net.describe_route(route) for route in found) or "no default route",
        look=pod.inside(f"ip -{family} route"),
        likely="eth0 was taken down and up inside the pod: nothing restores its routes until the pod is made anew"
        if best is None
        else "",
        about=about(family=str(family)),
    )


def _is_via(pod: PodCase, route: net.Route, gateway: str | None) -> bool:
    return (
        route.type == net.UNICAST
        and [(hop.gateway, hop.dev) for hop in route.hops] == [(gateway, "eth0")]
        and gateway is not None
        and not any(hop.flags & _unusable(pod) or hop.encap for hop in route.hops)
        and (route.tos, route.src, route.mtu) == (0, None, None)
        and (route.hop_limit is None or route.hop_limit >= _FAR)
        and route.prefsrc in {None, *(ip.bare(prefix) for prefix in pod.prefixes)}
    )


def _unusable(pod: PodCase) -> int:
    """Flags of a dead next hop; a link that is down by itself is the subject of the check of eth0."""
    carrier = pod.eth0 is not None and pod.eth0.carrier
    return net.HOP_DEAD | (net.HOP_LINKDOWN if carrier else 0)


def _gateway_route(pod: PodCase, routes: list[net.Route]) -> Iterator[Difference]:
    prefix = ip.host_prefix(GATEWAY)
    found = [route for route in routes if route.dst == prefix]
    good = [route for route in found if _on_link(route)]
    if good or (not found and pod.may_lack):
        return
    yield Difference(
        kind=Kind.DIFFERENT if found else Kind.MISSING,
        object=f"{pod.name}/{GATEWAY}",
        expected=f"{GATEWAY} dev eth0 scope link",
        because="the default route's gateway is reached by it: without it no new route via the gateway is accepted",
        found="; ".join(net.describe_route(route) for route in found) or "no route to it",
        look=pod.inside("ip route"),
        severity=Severity.BROKEN if found else Severity.WRONG,
        about=about(family="4"),
    )


def _on_link(route: net.Route) -> bool:
    return (
        route.type == net.UNICAST
        and [(hop.gateway, hop.dev) for hop in route.hops] == [(None, "eth0")]
        and route.scope == net.SCOPE_LINK
        and route.tos == 0
    )

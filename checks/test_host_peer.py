"""The host's end of the pod's pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from checks.matching import points_back
from checks.test_pod_routes import GATEWAY
from expect.fib import Flow, standard_rules
from expect.pods import LINK_KINDS
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import PodCase


@check(faults=("F10", "F12", "X4"))
def test_pod_has_its_host_interface(pod: PodCase) -> Verdict:
    """The node has the interface whose name follows from the pod's namespace and name; it is a veth (or netkit) and up.

    `cali` and 11 hex digits of SHA-1 of `namespace.name` (workload_endpoint_default.go:77-93). Felix counts it as up by
    its carrier, and withdraws the pod's route without one (iface_monitor.go:345-356). A veth does ARP, both ways.
    """
    unread = pod.node.unread("links")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"the node's links could not be read: {unread}"),))
    link = pod.host_link
    if link is None:
        if pod.may_lack:
            return Verdict(examined=1)
        return _one(pod, Kind.MISSING, f"no {pod.interface}", likely="the pair is gone: the pod must be made anew")
    wrong = [
        text
        for bad, text in (
            (link.kind not in LINK_KINDS, f"its kind is {link.kind or 'none'}"),
            (not link.up, "it is administratively down"),
            (link.up and not link.carrier, "it has no carrier: eth0 is down or gone"),
            (link.master is not None, f"{link.master} has enslaved it: its packets are not routed"),
            (
                link.kind == "veth" and link.noarp,
                "it does no ARP (NOARP): nobody answers for 169.254.1.1, and the pod's MAC is not asked for",
            ),
        )
        if bad
    ]
    if not wrong:
        return Verdict(examined=1)
    state = "without-carrier" if len(wrong) == 1 and link.up and not link.carrier else None
    return _one(pod, Kind.DIFFERENT, f"{pod.interface}: {', '.join(wrong)}", state=state)


@check(faults=("F13",), severity=Severity.WRONG)
def test_host_interface_has_no_address_of_its_own(pod: PodCase) -> Verdict:
    """The host interface has no address but its IPv6 link-local one, and those that local BGP peering asks for.

    Somebody who manages interfaces (NetworkManager, systemd-networkd) gives it one, and flushes its routes by the way.
    BGPConfiguration localWorkloadPeeringIPV4 and IPV6 are the exception (endpoint_mgr.go:1860-1903).
    """
    if pod.host_link is None:
        return Verdict(inapplicable=(Gap(pod.name, "it has no host interface, which another check reports"),))
    unread = pod.node.unread("addresses")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"the node's addresses could not be read: {unread}"),))
    peering = {pod.node.world.bgp(f"localWorkloadPeeringIPV{family}") for family in (4, 6)}
    differences = tuple(
        Difference(
            kind=Kind.UNEXPECTED,
            object=f"{pod.name}/{address.text}",
            expected=f"no address on {pod.interface}",
            because="Calico gives host interfaces none: 169.254.1.1 is answered by proxy ARP",
            found=f"{address.text} on {pod.interface}",
            look=pod.node.on(f"ip addr show dev {pod.interface}"),
            severity=Severity.WRONG,
            likely="NetworkManager or systemd-networkd manages the interface: have it leave cali* alone",
            about=about(link=pod.interface),
        )
        for address in pod.node.facts.host.addresses
        if address.dev == pod.interface and not _link_local(address) and address.address not in peering
    )
    return Verdict(examined=1, differences=differences)


def _link_local(address: net.Address) -> bool:
    return ip.family(address.address) == 6 and address.scope == net.SCOPE_LINK


def _one(pod: PodCase, kind: Kind, found: str, likely: str = "", state: str | None = None) -> Verdict:
    difference = Difference(
        kind=kind,
        object=pod.name,
        expected=f"{pod.interface}, a veth, up and with carrier",
        because=pod.because,
        found=found,
        look=pod.node.on(f"ip -d link show {pod.interface}"),
        likely=likely,
        about=about(link=pod.interface, state=state),
    )
    return Verdict(examined=1, differences=(difference,))


@check(faults=("F11",), needs=frozenset({"pods"}))
def test_pair_joins_the_pod_and_its_host_interface(pod: PodCase) -> Verdict:
    """eth0 and the host interface are the two ends of one pair: each names the other's index and the other's namespace.

    Index by IFLA_LINK, namespace by IFLA_LINK_NETNSID. The namespaces are compared where the observation can name them
    (a plain dump may not).
    """
    eth0, link, namespace = pod.eth0, pod.host_link, pod.namespace
    if eth0 is None or link is None or namespace is None:
        return Verdict(inapplicable=(Gap(pod.name, "one of the two ends is missing, which other checks report"),))
    wrong = list(_disagreements(pod))
    if not wrong:
        return Verdict(examined=2)
    end = points_back(link, namespace)
    found = "; ".join(wrong) + (f"; its pair is {end.name}" if end else "")
    difference = Difference(
        kind=Kind.DIFFERENT,
        object=pod.name,
        expected=f"{pod.interface} (index {link.index}) and eth0 (index {eth0.index}) name each other",
        because=pod.because,
        found=found,
        look=f"{pod.node.on(f'ip link show {pod.interface}')}; {pod.inside('ip link show eth0')}",
    )
    return Verdict(examined=2, differences=(difference,))


def _disagreements(pod: PodCase) -> Iterator[str]:
    eth0, link, namespace = pod.eth0, pod.host_link, pod.namespace
    if eth0 is None or link is None or namespace is None:
        return
    if link.peer_index != eth0.index:
        yield f"{pod.interface} is paired with index {link.peer_index}"
    if eth0.peer_index != link.index:
        yield f"eth0 is paired with index {eth0.peer_index}"
    if link.peer_nsid is None:
        yield f"{pod.interface} has its pair in the node's own namespace"
    elif namespace.nsid is not None and link.peer_nsid != namespace.nsid:
        yield f"{pod.interface} has its pair in namespace {link.peer_nsid}, the pod's is {namespace.nsid}"
    if eth0.peer_nsid is None:
        yield "eth0 has its pair in the pod's own namespace"
    elif namespace.host_nsid is not None and eth0.peer_nsid != namespace.host_nsid:
        yield f"eth0 has its pair in namespace {eth0.peer_nsid}, the node's is {namespace.host_nsid}"
    twins = [other.name for other in pod.node.facts.host.links if _same_pair(other.peer_nsid, other.peer_index, pod)]
    if len(twins) > 1:
        yield f"{' and '.join(sorted(twins))} name the same pair"


def _same_pair(nsid: int | None, index: int | None, pod: PodCase) -> bool:
    link = pod.host_link
    return link is not None and nsid is not None and (nsid, index) == (link.peer_nsid, link.peer_index)


@check(faults=("F7", "F15", "X6"))
def test_host_interface_answers_arp_and_forwards(pod: PodCase) -> Verdict:
    """The kernel answers the pod's ARP for 169.254.1.1 (proxy_arp) and forwards its packets; for IPv6 pods it
    forwards too.

    proxy_arp counts by the larger of `all` and the interface's own value, forwarding by the interface's own
    (Documentation/networking/ip-sysctl). Set by the CNI plugin and again by Felix (dataplane_linux.go:495-562). By
    proxy the kernel answers only for what it would send on by another interface (net/ipv4/arp.c: arp_process): the node
    has a route to 169.254.1.1, whichever; its default route is enough.
    """
    if pod.host_link is None:
        return Verdict(inapplicable=(Gap(pod.name, "it has no host interface, which another check reports"),))
    unread = pod.node.unread("sysctls", "routes", "rules")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"sysctls, routes or rules could not be read: {unread}"),))
    verdict = Verdict()
    for prefix in pod.prefixes:
        if ip.family(prefix) == 4:
            verdict += _gateway(pod, ip.bare(prefix))
    for family in sorted({ip.family(prefix) for prefix in pod.prefixes}):
        wanted = [f"net.ipv{family}.conf.{pod.interface}.forwarding"]
        if family == 4:
            wanted.append(f"net.ipv4.conf.{pod.interface}.proxy_arp")
        for name in wanted:
            verdict += _sysctl(pod, family, name)
    return verdict


def _gateway(pod: PodCase, source: str) -> Verdict:
    """The lookup that the kernel makes of a question for the gateway's MAC address, before it answers."""
    rule, route = pod.node.fib.decision(Flow(GATEWAY, source, pod.interface))
    if route is not None and _answered(route, pod.interface):
        return Verdict(examined=1)
    priority = rule.priority if rule is not None and rule not in standard_rules(4) else None
    by = f", by rule {priority}" if priority is not None else ""
    difference = Difference(
        kind=Kind.DIFFERENT if route else Kind.MISSING,
        object=f"{pod.name}/route-{GATEWAY}",
        expected=f"a route of the node to {GATEWAY} not by {pod.interface}; a default route is enough",
        because=f"{pod.because}; the kernel answers the pod's ARP for its gateway only if it has such a route",
        found=f"{net.describe_route(route)}{by}" if route else f"no route to {GATEWAY}, and no default route",
        look=pod.node.on(f"ip rule; ip route get {GATEWAY} from {source} iif {pod.interface}"),
        severity=Severity.BROKEN,
        likely=f"a route or a rule for {GATEWAY} or 169.254.0.0/16 made by hand or by a hardening script"
        if route
        else "the node's default route is gone",
        about=about(setting="gateway", family="4", rule=str(priority) if priority is not None else None),
    )
    return Verdict(examined=1, differences=(difference,))


def _answered(route: net.Route, interface: str) -> bool:
    """Whether the kernel answers for an address with that route: by proxy, or as for one of its own."""
    if route.type == net.LOCAL_TYPE:
        return True
    return route.type == net.UNICAST and bool(route.hops) and all(hop.dev != interface for hop in route.hops)


def _sysctl(pod: PodCase, family: int, name: str) -> Verdict:
    sysctls = pod.node.facts.host.sysctls
    value, six = sysctls.get(name), family == 6
    if value is None:
        return Verdict(unobserved=(Gap(f"{pod.name}/{name}", f"{name} was not among the sysctls that were read"),))
    either = name.endswith(".proxy_arp") and sysctls.get("net.ipv4.conf.all.proxy_arp") == "1"
    if value == "1" or either:
        return Verdict(examined=1)
    effect = "nobody answers the pod's ARP for its gateway" if "proxy_arp" in name else "the pod's packets go nowhere"
    effect = "the node is no router to the pod, in its own words" if six else effect  # net/ipv6: `all` alone decides
    difference = Difference(
        kind=Kind.DIFFERENT,
        object=f"{pod.name}/{name}",
        expected=f"{name} = 1",
        because=f"{pod.because}; without it {effect}",
        found=f"{name} = {value}",
        look=pod.node.on(f"sysctl {name}"),
        severity=Severity.WRONG if six else Severity.BROKEN,
        likely="a hardening script or a network manager changed it; Felix sets it again at its next refresh (90 s)",
        about=about(setting=name.rpartition(".")[2], family=str(family)),
    )
    return Verdict(examined=1, differences=(difference,))

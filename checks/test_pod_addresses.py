"""The pod's addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.applies import moves_its_address
from checks.declare import check
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import PodCase


@check(faults=("F3", "F4", "X8"), needs=frozenset({"pods"}))
def test_eth0_has_exactly_the_pods_addresses(pod: PodCase) -> Verdict:
    """eth0 has the pod's addresses, each with a host prefix (/32, /128), and no other of the cluster's.

    The CNI plugin forces the mask whatever IPAM returned (dataplane_linux.go:195-205): any other makes neighbours look
    on-link. An address that the application added itself is mentioned when it lies outside every pool, and is wrong
    inside one: nobody would route it here. Of several the kernel sends from the first (net/ipv4/devinet.c:
    inet_select_addr): one before the pod's own is worse. So is, on whatever interface, an address of a node or of
    another pod: the pod answers itself in their place. Link-local addresses are the kernel's.
    """
    if pod.namespace is None or pod.eth0 is None:
        return Verdict(inapplicable=(Gap(pod.name, "it has no eth0, which the check of eth0 reports"),))
    if moves_its_address(pod):
        return Verdict(inapplicable=(Gap(pod.name, "KubeVirt may have moved its address off eth0"),))
    unread = pod.unread("addresses")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"addresses could not be read: {unread}"),))
    seen = [
        address
        for address in pod.namespace.addresses
        if address.dev == "eth0" and not (address.scope == net.SCOPE_LINK and ip.family(address.address) == 6)
    ]
    found = (*_missing(pod, seen), *_foreign(pod, seen), *_others(pod, pod.namespace))
    return Verdict(examined=len(pod.prefixes) + len(seen), differences=found)


def _missing(pod: PodCase, seen: list[net.Address]) -> Iterator[Difference]:
    whole = {address.text for address in seen if _plain(address)}
    for prefix in pod.prefixes:
        if prefix in whole:
            continue
        other = [_describe(address) for address in seen if address.address == ip.bare(prefix)]
        if not other and pod.may_lack:
            continue
        yield Difference(
            kind=Kind.DIFFERENT if other else Kind.MISSING,
            object=f"{pod.name}/{prefix}",
            expected=f"{prefix} scope global on eth0",
            because=f"{pod.because}; Calico's CNI plugin gives every address a host prefix",
            found=", ".join(other) or ", ".join(_describe(address) for address in seen) or "no address on eth0",
            look=pod.inside("ip addr show dev eth0"),
            about=about(link=pod.interface),
        )


def _foreign(pod: PodCase, seen: list[net.Address]) -> Iterator[Difference]:
    own = {ip.bare(prefix) for prefix in pod.prefixes}
    met: set[str] = set()
    for address in seen:
        twice = address.address in met
        met.add(address.address)
        if address.address in own and not twice:
            continue
        if _whose(pod, address.address):
            continue
        first = not own & met and _is_source(pod, address, own)
        inside = pod.node.world.pool_of(address.address) is not None
        yield Difference(
            kind=Kind.UNEXPECTED,
            object=f"{pod.name}/{address.text}",
            expected=f"no address on eth0 beside {', '.join(pod.prefixes)}",
            because=pod.because,
            found=_describe(address) + (", before its own: it sends from that" if first else ""),
            look=pod.inside("ip addr show dev eth0"),
            severity=Severity.BROKEN if first else Severity.WRONG if inside else Severity.HOUSEKEEPING,
            likely="" if inside else "the application added it",
        )


def _is_source(pod: PodCase, address: net.Address, own: set[str]) -> bool:
    """Whether IPv4 packets that name no source get an address that stands before the pod's own: its default route
    names none."""
    space, family = pod.namespace, ip.family(address.address)
    if space is None or family != 4 or not any(ip.family(each) == family for each in own):
        return False
    if address.scope != net.SCOPE_GLOBAL:
        return False
    defaults = [route for route in space.routes if route.dst == "0.0.0.0/0" and route.table == net.MAIN]
    return any(route.prefsrc is None and any(hop.dev == "eth0" for hop in route.hops) for route in defaults)


def _whose(pod: PodCase, address: str) -> str:
    """Whose address it is, of those that the pod would have to reach: a node's, a tunnel's, another pod's."""
    if address in pod.pod.ips:
        return ""  # that two have it is another check's
    world = pod.node.world
    for known, kind in ((world.node_addresses, "node"), (world.tunnel_addresses, "the tunnel of node")):
        if address in known:
            return f"{kind} {known[address]}"
    others = [other for other in world.pods_by_address.get(address, ()) if other.key != pod.name]
    return f"pod {others[0].key}" if others else ""


def _others(pod: PodCase, namespace: net.Namespace) -> Iterator[Difference]:
    for address in namespace.addresses:
        whose = _whose(pod, address.address)
        if whose:
            yield Difference(
                kind=Kind.UNEXPECTED,
                object=f"{pod.name}/{address.text}",
                expected=f"{address.address} on no interface of the pod",
                because=f"{address.address} is the address of {whose}",
                found=f"{_describe(address)} on {address.dev}: what the pod sends there never leaves it",
                look=pod.inside("ip addr"),
                severity=Severity.BROKEN,
                likely="somebody with the rights to do so added it inside the pod",
            )


def _plain(address: net.Address) -> bool:
    return address.scope == net.SCOPE_GLOBAL and address.peer is None


def _describe(address: net.Address) -> str:
    scope = net.SCOPES.get(address.scope, str(address.scope))
    return f"{address.text}{f' peer {address.peer}' if address.peer else ''} scope {scope}"

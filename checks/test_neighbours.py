"""Neighbour entries between a pod and its node: fixed by hand, or asked for in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.applies import moves_its_address
from checks.declare import check
from checks.entries import shown_fixed, shown_unanswered
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import PodCase

GATEWAYS = frozenset({"169.254.1.1"})


@check(faults=("X3",), needs=frozenset({"pods"}))
def test_no_fixed_neighbour_misleads(pod: PodCase) -> Verdict:
    """No fixed neighbour entry gives the pod, or its gateway, another MAC address than the pair's.

    Ordinary entries come and go by ARP; another check looks at them. A fixed one (PERMANENT, NOARP) is never asked for
    again: Felix makes one only where the endpoint carries a MAC (route_table.go:579-593), and then it is eth0's. Where
    the interface itself does no ARP, NOARP is what the kernel writes into each.
    """
    eth0, link, namespace = pod.eth0, pod.host_link, pod.namespace
    if eth0 is None or link is None or namespace is None:
        return Verdict(inapplicable=(Gap(pod.name, "one end of its pair is missing, which other checks report"),))
    unread = _unread(pod)
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"neighbours could not be read: {unread}"),))
    here = _fixed(pod.node.facts.host, link, frozenset(pod.pod.ips), eth0.mac)
    inside = _fixed(namespace, eth0, GATEWAYS | _link_locals(pod), link.mac)
    differences = [_misleads(pod, item, eth0.mac, pod.node.on(f"ip neigh show dev {pod.interface}")) for item in here]
    differences += [_misleads(pod, item, link.mac, pod.inside("ip neigh show dev eth0")) for item in inside]
    return Verdict(examined=2, differences=tuple(differences))


@check(faults=("F7",), needs=frozenset({"pods"}))
def test_pod_and_node_answer_each_other(pod: PodCase) -> Verdict:
    """The pod has not asked in vain for its gateway's MAC address, nor the node for the pod's.

    Nobody has an entry before the first packet, and every other state says that an answer came. INCOMPLETE: it is asked
    for now, and nobody answers. FAILED: nobody answered when it was last asked for; the kernel keeps that until the
    next packet, so the reason may be gone.
    """
    namespace = pod.namespace
    if pod.eth0 is None or pod.host_link is None or namespace is None:
        return Verdict(inapplicable=(Gap(pod.name, "one end of its pair is missing, which other checks report"),))
    if pod.may_lack or moves_its_address(pod):
        reason = "it is on its way out" if pod.may_lack else "KubeVirt may have moved its address off eth0"
        return Verdict(inapplicable=(Gap(pod.name, reason),))
    unread = _unread(pod)
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"neighbours could not be read: {unread}"),))
    places = (
        (pod.node.facts.host, pod.interface, frozenset(pod.pod.ips), pod.node.on),
        (namespace, "eth0", GATEWAYS | _link_locals(pod), pod.inside),
    )
    differences = tuple(
        _silent(pod, item, on(f"ip neigh show dev {dev}"))
        for space, dev, addresses, on in places
        for item in space.neighbours
        if item.dev == dev and item.address in addresses and item.state & (net.NUD_INCOMPLETE | net.NUD_FAILED)
    )
    return Verdict(examined=2, differences=differences)


def _unread(pod: PodCase) -> str | None:
    return pod.node.unread("neighbours") or pod.unread("neighbours")


def _link_locals(pod: PodCase) -> frozenset[str]:
    return frozenset(
        address.address
        for address in pod.node.facts.host.addresses
        if address.dev == pod.interface and address.scope == net.SCOPE_LINK and ip.family(address.address) == 6
    )


def _fixed(namespace: net.Namespace, link: net.Link, addresses: frozenset[str], mac: str) -> Iterator[net.Neighbour]:
    fixed = net.NUD_PERMANENT if link.noarp else net.NUD_PERMANENT | net.NUD_NOARP
    for item in namespace.neighbours:
        wrong = item.mac is None or item.mac.lower() != mac.lower()
        if item.dev == link.name and item.address in addresses and item.state & fixed and wrong:
            yield item


def _misleads(pod: PodCase, item: net.Neighbour, mac: str, look: str) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{pod.name}/neighbour-{item.address}",
        expected=f"{item.address} lladdr {mac}, or no fixed entry",
        because=f"{pod.because}; {mac} is the other end of its pair",
        found=shown_fixed(item),
        look=look,
        likely="made by hand: ip neigh del takes it away",
        about=about(address=item.address),
    )


def _silent(pod: PodCase, item: net.Neighbour, look: str) -> Difference:
    now = bool(item.state & net.NUD_INCOMPLETE)
    inside = item.dev == "eth0"
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{pod.name}/answer-{item.address}",
        expected=f"an answer for {item.address} on {item.dev}, or no entry",
        because=f"{pod.because}; {'the node answers for its gateway' if inside else 'it answers for its own address'}",
        found=shown_unanswered(item),
        look=look,
        severity=Severity.BROKEN if now else Severity.WRONG,
        likely="ARP is off or filtered at one end of the pair, or proxy_arp is off on the node's"
        if ip.family(str(item.address)) == 4
        else "neighbour discovery is filtered at one end of the pair",
        about=about(address=item.address, family=str(ip.family(str(item.address)))),
    )

"""Neighbour entries that somebody fixed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from model import ip, net
from model.verdict import Difference, Gap, Kind, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import PodCase

GATEWAYS = frozenset({"169.254.1.1"})
PERMANENT = 0x80  # NUD_PERMANENT


@check(faults=(), needs=frozenset({"pods"}))
def test_no_fixed_neighbour_misleads(pod: PodCase) -> Verdict:
    """No permanent neighbour entry gives the pod, or its gateway, another MAC address than the pair's.

    Ordinary entries come and go by ARP and are not judged. A permanent one is never asked for again: Felix makes one
    only
    where the endpoint carries a MAC (route_table.go:579-593), and then it is eth0's.
    """
    eth0, link, namespace = pod.eth0, pod.host_link, pod.namespace
    if eth0 is None or link is None or namespace is None:
        return Verdict(inapplicable=(Gap(pod.name, "one end of its pair is missing, which other checks report"),))
    unread = pod.node.unread("neighbours") or pod.unread("neighbours")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"neighbours could not be read: {unread}"),))
    here = _fixed(pod.node.facts.host, pod.interface, frozenset(pod.pod.ips), eth0.mac)
    gateways = GATEWAYS | _link_locals(pod)
    inside = _fixed(namespace, "eth0", gateways, link.mac)
    differences = [_difference(pod, item, eth0.mac, pod.node.on(f"ip neigh show dev {pod.interface}")) for item in here]
    differences += [_difference(pod, item, link.mac, pod.inside("ip neigh show dev eth0")) for item in inside]
    return Verdict(examined=2, differences=tuple(differences))


def _link_locals(pod: PodCase) -> frozenset[str]:
    return frozenset(
        address.address
        for address in pod.node.facts.host.addresses
        if address.dev == pod.interface and address.scope == net.SCOPE_LINK and ip.family(address.address) == 6
    )


def _fixed(namespace: net.Namespace, dev: str, addresses: frozenset[str], mac: str) -> Iterator[net.Neighbour]:
    for item in namespace.neighbours:
        wrong = item.mac is None or item.mac.lower() != mac.lower()
        if item.dev == dev and item.address in addresses and item.state & PERMANENT and wrong:
            yield item


def _difference(pod: PodCase, item: net.Neighbour, mac: str, look: str) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{pod.name}/neighbour-{item.address}",
        expected=f"{item.address} lladdr {mac}, or no permanent entry",
        because=f"{pod.because}; {mac} is the other end of its pair",
        found=f"{item.address} dev {item.dev} lladdr {item.mac or 'none'} PERMANENT",
        look=look,
        likely="made by hand: ip neigh del takes it away",
    )

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


@check(faults=("F3", "F4"), needs=frozenset({"pods"}))
def test_eth0_has_exactly_the_pods_addresses(pod: PodCase) -> Verdict:
    """eth0 has the pod's addresses, each with a host prefix (/32, /128), and no other of the cluster's.

    The CNI plugin forces the mask whatever IPAM returned (dataplane_linux.go:195-205): any other makes neighbours look
    on-link. An address that the application added itself is mentioned when it lies outside every pool, and is wrong
    inside one: nobody would route it here. Link-local addresses are the kernel's.
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
    return Verdict(examined=len(pod.prefixes) + len(seen), differences=(*_missing(pod, seen), *_foreign(pod, seen)))


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
        inside = pod.node.world.pool_of(address.address) is not None
        yield Difference(
            kind=Kind.UNEXPECTED,
            object=f"{pod.name}/{address.text}",
            expected=f"no address on eth0 beside {', '.join(pod.prefixes)}",
            because=pod.because,
            found=_describe(address),
            look=pod.inside("ip addr show dev eth0"),
            severity=Severity.WRONG if inside else Severity.HOUSEKEEPING,
            likely="" if inside else "the application added it",
        )


def _plain(address: net.Address) -> bool:
    return address.scope == net.SCOPE_GLOBAL and address.peer is None


def _describe(address: net.Address) -> str:
    scope = net.SCOPES.get(address.scope, str(address.scope))
    return f"{address.text}{f' peer {address.peer}' if address.peer else ''} scope {scope}"

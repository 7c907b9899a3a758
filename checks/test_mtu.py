"""MTU arithmetic: only what is wrong, never what is merely older."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from checks.declare import check
from checks.flows import uplink
from expect.ownership import RouteClass
from expect.tunnels import tunnels
from expect.world import route_class
from model import ip
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from checks.cases import PodCase
    from model.cluster import IPPool

FELIX_NOTICES = 120.0  # seconds that Felix may take to restart with a new pool's MTU (calico-state §1.4, §7)


@check(faults=("F8",), severity=Severity.WRONG)
def test_pods_mtu_fits_its_way_out(pod: PodCase) -> Verdict:
    """Both ends of the pod's pair have the same MTU, and it fits the tunnel by which the pod's pool sends.

    Pods keep the MTU that they were made with: one that is older than its pool's first tunnel, or was made before Felix
    had written the new value (/var/lib/calico/mtu), is mentioned and needs a restart. A smaller MTU is no fault. What a
    pool without encapsulation sends must fit the interface with the node's address, whatever is older: packets of the
    pod's size are lost there on their way in, and nobody is told.
    """
    link, eth0 = pod.host_link, pod.eth0
    if link is None:
        return Verdict(inapplicable=(Gap(pod.name, "it has no host interface, which another check reports"),))
    differences = []
    if eth0 is not None and eth0.mtu != link.mtu:
        found = f"eth0 has mtu {eth0.mtu}, {pod.interface} {link.mtu}"
        differences.append(_difference(pod, "pair", "the same mtu on both ends", found, Severity.WRONG))
    for address in pod.pod.ips:
        pool = pod.node.world.pool_of(address)
        limit = _limit(pod, pool, ip.family(address))
        mtu = max(link.mtu, eth0.mtu if eth0 else 0)
        if pool is not None and limit is not None and mtu > limit:
            expected = f"mtu {limit} or less, as the way out of IPPool {pool.name}"
            differences.append(_difference(pod, "size", expected, f"mtu {mtu}", _severity(pod, pool), pool))
    return Verdict(examined=1 + len(pod.pod.ips), differences=tuple(differences))


def _limit(pod: PodCase, pool: IPPool | None, family: int) -> int | None:
    """The MTU of the device by which the pool's traffic leaves; None where there is none to compare with."""
    kind = route_class(pool)
    if kind is RouteClass.NO_ENCAP:
        device = pod.node.facts.host.link(uplink(pod.node, family) or "")
        return device.mtu if device else None
    for tunnel in tunnels(pod.node.world, pod.node.name):
        if (tunnel.kind, tunnel.family) == (kind, family):
            return next((link.mtu for name in tunnel.names if (link := pod.node.facts.host.link(name))), None)
    return None


def _severity(pod: PodCase, pool: IPPool) -> Severity:
    if route_class(pool) is RouteClass.NO_ENCAP:
        return Severity.WRONG
    made = _seconds(pod.pod.created)
    if pod.node.facts.mtu_file_time is not None and made is not None:
        return Severity.WRONG if made > pod.node.facts.mtu_file_time else Severity.HOUSEKEEPING
    same = [item for item in pod.node.world.cluster.pools if route_class(item) is route_class(pool)]
    first = min((at for item in same if (at := _seconds(item.created)) is not None), default=None)
    if made is None or first is None:
        return Severity.HOUSEKEEPING
    return Severity.WRONG if made >= first + FELIX_NOTICES else Severity.HOUSEKEEPING


def _seconds(stamp: str) -> float | None:
    try:
        return datetime.datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return None


def _difference(
    pod: PodCase, what: str, expected: str, found: str, severity: Severity, pool: IPPool | None = None
) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{pod.name}/mtu-{what}",
        expected=expected,
        because=f"{pod.because}; larger packets are fragmented or lost",
        found=found,
        look=f"{pod.node.on(f'ip link show {pod.interface}')}; {pod.inside('ip link show eth0')}",
        severity=severity,
        likely="the pod is older than what it sends by: its next start mends it"
        if severity is Severity.HOUSEKEEPING
        else "the CNI configuration's mtu, or /var/lib/calico/mtu, does not fit the way out",
        about=about(setting="mtu", encap=route_class(pool) if pool else None),
    )

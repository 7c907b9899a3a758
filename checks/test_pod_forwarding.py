"""Pods that forward packets themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.applies import allows_forwarding
from checks.declare import check
from model import ip
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from checks.cases import PodCase

_SYSCTLS = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}


@check(faults=("F9",), severity=Severity.WRONG, needs=frozenset({"pods"}))
def test_pod_forwards_where_its_configuration_says_so(pod: PodCase) -> Verdict:
    """Where the CNI configuration allows pods to forward (container_settings allow_ip_forwarding), the pod does.

    The plugin sets it when it makes the pod, for each family of its addresses, and clears it otherwise
    (dataplane_linux.go:565-596). A privileged pod may turn it on by itself: that is its own affair.
    """
    if pod.namespace is None:
        return Verdict(inapplicable=(Gap(pod.name, "it has no namespace, which the check of eth0 reports"),))
    allowed = allows_forwarding(pod.node)
    if allowed is None:
        return Verdict(inapplicable=(Gap(pod.name, "the node's CNI configuration of Calico was not read"),))
    unread = pod.unread("sysctls")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"sysctls could not be read: {unread}"),))
    names = [_SYSCTLS[family] for family in sorted({ip.family(address) for address in pod.pod.ips})]
    known = {name: pod.namespace.sysctls[name] for name in names if name in pod.namespace.sysctls}
    wrong = [name for name, value in known.items() if allowed and value == "0"]
    return Verdict(examined=len(known), differences=tuple(_difference(pod, name) for name in wrong))


def _difference(pod: PodCase, name: str) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{pod.name}/{name}",
        expected=f"{name} = 1 in the pod",
        because=f"the CNI configuration of {pod.node.name} has container_settings allow_ip_forwarding true",
        found=f"{name} = 0",
        look=pod.inside(f"sysctl {name}"),
        severity=Severity.WRONG,
        likely="the pod is older than the setting (its next start mends it), or turned it off itself",
        about=about(setting="forwarding"),
    )

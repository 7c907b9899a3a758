"""The pod's own interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from expect.pods import LINK_KINDS
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from checks.cases import PodCase


@check(faults=("F10", "F12", "X4"), needs=frozenset({"pods"}))
def test_pod_has_eth0_and_it_is_up(pod: PodCase) -> Verdict:
    """The pod's network namespace holds eth0, a veth (or netkit) that is up and whose other end is up.

    The namespace is found from the outside: by pod UID in the cgroups of its processes, by the pair of interface
    indexes, by address. CNI creates eth0 as one half of a pair (dataplane_linux.go); without the other half the kernel
    takes it away. A veth does ARP: without, every frame has a wrong address (netkit may do without).
    lo, which every runtime brings up, is up: by it the pod reaches 127.0.0.1, and its own address.
    """
    look = pod.inside("ip -d link show eth0")
    if pod.namespace is None:
        unread = pod.node.unread("namespaces")
        if unread:
            return Verdict(unobserved=(Gap(pod.name, f"the pods' network namespaces could not be read: {unread}"),))
        if pod.may_lack:
            return Verdict(examined=1)
        return _verdict(Kind.MISSING, pod, "no network namespace on this node belongs to this pod", look)
    if pod.eth0 is None:
        if pod.may_lack:
            return Verdict(examined=1)
        names = ", ".join(link.name for link in pod.namespace.links) or "nothing"
        return _verdict(Kind.MISSING, pod, f"no eth0; the namespace holds {names}", look)
    wrong = [
        text
        for bad, text in (
            (pod.eth0.kind not in LINK_KINDS, f"its kind is {pod.eth0.kind or 'none'}"),
            (not pod.eth0.up, "it is down"),
            (not pod.eth0.carrier, "it has no carrier: the other end is down"),
            (pod.eth0.master is not None, f"{pod.eth0.master} has enslaved it"),
            (pod.eth0.kind == "veth" and pod.eth0.noarp, "it does no ARP (NOARP): the pod learns nobody's MAC address"),
        )
        if bad
    ]
    if not wrong:
        return Verdict(examined=1, differences=_loopback(pod))
    state = "without-carrier" if len(wrong) == 1 and pod.eth0.up and not pod.eth0.carrier else None
    return _verdict(Kind.DIFFERENT, pod, f"eth0: {', '.join(wrong)}", look, state)


def _loopback(pod: PodCase) -> tuple[Difference, ...]:
    lo = pod.namespace.link("lo") if pod.namespace else None
    if lo is None or lo.up:
        return ()
    return (
        Difference(
            kind=Kind.DIFFERENT,
            object=f"{pod.name}/lo",
            expected="lo up",
            because=f"{pod.because}; the container runtime brings lo up with the namespace",
            found="lo is down: the pod reaches neither 127.0.0.1 nor its own address",
            look=pod.inside("ip link show lo"),
            severity=Severity.WRONG,
            likely="it was taken down inside the pod, or the runtime's loopback plugin did not run",
        ),
    )


def _verdict(kind: Kind, pod: PodCase, found: str, look: str, state: str | None = None) -> Verdict:
    difference = Difference(
        kind=kind,
        object=pod.name,
        expected="eth0, a veth, up and with carrier",
        because=pod.because,
        found=found,
        look=look,
        likely="the pair was deleted (a reboot without a new sandbox, a clean-up script): the pod must be made anew"
        if kind is Kind.MISSING
        else "",
        about=about(state=state),
    )
    return Verdict(examined=1, differences=(difference,))

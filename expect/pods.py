"""Which pods have Calico networking, and how much of it must be there (calico-state §1.1; conversion.go:138-243)."""

from __future__ import annotations

import enum
import hashlib
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from model.cluster import Pod

POD_IP = "cni.projectcalico.org/podIP"
LINK_KINDS = frozenset({"veth", "netkit"})  # CNI device_type; netkit from v3.33
POD_INTERFACES = "cali"  # the prefix that the CNI plugin creates with, whatever Felix manages
FINISHED = frozenset({"Succeeded", "Failed", "Completed"})


class Presence(enum.StrEnum):
    """How much of a pod's network must be there."""

    FULL = "full"
    LEAVING = "leaving"  # what is there must be right; it may vanish at any moment
    NOTHING = "nothing"


class PodState(msgspec.Struct, frozen=True):
    """A pod's presence and the reason; `link_may_stay`: its host interface need not be gone yet."""

    presence: Presence
    reason: str
    link_may_stay: bool = False


def state_of(pod: Pod) -> PodState:
    """What of the pod's network must be there."""
    if pod.host_network:
        return PodState(Presence.NOTHING, "it uses the host's network (spec.hostNetwork)")
    if not pod.node:
        return PodState(Presence.NOTHING, "it is not scheduled to a node (spec.nodeName)")
    if pod.phase in FINISHED:
        return PodState(Presence.NOTHING, f"it has finished (status.phase {pod.phase})", link_may_stay=True)
    if pod.deleting and pod.annotations.get(POD_IP) == "":
        return PodState(Presence.NOTHING, f"its network was taken down (annotation {POD_IP} is empty)", True)
    if not pod.ips:
        return PodState(Presence.NOTHING, "it has no address yet (status.podIPs)", link_may_stay=True)
    if pod.deleting:
        return PodState(Presence.LEAVING, "it is being deleted (metadata.deletionTimestamp)", link_may_stay=True)
    return PodState(Presence.FULL, "it is scheduled, has an address and has not finished")


def host_interface(pod: Pod, prefix: str = "cali") -> str:
    """The host end's name: prefix and 11 hex digits of SHA-1 of `namespace.name`
    (workload_endpoint_default.go:77-93)."""
    digest = hashlib.sha1(f"{pod.namespace}.{pod.name}".encode(errors="surrogatepass"), usedforsecurity=False)
    return prefix + digest.hexdigest()[:11]

"""Don't-cares among a node's sysctls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.mutations.dont_care import DontCare
from tests.mutations.reviewed.host_words import pods

if TYPE_CHECKING:
    from tests.mutations.mutation import Mutation
    from tests.mutations.scene import Scene


_VITAL = {
    4: ("net.ipv4.conf.cali*.forwarding", "net.ipv4.conf.cali*.proxy_arp", "net.ipv4.ip_forward"),
    6: ("net.ipv6.conf.all.forwarding",),
}


def _of_leaving(mutation: Mutation, scene: Scene) -> bool:
    return any(name in mutation.where for name in scene.leaving)


def _not_a_pods_sysctl(mutation: Mutation, scene: Scene) -> bool:
    return ".cali*." not in mutation.field


def _idle_family(mutation: Mutation, scene: Scene) -> bool:
    """A setting of the family that no pool has."""
    return ("ipv6" in mutation.field) == (6 not in scene.families) and len(scene.families) == 1


def _no_way_in(mutation: Mutation, scene: Scene) -> bool:
    """Of an interface by which no pool's packet of that family comes in."""
    device = mutation.field.split(".")[3].replace("/", ".")
    six = device in {"vxlan-v6.calico", "wg-v6.cali"}
    used = device in scene.devices and six == ("ipv6" in mutation.field)
    return not (used or pods(device) or device in scene.uplinks or device in {"all", "default"})


def _by_all(mutation: Mutation, scene: Scene) -> bool:
    return not mutation.field.startswith("net.ipv6.conf.all.") and ".cali*." not in mutation.field


def _not_vital(mutation: Mutation, scene: Scene) -> bool:
    return not any(mutation.field in _VITAL[family] for family in scene.families)


ENTRIES: tuple[DontCare, ...] = (
    DontCare("host sysctl", "net.ipv?.*", "*", "No pool is of this family: its settings are no pod's.", _idle_family),
    DontCare("host sysctl", "net.ipv6.conf.*.accept_ra_*", "*", "Calico sets accept_ra alone (calico-state §2)."),
    DontCare(
        "host sysctl", "*.accept_ra", "*", "A forwarding host's own affair, but for pods' (§2).", _not_a_pods_sysctl
    ),
    DontCare(
        "host sysctl",
        "net.ipv6.*.disable_ipv6",
        "*",
        "With it set the kernel takes the interface's addresses away, and these are read.",
        _not_a_pods_sysctl,
    ),
    DontCare(
        "host sysctl", "*.proxy_ndp", "*", "Only pods' interfaces answer for the gateway (§2).", _not_a_pods_sysctl
    ),
    DontCare(
        "host sysctl",
        "net.ipv6.conf.*.forwarding",
        "*",
        "all.forwarding decides for IPv6; an interface's own makes it a router in its own announcements (ip-sysctl).",
        _by_all,
    ),
    DontCare("host sysctl", "net.ipv6.neigh.*", "*", "Calico sets IPv4's alone (calico-state §2)."),
    DontCare(
        "host sysctl", "net.ipv4.conf.*.forwarding", "*", "By this interface no pool's packet comes in.", _no_way_in
    ),
    DontCare(
        "host sysctl", "*.cali*.*", "*", "Its pod is being made or deleted, or changed while one looked.", _of_leaving
    ),
    DontCare("host sysctl", "", "add one*", "A setting that no rule names."),
    DontCare("host sysctl", "net.ipv4.conf.all.forwarding", "*", "The same switch as ip_forward, which is read."),
    DontCare(
        "host sysctl",
        "*",
        "drop",
        "A setting that a way in does not read is not judged; those that every packet needs are asked for.",
        _not_vital,
    ),
    DontCare("host sysctl", "*.rp_filter", "*", "The uplink's is the host's own affair (§2).", _not_a_pods_sysctl),
    DontCare("host sysctl", "*.route_localnet", "*", "Set on pods' interfaces only (§2).", _not_a_pods_sysctl),
    DontCare("host sysctl", "*.proxy_delay", "*", "Set on pods' interfaces only (§2).", _not_a_pods_sysctl),
    DontCare("host sysctl", "net.ipv?.conf.default.*", "*", "It holds for interfaces to come."),
    DontCare("host sysctl", "net.ipv?.conf.lo.*", "*", "Nothing is forwarded from the loopback interface."),
    DontCare(
        "host sysctl", "*.proxy_arp", "*", "Only pods' interfaces must answer for 169.254.1.1.", _not_a_pods_sysctl
    ),
    DontCare("host sysctl", "*.proxy_arp_pvlan", "*", "Calico neither sets nor needs it (calico-state §2)."),
    DontCare("host sysctl", "*.send_redirects", "*", "Calico neither sets nor needs it (calico-state §2)."),
    DontCare("host sysctl", "*.accept_local", "*", "Calico neither sets nor needs it (calico-state §2)."),
    DontCare("host sysctl", "*.arp_*", "*", "Calico neither sets nor needs it (calico-state §2)."),
    DontCare("host sysctl", "net.ipv4.ip_forward_*", "*", "Calico neither sets nor needs it (calico-state §2)."),
)

"""The host interface's settings beside those that every packet needs: what Calico sets, and how bad it is without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from checks.declare import check
from model import ip, net
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.cases import PodCase

CALICO_MAC = "ee:ee:ee:ee:ee:ee"  # dataplane_linux.go:43
STRICT = "1"  # net.ipv4.conf.*.rp_filter
_CHANGED = "something changed it after Felix had set it; Felix sets it again at its next refresh (90 s)"
_HARDENED = "a hardening script set it for all interfaces: Felix sets the interface's own value alone"
_ALL = "net.ipv4.conf.all.rp_filter"
_SOURCES = "cni.projectcalico.org/allowedSourcePrefixes"


class Setting(msgspec.Struct, frozen=True):
    """One sysctl of a host interface (calico-state §2), for pods of a family; `effect`: what its absence does."""

    family: int
    name: str
    value: str
    severity: Severity
    effect: str


SETTINGS = (
    Setting(4, "net.ipv4.conf.{}.route_localnet", "1", Severity.HOUSEKEEPING, "node ports on 127.0.0.1 stay local"),
    Setting(
        4, "net.ipv4.neigh.{}.proxy_delay", "0", Severity.HOUSEKEEPING, "the first answer to the pod's ARP is late"
    ),
    Setting(6, "net.ipv6.conf.{}.disable_ipv6", "0", Severity.BROKEN, "the interface takes no IPv6 packet"),
    Setting(6, "net.ipv6.conf.{}.proxy_ndp", "1", Severity.WRONG, "nobody answers for addresses behind the node"),
    Setting(6, "net.ipv6.conf.{}.accept_ra", "0", Severity.WRONG, "the pod can announce itself as the node's router"),
)


@check(faults=("F6", "F14", "F16", "F18"), severity=Severity.WRONG)
def test_host_interface_has_calicos_settings(pod: PodCase) -> Verdict:
    """The host interface has the sysctls and the MAC address that the CNI plugin and Felix give it.

    dataplane_linux.go:495-562, endpoint_mgr.go:1614-1719. The MAC is set as well as it can be: another is mentioned
    (dataplane_linux.go:166-193). rp_filter counts by the larger of `all` and the interface's own value: strict
    filtering is wrong where the pod may send from other addresses; elsewhere it is the host's default (none with BPF),
    and another is mentioned.
    """
    link = pod.host_link
    if link is None:
        return Verdict(inapplicable=(Gap(pod.name, "it has no host interface, which another check reports"),))
    unread = pod.node.unread("sysctls", "links")
    if unread:
        return Verdict(unobserved=(Gap(pod.name, f"sysctls could not be read: {unread}"),))
    families = {ip.family(prefix) for prefix in pod.prefixes}
    sysctls = pod.node.facts.host.sysctls
    examined, differences = 1, list(_mac(pod, link))
    for setting in SETTINGS:
        name = setting.name.format(pod.interface)
        if setting.family in families and name in sysctls:
            examined += 1
            if sysctls[name] != setting.value:
                differences.append(_setting(pod, name, sysctls[name], setting))
    differences += _rp_filter(pod, sysctls)
    return Verdict(examined=examined, differences=tuple(differences))


def _mac(pod: PodCase, link: net.Link) -> Iterator[Difference]:
    if link.mac.lower() != CALICO_MAC:
        yield _difference(
            pod,
            "mac",
            f"MAC {CALICO_MAC} on {pod.interface}",
            f"MAC {link.mac}",
            Severity.HOUSEKEEPING,
            "udev (MACAddressPolicy) or a network manager changed it",
        )


def _setting(pod: PodCase, name: str, value: str, setting: Setting) -> Difference:
    likely = f"without it {setting.effect}; a hardening script or a network manager changed it"
    return _difference(pod, name, f"{name} = {setting.value}", f"{name} = {value}", setting.severity, likely)


def _rp_filter(pod: PodCase, sysctls: dict[str, str]) -> Iterator[Difference]:
    """What counts is the larger of `all` and the interface's own value: 1 is strict, 2 loose (ip-sysctl)."""
    name = f"net.ipv4.conf.{pod.interface}.rp_filter"
    own, every = sysctls.get(name, "0"), sysctls.get(_ALL, "0")
    bpf = pod.node.world.felix(pod.node.name, "bpfEnabled") is True
    default = "0" if bpf else sysctls.get("net.ipv4.conf.default.rp_filter", "0")
    found = f"{name} = {own} (all: {every})"
    if _SOURCES in pod.pod.annotations:
        if max(own, every) == STRICT:
            expected = f"neither {name} nor that of all is {STRICT} (annotation {_SOURCES})"
            yield _difference(pod, name, expected, found, Severity.WRONG, _CHANGED if own == STRICT else _HARDENED)
    elif own != every and max(own, every) != max(default, every):
        yield _difference(pod, name, f"{name} = {default}", found, Severity.HOUSEKEEPING, _CHANGED)


def _difference(pod: PodCase, what: str, expected: str, found: str, severity: Severity, likely: str) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{pod.name}/{what}",
        expected=expected,
        because=pod.because,
        found=found,
        look=pod.node.on(f"sysctl {what}" if what.startswith("net.") else f"ip link show {pod.interface}"),
        severity=severity,
        likely=likely,
        about=about(setting=what.rpartition(".")[2], family="4" if ".ipv4." in what else "6"),
    )

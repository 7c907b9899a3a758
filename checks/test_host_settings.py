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
    (dataplane_linux.go:166-193). rp_filter counts by the larger of `all` and the interface's own value: it is the
    host's default, and strict filtering beside none at all is mentioned.
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
    """Strict filtering where the host's default is none: packets that come in by another way are dropped."""
    name = f"net.ipv4.conf.{pod.interface}.rp_filter"
    own, every = sysctls.get(name, "0"), sysctls.get("net.ipv4.conf.all.rp_filter", "0")
    default = sysctls.get("net.ipv4.conf.default.rp_filter", "0")
    spoofs = _SOURCES in pod.pod.annotations
    loose = spoofs or pod.node.world.felix(pod.node.name, "bpfEnabled") is True
    if own == ("0" if loose else default) or own == every:
        return
    expected = f"{name} = {'0' if loose else default}"
    severity = Severity.WRONG if spoofs and max(own, every) == "1" else Severity.HOUSEKEEPING
    likely = "something changed it after Felix had set it; Felix sets it again at its next refresh (90 s)"
    yield _difference(pod, name, expected, f"{name} = {own} (all: {every})", severity, likely)


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

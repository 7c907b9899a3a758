"""Names of interfaces and MAC addresses: what Calico derives from other names is derived again from the new ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from expect.pods import POD_INTERFACES, host_interface
from expect.tunnels import tunnel_mac
from model.cluster import Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gate.anonymise.names import Scrambler
    from model.cluster import Pod

KEPT = re.compile(
    r"all|default|lo|(?:eth|ens|eno|bond|br|dummy|docker|cni|tunl|wg|team|vlan|ib|kube-ipvs|sit|gre|gretap|erspan|ip6tnl|"
    r"ip_vti|ip6_vti|ip6gre|net|veth|tap|tun|vxlan|wlan)\d{1,4}(?:[.]\d{1,4})?|"
    r"en[ospP]\d+(?:[ospfdPn]\d+|np\d+|v\d+)*(?:\.\d{1,4})?|"
    r"vxlan\.calico|vxlan-v6\.calico|wireguard\.cali|wg-v6\.cali|bpf(?:in|out|nat)\.cali|nodelocaldns|flannel\.1|cni-?podman0"
)
STEMS = frozenset({"cali", "azv", "eni", "gke", "tap", "veth", "lxc"})
_MADE = re.compile(r"cali[0-9a-f]{6,11}|enx[0-9a-f]{12}|br-[0-9a-f]{12}|veth[0-9a-f]{6,11}")
_STEM = re.compile(r"(?:cali|azv|eni|gke|veth|tap|tun|lxc|br-|docker|vlan|bond|wg|enx)")
_SYSCTL = re.compile(r"(net\.ipv[46]\.(?:conf|neigh)\.)(.+)(\.[a-z0-9_]+)")
_PLAIN = re.compile(r"net\.[a-z0-9_.]+")
_NUMBERS = re.compile(r"[-0-9\s]*")
_SOLICITED = "33:33:ff:"
_LONGEST = 15  # IFNAMSIZ less the zero


class Devices:
    """The replacements. `pods` maps each pod to what it is called now, `nodes` each node's name."""

    def __init__(
        self,
        scrambler: Scrambler,
        pods: Iterable[tuple[Pod, Pod]],
        nodes: Mapping[str, str],
        stems: Iterable[str] = (),
    ) -> None:
        self._scrambler = scrambler
        every = dict.fromkeys((POD_INTERFACES, *stems))
        self._known = {
            host_interface(old, stem): host_interface(new, self.stem(stem)) for old, new in pods for stem in every
        }
        self._macs = {
            tunnel_mac(_named(old), family): tunnel_mac(_named(new), family)
            for old, new in nodes.items()
            for family in (4, 6)
        }

    def stem(self, text: str) -> str:
        """How the names of pods' interfaces begin: what others use as well stays, a word of one's own does not."""
        return text if text in STEMS or not text else f"x{self._scrambler.digits('stem', text, 3)}"

    def is_made(self, word: str) -> bool:
        """Whether a word of a sentence is surely an interface's name: a pod's, or one that a program made."""
        return word in self._known or _MADE.fullmatch(word) is not None

    def device(self, text: str) -> str:
        """An interface's name: a pod's is derived from the pod's new name, and one that is nobody's stays nobody's.

        Names that every machine has stay; of others the first letters, where they tell what made them.
        """
        known = self._known.get(text)
        if known is not None or not text or KEPT.fullmatch(text):
            return text if known is None else known
        stem = _STEM.match(text)
        start = stem[0] if stem else "if"
        count = min(max(len(text) - len(start), 8), _LONGEST - len(start))
        return start + self._scrambler.digits("device", text, count)

    def sysctl(self, name: str, value: str) -> tuple[str, str] | None:
        """A sysctl with its interface replaced; None for one that is no number of the network's."""
        if not _NUMBERS.fullmatch(value):
            return None
        found = _SYSCTL.fullmatch(name)
        if found is None:
            return (name, value) if _PLAIN.fullmatch(name) else None
        slashed = "/" in found[2]  # sysctl(8) writes the dots of a name as slashes
        device = self.device(found[2].replace("/", ".") if slashed else found[2])
        return f"{found[1]}{device.replace('.', '/') if slashed else device}{found[3]}", value

    def mac(self, text: str) -> str:
        """A MAC address: none, everybody's, a group's and Calico's own stay; a VXLAN device's is derived from its
        node's name, as Felix derives it."""
        lower = text.lower()
        digits = lower.replace(":", "")
        if len(set(digits)) == 1 or (int(lower[:2], 16) & 1 and not lower.startswith(_SOLICITED)):
            return text
        found = self._macs.get(lower) or self._scrambled(lower)
        return found.upper() if text != lower else found

    def _scrambled(self, text: str) -> str:
        digits = self._scrambler.digits("mac", text, len(text.replace(":", "")))
        pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
        pairs[0] = f"{int(pairs[0], 16) & 0xFC | 2:02x}"  # locally administered, and of one station
        return _SOLICITED + ":".join(pairs[3:]) if text.startswith(_SOLICITED) else ":".join(pairs)


def _named(name: str) -> Node:
    return msgspec.structs.replace(_NOBODY, name=name)


_NOBODY = Node(name="", uid="", resource_version="")

"""The second walk: everything that was noted, replaced. One atlas is made for one snapshot, and its key is kept
nowhere."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

import msgspec

from gate.anonymise import documents, labels
from gate.anonymise.addresses import Structure, address_map
from gate.anonymise.devices import Devices
from gate.anonymise.names import Scrambler, first_known, is_identifier, numbered
from gate.anonymise.prose import COMMON, Prose
from gate.anonymise.words import LABEL, NAMES, NAMESPACE, NETWORK, NODE, POD, VALUE, WORKLOAD, Words

if TYPE_CHECKING:
    from gate.anonymise.noted import Noted
    from model.cluster import Pod

_STEMS = {WORKLOAD: "app", LABEL: "label", VALUE: "value", NAMESPACE: "ns", NETWORK: "cni"}
_TUNNELS = re.compile(r"((?:ipip|vxlan|vxlan-v6|wireguard|wireguard-v6)-tunnel-addr-)(.+)")
_PARTS = re.compile(r"[^A-Za-z0-9]+")
_RESERVED = "windows-reserved-ipam-handle"
_PUBLIC_AS = 4_200_000_000  # RFC 6996: private numbers from here on
_ACCORDING = {NAMESPACE: lambda name: f"{name}/"}  # as the keys of pods are ordered


class Atlas(Words):
    """Replaces. `kept` gathers the words that were left as they are by a rule."""

    def __init__(self, noted: Noted, key: bytes | None = None) -> None:
        secret = key or secrets.token_bytes(32)
        taken = frozenset(name for names in noted.names.values() for name in names)
        self.noted = noted
        self.kept: set[str] = set()
        self._scrambler = Scrambler(secret)
        self._names = {
            kind: numbered(_STEMS.get(kind, kind), names, taken, _ACCORDING.get(kind, str))
            for kind, names in noted.names.items()
        }
        self._names[WORKLOAD] = {**self._names.get(WORKLOAD, {}), **self._names.get(POD, {})}
        self._addresses = address_map(
            Structure(**{role: frozenset(texts) for role, texts in noted.structure.items()}), noted.addresses, key
        )
        self._replaced: dict[str, str] = {}
        pods = [(pod, self._renamed(pod)) for pod in noted.pods.values()]
        self._devices = Devices(self._scrambler, pods, self._names.get(NODE, {}), sorted(noted.stems))
        public = sorted(number for number in noted.numbers if is_public_as(number))
        free = (number for number in range(_PUBLIC_AS, 1 << 32) if number not in noted.numbers)
        self._numbers = dict(zip(public, free, strict=False))
        self._devices_seen: dict[str, str] = {}
        devices = {name: found for name in noted.devices if (found := self.device(name)) != name and len(name) > 3}
        self._order = [*(self._names[kind] for kind in (*NAMES, VALUE) if kind in self._names), devices]
        self._prose = Prose(self, self._known, self._whole)

    def name(self, kind: str, text: str) -> str:
        if not text:
            return ""
        if kind == VALUE:
            found = first_known(text, (self._names.get(each, {}) for each in (NAMESPACE, NODE, POD, VALUE)))
        else:
            found = self._names.get(kind, {}).get(text)
        return self._scrambler.opaque(text) if found is None else found

    def number(self, number: int) -> int:
        return self._numbers.get(number, number)

    def identifier(self, text: str) -> str:
        return self._scrambler.shaped(text) if is_identifier(text) else self._scrambler.opaque(text)

    def mac(self, text: str) -> str:
        return self._devices.mac(text) if text else ""

    def device(self, text: str) -> str:
        found = self._devices_seen.get(text)
        if found is None:
            found = self._devices_seen[text] = self._devices.device(text)
            if found == text:
                self.keep(text)
        return found

    def sysctl(self, name: str, value: str) -> tuple[str, str] | None:
        found = self._devices.sysctl(name, value)
        if found:
            self.keep(found[0])
        return found

    def opaque(self, text: str) -> str:
        return self._scrambler.opaque(text)

    def text(self, text: str) -> str:
        return self._prose.text(text)

    def protocol(self, name: str) -> str:
        return self._prose.protocol(name)

    def selector(self, text: str) -> str:
        return labels.selector(self, text, self.noted.labels)

    def stem(self, text: str) -> str:
        found = self._devices.stem(text)
        return self.keep(found) if found == text else found

    def labelled(self, key: str, value: str) -> None:
        pass

    def network(self, text: str, role: str) -> None:
        pass

    def pod(self, pod: Pod) -> None:
        pass

    def keep(self, text: str) -> str:
        if text not in self.kept:
            self.kept.add(text)
            self.kept.update(_PARTS.split(text))
        return text

    def handle(self, text: str) -> str:  # its purpose stays; compared without regard to case, as Calico does
        lower = text.lower()
        tunnel = _TUNNELS.fullmatch(lower)
        if not text or lower == _RESERVED:
            return self.keep(text)
        if tunnel:
            return self.keep(tunnel[1]) + self.name(NODE, tunnel[2])
        if lower.startswith("lb-"):
            return f"lb-{self._scrambler.digits('handle', lower, 40)}"
        network, dot, rest = lower.partition(".")
        if not dot:
            return self._known(lower) or self.opaque(lower)
        return f"{documents.network(self, network)}.{self.identifier(rest)}"

    def stands(self, text: str) -> bool:
        """Whether an address is one that a rule keeps as it is."""
        return self._addresses.stands(text)

    def _prefix(self, text: str) -> str:
        found = self._replaced.get(text)
        if found is None:
            whole = self._addresses.prefix if "/" in text else self._addresses.address
            found = self._replaced[text] = whole(text)
        return found

    def _renamed(self, pod: Pod) -> Pod:
        names = (self.name(NAMESPACE, pod.namespace), self.name(POD, pod.name), self.name(WORKLOAD, pod.workload))
        return msgspec.structs.replace(pod, **dict(zip(("namespace", "name", "workload"), names, strict=True)))

    def _known(self, word: str) -> str | None:
        if word in COMMON or word.isdigit() or len(word) < 2:
            return None
        return first_known(word, self._order)

    def _whole(self, word: str) -> str | None:
        """What is one thing of several parts: a pod's key, an interface, its setting, a handle."""
        namespace, slash, pod = word.partition("/")
        if slash:
            key = [self._names.get(kind, {}).get(name) for kind, name in ((NAMESPACE, namespace), (WORKLOAD, pod))]
            return "/".join(name for name in key if name) if all(key) else None
        if self._devices.is_made(word):
            return self._devices.device(word)
        if word.startswith("net."):
            found = self._devices.sysctl(word, "")
            return found[0] if found else None
        if _TUNNELS.fullmatch(word) or (word.startswith("k8s-pod-network.") and word.count(".") == 1):
            return self.handle(word)
        return None


def is_public_as(number: int) -> bool:
    """Whether an AS number is somebody's: neither private, nor for documentation, nor reserved (RFC 6996, 5398,
    7300)."""
    return 0 < number < 64496 or 65551 < number < _PUBLIC_AS

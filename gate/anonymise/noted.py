"""The first walk: every name and address that there is, noted."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING

from gate.anonymise import labels
from gate.anonymise.words import Words
from model import ip

if TYPE_CHECKING:
    from model.cluster import Pod


class Noted(Words):
    """Notes what there is, and leaves it as it is."""

    def __init__(self) -> None:
        self.names: dict[str, set[str]] = defaultdict(set)
        self.addresses: set[str] = set()  # as they stand, with their lengths
        self.identifiers: set[str] = set()
        self.macs: set[str] = set()
        self.numbers: set[int] = set()
        self.labels: dict[str, set[str]] = defaultdict(set)
        self.structure: dict[str, set[str]] = defaultdict(set)
        self.pods: dict[str, Pod] = {}
        self.devices: set[str] = set()
        self.stems: set[str] = set()

    def name(self, kind: str, text: str) -> str:
        self.names[kind].add(text)
        return text

    def number(self, number: int) -> int:
        self.numbers.add(number)
        return number

    def identifier(self, text: str) -> str:
        self.identifiers.add(text)
        return text

    def mac(self, text: str) -> str:
        self.macs.add(text.lower())
        return text

    def device(self, text: str) -> str:
        self.devices.add(text)
        return text

    def opaque(self, text: str) -> str:
        return text

    def text(self, text: str) -> str:
        return text

    def selector(self, text: str) -> str:
        labels.selector(self, text, {})
        return text

    def handle(self, text: str) -> str:
        return text

    def protocol(self, name: str) -> str:
        return name

    def sysctl(self, name: str, value: str) -> tuple[str, str] | None:
        return name, value

    def stem(self, text: str) -> str:
        self.stems.add(text)
        return text

    def labelled(self, key: str, value: str) -> None:
        self.labels[key].add(value)

    def network(self, text: str, role: str) -> None:
        with contextlib.suppress(ValueError):  # what is no prefix has no shape to keep
            ip.span(text)
            self.structure[role].add(text)

    def pod(self, pod: Pod) -> None:
        self.pods[pod.key] = pod
        self.labels["projectcalico.org/namespace"].add(pod.namespace)
        self.labels["projectcalico.org/orchestrator"].add("k8s")

    def _prefix(self, text: str) -> str:
        self.addresses.add(text)
        return text

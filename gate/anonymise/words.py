"""What a snapshot's texts are made of, and what becomes of each part: first noted, then replaced.

The same walk over a snapshot is taken twice, with two kinds of `Words`: one notes every name and address that there is
(`gate.anonymise.noted`), the other replaces it (`gate.anonymise.atlas`).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from model import ip

if TYPE_CHECKING:
    from model.cluster import Pod

REMOVED = "(removed)"
NODE, NAMESPACE, POD, WORKLOAD, SERVICE, POOL = "node", "namespace", "pod", "workload", "service", "pool"
SETTING, STATUS, AFFINITY, BLOCK, NETNS = "setting", "status", "affinity", "block", "netns"
LABEL, VALUE, NETWORK, PLUGIN = "label", "value", "network", "plugin"
NAMES = (NODE, NAMESPACE, POD, WORKLOAD, SERVICE, POOL, SETTING, STATUS, AFFINITY, BLOCK, NETNS, NETWORK, PLUGIN)
"""Kinds of names, in the order in which a text without a kind is looked up; labels and their values come after."""

_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5,}")


class Words(ABC):
    """One treatment of all parts. An empty text is always left empty."""

    @abstractmethod
    def name(self, kind: str, text: str) -> str:
        """A name of one of the kinds above."""

    @abstractmethod
    def number(self, number: int) -> int:
        """An AS number."""

    @abstractmethod
    def identifier(self, text: str) -> str:
        """A UID, a hash, a key: digits and separators."""

    @abstractmethod
    def mac(self, text: str) -> str:
        """A link-layer address of six bytes or more."""

    @abstractmethod
    def device(self, text: str) -> str:
        """An interface's name."""

    @abstractmethod
    def opaque(self, text: str) -> str:
        """A word that nobody reads, but that may have to equal another one."""

    @abstractmethod
    def text(self, text: str) -> str:
        """Free text: a message, an error."""

    @abstractmethod
    def selector(self, text: str) -> str:
        """A selector of labels."""

    @abstractmethod
    def handle(self, text: str) -> str:
        """The name of an IPAM handle."""

    @abstractmethod
    def protocol(self, name: str) -> str:
        """The name of a protocol of BIRD's."""

    @abstractmethod
    def sysctl(self, name: str, value: str) -> tuple[str, str] | None:
        """A sysctl by its name and value; None for one that is left out."""

    @abstractmethod
    def stem(self, text: str) -> str:
        """How Felix's pod interfaces begin (FelixConfiguration interfacePrefix)."""

    @abstractmethod
    def labelled(self, key: str, value: str) -> None:
        """A label that some object has."""

    @abstractmethod
    def network(self, text: str, role: str) -> None:
        """A prefix whose shape matters: `pools`, `blocks` or `networks`."""

    @abstractmethod
    def pod(self, pod: Pod) -> None:
        """A pod, by which interfaces are named."""

    @abstractmethod
    def _prefix(self, text: str) -> str:
        """An address with or without a length; it is one."""

    def keep(self, text: str) -> str:
        """A text that a rule leaves as it is."""
        return text

    def prefix(self, text: str) -> str:
        """An address or prefix, possibly with `%interface`; a text that is neither is free text."""
        bare, percent, device = text.partition("%")
        try:
            ip.span(bare)
        except ValueError:
            return self.text(text)
        return f"{self._prefix(bare)}%{self.device(device)}" if percent else self._prefix(bare)

    def link_layer(self, text: str) -> str:
        """What a kernel shows as an interface's own address: a MAC, or an IP address of a tunnel."""
        return self.mac(text) if _MAC.fullmatch(text) else self.prefix(text) if text else ""

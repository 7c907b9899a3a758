"""Rules: what becomes of a text, by what it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from gate.anonymise import documents
from gate.anonymise.words import NAMESPACE, NETNS, NODE, POD, REMOVED, Words
from model import net

Rule = Callable[[Any, str], str]


class Whole(msgspec.Struct, frozen=True):
    """A rule for a field's value as a whole, whatever it is made of."""

    of: Callable[[Any, Any], Any]


def name(kind: str) -> Rule:
    """The rule for names of a kind."""
    return lambda words, text: words.name(kind, text)


def part(method: str) -> Rule:
    """The rule that a part of `Words` has."""
    return lambda words, text: getattr(words, method)(text)


def shape(pattern: str) -> Rule:
    """The rule for texts that stay if they have a shape that no name has, and are removed otherwise."""
    fits = re.compile(pattern)
    return lambda words, text: words.keep(text) if fits.fullmatch(text) else REMOVED


def image(words: Words, text: str) -> str:
    """calico-node's image: what it is and its release; the registry is left out."""
    path, _, _ = text.partition("@")
    repository, _, tag = path.rpartition(":")
    release = re.match(r"v?\d+\.\d+(?:\.\d+)?", tag)
    is_node = re.search(r"(?:^|/)(?:calico/)?node$|calico-node", repository or path)
    words.keep("calico/node")
    found = "calico/node" if is_node else f"image-{words.opaque(repository or path)}"
    return f"{found}:{release[0]}" if release else found


def affinity(words: Words, text: str) -> str:
    """IPAMBlock.affinity: `host:<node>`, `virtual:<owner>`."""
    kind, colon, owner = text.partition(":")
    return f"{kind}:{words.name(NODE, owner)}" if colon and kind in {"host", "virtual"} else words.opaque(text)


def netns(words: Words, text: str) -> str:
    """A network namespace's name; what the probe itself calls one stays."""
    return words.keep(text) if re.fullmatch(r"host|pid-\d+|net:\[\d+\]|", text) else words.name(NETNS, text)


def where(words: Words, text: str) -> str:
    """Where something could not be read: a path or a network namespace."""
    return words.text(text) if text.startswith("/") else netns(words, text)


def secondary(words: Words, found: dict[str, str]) -> dict[str, str]:
    """Whose an allocation is."""
    rules = {"pod": name(POD), "namespace": name(NAMESPACE), "node": name(NODE), "timestamp": TIME, "type": WORD}
    return {documents.field(words, key): rules.get(key, OPAQUE)(words, text) for key, text in found.items()}


def sysctls(words: Words, found: dict[str, str]) -> dict[str, str]:
    """The sysctls that are numbers."""
    return dict(pair for item in found.items() if (pair := words.sysctl(*item)) is not None)


def peers(words: Words, found: tuple[tuple[str, str, str], ...]) -> tuple[tuple[str, str, str], ...]:
    """NodeStatus.peers."""
    return tuple((words.prefix(address), WORD(words, kind), WORD(words, state)) for address, kind, state in found)


def reasons(words: Words, found: dict[str, str]) -> dict[str, str]:
    """Why lists are missing, by resource."""
    return {words.keep(key): words.text(text) for key, text in found.items()}


def counts(words: Words, found: dict[str, int]) -> dict[str, int]:
    """How many addresses of which block."""
    return {words.prefix(prefix): count for prefix, count in found.items()}


def lookups(words: Words, found: dict[str, str]) -> dict[str, str]:
    """What was answered for which address."""
    return {words.prefix(address): ANSWER(words, text) for address, text in found.items()}


def answer(words: Words, text: str) -> str:
    """What RTM_GETROUTE answered: `EINVAL`, `unicast via 10.0.0.12 dev eth0`."""
    found = text.split(" ")
    rules = {"dev": DEVICE, "via": PREFIX}
    return " ".join(rules.get(before, _said)(words, word) for before, word in zip(["", *found], found, strict=False))


def _said(words: Words, word: str) -> str:
    return words.keep(word) if word in _ANSWERS or re.fullmatch(r"[A-Z]*", word) else words.text(word)


def as_number(words: Words, text: str) -> str:
    """A Node's AS number."""
    return str(documents.as_number(words, text))


def finding(words: Words, text: str) -> str:
    """`check/node/object`."""
    check, _, rest = text.partition("/")
    return f"{words.keep(check)}/{words.text(rest)}"


def asked(words: Words, text: str) -> str:
    """An option as it was given: its name, and nothing of what it asked for."""
    option = re.match(r"--[a-z-]+", text)
    return f"{words.keep(option[0])} {REMOVED}" if option else REMOVED


def kernel(words: Words, text: str) -> str:
    """The kernel's release without what its builder added."""
    known = r"\d+|generic|cloud|aws|azure|gcp|gke|oracle|lts|amd64|arm64|x86_64|aarch64|deb\d+u?\d*|el\d+(?:_\d+)?"
    found = re.match(rf"\d+(?:\.\d+)+(?:[-.](?:{known}))*", text)
    return words.keep(found[0]) if found else ""


_CLUSTER_TYPES = frozenset(
    {
        *("k8s", "bgp", "kdd", "typha", "operator", "canal", "win"),  # calico-node, its manifests and the operator
        *("kubeadm", "kubespray", "kops", "gke", "eks", "aks", "aws", "azure", "openshift", "docker-ee", "mke"),
        *("rke", "rke2", "k3s", "k0s", "kind", "talos", "minikube"),
    }
)


def cluster_type(words: Words, text: str) -> str:
    """The words that calico-node and installers put together; `bgp` among them means that BIRD runs."""
    return ",".join(words.keep(word) if word in _CLUSTER_TYPES else words.opaque(word) for word in text.split(","))


def version(words: Words, text: str) -> str:
    """Calico's release, with a commit but without a builder's own suffix."""
    found = re.match(r"v?\d+\.\d+(?:\.\d+)?(?:-0\.dev|-[0-9a-f]{7,10}\b)?", text)
    return words.keep(found[0]) if found else ""


TEXT: Rule = part("text")
PREFIX: Rule = part("prefix")
LOOSE: Rule = documents.loose  # an address as a rule, and possibly anything
DEVICE: Rule = part("device")
OPAQUE: Rule = part("opaque")
ANSWER: Rule = answer
UID: Rule = part("identifier")
TIME = shape(r"[-0-9TZ:.+ ]*(?:UTC)?(?: m=[-+0-9.]+)?")
NUMBER = shape(r"\d*")
WORD = shape(r"(?:[A-Z][A-Za-z0-9]*)?|[a-z][A-Za-z0-9]{0,24}TunnelAddress")
OWN = shape(r"[A-Za-z0-9_. /-]{0,60}")  # a constant of this tool's

_ANSWERS = frozenset({"dev", "via", "table", *net.ROUTE_TYPES.values()})

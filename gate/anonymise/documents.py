"""Values of many shapes: specs of Calico's settings, pods' annotations, the CNI configuration.

Fields' names are kept, and of their values what has a meaning to Calico: numbers, truth values, and single words that
begin with a capital letter (`Enabled`, `WorkloadIPs`), which no name in Kubernetes does. All else is replaced.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from gate.anonymise.words import NETWORK, NODE, PLUGIN, POOL, SETTING, Words
from model import ip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_MEANS = re.compile(
    r"(?:[A-Z][A-Za-z0-9]{0,39}|true|false|none|-?\d+(?:\.\d+)?[A-Za-z%]{0,2}|(?:\d+(?:h|m|s|ms)){1,3})"
)
_COMMUNITY = re.compile(r"(\d{1,10})(:\d{1,10}(?::\d{1,10})?)")
_PORTED = re.compile(r"(\[?)([0-9A-Fa-f:.]+?)(\]?):(\d{1,5})")
_AS_FIELDS = frozenset({"asNumber", "localASNumber", "remoteAS", "asns"})
_ENUMERATED = frozenset({"auto", "legacy", "nft", "tunnel", "dsr", "tcp", "udp", "sctp", "cgroup", "any", "off"})
_FREE = frozenset({"openstackRegion", "communities", "name", "key", "description", "comment"})  # in one's own words
PLUGINS = frozenset(
    {
        "calico",
        "calico-ipam",
        "host-local",
        "dhcp",
        "static",
        "portmap",
        "bandwidth",
        "tuning",
        "loopback",
        "bridge",
        "ptp",
        "ipvlan",
        "macvlan",
        "vlan",
        "sbr",
        "firewall",
        "multus",
        "multus-shim",
        "istio-cni",
        "linkerd-cni",
        "flannel",
        "cilium-cni",
        "aws-cni",
        "azure-vnet",
        "gke",
    }
)
_NETWORKS = frozenset({"k8s-pod-network", "cni0"})
_STORES = frozenset({"kubernetes", "etcdv3", "__KUBERNETES_NODE_NAME__"})


def spec(words: Words, found: Mapping[str, object]) -> dict[str, object]:
    """The spec of a FelixConfiguration, BGPConfiguration, BGPPeer or BGPFilter."""
    return {field(words, name): _value(words, name, value) for name, value in found.items()}


def field(words: Words, name: str) -> str:
    """A field's name: one that is none in any programming interface is replaced."""
    return words.keep(name) if _FIELD.fullmatch(name) else words.opaque(name)


def _value(words: Words, name: str, value: object) -> object:
    if isinstance(value, dict):
        return {field(words, str(key)): _value(words, str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_value(words, name, inner) for inner in value]
    if name in _AS_FIELDS and isinstance(value, str | int) and not isinstance(value, bool):
        return as_number(words, value)
    return _text(words, name, value) if isinstance(value, str) else value


def _text(words: Words, name: str, text: str) -> str:
    if name == "node":
        return words.name(NODE, text)
    if name == "filters":
        return setting(words, text)
    if name.lower().endswith("selector"):
        return words.selector(text)
    if name == "interfacePrefix":
        return ",".join(words.stem(part) for part in text.split(","))
    return words.opaque(text) if name in _FREE and _MEANS.fullmatch(text) else loose(words, text)


def loose(words: Words, text: str) -> str:
    """A value without a kind: an address with or without port or length, a community, a word with a meaning; else
    opaque."""
    ported = _PORTED.fullmatch(text)
    if ported and _is_address(ported[2]):
        return f"{ported[1]}{words.prefix(ported[2])}{ported[3]}:{ported[4]}"
    if _is_address(text):
        return words.prefix(text)
    community = _COMMUNITY.fullmatch(text)
    if community:
        return f"{words.number(int(community[1]))}{community[2]}"
    return words.keep(text) if text in _ENUMERATED or _MEANS.fullmatch(text) else words.opaque(text)


def _is_address(text: str) -> bool:
    try:
        ip.span(text)
    except ValueError:
        return False
    return "." in text or ":" in text  # a bare number is one, too


def as_number(words: Words, value: str | int) -> str | int:
    """An AS number in any of Calico's notations, `64512` and `1.10`; a public one comes back as a plain number."""
    if isinstance(value, int):
        return words.number(value)
    high, dot, low = value.partition(".")
    if not high.isdigit() or (dot and not low.isdigit()):
        return words.opaque(value)
    number = (int(high) << 16) + int(low) if dot else int(high)
    replaced = words.number(number)
    return value if replaced == number else str(replaced)


def setting(words: Words, name: str) -> str:
    """The name of a settings object: `default` and `node.<node>` mean something."""
    if name == "default":
        return words.keep(name)
    start, dot, node = name.partition(".")
    return f"node.{words.name(NODE, node)}" if start == "node" and dot else words.name(SETTING, name)


def pod_annotations(words: Words, found: Mapping[str, str]) -> dict[str, str]:
    """A pod's annotations, of which only those that somebody here reads were kept (fixtures.redact)."""
    return {words.keep(name): _annotation(words, name, text) for name, text in found.items()}


def _annotation(words: Words, name: str, text: str) -> str:
    if name.endswith("/containerID"):
        return words.identifier(text)
    if name.endswith("/hwAddr"):
        return words.link_layer(text)
    parsed = _json(text)
    if parsed is not None:
        return msgspec.json.encode(_inner(words, name, parsed)).decode()
    return ",".join(loose(words, part.strip()) for part in text.split(","))


def _inner(words: Words, name: str, value: object) -> object:
    """JSON in an annotation: lists of addresses or pools, and networks that Multus adds."""
    if isinstance(value, dict):
        return {field(words, str(key)): _inner(words, str(key), inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_inner(words, name, inner) for inner in value]
    if not isinstance(value, str):
        return value
    if name.endswith(("ipv4pools", "ipv6pools")):
        return _pool(words, value)
    return words.mac(value) if name == "mac" else loose(words, value)


def _pool(words: Words, text: str) -> str:
    """Pools are named or given by their prefix."""
    return words.prefix(text) if _is_address(text) else words.name(POOL, text)


def cni(words: Words, text: str) -> str:
    """A CNI configuration, of which only known keys were kept (fixtures.redact)."""
    parsed = _json(text)
    if parsed is None:
        return "{}"
    return msgspec.json.encode(_cni(words, "", parsed)).decode()


def _cni(words: Words, name: str, value: object) -> object:
    if isinstance(value, dict):
        return {words.keep(str(key)): _cni(words, str(key), inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cni(words, name, inner) for inner in value]
    return _CNI.get(name, loose)(words, value) if isinstance(value, str) else value


def _kept_or(known: frozenset[str], kind: str) -> Callable[[Words, str], str]:
    return lambda words, text: words.keep(text) if text in known else words.name(kind, text)


_CNI: dict[str, Callable[[Words, str], str]] = {
    "type": _kept_or(PLUGINS, PLUGIN),
    "name": _kept_or(_NETWORKS, NETWORK),
    "nodename": _kept_or(_STORES, NODE),
    "datastore_type": _kept_or(_STORES, NETWORK),
    "ipv4_pools": _pool,
    "ipv6_pools": _pool,
    "cniVersion": lambda words, text: words.keep(text) if re.fullmatch(r"[\d.]{1,12}", text) else words.opaque(text),
    "calico_api_group": lambda words, text: words.keep(text) if "projectcalico.org" in text else words.opaque(text),
}


def network(words: Words, text: str) -> str:
    """The name of a CNI network."""
    return _CNI["name"](words, text)


def _json(text: str) -> Any | None:
    """The value of a JSON object or list; None for any other text."""
    if text[:1] not in {"{", "["}:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None

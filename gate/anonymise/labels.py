"""Labels, and the selectors that select by them: replaced together, so that what was selected still is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from expect.selectors import SelectorError, tokens
from gate.anonymise.words import LABEL, VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from expect.selectors import Token
    from gate.anonymise.words import Words

KEYS = frozenset(
    {"app", "k8s-app", "name", "component", "tier", "role", "type", "version", "rack", "zone", "region", "kubevirt.io"}
)
ROLES = "node-role.kubernetes.io/"
_KNOWN_ROLES = frozenset({"control-plane", "master", "worker", "etcd", "infra", "node", "storage", "edge", "ingress"})
VALUES = frozenset(
    {"true", "false", "linux", "windows", "amd64", "arm64", "k8s", "calico-node", "virtual-kubelet", "virt-launcher"}
)
UNREADABLE = "selector that cannot be read"
_OFFICIAL = re.compile(
    r"(?:(?:(?:app|apps|batch|beta|node|topology|statefulset|service|storage|networking|scheduling|failure-domain\.beta|"
    r"node-role)\.)?kubernetes\.io|(?:crd\.)?projectcalico\.org|kubevirt\.io)/[A-Za-z0-9._-]+"
)
_INHERITED = ("pcns.", "pcsa.")  # a namespace's and a service account's labels, as selectors of pods name them
_UNLISTED = (*_INHERITED, "serviceaccount")  # what expect.bgp looks for in the text of a selector
_SYNTAX = "all() global() has() in not contains starts ends with pcns"
_PARTS = {"contains", "starts with", "ends with"}
_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda value, part: part in value,
    "starts with": str.startswith,
    "ends with": str.endswith,
}


def key(words: Words, text: str) -> str:
    """A label's key: kept where Kubernetes, Calico or everybody uses it."""
    for start in _INHERITED:
        if text.startswith(start):
            return start + key(words, text.removeprefix(start))
    if text.startswith(ROLES) and text.removeprefix(ROLES) not in _KNOWN_ROLES:
        return ROLES + words.name(LABEL, text.removeprefix(ROLES))
    if text in KEYS or _OFFICIAL.fullmatch(text):
        return words.keep(text)
    return words.name(LABEL, text)


def value(words: Words, text: str) -> str:
    """A label's value: a word that means something to Calico is kept, a namespace's, node's or pod's name stays one."""
    return words.keep(text) if text in VALUES else words.name(VALUE, text) if text else ""


def labels(words: Words, found: Mapping[str, str]) -> dict[str, str]:
    """The labels of one object."""
    for name, text in found.items():
        words.labelled(name, text)
    return {key(words, name): value(words, text) for name, text in found.items()}


def taint(words: Words, text: str) -> str:
    """`key=value:Effect`."""
    rest, colon, effect = text.rpartition(":")
    name, equals, own = rest.partition("=")
    return f"{key(words, name)}{equals}{value(words, own)}{colon}{effect}"


def selector(words: Words, text: str, known: Mapping[str, Iterable[str]]) -> str:
    """The selector over replaced labels; `known` holds the values that each label has anywhere.

    A test of a part of a value (`contains`, `starts with`, `ends with`) becomes one for the whole values that pass it.
    What Calico cannot read stays unreadable.
    """
    try:
        found = tokens(text)
    except SelectorError:
        return UNREADABLE
    words.keep(_SYNTAX)
    written: list[str] = []
    label = ""
    at = 0
    while at < len(found):
        token = found[at]
        if token.kind == "label":
            label = token.value
        if token.kind in _PARTS and at + 1 < len(found) and found[at + 1].kind == "text":
            passing = sorted(each for each in known.get(label, ()) if _TESTS[token.kind](each, found[at + 1].value))
            written.append(f"in {{{', '.join(_quoted(value(words, each)) for each in passing)}}}")
            at += 1
        elif token.kind != "end":
            written.append(_written(words, token))
        at += 1
    replaced = " ".join(written)
    if any(word in text for word in _UNLISTED) and not any(word in replaced for word in _UNLISTED):
        return f"({replaced}) && !has({_INHERITED[0]}none)"  # a value has the word: still to be taken for unlisted
    return replaced


def _written(words: Words, token: Token) -> str:
    if token.kind == "has":
        return f"has({key(words, token.value)})"
    if token.kind == "label":
        return key(words, token.value)
    if token.kind == "text":
        return _quoted(value(words, token.value))
    return token.value


def _quoted(text: str) -> str:
    return f"'{text}'"

"""Walking over a snapshot's values with one treatment of their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from gate.anonymise.policy import RULES
from gate.anonymise.rules import Rule, Whole
from model.cluster import BlockAffinity, IPAMBlock, IPPool, Node, Pod
from model.net import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.anonymise.words import Words

T = TypeVar("T")


def walk(words: Words, value: T) -> T:
    """The value with every text treated by its field's rule. TypeError: a text in a field that has none."""
    return _walk(words, value)  # type: ignore[no-any-return]


def _walk(words: Words, value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _struct(words, value)
    if isinstance(value, tuple):
        return tuple([_walk(words, item) for item in value])
    if isinstance(value, str | bytes | dict | list):
        raise TypeError(f"no rule for a {type(value).__name__}")
    return value


def _struct(words: Words, value: msgspec.Struct) -> Any:
    kind = type(value)
    before = BEFORE.get(kind)
    own = before(words, value) if before else {}
    rules = RULES[kind]
    found = []
    for field in kind.__struct_fields__:
        rule = rules.get(field)
        inner = getattr(value, field)
        if field in own:
            found.append(own[field])
        elif rule is None:
            found.append(_walk(words, inner))
        else:
            found.append(_ruled(words, rule, inner))
    return kind(*found)


def _ruled(words: Words, rule: Rule | Whole, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(rule, Whole):
        return rule.of(words, value)
    if isinstance(value, str):
        return rule(words, value)
    return tuple([rule(words, item) for item in value])


def _pod(words: Words, pod: Pod) -> dict[str, object]:
    words.pod(pod)
    return {}


def _node(words: Words, node: Node) -> dict[str, object]:
    for text in (node.bgp_ipv4, node.bgp_ipv6):
        if text:
            words.network(text, "networks")
    return {}


def _pool(words: Words, pool: IPPool) -> dict[str, object]:
    words.network(pool.cidr, "pools")
    return {}


def _block(words: Words, block: IPAMBlock) -> dict[str, object]:
    """A block is named after its prefix."""
    words.network(block.cidr, "blocks")
    return {"name": _dashed(words.prefix(block.cidr))} if block.name == _dashed(block.cidr) else {}


def _affinity(words: Words, item: BlockAffinity) -> dict[str, object]:
    """An affinity is named after its node and prefix, unless that is too long."""
    if item.name != f"{item.node}-{_dashed(item.cidr)}":
        return {}
    return {"name": f"{words.name('node', item.node)}-{_dashed(words.prefix(item.cidr))}"}


def _address(words: Words, item: Address) -> dict[str, object]:
    words.network(item.text, "networks")
    return {}


def _dashed(cidr: str) -> str:
    return cidr.replace(".", "-").replace(":", "-").replace("/", "-")


BEFORE: dict[type, Callable[[Words, Any], dict[str, object]]] = {
    Pod: _pod,
    Node: _node,
    IPPool: _pool,
    IPAMBlock: _block,
    BlockAffinity: _affinity,
    Address: _address,
}

"""Where the facts of a snapshot are: lists of facts, and the structs around them, in one walk over the struct types."""

from __future__ import annotations

import typing

import msgspec

from model.cluster import (
    BlockAffinity,
    Cluster,
    IPAMBlock,
    IPAMHandle,
    Look,
    Pod,
)
from model.net import Address, Link, Namespace, Neighbour, Route, Rule, table_name
from model.node import Bird, NodeFacts
from model.snapshot import Snapshot
from model.trial import Trial, Trials, Untried
from tests.mutations.values import hints

if typing.TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.mutations.tree import Path

AROUND = (Snapshot, Look, Cluster, NodeFacts, Namespace, Bird, Trials)  # their items are facts of their own
AGAIN = {"pods": "pods_after", "nodes": "nodes_after", "blocks": "blocks_after", "affinities": "affinities_after"}


class Facts(typing.NamedTuple):
    """A list of facts of one type. `again` is the place of the API's second list of them, None without one."""

    kind: str
    where: str
    path: Path
    type: type[msgspec.Struct]
    items: tuple[msgspec.Struct, ...]
    node: str | None
    again: Path | None


class Fact(typing.NamedTuple):
    """A fact that stands by itself (the IPAM configuration), or what a struct around other facts says of itself."""

    kind: str
    where: str
    path: Path
    value: msgspec.Struct
    node: str | None


def walk(
    value: msgspec.Struct, path: Path = (), prefix: str = "", where: str = "", node: str | None = None
) -> Iterator[Facts | Fact]:
    """Every list of facts and every single fact below a struct; the API's second lists only as `again`."""
    kind = f"{prefix} {type(value).__name__}".strip()
    yield Fact(kind, where or "snapshot", path, value, node)
    for name, hint in hints(type(value)).items():
        if name in AGAIN.values():
            continue
        here, item = (*path, name), getattr(value, name)
        if isinstance(item, AROUND):
            yield from walk(item, here, "host" if name == "host" else prefix, where, node)
        elif isinstance(item, msgspec.Struct):
            yield Fact(f"{prefix} {type(item).__name__}".strip(), where or name, here, item, node)
        elif name == "node_facts":
            for key, facts in item.items():
                yield from walk(facts, (*here, key), "", key, key)
        elif isinstance(item, tuple) and (element := _element(hint)):
            yield from _list(value, name, element, here, prefix, where, node)


def _list(
    owner: msgspec.Struct, name: str, element: type, here: Path, prefix: str, where: str, node: str | None
) -> Iterator[Facts | Fact]:
    items: tuple[msgspec.Struct, ...] = getattr(owner, name)
    prefix = "pod" if name == "pods" and isinstance(owner, NodeFacts) else prefix
    kind = f"{prefix} {element.__name__}".strip()
    kind = f"{kind} ({name})" if element.__name__ == "Settings" else kind
    again = (*here[:-2], AGAIN[name]) if isinstance(owner, Cluster) and name in AGAIN else None
    yield Facts(kind, where, here, element, items, node, again)
    if element in AROUND:
        for index, item in enumerate(items):
            place = where if isinstance(item, Look) else f"{where}/{label(item)}"
            yield from walk(item, (*here, index), prefix, place, node)


def _element(hint: object) -> type[msgspec.Struct] | None:
    arguments = typing.get_args(hint)
    first = arguments[0] if typing.get_origin(hint) is tuple and arguments else None
    return first if isinstance(first, type) and issubclass(first, msgspec.Struct) else None


def label(value: object) -> str:
    """What tells a fact from the others of its list, for people."""
    match value:
        case Pod():
            return value.key
        case Link():
            return value.name
        case Address():
            return f"{value.dev} {value.text}"
        case Route():
            return f"{value.dst} {table_name(value.table)} {value.metric}"
        case Rule():
            return f"IPv{value.family} {value.priority}"
        case Neighbour():
            return f"{value.dev} {value.address or value.mac}"
        case Bird():
            return f"bird{value.family}"
        case IPAMBlock() | BlockAffinity():
            return f"{value.name}"
        case IPAMHandle():
            return value.handle
        case Trial() | Untried():
            return f"{value.owner} {value.block}"
        case msgspec.Struct():
            return str(getattr(value, "name", ""))
        case _:
            return str(value)

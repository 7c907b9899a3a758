"""Other values for a field: what it could wrongly hold, by its type, by the shape of its text and by its vocabulary."""

from __future__ import annotations

import re
import types
import typing
from functools import cache

import msgspec

from model import ip
from model.free import free_addresses, shown_addresses
from tests.mutations.mutation import general
from tests.mutations.vocabulary import LOOKUPS, VOCABULARY

if typing.TYPE_CHECKING:
    from collections.abc import Iterator

    from model.snapshot import Snapshot

Named = tuple[str, object]  # an operation's name and the value that it puts in place

OUTSIDE = {4: "192.0.2.77", 6: "2001:db8::77"}  # RFC 5737, RFC 3849: never in use
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_ADDRESS_FIELDS = frozenset(
    {"address", "peer", "broadcast", "gateway", "prefsrc", "neighbor", "local", "ips", "source"}
)
_DEVICE_FIELDS = frozenset({"dev", "iif", "oif", "uplink", "egress", "master"})
_PREFIX_FIELDS = frozenset({"src", "dst", "cidr", "pod_cidrs"})


class Pools:
    """The addresses that a wrong value is taken from: other pods', other nodes', free ones."""

    def __init__(self, snapshot: Snapshot) -> None:
        known = snapshot.looks[-1].before
        live = [pod for pod in known.pods if not pod.host_network and pod.phase == "Running"]
        shown = shown_addresses(known.pods, known.nodes)
        self.pods = tuple(address for pod in live for address in pod.ips)
        self.nodes = tuple(address for item in known.nodes for address in item.internal_ips)
        self.free = tuple(address for block in known.blocks for address in free_addresses(block, shown)[-2:])
        self.prefixes = (*(block.cidr for block in known.blocks), *(pool.cidr for pool in known.pools))
        self.names = tuple(item.name for item in known.nodes)
        self.devices = _devices(snapshot)

    def others(self, old: str) -> Iterator[Named]:
        """Another node's name, for a text that names a node."""
        prefix, colon, name = old.rpartition(":")
        if name in self.names:
            other = next((item for item in self.names if item != name), None)
            if other:
                yield "→ another node", f"{prefix}{colon}{other}"

    def addresses(self, old: str) -> Iterator[Named]:
        """One other address of each origin, of the same family."""
        family = ip.family(old)
        for name, pool in (("another pod's", self.pods), ("a node's", self.nodes), ("a free one", self.free)):
            new = next((address for address in pool if ip.family(address) == family and address != old), None)
            if new:
                yield f"→ {name}", new
        yield "→ outside", OUTSIDE[family]


def _devices(snapshot: Snapshot) -> tuple[str, ...]:
    """The names of interfaces, with two pods' host interfaces among them."""
    names = dict.fromkeys(link.name for facts in snapshot.node_facts.values() for link in facts.host.links)
    pods = [name for name in names if name.startswith("cali")][:2]
    return (*(name for name in names if not name.startswith("cali")), *pods, "eth0")


def alternatives(owner: type, field: str, hint: object, old: object, pools: Pools) -> Iterator[Named]:
    """Every wrong value for a scalar field of a struct, each with the operation's name; never the old value."""
    met: list[object] = [old]
    for name, new in _candidates(owner, field, hint, old, pools):
        if not any(type(new) is type(other) and new == other for other in met):
            met.append(new)
            yield name, new


def _candidates(owner: type, field: str, hint: object, old: object, pools: Pools) -> Iterator[Named]:
    words = VOCABULARY.get((owner, field), ())
    yield from ((f"→ {_word(new)}", new) for new in words)
    if field in _DEVICE_FIELDS:
        yield from ((f"→ {general(name)}", name) for name in pools.devices)
    if old is None and not words:
        yield from (("given", new) for new in _given(field, hint, pools))
        return
    if may_be_none(hint) and old is not None:
        yield "→ none", None
    if field == "lookups":
        yield from ((f"→ {word}", word) for word in LOOKUPS)
    elif isinstance(old, str):
        if (owner, field) not in VOCABULARY:
            yield from pools.others(old)
            yield from _text(old, pools)
    else:
        yield from _number(old)


def _number(old: object) -> Iterator[Named]:
    if isinstance(old, bool):
        yield "negated", not old
    elif isinstance(old, int):
        yield "+1", old + 1
        yield "→ 0", 0
    elif isinstance(old, float):
        yield "+1 s", old + 1.0
    elif isinstance(old, bytes):
        yield "altered", old + b"\0"


def _text(old: str, pools: Pools) -> Iterator[Named]:
    if is_address(old):
        yield from pools.addresses(old)
    elif is_prefix(old):
        yield from _prefix(old, pools)
    elif _MAC.fullmatch(old):
        yield "altered", old[:-2] + ("01" if old[-2:] != "01" else "02")
    elif old in {"0", "1", "2"}:
        yield from ((f"→ {word}", word) for word in ("0", "1", "2") if word != old)
    elif old.isdecimal():
        yield "+1", str(int(old) + 1)
    else:
        yield "altered", f"{old}x"
        if old:
            yield "→ ''", ""


def _prefix(old: str, pools: Pools) -> Iterator[Named]:
    address, _, text = old.partition("/")
    length, width = int(text), 128 if ":" in old else 32
    if length < width:
        yield "longer", f"{address}/{length + 1}"
    if length > 0:
        shorter = f"{address}/{length - 1}"
        yield "shorter", shorter if ip.bare(ip.canonical(old)) != address else ip.canonical(shorter)
    if length == width:
        yield from ((name, f"{new}/{length}") for name, new in pools.addresses(address))
    else:
        for new in pools.prefixes:
            if new != old and ip.family(new) == ip.family(old):
                yield "→ another block's", new
                break
        yield "→ outside", ip.canonical(f"{OUTSIDE[ip.family(old)]}/{length}")


def _given(field: str, hint: object, pools: Pools) -> Iterator[object]:
    kinds = members(hint)
    if str in kinds:
        if field in _ADDRESS_FIELDS or field.endswith("_ips") or "tunnel" in field or field.startswith("wireguard_ip"):
            yield from (new for _, new in pools.addresses(OUTSIDE[4]))
            yield OUTSIDE[4]
        elif field.startswith("bgp_ip"):
            yield f"{OUTSIDE[6]}/64" if field.endswith("6") else f"{OUTSIDE[4]}/24"
        elif field in _PREFIX_FIELDS:
            yield from pools.prefixes[:2]
            yield f"{OUTSIDE[4]}/32"
        else:
            yield "1" if field == "as_number" else "foreign"
    elif bool in kinds:
        yield from (True, False)
    elif int in kinds:
        yield from (0, 1)
    elif float in kinds:
        yield 1.0


def _word(new: object) -> str:
    return "none" if new is None else repr(new) if new == "" else str(new)


def members(hint: object) -> tuple[object, ...]:
    """The members of a union, or the type alone."""
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def may_be_none(hint: object) -> bool:
    """Whether None is a value of the type."""
    return type(None) in members(hint)


@cache
def is_address(text: str) -> bool:
    """Whether a text is an address."""
    try:
        ip.address(text)
    except ValueError:
        return False
    return True


@cache
def is_prefix(text: str) -> bool:
    """Whether a text is a prefix with its length; host bits may be set."""
    try:
        ip.network(text)
    except ValueError:
        return False
    return "/" in text


@cache
def hints(owner: type) -> dict[str, object]:
    """The types of a struct's fields."""
    return typing.get_type_hints(owner)


def struct_of(hint: object) -> type[msgspec.Struct] | None:
    """The struct of a field's type, None for a field of none."""
    found = [member for member in members(hint) if isinstance(member, type) and issubclass(member, msgspec.Struct)]
    return found[0] if found else None


def examples(owner: type[msgspec.Struct]) -> Iterator[tuple[str, msgspec.Struct]]:
    """Invented values of a struct, for lists that hold none: one of defaults, then one for each word of its
    vocabulary."""
    made = _example(owner)
    yield "", made
    for (other, field), words in VOCABULARY.items():
        if other is owner:
            for word in words:
                if word != getattr(made, field):
                    yield f": {field} {_word(word)}", msgspec.structs.replace(made, **{field: word})


def _example(owner: type[msgspec.Struct]) -> msgspec.Struct:
    required = [field.name for field in msgspec.structs.fields(owner) if field.required]
    return owner(**{name: _invented(name, hints(owner)[name]) for name in required})


def _invented(field: str, hint: object) -> object:
    first = next(member for member in members(hint) if member is not type(None))
    struct = struct_of(first)
    if struct:
        return _example(struct)
    if typing.get_origin(first) in {tuple, dict}:
        return () if typing.get_origin(first) is tuple else {}
    if first is str:
        block = f"{OUTSIDE[4]}/32"
        return OUTSIDE[4] if field in _ADDRESS_FIELDS else block if field in {*_PREFIX_FIELDS, "block"} else "foreign"
    return {bool: True, int: 1, float: 1.0, bytes: b""}[typing.cast(type, first)]

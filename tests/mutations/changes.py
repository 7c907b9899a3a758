"""The changes inside one fact: every field, nested ones included, each with the values that it could wrongly hold."""

from __future__ import annotations

import typing

import msgspec

from checks.required import REQUIRED
from tests.mutations.mutation import general
from tests.mutations.tree import Path, replaced, without
from tests.mutations.values import Pools, alternatives, examples, hints, may_be_none, struct_of

if typing.TYPE_CHECKING:
    from collections.abc import Iterator


class Change(typing.NamedTuple):
    """One change of one field: `path` from the fact down to what is replaced; `item`: which one of a list is lost or
    doubled, which key of a dict."""

    field: str
    operation: str
    path: Path
    old: object
    new: object
    item: int | str | None = None

    @property
    def place(self) -> str:
        """What the field's name leaves out: indexes, addresses, interfaces."""
        steps = (*self.path, *(() if self.item is None else (self.item,)))
        return "".join(f"[{step}]" for step in steps if isinstance(step, int) or general(step) != step)


def changes(fact: msgspec.Struct, pools: Pools) -> Iterator[Change]:
    """Every change of a fact's fields."""
    yield from _struct(fact, "", (), pools)


def field_changes(fact: msgspec.Struct, field: str, pools: Pools) -> Iterator[Change]:
    """Every change of one field."""
    hint = hints(type(fact))[field]
    yield from _value(_Spot(type(fact), field, hint), getattr(fact, field), field, (field,), pools)


class _Spot(typing.NamedTuple):
    owner: type
    field: str
    hint: object


def _struct(fact: msgspec.Struct, field: str, path: Path, pools: Pools) -> Iterator[Change]:
    for name, hint in hints(type(fact)).items():
        spot = _Spot(type(fact), name, hint)
        yield from _value(spot, getattr(fact, name), f"{field}.{name}".lstrip("."), (*path, name), pools)


def _value(spot: _Spot, old: object, field: str, path: Path, pools: Pools) -> Iterator[Change]:
    if isinstance(old, msgspec.Struct):
        if may_be_none(spot.hint):
            yield Change(field, "→ none", path, old, None)
        yield from _struct(old, field, path, pools)
    elif isinstance(old, tuple | list):
        yield from _sequence(spot, old, field, path, pools)
    elif isinstance(old, dict):
        yield from _mapping(spot, old, field, path, pools)
    elif old is None and (inner := struct_of(spot.hint)):
        yield from (Change(field, f"given{name}", path, old, new) for name, new in examples(inner))
    else:
        for operation, new in alternatives(spot.owner, spot.field, spot.hint, old, pools):
            yield Change(field, operation, path, old, new)


def _sequence(
    spot: _Spot, old: tuple[object, ...] | list[object], field: str, path: Path, pools: Pools
) -> Iterator[Change]:
    inner = spot._replace(hint=next(iter(typing.get_args(spot.hint)), object))
    for index, item in enumerate(old):
        yield Change(field, "drop one", path, old, without(old, index), index)
        yield Change(field, "double one", path, old, type(old)((*old[:index], item, *old[index:])), index)
        yield from _value(inner, item, field, (*path, index), pools)
    for operation, extra in _extras(inner, old, pools):
        yield Change(field, operation, path, old, type(old)((*old, extra)))


def _extras(inner: _Spot, old: tuple[object, ...] | list[object], pools: Pools) -> Iterator[tuple[str, object]]:
    struct = struct_of(inner.hint)
    if old and isinstance(old[-1], msgspec.Struct):
        for change in _struct(old[-1], "", (), pools):
            if not isinstance(change.new, tuple | list | dict):
                yield f"add one: {change.field} {change.operation}", replaced(old[-1], change.path, change.new)
    elif struct:
        yield from ((f"add one{name}", new) for name, new in examples(struct))
    else:
        for operation, new in alternatives(inner.owner, inner.field, inner.hint, old[-1] if old else None, pools):
            yield f"add one: {operation}", new


def _mapping(spot: _Spot, old: dict[str, object], field: str, path: Path, pools: Pools) -> Iterator[Change]:
    inner = spot._replace(hint=typing.get_args(spot.hint)[1] if typing.get_args(spot.hint) else object)
    for key, item in old.items():
        place = f"{field}.{general(key)}"
        yield Change(place, "drop", path, old, without(old, key), key)
        yield from _value(inner, item, place, (*path, key), pools)
    for key in (*(REQUIRED if spot.field == "unlisted" else ()), "foreign"):
        if key not in old:
            yield Change(field, f"add one: {key}", path, old, {**old, key: 1 if inner.hint is int else "1"})

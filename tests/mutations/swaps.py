"""Swaps between like facts of one list, and between like lists of two pods or two nodes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tests.mutations.facts import AROUND, Fact, Facts, label
from tests.mutations.mutation import Mutation
from tests.mutations.tree import replaced

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.mutations.second_lists import Lists


_T = TypeVar("_T")


def swaps(found: Iterable[Facts | Fact], editor: Lists) -> Iterator[Mutation]:
    """Every swap: a field of a fact with the fact's nearest like, in its own list and in the next list of its kind; a
    whole fact, and a whole list, with those of the next pod or node."""
    groups: dict[str, list[Facts]] = defaultdict(list)
    around: dict[str, list[Fact]] = defaultdict(list)
    for item in found:
        if isinstance(item, Facts):
            groups[item.kind].append(item)
        elif isinstance(item.value, AROUND):
            around[item.kind].append(item)
    for lists in groups.values():
        for facts in lists:
            yield from _within(facts, editor)
        for one, other in _pairs(lists):
            yield from _across(one, other, editor)
    for structs in around.values():
        for left, right in _pairs(structs):
            yield from _whole_lists(left, right)


def _pairs(items: list[_T]) -> Iterator[tuple[_T, _T]]:
    """Each with the next, the last with the first."""
    return zip(items, items[1:] + items[:1], strict=True) if len(items) > 1 else iter(())


def _within(facts: Facts, editor: Lists) -> Iterator[Mutation]:
    if facts.type in AROUND:
        return
    met: set[tuple[int, int, str]] = set()
    for index, item in enumerate(facts.items):
        for field in item.__struct_fields__:
            partner = _nearest(item, facts.items, field)
            if partner is None:
                continue
            low, high = sorted((index, partner))
            if (low, high, field) in met or not (editor.steady(facts, low) and editor.steady(facts, high)):
                continue
            met.add((low, high, field))
            mutation = _swap(facts, index, facts, partner, field, "swap", editor)
            if set(map(repr, mutation.lost)) != set(map(repr, mutation.gained)):  # else both differ in it alone
                yield mutation


def _across(one: Facts, other: Facts, editor: Lists) -> Iterator[Mutation]:
    if one.type in AROUND:
        return
    for index, item in enumerate(one.items):
        for field in item.__struct_fields__:
            partner = _nearest(item, other.items, field)
            if partner is not None:
                yield _swap(one, index, other, partner, field, "swap across", editor)
        for foreign in [other.items[index]] if index < len(other.items) and other.items[index] not in one.items else []:
            edits = editor.add(one, foreign)
            where = f"{one.where}: {label(foreign)} of {other.where}"
            yield Mutation(one.kind, "", "add another's", where, edits, None, foreign, (), (foreign,), _nodes(one))


def _swap(one: Facts, left: int, other: Facts, right: int, field: str, operation: str, editor: Lists) -> Mutation:
    item, partner = one.items[left], other.items[right]
    old, new = getattr(item, field), getattr(partner, field)
    edits = (*editor.change(one, left, (field,), new), *editor.change(other, right, (field,), old))
    where = f"{one.where}: {label(item)} ↔ {other.where}: {label(partner)}"
    gained = (replaced(item, (field,), new), replaced(partner, (field,), old))
    return Mutation(one.kind, field, operation, where, edits, old, new, (item, partner), gained, _nodes(one, other))


def _nearest(item: msgspec.Struct, others: tuple[msgspec.Struct, ...], field: str) -> int | None:
    """The fact that is most like this one and has another value in the field; None without one."""
    mine = msgspec.structs.astuple(item)
    at = item.__struct_fields__.index(field)
    best: tuple[int, int] | None = None
    for position, other in enumerate(others):
        theirs = msgspec.structs.astuple(other)
        if theirs[at] != mine[at]:
            distance = sum(a != b for a, b in zip(mine, theirs, strict=True))
            if best is None or distance < best[0]:
                best = distance, position
    return best[1] if best else None


def _whole_lists(left: Fact, right: Fact) -> Iterator[Mutation]:
    for field in left.value.__struct_fields__:
        old, new = getattr(left.value, field), getattr(right.value, field)
        if old != new:
            edits = (((*left.path, field), new), ((*right.path, field), old))
            where = f"{left.where} ↔ {right.where}"
            nodes = tuple(sorted({node for node in (left.node, right.node) if node}))
            yield Mutation(left.kind, field, "swap across", where, edits, old, new, nodes=nodes)


def _nodes(*lists: Facts) -> tuple[str, ...]:
    return tuple(sorted({facts.node for facts in lists if facts.node}))

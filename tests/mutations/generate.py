"""Every mutation of a snapshot, in a fixed order: facts dropped, doubled, changed, swapped, and foreign ones added."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from tests.mutations.changes import changes, field_changes
from tests.mutations.facts import AROUND, Fact, Facts, label, walk
from tests.mutations.mutation import Mutation
from tests.mutations.second_lists import Lists
from tests.mutations.settings import asked_fields, setting_changes
from tests.mutations.swaps import swaps
from tests.mutations.tree import replaced, without
from tests.mutations.values import Pools, examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from model.snapshot import Snapshot

_ELSEWHERE = frozenset({"node_facts", "looks", "nodes", "healed"})  # of Snapshot: lists of their own, or kept in step


def mutations(snapshot: Snapshot) -> list[Mutation]:
    """Every mutation of a snapshot, each with a name of its own; the same list for the same snapshot."""
    pools = Pools(snapshot)
    found = list(walk(snapshot))
    editor = Lists(snapshot)
    stream = itertools.chain(
        (mutation for item in found if isinstance(item, Fact) for mutation in _attributes(item, pools)),
        (mutation for item in found if isinstance(item, Facts) for mutation in _facts(item, editor, pools)),
        setting_changes(snapshot, asked_fields(snapshot)),
        swaps(found, editor),
        _nodes(snapshot),
    )
    return list(_numbered(stream))


def _numbered(stream: Iterable[Mutation]) -> Iterator[Mutation]:
    met: Counter[str] = Counter()
    for mutation in stream:
        met[mutation.name] += 1
        count = met[mutation.name]
        yield mutation if count == 1 else msgspec.structs.replace(mutation, where=f"{mutation.where} #{count}")


def _attributes(fact: Fact, pools: Pools) -> Iterator[Mutation]:
    """What a struct says of itself: all of a fact that stands alone, the plain fields of a struct around others."""
    nodes = (fact.node,) if fact.node else ()
    around = isinstance(fact.value, AROUND)
    for name in fact.value.__struct_fields__:
        if around and (_holds_facts(fact.value, name) or name in _ELSEWHERE or name.endswith("_after")):
            continue
        kind = f"{fact.kind.split()[0]} sysctl" if name == "sysctls" else fact.kind
        for change in field_changes(fact.value, name, pools):
            field = change.field.removeprefix("sysctls").lstrip(".") if name == "sysctls" else change.field
            where = f"{fact.where}{change.place}"
            edits = (((*fact.path, *change.path), change.new),)
            gained = replaced(fact.value, change.path, change.new)
            yield Mutation(
                kind, field, change.operation, where, edits, change.old, change.new, (fact.value,), (gained,), nodes
            )


def _holds_facts(owner: msgspec.Struct, name: str) -> bool:
    """Whether a field's items are facts of their own, which `_facts` mutates."""
    return isinstance(getattr(owner, name), msgspec.Struct) or any(
        isinstance(item, Facts) and item.path == (name,) for item in walk(owner)
    )


def _facts(facts: Facts, editor: Lists, pools: Pools) -> Iterator[Mutation]:
    if facts.path in {("nodes",), ("looks",)}:
        return  # the index of the nodes goes with their facts, and there is one look
    for index, item in enumerate(facts.items):
        if editor.steady(facts, index):
            yield from _fact(facts, index, item, editor, pools)
    nodes = (facts.node,) if facts.node else ()
    for name, foreign in examples(facts.type):
        edits = editor.add(facts, foreign)
        yield Mutation(facts.kind, "", f"add foreign{name}", facts.where, edits, None, foreign, (), (foreign,), nodes)


def _fact(facts: Facts, index: int, item: msgspec.Struct, editor: Lists, pools: Pools) -> Iterator[Mutation]:
    where = f"{facts.where}: {label(item) or index}".removeprefix(": ")
    nodes = (facts.node,) if facts.node else ()
    kind = facts.kind
    yield Mutation(kind, "", "drop", where, editor.drop(facts, index), item, None, (item,), (), nodes)
    yield Mutation(kind, "", "add copy", where, editor.add(facts, item), item, item, (), (item,), nodes)
    around = isinstance(item, AROUND)
    for change in changes(item, pools) if not around else field_changes(item, item.__struct_fields__[0], pools):
        result = replaced(item, change.path, change.new)
        spot = f"{where}{change.place}"
        field, operation, old, new = change.field, change.operation, change.old, change.new
        if not around:
            edits = editor.change(facts, index, change.path, new)
            yield Mutation(kind, field, operation, spot, edits, old, new, (item,), (result,), nodes)
        edits = editor.add(facts, result)
        yield Mutation(kind, field, f"add copy: {operation}", spot, edits, old, new, (), (result,), nodes)


def _nodes(snapshot: Snapshot) -> Iterator[Mutation]:
    """A node that is not in the snapshot at all: its facts and its line in the index."""
    for index, record in enumerate(snapshot.nodes):
        facts = without(snapshot.node_facts, record.name)
        records = without(snapshot.nodes, index)
        edits = ((("node_facts",), facts), (("nodes",), records))
        yield Mutation("NodeFacts", "", "drop", record.name, edits, record, None)

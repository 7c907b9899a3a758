"""Healthy flux: objects of the API that differ between the list before and the list after the nodes were read.

Whatever such an object said before or says after, no verdict on it is possible, so there must be no finding. One value
for each field will do: what matters is that it changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tests.mutations.changes import changes
from tests.mutations.facts import AGAIN, label
from tests.mutations.mutation import Mutation
from tests.mutations.tree import Path, at, without
from tests.mutations.values import Pools

if TYPE_CHECKING:
    from collections.abc import Iterator

    import msgspec

    from model.snapshot import Snapshot


def flux(snapshot: Snapshot) -> Iterator[Mutation]:
    """Every object of the second lists: gone, or with another value in one field; and every one that came between."""
    pools = Pools(snapshot)
    number = len(snapshot.looks) - 1
    for first, second in AGAIN.items():
        path: Path = ("looks", number, second)
        objects = cast("tuple[msgspec.Struct, ...]", at(snapshot, path) or ())
        before: Path = ("looks", number, "before", first)
        for index, item in enumerate(objects):
            kind, where = f"second {type(item).__name__}", label(item)
            yield Mutation(kind, "", "drop", where, ((path, without(objects, index)),), item, None, (item,))
            earlier = tuple(
                other for other in cast("tuple[msgspec.Struct, ...]", at(snapshot, before)) if label(other) != where
            )
            yield Mutation(kind, "", "appear", where, ((before, earlier),), None, item, (), (item,))
            met: set[str] = set()
            for change in changes(item, pools):
                if change.field in met:
                    continue
                met.add(change.field)
                edits = (((*path, index, *change.path), change.new),)
                spot = f"{where}{change.place}"
                yield Mutation(kind, change.field, change.operation, spot, edits, change.old, change.new, (item,))

"""Edits of lists of facts; an object of the API is edited alike in the list before and in the list after the nodes
were read, for what differs between the two is in flux and no finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from tests.mutations.facts import AGAIN, label
from tests.mutations.tree import Edit, Path, at, replaced, without

if TYPE_CHECKING:
    from model.snapshot import Snapshot
    from tests.mutations.facts import Facts


class Lists:
    """Makes the edits for one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def steady(self, facts: Facts, index: int) -> bool:
        """Whether the object is the same in both lists, its resourceVersion aside; True where there is one list."""
        twin = self._twin(facts, index)
        if twin is None:
            return True
        place, position = twin
        if position is None:
            return False
        other = cast(tuple[msgspec.Struct, ...], at(self._snapshot, place))[position]
        return _settled(other) == _settled(facts.items[index])

    def drop(self, facts: Facts, index: int) -> tuple[Edit, ...]:
        """The object is in neither list."""
        edits: list[Edit] = [(facts.path, without(facts.items, index))]
        twin = self._twin(facts, index)
        if twin and twin[1] is not None:
            edits.append((twin[0], without(at(self._snapshot, twin[0]), twin[1])))
        return tuple(edits)

    def add(self, facts: Facts, item: msgspec.Struct) -> tuple[Edit, ...]:
        """One object more, last in both lists."""
        edits: list[Edit] = [(facts.path, (*facts.items, item))]
        if facts.again and (second := at(self._snapshot, facts.again)) is not None:
            edits.append((facts.again, (*cast(tuple[msgspec.Struct, ...], second), item)))
        return tuple(edits)

    def change(self, facts: Facts, index: int, path: Path, new: object) -> tuple[Edit, ...]:
        """A field of the object has another value in both lists."""
        edits: list[Edit] = [((*facts.path, index, *path), new)]
        twin = self._twin(facts, index)
        if twin and twin[1] is not None:
            edits.append(((*twin[0], twin[1], *path), new))
        return tuple(edits)

    def _twin(self, facts: Facts, index: int) -> tuple[Path, int | None] | None:
        """Where the second list of the API holds the same object; None where no second list was taken."""
        second = at(self._snapshot, facts.again) if facts.again else None
        if facts.again is None or second is None:
            return None
        names = [label(item) for item in cast(tuple[msgspec.Struct, ...], second)]
        name = label(facts.items[index])
        return facts.again, names.index(name) if name in names else None


def _settled(item: msgspec.Struct) -> msgspec.Struct:
    return msgspec.structs.replace(item, resource_version="")


def with_second_lists(snapshot: Snapshot) -> Snapshot:
    """The snapshot with every second list, equal to the first one where the recording holds none."""
    for number, look in enumerate(snapshot.looks):
        for first, second in AGAIN.items():
            if getattr(look, second) is None:
                snapshot = replaced(snapshot, ("looks", number, second), getattr(look.before, first))
    return snapshot

"""The reviewed list of what no check needs to notice: its form, and how mutations are matched with it.

Each entry is a class of mutations with one sentence that says why none of them is a fault, or which subject no check
reads yet. A survivor without an entry and an entry without a survivor are both errors.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from tests.mutations.mutation import Mutation
    from tests.mutations.scene import Scene


_T = TypeVar("_T")


def of(kind: type[_T], facts: tuple[object, ...]) -> list[_T]:
    """The facts of one type."""
    return [fact for fact in facts if isinstance(fact, kind)]


Predicate = Callable[["Mutation", "Scene"], bool]


def always(_mutation: Mutation, _scene: Scene) -> bool:
    """Every mutation of the class."""
    return True


class DontCare(msgspec.Struct, frozen=True):
    """One class of mutations: patterns (fnmatch) of kind, field and operation, and which of these are meant."""

    kind: str
    field: str
    operation: str
    reason: str
    when: Predicate = always

    def names(self, kind: str, field: str, operation: str) -> bool:
        """Whether a class of mutations fits the patterns."""
        pairs = ((kind, self.kind), (field, self.field), (operation, self.operation))
        return all(fnmatchcase(name, pattern) for name, pattern in pairs)


class Reviewed:
    """The list, looked up by class: patterns are matched once for each class of mutations."""

    def __init__(self, entries: tuple[DontCare, ...]) -> None:
        self.entries = entries
        self._numbers: dict[tuple[str, str, str], tuple[int, ...]] = {}

    def number(self, mutation: Mutation, scene: Scene) -> int | None:
        """The place of the first entry that covers a mutation; None for one that must be found."""
        kind = (mutation.kind, mutation.field, mutation.operation)
        if kind not in self._numbers:
            self._numbers[kind] = tuple(number for number, entry in enumerate(self.entries) if entry.names(*kind))
        found = (number for number in self._numbers[kind] if self.entries[number].when(mutation, scene))
        return next(found, None)

"""Fields of FelixConfiguration, BGPConfiguration, … that are not set: found by noting what the checks ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from checks.run import judge
from model.cluster import Settings
from tests.mutations.mutation import Mutation
from tests.mutations.tree import replaced
from tests.mutations.vocabulary import SETTING_VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.snapshot import Snapshot

_LISTS = ("felix", "bgp", "peers", "filters")


class _Noted(dict[str, object]):
    """A spec that notes which of its fields are asked for."""

    def __init__(self, spec: dict[str, object], noted: set[str]) -> None:
        super().__init__(spec)
        self._noted = noted

    def get(self, field: str, default: object = None) -> object:
        self._noted.add(field)
        return super().get(field, default)


def asked_fields(snapshot: Snapshot) -> dict[str, frozenset[str]]:
    """By kind of settings: the fields that a judgement of this snapshot reads."""
    noted: dict[str, set[str]] = {name: set() for name in _LISTS}
    look = snapshot.looks[-1]
    lists = {
        name: tuple(Settings(item.name, _Noted(item.spec, noted[name])) for item in getattr(look.before, name))
        for name in _LISTS
    }
    before = msgspec.structs.replace(look.before, **lists)
    path = ("looks", len(snapshot.looks) - 1, "before")
    for _ in judge(replaced(snapshot, path, before)):
        pass
    return {name: frozenset(fields) for name, fields in noted.items()}


def setting_changes(snapshot: Snapshot, asked: dict[str, frozenset[str]]) -> Iterator[Mutation]:
    """Each unset field that is asked for, set to each value that some field of Calico's can have."""
    number = len(snapshot.looks) - 1
    for name in _LISTS:
        for index, item in enumerate(getattr(snapshot.looks[number].before, name)):
            for field in sorted(asked[name] - item.spec.keys()):
                path = ("looks", number, "before", name, index, "spec")
                for value in SETTING_VALUES:
                    yield Mutation(
                        f"Settings ({name})",
                        f"spec.{field}",
                        f"set to {value!r}",
                        item.name,
                        ((path, {**item.spec, field: value}),),
                        None,
                        value,
                        (item,),
                        (msgspec.structs.replace(item, spec={**item.spec, field: value}),),
                    )

"""What the controllers of objects that own pods have in common: how they make a pod, and tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lab.api.status import RefusedError
from lab.api.writes import create_object
from lab.objects import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.api.answers import World
    from lab.cluster.events import Recorder
    from lab.objects import Json, Key


@dataclass
class Controller:
    """One controller, with its service account, and its name in events. `_owned(uid)` is what an object owns;
    `_again(at, seconds)` puts an object back into the queue."""

    ACCOUNT: ClassVar[str]
    COMPONENT: ClassVar[str]

    _world: World
    _events: Recorder
    _owned: Callable[[str], list[tuple[Key, Json]]]
    _again: Callable[[Key, float], None]

    def _pods(self, uid: str) -> list[tuple[Key, Json]]:
        return [(where, pod) for where, pod in self._owned(uid) if where.plural == "pods"]

    def _make(self, at: Key, obj: Json, pod: Json) -> bool:
        """Whether the object's pod was made; an event tells of either."""
        try:
            made, _ = create_object(self._world, self.ACCOUNT, kind_of("pods"), at.namespace, pod)
        except RefusedError as refused:
            told = f"Error creating: {refused}"
            self._events.record(obj, "FailedCreate", told, component=self.COMPONENT, warning=True)
            return False
        told = f"Created pod: {made['metadata']['name']}"
        self._events.record(obj, "SuccessfulCreate", told, component=self.COMPONENT)
        return True


def owner_of(obj: Json) -> Json:
    """The reference with which a controller marks what it made."""
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }

"""The garbage collector, and the end of namespaces: what goes because something else went.

kubernetes pkg/controller/garbagecollector and pkg/controller/namespace, for the objects that clients made.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.api.removal import FOREGROUND, Options, remove
from lab.objects import Key, key, key_of
from lab.objects.identity import stamp

if TYPE_CHECKING:
    from lab.api.answers import World
    from lab.objects import Json


class Owners:
    """Who owns whom, by UID."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._owned: dict[str, set[Key]] = {}
        self._known: dict[str, Key] = {}
        for at, obj in world.store.objects.items():
            self.changed(at, None, obj)

    def changed(self, at: Key, before: Json | None, after: Json | None) -> None:
        """Keep up with the store."""
        for uid in self.named(before):
            self._owned.get(uid, set()).discard(at)
        if before is not None:
            self._known.pop(before["metadata"].get("uid", ""), None)
        for uid in self.named(after):
            self._owned.setdefault(uid, set()).add(at)
        if after is not None:
            self._known[after["metadata"].get("uid", "")] = at

    def of(self, uid: str) -> list[tuple[Key, Json]]:
        """What an object owns, in the order of names."""
        found = sorted(self._owned.get(uid, ()))
        return [(at, self._world.store.objects[at]) for at in found]

    def key_of(self, uid: str) -> Key | None:
        """Where the object of that UID is; None if there is none."""
        return self._known.get(uid)

    @staticmethod
    def named(obj: Json | None) -> list[str]:
        """The UIDs of an object's owners."""
        return [owner["uid"] for owner in (obj or {}).get("metadata", {}).get("ownerReferences") or []]


class Garbage:
    """The collector."""

    def __init__(self, world: World, owners: Owners) -> None:
        self._world = world
        self._owners = owners

    def gone(self, obj: Json) -> None:
        """An object is deleted: what it alone owned follows."""
        for at, dependent in self._owners.of(obj["metadata"].get("uid", "")):
            self.sync(at, dependent)
        for uid in Owners.named(obj):
            self._release(uid)

    def sync(self, at: Key, obj: Json | None) -> None:
        """Collect an object whose owners are all gone; go on with one that waits for its dependents."""
        if obj is None or obj["metadata"].get("uid") not in self._world.managed:
            return
        owners = Owners.named(obj)
        if owners and all(self._owners.key_of(uid) is None for uid in owners):
            if not obj["metadata"].get("deletionTimestamp"):
                remove(self._world, at, Options(propagation_policy="Background"))
            return
        if FOREGROUND in obj["metadata"].get("finalizers", []):
            self._release(obj["metadata"]["uid"])

    def _release(self, uid: str) -> None:
        """Go on with an object that waits for what it owns: delete that, and the object once nothing is left."""
        at = self._owners.key_of(uid)
        obj = None if at is None else self._world.store.objects.get(at)
        if at is None or obj is None or FOREGROUND not in obj["metadata"].get("finalizers", []):
            return
        for where, dependent in self._owners.of(uid):
            if not dependent["metadata"].get("deletionTimestamp"):
                remove(self._world, where, Options(propagation_policy="Foreground"))
        if not self._owners.of(uid) and at in self._world.store.objects:
            self._world.store.delete(at)


class Namespaces:
    """Empties namespaces that are being deleted, and gives new ones their service account."""

    def __init__(self, world: World) -> None:
        self._world = world

    def sync(self, namespace: Json) -> None:
        """Take a namespace one step further."""
        name = namespace["metadata"]["name"]
        at = key("namespaces", name)
        if namespace["status"]["phase"] != "Terminating":
            self._complete(name)
            return
        content = [each for each in self._world.store.objects if each.namespace == name]
        for each in content:
            if each in self._world.store.objects:
                remove(self._world, each, Options(propagation_policy="Background"))
        if not any(each.namespace == name for each in self._world.store.objects):
            self._world.store.delete(at)

    def _complete(self, name: str) -> None:
        meta = {"name": "default", "namespace": name, "creationTimestamp": stamp(datetime.now(UTC))}
        account = {
            "kind": "ServiceAccount",
            "apiVersion": "v1",
            "metadata": meta | {"uid": str(uuid.uuid4())},
        }
        if key_of(account) not in self._world.store.objects:
            self._world.store.create(key_of(account), account)

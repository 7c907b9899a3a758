"""Events as controllers and kubelets record them; the same one again is counted, not repeated."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.objects import key
from lab.objects.identity import stamp

if TYPE_CHECKING:
    from lab.api.answers import World
    from lab.objects import Json, Key


class Recorder:
    """Writes events into the store."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[tuple[str, ...], Key] = {}

    def record(
        self, about: Json, reason: str, message: str, *, component: str, warning: bool = False, host: str = ""
    ) -> None:
        """Note that something happened to an object. Nothing is noted in a namespace that goes away."""
        meta = about["metadata"]
        namespace = meta.get("namespace") or "default"
        home = self._world.store.objects.get(key("namespaces", namespace))
        if home is None or home["status"]["phase"] == "Terminating":
            return
        now = stamp(datetime.now(UTC))
        same = (meta["uid"], reason, message, component, host)
        before = self._world.store.objects.get(self._known[same]) if same in self._known else None
        if before is not None:
            counted = before | {"count": before["count"] + 1, "lastTimestamp": now}
            self._world.store.replace(self._known[same], counted)
            return
        moment = time.time_ns()
        while (at := key("events", f"{meta['name']}.{moment:x}", namespace)) in self._world.store.objects:
            moment += 1
        self._known[same] = at
        involved = {
            "kind": about["kind"],
            **({"namespace": meta["namespace"]} if meta.get("namespace") else {}),
            "name": meta["name"],
            "uid": meta["uid"],
            "apiVersion": about["apiVersion"],
            "resourceVersion": meta["resourceVersion"],
        }
        event = {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"name": at.name, "namespace": namespace, "uid": str(uuid.uuid4()), "creationTimestamp": now},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "source": {"component": component} | ({"host": host} if host else {}),
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": "Warning" if warning else "Normal",
            "eventTime": None,
            "reportingComponent": component,
            "reportingInstance": host,
        }
        self._world.store.create(at, event)

"""The scheduler: a node for every pod that a client made, told as kube-scheduler tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cluster.daemon_sets import target
from lab.cluster.pod_status import condition
from lab.cluster.scheduling import fits, selects
from lab.objects import free_addresses, key

if TYPE_CHECKING:
    from lab.api.answers import World
    from lab.cluster.events import Recorder
    from lab.objects import Json, Key

_COMPONENT = "default-scheduler"


class Scheduler:
    """Binds pods to nodes."""

    def __init__(self, world: World, events: Recorder) -> None:
        self._world = world
        self._events = events

    def sync(self, at: Key, pod: Json | None) -> None:
        """Bind the pod if it is a client's and has no node yet."""
        if pod is None or pod["metadata"]["uid"] not in self._world.managed:
            return
        if pod["spec"].get("nodeName") or pod["metadata"].get("deletionTimestamp"):
            return
        nodes = self._world.store.of("", "nodes")
        pinned = self._world.store.objects.get(key("nodes", target(pod)))
        fitting = [pinned["metadata"]["name"]] if pinned is not None and fits(pod["spec"], pinned) else []
        fitting = fitting or [node["metadata"]["name"] for node in nodes if fits(pod["spec"], node)]
        if not fitting:
            self._unschedulable(at, pod, nodes)
            return
        node = fitting[0] if len(fitting) == 1 else min(fitting, key=lambda name: self._rank(pod, name))
        told = condition("PodScheduled", True, "", "", generation=pod["metadata"]["generation"])
        bound = pod | {"spec": pod["spec"] | {"nodeName": node}, "status": pod["status"] | {"conditions": [told]}}
        kept = self._world.store.replace(at, bound)
        self._events.record(
            kept, "Scheduled", f"Successfully assigned {at.namespace}/{at.name} to {node}", component=_COMPONENT
        )

    def _rank(self, pod: Json, node: str) -> tuple[bool, int, str]:
        """Nodes with room for an address come first, then those with few pods."""
        full = not pod["spec"].get("hostNetwork") and not free_addresses(self._world.store.objects, node)
        pods = sum(1 for each in self._world.store.of("", "pods") if each["spec"].get("nodeName") == node)
        return full, pods, node

    def _unschedulable(self, at: Key, pod: Json, nodes: list[Json]) -> None:
        unselected = sum(1 for node in nodes if not selects(pod["spec"], node))
        reasons = [f"{unselected} node(s) didn't match Pod's node affinity/selector"] if unselected else []
        if tainted := len(nodes) - unselected:
            reasons.append(f"{tainted} node(s) had untolerated taint(s)")
        message = (
            f"0/{len(nodes)} nodes are available: {', '.join(reasons)}. "
            f"preemption: 0/{len(nodes)} nodes are available: {len(nodes)} Preemption is not helpful for scheduling."
        )
        before = pod["status"].get("conditions") or []
        if before and before[0].get("message") == message:
            return
        told = condition("PodScheduled", False, "Unschedulable", message, generation=pod["metadata"]["generation"])
        kept = self._world.store.replace(at, pod | {"status": pod["status"] | {"conditions": [told]}})
        self._events.record(kept, "FailedScheduling", message, component=_COMPONENT, warning=True)

"""The DaemonSet controller: a pod on every node that the template fits (pkg/controller/daemon of Kubernetes 1.34)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from lab.api.removal import Options, remove
from lab.cluster.controller import Controller, owner_of
from lab.cluster.scheduling import selects, untolerated
from lab.objects.identity import suffix

if TYPE_CHECKING:
    from lab.objects import Json, Key

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 60.0  # seconds between attempts to create what was refused
_ALWAYS = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)


@dataclass
class DaemonSets(Controller):
    """The controller."""

    ACCOUNT = "system:serviceaccount:kube-system:daemon-set-controller"
    COMPONENT = "daemonset-controller"

    _pause: dict[str, float] = field(default_factory=dict)  # of each DaemonSet that was refused a pod

    def sync(self, at: Key, obj: Json | None) -> None:
        """Bring pods and status in line with the DaemonSet."""
        if obj is None or obj["metadata"]["uid"] not in self._world.managed:
            return
        uid, generation = obj["metadata"]["uid"], obj["metadata"]["generation"]
        by_node: dict[str, list[tuple[Key, Json]]] = {}
        for where, pod in self._pods(uid):
            by_node.setdefault(target(pod), []).append((where, pod))
        nodes = {node["metadata"]["name"]: node for node in self._world.store.of("", "nodes")}
        desired = [name for name, node in nodes.items() if self._should_run(obj, node)]
        if not obj["metadata"].get("deletionTimestamp"):
            self._place(at, obj, desired, by_node)
        mine = [pod for name in desired for _, pod in by_node.get(name, [])[:1]]
        ready = sum(1 for pod in mine if _ready(pod))
        status: Json = {
            "currentNumberScheduled": len(mine),
            "numberMisscheduled": sum(1 for name in by_node if name not in desired),
            "desiredNumberScheduled": len(desired),
            "numberReady": ready,
            "observedGeneration": generation,
        }
        counts = {
            "updatedNumberScheduled": len(mine),
            "numberAvailable": ready,
            "numberUnavailable": len(desired) - ready,
        }
        status |= {name: count for name, count in counts.items() if count}
        current = self._world.store.objects.get(at)
        if current is not None and current["status"] != status:
            self._world.store.replace(at, current | {"status": status})

    def _should_run(self, obj: Json, node: Json) -> bool:
        spec = obj["spec"]["template"]["spec"]
        return selects(spec, node) and not untolerated(_tolerations(spec), node)

    def _place(self, at: Key, obj: Json, desired: list[str], by_node: dict[str, list[tuple[Key, Json]]]) -> None:
        for name, pods in by_node.items():
            for where, _ in pods if name not in desired else pods[1:]:
                remove(self._world, where, Options())
        if any(failed(pod) for pods in by_node.values() for _, pod in pods):
            self._replace_failed(obj, by_node)
        missing = [name for name in desired if not by_node.get(name)]
        uid = obj["metadata"]["uid"]
        for name in missing:
            if not self._make(at, obj, _pod_of(obj, name)):
                pause = min(2 * self._pause.get(uid, _FIRST_PAUSE / 2), _LONGEST_PAUSE)
                self._pause[uid] = pause
                self._again(at, pause)
                return
        if missing:
            self._pause.pop(uid, None)

    def _replace_failed(self, obj: Json, by_node: dict[str, list[tuple[Key, Json]]]) -> None:
        for where, pod in [each for pods in by_node.values() for each in pods]:
            if failed(pod) and not pod["metadata"].get("deletionTimestamp"):
                told = (
                    f"Found failed daemon pod {where.namespace}/{where.name} on node {target(pod)}, will try to kill it"
                )
                self._events.record(obj, "FailedDaemonPod", told, component=self.COMPONENT, warning=True)
                remove(self._world, where, Options())


def target(pod: Json) -> str:
    """The node that a DaemonSet's pod is for, scheduled or not."""
    try:
        required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        name: str = required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
    except (KeyError, IndexError, TypeError):
        name = pod["spec"].get("nodeName", "")
    return name


def failed(pod: Json) -> bool:
    """Whether the pod has ended, which a daemon's must not."""
    return pod["status"]["phase"] in ("Failed", "Succeeded")


def _ready(pod: Json) -> bool:
    conditions = pod["status"].get("conditions") or []
    alive = not pod["metadata"].get("deletionTimestamp")
    return alive and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _tolerations(spec: Json) -> list[Json]:
    given = spec.get("tolerations") or []
    known = {(each.get("key"), each.get("effect")) for each in given if each.get("operator") == "Exists"}
    added = [
        {"key": key, "operator": "Exists", "effect": effect} for key, effect in _ALWAYS if (key, effect) not in known
    ]
    network = [{"key": "node.kubernetes.io/network-unavailable", "operator": "Exists", "effect": "NoSchedule"}]
    return [*given, *added, *(network if spec.get("hostNetwork") else [])]


def _pod_of(obj: Json, node: str) -> Json:
    template = obj["spec"]["template"]
    spec = template["spec"] | {"tolerations": _tolerations(template["spec"])}
    affinity = dict(spec.get("affinity") or {})
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    affinity["nodeAffinity"] = (affinity.get("nodeAffinity") or {}) | required
    revision = suffix(hashlib.sha256(msgspec.json.encode(template)).hexdigest(), 10)
    marks = {"controller-revision-hash": revision, "pod-template-generation": str(obj["metadata"]["generation"])}
    metadata = template["metadata"] | {
        "generateName": f"{obj['metadata']['name']}-",
        "labels": (template["metadata"].get("labels") or {}) | marks,
        "ownerReferences": [owner_of(obj)],
    }
    return {"metadata": metadata, "spec": spec | {"affinity": affinity}}

"""The status of a pod as its kubelet writes it, key for key as recorded from a cluster."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from lab.objects.identity import container_id, stamp

if TYPE_CHECKING:
    from lab.objects import Json


class ContainerState(msgspec.Struct):
    """What a kubelet knows of one container. `state` and `last` are as in the API: waiting, running or terminated."""

    name: str
    image: str
    state: dict[str, Any] = {}
    last: dict[str, Any] = {}
    restarts: int = 0
    run_id: str = ""
    image_id: str = ""

    def wait(self, reason: str, message: str = "") -> None:
        """It waits, for that reason."""
        self.state = {"waiting": {"reason": reason} | ({"message": message} if message else {})}

    def begin(self) -> None:
        """It runs from now on."""
        self.image_id = f"sha256:{container_id('image', self.image)}"
        self.state = {"running": {"startedAt": now()}}

    def name_run(self) -> None:
        """A new attempt, with an identifier of its own."""
        self.run_id = f"containerd://{secrets.token_hex(32)}"

    def end(self, code: int, reason: str, message: str = "") -> None:
        """It ended."""
        begun = self.state.get("running", {}).get("startedAt", "1970-01-01T00:00:00Z")
        ended: Json = {"exitCode": code, "reason": reason} | ({"message": message} if message else {})
        ended |= {"startedAt": begun, "finishedAt": now(), "containerID": self.run_id}
        self.state = {"terminated": ended}

    @property
    def running(self) -> bool:
        return "running" in self.state

    @property
    def exit_code(self) -> int | None:
        """Of a container that has ended for good."""
        code: int | None = self.state.get("terminated", {}).get("exitCode")
        return code


def now() -> str:
    """The present, as the API writes times."""
    return stamp(datetime.now(UTC))


def status(pod: Json, states: list[ContainerState], addresses: list[str], host_ips: list[str], started: str) -> Json:
    """The whole status. `addresses` is empty before the pod has its sandbox."""
    generation, before = pod["metadata"]["generation"], pod["status"]
    told: Json = {"observedGeneration": generation, "phase": _phase(pod, states)}
    told["conditions"] = _conditions(before.get("conditions") or [], states, generation, bool(addresses), told["phase"])
    told |= {"hostIP": host_ips[0], "hostIPs": [{"ip": each} for each in host_ips]}
    if addresses:
        told |= {"podIP": addresses[0], "podIPs": [{"ip": each} for each in addresses]}
    told["startTime"] = started
    told["containerStatuses"] = [_container(pod, state) for state in states]
    told["qosClass"] = before["qosClass"]
    return told


def _phase(pod: Json, states: list[ContainerState]) -> str:
    codes = [state.exit_code for state in states]
    ends = pod["spec"]["restartPolicy"] != "Always" or pod["metadata"].get("deletionTimestamp")
    if ends and None not in codes:
        return "Failed" if any(codes) else "Succeeded"
    started = any(state.running or state.restarts or state.last or state.exit_code is not None for state in states)
    return "Running" if started else "Pending"


def _conditions(
    before: list[Json], states: list[ContainerState], generation: int, sandbox: bool, phase: str
) -> list[Json]:
    unready = [state.name for state in states if not state.running]
    reason, message = ("ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    if phase in ("Succeeded", "Failed"):
        reason, message = ("PodCompleted", "") if phase == "Succeeded" else ("PodFailed", "")
    ready = (True, "", "") if not unready else (False, reason, message)
    done = phase in ("Succeeded", "Failed")
    wanted = {
        "PodReadyToStartContainers": (sandbox and not done, "", ""),
        "Initialized": (True, "PodCompleted" if phase == "Succeeded" else "", ""),
        "Ready": ready,
        "ContainersReady": ready,
        "PodScheduled": (True, "", ""),
    }
    since = {each["type"]: (each["status"], each["lastTransitionTime"]) for each in before}
    return [condition(kind, *told, generation=generation, since=since.get(kind)) for kind, told in wanted.items()]


def condition(
    kind: str, holds: bool, reason: str, message: str, *, generation: int, since: tuple[str, str] | None = None
) -> Json:
    """One condition; `since` is its status before with the time of its last change."""
    word = "True" if holds else "False"
    changed = since[1] if since and since[0] == word else now()
    made: Json = {"type": kind, "observedGeneration": generation, "status": word}
    made |= {"lastProbeTime": None, "lastTransitionTime": changed}
    return made | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})


def _container(pod: Json, state: ContainerState) -> Json:
    spec = next(each for each in pod["spec"]["containers"] if each["name"] == state.name)
    made: Json = {
        "name": state.name,
        "state": state.state,
        "lastState": state.last,
        "ready": state.running,
        "restartCount": state.restarts,
        "image": state.image,
        "imageID": state.image_id,
        "started": state.running,
    }
    if state.run_id:
        made["containerID"] = state.run_id
    if state.image_id:
        made["resources"] = spec.get("resources") or {}
    mounts = []
    for mount in spec.get("volumeMounts") or []:
        shown = {"name": mount["name"], "mountPath": mount["mountPath"]}
        mounts.append(shown | ({"readOnly": True, "recursiveReadOnly": "Disabled"} if mount.get("readOnly") else {}))
    return made | ({"volumeMounts": mounts} if mounts else {})

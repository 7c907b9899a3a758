"""The Job and TTL controllers: one pod that runs to its end or its deadline (pkg/controller/job of Kubernetes 1.34).

Jobs of one pod, or of none: parallelism and completions beyond 1 are not looked at.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lab.api.removal import Options, remove
from lab.cluster.controller import Controller, owner_of
from lab.cluster.pod_status import now

if TYPE_CHECKING:
    from lab.objects import Json, Key

_PAUSE = 1.0  # seconds between attempts to create what was refused
_TOLD = {
    "CompletionsReached": "Reached expected number of succeeded pods",
    "DeadlineExceeded": "Job was active longer than specified deadline",
    "BackoffLimitExceeded": "Job has reached the specified backoff limit",
}


class Jobs(Controller):
    """The controller."""

    ACCOUNT = "system:serviceaccount:kube-system:job-controller"
    COMPONENT = "job-controller"

    def sync(self, at: Key, job: Json | None) -> None:
        """Bring pods and status in line with the Job; delete it when its time to live is over."""
        if job is None or job["metadata"]["uid"] not in self._world.managed or job["metadata"].get("deletionTimestamp"):
            return
        if finished(job):
            self._expire(at, job)
            return
        if not job["status"].get("startTime"):
            self._world.store.replace(at, job | {"status": job["status"] | {"startTime": now()}})
            return  # the change brings it back
        pods = self._pods(job["metadata"]["uid"])
        phases = [pod["status"]["phase"] for _, pod in pods]
        active = [each for each in pods if each[1]["status"]["phase"] not in ("Succeeded", "Failed")]
        succeeded, failures = phases.count("Succeeded"), phases.count("Failed")
        deadline = job["spec"].get("activeDeadlineSeconds")
        left = None if deadline is None else deadline - _age(job["status"]["startTime"])
        if succeeded:
            self._finish(at, job, "CompletionsReached", active, succeeded, failures)
        elif failures > job["spec"]["backoffLimit"]:
            self._finish(at, job, "BackoffLimitExceeded", active, succeeded, failures)
        elif left is not None and left <= 0:
            self._finish(at, job, "DeadlineExceeded", active, succeeded, failures + len(active))
        else:
            if not active and job["spec"]["parallelism"] and not job["spec"]["suspend"]:
                self._create(at, job)
            if left is not None:
                self._again(at, left)
            self._count(at, active, failures)

    def _count(self, at: Key, active: list[tuple[Key, Json]], failures: int) -> None:
        job = self._world.store.objects[at]
        status = {name: value for name, value in job["status"].items() if name == "startTime"}
        status |= {"active": len(active)} if active else {}
        status |= {"failed": failures} if failures else {}
        status |= {"terminating": sum(1 for _, pod in active if pod["metadata"].get("deletionTimestamp"))}
        status |= {"ready": sum(1 for _, pod in active if pod["status"]["phase"] == "Running")}
        status |= {"uncountedTerminatedPods": {}}
        if status != job["status"]:
            self._world.store.replace(at, job | {"status": status})

    def _create(self, at: Key, job: Json) -> None:
        template = job["spec"]["template"]
        metadata = template["metadata"] | {
            "generateName": f"{job['metadata']['name']}-",
            "ownerReferences": [owner_of(job)],
        }
        if not self._make(at, job, {"metadata": metadata, "spec": template["spec"]}):
            self._again(at, _PAUSE)

    def _finish(
        self, at: Key, job: Json, reason: str, active: list[tuple[Key, Json]], succeeded: int, failures: int
    ) -> None:
        good = reason == "CompletionsReached"
        times = {"lastProbeTime": now(), "lastTransitionTime": now()}
        told = {"reason": reason, "message": _TOLD[reason]}
        kinds = ("SuccessCriteriaMet", "Complete") if good else ("FailureTarget", "Failed")
        conditions = [{"type": kind, "status": "True"} | times | told for kind in kinds]
        status: Json = {"conditions": conditions, "startTime": job["status"]["startTime"]}
        status |= {"completionTime": now(), "succeeded": succeeded} if good else {}
        status |= {"failed": failures} if failures else {}
        status |= {"terminating": 0, "ready": 0, "uncountedTerminatedPods": {}}
        for where, _ in active:
            remove(self._world, where, Options())
            told_pod = f"Deleted pod: {where.name}"
            self._events.record(job, "SuccessfulDelete", told_pod, component=self.COMPONENT)
        self._world.store.replace(at, job | {"status": status})
        event = ("Completed", "Job completed") if good else (reason, _TOLD[reason])
        self._events.record(job, *event, component=self.COMPONENT, warning=not good)

    def _expire(self, at: Key, job: Json) -> None:
        lives = job["spec"].get("ttlSecondsAfterFinished")
        if lives is None:
            return
        left = lives - _age(job["status"]["conditions"][-1]["lastTransitionTime"])
        if left <= 0:
            remove(self._world, at, Options(propagation_policy="Foreground"))
        else:
            self._again(at, left)


def finished(job: Json) -> bool:
    """Whether the Job is complete or has failed."""
    conditions = job["status"].get("conditions") or []
    return any(each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in conditions)


def _age(stamp: str) -> float:
    then = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S%z")
    return (datetime.now(UTC) - then).total_seconds()

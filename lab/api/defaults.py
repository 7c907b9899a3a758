"""What the API server adds to an object that it accepts: defaults, and what each resource's strategy prepares.

As recorded, and pkg/apis/{core,apps,batch,rbac}/v1/defaults.go and pkg/registry/*/strategy.go of Kubernetes 1.34.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.objects import Json

_RBAC = "rbac.authorization.k8s.io"


def completed(plural: str, obj: Json) -> Json:
    """The object with its resource's defaults; its metadata is complete already."""
    prepare = _PREPARE.get(plural)
    return prepare(obj) if prepare else obj


def pod_spec(spec: Json) -> Json:
    """A pod's spec, or a template's, with what is not given."""
    known: Json = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    }
    made = known | spec | {"containers": [_container(each) for each in spec.get("containers") or []]}
    if "serviceAccountName" in spec:
        made["serviceAccount"] = spec["serviceAccountName"]
    if spec.get("volumes"):
        made["volumes"] = [_volume(each) for each in spec["volumes"]]
    if spec.get("initContainers"):
        made["initContainers"] = [_container(each) for each in spec["initContainers"]]
    return made


def _container(container: Json) -> Json:
    _, _, tag = container.get("image", "").rpartition("/")[2].partition(":")
    latest = tag in ("", "latest") and "@" not in container.get("image", "")
    known: Json = {
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "Always" if latest else "IfNotPresent",
    }
    made = known | container
    if isinstance(resources := made["resources"], dict) and (limits := resources.get("limits")):
        made["resources"] = resources | {"requests": limits | (resources.get("requests") or {})}
    return made


def _volume(volume: Json) -> Json:
    if "hostPath" in volume:
        return volume | {"hostPath": {"type": ""} | volume["hostPath"]}
    modes = {kind: volume[kind] for kind in ("configMap", "secret", "downwardAPI", "projected") if kind in volume}
    return volume | {kind: {"defaultMode": 420} | (given or {}) for kind, given in modes.items()}


def _template(template: Json) -> Json:
    return {"metadata": template.get("metadata") or {}, "spec": pod_spec(template.get("spec") or {})}


def _pod(pod: Json) -> Json:
    spec = pod_spec(pod.get("spec") or {}) | {"enableServiceLinks": True}
    obj = pod | {"spec": spec, "status": {"phase": "Pending", "qosClass": quality(spec)}}
    obj["metadata"] = obj["metadata"] | {"generation": 1}
    return obj


def quality(spec: Json) -> str:
    """The pod's quality of service class (pkg/apis/core/v1/helper/qos)."""
    every = [container.get("resources") or {} for container in spec["containers"]]
    asked = [{**(each.get("limits") or {}), **(each.get("requests") or {})} for each in every]
    if not any(asked):
        return "BestEffort"
    counted = ("cpu", "memory")
    strict = all(
        all((each.get("limits") or {}).get(name) for name in counted)
        and all((each.get("requests") or {}).get(name) == each["limits"][name] for name in counted)
        for each in every
    )
    return "Guaranteed" if strict else "Burstable"


def _daemon_set(obj: Json) -> Json:
    spec = obj.get("spec") or {}
    strategy = spec.get("updateStrategy") or {"type": "RollingUpdate"}
    if strategy.get("type", "RollingUpdate") == "RollingUpdate":
        rolling = {"maxUnavailable": 1, "maxSurge": 0} | (strategy.get("rollingUpdate") or {})
        strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    made = {"revisionHistoryLimit": 10} | spec
    made |= {"template": _template(spec.get("template") or {}), "updateStrategy": strategy}
    annotations = (obj["metadata"].get("annotations") or {}) | {"deprecated.daemonset.template.generation": "1"}
    metadata = obj["metadata"] | {"generation": 1, "annotations": annotations}
    counts = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
    return obj | {"metadata": metadata, "spec": made, "status": dict.fromkeys(counts, 0)}


def _job(obj: Json) -> Json:
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    marks = {
        "batch.kubernetes.io/controller-uid": metadata["uid"],
        "batch.kubernetes.io/job-name": metadata["name"],
        "controller-uid": metadata["uid"],
        "job-name": metadata["name"],
    }
    template = _template(spec.get("template") or {})
    given = template["metadata"].get("labels") or {}
    template["metadata"] = template["metadata"] | {"labels": given | marks}
    known: Json = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "manualSelector": False,
        "completionMode": "NonIndexed",
        "suspend": False,
        "podReplacementPolicy": "TerminatingOrFailed",
    }
    made = known | spec | {"template": template}
    made["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": metadata["uid"]}}
    labels = metadata.get("labels") or given
    metadata = metadata | {"generation": 1} | ({"labels": labels} if labels else {})
    return obj | {"metadata": metadata, "spec": made, "status": {}}


def _namespace(obj: Json) -> Json:
    labels = (obj["metadata"].get("labels") or {}) | {"kubernetes.io/metadata.name": obj["metadata"]["name"]}
    metadata = obj["metadata"] | {"labels": labels}
    return obj | {"metadata": metadata, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}


def _binding(obj: Json) -> Json:
    subjects = []
    for subject in obj.get("subjects") or []:
        group: Json = {} if subject.get("kind") == "ServiceAccount" else {"apiGroup": _RBAC}
        subjects.append(group | subject)
    made = obj | {"roleRef": {"apiGroup": _RBAC} | (obj.get("roleRef") or {})}
    return made | ({"subjects": subjects} if subjects else {})


_PREPARE: dict[str, Callable[[Json], Json]] = {
    "clusterrolebindings": _binding,
    "daemonsets": _daemon_set,
    "jobs": _job,
    "namespaces": _namespace,
    "pods": _pod,
    "rolebindings": _binding,
}

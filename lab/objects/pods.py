"""A pod as the API shows it in each state, key for key as recorded from a cluster."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lab.objects.identity import container_id, new, stamp, suffix, uid
from lab.objects.templates import container_of, pod_spec
from model.ip import host_prefix

if TYPE_CHECKING:
    from lab.objects.kinds import Json
    from lab.topology import LabPod

GRACE = 3600  # seconds: a terminating pod of the lab is one that ignores SIGTERM
_FINISHED = {"completed": ("Succeeded", "Completed", "PodCompleted", 0), "failed": ("Failed", "Error", "PodFailed", 1)}


def pod_object(pod: LabPod, host_ip: str | None, release: str, created: datetime, now: datetime) -> Json:
    """The Pod. `host_ip` is its node's address, None exactly if it is not scheduled; `release` is for calico-node.

    ValueError for a state that needs a node and has none.
    """
    if (pod.node is None) != (host_ip is None) or (pod.node is None and pod.state != "pending"):
        raise ValueError(f"pod {pod.key} is {pod.state} and needs a node")
    addresses = pod.addresses or ((host_ip,) if host_ip and pod.state == "host-network" else ())
    fields = _owner(pod)
    obj = new(
        "pods",
        pod.name,
        created,
        namespace=pod.namespace,
        generation=2 if pod.state == "terminating" else 1,
        annotations=_annotations(pod),
        spec=pod_spec(pod, release),
        status=_status(pod, addresses, host_ip, release, created),
        **fields,
    )
    obj["metadata"]["uid"] = pod.uid
    if pod.state == "terminating":
        obj["metadata"] |= {
            "deletionGracePeriodSeconds": GRACE,
            "deletionTimestamp": stamp(now + timedelta(seconds=GRACE)),
        }
        obj["spec"]["terminationGracePeriodSeconds"] = GRACE
    return obj


def template_hash(pod: LabPod) -> str:
    """`5df6b999fb` of `customer-5df6b999fb-cf7jl`: what the ReplicaSet's name adds to the Deployment's."""
    return pod.name.rpartition("-")[0].removeprefix(f"{pod.deployment}-")


def _owner(pod: LabPod) -> Json:
    if pod.deployment:
        replica_set = pod.name.rpartition("-")[0]
        labels = {"app": pod.deployment, "pod-template-hash": template_hash(pod)}
        return _owned(pod, "ReplicaSet", replica_set, labels)
    if pod.daemon_set:
        labels = {
            "k8s-app" if pod.namespace == "kube-system" else "app": pod.daemon_set,
            "controller-revision-hash": suffix(pod.daemon_set, 10),
            "pod-template-generation": "1",
        }
        return _owned(pod, "DaemonSet", pod.daemon_set, labels)
    return {}


def _owned(pod: LabPod, kind: str, owner: str, labels: dict[str, str]) -> Json:
    reference = {
        "apiVersion": "apps/v1",
        "blockOwnerDeletion": True,
        "controller": True,
        "kind": kind,
        "name": owner,
        "uid": uid(kind, pod.namespace, owner),
    }
    return {"generateName": f"{owner}-", "labels": labels, "ownerReferences": [reference]}


def _annotations(pod: LabPod) -> dict[str, str]:
    """What the CNI plugin wrote: after its DEL the addresses are empty and the container's id stays (k8s.go)."""
    if pod.state == "host-network" or pod.node is None or not pod.addresses:
        return {}
    addresses = [] if pod.state in _FINISHED else [host_prefix(ip) for ip in pod.addresses]
    return {
        "cni.projectcalico.org/containerID": container_id(pod.namespace, pod.name),
        "cni.projectcalico.org/podIP": addresses[0] if addresses else "",
        "cni.projectcalico.org/podIPs": ",".join(addresses),
    }


def _status(pod: LabPod, addresses: tuple[str, ...], host_ip: str | None, release: str, created: datetime) -> Json:
    status: Json = {"conditions": _conditions(pod, addresses, created), "phase": _phase(pod), "qosClass": "BestEffort"}
    if host_ip is None:
        return status
    status |= {
        "containerStatuses": [_container_status(pod, addresses, release, created)],
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "observedGeneration": 2 if pod.state == "terminating" else 1,
        "startTime": stamp(created),
    }
    if addresses:
        status |= {"podIP": addresses[0], "podIPs": [{"ip": ip} for ip in addresses]}
    return status


def _phase(pod: LabPod) -> str:
    return _FINISHED[pod.state][0] if pod.state in _FINISHED else "Pending" if pod.state == "pending" else "Running"


def _conditions(pod: LabPod, addresses: tuple[str, ...], created: datetime) -> list[Json]:
    def condition(kind: str, status: str, reason: str = "", message: str = "") -> Json:
        told = {"reason": reason} if reason else {}
        told |= {"message": message} if message else {}
        times = {"lastProbeTime": None, "lastTransitionTime": stamp(created)}
        return times | {"observedGeneration": 1, "status": status, "type": kind} | told

    if pod.node is None:
        message = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
        return [condition("PodScheduled", "False", "Unschedulable", message)]
    sandbox, ready, reason, message = "True", "True", "", ""
    if pod.state in _FINISHED:
        sandbox, ready, reason = "False", "False", _FINISHED[pod.state][2]
    elif pod.state == "pending":
        sandbox, ready, reason = "True" if addresses else "False", "False", "ContainersNotReady"
        message = f"containers with unready status: [{container_of(pod, '')['name']}]"
    return [
        condition("PodReadyToStartContainers", sandbox),
        condition("Initialized", "True", "PodCompleted" if pod.state == "completed" else ""),
        condition("Ready", ready, reason, message),
        condition("ContainersReady", ready, reason, message),
        condition("PodScheduled", "True"),
    ]


def _container_status(pod: LabPod, addresses: tuple[str, ...], release: str, created: datetime) -> Json:
    container = container_of(pod, release)
    mounts = [mount | {"recursiveReadOnly": "Disabled"} for mount in container["volumeMounts"] if "readOnly" in mount]
    started = container_id(pod.namespace, pod.name, container["name"])
    status: Json = {
        "image": container["image"],
        "imageID": "",
        "lastState": {},
        "name": container["name"],
        "ready": pod.state not in _FINISHED and pod.state != "pending",
        "restartCount": 0,
        "started": pod.state not in _FINISHED and pod.state != "pending",
        "volumeMounts": mounts,
    }
    if pod.state == "pending":
        waiting = {"reason": "ContainerCreating"}
        if addresses:
            told = f'Container image "{container["image"]}" is not present with pull policy of Never'
            waiting = {"message": told, "reason": "ErrImageNeverPull"}
        return status | {"state": {"waiting": waiting}}
    status |= {
        "containerID": f"containerd://{started}",
        "imageID": f"sha256:{container_id('image', container['image'])}",
        "resources": {},
        "state": {"running": {"startedAt": stamp(created)}},
    }
    if pod.state in _FINISHED:
        _, reason, _, code = _FINISHED[pod.state]
        times = {"finishedAt": stamp(created), "startedAt": stamp(created)}
        ended = {"containerID": f"containerd://{started}", "exitCode": code, "reason": reason} | times
        status["state"] = {"terminated": ended}
    return status

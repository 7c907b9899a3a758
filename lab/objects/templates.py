"""What a pod's spec holds: containers, volumes, tolerations. Parts that never differ are shared between objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.objects.identity import suffix

if TYPE_CHECKING:
    from lab.objects.kinds import Json
    from lab.topology import LabPod

_IMAGE = "docker.io/library/busybox:1.36"
_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_PRESSED = ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")

_ORDINARY = [{"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300} for key in _TOLERATED]
_DAEMON = [{"effect": "NoExecute", "key": key, "operator": "Exists"} for key in _TOLERATED] + [
    {"effect": "NoSchedule", "key": f"node.kubernetes.io/{key}", "operator": "Exists"} for key in _PRESSED
]
_EVERY_NODE = [
    {"effect": "NoSchedule", "operator": "Exists"},
    {"key": "CriticalAddonsOnly", "operator": "Exists"},
    {"effect": "NoExecute", "operator": "Exists"},
]
_NETWORK_UNAVAILABLE = {"effect": "NoSchedule", "key": "node.kubernetes.io/network-unavailable", "operator": "Exists"}
_TOKEN_SOURCES = [
    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
    {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
    {
        "downwardAPI": {
            "items": [{"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"}]
        }
    },
]
_CALICO_FOLDERS = {
    "var-run-calico": "/var/run/calico",
    "var-lib-calico": "/var/lib/calico",
    "cni-net-dir": "/etc/cni/net.d",
}


def is_calico_node(pod: LabPod) -> bool:
    """Whether it is a pod of the DaemonSet that Calico's manifests and its operator make."""
    return pod.daemon_set == "calico-node"


def container_of(pod: LabPod, release: str) -> Json:
    """The pod's one container, with the mount of its service account's token."""
    token = {
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        "name": _token_volume(pod),
        "readOnly": True,
    }
    return container_template(pod.deployment or pod.daemon_set or "c", release, mounts=[token])


def container_template(name: str, release: str, mounts: list[Json]) -> Json:
    """The container as a controller's pod template holds it, with these mounts besides its own."""
    container: Json = {
        "image": _IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "name": name,
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }
    if name == "calico-node":
        folders = [{"mountPath": path, "name": volume} for volume, path in _CALICO_FOLDERS.items()]
        container |= {"image": f"docker.io/calico/node:{release}", "securityContext": {"privileged": True}}
        mounts = [*folders, *mounts]
    else:
        container["command"] = ["sleep", "infinity"]
    return container | {"volumeMounts": mounts} if mounts else container


def calico_volumes() -> list[Json]:
    """The host folders that calico-node mounts."""
    return [{"hostPath": {"path": path, "type": ""}, "name": name} for name, path in _CALICO_FOLDERS.items()]


def _token_volume(pod: LabPod) -> str:
    return f"kube-api-access-{suffix(pod.key)}"


def _tolerations(pod: LabPod) -> list[Json]:
    if is_calico_node(pod):
        return [*_EVERY_NODE, *_DAEMON, _NETWORK_UNAVAILABLE]
    if pod.daemon_set:
        return [*_DAEMON, _NETWORK_UNAVAILABLE] if pod.state == "host-network" else _DAEMON
    return _ORDINARY


def pod_spec(pod: LabPod, release: str) -> Json:
    """The pod's spec, as the API server completed it."""
    account = "calico-node" if is_calico_node(pod) else "default"
    volumes = calico_volumes() if is_calico_node(pod) else []
    token = {"name": _token_volume(pod), "projected": {"defaultMode": 420, "sources": _TOKEN_SOURCES}}
    spec: Json = {
        "containers": [container_of(pod, release)],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 2000001000 if is_calico_node(pod) else 0,
        "restartPolicy": "Never" if pod.state in ("completed", "failed") else "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccount": account,
        "serviceAccountName": account,
        "terminationGracePeriodSeconds": 0 if is_calico_node(pod) else 30,
        "tolerations": _tolerations(pod),
        "volumes": [*volumes, token],
    }
    if pod.state == "host-network":
        spec["hostNetwork"] = True
    if pod.node is None:
        spec["nodeSelector"] = {"disk": "fast"}
    else:
        spec["nodeName"] = pod.node
    if is_calico_node(pod):
        spec["priorityClassName"] = "system-node-critical"
    if pod.daemon_set:
        term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [pod.node]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
        spec["affinity"] = {"nodeAffinity": required}
    return spec

"""Nodes, namespaces, services, DaemonSets, and Calico's settings, as the API shows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lab.objects.identity import new, stamp, uid
from lab.objects.ipam import default_metadata
from lab.objects.templates import calico_volumes, container_template

if TYPE_CHECKING:
    from datetime import datetime

    from lab.objects.kinds import Json
    from lab.topology import LabNode, LabPeer, Topology

_PRESSURES = {
    "MemoryPressure": ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
}


def node_object(node: LabNode, topology: Topology, created: datetime, now: datetime) -> Json:
    """The Node with the annotations that calico-node writes (Node.spec.bgp in the Kubernetes datastore)."""
    found = [{"name": topology.uplink, "addresses": [uplink.address for uplink in node.uplinks]}]
    annotations = {
        "node.alpha.kubernetes.io/ttl": "0",
        "projectcalico.org/Interfaces": json.dumps(found, separators=(",", ":")),
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
    }
    for family in (4, 6):
        if uplink := node.uplink(family):
            annotations[f"projectcalico.org/IPv{family}Address"] = f"{uplink.address}/{uplink.prefixlen}"
    told = {
        "ASNumber": node.as_number,
        "RouteReflectorClusterID": node.reflector,
        "IPv4VXLANTunnelAddr": node.vxlan,
        "IPv6VXLANTunnelAddr": node.vxlan6,
    }
    annotations |= {f"projectcalico.org/{name}": str(value) for name, value in told.items() if value}
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        **node.labels,
    }
    spec: Json = {}
    if node.control_plane:
        labels["node-role.kubernetes.io/control-plane"] = ""
        spec["taints"] = [{"effect": "NoSchedule", "key": "node-role.kubernetes.io/control-plane"}]
    status = _node_status(node, created, now)
    return new("nodes", node.name, created, labels=labels, annotations=annotations, spec=spec, status=status)


def _node_status(node: LabNode, created: datetime, now: datetime) -> Json:
    def condition(kind: str, status: str, reason: str, message: str) -> Json:
        times = {"lastHeartbeatTime": stamp(now), "lastTransitionTime": stamp(created)}
        return times | {"message": message, "reason": reason, "status": status, "type": kind}

    conditions = [condition("NetworkUnavailable", "False", "CalicoIsUp", "Calico is running on this node")]
    conditions += [condition(kind, "False", *told) for kind, told in _PRESSURES.items()]
    conditions.append(condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"))
    room = {"cpu": "2", "hugepages-1Gi": "0", "hugepages-2Mi": "0", "memory": "8140000Ki", "pods": "110"}
    internal = [{"address": uplink.address, "type": "InternalIP"} for uplink in node.uplinks]
    return {
        "addresses": [*internal, {"address": node.name, "type": "Hostname"}],
        "allocatable": room,
        "capacity": room,
        "conditions": conditions,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "images": [{"names": ["docker.io/library/busybox:1.36"], "sizeBytes": 2217000}],
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": uid("boot", "", node.name),
            "containerRuntimeVersion": "containerd://1.7.24",
            "kernelVersion": "6.1.0-0-amd64",
            "kubeProxyVersion": "",
            "kubeletVersion": "v1.34.4",
            "machineID": uid("machine", "", node.name).replace("-", ""),
            "operatingSystem": "linux",
            "osImage": "Debian GNU/Linux 12 (bookworm)",
            "systemUUID": uid("system", "", node.name),
        },
    }


def namespace_object(name: str, created: datetime) -> Json:
    """The Namespace."""
    labels = {"kubernetes.io/metadata.name": name}
    status = {"phase": "Active"}
    return new("namespaces", name, created, labels=labels, spec={"finalizers": ["kubernetes"]}, status=status)


def kubernetes_service(created: datetime) -> Json:
    """The Service that every cluster has: default/kubernetes."""
    spec = {
        "clusterIP": "10.96.0.1",
        "clusterIPs": ["10.96.0.1"],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }
    labels = {"component": "apiserver", "provider": "kubernetes"}
    status: Json = {"loadBalancer": {}}
    return new("services", "kubernetes", created, namespace="default", labels=labels, spec=spec, status=status)


def daemon_set_object(namespace: str, name: str, release: str, created: datetime, *, host_network: bool) -> Json:
    """The DaemonSet without any pod yet: `counted` adds them."""
    labels = {"k8s-app" if namespace == "kube-system" else "app": name}
    pod_spec: Json = {
        "containers": [container_template(name, release, mounts=[])],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }
    if host_network:
        pod_spec["hostNetwork"] = True
    if name == "calico-node":
        pod_spec |= {"priorityClassName": "system-node-critical", "volumes": calico_volumes()}
    spec = {
        "revisionHistoryLimit": 10,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod_spec},
        "updateStrategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}, "type": "RollingUpdate"},
    }
    scheduled = ("currentNumberScheduled", "desiredNumberScheduled", "numberAvailable", "numberReady")
    status = dict.fromkeys((*scheduled, "updatedNumberScheduled", "numberMisscheduled"), 0) | {"observedGeneration": 1}
    annotations = {"deprecated.daemonset.template.generation": "1"}
    return new(
        "daemonsets",
        name,
        created,
        namespace=namespace,
        generation=1,
        annotations=annotations,
        spec=spec,
        status=status,
    )


def counted(daemon_set: Json, pods: int) -> Json:
    """The DaemonSet with that many more (or fewer) of its pods scheduled and ready."""
    status = daemon_set["status"]
    fixed = ("numberMisscheduled", "observedGeneration")
    return daemon_set | {"status": {name: value if name in fixed else value + pods for name, value in status.items()}}


def settings(topology: Topology, created: datetime) -> list[Json]:
    """The objects `default` of Calico's configuration resources, with the fields that the release writes itself."""
    felix: Json = {
        "bpfConnectTimeLoadBalancing": "TCP",
        "bpfHostNetworkedNATWithoutCTLB": "Enabled",
        "bpfLogLevel": "",
        "floatingIPs": "Disabled",
        "logSeverityScreen": "Info",
        "reportingInterval": "0s",
    }
    bgp: Json = {"logSeverityScreen": "Info"}
    ipam: Json = {"autoAllocateBlocks": True, "strictAffinity": False}
    if topology.minor >= 33:
        felix |= {"nftablesFlowTableOffload": "Disabled", "nftablesMode": "Auto"}
        bgp |= {"serviceLoadBalancerAggregation": "Enabled"}
        ipam |= {"kubeVirtVMAddressPersistence": "Enabled"}
    information = {
        "calicoVersion": topology.release,
        "clusterGUID": uid("cluster", "", "lab").replace("-", ""),
        "clusterType": "k8s,bgp,kdd" if topology.backend == "bird" else "k8s,kdd",
        "datastoreReady": True,
    }
    specs = {
        "clusterinformations": information,
        "felixconfigurations": felix | topology.felix,
        "bgpconfigurations": bgp | topology.bgp,
        "ipamconfigs": ipam | topology.ipam,
        "kubecontrollersconfigurations": _controllers(),
    }
    made = []
    for plural, spec in specs.items():
        made.append(new(plural, "default", created, generation=1, annotations=default_metadata(created), spec=spec))
    return made


def peer_object(peer: LabPeer, created: datetime) -> Json:
    """The BGPPeer."""
    spec: Json = {"nodeSelector": peer.node_selector}
    told = {"asNumber": peer.as_number, "peerIP": peer.peer_ip, "peerSelector": peer.peer_selector}
    spec |= {name: value for name, value in told.items() if value is not None}
    return new("bgppeers", peer.name, created, generation=1, annotations=default_metadata(created), spec=spec)


def _controllers() -> Json:
    endpoints = {"autoCreate": "Disabled", "createDefaultHostEndpoint": "Enabled"}
    every = {"reconcilerPeriod": "5m0s"}
    node = {"hostEndpoint": endpoints, "leakGracePeriod": "15m0s", "syncLabels": "Enabled"} | every
    controllers = {
        "loadBalancer": {"assignIPs": "AllServices"},
        "namespace": every,
        "node": node,
        "policy": every,
        "serviceAccount": every,
        "workloadEndpoint": every,
    }
    return {
        "controllers": controllers,
        "etcdV3CompactionPeriod": "10m0s",
        "healthChecks": "Enabled",
        "logSeverityScreen": "Info",
        "prometheusMetricsPort": 9094,
    }

"""The lab's objects: shaped as recorded from a cluster, and consistent with one another as pods come and go."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from lab.api.store import Store
from lab.objects import (
    KINDS,
    Json,
    Objects,
    build,
    free_addresses,
    handle_id,
    key,
    with_block,
    with_pod,
    without_pod,
)
from lab.objects.identity import cidr_name, go_stamp, hostname_hash
from lab.topology import LabBlock, LabNode, LabPod, LabPool, Topology, load
from model.ip import nth

RECORDINGS = Path(__file__).parents[1] / "recordings"
NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
MAPS = ("annotations", "labels", "matchLabels", "block", "sequenceNumberForAllocation", "nodeSelector")

# What the lab shows beyond the recordings, and why.
EXTRA = {
    "pods": {  # calico-node's own pods: the recorded clusters ran it as a plain process
        "spec.priorityClassName:str",
        "spec.containers[].securityContext:dict",
        "spec.containers[].securityContext.privileged:bool",
        "spec.volumes[].hostPath:dict",
        "spec.volumes[].hostPath.path:str",
        "spec.volumes[].hostPath.type:str",
    },
    "nodes": {"spec.taints:list", "spec.taints[]:dict", "spec.taints[].effect:str", "spec.taints[].key:str"},
}
EXTRA["daemonsets"] = {f"spec.template.{line}" for line in EXTRA["pods"]} | {
    "spec.template.spec.volumes:list",
    "spec.template.spec.volumes[]:dict",
    "spec.template.spec.volumes[].name:str",
    "spec.template.spec.containers[].volumeMounts:list",
    "spec.template.spec.containers[].volumeMounts[]:dict",
    "spec.template.spec.containers[].volumeMounts[].mountPath:str",
    "spec.template.spec.containers[].volumeMounts[].name:str",
}
# What every recorded object has and the lab's has not, and why.
LESS = {
    "daemonsets": {"status.numberUnavailable:int"},  # only while a pod is not available
    "kubecontrollersconfigurations": {
        "status",  # written by kube-controllers, which the lab does not run
        "spec.controllers.migration",  # from v3.33
    },
    "felixconfigurations": {"spec.nftablesFlowTableOffload:str", "spec.nftablesMode:str"},  # from v3.33
    "bgpconfigurations": {"spec.serviceLoadBalancerAggregation:str"},  # from v3.33
    "ipamconfigs": {"spec.kubeVirtVMAddressPersistence:str"},  # from v3.33
}

USERS_OWN = {  # what the recorded clusters' users wrote there
    "metadata.annotations:dict",
    "metadata.annotations.*:str",
    "metadata.labels:dict",
    "metadata.labels.*:str",
    "spec.automountServiceAccountToken:bool",
    "spec.containers[].command:list",
    "spec.containers[].command[]:str",
    "spec.template.spec.containers[].command:list",
    "spec.template.spec.containers[].command[]:str",
}


def shape(value: object, path: str = "") -> set[str]:
    """Every path in a JSON value with the type that is there; keys of maps count as one."""
    found = {f"{path}:{type(value).__name__}"} if path else set()
    if isinstance(value, dict):
        for name, inner in value.items():
            shown = "*" if path.rpartition(".")[2] in MAPS else name
            found |= shape(inner, f"{path}.{shown}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            found |= shape(inner, f"{path}[]")
    return found


@cache
def recorded(plural: str) -> list[Json]:
    """The objects of a kind in the two healthy recordings."""
    found: list[Json] = []
    for name in ("noencap", "borrowed-and-many-blocks"):
        with tarfile.open(RECORDINGS / f"{name}.tar.xz") as archive:
            member = archive.extractfile(f"{name}/api/{plural}.json")
            assert member is not None
            found += json.load(member)["items"]
    return found


@cache
def seed() -> Objects:
    """The default topology's objects, with a pod of every further state."""
    objects = with_pod(build(load(), NOW), LabPod("batch", "failed", "worker1", ("10.48.0.90",), "failed"), NOW)
    objects = with_pod(objects, LabPod("batch", "pending", "worker2", ("10.48.0.140",), "pending"), NOW)
    agent = LabPod("infra", "agent-x", "worker2", ("10.48.0.150",), daemon_set="agent")
    store = Store(build(load(), NOW))
    store.apply(with_pod(objects, agent, NOW))
    return store.objects


def of(objects: Objects, plural: str) -> list[Json]:
    return [obj for at, obj in objects.items() if at.plural == plural]


def pod_class(pod: Json) -> str:
    """What a pod's shape depends on."""
    meta, spec, status = pod["metadata"], pod["spec"], pod["status"]
    waiting = "waiting" in (status.get("containerStatuses") or [{}])[0].get("state", {})
    owner = (meta.get("ownerReferences") or [{"kind": "none"}])[0]["kind"]
    marks = (bool(meta.get("deletionTimestamp")), bool(spec.get("hostNetwork")), "nodeName" in spec, waiting)
    return f"{status['phase']} {owner} {marks} {'initContainers' in spec}"


KINDS_WITH_OBJECTS = sorted({at.plural for at in seed()})


@pytest.mark.parametrize("plural", KINDS_WITH_OBJECTS)
def test_shapes_are_those_of_a_real_cluster(plural: str) -> None:
    groups: dict[str, list[Json]] = {}
    for obj in recorded(plural):
        groups.setdefault(pod_class(obj) if plural == "pods" else "", []).append(obj)
    allowed = set().union(*(shape(obj) for obj in recorded(plural))) | EXTRA.get(plural, set())
    compared = 0
    for obj in of(seed(), plural):
        mine = shape(obj)
        assert mine - allowed == set(), obj["metadata"]["name"]
        like = groups.get(pod_class(obj) if plural == "pods" else "")
        if like is None:
            continue
        compared += 1
        always = set.intersection(*(shape(other) for other in like))
        missing = {line for line in always - mine if not line.startswith(tuple(LESS.get(plural, ("\0",))))}
        missing -= USERS_OWN
        assert missing == set(), obj["metadata"]["name"]
    assert compared > 0


def test_the_pod_states_compared_are_those_the_topology_knows() -> None:
    mine = {pod_class(pod) for pod in of(seed(), "pods")}
    theirs = {pod_class(pod) for pod in recorded("pods")}
    both = Counter(kind.split()[0] for kind in mine & theirs)
    # Running: of a ReplicaSet, a DaemonSet, a DaemonSet on the host network, of nobody, terminating.
    assert both == {"Running": 5, "Failed": 1, "Pending": 2}


def test_a_fresh_release_writes_its_own_fields() -> None:
    objects = build(Topology(nodes=(), pools=(), blocks=(), pods=(), release="v3.33.0"), NOW)
    for plural in ("felixconfigurations", "bgpconfigurations", "ipamconfigs", "clusterinformations"):
        always = set.intersection(*(shape(obj) for obj in recorded(plural)))
        assert always - shape(objects[key(plural, "default")]) == set(), plural


def test_recorded_labels_and_names_come_from_the_same_functions() -> None:
    for affinity in recorded("blockaffinities"):
        spec, meta = affinity["spec"], affinity["metadata"]
        assert meta["labels"]["projectcalico.org/hostname-hash"] == hostname_hash(spec["node"])
        assert meta["name"] == f"{spec['node']}-{cidr_name(spec['cidr'])}"


def addresses_held(objects: Objects) -> dict[str, tuple[str, str]]:
    """address → (handle, node), from the blocks."""
    held = {}
    for block in of(objects, "ipamblocks"):
        spec = block["spec"]
        for ordinal, index in enumerate(spec["allocations"]):
            if index is not None:
                attribute = spec["attributes"][index]
                held[nth(spec["cidr"], ordinal)] = (attribute["handle_id"], attribute["secondary"]["node"])
    return held


def assert_consistent(objects: Objects) -> None:
    """IPAM and the pods agree, and so do blocks, handles, sequence numbers and free lists with each other."""
    wanted = {}
    for pod in of(objects, "pods"):
        meta = pod["metadata"]
        assert meta["uid"] == LabPod(namespace=meta["namespace"], name=meta["name"]).uid
        listed = meta.get("annotations", {}).get("cni.projectcalico.org/podIPs", "")
        addresses = [part.partition("/")[0] for part in listed.split(",") if part]
        if pod["status"]["phase"] in ("Succeeded", "Failed"):
            assert addresses == []
        for ip in addresses:
            wanted[ip] = (handle_id(meta["namespace"], meta["name"]), pod["spec"]["nodeName"])
            assert {"ip": ip} in pod["status"]["podIPs"]
        assert key("namespaces", meta["namespace"]) in objects
    assert addresses_held(objects) == wanted
    counts: Counter[tuple[str, str]] = Counter()
    for block in of(objects, "ipamblocks"):
        spec = block["spec"]
        used = [at for at, index in enumerate(spec["allocations"]) if index is not None]
        assert sorted(used + spec["unallocated"]) == list(range(len(spec["allocations"])))
        assert {str(at) for at in used} == set(spec["sequenceNumberForAllocation"])
        assert {index for index in spec["allocations"] if index is not None} == set(range(len(spec["attributes"])))
        counts += Counter(
            (spec["attributes"][at]["handle_id"], spec["cidr"]) for at in spec["allocations"] if at is not None
        )
    handles = {handle["spec"]["handleID"]: handle["spec"]["block"] for handle in of(objects, "ipamhandles")}
    assert Counter({(name, cidr): held for name, blocks in handles.items() for cidr, held in blocks.items()}) == counts


def test_the_seed_is_consistent_and_complete() -> None:
    objects = build(load(), NOW)
    assert_consistent(objects)
    topology = load()
    assert len(of(objects, "pods")) == len(topology.pods) + len(topology.nodes)  # one calico-node on each node
    assert [pool["spec"]["cidr"] for pool in of(objects, "ippools")] == ["10.48.0.0/16"]
    assert objects[key("clusterinformations", "default")]["spec"]["calicoVersion"] == topology.release
    borrowed = objects[key("ipamblocks", "10-48-0-64-26")]["spec"]
    assert borrowed["affinity"] == "host:worker1"
    assert borrowed["attributes"][borrowed["allocations"][100 - 64]]["secondary"]["node"] == "worker2"
    assert borrowed["unallocated"][-1] == 70 - 64  # the completed pod's address went to the end of the queue
    versions = [int(obj["metadata"]["resourceVersion"]) for obj in objects.values()]
    assert versions == sorted(set(versions))


def test_completed_keeps_its_address_in_the_status_alone() -> None:
    pod = build(load(), NOW)[key("pods", "report-29384756-x2v9c", "batch")]
    theirs = next(other for other in recorded("pods") if other["status"]["phase"] == "Succeeded")
    assert shape(pod["status"]) == shape(theirs["status"])
    assert pod["status"]["podIP"] == "10.48.0.70"
    assert pod["metadata"]["annotations"]["cni.projectcalico.org/podIP"] == ""
    assert pod["metadata"]["annotations"]["cni.projectcalico.org/containerID"]


def test_owners_and_labels() -> None:
    objects = build(load(), NOW)
    customer = objects[key("pods", "customer-5df6b999fb-cf7jl", "yaobank")]["metadata"]
    assert customer["labels"] == {"app": "customer", "pod-template-hash": "5df6b999fb"}
    assert [(owner["kind"], owner["name"]) for owner in customer["ownerReferences"]] == [
        ("ReplicaSet", "customer-5df6b999fb")
    ]
    calico = [pod for pod in of(objects, "pods") if pod["metadata"].get("labels", {}).get("k8s-app") == "calico-node"]
    assert {pod["spec"]["nodeName"] for pod in calico} == {"host1", "worker1", "worker2"}
    assert {pod["spec"]["containers"][0]["image"] for pod in calico} == {"docker.io/calico/node:v3.30.7"}
    assert all(pod["spec"]["hostNetwork"] for pod in calico)
    assert objects[key("daemonsets", "calico-node", "kube-system")]["status"]["numberReady"] == 3


def test_a_pod_comes_changes_and_goes() -> None:
    before = build(load(), NOW)
    pod = LabPod(namespace="churn", name="a", node="worker2", addresses=("10.48.0.68", "10.48.0.140"))
    there = with_pod(before, pod, NOW)
    assert_consistent(there)
    assert len(of(there, "ipamhandles")) == len(of(before, "ipamhandles")) + 1
    moved = with_pod(there, LabPod("churn", "a", "worker2", ("10.48.0.141",)), NOW + timedelta(hours=1))
    assert_consistent(moved)
    assert moved[key("pods", "a", "churn")]["metadata"]["creationTimestamp"] == "2026-11-22T12:00:00Z"
    done = with_pod(moved, LabPod("churn", "a", "worker2", ("10.48.0.141",), "completed"), NOW)
    assert_consistent(done)
    gone = without_pod(done, "churn", "a")
    assert_consistent(gone)
    assert addresses_held(gone) == addresses_held(before)
    assert key("pods", "a", "churn") not in gone
    assert key("pods", "a", "churn") not in before  # nothing was changed in place
    assert of(before, "ipamblocks")[0]["spec"]["unallocated"][:2] == [4, 5]


def test_freed_addresses_queue_up_last() -> None:
    objects = build(load(), NOW)
    assert free_addresses(objects, "worker1")[:3] == ["10.48.0.68", "10.48.0.69", "10.48.0.71"]
    objects = with_pod(objects, LabPod("churn", "a", "worker1", ("10.48.0.68",)), NOW)
    assert free_addresses(objects, "worker1")[0] == "10.48.0.69"
    assert free_addresses(without_pod(objects, "churn", "a"), "worker1")[-1] == "10.48.0.68"
    assert free_addresses(objects, "host1") == []
    with_more = with_block(objects, LabBlock("10.48.1.0/26", "host1"), NOW)
    assert free_addresses(with_more, "host1")[:2] == ["10.48.1.0", "10.48.1.1"]
    assert with_more[key("blockaffinities", "host1-10-48-1-0-26")]["spec"]["state"] == "confirmed"


def test_daemon_sets_count_their_pods() -> None:
    objects = with_pod(build(load(), NOW), LabPod("infra", "agent-1", "worker1", ("10.48.0.80",),
                                                  daemon_set="agent"), NOW)  # fmt: skip
    assert objects[key("daemonsets", "agent", "infra")]["status"]["desiredNumberScheduled"] == 1
    fewer = without_pod(objects, "infra", "agent-1")
    assert fewer[key("daemonsets", "agent", "infra")]["status"]["desiredNumberScheduled"] == 0


def test_both_families() -> None:
    topology = Topology(
        nodes=(LabNode("n", "10.0.0.1"),),
        pools=(LabPool("four", "10.48.0.0/16"), LabPool("six", "fd00:48::/64", 122)),
        blocks=(LabBlock("10.48.0.0/26", "n"), LabBlock("fd00:48::40/122", "n")),
        pods=(LabPod("a", "p", "n", ("10.48.0.3", "fd00:48::41")),),
    )
    objects = build(topology, NOW)
    assert_consistent(objects)
    pod = objects[key("pods", "p", "a")]
    assert pod["metadata"]["annotations"]["cni.projectcalico.org/podIPs"] == "10.48.0.3/32,fd00:48::41/128"
    assert objects[key("ipamhandles", handle_id("a", "p"))]["spec"]["block"] == {
        "10.48.0.0/26": 1,
        "fd00:48::40/122": 1,
    }


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        (LabPod("a", "p", "worker1", ("10.49.0.1",)), "in no block"),
        (LabPod("a", "p", "worker1", ("10.48.0.67",)), "already allocated"),
        (LabPod("a", "p", "nowhere", ("10.48.0.80",)), "no such node"),
        (LabPod("a", "p"), "needs a node"),
    ],
)
def test_contradictions_are_refused(pod: LabPod, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        with_pod(build(load(), NOW), pod, NOW)


def test_blocks_that_are_none_or_taken_are_refused() -> None:
    objects = build(load(), NOW)
    for cidr in ("10.48.0.64/26", "10.48.0.65/26", "10.0.0.0/8"):
        with pytest.raises(ValueError, match=cidr):
            with_block(objects, LabBlock(cidr, "worker2"), NOW)


def test_go_prints_times_without_idle_zeros() -> None:
    assert go_stamp(NOW) == "2026-11-22 12:00:00.123456 +0000 UTC"
    assert go_stamp(NOW.replace(microsecond=0)) == "2026-11-22 12:00:00 +0000 UTC"
    assert go_stamp(NOW.replace(microsecond=120000)) == "2026-11-22 12:00:00.12 +0000 UTC"


def test_every_kind_is_named_once() -> None:
    assert len({kind.plural for kind in KINDS}) == len(KINDS) == len({(kind.group, kind.kind) for kind in KINDS})

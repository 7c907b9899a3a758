"""Objects of the API as they come on the wire → the model: defaults, precedence, both groups, and what does not fit."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fixtures.decode.lists import decode_page
from fixtures.decode.resources import BY_PLURAL, V3, assemble
from fixtures.errors import UnobservableError
from model.cluster import (
    AllocationAttribute,
    BlockAffinity,
    Cluster,
    ClusterInformation,
    IPAMBlock,
    IPAMConfig,
    IPAMHandle,
    IPPool,
    Node,
    NodeStatus,
    Pod,
    Service,
    Settings,
)

Json = dict[str, Any]


def decoded(plural: str, obj: Json) -> Any:
    """One object of a list, as the client or a recording would give it."""
    resource = BY_PLURAL[plural]
    page = decode_page(msgspec.json.encode({"items": [obj]}), resource.item, plural)
    return resource.convert((page.items or [])[0])


def pod(
    annotations: Json | None = None, labels: Json | None = None, owners: list[Json] | None = None, **parts: Any
) -> Pod:
    meta = {"namespace": "ns", "name": "p-abc-x1", "uid": "u", "resourceVersion": "5", "annotations": annotations}
    found = decoded("pods", {"metadata": meta | {"labels": labels, "ownerReferences": owners}, **parts})
    assert isinstance(found, Pod)
    return found


CNI = {"cni.projectcalico.org/podIPs": "10.48.0.3/32,fd00::3/128", "cni.projectcalico.org/podIP": "10.48.0.4/32"}
ADDRESSES = {
    "podIPs": ({"podIPs": [{"ip": "10.48.0.1"}, {"ip": "FD00::1"}], "podIP": "1.2.3.4"}, CNI, ("10.48.0.1", "fd00::1")),
    "podIPs as strings": ({"podIPs": ["10.48.0.1"]}, CNI, ("10.48.0.1",)),
    "podIP": ({"podIPs": None, "podIP": "10.48.0.2"}, CNI, ("10.48.0.2",)),
    "annotation podIPs": ({"podIPs": [], "podIP": ""}, CNI, ("10.48.0.3", "fd00::3")),
    "annotation podIP": ({}, {"cni.projectcalico.org/podIP": "10.48.0.4/32"}, ("10.48.0.4",)),
    "AWS": ({}, {"vpc.amazonaws.com/pod-ips": "10.1.0.1,10.1.0.2"}, ("10.1.0.1", "10.1.0.2")),
    "none": ({}, {"cni.projectcalico.org/podIP": ""}, ()),
}  # fmt: skip


@pytest.mark.parametrize(("status", "annotations", "expected"), ADDRESSES.values(), ids=ADDRESSES)
def test_a_pods_addresses_come_from_the_first_source_that_has_any(
    status: Json, annotations: Json, expected: tuple[str, ...]
) -> None:
    assert pod(annotations, status=status).ips == expected


def test_an_address_that_is_none_is_told_with_its_pod() -> None:
    with pytest.raises(
        UnobservableError, match=r"an address of pod ns/p-abc-x1 is \$\(reboot\)\\n, which is no address"
    ):
        pod({}, status={"podIP": "$(reboot)\n"})


OWNERS = {
    "Deployment": ([{"kind": "ReplicaSet", "name": "p-abc", "controller": True}], {"pod-template-hash": "abc"}, "p"),
    "bare ReplicaSet": ([{"kind": "ReplicaSet", "name": "p-abc", "controller": True}], {}, "p-abc"),
    "hash alone": ([{"kind": "ReplicaSet", "name": "-abc", "controller": True}], {"pod-template-hash": "abc"}, "-abc"),
    "StatefulSet": ([{"kind": "StatefulSet", "name": "db", "controller": True}], {}, "db"),
    "mirror pod": ([{"kind": "Node", "name": "host1", "controller": True}], {}, "p-abc-x1"),
    "no controller": ([{"kind": "ReplicaSet", "name": "p-abc"}], {"pod-template-hash": "abc"}, "p-abc-x1"),
    "none": (None, None, "p-abc-x1"),
}


@pytest.mark.parametrize(("owners", "labels", "expected"), OWNERS.values(), ids=OWNERS)
def test_a_workload_keeps_its_name_over_rollouts(owners: list[Json] | None, labels: Json | None, expected: str) -> None:
    assert pod(owners=owners, labels=labels).workload == expected


def test_a_pod_whole() -> None:
    meta = {"creationTimestamp": "2026-11-22T21:17:26Z", "deletionTimestamp": "2026-11-22T21:18:26Z"}
    kept = {"cni.projectcalico.org/containerID": "5f", "k8s.v1.cni.cncf.io/networks": "storage"}
    found = decoded(
        "pods",
        {
            "metadata": meta
            | {"name": "n", "namespace": "ns", "annotations": kept | {"vault/token": "s3cr3t"}, "labels": {"a": "b"}},
            "spec": {
                "nodeName": "w1",
                "hostNetwork": True,
                "containers": [{"image": "i", "env": [{"name": "PASSWORD", "value": "s3cr3t"}]}],
            },
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": None}]},
        },
    )
    assert found == Pod(
        namespace="ns", name="n", uid="", resource_version="", node="w1", host_network=True, phase="Running", ips=(),
        created="2026-11-22T21:17:26Z", deleting=True, workload="n", labels={"a": "b"}, annotations=kept, ready=True,
    )  # fmt: skip
    assert b"s3cr3t" not in msgspec.json.encode(found)


def test_images_are_kept_of_calico_node_alone() -> None:
    spec = {"containers": [{"image": "quay.io/calico/node:v3.30.1"}]}
    assert pod(labels={"k8s-app": "calico-node"}, spec=spec).images == ("quay.io/calico/node:v3.30.1",)
    assert pod(labels={"k8s-app": "bank"}, spec=spec).images == ()


def test_a_node_with_calicos_annotations() -> None:
    notes = {
        "IPv4Address": "10.0.0.11/24", "IPv6Address": "fd00:10::b/64", "ASNumber": "64513",
        "RouteReflectorClusterID": "1.0.0.1", "IPv4IPIPTunnelAddr": "10.48.0.1", "IPv4VXLANTunnelAddr": "10.48.0.2",
        "IPv6VXLANTunnelAddr": "fd00::2", "VXLANTunnelMACAddr": "66:00:00:00:00:01",
        "VXLANTunnelMACAddrV6": "66:00:00:00:00:02", "IPv4WireguardInterfaceAddr": "10.48.0.3",
        "IPv6WireguardInterfaceAddr": "fd00::3", "WireguardPublicKey": "k4=", "WireguardPublicKeyV6": "k6=",
    }  # fmt: skip
    found = decoded(
        "nodes",
        {
            "metadata": {
                "name": "w1",
                "annotations": {f"projectcalico.org/{key}": text for key, text in notes.items()},
            },
            "spec": {
                "podCIDR": "10.1.0.0/24",
                "unschedulable": True,
                "taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}, {"key": "c", "effect": "NoExecute"}],
            },
            "status": {
                "addresses": [{"type": "InternalIP", "address": "10.0.0.11"}, {"type": "Hostname", "address": "w1"}],
                "conditions": [{"type": "Ready", "status": "False"}],
                "nodeInfo": {"operatingSystem": "linux"},
            },
        },
    )
    assert found == Node(
        name="w1", uid="", resource_version="", internal_ips=("10.0.0.11",), pod_cidrs=("10.1.0.0/24",),
        taints=("a=b:NoSchedule", "c:NoExecute"), ready=False, unschedulable=True, bgp_ipv4="10.0.0.11/24",
        bgp_ipv6="fd00:10::b/64", as_number="64513", route_reflector_id="1.0.0.1", ipip_tunnel="10.48.0.1",
        vxlan_tunnel="10.48.0.2", vxlan_tunnel_v6="fd00::2", vxlan_mac="66:00:00:00:00:01",
        vxlan_mac_v6="66:00:00:00:00:02", wireguard_ipv4="10.48.0.3", wireguard_ipv6="fd00::3", wireguard_key="k4=",
        wireguard_key_v6="k6=",
    )  # fmt: skip


@pytest.mark.parametrize(("status", "ready"), [("True", True), ("False", False), ("Unknown", None), ("", None)])
def test_a_node_can_be_neither_ready_nor_not(status: str, ready: bool | None) -> None:
    conditions = [{"type": "Ready", "status": status}] if status else None
    assert decoded("nodes", {"metadata": {"name": "w"}, "status": {"conditions": conditions}}).ready is ready


META = {"metadata": {"name": "n", "resourceVersion": "9", "creationTimestamp": "2026-11-22T21:17:26Z"}}
OBJECTS = {
    "pool, as little as there can be": (
        "ippools", {"cidr": "10.48.1.9/16", "blockSize": 0},
        IPPool("n", "10.48.0.0/16", 26, created="2026-11-22T21:17:26Z"),
    ),
    "pool of IPv6": (
        "ippools", {"cidr": "FD00:0::/48", "allowedUses": [], "nodeSelector": ""},
        IPPool("n", "fd00::/48", 122, created="2026-11-22T21:17:26Z"),
    ),
    "pool with everything": (
        "ippools",
        {
            "cidr": "10.48.0.0/16", "blockSize": 28, "ipipMode": "CrossSubnet", "vxlanMode": "Always", "disabled": True,
            "disableBGPExport": True, "natOutgoing": True, "nodeSelector": "a == 'b'", "allowedUses": ["Tunnel"],
            "assignmentMode": "Manual",
        },
        IPPool(
            "n", "10.48.0.0/16", 28, "CrossSubnet", "Always", True, True, True, "a == 'b'", ("Tunnel",), "Manual",
            created="2026-11-22T21:17:26Z",
        ),
    ),
    "block": (
        "ipamblocks",
        {
            "cidr": "10.48.0.64/30", "affinity": "host:w1", "allocations": [0, None, 0, 1], "unallocated": [1],
            "attributes": [
                {"handle_id": "net.1\rgarbage", "secondary": {"pod": "p", "namespace": "ns"}},
                {"handle_id": None, "secondary": None, "releasedAt": "2026-11-22T21:17:26Z"},
            ],
            "deleted": False, "strictAffinity": False, "sequenceNumber": 1795382249948474832,
        },
        IPAMBlock(
            "n", "10.48.0.64/30", "9", "host:w1", (0, None, 0, 1),
            (
                AllocationAttribute("net.1", {"pod": "p", "namespace": "ns"}),
                AllocationAttribute(released_at="2026-11-22T21:17:26Z"),
            ),
            (1,), False, "2026-11-22T21:17:26Z",
        ),
    ),
    "block of old": (
        "ipamblocks", {"cidr": "10.48.0.64/32", "hostAffinity": "w1", "allocations": [None], "deleted": True},
        IPAMBlock("n", "10.48.0.64/32", "9", "host:w1", (None,), (), (), True, "2026-11-22T21:17:26Z"),
    ),
    "affinity of v1": (
        "blockaffinities", {"cidr": "10.48.0.64/26", "node": "w1", "state": "confirmed", "deleted": "true"},
        BlockAffinity("n", "w1", "10.48.0.64/26", "confirmed", "9", "host", True, "2026-11-22T21:17:26Z"),
    ),
    "affinity of v3": (
        "blockaffinities", {"cidr": "10.48.0.64/26", "node": "w1", "deleted": True, "type": "virtual"},
        BlockAffinity("n", "w1", "10.48.0.64/26", "", "9", "virtual", True, "2026-11-22T21:17:26Z"),
    ),
    "affinity that is not deleted": (
        "blockaffinities", {"cidr": "10.48.0.64/26", "node": "w1", "deleted": "false"},
        BlockAffinity("n", "w1", "10.48.0.64/26", "", "9", "host", False, "2026-11-22T21:17:26Z"),
    ),
    "handle": (
        "ipamhandles", {"handleID": "net.1", "block": {"10.48.0.64/26": 2}, "deleted": False},
        IPAMHandle("net.1", {"10.48.0.64/26": 2}),
    ),
    "IPAM settings": (
        "ipamconfigs",
        {"strictAffinity": True, "autoAllocateBlocks": False, "maxBlocksPerHost": 4, "ipCooldownSeconds": 60},
        IPAMConfig(True, False, 4, 60),
    ),
    "IPAM settings, empty": ("ipamconfigs", {}, IPAMConfig(False, True, 0, 0)),
    "peer": (
        "bgppeers",
        {"peerIP": "10.0.0.1", "password": {"secretKeyRef": {"name": "bgp", "key": "password"}}},
        Settings("n", {"peerIP": "10.0.0.1", "password": {"secretKeyRef": {"name": "bgp", "key": "password"}}}),
    ),
    "settings": ("felixconfigurations", {"mtuIfacePattern": "^eth"}, Settings("n", {"mtuIfacePattern": "^eth"})),
    "service": (
        "services", {"clusterIP": "10.96.0.1", "externalIPs": ["192.0.2.1"], "externalTrafficPolicy": "Local"},
        Service("", "n", "ClusterIP", ("10.96.0.1",), ("192.0.2.1",), (), "Local"),
    ),
    "headless service": ("services", {"clusterIP": "None", "clusterIPs": ["None"]}, Service("", "n")),
}  # fmt: skip


@pytest.mark.parametrize(("plural", "spec", "expected"), OBJECTS.values(), ids=OBJECTS)
def test_an_object(plural: str, spec: Json, expected: object) -> None:
    assert decoded(plural, META | {"spec": spec}) == expected


def test_a_node_status_and_a_balanced_service() -> None:
    status = {
        "lastUpdated": "2026-11-22T21:29:33Z",
        "agent": {"birdV4": {"state": "Ready"}, "birdV6": None},
        "bgp": {
            "peersV4": [{"peerIP": "10.0.0.12", "type": "NodeMesh", "state": "Established"}],
            "peersV6": [{"peerIP": "FD00::2", "type": "NodePeer", "state": "Active"}],
        },
    }
    found = decoded("caliconodestatuses", META | {"spec": {"node": "w1"}, "status": status})
    peers = (("10.0.0.12", "NodeMesh", "Established"), ("fd00::2", "NodePeer", "Active"))
    assert found == NodeStatus("n", "w1", "2026-11-22T21:29:33Z", peers, "Ready")
    assert decoded("caliconodestatuses", META).peers == ()
    balancer = {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}, {"hostname": "x"}]}}
    assert decoded("services", META | {"status": balancer}).load_balancer_ips == ("192.0.2.9",)


def test_the_singletons_are_taken_from_their_lists() -> None:
    info = decoded("clusterinformations", {"metadata": {"name": "default"}, "spec": {"calicoVersion": "v3.30.1"}})
    other = decoded("clusterinformations", {"metadata": {"name": "x"}, "spec": {"calicoVersion": "v1"}})
    found = assemble({"clusterinformations": (other, info), "ipamconfigs": (IPAMConfig(True),)}, {"services": "no"}, V3)
    assert found == Cluster(
        information=ClusterInformation("v3.30.1"),
        ipam_config=IPAMConfig(True),
        unlisted={"services": "no"},
        api_group=V3,
    )
    assert assemble({}, {}, V3) == Cluster(api_group=V3)


MALFORMED = {
    "a number for a text": ({"metadata": {"name": 5}}, r"item 1: .*\$\.metadata\.name"),
    "no name": ({"metadata": {}, "spec": {}}, r"\?: .*missing required field `name`"),
    "a text for a list": (
        {"metadata": {"name": "bad", "namespace": "ns"}, "status": {"podIPs": "x"}},
        r"ns/bad: .*podIPs",
    ),
    "a list for a text": ({"metadata": {"name": "bad"}, "spec": {"nodeName": []}}, r"bad: .*\$\.spec\.nodeName"),
    "no object": (5, "item 1: Expected `object`"),
}


@pytest.mark.parametrize(("obj", "said"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_object_is_named_with_its_field_and_hides_nothing(obj: object, said: str) -> None:
    page = msgspec.json.encode({"items": [{"metadata": {"name": "good"}}, obj]})
    with pytest.raises(UnobservableError, match=f"the list of pods cannot be read: {said}"):
        decode_page(page, BY_PLURAL["pods"].item, "pods")


def test_a_hostile_name_is_data_and_cannot_disturb_a_message() -> None:
    name = "$(reboot)\n\x1b[31m"
    assert decoded("nodes", {"metadata": {"name": name}}).name == name
    page = msgspec.json.encode({"items": [{"metadata": {"name": name}, "spec": 5}]})
    with pytest.raises(UnobservableError) as caught:
        decode_page(page, BY_PLURAL["nodes"].item, "nodes")
    assert "\x1b" not in caught.value.reason
    assert "\n" not in caught.value.reason

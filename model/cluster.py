"""What the Kubernetes API holds: only the fields that an expectation, a selection or a message reads.

The two API groups of Calico (`crd.projectcalico.org/v1`, `projectcalico.org/v3`) are made alike when they are decoded.
Prefixes are canonical; an absent field is None where absent means something else than empty.
"""

from __future__ import annotations

import msgspec

VIRTUAL = "virtual-kubelet"  # the label `type` of its nodes


class Pod(msgspec.Struct, frozen=True):
    """One pod. `ips` follow libcalico's precedence: status.podIPs, status.podIP, the annotations
    (conversion.go:209-243)."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    node: str
    host_network: bool
    phase: str
    ips: tuple[str, ...]
    created: str = ""
    deleting: bool = False
    workload: str = ""  # the controller's stable name: a Deployment's, not its ReplicaSet's; the pod's own without one
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}  # those that Calico, Multus and KubeVirt read; no others are kept
    images: tuple[str, ...] = ()  # of calico-node's pods only
    backend: str | None = None  # their CALICO_NETWORKING_BACKEND, where the pod's specification says it itself
    ready: bool = False

    @property
    def key(self) -> str:
        """`namespace/name`, unique among the pods that exist at one moment."""
        return f"{self.namespace}/{self.name}"


class Node(msgspec.Struct, frozen=True):
    """One node with Calico's annotations (`projectcalico.org/…`, which the Kubernetes datastore uses for
    Node.spec.bgp)."""

    name: str
    uid: str
    resource_version: str
    internal_ips: tuple[str, ...] = ()
    external_ips: tuple[str, ...] = ()
    pod_cidrs: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    taints: tuple[str, ...] = ()
    ready: bool | None = None  # None: Unknown, the kubelet stopped posting
    unschedulable: bool = False
    os: str = "linux"
    created: str = ""
    bgp_ipv4: str | None = None  # address/length
    bgp_ipv6: str | None = None
    as_number: str | None = None
    route_reflector_id: str | None = None
    ipip_tunnel: str | None = None
    vxlan_tunnel: str | None = None
    vxlan_tunnel_v6: str | None = None
    vxlan_mac: str | None = None
    vxlan_mac_v6: str | None = None
    wireguard_ipv4: str | None = None
    wireguard_ipv6: str | None = None
    wireguard_key: str | None = None
    wireguard_key_v6: str | None = None

    @property
    def unobservable(self) -> str:
        """Why there is no Linux state to observe on it; "" where there is."""
        if self.os != "linux":
            return f"it runs {self.os}: there is no Linux state to observe"
        if self.labels.get("type") == VIRTUAL:
            return "it is a virtual node: there is no kernel to observe"
        return ""


class IPPool(msgspec.Struct, frozen=True):
    """crd ippools. Modes are `Never`, `Always`, `CrossSubnet`; block_size is never 0 (26 and 122 by default)."""

    name: str
    cidr: str
    block_size: int
    ipip_mode: str = "Never"
    vxlan_mode: str = "Never"
    disabled: bool = False
    disable_bgp_export: bool = False
    nat_outgoing: bool = False
    node_selector: str = "all()"
    allowed_uses: tuple[str, ...] = ("Workload", "Tunnel")
    assignment_mode: str = "Automatic"
    created: str = ""
    deleting: bool = False
    labels: dict[str, str] = {}


class AllocationAttribute(msgspec.Struct, frozen=True):
    """IPAMBlock.spec.attributes[k]: several ordinals can share one."""

    handle: str | None = None
    secondary: dict[str, str] = {}
    released_at: str | None = None  # cooldown: not in use, not a leak


class IPAMBlock(msgspec.Struct, frozen=True):
    """crd ipamblocks. `allocations[i]` is None (free) or an index into `attributes`."""

    name: str
    cidr: str
    resource_version: str
    affinity: str | None
    allocations: tuple[int | None, ...]
    attributes: tuple[AllocationAttribute, ...]
    unallocated: tuple[int, ...] = ()
    deleted: bool = False
    created: str = ""


class BlockAffinity(msgspec.Struct, frozen=True):
    """crd blockaffinities. `state` "" counts as confirmed; `type` is host or virtual."""

    name: str
    node: str
    cidr: str
    state: str
    resource_version: str = ""
    type: str = "host"
    deleted: bool = False
    created: str = ""


class IPAMHandle(msgspec.Struct, frozen=True):
    """crd ipamhandles: how many addresses of which block a handle holds."""

    handle: str
    blocks: dict[str, int]
    deleted: bool = False


class IPAMConfig(msgspec.Struct, frozen=True):
    """crd ipamconfigs (v3: ipamconfigurations), the object `default`."""

    strict_affinity: bool = False
    auto_allocate_blocks: bool = True
    max_blocks_per_host: int = 0
    cooldown_seconds: int = 0


class ClusterInformation(msgspec.Struct, frozen=True):
    """crd clusterinformations, the object `default`."""

    calico_version: str = ""
    cluster_type: str = ""


class Settings(msgspec.Struct, frozen=True):
    """A FelixConfiguration, BGPConfiguration, BGPPeer, BGPFilter, …: its name and its spec, with the secrets' names
    only.

    Their fields are many, and each matters to one expectation: read them by `get`, so that the field's own name stands
    where it is used.
    """

    name: str
    spec: dict[str, object]

    def get(self, field: str) -> object | None:
        """The field's value, None where it is not set."""
        return self.spec.get(field)


class Service(msgspec.Struct, frozen=True):
    """What service advertisement reads of a Service."""

    namespace: str
    name: str
    type: str = "ClusterIP"
    cluster_ips: tuple[str, ...] = ()
    external_ips: tuple[str, ...] = ()
    load_balancer_ips: tuple[str, ...] = ()
    external_traffic_policy: str = "Cluster"


class NodeStatus(msgspec.Struct, frozen=True):
    """crd caliconodestatuses: BIRD's sessions without any exec, where somebody asked for them."""

    name: str
    node: str
    last_updated: str = ""
    peers: tuple[tuple[str, str, str], ...] = ()  # address, type (NodeMesh, NodePeer, GlobalPeer), state
    agent_v4: str | None = None
    agent_v6: str | None = None


class Cluster(msgspec.Struct, frozen=True):
    """Everything that was listed. `unlisted` maps a resource to why it is missing: never read an empty tuple as none
    without looking there."""

    pods: tuple[Pod, ...] = ()
    nodes: tuple[Node, ...] = ()
    pools: tuple[IPPool, ...] = ()
    blocks: tuple[IPAMBlock, ...] = ()
    affinities: tuple[BlockAffinity, ...] = ()
    handles: tuple[IPAMHandle, ...] = ()
    ipam_config: IPAMConfig = IPAMConfig()
    information: ClusterInformation | None = None
    felix: tuple[Settings, ...] = ()
    bgp: tuple[Settings, ...] = ()
    peers: tuple[Settings, ...] = ()
    filters: tuple[Settings, ...] = ()
    services: tuple[Service, ...] = ()
    node_statuses: tuple[NodeStatus, ...] = ()
    api_group: str = "crd.projectcalico.org/v1"
    unlisted: dict[str, str] = {}


class Look(msgspec.Struct, frozen=True):
    """The API before and after the nodes were read: the fence. `after` holds the lists that can change while one looks.

    `None` lists of `after` were not taken a second time (a recording may hold the pods alone).
    """

    before: Cluster
    pods_after: tuple[Pod, ...]
    blocks_after: tuple[IPAMBlock, ...] | None = None
    affinities_after: tuple[BlockAffinity, ...] | None = None
    nodes_after: tuple[Node, ...] | None = None
    pools_after: tuple[IPPool, ...] | None = None
    felix_after: tuple[Settings, ...] | None = None
    bgp_after: tuple[Settings, ...] | None = None
    peers_after: tuple[Settings, ...] | None = None

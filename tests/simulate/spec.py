"""What a simulated cluster is to be: the administrator's wishes and the accidents of its life, as frozen values.

Everything else (addresses, blocks, routes, devices) follows from it by simulation. The same spec gives the same
snapshot.
"""

from __future__ import annotations

import enum

import msgspec

V1, V3 = "crd.projectcalico.org/v1", "projectcalico.org/v3"


class PodState(enum.StrEnum):
    """Where in its life the pod is when the cluster is looked at."""

    RUNNING = "running"
    CRASHING = "crashing"  # its container starts again and again: the sandbox stays
    INITIALISING = "initialising"  # phase Pending, with an address: an init container or an image is waited for
    COMPLETED = "completed"
    FAILED = "failed"
    TERMINATING = "terminating"  # deletionTimestamp, the CNI plugin's DEL has not run
    TERMINATED = "terminated"  # deletionTimestamp, DEL has run: the annotation podIP is ""
    PENDING = "pending"  # scheduled, the CNI plugin's ADD has not run
    UNSCHEDULED = "unscheduled"
    HOST_NETWORK = "host-network"


class NodeSpec(msgspec.Struct, frozen=True):
    """One node. `v4` and `v6` are its addresses with the length of their subnets, on its only uplink."""

    name: str
    v4: str | None = None
    v6: str | None = None
    told_v6: bool = True  # calico-node looked for the IPv6 address (IP6=autodetect)
    as_number: int | None = None
    cluster_id: str | None = None  # of a route reflector
    labels: dict[str, str] = {}
    release: str | None = None  # where it differs from the cluster's, during an upgrade
    os: str = "linux"
    virtual: bool = False  # a virtual kubelet: no agents, no address of Calico's
    backend: str | None = None
    felix: dict[str, object] = {}  # FelixConfiguration node.<name>
    late: bool = False  # joined after the pods of the others were made
    uplink: str = "ens160"
    mtu: int = 1500
    wireguard: bool = True  # kernel module and key, where it is enabled
    ipip_module: bool = False  # loaded by somebody: tunl0 exists without any IPIP pool, down


class PoolSpec(msgspec.Struct, frozen=True):
    """One IPPool. `deleted`, `disabled_later`: what happened to it after its pods were made."""

    name: str
    cidr: str
    block_size: int
    ipip: str = "Never"
    vxlan: str = "Never"
    disabled_later: bool = False
    no_export: bool = False  # disableBGPExport
    uses: tuple[str, ...] = ("Workload", "Tunnel")
    automatic: bool = True  # assignmentMode
    deleted: bool = False
    later: bool = False  # made after the pods that are `old`


class PodSpec(msgspec.Struct, frozen=True):
    """One pod. `pools` are those it asks for by annotation, in order; none: IPAM chooses."""

    name: str
    node: str
    namespace: str = "default"
    state: PodState = PodState.RUNNING
    pools: tuple[str, ...] = ()
    families: tuple[int, ...] | None = None  # None: every family that has a pool
    hw_addr: str | None = None
    annotations: dict[str, str] = {}
    old: bool = False  # made before the pools that came `later`
    early: bool = False  # made within seconds of them, before Felix had started again: its MTU is the old one
    talks: bool = False  # has sent something: it knows its gateway


class ServiceSpec(msgspec.Struct, frozen=True):
    """One service. `endpoints` are its pods' nodes; `ipam_pool` the LoadBalancer pool that its address is from."""

    name: str
    cluster_ip: str
    external_ips: tuple[str, ...] = ()
    load_balancer_ips: tuple[str, ...] = ()
    local: bool = False  # externalTrafficPolicy
    endpoints: tuple[str, ...] = ()
    ipam_pool: str | None = None


class PeerSpec(msgspec.Struct, frozen=True):
    """One BGPPeer: its name and spec, in the API's own field names."""

    name: str
    spec: dict[str, object]


class RouterSpec(msgspec.Struct, frozen=True):
    """A router of the fabric that speaks BGP with the nodes whose BGPPeers name its address.

    All routers know each other's routes. `announces` are prefixes of its own; with `transit` it passes the nodes'
    routes on.
    """

    name: str
    address: str
    as_number: int
    announces: tuple[str, ...] = ()
    transit: bool = True


class ClusterSpec(msgspec.Struct, frozen=True):
    """A whole cluster. `felix` and `bgp` are the specs of the `default` objects, in the API's own field names."""

    name: str
    nodes: tuple[NodeSpec, ...]
    pools: tuple[PoolSpec, ...]
    pods: tuple[PodSpec, ...] = ()
    services: tuple[ServiceSpec, ...] = ()
    peers: tuple[PeerSpec, ...] = ()
    routers: tuple[RouterSpec, ...] = ()
    release: str = "v3.33"
    api_group: str = V1
    backend: str = "bird"
    felix: dict[str, object] = {}
    bgp: dict[str, object] = {}
    ipv6_support: bool = True  # FELIX_IPV6SUPPORT of calico-node's environment, which no API shows
    ipv6_forwarding: bool = False  # on by itself, whatever Felix thinks of IPv6
    strict_affinity: bool = False
    max_blocks: int = 0
    host_local: bool = False  # usePodCidr in the CNI configuration instead of calico-ipam
    pod_cidrs: dict[str, tuple[str, ...]] = {}
    released: tuple[tuple[str, str], ...] = ()  # (node, pool): an affinity that was released with addresses in use
    agents_listed: bool = True  # calico-node's pods are in the API
    statuses: bool = False  # CalicoNodeStatus objects exist
    netkit: bool = False  # device_type of the CNI configuration
    ip_forwarding_in_pods: bool = False
    rp_filter: int = 0  # the hosts' net.ipv4.conf.default.rp_filter
    vtep_routes: bool = False  # releases before the change of 2026: a link route to each remote VTEP

    def node(self, name: str) -> NodeSpec:
        """The node of that name. KeyError."""
        return {node.name: node for node in self.nodes}[name]

    def pool(self, name: str) -> PoolSpec:
        """The pool of that name. KeyError."""
        return {pool.name: pool for pool in self.pools}[name]

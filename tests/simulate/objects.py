"""The Kubernetes API's view of the simulated cluster, as `model.cluster`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from model import ip
from model.cluster import (
    Cluster,
    ClusterInformation,
    IPAMConfig,
    IPPool,
    Node,
    NodeStatus,
    Pod,
    Settings,
)
from tests.simulate import cni, services
from tests.simulate.felix_tunnels import windows_mac
from tests.simulate.releases import VERSIONS
from tests.simulate.spec import PodState

if TYPE_CHECKING:
    from tests.simulate.spec import NodeSpec, PodSpec, PoolSpec
    from tests.simulate.world import World

PHASES = {
    PodState.COMPLETED: "Succeeded",
    PodState.FAILED: "Failed",
    PodState.INITIALISING: "Pending",
    PodState.PENDING: "Pending",
    PodState.UNSCHEDULED: "Pending",
}
GONE = {PodState.COMPLETED, PodState.FAILED, PodState.TERMINATED}  # the CNI plugin's DEL has run
ANNOTATION = "cni.projectcalico.org/"


def cluster(world: World) -> Cluster:
    """Everything that is listed."""
    blocks, affinities, handles = world.ipam.objects()
    felix = [Settings("default", dict(world.spec.felix))]
    felix += [Settings(f"node.{node.name}", dict(node.felix)) for node in world.spec.nodes if node.felix]
    kind = "k8s,bgp,kdd" if world.spec.backend == "bird" else "k8s,kdd"
    return Cluster(
        pods=tuple(sorted((*world.pods, *_agents(world)), key=lambda entry: entry.key)),
        nodes=tuple(_node(world, node) for node in sorted(world.spec.nodes, key=lambda entry: entry.name)),
        pools=tuple(_pool(world, pool) for _, pool in sorted(world.pools.items())),
        blocks=blocks,
        affinities=affinities,
        handles=handles,
        ipam_config=IPAMConfig(strict_affinity=world.spec.strict_affinity, max_blocks_per_host=world.spec.max_blocks),
        information=ClusterInformation(VERSIONS[world.spec.release], kind),
        felix=tuple(felix),
        bgp=(Settings("default", dict(world.spec.bgp)),),
        peers=tuple(Settings(peer.name, dict(peer.spec)) for peer in world.spec.peers),
        services=services.objects(world),
        node_statuses=_statuses(world),
        api_group=world.spec.api_group,
    )


def pod(world: World, spec: PodSpec, ips: tuple[str, ...]) -> Pod:
    """The Pod as it is when it is looked at; `ips` are those it had or has."""
    state = spec.state
    annotations = dict(spec.annotations)
    for family, name in ((4, "ipv4pools"), (6, "ipv6pools")):
        named = [pool for pool in spec.pools if ip.family(world.spec.pool(pool).cidr) == family]
        if named:
            annotations[ANNOTATION + name] = json.dumps(named)
    if spec.hw_addr:
        annotations[ANNOTATION + "hwAddr"] = spec.hw_addr
    if ips and state != PodState.HOST_NETWORK:
        shown = [] if state in GONE else [ip.host_prefix(text) for text in ips]
        annotations[ANNOTATION + "containerID"] = cni.container_id(world, spec)
        annotations[ANNOTATION + "podIP"] = shown[0] if shown else ""
        annotations[ANNOTATION + "podIPs"] = ",".join(shown)
    return Pod(
        namespace=spec.namespace,
        name=spec.name,
        uid=world.uid("pod", spec.namespace, spec.name),
        resource_version=str(8000 + len(world.pods)),
        node="" if state == PodState.UNSCHEDULED else spec.node,
        host_network=state == PodState.HOST_NETWORK,
        phase=PHASES.get(state, "Running"),
        ips=ips,
        created=world.now,
        deleting=state in {PodState.TERMINATING, PodState.TERMINATED},
        workload=spec.name,
        annotations=annotations,
        ready=state in {PodState.RUNNING, PodState.HOST_NETWORK},
    )


def host_ips(node: NodeSpec) -> tuple[str, ...]:
    """A node's own addresses, which its host-network pods show."""
    return tuple(ip.bare(text) for text in (node.v4, node.v6 if node.told_v6 else None) if text)


def wireguard_key(world: World, node: NodeSpec, family: int) -> str:
    """A public key: 43 characters of base64 and `=`."""
    return world.identity("key", node.name, str(family))[:43] + "="


def _agents(world: World) -> list[Pod]:
    """calico-node's pods: their images tell each node's release."""
    if not world.spec.agents_listed:
        return []
    return [
        Pod(
            namespace="kube-system",
            name=f"calico-node-{world.identity('agent', node.spec.name, length=5)}",
            uid=world.uid("agent", node.spec.name),
            resource_version="900",
            node=node.spec.name,
            host_network=True,
            phase="Running",
            ips=host_ips(node.spec),
            created="2026-11-22T08:00:00Z",
            workload="calico-node",
            labels={"k8s-app": "calico-node"},
            images=(f"docker.io/calico/node:{VERSIONS[world.release(node.spec)]}",),
            backend=world.backend(node.spec),
            ready=True,
        )
        for node in world.nodes.values()
        if node.spec.os == "linux"
    ]


def _node(world: World, spec: NodeSpec) -> Node:
    run = world.nodes.get(spec.name)
    tunnels = run.tunnels if run else {}
    keys = {
        family: wireguard_key(world, spec, family)
        for family, kind in ((4, "wireguard"), (6, "wireguard6"))
        if run and kind in world.encapsulations(spec)
    }
    detected = run is not None and world.backend(spec) != "none"
    labels = {"kubernetes.io/hostname": spec.name, "kubernetes.io/os": spec.os, **spec.labels}
    return Node(
        name=spec.name,
        uid=world.uid("node", spec.name),
        resource_version="7000",
        internal_ips=host_ips(spec),
        pod_cidrs=world.spec.pod_cidrs.get(spec.name, ()),
        labels={**labels, "type": "virtual-kubelet"} if spec.virtual else labels,
        ready=True,
        os=spec.os,
        created="2026-11-22T08:00:00Z",
        bgp_ipv4=spec.v4 if detected else None,
        bgp_ipv6=spec.v6 if detected and spec.told_v6 else None,
        as_number=str(spec.as_number) if spec.as_number else None,
        route_reflector_id=spec.cluster_id,
        ipip_tunnel=tunnels.get("ipip"),
        vxlan_tunnel=tunnels.get("vxlan"),
        vxlan_tunnel_v6=tunnels.get("vxlan6"),
        vxlan_mac=windows_mac(world, spec),
        wireguard_ipv4=tunnels.get("wireguard"),
        wireguard_ipv6=tunnels.get("wireguard6"),
        wireguard_key=keys.get(4),
        wireguard_key_v6=keys.get(6),
    )


def _pool(world: World, spec: PoolSpec) -> IPPool:
    return IPPool(
        name=spec.name,
        cidr=ip.canonical(spec.cidr),
        block_size=spec.block_size,
        ipip_mode=spec.ipip,
        vxlan_mode=spec.vxlan,
        disabled=spec.name in world.disabled,
        disable_bgp_export=spec.no_export,
        nat_outgoing=True,
        allowed_uses=spec.uses,
        assignment_mode="Automatic" if spec.automatic else "Manual",
        created=world.created[spec.name],
    )


def _statuses(world: World) -> tuple[NodeStatus, ...]:
    """CalicoNodeStatus: the sessions as calico-node sees them."""
    if not world.spec.statuses:
        return ()
    kinds = {"Mesh": "NodeMesh", "Node": "NodePeer", "Global": "GlobalPeer"}
    return tuple(
        NodeStatus(
            name=f"status-{run.spec.name}",
            node=run.spec.name,
            last_updated=world.now,
            peers=tuple(
                (entry.neighbor or "", kinds[entry.name.split("_")[0]], "Established")
                for bird in run.birds
                for entry in bird.protocols
                if entry.proto == "BGP"
            ),
            agent_v4="Ready" if world.backend(run.spec) == "bird" else "NotReady",
            agent_v6="Ready" if world.backend(run.spec) == "bird" else "NotReady",
        )
        for run in world.nodes.values()
        if run.spec.os == "linux"
    )

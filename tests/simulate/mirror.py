"""The spec of a cluster that was recorded: the same nodes, pools, pods and settings, to be simulated and compared."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from model import ip
from tests.simulate.spec import ClusterSpec, NodeSpec, PeerSpec, PodSpec, PodState, PoolSpec, ServiceSpec

if TYPE_CHECKING:
    from model.cluster import Cluster, Node, Pod
    from model.snapshot import Snapshot

RESTART = 3  # seconds until Felix runs again after a pool with another encapsulation came
PHASES = {"Succeeded": PodState.COMPLETED, "Failed": PodState.FAILED, "Pending": PodState.INITIALISING}


def mirror(recording: Snapshot) -> ClusterSpec:
    """What has to be simulated to get that recording; of a deleted pool as much as its blocks still tell."""
    cluster = recording.looks[0].before
    tunnelled = min((pool.created for pool in cluster.pools if pool.vxlan_mode != "Never"), default="")
    pools = (*_pools(cluster), *_deleted(cluster))
    facts = next(iter(recording.node_facts.values()))
    version = cluster.information.calico_version if cluster.information else ""
    return ClusterSpec(
        name=recording.header.cluster,
        release=".".join(version.split(".")[:2]),
        api_group=cluster.api_group,
        nodes=tuple(_node(node) for node in cluster.nodes),
        pools=pools,
        pods=tuple(_pod(pod, pools, tunnelled) for pod in sorted(cluster.pods, key=lambda pod: _age(cluster, pod))),
        services=tuple(
            ServiceSpec(
                name=f"{service.namespace}-{service.name}",
                cluster_ip=service.cluster_ips[0],
                external_ips=service.external_ips,
                load_balancer_ips=service.load_balancer_ips,
                local=service.external_traffic_policy == "Local",
            )
            for service in cluster.services
            if service.cluster_ips and service.name != "kubernetes"
        ),
        felix={key: value for entry in cluster.felix if entry.name == "default" for key, value in entry.spec.items()},
        bgp={key: value for entry in cluster.bgp if entry.name == "default" for key, value in entry.spec.items()},
        peers=tuple(PeerSpec(peer.name, peer.spec) for peer in cluster.peers),
        ipv6_support=any(ip.family(pool.cidr) == 6 for pool in pools),
        ipv6_forwarding=facts.host.sysctls["net.ipv6.conf.all.forwarding"] == "1",
        agents_listed=False,
    )


def _node(node: Node) -> NodeSpec:
    """The nodes had an IPv6 address before Calico was told to look for it."""
    last = ip.bare(node.bgp_ipv4 or "").rpartition(".")[2]
    return NodeSpec(
        node.name,
        node.bgp_ipv4,
        node.bgp_ipv6 or f"fd00:10::{int(last):x}/64",
        told_v6=node.bgp_ipv6 is not None,
        cluster_id=node.route_reflector_id,
        labels=node.labels,
    )


def _pools(cluster: Cluster) -> list[PoolSpec]:
    return [
        PoolSpec(
            pool.name,
            pool.cidr,
            pool.block_size,
            pool.ipip_mode,
            pool.vxlan_mode,
            disabled_later=pool.disabled,
            automatic=pool.assignment_mode == "Automatic",
            later=pool.vxlan_mode != "Never",
        )
        for pool in cluster.pools
    ]


def _deleted(cluster: Cluster) -> list[PoolSpec]:
    """One pool for each run of blocks that no pool holds any more."""
    known = [pool.cidr for pool in cluster.pools]
    orphans = [block.cidr for block in cluster.blocks if not any(ip.contains(cidr, block.cidr) for cidr in known)]
    if not orphans:
        return []
    first, last = ip.network(min(orphans)), ip.span(max(orphans, key=lambda cidr: ip.span(cidr)[2]))[2]
    whole = first
    while int(whole.broadcast_address) < last:
        whole = whole.supernet()
    return [PoolSpec("deleted", str(whole), first.prefixlen, automatic=False, deleted=True)]


def _age(cluster: Cluster, pod: Pod) -> tuple[str, str]:
    """When IPAM gave the pod its address: in that order blocks are claimed and addresses borrowed."""
    for block in cluster.blocks:
        for attribute in block.attributes:
            if (attribute.secondary.get("namespace"), attribute.secondary.get("pod")) == (pod.namespace, pod.name):
                return attribute.secondary["timestamp"].replace(" ", "T", 1), pod.name
    return pod.created, pod.name


def _pod(pod: Pod, pools: tuple[PoolSpec, ...], tunnelled: str) -> PodSpec:
    named = [pool.name for address in pod.ips for pool in pools if ip.contains(pool.cidr, address)]
    return PodSpec(
        name=pod.name,
        node=pod.node,
        namespace=pod.namespace,
        state=_state(pod),
        pools=tuple(named),
        families=tuple(ip.family(address) for address in pod.ips),
        old=bool(tunnelled) and pod.created < tunnelled,
        early=bool(tunnelled) and tunnelled <= pod.created <= _seconds_after(tunnelled, RESTART),
    )


def _seconds_after(time: str, seconds: int) -> str:
    return (datetime.fromisoformat(time) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _state(pod: Pod) -> PodState:
    if pod.host_network:
        return PodState.HOST_NETWORK
    if not pod.node:
        return PodState.UNSCHEDULED
    if pod.deleting:
        gone = pod.annotations.get("cni.projectcalico.org/podIP") == ""
        return PodState.TERMINATED if gone else PodState.TERMINATING
    return PHASES.get(pod.phase, PodState.RUNNING)

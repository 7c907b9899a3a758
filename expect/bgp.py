"""The BGP sessions that a node must have (calico-state §6): with the node-to-node mesh, one to every other node in
BGP; those of the BGPPeers; and those with its own pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from expect import selectors
from expect.bgp_peers import Peer, configured_peers, node_as, selected, session_name, speaker
from expect.cluster_routes import bgp_address
from expect.ownership import Owner
from expect.pods import Presence, state_of
from model import ip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from expect.world import World
    from model.cluster import Node, Pod, Settings

FAMILIES = (4, 6)
_SERVICES = ("serviceClusterIPs", "serviceExternalIPs", "serviceLoadBalancerIPs")
_VIRTUAL = "virtual-kubelet"  # the label `type` of its nodes
_UNLISTED_LABELS = ("pcns.", "pcsa.", "serviceaccount")  # of pods: the namespace's and the service account's


def mesh_enabled(world: World) -> bool:
    """BGPConfiguration default nodeToNodeMeshEnabled, true if unset."""
    return world.bgp("nodeToNodeMeshEnabled") is not False


def mesh_peers(world: World, me: str, family: int, nodes: Mapping[str, Node] | None = None) -> Iterator[Peer]:
    """The mesh peers of a node: all nodes with a BGP address that are no route reflectors
    (bgp_processor.go:296-300)."""
    nodes = world.nodes if nodes is None else nodes
    mine = nodes[me]
    if not mesh_enabled(world) or bgp_address(mine, family) is None or mine.route_reflector_id:
        return
    for node in nodes.values():
        address = bgp_address(node, family)
        if node.name != me and address and not node.route_reflector_id:
            because = f"the node-to-node mesh is on; node {node.name} has BGP address {address}"
            bare = ip.bare(address)
            yield Peer(bare, node.name, because, session_name("Mesh", bare, None), as_number=node_as(world, node))


def expected_sessions(world: World, me: str, family: int) -> tuple[Peer, ...]:
    """Every session of one family that a node must have, by the addresses of their peers.

    What a node that changes while one looks gives before or after alone is optional. So are sessions to nodes that
    confd configures although nobody may speak there: Windows and virtual nodes, and those of another backend.
    """
    before = _sessions(world, world.nodes, me, family)
    after = world.look.nodes_after
    if after is None or after == world.cluster.nodes:
        later = before
    else:
        now = {node.name: node for node in after}
        later = _sessions(world, now, me, family) if me in now else {}
    found = {}
    for key in before | later:
        peer = before.get(key) or later[key]
        reason = _optional(world, peer) if key in before and key in later else "the nodes changed while one looked"
        found[key] = msgspec.structs.replace(peer, optional=reason) if reason else peer
    return tuple(found.values())


def _sessions(world: World, nodes: Mapping[str, Node], me: str, family: int) -> dict[tuple[str, int | None], Peer]:
    """By address and port. A peer of the mesh that a BGPPeer names too has a session of each; one is enough."""
    found = {(peer.address, peer.port): peer for peer in configured_peers(world, nodes, me, family)}
    known = {address for address, _ in found}
    for peer in mesh_peers(world, me, family, nodes):
        if peer.address not in known:
            found[peer.address, None] = peer
    for peer in _local_peers(world, nodes[me], family):
        found.setdefault((peer.address, peer.port), peer)
    return found


def _optional(world: World, peer: Peer) -> str:
    node = world.nodes.get(peer.node)
    if peer.optional or node is None:
        return peer.optional
    if node.name in world.flux.nodes:
        return f"node {node.name} changed while it was looked at"
    if node.os != "linux":
        return f"node {node.name} runs {node.os}"
    if node.labels.get("type") == _VIRTUAL:
        return f"node {node.name} is virtual"
    if not world.bird_runs(node.name):
        return f"the networking backend of node {node.name} runs no BIRD"
    return ""


def _local_peers(world: World, node: Node, family: int) -> Iterator[Peer]:
    """Sessions with pods of the node itself (BGPPeer localWorkloadSelector, v3.30 and later): each with the pod's first
    address of the family."""
    if speaker(node, family) is None or not world.release(node.name).at_least(30):
        return
    for peer in world.cluster.peers:
        selector = str(peer.get("localWorkloadSelector") or "")
        if selector and selected(peer, node):
            for pod in world.pods_by_node.get(node.name, ()):
                address = next((text for text in pod.ips if ip.family(text) == family), None)
                if address and _is_local_peer(selector, pod):
                    yield _local_peer(world, peer, selector, pod, address)


def _local_peer(world: World, peer: Settings, selector: str, pod: Pod, address: str) -> Peer:
    optional = ""
    if any(word in selector for word in _UNLISTED_LABELS):
        optional = f"the selector {selector} asks for labels that are not listed"
    elif state_of(pod).presence is Presence.LEAVING or pod.key in world.flux.pods or not pod.ready:
        optional = f"pod {pod.key} is coming or going"
    because = f"BGPPeer {peer.name}: its localWorkloadSelector {selector} selects pod {pod.key}"
    name = session_name("Local_Workload", address, None)
    return Peer(address, "", because, name, optional=optional, local=True)


def _is_local_peer(selector: str, pod: Pod) -> bool:
    if state_of(pod).presence is Presence.NOTHING:
        return False
    own = {"projectcalico.org/namespace": pod.namespace, "projectcalico.org/orchestrator": "k8s"}
    if any(word in selector for word in _UNLISTED_LABELS):
        return selectors.fault(selector) is None
    try:
        return selectors.matches(selector, {**pod.labels, **own})
    except selectors.SelectorError:
        return False


def bird_needed(world: World, node: str, family: int | None = None) -> str | None:
    """Why a node must run BIRD: a pool whose cluster routes BIRD programs there; None where none is."""
    for pool in world.cluster.pools:
        if family is not None and ip.family(pool.cidr) != family:
            continue
        ownership = world.owner(pool, node)
        if Owner.BIRD in ownership.owners:
            return f"IPPool {pool.name}: {ownership.because}"
    return None


def bird_announces(world: World, node: str, family: int, peers: Iterable[Peer]) -> str | None:
    """What BIRD tells others even where it programs no pool: routers and pods that it peers with, and services."""
    if not world.bird_runs(node):
        return None
    outside = next((peer for peer in peers if not peer.node), None)
    if outside:
        return f"{outside.because}: BIRD announces to {outside.address}"
    field = next((field for field in _SERVICES if family in _families(world.bgp(field))), None)
    return f"BGPConfiguration {field}: BIRD announces services" if field else None


def _families(ranges: object | None) -> set[int]:
    """The families of a list of service ranges."""
    entries = ranges if isinstance(ranges, list) else []
    return {ip.family(str(entry.get("cidr"))) for entry in entries if isinstance(entry, dict) and entry.get("cidr")}

"""Who speaks BGP with whom: the mesh, the BGPPeers, and what confd calls each session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model import ip
from tests.simulate.selectors import matches

if TYPE_CHECKING:
    from tests.simulate.spec import NodeSpec, PeerSpec
    from tests.simulate.world import NodeRun, World

DEFAULT_AS = 64512


@dataclass(frozen=True)
class Session:
    """One side of one session, on a node. `peer` is the other side: a node's name or a router's."""

    name: str
    peer: str
    neighbor: str
    neighbor_as: int
    client: bool = False  # the other side is this reflector's client
    keep_next_hop: bool = False


def as_number(world: World, node: NodeSpec) -> int:
    """The node's own AS, or the cluster's."""
    return node.as_number or int(str(world.spec.bgp.get("asNumber", DEFAULT_AS)))


def sessions(world: World, node: NodeRun, family: int) -> tuple[Session, ...]:
    """All sessions that confd renders for a node and a family, one a neighbour."""
    if node.address(family) is None or world.backend(node.spec) != "bird":
        return ()
    found: dict[str, Session] = {}
    for session in (*_mesh(world, node, family), *_configured(world, node, family)):
        found.setdefault(session.neighbor, session)
    return tuple(found.values())


def _mesh(world: World, node: NodeRun, family: int) -> list[Session]:
    if world.spec.bgp.get("nodeToNodeMeshEnabled") is False or node.spec.cluster_id:
        return []
    return [
        _to_node(world, node, peer, family, "Mesh")
        for peer in world.nodes.values()
        if peer is not node and not peer.spec.cluster_id and peer.address(family)
    ]


def _configured(world: World, node: NodeRun, family: int) -> list[Session]:
    found = []
    for peer in world.spec.peers:
        spec = peer.spec
        if _selects(peer, node):
            word = "Node" if "node" in spec or "nodeSelector" in spec else "Global"
            found += _by_address(world, node, peer, family, word)
            found += [_to_node(world, node, other, family, word) for other in _named(world, peer, node, family)]
        if "peerSelector" in spec and matches(str(spec["peerSelector"]), node.spec.labels):
            others = [other for other in world.nodes.values() if _selects(peer, other) and other is not node]
            found += [_to_node(world, node, other, family, "Node") for other in others if other.address(family)]
    return found


def _selects(peer: PeerSpec, node: NodeRun) -> bool:
    """Whether the BGPPeer is for that node."""
    if "node" in peer.spec:
        return peer.spec["node"] == node.spec.name
    return matches(str(peer.spec.get("nodeSelector", "all()")), node.spec.labels)


def _named(world: World, peer: PeerSpec, node: NodeRun, family: int) -> list[NodeRun]:
    if "peerSelector" not in peer.spec:
        return []
    selector = str(peer.spec["peerSelector"])
    return [
        other
        for other in world.nodes.values()
        if other is not node and other.address(family) and matches(selector, other.spec.labels)
    ]


def _by_address(world: World, node: NodeRun, peer: PeerSpec, family: int, word: str) -> list[Session]:
    address = str(peer.spec.get("peerIP", ""))
    if not address or ip.family(address) != family or address == node.address(family):
        return []
    router = next((router for router in world.spec.routers if router.address == address), None)
    keep = peer.spec.get("nextHopMode") == "Keep"
    if router is not None:
        return [Session(_name(word, address), router.name, address, router.as_number, keep_next_hop=keep)]
    other = next((other for other in world.nodes.values() if other.address(family) == address), None)
    return [] if other is None else [_to_node(world, node, other, family, word)]


def _to_node(world: World, node: NodeRun, peer: NodeRun, family: int, word: str) -> Session:
    address = peer.address(family) or ""
    number = as_number(world, peer.spec)
    own, other = node.spec.cluster_id, peer.spec.cluster_id
    client = bool(own) and own != other and number == as_number(world, node.spec)
    return Session(_name(word, address), peer.spec.name, address, number, client)


def _name(word: str, address: str) -> str:
    return f"{word}_{address.replace('.', '_').replace(':', '_')}"

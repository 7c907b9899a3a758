"""Which BGP sessions confd would give a node: the mesh, and what the BGPPeers ask for (bgp_processor.go). Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .topology import LabNode, LabPeer, Topology

DEFAULT_AS = 64512
_EQUAL = re.compile(r"(?P<label>[\w./-]+) == '(?P<value>[^']*)'")
_HAS = re.compile(r"has\((?P<label>[\w./-]+)\)")


class Session(msgspec.Struct, frozen=True):
    """One session from one side. With `cluster_id` the node reflects routes to the peer."""

    name: str
    local: str
    local_as: int
    remote: str
    remote_as: int
    passive: bool = False
    cluster_id: str = ""


def as_number(topology: Topology, node: LabNode) -> int:
    """Node.spec.bgp.asNumber, or BGPConfiguration.asNumber, or 64512."""
    return node.as_number or int(str(topology.bgp.get("asNumber", DEFAULT_AS)))


def session_name(kind: str, address: str) -> str:
    """`Mesh_10_0_0_12` (bgp_processor.go:386-392)."""
    return f"{kind}_" + address.replace(".", "_").replace(":", "_")


def peer_name(address: str) -> str:
    """The name of a session of the mesh."""
    return session_name("Mesh", address)


def selects(selector: str, node: LabNode) -> bool:
    """Whether a selector names the node: `all()`, `has(label)`, `label == 'value'`, or one of these behind a `!`.

    ValueError for any other selector, which the lab does not read.
    """
    if selector.startswith("!"):
        return not selects(selector[1:], node)
    if selector == "all()":
        return True
    if found := _HAS.fullmatch(selector):
        return found["label"] in node.labels
    if found := _EQUAL.fullmatch(selector):
        return node.labels.get(found["label"]) == found["value"]
    raise ValueError(f"the lab does not read the selector {selector!r}")


def sessions_of(topology: Topology, node: LabNode, family: int) -> list[Session]:
    """The node's sessions of a family; to one address there is one."""
    found: dict[str, Session] = {}
    for session in (*_mesh(topology, node, family), *_peers(topology, node, family)):
        found.setdefault(session.remote, session)
    return list(found.values())


def _mesh(topology: Topology, node: LabNode, family: int) -> Iterator[Session]:
    """To all nodes that reflect no routes; the side whose peer's address is the larger string waits
    (bgp_processor.go:296-300, 406-409)."""
    mine = node.uplink(family)
    if mine is None or node.reflector or topology.bgp.get("nodeToNodeMeshEnabled", True) is False:
        return
    for other in topology.nodes:
        theirs = other.uplink(family)
        if theirs and other.name != node.name and not other.reflector:
            yield _session(topology, node, other, family, "Mesh", passive=theirs.address > mine.address)


def _peers(topology: Topology, node: LabNode, family: int) -> Iterator[Session]:
    for peer in topology.peers:
        if peer.peer_selector is None:
            yield from _external(topology, node, peer, family)
            continue
        for other in topology.nodes:
            if other.name == node.name or not other.uplink(family) or not node.uplink(family):
                continue
            if selects(peer.node_selector, node) and selects(peer.peer_selector, other):
                yield _session(topology, node, other, family, "Node", passive=bool(node.reflector))
            elif selects(peer.node_selector, other) and selects(peer.peer_selector, node):  # the way back
                yield _session(topology, node, other, family, "Node", passive=True)


def _external(topology: Topology, node: LabNode, peer: LabPeer, family: int) -> Iterator[Session]:
    mine = node.uplink(family)
    address, number = peer.peer_ip, peer.as_number
    if mine is None or address is None or number is None or (":" in address) != (family == 6):
        return
    if selects(peer.node_selector, node):
        kind = "Global" if peer.node_selector == "all()" else "Node"
        yield Session(session_name(kind, address), mine.address, as_number(topology, node), address, number)


def _session(topology: Topology, node: LabNode, other: LabNode, family: int, kind: str, *, passive: bool) -> Session:
    mine, theirs = node.uplink(family), other.uplink(family)
    if mine is None or theirs is None:
        raise ValueError(f"{node.name} or {other.name} has no IPv{family} address")
    return Session(
        name=session_name(kind, theirs.address),
        local=mine.address,
        local_as=as_number(topology, node),
        remote=theirs.address,
        remote_as=as_number(topology, other),
        passive=passive,
        cluster_id=node.reflector if node.reflector and not other.reflector else "",
    )

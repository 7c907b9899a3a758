"""BGPPeer objects as the sessions that confd makes of them (confd: client.go updatePeersV1, bgp_processor.go
buildPeerFromData).

A BGPPeer without `node` and `nodeSelector` is for every node (`Global_…`), others are for the nodes that they select
(`Node_…`). Between Calico nodes each peering is mutual: the node that `peerSelector` or `peerIP` names gets a session
back (`Node_…`), should it have none of its own. The first of several for one address and port wins, global ones before
all others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from expect import selectors
from expect.world import DEFAULT_AS
from model import ip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from expect.world import World
    from model.cluster import Node, Settings

_PORTED = re.compile(r"^(?:\[(?P<six>[^\[\]]*)\]|(?P<four>[^:\[\]]*)):(?P<port>\d{1,5})$")
_SELECTORS = ("nodeSelector", "peerSelector", "localWorkloadSelector")


class Peer(msgspec.Struct, frozen=True):
    """One session that a node must have: to which address, of which node ("": a router's or a pod's), and why.

    `port` is that of the session's name, None for the standard one. `optional` says why it may be missing or down.
    """

    address: str
    node: str
    because: str
    name: str = ""
    port: int | None = None
    as_number: int | None = None
    optional: str = ""
    local: bool = False  # a pod of the node itself (localWorkloadSelector)

    @property
    def object(self) -> str:
        """What a finding calls it: the address; with the port where a BGPPeer names a router's port."""
        if self.node or self.port is None:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def speaker(node: Node, family: int) -> str | None:
    """The address that BIRD on a node speaks from."""
    text = node.bgp_ipv4 if family == 4 else node.bgp_ipv6
    return ip.bare(text) if text else None


def session_name(word: str, address: str, port: int | None) -> str:
    """confd's name of a session: `Mesh_10_0_0_12`, `Node_fd00__1_port_1790`."""
    name = f"{word}_{address.replace('.', '_').replace(':', '_')}"
    return f"{name}_port_{port}" if port else name


def as_number(text: object | None) -> int | None:
    """An AS number as Calico writes it, `64512` or `1.10` (numorstring ASNumber); None for none."""
    high, dot, low = str(text or "").partition(".")
    if not high.isdigit() or (dot and not low.isdigit()):
        return None
    return (int(high) << 16) + int(low) if dot else int(high)


def node_as(world: World, node: Node) -> int | None:
    """A node's AS: its own, else BGPConfiguration's, else 64512."""
    return as_number(node.as_number or world.bgp("asNumber") or DEFAULT_AS)


def listen_port(world: World, node: str) -> int | None:
    """The port that BIRD on a node listens on, where a BGPConfiguration says it: its own, else `default`."""
    for name in (f"node.{node}", "default"):
        port = next((item.get("listenPort") for item in world.cluster.bgp if item.name == name), None)
        if isinstance(port, int) and port:
            return port
    return None


def split_port(text: str) -> tuple[str, int | None]:
    """`10.0.1.254:1790` and `[fd00::1]:1790` into address and port; a text without port is the address."""
    found = _PORTED.match(text)
    return (found["six"] or found["four"], int(found["port"])) if found else (text, None)


def configured_peers(world: World, nodes: Mapping[str, Node], me: str, family: int) -> tuple[Peer, ...]:
    """The sessions of one family that the BGPPeers give a node; `nodes` are the cluster's at the moment in question."""
    own = speaker(nodes[me], family)
    if own is None:
        return ()
    peers = sorted((peer for peer in world.cluster.peers if not peer.get("localWorkloadSelector")), key=_is_of_nodes)
    found: dict[tuple[str, int | None], Peer] = {}
    for side in (_forward, _backward):
        for item in peers:
            for peer in side(world, nodes, me, family, item):
                if peer.address != own:
                    found.setdefault((peer.address, peer.port), peer)
    return tuple(found.values())


def selected(peer: Settings, node: Node) -> str | None:
    """How a BGPPeer's own side selects a node, None if it does not."""
    selector, name = peer.get("nodeSelector"), peer.get("node")
    if selector:
        return f"its nodeSelector {selector} selects {node.name}" if _matches(selector, node) else None
    if name:
        return f"its node is {name}" if name == node.name else None
    return "it is for every node"


def faults(peer: Settings) -> Iterator[tuple[str, str]]:
    """Each field for which confd leaves a BGPPeer out, and why."""
    for field in _SELECTORS:
        reason = selectors.fault(str(peer.get(field) or ""))
        if reason:
            yield field, reason
    if peer.get("peerSelector") or peer.get("localWorkloadSelector"):
        return
    address, _ = split_port(str(peer.get("peerIP") or ""))
    if not ip.is_address(address):
        yield "peerIP", f"{address} is no address" if address else "neither peerIP nor peerSelector is set"
        return
    gateway = str(peer.get("reachableBy") or "")
    if gateway and not (ip.is_address(gateway) and ip.family(gateway) == ip.family(address)):
        yield "reachableBy", f"{gateway} is no address of the family of peerIP {address}"


def _is_of_nodes(peer: Settings) -> bool:
    return bool(peer.get("nodeSelector") or peer.get("node"))


def _matches(selector: object, node: Node) -> bool:
    """A selector that cannot be read selects no node (confd: node_labels.go)."""
    try:
        return selectors.matches(str(selector), node.labels)
    except selectors.SelectorError:
        return False


def _forward(world: World, nodes: Mapping[str, Node], me: str, family: int, peer: Settings) -> Iterator[Peer]:
    """The sessions of a BGPPeer whose own side is this node."""
    how = selected(peer, nodes[me])
    if how is None:
        return
    word = "Node" if _is_of_nodes(peer) else "Global"
    because = f"BGPPeer {peer.name}: {how}"
    selector = peer.get("peerSelector")
    if selector:
        for node in nodes.values():
            if _matches(selector, node):
                yield from _to_node(
                    world, node, family, word, f"{because}, its peerSelector {selector} selects {node.name}"
                )
    elif not any(faults(peer)):
        yield from _to_address(world, nodes, family, word, peer, because)


def _to_node(world: World, node: Node, family: int, word: str, because: str) -> Iterator[Peer]:
    address = speaker(node, family)
    if address:
        port = listen_port(world, node.name)
        number = node_as(world, node)
        yield Peer(address, node.name, because, session_name(word, address, port), port, number)


def _to_address(
    world: World, nodes: Mapping[str, Node], family: int, word: str, peer: Settings, because: str
) -> Iterator[Peer]:
    text, port = split_port(str(peer.get("peerIP")))
    if ip.family(text) != family:
        return
    address = str(ip.address(text))
    node = next((node for node in nodes.values() if speaker(node, family) == address), None)
    if node is not None and port is None and _is_meant(world, node, peer, None):
        port = listen_port(world, node.name)
    number = as_number(peer.get("asNumber"))
    because = f"{because}, its peerIP is {peer.get('peerIP')}"
    yield Peer(address, node.name if node else "", because, session_name(word, address, port), port, number)


def _is_meant(world: World, node: Node, peer: Settings, port: int | None) -> bool:
    """Whether peerIP and asNumber mean this node's BIRD, so that the peering is mutual (nodesWithIPPortAndAS)."""
    wanted = as_number(peer.get("asNumber") or world.bgp("asNumber") or DEFAULT_AS)
    listens = listen_port(world, node.name)
    return node_as(world, node) == wanted and (port is None or listens is None or listens == port)


def _backward(world: World, nodes: Mapping[str, Node], me: str, family: int, peer: Settings) -> Iterator[Peer]:
    """The sessions back of a BGPPeer that names this node."""
    mine, selector = nodes[me], peer.get("peerSelector")
    if selector:
        if not _matches(selector, mine):
            return
    else:
        text, port = split_port(str(peer.get("peerIP") or ""))
        named = ip.is_address(text) and str(ip.address(text)) == speaker(mine, family)
        if not named or not _is_meant(world, mine, peer, port):
            return
    for node in nodes.values():
        how = selected(peer, node) if node.name != me else None
        if how:
            because = f"BGPPeer {peer.name} names {me}: {how}, and peerings between nodes are mutual"
            yield from _to_node(world, node, family, "Node", because)

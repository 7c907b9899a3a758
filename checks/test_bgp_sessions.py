"""The BGP sessions of each node: all that must be there, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.bgp_view import View, view
from checks.declare import check
from expect.bgp import FAMILIES, bird_announces, bird_needed, expected_sessions, mesh_enabled
from expect.bgp_peers import Peer, speaker
from expect.cluster_routes import bgp_address
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from checks.bgp_view import Session
    from checks.cases import NodeCase


@check(faults=("F37", "F38"))
def test_bgp_sessions_are_established(node: NodeCase) -> Verdict:
    """The node has an established BGP session with every peer that the node-to-node mesh and the BGPPeers give it, and
    no other session of Calico's.

    The set comes from the nodes' BGP addresses, labels and route reflector IDs, from BGPConfiguration and the BGPPeers;
    a node's own readiness asks for one session only (health.go:181-234). Asked of BIRD, else of a fresh
    CalicoNodeStatus. A session with another node breaks traffic where BIRD programs a pool's routes, unless one with
    another route reflector stands in for it; one with a router does if the node has no other router left.
    """
    if not node.world.bird_runs(node.name):
        return Verdict(inapplicable=(Gap(node.name, "the networking backend of this node runs no BIRD"),))
    verdict = Verdict()
    for family in FAMILIES:
        verdict += _of_family(node, family)
    return verdict if verdict != Verdict() else Verdict(inapplicable=(Gap(node.name, _alone(node)),))


def _alone(node: NodeCase) -> str:
    if not any(bgp_address(node.node, family) for family in FAMILIES):
        return "it has no BGP address"
    return "it is the only node in BGP" if mesh_enabled(node.world) else "the node-to-node mesh is off"


def _of_family(node: NodeCase, family: int) -> Verdict:
    peers = expected_sessions(node.world, node.name, family)
    seen = view(node, family)
    if isinstance(seen, Verdict):
        return seen if peers else Verdict()
    return _Sessions(node, family, peers, seen).verdict()


class _Sessions:
    """The expected sessions of one family beside those that are there."""

    def __init__(self, node: NodeCase, family: int, peers: tuple[Peer, ...], seen: View) -> None:
        self.node = node
        self.family = family
        self.peers = peers
        self.seen = seen
        near: dict[str, list[Session]] = {}
        for one in seen.sessions:
            near.setdefault(one.neighbor, []).append(one)
        self.found = {peer: [one for one in near.get(peer.address, ()) if one.serves(peer)] for peer in peers}
        self.up = {peer for peer in peers if any(one.established for one in self.found[peer])}
        if bird_needed(node.world, node.name, family):
            self.severity = Severity.BROKEN
        else:
            announces = bird_announces(node.world, node.name, family, peers)
            self.severity = Severity.WRONG if announces else Severity.HOUSEKEEPING

    def verdict(self) -> Verdict:
        """What is missing or down, and what nobody asked for."""
        differences = [self._down(peer) for peer in self.peers if peer not in self.up and not peer.optional]
        wanted = {one for found in self.found.values() for one in found}
        others = [one for one in self.seen.sessions if one not in wanted]
        unlisted = self.node.world.cluster.unlisted.get("bgppeers")
        reason = f"sessions beyond the mesh cannot be judged: {unlisted}"
        gaps = (Gap(self.node.name, reason),) if unlisted else ()
        if not unlisted:
            differences += [self._other(one) for one in others if one.is_calicos or not one.established]
        return Verdict(max(len(self.peers), len(self.seen.sessions)), tuple(differences), gaps)

    def _down(self, peer: Peer) -> Difference:
        sessions = self.found[peer]
        whom = f"{peer.node} ({peer.address})" if peer.node else peer.address
        return Difference(
            kind=Kind.DIFFERENT if sessions else Kind.MISSING,
            object=peer.object,
            expected=f"an established session to {whom}, {peer.name}",
            because=peer.because,
            found="; ".join(_told(one, peer) for one in sessions) or "no session configured",
            look=self.seen.look,
            severity=self._weight(peer),
            likely=self._likely(peer, sessions),
            about=self._about(peer.node, sessions),
        )

    def _about(self, peer: str, sessions: list[Session]) -> tuple[str, ...]:
        """The other end, where it is a node, and what sets this session apart from others that are down."""
        other = self.node.world.nodes.get(peer)
        states = {
            "disabled": any(one.disabled for one in sessions),
            "alone": not any(one.established for one in self.seen.sessions),
            "unobserved": other is not None and other.name not in self.node.cluster.reachable,
            "notready": self._unready(peer),
            "reflected": other is not None and bool(other.route_reflector_id),
        }
        state = [name for name, holds in states.items() if holds]
        return about(node=peer or None, family=str(self.family), state=state)

    def _weight(self, peer: Peer) -> Severity:
        """How bad it is that this session is down. With a node that is not Ready it can hardly be up: BGP does then
        what it should."""
        if peer.local:
            return Severity.WRONG
        if self.severity is Severity.BROKEN and self._unready(peer.node):
            return Severity.WRONG
        if not peer.node:
            return Severity.WRONG if any(not other.node and not other.local for other in self.up) else Severity.BROKEN
        if self.severity is Severity.BROKEN and self._stands_in(peer):
            return Severity.WRONG
        return self.severity

    def _stands_in(self, peer: Peer) -> bool:
        """Whether another reflector carries the routes: for a client's session one to which it has a session, for a
        reflector's session with a client one with which that client must have a session."""
        mine = self.node.name
        if self._reflects(mine) == self._reflects(peer.node):
            return False
        if self._reflects(peer.node):
            return any(self._reflects(other.node) for other in self.up)
        theirs = expected_sessions(self.node.world, peer.node, self.family)
        return any(other.node != mine and self._reflects(other.node) for other in theirs)

    def _reflects(self, name: str) -> bool:
        node = self.node.world.nodes.get(name)
        return node is not None and bool(node.route_reflector_id)

    def _unready(self, peer: str) -> bool:
        """Whether a session has an end on a node that is not Ready."""
        other = self.node.world.nodes.get(peer)
        return other is not None and not (other.ready and self.node.node.ready)

    def _likely(self, peer: Peer, sessions: list[Session]) -> str:
        node = self.node
        if not sessions:
            return f"confd on {node.name} has not written its configuration anew: see the log of its calico-node pod"
        if all(one.disabled for one in sessions):
            return f"it was disabled by hand: birdcl enable {sessions[0].name} on {node.name}"
        if peer.local:
            return "the pod's own BGP speaker is down, or refuses this node"
        if not peer.node:
            return f"the router {peer.address} is down, does not know this node, or its AS or password is another"
        if peer.node not in node.cluster.reachable:
            return f"{peer.node} could not be observed either: it may be down"
        if self._unready(peer.node):
            return f"{peer.node} or {node.name} is not Ready: see kubectl describe node"
        words = f"BIRD on {peer.node} is down, TCP port {peer.port or 179} is blocked between the two, or the"
        own = speaker(node.node, self.family) or ""
        waits = f"; this side waits for {peer.node} to connect" if peer.name.startswith("Mesh") else ""
        return f"{words} addresses are wrong{waits if peer.address > own else ''}"  # as texts, as confd compares them

    def _other(self, session: Session) -> Difference:
        expected = "every session that BIRD is configured with is established"
        likely = "a BGPPeer that is gone, or a peer that is no longer there"
        if session.is_calicos:
            expected = "no session that neither the node-to-node mesh nor a BGPPeer asks for"
            likely = "confd has not written its configuration anew since a node, a label or a BGPPeer changed"
        return Difference(
            kind=Kind.UNEXPECTED if session.is_calicos else Kind.DIFFERENT,
            object=session.neighbor or session.name,
            expected=expected,
            because=f"no node of the mesh and no BGPPeer for {self.node.name} has the address {session.neighbor}",
            found=session.told,
            look=self.seen.look,
            severity=Severity.WRONG if self.severity is Severity.BROKEN else self.severity,
            likely=likely,
            about=self._about(self.node.world.node_addresses.get(session.neighbor, ""), [session]),
        )


def _told(session: Session, peer: Peer) -> str:
    """A session's own words; its AS where that is the fault."""
    if session.number is None or peer.as_number is None or session.number == peer.as_number:
        return session.told
    return f"{session.told}, configured for AS {session.number} instead of {peer.as_number}"

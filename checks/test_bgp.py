"""BIRD and its sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.declare import check
from expect.bgp import Peer, bird_needed, mesh_enabled, mesh_peers
from expect.cluster_routes import bgp_address
from model import ip
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from checks.cases import NodeCase
    from model.node import Bird, BirdProtocol

_BIRD = frozenset({"bird"})


@check(faults=("F37",), needs=_BIRD)
def test_bird_answers(node: NodeCase) -> Verdict:
    """BIRD runs on every node on which it programs the routes of a pool: it answers on its control socket, and the
    protocols by which it learns and programs routes are up.

    While it is gone the node announces nothing, and the other nodes drop its routes when graceful restart is over
    (120 s).
    """
    needed = bird_needed(node.world, node.name)
    if needed is None:
        return Verdict(inapplicable=(Gap(node.name, "BIRD programs the routes of no pool on this node"),))
    if bgp_address(node.node, 4) is None:
        return Verdict(inapplicable=(Gap(node.name, "it has no BGP address"),))
    bird = node.facts.bird(4)
    if bird is None:
        return Verdict(unobserved=(Gap(node.name, f"BIRD could not be asked: {node.unread('bird') or 'no socket'}"),))
    if bird.running:
        return _protocols(node, bird, needed)
    difference = Difference(
        kind=Kind.MISSING,
        object="bird",
        expected="BIRD answers on its control socket",
        because=needed,
        found="nobody answers",
        look=node.on("birdcl -s /var/run/calico/bird.ctl show status"),
        likely="BIRD has died or calico-node is restarting: see the log of its calico-node pod",
        about=about(state="dead"),
    )
    return Verdict(1, (difference,))


def _protocols(node: NodeCase, bird: Bird, needed: str) -> Verdict:
    """kernel, device and direct (bird.cfg.template), and static where the node has blocks to announce."""
    wanted = {"Kernel": "it programs no route", "Device": "it sees no interface", "Direct": "it resolves no next hop"}
    own = [block.cidr for block in node.world.blocks_by_node.get(node.name, ()) if block.settled]
    if any(ip.family(cidr) == bird.family and not ip.is_host_prefix(cidr) for cidr in own):
        wanted["Static"] = "it announces none of the node's blocks"
    down = [item for item in bird.protocols if item.proto != "BGP" and item.state != "up"]
    missing = sorted(wanted.keys() - {item.proto for item in bird.protocols})
    told = [(item.name, item.proto, f"{item.name} is {item.state}", wanted.get(item.proto, "")) for item in down]
    told += [(name.lower(), name, f"no {name} protocol", wanted[name]) for name in missing]
    differences = tuple(
        Difference(
            kind=Kind.DIFFERENT,
            object=f"bird/{name}",
            expected="BIRD's kernel, device, direct and static protocols are up",
            because=f"{needed}; without it {effect}" if effect else needed,
            found=found,
            look=node.on("birdcl -s /var/run/calico/bird.ctl show protocols"),
            severity=Severity.BROKEN if effect else Severity.WRONG,
            likely="it was disabled by hand, or its configuration was not rendered whole",
            about=about(protocol=proto),
        )
        for name, proto, found, effect in told
    )
    return Verdict(examined=1 + len(wanted), differences=differences)


@check(faults=("F37", "F38"), needs=_BIRD)
def test_bgp_sessions_are_established(node: NodeCase) -> Verdict:
    """The node has an established BGP session to every other node of the mesh, and no session of its BIRD is down.

    The set comes from the nodes' BGP addresses and BGPConfiguration; a node's readiness asks for one session only
    (health.go:181-234).
    """
    if bird_needed(node.world, node.name) is None:
        return Verdict(inapplicable=(Gap(node.name, "BIRD programs the routes of no pool on this node"),))
    bird = node.facts.bird(4)
    if bird is None:
        return Verdict(unobserved=(Gap(node.name, f"BIRD could not be asked: {node.unread('bird') or 'no socket'}"),))
    if not bird.running:
        return Verdict(inapplicable=(Gap(node.name, "BIRD does not answer, which another check reports"),))
    peers = list(mesh_peers(node.world, node.name, 4))
    sessions = [item for item in bird.protocols if item.proto == "BGP"]
    if not peers and not sessions:
        reason = "it is the only node in BGP" if mesh_enabled(node.world) else "the node-to-node mesh is off"
        return Verdict(inapplicable=(Gap(node.name, reason),))
    differences = [item for peer in peers for item in _peer(node, bird, peer)]
    known = {peer.address for peer in peers}
    strange = [item for item in sessions if item.neighbor not in known and not _established(item)]
    differences += [_other(node, bird, item) for item in strange]
    return Verdict(examined=max(len(peers), len(sessions)), differences=tuple(differences))


def _established(session: BirdProtocol) -> bool:
    return session.state == "up" and session.info.split()[:1] == ["Established"]


def _peer(node: NodeCase, bird: Bird, peer: Peer) -> list[Difference]:
    sessions = [item for item in bird.protocols if item.proto == "BGP" and item.neighbor == peer.address]
    if any(_established(item) for item in sessions) or peer.node in node.world.flux.nodes:
        return []
    found = "; ".join(f"{item.name} {item.state} {item.info}".strip() for item in sessions) or "no session configured"
    difference = Difference(
        kind=Kind.DIFFERENT if sessions else Kind.MISSING,
        object=peer.address,
        expected=f"an established session to {peer.node} ({peer.address})",
        because=peer.because,
        found=found,
        look=node.on("birdcl -s /var/run/calico/bird.ctl show protocols all"),
        severity=Severity.BROKEN,
        likely=_likely(node, peer),
        about=_about(node, bird, sessions, peer.node),
    )
    return [difference]


def _about(node: NodeCase, bird: Bird, sessions: list[BirdProtocol], peer: str | None) -> tuple[str, ...]:
    """The other end, whether it reflects routes, and what sets this session apart; a disabled one is `down`."""
    other = node.world.nodes.get(peer or "")
    states = {
        "disabled": any(item.state == "down" for item in sessions),
        "alone": not any(_established(item) for item in bird.protocols if item.proto == "BGP"),
        "unobserved": other is not None and other.name not in node.cluster.observed,
        "external": other is None,
    }
    return about(
        node=peer,
        reflector=peer if other and other.route_reflector_id else None,
        state=[name for name, holds in states.items() if holds],
    )


def _likely(node: NodeCase, peer: Peer) -> str:
    if peer.node not in node.cluster.observed:
        return f"{peer.node} could not be observed either: it may be down"
    return f"BIRD on {peer.node} is down, TCP port 179 is blocked between the two, or the addresses are wrong"


def _other(node: NodeCase, bird: Bird, session: BirdProtocol) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=session.neighbor or session.name,
        expected="every session that BIRD is configured with is established",
        because=f"BIRD on {node.name} has {session.name}, which is not of the node-to-node mesh",
        found=f"{session.name} {session.state} {session.info}".strip(),
        look=node.on("birdcl -s /var/run/calico/bird.ctl show protocols all"),
        severity=Severity.WRONG,
        likely="a BGPPeer that is down, or a peer that is no longer there",
        about=_about(node, bird, [session], node.world.node_addresses.get(session.neighbor)),
    )

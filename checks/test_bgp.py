"""BIRD itself, and the BGPPeers that it is configured by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.bgp_view import daemon, show
from checks.declare import check
from expect.bgp import FAMILIES, bird_announces, bird_needed, expected_sessions
from expect.bgp_peers import faults
from expect.cluster_routes import bgp_address
from model import ip
from model.verdict import Difference, Gap, Kind, Severity, Verdict, about

if TYPE_CHECKING:
    from checks.cases import ClusterCase, NodeCase
    from model.cluster import Settings
    from model.node import Bird

_BIRD = frozenset({"bird"})
_SAYINGS = {4: "bird", 6: "bird6"}


@check(faults=("F37",), needs=_BIRD)
def test_bird_answers(node: NodeCase) -> Verdict:
    """BIRD runs on every node on which it programs the routes of a pool or announces to routers: it answers on its
    control socket, and the protocols by which it learns and programs routes are up.

    There is one BIRD for IPv4 and one for IPv6. While one is gone the node announces nothing of that family, and the
    other nodes drop its routes when graceful restart is over (120 s).
    """
    verdict = Verdict()
    for family in FAMILIES:
        needed = _needed(node, family)
        if needed:
            verdict += _of_family(node, family, needed)
    if verdict == Verdict():
        return Verdict(inapplicable=(Gap(node.name, "BIRD programs the routes of no pool on this node"),))
    return verdict


def _needed(node: NodeCase, family: int) -> str | None:
    pool = bird_needed(node.world, node.name, family)
    if pool or bgp_address(node.node, family) is None:
        return pool
    peers = expected_sessions(node.world, node.name, family)
    return bird_announces(node.world, node.name, family, peers)


def _of_family(node: NodeCase, family: int, needed: str) -> Verdict:
    if bgp_address(node.node, family) is None:
        return Verdict(inapplicable=(Gap(node.name, f"it has no BGP address of IPv{family}"),))
    bird = daemon(node, family)
    if bird is None:
        return Verdict(
            unobserved=(
                Gap(
                    node.name, f"BIRD could not be asked: {node.unread('bird') or 'nothing of its answer was recorded'}"
                ),
            )
        )
    if bird.running:
        return _protocols(node, bird, needed) if bird.family == family else Verdict(1)
    difference = Difference(
        kind=Kind.MISSING,
        object=_SAYINGS[family],
        expected="BIRD answers on its control socket",
        because=needed,
        found="nobody answers",
        look=show(node, bird, "show status"),
        likely="BIRD has died or calico-node is restarting: see the log of its calico-node pod",
        about=about(state="dead", family=str(family)),
    )
    return Verdict(1, (difference,))


def _protocols(node: NodeCase, bird: Bird, needed: str) -> Verdict:
    """kernel, device and direct (bird.cfg.template), and static where the node has blocks to announce."""
    wanted = {"Kernel": "it programs no route", "Device": "it sees no interface", "Direct": "it resolves no next hop"}
    own = [block.cidr for block in node.world.blocks_by_node.get(node.name, ()) if block.settled]
    own = [cidr for cidr in own if _claimed(node, cidr)]
    if any(ip.family(cidr) == bird.family and not ip.is_host_prefix(cidr) for cidr in own):
        wanted["Static"] = "it announces none of the node's blocks"
    down = [item for item in bird.protocols if item.proto != "BGP" and item.state != "up"]
    missing = sorted(wanted.keys() - {item.proto for item in bird.protocols})
    told = [(item.name, item.proto, f"{item.name} is {item.state}", wanted.get(item.proto, "")) for item in down]
    told += [(name.lower(), name, f"no {name} protocol", wanted[name]) for name in missing]
    differences = tuple(
        Difference(
            kind=Kind.DIFFERENT,
            object=f"{_SAYINGS[bird.family]}/{name}",
            expected="BIRD's kernel, device, direct and static protocols are up",
            because=f"{needed}; without it {effect}" if effect else needed,
            found=found,
            look=show(node, bird, "show protocols"),
            severity=Severity.BROKEN if effect else Severity.WRONG,
            likely="it was disabled by hand, or its configuration was not rendered whole",
            about=about(protocol=proto, family=str(bird.family)),
        )
        for name, proto, found, effect in told
    )
    return Verdict(examined=1 + len(wanted), differences=differences)


def _claimed(node: NodeCase, cidr: str) -> bool:
    """BIRD's static routes follow the BlockAffinity, whatever the IPAMBlock says (bird_aggr.cfg.template:5-17), or the
    node's podCIDRs."""
    claims = node.world.affinities.get(cidr, ())
    return node.world.host_local or any(item.node == node.name and item.state != "pending" for item in claims)


@check(faults=("F37",), severity=Severity.WRONG)
def test_every_bgp_peer_can_be_read(cluster: ClusterCase) -> Verdict:
    """Every BGPPeer says whom to peer with in a way that Calico reads: its selectors parse, its addresses are some, and
    the node that it names exists.

    One that cannot be read makes no session at all, and only the log of calico-node says so.
    """
    peers = cluster.world.cluster.peers
    unlisted = cluster.world.cluster.unlisted.get("bgppeers")
    if unlisted:
        return Verdict(unobserved=(Gap("bgppeers", unlisted),))
    if not peers:
        return Verdict(inapplicable=(Gap("bgppeers", "there is no BGPPeer"),))
    told = [(peer, field, reason) for peer in peers for field, reason in faults(peer)]
    differences = [_unread(peer, field, reason) for peer, field, reason in told]
    named = [(peer, str(peer.get("node"))) for peer in peers if peer.get("node") and not peer.get("nodeSelector")]
    differences += [_homeless(peer, name) for peer, name in named if name not in cluster.world.nodes]
    return Verdict(len(peers), tuple(differences))


def _unread(peer: Settings, field: str, reason: str) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{peer.name}/{field}",
        expected=f"a {field} that Calico can read, or none",
        because=f"BGPPeer {peer.name}: confd makes no session of a BGPPeer that it cannot read",
        found=f"{peer.get(field) or 'nothing'}: {reason}",
        look=_get(peer),
        severity=Severity.WRONG,
        likely="a slip of the pen: it was written past calicoctl and the API server, which would have refused it",
    )


def _homeless(peer: Settings, name: str) -> Difference:
    return Difference(
        kind=Kind.DIFFERENT,
        object=f"{peer.name}/node",
        expected=f"a node {name}",
        because=f"BGPPeer {peer.name} is for the node {name} alone",
        found="no node of that name",
        look=_get(peer),
        severity=Severity.HOUSEKEEPING,
        likely="the node was removed or renamed, and its BGPPeer was left behind",
    )


def _get(peer: Settings) -> str:
    return f"kubectl get bgppeer {peer.name} -o yaml"

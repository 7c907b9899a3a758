"""What is known of a node's BGP sessions: from its BIRD, else from its CalicoNodeStatus."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from model import ip
from model.verdict import Gap, Verdict

if TYPE_CHECKING:
    from checks.cases import NodeCase
    from expect.bgp_peers import Peer
    from model.cluster import NodeStatus
    from model.node import Bird

FRESH_SECONDS = 300.0  # of a CalicoNodeStatus; its own period is an administrator's choice, often 10 s
SOCKETS = {4: "/var/run/calico/bird.ctl", 6: "/var/run/calico/bird6.ctl"}
_PORT = re.compile(r"_port_(\d+)$")
_CALICO = re.compile(r"^(Mesh|Node|Global|Local_Workload)_")


class Session(msgspec.Struct, frozen=True):
    """One session as it is. `told` is how its source words it."""

    name: str  # "" where the source does not tell it
    neighbor: str
    established: bool
    told: str
    number: int | None = None  # the neighbour's AS
    disabled: bool = False  # on this side, by an administrator

    @property
    def is_calicos(self) -> bool:
        """Whether confd made it: by its name, or because CalicoNodeStatus shows no others."""
        return not self.name or _CALICO.match(self.name) is not None

    def serves(self, peer: Peer) -> bool:
        """Whether it is a session with that peer: to its address and, where its name says one, to its port."""
        port = _PORT.search(self.name)
        return self.neighbor == peer.address and (port is None or peer.port in (None, int(port[1])))


class View(msgspec.Struct, frozen=True):
    """All sessions of one family, and the command that shows them."""

    sessions: tuple[Session, ...]
    look: str


def daemon(node: NodeCase, family: int) -> Bird | None:
    """The BIRD that speaks a family: its own; else the one of IPv4, should that be a BIRD 2 with sessions of both."""
    own, four = node.facts.bird(family), node.facts.bird(4)
    if (own is None or not own.running) and four is not None and _of_bird(four, family):
        return four
    return own


def show(node: NodeCase, bird: Bird, words: str) -> str:
    """The command that asks a BIRD."""
    return node.on(f"birdcl -s {SOCKETS[bird.family]} {words}")


def view(node: NodeCase, family: int) -> View | Verdict:
    """The sessions, or why they are not known: a Verdict with that gap."""
    bird = daemon(node, family) if node.cluster.header.sees_bird else None
    if bird is not None and bird.running:
        return View(tuple(_of_bird(bird, family)), show(node, bird, "show protocols all"))
    if bird is not None:
        return Verdict(inapplicable=(Gap(node.name, "BIRD does not answer, which another check judges"),))
    status = next((status for status in node.world.cluster.node_statuses if status.node == node.name), None)
    if status is not None and is_fresh(status, node.cluster.header.taken):
        return View(tuple(_of_status(status, family)), f"kubectl get caliconodestatus {status.name} -o yaml")
    return _unknown(node, status)


def _unknown(node: NodeCase, status: NodeStatus | None) -> Verdict:
    stale = f"; CalicoNodeStatus {status.name} was last updated {status.last_updated or 'never'}" if status else ""
    remedy = "create a CalicoNodeStatus for the node: it shows the sessions without any access to the node"
    header = node.cluster.header
    if not header.sees_bird:
        reason = f"the way in ({header.reach or header.source}) cannot see BIRD's own view of its sessions"
        return Verdict(unasked=(Gap(node.name, reason + stale, remedy),))
    reason = f"BIRD could not be asked: {node.unread('bird') or 'nothing of its answer was recorded'}"
    return Verdict(unobserved=(Gap(node.name, reason + stale, remedy),))


def is_fresh(status: NodeStatus, taken: str) -> bool:
    """Whether calico-node wrote the status within minutes of the look."""
    written, looked = _time(status.last_updated), _time(taken)
    return written is not None and looked is not None and abs((looked - written).total_seconds()) <= FRESH_SECONDS


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _of_bird(bird: Bird, family: int) -> list[Session]:
    return [
        Session(
            name=item.name,
            neighbor=item.neighbor or "",
            established=item.state == "up" and item.info.split()[:1] == ["Established"],
            told=f"{item.name} {item.state} {item.info}".strip(),
            number=item.neighbor_as,
            disabled=item.state == "down",
        )
        for item in bird.protocols
        if item.proto == "BGP" and (ip.family(item.neighbor) if item.neighbor else bird.family) == family
    ]


def _of_status(status: NodeStatus, family: int) -> list[Session]:
    return [
        Session("", address, state == "Established", f"CalicoNodeStatus {status.name}: {kind} {state}".strip())
        for address, kind, state in status.peers
        if ip.family(address) == family
    ]

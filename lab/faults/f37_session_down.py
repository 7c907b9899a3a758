"""F37: the BGP session between two nodes is down, and with it the routes that each had from the other.

Disabled in the named node's BIRD; the other side is told of the shutdown, after which there is no graceful restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import bird
from lab.tools import wait_until
from model import ip

from .common import EFFECT_SECONDS, bird_routes, other_node

if TYPE_CHECKING:
    from lab.state import Lab
    from lab.topology import LabNode

NAME, KIND, DEFAULT = "F37", "node", "worker1"


def inject(lab: Lab, on: str) -> None:
    near, far = lab.state().topology.node(on), other_node(lab, on)
    bird.set_peer(lab, near.name, far.address, enabled=False)
    _await_loss(lab, near, far)
    _await_loss(lab, far, near)


def _await_loss(lab: Lab, node: LabNode, peer: LabNode) -> None:
    def lost() -> bool:
        return not any(
            route.endswith(f"via {peer.address}") for route in bird_routes(lab, node.name, ip.family(peer.address))
        )

    wait_until(f"{node.name} to lose the routes via {peer.name}", lost, EFFECT_SECONDS)


def undo(lab: Lab, on: str) -> None:
    """The other side would wait for 5 s and more after the shutdown it was told of: it starts afresh."""
    near, far = lab.state().topology.node(on), other_node(lab, on)
    bird.set_peer(lab, near.name, far.address, enabled=True)
    bird.restart_peer(lab, far.name, near.address)
    bird.wait_converged(lab)

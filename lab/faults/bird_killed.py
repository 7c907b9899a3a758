"""bird-killed: a node's BIRD was killed. Its peers keep its routes, stale, for 120 s (graceful restart)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import bird
from lab.bird_peers import peer_name
from lab.tools import wait_until

from .common import EFFECT_SECONDS

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "bird-killed", "node", "worker2"


def inject(lab: Lab, on: str) -> None:
    topology = lab.state().topology
    bird.kill(lab, on)
    name = peer_name(topology.node(on).address)
    others = [node.name for node in topology.nodes if node.name != on]
    wait_until(
        f"the sessions to {on} to go down",
        lambda: not any(bird.sessions(lab, other)[name] for other in others),
        EFFECT_SECONDS,
    )


def undo(lab: Lab, on: str) -> None:
    bird.forget(lab, on)
    bird.start(lab, lab.state(), on, [4])
    bird.wait_converged(lab)

"""uplink-down: a node's uplink is administratively down. Its routes go with it; sessions outlive a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import bird
from lab.network import node_routes

from .common import on_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "uplink-down", "node", "worker1"


def inject(lab: Lab, on: str) -> None:
    on_node(lab, on, f"link set {lab.state().topology.uplink} down")


def undo(lab: Lab, on: str) -> None:
    topology = lab.state().topology
    on_node(lab, on, f"link set {topology.uplink} up", *node_routes(topology, topology.node(on)))
    bird.wait_converged(lab)

"""F22: a node has a /32 to a pod interface for an address that no pod has. No Felix runs to mend it.

The address lies in the node's own block, so that BIRD, which learns the route, announces nothing new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.network import route_metric
from lab.tools import LabError

from .common import free_address, on_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F22", "node", "worker1"


def _route(lab: Lab, on: str) -> str:
    topology = lab.state().topology
    blocks = topology.blocks_of(on)
    links = [pod.host_interface for pod in topology.pods if pod.wired and pod.node == on]
    if not blocks or not links:
        raise LabError(f"F22 needs a node with a block and a pod, which {on} is not")
    metric = f" metric {route_metric(topology)}" if route_metric(topology) else ""
    return f"{free_address(lab, blocks[0].cidr)}/32 dev {links[0]} scope link{metric}"


def inject(lab: Lab, on: str) -> None:
    on_node(lab, on, f"route add {_route(lab, on)}")


def undo(lab: Lab, on: str) -> None:
    on_node(lab, on, f"route del {_route(lab, on)}")

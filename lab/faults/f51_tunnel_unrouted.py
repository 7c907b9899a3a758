"""F51: a node has borrowed its tunnel address, and another node has no route of its own to that address.

The block's route takes its place: answers to what the first node sends to pods go to the block's owner, which drops
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import felix
from lab.tools import LabError

from .common import on_node, other_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F51", "node", "host1"


def inject(lab: Lab, on: str) -> None:
    topology = lab.state().topology
    tunnel = topology.node(on).vxlan
    if tunnel is None or not topology.borrowed(tunnel, on):
        raise LabError(f"F51 needs a node whose tunnel address is borrowed, which that of {on} is not")
    on_node(lab, other_node(lab, on).name, f"route del {tunnel}")


def undo(lab: Lab, on: str) -> None:
    felix.sync(lab, [other_node(lab, on).name])

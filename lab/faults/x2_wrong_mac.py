"""X2: a node has a fixed neighbour entry with a wrong MAC address for another node: nothing arrives there.

The BGP session between the two ends when the hold time is over, which a short look does not see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import on_node, other_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "X2", "node", "worker1"
MAC = "02:00:00:00:00:99"


def _entry(lab: Lab, on: str) -> str:
    return f"{other_node(lab, on).address} dev {lab.state().topology.uplink}"


def inject(lab: Lab, on: str) -> None:
    on_node(lab, on, f"neigh replace {_entry(lab, on)} lladdr {MAC} nud permanent")


def undo(lab: Lab, on: str) -> None:
    on_node(lab, on, f"neigh del {_entry(lab, on)}")

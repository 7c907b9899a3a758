"""F43: a node's route to another node's block leads to a third node, as after the block moved.

Made in BIRD's configuration, which would correct a kernel route within 2 s; not announced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import block, mended, other_node, static_route

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F43", "block", "10.48.0.128/26"


def inject(lab: Lab, on: str) -> None:
    owner = block(lab, on).node
    struck = other_node(lab, owner).name
    static_route(lab, struck, f"{NAME} {on}", on, f"via {other_node(lab, owner, struck).address}")


def undo(lab: Lab, on: str) -> None:
    mended(lab, other_node(lab, block(lab, on).node).name, f"{NAME} {on}")

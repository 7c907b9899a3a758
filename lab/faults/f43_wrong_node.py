"""F43: a node's route to another node's block leads to a third node, as after the block moved.

Made in BIRD's configuration, which would correct a kernel route within 2 s; not announced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.tools import LabError

from .common import block, family_of, mended, other_node, static_route

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F43", "block", "10.48.0.128/26"


def inject(lab: Lab, on: str) -> None:
    owner = block(lab, on).node
    struck = other_node(lab, owner).name
    third = other_node(lab, owner, struck).uplink(family_of(on))
    if third is None:
        raise LabError("F43 needs a third node with an address of the block's family")
    static_route(lab, struck, f"{NAME} {on}", on, f"via {third.address}")


def undo(lab: Lab, on: str) -> None:
    mended(lab, other_node(lab, block(lab, on).node).name, f"{NAME} {on}")

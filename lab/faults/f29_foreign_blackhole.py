"""F29: a node has a blackhole for another node's block, in the place of the route to it.

Made in BIRD's configuration, as a stale affinity does; not announced, so that no other node sees two claimants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import block, mended, other_node, static_route

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F29", "block", "10.48.0.64/26"


def inject(lab: Lab, on: str) -> None:
    static_route(lab, other_node(lab, block(lab, on).node).name, f"{NAME} {on}", on, "blackhole")


def undo(lab: Lab, on: str) -> None:
    mended(lab, other_node(lab, block(lab, on).node).name, f"{NAME} {on}")

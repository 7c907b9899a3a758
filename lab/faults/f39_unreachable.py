"""F39: the route to another node's block is `unreachable`, as when BIRD cannot resolve the next hop.

Made in BIRD's configuration, which would correct a kernel route within 2 s; not announced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import block, mended, other_node, static_route

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F39", "block", "10.48.0.128/26"


def inject(lab: Lab, on: str) -> None:
    static_route(lab, other_node(lab, block(lab, on).node).name, f"{NAME} {on}", on, "unreachable")


def undo(lab: Lab, on: str) -> None:
    mended(lab, other_node(lab, block(lab, on).node).name, f"{NAME} {on}")

"""F28: a block's owner has no blackhole for it, so that packets to free addresses leave by the default route.

BIRD would put a deleted one back within 2 s: its kernel filter rejects the route, which it still announces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import bird
from lab.bird_config import Twist

from .common import await_route, block, mended

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F28", "block", "10.48.0.64/26"


def inject(lab: Lab, on: str) -> None:
    owner = block(lab, on).node
    bird.twist(lab, owner, f"{NAME} {on}", Twist(kernel=(f"if net = {on} then {{ reject; }}",)))
    await_route(lab, owner, f"blackhole {on}", there=False)


def undo(lab: Lab, on: str) -> None:
    mended(lab, block(lab, on).node, f"{NAME} {on}")

"""drop-unreachable: the owner of a block has `unreachable` for a blackhole: packets to free addresses are answered.

Made in BIRD's configuration, which would correct a kernel route within 2 s; the block is announced as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import bird
from lab.bird_config import Twist

from .common import await_route, block, mended

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "drop-unreachable", "block", "10.48.0.64/26"


def inject(lab: Lab, on: str) -> None:
    owner = block(lab, on).node
    bird.twist(lab, owner, f"{NAME} {on}", Twist(static=(f"{on} unreachable",), without=(on,)))
    await_route(lab, owner, f"unreachable {on}")


def undo(lab: Lab, on: str) -> None:
    mended(lab, block(lab, on).node, f"{NAME} {on}")

"""F28: a block's owner has no blackhole for it, so that packets to free addresses leave by the default route.

BIRD would put a deleted one back within 2 s: its kernel filter rejects the route, which it still announces. The lab's
Felix puts one back on request alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import bird, felix
from lab.bird_config import Twist
from lab.owners import felix_programs
from model import ip

from .common import await_route, block, family_of, mended, on_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F28", "block", "10.48.0.64/26"


def _felix(lab: Lab, on: str) -> bool:
    topology = lab.state().topology
    return any(ip.contains(pool.cidr, on) and felix_programs(topology, pool) for pool in topology.pools)


def inject(lab: Lab, on: str) -> None:
    owner = block(lab, on).node
    if _felix(lab, on):
        on_node(lab, owner, f"route del blackhole {on}")
        return
    twist = Twist(kernel=(f"if net = {on} then {{ reject; }}",), family=family_of(on))
    bird.twist(lab, owner, f"{NAME} {on}", twist)
    await_route(lab, owner, f"blackhole {on}", there=False)


def undo(lab: Lab, on: str) -> None:
    owner = block(lab, on).node
    if _felix(lab, on):
        felix.sync(lab, [owner])
    else:
        mended(lab, owner, f"{NAME} {on}")

"""F44: a node's route to a block has two next hops, its owner and a third node, as while two nodes claim the block.

Made in BIRD's configuration, which would correct a kernel route within 2 s; not announced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lab import bird, network
from lab.bird_config import Twist
from lab.tools import run, wait_until
from model import ip

from .common import EFFECT_SECONDS, far_end, mended, only_here, other_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F44", "block", "10.48.0.128/26"


def inject(lab: Lab, on: str) -> None:
    owner, struck = far_end(lab, on)
    topology, family = lab.state().topology, ip.family(on)
    third = other_node(lab, owner.name, struck.name)
    hops = [network.next_hop(topology, struck.name, node.name, family) for node in (owner, third)]
    metric = network.bgp_metric(topology) if family == 4 else 0
    kernel = (f"if ( net = {on} ) && ( source = RTS_STATIC ) then {{ krt_metric = {metric}; }}",) if metric else ()
    filters = Twist(kernel=kernel, export=(only_here(on),), family=family)
    bird.twist(lab, struck.name, f"{NAME} {on}", filters)
    static = f"{on} {' '.join(f'via {hop}' for hop in hops)}"
    bird.twist(lab, struck.name, f"{NAME} {on}", msgspec.structs.replace(filters, static=(static,)))
    show = ["ip", f"-{family}", "-n", lab.node(struck.name).netns, "route", "show", on]
    wait_until(f"two next hops to {on} on {struck.name}", lambda: run(show).count("via") == len(hops), EFFECT_SECONDS)


def undo(lab: Lab, on: str) -> None:
    mended(lab, far_end(lab, on)[1].name, f"{NAME} {on}")

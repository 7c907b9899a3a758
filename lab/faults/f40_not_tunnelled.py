"""F40: a route to a block of a tunnelled pool goes straight to the node, as it would without the tunnel device.

Felix would mend it within 90 s; the lab's runs on request alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import felix
from lab.felix_plan import PROTO
from model import ip

from .common import far_end, on_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F40", "block", "10.51.0.128/26"


def inject(lab: Lab, on: str) -> None:
    owner, struck = far_end(lab, on)
    target, dev = owner.uplink(ip.family(on)), lab.state().topology.uplink
    on_node(
        lab, struck.name, f"route replace {on} via {target.address if target else ''} dev {dev} proto {PROTO} onlink"
    )


def undo(lab: Lab, on: str) -> None:
    felix.sync(lab, [far_end(lab, on)[1].name])

"""F45: a route to a block of a tunnelled pool leads into the tunnel to a third node: its gateway was changed.

Felix would mend it within 90 s; the lab's runs on request alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import felix
from lab.felix_plan import DEVICES
from lab.tools import LabError
from model import ip

from .common import far_end, on_node, other_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F45", "block", "10.51.0.128/26"


def inject(lab: Lab, on: str) -> None:
    owner, struck = far_end(lab, on)
    third, family = other_node(lab, owner.name, struck.name), ip.family(on)
    tunnel = third.vxlan if family == 4 else third.vxlan6
    if tunnel is None:
        raise LabError(f"F45 needs a third node with a tunnel address, which {third.name} has not")
    metric = " metric 1024" if family == 6 else ""
    on_node(lab, struck.name, f"route replace {on} via {tunnel} dev {DEVICES[family]} proto boot onlink{metric}")


def undo(lab: Lab, on: str) -> None:
    felix.sync(lab, [far_end(lab, on)[1].name])

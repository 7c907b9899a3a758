"""F48: a node has no VXLAN tunnel address, so that the others have no VTEP to send to, and no routes to its blocks.

The Node object lost it; the allocation and the device's own address are still there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import annotate

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F48", "node", "worker2"


def inject(lab: Lab, on: str) -> None:
    annotate(lab, on, "IPv4VXLANTunnelAddr", None)


def undo(lab: Lab, on: str) -> None:
    annotate(lab, on, "IPv4VXLANTunnelAddr", lab.state().topology.node(on).vxlan)

"""F49-missing: a node's VXLAN device has no forwarding entry for another node: packets to it go nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import felix
from lab.felix import bridge_batch, forwarding
from lab.felix_plan import DEVICES, tunnel_mac

from .common import other_node, tunnel_device

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F49-missing", "node", "worker1"


def inject(lab: Lab, on: str) -> None:
    device, netns = tunnel_device(lab, on), lab.node(on).netns
    family = next(family for family, name in DEVICES.items() if name == device)
    mac = tunnel_mac(other_node(lab, on).name, family)
    lines = [f"fdb del {mac} dev {device} dst {dst} self" for each, dst in forwarding(netns, device) if each == mac]
    bridge_batch(lines, netns)


def undo(lab: Lab, on: str) -> None:
    felix.sync(lab, [on])

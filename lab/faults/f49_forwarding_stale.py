"""F49: a node's VXLAN device sends what is for another node to an address that no node has any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import felix
from lab.felix import bridge_batch, forwarding
from lab.felix_plan import DEVICES, tunnel_mac

from .common import nobody, other_node, tunnel_device

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F49", "node", "worker1"


def inject(lab: Lab, on: str) -> None:
    device, netns = tunnel_device(lab, on), lab.node(on).netns
    family = next(family for family, name in DEVICES.items() if name == device)
    mac = tunnel_mac(other_node(lab, on).name, family)
    lines = [f"fdb del {mac} dev {device} dst {dst} self" for each, dst in forwarding(netns, device) if each == mac]
    lines.append(f"fdb add {mac} dev {device} dst {nobody(lab.state().topology, on, family)} self permanent")
    bridge_batch(lines, netns)


def undo(lab: Lab, on: str) -> None:
    felix.sync(lab, [on])

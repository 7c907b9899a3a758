"""F41: a node's VXLAN device is down, and the routes by it are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import felix

from .common import on_node, tunnel_device

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "F41", "node", "worker1"


def inject(lab: Lab, on: str) -> None:
    on_node(lab, on, f"link set {tunnel_device(lab, on)} down")


def undo(lab: Lab, on: str) -> None:
    felix.sync(lab, [on])

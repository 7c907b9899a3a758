"""X3: a node has a fixed neighbour entry with a wrong MAC address for one of its pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .common import home, on_node

if TYPE_CHECKING:
    from lab.state import Lab

NAME, KIND, DEFAULT = "X3", "pod", "yaobank/customer-5df6b999fb-cf7jl"
MAC = "02:00:00:00:00:99"


def _entry(lab: Lab, on: str) -> str:
    pod = lab.pod(on)
    return f"{pod.addresses[0]} dev {pod.host_interface}"


def inject(lab: Lab, on: str) -> None:
    on_node(lab, home(lab.pod(on)), f"neigh replace {_entry(lab, on)} lladdr {MAC} nud permanent")


def undo(lab: Lab, on: str) -> None:
    on_node(lab, home(lab.pod(on)), f"neigh del {_entry(lab, on)}")
